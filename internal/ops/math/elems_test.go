package math

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// infer runs the inference of one operator on int64 vectors with the given elements.
func infer(t *testing.T, c optest.Case, in ...[]graph.Dim) op.Fact {
	t.Helper()
	for _, e := range in {
		c.Inputs = append(c.Inputs, optest.T(make([]int64, len(e)), len(e)))
	}
	m, err := optest.Model(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := op.NewCatalog(Table).Resolve(m); err != nil {
		t.Fatal(err)
	}
	var facts []op.Fact
	for i, e := range in {
		f := op.Fact{Type: optest.TypeOf(c.Inputs[i]), Elems: e}
		if c.Op == "Where" && i == 0 {
			f.Type.Elem = tensor.Bool
		}
		facts = append(facts, f)
	}
	out, err := op.InferNode(m.Graph.Nodes[0], &op.Scope{}, facts)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func TestShapeArithmetic(t *testing.T) {
	b, s, n := graph.Dim{Sym: "batch"}, graph.Dim{Sym: "seq"}, graph.D
	for _, tt := range []struct {
		op   string
		in   [][]graph.Dim
		want graph.Shape // nil: nothing is known
	}{
		{"Mul", [][]graph.Dim{{b, n(3)}, {n(2)}}, graph.Shape{{Sym: "2*batch"}, n(6)}},
		{"Mul", [][]graph.Dim{{n(2)}, {b}}, graph.Shape{{Sym: "2*batch"}}},
		{"Mul", [][]graph.Dim{{s}, {b}}, graph.Shape{{Sym: "batch*seq"}}},
		{"Mul", [][]graph.Dim{{b}, {n(1)}}, graph.Shape{b}},
		{"Mul", [][]graph.Dim{{n(1 << 30)}, {n(1 << 30)}}, nil},
		{"Add", [][]graph.Dim{{n(0)}, {b}}, graph.Shape{b}},
		{"Add", [][]graph.Dim{{b}, {n(1)}}, graph.Shape{{Sym: "1+batch"}}},
		{"Sub", [][]graph.Dim{{b}, {b}}, graph.Shape{n(0)}},
		{"Sub", [][]graph.Dim{{b}, {n(1)}}, graph.Shape{{Sym: "batch-1"}}},
		{"Div", [][]graph.Dim{{{Sym: "2*batch"}}, {n(2)}}, graph.Shape{{Sym: "(2*batch)/2"}}},
		{"Div", [][]graph.Dim{{n(7)}, {n(2)}}, graph.Shape{n(3)}},
		{"Div", [][]graph.Dim{{n(7)}, {n(0)}}, nil},
		{"Max", [][]graph.Dim{{n(7)}, {n(2)}}, graph.Shape{n(7)}},
		{"Equal", [][]graph.Dim{{b, n(3), n(-1)}, {n(-1)}}, graph.Shape{n(0), n(0), n(1)}},
		{"Equal", [][]graph.Dim{{{Sym: "?1"}}, {n(-1)}}, nil},
		{"Equal", [][]graph.Dim{{{Sym: "batch-1"}}, {n(-1)}}, nil},
		{"Equal", [][]graph.Dim{{b}, {n(3)}}, nil},
		{"Where", [][]graph.Dim{{n(0), n(1)}, {b, b}, {s, n(4)}}, graph.Shape{s, b}},
		{"Where", [][]graph.Dim{{{Sym: "x"}}, {b}, {b}}, graph.Shape{b}},
	} {
		got := infer(t, optest.Case{Op: tt.op}, tt.in...)
		if graph.Shape(got.Elems).String() != tt.want.String() {
			t.Errorf("%s%v: %v, want %v", tt.op, tt.in, graph.Shape(got.Elems), tt.want)
		}
	}
	cast := infer(t, optest.Case{Op: "Cast", Attrs: []graph.Attr{optest.Int("to", 6)}}, []graph.Dim{b, n(1 << 20)})
	if graph.Shape(cast.Elems).String() != "[batch,1048576]" || cast.Type.Elem != tensor.Int32 {
		t.Errorf("Cast: %v %v", cast.Type, cast.Elems)
	}
}
