package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// pool is MaxPool, AveragePool and LpPool: X [N,C,in...] gives Y [N,C,out...],
// each value a reduction of the elements under the window. Padding takes no
// part in maxima; in averages it counts where count_include_pad says so.
// NaN under the window makes a maximum NaN. A window with nothing but padding under it gives 0 (the lowest value of the
// type for MaxPool, as in ONNX Runtime, and index -1).
type pool struct {
	window
	reduce       reduction
	includePad   bool
	columnMajor  bool // MaxPool's storage_order 1: Indices count columns first
	channelsLast bool
	p            float64
}

type reduction uint8

const (
	reduceMax reduction = iota
	reduceMean
	reduceNorm
)

var (
	maxPoolDef     = &op.Def{Name: "MaxPool", New: func(a *op.Args) (op.Op, error) { return newPool(a, reduceMax) }}
	averagePoolDef = &op.Def{Name: "AveragePool", New: func(a *op.Args) (op.Op, error) { return newPool(a, reduceMean) }}
	lpPoolDef      = &op.Def{Name: "LpPool", New: func(a *op.Args) (op.Op, error) { return newPool(a, reduceNorm) }}
	nhwcMaxPoolDef = &op.Def{Domain: msDomain, Name: "NhwcMaxPool", New: func(a *op.Args) (op.Op, error) {
		o, err := newPool(a, reduceMax)
		if err == nil {
			o.channelsLast = true
		}
		return o, err
	}}
)

func newPool(a *op.Args, r reduction) (*pool, error) {
	o := &pool{window: decodeWindow(a), reduce: r}
	o.ceil = a.Bool("ceil_mode", false)
	switch r {
	case reduceMax:
		o.columnMajor = a.Bool("storage_order", false)
	case reduceMean:
		o.includePad = a.Bool("count_include_pad", false)
	case reduceNorm:
		o.p = normOrder(a)
	}
	if len(o.kernel) == 0 {
		return nil, fmt.Errorf("attribute kernel_shape is required")
	}
	return o, nil
}

// normOrder reads attribute p: a float in version 1, later an integer.
func normOrder(a *op.Args) float64 {
	p := 2.0
	if f := a.Schema.Attr("p"); f != nil && f.Kind == graph.AttrFloat {
		p = a.Float("p", 2)
	} else {
		p = float64(a.Int("p", 2))
	}
	if !(p > 0) {
		a.Fail("attribute p = %v, must be positive", p)
	}
	return p
}

func (o *pool) Infer(c *op.Infer) error {
	x := c.Shape(0)
	if x == nil {
		c.Out(0, c.Type(0), nil)
		c.Out(1, tensor.Int64, nil)
		return nil
	}
	if len(x) < 3 {
		return fmt.Errorf("X %v must have at least 3 axes", x)
	}
	if o.channelsLast {
		x = first(x)
	}
	sp, err := o.window.infer(c, x[2:], graph.Dims(o.kernel...))
	if err != nil {
		return err
	}
	y := append(graph.Shape{x[0], x[1]}, sp...)
	if o.channelsLast {
		y = last(y)
	}
	c.Out(0, c.Type(0), y)
	c.Out(1, tensor.Int64, y)
	return nil
}

func (o *pool) Eval(e *op.Eval) error {
	x := e.In(0)
	xs := x.Shape()
	if len(xs) < 3 {
		return fmt.Errorf("X %v must have at least 3 axes", x)
	}
	xv := e.Floats(0)
	if o.channelsLast {
		xv, xs = toFirst(xv, xs)
	}
	axes, err := o.spans(xs[2:], o.kernel)
	if err != nil {
		return err
	}
	dims := append([]int{xs[0], xs[1]}, lengths(axes)...)
	ys := dims
	if o.channelsLast {
		ys = last(dims)
	}
	y, err := e.Out(0, x.DType(), ys...)
	if err != nil {
		return err
	}
	var ind *tensor.Tensor
	if e.Wants(1) {
		if ind, err = e.Out(1, tensor.Int64, ys...); err != nil {
			return err
		}
	}
	if y.Len() == 0 {
		return nil
	}
	return o.run(e, xv, xs[0]*xs[1], axes, y, ind, xs[1])
}

// run computes all planes for one output position after the other.
func (o *pool) run(e *op.Eval, x []float64, planes int, axes []span, y, ind *tensor.Tensor, chans int) error {
	out, in := lengths(axes), make([]int, len(axes))
	for a, s := range axes {
		in[a] = s.in
	}
	total, plane := op.Prod(out), op.Prod(in)
	idx := make([]int, len(axes))
	taps := []int{}
	for p := range total {
		var cells int
		var err error
		if taps, cells, err = listTaps(e, axes, idx, taps[:0]); err != nil {
			return err
		}
		next(idx, out)
		if err := e.Tick(1 + len(taps)); err != nil {
			return err
		}
		for c := range planes {
			v, best := o.fold(x[c*plane:(c+1)*plane], taps, cells)
			k := c*total + p
			if o.channelsLast {
				k = (c/chans*total+p)*chans + c%chans
			}
			if best < 0 && o.reduce == reduceMax {
				v = lowest(y.DType())
			}
			y.SetFloatAt(k, v)
			if ind != nil {
				ind.SetIntAt(k, o.index(best, c, plane, in))
			}
		}
	}
	return nil
}

