package seq

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// split is SplitToSequence: pieces of a tensor along an axis. A scalar split is
// the length of all pieces but the last, a vector lists them, without one they
// are single places, which keepdims = 0 strips of the axis.
type split struct {
	axis int
	keep bool
}

var splitDef = &op.Def{Name: "SplitToSequence", New: func(a *op.Args) (op.Op, error) {
	return &split{a.Int("axis", 0), a.Bool("keepdims", true) || a.HasIn(1)}, nil
}}

func (o *split) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.OutType(0, op.SequenceOf(graph.TensorType(c.Type(0), nil)))
		return nil
	}
	axis, err := op.Axis(o.axis, len(s))
	if err != nil {
		return err
	}
	item := append(graph.Shape{}, s...)
	switch {
	case !o.keep:
		item = append(item[:axis:axis], s[axis+1:]...)
	case !c.Has(1):
		item[axis] = graph.D(1)
	default:
		item[axis] = c.Fresh()
	}
	c.OutType(0, op.SequenceOf(graph.TensorType(c.Type(0), item)))
	return nil
}

// piece returns the length of the pieces as a function of their number, and
// how many there are.
func (o *split) pieces(sizes *tensor.Tensor, dim int) (func(i int) int, int, error) {
	if sizes != nil && sizes.Rank() > 0 {
		if sizes.Rank() > 1 {
			return nil, 0, fmt.Errorf("split is %v, must be a scalar or a vector", sizes)
		}
		rest := int64(dim)
		for i := range sizes.Len() {
			n := sizes.IntAt(i)
			if n < 0 || n > rest {
				return nil, 0, fmt.Errorf("split[%d] = %d leaves the axis of length %d", i, n, dim)
			}
			rest -= n
		}
		if rest != 0 {
			return nil, 0, fmt.Errorf("split adds up to %d, the axis has length %d", int64(dim)-rest, dim)
		}
		return func(i int) int { return int(sizes.IntAt(i)) }, sizes.Len(), nil
	}
	by := 1
	if sizes != nil {
		v := sizes.IntAt(0)
		if v < 1 {
			return nil, 0, fmt.Errorf("split = %d, must be above 0", v)
		}
		by = int(min(v, int64(max(dim, 1))))
	}
	n := dim / by
	if dim%by != 0 {
		n++
	}
	return func(i int) int { return min(by, dim-i*by) }, n, nil
}

func (o *split) Eval(e *op.Eval) error {
	x := e.In(0)
	axis, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	size, n, err := o.pieces(e.In(1), x.Shape()[axis])
	if err != nil {
		return err
	}
	if n > 1<<16 { // the items' headers count too: a tensor without elements can have any length
		if _, err := e.Temp(tensor.Complex128, n, 8); err != nil {
			return err
		}
	}
	s := &tensor.Sequence{Elem: x.DType(), Items: make([]tensor.Value, n)}
	at := 0
	for i := range s.Items {
		if err := e.Tick(1); err != nil {
			return err
		}
		t, err := e.Part(x, axis, at, size(i))
		if err != nil {
			return err
		}
		at += size(i)
		if !o.keep {
			if t, err = t.Reshaped(append(append([]int{}, t.Shape()[:axis]...), t.Shape()[axis+1:]...)...); err != nil {
				return err
			}
		}
		s.Items[i] = t
	}
	e.SetOut(0, s)
	return nil
}

// concat is ConcatFromSequence: the items joined along an axis, or stacked
// along a new one.
type concat struct {
	axis int
	new  bool
}

var concatDef = &op.Def{Name: "ConcatFromSequence", New: func(a *op.Args) (op.Op, error) {
	return &concat{a.Int("axis", 0), a.Bool("new_axis", false)}, nil
}}

func (o *concat) Infer(c *op.Infer) error {
	t, err := wantSequence(c, 0)
	if err != nil {
		return err
	}
	in := c.ItemType(t)
	s := in.Shape
	if s == nil {
		c.Out(0, in.Elem, nil)
		return nil
	}
	rank := len(s)
	if o.new {
		rank++
	}
	axis, err := op.Axis(o.axis, rank)
	if err != nil {
		return err
	}
	if o.new {
		s = append(append(append(graph.Shape{}, s[:axis]...), graph.D(0)), s[axis:]...)
	}
	s[axis] = c.Fresh()
	c.Out(0, in.Elem, s)
	return nil
}

func (o *concat) Eval(e *op.Eval) error {
	s, err := sequence(e, 0)
	if err != nil {
		return err
	}
	if len(s.Items) == 0 {
		return fmt.Errorf("the sequence is empty, there is no shape to concatenate")
	}
	parts := make([]*tensor.Tensor, len(s.Items))
	for i, v := range s.Items {
		t, ok := v.(*tensor.Tensor)
		if !ok {
			return fmt.Errorf("item %d is %s, must be a tensor", i, tensor.Describe(v))
		}
		parts[i] = t
	}
	if o.new {
		return e.Stack(0, parts, o.axis)
	}
	return e.Concat(0, parts, o.axis)
}
