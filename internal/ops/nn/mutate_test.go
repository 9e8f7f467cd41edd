package nn

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// mutate runs variants of c with spoilt shapes, values and attributes: each
// must give a result of the inferred shape or an error, within a small budget.
func mutate(t *testing.T, cat *op.Catalog, c optest.Case, n int) {
	r := rand.New(rand.NewPCG(1, uint64(len(c.Name))))
	for range n {
		v := c
		v.Inputs = append([]tensor.Value{}, c.Inputs...)
		v.Attrs = append([]graph.Attr{}, c.Attrs...)
		for range 1 + r.IntN(2) {
			if len(v.Attrs) > 0 && r.IntN(2) == 0 {
				spoilAttr(r, &v.Attrs[r.IntN(len(v.Attrs))])
			} else {
				i := r.IntN(len(v.Inputs))
				v.Inputs[i] = spoilInput(r, v.Inputs[i])
			}
		}
		v.Outputs = len(c.Want)
		if msg := tryVariant(cat, v); msg != "" {
			t.Fatalf("%s: attributes %+v, inputs %v", msg, v.Attrs, v.Inputs)
		}
	}
}

// tryVariant returns what is wrong with how v ends.
func tryVariant(cat *op.Catalog, v optest.Case) string {
	m, err := optest.Model(v)
	if err != nil || cat.Resolve(m) != nil {
		return ""
	}
	var facts, blind []op.Fact
	var in []tensor.Value
	for _, x := range v.Inputs {
		f := op.Fact{}
		if x != nil {
			f = op.Fact{Type: optest.TypeOf(x), Const: x}
			in = append(in, x)
		}
		facts = append(facts, f)
		f.Const = nil
		blind = append(blind, f)
	}
	node := m.Graph.Nodes[0]
	known, inferErr := op.InferNode(node, &op.Scope{}, facts)
	unknown, blindErr := op.InferNode(node, &op.Scope{}, blind)
	rt := interp.NewRuntime(context.Background())
	rt.Bytes, rt.Iterations = 1<<22, 1<<17
	out, err := interp.Run(rt, m.Graph, in)
	if err != nil {
		if strings.Contains(err.Error(), "internal error") || strings.Contains(err.Error(), "not computed") {
			return err.Error()
		}
		return ""
	}
	if inferErr != nil || blindErr != nil {
		return "inference rejects what evaluation accepts"
	}
	for i := range out {
		for _, f := range [][]op.Fact{known, unknown} {
			if err := optest.Agrees(f[i].Type, out[i]); err != nil {
				return err.Error()
			}
		}
	}
	return ""
}

func spoilAttr(r *rand.Rand, a *graph.Attr) {
	ints := []int64{-1, 0, 1, 2, 3, 4, 7, 1 << 27, 1 << 31, math.MaxInt64, math.MinInt64}
	floats := []float32{-1, 0, 0.1, 2, 1e30, float32(math.NaN()), float32(math.Inf(1))}
	switch a.Kind {
	case graph.AttrInt:
		a.I = ints[r.IntN(len(ints))]
	case graph.AttrFloat:
		a.F = floats[r.IntN(len(floats))]
	case graph.AttrInts:
		a.Ints = append([]int64{}, a.Ints...)
		if k := r.IntN(4); k == 0 || len(a.Ints) == 0 {
			a.Ints = append(a.Ints, ints[r.IntN(len(ints))])
		} else if k == 1 {
			a.Ints = a.Ints[1:]
		} else {
			a.Ints[r.IntN(len(a.Ints))] = ints[r.IntN(len(ints))]
		}
	case graph.AttrFloats:
		a.Floats = append([]float32{}, a.Floats...)
		if len(a.Floats) > 0 {
			a.Floats[r.IntN(len(a.Floats))] = floats[r.IntN(len(floats))]
		}
	}
}

func spoilInput(r *rand.Rand, v tensor.Value) tensor.Value {
	x, ok := v.(*tensor.Tensor)
	if !ok || x.DType() == tensor.String {
		return v
	}
	if r.IntN(12) == 0 {
		return nil
	}
	dims := append([]int{}, x.Shape()...)
	switch k := r.IntN(6); {
	case k == 0:
		dims = append(dims, 1+r.IntN(2))
	case k == 1 && len(dims) > 0:
		dims = dims[1:]
	case k < 4 && len(dims) > 0:
		dims[r.IntN(len(dims))] = r.IntN(5)
	}
	y, err := tensor.New(x.DType(), dims...)
	if err != nil {
		return v
	}
	for i := range y.Len() {
		if x.Len() > 0 {
			y.SetFloatAt(i, x.FloatAt(i%x.Len()))
		}
	}
	if y.Len() > 0 && r.IntN(2) == 0 {
		bad := []float64{-1, 0, 1, 2, 100, 1e9, 1e30, -1e30, math.NaN(), math.Inf(1), math.Inf(-1)}
		y.SetFloatAt(r.IntN(y.Len()), bad[r.IntN(len(bad))])
	}
	return y
}
