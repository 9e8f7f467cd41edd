package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

// identity passes a value of any kind on (Identity).
type identity struct{}

var identityDef = &op.Def{Name: "Identity", New: func(*op.Args) (op.Op, error) { return &identity{}, nil }}

func (*identity) Infer(c *op.Infer) error {
	c.OutFact(0, c.In(0))
	return nil
}

func (*identity) View() {}

func (*identity) Eval(e *op.Eval) error {
	e.SetOut(0, e.Value(0))
	return nil
}

// reshaper computes the shape of a view. in is nil if its rank is not known;
// arg is the operator's list, nil if it is there but not known. It returns nil
// where the rank can't be told.
type reshaper interface {
	shape(in graph.Shape, arg []graph.Dim, has bool, fresh func() graph.Dim) (graph.Shape, error)
}

// view gives input 0's elements another shape: Reshape, Flatten, Squeeze, Unsqueeze.
type view struct {
	arg list
	to  reshaper
}

func (o *view) View() {}

func (o *view) Infer(c *op.Infer) error {
	arg, has := o.arg.dims(c)
	in := c.Shape(0)
	s, err := o.to.shape(in, arg, has, c.Fresh)
	if err != nil {
		return err
	}
	if s == nil {
		if _, ok := o.to.(*reshape); ok {
			if n := o.arg.count(c); n >= 0 && n <= maxRank {
				s = c.FreshShape(n)
			}
		}
	}
	if in.Known() && s.Known() {
		if p, q := productOf(in), productOf(s); !p.bad && !q.bad && p.n != q.n {
			return fmt.Errorf("%v has %d elements, %v needs %d", in, p.n, s, q.n)
		}
	}
	c.Out(0, c.Type(0), s)
	if x := c.Elems(0); x != nil && s != nil && len(s) <= 1 {
		c.OutElems(0, x)
	}
	return nil
}

func (o *view) Eval(e *op.Eval) error {
	x := e.In(0)
	v, has := o.arg.get(e)
	var arg []graph.Dim
	if has {
		arg = dimsOf(v)
	}
	s, err := o.to.shape(graph.Dims(x.Shape()...), arg, has, func() graph.Dim { return graph.D(-1) })
	if err != nil {
		return err
	}
	y, err := x.Reshaped(s.Ints()...)
	if err != nil {
		return err
	}
	e.SetOut(0, y)
	return nil
}

// reshape computes the shape that Reshape's list asks for: 0 copies a
// dimension unless allowzero is set, one -1 is what is left.
type reshape struct{ allowzero bool }

var reshapeDef = &op.Def{Name: "Reshape", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("consumed_inputs")
	return &view{listArg(a, "shape", 5, 1), &reshape{a.Bool("allowzero", false)}}, nil
}}

func (o *reshape) shape(in graph.Shape, arg []graph.Dim, has bool, fresh func() graph.Dim) (graph.Shape, error) {
	if arg == nil {
		if !has {
			return nil, fmt.Errorf("attribute \"shape\" is required")
		}
		return nil, nil
	}
	if len(arg) > maxRank {
		return nil, fmt.Errorf("new shape has %d dimensions, at most %d are allowed", len(arg), maxRank)
	}
	out := make(graph.Shape, len(arg))
	rest, zero := -1, false
	var others []graph.Dim
	for i, d := range arg {
		switch {
		case !d.Known() || d.N > 0:
			out[i] = d
		case d.N == 0 && o.allowzero:
			zero = true
		case d.N == 0:
			switch {
			case in == nil:
				out[i] = fresh()
			case i >= len(in):
				return nil, fmt.Errorf("dimension %d of the new shape %v is 0, the input %v has %d dimensions", i, graph.Shape(arg), in, len(in))
			default:
				out[i] = in[i]
			}
		case d.N == -1 && rest < 0:
			rest = i
			continue
		default:
			return nil, fmt.Errorf("new shape is %v, must hold at most one -1 and nothing below", graph.Shape(arg))
		}
		others = append(others, out[i])
	}
	if rest < 0 {
		return out, nil
	}
	if zero {
		return nil, fmt.Errorf("new shape %v has both 0 and -1 with allowzero", graph.Shape(arg))
	}
	if in == nil {
		out[rest] = fresh()
		return out, nil
	}
	q, ok := productOf(in).over(productOf(others))
	if ok {
		out[rest] = q.dim(fresh)
		return out, nil
	}
	if in.Known() && allKnown(others) {
		return nil, fmt.Errorf("can't reshape %v to %v", in, graph.Shape(arg))
	}
	out[rest] = fresh()
	return out, nil
}

