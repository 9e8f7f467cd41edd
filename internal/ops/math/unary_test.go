package math

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// Expected values of transcendental functions are ONNX Runtime's, to float32's precision.
func TestUnary(t *testing.T) {
	x := f32(-3, -1, -0.5, 0, 0.5, 1, 3)
	want := func(name string, in *tensor.Tensor, out ...float32) optest.Case {
		return optest.Case{Name: name, Op: name, Inputs: vals{in}, Want: vals{f32(out...)}, Tol: 2e-6}
	}
	optest.Run(t, Table, []optest.Case{
		want("Acos", f32(-0.5, 0, 0.75), 2.0943952, 1.5707964, 0.7227343),
		want("Acosh", f32(1, 1.5, 4), 0, 0.9624237, 2.063437),
		want("Asin", f32(-0.5, 0, 0.75), -0.5235988, 0, 0.8480621),
		want("Asinh", x, -1.8184465, -0.8813736, -0.48121184, 0, 0.48121184, 0.8813736, 1.8184465),
		want("Atan", x, -1.2490458, -0.7853981, -0.46364757, 0, 0.4636476, 0.7853982, 1.2490457),
		want("Atanh", f32(-0.5, 0, 0.75), -0.54930615, 0, 0.9729551),
		want("Cos", f32(0, math.Pi), 1, -1),
		want("Cosh", x, 10.067662, 1.5430806, 1.1276259, 1, 1.1276259, 1.5430806, 10.067662),
		want("Sin", f32(0, math.Pi/2), 0, 1),
		want("Sinh", x, -10.017875, -1.1752012, -0.5210953, 0, 0.5210953, 1.1752012, 10.017875),
		want("Tan", x, 0.14254655, -1.5574077, -0.5463025, 0, 0.5463025, 1.5574077, -0.14254655),
		want("Tanh", x, -0.9950547, -0.7615942, -0.46211717, 0, 0.46211717, 0.7615942, 0.9950547),
		want("Erf", x, -0.9999779, -0.8427008, -0.5204999, 0, 0.5204999, 0.8427008, 0.9999779),
		want("Exp", f32(0, 1, -inf, inf), 1, math.E, 0, inf),
		want("Log", f32(1, 0, -1, inf), 0, -inf, nan, inf),
		want("Sqrt", f32(4, -1), 2, nan),
		want("Reciprocal", f32(4, 0), 0.25, inf),
		want("Sigmoid", f32(-3, 0, -1000, 1000, nan), 0.047425874, 0.5, 0, 1, nan),
		want("Ceil", f32(-1.5, 1.2, inf), -1, 2, inf),
		want("Floor", f32(-1.5, 1.2, nan), -2, 1, nan),
		want("Round", f32(0.5, 1.5, 2.5, -4.5, -0.3), 0, 2, 2, -4, 0),
		want("Sign", f32(-2, 0, 3, nan), -1, 0, 1, nan),
		want("Abs", f32(-2, inf, nan), 2, inf, nan),
		want("Neg", f32(-2, 3), 2, -3),
		{Name: "Abs of int8", Op: "Abs", Inputs: vals{optest.T([]int8{-128, -5, 5}, 3)}, Want: vals{optest.T([]int8{-128, 5, 5}, 3)}},
		{Name: "Abs of uint64", Op: "Abs", Inputs: vals{optest.T([]uint64{1<<64 - 1}, 1)}, Want: vals{optest.T([]uint64{1<<64 - 1}, 1)}},
		{Name: "Neg of int64", Op: "Neg", Inputs: vals{i64(1<<53+1, math.MinInt64)}, Want: vals{i64(-1<<53-1, math.MinInt64)}},
		{Name: "Sign of uint8", Op: "Sign", Inputs: vals{optest.T([]uint8{0, 200}, 2)}, Want: vals{optest.T([]uint8{0, 1}, 2)}},
		{Name: "Sign of int64", Op: "Sign", Inputs: vals{i64(-9, 0, 9)}, Want: vals{i64(-1, 0, 1)}},
		{Name: "Erf of int32", Op: "Erf", Opset: 9, Inputs: vals{optest.T([]int32{-9, 0, 9}, 3)}, Want: vals{optest.T([]int32{-1, 0, 1}, 3)}},
		{Name: "Exp float16", Op: "Exp", Inputs: vals{optest.As(tensor.Float16, f32(12))}, Want: vals{optest.As(tensor.Float16, f32(inf))}},
		{Name: "Exp double", Op: "Exp", Inputs: vals{optest.T([]float64{1}, 1)}, Want: vals{optest.T([]float64{math.E}, 1)}},
		{Name: "IsNaN", Op: "IsNaN", Inputs: vals{f32(nan, 1, inf)}, Want: vals{bools(true, false, false)}},
		{Name: "IsInf", Op: "IsInf", Inputs: vals{f32(nan, -inf, inf)}, Want: vals{bools(false, true, true)}},
		{Name: "IsInf positive", Op: "IsInf", Attrs: []graph.Attr{optest.Int("detect_negative", 0)}, Inputs: vals{f32(-inf, inf)}, Want: vals{bools(false, true)}},
		{Name: "IsNaN float8", Op: "IsNaN", Inputs: vals{optest.As(tensor.Float8E4M3FN, f32(nan, 1))}, Want: vals{bools(true, false)}},
		{Name: "bad type", Op: "Exp", Inputs: vals{i64(1)}, Err: "int64"},
	})
}

