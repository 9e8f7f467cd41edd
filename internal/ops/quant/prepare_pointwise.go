package quant

import (
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// byteRange is where bytes of a type are stored.
type byteRange struct{ zero, lo, hi float64 }

func rangeOf(dt tensor.DType, zero int32) byteRange {
	lo, hi := limits(dt)
	return byteRange{float64(zero), lo, hi}
}

// byte is target.set as a function.
func (r *byteRange) byte(v float64) byte {
	v = math.RoundToEven(v) + r.zero
	switch {
	case v >= r.hi:
		v = r.hi
	case v >= r.lo:
	default:
		v = r.lo
	}
	return byte(int32(v))
}

// affineSlots are the slots of scale and zero point of a quantised tensor.
type affineSlots struct {
	scale, zero op.Slot
	dt          tensor.DType
}

// at reads them in a run.
func (s *affineSlots) at(f *op.Frame) affine {
	return affine{f.F32(s.scale)[0], int64(byteAt(f, s.zero, s.dt == tensor.Int8))}
}

// affineIn describes inputs scale and scale+1 as parameters of a tensor of type dt; false if they don't fit.
func affineIn(b op.Bind, scale int, dt tensor.DType) (affineSlots, bool) {
	ok := isByte(dt) && b.Has(scale) && sized(b, scale, 1, true, tensor.Float32) && sized(b, scale+1, 1, true, dt)
	if !ok {
		return affineSlots{}, false
	}
	return affineSlots{b.In(scale), b.In(scale + 1), dt}, true
}

// affineConst returns the parameters if they are constant.
func affineConst(b op.Bind, scale int) (affine, bool) {
	if !known(b, scale) || !known(b, scale+1) {
		return affine{}, false
	}
	a := affine{scale: constFloats(b, scale)[0]}
	if z := constOf(b, scale+1); z != nil {
		a.zero = z.IntAt(0)
	}
	return a, true
}

// signedByte is b as a number of type dt.
func signedByte(b byte, dt tensor.DType) int64 {
	if dt == tensor.Int8 {
		return int64(int8(b))
	}
	return int64(b)
}

// byteTable is a function of one byte.
type byteTable [256]byte

func (t *byteTable) apply(dst, src []byte) {
	dst = dst[:len(src)]
	for i, v := range src {
		dst[i] = t[v]
	}
}

// unaryStep looks bytes up in a table.
type unaryStep struct {
	f       func(x float32) float32
	x, y    op.Slot
	in, out affineSlots
	table   *byteTable // nil if the parameters are not constant
	memory  op.Slot    // for the table of a run
}

// fill computes the table.
func (s *unaryStep) fill(t *byteTable, xa, ya affine) {
	r := rangeOf(s.out.dt, int32(ya.zero))
	for i := range t {
		t[i] = r.byte(float64(s.f(xa.real(signedByte(byte(i), s.in.dt))) / ya.scale))
	}
}

// Run implements op.Step.
func (s *unaryStep) Run(f *op.Frame) error {
	t := s.table
	if t == nil {
		t = (*byteTable)(f.U8(s.memory))
		s.fill(t, s.in.at(f), s.out.at(f))
	}
	t.apply(f.Bytes(s.y), f.Bytes(s.x))
	return nil
}

// Prepare runs bytes by a table.
func (o *qUnary) Prepare(b op.Bind) (op.Step, error) {
	dt := b.Type(0)
	s := &unaryStep{f: o.f, x: b.In(0), y: b.Out(0), memory: op.NoSlot}
	var ok, ok2 bool
	s.in, ok = affineIn(b, 1, dt)
	s.out, ok2 = affineIn(b, 3, dt)
	if !ok || !ok2 {
		return nil, nil
	}
	xa, ok := affineConst(b, 1)
	ya, ok2 := affineConst(b, 3)
	if ok && ok2 {
		s.table = new(byteTable)
		s.fill(s.table, xa, ya)
	} else {
		s.memory = b.Scratch(256)
	}
	return s, nil
}

// pairTable is how many elements pay for a table of all pairs of bytes.
const pairTable = 2048

// maxAxes bounds the axes of a prepared broadcast.
const maxAxes = 6

// binaryStep combines two quantised tensors that broadcast: runs along the last
// axis, an odometer over the others.
type binaryStep struct {
	f          func(a, b float64) float64
	a, b, y    op.Slot
	pa, pb, py affineSlots
	table      []byte // of all pairs, or nil
	n          int    // length of a run
	sa, sb     int    // strides along a run
	axes       int
	dims       [maxAxes]int
	ia, ib     [maxAxes]int // strides of the outer axes
}

// layOut sets the runs of a broadcast to dims; false if it has too many axes.
func (s *binaryStep) layOut(dims, as, bs []int) bool {
	if tensor.SameShape(as, bs) {
		dims, as, bs = []int{op.Prod(dims)}, []int{op.Prod(dims)}, []int{op.Prod(dims)}
	}
	if len(dims) == 0 || len(dims) > maxAxes {
		return false
	}
	ta, tb := op.BroadcastStrides(as, dims), op.BroadcastStrides(bs, dims)
	last := len(dims) - 1
	s.n, s.sa, s.sb, s.axes = dims[last], ta[last], tb[last], last
	copy(s.dims[:], dims[:last])
	copy(s.ia[:], ta[:last])
	copy(s.ib[:], tb[:last])
	return true
}

// Run implements op.Step.
func (s *binaryStep) Run(f *op.Frame) error {
	a, b, y := f.Bytes(s.a), f.Bytes(s.b), f.Bytes(s.y)
	xa, xb, ya := s.pa.at(f), s.pb.at(f), s.py.at(f)
	var idx [maxAxes]int
	i, j := 0, 0
	for k := 0; k < len(y); k += s.n {
		if s.table != nil {
			s.look(y[k:k+s.n], a[i:], b[j:])
		} else {
			s.compute(y[k:k+s.n], a[i:], b[j:], xa, xb, ya)
		}
		for x := s.axes - 1; x >= 0; x-- {
			idx[x]++
			i += s.ia[x]
			j += s.ib[x]
			if idx[x] < s.dims[x] {
				break
			}
			idx[x] = 0
			i -= s.ia[x] * s.dims[x]
			j -= s.ib[x] * s.dims[x]
		}
	}
	return nil
}

func (s *binaryStep) look(y, a, b []byte) {
	t := (*[1 << 16]byte)(s.table)
	if s.sa == 1 && s.sb == 1 {
		a, b = a[:len(y)], b[:len(y)]
		for k := range y {
			y[k] = t[int(a[k])<<8|int(b[k])]
		}
		return
	}
	for k := range y {
		y[k] = t[int(a[k*s.sa])<<8|int(b[k*s.sb])]
	}
}

func (s *binaryStep) compute(y, a, b []byte, xa, xb, ya affine) {
	r := rangeOf(s.py.dt, int32(ya.zero))
	for k := range y {
		y[k] = s.pair(&r, a[k*s.sa], b[k*s.sb], xa, xb, ya)
	}
}

// pair is the result for two bytes.
func (s *binaryStep) pair(r *byteRange, a, b byte, xa, xb, ya affine) byte {
	x := float64(signedByte(a, s.pa.dt)-xa.zero) * float64(xa.scale)
	y := float64(signedByte(b, s.pb.dt)-xb.zero) * float64(xb.scale)
	return r.byte(s.f(x, y) / float64(ya.scale))
}

// Prepare runs bytes, by a table of all pairs if that pays.
func (o *qBinary) Prepare(b op.Bind) (op.Step, error) {
	dt := b.Type(0)
	s := &binaryStep{f: o.f, a: b.In(0), b: b.In(3), y: b.Out(0)}
	var ok [3]bool
	s.pa, ok[0] = affineIn(b, 1, dt)
	s.pb, ok[1] = affineIn(b, 4, dt)
	s.py, ok[2] = affineIn(b, 6, dt)
	n := op.Prod(b.OutShape(0))
	if ok != [3]bool{true, true, true} || b.Type(3) != dt || n == 0 || !s.layOut(b.OutShape(0), b.Shape(0), b.Shape(3)) {
		return nil, nil
	}
	xa, ok0 := affineConst(b, 1)
	xb, ok1 := affineConst(b, 4)
	ya, ok2 := affineConst(b, 6)
	if ok0 && ok1 && ok2 && n >= pairTable {
		s.table = make([]byte, 1<<16)
		r := rangeOf(dt, int32(ya.zero))
		for i := range s.table {
			s.table[i] = s.pair(&r, byte(i>>8), byte(i), xa, xb, ya)
		}
	}
	return s, nil
}
