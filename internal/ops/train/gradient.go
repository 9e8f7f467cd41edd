package train

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// gradient is Gradient: the derivative of y, a tensor of the surrounding graph,
// by its inputs xs, at the values that the node is given for xs and zs. It keeps
// its own copy of the part of the graph between them, so that passes may do
// with the graph what they like, and runs it forwards and backwards in float64.
// If y has several elements it is the derivative of their sum.
type gradient struct {
	nx, nz int
	consts []*tensor.Tensor
	steps  []step
	y      int
}

// step computes value out. Values are numbered: xs, zs, constants, then one a step.
type step struct {
	rule *rule
	in   []int
	path string // of the node, for errors
}

var gradientDef = &op.Def{Domain: domain, Name: "Gradient", New: func(a *op.Args) (op.Op, error) {
	xs, zs, y := a.Strings("xs"), a.Strings("zs"), a.String("y", "")
	switch {
	case a.NIn() != len(xs)+len(zs):
		return nil, fmt.Errorf("%d inputs for %d xs and %d zs", a.NIn(), len(xs), len(zs))
	case a.NOut() > len(xs):
		return nil, fmt.Errorf("%d outputs for %d xs", a.NOut(), len(xs))
	case a.Graph == nil:
		return nil, fmt.Errorf("the graph around the node is not known")
	}
	for i := range a.NIn() {
		if !a.HasIn(i) {
			return nil, fmt.Errorf("input %d is missing", i)
		}
	}
	target := findValue(a.Graph, y)
	if target == nil {
		return nil, fmt.Errorf("y = %q is no tensor of the graph", y)
	}
	b := &builder{stop: map[string]int{}, num: map[*graph.Value]int{}, o: &gradient{nx: len(xs), nz: len(zs)}}
	for i, n := range append(append([]string{}, xs...), zs...) {
		if _, ok := b.stop[n]; ok {
			return nil, fmt.Errorf("%q occurs twice in xs and zs", n)
		}
		b.stop[n] = i
	}
	if err := b.collect(target); err != nil {
		return nil, err
	}
	b.o.y = b.num[target]
	return b.o, nil
}}

func findValue(g *graph.Graph, name string) *graph.Value {
	for _, v := range g.Inputs {
		if v != nil && v.Name == name {
			return v
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Outputs {
			if v != nil && v.Name == name {
				return v
			}
		}
	}
	return nil
}

// builder numbers the values that y depends on, constants before steps.
type builder struct {
	o    *gradient
	stop map[string]int
	num  map[*graph.Value]int
}

// collect visits v and what it depends on, depth first with its own stack, and
// then makes the steps in the order in which their inputs are ready.
func (b *builder) collect(v *graph.Value) error {
	type visit struct {
		v    *graph.Value
		done bool
	}
	var order []*graph.Value
	seen := map[*graph.Value]bool{}
	stack := []visit{{v, false}}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if top.done {
			order = append(order, top.v)
			continue
		}
		if seen[top.v] {
			continue
		}
		seen[top.v] = true
		leaf, err := b.leaf(top.v)
		if err != nil {
			return err
		}
		if leaf {
			continue
		}
		stack = append(stack, visit{top.v, true})
		for _, in := range top.v.Producer.Inputs {
			if in == nil {
				return top.v.Producer.Errorf("an absent input can't be differentiated")
			}
			stack = append(stack, visit{in, false})
		}
	}
	base := b.o.nx + b.o.nz + len(b.o.consts)
	for i, v := range order {
		b.num[v] = base + i
	}
	for _, v := range order {
		n := v.Producer
		r := rules[n.Op]
		s := step{rule: r, path: n.Path}
		for _, in := range n.Inputs {
			s.in = append(s.in, b.num[in])
		}
		if len(s.in) < r.min || len(s.in) > r.max {
			return n.Errorf("%d inputs", len(s.in))
		}
		b.o.steps = append(b.o.steps, s)
	}
	return nil
}

