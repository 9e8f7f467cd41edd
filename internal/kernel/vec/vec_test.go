package vec

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/kerneltest"
)

// lengths are around the vector and block sizes of all instruction sets.
var lengths = []int{0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 100, 127, 128, 129, 257, 1000, blockSize - 1, blockSize + 5}

var (
	inf = float32(math.Inf(1))
	nan = float32(math.NaN())
)

// specials are placed among the random inputs.
var specials = []float32{0, float32(math.Copysign(0, -1)), inf, -inf, nan, -nan, 1e-40, -1e-40, 3e38, -3e38, 1, -1, 88.72, -87.3, -103.9, -104.5, 89, 0.625, -0.625, 0.927734375, 4, -4}

// elementwise is a function and the exact value of an element, or nil where all instruction sets must agree bit by bit.
type elementwise struct {
	name    string
	f       func(dst, a, b []float32)
	generic func(dst, a, b []float32)
	within  func(got float32, a float64) bool
}

func ulps(limit float64, exact func(float64) float64) func(float32, float64) bool {
	return func(got float32, a float64) bool { return kerneltest.ULPs(got, exact(a)) <= limit }
}

func nearTimes(tolerance float64, exact func(float64) float64) func(float32, float64) bool {
	return func(got float32, a float64) bool {
		want := exact(a)
		if math.IsNaN(want) || math.IsInf(want, 0) {
			return kerneltest.ULPs(got, want) == 0
		}
		return math.Abs(float64(got)-want) <= tolerance*max(math.Abs(a), 1e-30)
	}
}

const s1, s2 = float32(1.7), float32(-0.3)

