package control

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// loop is Loop: inputs M, cond and the initial states; the body takes
// iteration, condition and states and gives condition, states and scan
// outputs. Without the input cond the body's condition is ignored (Loop, table
// of operating modes).
type loop struct {
	body   *graph.Body
	states int
}

var loopDef = &op.Def{Name: "Loop", New: func(a *op.Args) (op.Op, error) {
	o := &loop{a.Node.Body("body"), max(a.NIn()-2, 0)}
	g := o.body.Graph
	switch {
	case g.Formal != o.states+2:
		return nil, fmt.Errorf("body takes %d inputs, must take iteration, condition and %d states", g.Formal, o.states)
	case len(g.Outputs) < 1+o.states:
		return nil, fmt.Errorf("body has %d outputs, must have the condition and %d states", len(g.Outputs), o.states)
	case a.NOut() > len(g.Outputs)-1:
		return nil, fmt.Errorf("the node has %d outputs, its body gives %d", a.NOut(), len(g.Outputs)-1)
	}
	for i := range o.states {
		if !a.HasIn(2 + i) {
			return nil, fmt.Errorf("input %d, the initial value of a state, is missing", 2+i)
		}
	}
	return o, nil
}}

// trips says what is known of the number of rounds at inference: none for
// sure, at least one for sure, and M (-1 if it is not known).
func (o *loop) trips(c *op.Infer) (none, some bool, m int64) {
	m = -1
	some = true
	if c.Has(0) {
		some = false
		if n, ok := c.Ints(0); ok && len(n) == 1 {
			m = int64(max(n[0], 0))
			none, some = m == 0, m > 0
		}
	}
	if c.Has(1) {
		t := c.Const(1)
		if t == nil || t.Len() != 1 {
			return none, false, m
		}
		none, some = none || !t.BoolAt(0), some && t.BoolAt(0)
	}
	return none, some, m
}

func (o *loop) Infer(c *op.Infer) error {
	for i, name := range []string{"M", "cond"} {
		if s := c.Shape(i); s.Known() && op.Prod(s.Ints()) != 1 {
			return fmt.Errorf("%s is %v, must be a scalar", name, s)
		}
	}
	none, some, m := o.trips(c)
	if none {
		return o.inferNone(c)
	}
	first := []op.Fact{{Type: graph.TensorType(tensor.Bool, graph.Shape{})}}
	if c.Has(1) {
		first[0] = c.In(1)
	}
	for i := range o.states {
		first = append(first, c.In(2+i))
	}
	s := newCarried(c, first)
	for i := range o.states {
		if passes(o.body, 1+i, 2+i) {
			s.keep(1+i, first[1+i])
		}
	}
	out, err := s.fixpoint(0, func(state []op.Fact) ([]op.Fact, error) {
		formal := append([]op.Fact{{Type: graph.TensorType(tensor.Int64, graph.Shape{})}}, state...)
		if c.Has(1) { // the body runs only while the condition holds
			formal[1] = holds(formal[1])
		}
		return c.Body("body", formal)
	})
	if err != nil {
		if some {
			return err
		}
		vague(c, o.body, first[1:], 1)
		return nil
	}
	for i := range o.states {
		c.OutFact(i, s.final(1+i))
	}
	count := c.Fresh()
	always, _ := out[0].Const.(*tensor.Tensor)
	if m >= 0 && int64(int(m)) == m && (!c.Has(1) || some && always != nil && always.Len() == 1 && always.BoolAt(0)) {
		count = graph.D(int(m))
	}
	for i := o.states; i < c.NOut(); i++ {
		f := out[1+i]
		dims := stackedDims(c, f.Type.Shape, o.body.Graph.Outputs[1+i].Type, some)
		if dims != nil {
			dims = append(graph.Shape{count}, dims...)
		}
		c.Out(i, f.Type.Elem, dims)
	}
	return nil
}

