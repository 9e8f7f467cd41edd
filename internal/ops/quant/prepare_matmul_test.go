package quant

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// factors are shapes of random operands: a batch that broadcasts, or none for B, or vectors.
func (g *gen) factors() (a, b []int, m, n, k int) {
	m, n, k = g.in(1, 20), g.in(1, 90), g.in(1, 40)
	a, b = []int{m, k}, []int{k, n}
	switch g.in(0, 4) {
	case 0:
		a = []int{g.in(1, 3), g.in(1, 3), m, k}
	case 1:
		x := g.in(1, 3)
		a, b = []int{x, 1, m, k}, []int{either(g, x, 1), g.in(1, 3), k, n}
	case 2:
		a = []int{k}
	}
	return a, b, m, n, k
}

func TestPreparedProducts(t *testing.T) {
	eachLevel(t, func(g *gen) {
		for range 60 {
			as, bs, m, n, k := g.factors()
			sa, sb := g.coin(), g.coin()
			a, b := g.bytes(sa, as...), g.bytes(sb, bs...)
			az, bz := g.bytes(sa), g.bytes(sb)
			g.check(optest.Case{Op: "MatMulInteger", Inputs: []tensor.Value{a, b, g.maybe(az), g.maybe(bz)}, Tol: exact}, 1, 2, 3)
			g.check(optest.Case{Op: "QLinearMatMul", Inputs: []tensor.Value{a, g.pos(), az, b, g.pos(), bz, g.pos(), g.bytes(sa)}, Tol: exact}, 1, 2, 3, 4, 5, 6, 7)
			g.check(optest.Case{Op: "MatMulIntegerToFloat", Domain: ms, Inputs: []tensor.Value{a, b, g.pos(), g.pos(), g.maybe(az), g.maybe(bz), g.maybe(g.floats(n))}, Tol: 1e-4}, 1, 2, 3, 4, 5, 6)
			g.check(optest.Case{Op: "DynamicQuantizeMatMul", Domain: ms, Inputs: []tensor.Value{g.floats(as...), b, g.pos(), g.maybe(bz), g.maybe(g.floats(n))}, Tol: 1e-4}, 1, 2, 3, 4)
			// Parameters of columns, constant B.
			b, bz = g.bytes(sb, k, n), g.bytes(sb, n)
			how := optest.How{Threads: 2, Const: []int{3, 5}}
			optest.Prepared(g.t, Table, optest.Case{Op: "QLinearMatMul", Inputs: []tensor.Value{g.bytes(sa, m, k), g.pos(), az, b, g.pos(n), bz, g.pos(), g.bytes(sa)}, Tol: exact}, how)
			trans := g.coin()
			if trans {
				b = g.bytes(sb, n, k)
			}
			c := optest.Case{Op: "QGemm", Domain: ms, Tol: exact, Attrs: at{optest.Int("transB", int64(map[bool]int{true: 1}[trans])), optest.Float("alpha", g.Float32())},
				Inputs: []tensor.Value{g.bytes(sa, m, k), g.pos(), az, b, g.pos(n), bz, g.maybe(g.ints(12, n))}}
			if g.coin() {
				c.Inputs = append(c.Inputs, g.pos(), g.bytes(g.coin()))
			}
			if g.coin() {
				how.Const = []int{1, 2, 3, 4, 5, 6, 7, 8}
			}
			for len(how.Const) > 0 && (how.Const[len(how.Const)-1] >= len(c.Inputs) || c.Inputs[how.Const[len(how.Const)-1]] == nil) {
				how.Const = how.Const[:len(how.Const)-1]
			}
			if c.Inputs[6] == nil {
				how.Const = []int{3, 5}
			}
			optest.Prepared(g.t, Table, c, how)
		}
		how := optest.How{Threads: 2, Const: []int{1}}
		a, b := g.bytes(false, 100, 60), g.bytes(true, 60, 200)
		optest.NoAllocs(g.t, Table, optest.Case{Op: "MatMulInteger", Inputs: []tensor.Value{a, b, g.bytes(false)}}, how)
		optest.NoAllocs(g.t, Table, optest.Case{Op: "MatMulInteger", Inputs: []tensor.Value{a, b, g.bytes(false)}}, optest.How{Threads: 2})
		optest.NoAllocs(g.t, Table, optest.Case{Op: "DynamicQuantizeMatMul", Domain: ms, Inputs: []tensor.Value{g.floats(100, 60), b, g.pos(200), nil, g.floats(200)}}, how)
	})
}
