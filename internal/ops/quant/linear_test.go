package quant

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

var nan, inf = float32(math.NaN()), float32(math.Inf(1))

var quantizeCases = register([]test{
	{Name: "ties to even before the zero point", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{-1.5, -0.5, 0.5, 1.5, 2.5}, 5), f32(1), u8(3)},
		Want: in{bytesOf([]uint8{1, 3, 3, 5, 5}, 5)}},
	{Name: "saturation, infinity and NaN", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{300, -300, inf, -inf, nan}, 5), f32(1), i8(3)},
		Want: in{int8sOf([]int8{127, -128, 127, -128, -128}, 5)}},
	{Name: "scale 0", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{0, 1, -1}, 3), f32(0), u8(3)}, Want: in{bytesOf([]uint8{0, 255, 0}, 3)}},
	{Name: "scalar, no zero point", Op: "QuantizeLinear", Opset: 10, Inputs: in{f32(7), f32(2)}, Want: in{u8(4)}},
	{Name: "empty", Op: "QuantizeLinear", Inputs: in{floatsOf(nil, 0, 3), f32(2)}, Want: in{bytesOf(nil, 0, 3)}},
	{Name: "empty along the axis", Op: "QuantizeLinear", Inputs: in{floatsOf(nil, 2, 0), floatsOf(nil, 0), bytesOf(nil, 0)}, Want: in{bytesOf(nil, 2, 0)}},
	{Name: "int32", Op: "QuantizeLinear", Opset: 13, Inputs: in{int32sOf([]int32{10, -7}, 2), f32(2), i8(0)}, Want: in{int8sOf([]int8{5, -4}, 2)}},
	{Name: "negative axis", Op: "QuantizeLinear", Opset: 13, Attrs: at{optest.Int("axis", -1)},
		Inputs: in{floatsOf([]float32{1, 2, 3, 4}, 2, 2), floatsOf([]float32{1, 2}, 2), bytesOf([]uint8{0, 10}, 2)}, Want: in{bytesOf([]uint8{1, 11, 3, 12}, 2, 2)}},
	{Name: "axis 0, one zero point", Op: "QuantizeLinear", Attrs: at{optest.Int("axis", 0)},
		Inputs: in{floatsOf([]float32{1, 2, 3, 4}, 2, 2), floatsOf([]float32{1, 2}, 2), u8(1)}, Want: in{bytesOf([]uint8{2, 3, 3, 3}, 2, 2)}},
	{Name: "blocks with a remainder", Op: "QuantizeLinear", Attrs: at{optest.Int("block_size", 2)},
		Inputs: in{floatsOf([]float32{2, 2, 6, 3, 3, 9}, 2, 3), floatsOf([]float32{1, 2, 3, 3}, 2, 2), int8sOf([]int8{0, 1, 2, 3}, 2, 2)},
		Want:   in{int8sOf([]int8{2, 2, 4, 3, 3, 6}, 2, 3)}},
	{Name: "blocks along the first axis", Op: "QuantizeLinear", Attrs: at{optest.Int("block_size", 2), optest.Int("axis", -2), optest.Int("output_dtype", int64(tensor.Int16))},
		Inputs: in{floatsOf([]float32{2, 2, 6, 3, 300, 90000}, 3, 2), floatsOf([]float32{1, 2, 3, 1}, 2, 2)},
		Want:   in{optest.T([]int16{2, 1, 6, 2, 100, 32767}, 3, 2)}},
	{Name: "uint4", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{-1, 3, 40}, 3), f32(2), as(tensor.Uint4, []float32{1})}, Want: in{as(tensor.Uint4, []float32{1, 3, 15}, 3)}},
	{Name: "int4 by attribute", Op: "QuantizeLinear", Attrs: at{optest.Int("output_dtype", int64(tensor.Int4))},
		Inputs: in{floatsOf([]float32{-100, 3, 40}, 3), f32(2)}, Want: in{as(tensor.Int4, []float32{-8, 2, 7}, 3)}},
	{Name: "int2", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{-100, 1, 40, -1}, 4), f32(1), as(tensor.Int2, []float32{0})}, Want: in{as(tensor.Int2, []float32{-2, 1, 1, -1}, 4)}},
	{Name: "uint2", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{-100, 1, 40}, 3), f32(1), as(tensor.Uint2, []float32{1})}, Want: in{as(tensor.Uint2, []float32{0, 2, 3}, 3)}},
	{Name: "uint16", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{-5, 40000.4, 1e9}, 3), f32(1), optest.T([]uint16{7})}, Want: in{optest.T([]uint16{2, 40007, 65535}, 3)}},
	{Name: "float8 saturates", Op: "QuantizeLinear", Opset: 19, Inputs: in{floatsOf([]float32{1000, -1000, 2}, 3), f32(1), as(tensor.Float8E4M3FN, []float32{0})},
		Want: in{as(tensor.Float8E4M3FN, []float32{448, -448, 2}, 3)}},
	{Name: "float8 to infinity", Op: "QuantizeLinear", Opset: 19, Attrs: at{optest.Int("saturate", 0)}, Inputs: in{floatsOf([]float32{1e6, 2}, 2), f32(1), as(tensor.Float8E5M2, []float32{0})},
		Want: in{float8([]byte{0x7c, 0x40}, tensor.Float8E5M2)}},
	{Name: "float8 to NaN", Op: "QuantizeLinear", Opset: 19, Attrs: at{optest.Int("saturate", 0)}, Inputs: in{floatsOf([]float32{1e6, 2}, 2), f32(1), as(tensor.Float8E4M3FNUZ, []float32{0})},
		Want: in{float8([]byte{0x80, 0x48}, tensor.Float8E4M3FNUZ)}},
	{Name: "float4", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{100, -2.4, 0.6}, 3), f32(1), as(tensor.Float4E2M1, []float32{0})}, Want: in{as(tensor.Float4E2M1, []float32{6, -2, 0.5}, 3)}},
	{Name: "the scale's precision", Op: "QuantizeLinear", Inputs: in{as(tensor.Float16, []float32{40000}, 1), as(tensor.Float16, []float32{0.8125}), optest.T([]uint16{0})},
		Want: in{optest.T([]uint16{49216}, 1)}}, // 49230.8, a step of float16 is 32
	{Name: "precision float", Op: "QuantizeLinear", Attrs: at{optest.Int("precision", int64(tensor.Float32))},
		Inputs: in{as(tensor.Float16, []float32{40000}, 1), as(tensor.Float16, []float32{0.8125}), optest.T([]uint16{0})}, Want: in{optest.T([]uint16{49231}, 1)}},
	{Name: "float16 before version 23", Op: "QuantizeLinear", Opset: 21,
		Inputs: in{as(tensor.Float16, []float32{40000}, 1), as(tensor.Float16, []float32{0.8125}), optest.T([]uint16{0})}, Want: in{optest.T([]uint16{49231}, 1)}},
	{Name: "scale float8e8m0", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{3, 10}, 2), as(tensor.Float8E8M0, []float32{2}), i8(0)}, Want: in{int8sOf([]int8{2, 5}, 2)}},
	{Name: "bfloat16", Op: "QuantizeLinear", Inputs: in{as(tensor.BFloat16, []float32{3, 10}, 2), as(tensor.BFloat16, []float32{2}), i8(1)}, Want: in{int8sOf([]int8{3, 6}, 2)}},
	{Name: "com.microsoft", Domain: ms, Op: "QuantizeLinear", Attrs: at{optest.Int("axis", 0)},
		Inputs: in{floatsOf([]float32{1, 2, 3, 4}, 2, 2), floatsOf([]float32{1, 2}, 2), as(tensor.Int4, []float32{0, 1}, 2)}, Want: in{as(tensor.Int4, []float32{1, 2, 3, 3}, 2, 2)}},
	{Name: "types disagree", Op: "QuantizeLinear", Attrs: at{optest.Int("output_dtype", int64(tensor.Int8))}, Inputs: in{f32(1), f32(1), u8(0)}, Err: "must agree"},
	{Name: "scale of another length", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{1, 2}, 1, 2), floatsOf([]float32{1, 2, 3}, 3)}, Err: "must have 2 elements"},
	{Name: "axis out of range", Op: "QuantizeLinear", Attrs: at{optest.Int("axis", 2)}, Inputs: in{floatsOf([]float32{1, 2}, 1, 2), floatsOf([]float32{1, 2}, 2)}, Err: "axis 2"},
	{Name: "blocks disagree", Op: "QuantizeLinear", Attrs: at{optest.Int("block_size", 2)}, Inputs: in{floatsOf([]float32{1, 2, 3}, 1, 3), floatsOf([]float32{1, 2, 3}, 1, 3)}, Err: "must be 2"},
	{Name: "no block size", Op: "QuantizeLinear", Inputs: in{floatsOf([]float32{1, 2, 3}, 1, 3), floatsOf([]float32{1, 2, 3}, 1, 3)}, Err: "block_size"},
	{Name: "not a quantised type", Op: "QuantizeLinear", Attrs: at{optest.Int("output_dtype", int64(tensor.Int32))}, Inputs: in{f32(1), f32(1)}, Err: "int32"},
})