var functions = []elementwise{
	{name: "Add", f: Add, generic: addGeneric},
	{name: "Sub", f: Sub, generic: subGeneric},
	{name: "Mul", f: Mul, generic: mulGeneric},
	{name: "Div", f: Div, generic: divGeneric},
	{name: "Min", f: Min, generic: minGeneric},
	{name: "Max", f: Max, generic: maxGeneric},
	{name: "AddScalar", f: func(d, a, _ []float32) { AddScalar(d, a, s1) }, generic: func(d, a, _ []float32) { addScalarGeneric(d, a, s1) }},
	{name: "SubScalar", f: func(d, a, _ []float32) { SubScalar(d, a, s1) }, generic: func(d, a, _ []float32) { addScalarGeneric(d, a, -s1) }},
	{name: "SubFrom", f: func(d, a, _ []float32) { SubFrom(d, a, s1) }, generic: func(d, a, _ []float32) { subFromGeneric(d, a, s1) }},
	{name: "Scale", f: func(d, a, _ []float32) { Scale(d, a, s1) }, generic: func(d, a, _ []float32) { scaleGeneric(d, a, s1) }},
	{name: "DivScalar", f: func(d, a, _ []float32) { DivScalar(d, a, s1) }, generic: func(d, a, _ []float32) { divScalarGeneric(d, a, s1) }},
	{name: "DivInto", f: func(d, a, _ []float32) { DivInto(d, a, s1) }, generic: func(d, a, _ []float32) { divIntoGeneric(d, a, s1) }},
	{name: "MinScalar", f: func(d, a, _ []float32) { MinScalar(d, a, s1) }, generic: func(d, a, _ []float32) { minScalarGeneric(d, a, s1) }},
	{name: "MaxScalar", f: func(d, a, _ []float32) { MaxScalar(d, a, s1) }, generic: func(d, a, _ []float32) { maxScalarGeneric(d, a, s1) }},
	{name: "Relu", f: func(d, a, _ []float32) { Relu(d, a) }, generic: func(d, a, _ []float32) { maxScalarGeneric(d, a, 0) }},
	{name: "Clip", f: func(d, a, _ []float32) { Clip(d, a, s2, s1) }, generic: func(d, a, _ []float32) { clipGeneric(d, a, s2, s1) }},
	{name: "LeakyRelu", f: func(d, a, _ []float32) { LeakyRelu(d, a, s2) }, generic: func(d, a, _ []float32) { leakyReluGeneric(d, a, s2) }},
	{name: "Abs", f: func(d, a, _ []float32) { Abs(d, a) }, generic: func(d, a, _ []float32) { absGeneric(d, a) }},
	{name: "Neg", f: func(d, a, _ []float32) { Neg(d, a) }, generic: func(d, a, _ []float32) { negGeneric(d, a) }},
	{name: "Sqrt", f: func(d, a, _ []float32) { Sqrt(d, a) }, generic: func(d, a, _ []float32) { sqrtGeneric(d, a) }},
	{name: "ScaleAdd", f: func(d, a, _ []float32) { ScaleAdd(d, a, s1, s2) }, generic: func(d, a, _ []float32) { scaleAddGeneric(d, a, s1, s2) }},
	{name: "Normalize", f: func(d, a, _ []float32) { Normalize(d, a, nil, nil, s2, s1) }, generic: func(d, a, _ []float32) { normalizeGeneric(d, a, s2, s1) }},
	{name: "NormalizeScale", f: func(d, a, b []float32) { Normalize(d, a, b, nil, s2, s1) }, generic: func(d, a, b []float32) {
		normalizeGeneric(d, a, s2, s1)
		mulGeneric(d, d, b)
	}},
	{name: "NormalizeScaleShift", f: func(d, a, b []float32) { Normalize(d, a, b, b, s2, s1) }, generic: func(d, a, b []float32) {
		normalizeGeneric(d, a, s2, s1)
		mulGeneric(d, d, b)
		addGeneric(d, d, b)
	}},
	{name: "Exp", f: func(d, a, _ []float32) { Exp(d, a) }, within: ulps(2, math.Exp)},
	{name: "Sigmoid", f: func(d, a, _ []float32) { Sigmoid(d, a) }, within: ulps(3, sigmoid64)},
	{name: "Silu", f: func(d, a, _ []float32) { Silu(d, a) }, within: func(got float32, a float64) bool {
		want := a * sigmoid64(a)
		return kerneltest.ULPs(got, want) <= 4 || math.Abs(float64(got)-want) < 1e-42
	}},
	{name: "Tanh", f: func(d, a, _ []float32) { Tanh(d, a) }, within: ulps(3, math.Tanh)},
	{name: "Erf", f: func(d, a, _ []float32) { Erf(d, a) }, within: ulps(3, math.Erf)},
	{name: "Gelu", f: func(d, a, _ []float32) { Gelu(d, a) }, within: nearTimes(3e-7, func(x float64) float64 {
		return 0.5 * x * (1 + math.Erf(x/math.Sqrt2))
	})},
	{name: "GeluTanh", f: func(d, a, _ []float32) { GeluTanh(d, a) }, within: nearTimes(1e-6, func(x float64) float64 {
		return x * sigmoid64(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))
	})},
}

// inputs are n values of many magnitudes in guarded memory.
func inputs(t *testing.T, seed func() float64, n int, front bool) []float32 {
	s := kerneltest.Guarded[float32](t, n, front)
	for i := range s {
		s[i] = float32(seed() * math.Exp(4*seed()))
		if i%5 == 3 {
			s[i] = specials[int(math.Abs(seed())*1000)%len(specials)]
		}
	}
	return s
}

