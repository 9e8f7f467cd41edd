package math

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// gen makes random cases; it prints its seed when the test fails.
type gen struct{ *rand.Rand }

func newGen(t *testing.T) gen {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return gen{rand.New(rand.NewPCG(seed, 1))}
}

// dims is a shape of up to four axes, and one that broadcasts with it.
func (g gen) dims() []int {
	d := make([]int, g.IntN(5))
	for i := range d {
		d[i] = 1 + g.IntN(6)
	}
	return d
}

// part returns d with some axes of length 1, perhaps without the first ones.
func (g gen) part(d []int) []int {
	p := append([]int{}, d...)
	for i := range p {
		if g.IntN(3) == 0 {
			p[i] = 1
		}
	}
	if g.IntN(3) == 0 {
		p = p[g.IntN(len(p)+1):]
	}
	return p
}

// of is a tensor of random small numbers, with a few far ones for floats.
func (g gen) of(dt tensor.DType, dims ...int) *tensor.Tensor {
	x, err := tensor.New(dt, dims...)
	if err != nil {
		panic(err)
	}
	for i := range x.Len() {
		switch {
		case dt == tensor.Bool:
			x.SetIntAt(i, int64(g.IntN(2)))
		case dt.IsFloat():
			x.SetFloatAt(i, float64(float32(g.NormFloat64()*3)))
		default:
			x.SetIntAt(i, int64(g.IntN(9)-4))
		}
	}
	return x
}

var numbers = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int64, tensor.Int32,
	tensor.Int16, tensor.Int8, tensor.Uint64, tensor.Uint32, tensor.Uint16, tensor.Uint8}

func TestPreparedBinary(t *testing.T) {
	g := newGen(t)
	for _, name := range []string{"Add", "Sub", "Mul", "Div", "Mod", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual",
		"And", "Or", "Xor", "Pow", "BitwiseAnd", "BitShift"} {
		types := numbers
		var attrs []graph.Attr
		switch name {
		case "And", "Or", "Xor":
			types = []tensor.DType{tensor.Bool}
		case "Equal":
			types = append(types, tensor.Bool)
		case "Pow":
			types = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int64, tensor.Int32}
		case "BitwiseAnd":
			types = numbers[4:]
		case "BitShift":
			types, attrs = numbers[8:], []graph.Attr{optest.Str("direction", "LEFT")}
		case "Mod":
			types, attrs = numbers[4:], []graph.Attr{optest.Int("fmod", int64(g.IntN(2)))}
		}
		for _, dt := range types {
			for range 6 {
				d := g.dims()
				a, b := g.of(dt, g.part(d)...), g.of(dt, g.part(d)...)
				if (name == "Div" || name == "Mod") && g.IntN(4) > 0 {
					for i := range b.Len() {
						b.SetFloatAt(i, b.FloatAt(i)+7)
					}
				}
				tol := 1e-5
				switch dt {
				case tensor.Float16:
					tol = 2e-3
				case tensor.BFloat16:
					tol = 1e-2
				}
				if name == "Pow" && dt.IsFloat() {
					for i := range a.Len() {
						a.SetFloatAt(i, 1+a.FloatAt(i)*a.FloatAt(i)/9)
					}
				}
				optest.Prepared(t, Table, optest.Case{Op: name, Attrs: attrs, Inputs: vals{a, b}, Tol: tol}, optest.How{})
			}
		}
	}
	for _, p := range [][2]tensor.DType{{tensor.Float32, tensor.Int64}, {tensor.Int64, tensor.Float32}, {tensor.Int32, tensor.Int64}, {tensor.Float64, tensor.Float32}} {
		optest.Prepared(t, Table, optest.Case{Op: "Pow", Inputs: vals{g.of(p[0], 4, 5), g.of(p[1], 1, 5)}}, optest.How{})
		optest.Prepared(t, Table, optest.Case{Op: "Pow", Inputs: vals{g.of(p[0], 4, 5), optest.As(p[1], optest.T([]float32{2}))}}, optest.How{Const: []int{1}})
	}
}

func TestPreparedVariadicAndUnary(t *testing.T) {
	g := newGen(t)
	for _, name := range []string{"Sum", "Mean", "Max", "Min"} {
		for range 20 {
			d := g.dims()
			dt := numbers[g.IntN(4)]
			if name == "Max" || name == "Min" {
				dt = numbers[g.IntN(len(numbers))]
			}
			var in vals
			for range 1 + g.IntN(6) {
				in = append(in, g.of(dt, g.part(d)...))
			}
			tol := map[tensor.DType]float64{tensor.Float16: 2e-2, tensor.BFloat16: 5e-2}[dt]
			optest.Prepared(t, Table, optest.Case{Op: name, Inputs: in, Tol: tol}, optest.How{})
		}
		in := vals{g.of(tensor.Float32, 3, 700), g.of(tensor.Float32, 3, 1), g.of(tensor.Float32, 700)}
		optest.Prepared(t, Table, optest.Case{Op: name, Inputs: in}, optest.How{})
		optest.NoAllocs(t, Table, optest.Case{Op: name, Inputs: in}, optest.How{})
	}
	for _, name := range []string{"Abs", "Neg", "Sign"} {
		for _, dt := range numbers {
			if name == "Neg" && dt.Class() == tensor.ClassUint {
				continue
			}
			optest.Prepared(t, Table, optest.Case{Op: name, Inputs: vals{g.of(dt, 3, 5)}}, optest.How{})
		}
	}
	optest.Prepared(t, Table, optest.Case{Op: "Not", Inputs: vals{g.of(tensor.Bool, 3, 5)}}, optest.How{})
	odd := optest.T([]float32{nan, inf, -inf, 0, 1}, 5)
	for _, dt := range numbers[:4] {
		optest.Prepared(t, Table, optest.Case{Op: "IsNaN", Inputs: vals{optest.As(dt, odd)}}, optest.How{})
		optest.Prepared(t, Table, optest.Case{Op: "IsInf", Inputs: vals{optest.As(dt, odd)}}, optest.How{})
	}
}

