package math

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type vals = []tensor.Value

func f32(v ...float32) *tensor.Tensor { return optest.T(v, len(v)) }
func i64(v ...int64) *tensor.Tensor   { return optest.T(v, len(v)) }
func bools(v ...bool) *tensor.Tensor  { return optest.T(v, len(v)) }

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

func TestArith(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "broadcast", Op: "Add", Inputs: vals{optest.T([]float32{1, 2, 3, 4}, 2, 2), f32(10, 20)},
			Want: vals{optest.T([]float32{11, 22, 13, 24}, 2, 2)}},
		{Name: "both sides broadcast", Op: "Sub", Inputs: vals{optest.T([]int64{1, 2}, 2, 1), optest.T([]int64{10, 20, 30}, 1, 3)},
			Want: vals{optest.T([]int64{-9, -19, -29, -8, -18, -28}, 2, 3)}},
		{Name: "middle axis", Op: "Mul", Inputs: vals{optest.T([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2), optest.T([]float32{1, 10}, 2, 1)},
			Want: vals{optest.T([]float32{1, 2, 30, 40, 5, 6, 70, 80}, 2, 2, 2)}},
		{Name: "mismatch", Op: "Add", Inputs: vals{f32(1, 2), f32(1, 2, 3)}, Err: "broadcast"},
		{Name: "empty", Op: "Add", Inputs: vals{optest.T([]float32{}, 0, 2), f32(1, 2)}, Want: vals{optest.T([]float32{}, 0, 2)}},
		{Name: "scalars", Op: "Add", Inputs: vals{tensor.Scalar(float32(1)), tensor.Scalar(float32(2))}, Want: vals{tensor.Scalar(float32(3))}},
		{Name: "int64 beyond 2^53", Op: "Add", Inputs: vals{i64(1<<53 + 1), i64(1)}, Want: vals{i64(1<<53 + 2)}},
		{Name: "uint64", Op: "Sub", Inputs: vals{optest.T([]uint64{1 << 63}, 1), optest.T([]uint64{1}, 1)}, Want: vals{optest.T([]uint64{1<<63 - 1}, 1)}},
		{Name: "int8 wraps", Op: "Mul", Inputs: vals{optest.T([]int8{100}, 1), optest.T([]int8{3}, 1)}, Want: vals{optest.T([]int8{44}, 1)}},
		{Name: "uint8 wraps", Op: "Sub", Inputs: vals{optest.T([]uint8{1}, 1), optest.T([]uint8{2}, 1)}, Want: vals{optest.T([]uint8{255}, 1)}},
		{Name: "int division truncates", Op: "Div", Inputs: vals{i64(-7, 7), i64(2, -2)}, Want: vals{i64(-3, -3)}},
		{Name: "smallest by -1", Op: "Div", Inputs: vals{i64(math.MinInt64), i64(-1)}, Want: vals{i64(math.MinInt64)}},
		{Name: "int division by zero", Op: "Div", Inputs: vals{i64(1), i64(0)}, Err: "division by zero"},
		{Name: "uint division by zero", Op: "Div", Inputs: vals{optest.T([]uint8{1}, 1), optest.T([]uint8{0}, 1)}, Err: "division by zero"},
		{Name: "float division by zero", Op: "Div", Inputs: vals{f32(1, -1, 0), f32(0)}, Want: vals{f32(inf, -inf, nan)}},
		{Name: "float16", Op: "Add", Inputs: vals{optest.As(tensor.Float16, f32(60000)), optest.As(tensor.Float16, f32(60000))}, Want: vals{optest.As(tensor.Float16, f32(inf))}},
	})
}