// flatten makes a matrix of what lies before and from axis on.
type flatten struct {
	axis     int
	negative bool // from version 11 on
}

var flattenDef = &op.Def{Name: "Flatten", New: func(a *op.Args) (op.Op, error) {
	return &view{list{in: -1}, &flatten{a.Int("axis", 1), a.Version >= 11}}, nil
}}

func (o *flatten) shape(in graph.Shape, _ []graph.Dim, _ bool, fresh func() graph.Dim) (graph.Shape, error) {
	if in == nil {
		return graph.Shape{fresh(), fresh()}, nil
	}
	k := o.axis
	if k < 0 && o.negative {
		k += len(in)
	}
	if k < 0 || k > len(in) {
		return nil, fmt.Errorf("axis %d is out of range for rank %d", o.axis, len(in))
	}
	return graph.Shape{productOf(in[:k]).dim(fresh), productOf(in[k:]).dim(fresh)}, nil
}

// squeeze drops axes of length 1: those of the list, all without one.
type squeeze struct{}

var squeezeDef = &op.Def{Name: "Squeeze", New: func(a *op.Args) (op.Op, error) {
	return &view{listArg(a, "axes", 13, 1), &squeeze{}}, nil
}}

func numbers(arg []graph.Dim) []int {
	if arg == nil {
		return nil
	}
	return graph.Shape(arg).Ints()
}

func (*squeeze) shape(in graph.Shape, arg []graph.Dim, has bool, _ func() graph.Dim) (graph.Shape, error) {
	if in == nil || has && (arg == nil || !allKnown(arg)) {
		return nil, nil
	}
	if !has && !in.Known() {
		return nil, nil
	}
	drop := make([]bool, len(in))
	if !has {
		for i, d := range in {
			drop[i] = d == graph.D(1)
		}
	} else {
		axes, err := op.Axes(numbers(arg), len(in))
		if err != nil {
			return nil, err
		}
		for _, a := range axes {
			if in[a].Known() && in[a].N != 1 {
				return nil, fmt.Errorf("axis %d of %v can't be squeezed, its length must be 1", a, in)
			}
			drop[a] = true
		}
	}
	out := graph.Shape{}
	for i, d := range in {
		if !drop[i] {
			out = append(out, d)
		}
	}
	return out, nil
}

// unsqueeze inserts axes of length 1; the list counts in the result.
type unsqueeze struct{}

var unsqueezeDef = &op.Def{Name: "Unsqueeze", New: func(a *op.Args) (op.Op, error) {
	return &view{listArg(a, "axes", 13, 1), &unsqueeze{}}, nil
}}

// expandDimsDef is the contrib forerunner with one axis as a tensor of int32.
var expandDimsDef = &op.Def{Domain: "com.microsoft", Name: "ExpandDims", New: func(*op.Args) (op.Op, error) {
	return &view{list{in: 1}, &unsqueeze{}}, nil
}}

func (*unsqueeze) shape(in graph.Shape, arg []graph.Dim, _ bool, _ func() graph.Dim) (graph.Shape, error) {
	if in == nil || arg == nil || !allKnown(arg) {
		return nil, nil
	}
	axes, err := op.Axes(numbers(arg), len(in)+len(arg))
	if err != nil {
		return nil, err
	}
	out := make(graph.Shape, len(in)+len(arg))
	for _, a := range axes {
		out[a] = graph.D(1)
	}
	for i, k := 0, 0; i < len(out); i++ {
		if out[i] != graph.D(1) {
			out[i] = in[k]
			k++
		}
	}
	return out, nil
}
