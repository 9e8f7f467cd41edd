package reduce

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// Shapes with symbols, and axes or k that are not known.
func TestInferSymbols(t *testing.T) {
	b := graph.Dim{Sym: "batch"}
	data := op.Fact{Type: graph.TensorType(tensor.Float32, graph.Shape{b, graph.D(3), graph.D(4)})}
	ints := func(n int, e ...graph.Dim) op.Fact {
		return op.Fact{Type: graph.TensorType(tensor.Int64, graph.Dims(n)), Elems: e}
	}
	flat := []graph.Attr{optest.Int("keepdims", 0)}
	for _, tt := range []struct {
		name  string
		op    string
		attrs []graph.Attr
		in    []op.Fact
		want  string // type; elements follow if they are known
	}{
		{"kept", "ReduceSum", nil, []op.Fact{data, ints(1, graph.D(1))}, "float[batch,1,4]"},
		{"dropped", "ReduceSum", flat, []op.Fact{data, ints(2, graph.D(-1), graph.D(1))}, "float[batch]"},
		{"unknown axes kept", "ReduceSum", nil, []op.Fact{data, ints(1)}, "float[?1,?2,?3]"},
		{"unknown axes dropped", "ReduceSum", flat, []op.Fact{data, ints(2)}, "float[?1]"},
		{"no axes", "ReduceSum", flat, []op.Fact{data, ints(0)}, "float[]"},
		{"product of elements", "ReduceProd", flat, []op.Fact{ints(2, graph.D(3), graph.D(4))}, "int64[] [12]"},
		{"product of symbols", "ReduceProd", flat, []op.Fact{ints(2, b, graph.D(4))}, "int64[]"},
		{"argmax", "ArgMax", append(flat, optest.Int("axis", 1)), []op.Fact{data}, "int64[batch,4]"},
		{"k", "TopK", nil, []op.Fact{data, ints(1, graph.D(2))}, "float[batch,3,2]"},
		{"k is a symbol", "TopK", nil, []op.Fact{data, ints(1, b)}, "float[batch,3,batch]"},
		{"unknown k", "TopK", nil, []op.Fact{data, ints(1)}, "float[batch,3,?1]"},
		{"unknown rank", "Softmax", nil, []op.Fact{{Type: graph.TensorType(tensor.Float32, nil)}}, "float[...]"},
	} {
		c := optest.Case{Op: tt.op, Attrs: tt.attrs, Outputs: 1}
		if tt.op == "TopK" {
			c.Outputs = 2
		}
		for range tt.in {
			c.Inputs = append(c.Inputs, f32())
		}
		m, err := optest.Model(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := op.NewCatalog(Table).Resolve(m); err != nil {
			t.Fatal(err)
		}
		out, err := op.InferNode(m.Graph.Nodes[0], &op.Scope{}, tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := out[0].Type.String()
		if out[0].Elems != nil {
			got += " " + graph.Shape(out[0].Elems).String()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
