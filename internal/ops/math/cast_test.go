package math

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestCast(t *testing.T) {
	to := func(dt tensor.DType, more ...graph.Attr) []graph.Attr {
		return append(more, optest.Int("to", int64(dt)))
	}
	noSat := optest.Int("saturate", 0)
	mode := func(s string) graph.Attr { return optest.Str("round_mode", s) }
	e8 := func(b ...byte) *tensor.Tensor { return wrap(tensor.Float8E8M0, b...) }
	optest.Run(t, Table, []optest.Case{
		{Name: "truncate", Op: "Cast", Attrs: to(tensor.Int32), Inputs: vals{f32(1.9, -1.9)}, Want: vals{optest.T([]int32{1, -1}, 2)}},
		{Name: "int16 to int8", Op: "Cast", Attrs: to(tensor.Int8), Inputs: vals{optest.T([]int16{200}, 1)}, Want: vals{optest.T([]int8{-56}, 1)}},
		{Name: "negative to uint64", Op: "Cast", Attrs: to(tensor.Uint64), Inputs: vals{i64(-1)}, Want: vals{optest.T([]uint64{math.MaxUint64}, 1)}},
		{Name: "bool", Op: "Cast", Attrs: to(tensor.Bool), Inputs: vals{f32(0, float32(math.Copysign(0, -1)), 0.1, nan)}, Want: vals{bools(false, false, true, true)}},
		{Name: "36 to bool", Op: "Cast", Attrs: to(tensor.Bool), Inputs: vals{i64(36, 256)}, Want: vals{bools(true, true)}},
		// 2^62+2^38+1 lies above the middle of two float32s; float64 loses the 1.
		{Name: "rounded once", Op: "Cast", Attrs: to(tensor.Float32), Inputs: vals{i64(1<<62+1<<38+1, -1<<62-1<<38-1)}, Want: vals{f32(1<<62+1<<39, -1<<62-1<<39)}},
		{Name: "uint64 rounded once", Op: "Cast", Attrs: to(tensor.Float32), Inputs: vals{optest.T([]uint64{1<<63 + 1<<39 + 1}, 1)}, Want: vals{f32(1<<63 + 1<<40)}},
		{Name: "int64 to bfloat16", Op: "Cast", Attrs: to(tensor.BFloat16), Inputs: vals{i64(1<<62 + 1<<54 + 1)}, Want: vals{optest.As(tensor.BFloat16, f32(1<<62+1<<55))}},
		{Name: "double to float", Op: "Cast", Attrs: to(tensor.Float32), Inputs: vals{optest.T([]float64{1e300}, 1)}, Want: vals{f32(inf)}},
		{Name: "saturate", Op: "Cast", Attrs: to(tensor.Float8E4M3FN), Inputs: vals{f32(1e6, -inf, nan)}, Want: vals{wrap(tensor.Float8E4M3FN, 0x7e, 0xfe, 0x7f)}},
		{Name: "no saturate", Op: "Cast", Attrs: to(tensor.Float8E4M3FN, noSat), Inputs: vals{f32(1e6, -inf)}, Want: vals{wrap(tensor.Float8E4M3FN, 0x7f, 0xff)}},
		{Name: "no saturate e5m2", Op: "Cast", Attrs: to(tensor.Float8E5M2, noSat), Inputs: vals{f32(1e6, -inf)}, Want: vals{wrap(tensor.Float8E5M2, 0x7c, 0xfc)}},
		{Name: "e8m0 up", Op: "Cast", Attrs: to(tensor.Float8E8M0), Inputs: vals{f32(1, 1.1, 3, 0, inf, nan)}, Want: vals{e8(127, 128, 129, 0, 254, 255)}},
		{Name: "e8m0 down", Op: "Cast", Attrs: to(tensor.Float8E8M0, mode("down")), Inputs: vals{f32(1.9, 3.9)}, Want: vals{e8(127, 128)}},
		{Name: "e8m0 nearest", Op: "Cast", Attrs: to(tensor.Float8E8M0, mode("nearest"), noSat), Inputs: vals{f32(1.4, 1.5, 0, inf, 1e-45)}, Want: vals{e8(127, 128, 255, 255, 255)}},
		{Name: "round mode", Op: "Cast", Attrs: to(tensor.Float8E8M0, mode("even")), Inputs: vals{f32(1)}, Err: "nearest"},
		{Name: "round mode before 24", Op: "Cast", Opset: 23, Attrs: to(tensor.Float32, mode("up")), Inputs: vals{f32(1)}, Err: "round_mode"},
		{Name: "int4", Op: "Cast", Attrs: to(tensor.Int4), Inputs: vals{i64(-1, 7, 9)}, Want: vals{wrap4(tensor.Int4, 3, 0x7f, 0x09)}},
		{Name: "name of version 1", Op: "Cast", Opset: 1, Attrs: []graph.Attr{optest.Str("to", "INT64")}, Inputs: vals{f32(2.5)}, Want: vals{i64(2)}},
		{Name: "unknown name", Op: "Cast", Opset: 1, Attrs: []graph.Attr{optest.Str("to", "REAL")}, Inputs: vals{f32(2.5)}, Err: "REAL"},
		{Name: "unknown number", Op: "Cast", Attrs: []graph.Attr{optest.Int("to", 99)}, Inputs: vals{f32(2.5)}, Err: "99"},
		{Name: "complex", Op: "Cast", Attrs: to(tensor.Complex64), Inputs: vals{f32(1)}, Err: "complex"},
		{Name: "like", Op: "CastLike", Inputs: vals{f32(1.5), optest.T([]int8{}, 0)}, Want: vals{optest.T([]int8{1}, 1)}},
	})
}

