package control_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type vals = []tensor.Value

func f32(dims []int, v ...float32) *tensor.Tensor {
	return optest.T(append([]float32{}, v...), dims...)
}

func i64(v ...int64) *tensor.Tensor { return optest.T(append([]int64{}, v...), len(v)) }

// builder builds a body.
type builder struct{ g *graph.Graph }

func newBody() *builder { return &builder{&graph.Graph{Name: "body"}} }

func (b *builder) formal() *graph.Value {
	v := &graph.Value{Name: fmt.Sprint("p", len(b.g.Inputs))}
	b.g.Inputs = append(b.g.Inputs, v)
	b.g.Formal++
	return v
}

func (b *builder) node(name string, attrs []graph.Attr, in ...*graph.Value) *graph.Value {
	a, err := graph.NewAttrs(attrs...)
	if err != nil {
		panic(err)
	}
	n := &graph.Node{Path: name, Op: name, Opset: 28, Inputs: in, Attrs: a}
	v := &graph.Value{Name: fmt.Sprint("v", len(b.g.Nodes)), Producer: n}
	n.Outputs = []*graph.Value{v}
	b.g.Nodes = append(b.g.Nodes, n)
	return v
}

func (b *builder) constant(t *tensor.Tensor) *graph.Value {
	return b.node("Constant", []graph.Attr{optest.Tensor("value", t)})
}

func (b *builder) end(attr string, out ...*graph.Value) *graph.Body {
	b.g.Outputs = out
	return &graph.Body{Attr: attr, Graph: b.g}
}

// capture adds a value of the outside after the formal parameters.
func capture(b *graph.Body, t *tensor.Tensor) *graph.Value {
	v := &graph.Value{Name: fmt.Sprint("c", len(b.Captures))}
	b.Graph.Inputs = append(b.Graph.Inputs, v)
	b.Captures = append(b.Captures, &graph.Value{Name: "outside", Const: t})
	return v
}

func typed(v *graph.Value, dt tensor.DType, s graph.Shape) *graph.Value {
	v.Type = graph.TensorType(dt, s)
	return v
}

func run(t *testing.T, cases []optest.Case) {
	t.Helper()
	optest.Run(t, ops.Catalog().All(), cases)
}

func constBody(attr string, t *tensor.Tensor) *graph.Body {
	b := newBody()
	return b.end(attr, b.constant(t))
}

func TestIf(t *testing.T) {
	branches := func() []*graph.Body {
		return []*graph.Body{constBody("else_branch", f32([]int{1}, 2)), constBody("then_branch", f32([]int{2}, 1, 1))}
	}
	captured := func() []*graph.Body { // both capture something: each gets its own
		var l []*graph.Body
		for i, attr := range []string{"else_branch", "then_branch"} {
			b := newBody().end(attr)
			b.Graph.Outputs = []*graph.Value{capture(b, i64(int64(i)))}
			l = append(l, b)
		}
		return l
	}
	run(t, []optest.Case{
		{Name: "then", Op: "If", Bodies: branches(), Inputs: vals{tensor.Scalar(true)}, Want: vals{f32([]int{2}, 1, 1)}},
		{Name: "else", Op: "If", Bodies: branches(), Inputs: vals{optest.T([]bool{false}, 1, 1)}, Want: vals{f32([]int{1}, 2)}},
		{Name: "captures of then", Op: "If", Bodies: captured(), Inputs: vals{tensor.Scalar(true)}, Want: vals{i64(1)}},
		{Name: "captures of else", Op: "If", Bodies: captured(), Inputs: vals{tensor.Scalar(false)}, Want: vals{i64(0)}},
		{Name: "two conditions", Op: "If", Bodies: branches(), Inputs: vals{optest.T([]bool{false, true}, 2)}, Err: "one element"},
		{Name: "outputs", Op: "If", Bodies: branches(), Inputs: vals{tensor.Scalar(true)}, Outputs: 2, Err: "outputs"},
	})
}

