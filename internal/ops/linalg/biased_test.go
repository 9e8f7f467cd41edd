package linalg

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// TestBiasedMatMul checks values, errors, and the kernel against them.
func TestBiasedMatMul(t *testing.T) {
	const own = "walnut"
	a, b := f32(shape(1, 2, 3), 1, 2, 3, 4, 5, 6), f32(shape(3, 2), 1, 0, 2, -1, 0, 3)
	c := f32(shape(2), 10, -20)
	relu := attrs(optest.Str("activation", "Relu"), optest.Float("alpha", 2))
	cases := []optest.Case{
		{Name: "bias", Domain: own, Op: "FusedMatMul", Inputs: list{a, b, c}, Want: list{f32(shape(1, 2, 2), 15, -13, 24, -7)}},
		{Name: "relu", Domain: own, Op: "FusedMatMul", Attrs: relu, Inputs: list{a, b, c}, Want: list{f32(shape(1, 2, 2), 20, 0, 38, 6)}},
		{Name: "transposed", Domain: own, Op: "FusedMatMul", Attrs: attrs(optest.Int("transB", 1)), Inputs: list{a, f32(shape(2, 3), 1, 2, 0, 0, -1, 3), c}, Want: list{f32(shape(1, 2, 2), 15, -13, 24, -7)}},
		{Name: "nothing summed", Domain: own, Op: "FusedMatMul", Inputs: list{f32(shape(2, 0)), f32(shape(0, 2)), c}, Want: list{f32(shape(2, 2), 10, -20, 10, -20)}},
	}
	optest.Run(t, Table, append(cases,
		optest.Case{Name: "half", Domain: own, Op: "FusedMatMul", Inputs: list{optest.As(tensor.Float16, a), optest.As(tensor.Float16, b), optest.As(tensor.Float16, c)}, Want: list{optest.As(tensor.Float16, f32(shape(1, 2, 2), 15, -13, 24, -7))}},
		optest.Case{Name: "length", Domain: own, Op: "FusedMatMul", Inputs: list{a, b, f32(shape(3), 1, 2, 3)}, Err: "C "},
		optest.Case{Name: "rank", Domain: own, Op: "FusedMatMul", Inputs: list{a, b, f32(shape(1, 2), 1, 2)}, Err: "C "},
		optest.Case{Name: "integers", Domain: own, Op: "FusedMatMul", Inputs: list{optest.As(tensor.Int32, a), optest.As(tensor.Int32, b), optest.As(tensor.Int32, c)}, Err: "int32"}))
	for _, x := range cases {
		optest.Prepared(t, Table, x, optest.How{})
	}
	optest.Prepared(t, Table, optest.Case{Name: "gemm", Domain: ms, Op: "FusedGemm", Attrs: attrs(optest.Str("activation", "Relu")), Inputs: list{f32(shape(2, 3), 1, 2, 3, 4, 5, 6), b, c}}, optest.How{})
}