func TestLegacyBroadcast(t *testing.T) {
	m := optest.T([]float32{1, 2, 3, 4}, 2, 2)
	on, axis := optest.Int("broadcast", 1), func(i int64) graph.Attr { return optest.Int("axis", i) }
	optest.Run(t, Table, []optest.Case{
		{Name: "axis", Op: "Add", Opset: 6, Inputs: vals{m, f32(10, 20)}, Attrs: []graph.Attr{on, axis(0)}, Want: vals{optest.T([]float32{11, 12, 23, 24}, 2, 2)}},
		{Name: "negative axis", Op: "Add", Opset: 6, Inputs: vals{m, f32(10, 20)}, Attrs: []graph.Attr{on, axis(-2)}, Want: vals{optest.T([]float32{11, 12, 23, 24}, 2, 2)}},
		{Name: "suffix", Op: "Add", Opset: 6, Inputs: vals{m, f32(10, 20)}, Attrs: []graph.Attr{on}, Want: vals{optest.T([]float32{11, 22, 13, 24}, 2, 2)}},
		{Name: "one element of higher rank", Op: "Mul", Opset: 1, Inputs: vals{f32(1, 2), optest.T([]float32{3}, 1, 1)}, Attrs: []graph.Attr{on}, Want: vals{f32(3, 6)}},
		{Name: "no broadcast", Op: "Add", Opset: 6, Inputs: vals{m, f32(10, 20)}, Err: "broadcast is 0"},
		{Name: "axis too large", Op: "Add", Opset: 6, Inputs: vals{m, f32(10, 20)}, Attrs: []graph.Attr{on, axis(2)}, Err: "axis 2"},
		{Name: "first operand does not grow", Op: "Add", Opset: 6, Inputs: vals{optest.T([]float32{1}, 1, 1), m}, Attrs: []graph.Attr{on}, Err: "does not broadcast"},
		{Name: "greater", Op: "Greater", Opset: 1, Inputs: vals{m, f32(2, 3)}, Attrs: []graph.Attr{on, axis(0)}, Want: vals{optest.T([]bool{false, false, false, true}, 2, 2)}},
		{Name: "pow", Op: "Pow", Opset: 1, Inputs: vals{m, f32(1, 2)}, Attrs: []graph.Attr{on, axis(0)}, Want: vals{optest.T([]float32{1, 2, 9, 16}, 2, 2)}},
		{Name: "and", Op: "And", Opset: 1, Inputs: vals{optest.T([]bool{true, true, true, false}, 2, 2), bools(true, false)}, Attrs: []graph.Attr{on, axis(0)},
			Want: vals{optest.T([]bool{true, true, false, false}, 2, 2)}},
		{Name: "attribute of an old version", Op: "Add", Opset: 7, Inputs: vals{m, f32(1, 2)}, Attrs: []graph.Attr{on}, Err: "broadcast"},
	})
}

