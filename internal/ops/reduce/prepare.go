package reduce

import (
	"math"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// rowKernel normalises one vector; dst may be a.
type rowKernel func(dst, a []float32)

// rowsStep applies a rowKernel to every vector of a tensor.
type rowsStep struct {
	k       rowKernel
	l       lanes
	x, y    op.Slot
	scratch op.Slot // one vector, where they are not contiguous
}

// rowWork is how many elements are worth a chunk of their own.
const rowWork = 1 << 13

// Run implements op.Step.
func (s *rowsStep) Run(f *op.Frame) error {
	x, y := f.F32(s.x), f.F32(s.y)
	if s.l.step == 1 {
		j := rowJobs.Get().(*rowJob)
		*j = rowJob{s.k, x, y, s.l.n, max(1, rowWork/s.l.n)}
		f.Team.Run((s.l.outer+j.rows-1)/j.rows, j)
		*j = rowJob{}
		rowJobs.Put(j)
		return nil
	}
	v := f.F32(s.scratch)
	for o := range s.l.outer {
		for i := range s.l.step {
			at := o*s.l.n*s.l.step + i
			for k := range v {
				v[k] = x[at+k*s.l.step]
			}
			s.k(v, v)
			for k := range v {
				y[at+k*s.l.step] = v[k]
			}
		}
	}
	return nil
}

// rowJob shares the contiguous vectors of a rowsStep out.
type rowJob struct {
	k       rowKernel
	x, y    []float32
	n, rows int
}

var rowJobs = sync.Pool{New: func() any { return new(rowJob) }}

// Do implements parallel.Task.
func (j *rowJob) Do(_, i int) {
	for at := i * j.rows * j.n; at < min((i+1)*j.rows*j.n, len(j.x)); at += j.n {
		j.k(j.y[at:at+j.n], j.x[at:at+j.n])
	}
}

// Prepare runs float32 vectors by vec.Softmax and vec.LogSoftmax.
func (o *softmax) Prepare(b op.Bind) (op.Step, error) {
	l, err := o.lanes(b.Shape(0))
	if err != nil {
		return nil, err
	}
	if b.Type(0) != tensor.Float32 || o.k == nil || l.outer*l.n*l.step == 0 {
		return nil, nil
	}
	s := &rowsStep{k: o.k, l: l, x: b.In(0), y: b.Out(0), scratch: op.NoSlot}
	if l.step > 1 {
		s.scratch = b.Scratch(4 * l.n)
	}
	return s, nil
}

// reduceStep folds the middle axis of [outer, n, inner].
type reduceStep struct {
	kind            kind
	outer, n, inner int
	x, y            op.Slot
}

// Run implements op.Step.
func (s *reduceStep) Run(f *op.Frame) error {
	x, y := f.F32(s.x), f.F32(s.y)
	if s.inner == 1 {
		for i := range y {
			y[i] = s.fold(x[i*s.n : (i+1)*s.n])
		}
		return nil
	}
	for o := range s.outer {
		dst := y[o*s.inner : (o+1)*s.inner]
		rows := x[o*s.n*s.inner:]
		s.first(dst, rows[:s.inner])
		for k := 1; k < s.n; k++ {
			s.next(dst, rows[k*s.inner:(k+1)*s.inner])
		}
		s.finish(dst)
	}
	return nil
}

// fold reduces one contiguous vector.
func (s *reduceStep) fold(v []float32) float32 {
	switch s.kind {
	case kindMax:
		return vec.ReduceMax(v)
	case kindMin:
		return vec.ReduceMin(v)
	case kindSumSquare:
		return vec.SumSquares(v, 0)
	case kindL2:
		return float32(math.Sqrt(float64(vec.SumSquares(v, 0))))
	case kindMean:
		return vec.Sum(v) / float32(len(v))
	}
	return vec.Sum(v)
}

// first, next and finish fold rows element by element.
func (s *reduceStep) first(dst, row []float32) {
	if s.kind == kindL2 || s.kind == kindSumSquare {
		vec.Mul(dst, row, row)
		return
	}
	copy(dst, row)
}

func (s *reduceStep) next(dst, row []float32) {
	switch s.kind {
	case kindMax:
		vec.Max(dst, dst, row)
	case kindMin:
		vec.Min(dst, dst, row)
	case kindL2, kindSumSquare:
		for i, x := range row {
			dst[i] += x * x
		}
	default:
		vec.Add(dst, dst, row)
	}
}

func (s *reduceStep) finish(dst []float32) {
	switch s.kind {
	case kindMean:
		vec.DivScalar(dst, dst, float32(s.n))
	case kindL2:
		vec.Sqrt(dst, dst)
	}
}

// Prepare runs float32 sums, means, extremes and norms whose folded axes are
// neighbours by vector kernels, and all else that has known axes by a loop.
func (o *reduction) Prepare(b op.Bind) (op.Step, error) {
	axes := o.axes
	if o.input {
		t := b.Const(1)
		if t == nil {
			return nil, nil
		}
		axes = nil
		for i := range t.Len() {
			axes = append(axes, int(t.IntAt(i)))
		}
	}
	dims := b.Shape(0)
	r, err := o.reduced(axes, len(dims))
	if err != nil {
		return nil, err
	}
	switch o.kind {
	case kindSum, kindMean, kindMax, kindMin, kindSumSquare, kindL2:
	default:
		return o.prepareFold(b, r)
	}
	if b.Type(0) != tensor.Float32 || op.Prod(dims) == 0 {
		return o.prepareFold(b, r)
	}
	s := &reduceStep{kind: o.kind, outer: 1, n: 1, inner: 1}
	part := &s.outer
	for i, d := range dims {
		switch {
		case d == 1:
		case r[i] && part == &s.inner:
			return o.prepareFold(b, r)
		case r[i]:
			part = &s.n
		case part == &s.n:
			part = &s.inner
		}
		if d != 1 {
			*part *= d
		}
	}
	s.x, s.y = b.In(0), b.Out(0)
	return s, nil
}
