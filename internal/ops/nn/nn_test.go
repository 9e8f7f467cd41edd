package nn

import (
	"slices"
	"testing"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// run runs cases, and infers each once more with all shapes unknown, with ranks
// alone, and with every second dimension a symbol: what is stated must hold.
// Then it runs each in other float types, and spoils it in many ways.
func run(t *testing.T, cases []optest.Case) {
	t.Helper()
	optest.Run(t, Table, cases)
	cat := op.NewCatalog(Table)
	for _, c := range cases {
		if c.Err == "" && len(c.Want) > 0 {
			t.Run(c.Name+" inference", func(t *testing.T) { inferPartly(t, cat, c) })
			t.Run(c.Name+" types", func(t *testing.T) { otherTypes(t, cat, c) })
			t.Run(c.Name+" spoilt", func(t *testing.T) { mutate(t, cat, c, 300) })
		}
	}
}

func inferPartly(t *testing.T, cat *op.Catalog, c optest.Case) {
	m, err := optest.Model(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.Resolve(m); err != nil {
		t.Fatal(err)
	}
	for mode := range 4 {
		scope := &op.Scope{}
		var facts []op.Fact
		for _, x := range c.Inputs {
			var f op.Fact
			if x != nil {
				f = op.Fact{Type: optest.TypeOf(x)}
				s := append(graph.Shape{}, f.Type.Shape...)
				for i := range s {
					if mode == 1 || mode > 1 && i%2 == mode-2 {
						s[i] = scope.Fresh()
					}
				}
				if f.Type.Shape = s; mode == 0 {
					f.Type.Shape = nil
				}
			}
			facts = append(facts, f)
		}
		out, err := op.InferNode(m.Graph.Nodes[0], scope, facts)
		if err != nil {
			t.Fatalf("mode %d: %v", mode, err)
		}
		for i, w := range c.Want {
			if err := optest.Agrees(out[i].Type, w); err != nil {
				t.Errorf("mode %d: output %d inferred as %v", mode, i, err)
			}
		}
	}
}

func f32(v []float32, dims ...int) *tensor.Tensor { return optest.T(v, dims...) }

// otherTypes runs c in the other float types that the schema allows: the
// results must be the same but for rounding.
func otherTypes(t *testing.T, cat *op.Catalog, c optest.Case) {
	version := c.Opset
	if version == 0 {
		version = 1 << 20
	}
	s := schema.Lookup(c.Domain, c.Op, version)
	for dt, tol := range map[tensor.DType]float64{tensor.Float64: 1e-5, tensor.Float16: 1e-2, tensor.BFloat16: 8e-2} {
		if dt != tensor.Float64 && (c.Op == "RoiAlign" || c.Op == "MaxRoiPool" || c.Op == "CropAndResize" || c.Op == "GridSample") {
			continue // coordinates move too far
		}
		v, any := c, false
		v.Inputs = append([]tensor.Value{}, c.Inputs...)
		for i, x := range c.Inputs {
			x, ok := x.(*tensor.Tensor)
			if ok && x.DType() == tensor.Float32 && slices.Contains(s.Types[s.Input(i).Type], dt.String()) {
				v.Inputs[i], any = optest.As(dt, x), true
			}
		}
		v.Outputs = len(c.Want)
		if !any {
			continue
		}
		out, err := optest.Eval(cat, v)
		if err != nil {
			t.Errorf("%v: %v", dt, err)
			continue
		}
		for i, w := range c.Want {
			w, got := w.(*tensor.Tensor), out[i].(*tensor.Tensor)
			if w.DType() == tensor.String || w.DType() == tensor.Complex64 {
				continue
			}
			if w.DType() == tensor.Float32 && got.DType() != dt && got.DType() != tensor.Float32 {
				t.Errorf("%v: output %d is %v", dt, i, got)
			}
			if _, err := compare.Values(optest.As(w.DType(), got), w, compare.Tol{Rel: tol, Abs: tol}); err != nil {
				t.Errorf("%v: output %d: %v", dt, i, err)
			}
		}
	}
}
