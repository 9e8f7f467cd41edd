package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// expand broadcasts input 0 with the shape in input 1.
type expand struct{}

var expandDef = &op.Def{Name: "Expand", New: func(*op.Args) (op.Op, error) { return &expand{}, nil }}

func (*expand) Infer(c *op.Infer) error {
	s, t := c.Shape(0), c.Elems(1)
	if t == nil {
		n := (list{in: 1}).count(c)
		var out graph.Shape
		if s != nil && n >= 0 && n <= maxRank {
			out = c.FreshShape(max(n, len(s)))
			for i, d := range s { // a dimension above 1 stays
				if d.Known() && d.N != 1 {
					out[len(out)-len(s)+i] = d
				}
			}
		}
		c.Out(0, c.Type(0), out)
		return nil
	}
	for _, d := range t {
		if d.Known() && d.N < 0 {
			return fmt.Errorf("shape %v has a negative dimension", graph.Shape(t))
		}
	}
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	out, err := c.Broadcast(s, append(graph.Shape{}, t...))
	if err != nil {
		return err
	}
	c.Out(0, c.Type(0), out)
	if x := c.Elems(0); len(x) == 1 && len(out) == 1 && out[0].Known() && out[0].N <= 64 {
		e := make([]graph.Dim, out[0].N)
		for i := range e {
			e[i] = x[0]
		}
		c.OutElems(0, e)
	}
	return nil
}

func (*expand) Eval(e *op.Eval) error {
	x, t := e.In(0), e.IntList(1)
	if r := e.In(1).Rank(); r > 1 {
		return fmt.Errorf("shape has rank %d, must be 1", r)
	}
	for _, d := range t {
		if d < 0 {
			return fmt.Errorf("shape %v has a negative dimension", t)
		}
	}
	dims, err := op.BroadcastDims(x.Shape(), t)
	if err != nil {
		return err
	}
	return one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		copyBlock(dst, src, m.w, dims, op.Strides(dims), op.BroadcastStrides(x.Shape(), dims), 0, 0)
		return nil
	})
}

// tile repeats the input along every axis. Version 1 repeats along one, whose
// number and the repeats are scalars of the input's type.
type tile struct{ single bool }

var tileDef = &op.Def{Name: "Tile", New: func(a *op.Args) (op.Op, error) { return &tile{a.Version < 6}, nil }}

// repeats returns one number for every axis.
func (o *tile) repeats(rank int, r, axis []int) ([]int, error) {
	if o.single {
		if len(r) != 1 || len(axis) != 1 {
			return nil, fmt.Errorf("tiles and axis must have one element, have %d and %d", len(r), len(axis))
		}
		a, err := op.Axis(axis[0], rank)
		if err != nil {
			return nil, err
		}
		l := make([]int, rank)
		for i := range l {
			l[i] = 1
		}
		l[a] = r[0]
		r = l
	}
	if len(r) != rank {
		return nil, fmt.Errorf("%d repeats for rank %d", len(r), rank)
	}
	for _, n := range r {
		if n < 0 {
			return nil, fmt.Errorf("repeats %v are negative", r)
		}
	}
	return r, nil
}

func (o *tile) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	r := c.Elems(1)
	if r == nil || o.single {
		out := c.FreshShape(len(s))
		c.Out(0, c.Type(0), out)
		return nil
	}
	if len(r) != len(s) {
		return fmt.Errorf("%d repeats for rank %d", len(r), len(s))
	}
	out := make(graph.Shape, len(s))
	for i, d := range s {
		if r[i].Known() && r[i].N < 0 {
			return fmt.Errorf("repeats %v are negative", graph.Shape(r))
		}
		out[i] = productOf([]graph.Dim{d, r[i]}).dim(c.Fresh)
	}
	c.Out(0, c.Type(0), out)
	return nil
}

func (o *tile) Eval(e *op.Eval) error {
	x := e.In(0)
	r, err := o.repeats(x.Rank(), e.IntList(1), e.IntList(2))
	if err != nil {
		return err
	}
	n := x.Rank()
	dims := make([]int, n)
	block, ss := make([]int, 2*n), make([]int, 2*n) // [repeat, axis] for every axis
	st := op.Strides(x.Shape())
	for i, d := range x.Shape() {
		if p, ok := tensor.NumElements([]int{d, r[i]}); ok {
			dims[i] = p
		} else {
			return fmt.Errorf("%w: axis of %d repeated %d times", tensor.ErrShape, d, r[i])
		}
		block[2*i], block[2*i+1], ss[2*i+1] = r[i], d, st[i]
	}
	return one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		copyBlock(dst, src, m.w, block, op.Strides(block), ss, 0, 0)
		return nil
	})
}
