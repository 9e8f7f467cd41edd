package onnx

import (
	"fmt"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// builder turns a parsed file into a graph: it resolves names, makes captures
// explicit and expands functions.
type builder struct {
	*parser
	model *pModel
	paths map[string]int
}

// identityOpset is the version of the Identity nodes that the reader adds: it
// takes every type.
const identityOpset = 25

// main builds the main graph.
func (b *builder) main() (*graph.Graph, error) {
	f := newFrame(nil)
	s := &scope{frame: f, imports: b.model.imports}
	if err := b.graph(b.model.graph, s); err != nil {
		return nil, err
	}
	f.g.Formal = len(f.g.Inputs)
	return f.g, nil
}

// graph fills the frame of s, which belongs to s alone, with text g.
func (b *builder) graph(pg *pGraph, s *scope) error {
	f := s.frame
	s.vals, s.types = map[string]*graph.Value{}, pg.types
	f.g.Name, f.g.Doc = pg.name, pg.doc
	b.reserve(pg, f)
	for _, in := range pg.inputs {
		v := &graph.Value{Name: in.name}
		t, ok := in.typ, in.typed
		if !ok {
			t, ok = pg.types[in.name]
		}
		if ok {
			if err := b.declare(s, v, t); err != nil {
				return err
			}
		}
		s.vals[in.name] = v
		f.g.Inputs = append(f.g.Inputs, v)
	}
	f.g.Formal = len(f.g.Inputs)
	if err := b.charge(costValue * (len(pg.inputs) + len(pg.inits))); err != nil {
		return err
	}
	for _, in := range pg.inits {
		if v := s.vals[in.name]; v != nil {
			if err := setDefault(v, in.t); err != nil {
				return fmt.Errorf("initializer %q: %w", in.name, err)
			}
			continue
		}
		s.vals[in.name] = &graph.Value{Name: in.name, Const: in.t, Type: typeOf(in.t)}
	}
	if err := b.nodes(pg, s); err != nil {
		return err
	}
	return b.outputs(pg, s)
}

// reserve notes the names of the file, so that those made for functions differ.
func (b *builder) reserve(pg *pGraph, f *frame) {
	if len(b.model.funcs) == 0 {
		return
	}
	for _, v := range pg.inputs {
		f.names[v.name] = 0
	}
	for _, v := range pg.inits {
		f.names[v.name] = 0
	}
	for _, n := range pg.nodes {
		for _, o := range n.outputs {
			f.names[o] = 0
		}
	}
}

func typeOf(t *tensor.Tensor) graph.Type {
	return graph.TensorType(t.DType(), graph.Dims(t.Shape()...))
}

// setDefault gives graph input v an initializer. The declared type must be the
// initializer's; a declared shape that contradicts it is dropped, because files
// of IR version 3 had no reason to keep it right.
func setDefault(v *graph.Value, t *tensor.Tensor) error {
	v.Const, v.Default = t, true
	if v.Type.Kind == graph.KindUnknown {
		v.Type = typeOf(t)
		return nil
	}
	if v.Type.Kind != graph.KindTensor || v.Type.Elem != t.DType() && v.Type.Elem != tensor.Invalid {
		return fmt.Errorf("%w: it is %v, the graph input of that name is declared as %v", ErrFormat, t, v.Type)
	}
	v.Type.Elem = t.DType()
	same := len(v.Type.Shape) == t.Rank()
	for i := 0; same && i < t.Rank(); i++ {
		d := v.Type.Shape[i]
		same = !d.Known() || d.N == t.Shape()[i]
	}
	if !same {
		v.Type.Shape = nil
	}
	return nil
}

func (b *builder) outputs(pg *pGraph, s *scope) error {
	for i, o := range pg.outputs {
		v, ok, err := b.find(s, o.name)
		if err != nil {
			return err
		}
		if !ok || v == nil {
			return fmt.Errorf("%w: %soutput %d, %q, is produced by no node and is no input or initializer", ErrFormat, graphLabel(s), i, o.name)
		}
		// A declaration of the output itself is worth more than value_info,
		// but says nothing about an input, constant or capture.
		if o.typed && v.Producer != nil {
			if err := b.declare(s, v, o.typ); err != nil {
				return err
			}
		}
		s.frame.g.Outputs = append(s.frame.g.Outputs, v)
	}
	return b.charge(16 * len(pg.outputs))
}

func graphLabel(s *scope) string {
	if s.path == "" {
		return "graph "
	}
	return "graph " + s.path + ": "
}

func (b *builder) nodes(pg *pGraph, s *scope) error {
	for _, i := range pg.order {
		if err := b.node(pg.nodes[i], s); err != nil {
			return err
		}
	}
	return nil
}

// node adds pn, or what it expands to, to the frame of s.
func (b *builder) node(pn *pNode, s *scope) error {
	n := &graph.Node{Name: pn.name, Domain: pn.domain, Op: pn.op, Doc: pn.doc}
	n.Path = b.path(pn, s)
	if s.prefix != "" {
		n.Name = n.Path
	}
	if err := b.charge(costBuilt + 2*len(n.Path)); err != nil {
		return n.Wrap(err)
	}
	if err := b.ports(n, pn, s); err != nil {
		return n.Wrap(err)
	}
	attrs, err := b.bind(pn, s)
	if err != nil {
		return n.Wrap(err)
	}
	if fn := b.model.funcs[funcKey{pn.domain, pn.op, pn.overload}]; fn != nil {
		if err := b.expand(fn, n, attrs, s); err != nil {
			return n.Wrap(err)
		}
		return nil
	}
	if pn.overload != "" {
		return n.Errorf("%w: the model has no function %s", ErrFormat, funcKey{pn.domain, pn.op, pn.overload})
	}
	if n.Opset, err = b.opset(pn.domain, s); err != nil {
		return n.Wrap(err)
	}
	if err := b.attrs(n, attrs, s.frame); err != nil {
		return n.Wrap(err)
	}
	for _, v := range n.Outputs {
		if v != nil {
			v.Producer = n
		}
	}
	s.frame.g.Nodes = append(s.frame.g.Nodes, n)
	return nil
}

// path returns a path for pn that no other node has: "/encoder/norm",
// "/layer0/Twice/Mul#3" for node 3, without a name, of a function or body.
func (b *builder) path(pn *pNode, s *scope) string {
	name := pn.name
	if len(name) > 120 {
		name = strings.ToValidUTF8(name[:120], "") + "..."
	}
	if name == "" {
		name = fmt.Sprintf("%.60s#%d", graph.OpName(pn.domain, pn.op), pn.index)
	}
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	return unique(b.paths, s.path+name)
}

// ports resolves n's inputs and makes its outputs.
func (b *builder) ports(n *graph.Node, pn *pNode, s *scope) error {
	n.Inputs = make([]*graph.Value, len(pn.inputs))
	for i, name := range pn.inputs {
		if name == "" {
			continue
		}
		v, ok, err := b.find(s, name)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: input %d, %q, is produced by no node and is no input or initializer", ErrFormat, i, name)
		}
		n.Inputs[i] = v
	}
	for len(n.Inputs) > 0 && n.Inputs[len(n.Inputs)-1] == nil {
		n.Inputs = n.Inputs[:len(n.Inputs)-1]
	}
	n.Outputs = make([]*graph.Value, len(pn.outputs))
	for i, name := range pn.outputs {
		if name == "" {
			continue
		}
		v, err := b.define(s, name)
		if err != nil {
			return err
		}
		n.Outputs[i] = v
	}
	return b.charge(8 * (len(pn.inputs) + len(pn.outputs)))
}