// Expected values of Mod are Python's % and C's fmod, and the table in Mod-28.
func TestModPowShift(t *testing.T) {
	one := []graph.Attr{optest.Int("fmod", 1)}
	left, right := []graph.Attr{optest.Str("direction", "LEFT")}, []graph.Attr{optest.Str("direction", "RIGHT")}
	optest.Run(t, Table, []optest.Case{
		{Name: "floor", Op: "Mod", Inputs: vals{i64(-7, 7, -7, 6, -6), i64(3, -3, -3, 3, 3)}, Want: vals{i64(2, -2, -1, 0, 0)}},
		{Name: "trunc", Op: "Mod", Attrs: one, Inputs: vals{i64(-7, 7, -7), i64(3, -3, -3)}, Want: vals{i64(-1, 1, -1)}},
		{Name: "floor floats", Op: "Mod", Inputs: vals{f32(-7.5, 7.5, inf, 1, 5, 5, -5), f32(2, -2, 3, 0, inf, -inf, inf)}, Want: vals{f32(0.5, -0.5, nan, nan, 5, -inf, inf)}},
		{Name: "trunc floats", Op: "Mod", Attrs: one, Inputs: vals{f32(-7.5, 7.5, 5), f32(2, -2, inf)}, Want: vals{f32(-1.5, 1.5, 5)}},
		{Name: "mod by zero", Op: "Mod", Inputs: vals{i64(1), i64(0)}, Err: "division by zero"},
		{Name: "fmod by zero", Op: "Mod", Attrs: one, Inputs: vals{i64(1), i64(0)}, Err: "division by zero"},
		{Name: "int pow", Op: "Pow", Inputs: vals{i64(3, -2, 2, 1, -1, 0), i64(39, 3, -1, -5, -3, 0)}, Want: vals{i64(4052555153018976267, -8, 0, 1, -1, 1)}},
		{Name: "zero to a negative power", Op: "Pow", Inputs: vals{i64(0), i64(-1)}, Err: "negative power"},
		{Name: "int to float power", Op: "Pow", Inputs: vals{optest.T([]int32{9, 2}, 2), f32(0.5, 0.5)}, Want: vals{optest.T([]int32{3, 1}, 2)}},
		{Name: "float to int power", Op: "Pow", Inputs: vals{f32(2, -2, 0), i64(-2, 3, 0)}, Want: vals{f32(0.25, -8, 1)}},
		{Name: "float to uint8 power", Op: "Pow", Inputs: vals{f32(2), optest.T([]uint8{7}, 1)}, Want: vals{f32(128)}},
		{Name: "left", Op: "BitShift", Attrs: left, Inputs: vals{optest.T([]uint8{16, 1, 1}, 3), optest.T([]uint8{4, 7, 200}, 3)}, Want: vals{optest.T([]uint8{0, 128, 0}, 3)}},
		{Name: "right signed", Op: "BitShift", Attrs: right, Inputs: vals{optest.T([]int8{-8, 8, -8, 8, -1}, 5), optest.T([]int8{1, 1, 8, 9, -1}, 5)}, Want: vals{optest.T([]int8{-4, 4, -1, 0, -1}, 5)}},
		{Name: "left signed", Op: "BitShift", Attrs: left, Inputs: vals{i64(1, -1, 3, 3), i64(63, 1, 64, -1)}, Want: vals{i64(math.MinInt64, -2, 0, 0)}},
		{Name: "signed before 28", Op: "BitShift", Opset: 11, Attrs: right, Inputs: vals{i64(1), i64(1)}, Err: "int64"},
		{Name: "no direction", Op: "BitShift", Inputs: vals{i64(1), i64(1)}, Err: "direction"},
		{Name: "wrong direction", Op: "BitShift", Attrs: []graph.Attr{optest.Str("direction", "UP")}, Inputs: vals{i64(1), i64(1)}, Err: "LEFT, RIGHT"},
	})
}

func TestLogic(t *testing.T) {
	a, b := bools(true, true, false, false), bools(true, false, true, false)
	optest.Run(t, Table, []optest.Case{
		{Op: "And", Inputs: vals{a, b}, Want: vals{bools(true, false, false, false)}},
		{Op: "Or", Inputs: vals{a, b}, Want: vals{bools(true, true, true, false)}},
		{Op: "Xor", Inputs: vals{a, b}, Want: vals{bools(false, true, true, false)}},
		{Op: "Not", Inputs: vals{a}, Want: vals{bools(false, false, true, true)}},
		{Name: "equal bools", Op: "Equal", Inputs: vals{a, b}, Want: vals{bools(true, false, false, true)}},
		{Name: "equal strings", Op: "Equal", Inputs: vals{optest.Strings([]string{"a", "b"}, 2), optest.Strings([]string{"b"}, 1)}, Want: vals{bools(false, true)}},
		{Name: "strings before 19", Op: "Equal", Opset: 13, Inputs: vals{optest.Strings([]string{"a"}, 1), optest.Strings([]string{"b"}, 1)}, Err: "string"},
		{Name: "nan", Op: "Equal", Inputs: vals{f32(nan, 0), f32(nan, float32(math.Copysign(0, -1)))}, Want: vals{bools(false, true)}},
		{Name: "big", Op: "Equal", Inputs: vals{i64(1<<53 + 1), i64(1 << 53)}, Want: vals{bools(false)}},
		{Name: "unsigned", Op: "Greater", Inputs: vals{optest.T([]uint64{1 << 63}, 1), optest.T([]uint64{1}, 1)}, Want: vals{bools(true)}},
		{Op: "Less", Inputs: vals{f32(1, 2, nan), f32(2)}, Want: vals{bools(true, false, false)}},
		{Op: "LessOrEqual", Inputs: vals{f32(1, 2, nan), f32(2)}, Want: vals{bools(true, true, false)}},
		{Op: "GreaterOrEqual", Inputs: vals{f32(1, 2, nan), f32(2)}, Want: vals{bools(false, true, false)}},
		{Op: "BitwiseAnd", Inputs: vals{optest.T([]int8{-1, 12}, 2), optest.T([]int8{6}, 1)}, Want: vals{optest.T([]int8{6, 4}, 2)}},
		{Op: "BitwiseOr", Inputs: vals{optest.T([]uint16{0xf000}, 1), optest.T([]uint16{0xf}, 1)}, Want: vals{optest.T([]uint16{0xf00f}, 1)}},
		{Op: "BitwiseXor", Inputs: vals{i64(-1), i64(5)}, Want: vals{i64(-6)}},
		{Op: "BitwiseNot", Inputs: vals{optest.T([]uint8{0, 0xf0}, 2)}, Want: vals{optest.T([]uint8{0xff, 0x0f}, 2)}},
	})
}

