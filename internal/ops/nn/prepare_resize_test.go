package nn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestPreparedResize(t *testing.T) {
	g := newGen(t)
	for range 400 {
		x := append([]int{g.in(1, 3), g.in(1, 12)}, g.space(1, 3)...)
		mode := pick(g, "nearest", "linear", "cubic")
		attrs := []graph.Attr{optest.Str("mode", mode),
			optest.Str("coordinate_transformation_mode", pick(g, "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")),
			optest.Str("nearest_mode", pick(g, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"))}
		if mode != "nearest" {
			attrs = append(attrs, optest.Int("antialias", int64(g.in(0, 1))))
		}
		if mode == "cubic" {
			attrs = append(attrs, optest.Int("exclude_outside", int64(g.in(0, 1))))
		}
		in := []tensor.Value{g.f32(x...), nil, nil, nil}
		constant := 2
		if g.coin() {
			s := make([]float32, len(x))
			for i := range s {
				s[i] = 1
				if i > 1 || g.IntN(8) == 0 {
					s[i] = max(pick[float32](g, 1, 2, 2, 3, 0.5, 0.7, 1.3), 1/float32(x[i]))
				}
			}
			in[2] = optest.T(s, len(s))
		} else {
			n := g.i64s(len(x), 1, 14)
			n[0] = int64(x[0])
			if g.coin() {
				n[1] = int64(x[1])
			}
			in[3], constant = optest.T(n, len(n)), 3
		}
		optest.Prepared(t, Table, optest.Case{Op: "Resize", Attrs: attrs, Inputs: in, Tol: 3e-5}, optest.How{Const: []int{constant}, Threads: g.in(1, 2)})
		up := optest.T([]float32{1, 1, 2, pick[float32](g, 2, 3, 1.5)}, 4)
		optest.Prepared(t, Table, optest.Case{Op: "Upsample", Opset: 9, Attrs: []graph.Attr{optest.Str("mode", pick(g, "nearest", "linear"))},
			Inputs: []tensor.Value{g.f32(1, 3, g.in(1, 9), g.in(1, 9)), up}}, optest.How{Const: []int{1}})
	}
}

// TestPreparedResizeInfinity has values that a weight of 0 would spoil.
func TestPreparedResizeInfinity(t *testing.T) {
	g := newGen(t)
	x := g.f32(1, 1, 5, 5)
	for _, i := range []int{0, 7, 12, 24} {
		tensor.Of[float32](x)[i] = 1 / float32(0*i)
	}
	for _, mode := range []string{"linear", "cubic"} {
		optest.Prepared(t, Table, optest.Case{Op: "Resize", Attrs: []graph.Attr{optest.Str("mode", mode), optest.Str("coordinate_transformation_mode", "align_corners")},
			Inputs: []tensor.Value{x, nil, nil, optest.T([]int64{1, 1, 9, 9}, 4)}}, optest.How{Const: []int{3}})
	}
}

func TestPreparedResizeAllocates(t *testing.T) {
	g := newGen(t)
	for _, mode := range []string{"nearest", "linear", "cubic"} {
		optest.NoAllocs(t, Table, optest.Case{Op: "Resize", Attrs: []graph.Attr{optest.Str("mode", mode)},
			Inputs: []tensor.Value{g.f32(2, 5, 40, 40), nil, optest.T([]float32{1, 1, 2.5, 2}, 4)}}, optest.How{Const: []int{2}, Threads: 2})
	}
}

// TestPreparedEmpty has tensors without elements: planned runs, by whatever step.
func TestPreparedEmpty(t *testing.T) {
	g := newGen(t)
	for _, c := range []optest.Case{
		{Op: "BatchNormalization", Inputs: []tensor.Value{g.f32(0, 3, 4), g.f32(3), g.f32(3), g.f32(3), g.pos(3)}},
		{Op: "InstanceNormalization", Inputs: []tensor.Value{g.f32(0, 3, 4), g.f32(3), g.f32(3)}},
		{Op: "LayerNormalization", Outputs: 3, Inputs: []tensor.Value{g.f32(0, 4), g.f32(4)}},
		{Op: "LRN", Attrs: []graph.Attr{optest.Int("size", 3)}, Inputs: []tensor.Value{g.f32(0, 4, 2)}},
		{Op: "ConvTranspose", Inputs: []tensor.Value{g.f32(0, 4, 2), g.f32(4, 1, 2)}},
		{Op: "GRU", Outputs: 2, Attrs: []graph.Attr{optest.Int("hidden_size", 2)}, Inputs: []tensor.Value{g.f32(3, 0, 2), g.f32(1, 6, 2), g.f32(1, 6, 2)}},
		{Op: "GRU", Outputs: 2, Attrs: []graph.Attr{optest.Int("hidden_size", 2)}, Inputs: []tensor.Value{g.f32(0, 3, 2), g.f32(1, 6, 2), g.f32(1, 6, 2)}},
		{Op: "Resize", Inputs: []tensor.Value{g.f32(0, 3, 2), nil, optest.T([]float32{1, 1, 2}, 3)}},
	} {
		if err := optest.Plan(t, Table, c, optest.How{Const: []int{2}}).Run(); err != nil {
			t.Errorf("%s: %v", c.Op, err)
		}
	}
}
