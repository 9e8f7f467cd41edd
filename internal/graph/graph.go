// Package graph is Walnut's intermediate representation: nodes over values, in
// topological order, with everything a model file says that matters after
// loading. Nothing here knows a file format.
//
// Ownership: a Graph and what hangs from it is built by one goroutine and is
// read-only once a plan is made from it. Passes change it through Patch.
package graph

import (
	"fmt"

	"github.com/walnut-ai/walnut/tensor"
)

// Model is a graph with what surrounds it in a file.
type Model struct {
	Name     string // for messages: usually the file's path
	Graph    *Graph
	Opsets   map[string]int // domain ("" for ai.onnx) -> version
	IR       int
	Producer string
	Version  string
	Domain   string
	Doc      string
	Metadata map[string]string
	// Functions names the model-local functions, which the reader has expanded.
	Functions []string
}

// Graph is a main graph or a body. Inputs of a body are its formal parameters
// followed by its captures; initializers are values with Const set.
type Graph struct {
	Name    string
	Inputs  []*Value
	Outputs []*Value
	Nodes   []*Node // topological order
	Formal  int     // number of formal parameters among Inputs; the rest are captures
	Doc     string
}

// Value is a node's output, a graph input or a constant. Names are unique
// within a graph.
type Value struct {
	Name     string
	Type     Type // as declared or inferred
	Declared bool // Type comes from the file: checked at the model's border
	Producer *Node
	// Const is the value of an initializer or of a folded node; nil otherwise.
	// Its bytes may lie in a file mapping, at any alignment, and are read-only.
	Const tensor.Value
	// Default marks a graph input that has an initializer: callers may feed it,
	// Const is taken otherwise.
	Default bool
}

// Tensor returns the constant tensor, nil if v is not one.
func (v *Value) Tensor() *tensor.Tensor {
	if v == nil {
		return nil
	}
	t, _ := v.Const.(*tensor.Tensor)
	return t
}

// Node applies an operator.
type Node struct {
	Name    string
	Path    string // unique and readable: "/encoder/0 (MatMul)", with function and body names in front
	Domain  string // "" for ai.onnx
	Op      string
	Opset   int      // version of the domain that the node was written against
	Inputs  []*Value // nil = absent
	Outputs []*Value // nil = absent
	Attrs   *Attrs
	Bodies  []*Body
	Doc     string
	// Impl is the decoded operator, stored by op.Catalog.Resolve.
	Impl any
}

// Body is a subgraph attribute of a node (If, Loop, Scan, SequenceMap, FlexAttention).
// Captures are values of the surrounding graph, in the order of the body's
// inputs after the formal ones.
type Body struct {
	Attr     string // attribute name: "then_branch"
	Graph    *Graph
	Captures []*Value
}

// Body returns the subgraph of attribute name, nil if there is none.
func (n *Node) Body(name string) *Body {
	for _, b := range n.Bodies {
		if b.Attr == name {
			return b
		}
	}
	return nil
}

// Uses calls f for every value that n reads: inputs, then captures of its bodies.
func (n *Node) Uses(f func(*Value)) {
	for _, v := range n.Inputs {
		if v != nil {
			f(v)
		}
	}
	for _, b := range n.Bodies {
		for _, v := range b.Captures {
			f(v)
		}
	}
}

// OpName returns "MatMul" or "com.microsoft.MatMul".
func OpName(domain, op string) string {
	if domain == "" {
		return op
	}
	return domain + "." + op
}

// Error is an error about one node of a model.
type Error struct {
	Model string
	Node  string // Path
	Op    string // with domain
	Err   error
}

// Error names model, node and operator before the cause.
func (e *Error) Error() string {
	s := ""
	if e.Model != "" {
		s = e.Model + ": "
	}
	return fmt.Sprintf("%snode %s (%s): %v", s, e.Node, e.Op, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an Error about n.
func (n *Node) Errorf(format string, a ...any) error { return n.Wrap(fmt.Errorf(format, a...)) }

// Wrap returns err as an Error about n, unless it is one already (of a node inside).
func (n *Node) Wrap(err error) error {
	if e, ok := err.(*Error); ok {
		return e
	}
	p := n.Path
	if p == "" {
		p = n.Name
	}
	return &Error{Node: p, Op: OpName(n.Domain, n.Op), Err: err}
}

// Walk calls f for every node of g and of the bodies in it, outer nodes first.
func Walk(g *Graph, f func(*Node)) {
	for _, n := range g.Nodes {
		f(n)
		for _, b := range n.Bodies {
			Walk(b.Graph, f)
		}
	}
}
