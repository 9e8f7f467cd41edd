package move

import (
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// shape is Shape: the input's dimensions from start to end, both clamped.
type shape struct {
	start, end int
	toEnd      bool
}

var shapeDef = &op.Def{Name: "Shape", New: func(a *op.Args) (op.Op, error) {
	toEnd := !a.Has("end")
	return &shape{a.Int("start", 0), a.Int("end", 0), toEnd}, nil
}}

// span returns the part of a list of n that start and end choose.
func (o *shape) span(n int) (int, int) {
	clamp := func(v int) int {
		if v < 0 {
			v += n
		}
		return min(max(v, 0), n)
	}
	lo, hi := clamp(o.start), n
	if !o.toEnd {
		hi = clamp(o.end)
	}
	return lo, max(lo, hi)
}

func (o *shape) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.Out(0, tensor.Int64, graph.Shape{c.Fresh()})
		return nil
	}
	lo, hi := o.span(len(s))
	c.Out(0, tensor.Int64, graph.Dims(hi-lo))
	c.OutElems(0, append([]graph.Dim{}, s[lo:hi]...))
	return nil
}

func (o *shape) Eval(e *op.Eval) error {
	s := e.In(0).Shape()
	lo, hi := o.span(len(s))
	y, err := e.Out(0, tensor.Int64, hi-lo)
	if err != nil {
		return err
	}
	for i, d := range s[lo:hi] {
		y.SetIntAt(i, int64(d))
	}
	return nil
}

// size is Size: the number of elements as a scalar.
type size struct{}

var sizeDef = &op.Def{Name: "Size", New: func(*op.Args) (op.Op, error) { return &size{}, nil }}

func (*size) Infer(c *op.Infer) error {
	c.Out(0, tensor.Int64, graph.Shape{})
	if s := c.Shape(0); s != nil {
		c.OutElems(0, []graph.Dim{productOf(s).dim(c.Fresh)})
	}
	return nil
}

func (*size) Eval(e *op.Eval) error {
	return e.SetInts(0, tensor.Int64, nil, []int64{int64(e.In(0).Len())})
}
