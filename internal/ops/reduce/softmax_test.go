package reduce

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestSoftmax(t *testing.T) {
	axis := func(v int64) []graph.Attr { return []graph.Attr{optest.Int("axis", v)} }
	// Softmax of [0, log 3] is [1/4, 3/4].
	const log3 = 1.0986123
	x := optest.T([]float32{0, 0, log3, log3}, 1, 2, 2)
	optest.Run(t, Table, []optest.Case{
		{Name: "last axis", Op: "Softmax", Inputs: vals{x}, Want: vals{optest.T([]float32{0.5, 0.5, 0.5, 0.5}, 1, 2, 2)}},
		{Name: "axis 1", Op: "Softmax", Attrs: axis(1), Inputs: vals{x}, Want: vals{optest.T([]float32{0.25, 0.25, 0.75, 0.75}, 1, 2, 2)}, Tol: 1e-6},
		{Name: "flattens before 13", Op: "Softmax", Opset: 11, Inputs: vals{x}, Want: vals{optest.T([]float32{0.125, 0.125, 0.375, 0.375}, 1, 2, 2)}, Tol: 1e-6},
		{Name: "large", Op: "Softmax", Inputs: vals{f32(1000, 1000+log3)}, Want: vals{f32(0.25, 0.75)}, Tol: 1e-4},
		{Name: "nothing but -inf", Op: "Softmax", Inputs: vals{f32(-inf, -inf)}, Want: vals{f32(nan, nan)}},
		{Name: "masked", Op: "Softmax", Inputs: vals{f32(-inf, 3)}, Want: vals{f32(0, 1)}},
		{Name: "scalar", Op: "Softmax", Inputs: vals{tensor.Scalar(float32(7))}, Want: vals{tensor.Scalar(float32(1))}},
		{Name: "empty", Op: "Softmax", Inputs: vals{empty}, Want: vals{empty}},
		{Name: "range", Op: "Softmax", Attrs: axis(3), Inputs: vals{x}, Err: "axis 3"},
		{Name: "range before 13", Op: "Softmax", Opset: 11, Attrs: axis(-4), Inputs: vals{x}, Err: "axis -4"},
		{Name: "float16", Op: "Softmax", Inputs: vals{optest.As(tensor.Float16, f32(0, 0))}, Want: vals{optest.As(tensor.Float16, f32(0.5, 0.5))}},
		{Name: "log", Op: "LogSoftmax", Attrs: axis(1), Inputs: vals{x}, Want: vals{optest.T([]float32{-1.3862944, -1.3862944, -0.2876821, -0.2876821}, 1, 2, 2)}, Tol: 1e-6},
		{Name: "log far apart", Op: "LogSoftmax", Inputs: vals{f32(0, 1000)}, Want: vals{f32(-1000, 0)}},
		{Name: "hard", Op: "Hardmax", Inputs: vals{optest.T([]float32{1, 3, 3, -1, -2, -3}, 2, 3)}, Want: vals{optest.T([]float32{0, 1, 0, 1, 0, 0}, 2, 3)}},
		{Name: "hard before 13", Op: "Hardmax", Opset: 1, Inputs: vals{optest.T([]float32{1, 3, 3, 4}, 1, 2, 2)}, Want: vals{optest.T([]float32{0, 0, 0, 1}, 1, 2, 2)}},
	})
}

func TestBiasSoftmax(t *testing.T) {
	const log3 = 1.0986123
	attrs := func(inner int64) []graph.Attr {
		return []graph.Attr{optest.Int("axis", 2), optest.Int("is_inner_broadcast", inner)}
	}
	x := optest.T(make([]float32, 8), 2, 2, 2)
	optest.Run(t, Table, []optest.Case{
		// bias [2,1,2]: one row for each of data's first axis
		{Name: "inner", Domain: "com.microsoft", Op: "BiasSoftmax", Attrs: attrs(1), Inputs: vals{x, optest.T([]float32{0, 0, 0, log3}, 2, 1, 2)},
			Want: vals{optest.T([]float32{0.5, 0.5, 0.5, 0.5, 0.25, 0.75, 0.25, 0.75}, 2, 2, 2)}, Tol: 1e-6},
		// bias [1,2,2]: repeated for each of data's first axis
		{Name: "outer", Domain: "com.microsoft", Op: "BiasSoftmax", Attrs: attrs(0), Inputs: vals{x, optest.T([]float32{0, 0, 0, log3}, 1, 2, 2)},
			Want: vals{optest.T([]float32{0.5, 0.5, 0.25, 0.75, 0.5, 0.5, 0.25, 0.75}, 2, 2, 2)}, Tol: 1e-6},
		{Name: "mismatch", Domain: "com.microsoft", Op: "BiasSoftmax", Attrs: attrs(0), Inputs: vals{x, f32(1, 2, 3)}, Err: "does not repeat"},
		{Name: "no bias", Domain: "com.microsoft", Op: "BiasSoftmax", Attrs: attrs(0), Inputs: vals{x, f32()}, Err: "does not repeat"},
	})
}

func TestNorms(t *testing.T) {
	x := optest.T([]float32{3, 4, 0, 0}, 2, 2)
	optest.Run(t, Table, []optest.Case{
		{Op: "LpNormalization", Inputs: vals{x}, Want: vals{optest.T([]float32{0.6, 0.8, 0, 0}, 2, 2)}, Tol: 1e-7},
		{Name: "L1 axis 0", Op: "LpNormalization", Attrs: []graph.Attr{optest.Int("p", 1), optest.Int("axis", 0)}, Inputs: vals{optest.T([]float32{1, -2, -3, 2}, 2, 2)},
			Want: vals{optest.T([]float32{0.25, -0.5, -0.75, 0.5}, 2, 2)}},
		{Name: "p", Op: "LpNormalization", Attrs: []graph.Attr{optest.Int("p", 3)}, Inputs: vals{x}, Err: "must be 1 or 2"},
		{Name: "range", Op: "LpNormalization", Attrs: []graph.Attr{optest.Int("axis", 2)}, Inputs: vals{x}, Err: "axis 2"},
		{Name: "mean and variance", Op: "MeanVarianceNormalization", Attrs: []graph.Attr{optest.Ints("axes", -1)}, Inputs: vals{optest.T([]float32{1, 3, 5, 5}, 2, 2)},
			Want: vals{optest.T([]float32{-1, 1, 0, 0}, 2, 2)}, Tol: 1e-6},
		{Name: "default axes", Op: "MeanVarianceNormalization", Inputs: vals{optest.T([]float32{1, 10, 3, 30}, 2, 2, 1, 1)},
			Want: vals{optest.T([]float32{-1, -1, 1, 1}, 2, 2, 1, 1)}, Tol: 1e-6},
		{Name: "default axes of a matrix", Op: "MeanVarianceNormalization", Inputs: vals{x}, Err: "out of range"},
	})
}