// float8 makes a vector from patterns.
func float8(b []byte, dt tensor.DType) *tensor.Tensor {
	t, err := tensor.Wrap(dt, b, len(b))
	if err != nil {
		panic(err)
	}
	return t
}

func TestQuantize(t *testing.T) { run(t, quantizeCases) }

var dequantizeCases = register([]test{
	{Name: "uint8", Op: "DequantizeLinear", Opset: 10, Inputs: in{bytesOf([]uint8{0, 3, 255}, 3), f32(0.5), u8(3)}, Want: in{floatsOf([]float32{-1.5, 0, 126}, 3)}},
	{Name: "int32 beyond 2^24", Op: "DequantizeLinear", Inputs: in{int32sOf([]int32{math.MaxInt32, -16777217}, 2), f32(0.5)}, Want: in{floatsOf([]float32{1 << 30, -8388608.5}, 2)}},
	{Name: "axis", Op: "DequantizeLinear", Opset: 13, Attrs: at{optest.Int("axis", 0)}, Inputs: in{int8sOf([]int8{1, 2, 3, 4}, 2, 2), floatsOf([]float32{1, 10}, 2), int8sOf([]int8{0, 1}, 2)},
		Want: in{floatsOf([]float32{1, 2, 20, 30}, 2, 2)}},
	{Name: "blocks", Op: "DequantizeLinear", Attrs: at{optest.Int("block_size", 3), optest.Int("axis", -1)},
		Inputs: in{as(tensor.Int4, []float32{1, 2, 3, 4, -8, -7, -6, -5}, 2, 4), floatsOf([]float32{1, 2, 3, 4}, 2, 2), as(tensor.Int4, []float32{0, 1, 2, 3}, 2, 2)},
		Want:   in{floatsOf([]float32{1, 2, 3, 6, -30, -27, -24, -32}, 2, 4)}},
	{Name: "float16 by attribute", Op: "DequantizeLinear", Attrs: at{optest.Int("output_dtype", int64(tensor.Float16))}, Inputs: in{bytesOf([]uint8{3}, 1), f32(0.1)},
		Want: in{as(tensor.Float16, []float32{0.3}, 1)}},
	{Name: "bfloat16", Op: "DequantizeLinear", Inputs: in{optest.T([]uint16{300, 5}, 2), as(tensor.BFloat16, []float32{2}), optest.T([]uint16{1})}, Want: in{as(tensor.BFloat16, []float32{598, 8}, 2)}},
	{Name: "float8", Op: "DequantizeLinear", Inputs: in{as(tensor.Float8E5M2FNUZ, []float32{3, -0.5}, 2), f32(2)}, Want: in{floatsOf([]float32{6, -1}, 2)}},
	{Name: "float4 with scale float8e8m0", Op: "DequantizeLinear", Attrs: at{optest.Int("output_dtype", 1), optest.Int("block_size", 2), optest.Int("axis", 0)},
		Inputs: in{as(tensor.Float4E2M1, []float32{6, -0.5, 1.5}, 3), as(tensor.Float8E8M0, []float32{4, 0.5}, 2)}, Want: in{floatsOf([]float32{24, -2, 0.75}, 3)}},
	{Name: "uint2", Op: "DequantizeLinear", Inputs: in{as(tensor.Uint2, []float32{0, 1, 2, 3, 3}, 5), f32(2), as(tensor.Uint2, []float32{1})}, Want: in{floatsOf([]float32{-2, 0, 2, 4, 4}, 5)}},
	{Name: "empty", Op: "DequantizeLinear", Inputs: in{bytesOf(nil, 2, 0), f32(1)}, Want: in{floatsOf(nil, 2, 0)}},
	{Name: "com.microsoft", Domain: ms, Op: "DequantizeLinear", Inputs: in{bytesOf([]uint8{1, 2}, 1, 2), as(tensor.Float16, []float32{2, 3}, 2), bytesOf([]uint8{0, 1}, 2)},
		Want: in{as(tensor.Float16, []float32{2, 3}, 1, 2)}},
	{Name: "scale gives no output type", Op: "DequantizeLinear", Inputs: in{u8(1), as(tensor.Float8E8M0, []float32{1})}, Err: "output_dtype"},
	{Name: "zero point of another length", Op: "DequantizeLinear", Inputs: in{bytesOf([]uint8{1, 2}, 1, 2), floatsOf([]float32{1, 2}, 2), bytesOf([]uint8{1, 2, 3}, 3)}, Err: "must have 2"},
})

