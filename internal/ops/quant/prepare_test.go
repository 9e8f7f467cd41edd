package quant

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/kernel/isa"
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

// eachLevel runs f under every instruction set that this processor has.
func eachLevel(t *testing.T, f func(g *gen)) {
	for _, l := range isa.Supported() {
		t.Run(l.String(), func(t *testing.T) {
			restore, err := isa.Force(l)
			if err != nil {
				t.Fatal(err)
			}
			defer restore()
			f(newGen(t))
		})
	}
}

func count(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// floats is a tensor of normal values times 100, pos one of positive values.
func (g *gen) floats(dims ...int) *tensor.Tensor {
	v := make([]float32, count(dims))
	for i := range v {
		v[i] = float32(g.NormFloat64() * 100)
	}
	return optest.T(v, dims...)
}

func (g *gen) pos(dims ...int) *tensor.Tensor {
	v := make([]float32, count(dims))
	for i := range v {
		v[i] = 0.01 + g.Float32()
	}
	return optest.T(v, dims...)
}

// bytes is a tensor of uint8 or int8.
func (g *gen) bytes(signed bool, dims ...int) *tensor.Tensor {
	u, s := make([]uint8, count(dims)), make([]int8, count(dims))
	for i := range u {
		u[i] = uint8(g.Uint32())
		s[i] = int8(u[i])
	}
	if signed {
		return optest.T(s, dims...)
	}
	return optest.T(u, dims...)
}

// ints is a tensor of int32 below 2^bits.
func (g *gen) ints(bits int, dims ...int) *tensor.Tensor {
	v := make([]int32, count(dims))
	for i := range v {
		v[i] = int32(g.Uint32()) >> (32 - bits)
	}
	return optest.T(v, dims...)
}

// in is a number from lo to hi.
func (g *gen) in(lo, hi int) int { return lo + g.IntN(hi-lo+1) }

func (g *gen) coin() bool { return g.IntN(2) == 0 }

// either is one of two values.
func either[T any](g *gen, a, b T) T {
	if g.coin() {
		return a
	}
	return b
}

// maybe is v or nothing.
func (g *gen) maybe(v *tensor.Tensor) tensor.Value {
	if g.coin() {
		return v
	}
	return nil
}

// exact means no difference at all.
const exact = 1e-300

// check compares the prepared step of c with its definition, with the inputs
// named constant or not, on one thread or two.
func (g *gen) check(c optest.Case, constant ...int) {
	g.t.Helper()
	how := optest.How{Threads: g.in(1, 2)}
	if g.IntN(3) > 0 {
		for _, i := range constant {
			if i < len(c.Inputs) && c.Inputs[i] != nil {
				how.Const = append(how.Const, i)
			}
		}
	}
	optest.Prepared(g.t, Table, c, how)
}

func TestPreparedLinear(t *testing.T) {
	eachLevel(t, func(g *gen) {
		for range 60 {
			x := []int{g.in(1, 3), g.in(1, 40), g.in(1, 5), g.in(1, 50)}[:g.in(1, 4)]
			axis := g.in(0, len(x)-1)
			param := []int(nil)
			if g.coin() {
				param = []int{x[axis]}
			}
			signed := g.coin()
			attrs := []graph.Attr{optest.Int("axis", int64(axis))}
			zero := g.maybe(g.bytes(signed, param...))
			in := []tensor.Value{g.floats(x...), g.pos(param...), zero}
			if zero == nil {
				signed = false
			}
			g.check(optest.Case{Op: "QuantizeLinear", Opset: 19, Attrs: attrs, Inputs: in, Tol: exact}, 1, 2)
			in = []tensor.Value{g.bytes(signed, x...), g.pos(param...), zero}
			g.check(optest.Case{Op: "DequantizeLinear", Opset: 19, Attrs: attrs, Inputs: in, Tol: exact}, 1, 2)
			in = []tensor.Value{g.ints(32, x...), g.pos(param...), g.maybe(g.ints(20, param...))}
			g.check(optest.Case{Op: "DequantizeLinear", Opset: 19, Attrs: attrs, Inputs: in, Tol: exact}, 1, 2)
			g.check(optest.Case{Op: "DynamicQuantizeLinear", Inputs: []tensor.Value{g.floats(x...)}, Outputs: 3, Tol: exact})
		}
		how := optest.How{Threads: 2}
		x := g.floats(2, 70, 700)
		optest.NoAllocs(g.t, Table, optest.Case{Op: "QuantizeLinear", Inputs: in{x, g.pos(), g.bytes(true)}}, how)
		optest.NoAllocs(g.t, Table, optest.Case{Op: "QuantizeLinear", Inputs: in{x, g.pos(70), g.bytes(true, 70)}}, how)
		optest.NoAllocs(g.t, Table, optest.Case{Op: "DequantizeLinear", Attrs: at{optest.Int("axis", 2)}, Inputs: in{g.bytes(true, 2, 70, 700), g.pos(700), g.bytes(true, 700)}}, how)
		optest.NoAllocs(g.t, Table, optest.Case{Op: "DynamicQuantizeLinear", Outputs: 3, Inputs: in{x}}, how)
	})
}
