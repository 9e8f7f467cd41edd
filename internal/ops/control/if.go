package control

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// ifOp is If: the outputs of one of two bodies without parameters.
type ifOp struct{}

var ifDef = &op.Def{Name: "If", New: func(a *op.Args) (op.Op, error) {
	for _, name := range []string{"then_branch", "else_branch"} {
		if b := a.Node.Body(name); len(b.Graph.Outputs) != a.NOut() {
			return nil, fmt.Errorf("%s has %d outputs, the node has %d", name, len(b.Graph.Outputs), a.NOut())
		}
	}
	return &ifOp{}, nil
}}

// Infer states what holds whichever branch runs. A branch that can't be right
// (exporters write branches for ranks that don't occur) counts as not taken.
func (*ifOp) Infer(c *op.Infer) error {
	if s := c.Shape(0); s.Known() && op.Prod(s.Ints()) != 1 {
		return fmt.Errorf("condition is %v, must have one element", s)
	}
	a, errA := c.Body("then_branch", nil)
	b, errB := c.Body("else_branch", nil)
	if t := c.Const(0); t != nil && t.Len() == 1 {
		if t.BoolAt(0) {
			b, errB = a, errA
		} else {
			a, errA = b, errB
		}
	}
	switch {
	case errA != nil && errB != nil:
		return errA
	case errA != nil:
		a = typesOf(b)
		b = a
	case errB != nil:
		a = typesOf(a)
		b = a
	}
	for i := range c.NOut() {
		c.OutFact(i, mergeFacts(c, a[i], b[i]))
	}
	return nil
}

// typesOf drops the values of facts: should the branch that can't be right be
// taken after all, it must run and fail.
func typesOf(l []op.Fact) []op.Fact {
	t := make([]op.Fact, len(l))
	for i, f := range l {
		t[i] = op.Fact{Type: f.Type}
	}
	return t
}

// mergeFacts returns what holds for a value of which a or b is known.
func mergeFacts(c *op.Infer, a, b op.Fact) op.Fact {
	f := op.Fact{Type: c.MergeTypes(a.Type, b.Type)}
	if a.Const != nil && a.Const == b.Const {
		f.Const = a.Const
	}
	x, y := op.FactElems(a), op.FactElems(b)
	if x != nil && y != nil && len(x) == len(y) {
		f.Elems = x
		for i := range x {
			if x[i] != y[i] {
				f.Elems = nil
				break
			}
		}
	}
	return f
}

func (*ifOp) Eval(e *op.Eval) error {
	cond, err := scalarBool(e.In(0))
	if err != nil {
		return err
	}
	name := "else_branch"
	if cond {
		name = "then_branch"
	}
	out, err := e.Body(name, nil)
	if err != nil {
		return err
	}
	return setAll(e, name, out)
}

// scalarBool returns the one element of a condition.
func scalarBool(t *tensor.Tensor) (bool, error) {
	if t == nil || t.Len() != 1 || t.DType() != tensor.Bool {
		return false, fmt.Errorf("condition is %v, must be one bool", t)
	}
	return t.BoolAt(0), nil
}

// setAll makes a body's outputs the node's.
func setAll(e *op.Eval, name string, out []tensor.Value) error {
	if len(out) < e.NOut() {
		return fmt.Errorf("%s gave %d outputs, the node has %d", name, len(out), e.NOut())
	}
	for i := range e.NOut() {
		e.SetOut(i, out[i])
	}
	return nil
}
