package math

import (
	"math"
	"math/bits"
	"testing"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// Expected: numpy.random.RandomState(seed).uniform.
func TestMT19937(t *testing.T) {
	for _, tt := range []struct {
		seed uint64
		skip int
		want []float64
	}{
		{5, 0, []float64{0.22199317108973948, 0.8707323061773764, 0.20671915533942642, 0.9186109079379216}},
		{1<<32 - 1, 0, []float64{0.0976320289940138, 0.9123828453026218}},
		{5, 1000, []float64{0.7162461489862848}},
	} {
		g := newMT19937(tt.seed)
		for range tt.skip {
			g.float64()
		}
		for i, w := range tt.want {
			if v := g.float64(); v != w {
				t.Errorf("seed %d, draw %d: %v, want %v", tt.seed, tt.skip+i, v, w)
			}
		}
	}
}

func TestDropout(t *testing.T) {
	x := f32(1, -2, 3, 4)
	yes := tensor.Scalar(true)
	seed := []graph.Attr{optest.Int("seed", 5)}
	half := tensor.Scalar(float32(0.5))
	optest.Run(t, Table, []optest.Case{
		{Name: "inference", Op: "Dropout", Inputs: vals{x, half}, Want: vals{x, bools(true, true, true, true)}},
		{Name: "mask of version 7", Op: "Dropout", Opset: 7, Inputs: vals{x}, Want: vals{x, f32(1, 1, 1, 1)}},
		{Name: "version 1 never trains", Op: "Dropout", Opset: 1, Attrs: []graph.Attr{optest.Int("is_test", 0)}, Inputs: vals{x}, Want: vals{x}},
		// uniform draws with seed 5: 0.22, 0.87, 0.21, 0.92
		{Name: "training", Op: "Dropout", Attrs: seed, Inputs: vals{x, half, yes}, Want: vals{f32(0, -4, 0, 8), bools(false, true, false, true)}},
		{Name: "default ratio", Op: "Dropout", Attrs: seed, Inputs: vals{x, nil, yes}, Want: vals{f32(0, -4, 0, 8), bools(false, true, false, true)}},
		{Name: "ratio 1", Op: "Dropout", Inputs: vals{x, tensor.Scalar(float32(1)), yes}, Err: "[0, 1)"},
		{Name: "ratio vector", Op: "Dropout", Inputs: vals{x, f32(1, 2), yes}, Err: "scalar"},
		{Name: "empty", Op: "Dropout", Inputs: vals{optest.T([]float32{}, 0), half, yes}, Want: vals{optest.T([]float32{}, 0), optest.T([]bool{}, 0)}},
		{Name: "bitmask", Domain: ms, Op: "BitmaskDropout", Attrs: seed, Inputs: vals{x, half, yes}, Want: vals{f32(0, -4, 0, 8), optest.T([]uint32{0xfffffffa}, 1)}},
		{Name: "bitmask inference", Domain: ms, Op: "BitmaskDropout", Inputs: vals{optest.T(make([]float32, 33), 33)}, Want: vals{optest.T(make([]float32, 33), 33), optest.T([]uint32{math.MaxUint32, math.MaxUint32}, 2)}},
		{Name: "bias", Domain: ms, Op: "BiasDropout", Inputs: vals{optest.T([]float32{1, 2, 3, 4}, 2, 2), f32(10, 20), optest.T([]float32{100, 100, 100, 100}, 2, 2)},
			Want: vals{optest.T([]float32{111, 122, 113, 124}, 2, 2), optest.T([]bool{true, true, true, true}, 2, 2)}},
		{Name: "bias shape", Domain: ms, Op: "BiasDropout", Inputs: vals{x, f32(1, 2)}, Err: "bias"},
	})
}

func draw(t *testing.T, c optest.Case) *tensor.Tensor {
	t.Helper()
	out, err := optest.Eval(op.NewCatalog(Table), c)
	if err != nil {
		t.Fatal(err)
	}
	return out[0].(*tensor.Tensor)
}

func TestRandomMoments(t *testing.T) {
	moments := func(x *tensor.Tensor) (mean, dev float64) {
		v := x.Floats(nil)
		for _, f := range v {
			mean += f / float64(len(v))
		}
		for _, f := range v {
			dev += (f - mean) * (f - mean) / float64(len(v))
		}
		return mean, math.Sqrt(dev)
	}
	shape, seed := optest.Ints("shape", 100, 100), optest.Float("seed", 1.5)
	for _, tt := range []struct {
		c         optest.Case
		mean, dev float64
	}{
		{optest.Case{Op: "RandomUniform", Attrs: []graph.Attr{shape, seed, optest.Float("low", 2), optest.Float("high", 4)}}, 3, 2 / math.Sqrt(12)},
		{optest.Case{Op: "RandomNormal", Attrs: []graph.Attr{shape, seed, optest.Float("mean", -1), optest.Float("scale", 3)}}, -1, 3},
		{optest.Case{Op: "Bernoulli", Attrs: []graph.Attr{seed}, Inputs: vals{fullOf(0.25, 10000)}}, 0.25, math.Sqrt(0.25 * 0.75)},
		{optest.Case{Op: "Multinomial", Attrs: []graph.Attr{seed, optest.Int("sample_size", 10000)}, Inputs: vals{optest.T([]float32{5, -inf, 5}, 1, 3)}}, 1, 1},
	} {
		a, b := draw(t, tt.c), draw(t, tt.c)
		if _, err := compare.Values(a, b, compare.Tol{}); err != nil {
			t.Errorf("%s: two runs with one seed: %v", tt.c.Op, err)
		}
		mean, dev := moments(a)
		if math.Abs(mean-tt.mean) > 0.05*tt.dev || math.Abs(dev-tt.dev) > 0.05*tt.dev {
			t.Errorf("%s: mean %v and deviation %v, want %v and %v", tt.c.Op, mean, dev, tt.mean, tt.dev)
		}
	}
}

func fullOf(v float32, n int) *tensor.Tensor {
	s := make([]float32, n)
	for i := range s {
		s[i] = v
	}
	return f32(s...)
}

func TestRandomErrors(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "like an int", Op: "RandomNormalLike", Inputs: vals{i64(1)}, Err: "dtype"},
		{Name: "like a string", Op: "RandomUniformLike", Attrs: []graph.Attr{optest.Int("dtype", 1)}, Inputs: vals{optest.Strings([]string{"a"}, 1)}},
		{Name: "int dtype", Op: "RandomNormal", Attrs: []graph.Attr{optest.Ints("shape", 1), optest.Int("dtype", 7)}, Err: "int64"},
		{Name: "negative shape", Op: "RandomNormal", Attrs: []graph.Attr{optest.Ints("shape", -1)}, Err: "shape"},
		{Name: "huge shape", Op: "RandomNormal", Attrs: []graph.Attr{optest.Ints("shape", 1<<20, 1<<20)}, Err: hugeShape},
		{Name: "rank", Op: "Multinomial", Inputs: vals{f32(1)}, Err: "[batch, classes]"},
		{Name: "no classes", Op: "Multinomial", Inputs: vals{optest.T([]float32{}, 1, 0)}, Err: "no finite maximum"},
		{Name: "nan", Op: "Multinomial", Inputs: vals{optest.T([]float32{nan}, 1, 1)}, Err: "no finite maximum"},
		{Name: "sample size", Op: "Multinomial", Attrs: []graph.Attr{optest.Int("sample_size", 0)}, Inputs: vals{optest.T([]float32{1}, 1, 1)}, Err: "positive"},
		{Name: "no batch", Op: "Multinomial", Inputs: vals{optest.T([]float32{}, 0, 3)}, Want: vals{optest.T([]int32{}, 0, 1)}},
	})
}

func TestDropoutPasses(t *testing.T) {
	x, ratio := &graph.Value{}, &graph.Value{}
	konst := func(v bool) *graph.Value { return &graph.Value{Const: tensor.Scalar(v)} }
	for _, tt := range []struct {
		name string
		o    dropout
		in   []*graph.Value
		want int
	}{
		{"old", dropout{ratioIn: -1}, []*graph.Value{x}, 0},
		{"no mode", dropout{ratioIn: 1}, []*graph.Value{x, ratio}, 0},
		{"off", dropout{ratioIn: 1}, []*graph.Value{x, ratio, konst(false)}, 0},
		{"on", dropout{ratioIn: 1}, []*graph.Value{x, ratio, konst(true)}, -1},
		{"fed", dropout{ratioIn: 1}, []*graph.Value{x, ratio, {}}, -1},
		{"bias", dropout{ratioIn: 3, bias: true}, []*graph.Value{x, x}, -1},
	} {
		if got := tt.o.Passes(&graph.Node{Inputs: tt.in}); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// hugeShape is what is wrong with 2^40 elements: on 32-bit machines they are no
// shape at all.
var hugeShape = map[bool]string{true: "is no shape", false: "budget"}[bits.UintSize == 32]