// wrap makes a vector of raw bytes, wrap4 one of n packed elements.
func wrap(dt tensor.DType, b ...byte) *tensor.Tensor { return wrap4(dt, len(b), b...) }

func wrap4(dt tensor.DType, n int, b ...byte) *tensor.Tensor {
	t, err := tensor.Wrap(dt, b, n)
	if err != nil {
		panic(err)
	}
	return t
}

func TestCastStrings(t *testing.T) {
	str := []graph.Attr{optest.Int("to", int64(tensor.String))}
	from := func(name string, dt tensor.DType, want *tensor.Tensor, s ...string) optest.Case {
		return optest.Case{Name: name, Op: "Cast", Attrs: []graph.Attr{optest.Int("to", int64(dt))}, Inputs: vals{optest.Strings(s, len(s))}, Want: vals{want}}
	}
	fails := func(name string, dt tensor.DType, s string) optest.Case {
		return optest.Case{Name: name, Op: "Cast", Attrs: []graph.Attr{optest.Int("to", int64(dt))}, Inputs: vals{optest.Strings([]string{s}, 1)}, Err: "can't be read as"}
	}
	optest.Run(t, Table, []optest.Case{
		{Name: "floats", Op: "Cast", Attrs: str, Inputs: vals{f32(1, 0.1, -2.5, 12345678, 1e20, 1e-5, nan, inf, -inf)},
			Want: vals{optest.Strings([]string{"1", "0.1", "-2.5", "12345678", "1e+20", "1e-05", "NaN", "INF", "-INF"}, 9)}},
		{Name: "double", Op: "Cast", Attrs: str, Inputs: vals{optest.T([]float64{0.1, 314.15926}, 2)}, Want: vals{optest.Strings([]string{"0.1", "314.15926"}, 2)}},
		{Name: "int64", Op: "Cast", Attrs: str, Inputs: vals{i64(math.MinInt64)}, Want: vals{optest.Strings([]string{"-9223372036854775808"}, 1)}},
		{Name: "uint64", Op: "Cast", Attrs: str, Inputs: vals{optest.T([]uint64{math.MaxUint64}, 1)}, Want: vals{optest.Strings([]string{"18446744073709551615"}, 1)}},
		{Name: "bools", Op: "Cast", Attrs: str, Inputs: vals{bools(true, false)}, Want: vals{optest.Strings([]string{"1", "0"}, 2)}},
		from("to float", tensor.Float32, f32(3.14, 1000, 1e-5, 1e8, inf, inf, -inf, nan, 4, inf), "3.14", "1000", "1e-5", "1E8", "+INF", "inf", "-Inf", "NaN", " 4 ", "1e999"),
		from("to int64", tensor.Int64, i64(9007199254740993, -3, 100), "9007199254740993", "-3", "100.5"),
		from("to uint64", tensor.Uint64, optest.T([]uint64{math.MaxUint64}, 1), "18446744073709551615"),
		from("to bool", tensor.Bool, bools(true, false, true, false), "True", "false", "1", "0"),
		from("to float8", tensor.Float8E4M3FN, wrap(tensor.Float8E4M3FN, 0x7e), "1e9"),
		from("strings", tensor.String, optest.Strings([]string{"x"}, 1), "x"),
		fails("words", tensor.Float32, "Hello World!"),
		fails("empty", tensor.Int32, ""),
		fails("word as bool", tensor.Bool, "yes"),
	})
}

func TestBitCast(t *testing.T) {
	to := func(dt tensor.DType) []graph.Attr { return []graph.Attr{optest.Int("to", int64(dt))} }
	optest.Run(t, Table, []optest.Case{
		{Name: "float", Op: "BitCast", Attrs: to(tensor.Int32), Inputs: vals{f32(1, -0.5)}, Want: vals{optest.T([]int32{0x3f800000, -0x41000000}, 2)}},
		{Name: "complex64 to double", Op: "BitCast", Attrs: to(tensor.Float64), Inputs: vals{optest.T([]complex64{complex(0, 1.875)}, 1)}, Want: vals{optest.T([]float64{1}, 1)}},
		{Name: "packed", Op: "BitCast", Attrs: to(tensor.Uint4), Inputs: vals{wrap4(tensor.Int4, 3, 0xf1, 0x08)}, Want: vals{wrap4(tensor.Uint4, 3, 0xf1, 0x08)}},
		{Name: "bool stays 0 or 1", Op: "BitCast", Attrs: to(tensor.Bool), Inputs: vals{optest.T([]uint8{0, 1, 7}, 3)}, Want: vals{bools(false, true, true)}},
		{Name: "width", Op: "BitCast", Attrs: to(tensor.Int64), Inputs: vals{f32(1)}, Err: "32 bits"},
		{Name: "string", Op: "BitCast", Attrs: to(tensor.String), Inputs: vals{f32(1)}, Err: "strings"},
	})
}