// counter is a body for one state: state + step, which is a scan output too,
// and whether the state is below limit.
func counter(step, limit float32) *graph.Body {
	b := newBody()
	b.formal()
	b.formal()
	s := b.formal()
	next := b.node("Add", nil, s, b.constant(f32(nil, step)))
	cond := b.node("Less", nil, next, b.constant(f32(nil, limit)))
	return b.end("body", cond, next, typed(b.node("Identity", nil, next), tensor.Float32, graph.Shape{}))
}

// grow doubles a vector each round.
func grow() *graph.Body {
	b := newBody()
	_, c, s := b.formal(), b.formal(), b.formal()
	return b.end("body", c, b.node("Concat", []graph.Attr{optest.Int("axis", 0)}, s, s))
}

// indices stacks the iteration numbers.
func indices(elem tensor.DType) *graph.Body {
	b := newBody()
	i, c := b.formal(), b.formal()
	return b.end("body", c, typed(b.node("Unsqueeze", nil, i, b.constant(i64(0))), elem, graph.Shape{{Sym: "n"}}))
}

func TestLoop(t *testing.T) {
	zero := tensor.Scalar(float32(0))
	lists := newBody()
	_, c, s := lists.formal(), lists.formal(), lists.formal()
	insert := lists.end("body", c, lists.node("SequenceInsert", nil, s, lists.constant(f32([]int{1}, 7))))
	run(t, []optest.Case{
		{Name: "for", Op: "Loop", Bodies: []*graph.Body{counter(1, 100)}, Inputs: vals{tensor.Scalar(int64(3)), nil, zero}, Want: vals{f32(nil, 3), f32([]int{3}, 1, 2, 3)}},
		{Name: "for ignores the body's condition", Op: "Loop", Bodies: []*graph.Body{counter(1, 0)}, Inputs: vals{tensor.Scalar(int64(3)), nil, zero}, Want: vals{f32(nil, 3), f32([]int{3}, 1, 2, 3)}},
		{Name: "while", Op: "Loop", Bodies: []*graph.Body{counter(1, 2)}, Inputs: vals{nil, tensor.Scalar(true), zero}, Want: vals{f32(nil, 2), f32([]int{2}, 1, 2)}},
		{Name: "both", Op: "Loop", Opset: 1, Bodies: []*graph.Body{counter(1, 2)}, Inputs: vals{i64(9), tensor.Scalar(true), zero}, Want: vals{f32(nil, 2), f32([]int{2}, 1, 2)}},
		{Name: "not at all", Op: "Loop", Bodies: []*graph.Body{counter(1, 2)}, Inputs: vals{i64(9), tensor.Scalar(false), zero}, Want: vals{zero, f32([]int{0})}},
		{Name: "M below 0", Op: "Loop", Bodies: []*graph.Body{counter(1, 2)}, Inputs: vals{i64(-1), nil, zero}, Want: vals{zero, f32([]int{0})}},
		{Name: "no rounds, symbols are 0", Op: "Loop", Bodies: []*graph.Body{indices(tensor.Int64)}, Inputs: vals{i64(0), nil}, Want: vals{optest.T([]int64{}, 0, 0)}},
		{Name: "no rounds, no type", Op: "Loop", Bodies: []*graph.Body{indices(tensor.Invalid)}, Inputs: vals{i64(0), nil}, Err: "element type"},
		{Name: "iterations", Op: "Loop", Bodies: []*graph.Body{indices(tensor.Int64)}, Inputs: vals{i64(3), nil}, Want: vals{optest.T([]int64{0, 1, 2}, 3, 1)}},
		{Name: "state grows", Op: "Loop", Bodies: []*graph.Body{grow()}, Inputs: vals{i64(2), nil, f32([]int{1}, 5)}, Want: vals{f32([]int{4}, 5, 5, 5, 5)}},
		{Name: "sequence", Op: "Loop", Bodies: []*graph.Body{insert}, Inputs: vals{i64(2), nil, &tensor.Sequence{Elem: tensor.Float32}},
			Want: vals{&tensor.Sequence{Elem: tensor.Float32, Items: vals{f32([]int{1}, 7), f32([]int{1}, 7)}}}},
		{Name: "M", Op: "Loop", Bodies: []*graph.Body{grow()}, Inputs: vals{i64(2, 3), nil, f32([]int{1}, 5)}, Err: "M is"},
		{Name: "states", Op: "Loop", Bodies: []*graph.Body{grow()}, Inputs: vals{i64(2), nil}, Err: "states"},
	})
}