func TestVariadic(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "broadcast", Op: "Sum", Inputs: vals{optest.T([]float32{1, 2}, 2, 1), f32(10, 20), tensor.Scalar(float32(100))}, Want: vals{optest.T([]float32{111, 121, 112, 122}, 2, 2)}},
		{Name: "one", Op: "Sum", Inputs: vals{f32(1, 2)}, Want: vals{f32(1, 2)}},
		{Name: "old", Op: "Sum", Opset: 1, Attrs: []graph.Attr{optest.Ints("consumed_inputs", 0)}, Inputs: vals{f32(1), f32(2)}, Want: vals{f32(3)}},
		{Op: "Mean", Inputs: vals{f32(1), f32(2), f32(6)}, Want: vals{f32(3)}},
		{Name: "nan", Op: "Max", Inputs: vals{f32(nan, 1, nan), f32(1, nan, inf)}, Want: vals{f32(nan, nan, nan)}},
		{Name: "nan", Op: "Min", Inputs: vals{f32(nan, 1), f32(-inf, 2)}, Want: vals{f32(nan, 1)}},
		{Name: "int64", Op: "Max", Inputs: vals{i64(1<<53 + 1), i64(1 << 53)}, Want: vals{i64(1<<53 + 1)}},
		{Name: "uint64", Op: "Min", Inputs: vals{optest.T([]uint64{1 << 63}, 1), optest.T([]uint64{7}, 1)}, Want: vals{optest.T([]uint64{7}, 1)}},
		{Name: "mismatch", Op: "Max", Inputs: vals{f32(1, 2), f32(1, 2, 3)}, Err: "broadcast"},
		{Name: "where", Op: "Where", Inputs: vals{optest.T([]bool{true, false}, 2, 1), f32(1, 2), f32(3)}, Want: vals{optest.T([]float32{1, 2, 3, 3}, 2, 2)}},
		{Name: "where strings", Op: "Where", Inputs: vals{bools(true, false), optest.Strings([]string{"yes"}), optest.Strings([]string{"", "no"}, 2)}, Want: vals{optest.Strings([]string{"yes", "no"}, 2)}},
		{Name: "where complex", Op: "Where", Inputs: vals{bools(true, false), optest.T([]complex128{1i, 2}, 2), optest.T([]complex128{3, 4i}, 2)}, Want: vals{optest.T([]complex128{1i, 4i}, 2)}},
		{Name: "where mismatch", Op: "Where", Inputs: vals{bools(true, false), f32(1, 2, 3), f32(1)}, Err: "broadcast"},
	})
}
