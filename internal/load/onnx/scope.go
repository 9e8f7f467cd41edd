package onnx

import (
	"strconv"

	"github.com/walnut-ai/walnut/internal/graph"
)

// frame is a graph under construction: the main graph or a body.
type frame struct {
	parent   *frame
	depth    int
	g        *graph.Graph
	names    map[string]int // value names in use -> times a suffix was added
	captured map[*graph.Value]*graph.Value
	captures []*graph.Value
}

func newFrame(parent *frame) *frame {
	f := &frame{parent: parent, g: &graph.Graph{}, names: map[string]int{}}
	if parent != nil {
		f.depth = parent.depth + 1
		f.captured = map[*graph.Value]*graph.Value{}
	}
	return f
}

// unique returns name, or name with a number that no value of f has yet.
func (f *frame) unique(name string) string { return unique(f.names, name) }

func unique(used map[string]int, name string) string {
	n, taken := used[name]
	if !taken {
		used[name] = 0
		return name
	}
	for {
		n++
		s := name + "#" + strconv.Itoa(n+1)
		if _, taken := used[s]; !taken {
			used[name], used[s] = n, 0
			return s
		}
	}
}

// bring returns the value of f that stands for v of the surrounding frame
// from, adding captures on the way.
func (b *builder) bring(f *frame, v *graph.Value, from *frame) (*graph.Value, error) {
	if f == from || v == nil {
		return v, nil
	}
	o, err := b.bring(f.parent, v, from)
	if err != nil {
		return nil, err
	}
	if c := f.captured[o]; c != nil {
		return c, nil
	}
	if err := b.charge(costValue + len(o.Name)/4); err != nil { // names are mostly shared
		return nil, err
	}
	c := &graph.Value{Name: f.unique(o.Name), Type: o.Type}
	f.captured[o] = c
	f.captures = append(f.captures, o)
	f.g.Inputs = append(f.g.Inputs, c)
	return c, nil
}

// scope gives the names of one text (main graph, body, function) their values.
type scope struct {
	outer *scope // text around a body; nil for the main graph and for functions
	frame *frame // graph that the text is expanded into
	vals  map[string]*graph.Value
	// given holds values that the caller of a function has made for its outputs.
	given   map[string]*graph.Value
	types   map[string]graph.Type
	local   bool   // symbols of types are renamed
	prefix  string // of value names: empty outside functions
	path    string // of node paths
	imports map[string]int
	call    *call
}

// call is an expansion of a function.
type call struct {
	fn    *pFunc
	attrs map[string]boundAttr
	outer *call
	depth int
}

// boundAttr is an attribute with the scope that the names in its body belong to.
type boundAttr struct {
	*pAttr
	scope *scope
}

// find returns the value of name; ok is false if there is none. The value is
// nil for an input that the caller of a function left out.
func (b *builder) find(s *scope, name string) (v *graph.Value, ok bool, err error) {
	if v, ok = s.vals[name]; ok || s.outer == nil {
		return v, ok, nil
	}
	if v, ok, err = b.find(s.outer, name); err != nil || !ok {
		return nil, ok, err
	}
	if v, err = b.bring(s.frame, v, s.outer.frame); err != nil {
		return nil, false, err
	}
	s.vals[name] = v
	return v, true, b.charge(64)
}

// define makes the value that the text calls name.
func (b *builder) define(s *scope, name string) (*graph.Value, error) {
	if v := s.given[name]; v != nil {
		delete(s.given, name)
		s.vals[name] = v
		return v, nil
	}
	cost := costValue
	if s.prefix != "" {
		cost += costName + len(s.prefix) + len(name)
	}
	if err := b.charge(cost); err != nil {
		return nil, err
	}
	v := &graph.Value{Name: name}
	if s.prefix != "" {
		v.Name = s.frame.unique(s.prefix + "/" + name)
	}
	if t, ok := s.types[name]; ok {
		if err := b.declare(s, v, t); err != nil {
			return nil, err
		}
	}
	s.vals[name] = v
	return v, nil
}

// declare sets v's type from the file. Symbols of bodies and functions have a
// meaning of their own at every place, so they are renamed.
func (b *builder) declare(s *scope, v *graph.Value, t graph.Type) error {
	v.Declared = true
	v.Type = t
	if !s.local {
		return nil
	}
	var err error
	v.Type, err = b.rename(t)
	return err
}

func (b *builder) rename(t graph.Type) (graph.Type, error) {
	if err := b.charge(64 + costDim*len(t.Shape)); err != nil {
		return t, err
	}
	if t.Shape != nil {
		s := make(graph.Shape, len(t.Shape))
		for i, d := range t.Shape {
			if s[i] = d; !d.Known() {
				s[i] = b.fresh()
			}
		}
		t.Shape = s
	}
	if t.Inner != nil {
		inner, err := b.rename(*t.Inner)
		if err != nil {
			return t, err
		}
		t.Inner = &inner
	}
	return t, nil
}