// TestEndless: a loop without an end runs into the budget, or is cancelled.
func TestEndless(t *testing.T) {
	m, err := optest.Model(optest.Case{Op: "Loop", Bodies: []*graph.Body{counter(0, 1)}, Inputs: vals{nil, nil, f32(nil, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := ops.Catalog().Resolve(m); err != nil {
		t.Fatal(err)
	}
	rt := interp.NewRuntime(context.Background())
	rt.Iterations = 100
	if _, err := interp.Run(rt, m.Graph, vals{f32(nil, 0)}); !errors.Is(err, op.ErrBudget) {
		t.Errorf("error %v, want the budget's", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := interp.Run(interp.NewRuntime(ctx), m.Graph, vals{f32(nil, 0)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancellation", err)
	}
}

// sums is a body of one state and one scan input: the running sum.
func sums() *graph.Body {
	b := newBody()
	s, x := b.formal(), b.formal()
	y := b.node("Add", nil, s, x)
	return b.end("body", y, typed(b.node("Identity", nil, y), tensor.Float32, graph.Shape{{Sym: "k"}}))
}

func TestScan(t *testing.T) {
	start := f32([]int{2}, 0, 0)
	x := f32([]int{3, 2}, 1, 2, 3, 4, 5, 6)
	n := optest.Int("num_scan_inputs", 1)
	run(t, []optest.Case{
		{Name: "forward", Op: "Scan", Opset: 9, Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n}, Inputs: vals{start, x}, Want: vals{f32([]int{2}, 9, 12), f32([]int{3, 2}, 1, 2, 4, 6, 9, 12)}},
		{Name: "backward", Op: "Scan", Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n, optest.Ints("scan_input_directions", 1), optest.Ints("scan_output_directions", 1)}, Inputs: vals{start, x},
			Want: vals{f32([]int{2}, 9, 12), f32([]int{3, 2}, 9, 12, 8, 10, 5, 6)}},
		{Name: "axes", Op: "Scan", Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n, optest.Ints("scan_input_axes", -1), optest.Ints("scan_output_axes", -1)}, Inputs: vals{f32([]int{3}, 0, 0, 0), x},
			Want: vals{f32([]int{3}, 3, 7, 11), f32([]int{3, 2}, 1, 3, 3, 7, 5, 11)}},
		{Name: "no rounds", Op: "Scan", Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n}, Inputs: vals{start, f32([]int{0, 2})}, Want: vals{start, f32([]int{0, 0})}},
		{Name: "direction 2", Op: "Scan", Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n, optest.Ints("scan_input_directions", 2)}, Inputs: vals{start, x}, Err: "must hold 0 and 1"},
		{Name: "axis", Op: "Scan", Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n, optest.Ints("scan_input_axes", 2)}, Inputs: vals{start, x}, Err: "axis 2"},
		{Name: "scan inputs", Op: "Scan", Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{optest.Int("num_scan_inputs", 3)}, Inputs: vals{start, x}, Err: "num_scan_inputs"},

		{Name: "batches", Op: "Scan", Opset: 8, Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n}, Inputs: vals{i64(1, 3), f32([]int{2, 1}, 0, 10), f32([]int{2, 3, 1}, 1, 2, 3, 4, 5, 6)},
			Want: vals{f32([]int{2, 1}, 1, 25), f32([]int{2, 3, 1}, 1, 0, 0, 14, 19, 25)}},
		{Name: "batches backward", Op: "Scan", Opset: 8, Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n, optest.Ints("directions", 1)}, Inputs: vals{i64(2), f32([]int{1, 1}, 0), f32([]int{1, 3, 1}, 1, 2, 3)},
			Want: vals{f32([]int{1, 1}, 3), f32([]int{1, 3, 1}, 2, 3, 0)}},
		{Name: "whole batches", Op: "Scan", Opset: 8, Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n}, Inputs: vals{nil, f32([]int{1, 1}, 0), f32([]int{1, 2, 1}, 1, 2)}, Want: vals{f32([]int{1, 1}, 3), f32([]int{1, 2, 1}, 1, 3)}},
		{Name: "no batch", Op: "Scan", Opset: 8, Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n}, Inputs: vals{nil, f32([]int{0, 1}), f32([]int{0, 2, 1})}, Want: vals{f32([]int{0, 1}), f32([]int{0, 2, 0})}},
		{Name: "all ended", Op: "Scan", Opset: 8, Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n}, Inputs: vals{i64(0), f32([]int{1, 1}, 4), f32([]int{1, 2, 1}, 1, 2)}, Want: vals{f32([]int{1, 1}, 4), f32([]int{1, 2, 0})}},
		{Name: "length", Op: "Scan", Opset: 8, Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{n}, Inputs: vals{i64(3), f32([]int{1, 1}, 0), f32([]int{1, 2, 1}, 1, 2)}, Err: "sequence_lens"},
	})
}

