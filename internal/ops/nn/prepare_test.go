package nn

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// gen makes random cases; it prints its seed when the test fails.
type gen struct {
	*rand.Rand
	t *testing.T
}

func newGen(t *testing.T) *gen {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return &gen{rand.New(rand.NewPCG(seed, 1)), t}
}

// f32 is a tensor of normal values.
func (g *gen) f32(dims ...int) *tensor.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(g.NormFloat64())
	}
	return optest.T(v, dims...)
}

// pos is a tensor of positive values.
func (g *gen) pos(dims ...int) *tensor.Tensor {
	x := g.f32(dims...)
	for i, v := range tensor.Of[float32](x) {
		tensor.Of[float32](x)[i] = v*v + 0.1
	}
	return x
}

// in is a number from lo to hi.
func (g *gen) in(lo, hi int) int { return lo + g.IntN(hi-lo+1) }

func (g *gen) coin() bool { return g.IntN(2) == 0 }

// pick returns one of l.
func pick[T any](g *gen, l ...T) T { return l[g.IntN(len(l))] }

// space is up to three random spatial dimensions.
func (g *gen) space(least, most int) []int {
	d := make([]int, g.in(least, most))
	for i := range d {
		d[i] = g.in(1, 9)
	}
	return d
}

// check compares the prepared step of c with its definition, with the inputs
// named constant or not, on one thread or two.
func (g *gen) check(c optest.Case, constant ...int) {
	g.t.Helper()
	how := optest.How{Threads: g.in(1, 2)}
	if g.coin() {
		for _, i := range constant {
			if i < len(c.Inputs) && c.Inputs[i] != nil {
				how.Const = append(how.Const, i)
			}
		}
	}
	optest.Prepared(g.t, Table, c, how)
}

func TestPreparedNorms(t *testing.T) {
	g := newGen(t)
	for range 60 {
		batch, ch := g.in(1, 3), g.in(1, 7)
		x := append([]int{batch, ch}, g.space(0, 3)...)
		eps := optest.Float("epsilon", pick[float32](g, 1e-5, 0.1))
		g.check(optest.Case{Op: "BatchNormalization", Attrs: []graph.Attr{eps},
			Inputs: []tensor.Value{g.f32(x...), g.f32(ch), g.f32(ch), g.f32(ch), g.pos(ch)}}, 1, 2, 3, 4)
		x = append([]int{batch, ch}, g.space(1, 3)...)
		x[2] += 3
		g.check(optest.Case{Op: "InstanceNormalization", Attrs: []graph.Attr{eps}, Inputs: []tensor.Value{g.f32(x...), g.f32(ch), g.f32(ch)}}, 1, 2)
		per := g.in(1, 4)
		x[1] = ch * per
		for _, v := range []int{18, 21} {
			n := ch
			if v == 21 {
				n = x[1]
			}
			g.check(optest.Case{Op: "GroupNormalization", Opset: v, Attrs: []graph.Attr{eps, optest.Int("num_groups", int64(ch))},
				Inputs: []tensor.Value{g.f32(x...), g.f32(n), g.f32(n)}}, 1, 2)
		}
		g.check(optest.Case{Op: "GroupNorm", Domain: msDomain, Attrs: []graph.Attr{optest.Int("groups", int64(ch)), optest.Int("activation", int64(g.in(0, 1))), optest.Int("channels_last", 0)},
			Inputs: []tensor.Value{g.f32(batch, ch*per, 4, g.in(1, 5)), g.f32(ch * per), g.f32(ch * per)}}, 1, 2)
		g.check(optest.Case{Op: "GroupNorm", Domain: msDomain, Attrs: []graph.Attr{optest.Int("groups", int64(ch)), optest.Int("activation", int64(g.in(0, 1)))},
			Inputs: []tensor.Value{g.f32(batch, 4, g.in(1, 5), ch*per), g.f32(ch * per), g.f32(ch * per)}}, 1, 2)
		g.check(optest.Case{Op: "LRN", Attrs: []graph.Attr{optest.Int("size", int64(g.in(1, 6))), optest.Float("beta", pick[float32](g, 0.75, 0.5, 1, 0.6)), optest.Float("alpha", 0.3)},
			Inputs: []tensor.Value{g.f32(x...)}})
	}
}

func TestPreparedRows(t *testing.T) {
	g := newGen(t)
	for range 60 {
		x := []int{g.in(1, 3), g.in(1, 5), g.in(4, 70)}
		axis := pick(g, -1, 2, 1)
		row := x[(axis+3)%3:]
		attrs := []graph.Attr{optest.Int("axis", int64(axis)), optest.Float("epsilon", 1e-3)}
		beta := pick[tensor.Value](g, nil, g.f32(row...))
		in := []tensor.Value{g.f32(x...), g.f32(row...), beta}
		g.check(optest.Case{Op: "LayerNormalization", Outputs: g.in(1, 3), Attrs: attrs, Inputs: in}, 1, 2)
		g.check(optest.Case{Op: "RMSNormalization", Attrs: attrs, Inputs: in[:2]}, 1)
		g.check(optest.Case{Op: "SimplifiedLayerNormalization", Opset: 1, Outputs: g.in(1, 2), Attrs: attrs, Inputs: in[:2]}, 1)
		h := x[2]
		skip := pick(g, g.f32(x...), g.f32(1, x[1], h), g.f32(x[1], h))
		bias := pick[tensor.Value](g, nil, g.f32(h))
		beta = pick[tensor.Value](g, nil, g.f32(h))
		eps := []graph.Attr{optest.Float("epsilon", 1e-3)}
		g.check(optest.Case{Op: "SkipLayerNormalization", Domain: msDomain, Outputs: g.in(1, 4), Attrs: eps, Inputs: []tensor.Value{in[0], skip, g.f32(h), beta, bias}}, 2, 3, 4)
		g.check(optest.Case{Op: "SkipSimplifiedLayerNormalization", Domain: msDomain, Outputs: g.in(1, 4), Attrs: eps, Inputs: []tensor.Value{in[0], skip, g.f32(h), bias}}, 2, 3)
	}
}

func TestPreparedNormsAllocate(t *testing.T) {
	g := newGen(t)
	how := optest.How{Threads: 2}
	x := []int{2, 6, 70, 70}
	c := func() *tensor.Tensor { return g.pos(6) }
	optest.NoAllocs(t, Table, optest.Case{Op: "BatchNormalization", Inputs: []tensor.Value{g.f32(x...), c(), c(), c(), c()}}, how)
	optest.NoAllocs(t, Table, optest.Case{Op: "InstanceNormalization", Inputs: []tensor.Value{g.f32(x...), c(), c()}}, how)
	optest.NoAllocs(t, Table, optest.Case{Op: "LRN", Attrs: []graph.Attr{optest.Int("size", 3)}, Inputs: []tensor.Value{g.f32(x...)}}, how)
	optest.NoAllocs(t, Table, optest.Case{Op: "LayerNormalization", Outputs: 3, Inputs: []tensor.Value{g.f32(x...), g.f32(70), g.f32(70)}}, how)
	optest.NoAllocs(t, Table, optest.Case{Op: "SkipLayerNormalization", Domain: msDomain, Outputs: 4, Inputs: []tensor.Value{g.f32(2, 60, 96), g.f32(60, 96), g.f32(96), g.f32(96), g.f32(96)}}, how)
}
