package reduce

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// reduction folds the elements along some axes into one. Floats are folded in
// float64 and rounded once, integers exactly (modulo 2^64).
type reduction struct {
	kind  kind
	axes  []int // attribute; nil = all, or input 1
	input bool  // axes come as input 1
	keep  bool
	noop  bool // no axes: reduce over none instead of all
}

// kind is how a reduction folds.
type kind uint8

const (
	kindSum kind = iota
	kindMean
	kindProd
	kindMax
	kindMin
	kindL1
	kindL2
	kindSumSquare
	kindLogSum
	kindLogSumExp
)

func reduceDef(name string, k kind) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		o := &reduction{kind: k, keep: a.Bool("keepdims", true), noop: a.Bool("noop_with_empty_axes", false)}
		if a.Schema.Attr("axes") != nil {
			o.axes = a.Ints("axes")
		} else {
			o.input = a.HasIn(1)
		}
		return o, nil
	}}
}

var (
	sumDef       = reduceDef("ReduceSum", kindSum)
	meanDef      = reduceDef("ReduceMean", kindMean)
	prodDef      = reduceDef("ReduceProd", kindProd)
	maxDef       = reduceDef("ReduceMax", kindMax)
	minDef       = reduceDef("ReduceMin", kindMin)
	l1Def        = reduceDef("ReduceL1", kindL1)
	l2Def        = reduceDef("ReduceL2", kindL2)
	sumSquareDef = reduceDef("ReduceSumSquare", kindSumSquare)
	logSumDef    = reduceDef("ReduceLogSum", kindLogSum)
	logSumExpDef = reduceDef("ReduceLogSumExp", kindLogSumExp)
)

// reduced returns which axes of a tensor of the given rank are folded.
func (o *reduction) reduced(axes []int, rank int) ([]bool, error) {
	r := make([]bool, rank)
	if len(axes) == 0 {
		for i := range r {
			r[i] = !o.noop
		}
		return r, nil
	}
	l, err := op.Axes(axes, rank)
	if err != nil {
		return nil, err
	}
	for _, a := range l {
		r[a] = true
	}
	return r, nil
}

func (o *reduction) Infer(c *op.Infer) error {
	s, axes := c.Shape(0), o.axes
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	if o.input {
		l, ok := c.Ints(1)
		if a := c.Shape(1); len(a) == 1 && a[0] == graph.D(0) {
			l, ok = nil, true
		}
		if !ok {
			c.Out(0, c.Type(0), o.unknownAxes(c, s))
			return nil
		}
		axes = l
	}
	r, err := o.reduced(axes, len(s))
	if err != nil {
		return err
	}
	c.Out(0, c.Type(0), o.shape(s, r))
	if e := c.Elems(0); e != nil && o.kind == kindProd && c.Type(0) == tensor.Int64 && (len(s) == 0 || r[0]) {
		o.inferProd(c, e)
	}
	return nil
}

// shape returns s with the folded axes gone, or 1 if they are kept.
func (o *reduction) shape(s graph.Shape, r []bool) graph.Shape {
	out := graph.Shape{}
	for i, d := range s {
		switch {
		case !r[i]:
			out = append(out, d)
		case o.keep:
			out = append(out, graph.D(1))
		}
	}
	return out
}

// unknownAxes is the output's shape where only the number of axes is known.
func (o *reduction) unknownAxes(c *op.Infer, s graph.Shape) graph.Shape {
	if o.keep {
		return c.FreshShape(len(s))
	}
	a := c.Shape(1)
	if len(a) != 1 || !a[0].Known() {
		return nil
	}
	return c.FreshShape(max(0, len(s)-a[0].N))
}

// inferProd follows the number of elements through Shape -> ReduceProd.
func (o *reduction) inferProd(c *op.Infer, e []graph.Dim) {
	n := int64(1)
	for _, d := range e {
		if !d.Known() || d.N < 0 || d.N > math.MaxInt32 {
			return
		}
		if n *= int64(d.N); n > math.MaxInt32 {
			return
		}
	}
	c.OutElems(0, graph.Dims(int(n)))
}

