package attn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// TestInferSymbols checks what is said of shapes with symbols; "?" stands for
// any symbol that inference makes up.
func TestInferSymbols(t *testing.T) {
	d := func(x ...any) graph.Shape {
		s := graph.Shape{}
		for _, v := range x {
			switch v := v.(type) {
			case int:
				s = append(s, graph.D(v))
			case string:
				s = append(s, graph.Dim{Sym: v})
			}
		}
		return s
	}
	ids := i32(shape(1), 0)
	for _, c := range []struct {
		name   string
		c      optest.Case
		shapes []graph.Shape
		elems  map[int][]graph.Dim
		want   []string
	}{
		{"rank 4", optest.Case{Op: "Attention", Inputs: list{q1, k1, v1}, Outputs: 4}, []graph.Shape{d("b", 8, "s", 64), d("b", 2, "t", 64), d("b", 2, "t", 32)}, nil,
			[]string{"[b,8,s,32]", "[b,2,t,64]", "[b,2,t,32]", "[b,8,s,t]"}},
		{"rank 3", optest.Case{Op: "Attention", Attrs: attrs(num("q_num_heads", 8), num("kv_num_heads", 2)), Inputs: list{q1, k1, v1}, Outputs: 2},
			[]graph.Shape{d("b", "s", 512), d("b", "s", 128), d("b", "s", 64)}, nil, []string{"[b,s,256]", "[b,2,s,64]"}},
		{"unknown", optest.Case{Op: "Attention", Inputs: list{q1, k1, v1}}, []graph.Shape{nil, nil, nil}, nil, []string{"[...]"}},
		{"cache", optest.Case{Domain: ms, Op: "GroupQueryAttention", Attrs: attrs(num("num_heads", 8), num("kv_num_heads", 2)), Inputs: list{q1, q1, q1, q1, q1, ids, ids}, Outputs: 3},
			[]graph.Shape{d("b", "s", 512), d("b", "s", 128), d("b", "s", 128), d("b", 2, "p", 64), d("b", 2, "p", 64), d("b"), d()}, nil, []string{"[b,s,512]", "[b,2,?,64]", "[b,2,?,64]"}},
		{"no past", optest.Case{Domain: ms, Op: "GroupQueryAttention", Attrs: attrs(num("num_heads", 8), num("kv_num_heads", 2)), Inputs: list{q1, q1, q1, nil, nil, ids, ids}, Outputs: 2},
			[]graph.Shape{d("b", "s", 512), d("b", "s", 128), d("b", "s", 128), nil, nil, d("b"), d()}, map[int][]graph.Dim{6: d("s")}, []string{"[b,s,512]", "[b,2,s,64]"}},
		{"merged", optest.Case{Domain: ms, Op: "Attention", Attrs: attrs(num("num_heads", 12)), Inputs: list{q1, q1}, Outputs: 2},
			[]graph.Shape{d("b", "s", 768), d(768, 2304)}, nil, []string{"[b,s,768]", "[2,b,12,s,64]"}},
		{"multi-head", optest.Case{Domain: ms, Op: "MultiHeadAttention", Attrs: attrs(num("num_heads", 12)), Inputs: list{q1, q1, q1}, Outputs: 4},
			[]graph.Shape{d("b", "s", 768), d("b", "l", 768), d("b", "l", 768)}, nil, []string{"[b,s,768]", "[b,12,l,64]", "[b,12,l,64]", "[b,12,s,l]"}},
		{"bias", optest.Case{Domain: ms, Op: "RelativePositionBias", Attrs: attrs(num("max_distance", 8)), Inputs: list{q1, zerosInt(1), zerosInt(1)}},
			[]graph.Shape{d(32, 8), d(1), d(1)}, map[int][]graph.Dim{1: d("q"), 2: d("k")}, []string{"[1,8,q,k]"}},
		{"linear", optest.Case{Op: "LinearAttention", Attrs: attrs(num("q_num_heads", 4), num("kv_num_heads", 2), optest.Str("update_rule", "linear")), Inputs: list{q1, q1, q1}, Outputs: 2},
			[]graph.Shape{d("b", "t", 32), d("b", "t", 16), d("b", "t", 10)}, nil, []string{"[b,t,20]", "[b,2,8,5]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := optest.Model(c.c)
			if err != nil {
				t.Fatal(err)
			}
			if err := op.NewCatalog(Table).Resolve(m); err != nil {
				t.Fatal(err)
			}
			var facts []op.Fact
			for i, x := range c.c.Inputs {
				if x == nil {
					facts = append(facts, op.Fact{})
					continue
				}
				facts = append(facts, op.Fact{Type: graph.TensorType(x.(*tensor.Tensor).DType(), c.shapes[i]), Elems: c.elems[i]})
			}
			out, err := op.InferNode(m.Graph.Nodes[0], &op.Scope{}, facts)
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range c.want {
				got := out[i].Type.Shape
				for k, x := range got {
					if !x.Known() && x.Sym[0] == '?' {
						got[k].Sym = "?"
					}
				}
				if got.String() != w {
					t.Errorf("output %d is %v, want %v", i, got, w)
				}
			}
		})
	}
}
