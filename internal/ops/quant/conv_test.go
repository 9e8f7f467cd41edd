package quant

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
)

// The values below are ONNX Runtime's unless a comment derives them.
var convCases = register([]test{
	{Name: "groups, strides, padding", Op: "ConvInteger", Attrs: at{optest.Int("group", 2), optest.Ints("strides", 2, 2), optest.Ints("pads", 1, 1, 1, 1)},
		Inputs: in{ramp8(29, 3, 1, 2, 4, 4), ramp8(37, 11, 2, 1, 3, 3), u8(5), u8(9)},
		Want:   in{int32sOf([]int32{11325, 68680, 55823, 73646, 65359, 79412, 77086, 166718}, 1, 2, 2, 2)}},
	{Name: "one axis, dilation", Op: "ConvInteger", Attrs: at{optest.Ints("dilations", 3), optest.Ints("pads", 2, 1)}, Inputs: in{ramp8(29, 3, 1, 4, 8), ramp8(41, 0, 2, 4, 2), u8(5), u8(9)},
		Want: in{int32sOf([]int32{51908, 12288, 109084, 114176, 98276, 61384, 85164, 38952, 26020, 34432, 111484, 100000, 67524, 79592, 105228, 51592}, 1, 2, 8)}},
	// 1*10+2*1 = 12 and 2*10 + 0 with the padding behind; SAME_LOWER puts it in front.
	{Name: "SAME_UPPER", Op: "ConvInteger", Attrs: at{optest.Str("auto_pad", "SAME_UPPER")}, Inputs: in{bytesOf([]uint8{1, 2}, 1, 1, 2), bytesOf([]uint8{10, 1}, 1, 1, 2)}, Want: in{int32sOf([]int32{12, 20}, 1, 1, 2)}},
	{Name: "SAME_LOWER", Op: "ConvInteger", Attrs: at{optest.Str("auto_pad", "SAME_LOWER")}, Inputs: in{bytesOf([]uint8{1, 2}, 1, 1, 2), bytesOf([]uint8{10, 1}, 1, 1, 2)}, Want: in{int32sOf([]int32{1, 12}, 1, 1, 2)}},
	{Name: "VALID", Op: "ConvInteger", Attrs: at{optest.Str("auto_pad", "VALID"), optest.Ints("kernel_shape", 2)}, Inputs: in{bytesOf([]uint8{1, 2}, 1, 1, 2), bytesOf([]uint8{10, 1}, 1, 1, 2)}, Want: in{int32sOf([]int32{12}, 1, 1, 1)}},
	{Name: "zero points of channels", Op: "ConvInteger", Inputs: in{bytesOf([]uint8{5}, 1, 1, 1), int8sOf([]int8{2, 3}, 2, 1, 1), u8(1), int8sOf([]int8{1, -1}, 2)}, Want: in{int32sOf([]int32{4, 16}, 1, 2, 1)}},
	{Name: "no batch", Op: "ConvInteger", Inputs: in{bytesOf(nil, 0, 1, 3), bytesOf([]uint8{1}, 1, 1, 1)}, Want: in{int32sOf(nil, 0, 1, 3)}},
	{Name: "no channels", Op: "ConvInteger", Inputs: in{bytesOf(nil, 1, 0, 3), bytesOf(nil, 2, 0, 1)}, Want: in{int32sOf(make([]int32, 6), 1, 2, 3)}},
	{Name: "kernel too large", Op: "ConvInteger", Inputs: in{u8m(1, 1, 2), u8m(1, 1, 3)}, Err: "reaches over 3"},
	{Name: "channels", Op: "ConvInteger", Inputs: in{u8m(1, 3, 2), u8m(1, 2, 1)}, Err: "input channels"},
	{Name: "pads", Op: "ConvInteger", Attrs: at{optest.Ints("pads", 1)}, Inputs: in{u8m(1, 1, 2), u8m(1, 1, 1)}, Err: "must have 2 values"},
	{Name: "kernel_shape", Op: "ConvInteger", Attrs: at{optest.Ints("kernel_shape", 2)}, Inputs: in{u8m(1, 1, 2), u8m(1, 1, 1)}, Err: "kernel_shape"},
	{Name: "bias and scales of channels", Op: "QLinearConv", Attrs: at{optest.Int("group", 2), optest.Ints("dilations", 2, 1), optest.Ints("pads", 1, 1, 1, 1)},
		Inputs: in{ramp8(29, 3, 1, 2, 4, 4), f32(0.02), u8(5), rampS8(37, 11, 2, 1, 3, 3), floatsOf([]float32{0.01, 0.03}, 2), int8sOf([]int8{0, 0}, 2), f32(0.5), u8(100), int32sOf([]int32{1000, -2000}, 2)},
		Want:   in{bytesOf([]uint8{95, 99, 99, 101, 92, 113, 102, 101, 92, 88, 87, 106, 102, 141, 100, 87}, 1, 2, 2, 4)}},
	{Name: "channels last", Domain: ms, Op: "QLinearConv", Attrs: at{optest.Int("group", 2), optest.Int("channels_last", 1), optest.Ints("strides", 2, 1)},
		Inputs: in{ramp8(29, 3, 1, 4, 4, 2), f32(0.02), u8(5), rampS8(37, 11, 2, 1, 3, 3), floatsOf([]float32{0.01, 0.03}, 2), int8sOf([]int8{0, 0}, 2), f32(0.5), u8(100), int32sOf([]int32{1000, -2000}, 2)},
		Want:   in{bytesOf([]uint8{113, 103, 106, 91}, 1, 1, 2, 2)}},
	// (2*3*4 - 0) * 1*1/4 = 6
	{Name: "three axes", Op: "QLinearConv", Inputs: in{bytesOf([]uint8{2}, 1, 1, 1, 1, 1), f32(1), u8(0), bytesOf([]uint8{12}, 1, 1, 1, 1, 1), f32(1), u8(0), f32(4), i8(-3)}, Want: in{int8sOf([]int8{3}, 1, 1, 1, 1, 1)}},
	{Name: "bias of another length", Op: "QLinearConv", Inputs: in{u8m(1, 1, 1), f32(1), u8(0), u8m(1, 1, 1), f32(1), u8(0), f32(4), u8(0), int32sOf([]int32{1, 2}, 2)}, Err: "B is"},

	{Name: "padding does not count", Domain: ms, Op: "QLinearAveragePool", Attrs: at{optest.Ints("kernel_shape", 3, 3), optest.Ints("strides", 2, 2), optest.Ints("pads", 1, 1, 1, 1)},
		Inputs: in{ramp8(29, 3, 1, 2, 4, 4), f32(0.5), u8(3), f32(0.25), u8(7)}, Want: in{bytesOf([]uint8{152, 239, 244, 246, 255, 228, 233, 255}, 1, 2, 2, 2)}},
	{Name: "padding counts, rounded up", Domain: ms, Op: "QLinearAveragePool", Attrs: at{optest.Ints("kernel_shape", 3, 2), optest.Ints("strides", 2, 2), optest.Ints("pads", 1, 0, 0, 1), optest.Int("count_include_pad", 1), optest.Int("ceil_mode", 1)},
		Inputs: in{ramp8(29, 3, 1, 2, 4, 4), f32(0.5), u8(3), f32(0.75), u8(7)}, Want: in{bytesOf([]uint8{39, 65, 86, 96, 75, 44, 82, 93}, 1, 2, 2, 2)}},
	{Name: "pool, channels last", Domain: ms, Op: "QLinearAveragePool", Attrs: at{optest.Ints("kernel_shape", 2, 2), optest.Ints("strides", 2, 2), optest.Str("auto_pad", "SAME_UPPER"), optest.Int("channels_last", 1)},
		Inputs: in{rampS8(29, 3, 1, 4, 4, 2), f32(0.5), i8(3), f32(0.75), i8(-7)}, Want: in{int8sOf([]int8{4, 24, -4, -27, -28, -8, 7, -16}, 1, 2, 2, 2)}},
	{Name: "pool of one axis, no zero points", Domain: ms, Op: "QLinearAveragePool", Attrs: at{optest.Ints("kernel_shape", 2)}, Inputs: in{bytesOf([]uint8{1, 2, 4}, 1, 1, 3), f32(1), nil, f32(0.5)}, Want: in{bytesOf([]uint8{3, 6}, 1, 1, 2)}},
	{Name: "pool without spatial axes", Domain: ms, Op: "QLinearAveragePool", Attrs: at{optest.Ints("kernel_shape", 2)}, Inputs: in{u8m(1, 1), f32(1), nil, f32(1)}, Err: "spatial"},
	{Name: "global", Domain: ms, Op: "QLinearGlobalAveragePool", Inputs: in{ramp8(29, 3, 1, 2, 4, 4), f32(0.5), u8(3), f32(0.25), u8(7)}, Want: in{bytesOf([]uint8{218, 250}, 1, 2, 1, 1)}},
	{Name: "global, channels last", Domain: ms, Op: "QLinearGlobalAveragePool", Attrs: at{optest.Int("channels_last", 1)}, Inputs: in{ramp8(29, 3, 1, 4, 4, 2), f32(0.5), u8(3), f32(0.25), u8(7)},
		Want: in{bytesOf([]uint8{237, 231}, 1, 1, 1, 2)}},
	{Name: "global of nothing", Domain: ms, Op: "QLinearGlobalAveragePool", Inputs: in{bytesOf(nil, 1, 1, 0), f32(0.5), u8(3), f32(0.25), u8(7)}, Want: in{bytesOf([]uint8{7}, 1, 1, 1)}},
})

