// Package op is the contract between operators and the rest of the engine.
//
// An operator is a Def: a name, and New, which decodes a node's attributes once
// into an immutable Op. An Op infers types and shapes (Infer, one body for
// symbols and numbers) and computes (Eval, obviously right, knows no kernel).
// Everything else an operator can do is an optional interface with a safe
// default: Preparer, Overwriter, Viewer.
//
// Version differences live in New: Args tells the version of the standard that
// the node was written against, and the Op it returns is the same for all.
package op

import (
	"fmt"
	"sort"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/tensor"
)

// Def defines one operator.
type Def struct {
	Domain string // "" for ai.onnx
	Name   string
	New    func(*Args) (Op, error)
	// Random marks operators whose result differs from run to run: never folded or merged.
	Random bool
}

// Op is a decoded operator: immutable, shared by all plans and runs.
type Op interface {
	// Infer states types and shapes of the outputs. What it does not state is
	// taken from the schema (types) or unknown (shapes).
	Infer(*Infer) error
	// Eval computes the outputs from the inputs. It must check everything that
	// an input's value can get wrong and return an error, never panic.
	Eval(*Eval) error
}

// Overwriter is an Op that can write an output over an input: for output i it
// returns the inputs whose memory may be reused if type and shape agree,
// because each element is read before its place is written.
type Overwriter interface{ Overwrites(out int) []int }

// Viewer is an Op whose output 0 has input 0's elements in the same order under
// another shape (Reshape, Squeeze, Identity): the plan shares the memory.
type Viewer interface{ View() }

// Preparer is an Op with kernels: Prepare returns a step for the given shapes
// and types, or nil to decline, and then Eval runs.
type Preparer interface {
	Prepare(Bind) (Step, error)
}

// Catalog finds definitions by domain and name.
type Catalog struct{ defs map[string]*Def }

// NewCatalog joins tables of definitions; a name that occurs twice panics.
func NewCatalog(tables ...[]*Def) *Catalog {
	c := &Catalog{map[string]*Def{}}
	for _, t := range tables {
		for _, d := range t {
			k := graph.OpName(d.Domain, d.Name)
			if c.defs[k] != nil {
				panic("operator defined twice: " + k)
			}
			c.defs[k] = d
		}
	}
	return c
}

// Find returns a definition, nil if there is none.
func (c *Catalog) Find(domain, name string) *Def { return c.defs[graph.OpName(domain, name)] }

// All returns all definitions ordered by domain and name.
func (c *Catalog) All() []*Def {
	l := make([]*Def, 0, len(c.defs))
	for _, d := range c.defs {
		l = append(l, d)
	}
	sort.Slice(l, func(i, j int) bool {
		if l[i].Domain != l[j].Domain {
			return l[i].Domain < l[j].Domain
		}
		return l[i].Name < l[j].Name
	})
	return l
}

// UnsupportedError lists every operator of a model that the catalogue lacks.
type UnsupportedError struct {
	Model string
	Ops   []UnsupportedOp
}

// UnsupportedOp is an operator outside the catalogue.
type UnsupportedOp struct {
	Domain, Name string
	Opset        int
	Count        int
	First        string // path of the first node that uses it
	Why          string
}

// Error names all of them.
func (e *UnsupportedError) Error() string {
	var b strings.Builder
	if e.Model != "" {
		b.WriteString(e.Model + ": ")
	}
	b.WriteString("unsupported operators:")
	for i, u := range e.Ops {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, " %s-%d (%d nodes, first %s): %s", graph.OpName(u.Domain, u.Name), u.Opset, u.Count, u.First, u.Why)
	}
	b.WriteString("; see docs/operators.md for what is there")
	return b.String()
}

// Resolve decodes every node of the model, bodies included, and stores the
// result in its Impl. It returns an UnsupportedError that lists all operators
// outside the catalogue, or the first node whose attributes are wrong.
func (c *Catalog) Resolve(m *graph.Model) error {
	un := map[string]*UnsupportedOp{}
	var bad error
	walk(m.Graph, func(g *graph.Graph, n *graph.Node) {
		d, s, why := c.find(n)
		if why != "" {
			k := fmt.Sprint(graph.OpName(n.Domain, n.Op), n.Opset)
			if un[k] == nil {
				un[k] = &UnsupportedOp{n.Domain, n.Op, n.Opset, 0, n.Path, why}
			}
			un[k].Count++
			return
		}
		if bad != nil {
			return
		}
		o, err := newOp(d, s, n, g)
		if err != nil {
			e := n.Wrap(err).(*graph.Error)
			e.Model = m.Name
			bad = e
			return
		}
		n.Impl = &Impl{Def: d, Schema: s, Op: o}
	})
	if len(un) > 0 {
		e := &UnsupportedError{Model: m.Name}
		for _, u := range un {
			e.Ops = append(e.Ops, *u)
		}
		sort.Slice(e.Ops, func(i, j int) bool {
			a, b := e.Ops[i], e.Ops[j]
			return a.Domain+"."+a.Name < b.Domain+"."+b.Name
		})
		return e
	}
	return bad
}