func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func TestElementwise(t *testing.T) {
	r := kerneltest.Rand(t)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for _, fn := range functions {
			for _, n := range lengths {
				for _, front := range []bool{false, true} {
					a, b := inputs(t, r.NormFloat64, n, front), inputs(t, r.NormFloat64, n, front)
					dst := kerneltest.Guarded[float32](t, n, front)
					fn.f(dst, a, b)
					inPlace := slices.Clone(a)
					fn.f(inPlace, inPlace, b)
					want := make([]float32, n)
					if fn.generic != nil {
						fn.generic(want, a, b)
					}
					for i := range dst {
						if !same(dst[i], inPlace[i]) {
							t.Fatalf("%s, length %d: %v, in place %v", fn.name, n, dst[i], inPlace[i])
						}
						if fn.generic != nil && !same(dst[i], want[i]) || fn.within != nil && !fn.within(dst[i], float64(a[i])) {
							t.Fatalf("%s, length %d: f(%v, %v) = %v, want %v", fn.name, n, a[i], b[i], dst[i], want[i])
						}
					}
				}
			}
		}
	})
}

// TestFunctionsOverTheRange walks over all exponents of float32.
func TestFunctionsOverTheRange(t *testing.T) {
	var a []float32
	for u := uint32(0); u < 0x7f800000; u += 30011 {
		a = append(a, math.Float32frombits(u), -math.Float32frombits(u))
	}
	for x := -105.0; x < 90; x += 0.0137 {
		a = append(a, float32(x))
	}
	results := map[string][]float32{}
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		dst := make([]float32, len(a))
		for _, fn := range functions {
			if fn.within == nil {
				continue
			}
			fn.f(dst, a, a)
			for i, x := range a {
				if !fn.within(dst[i], float64(x)) {
					t.Fatalf("%s(%v) = %v", fn.name, x, dst[i])
				}
			}
			if level == isa.Generic {
				continue
			}
			if results[fn.name] == nil {
				results[fn.name] = slices.Clone(dst)
				continue
			}
			for i, x := range a {
				if old := results[fn.name]; !same(old[i], dst[i]) {
					t.Fatalf("%s(%v) = %v, but %v on another level", fn.name, x, dst[i], old[i])
				}
			}
		}
	})
}

func TestAxpy(t *testing.T) {
	r := kerneltest.Rand(t)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for _, n := range lengths {
			x, y := kerneltest.Guarded[float32](t, n, true), kerneltest.Guarded[float32](t, n, false)
			kerneltest.Fill(r, x)
			kerneltest.Fill(r, y)
			old := slices.Clone(y)
			Axpy(y, x, s1)
			for i := range y {
				if want := float64(old[i]) + float64(x[i])*float64(s1); math.Abs(float64(y[i])-want) > 1e-6*(1+math.Abs(want)) {
					t.Fatalf("length %d: %v, want %v", n, y[i], want)
				}
			}
		}
	})
}

func TestReductions(t *testing.T) {
	r := kerneltest.Rand(t)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for _, n := range lengths {
			for _, front := range []bool{false, true} {
				a, b := kerneltest.Guarded[float32](t, n, front), kerneltest.Guarded[float32](t, n, front)
				kerneltest.Fill(r, a)
				kerneltest.Fill(r, b)
				var sum, dot, sq, size float64
				lo, hi := inf, -inf
				for i, x := range a {
					sum += float64(x)
					dot += float64(x) * float64(b[i])
					sq += (float64(x) - float64(s2)) * (float64(x) - float64(s2))
					size += math.Abs(float64(x)) * (1 + math.Abs(float64(b[i])))
					lo, hi = min(lo, x), max(hi, x)
				}
				for _, c := range []struct {
					name      string
					got, want float64
				}{{"Sum", float64(Sum(a)), sum}, {"Dot", float64(Dot(a, b)), dot}, {"SumSquares", float64(SumSquares(a, s2)), sq}} {
					if math.Abs(c.got-c.want) > 1e-5*(size+sq) {
						t.Fatalf("%s, length %d: %v, want %v", c.name, n, c.got, c.want)
					}
				}
				if ReduceMax(a) != hi || ReduceMin(a) != lo {
					t.Fatalf("length %d: extremes %v %v, want %v %v", n, ReduceMin(a), ReduceMax(a), lo, hi)
				}
				for i := 0; i < n; i += max(1, n/40) {
					keep := a[i]
					a[i] = nan
					if ReduceMax(a) == ReduceMax(a) || ReduceMin(a) == ReduceMin(a) {
						t.Fatalf("length %d: NaN at %d is lost", n, i)
					}
					a[i] = -inf
					if ReduceMin(a) != -inf {
						t.Fatalf("length %d: -Inf at %d is lost", n, i)
					}
					a[i] = keep
				}
			}
		}
	})
}

