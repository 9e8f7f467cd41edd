package nn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// i64s returns n numbers from lo to hi.
func (g *gen) i64s(n, lo, hi int) []int64 {
	l := make([]int64, n)
	for i := range l {
		l[i] = int64(g.in(lo, hi))
	}
	return l
}

func TestPreparedConvTranspose(t *testing.T) {
	g := newGen(t)
	for range 150 {
		sp := g.space(1, 3)
		n, group := len(sp), g.in(1, 3)
		cg, mg := g.in(1, 5), g.in(1, 5)
		kernel, strides, dil := g.i64s(n, 1, 4), g.i64s(n, 1, 3), g.i64s(n, 1, 2)
		attrs := []graph.Attr{optest.Int("group", int64(group))}
		if g.coin() {
			strides = kernel
		} else {
			attrs = append(attrs, optest.Ints("dilations", dil...))
			switch g.in(0, 3) {
			case 0:
				attrs = append(attrs, optest.Str("auto_pad", pick(g, "SAME_UPPER", "SAME_LOWER", "VALID")))
			case 1:
				attrs = append(attrs, optest.Ints("pads", g.i64s(2*n, 0, 1)...), optest.Ints("output_padding", g.i64s(n, 0, 2)...))
			case 2:
				attrs = append(attrs, optest.Ints("output_shape", g.i64s(n, 3, 20)...))
			}
		}
		attrs = append(attrs, optest.Ints("strides", strides...))
		w := []int{group * cg, mg}
		for _, k := range kernel {
			w = append(w, int(k))
		}
		x := append([]int{g.in(1, 3), group * cg}, sp...)
		c := optest.Case{Op: "ConvTranspose", Attrs: attrs, Inputs: []tensor.Value{g.f32(x...), g.f32(w...), pick[tensor.Value](g, nil, g.f32(group*mg))}}
		how := optest.How{Plain: true}
		if e := optest.Plan(t, Table, c, how); e.Run() != nil || e.Outputs()[0].(*tensor.Tensor).Len() == 0 {
			continue // pads leave nothing
		}
		g.check(c, 1, 2)
	}
}

// TestPreparedConvTransposeBias has the bias where com.microsoft's form has it.
func TestPreparedConvTransposeBias(t *testing.T) {
	g := newGen(t)
	optest.Prepared(t, Table, optest.Case{Op: "ConvTransposeWithDynamicPads", Domain: msDomain, Inputs: []tensor.Value{g.f32(1, 2, 3, 3), g.f32(2, 2, 2, 2), nil, g.f32(2)}}, optest.How{})
}

// TestPreparedConvTransposeBlocks has more products than fit one block.
func TestPreparedConvTransposeBlocks(t *testing.T) {
	g := newGen(t)
	c := optest.Case{Op: "ConvTranspose", Attrs: []graph.Attr{optest.Ints("strides", 2, 2), optest.Ints("pads", 1, 0, 1, 0)},
		Inputs: []tensor.Value{g.f32(1, 2, 150, 160), g.f32(2, 7, 4, 3), g.f32(7)}}
	g.check(c, 1)
	g.check(c, 1)
	optest.NoAllocs(t, Table, c, optest.How{Threads: 2})
	optest.NoAllocs(t, Table, c, optest.How{Threads: 1, Const: []int{1}})
}

func TestPreparedFusedConv(t *testing.T) {
	g := newGen(t)
	for range 60 {
		sp := g.space(1, 3)
		attrs := []graph.Attr{optest.Str("activation", pick(g, "Relu", "Clip", "Tanh", "Sigmoid", "LeakyRelu", "HardSigmoid", "HardSwish", "Elu", ""))}
		if s := attrs[0].S; s == "Clip" || s == "LeakyRelu" || s == "HardSigmoid" {
			attrs = append(attrs, optest.Floats("activation_params", []float32{-0.3, 0.7}[:1+g.in(0, 1)]...))
		}
		w, x, y := []int{g.in(1, 5), g.in(1, 4)}, []int{g.in(1, 3)}, []int(nil)
		x = append(x, w[1])
		y = append(y, x[0], w[0])
		for _, d := range sp {
			k := g.in(1, min(d, 3))
			w, x, y = append(w, k), append(x, d), append(y, d-k+1)
		}
		g.check(optest.Case{Op: "FusedConv", Domain: msDomain, Attrs: attrs,
			Inputs: []tensor.Value{g.f32(x...), g.f32(w...), pick[tensor.Value](g, nil, g.f32(w[0])), pick[tensor.Value](g, nil, g.f32(y...))}}, 1, 2)
	}
	optest.NoAllocs(t, Table, optest.Case{Op: "FusedConv", Domain: msDomain, Attrs: []graph.Attr{optest.Str("activation", "Tanh")},
		Inputs: []tensor.Value{g.f32(1, 4, 60, 60), g.f32(8, 4, 1, 1), nil, g.f32(1, 8, 60, 60)}}, optest.How{Threads: 2})
}
