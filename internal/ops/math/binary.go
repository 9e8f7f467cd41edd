package math

import (
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// arith is an arithmetic operator with broadcasting, one function for each wide class.
type arith struct {
	name string
	f    func(a, b float64) float64
	i    func(a, b int64) (int64, error)
	u    func(a, b uint64) (uint64, error)

	legacy bool // versions before 7: the second operand is placed by axis
	axis   int
}

var addDef = arithDef(arith{name: "Add",
	f: func(a, b float64) float64 { return a + b },
	i: func(a, b int64) (int64, error) { return a + b, nil },
	u: func(a, b uint64) (uint64, error) { return a + b, nil }})

func arithDef(proto arith) *op.Def {
	return &op.Def{Name: proto.name, New: func(a *op.Args) (op.Op, error) {
		o := proto
		a.Ignore("consumed_inputs")
		if a.Version < 7 {
			o.legacy, o.axis = a.Bool("broadcast", false), a.Int("axis", -1)
		}
		return &o, nil
	}}
}

// legacyShape returns b's shape with ones after it, so that it lines up with
// a's dimensions from axis on (Add-6: "broadcast" with "axis").
func legacyShape(a, b []int, axis int) []int {
	if axis < 0 || axis+len(b) >= len(a) {
		return b
	}
	s := append([]int{}, b...)
	for len(s)+axis < len(a) {
		s = append(s, 1)
	}
	return s
}

func (o *arith) Infer(c *op.Infer) error {
	if o.legacy {
		c.Like(0, 0)
		return nil
	}
	s, err := c.Broadcast(c.Shape(0), c.Shape(1))
	c.Out(0, c.Type(0), s)
	return err
}

func (o *arith) Overwrites(int) []int { return []int{0, 1} }

func (o *arith) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(1)
	bs := b.Shape()
	if o.legacy {
		bs = legacyShape(a.Shape(), bs, o.axis)
	}
	dims, err := op.BroadcastDims(a.Shape(), bs)
	if err != nil {
		return err
	}
	y, err := e.Out(0, a.DType(), dims...)
	if err != nil {
		return err
	}
	return op.Each2(dims, a.Shape(), bs, func(k, i, j int) error {
		switch a.DType().Class() {
		case tensor.ClassInt:
			v, err := o.i(a.IntAt(i), b.IntAt(j))
			y.SetIntAt(k, v)
			return err
		case tensor.ClassUint:
			v, err := o.u(a.UintAt(i), b.UintAt(j))
			y.SetUintAt(k, v)
			return err
		}
		y.SetFloatAt(k, o.f(a.FloatAt(i), b.FloatAt(j)))
		return nil
	})
}