// Expected values are ONNX Runtime's.
func TestActivations(t *testing.T) {
	x := f32(-3, -1, -0.5, 0, 0.5, 1, 3)
	run := func(name string, out []float32, attrs ...graph.Attr) optest.Case {
		return optest.Case{Name: name, Op: name, Attrs: attrs, Inputs: vals{x}, Want: vals{f32(out...)}, Tol: 2e-6}
	}
	optest.Run(t, Table, []optest.Case{
		run("Relu", []float32{0, 0, 0, 0, 0.5, 1, 3}),
		run("LeakyRelu", []float32{-0.03, -0.01, -0.005, 0, 0.5, 1, 3}),
		run("Elu", []float32{-1.9004259, -1.2642411, -0.78693867, 0, 0.5, 1, 3}, optest.Float("alpha", 2)),
		run("Selu", []float32{-1.6705687, -1.1113307, -0.69175816, 0, 0.5253505, 1.050701, 3.152103}),
		run("Celu", []float32{-1.5537397, -0.78693867, -0.44239843, 0, 0.5, 1, 3}, optest.Float("alpha", 2)),
		run("Gelu", []float32{-0.0040496886, -0.15865526, -0.15426877, 0, 0.34573123, 0.8413447, 2.9959502}),
		run("Gelu", []float32{-0.0036375225, -0.15880796, -0.154286, 0, 0.345714, 0.841192, 2.9963627}, optest.Str("approximate", "tanh")),
		run("HardSigmoid", []float32{0, 0.3, 0.4, 0.5, 0.6, 0.7, 1}),
		run("HardSwish", []float32{0, -0.33333334, -0.20833333, 0, 0.29166666, 0.6666667, 3}),
		run("Mish", []float32{-0.14564745, -0.30340144, -0.22074378, 0, 0.37524524, 0.8650985, 2.9865355}),
		run("Softplus", []float32{0.048587356, 0.3132617, 0.474077, 0.6931472, 0.974077, 1.3132617, 3.0485873}),
		run("Softsign", []float32{-0.75, -0.5, -0.33333334, 0, 0.33333334, 0.5, 0.75}),
		run("ThresholdedRelu", []float32{0, 0, 0, 0, 0, 1, 3}, optest.Float("alpha", 0.5)),
		run("Shrink", []float32{-2.75, -0.75, 0, 0, 0, 0.75, 2.75}, optest.Float("bias", 0.25), optest.Float("lambd", 0.75)),
		run("Swish", []float32{-0.1422776, -0.26894143, -0.18877035, 0, 0.31122965, 0.7310586, 2.8577223}),
		{Name: "limits", Op: "Softplus", Inputs: vals{f32(1000, -1000, inf)}, Want: vals{f32(1000, 0, inf)}},
		{Name: "Relu nan", Op: "Relu", Inputs: vals{f32(nan)}, Want: vals{f32(nan)}},
		{Name: "Relu int8", Op: "Relu", Inputs: vals{optest.T([]int8{-128, 127}, 2)}, Want: vals{optest.T([]int8{0, 127}, 2)}},
		{Name: "Gelu unknown", Op: "Gelu", Attrs: []graph.Attr{optest.Str("approximate", "cubic")}, Inputs: vals{x}, Err: "none, tanh"},
		{Name: "Shrink int32", Op: "Shrink", Attrs: []graph.Attr{optest.Float("bias", 1.5), optest.Float("lambd", 1)}, Inputs: vals{optest.T([]int32{-3, 0, 3}, 3)}, Want: vals{optest.T([]int32{-1, 0, 1}, 3)}},
		{Name: "Shrink large int64", Op: "Shrink", Attrs: []graph.Attr{optest.Float("bias", 2)}, Inputs: vals{i64(1<<60+1, -1<<60-1)}, Want: vals{i64(1<<60-1, -1<<60+1)}},
		{Name: "old Selu", Op: "Selu", Opset: 1, Inputs: vals{f32(1)}, Want: vals{f32(1.0507)}, Tol: 1e-7},
		{Name: "SwiGLU", Op: "SwiGLU", Attrs: []graph.Attr{optest.Float("alpha", 2)}, Inputs: vals{f32(0.5, 0), f32(3, 7)}, Want: vals{f32(0.5*0.7310586*3, 0)}, Tol: 1e-6},
		{Name: "SwiGLU shapes", Op: "SwiGLU", Inputs: vals{f32(1, 2), f32(1)}, Err: "must be equal"},
	})
}

