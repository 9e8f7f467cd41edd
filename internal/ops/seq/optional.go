package seq

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// optional is Optional: its input, or nothing of the type in the attribute.
type optional struct{ typ *graph.Type }

var optionalDef = &op.Def{Name: "Optional", New: func(a *op.Args) (op.Op, error) {
	o := &optional{a.Type("type")}
	if o.typ == nil && !a.HasIn(0) {
		return nil, fmt.Errorf("neither the input nor attribute \"type\" is there")
	}
	return o, nil
}}

func (o *optional) Infer(c *op.Infer) error {
	t := o.typ
	if c.Has(0) {
		in := c.In(0).Type
		t = &in
		if in.Kind == graph.KindUnknown {
			t = nil
		}
	}
	c.OutType(0, graph.Type{Kind: graph.KindOptional, Inner: t})
	return nil
}

func (*optional) Eval(e *op.Eval) error {
	e.SetOut(0, &tensor.Optional{Value: e.Value(0)})
	return nil
}

// getElement is OptionalGetElement: what the optional holds; a tensor or
// sequence passes as it is.
type getElement struct{}

var getElementDef = &op.Def{Name: "OptionalGetElement", New: func(*op.Args) (op.Op, error) { return &getElement{}, nil }}

func (*getElement) Infer(c *op.Infer) error {
	f := c.In(0)
	_, held := f.Const.(*tensor.Optional) // its type may not be known
	if f.Type.Kind != graph.KindOptional && !held {
		c.OutFact(0, f)
		return nil
	}
	t := graph.Type{}
	if f.Type.Kind == graph.KindOptional && f.Type.Inner != nil {
		t = *f.Type.Inner
	}
	c.OutType(0, t)
	return nil
}

func (*getElement) Eval(e *op.Eval) error {
	v := e.Value(0)
	if o, ok := v.(*tensor.Optional); ok {
		if o.Value == nil {
			return fmt.Errorf("the optional is empty")
		}
		v = o.Value
	}
	e.SetOut(0, v)
	return nil
}

// hasElement is OptionalHasElement: whether there is a value.
type hasElement struct{}

var hasElementDef = &op.Def{Name: "OptionalHasElement", New: func(*op.Args) (op.Op, error) { return &hasElement{}, nil }}

func (*hasElement) Infer(c *op.Infer) error {
	c.Out(0, tensor.Bool, graph.Shape{})
	return nil
}

func (*hasElement) Eval(e *op.Eval) error {
	v := e.Value(0)
	has := v != nil
	if o, ok := v.(*tensor.Optional); ok {
		has = o.Value != nil
	}
	y, err := e.Out(0, tensor.Bool)
	if err != nil {
		return err
	}
	y.SetIntAt(0, 0)
	if has {
		y.SetIntAt(0, 1)
	}
	return nil
}
