package quant

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestPreparedNBits(t *testing.T) {
	eachLevel(t, func(g *gen) {
		for range 60 {
			bits, block := either(g, 4, 8), 16<<g.in(0, 2)
			m, n, k := g.in(1, 20), g.in(1, 50), g.in(1, 150)
			blocks := (k + block - 1) / block
			var zero tensor.Value
			switch g.in(0, 2) {
			case 0:
				zero = g.bytes(false, n, (blocks*bits+7)/8)
			case 1:
				zero = g.pos(n, blocks)
			}
			a := g.pos(m, k)
			for i := range tensor.Of[float32](a) {
				tensor.Of[float32](a)[i] = float32(g.NormFloat64())
			}
			c := optest.Case{Op: "MatMulNBits", Domain: ms, Tol: 2e-3,
				Attrs:  at{optest.Int("K", int64(k)), optest.Int("N", int64(n)), optest.Int("bits", int64(bits)), optest.Int("block_size", int64(block))},
				Inputs: []tensor.Value{a, g.bytes(false, n, blocks, block*bits/8), g.pos(n, blocks), zero, nil, g.maybe(g.pos(n))}}
			how := optest.How{Threads: g.in(1, 2), Const: []int{1, 2}}
			if zero != nil {
				how.Const = append(how.Const, 3)
			}
			if g.coin() && c.Inputs[5] != nil {
				how.Const = append(how.Const, 5)
			}
			optest.Prepared(g.t, Table, c, how)
		}
		optest.NoAllocs(g.t, Table, optest.Case{Op: "MatMulNBits", Domain: ms, Attrs: at{optest.Int("K", 100), optest.Int("N", 500), optest.Int("block_size", 32)},
			Inputs: []tensor.Value{g.pos(3, 100), g.bytes(false, 500, 4, 16), g.pos(500, 4)}}, optest.How{Threads: 2, Const: []int{1, 2}})
	})
}
