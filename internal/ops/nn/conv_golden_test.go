package nn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// TestConvGolden compares with values that ONNX Runtime 1.32 computed.
func TestConvGolden(t *testing.T) {
	run(t, []optest.Case{
		{Name: "Conv 2-D group bias", Op: "Conv", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("group", 2), optest.Ints("strides", 2, 1), optest.Ints("pads", 1, 0, 1, 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75}, 1, 4, 4, 5),
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 2, 3, 2),
				optest.T([]float32{-0.25, -0.75}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.3125, 0.5, -1.3125, -0.5, 0.625, -1.375, 2.75, -1, -1.6875, 0.5, -1.375, 1.125, -1.1875, -1.75, 0.1875, -1.25, 1.6875, -1.5, -2.5, -0.8125}, 1, 2, 2, 5),
			}},
		{Name: "Conv 1-D same upper", Op: "Conv", Opset: 9, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("auto_pad", "SAME_UPPER"), optest.Ints("strides", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5}, 1, 2, 5),
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5}, 1, 2, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.125, 0.8125, -0.4375}, 1, 1, 3),
			}},
		{Name: "Conv 1-D same lower", Op: "Conv", Opset: 11, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("auto_pad", "SAME_LOWER"), optest.Ints("strides", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75}, 1, 2, 5),
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75}, 1, 2, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.3125, -0.625, 1.125}, 1, 1, 3),
			}},
		{Name: "Conv 3-D dilated", Op: "Conv", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("dilations", 1, 2, 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 1, 1, 3, 4, 3),
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25}, 2, 1, 2, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-1.0625, 1.1875, -0.875, 0.9375, 0.125, -0.25, 1.1875, -0.0625, -0.875, -1, -0.8125, -0.5, 0.25, 1.4375, -1, 1.5}, 1, 2, 2, 2, 2),
			}},
		{Name: "ConvTranspose 2-D output padding", Op: "ConvTranspose", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("strides", 2, 3), optest.Ints("output_padding", 1, 0), optest.Ints("pads", 0, 1, 1, 0)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5}, 1, 2, 2, 3),
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 2, 2, 2, 2),
				optest.T([]float32{-0.5, 0.75}, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.625, -0.5, -0.875, -0.375, -0.5, -0.25, -0.125, -0.625, -0.5, -0.3125, -1.125, -0.5, -1.3125, -0.3125, -0.75, -0.5, -0.75, -0.5, -0.5, -0.125, -0.25, -0.375, -0.5, -0.25, -0.875, -0.5, -1.25, -0.0625, 0.625, 0.75, 0.625, 1.125, 0.75, 1.0625, 1.1875, 0.625, 0.75, 1.1875, 0.375, 0.75, 0, 1, 0.375, 0.75, 0.625, 0.875, 0.75, 1.0625, 0.9375, 0.75, 0.75, 1.125, 0.5, 0.75, -0.0625, 1.125}, 1, 2, 4, 7),
			}},
		{Name: "ConvTranspose group", Op: "ConvTranspose", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("group", 2), optest.Ints("dilations", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 1, 4, 3),
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0}, 4, 2, 3),
				optest.T([]float32{0, -0.5, 0.75, 0.25}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.3125, 0.1875, 0.4375, -0.125, 0.25, 0, -0.25, -0.625, -0.375, -0.1875, -0.6875, -0.375, -0.5625, -1.0625, 0.375, 1.1875, 0.3125, 0.8125, 0.4375, 0.4375, 0.9375, 1.1875, 0, -0.25, 0.5, -0.125, 0.125, 0.375}, 1, 4, 7),
			}},
		{Name: "ConvTranspose output shape", Op: "ConvTranspose", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("strides", 2), optest.Ints("output_shape", 5)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25}, 1, 1, 3),
				optest.T([]float32{-0.25, -0.75, 0.5, 0}, 1, 1, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.3125, -0.1875, 0.1875, 0.1875, -0.125}, 1, 1, 5),
			}},
		{Name: "ConvTranspose same upper", Op: "ConvTranspose", Opset: 11, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("strides", 2), optest.Str("auto_pad", "SAME_UPPER")},
			Inputs: []tensor.Value{
				optest.T([]float32{0.5, 0, -0.5}, 1, 1, 3),
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25}, 1, 1, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.375, 0.125, -0.125, 0.25, -0.375, -0.125}, 1, 1, 6),
			}},
		{Name: "ConvTranspose 3-D", Op: "ConvTranspose", Opset: 20, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("strides", 2, 1, 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.25, -0.25, -0.75, 0.5}, 1, 1, 2, 1, 2),
				optest.T([]float32{-0.75, 0.5, 0, -0.5}, 1, 1, 1, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.1875, 0.3125, -0.125, 0, -0.125, 0.125, 0, 0, 0, 0, 0, 0, 0.5625, -0.75, 0.25, 0, 0.375, -0.25}, 1, 1, 3, 2, 3),
			}},
		{Name: "FusedConv leaky", Op: "FusedConv", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("activation", "LeakyRelu"), optest.Floats("activation_params", 0.2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5}, 1, 1, 3, 3),
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75}, 2, 1, 2, 2),
				optest.T([]float32{-0.25, -0.75}, 2),
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 1, 2, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.25, 0.1875, -0.15, 0.5, -0.16250001, -0.3375, -0.32500002, -0.15}, 1, 2, 2, 2),
			}},
		{Name: "FusedConv clip", Op: "FusedConv", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("activation", "Clip"), optest.Floats("activation_params", -0.2, 0.3)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75}, 1, 1, 3, 3),
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25}, 2, 1, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.2, 0.3, -0.125, 0.3, -0.2, -0.2, 0.25, -0.2}, 1, 2, 2, 2),
			}},
		{Name: "ConvTransposeWithDynamicPads pads", Op: "ConvTransposeWithDynamicPads", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("strides", 2, 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 1, 1, 3, 3),
				optest.T([]float32{0, -0.5, 0.75, 0.25}, 1, 1, 2, 2),
				optest.T([]int64{1, 0, 0, 1}, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.5625, -0.1875, 0.375, 0.125, 0, 0, 0.25, 0, -0.375, 0, -0.375, -0.125, 0.5625, 0.1875, 0.1875, 0, 0.125, 0, 0.375, 0, -0.1875, -0.0625, -0.5625, -0.1875, 0.375}, 1, 1, 5, 5),
			}},
		{Name: "DeformConv groups", Op: "DeformConv", Opset: 22, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("group", 2), optest.Int("offset_group", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 1, 2, 3, 4),
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 1, 2, 2),
				optest.T([]float32{-0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25}, 1, 16, 2, 3),
				optest.T([]float32{-0.5, 0.75}, 2),
				optest.T([]float32{0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5}, 1, 8, 2, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.79003906, -0.39453125, -0.64453125, -0.4765625, -0.359375, -0.6796875, 0.95214844, 0.9941406, 0.8984375, 0.9921875, 0.9394531, 0.8701172}, 1, 2, 2, 3),
			}},
		{Name: "DeformConv no mask", Op: "DeformConv", Opset: 19, Tol: 1e-05,
			Attrs: []graph.Attr{optest.Ints("pads", 1, 1, 1, 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5}, 1, 1, 3, 3),
				optest.T([]float32{0, -0.5, 0.75, 0.25}, 1, 1, 2, 2),
				optest.T([]float32{-0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25, -0.25}, 1, 8, 4, 4),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.10546875, -0.28125, 0.12890625, 0.0703125, 0.10546875, -0.29296875, 0.3125, 0.24609375, 0.15234375, -0.453125, -0.3671875, 0.1796875, 0.10546875, 0.10546875, -0.22265625, -0.01171875}, 1, 1, 4, 4),
			}},
		{Name: "CausalConvWithState silu", Op: "CausalConvWithState", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Str("activation", "silu")},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25}, 1, 2, 4),
				optest.T([]float32{0.5, 0, -0.5, 0.75, 0.25, -0.25}, 2, 1, 3),
				optest.T([]float32{-0.5, 0.75}, 2),
				optest.T([]float32{0.25, -0.25, -0.75, 0.5}, 1, 2, 2),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.109455876, -0.109455876, -0.2574381, -0.2574381, 0.26585263, 0.5627716, 0.31122968, 1.1615967}, 1, 2, 4),
				optest.T([]float32{0.5, 0, 0.25, -0.25}, 1, 2, 2),
			}},
		{Name: "CausalConvWithState dilation", Op: "CausalConvWithState", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("dilation", 2)},
			Inputs: []tensor.Value{
				optest.T([]float32{-0.75, 0.5, 0, -0.5}, 1, 2, 2),
				optest.T([]float32{0, -0.5, 0.75, 0.25, -0.25, -0.75}, 2, 1, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{-0.5625, 0.375, 0, 0.375}, 1, 2, 2),
				optest.T([]float32{0, 0, -0.75, 0.5, 0, 0, 0, -0.5}, 1, 2, 4),
			}},
		{Name: "CausalConvWithState channels last", Op: "CausalConvWithState", Domain: "com.microsoft", Tol: 1e-05,
			Attrs: []graph.Attr{optest.Int("channels_last", 1)},
			Inputs: []tensor.Value{
				optest.T([]float32{0.75, 0.25, -0.25, -0.75, 0.5, 0}, 1, 3, 2),
				optest.T([]float32{-0.25, -0.75, 0.5, 0, -0.5, 0.75}, 2, 1, 3),
			},
			Want: []tensor.Value{
				optest.T([]float32{0.375, 0.1875, -0.6875, -0.6875, 0.25, 0.375}, 1, 3, 2),
				optest.T([]float32{-0.25, -0.75, 0.5, 0}, 1, 2, 2),
			}},
	})
}
