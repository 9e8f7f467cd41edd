package quant

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestPreparedLSTM(t *testing.T) {
	eachLevel(t, func(g *gen) {
		small := func(dims ...int) *tensor.Tensor {
			x := g.floats(dims...)
			for i := range tensor.Of[float32](x) {
				tensor.Of[float32](x)[i] /= 100
			}
			return x
		}
		scale := func(dims ...int) *tensor.Tensor {
			x := g.pos(dims...)
			for i := range tensor.Of[float32](x) {
				tensor.Of[float32](x)[i] /= 200
			}
			return x
		}
		var c optest.Case
		for range 40 {
			seq, batch, in, h := g.in(1, 6), g.in(1, 3), g.in(1, 9), g.in(1, 20)
			dir, d := "forward", 1
			if g.coin() {
				dir = "reverse"
			} else if g.coin() {
				dir, d = "bidirectional", 2
			}
			signed, params := g.coin(), []int{d}
			if g.coin() {
				params = []int{d, 4 * h}
			}
			attrs := at{optest.Int("hidden_size", int64(h)), optest.Str("direction", dir)}
			if g.coin() {
				attrs = append(attrs, optest.Float("clip", 0.7))
			}
			c = optest.Case{Op: "DynamicQuantizeLSTM", Domain: ms, Attrs: attrs, Outputs: g.in(1, 3), Tol: 2e-2, Inputs: []tensor.Value{
				small(seq, batch, in), g.bytes(signed, d, in, 4*h), g.bytes(signed, d, h, 4*h), g.maybe(small(d, 8*h)), nil,
				g.maybe(small(d, batch, h)), g.maybe(small(d, batch, h)), nil, scale(params...), g.bytes(signed, params...), scale(params...), g.bytes(signed, params...)}}
			optest.Prepared(g.t, Table, c, optest.How{Threads: g.in(1, 2), Const: []int{lstmW, lstmR, lstmWScale, lstmWZero, lstmRScale, lstmRZero}})
		}
		optest.NoAllocs(g.t, Table, c, optest.How{Threads: 2, Const: []int{lstmW, lstmR, lstmWScale, lstmWZero, lstmRScale, lstmRZero}})
	})
}