// Impl is what Resolve stores in graph.Node.Impl.
type Impl struct {
	Def    *Def
	Schema *schema.Schema
	Op     Op
}

// Of returns n's decoded operator; Resolve must have run.
func Of(n *graph.Node) *Impl { return n.Impl.(*Impl) }

// ResolveNode decodes one node, for passes that make new ones.
func (c *Catalog) ResolveNode(n *graph.Node) error {
	d, s, why := c.find(n)
	if why != "" {
		return n.Errorf("%s", why)
	}
	o, err := newOp(d, s, n, nil)
	if err != nil {
		return n.Wrap(err)
	}
	n.Impl = &Impl{Def: d, Schema: s, Op: o}
	return nil
}

func (c *Catalog) find(n *graph.Node) (*Def, *schema.Schema, string) {
	d := c.Find(n.Domain, n.Op)
	s := schema.Lookup(n.Domain, n.Op, n.Opset)
	switch {
	case d == nil && s == nil:
		return nil, nil, "no such operator in this domain and version"
	case d == nil:
		return nil, nil, "not implemented"
	case s == nil:
		return nil, nil, fmt.Sprintf("the operator came with a later version than opset %d", n.Opset)
	}
	return d, s, ""
}

// walk is graph.Walk that also tells the graph of a node.
func walk(g *graph.Graph, f func(*graph.Graph, *graph.Node)) {
	for _, n := range g.Nodes {
		f(g, n)
		for _, b := range n.Bodies {
			walk(b.Graph, f)
		}
	}
}

func newOp(d *Def, s *schema.Schema, n *graph.Node, g *graph.Graph) (Op, error) {
	if err := checkNode(s, n); err != nil {
		return nil, err
	}
	a := &Args{Node: n, Graph: g, Schema: s, Version: s.Since, read: map[string]bool{}}
	o, err := d.New(a)
	if err != nil {
		return nil, err
	}
	if a.err != nil {
		return nil, a.err
	}
	for _, x := range n.Attrs.List() {
		if !a.read[x.Name] {
			return nil, fmt.Errorf("attribute %q is not known to version %d of the operator", x.Name, s.Since)
		}
	}
	return o, nil
}

// checkNode compares a node with the standard: numbers of inputs and outputs,
// required inputs, names and kinds of attributes.
func checkNode(s *schema.Schema, n *graph.Node) error {
	nin, nout := len(n.Inputs), len(n.Outputs)
	if nin < s.MinIn || nin > s.MaxIn {
		return fmt.Errorf("%d inputs, version %d takes %s", nin, s.Since, span(s.MinIn, s.MaxIn))
	}
	if nout < s.MinOut || nout > s.MaxOut {
		return fmt.Errorf("%d outputs, version %d has %s", nout, s.Since, span(s.MinOut, s.MaxOut))
	}
	for i, v := range n.Inputs {
		if p := s.Input(i); v == nil && p != nil && !p.Optional {
			return fmt.Errorf("input %d (%s) is missing", i, p.Name)
		}
	}
	for _, a := range n.Attrs.List() {
		f := s.Attr(a.Name)
		if f == nil {
			return fmt.Errorf("attribute %q is not known to version %d of the operator", a.Name, s.Since)
		}
		if f.Graph || f.Kind != a.Kind {
			return fmt.Errorf("attribute %q is %v, must be %v", a.Name, a.Kind, f.Kind)
		}
	}
	for _, b := range n.Bodies {
		if f := s.Attr(b.Attr); f == nil || !f.Graph {
			return fmt.Errorf("attribute %q is a graph, which version %d of the operator does not have", b.Attr, s.Since)
		}
	}
	for _, f := range s.Attrs {
		if !f.Required {
			continue
		}
		if f.Graph && n.Body(f.Name) == nil || !f.Graph && n.Attrs.Get(f.Name) == nil {
			return fmt.Errorf("attribute %q is required", f.Name)
		}
	}
	return nil
}

