package quant

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// unit returns the matrix of n rows that has 1 at the given columns.
func unit(k int, columns ...int) *tensor.Tensor {
	v := make([]float32, len(columns)*k)
	for i, c := range columns {
		v[i*k+c] = 1
	}
	return floatsOf(v, len(columns), k)
}

func nbits(bits, k, n, block int64) at {
	return at{optest.Int("bits", bits), optest.Int("K", k), optest.Int("N", n), optest.Int("block_size", block)}
}

// pattern returns n bytes that repeat p.
func pattern(n int, p ...byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = p[i%len(p)]
	}
	return b
}

var nbitsCases = register([]test{
	// Low bits first: 0x21 holds 1, 2; the default zero point is 8.
	{Name: "4 bits", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 1, 16), Inputs: in{unit(16, 0, 1, 2), bytesOf(pattern(8, 0x21, 0x4f), 1, 1, 8), floatsOf([]float32{0.5}, 1, 1)},
		Want: in{floatsOf([]float32{-3.5, -3, 3.5}, 3, 1)}},
	{Name: "2 bits", Domain: ms, Op: "MatMulNBits", Attrs: nbits(2, 16, 1, 16), Inputs: in{unit(16, 0, 1, 2, 3), bytesOf(pattern(4, 0xe4), 1, 1, 4), floatsOf([]float32{1}, 1, 1)},
		Want: in{floatsOf([]float32{-2, -1, 0, 1}, 4, 1)}},
	{Name: "8 bits, bias", Domain: ms, Op: "MatMulNBits", Attrs: nbits(8, 16, 2, 16), Inputs: in{unit(16, 0, 1), bytesOf(pattern(32, 130, 0), 2, 1, 16), floatsOf([]float32{1, 2}, 2, 1), nil, nil, floatsOf([]float32{10, 20}, 2)},
		Want: in{floatsOf([]float32{12, 24, -118, -236}, 2, 2)}},
	{Name: "packed zero points, a block cut short", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 20, 1, 16), Inputs: in{unit(20, 0, 19), bytesOf(pattern(16, 0x99), 1, 2, 8), floatsOf([]float32{1, 10}, 1, 2), bytesOf([]uint8{0x31}, 1, 1)},
		Want: in{floatsOf([]float32{8, 60}, 2, 1)}},
	{Name: "float zero points", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 1, 16), Inputs: in{unit(16, 0), bytesOf(pattern(8, 0x99), 1, 1, 8), floatsOf([]float32{2}, 1, 1), floatsOf([]float32{0.5}, 1, 1)},
		Want: in{floatsOf([]float32{17}, 1, 1)}},
	{Name: "g_idx", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 20, 1, 16), Inputs: in{unit(20, 0, 1), bytesOf(pattern(16, 0x99), 1, 2, 8), floatsOf([]float32{1, 10}, 2), nil, int32sOf([]int32{1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}, 20)},
		Want: in{floatsOf([]float32{10, 1}, 2, 1)}},
	{Name: "float16, one row", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 1, 16), Inputs: in{as(tensor.Float16, pattern16(), 16), bytesOf(pattern(8, 0x99), 1, 1, 8), as(tensor.Float16, []float32{0.5}, 1, 1)},
		Want: in{as(tensor.Float16, []float32{60}, 1)}},
	{Name: "no weight", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 2, 16), Inputs: in{unit(16, 0), bytesOf(nil, 2, 1, 0), floatsOf(nil, 0), nil, nil, floatsOf([]float32{1, 2}, 2)}, Want: in{floatsOf([]float32{1, 2}, 1, 2)}},
	{Name: "no rows", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 1, 16), Inputs: in{floatsOf(nil, 0, 16), bytesOf(pattern(8, 1), 1, 1, 8), floatsOf([]float32{1}, 1)}, Want: in{floatsOf(nil, 0, 1)}},
	{Name: "columns of A", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 1, 16), Inputs: in{unit(15, 0), bytesOf(pattern(8, 1), 1, 1, 8), floatsOf([]float32{1}, 1)}, Err: "must be 16"},
	{Name: "size of B", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 1, 16), Inputs: in{unit(16, 0), bytesOf(pattern(7, 1), 1, 1, 7), floatsOf([]float32{1}, 1)}, Err: "B is"},
	{Name: "bits", Domain: ms, Op: "MatMulNBits", Attrs: nbits(5, 16, 1, 16), Inputs: in{unit(16, 0), bytesOf(pattern(7, 1), 1, 1, 7), floatsOf([]float32{1}, 1)}, Err: "bits = 5"},
	{Name: "block_size", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 1, 24), Inputs: in{unit(16, 0), bytesOf(pattern(7, 1), 1, 1, 7), floatsOf([]float32{1}, 1)}, Err: "block_size = 24"},
	{Name: "g_idx out of range", Domain: ms, Op: "MatMulNBits", Attrs: nbits(4, 16, 1, 16), Inputs: in{unit(16, 0), bytesOf(pattern(8, 1), 1, 1, 8), floatsOf([]float32{1}, 1), nil, int32sOf(make16(1), 16)}, Err: "g_idx[0] = 1"},

	// The first value is in the high bits: codes 0x1 and 0xf, then 0x3.
	{Name: "NF4", Domain: ms, Op: "MatMulBnb4", Attrs: bnb(1, 3, 2, 1), Inputs: in{unit(3, 0, 1, 2), bytesOf([]byte{0x1f, 0x30, 0xf0}, 3), floatsOf([]float32{2}, 1)},
		Want: in{floatsOf([]float32{-1.3923856019973755, -2, 2, 2, -0.7898349761962891, -2}, 3, 2)}},
	{Name: "FP4, not transposed", Domain: ms, Op: "MatMulBnb4", Attrs: bnb(0, 3, 2, 0), Inputs: in{unit(2, 0, 1), bytesOf([]byte{0x1f, 0x35, 0xb0}, 3), floatsOf([]float32{3}, 1)},
		Want: in{floatsOf([]float32{1. / 64, -0.75, 3, 1.5, -3, 0}, 2, 3)}, Tol: 1e-7},
	{Name: "absmax", Domain: ms, Op: "MatMulBnb4", Attrs: bnb(0, 3, 2, 0), Inputs: in{unit(2, 0, 1), bytesOf([]byte{0x1f, 0x35, 0xb0}, 3), floatsOf([]float32{3, 4}, 2)}, Err: "absmax"},

	{Name: "with offset", Domain: ms, Op: "MatMulFpQ4", Inputs: in{unit(32, 0, 1, 16), bytesOf(append(scaleBytes(0.5, 3), pattern(16, 0xa1, 0x42)...), 21), optest.T([]int64{32, 1}, 2)}, Want: in{floatsOf([]float32{-1, -0.5, 3.5}, 3, 1)}},
	{Name: "without offset", Domain: ms, Op: "MatMulFpQ4", Attrs: at{optest.Int("blk_quant_type", 0)}, Inputs: in{unit(32, 0, 1, 17), bytesOf(append(scaleBytes(0.5), pattern(16, 0xa1, 0x42)...), 20), optest.T([]int64{32, 1}, 2)},
		Want: in{floatsOf([]float32{-3.5, -3, -2}, 3, 1)}},
	{Name: "B_shape", Domain: ms, Op: "MatMulFpQ4", Inputs: in{unit(32, 0), bytesOf(pattern(21, 1), 21), optest.T([]int64{33, 1}, 2)}, Err: "must be 33"},
})

