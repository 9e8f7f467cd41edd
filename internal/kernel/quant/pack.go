package quant

import (
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
)

// Packed is a constant B in the order in which kernels read it.
type Packed struct {
	K, N   int
	Wide   bool
	ColSum []int32 // sums of the columns, with zero points taken off
	layout *layout
	data   []uint8
}

// PackB packs a K by N matrix given by its elements without their zero points, which are from -255 to 255.
func PackB(k, n int, at func(i, j int) int32) *Packed {
	p := &Packed{K: k, N: n, ColSum: make([]int32, n)}
	for i := range k {
		for j := range n {
			v := at(i, j)
			p.ColSum[j] += v
			p.Wide = p.Wide || v != int32(int8(v))
		}
	}
	f := formUS
	if p.Wide {
		f = formPair
	}
	p.layout = layoutFor(isa.Best(), f)
	l := p.layout
	kd, w := l.groups(k), l.main().width
	p.data = aligned(4 * kd * (n/w*w + l.tile(n%w).width))
	for j := range n {
		j0 := j / w * w
		width := l.tile(min(w, n-j0)).width
		panel := p.data[4*kd*j0:]
		for i := range k {
			v, c := at(i, j), i/l.group*width+j-j0
			if l.form == formPair {
				putInt16(panel[4*c+i%2*2:], int16(v))
			} else {
				panel[4*c+i%4] = uint8(v)
			}
		}
	}
	return p
}

func putInt16(b []uint8, v int16) { *(*[2]uint8)(b) = *(*[2]uint8)(unsafe.Pointer(&v)) }

// aligned is n bytes from a multiple of 64 on.
func aligned(n int) []uint8 {
	b := make([]uint8, n+64)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63)
	return b[skip : skip+n : skip+n]
}

// Size is how many bytes p occupies.
func (p *Packed) Size() int { return len(p.data) + 4*len(p.ColSum) }

// Init stores what must be added to the sums: bias (nil is zeros) minus the zero point of A times the sums of B's columns.
// dst has Padded(N) elements.
func (p *Packed) Init(dst []int32, bias []int32, zeroA int32, signedA bool) {
	zeroA = p.zeroOf(zeroA, signedA)
	clear(dst[p.N:])
	dst = dst[:p.N]
	switch {
	case bias != nil:
		bias = bias[:p.N]
		for j, s := range p.ColSum {
			dst[j] = bias[j] - zeroA*s
		}
	default:
		for j, s := range p.ColSum {
			dst[j] = -zeroA * s
		}
	}
}

// zeroOf is the zero point of A as kernels of the layout see A.
func (p *Packed) zeroOf(zeroA int32, signedA bool) int32 {
	switch {
	case p.layout.form == formPair: // taken off while widening
		return 0
	case signedA:
		return zeroA + 128
	}
	return zeroA
}

// PackRows brings the M rows of a constant A, given by elements without their zero points, into the form in which products with a source
// read it: pitch bytes a row. wide says that elements need more than 8 signed bits.
func PackRows(m, k int, at func(i, j int) int32) (rows []uint8, pitch int, wide bool) {
	for i := range m {
		for j := range k {
			v := at(i, j)
			wide = wide || v != int32(int8(v))
		}
	}
	f := formSU
	if wide {
		f = formPair
	}
	l := layoutFor(isa.Best(), f)
	pitch = 4 * l.groups(k)
	rows = aligned(m * pitch)
	for i := range m {
		for j := range k {
			if l.form == formPair {
				putInt16(rows[i*pitch+2*j:], int16(at(i, j)))
			} else {
				rows[i*pitch+j] = uint8(at(i, j))
			}
		}
	}
	return rows, pitch, wide
}

// packArgs is the argument block of the packing kernels; the generator knows the offsets.
type packArgs struct {
	src   unsafe.Pointer
	offs  *int
	count int // groups of rows
	dst   unsafe.Pointer
	pitch int // bytes from group to group
	mask  uint64
	flip  uint32
	zero  int32
}

// packer packs columns of rows that lie at offsets.
type packer struct {
	offs []int // of rows, a whole number of groups
	flip bool  // exchange the sign bits
	zero int32 // for int16: of the bytes after that
}

// panel packs cols columns that begin at src.
func (k *packer) panel(dst []uint8, l *layout, src []uint8, cols, width int) {
	p := packArgs{offs: unsafe.SliceData(k.offs), count: len(k.offs) / l.group, pitch: 4 * width, zero: k.zero}
	if k.flip {
		p.flip = 0x80
	}
	if p.count == 0 {
		return
	}
	for j := 0; j < cols; j += 16 {
		n := min(16, cols-j)
		p.mask = 1<<uint(n) - 1
		p.src, p.dst = unsafe.Pointer(&src[j]), unsafe.Pointer(&dst[4*j])
		if !packFast(&p, l.group) {
			k.generic(dst[4*j:], l.group, src[j:], n, 4*width)
		}
	}
}

// generic packs n columns in Go.
func (k *packer) generic(dst []uint8, group int, src []uint8, n, pitch int) {
	flip := uint8(0)
	if k.flip {
		flip = 0x80
	}
	for i, off := range k.offs {
		d := dst[i/group*pitch:]
		for j, v := range src[off : off+n] {
			if v ^= flip; group == 4 {
				d[4*j+i%4] = v
			} else {
				putInt16(d[4*j+i%2*2:], int16(v)-int16(k.zero))
			}
		}
	}
}

// Matrices is a Source: a batch of row-major K by N matrices of bytes, for wide products.
type Matrices struct {
	Data   []uint8
	Starts []int // of each product
	layout *layout
	packer
}

// NewMatrices prepares the source; Data is set for a run on a copy.
func NewMatrices(k, n int, starts []int) *Matrices {
	l := layoutFor(isa.Best(), formPair)
	m := &Matrices{Starts: starts, layout: l}
	for i := range l.groups(k) * l.group {
		m.offs = append(m.offs, min(i, k-1)*n)
	}
	return m
}

// With sets m to the source for a run.
func (m *Matrices) With(from *Matrices, data []uint8, signed bool, zero int32) {
	*m = *from
	m.Data = data
	m.flip, m.zero = signed, zero
	if signed {
		m.zero += 128
	}
}

func (m *Matrices) panel(dst []uint8, batch, j0, cols, width int) {
	m.packer.panel(dst, m.layout, m.Data[m.Starts[batch]+j0:], cols, width)
}
