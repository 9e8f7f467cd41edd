package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// pad adds places before and after each axis, or removes them where a number
// is negative. The modes are numpy's; what is removed goes first, so that
// reflect, edge and wrap repeat what is left.
type pad struct {
	mode  string
	pads  list
	axes  list
	value float64 // constant of the attribute form
	in    int     // input of the constant, -1 in the attribute form
}

var padDef = &op.Def{Name: "Pad", New: func(a *op.Args) (op.Op, error) {
	o := &pad{axes: list{in: -1}, in: 2}
	o.mode = a.OneOf("mode", "constant", "constant", "reflect", "edge", "wrap")
	switch {
	case a.Version == 1:
		o.pads = listArg(a, "paddings", 2, 1)
	default:
		o.pads = listArg(a, "pads", 11, 1)
	}
	if a.Version < 11 {
		o.value, o.in = a.Float("value", 0), -1
	}
	if a.Version >= 18 {
		o.axes = list{in: 3}
	}
	return o, nil
}}

// msPadDef is the contrib forerunner: pads may be [1, 2*rank].
var msPadDef = &op.Def{Domain: "com.microsoft", Name: "Pad", New: func(a *op.Args) (op.Op, error) {
	mode := a.OneOf("mode", "constant", "constant", "reflect", "edge", "wrap")
	return &pad{mode: mode, pads: list{in: 1}, axes: list{in: -1}, in: 2}, nil
}}

// ends spreads pads over all axes: begins and ends.
func (o *pad) ends(rank int, pads, axes []int, hasAxes bool) (lo, hi []int, err error) {
	if !hasAxes {
		axes = make([]int, rank)
		for i := range axes {
			axes[i] = i
		}
	}
	if len(pads) != 2*len(axes) {
		return nil, nil, fmt.Errorf("%d pads for %d axes, must be %d", len(pads), len(axes), 2*len(axes))
	}
	lo, hi = make([]int, rank), make([]int, rank)
	if axes, err = op.Axes(axes, rank); err != nil {
		return nil, nil, err
	}
	for i, a := range axes {
		lo[a], hi[a] = pads[i], pads[len(axes)+i]
	}
	return lo, hi, nil
}

// padded returns the length of an axis with lo and hi more places.
func padded(d, lo, hi int) (int, error) {
	n := int64(d)
	for _, p := range []int{lo, hi} {
		if p > 0 && n > int64(maxInt-p) || p < -maxInt/4 {
			return 0, fmt.Errorf("%w: axis of %d with pads %d and %d", tensor.ErrShape, d, lo, hi)
		}
		n += int64(p)
	}
	if n < 0 {
		return 0, fmt.Errorf("axis of length %d can't be padded by %d and %d", d, lo, hi)
	}
	return int(n), nil
}

func (o *pad) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		if n := o.pads.count(c); n >= 0 && n <= 2*maxRank && !o.axes.has(c) && (o.pads.in < 0 || len(c.Shape(1)) == 1) {
			s = c.FreshShape(n / 2)
		}
		c.Out(0, c.Type(0), s)
		return nil
	}
	pads, ok := o.pads.ints(c)
	if t := c.Const(1); !ok && t != nil && o.pads.in == 1 { // [1, 2*rank]
		for i := range t.Len() {
			pads = append(pads, int(t.IntAt(i)))
		}
		ok = true
	}
	axes, okAxes := o.axes.ints(c)
	if !ok || o.axes.has(c) && !okAxes {
		c.Out(0, c.Type(0), c.FreshShape(len(s)))
		return nil
	}
	lo, hi, err := o.ends(len(s), pads, axes, o.axes.has(c))
	if err != nil {
		return err
	}
	out := append(graph.Shape{}, s...)
	for i, d := range s {
		switch {
		case d.Known():
			n, err := padded(d.N, lo[i], hi[i])
			if err != nil {
				return err
			}
			out[i] = graph.D(n)
		case lo[i] != 0 || hi[i] != 0:
			out[i] = c.Fresh()
		}
	}
	c.Out(0, c.Type(0), out)
	return nil
}

