package op

import "github.com/walnut-ai/walnut/internal/graph"

// MergeTypes returns what holds for a value that is of type a or of type b:
// dimensions that differ become fresh symbols, what differs otherwise is unknown.
func (c *Infer) MergeTypes(a, b graph.Type) graph.Type {
	if a.Kind != b.Kind {
		return graph.Type{}
	}
	t := graph.Type{Kind: a.Kind}
	if a.Elem == b.Elem {
		t.Elem = a.Elem
	}
	if a.Key == b.Key {
		t.Key = a.Key
	}
	t.Shape = c.mergeShapes(a.Shape, b.Shape)
	if a.Inner != nil && b.Inner != nil {
		in := c.MergeTypes(*a.Inner, *b.Inner)
		t.Inner = &in
	}
	return t
}

func (c *Infer) mergeShapes(a, b graph.Shape) graph.Shape {
	if a == nil || b == nil || len(a) != len(b) {
		return nil
	}
	s := make(graph.Shape, len(a))
	for i := range s {
		if s[i] = a[i]; a[i] != b[i] {
			s[i] = c.Fresh()
		}
	}
	return s
}

// ItemType returns the type of one item of a sequence of type t: its symbols
// are fresh, because items of one sequence may differ where the type has a symbol.
func (c *Infer) ItemType(t graph.Type) graph.Type {
	if t.Kind != graph.KindSequence || t.Inner == nil {
		return graph.Type{}
	}
	in := *t.Inner
	if in.Shape != nil {
		in.Shape = append(graph.Shape{}, in.Shape...)
		for i, d := range in.Shape {
			if !d.Known() {
				in.Shape[i] = c.Fresh()
			}
		}
	}
	return in
}

// SequenceOf returns the type of a sequence of values of type item.
func SequenceOf(item graph.Type) graph.Type {
	if item.Kind == graph.KindUnknown {
		return graph.Type{Kind: graph.KindSequence}
	}
	return graph.Type{Kind: graph.KindSequence, Inner: &item}
}
