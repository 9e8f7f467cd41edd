package control

import (
	"fmt"
	"slices"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// scan is Scan from version 9 on: states, then scan inputs that are cut along
// an axis, one slice a round; scan outputs are stacked along an axis.
type scan struct {
	body            *graph.Body
	states, scans   int
	inAxes, outAxes []int
	inBack, outBack []int // 1: from the end to the start
}

var scanDef = &op.Def{Name: "Scan", New: func(a *op.Args) (op.Op, error) {
	body := a.Node.Body("body")
	n := a.Int("num_scan_inputs", 0)
	in := a.NIn()
	if a.Version < 9 {
		in--
	}
	if n < 1 || n > in {
		return nil, fmt.Errorf("attribute \"num_scan_inputs\" = %d, must be from 1 to the number of inputs %d", n, in)
	}
	s := scan{body: body, states: in - n, scans: n}
	outs := len(body.Graph.Outputs) - s.states
	switch {
	case body.Graph.Formal != in:
		return nil, fmt.Errorf("body takes %d inputs, the node gives %d", body.Graph.Formal, in)
	case outs < 0 || a.NOut() > len(body.Graph.Outputs):
		return nil, fmt.Errorf("body has %d outputs, must have %d states and the node's %d outputs", len(body.Graph.Outputs), s.states, a.NOut())
	}
	for i := range in {
		if !a.HasIn(a.NIn() - in + i) {
			return nil, fmt.Errorf("input %d is missing", a.NIn()-in+i)
		}
	}
	if a.Version < 9 {
		s.inBack = flags(a, "directions", n)
		return &scan8{s}, nil
	}
	s.inAxes, s.outAxes = axes(a, "scan_input_axes", n), axes(a, "scan_output_axes", outs)
	s.inBack, s.outBack = flags(a, "scan_input_directions", n), flags(a, "scan_output_directions", outs)
	return &s, nil
}}

// axes returns a list attribute of n numbers, zeros if it is absent.
func axes(a *op.Args, name string, n int) []int {
	l := a.Ints(name)
	if len(l) == 0 {
		return make([]int, n)
	}
	if len(l) != n {
		a.Fail("attribute %q has %d elements, must have %d", name, len(l), n)
		return make([]int, n)
	}
	return l
}

// flags is axes with elements 0 and 1 only.
func flags(a *op.Args, name string, n int) []int {
	l := axes(a, name, n)
	for _, v := range l {
		if v != 0 && v != 1 {
			a.Fail("attribute %q = %v, must hold 0 and 1", name, l)
		}
	}
	return l
}

// without returns f's fact with an axis removed, and that axis's length.
func without(f op.Fact, axis int, fresh func() graph.Dim) (op.Fact, graph.Dim, error) {
	s := f.Type.Shape
	if t, ok := f.Const.(*tensor.Tensor); ok && s == nil {
		s = graph.Dims(t.Shape()...)
	}
	g := op.Fact{Type: graph.TensorType(f.Type.Elem, nil)}
	if s == nil {
		return g, fresh(), nil
	}
	axis, err := op.Axis(axis, len(s))
	if err != nil {
		return g, graph.Dim{}, err
	}
	g.Type.Shape = append(append(graph.Shape{}, s[:axis]...), s[axis+1:]...)
	return g, s[axis], nil
}

// agree joins what several inputs say about one length.
func agree(a, b graph.Dim) (graph.Dim, error) {
	switch {
	case !a.Known():
		return b, nil
	case b.Known() && a != b:
		return a, fmt.Errorf("scan inputs have %d and %d slices, must have as many", a.N, b.N)
	}
	return a, nil
}

func (o *scan) Infer(c *op.Infer) error {
	length := c.Fresh()
	items := make([]op.Fact, o.scans)
	for i := range items {
		var d graph.Dim
		var err error
		if items[i], d, err = without(c.In(o.states+i), o.inAxes[i], c.Fresh); err == nil {
			length, err = agree(length, d)
		}
		if err != nil {
			return err
		}
	}
	first := make([]op.Fact, o.states)
	for i := range first {
		first[i] = c.In(i)
	}
	if length == graph.D(0) {
		for i := range first {
			c.OutFact(i, first[i])
		}
		for k := o.states; k < c.NOut(); k++ {
			t := o.body.Graph.Outputs[k].Type
			axis, err := op.Axis(o.outAxes[k-o.states], len(t.Shape)+1)
			if err != nil {
				return err
			}
			c.Out(k, t.Elem, graph.Dims(emptyDims(t, axis)...))
		}
		return nil
	}
	s, out, err := o.infer(c, first, items)
	if err != nil && !length.Known() {
		vague(c, o.body, first, 0)
		return nil
	}
	if err != nil {
		return err
	}
	for i := range first {
		c.OutFact(i, s.final(i))
	}
	for k := o.states; k < c.NOut(); k++ {
		dims := stackedDims(c, out[k].Type.Shape, o.body.Graph.Outputs[k].Type, length.Known())
		if dims != nil {
			axis, err := op.Axis(o.outAxes[k-o.states], len(dims)+1)
			if err != nil {
				return err
			}
			dims = slices.Insert(dims, axis, length)
		}
		c.Out(k, out[k].Type.Elem, dims)
	}
	return nil
}

// infer runs the body to its fixpoint.
func (o *scan) infer(c *op.Infer, first, items []op.Fact) (*carried, []op.Fact, error) {
	s := newCarried(c, first)
	for i := range first {
		if passes(o.body, i, i) {
			s.keep(i, first[i])
		}
	}
	out, err := s.fixpoint(0, func(state []op.Fact) ([]op.Fact, error) {
		return c.Body("body", append(append([]op.Fact{}, state...), items...))
	})
	return s, out, err
}

// rounds runs the body n times from the given states on. slice gives scan
// input i's slice of a round.
func (o *scan) rounds(e *op.Eval, n int, state []tensor.Value, slice func(i, round int) (*tensor.Tensor, error)) ([][]*tensor.Tensor, error) {
	scans := make([][]*tensor.Tensor, len(o.body.Graph.Outputs)-o.states)
	for r := range n {
		if err := e.Tick(1); err != nil {
			return nil, err
		}
		formal := append(make([]tensor.Value, 0, o.states+o.scans), state...)
		for i := range o.scans {
			k := r
			if o.inBack[i] == 1 {
				k = n - 1 - r
			}
			t, err := slice(i, k)
			if err != nil {
				return nil, err
			}
			formal = append(formal, t)
		}
		out, err := e.Body("body", formal)
		if err != nil {
			return nil, err
		}
		if len(out) != o.states+len(scans) {
			return nil, fmt.Errorf("body gave %d outputs, must give %d", len(out), o.states+len(scans))
		}
		copy(state, out)
		if err := collect(e, scans, out[o.states:], o.states); err != nil {
			return nil, err
		}
	}
	return scans, nil
}

// at returns place k of t along axis, without that axis.
func at(e *op.Eval, t *tensor.Tensor, axis, k int) (*tensor.Tensor, error) {
	p, err := e.Part(t, axis, k, 1)
	if err != nil {
		return nil, err
	}
	return p.Reshaped(append(append([]int{}, t.Shape()[:axis]...), t.Shape()[axis+1:]...)...)
}

func (o *scan) Eval(e *op.Eval) error {
	n := -1
	ax := make([]int, o.scans)
	for i := range ax {
		t := e.In(o.states + i)
		if t == nil {
			return fmt.Errorf("input %d is %s, must be a tensor", o.states+i, tensor.Describe(e.Value(o.states+i)))
		}
		var err error
		if ax[i], err = op.Axis(o.inAxes[i], t.Rank()); err != nil {
			return err
		}
		if d := t.Shape()[ax[i]]; n >= 0 && d != n {
			return fmt.Errorf("scan inputs have %d and %d slices, must have as many", n, d)
		}
		n = t.Shape()[ax[i]]
	}
	state := make([]tensor.Value, o.states)
	for i := range state {
		state[i] = e.Value(i)
	}
	scans, err := o.rounds(e, n, state, func(i, round int) (*tensor.Tensor, error) {
		return at(e, e.In(o.states+i), ax[i], round)
	})
	if err != nil {
		return err
	}
	for i, v := range state {
		e.SetOut(i, v)
	}
	for k, parts := range scans {
		if o.outBack[k] == 1 {
			slices.Reverse(parts)
		}
		if err := stack(e, o.states+k, parts, o.body.Graph.Outputs[o.states+k].Type, o.outAxes[k]); err != nil {
			return err
		}
	}
	return nil
}