func TestRows(t *testing.T) {
	r := kerneltest.Rand(t)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for _, n := range lengths[1:] {
			a, gamma, beta := kerneltest.Guarded[float32](t, n, false), make([]float32, n), make([]float32, n)
			kerneltest.Fill(r, a)
			kerneltest.Fill(r, gamma)
			kerneltest.Fill(r, beta)
			Scale(a, a, 8)
			top := float64(ReduceMax(a))
			var sum, mean, variance, squares float64
			for _, x := range a {
				sum += math.Exp(float64(x) - top)
				mean += float64(x) / float64(n)
				squares += float64(x) * float64(x) / float64(n)
			}
			for _, x := range a {
				variance += (float64(x) - mean) * (float64(x) - mean) / float64(n)
			}
			check := func(name string, tolerance float64, got []float32, want func(i int, x float64) float64) {
				t.Helper()
				for i, x := range a {
					if w := want(i, float64(x)); !(math.Abs(float64(got[i])-w) <= tolerance*(1+math.Abs(w))) {
						t.Fatalf("%s, length %d: element %d is %v, want %v", name, n, i, got[i], w)
					}
				}
			}
			dst := kerneltest.Guarded[float32](t, n, false)
			Softmax(dst, a)
			check("Softmax", 2e-6, dst, func(_ int, x float64) float64 { return math.Exp(x-top) / sum })
			LogSoftmax(dst, a)
			check("LogSoftmax", 2e-5, dst, func(_ int, x float64) float64 { return x - top - math.Log(sum) })
			LayerNorm(dst, a, gamma, beta, 1e-5)
			check("LayerNorm", 3e-5, dst, func(i int, x float64) float64 {
				return (x-mean)/math.Sqrt(variance+1e-5)*float64(gamma[i]) + float64(beta[i])
			})
			RMSNorm(dst, a, gamma, 1e-5)
			check("RMSNorm", 1e-5, dst, func(i int, x float64) float64 { return x / math.Sqrt(squares+1e-5) * float64(gamma[i]) })
		}
		row := []float32{-inf, 1, -inf}
		Softmax(row, row)
		if row[0] != 0 || row[1] != 1 || row[2] != 0 {
			t.Errorf("masked softmax: %v", row)
		}
	})
}

func TestNothingIsAllocated(t *testing.T) {
	a := make([]float32, 100)
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		if n := testing.AllocsPerRun(20, func() {
			Add(a, a, a)
			Softmax(a, a)
			LayerNorm(a, a, a, nil, 1)
			_ = Dot(a, a)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkVec(b *testing.B) {
	for _, n := range []int{16, 768, 98304} {
		x, y, dst := make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i], y[i] = float32(i%17)/3-2, 1.5
		}
		for _, fn := range []struct {
			name string
			f    func()
		}{
			{"Add", func() { Add(dst, x, y) }}, {"Sigmoid", func() { Sigmoid(dst, x) }}, {"Tanh", func() { Tanh(dst, x) }},
			{"Gelu", func() { Gelu(dst, x) }}, {"Softmax", func() { Softmax(dst, x) }}, {"LayerNorm", func() { LayerNorm(dst, x, y, y, 1e-5) }},
			{"Dot", func() { Dot(x, y) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", fn.name, n), func(b *testing.B) {
				kerneltest.EachBenchmark(b, func(b *testing.B, _ isa.Level) {
					for b.Loop() {
						fn.f()
					}
				})
			})
		}
	}
}