func TestConv(t *testing.T) { run(t, convCases) }

var qlinearCases = register([]test{
	// (3-1)*0.5 + (-4+2)*0.25 = 0.5; /0.1 = 5
	{Name: "add", Domain: ms, Op: "QLinearAdd", Inputs: in{int8sOf([]int8{3, 127}, 2), f32(0.5), i8(1), int8sOf([]int8{-4}, 1), f32(0.25), i8(-2), f32(0.1), i8(2)}, Want: in{int8sOf([]int8{7, 127}, 2)}},
	{Name: "add, no zero points, ties", Domain: ms, Op: "QLinearAdd", Inputs: in{bytesOf([]uint8{1, 3}, 2, 1), f32(0.5), nil, bytesOf([]uint8{0, 2}, 2), f32(1), nil, f32(1)}, Want: in{bytesOf([]uint8{0, 2, 2, 4}, 2, 2)}},
	{Name: "mul", Domain: ms, Op: "QLinearMul", Inputs: in{bytesOf([]uint8{10, 0}, 2, 1), f32(0.5), u8(4), bytesOf([]uint8{9}, 1), f32(0.2), u8(3), f32(0.3), u8(100)}, Want: in{bytesOf([]uint8{112, 92}, 2, 1)}},
	{Name: "mul, empty", Domain: ms, Op: "QLinearMul", Inputs: in{bytesOf(nil, 0, 2), f32(0.5), u8(4), u8(1), f32(0.2), u8(3), f32(0.3), u8(100)}, Want: in{bytesOf(nil, 0, 2)}},
	{Name: "add, shapes", Domain: ms, Op: "QLinearAdd", Inputs: in{u8m(2), f32(1), u8(0), u8m(3), f32(1), u8(0), f32(1)}, Err: "broadcast"},
	{Name: "add, scale", Domain: ms, Op: "QLinearAdd", Inputs: in{u8m(2), floatsOf([]float32{1, 2}, 2), u8(0), u8m(2), f32(1), u8(0), f32(1)}, Err: "one element"},
	{Domain: ms, Op: "MulInteger", Inputs: in{bytesOf([]uint8{0, 255}, 2), u8(255), bytesOf([]uint8{0}, 1), u8(200)}, Want: in{int32sOf([]int32{51000, 0}, 2)}},
	{Domain: ms, Op: "QLinearSigmoid", Inputs: in{bytesOf([]uint8{0, 50, 100, 128, 200, 255}, 6), f32(0.05), u8(128), f32(1. / 256), u8(0)}, Want: in{bytesOf([]uint8{0, 5, 51, 128, 249, 255}, 6)}},
	{Domain: ms, Op: "QLinearLeakyRelu", Attrs: at{optest.Float("alpha", 0.2)}, Inputs: in{int8sOf([]int8{-128, -50, -3, 0, 7, 127}, 6), f32(0.05), i8(2), f32(0.04), i8(-10)},
		Want: in{int8sOf([]int8{-43, -23, -11, -11, -4, 127}, 6)}},
	{Name: "default alpha, scalar", Domain: ms, Op: "QLinearLeakyRelu", Inputs: in{i8(-100), f32(1), nil, f32(0.5)}, Want: in{i8(-2)}},
	{Name: "softmax along an axis", Domain: ms, Op: "QLinearSoftmax", Attrs: at{optest.Int("opset", 13), optest.Int("axis", 1)}, Inputs: in{bytesOf([]uint8{1, 2, 3, 40, 5, 5, 60, 90}, 2, 2, 2), f32(0.05), u8(0), f32(1. / 256), u8(0)},
		Want: in{bytesOf([]uint8{122, 33, 134, 223, 15, 4, 241, 252}, 2, 2, 2)}},
	{Name: "softmax of opset 12", Domain: ms, Op: "QLinearSoftmax", Attrs: at{optest.Int("opset", 12), optest.Int("axis", 1)}, Inputs: in{bytesOf([]uint8{1, 2, 3, 40, 5, 5, 60, 90}, 2, 2, 2), f32(0.05), u8(0), f32(1. / 256), u8(0)},
		Want: in{bytesOf([]uint8{25, 26, 28, 177, 3, 3, 46, 205}, 2, 2, 2)}},
	{Name: "softmax, scale 0.03", Domain: ms, Op: "QLinearSoftmax", Attrs: at{optest.Int("opset", 13)}, Inputs: in{bytesOf([]uint8{127, 120, 100, 1, 2, 3}, 2, 3), f32(0.1), u8(0), f32(0.03), u8(0)},
		Want: in{bytesOf([]uint8{21, 10, 1, 10, 11, 12}, 2, 3)}},
	{Name: "softmax axis", Domain: ms, Op: "QLinearSoftmax", Attrs: at{optest.Int("opset", 13), optest.Int("axis", 2)}, Inputs: in{u8m(2, 3), f32(0.1), u8(0), f32(0.03), u8(0)}, Err: "axis 2"},
	// x: (5-1)*0.5/0.25+2 = 10; y: same parameters as z, unchanged
	{Domain: ms, Op: "QLinearWhere", Inputs: in{optest.T([]bool{true, false}, 2, 1), bytesOf([]uint8{5, 255}, 2), f32(0.5), u8(1), bytesOf([]uint8{77}, 1), f32(0.25), u8(2), f32(0.25), u8(2)},
		Want: in{bytesOf([]uint8{10, 255, 77, 77}, 2, 2)}},
	{Domain: ms, Op: "QLinearConcat", Attrs: at{optest.Int("axis", -1)}, Inputs: in{f32(0.5), u8(10), bytesOf([]uint8{1, 2}, 2, 1), f32(1), u8(0), bytesOf([]uint8{1, 2, 3, 4}, 2, 2), f32(0.5), u8(10), bytesOf(nil, 2, 0), f32(3), u8(1)},
		Want: in{bytesOf([]uint8{12, 1, 2, 14, 3, 4}, 2, 3)}},
	{Name: "concat of one", Domain: ms, Op: "QLinearConcat", Attrs: at{optest.Int("axis", 0)}, Inputs: in{f32(1), i8(0), int8sOf([]int8{-100, 5}, 2), f32(2), i8(0)}, Want: in{int8sOf([]int8{-128, 10}, 2)}},
	{Name: "concat, inputs", Domain: ms, Op: "QLinearConcat", Attrs: at{optest.Int("axis", 0)}, Inputs: in{f32(1), i8(0), i8(0)}, Err: "triples"},
	{Name: "concat, shapes", Domain: ms, Op: "QLinearConcat", Attrs: at{optest.Int("axis", 0)}, Inputs: in{f32(1), u8(0), u8m(1, 2), f32(2), u8(0), u8m(1, 3), f32(2), u8(0)}, Err: "except along axis 0"},
	// means of reals: (0+2)/2*0.5 = 0.5, (4+6)/2*0.5 = 2.5, over 0.25
	{Domain: ms, Op: "QLinearReduceMean", Attrs: at{optest.Ints("axes", -1), optest.Int("keepdims", 0)}, Inputs: in{int8sOf([]int8{1, 3, 5, 7}, 2, 2), f32(0.5), i8(1), f32(0.25), i8(-3)}, Want: in{int8sOf([]int8{-1, 7}, 2)}},
	{Domain: ms, Op: "ReduceSumInteger", Attrs: at{optest.Ints("axes", 0), optest.Int("keepdims", 1)}, Inputs: in{bytesOf([]uint8{255, 1, 255, 2}, 2, 2)}, Want: in{optest.T([]uint32{510, 3}, 1, 2)}},
	{Name: "sum of all", Domain: ms, Op: "ReduceSumInteger", Attrs: at{optest.Ints("axes"), optest.Int("keepdims", 0)}, Inputs: in{int8sOf([]int8{-128, -1}, 2, 1)}, Want: in{int32sOf([]int32{-129})}},
	{Name: "sum, axes twice", Domain: ms, Op: "ReduceSumInteger", Attrs: at{optest.Ints("axes", 0, -2), optest.Int("keepdims", 0)}, Inputs: in{u8m(2, 1)}, Err: "twice"},
})