func bnb(kind, k, n, trans int64) at {
	return at{optest.Int("quant_type", kind), optest.Int("K", k), optest.Int("N", n), optest.Int("block_size", 16), optest.Int("transB", trans)}
}

func scaleBytes(s float32, more ...byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, math.Float32bits(s)), more...)
}

// pattern16 is 0, 1, ..., 15.
func pattern16() []float32 {
	v := make([]float32, 16)
	for i := range v {
		v[i] = float32(i)
	}
	return v
}

func make16(x int32) []int32 {
	v := make([]int32, 16)
	for i := range v {
		v[i] = x
	}
	return v
}

func TestNBits(t *testing.T) { run(t, nbitsCases) }

func gbq(bits, block int64) at {
	return at{optest.Int("bits", bits), optest.Int("block_size", block)}
}

var gatherCases = register([]test{
	{Name: "4 bits in bytes", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(4, 16), Inputs: in{bytesOf(append(pattern(8, 0x21), pattern(8, 0xf0)...), 2, 8), optest.T([]int64{-1, 0, 2}, 3), floatsOf([]float32{1, 0.5}, 2, 1)},
		Want: in{floatsOf(append(append(rep(8, -4, 3.5), rep(8, -7, -6)...), rep(16, 0)...), 3, 16)}},
	{Name: "2 bits, zero points", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(2, 16), Inputs: in{bytesOf(append(pattern(4, 0xe4), pattern(4, 0xe4)...), 1, 8), int32sOf([]int32{0}), floatsOf([]float32{1, 10}, 1, 2), bytesOf([]byte{0x04}, 1, 1)},
		Want: in{floatsOf(append(rep(4, 0, 1, 2, 3), rep(4, -10, 0, 10, 20)...), 32)}},
	{Name: "8 bits", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(8, 16), Inputs: in{bytesOf([]byte{130, 0}, 1, 2), optest.T([]int64{0}, 1, 1), as(tensor.Float16, []float32{2}, 1, 1)}, Want: in{as(tensor.Float16, []float32{4, -256}, 1, 1, 2)}},
	{Name: "int4 along the other axis", Domain: ms, Op: "GatherBlockQuantized", Attrs: append(gbq(4, 16), optest.Int("gather_axis", 1), optest.Int("quantize_axis", 0)),
		Inputs: in{as(tensor.Int4, []float32{1, 2, 3, -4}, 2, 2), optest.T([]int64{1, 1}, 2), floatsOf([]float32{1, 10}, 1, 2), as(tensor.Int4, []float32{0, 1}, 1, 2)}, Want: in{floatsOf([]float32{10, 10, -50, -50}, 2, 2)}},
	{Name: "uint4, no zero points", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(4, 16), Inputs: in{as(tensor.Uint4, []float32{1, 15}, 1, 2), optest.T([]int64{0}), floatsOf([]float32{2}, 1, 1)}, Want: in{floatsOf([]float32{2, 30}, 2)}},
	{Name: "float8, one scale", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(4, 0), Inputs: in{as(tensor.Float8E4M3FN, []float32{1, 2, 3, 4}, 2, 2), optest.T([]int64{1}, 1), floatsOf([]float32{0.5}, 1, 1)}, Want: in{floatsOf([]float32{1.5, 2}, 1, 2)}},
	{Name: "float4", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(4, 16), Inputs: in{as(tensor.Float4E2M1, []float32{1, 2, 3, -6}, 2, 2), optest.T([]int64{1}, 1), floatsOf([]float32{1, 0.5}, 2, 1)}, Want: in{floatsOf([]float32{1.5, -3}, 1, 2)}},
	{Name: "no indices", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(8, 16), Inputs: in{bytesOf([]byte{130, 0}, 1, 2), optest.T([]int64{}, 0), floatsOf([]float32{2}, 1, 1)}, Want: in{floatsOf(nil, 0, 2)}},
	{Name: "scales", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(8, 16), Inputs: in{bytesOf([]byte{130, 0}, 1, 2), optest.T([]int64{0}, 1), floatsOf([]float32{2, 3}, 1, 2)}, Err: "must be 1"},
	{Name: "zero points of float8", Domain: ms, Op: "GatherBlockQuantized", Attrs: gbq(8, 16), Inputs: in{as(tensor.Float8E5M2, []float32{1}, 1, 1), optest.T([]int64{0}, 1), floatsOf([]float32{2}, 1, 1), as(tensor.Float8E5M2, []float32{1}, 1, 1)}, Err: "zero_points"},
	{Name: "axes of packed data", Domain: ms, Op: "GatherBlockQuantized", Attrs: append(gbq(4, 16), optest.Int("gather_axis", 1)), Inputs: in{bytesOf([]byte{130, 0}, 1, 2), optest.T([]int64{0}, 1), floatsOf([]float32{2}, 1, 1)}, Err: "packed"},
})