// holds gives a condition the value true if it is known to be one bool.
func holds(f op.Fact) op.Fact {
	if f.Type.Kind != graph.KindTensor || !f.Type.Shape.Known() || op.Prod(f.Type.Shape.Ints()) != 1 || len(f.Type.Shape) > 8 {
		return f
	}
	if t, err := tensor.From([]bool{true}, f.Type.Shape.Ints()...); err == nil {
		f.Const = t
	}
	return f
}

// inferNone states the outputs of a loop without rounds.
func (o *loop) inferNone(c *op.Infer) error {
	for i := range c.NOut() {
		if i < o.states {
			c.OutFact(i, c.In(2+i))
			continue
		}
		t := o.body.Graph.Outputs[1+i].Type
		c.Out(i, t.Elem, graph.Dims(emptyDims(t, 0)...))
	}
	return nil
}

func (o *loop) Eval(e *op.Eval) error {
	limit := int64(math.MaxInt64)
	if t := e.In(0); t != nil {
		if t.Len() != 1 {
			return fmt.Errorf("M is %v, must be a scalar", t)
		}
		limit = t.IntAt(0)
	}
	var cond tensor.Value = tensor.Scalar(true)
	if e.Has(1) {
		cond = e.Value(1)
	}
	if t, _ := cond.(*tensor.Tensor); t == nil || t.Len() != 1 {
		return fmt.Errorf("cond is %s, must be a scalar", tensor.Describe(cond))
	}
	state := make([]tensor.Value, o.states)
	for i := range state {
		state[i] = e.Value(2 + i)
	}
	scans := make([][]*tensor.Tensor, len(o.body.Graph.Outputs)-1-o.states)
	for i := int64(0); i < limit; i++ {
		if e.Has(1) {
			t, _ := cond.(*tensor.Tensor)
			if on, err := scalarBool(t); err != nil {
				return err
			} else if !on {
				break
			}
		}
		if err := e.Tick(1); err != nil {
			return err
		}
		out, err := e.Body("body", append([]tensor.Value{tensor.Scalar(i), cond}, state...))
		if err != nil {
			return err
		}
		if len(out) != 1+o.states+len(scans) {
			return fmt.Errorf("body gave %d outputs, must give %d", len(out), 1+o.states+len(scans))
		}
		cond = out[0]
		copy(state, out[1:])
		if err := collect(e, scans, out[1+o.states:], o.states); err != nil {
			return err
		}
	}
	for i, v := range state {
		e.SetOut(i, v)
	}
	for k, parts := range scans {
		if err := stack(e, o.states+k, parts, o.body.Graph.Outputs[1+o.states+k].Type, 0); err != nil {
			return err
		}
	}
	return nil
}

// collect appends one round's scan outputs to those that the node wants; the
// first is output first of the node.
func collect(e *op.Eval, scans [][]*tensor.Tensor, out []tensor.Value, first int) error {
	for k := range scans {
		if !e.Wants(first + k) {
			continue
		}
		t, ok := out[k].(*tensor.Tensor)
		if !ok {
			return fmt.Errorf("scan output %d is %s, must be a tensor", k, tensor.Describe(out[k]))
		}
		if p := scans[k]; len(p) > 0 && (p[0].DType() != t.DType() || !tensor.SameShape(p[0].Shape(), t.Shape())) {
			return fmt.Errorf("scan output %d is %v in round %d, was %v before", k, t, len(p), p[0])
		}
		scans[k] = append(scans[k], t)
	}
	return nil
}

// stack makes output i of the values of all rounds. t is the body's type for them.
func stack(e *op.Eval, i int, parts []*tensor.Tensor, t graph.Type, axis int) error {
	if !e.Wants(i) {
		return nil
	}
	if len(parts) > 0 {
		return e.Stack(i, parts, axis)
	}
	if t.Elem == tensor.Invalid {
		return fmt.Errorf("scan output %d has no rounds and its body declares no element type", i)
	}
	if _, err := op.Axis(axis, len(t.Shape)+1); err != nil {
		return err
	}
	_, err := e.Out(i, t.Elem, emptyDims(t, axis)...)
	return err
}
