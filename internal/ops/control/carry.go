package control

import (
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// carried are the facts of values that go round a loop.
type carried struct {
	c      *op.Infer
	state  []op.Fact
	varies []map[int]bool // dimensions of a state that change on the way
}

func newCarried(c *op.Infer, first []op.Fact) *carried {
	s := &carried{c: c, state: make([]op.Fact, len(first)), varies: make([]map[int]bool, len(first))}
	for i, f := range first {
		s.state[i] = op.Fact{Type: f.Type}
		s.varies[i] = map[int]bool{}
	}
	return s
}

// keep says that state i goes round unchanged, so that its value holds too.
func (s *carried) keep(i int, f op.Fact) { s.state[i] = f }

// widen generalises the states to hold for the values after one more round
// too, and reports whether anything had to change.
func (s *carried) widen(next []op.Fact) bool {
	changed := false
	for i := range s.state {
		if s.widenOne(i, next[i].Type) {
			changed = true
		}
	}
	return changed
}

func (s *carried) widenOne(i int, n graph.Type) bool {
	t := &s.state[i].Type
	switch {
	case t.Kind == graph.KindUnknown:
		return false
	case n.Kind == graph.KindUnknown || n.Kind != t.Kind:
		*t = graph.Type{}
		return true
	case t.Kind != graph.KindTensor:
		return s.widenInner(i, n)
	}
	changed := false
	if t.Elem != n.Elem && t.Elem != tensor.Invalid {
		t.Elem, changed = tensor.Invalid, true
	}
	if t.Shape == nil {
		return changed
	}
	if len(n.Shape) != len(t.Shape) || n.Shape == nil {
		t.Shape = nil
		return true
	}
	for k, d := range n.Shape {
		if d == t.Shape[k] || s.varies[i][k] {
			continue
		}
		if !changed {
			t.Shape = append(graph.Shape{}, t.Shape...)
		}
		t.Shape[k], s.varies[i][k], changed = s.c.Fresh(), true, true
	}
	return changed
}

// widenInner handles sequences and optionals: what is inside keeps its element
// type, its shape is given up where it changes.
func (s *carried) widenInner(i int, n graph.Type) bool {
	t := &s.state[i].Type
	if t.Inner == nil {
		return false
	}
	if n.Inner == nil {
		t.Inner = nil
		return true
	}
	a, b := *t.Inner, *n.Inner
	if a.Kind != b.Kind || a.Elem != b.Elem || a.Inner != nil {
		if sameType(a, b) {
			return false
		}
		t.Inner = nil
		return true
	}
	if a.Shape == nil || sameShape(a.Shape, b.Shape) {
		return false
	}
	a.Shape = nil
	t.Inner = &a
	return true
}

func sameType(a, b graph.Type) bool {
	if a.Kind != b.Kind || a.Elem != b.Elem || a.Key != b.Key || !sameShape(a.Shape, b.Shape) || (a.Inner == nil) != (b.Inner == nil) {
		return false
	}
	return a.Inner == nil || sameType(*a.Inner, *b.Inner)
}

func sameShape(a, b graph.Shape) bool {
	if (a == nil) != (b == nil) || len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// final returns the fact of state i after the loop: a dimension that varies
// has some value of its own.
func (s *carried) final(i int) op.Fact {
	f := s.state[i]
	if f.Type.Shape == nil || len(s.varies[i]) == 0 {
		return f
	}
	f.Type.Shape = append(graph.Shape{}, f.Type.Shape...)
	for k := range f.Type.Shape {
		if s.varies[i][k] {
			f.Type.Shape[k] = s.c.Fresh()
		}
	}
	return f
}

// fixpoint infers the body until its states no longer change: round gets the
// facts of the states and returns those of all outputs, of which the states
// start at from.
func (s *carried) fixpoint(from int, round func(state []op.Fact) ([]op.Fact, error)) ([]op.Fact, error) {
	for n := 0; ; n++ {
		out, err := round(s.state)
		if err != nil {
			return nil, err
		}
		if !s.widen(out[from : from+len(s.state)]) {
			return out, nil
		}
		if n > 8 { // a state with many dimensions that change one after another
			for i := range s.state {
				if s.state[i].Type.Kind == graph.KindTensor {
					s.state[i].Type.Shape = nil
				}
				s.state[i].Const, s.state[i].Elems = nil, nil
			}
		}
	}
}

// vague states element types alone, for a body that can't be right for what
// goes in: the node works only if the body does not run. The node's outputs
// are the body's from skip on, states first.
func vague(c *op.Infer, b *graph.Body, states []op.Fact, skip int) {
	for i := range c.NOut() {
		if i >= len(states) {
			c.Out(i, b.Graph.Outputs[skip+i].Type.Elem, nil)
			continue
		}
		t := states[i].Type
		t.Shape = nil
		if t.Kind != graph.KindTensor {
			t.Inner = nil
		}
		c.OutType(i, t)
	}
}

// stackedDims returns the dimensions of a scan output but for the stacked
// axis. Without a round at run time they are those of the body's declared
// type, symbols 0, so that only what is known there can be said, unless sure
// says that there is a round.
func stackedDims(c *op.Infer, inner graph.Shape, declared graph.Type, sure bool) graph.Shape {
	if inner == nil {
		return nil
	}
	s := append(graph.Shape{}, inner...)
	for k, d := range s {
		known := len(declared.Shape) == len(s) && declared.Shape[k] == d
		switch {
		case !d.Known() && (!sure || strings.ContainsRune(d.Sym, '?')):
			s[k] = c.Fresh()
		case d.Known() && !sure && !known:
			s[k] = c.Fresh()
		}
	}
	if !sure && len(declared.Shape) != len(s) {
		return nil
	}
	return s
}

// emptyDims returns the shape of a scan output without rounds: 0 along axis,
// the rest is what the body declares, symbols 0.
func emptyDims(t graph.Type, axis int) []int {
	if axis < 0 {
		axis += len(t.Shape) + 1
	}
	dims := make([]int, 0, len(t.Shape)+1)
	for k, d := range t.Shape {
		if k == axis {
			dims = append(dims, 0)
		}
		dims = append(dims, d.N) // 0 for a symbol
	}
	if axis >= len(t.Shape) {
		dims = append(dims, 0)
	}
	return dims
}

// passes reports whether output k of b is its input i, unchanged.
func passes(b *graph.Body, k, i int) bool {
	return k < len(b.Graph.Outputs) && i < len(b.Graph.Inputs) && b.Graph.Outputs[k] == b.Graph.Inputs[i]
}
