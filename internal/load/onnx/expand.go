package onnx

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
)

// body builds the subgraph attribute a of n, which lives in host. Names of the
// body's text belong to a.scope, which is further out than host if the body was
// passed to a function.
func (b *builder) body(a boundAttr, n *graph.Node, host *frame) (*graph.Body, error) {
	if host.depth == maxBodies {
		return nil, fmt.Errorf("%w: graphs nested deeper than %d", ErrLimit, maxBodies)
	}
	if err := b.charge(costGraph); err != nil {
		return nil, err
	}
	s := &scope{
		outer:   a.scope,
		frame:   newFrame(host),
		local:   true,
		path:    n.Path + "/" + a.Name,
		imports: a.scope.imports,
		call:    a.scope.call,
	}
	if err := b.graph(a.pAttr.body, s); err != nil {
		return nil, err
	}
	return &graph.Body{Attr: a.Name, Graph: s.frame.g, Captures: s.frame.captures}, nil
}

// expand puts the nodes of fn in place of the call n.
func (b *builder) expand(fn *pFunc, n *graph.Node, attrs []boundAttr, s *scope) error {
	fs := &scope{
		frame:   s.frame,
		vals:    map[string]*graph.Value{},
		given:   map[string]*graph.Value{},
		types:   fn.body.types,
		local:   true,
		prefix:  n.Path,
		path:    n.Path,
		imports: fn.imports,
	}
	var err error
	if fs.call, err = enter(fn, attrs, s.call, fs); err != nil {
		return err
	}
	in, out := fn.body.inputs, fn.body.outputs
	if len(n.Inputs) > len(in) || len(n.Outputs) > len(out) {
		return fmt.Errorf("%w: function %s takes %d inputs and gives %d outputs, the node has %d and %d",
			ErrFormat, fn.key, len(in), len(out), len(n.Inputs), len(n.Outputs))
	}
	if err := b.charge(costGraph + 64*(len(in)+len(out)+len(fn.attrs))); err != nil {
		return err
	}
	for i, v := range in {
		fs.vals[v.name] = nil
		if i < len(n.Inputs) {
			fs.vals[v.name] = n.Inputs[i]
		}
	}
	var copies []int // outputs that no node of the function can write itself
	for i, v := range n.Outputs {
		if v == nil {
			continue
		}
		name := out[i].name
		_, isInput := fs.vals[name]
		if isInput || fs.given[name] != nil {
			copies = append(copies, i)
			continue
		}
		fs.given[name] = v
	}
	if err := b.nodes(fn.body, fs); err != nil {
		return err
	}
	for _, i := range copies {
		if err := b.identity(n, fs, out[i].name, n.Outputs[i]); err != nil {
			return err
		}
	}
	return nil
}

// identity adds a node that copies what the function calls name to out.
func (b *builder) identity(n *graph.Node, fs *scope, name string, out *graph.Value) error {
	v, ok, err := b.find(fs, name)
	if err != nil {
		return err
	}
	if !ok || v == nil {
		return fmt.Errorf("%w: output %q of the function is its input, which the node leaves out", ErrFormat, name)
	}
	id := &graph.Node{Op: "Identity", Opset: identityOpset, Inputs: []*graph.Value{v}, Outputs: []*graph.Value{out}}
	id.Path = unique(b.paths, n.Path+"/Identity")
	id.Name = id.Path
	out.Producer = id
	fs.frame.g.Nodes = append(fs.frame.g.Nodes, id)
	return b.charge(costBuilt + 2*len(id.Path))
}

// enter checks a call of fn from within outer and binds its attributes.
func enter(fn *pFunc, attrs []boundAttr, outer *call, fs *scope) (*call, error) {
	c := &call{fn: fn, attrs: map[string]boundAttr{}, outer: outer, depth: 1}
	if outer != nil {
		c.depth = outer.depth + 1
	}
	for o := outer; o != nil; o = o.outer {
		if o.fn == fn {
			return nil, fmt.Errorf("%w: function %s calls itself", ErrFormat, fn.key)
		}
	}
	if c.depth > maxCalls {
		return nil, fmt.Errorf("%w: function calls nested deeper than %d", ErrLimit, maxCalls)
	}
	for _, a := range attrs {
		if _, ok := fn.attrs[a.Name]; !ok {
			return nil, fmt.Errorf("%w: function %s has no attribute %q", ErrFormat, fn.key, a.Name)
		}
		if _, ok := c.attrs[a.Name]; ok {
			return nil, fmt.Errorf("%w: attribute %q occurs twice", ErrFormat, a.Name)
		}
		c.attrs[a.Name] = a
	}
	for name, def := range fn.attrs {
		if _, ok := c.attrs[name]; !ok && def != nil {
			c.attrs[name] = boundAttr{def, fs}
		}
	}
	return c, nil
}
