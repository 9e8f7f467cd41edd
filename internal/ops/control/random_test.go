package control_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// TestRandom makes up shapes and attributes for loops and scans: no call may
// end in a panic, and what inference says with and without values must hold.
func TestRandom(t *testing.T) {
	g := rand.New(rand.NewPCG(3, 4))
	dims := func() []int {
		d := make([]int, g.IntN(4))
		for i := range d {
			d[i] = g.IntN(3)
		}
		return d
	}
	float := func() *tensor.Tensor {
		x, _ := tensor.New(tensor.Float32, dims()...)
		return x
	}
	small := func() int64 { return int64(g.IntN(6) - 2) }
	done := map[string]int{}
	for range 4000 {
		c := optest.Case{Op: "Scan", Opset: 28, Bodies: []*graph.Body{sums()}, Attrs: []graph.Attr{optest.Int("num_scan_inputs", 1)}, Inputs: vals{float(), float()}, Outputs: 2}
		switch g.IntN(3) {
		case 0:
			for _, name := range []string{"scan_input_axes", "scan_output_axes", "scan_input_directions", "scan_output_directions"} {
				if g.IntN(2) == 0 {
					c.Attrs = append(c.Attrs, optest.Ints(name, small()))
				}
			}
		case 1:
			c.Opset = 8
			c.Inputs = append(vals{nil}, c.Inputs...)
			if g.IntN(2) == 0 {
				c.Inputs[0] = i64(small(), small())
			}
		default:
			c.Op, c.Attrs = "Loop", nil
			c.Bodies = []*graph.Body{counter(1, 2)}
			c.Inputs = vals{i64(small()), tensor.Scalar(g.IntN(2) == 0), float()}
			for k := range 2 {
				if g.IntN(3) == 0 {
					c.Inputs[k] = nil
				}
			}
			if c.Inputs[0] == nil && c.Inputs[1] == nil {
				c.Inputs[0] = i64(2)
			}
			if g.IntN(2) == 0 {
				c.Bodies, c.Outputs = []*graph.Body{grow()}, 1
			}
		}
		ok, err := agree(c)
		if err != "" {
			t.Fatalf("%s-%d %v on %v: %s", c.Op, c.Opset, c.Attrs, c.Inputs, err)
		}
		if ok {
			done[c.Op]++
		}
	}
	if done["Scan"] < 50 || done["Loop"] < 50 {
		t.Errorf("only %v calls were valid", done)
	}
}

// agree runs c and compares the result with inference on values, on types and
// on ranks alone.
func agree(c optest.Case) (bool, string) {
	m, err := optest.Model(c)
	if err != nil || ops.Catalog().Resolve(m) != nil {
		return false, ""
	}
	rt := interp.NewRuntime(context.Background())
	rt.Iterations, rt.Bytes = 1000, 1<<20
	var in vals
	facts := make([]op.Fact, len(c.Inputs))
	for i, x := range c.Inputs {
		if x != nil {
			in = append(in, x)
			facts[i] = op.Fact{Type: optest.TypeOf(x), Const: x}
		}
	}
	out, evalErr := interp.Run(rt, m.Graph, in)
	if evalErr != nil && strings.Contains(evalErr.Error(), "internal error") {
		return false, evalErr.Error()
	}
	scope := &op.Scope{}
	scope.Body = func(b *graph.Body, in []op.Fact) ([]op.Fact, error) { return infer(b.Graph, scope, in) }
	for form := range 3 {
		for i := range facts {
			if form > 0 {
				facts[i].Const = nil
			}
			if form > 1 && facts[i].Type.Shape != nil {
				facts[i].Type.Shape = make(graph.Shape, len(facts[i].Type.Shape))
				for k := range facts[i].Type.Shape {
					facts[i].Type.Shape[k] = scope.Fresh()
				}
			}
		}
		got, err := op.InferNode(m.Graph.Nodes[0], scope, facts)
		if evalErr != nil {
			continue
		}
		if err != nil {
			return false, "inference rejects what can be computed: " + err.Error()
		}
		for i := range out {
			if err := optest.Agrees(got[i].Type, out[i]); err != nil {
				return false, "inferred " + err.Error()
			}
		}
	}
	return evalErr == nil, ""
}