func (o *reduction) Eval(e *op.Eval) error {
	x, axes := e.In(0), o.axes
	if o.input {
		axes = e.IntList(1)
	}
	r, err := o.reduced(axes, x.Rank())
	if err != nil {
		return err
	}
	f := newFolding(x.Shape(), r)
	dims := o.shape(graph.Dims(x.Shape()...), r).Ints()
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil {
		return err
	}
	switch cl := x.DType().Class(); {
	case cl == tensor.ClassFloat:
		return o.floats(e, x, y, f)
	case o.kind == kindL2 || o.kind == kindLogSum || o.kind == kindLogSumExp:
		return o.floats(e, x, y, f) // not closed over integers: truncated
	case cl == tensor.ClassInt:
		return o.ints(e, x, y, f)
	case cl == tensor.ClassUint:
		return o.uints(e, x, y, f)
	}
	return fmt.Errorf("elements of type %v can't be reduced", x.DType())
}

// folding maps the elements of a tensor to those of its reduction.
type folding struct {
	dims    []int
	strides []int // of the output; 0 along folded axes
	count   int   // elements folded into one
}

func newFolding(dims []int, r []bool) *folding {
	f := &folding{dims: dims, strides: make([]int, len(dims)), count: 1}
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		if r[i] {
			f.count *= dims[i]
			continue
		}
		f.strides[i] = n
		n *= dims[i]
	}
	return f
}

// each calls g with runs of elements: k is the first, n how many, off where the
// first goes, and step how far apart their places are, 0 or 1 or more.
func (f *folding) each(g func(k, n, off, step int)) {
	last := len(f.dims) - 1
	if last < 0 {
		g(0, 1, 0, 0)
		return
	}
	n, step := f.dims[last], f.strides[last]
	if n == 0 {
		return
	}
	// the error is always nil
	_ = op.Each(f.dims[:last], [][]int{f.strides[:last]}, func(k int, _, off []int) error {
		g(k*n, n, off[0], step)
		return nil
	})
}

func (o *reduction) floats(e *op.Eval, x, y *tensor.Tensor, f *folding) error {
	acc, err := accumulators[float64](e, y.Len(), tensor.Float64)
	if err != nil {
		return err
	}
	top := acc
	if o.kind == kindLogSumExp {
		if top, err = accumulators[float64](e, y.Len(), tensor.Float64); err != nil {
			return err
		}
		start(top, math.Inf(-1))
		fold(x, f, top, (*tensor.Tensor).FloatAt, func(a, v float64) float64 { return max(a, v) })
	}
	init, step := o.floatStep()
	start(acc, init)
	if o.kind == kindLogSumExp {
		f.each(func(k, n, off, step int) {
			for i := k; i < k+n; i++ {
				acc[off] += math.Exp(x.FloatAt(i) - shift(top[off]))
				off += step
			}
		})
	} else if s, err := tensor.Data[float32](x); err == nil {
		foldFloat32(s, f, acc, step)
	} else {
		fold(x, f, acc, (*tensor.Tensor).FloatAt, step)
	}
	for i, v := range acc {
		y.SetFloatAt(i, o.finish(v, shift(top[i]), f.count))
	}
	return nil
}

// shift returns the largest exponent where it can be subtracted.
func shift(top float64) float64 {
	if math.IsInf(top, 0) {
		return 0
	}
	return top
}

// floatStep returns the value to start from and the function that adds one element.
func (o *reduction) floatStep() (float64, func(a, v float64) float64) {
	switch o.kind {
	case kindProd:
		return 1, func(a, v float64) float64 { return a * v }
	case kindMax:
		return math.Inf(-1), func(a, v float64) float64 { return max(a, v) } // NaN wins, as in numpy
	case kindMin:
		return math.Inf(1), func(a, v float64) float64 { return min(a, v) }
	case kindL1:
		return 0, func(a, v float64) float64 { return a + math.Abs(v) }
	case kindL2, kindSumSquare:
		return 0, func(a, v float64) float64 { return a + v*v }
	}
	return 0, func(a, v float64) float64 { return a + v }
}