// leaf numbers v if it is an input or a constant; otherwise it checks that its
// producer can be differentiated.
func (b *builder) leaf(v *graph.Value) (bool, error) {
	if i, ok := b.stop[v.Name]; ok {
		b.num[v] = i
		return true, nil
	}
	t := v.Tensor()
	n := v.Producer
	if t == nil && n != nil && n.Domain == "" && n.Op == "Constant" {
		if a := n.Attrs.Get("value"); a != nil {
			t = a.T
		} else if a := n.Attrs.Get("value_float"); a != nil {
			t = tensor.Scalar(a.F)
		}
	}
	if t != nil {
		if !t.DType().IsFloat() {
			return false, fmt.Errorf("constant %q is %v, only floats can be differentiated", v.Name, t)
		}
		b.num[v] = b.o.nx + b.o.nz + len(b.o.consts)
		b.o.consts = append(b.o.consts, t)
		return true, nil
	}
	if n == nil {
		return false, fmt.Errorf("y depends on %q, which is not among xs and zs", v.Name)
	}
	if n.Domain != "" || rules[n.Op] == nil {
		return false, n.Errorf("Gradient can't differentiate %s; it knows %s", graph.OpName(n.Domain, n.Op), ruleNames())
	}
	if len(n.Attrs.List()) > 0 {
		return false, n.Errorf("Gradient can't differentiate %s with attributes (versions before 7)", n.Op)
	}
	return false, nil
}

func (o *gradient) Infer(c *op.Infer) error {
	for i := range c.NOut() {
		c.Like(i, i)
	}
	return nil
}

func (o *gradient) Eval(e *op.Eval) error {
	vals, err := o.forward(e)
	if err != nil {
		return err
	}
	grads := make([]*array, len(vals))
	y := vals[o.y]
	if grads[o.y], err = newArray(e, y.dims); err != nil {
		return err
	}
	for i := range grads[o.y].v {
		grads[o.y].v[i] = 1
	}
	base := len(vals) - len(o.steps)
	for k := len(o.steps) - 1; k >= 0; k-- {
		g := grads[base+k]
		if g == nil {
			continue // y does not depend on it
		}
		s := o.steps[k]
		in, din := make([]*array, len(s.in)), make([]*array, len(s.in))
		for i, j := range s.in {
			in[i] = vals[j]
			if grads[j] == nil {
				if grads[j], err = newArray(e, vals[j].dims); err != nil {
					return err
				}
			}
			din[i] = grads[j]
		}
		if err := s.rule.back(e, in, vals[base+k], g, din); err != nil {
			return fmt.Errorf("%s: %w", s.path, err)
		}
	}
	for i := range e.NOut() {
		if !e.Wants(i) {
			continue
		}
		g := grads[i]
		if g == nil {
			if g, err = newArray(e, vals[i].dims); err != nil {
				return err
			}
		}
		if err := e.SetFloats(i, e.In(i).DType(), g.dims, g.v); err != nil {
			return err
		}
	}
	return nil
}

// forward computes all values.
func (o *gradient) forward(e *op.Eval) ([]*array, error) {
	var vals []*array
	add := func(t *tensor.Tensor) error {
		if !t.DType().IsFloat() {
			return fmt.Errorf("%v can't be differentiated, only floats", t)
		}
		a, err := newArray(e, t.Shape())
		if err != nil {
			return err
		}
		t.Floats(a.v[:0])
		vals = append(vals, a)
		return nil
	}
	for i := range o.nx + o.nz {
		if err := add(e.In(i)); err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
	}
	for _, t := range o.consts {
		if err := add(t); err != nil {
			return nil, err
		}
	}
	for _, s := range o.steps {
		in := make([]*array, len(s.in))
		for i, j := range s.in {
			in[i] = vals[j]
		}
		v, err := s.rule.run(e, in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.path, err)
		}
		vals = append(vals, v)
	}
	return vals, nil
}
