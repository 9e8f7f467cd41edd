package nn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// TestResizeGolden compares with values that ONNX Runtime 1.32 computed.
func TestResizeGolden(t *testing.T) {
	run(t, []optest.Case{
		{Name: "Resize nearest half pixel", Op: "Resize", Opset: 13, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				nil,
				optest.T([]float32{1, 1, 2, 0.5}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1, -0.75, 1, -0.75, 1.75, 0, 1.75, 0}, 1, 1, 4, 2),
			}},
		{Name: "Resize nearest ceil sizes", Op: "Resize", Opset: 13, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("nearest_mode", "ceil"), optest.Str("coordinate_transformation_mode", "asymmetric")},
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				nil,
				nil,
				optest.T([]int64{1, 1, 3, 7}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, -0.75, 0.5, 0.5, 0.5, 1.75, -1.25, 0, 0, 1.25, 1.25, 1.25, 1.75, -1.25, 0, 0, 1.25, 1.25, 1.25}, 1, 1, 3, 7),
			}},
		{Name: "Resize nearest int32", Op: "Resize", Opset: 19,
			Attrs: []graph.Attr{optest.Str("nearest_mode", "round_prefer_ceil")},
			Inputs: []tensor.Value{
				optest.T([]int32{0, 1, 2, 3, 4, 5, 6, 7}, 1, 1, 2, 4),
				nil,
				optest.T([]float32{1, 1, 1.5, 1.5}, 4),
			},
			Want: []tensor.Value{
				optest.T([]int32{0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 4, 5, 5, 6, 7, 7}, 1, 1, 3, 6),
			}},
		{Name: "Resize version 10 down", Op: "Resize", Opset: 10, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				optest.T([]float32{1, 1, 0.5, 0.6}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1, -0.75}, 1, 1, 1, 2),
			}},
		{Name: "Resize version 11", Op: "Resize", Opset: 11, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Str("coordinate_transformation_mode", "pytorch_half_pixel")},
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				optest.T([]float32{}, 0),
				optest.T([]float32{1, 1, 2, 2}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1, 0.25, -1.25, -1.6875, -1.0625, -0.4375, 0.1875, 0.5, 1.1875, 0.4375, -1.0625, -1.5, -0.875, -0.25, 0.375, 0.6875, 1.5625, 0.8125, -0.6875, -1.125, -0.5, 0.125, 0.75, 1.0625, 1.75, 1, -0.5, -0.9375, -0.3125, 0.3125, 0.9375, 1.25}, 1, 1, 4, 8),
			}},
		{Name: "Resize linear align corners", Op: "Resize", Opset: 13, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Str("coordinate_transformation_mode", "align_corners")},
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				nil,
				nil,
				optest.T([]int64{1, 1, 3, 6}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1, -0.8000001, -1.75, -1, -0.24999988, 0.5, 1.375, -0.42500007, -1.375, -0.625, 0.12500012, 0.875, 1.75, -0.05000007, -0.99999994, -0.25000006, 0.5000001, 1.25}, 1, 1, 3, 6),
			}},
		{Name: "Resize linear uint8", Op: "Resize", Opset: 13,
			Attrs: []graph.Attr{optest.Str("mode", "linear")},
			Inputs: []tensor.Value{
				optest.T([]uint8{0, 31, 62, 93, 124, 155, 186, 217}, 1, 1, 2, 4),
				nil,
				nil,
				optest.T([]int64{1, 1, 3, 6}, 4),
			},
			Want: []tensor.Value{
				optest.T([]uint8{0, 15, 36, 56, 77, 93, 62, 77, 98, 118, 139, 155, 124, 139, 160, 180, 201, 217}, 1, 1, 3, 6),
			}},
		{Name: "Resize crop", Op: "Resize", Opset: 13, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Str("coordinate_transformation_mode", "tf_crop_and_resize"), optest.Float("extrapolation_value", 5)},
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				optest.T([]float32{0, 0, 0.2, 0.1, 1, 1, 0.9, 1.3}, 8),
				nil,
				optest.T([]int64{1, 1, 3, 5}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.24999999, -1.5999999, -0.47500014, 0.64999974, 5, 0.5125, -1.3374999, -0.21250013, 0.9124997, 5, 0.775, -1.0749999, 0.049999863, 1.1749996, 5}, 1, 1, 3, 5),
			}},
		{Name: "Resize cubic", Op: "Resize", Opset: 13, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "cubic"), optest.Float("cubic_coeff_a", -0.5)},
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				nil,
				optest.T([]float32{1, 1, 2, 1.5}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.1208761, -0.6308594, -2.09035, -1.0602579, -0.099609375, 0.51960355, 1.3259543, -0.42578125, -1.8852718, -0.85517985, 0.10546875, 0.7246816, 1.7712667, 0.01953125, -1.4399594, -0.40986735, 0.55078125, 1.169994, 1.976345, 0.22460938, -1.2348813, -0.20478925, 0.7558594, 1.3750721}, 1, 1, 4, 6),
			}},
		{Name: "Resize cubic exclude outside", Op: "Resize", Opset: 13, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "cubic"), optest.Int("exclude_outside", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				nil,
				optest.T([]float32{1, 1, 1, 2}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1.4090909, 0.34540638, -1.368868, -2.0771484, -1.2705078, -0.30660373, 0.28356892, 0.67045456, 2.159091, 1.0954063, -0.618868, -1.3271484, -0.5205078, 0.4433962, 1.0335689, 1.4204545}, 1, 1, 2, 8),
			}},
		{Name: "Resize symmetric", Op: "Resize", Opset: 19, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Str("coordinate_transformation_mode", "half_pixel_symmetric")},
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 2, 4),
				nil,
				optest.T([]float32{1, 1, 1, 1.3}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{1, -1.1923077, -1.375, -0.41346145, 0.5, 1.75, -0.44230765, -0.625, 0.33653855, 1.25}, 1, 1, 2, 5),
			}},
		{Name: "Resize antialias", Op: "Resize", Opset: 18, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Int("antialias", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0}, 1, 1, 4, 5),
				nil,
				optest.T([]float32{1, 1, 0.5, 0.6}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.3476563, 0.36458334, -0.5039061, -0.003906235, 0.44097224, -0.5898437}, 1, 1, 2, 3),
			}},
		{Name: "Resize antialias cubic", Op: "Resize", Opset: 18, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "cubic"), optest.Int("antialias", 1), optest.Int("exclude_outside", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{-1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25}, 1, 1, 4, 8),
				nil,
				optest.T([]float32{1, 1, 0.5, 0.5}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.4519719, 0.04450618, 0.5279564, -0.08391424, -0.3580795, -0.392389, 0.29096714, 0.3783391}, 1, 1, 2, 4),
			}},
		{Name: "Resize axes", Op: "Resize", Opset: 18, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Ints("axes", -2)},
			Inputs: []tensor.Value{
				optest.T([]float32{-1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75}, 1, 2, 4, 1),
				nil,
				nil,
				optest.T([]int64{2}, 1),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.375, 0, 0.375, -1.375}, 1, 2, 2, 1),
			}},
		{Name: "Resize not larger", Op: "Resize", Opset: 18, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "nearest"), optest.Str("keep_aspect_ratio_policy", "not_larger")},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 4),
				nil,
				nil,
				optest.T([]int64{5, 6}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.25, -0.25, -0.75, 0.5, 0.5, 0, -0.25, -0.25, -0.75, 0.5, 0.5, 0, -0.5, -0.5, 0.75, 0.25, 0.25, -0.25}, 3, 6),
			}},
		{Name: "Resize not smaller", Op: "Resize", Opset: 18, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "nearest"), optest.Str("keep_aspect_ratio_policy", "not_smaller")},
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 2, 4),
				nil,
				nil,
				optest.T([]int64{5, 6}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.5, 0.5, 0.5, 0, 0, -0.5, -0.5, -0.5, 0.75, 0.75, 0.5, 0.5, 0.5, 0, 0, -0.5, -0.5, -0.5, 0.75, 0.75, 0.5, 0.5, 0.5, 0, 0, -0.5, -0.5, -0.5, 0.75, 0.75, 0.25, 0.25, 0.25, -0.25, -0.25, -0.75, -0.75, -0.75, 0.5, 0.5, 0.25, 0.25, 0.25, -0.25, -0.25, -0.75, -0.75, -0.75, 0.5, 0.5}, 5, 10),
			}},
		{Name: "Upsample version 7", Op: "Upsample", Opset: 7, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Floats("scales", 1, 1, 2, 1.5)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25}, 1, 1, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.5, -0.5, 0.75, -0.5, -0.5, 0.75, 0.25, 0.25, -0.25, 0.25, 0.25, -0.25}, 1, 1, 4, 3),
			}},
		{Name: "Upsample version 9 linear", Op: "Upsample", Opset: 9, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear")},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5}, 1, 1, 2, 2),
				optest.T([]float32{1, 1, 2, 3}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.25, 0.08333332, -0.08333334, -0.25, -0.25, -0.25, -0.25, -0.12499999, 1.4901161193847656e-8, 0.125, 0.125, 0.125, -0.75, -0.33333328, 0.08333336, 0.5, 0.5, 0.5, -0.75, -0.33333328, 0.08333336, 0.5, 0.5, 0.5}, 1, 1, 4, 6),
			}},
		{Name: "GridSample linear zeros", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Str("padding_mode", "zeros"), optest.Int("align_corners", 0)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0, -0.3125, 0, 1.203125, 0, 0}, 1, 1, 2, 3),
			}},
		{Name: "GridSample linear border", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Str("padding_mode", "border"), optest.Int("align_corners", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.5625, -0.5, -0.40625, -0.140625, 0.75, -0.3125}, 1, 1, 2, 3),
			}},
		{Name: "GridSample linear reflection", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear"), optest.Str("padding_mode", "reflection"), optest.Int("align_corners", 0)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.515625, 0.25, 0.3125, -1.375, 1.5, 0.25}, 1, 1, 2, 3),
			}},
		{Name: "GridSample nearest zeros", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "nearest"), optest.Str("padding_mode", "zeros"), optest.Int("align_corners", 0)},
			Inputs: []tensor.Value{
				optest.T([]float32{1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0, 0, 0, -1.25, 0, 0}, 1, 1, 2, 3),
			}},
		{Name: "GridSample nearest border", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "nearest"), optest.Str("padding_mode", "border"), optest.Int("align_corners", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{-2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-1.25, 1.75, 2, 0.75, -1.25, 1.75}, 1, 1, 2, 3),
			}},
		{Name: "GridSample nearest reflection", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "nearest"), optest.Str("padding_mode", "reflection"), optest.Int("align_corners", 0)},
			Inputs: []tensor.Value{
				optest.T([]float32{-1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.75, -1.75, -1.5, 0.25, -0.5, -1.75}, 1, 1, 2, 3),
			}},
		{Name: "GridSample cubic zeros", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "cubic"), optest.Str("padding_mode", "zeros"), optest.Int("align_corners", 0)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.5, 0.75, 2, -1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.012714386, -0.46313477, 0.07910156, -0.59098816, 0, 0}, 1, 1, 2, 3),
			}},
		{Name: "GridSample cubic border", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "cubic"), optest.Str("padding_mode", "border"), optest.Int("align_corners", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.8225937, -0.25, -0.18078613, -0.9770241, 1.3295898, 0.030883789}, 1, 1, 2, 3),
			}},
		{Name: "GridSample cubic reflection", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "cubic"), optest.Str("padding_mode", "reflection"), optest.Int("align_corners", 0)},
			Inputs: []tensor.Value{
				optest.T([]float32{1, -2, -0.75, 0.5, 1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.01361084, 0.59375, 0.6064453, -1.3549805, 1.75, 0.43847656}, 1, 1, 2, 3),
			}},
		{Name: "GridSample 3-D", Op: "GridSample", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "linear")},
			Inputs: []tensor.Value{
				optest.T([]float32{1.75, -1.25, 0, 1.25, -1.75, -0.5, 0.75, 2, -1, 0.25, 1.5, -1.5}, 1, 1, 2, 2, 3),
				optest.T([]float32{0.2, 1.2, -0.4, 0.6, -1, 0, 1, -0.6, 0.4, -1.2, -0.2, 0.8}, 1, 1, 2, 2, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.35324994, -0.20625004, -0.40499997, 0.08399997}, 1, 1, 1, 2, 2),
			}},
		{Name: "GridSample bicubic", Op: "GridSample", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("mode", "bicubic")},
			Inputs: []tensor.Value{
				optest.T([]float32{-1, 0.25, 1.5, -1.5, -0.25, 1, -2, -0.75, 0.5, 1.75, -1.25, 0}, 1, 1, 3, 4),
				optest.T([]float32{-1.5, -0.25, 1, -1, 0.25, 1.5, -0.5, 0.75, -1.25, 0, 1.25, -0.75}, 1, 2, 3, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.06267929, -0.58813477, 0.13183594, 1.3601646, 0, 0}, 1, 1, 2, 3),
			}},
		{Name: "AffineGrid 2-D", Op: "AffineGrid", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("align_corners", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5}, 1, 2, 3),
				optest.T([]int64{1, 1, 2, 3}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.75, -1, -0.5, -0.5, -0.25, 0, -1.25, -1, -1, -0.5, -0.75, 0}, 1, 2, 3, 2),
			}},
		{Name: "AffineGrid 3-D", Op: "AffineGrid", Opset: 20, Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75}, 1, 3, 4),
				optest.T([]int64{1, 1, 1, 2, 2}, 5),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.375, -1.25, 0.5, -1.125, -0.5, 1, 0.125, -1, 0.5, -0.625, -0.25, 1}, 1, 1, 2, 2, 3),
			}},
		{Name: "NonMaxSuppression corners", Op: "NonMaxSuppression", Opset: 11,
			Inputs: []tensor.Value{
				optest.T([]float32{0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 1, 11, 0, 10.1, 0, 100, 1, 101}, 1, 6, 4),
				optest.T([]float32{0.9, 0.75, 0.6, 0.95, 0.5, 0.3}, 1, 1, 6),
				optest.T([]int64{3}, 1),
				optest.T([]float32{0.5}, 1),
				optest.T([]float32{0.4}, 1),
			},
			Want: []tensor.Value{
				optest.T([]int64{0, 0, 3, 0, 0, 0}, 2, 3),
			}},
		{Name: "NonMaxSuppression ties", Op: "NonMaxSuppression", Opset: 10,
			Inputs: []tensor.Value{
				optest.T([]float32{0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 1, 11, 0, 10.1, 0, 100, 1, 101}, 1, 6, 4),
				optest.T([]float32{1, 1, 1, 1, 1, 1}, 1, 1, 6),
				optest.T([]int64{9}, 1),
				optest.T([]float32{0.3}, 1),
			},
			Want: []tensor.Value{
				optest.T([]int64{0, 0, 0, 0, 0, 3, 0, 0, 5}, 3, 3),
			}},
		{Name: "NonMaxSuppression centers", Op: "NonMaxSuppression", Opset: 10,
			Attrs: []graph.Attr{optest.Int("center_point_box", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, 0, 2, 2, 0, 0.1, 2, 2.1, 0, -0.1, 2, 1.9, 0, 10, 2, 12, 1, 11, 1, 11.1, 0, 100, 2, 102}, 1, 6, 4),
				optest.T([]float32{0.9, 0.75, 0.6, 0.95, 0.5, 0.3}, 1, 1, 6),
				optest.T([]int64{3}, 1),
				optest.T([]float32{0.2}, 1),
			},
			Want: []tensor.Value{
				optest.T([]int64{0, 0, 3, 0, 0, 0, 0, 0, 4}, 3, 3),
			}},
		{Name: "NonMaxSuppression no limit given", Op: "NonMaxSuppression", Opset: 11,
			Inputs: []tensor.Value{
				optest.T([]float32{0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 1, 11, 0, 10.1, 0, 100, 1, 101}, 1, 6, 4),
				optest.T([]float32{0.9, 0.75, 0.6, 0.95, 0.5, 0.3}, 1, 1, 6),
			},
			Want: []tensor.Value{
				optest.T([]int64{}, 0, 3),
			}},
		{Name: "WordConvEmbedding words", Op: "WordConvEmbedding", Domain: "com.microsoft", Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]int32{1, 2, 3, 0, 4, 0, 0, 0}, 2, 4),
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 1, 2, 3),
				optest.T([]float32{0.75, 0.25}, 2),
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 5, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.97802615, 0.84828365, 0.18533318, 0.24491866}, 2, 2),
			}},
		{Name: "BranchwiseRMSNorm grouped", Op: "BranchwiseRMSNorm", Domain: "com.microsoft", Tol: 1e-05,
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25, -0.25}, 1, 2, 3),
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 6),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.61235404, 0, -0.30617702, -0.39166617, -0.39166617, -0.26111078}, 1, 2, 3),
			}},
	})
}
