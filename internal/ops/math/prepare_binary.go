package math

import (
	"math"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// pairKernel is a binary operator over runs of float32: two vectors, a vector
// and a number on either side. dst may be an operand.
type pairKernel struct {
	vv func(dst, a, b []float32)
	vs func(dst, a []float32, s float32) // a op s
	sv func(dst, a []float32, s float32) // s op a
}

// pairKernels are the vector forms by operator.
var pairKernels = map[string]*pairKernel{
	"Add": {vec.Add, vec.AddScalar, vec.AddScalar},
	"Sub": {vec.Sub, vec.SubScalar, vec.SubFrom},
	"Mul": {vec.Mul, vec.Scale, vec.Scale},
	"Div": {vec.Div, vec.DivScalar, vec.DivInto},
	"Sum": {vec.Add, vec.AddScalar, vec.AddScalar},
	"Max": {vec.Max, nil, nil},
	"Min": {vec.Min, nil, nil},
}

// loopPair is the plain loop over f.
func loopPair(f func(a, b float64) float64) *pairKernel {
	return &pairKernel{
		vv: func(dst, a, b []float32) {
			b, dst = b[:len(a)], dst[:len(a)]
			for i, x := range a {
				dst[i] = float32(f(float64(x), float64(b[i])))
			}
		},
		vs: func(dst, a []float32, s float32) {
			dst = dst[:len(a)]
			for i, x := range a {
				dst[i] = float32(f(float64(x), float64(s)))
			}
		},
		sv: func(dst, a []float32, s float32) {
			dst = dst[:len(a)]
			for i, x := range a {
				dst[i] = float32(f(float64(s), float64(x)))
			}
		},
	}
}

// powKernel squares, takes roots and cubes without math.Pow where the exponent
// is one of the numbers that exporters write.
func powKernel() *pairKernel {
	k := loopPair(math.Pow)
	slow := k.vs
	k.vs = func(dst, a []float32, s float32) {
		switch s {
		case 2:
			vec.Mul(dst, a, a)
		case 0.5:
			vec.Sqrt(dst, a)
		default:
			slow(dst, a, s)
		}
	}
	return k
}

// maxAxes bounds the axes of a prepared broadcast, after neighbours are joined.
const maxAxes = 6

// pairStep runs a pairKernel over operands that broadcast: runs along the last
// axis, an odometer over the others.
type pairStep struct {
	k       *pairKernel
	a, b, y op.Slot
	n       int // length of a run
	sa, sb  int // 1: the operand is a vector along a run, 0: a number
	axes    int
	dims    [maxAxes]int
	ia, ib  [maxAxes]int // strides of the outer axes
}

// newPair lays out the broadcast of as and bs to dims; false if it has too many
// axes or strides that kernels don't take.
func newPair(k *pairKernel, dims, as, bs []int) (*pairStep, bool) {
	s := &pairStep{k: k, n: 1}
	d, st := coalesce(dims, [][]int{op.BroadcastStrides(as, dims), op.BroadcastStrides(bs, dims)})
	s.axes = len(d) - 1
	if s.axes > maxAxes {
		return nil, false
	}
	if len(d) == 0 {
		s.axes, s.sa, s.sb = 0, 1, 1
		return s, true
	}
	last := len(d) - 1
	s.n, s.sa, s.sb = d[last], st[0][last], st[1][last]
	copy(s.dims[:], d[:last])
	copy(s.ia[:], st[0][:last])
	copy(s.ib[:], st[1][:last])
	return s, s.sa <= 1 && s.sb <= 1 && s.sa+s.sb > 0 && (s.sa == 1 || k.sv != nil) && (s.sb == 1 || k.vs != nil)
}

// Run implements op.Step.
func (s *pairStep) Run(f *op.Frame) error {
	a, b, y := f.F32(s.a), f.F32(s.b), f.F32(s.y)
	var idx [maxAxes]int
	i, j := 0, 0
	for k := 0; k < len(y); k += s.n {
		dst := y[k : k+s.n]
		switch {
		case s.sa == 1 && s.sb == 1:
			s.k.vv(dst, a[i:i+s.n], b[j:j+s.n])
		case s.sa == 1:
			s.k.vs(dst, a[i:i+s.n], b[j])
		default:
			s.k.sv(dst, b[j:j+s.n], a[i])
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

// preparePair prepares inputs 0 and 1 of a node.
func preparePair(b op.Bind, k *pairKernel, dims, bs []int) (op.Step, error) {
	s, ok := newPair(k, dims, b.Shape(0), bs)
	if !ok || op.Prod(dims) == 0 {
		return nil, nil
	}
	s.a, s.b, s.y = b.In(0), b.In(1), b.Out(0)
	return s, nil
}

// Prepare runs float32 by vector kernels, or by a plain loop where there is none.
func (o *arith) Prepare(b op.Bind) (op.Step, error) {
	dims, bs, err := o.shapes(b.Shape(0), b.Shape(1))
	if err != nil {
		return nil, err
	}
	if b.Type(0) != tensor.Float32 || b.Type(1) != tensor.Float32 || o.f == nil {
		return o.prepareClass(b, o.name, dims, bs)
	}
	k := o.k
	if k == nil {
		k = loopPair(o.f)
	}
	return preparePair(b, k, dims, bs)
}

// Prepare runs two float32 operands by vector kernels.
func (o *variadic) Prepare(b op.Bind) (op.Step, error) {
	if b.NIn() != 2 || b.Type(0) != tensor.Float32 || o.mean {
		return o.prepareFold(b)
	}
	k := o.k
	if k.vs == nil {
		k = &pairKernel{k.vv, loopPair(o.f).vs, loopPair(o.f).sv}
	}
	return preparePair(b, k, b.OutShape(0), b.Shape(1))
}

// Prepare runs float32 bases and exponents.
func (o *pow) Prepare(b op.Bind) (op.Step, error) {
	dims, bs, err := o.shapes(b.Shape(0), b.Shape(1))
	if err != nil {
		return nil, err
	}
	if b.Type(0) != tensor.Float32 || b.Type(1) != tensor.Float32 {
		return o.prepareTypes(b, dims, bs)
	}
	return preparePair(b, powPair, dims, bs)
}

var powPair = powKernel()
