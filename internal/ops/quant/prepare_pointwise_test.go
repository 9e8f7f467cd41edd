package quant

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestPreparedPointwise(t *testing.T) {
	g := newGen(t)
	for range 150 {
		s := g.coin()
		x := []int{g.in(1, 3), g.in(1, 9), g.in(1, 12), g.in(1, 40)}
		y := append([]int{}, x...)
		for i := range y {
			if g.coin() {
				y[i] = 1
			}
		}
		y = y[g.in(0, 3):]
		if g.coin() {
			y = x
		}
		a, b := g.bytes(s, x...), g.bytes(s, y...)
		if g.coin() {
			a, b = b, a
		}
		zero := func() *tensor.Tensor { return g.bytes(s) }
		for _, name := range []string{"QLinearAdd", "QLinearMul"} {
			g.check(optest.Case{Op: name, Domain: ms, Inputs: []tensor.Value{a, g.pos(), zero(), b, g.pos(), zero(), g.pos(), g.maybe(zero())}, Tol: exact}, 1, 2, 4, 5, 6, 7)
		}
		one := []tensor.Value{g.bytes(s, x...), g.pos(), zero(), g.pos(), zero()}
		g.check(optest.Case{Op: "QLinearSigmoid", Domain: ms, Inputs: one, Tol: exact}, 1, 2, 3, 4)
		g.check(optest.Case{Op: "QLinearLeakyRelu", Domain: ms, Inputs: one, Tol: exact, Attrs: at{optest.Float("alpha", 0.3)}}, 1, 2, 3, 4)
		last := optest.Int("channels_last", int64(g.in(0, 1)))
		g.check(optest.Case{Op: "QLinearGlobalAveragePool", Domain: ms, Inputs: one, Tol: exact, Attrs: at{last}}, 1, 2, 3, 4)
		n := g.in(1, 2)
		shape, kernel := append([]int{g.in(1, 2), g.in(1, 4)}, 8, 8)[:2+n], g.i64s(n, 1, 3)
		if last.I != 0 {
			shape = append([]int{g.in(1, 2), 8, 8}[:1+n], g.in(1, 4))
		}
		one[0] = g.bytes(s, shape...)
		g.check(optest.Case{Op: "QLinearAveragePool", Domain: ms, Inputs: one, Tol: exact, Attrs: at{last, optest.Ints("kernel_shape", kernel...), optest.Ints("strides", g.i64s(n, 1, 3)...),
			optest.Ints("pads", g.i64s(2*n, 0, 2)...), optest.Int("ceil_mode", int64(g.in(0, 1))), optest.Int("count_include_pad", int64(g.in(0, 1)))}}, 1, 2, 3, 4)
		in := []tensor.Value{g.pos(), zero()}
		axis := g.in(0, 3)
		for range g.in(1, 3) {
			x[axis] = g.in(1, 4)
			in = append(in, g.bytes(s, x...), g.pos(), zero())
		}
		if g.coin() {
			in[3], in[4] = in[0], in[1]
		}
		g.check(optest.Case{Op: "QLinearConcat", Domain: ms, Inputs: in, Tol: exact, Attrs: at{optest.Int("axis", int64(axis))}}, 0, 1, 3, 4, 6, 7)
	}
	how := optest.How{Threads: 2}
	x := []int{1, 8, 30, 30}
	one := []tensor.Value{g.bytes(true, x...), g.pos(), i8(3), g.pos(), i8(4)}
	optest.NoAllocs(t, Table, optest.Case{Op: "QLinearSigmoid", Domain: ms, Inputs: one}, how)
	optest.NoAllocs(t, Table, optest.Case{Op: "QLinearGlobalAveragePool", Domain: ms, Inputs: one}, how)
	optest.NoAllocs(t, Table, optest.Case{Op: "QLinearAdd", Domain: ms, Inputs: append(one[:3:3], g.bytes(true, 8, 1, 1), g.pos(), i8(1), g.pos(), i8(2))}, how)
	optest.NoAllocs(t, Table, optest.Case{Op: "QLinearConcat", Domain: ms, Attrs: at{optest.Int("axis", 1)}, Inputs: append([]tensor.Value{g.pos(), i8(1)}, one[:3]...)}, how)
}
