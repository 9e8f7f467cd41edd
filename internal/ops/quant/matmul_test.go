package quant

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

var matmulCases = register([]test{
	{Name: "zero points of rows and columns", Op: "MatMulInteger", Inputs: in{bytesOf([]uint8{11, 7, 3, 10, 6, 2}, 2, 3), int8sOf([]int8{1, 4, 2, 5, 3, 6}, 3, 2), bytesOf([]uint8{12, 2}, 2), int8sOf([]int8{0, 1}, 2)},
		Want: in{int32sOf([]int32{-38, -68, 16, 40}, 2, 2)}},
	{Name: "N-D zero point", Op: "MatMulInteger", Inputs: in{bytesOf([]uint8{5, 6}, 2, 1, 1), bytesOf([]uint8{3}, 1, 1), bytesOf([]uint8{1, 2}, 2, 1, 1)}, Want: in{int32sOf([]int32{12, 12}, 2, 1, 1)}},
	{Name: "vectors", Op: "MatMulInteger", Inputs: in{bytesOf([]uint8{1, 2}, 2), bytesOf([]uint8{3, 4}, 2)}, Want: in{int32sOf([]int32{11})}},
	{Name: "broadcast of batches", Op: "MatMulInteger", Inputs: in{bytesOf([]uint8{1, 2}, 2, 1, 1), bytesOf([]uint8{3, 4, 5}, 3, 1, 1, 1)}, Want: in{int32sOf([]int32{3, 6, 4, 8, 5, 10}, 3, 2, 1, 1)}},
	{Name: "no columns of A", Op: "MatMulInteger", Inputs: in{bytesOf(nil, 2, 0), bytesOf(nil, 0, 2)}, Want: in{int32sOf(make([]int32, 4), 2, 2)}},
	{Name: "no batches", Op: "MatMulInteger", Inputs: in{bytesOf(nil, 0, 2, 3), bytesOf(make([]uint8, 6), 3, 2)}, Want: in{int32sOf(nil, 0, 2, 2)}},
	{Name: "inner dimensions", Op: "MatMulInteger", Inputs: in{bytesOf([]uint8{1, 2}, 1, 2), bytesOf([]uint8{1, 2, 3}, 3, 1)}, Err: "2 and 3"},
	{Name: "scalar", Op: "MatMulInteger", Inputs: in{u8(1), bytesOf([]uint8{1}, 1)}, Err: "scalar"},
	{Name: "zero point of another length", Op: "MatMulInteger", Inputs: in{bytesOf([]uint8{1, 2}, 1, 2), bytesOf([]uint8{1, 2}, 2, 1), bytesOf([]uint8{1, 2, 3}, 3)}, Err: "zero point of A"},
	{Name: "16 bits signed", Domain: ms, Op: "MatMulInteger16", Inputs: in{optest.T([]int16{-300, 200}, 1, 2), optest.T([]int16{1000, -5}, 2, 1)}, Want: in{int32sOf([]int32{-301000}, 1, 1)}},
	{Name: "16 bits unsigned", Domain: ms, Op: "MatMulInteger16", Inputs: in{optest.T([]uint16{65535}, 1, 1), optest.T([]uint16{65535}, 1, 1)}, Want: in{optest.T([]uint32{4294836225}, 1, 1)}},
	{Name: "rows and columns", Op: "QLinearMatMul", Opset: 10, Inputs: in{bytesOf([]uint8{10, 200, 30, 40}, 2, 2), f32(0.1), u8(15), int8sOf([]int8{1, -2, 3, 4}, 2, 2), floatsOf([]float32{0.2, 0.1}, 2), int8sOf([]int8{1, -1}, 2), f32(0.5), u8(100)},
		Want: in{bytesOf([]uint8{115, 119, 102, 102}, 2, 2)}},
	{Name: "scales of rows", Op: "QLinearMatMul", Inputs: in{bytesOf([]uint8{10, 20}, 2, 1), floatsOf([]float32{1, 2}, 2), bytesOf([]uint8{0, 10}, 2), bytesOf([]uint8{3}, 1, 1), f32(1), u8(0), floatsOf([]float32{10, 5}, 2), bytesOf([]uint8{1, 2}, 2)},
		Want: in{bytesOf([]uint8{4, 14}, 2, 1)}},
	{Name: "float16 scales", Op: "QLinearMatMul", Inputs: in{int8sOf([]int8{10, -20}, 1, 2), as(tensor.Float16, []float32{0.5}), i8(0), int8sOf([]int8{3, 4}, 2, 1), as(tensor.Float16, []float32{2}), i8(1), as(tensor.Float16, []float32{8}), i8(0)},
		Want: in{int8sOf([]int8{-5}, 1, 1)}},
	{Name: "float8", Op: "QLinearMatMul", Inputs: in{as(tensor.Float8E4M3FN, []float32{1.5, -2}, 1, 2), f32(2), as(tensor.Float8E4M3FN, []float32{0}), as(tensor.Float8E5M2, []float32{4, 0.5}, 2, 1), f32(1), as(tensor.Float8E5M2, []float32{0}), f32(4), as(tensor.Float8E4M3FN, []float32{0})},
		Want: in{as(tensor.Float8E4M3FN, []float32{2.5}, 1, 1)}},
	{Name: "with bias", Domain: ms, Op: "MatMulIntegerToFloat", Inputs: in{bytesOf([]uint8{3, 5}, 1, 2), int8sOf([]int8{2, -1, 0, 4}, 2, 2), f32(0.5), floatsOf([]float32{0.25, 2}, 2), u8(1), i8(1), floatsOf([]float32{10, 20}, 2)},
		Want: in{floatsOf([]float32{9.75, 28}, 1, 2)}},
	{Name: "float16", Domain: ms, Op: "MatMulIntegerToFloat", Inputs: in{bytesOf([]uint8{3, 5}, 1, 2), bytesOf([]uint8{2, 1}, 2), as(tensor.Float16, []float32{0.5}), as(tensor.Float16, []float32{0.25})},
		Want: in{as(tensor.Float16, []float32{1.375}, 1)}},
	{Name: "quantised", Domain: ms, Op: "QGemm", Attrs: at{optest.Int("transB", 1), optest.Float("alpha", 0.5)}, Inputs: in{bytesOf([]uint8{10, 20, 30, 40}, 2, 2), f32(0.1), u8(15),
		int8sOf([]int8{1, -2, 3, 4, 5, -6}, 3, 2), floatsOf([]float32{0.2, 0.1, 0.3}, 3), int8sOf([]int8{0, 0, 0}, 3), int32sOf([]int32{10, 20, 30}, 3), f32(0.05), u8(100)},
		Want: in{bytesOf([]uint8{99, 103, 92, 95, 117, 86}, 2, 3)}},
	{Name: "to float", Domain: ms, Op: "QGemm", Attrs: at{optest.Int("transA", 1)}, Inputs: in{int8sOf([]int8{1, 2, 3, 4}, 2, 2), f32(0.5), i8(1), int8sOf([]int8{1, 2}, 2, 1), f32(2), i8(0), int32sOf([]int32{100}, 1, 1)},
		Want: in{floatsOf([]float32{104, 107}, 2, 1)}},
	{Name: "C too large", Domain: ms, Op: "QGemm", Inputs: in{u8m(2, 2), f32(1), u8(0), u8m(2, 2), f32(1), u8(0), int32sOf(make([]int32, 8), 2, 2, 2)}, Err: "broadcast"},
	{Name: "no matrix", Domain: ms, Op: "QGemm", Inputs: in{u8m(2), f32(1), u8(0), u8m(2, 2), f32(1), u8(0)}, Err: "matrices"},
	{Name: "y_scale is missing", Domain: ms, Op: "QGemm", Inputs: in{u8m(2, 2), f32(1), u8(0), u8m(2, 2), f32(1), u8(0), nil, nil, u8(0)}, Err: "y_scale"},
})

func u8m(dims ...int) *tensor.Tensor { return ramp8(1, 0, dims...) }

func TestMatMul(t *testing.T) { run(t, matmulCases) }
