package nn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// TestPoolGolden compares with values that ONNX Runtime 1.32 computed.
func TestPoolGolden(t *testing.T) {
	run(t, []optest.Case{
		{Name: "MaxPool indices", Op: "MaxPool", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2, 2), optest.Ints("strides", 2, 2), optest.Ints("pads", 1, 0, 0, 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{-1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1}, 1, 2, 4, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.25, 1, 1.25, 1.75, 1.5, 1, 0, 1.75}, 1, 2, 2, 2),
				optest.T([]int64{1, 2, 9, 6, 16, 19, 25, 23}, 1, 2, 2, 2),
			}},
		{Name: "MaxPool column major", Op: "MaxPool", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2, 2), optest.Int("storage_order", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75}, 1, 2, 3, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.25, 1.75, 1.75, 2, 2, 0.25, 1.5, 0.5, 1.75, 0, 1.25, 1.75}, 1, 2, 2, 3),
				optest.T([]int64{4, 6, 6, 5, 5, 11, 12, 19, 22, 17, 20, 22}, 1, 2, 2, 3),
			}},
		{Name: "MaxPool 3-D dilated ceil", Op: "MaxPool", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2, 1, 2), optest.Ints("strides", 2, 2, 2), optest.Ints("dilations", 1, 1, 2), optest.Int("ceil_mode", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5}, 1, 1, 4, 3, 5),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.75, 0.75, 1.5, 0.5, 1.75, 1.75, 1.5, 1.5}, 1, 1, 2, 2, 2),
				optest.T([]int64{15, 4, 25, 14, 32, 32, 42, 42}, 1, 1, 2, 2, 2),
			}},
		{Name: "MaxPool uint8", Op: "MaxPool", Opset: 20,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 3), optest.Str("auto_pad", "SAME_LOWER"), optest.Ints("strides", 2)},
			Inputs: []tensor.Value{
				optest.T([]uint8{0, 37, 74, 111, 148, 185, 222, 8, 45, 82}, 1, 1, 10),
			},
			Want: []tensor.Value{
				optest.T([]uint8{37, 111, 185, 222, 82}, 1, 1, 5),
			}},
		{Name: "MaxPool version 1", Op: "MaxPool", Opset: 7, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 2, -1, 0.25, 1.5, -1.5}, 1, 1, 6),
			},
			Want: []tensor.Value{
				optest.T([]float32{2, 2, 0.25, 1.5, 1.5}, 1, 1, 5),
			}},
		{Name: "AveragePool include pad ceil", Op: "AveragePool", Opset: 19, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 3, 3), optest.Ints("strides", 2, 2), optest.Ints("pads", 1, 1, 1, 1), optest.Int("ceil_mode", 1), optest.Int("count_include_pad", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75}, 1, 1, 4, 5),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.083333336, 0.055555556, 0.027777778, 0, 0.027777778, -0.027777778, 0.041666668, 0.125, -0.16666667}, 1, 1, 3, 3),
			}},
		{Name: "AveragePool exclude pad", Op: "AveragePool", Opset: 7, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 3, 3), optest.Ints("pads", 1, 1, 1, 1), optest.Ints("strides", 2, 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 1, 1, 4, 5),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.125, -0.041666668, -0.0625, -0.125, 0, 0.125}, 1, 1, 2, 3),
			}},
		{Name: "AveragePool dilated", Op: "AveragePool", Opset: 19, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 3), optest.Ints("dilations", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25}, 1, 1, 7),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.083333336, 0, 0.083333336}, 1, 1, 3),
			}},
		{Name: "AveragePool same upper", Op: "AveragePool", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2), optest.Str("auto_pad", "SAME_UPPER")},
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25}, 1, 1, 5),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.25, -0.25, 0.125, 0.5, 0.25}, 1, 1, 5),
			}},
		{Name: "LpPool p=1", Op: "LpPool", Opset: 11, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2), optest.Int("p", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25, -0.75}, 1, 1, 5),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.25, 1, 0.5, 1}, 1, 1, 4),
			}},
		{Name: "LpPool p=3 dilated", Op: "LpPool", Opset: 18, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2, 2), optest.Int("p", 3), optest.Ints("dilations", 2, 1), optest.Ints("pads", 1, 0, 1, 0)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 1, 1, 4, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.5, 0.81776655, 0.7591472, 0.77680814, 0.9947643, 0.8758495, 0.8758495, 0.9947643, 0.77680814, 0.7591472, 0.81776655, 0.5}, 1, 1, 4, 3),
			}},
		{Name: "GlobalMaxPool 3-D", Op: "GlobalMaxPool", Opset: 15, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 2, 2, 2, 1, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.75, 0.75, 0.5, 0.75}, 2, 2, 1, 1, 1),
			}},
		{Name: "GlobalAveragePool 3-D", Op: "GlobalAveragePool", Opset: 15, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75}, 2, 2, 2, 1, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.083333336, 0.125, 0.041666668, -0.041666668}, 2, 2, 1, 1, 1),
			}},
		{Name: "GlobalLpPool 3-D", Op: "GlobalLpPool", Opset: 15, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 2, 2, 1, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.2247449, 1.3228756, 1.2247449, 1.0897248}, 2, 2, 1, 1, 1),
			}},
		{Name: "GlobalLpPool p=3", Op: "GlobalLpPool", Opset: 15, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("p", 3)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 1, 2, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.82548183, 0.83305544}, 1, 2, 1),
			}},
		{Name: "MaxUnpool 2-D", Op: "MaxUnpool", Opset: 11, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2, 2), optest.Ints("strides", 2, 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5, 0.75}, 1, 1, 2, 2),
				optest.T([]int64{1, 3, 9, 14}, 1, 1, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0, 0.5, 0, 0, 0, 0, 0, 0, 0, -0.5, 0, 0, 0, 0, 0.75, 0}, 1, 1, 4, 4),
			}},
		{Name: "NhwcMaxPool int8", Op: "NhwcMaxPool", Domain: "com.microsoft",
			Attrs: []graph.Attr{optest.Ints("kernel_shape", 2, 3), optest.Ints("pads", 1, 1, 0, 1), optest.Ints("strides", 1, 2)},
			Inputs: []tensor.Value{
				optest.T([]int8{-125, -88, -51, -14, 23, 60, 97, -117, -80, -43, -6, 31, 68, 105, -109, -72, -35, 2, 39, 76, 113, -101, -64, -27}, 1, 3, 4, 2),
			},
			Want: []tensor.Value{
				optest.T([]int8{-51, -14, 97, 60, -6, 31, 97, 105, 39, 76, 113, 105}, 1, 3, 2, 2),
			}},
		{Name: "MaxRoiPool scaled", Op: "MaxRoiPool", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("pooled_shape", 2, 3), optest.Float("spatial_scale", 0.5)},
			Inputs: []tensor.Value{
				optest.T([]float32{1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5}, 1, 2, 5, 6),
				optest.T([]float32{0, 1, 1, 8, 7, 0, 3, 2, 3, 2}, 2, 5),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.75, 1.75, 1, 0.75, 2, 2, 2, 2, 0.25, 2, 1.25, 1.5, -1.5, -1.5, -1.5, -1.5, -1.5, -1.5, 2, 2, 2, 2, 2, 2}, 2, 2, 2, 3),
			}},
		{Name: "RoiAlign half pixel", Op: "RoiAlign", Opset: 16, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("output_height", 2), optest.Int("output_width", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25}, 2, 1, 4, 5),
				optest.T([]float32{0, 0, 3, 2, 1, 1, 4.5, 3.5}, 2, 4),
				optest.T([]int64{1, 0}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.5625, -0.5625, -0.359375, 1.171875, -0.3564453, -0.31884766, 0.051757812, 0.064453125}, 2, 1, 2, 2),
			}},
		{Name: "RoiAlign version 10", Op: "RoiAlign", Opset: 10, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("output_height", 2), optest.Int("output_width", 1), optest.Int("sampling_ratio", 2), optest.Float("spatial_scale", 0.5)},
			Inputs: []tensor.Value{
				optest.T([]float32{-1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5}, 2, 1, 4, 5),
				optest.T([]float32{0, 0, 3, 2, 1, 1, 4.5, 3.5}, 2, 4),
				optest.T([]int64{1, 0}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.62890625, 0.23828125, 0.44091797, 0.2631836}, 2, 1, 2, 1),
			}},
		{Name: "CropAndResize bilinear", Op: "CropAndResize", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Float("extrapolation_value", 9)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1}, 1, 1, 4, 4),
				optest.T([]float32{0.1, 0.2, 0.8, 0.9, 0.5, -0.2, 0.2, 1.1}, 2, 4),
				optest.T([]int32{0, 0}, 2),
				optest.T([]int32{2, 3}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.22500001, 0.70875, -0.5074997, 0.7799998, -0.24500003, 0.17499983, 9, 0.5749999, 9, 9, 0.49499995, 9}, 2, 1, 2, 3),
			}},
		{Name: "CropAndResize nearest one row", Op: "CropAndResize", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "nearest")},
			Inputs: []tensor.Value{
				optest.T([]float32{0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75}, 1, 1, 4, 4),
				optest.T([]float32{0.1, 0.2, 0.8, 0.9}, 1, 4),
				optest.T([]int32{0}, 1),
				optest.T([]int32{1, 3}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{2, -1, 0.25}, 1, 1, 1, 3),
			}},
	})
}
