package gemm

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
)

// Packed is a constant B brought into the order in which the kernels read it.
type Packed struct {
	K, N   int
	layout *layout
	data   []float32
}

// PackedSize is how many floats PackB needs for a K by N matrix, for the best instruction set.
func PackedSize(k, n int) int { return layoutFor(isa.Best()).packedSize(k, n) }

// PackB packs the K by N matrix b (N by K in memory with transB) into dst, which has PackedSize(k, n) elements
// and begins best at a multiple of 64 bytes; nil allocates. The result refers to dst.
func PackB(dst, b []float32, ldb, k, n int, transB bool) *Packed {
	l := layoutFor(isa.Best())
	size := l.packedSize(k, n)
	if dst == nil {
		dst = make([]float32, size)
	}
	if len(dst) < size {
		panic(fmt.Sprintf("gemm: %d elements for a packed matrix of %d", len(dst), size))
	}
	p := &Packed{K: k, N: n, layout: l, data: dst[:size]}
	if k == 0 {
		return p
	}
	w := l.main().width
	for j0 := 0; j0 < n; j0 += w {
		cols := min(w, n-j0)
		width := l.tile(cols).width
		panel := p.data[j0*k:][:k*width]
		if !transB {
			packRows(panel, b[j0:], ldb, k, cols, width)
			continue
		}
		if cols < width {
			clear(panel)
		}
		transpose(panel, width, b[j0*ldb:], ldb, cols, k)
	}
	return p
}

// packRows copies k rows of cols elements to rows of width elements, clearing the rest of each.
func packRows(dst, src []float32, ld, k, cols, width int) {
	if cols == width && width%16 == 0 {
		for i := range k {
			d, s := dst[i*width:][:width], src[i*ld:][:width]
			for len(d) >= 16 && len(s) >= 16 {
				*(*[16]float32)(d) = *(*[16]float32)(s)
				d, s = d[16:], s[16:]
			}
		}
		return
	}
	for i := range k {
		d := dst[i*width:][:width]
		copy(d, src[i*ld:][:cols])
		clear(d[cols:])
	}
}

// transposeArgs is the argument block of the transposing kernel: 8 rows of src become 8 columns of dst. Pitches are in bytes.
type transposeArgs struct {
	src      *float32
	srcPitch int
	dst      *float32
	dstPitch int
	blocks   int // of 8 columns of src; at least 1
}

// transpose stores src, rows by cols elements with pitch ld, as cols rows of rows elements with the given pitch.
func transpose(dst []float32, pitch int, src []float32, ld, rows, cols int) {
	r, c := 0, 0
	if rows >= 8 && cols >= 8 && canTranspose8() {
		c = cols &^ 7
		_ = src[(rows-1)*ld+cols-1]
		_ = dst[(cols-1)*pitch+rows-1]
		p := transposeArgs{srcPitch: ld * 4, dstPitch: pitch * 4}
		const strip = 64 // columns of src at a time, so that the lines of dst stay in the cache
		for c0 := 0; c0 < c; c0 += strip {
			p.blocks = min(strip, c-c0) / 8
			for r = 0; r+8 <= rows; r += 8 {
				p.src, p.dst = &src[r*ld+c0], &dst[c0*pitch+r]
				transpose8(&p)
			}
		}
	}
	// What is left: the columns beyond c of the first r rows, and the rows from r on.
	if r > 0 && c < cols {
		transposeGeneric(dst[c*pitch:], pitch, src[c:], ld, r, cols-c)
	}
	if r < rows {
		transposeGeneric(dst[r:], pitch, src[r*ld:], ld, rows-r, cols)
	}
}

// transposeGeneric is transpose in Go.
func transposeGeneric(dst []float32, pitch int, src []float32, ld, rows, cols int) {
	const block = 16 // columns at a time, so that the lines of dst stay in the cache
	for c0 := 0; c0 < cols; c0 += block {
		n := min(block, cols-c0)
		r := 0
		for ; r+4 <= rows; r += 4 {
			s0, s1, s2, s3 := src[r*ld+c0:][:n], src[(r+1)*ld+c0:][:n], src[(r+2)*ld+c0:][:n], src[(r+3)*ld+c0:][:n]
			at := c0*pitch + r
			for i := range n {
				d := dst[at : at+4 : at+4]
				d[0], d[1], d[2], d[3] = s0[i], s1[i], s2[i], s3[i]
				at += pitch
			}
		}
		for ; r < rows; r++ {
			s := src[r*ld+c0:][:n]
			for i, v := range s {
				dst[(c0+i)*pitch+r] = v
			}
		}
	}
}