func TestSequenceMap(t *testing.T) {
	add := func() []*graph.Body {
		b := newBody()
		x, y := b.formal(), b.formal()
		return []*graph.Body{b.end("body", typed(b.node("Add", nil, x, y), tensor.Float32, nil))}
	}
	list := func(v ...float32) *tensor.Sequence {
		s := &tensor.Sequence{Elem: tensor.Float32}
		for _, x := range v {
			s.Items = append(s.Items, f32([]int{1}, x))
		}
		return s
	}
	run(t, []optest.Case{
		{Name: "tensor", Op: "SequenceMap", Bodies: add(), Inputs: vals{list(1, 2), f32(nil, 10)}, Want: vals{list(11, 12)}},
		{Name: "sequences", Op: "SequenceMap", Bodies: add(), Inputs: vals{list(1, 2), list(3, 4)}, Want: vals{list(4, 6)}},
		{Name: "empty", Op: "SequenceMap", Bodies: add(), Inputs: vals{list(), f32(nil, 10)}, Want: vals{list()}},
		{Name: "lengths", Op: "SequenceMap", Bodies: add(), Inputs: vals{list(1, 2), list(3)}, Err: "must have 2"},
		{Name: "no sequence", Op: "SequenceMap", Bodies: add(), Inputs: vals{f32(nil, 1), list(3)}, Err: "input 0"},
	})
}

// infer runs inference over a graph, as the engine does.
func infer(g *graph.Graph, scope *op.Scope, in []op.Fact) ([]op.Fact, error) {
	facts := map[*graph.Value]op.Fact{}
	for i, v := range g.Inputs {
		facts[v] = in[i]
	}
	for _, n := range g.Nodes {
		var args []op.Fact
		for _, v := range n.Inputs {
			args = append(args, facts[v])
		}
		for _, b := range n.Bodies {
			for _, v := range b.Captures {
				args = append(args, op.Fact{Type: optest.TypeOf(v.Const), Const: v.Const})
			}
		}
		out, err := op.InferNode(n, scope, args)
		if err != nil {
			return nil, err
		}
		for i, v := range n.Outputs {
			facts[v] = out[i]
		}
	}
	var out []op.Fact
	for _, v := range g.Outputs {
		out = append(out, facts[v])
	}
	return out, nil
}