// source returns for every place of the padded axis the place it comes from, -1 for the constant.
func source(mode string, d, lo, hi int) ([]int, error) {
	n, err := padded(d, lo, hi)
	if err != nil {
		return nil, err
	}
	first, left := max(0, -lo), d+min(lo, 0)+min(hi, 0) // what is left of the axis
	l := make([]int, n)
	if left <= 0 && n > 0 && mode != "constant" {
		return nil, fmt.Errorf("mode %q needs something to repeat, axis of length %d with pads %d and %d has nothing", mode, d, lo, hi)
	}
	for i := range l {
		k := i - lo - first // place within what is left
		switch {
		case k >= 0 && k < left:
		case mode == "constant":
			k = -1 - first
		case mode == "edge":
			k = min(max(k, 0), left-1)
		case mode == "wrap":
			k = mod(k, left)
		case left == 1:
			k = 0
		default: // reflect: there and back again
			if k = mod(k, 2*left-2); k >= left {
				k = 2*left - 2 - k
			}
		}
		l[i] = k + first
	}
	return l, nil
}

func mod(a, n int) int {
	if a %= n; a < 0 {
		a += n
	}
	return a
}

func (o *pad) Eval(e *op.Eval) error {
	x := e.In(0)
	pads, _ := o.pads.get(e)
	axes, has := o.axes.get(e)
	lo, hi, err := o.ends(x.Rank(), pads, axes, has)
	if err != nil {
		return err
	}
	value, err := o.constant(e, x.DType())
	if err != nil {
		return err
	}
	return padTo(e, x, o.mode, lo, hi, value)
}

// constant returns the tensor of one element to pad with, nil for zero.
func (o *pad) constant(e *op.Eval, dt tensor.DType) (*tensor.Tensor, error) {
	if o.in < 0 {
		v, err := tensor.New(dt)
		if err == nil && o.value != 0 {
			v.SetFloatAt(0, o.value)
		}
		return v, err
	}
	v := e.In(o.in)
	if v != nil && (v.Len() != 1 || v.DType() != dt) {
		if v.Len() == 0 {
			return nil, nil
		}
		return nil, fmt.Errorf("constant value is %v, must be one %v", v, dt)
	}
	return v, nil
}

// padTo makes output 0 of x with lo and hi more places an axis.
func padTo(e *op.Eval, x *tensor.Tensor, mode string, lo, hi []int, value *tensor.Tensor) error {
	dims := make([]int, x.Rank())
	for i, d := range x.Shape() {
		var err error
		if dims[i], err = padded(d, lo[i], hi[i]); err != nil {
			return err
		}
	}
	return one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		for _, d := range dims { // the tables of source and runs
			if err := e.Charge(d, 32); err != nil {
				return err
			}
		}
		from := make([][]int, len(dims))
		for i, d := range x.Shape() {
			var err error
			if from[i], err = source(mode, d, lo[i], hi[i]); err != nil {
				return err
			}
		}
		cell := make([]byte, m.w)
		if value != nil {
			c, err := m.read(value)
			if err != nil {
				return err
			}
			copy(cell, c)
		}
		padRows(dst, src, m.w, cell, from, op.Strides(x.Shape()))
		return nil
	})
}

// run is a stretch of a row that comes from neighbouring places, or is constant.
type run struct{ from, n int }

// runs joins the places of a row.
func runs(from []int) []run {
	var l []run
	for _, f := range from {
		if k := len(l) - 1; k >= 0 && (f < 0 && l[k].from < 0 || f >= 0 && l[k].from >= 0 && f == l[k].from+l[k].n) {
			l[k].n++
			continue
		}
		l = append(l, run{f, 1})
	}
	return l
}