func TestPreparedCast(t *testing.T) {
	g := newGen(t)
	types := []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int64, tensor.Int32, tensor.Uint8, tensor.Int8, tensor.Bool}
	odd := []float64{0, -0.5, 1.5, 255, 256, -129, 65504, 65520, 1e5, -1e10, 1e19, -1e19, 3e38, 6e-8, 1e-40, 16777217, 4503599627370497}
	for _, from := range types {
		for _, to := range types {
			x := g.of(from, 5, 40)
			for i, v := range odd {
				x.SetFloatAt(i, v)
			}
			if from.IsFloat() {
				x.SetFloatAt(len(odd), float64(nan))
				x.SetFloatAt(len(odd)+1, float64(inf))
				x.SetFloatAt(len(odd)+2, float64(-inf))
			}
			c := optest.Case{Op: "Cast", Attrs: []graph.Attr{optest.Int("to", int64(to))}, Inputs: vals{x}, Tol: 1e-30}
			optest.Prepared(t, Table, c, optest.How{})
			optest.Prepared(t, Table, optest.Case{Op: "CastLike", Inputs: vals{x, g.of(to, 1)}, Tol: 1e-30}, optest.How{})
			optest.NoAllocs(t, Table, c, optest.How{})
		}
	}
	big := g.of(tensor.Float32, 200_000)
	c := optest.Case{Op: "Cast", Attrs: []graph.Attr{optest.Int("to", int64(tensor.Int64))}, Inputs: vals{big}}
	optest.Prepared(t, Table, c, optest.How{Threads: 3})
}

func TestPreparedWhere(t *testing.T) {
	g := newGen(t)
	for _, dt := range append(numbers, tensor.Bool, tensor.Complex64, tensor.Complex128) {
		for range 10 {
			d := g.dims()
			c := optest.Case{Op: "Where", Inputs: vals{g.of(tensor.Bool, g.part(d)...), g.of(dt, g.part(d)...), g.of(dt, g.part(d)...)}}
			optest.Prepared(t, Table, c, optest.How{})
		}
	}
	for name, in := range map[string]vals{
		"Where": {g.of(tensor.Bool, 4, 1, 3), g.of(tensor.Float32, 3), g.of(tensor.Float32, 5, 1)},
		"Equal": {g.of(tensor.Int64, 4, 1, 3), g.of(tensor.Int64, 3)},
		"Mod":   {g.of(tensor.Int64, 4, 1, 3), optest.T([]int64{3})},
		"Pow":   {g.of(tensor.Float32, 4, 1, 3), optest.T([]int64{2})},
	} {
		optest.NoAllocs(t, Table, optest.Case{Op: name, Inputs: in}, optest.How{})
	}
}

func TestPreparedFused(t *testing.T) {
	g := newGen(t)
	f := func(dims ...int) *tensor.Tensor { return g.of(tensor.Float32, dims...) }
	ms := func(op string, in vals, attrs ...graph.Attr) optest.Case {
		return optest.Case{Domain: "com.microsoft", Op: op, Inputs: in, Attrs: attrs}
	}
	std := func(op string, in vals, attrs ...graph.Attr) optest.Case {
		return optest.Case{Op: op, Inputs: in, Attrs: attrs}
	}
	for range 5 {
		n, rows := 1+g.IntN(70), 1+g.IntN(300)
		for _, c := range []optest.Case{
			ms("BiasGelu", vals{f(2, rows, n), f(n)}),
			ms("FastGelu", vals{f(2, rows, n), f(n)}),
			ms("FastGelu", vals{f(2, rows, n)}),
			ms("QuickGelu", vals{f(rows, n)}),
			ms("QuickGelu", vals{f(rows, n)}, optest.Float("alpha", -0.7)),
			ms("BiasAdd", vals{f(2, rows, n), f(n), f(2, rows, n)}),
			ms("BiasSplitGelu", vals{f(2, rows, 2*n), f(2 * n)}),
			std("SwiGLU", vals{f(rows, n), f(rows, n)}),
			std("SwiGLU", vals{f(rows, n), f(rows, n)}, optest.Float("alpha", 1.3)),
			std("Swish", vals{f(rows, n)}, optest.Float("alpha", 0)),
			std("PRelu", vals{f(2, n, rows), f(n, 1)}),
			std("PRelu", vals{f(rows, n), f(n)}),
			std("PRelu", vals{f(rows, n), f(1)}),
			std("Clip", vals{f(rows, n), tensor.Scalar(float32(-1)), tensor.Scalar(float32(1))}),
			std("Clip", vals{g.of(tensor.Int32, rows, n), nil, tensor.Scalar(int32(1))}),
			std("Clip", vals{g.of(tensor.Float64, rows, n), tensor.Scalar(float64(1)), nil}),
		} {
			optest.Prepared(t, Table, c, optest.How{Threads: 1 + g.IntN(3)})
			optest.NoAllocs(t, Table, c, optest.How{})
		}
	}
	for _, v := range []int{7, 10, 13} {
		optest.Prepared(t, Table, optest.Case{Name: fmt.Sprint(v), Op: "Dropout", Opset: v, Inputs: vals{f(3, 4)}, Outputs: 2}, optest.How{})
	}
}
