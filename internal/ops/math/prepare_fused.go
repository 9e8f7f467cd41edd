package math

import (
	"math"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// swish32 is x*sigmoid(alpha*x): Silu of alpha*x over alpha; nil for factors
// whose products or reciprocal float32 can't hold.
func swish32(alpha float64) floatKernel {
	if x := math.Abs(alpha); alpha != 0 && !(x > 1e-12 && x < 1e12) {
		return nil
	}
	switch alpha {
	case 0:
		return func(dst, a []float32) { vec.Scale(dst, a, 0.5) }
	case 1:
		return vec.Silu
	}
	return func(dst, a []float32) {
		vec.Scale(dst, a, float32(alpha))
		vec.Silu(dst, dst)
		vec.Scale(dst, dst, float32(1/alpha))
	}
}

// rowKernel computes rows of n elements from up to two tensors of rows and a
// vector. dst may be a or b.
type rowKernel func(dst, a, b, v []float32)

// rowsStep runs a rowKernel over all rows.
type rowsStep struct {
	k          rowKernel
	n          int // elements in a row of y
	in         int // elements in a row of a and b
	a, b, v, y op.Slot
}

// rowsJob cuts a rowsStep into chunks.
type rowsJob struct {
	s             *rowsStep
	rows          int // in a chunk
	y, a, b, bias []float32
}

var rowsJobs = sync.Pool{New: func() any { return new(rowsJob) }}

// rowsGrain is how many elements are worth a chunk of their own.
const rowsGrain = 1 << 13

// Run implements op.Step.
func (s *rowsStep) Run(f *op.Frame) error {
	j := rowsJobs.Get().(*rowsJob)
	*j = rowsJob{s, max(1, rowsGrain/s.n), f.F32(s.y), f.F32(s.a), f.F32(s.b), f.F32(s.v)}
	rows := len(j.y) / s.n
	f.Team.Run((rows+j.rows-1)/j.rows, j)
	*j = rowsJob{}
	rowsJobs.Put(j)
	return nil
}

// Do implements parallel.Task.
func (j *rowsJob) Do(_, i int) {
	n, in := j.s.n, j.s.in
	for r := i * j.rows; r < min((i+1)*j.rows, len(j.y)/n); r++ {
		var b []float32
		if j.b != nil {
			b = j.b[r*in:][:in]
		}
		j.s.k(j.y[r*n:][:n], j.a[r*in:][:in], b, j.bias)
	}
}

// lastOf returns the length of the last axis, 0 for a scalar.
func lastOf(dims []int) int {
	if len(dims) == 0 {
		return 0
	}
	return dims[len(dims)-1]
}

// vectorOf reports whether input in is a vector as long as the last axis of
// input 0, both float32 and not empty.
func vectorOf(b op.Bind, in int) bool {
	s := b.Shape(in)
	return b.Type(0) == tensor.Float32 && b.Type(in) == tensor.Float32 && len(s) == 1 && s[0] > 0 && s[0] == lastOf(b.Shape(0)) && op.Prod(b.Shape(0)) > 0
}

// Prepare runs float32.
func (o *biasActivation) Prepare(b op.Bind) (op.Step, error) {
	if b.Type(0) != tensor.Float32 {
		return nil, nil
	}
	if !b.Has(1) {
		return &mapStep{o.k, b.In(0), b.Out(0)}, nil
	}
	if !vectorOf(b, 1) {
		return nil, nil
	}
	k, n := o.k, lastOf(b.Shape(0))
	return &rowsStep{func(dst, a, _, v []float32) {
		vec.Add(dst, a, v)
		k(dst, dst)
	}, n, n, b.In(0), op.NoSlot, b.In(1), b.Out(0)}, nil
}

// Prepare runs float32.
func (biasAdd) Prepare(b op.Bind) (op.Step, error) {
	if !vectorOf(b, 1) || b.Type(2) != tensor.Float32 || !tensor.SameShape(b.Shape(0), b.Shape(2)) {
		return nil, nil
	}
	n := lastOf(b.Shape(0))
	return &rowsStep{func(dst, a, skip, v []float32) {
		vec.Add(dst, a, skip)
		vec.Add(dst, dst, v)
	}, n, n, b.In(0), b.In(2), b.In(1), b.Out(0)}, nil
}

// Prepare runs float32.
func (biasSplitGelu) Prepare(b op.Bind) (op.Step, error) {
	n := lastOf(b.Shape(0))
	if !vectorOf(b, 1) || n%2 != 0 {
		return nil, nil
	}
	return &rowsStep{func(dst, a, _, v []float32) {
		h := len(dst)
		vec.Add(dst, a[h:], v[h:])
		vec.Gelu(dst, dst)
		a, v = a[:h], v[:h]
		for i := range dst {
			dst[i] *= a[i] + v[i]
		}
	}, n / 2, n, b.In(0), op.NoSlot, b.In(1), b.Out(0)}, nil
}

// Prepare runs float32.
func (o *swiglu) Prepare(b op.Bind) (op.Step, error) {
	if b.Type(0) != tensor.Float32 || b.Type(1) != tensor.Float32 || !tensor.SameShape(b.Shape(0), b.Shape(1)) || op.Prod(b.Shape(0)) == 0 {
		return nil, nil
	}
	alpha, n := float32(o.alpha), op.Prod(b.Shape(0))
	if x := math.Abs(o.alpha); !(x > 1e-12 && x < 1e12) {
		return nil, nil
	}
	for n > rowsGrain && n%2 == 0 { // the rows are any equal parts
		n /= 2
	}
	return &rowsStep{func(dst, a, v, _ []float32) {
		var buf [256]float32
		for i := 0; i < len(dst); i += len(buf) {
			t := buf[:min(len(buf), len(dst)-i)]
			if alpha == 1 {
				vec.Silu(t, a[i:])
			} else {
				vec.Scale(t, a[i:], alpha)
				vec.Silu(t, t)
				vec.Scale(t, t, 1/alpha)
			}
			vec.Mul(dst[i:i+len(t)], t, v[i:])
		}
	}, n, n, b.In(0), b.In(1), op.NoSlot, b.Out(0)}, nil
}

// preluPair is the kernel of PRelu.
var preluPair = &pairKernel{
	vv: func(dst, a, s []float32) {
		s, dst = s[:len(a)], dst[:len(a)]
		for i, x := range a {
			if x < 0 {
				x *= s[i]
			}
			dst[i] = x
		}
	},
	vs: vec.LeakyRelu,
}

// Prepare runs float32.
func (o *prelu) Prepare(b op.Bind) (op.Step, error) {
	if b.Type(0) != tensor.Float32 || b.Type(1) != tensor.Float32 {
		return nil, nil
	}
	dims, ss := b.Shape(0), o.slope(b.Shape(0), b.Shape(1))
	if err := unidirectional(dims, ss); err != nil {
		return nil, err
	}
	return preparePair(b, preluPair, dims, ss)
}

// dropoutStep copies and sets the mask to ones.
type dropoutStep struct {
	x, y, mask op.Slot
	float      bool // the mask is float32
}

// Run implements op.Step.
func (s *dropoutStep) Run(f *op.Frame) error {
	copy(f.Bytes(s.y), f.Bytes(s.x))
	if s.float {
		m := f.F32(s.mask)
		for i := range m {
			m[i] = 1
		}
		return nil
	}
	m := f.Bytes(s.mask)
	for i := range m {
		m[i] = 1
	}
	return nil
}

// Prepare runs inference: no training_mode, or a constant false one.
func (o *dropout) Prepare(b op.Bind) (op.Step, error) {
	if o.bias || o.packed {
		return nil, nil
	}
	if o.ratioIn >= 0 && b.Has(o.ratioIn+1) {
		t := b.Const(o.ratioIn + 1)
		if t == nil || t.Len() != 1 || t.BoolAt(0) {
			return nil, nil
		}
	}
	if o.ratioIn >= 0 && b.Has(o.ratioIn) && op.Prod(b.Shape(o.ratioIn)) != 1 {
		return nil, nil
	}
	float := b.Wants(1) && b.OutType(1) == tensor.Float32
	if b.Wants(1) && !float && b.OutType(1) != tensor.Bool || b.Type(0) == tensor.String || b.OutType(0) != b.Type(0) {
		return nil, nil
	}
	return &dropoutStep{b.In(0), b.Out(0), b.Out(1), float}, nil
}