// padRows writes the rows of the result one after another. from tells for
// each axis where a place comes from.
func padRows(dst, src []byte, w int, cell []byte, from [][]int, ss []int) {
	if len(from) == 0 {
		copy(dst, src[:w])
		return
	}
	writeRows(dst, src, w, cell, from, runs(from[len(from)-1]), ss)
}

// maxPadRank is the rank up to which writeRows allocates nothing.
const maxPadRank = 8

// writeRows is padRows with the runs of a row at hand; the rank is at least 1.
func writeRows(dst, src []byte, w int, cell []byte, from [][]int, row []run, ss []int) {
	last := len(from) - 1
	size := len(from[last]) * w
	var few [maxPadRank]int
	at := few[:min(last, maxPadRank)]
	if last > maxPadRank {
		at = make([]int, last)
	}
	for o := 0; o < len(dst); o += size {
		s, outside := 0, false
		for a, i := range at {
			f := from[a][i]
			outside = outside || f < 0
			s += f * ss[a]
		}
		if outside {
			fill(dst[o:o+size], cell)
		} else {
			p := o
			for _, r := range row {
				if r.from < 0 {
					fill(dst[p:p+r.n*w], cell)
				} else {
					b := (s + r.from) * w
					copy(dst[p:p+r.n*w], src[b:b+r.n*w])
				}
				p += r.n * w
			}
		}
		for a := last - 1; a >= 0; a-- {
			if at[a]++; at[a] < len(from[a]) {
				break
			}
			at[a] = 0
		}
	}
}

// centerCropPad is CenterCropPad: each axis is cut or padded with zeros to the
// length asked for, around its centre.
type centerCropPad struct {
	axes    []int
	hasAxes bool
}

var centerCropPadDef = &op.Def{Name: "CenterCropPad", New: func(a *op.Args) (op.Op, error) {
	return &centerCropPad{a.Ints("axes"), a.Has("axes")}, nil
}}

func (o *centerCropPad) norm(rank, n int) ([]int, error) {
	axes := o.axes
	if !o.hasAxes {
		axes = make([]int, rank)
		for i := range axes {
			axes[i] = i
		}
	}
	if len(axes) != n {
		return nil, fmt.Errorf("shape has %d elements for %d axes", n, len(axes))
	}
	return op.Axes(axes, rank)
}

func (o *centerCropPad) Infer(c *op.Infer) error {
	s := c.Shape(0)
	t := c.Elems(1)
	if s == nil && !o.hasAxes && t != nil {
		s = c.FreshShape(len(t))
	}
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	out := append(graph.Shape{}, s...)
	if t == nil {
		n := len(o.axes)
		if !o.hasAxes {
			n = len(s)
		}
		axes, err := o.norm(len(s), n)
		for _, a := range axes {
			out[a] = c.Fresh()
		}
		c.Out(0, c.Type(0), out)
		return err
	}
	axes, err := o.norm(len(s), len(t))
	if err != nil {
		return err
	}
	for i, a := range axes {
		if out[a] = t[i]; t[i].Known() && t[i].N < 0 {
			return fmt.Errorf("shape %v has a negative length", graph.Shape(t))
		}
	}
	c.Out(0, c.Type(0), out)
	return nil
}

func (o *centerCropPad) Eval(e *op.Eval) error {
	x := e.In(0)
	to := e.IntList(1)
	axes, err := o.norm(x.Rank(), len(to))
	if err != nil {
		return err
	}
	lo, hi := make([]int, x.Rank()), make([]int, x.Rank())
	for i, a := range axes {
		if to[i] < 0 {
			return fmt.Errorf("shape %v has a negative length", to)
		}
		if more := to[i] - x.Shape()[a]; more >= 0 {
			lo[a] = more / 2
			hi[a] = more - lo[a]
		} else {
			lo[a] = -(-more / 2)
			hi[a] = more - lo[a]
		}
	}
	return padTo(e, x, "constant", lo, hi, nil)
}