func (o *reduction) finish(v, top float64, count int) float64 {
	switch o.kind {
	case kindMean:
		return v / float64(count)
	case kindL2:
		return math.Sqrt(v)
	case kindLogSum:
		return math.Log(v)
	case kindLogSumExp:
		return math.Log(v) + top
	}
	return v
}

func (o *reduction) ints(e *op.Eval, x, y *tensor.Tensor, f *folding) error {
	acc, err := accumulators[int64](e, y.Len(), tensor.Int64)
	if err != nil {
		return err
	}
	init, step := int64(0), func(a, v int64) int64 { return a + v }
	switch o.kind {
	case kindProd:
		init, step = 1, func(a, v int64) int64 { return a * v }
	case kindMax:
		init, step = -1<<(x.DType().Bits()-1), func(a, v int64) int64 { return max(a, v) }
	case kindMin:
		init, step = 1<<(x.DType().Bits()-1)-1, func(a, v int64) int64 { return min(a, v) }
	case kindL1:
		step = func(a, v int64) int64 { return a + max(v, -v) }
	case kindSumSquare:
		step = func(a, v int64) int64 { return a + v*v }
	}
	start(acc, init)
	fold(x, f, acc, (*tensor.Tensor).IntAt, step)
	if o.kind == kindMean {
		if f.count == 0 && len(acc) > 0 {
			return errNoMean
		}
		for i := range acc {
			acc[i] /= int64(f.count)
		}
	}
	for i, v := range acc {
		y.SetIntAt(i, v)
	}
	return nil
}

var errNoMean = fmt.Errorf("the mean of no integers is not defined")

func (o *reduction) uints(e *op.Eval, x, y *tensor.Tensor, f *folding) error {
	acc, err := accumulators[uint64](e, y.Len(), tensor.Uint64)
	if err != nil {
		return err
	}
	init, step := uint64(0), func(a, v uint64) uint64 { return a + v }
	switch o.kind {
	case kindProd:
		init, step = 1, func(a, v uint64) uint64 { return a * v }
	case kindMax:
		step = func(a, v uint64) uint64 { return max(a, v) }
	case kindMin:
		init, step = 1<<(x.DType().Bits()-1)<<1-1, func(a, v uint64) uint64 { return min(a, v) }
		if x.DType() == tensor.Bool {
			init = 1
		}
	case kindSumSquare:
		step = func(a, v uint64) uint64 { return a + v*v }
	}
	start(acc, init)
	fold(x, f, acc, (*tensor.Tensor).UintAt, step)
	if o.kind == kindMean {
		if f.count == 0 && len(acc) > 0 {
			return errNoMean
		}
		for i := range acc {
			acc[i] /= uint64(f.count)
		}
	}
	for i, v := range acc {
		y.SetUintAt(i, v)
	}
	return nil
}

// accumulators returns n zeros within the run's budget.
func accumulators[T tensor.Elem](e *op.Eval, n int, dt tensor.DType) ([]T, error) {
	t, err := e.Temp(dt, n)
	if err != nil {
		return nil, err
	}
	return tensor.Data[T](t)
}

func start[T any](acc []T, v T) {
	for i := range acc {
		acc[i] = v
	}
}

// fold combines every element of x with its place in acc.
func fold[T any](x *tensor.Tensor, f *folding, acc []T, at func(*tensor.Tensor, int) T, add func(a, v T) T) {
	f.each(func(k, n, off, step int) {
		for i := k; i < k+n; i++ {
			acc[off] = add(acc[off], at(x, i))
			off += step
		}
	})
}

func foldFloat32(x []float32, f *folding, acc []float64, add func(a, v float64) float64) {
	f.each(func(k, n, off, step int) {
		for _, v := range x[k : k+n] {
			acc[off] = add(acc[off], float64(v))
			off += step
		}
	})
}