// opset returns the version of domain that s is written against. Files made by
// optimizers leave out domains that they use, com.microsoft above all; they
// mean the first version.
func (b *builder) opset(domain string, s *scope) (int, error) {
	for _, imports := range []map[string]int{s.imports, b.model.imports} {
		if v, ok := imports[domain]; ok {
			return max(v, 1), nil
		}
	}
	if domain == "" {
		return 0, fmt.Errorf("%w: the model imports no version of the default domain", ErrFormat)
	}
	return 1, nil
}

// bind resolves references to attributes of the surrounding function.
func (b *builder) bind(pn *pNode, s *scope) ([]boundAttr, error) {
	var list []boundAttr
	for _, a := range pn.attrs {
		if a.ref == "" {
			list = append(list, boundAttr{a, s})
			continue
		}
		if s.call == nil {
			return nil, fmt.Errorf("%w: attribute %q refers to attribute %q of a function, but this is no function", ErrFormat, a.Name, a.ref)
		}
		if _, ok := s.call.fn.attrs[a.ref]; !ok {
			return nil, fmt.Errorf("%w: attribute %q refers to %q, which function %s does not declare", ErrFormat, a.Name, a.ref, s.call.fn.key)
		}
		v, ok := s.call.attrs[a.ref]
		if !ok {
			continue // not given and without default: left out
		}
		if a.kind != 0 && a.kind != v.kind {
			return nil, fmt.Errorf("%w: attribute %q refers to %q of type %s, expected %s", ErrFormat, a.Name, a.ref, atName(v.kind), atName(a.kind))
		}
		c := *v.pAttr
		c.Name = a.Name
		list = append(list, boundAttr{&c, v.scope})
	}
	return list, b.charge(costAttr * len(list) / 2)
}

// attrs stores attributes and bodies in n.
func (b *builder) attrs(n *graph.Node, list []boundAttr, host *frame) error {
	var plain []graph.Attr
	for _, a := range list {
		if a.body != nil {
			if n.Body(a.Name) != nil {
				return fmt.Errorf("%w: attribute %q occurs twice", ErrFormat, a.Name)
			}
			body, err := b.body(a, n, host)
			if err != nil {
				return err
			}
			n.Bodies = append(n.Bodies, body)
			continue
		}
		x := a.Attr
		if x.Name == "sparse_value" && n.Op == "Constant" && n.Domain == "" {
			x.Name = "value" // densified
		}
		plain = append(plain, x)
	}
	if len(plain) == 0 {
		return nil
	}
	attrs, err := graph.NewAttrs(plain...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	n.Attrs = attrs
	return nil
}