func TestPReluClip(t *testing.T) {
	x := optest.T([]float32{-1, 1, -2, 2, -3, 3, -4, 4}, 1, 2, 2, 2)
	scalar := func(v float32) *tensor.Tensor { return tensor.Scalar(v) }
	optest.Run(t, Table, []optest.Case{
		{Name: "last axis", Op: "PRelu", Inputs: vals{x, f32(2, 3)}, Want: vals{optest.T([]float32{-2, 1, -4, 2, -6, 3, -8, 4}, 1, 2, 2, 2)}},
		{Name: "channels before 7", Op: "PRelu", Opset: 6, Inputs: vals{x, f32(2, 3)}, Want: vals{optest.T([]float32{-2, 1, -4, 2, -9, 3, -12, 4}, 1, 2, 2, 2)}},
		{Name: "shared before 7", Op: "PRelu", Opset: 6, Inputs: vals{f32(-1, 1), f32(3)}, Want: vals{f32(-3, 1)}},
		{Name: "int64", Op: "PRelu", Inputs: vals{i64(-2, 2), i64(3)}, Want: vals{i64(-6, 2)}},
		{Name: "slope larger", Op: "PRelu", Inputs: vals{f32(1), f32(1, 2)}, Err: "broadcast"},
		{Name: "inputs", Op: "Clip", Inputs: vals{f32(-5, 0, 5, nan), scalar(-1), scalar(1)}, Want: vals{f32(-1, 0, 1, nan)}},
		{Name: "crossed", Op: "Clip", Inputs: vals{f32(-5, 5), scalar(2), scalar(1)}, Want: vals{f32(1, 1)}},
		{Name: "max only", Op: "Clip", Inputs: vals{f32(-5, 5), nil, scalar(1)}, Want: vals{f32(-5, 1)}},
		{Name: "min only", Op: "Clip", Inputs: vals{f32(-5, inf), scalar(0)}, Want: vals{f32(0, inf)}},
		{Name: "none", Op: "Clip", Inputs: vals{f32(-5, 5)}, Want: vals{f32(-5, 5)}},
		{Name: "int64", Op: "Clip", Inputs: vals{i64(1<<53+1, -7), tensor.Scalar(int64(-3)), tensor.Scalar(int64(1<<53 + 1))}, Want: vals{i64(1<<53+1, -3)}},
		{Name: "uint64", Op: "Clip", Inputs: vals{optest.T([]uint64{1 << 63, 1}, 2), tensor.Scalar(uint64(2)), nil}, Want: vals{optest.T([]uint64{1 << 63, 2}, 2)}},
		{Name: "attributes", Op: "Clip", Opset: 6, Attrs: []graph.Attr{optest.Float("min", -1), optest.Float("max", 1)}, Inputs: vals{f32(-5, 5)}, Want: vals{f32(-1, 1)}},
		{Name: "defaults of version 6", Op: "Clip", Opset: 6, Inputs: vals{f32(-inf, inf)}, Want: vals{f32(-math.MaxFloat32, math.MaxFloat32)}},
		{Name: "bound of two", Op: "Clip", Inputs: vals{f32(1), f32(1, 2)}, Err: "scalar"},
	})
}

// Expected values of Gelu, FastGelu and QuickGelu are ONNX Runtime's.
func TestContrib(t *testing.T) {
	x := f32(-3, -0.5, 1)
	row := optest.T([]float32{1, 2, 3, 4}, 1, 1, 4)
	ones := f32(1, 1, 1, 1)
	cms := func(name string, in vals, out *tensor.Tensor, attrs ...graph.Attr) optest.Case {
		return optest.Case{Name: name, Domain: ms, Op: name, Inputs: in, Attrs: attrs, Want: vals{out}, Tol: 2e-6}
	}
	optest.Run(t, Table, []optest.Case{
		cms("Gelu", vals{x}, f32(-0.0040496886, -0.15426877, 0.8413447)),
		cms("QuickGelu", vals{x}, f32(-0.018071294, -0.14961158, 0.84579575)),
		cms("QuickGelu", vals{x}, f32(-0.1422776, -0.18877035, 0.7310586), optest.Float("alpha", 1)),
		cms("FastGelu", vals{x}, f32(-0.0036375225, -0.154286, 0.841192)),
		cms("FastGelu", vals{optest.T([]float32{1, 2}, 1, 2), f32(1, 1)}, optest.T([]float32{1.9545977, 2.9963627}, 1, 2)),
		cms("BiasGelu", vals{optest.T([]float32{1, 2}, 1, 2), f32(1, 1)}, optest.T([]float32{1.9544997, 2.9959502}, 1, 2)),
		cms("BiasAdd", vals{row, ones, row}, optest.T([]float32{3, 5, 7, 9}, 1, 1, 4)),
		// 2*Gelu(4), 3*Gelu(5)
		cms("BiasSplitGelu", vals{row, ones}, optest.T([]float32{7.9997466, 14.9999957}, 1, 1, 2)),
		{Name: "bias length", Domain: ms, Op: "BiasGelu", Inputs: vals{row, f32(1)}, Err: "as long as the last axis"},
		{Name: "skip shape", Domain: ms, Op: "BiasAdd", Inputs: vals{row, ones, ones}, Err: "must be equal"},
		{Name: "odd split", Domain: ms, Op: "BiasSplitGelu", Inputs: vals{optest.T([]float32{1, 2, 3}, 1, 1, 3), f32(1, 1, 1)}, Err: "even"},
	})
}
