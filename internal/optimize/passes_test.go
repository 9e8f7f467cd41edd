package optimize_test

import (
	"context"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/optimize"
	"github.com/walnut-ai/walnut/tensor"
)

// build makes a graph of unary and binary nodes: lines of {op, inputs..., output}.
// Names in consts are constants, x is the input, y the output.
func build(t *testing.T, consts map[string]*tensor.Tensor, lines ...[]string) *graph.Model {
	t.Helper()
	vals := map[string]*graph.Value{"x": {Name: "x", Type: graph.TensorType(tensor.Float32, graph.Dims(2))}}
	for n, c := range consts {
		vals[n] = &graph.Value{Name: n, Const: c, Type: graph.TensorType(c.DType(), graph.Dims(c.Shape()...))}
	}
	g := &graph.Graph{Name: "g", Inputs: []*graph.Value{vals["x"]}, Formal: 1}
	for _, l := range lines {
		n := &graph.Node{Op: l[0], Opset: 21, Path: "/" + l[len(l)-1]}
		for _, in := range l[1 : len(l)-1] {
			n.Inputs = append(n.Inputs, vals[in])
		}
		out := &graph.Value{Name: l[len(l)-1], Producer: n}
		vals[out.Name] = out
		n.Outputs = []*graph.Value{out}
		g.Nodes = append(g.Nodes, n)
	}
	g.Outputs = []*graph.Value{vals["y"]}
	m := &graph.Model{Name: "test", Graph: g}
	if err := ops.Catalog().Resolve(m); err != nil {
		t.Fatal(err)
	}
	return m
}

func names(g *graph.Graph) string {
	s := ""
	for _, n := range g.Nodes {
		s += n.Op + " "
	}
	return s
}

// TestPasses compares the operators before and after, and the result.
func TestPasses(t *testing.T) {
	two := tensor.MustFrom([]float32{2, 3}, 2)
	tests := []struct {
		name   string
		consts map[string]*tensor.Tensor
		lines  [][]string
		want   string
	}{
		{"fold", map[string]*tensor.Tensor{"c": two}, [][]string{{"Neg", "c", "a"}, {"Exp", "a", "b"}, {"Mul", "x", "b", "y"}}, "Mul "},
		{"identity", nil, [][]string{{"Identity", "x", "a"}, {"Neg", "a", "b"}, {"Identity", "b", "c"}, {"Abs", "c", "y"}}, "Neg Abs "},
		{"identity of an output stays", nil, [][]string{{"Neg", "x", "a"}, {"Identity", "a", "y"}}, "Neg Identity "},
		{"cse", nil, [][]string{{"Neg", "x", "a"}, {"Neg", "x", "b"}, {"Exp", "a", "c"}, {"Exp", "b", "d"}, {"Add", "c", "d", "y"}}, "Neg Exp Add "},
		{"dead", nil, [][]string{{"Neg", "x", "a"}, {"Exp", "a", "b"}, {"Abs", "x", "y"}}, "Abs "},
		{"random is neither folded nor merged", map[string]*tensor.Tensor{"c": two}, [][]string{{"RandomUniformLike", "c", "a"}, {"RandomUniformLike", "c", "b"}, {"Sub", "a", "b", "d"}, {"Add", "x", "d", "y"}}, "RandomUniformLike RandomUniformLike Sub Add "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := []tensor.Value{tensor.MustFrom([]float32{1, -4}, 2)}
			m := build(t, tt.consts, tt.lines...)
			before, err := interp.Run(interp.NewRuntime(context.Background()), m.Graph, in)
			if err != nil {
				t.Fatal(err)
			}
			c := &optimize.Context{Ctx: context.Background(), Catalog: ops.Catalog()}
			if err := optimize.Run(c, m.Graph); err != nil {
				t.Fatal(err)
			}
			if got := names(m.Graph); got != tt.want {
				t.Errorf("after the passes: %s, want %s", got, tt.want)
			}
			after, err := interp.Run(interp.NewRuntime(context.Background()), m.Graph, in)
			if err != nil {
				t.Fatal(err)
			}
			a, b := before[0].(*tensor.Tensor), after[0].(*tensor.Tensor)
			if string(a.Bytes()) != string(b.Bytes()) && tt.want[:1] != "R" {
				t.Errorf("the result changed: %v, was %v", tensor.Of[float32](b), tensor.Of[float32](a))
			}
		})
	}
}
