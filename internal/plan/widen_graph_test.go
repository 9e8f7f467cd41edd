package plan_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/exec"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/plan"
	"github.com/walnut-ai/walnut/tensor"
)

// Graphs over 16-bit floats, of nodes that run on float32 among views and nodes
// that don't, must compute what their definitions do.
func TestWidenedGraphs(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	for range 300 {
		dt, tol := tensor.Float16, 2e-2
		if r.IntN(2) == 0 {
			dt, tol = tensor.BFloat16, 1e-1
		}
		m := randomGraph(r, dt)
		if err := ops.Catalog().Resolve(m); err != nil {
			t.Fatal(err)
		}
		in := []tensor.Value{random(r, dt)}
		var want []tensor.Value
		for _, plain := range []bool{true, false} {
			p, err := plan.Compile(m.Graph, &plan.Shared{Name: "test", Threads: 1 + r.IntN(2), Packs: &plan.Packs{}, NoPrepare: plain})
			if err != nil {
				t.Fatal(err)
			}
			out := make([]tensor.Value, len(m.Graph.Outputs))
			for range 2 {
				if err := exec.Run(context.Background(), p, in, out, exec.Options{}); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if want == nil {
					want = append(want, out...)
					break
				}
				for i := range out {
					if _, err := compare.Values(out[i], want[i], compare.Tol{Rel: tol, Abs: tol * largest(want[i].(*tensor.Tensor))}); err != nil {
						t.Fatalf("seed %d: output %d of %s: %v", seed, i, describe(m.Graph), err)
					}
				}
			}
		}
	}
}

// largest returns the magnitude of x's largest element, what roundings before
// cancellation are relative to.
func largest(x *tensor.Tensor) float64 {
	top := 1e-3
	for i := range x.Len() {
		top = max(top, math.Abs(x.FloatAt(i)))
	}
	return top
}

func random(r *rand.Rand, dt tensor.DType) *tensor.Tensor {
	x, err := tensor.New(dt, 4, 4)
	if err != nil {
		panic(err)
	}
	for i := range x.Len() {
		x.SetFloatAt(i, r.NormFloat64()/4) // products stay small
	}
	return x
}

// randomGraph chains nodes over matrices of 4 by 4.
func randomGraph(r *rand.Rand, dt tensor.DType) *graph.Model {
	x := &graph.Value{Name: "x", Type: graph.TensorType(dt, graph.Dims(4, 4))}
	g := &graph.Graph{Name: "g", Inputs: []*graph.Value{x}, Formal: 1}
	all := []*graph.Value{x}
	any := func() *graph.Value { return all[max(0, len(all)-1-r.IntN(4))] }
	for i := range 2 + r.IntN(10) {
		n := &graph.Node{Name: fmt.Sprint(i), Path: fmt.Sprint(i), Opset: 1 << 20, Inputs: []*graph.Value{any()}}
		switch n.Op = []string{"Add", "Mul", "Tanh", "Relu", "Softmax", "Identity", "Reshape", "Transpose", "MatMul", "Where"}[r.IntN(10)]; n.Op {
		case "Add", "Mul", "MatMul":
			if n.Inputs = append(n.Inputs, any()); r.IntN(3) == 0 {
				n.Inputs[1] = &graph.Value{Name: fmt.Sprint("w", i), Const: random(r, dt)}
				n.Inputs[1].Type = x.Type
			}
		case "Reshape":
			n.Inputs = append(n.Inputs, &graph.Value{Name: fmt.Sprint("s", i), Const: tensor.MustFrom([]int64{4, 4}, 2), Type: graph.TensorType(tensor.Int64, graph.Dims(2))})
		case "Where":
			c := tensor.MustFrom([]bool{true, false, true, false}, 4)
			n.Inputs = []*graph.Value{{Name: fmt.Sprint("c", i), Const: c, Type: graph.TensorType(tensor.Bool, graph.Dims(4))}, any(), any()}
		}
		y := &graph.Value{Name: fmt.Sprint("y", i), Producer: n}
		n.Outputs = []*graph.Value{y}
		g.Nodes, all = append(g.Nodes, n), append(all, y)
		if n.Op != "Softmax" && r.IntN(5) == 0 {
			g.Outputs = append(g.Outputs, y)
		}
	}
	if last := all[len(all)-1]; len(g.Outputs) == 0 || g.Outputs[len(g.Outputs)-1] != last {
		g.Outputs = append(g.Outputs, last)
	}
	return &graph.Model{Name: "test", Graph: g}
}

func describe(g *graph.Graph) string {
	s := ""
	for _, n := range g.Nodes {
		s += n.Outputs[0].Name + "=" + n.Op + "("
		for _, v := range n.Inputs {
			s += v.Name + " "
		}
		s += ") "
	}
	for _, v := range g.Outputs {
		s += " -> " + v.Name
	}
	return s
}
