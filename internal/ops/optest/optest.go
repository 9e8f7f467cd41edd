// Package optest runs single operators in tests.
package optest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/tensor"
)

// Case is one call of an operator. Inputs may contain nil for absent ones.
type Case struct {
	Name    string
	Domain  string // "" for ai.onnx
	Op      string
	Opset   int // 0 = newest
	Attrs   []graph.Attr
	Bodies  []*graph.Body
	Inputs  []tensor.Value
	Outputs int            // number of outputs; 0 = len(Want), at least 1
	Want    []tensor.Value // compared if set, nil items are not
	Err     string         // part of the error expected
	Tol     float64        // relative and absolute; 0 = exact
}

// Int, Ints, Float, Floats, Str, Strs and Tensor make attributes.
func Int(name string, v int64) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrInt, I: v}
}
func Ints(name string, v ...int64) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrInts, Ints: v}
}
func Float(name string, v float32) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrFloat, F: v}
}
func Floats(name string, v ...float32) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrFloats, Floats: v}
}
func Str(name, v string) graph.Attr { return graph.Attr{Name: name, Kind: graph.AttrString, S: v} }
func Strs(name string, v ...string) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrStrings, Strings: v}
}
func Tensor(name string, v *tensor.Tensor) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrTensor, T: v}
}

// T makes a tensor; it panics if data and dims disagree.
func T[E tensor.Elem](data []E, dims ...int) *tensor.Tensor { return tensor.MustFrom(data, dims...) }

// Strings makes a string tensor.
func Strings(s []string, dims ...int) *tensor.Tensor {
	t, err := tensor.FromStrings(s, dims...)
	if err != nil {
		panic(err)
	}
	return t
}

// As converts a tensor to another element type through float64.
func As(dt tensor.DType, x *tensor.Tensor) *tensor.Tensor {
	y, err := tensor.New(dt, x.Shape()...)
	if err != nil {
		panic(err)
	}
	for i := range x.Len() {
		y.SetFloatAt(i, x.FloatAt(i))
	}
	return y
}

// Model builds a model of the one node of c.
func Model(c Case) (*graph.Model, error) {
	n := &graph.Node{Name: "n", Path: c.Op, Domain: c.Domain, Op: c.Op, Opset: c.Opset, Bodies: c.Bodies}
	if n.Opset == 0 {
		n.Opset = 1 << 20
	}
	var err error
	if n.Attrs, err = graph.NewAttrs(c.Attrs...); err != nil {
		return nil, err
	}
	g := &graph.Graph{Name: c.Op, Nodes: []*graph.Node{n}}
	for i, x := range c.Inputs {
		if x == nil {
			n.Inputs = append(n.Inputs, nil)
			continue
		}
		v := &graph.Value{Name: fmt.Sprintf("in%d", i), Type: TypeOf(x)}
		n.Inputs = append(n.Inputs, v)
		g.Inputs = append(g.Inputs, v)
	}
	g.Formal = len(g.Inputs)
	outs := max(c.Outputs, len(c.Want), 1)
	for i := range outs {
		v := &graph.Value{Name: fmt.Sprintf("out%d", i), Producer: n}
		n.Outputs = append(n.Outputs, v)
		g.Outputs = append(g.Outputs, v)
	}
	return &graph.Model{Name: "test", Graph: g}, nil
}

// TypeOf returns the type of a value, with its shape.
func TypeOf(v tensor.Value) graph.Type {
	switch v := v.(type) {
	case *tensor.Tensor:
		return graph.TensorType(v.DType(), graph.Dims(v.Shape()...))
	case *tensor.Sequence:
		t := graph.Type{Kind: graph.KindSequence}
		inner := graph.TensorType(v.Elem, nil)
		if len(v.Items) > 0 {
			inner = TypeOf(v.Items[0])
			inner.Shape = nil
		}
		t.Inner = &inner
		return t
	case *tensor.Optional:
		t := graph.Type{Kind: graph.KindOptional}
		if v.Value != nil {
			inner := TypeOf(v.Value)
			t.Inner = &inner
		}
		return t
	case *tensor.Map:
		return graph.Type{Kind: graph.KindMap, Key: v.Keys.DType()}
	}
	return graph.Type{}
}

// Eval runs c on the oracle, checks that inference agrees with what came out,
// and returns the outputs.
func Eval(cat *op.Catalog, c Case) ([]tensor.Value, error) {
	m, err := Model(c)
	if err != nil {
		return nil, err
	}
	if err := cat.Resolve(m); err != nil {
		return nil, err
	}
	var in []tensor.Value
	var facts []op.Fact
	for _, x := range c.Inputs {
		if x != nil {
			in = append(in, x)
			facts = append(facts, op.Fact{Type: TypeOf(x), Const: x})
		} else {
			facts = append(facts, op.Fact{})
		}
	}
	n := m.Graph.Nodes[0]
	for _, b := range n.Bodies {
		for _, v := range b.Captures {
			facts = append(facts, op.Fact{Type: v.Type, Const: v.Const})
		}
	}
	scope := &op.Scope{Body: func(b *graph.Body, _ []op.Fact) ([]op.Fact, error) {
		return make([]op.Fact, len(b.Graph.Outputs)), nil
	}}
	known, err := op.InferNode(n, scope, facts)
	if err != nil {
		return nil, fmt.Errorf("infer: %w", err)
	}
	for i := range facts { // again without the values
		facts[i].Const = nil
	}
	blind, err := op.InferNode(n, scope, facts)
	if err != nil {
		return nil, fmt.Errorf("infer: %w", err)
	}
	out, err := interp.Run(interp.NewRuntime(context.Background()), m.Graph, in)
	if err != nil {
		return nil, err
	}
	for i := range out {
		for _, f := range [][]op.Fact{known, blind} {
			if err := Agrees(f[i].Type, out[i]); err != nil {
				return nil, fmt.Errorf("inferred output %d: %w", i, err)
			}
		}
	}
	return out, nil
}

// Agrees reports whether v can be of type t.
func Agrees(t graph.Type, v tensor.Value) error {
	x, ok := v.(*tensor.Tensor)
	if !ok || t.Kind == graph.KindUnknown {
		return nil
	}
	if t.Kind != graph.KindTensor || t.Elem != tensor.Invalid && t.Elem != x.DType() {
		return fmt.Errorf("%v, computed %v", t, x)
	}
	if t.Shape == nil {
		return nil
	}
	if len(t.Shape) != x.Rank() {
		return fmt.Errorf("%v, computed %v", t, x)
	}
	for i, d := range t.Shape {
		if d.Known() && d.N != x.Shape()[i] {
			return fmt.Errorf("%v, computed %v", t, x)
		}
	}
	return nil
}

// Run runs the cases as subtests on the definitions of table.
func Run(t *testing.T, table []*op.Def, cases []Case) {
	t.Helper()
	cat := op.NewCatalog(table)
	for _, c := range cases {
		name := c.Name
		if name == "" {
			name = c.Op
		}
		t.Run(name, func(t *testing.T) {
			out, err := Eval(cat, c)
			if c.Err != "" {
				if err == nil || !strings.Contains(err.Error(), c.Err) {
					t.Fatalf("error %v, want one with %q", err, c.Err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range c.Want {
				if w == nil {
					continue
				}
				if _, err := compare.Values(out[i], w, compare.Tol{Rel: c.Tol, Abs: c.Tol}); err != nil {
					t.Errorf("output %d: %v", i, err)
				}
			}
		})
	}
}