func TestInfer(t *testing.T) {
	known := func(t *tensor.Tensor) op.Fact { return op.Fact{Type: optest.TypeOf(t), Const: t} }
	typ := func(dt tensor.DType, s ...graph.Dim) op.Fact {
		return op.Fact{Type: graph.TensorType(dt, append(graph.Shape{}, s...))}
	}
	n := graph.Dim{Sym: "n"}
	bad := newBody() // a branch that can't be right
	wrong := bad.end("else_branch", bad.node("Squeeze", nil, bad.constant(f32([]int{2}, 1, 2)), bad.constant(i64(0))))
	keep := newBody()
	_, kc, ks := keep.formal(), keep.formal(), keep.formal()
	same := keep.end("body", kc, ks)
	for _, c := range []struct {
		name   string
		op     string
		attrs  []graph.Attr
		bodies []*graph.Body
		in     []op.Fact
		nout   int
		want   string // ? for fresh symbols
	}{
		{"if", "If", nil, []*graph.Body{constBody("else_branch", f32([]int{1, 3}, 1, 2, 3)), constBody("then_branch", f32([]int{2, 3}, 1, 2, 3, 4, 5, 6))}, []op.Fact{typ(tensor.Bool)}, 1, "float[?,3]"},
		{"if known", "If", nil, []*graph.Body{constBody("else_branch", f32([]int{1}, 1)), constBody("then_branch", f32([]int{2}, 1, 2))}, []op.Fact{known(tensor.Scalar(true))}, 1, "float[2]"},
		{"if ranks", "If", nil, []*graph.Body{constBody("else_branch", f32([]int{1}, 1)), constBody("then_branch", f32(nil, 1))}, []op.Fact{typ(tensor.Bool)}, 1, "float[...]"},
		{"if wrong branch", "If", nil, []*graph.Body{wrong, constBody("then_branch", f32([]int{2}, 1, 2))}, []op.Fact{typ(tensor.Bool)}, 1, "float[2]"},
		{"loop that grows", "Loop", nil, []*graph.Body{grow()}, []op.Fact{typ(tensor.Int64), {}, typ(tensor.Float32, graph.D(1))}, 1, "float[?]"},
		{"loop that keeps", "Loop", nil, []*graph.Body{same}, []op.Fact{typ(tensor.Int64), {}, typ(tensor.Float32, n, graph.D(2))}, 1, "float[n,2]"},
		{"loop count", "Loop", nil, []*graph.Body{counter(1, 2)}, []op.Fact{known(i64(4)), {}, typ(tensor.Float32)}, 2, "float[] float[4]"},
		{"loop with condition", "Loop", nil, []*graph.Body{counter(1, 2)}, []op.Fact{known(i64(4)), known(tensor.Scalar(true)), typ(tensor.Float32)}, 2, "float[] float[?]"},
		{"loop whose condition stays", "Loop", nil, []*graph.Body{indices(tensor.Int64)}, []op.Fact{known(i64(4)), known(tensor.Scalar(true))}, 1, "int64[4,1]"},
		{"maybe no rounds", "Loop", nil, []*graph.Body{indices(tensor.Int64)}, []op.Fact{typ(tensor.Int64), {}}, 1, "int64[?,?]"},
		{"no rounds", "Loop", nil, []*graph.Body{indices(tensor.Int64)}, []op.Fact{known(i64(0)), {}}, 1, "int64[0,0]"},
		{"scan", "Scan", []graph.Attr{optest.Int("num_scan_inputs", 1)}, []*graph.Body{sums()}, []op.Fact{typ(tensor.Float32, n), typ(tensor.Float32, graph.D(5), n)}, 2, "float[n] float[5,n]"},
		{"scan of unknown length", "Scan", []graph.Attr{optest.Int("num_scan_inputs", 1)}, []*graph.Body{sums()}, []op.Fact{typ(tensor.Float32, n), typ(tensor.Float32, graph.Dim{Sym: "t"}, n)}, 2, "float[n] float[t,?]"},
	} {
		node := &graph.Node{Op: c.op, Opset: 28, Bodies: c.bodies}
		node.Attrs, _ = graph.NewAttrs(c.attrs...)
		g := &graph.Graph{Nodes: []*graph.Node{node}}
		for _, f := range c.in {
			if f.Type.Kind == graph.KindUnknown {
				node.Inputs = append(node.Inputs, nil)
			} else {
				node.Inputs = append(node.Inputs, &graph.Value{})
			}
		}
		for range c.nout {
			node.Outputs = append(node.Outputs, &graph.Value{Producer: node})
		}
		if err := ops.Catalog().Resolve(&graph.Model{Graph: g}); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		scope := &op.Scope{}
		scope.Body = func(b *graph.Body, in []op.Fact) ([]op.Fact, error) { return infer(b.Graph, scope, in) }
		out, err := op.InferNode(node, scope, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var l []string
		for _, f := range out {
			for k, d := range f.Type.Shape {
				if strings.HasPrefix(d.Sym, "?") {
					f.Type.Shape[k].Sym = "?"
				}
			}
			l = append(l, f.Type.String())
		}
		if got := strings.Join(l, " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