func TestQLinear(t *testing.T) { run(t, qlinearCases) }

// lstmInputs are those of a model with two directions, two sequences of three
// steps and one hidden unit.
func lstmInputs() in {
	b := make([]float32, 16)
	for i := range b {
		b[i] = float32(float64(i)/16 - 0.4)
	}
	return in{floatsOf([]float32{0.5, -1, 1, 0.25, -0.75, 2, 0.1, 0.2, 1, 1, 0, -0.5}, 3, 2, 2), rampS8(53, 5, 2, 2, 4), rampS8(91, 17, 2, 1, 4), floatsOf(b, 2, 8),
		int32sOf([]int32{3, 2}, 2), floatsOf([]float32{0.3, -0.4, 0.2, 0.1}, 2, 2, 1), floatsOf([]float32{0.5, -0.1, 0, 0.7}, 2, 2, 1), floatsOf([]float32{0.1, -0.2, 0.3, 0.4, 0.5, -0.6}, 2, 3),
		floatsOf([]float32{0.01, 0.02}, 2), int8sOf([]int8{3, 0}, 2), floatsOf([]float32{0.01, 0.02, 0.015, 0.01, 0.01, 0.02, 0.015, 0.01}, 2, 4), int8sOf(make([]int8, 8), 2, 4)}
}

