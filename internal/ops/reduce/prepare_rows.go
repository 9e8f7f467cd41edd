package reduce

import (
	"math"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// hardmax32 is hardmaxRow over float32.
func hardmax32(dst, a []float32) {
	best := 0
	for i, v := range a {
		if v > a[best] || v != v && a[best] == a[best] {
			best = i
		}
	}
	clear(dst)
	dst[best] = 1
}

// lpNorm32 divides a vector by its norm.
func lpNorm32(p int) rowKernel {
	return func(dst, a []float32) {
		norm := 0.0
		for _, v := range a {
			if p == 1 {
				norm += math.Abs(float64(v))
			} else {
				norm += float64(v) * float64(v)
			}
		}
		if p == 2 {
			norm = math.Sqrt(norm)
		}
		if norm == 0 {
			norm = 1
		}
		if s := float32(norm); s > 0 && !math.IsInf(float64(s), 0) {
			vec.DivScalar(dst, a, s)
			return
		}
		for i, v := range a {
			dst[i] = float32(float64(v) / norm)
		}
	}
}

// Prepare runs float32.
func (o *lpNorm) Prepare(b op.Bind) (op.Step, error) {
	dims := b.Shape(0)
	a, err := op.Axis(o.axis, len(dims))
	if err != nil {
		return nil, err
	}
	if b.Type(0) != tensor.Float32 || op.Prod(dims) == 0 {
		return nil, nil
	}
	return newRows(b, lpNorm32(o.p), lanesOf(dims, a)), nil
}

// newRows prepares a rowsStep.
func newRows(b op.Bind, k rowKernel, l lanes) op.Step {
	s := &rowsStep{k: k, l: l, x: b.In(0), y: b.Out(0), scratch: op.NoSlot}
	if l.step > 1 {
		s.scratch = b.Scratch(4 * l.n)
	}
	return s
}

// biasSoftmaxStep is BiasSoftmax over contiguous rows.
type biasSoftmaxStep struct {
	x, bias, y op.Slot
	n          int
	rows       int // of the bias
	per        int // neighbouring rows that share one of the bias; 0: the bias repeats
}

// biasJob cuts a biasSoftmaxStep into chunks.
type biasJob struct {
	s          *biasSoftmaxStep
	x, bias, y []float32
	rows       int // in a chunk
}

var biasJobs = sync.Pool{New: func() any { return new(biasJob) }}

// Run implements op.Step.
func (s *biasSoftmaxStep) Run(f *op.Frame) error {
	j := biasJobs.Get().(*biasJob)
	*j = biasJob{s, f.F32(s.x), f.F32(s.bias), f.F32(s.y), max(1, rowWork/s.n)}
	f.Team.Run((len(j.x)/s.n+j.rows-1)/j.rows, j)
	*j = biasJob{}
	biasJobs.Put(j)
	return nil
}

// Do implements parallel.Task.
func (j *biasJob) Do(_, i int) {
	n := j.s.n
	for r := i * j.rows; r < min((i+1)*j.rows, len(j.x)/n); r++ {
		b := r % j.s.rows
		if j.s.per > 0 {
			b = r / j.s.per
		}
		dst := j.y[r*n:][:n]
		vec.Add(dst, j.x[r*n:][:n], j.bias[b*n:][:n])
		vec.Softmax(dst, dst)
	}
}

// Prepare runs float32.
func (o *biasSoftmax) Prepare(b op.Bind) (op.Step, error) {
	l, err := o.lanes(b.Shape(0))
	if err != nil {
		return nil, err
	}
	size := op.Prod(b.Shape(1))
	rows := size / max(1, l.n)
	if b.Type(0) != tensor.Float32 || b.Type(1) != tensor.Float32 || l.outer*l.n == 0 || rows == 0 || size%l.n != 0 || l.outer%rows != 0 {
		return nil, nil
	}
	s := &biasSoftmaxStep{x: b.In(0), bias: b.In(1), y: b.Out(0), n: l.n, rows: rows}
	if o.inner {
		s.per = l.outer / rows
	}
	return s, nil
}