// lowest returns the least finite value of a type.
func lowest(dt tensor.DType) float64 {
	switch dt {
	case tensor.Uint8:
		return 0
	case tensor.Int8:
		return -128
	case tensor.Float64:
		return -math.MaxFloat64
	case tensor.Float16:
		return -65504
	case tensor.BFloat16:
		return -float64(tensor.BF16(0x7f7f).Float32())
	}
	return -math.MaxFloat32
}

// listTaps appends the input positions under the window at output o, and counts
// its cells that lie in the input or in the padding asked for.
func listTaps(e *op.Eval, axes []span, o, taps []int) ([]int, int, error) {
	cells := 1
	type run struct{ lo, n int } // the kernel elements of an axis that hit the input
	runs := make([]run, len(axes))
	empty := false
	for a, s := range axes {
		start := o[a]*s.stride - s.begin
		padded := min(s.kernel, ceilDiv(s.in+s.end-start, s.dilation))
		cells *= max(padded, 0)
		lo := max(0, ceilDiv(-start, s.dilation))
		hi := min(s.kernel, ceilDiv(s.in-start, s.dilation))
		runs[a] = run{lo, hi - lo}
		empty = empty || hi <= lo
	}
	if empty {
		return taps, cells, nil
	}
	taps = append(taps, 0)
	for a, s := range axes { // extend the list axis by axis, row-major
		prev := append([]int{}, taps...)
		taps = taps[:0]
		if err := e.Tick(len(prev)); err != nil {
			return nil, 0, err
		}
		for _, q := range prev {
			for k := range runs[a].n {
				taps = append(taps, q*s.in+o[a]*s.stride-s.begin+(runs[a].lo+k)*s.dilation)
			}
		}
	}
	return taps, cells, nil
}

// ceilDiv rounds the quotient up; b > 0.
func ceilDiv(a, b int) int {
	if a <= 0 {
		return a / b
	}
	return (a + b - 1) / b
}

// fold reduces the elements of a plane at taps; best is the tap of the maximum.
func (o *pool) fold(x []float64, taps []int, cells int) (v float64, best int) {
	best = -1
	switch o.reduce {
	case reduceMax:
		for _, t := range taps {
			if best < 0 || x[t] > v || x[t] != x[t] && v == v {
				v, best = x[t], t
			}
		}
	case reduceMean:
		for _, t := range taps {
			v += x[t]
		}
		n := len(taps)
		if o.includePad {
			n = cells
		}
		if n == 0 {
			return 0, -1
		}
		v /= float64(n)
	case reduceNorm:
		v = norm(x, taps, o.p)
	}
	return v, best
}

// norm returns (sum |x|^p)^(1/p) over the elements at taps.
func norm(x []float64, taps []int, p float64) float64 {
	sum := 0.0
	for _, t := range taps {
		switch p {
		case 1:
			sum += math.Abs(x[t])
		case 2:
			sum += x[t] * x[t]
		default:
			sum += math.Pow(math.Abs(x[t]), p)
		}
	}
	switch p {
	case 1:
		return sum
	case 2:
		return math.Sqrt(sum)
	}
	return math.Pow(sum, 1/p)
}

// index returns MaxPool's second output for the maximum at position best of plane c.
func (o *pool) index(best, c, plane int, in []int) int64 {
	if best < 0 {
		return -1
	}
	if o.columnMajor {
		idx := make([]int, len(in))
		unflatten(best, in, idx)
		best = 0
		for a := len(in) - 1; a >= 0; a-- {
			best = best*in[a] + idx[a]
		}
	}
	return int64(c*plane + best)
}

// globalPool is GlobalMaxPool, GlobalAveragePool and GlobalLpPool: each plane of
// X [N,C,in...] becomes one value, Y [N,C,1...].
type globalPool struct{ pool pool }

func globalDef(name string, r reduction) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		o := &globalPool{pool{reduce: r}}
		if r == reduceNorm {
			o.pool.p = normOrder(a)
		}
		return o, nil
	}}
}

var (
	globalMaxPoolDef     = globalDef("GlobalMaxPool", reduceMax)
	globalAveragePoolDef = globalDef("GlobalAveragePool", reduceMean)
	globalLpPoolDef      = globalDef("GlobalLpPool", reduceNorm)
)

func (o *globalPool) Infer(c *op.Infer) error {
	x := c.Shape(0)
	if x == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	if len(x) < 2 {
		return fmt.Errorf("X %v must have at least 2 axes", x)
	}
	y := append(graph.Shape{}, x...)
	for i := 2; i < len(y); i++ {
		y[i] = graph.D(1)
	}
	c.Out(0, c.Type(0), y)
	return nil
}

func (o *globalPool) Eval(e *op.Eval) error {
	x := e.In(0)
	xs := x.Shape()
	if len(xs) < 2 {
		return fmt.Errorf("X %v must have at least 2 axes", x)
	}
	dims := append([]int{}, xs...)
	for i := 2; i < len(dims); i++ {
		dims[i] = 1
	}
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil || y.Len() == 0 {
		return err
	}
	v := e.Floats(0)
	taps := make([]int, len(v)/y.Len())
	for i := range taps {
		taps[i] = i
	}
	for c := range y.Len() {
		r, best := o.pool.fold(v[c*len(taps):], taps, len(taps))
		if best < 0 && o.pool.reduce == reduceMax {
			r = lowest(x.DType())
		}
		y.SetFloatAt(c, r)
	}
	return nil
}