func lstmPlain() in {
	return in{floatsOf([]float32{0.5, -1, 1, 0.25, -0.75, 2, 0.1, 0.2, 1, 1, 0, -0.5}, 3, 2, 2), rampS8(53, 5, 1, 2, 4), rampS8(91, 17, 1, 1, 4), nil, nil, nil, nil, nil,
		floatsOf([]float32{0.01}, 1), int8sOf([]int8{3}, 1), floatsOf([]float32{0.02}, 1), int8sOf([]int8{1}, 1)}
}

// The values are ONNX Runtime's.
var lstmCases = register([]test{
	{Name: "both directions, peepholes, lengths", Domain: ms, Op: "DynamicQuantizeLSTM", Tol: 1e-5, Attrs: at{optest.Int("hidden_size", 1), optest.Str("direction", "bidirectional")}, Inputs: lstmInputs(),
		Want: in{floatsOf([]float32{-0.16399919986724854, -0.10765567421913147, 0.5301669836044312, 0.291028767824173, 0.009084921330213547, -0.06473677605390549, 0.004582168068736792, 0.42744573950767517, 0.022590532898902893, 0, 0.00468142144382, 0}, 3, 2, 2, 1),
			floatsOf([]float32{0.022590532898902893, -0.06473677605390549, 0.5301669836044312, 0.291028767824173}, 2, 2, 1), floatsOf([]float32{0.040270499885082245, -0.17853708565235138, 0.6857362389564514, 0.8441963195800781}, 2, 2, 1)}},
	{Name: "reverse, other activations, clip", Domain: ms, Op: "DynamicQuantizeLSTM", Tol: 1e-5, Inputs: lstmPlain(),
		Attrs: at{optest.Int("hidden_size", 1), optest.Str("direction", "reverse"), optest.Strs("activations", "HardSigmoid", "Softsign", "LeakyRelu"), optest.Floats("activation_alpha", 0.3, 0.2), optest.Floats("activation_beta", 0.4), optest.Float("clip", 0.8)},
		Want: in{floatsOf([]float32{-0.019014740362763405, -0.019647419452667236, 0.03533530607819557, -0.002928482135757804, 0.030194099992513657, -0.01299502793699503}, 3, 1, 2, 1),
			floatsOf([]float32{-0.019014740362763405, -0.019647419452667236}, 1, 2, 1), floatsOf([]float32{-0.2017829865217209, -0.17197580635547638}, 1, 2, 1)}},
	{Name: "coupled gates", Domain: ms, Op: "DynamicQuantizeLSTM", Outputs: 3, Attrs: at{optest.Int("hidden_size", 1), optest.Int("input_forget", 1)}, Inputs: lstmPlain()},
	{Name: "unknown activation", Domain: ms, Op: "DynamicQuantizeLSTM", Attrs: at{optest.Int("hidden_size", 1), optest.Strs("activations", "Sigmoid", "Tanh", "Cosh")}, Inputs: lstmPlain(), Err: "Cosh"},
	{Name: "shape of W", Domain: ms, Op: "DynamicQuantizeLSTM", Attrs: at{optest.Int("hidden_size", 2)}, Inputs: lstmPlain(), Err: "W is"},
})

func TestLSTM(t *testing.T) { run(t, lstmCases) }