// rep repeats v n times.
func rep(n int, v ...float32) []float32 {
	var l []float32
	for range n {
		l = append(l, v...)
	}
	return l
}

func TestGather(t *testing.T) { run(t, gatherCases) }

// moeIn has one token of one value, two experts whose fc1 multiplies by 1 and
// 2 and whose fc2 multiplies by 10 and 100.
func moeIn(x float32, more ...tensor.Value) in {
	return append(in{floatsOf([]float32{x}, 1, 1), floatsOf([]float32{0, float32(math.Log(3))}, 1, 2), floatsOf([]float32{1, 2}, 2, 1, 1), nil, floatsOf([]float32{10, 100}, 2, 1, 1)}, more...)
}

func moeAttrs(act string, more ...int64) at {
	a := at{optest.Str("activation_type", act)}
	for i, n := range []string{"k", "normalize_routing_weights", "swiglu_fusion"} {
		if i < len(more) {
			a = append(a, optest.Int(n, more[i]))
		}
	}
	return a
}

func silu(x float64) float64 { return x / (1 + math.Exp(-x)) }

func gelu(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// swiglu2 has fc1 with gate and linear part of one expert, gate 3x and linear part x.
func swiglu2(x float32) in {
	return in{floatsOf([]float32{x}, 1, 1, 1), floatsOf([]float32{5}, 1, 1), floatsOf([]float32{3, 1}, 1, 2, 1), floatsOf([]float32{0.5, 0}, 1, 2), floatsOf([]float32{1}, 1, 1, 1), floatsOf([]float32{7}, 1, 1)}
}

func sf(v float64) *tensor.Tensor { return floatsOf([]float32{float32(v)}, 1, 1) }

var moeCases = register([]test{
	// Weights 1/4 and 3/4; the better expert gives 2*100*x.
	{Name: "one expert", Domain: ms, Op: "MoE", Attrs: moeAttrs("identity"), Inputs: moeIn(-1), Want: in{sf(-150)}, Tol: 1e-6},
	{Name: "normalised", Domain: ms, Op: "MoE", Attrs: moeAttrs("identity", 1, 1), Inputs: moeIn(-1), Want: in{sf(-200)}, Tol: 1e-6},
	{Name: "two experts, relu", Domain: ms, Op: "MoE", Attrs: moeAttrs("relu", 2), Inputs: moeIn(1), Want: in{sf(152.5)}, Tol: 1e-6},
	{Name: "relu below 0", Domain: ms, Op: "MoE", Attrs: moeAttrs("relu", 2), Inputs: moeIn(-1), Want: in{sf(0)}},
	{Name: "relu2", Domain: ms, Op: "MoE", Attrs: moeAttrs("relu2", 1, 1), Inputs: moeIn(1), Want: in{sf(400)}, Tol: 1e-6},
	{Name: "gelu", Domain: ms, Op: "MoE", Attrs: moeAttrs("gelu", 1, 1), Inputs: moeIn(1), Want: in{sf(100 * gelu(2))}, Tol: 1e-6},
	{Name: "silu", Domain: ms, Op: "MoE", Attrs: moeAttrs("silu", 1, 1), Inputs: moeIn(1), Want: in{sf(100 * silu(2))}, Tol: 1e-6},
	{Name: "silu with fc3", Domain: ms, Op: "MoE", Attrs: moeAttrs("silu", 1, 1), Inputs: moeIn(1, nil, floatsOf([]float32{5, 7}, 2, 1, 1)), Want: in{sf(100 * silu(2) * 7)}, Tol: 1e-6},
	{Name: "swiglu with fc3", Domain: ms, Op: "MoE", Attrs: append(moeAttrs("swiglu", 1, 1, 0), optest.Float("activation_beta", 1)), Inputs: moeIn(1, nil, floatsOf([]float32{5, 7}, 2, 1, 1)), Want: in{sf(100 * silu(2) * 8)}, Tol: 1e-6},
	{Name: "swiglu in fc1, limit", Domain: ms, Op: "MoE", Attrs: append(moeAttrs("swiglu", 1, 0, 1), optest.Float("activation_alpha", 2), optest.Float("swiglu_limit", 1.5)), Inputs: swiglu2(2),
		Want: in{floatsOf([]float32{float32(1.5/(1+math.Exp(-3))*1.5 + 7)}, 1, 1, 1)}, Tol: 1e-6},
	{Name: "swiglu in fc1, limit after", Domain: ms, Op: "MoE", Attrs: append(moeAttrs("swiglu", 1, 0, 2), optest.Float("swiglu_limit", 1.5), optest.Int("swiglu_limit_after_activation", 1)), Inputs: swiglu2(2),
		Want: in{floatsOf([]float32{1.5*1.5 + 7}, 1, 1, 1)}, Tol: 1e-6},
	{Name: "geglu", Domain: ms, Op: "MoE", Attrs: moeAttrs("geglu", 1, 0, 2), Inputs: swiglu2(1), Want: in{floatsOf([]float32{float32(gelu(3.5) + 7)}, 1, 1, 1)}, Tol: 1e-6},
	// The values differ by more than 2%, so each expert's softmax is over itself alone.
	{Name: "sparse mixer", Domain: ms, Op: "MoE", Attrs: append(moeAttrs("identity", 2), optest.Int("use_sparse_mixer", 1)), Inputs: moeIn(1), Want: in{sf(210)}, Tol: 1e-6},
	{Name: "no tokens", Domain: ms, Op: "MoE", Attrs: moeAttrs("relu"), Inputs: in{floatsOf(nil, 0, 1), floatsOf(nil, 0, 2), floatsOf([]float32{1, 2}, 2, 1, 1), nil, floatsOf([]float32{10, 100}, 2, 1, 1)}, Want: in{floatsOf(nil, 0, 1)}},
	{Name: "float16", Domain: ms, Op: "MoE", Attrs: moeAttrs("identity"), Inputs: in{as(tensor.Float16, []float32{3}, 1, 1), as(tensor.Float16, []float32{1}, 1, 1), as(tensor.Float16, []float32{0.1}, 1, 1, 1), nil, as(tensor.Float16, []float32{2}, 1, 1, 1)},
		Want: in{as(tensor.Float16, []float32{0.6}, 1, 1)}, Tol: 1e-3},
	{Name: "too many experts", Domain: ms, Op: "MoE", Attrs: moeAttrs("relu", 3), Inputs: moeIn(1), Err: "k = 3"},
	{Name: "router values", Domain: ms, Op: "MoE", Attrs: moeAttrs("relu"), Inputs: in{floatsOf([]float32{1}, 1, 1), floatsOf([]float32{1}, 1, 1), floatsOf([]float32{1, 2}, 2, 1, 1), nil, floatsOf([]float32{10, 100}, 2, 1, 1)}, Err: "router values"},
	{Name: "swiglu without fc3", Domain: ms, Op: "MoE", Attrs: moeAttrs("swiglu"), Inputs: moeIn(1), Err: "needs fc3"},

	// fc1: (0x9 - 8)*0.5 = 0.5 and (0xa - 8)*0.5 = 1 for the two inputs; fc2: (0xc - 8)*1 for both outputs.
	{Name: "4 bits", Domain: ms, Op: "QMoE", Attrs: moeAttrs("identity"), Inputs: in{floatsOf([]float32{10, 20}, 1, 2), floatsOf([]float32{1}, 1, 1), bytesOf(pattern(2, 0xa9), 1, 2, 1), floatsOf([]float32{0.5, 0.5}, 1, 2), nil, bytesOf(pattern(2, 0x8c), 1, 2, 1), floatsOf([]float32{1, 2}, 1, 2)},
		Want: in{floatsOf([]float32{100, 200}, 1, 2)}, Tol: 1e-6},
	// As above with zero points 1 (packed along the rows) for fc1: (8 and 9)*0.5.
	{Name: "4 bits, zero points", Domain: ms, Op: "QMoE", Attrs: moeAttrs("identity"), Inputs: in{floatsOf([]float32{10, 20}, 1, 2), floatsOf([]float32{1}, 1, 1), bytesOf(pattern(2, 0xa9), 1, 2, 1), floatsOf([]float32{0.5, 0.5}, 1, 2), nil, bytesOf(pattern(2, 0x8c), 1, 2, 1), floatsOf([]float32{1, 2}, 1, 2),
		nil, nil, nil, nil, bytesOf([]byte{0x11}, 1, 1)}, Want: in{floatsOf([]float32{520, 1040}, 1, 2)}, Tol: 1e-6},
	// The softmax is over the chosen experts, or taken from router_weights.
	{Name: "8 bits, one of two", Domain: ms, Op: "QMoE", Attrs: append(moeAttrs("identity"), optest.Int("expert_weight_bits", 8)), Inputs: in{sf(3), floatsOf([]float32{1, 2}, 1, 2), bytesOf([]byte{129, 130}, 2, 1, 1), floatsOf([]float32{1, 1}, 2, 1), nil, bytesOf([]byte{129, 130}, 2, 1, 1), floatsOf([]float32{1, 1}, 2, 1)},
		Want: in{sf(12)}, Tol: 1e-6},
	{Name: "router weights", Domain: ms, Op: "QMoE", Attrs: append(moeAttrs("identity"), optest.Int("expert_weight_bits", 8)), Inputs: in{sf(3), floatsOf([]float32{1, 2}, 1, 2), bytesOf([]byte{129, 130}, 2, 1, 1), floatsOf([]float32{1, 1}, 2, 1), nil, bytesOf([]byte{129, 130}, 2, 1, 1), floatsOf([]float32{1, 1}, 2, 1),
		nil, nil, nil, nil, nil, nil, nil, floatsOf([]float32{0.5, 0.25}, 1, 2)}, Want: in{sf(3)}, Tol: 1e-6},
	// 3 bits, row 0b111_110_101 in two bytes: codes 5, 6, 7, default zero point 4.
	{Name: "3 bits", Domain: ms, Op: "QMoE", Attrs: append(moeAttrs("identity"), optest.Int("expert_weight_bits", 8), optest.Int("fc1_expert_weight_bits", 3)), Inputs: in{floatsOf([]float32{1, 10, 100}, 1, 3), sf(1), bytesOf([]byte{0xf5, 0x01}, 1, 1, 2), sf(1), nil,
		bytesOf([]byte{129, 130, 131}, 1, 3, 1), floatsOf([]float32{1, 1, 1}, 1, 3)}, Want: in{floatsOf([]float32{321, 642, 963}, 1, 3)}, Tol: 1e-6},
	{Name: "blocks", Domain: ms, Op: "QMoE", Attrs: append(moeAttrs("identity"), optest.Int("expert_weight_bits", 8), optest.Int("block_size", 16)), Inputs: in{floatsOf(rep(32, 1), 1, 32), sf(1), bytesOf(pattern(32, 129), 1, 1, 32), floatsOf([]float32{1, 2}, 1, 1, 2), nil,
		bytesOf(pattern(32, 129), 1, 32, 1), floatsOf(rep(32, 1), 1, 32, 1), nil, nil, nil, nil, bytesOf([]byte{128, 127}, 1, 1, 2)}, Want: in{floatsOf(rep(32, 16+64), 1, 32)}, Tol: 1e-6},
	{Name: "float8 in blocks", Domain: ms, Op: "QMoE", Attrs: append(moeAttrs("identity"), optest.Str("quant_type", "fp8"), optest.Int("block_size", 16)), Inputs: in{sf(3), sf(1), as(tensor.Float8E4M3FN, []float32{1.5}, 1, 1, 1), floatsOf([]float32{2}, 1, 1, 1), nil,
		as(tensor.Float8E4M3FN, []float32{-2}, 1, 1, 1), floatsOf([]float32{0.5}, 1, 1, 1)}, Want: in{sf(-9)}, Tol: 1e-6},
	{Name: "float8, global scales", Domain: ms, Op: "QMoE", Attrs: append(moeAttrs("identity"), optest.Str("quant_type", "fp8")), Inputs: in{sf(3), sf(1), as(tensor.Float8E4M3FN, []float32{1.5}, 1, 1, 1), nil, nil, as(tensor.Float8E4M3FN, []float32{-2}, 1, 1, 1), nil, nil, nil, nil, nil, nil, nil, nil, nil,
		floatsOf([]float32{2}, 1), floatsOf([]float32{0.5}, 1)}, Want: in{sf(-9)}, Tol: 1e-6},
	{Name: "float4", Domain: ms, Op: "QMoE", Attrs: at{optest.Str("quant_type", "nvfp4")}, Inputs: in{sf(3), sf(1), bytesOf([]byte{1}, 1, 1, 1), nil, nil, bytesOf([]byte{1}, 1, 1, 1)}, Err: "nvfp4"},
	{Name: "no scales", Domain: ms, Op: "QMoE", Attrs: append(moeAttrs("identity"), optest.Int("expert_weight_bits", 8)), Inputs: in{sf(3), sf(1), bytesOf([]byte{1}, 1, 1, 1), nil, nil, bytesOf([]byte{1}, 1, 1, 1)}, Err: "scales"},
})

func TestMoE(t *testing.T) { run(t, moeCases) }