func span(lo, hi int) string {
	switch {
	case hi >= schema.Unlimited:
		return fmt.Sprintf("at least %d", lo)
	case lo == hi:
		return fmt.Sprint(lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}

// Args is a node at decoding time: attributes with the standard's defaults,
// version, and which inputs and outputs are there.
type Args struct {
	Node    *graph.Node
	Graph   *graph.Graph // the graph that Node is in; nil for nodes made by passes
	Schema  *schema.Schema
	Version int // since-version of the operator that the node's opset selects

	read map[string]bool
	err  error
}

// NIn and NOut return the numbers of actual inputs and outputs, absent ones in
// the middle included.
func (a *Args) NIn() int  { return len(a.Node.Inputs) }
func (a *Args) NOut() int { return len(a.Node.Outputs) }

// HasIn reports whether input i is there.
func (a *Args) HasIn(i int) bool { return i < len(a.Node.Inputs) && a.Node.Inputs[i] != nil }

// HasOut reports whether output i is there.
func (a *Args) HasOut(i int) bool { return i < len(a.Node.Outputs) && a.Node.Outputs[i] != nil }

// Has reports whether the node itself carries the attribute.
func (a *Args) Has(name string) bool { return a.Node.Attrs.Get(name) != nil }

// Ignore marks attributes as read: those without a meaning for inference.
func (a *Args) Ignore(names ...string) {
	for _, n := range names {
		a.read[n] = true
	}
}

// get returns the attribute, or its default in the standard, or nil.
func (a *Args) get(name string) *graph.Attr {
	a.read[name] = true
	if x := a.Node.Attrs.Get(name); x != nil {
		return x
	}
	if f := a.Schema.Attr(name); f != nil {
		return f.Default
	}
	return nil
}

// Fail records an error that newOp returns if New does not.
func (a *Args) Fail(format string, v ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, v...)
	}
}

// Int returns an integer attribute, the standard's default, or def if there is none.
func (a *Args) Int(name string, def int) int {
	x := a.get(name)
	if x == nil {
		return def
	}
	if int64(int(x.I)) != x.I {
		a.Fail("attribute %q = %d is out of range", name, x.I)
		return def
	}
	return int(x.I)
}

// Bool returns an integer attribute as a truth value.
func (a *Args) Bool(name string, def bool) bool {
	if x := a.get(name); x != nil {
		return x.I != 0
	}
	return def
}

// Float returns a float attribute, the standard's default, or def.
func (a *Args) Float(name string, def float64) float64 {
	if x := a.get(name); x != nil {
		return float64(x.F)
	}
	return def
}

// String returns a string attribute, the standard's default, or def.
func (a *Args) String(name, def string) string {
	if x := a.get(name); x != nil {
		return x.S
	}
	return def
}

// OneOf is String for an attribute with a closed set of values.
func (a *Args) OneOf(name, def string, allowed ...string) string {
	s := a.String(name, def)
	for _, x := range allowed {
		if s == x {
			return s
		}
	}
	a.Fail("attribute %q = %q, must be one of %s", name, s, strings.Join(allowed, ", "))
	return def
}

// Ints returns a list attribute, nil if absent and without default.
func (a *Args) Ints(name string) []int {
	x := a.get(name)
	if x == nil {
		return nil
	}
	l := make([]int, len(x.Ints))
	for i, v := range x.Ints {
		if int64(int(v)) != v {
			a.Fail("attribute %q = %d is out of range", name, v)
		}
		l[i] = int(v)
	}
	return l
}

// Int64s is Ints without narrowing.
func (a *Args) Int64s(name string) []int64 {
	if x := a.get(name); x != nil {
		return x.Ints
	}
	return nil
}

// Floats returns a list attribute, nil if absent and without default.
func (a *Args) Floats(name string) []float32 {
	if x := a.get(name); x != nil {
		return x.Floats
	}
	return nil
}

// Strings returns a list attribute, nil if absent and without default.
func (a *Args) Strings(name string) []string {
	if x := a.get(name); x != nil {
		return x.Strings
	}
	return nil
}

// Tensor returns a tensor attribute, nil if absent.
func (a *Args) Tensor(name string) *tensor.Tensor {
	if x := a.get(name); x != nil {
		return x.T
	}
	return nil
}

// Type returns a type attribute, nil if absent.
func (a *Args) Type(name string) *graph.Type {
	if x := a.get(name); x != nil {
		return x.Type
	}
	return nil
}

// DType returns an attribute that holds a TensorProto.DataType.
func (a *Args) DType(name string, def tensor.DType) tensor.DType {
	x := a.get(name)
	if x == nil {
		return def
	}
	if x.I < 0 || x.I > 255 || !tensor.DType(x.I).Valid() {
		a.Fail("attribute %q = %d is no element type", name, x.I)
		return def
	}
	return tensor.DType(x.I)
}
