package reduce

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// argExtreme is ArgMax or ArgMin: the index of the largest or smallest element along
// axis, the first one of equals unless select_last_index is set. NaN counts as
// the extreme, as in numpy.
type argExtreme struct {
	axis int
	keep bool
	last bool
	min  bool
}

func argDef(name string, min bool) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		return &argExtreme{a.Int("axis", 0), a.Bool("keepdims", true), a.Bool("select_last_index", false), min}, nil
	}}
}

var (
	argMaxDef = argDef("ArgMax", false)
	argMinDef = argDef("ArgMin", true)
)

// dims returns the shape with the axis gone, or 1 if it is kept.
func (o *argExtreme) dims(s graph.Shape, axis int) graph.Shape {
	out := append(graph.Shape{}, s[:axis]...)
	if o.keep {
		out = append(out, graph.D(1))
	}
	return append(out, s[axis+1:]...)
}

func (o *argExtreme) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.Out(0, tensor.Int64, nil)
		return nil
	}
	a, err := op.Axis(o.axis, len(s))
	if err != nil {
		return err
	}
	c.Out(0, tensor.Int64, o.dims(s, a))
	return nil
}

func (o *argExtreme) Eval(e *op.Eval) error {
	x := e.In(0)
	a, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	y, err := e.Out(0, tensor.Int64, o.dims(graph.Dims(x.Shape()...), a).Ints()...)
	if err != nil {
		return err
	}
	l := lanesOf(x.Shape(), a)
	if l.n == 0 && y.Len() > 0 {
		return fmt.Errorf("axis %d of %v is empty: it has no largest or smallest element", o.axis, x.Shape())
	}
	if y.Len() == 0 {
		return nil
	}
	less := lessOf(x, o.min)
	return l.each(func(row, first int) error {
		best := 0
		for k := 1; k < l.n; k++ {
			i, j := first+k*l.step, first+best*l.step
			if o.min {
				i, j = j, i
			}
			if less(j, i) || o.last && !less(i, j) {
				best = k
			}
		}
		y.SetIntAt(row, int64(best))
		return nil
	})
}

// lessOf compares elements of x exactly in their class. NaN is below all
// numbers if nanLow is set, else above.
func lessOf(x *tensor.Tensor, nanLow bool) func(i, j int) bool {
	switch x.DType().Class() {
	case tensor.ClassInt:
		return func(i, j int) bool { return x.IntAt(i) < x.IntAt(j) }
	case tensor.ClassUint:
		return func(i, j int) bool { return x.UintAt(i) < x.UintAt(j) }
	}
	return func(i, j int) bool {
		a, b := x.FloatAt(i), x.FloatAt(j)
		if nanLow {
			return a < b || a != a && b == b
		}
		return a < b || b != b && a == a
	}
}