func TestDequantize(t *testing.T) { run(t, dequantizeCases) }

var dynamicCases = register([]test{
	{Name: "DynamicQuantizeLinear", Op: "DynamicQuantizeLinear", Inputs: in{floatsOf([]float32{0, 2, -3, -2.5, 1.34, 0.5}, 6)},
		Want: in{bytesOf([]uint8{153, 255, 0, 26, 221, 179}, 6), f32(0.0196078438), u8(153)}},
	{Name: "zeros", Op: "DynamicQuantizeLinear", Inputs: in{floatsOf([]float32{0, 0}, 2)}, Want: in{bytesOf([]uint8{0, 0}, 2), f32(1), u8(0)}},
	{Name: "empty", Op: "DynamicQuantizeLinear", Inputs: in{floatsOf(nil, 0)}, Want: in{bytesOf(nil, 0), f32(1), u8(0)}},
	{Name: "scalar", Op: "DynamicQuantizeLinear", Inputs: in{f32(-51)}, Want: in{u8(0), f32(0.2), u8(255)}, Tol: 1e-7},
	{Name: "infinite", Op: "DynamicQuantizeLinear", Inputs: in{floatsOf([]float32{inf, -inf, nan}, 3)}, Outputs: 3},
	{Domain: ms, Op: "DynamicQuantizeMatMul", Inputs: in{floatsOf([]float32{1, 2, 3, -1, 0, 5}, 2, 3), bytesOf([]uint8{1, 200, 3, 128, 100, 7}, 3, 2), floatsOf([]float32{0.1, 0.2}, 2),
		bytesOf([]uint8{100, 100}, 2), floatsOf([]float32{1, -1}, 2)}, Want: in{floatsOf([]float32{-28.183530807495117, -26.054119110107422, 10.783530235290527, -113.54589080810547}, 2, 2)}, Tol: 1e-6},
})

func TestDynamic(t *testing.T) { run(t, dynamicCases) }
