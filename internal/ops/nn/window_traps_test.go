package nn

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

var (
	fi  = optest.Int
	fis = optest.Ints
	fs  = optest.Str
	ff  = optest.Float
)

func vals(v ...tensor.Value) []tensor.Value { return v }

func attrs(a ...graph.Attr) []graph.Attr { return a }

// ones returns a tensor of ones.
func ones(dims ...int) *tensor.Tensor {
	t, _ := tensor.New(tensor.Float32, dims...)
	for i := range t.Len() {
		t.SetFloatAt(i, 1)
	}
	return t
}

func i64(v ...int64) *tensor.Tensor { return optest.T(v, len(v)) }

func TestConvTraps(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4, 5}, 1, 1, 5)
	run(t, []optest.Case{
		{Name: "valid ignores pads", Op: "Conv", Attrs: attrs(fs("auto_pad", "VALID"), fis("pads", 3, 3)),
			Inputs: vals(x, f32([]float32{1, 1}, 1, 1, 2)), Want: vals(f32([]float32{3, 5, 7, 9}, 1, 1, 4))},
		{Name: "same with dilation", Op: "Conv", Attrs: attrs(fs("auto_pad", "SAME_UPPER"), fis("dilations", 2)),
			Inputs: vals(x, f32([]float32{1, 0, 1}, 1, 1, 3)), Want: vals(f32([]float32{3, 4, 6, 2, 3}, 1, 1, 5))},
		{Name: "same with stride beyond the kernel", Op: "Conv", Attrs: attrs(fs("auto_pad", "SAME_LOWER"), fis("strides", 3)),
			Inputs: vals(x, f32([]float32{2}, 1, 1, 1)), Want: vals(f32([]float32{2, 8}, 1, 1, 2))},
		{Name: "empty auto_pad", Op: "Conv", Attrs: attrs(fs("auto_pad", "")), Inputs: vals(x, f32([]float32{2}, 1, 1, 1)),
			Want: vals(f32([]float32{2, 4, 6, 8, 10}, 1, 1, 5))},
		{Name: "no batch", Op: "Conv", Inputs: vals(ones(0, 1, 5), ones(2, 1, 3)), Want: vals(ones(0, 2, 3))},
		{Name: "no length", Op: "Conv", Attrs: attrs(fis("pads", 1, 1)), Inputs: vals(ones(1, 1, 0), ones(1, 1, 3)), Want: vals(ones(1, 1, 0))},
		{Name: "negative pads crop", Op: "Conv", Attrs: attrs(fis("pads", -1, -2)), Inputs: vals(x, ones(1, 1, 1)), Want: vals(f32([]float32{2, 3}, 1, 1, 2))},
		{Name: "four spatial axes", Op: "Conv", Inputs: vals(ones(1, 1, 2, 2, 2, 2), ones(1, 1, 2, 1, 2, 1)),
			Want: vals(f32([]float32{4, 4, 4, 4}, 1, 1, 1, 2, 1, 2))},
		{Name: "channels", Op: "Conv", Inputs: vals(ones(1, 3, 5), ones(2, 2, 3)), Err: "3 channels"},
		{Name: "groups", Op: "Conv", Attrs: attrs(fi("group", 2)), Inputs: vals(ones(1, 4, 5), ones(3, 2, 3)), Err: "multiple of 2"},
		{Name: "group 0", Op: "Conv", Attrs: attrs(fi("group", 0)), Inputs: vals(ones(1, 4, 5), ones(3, 2, 3)), Err: "group"},
		{Name: "stride 0", Op: "Conv", Attrs: attrs(fis("strides", 0)), Inputs: vals(x, ones(1, 1, 3)), Err: "strides"},
		{Name: "short input", Op: "Conv", Inputs: vals(ones(1, 1, 2), ones(1, 1, 3)), Err: "shorter"},
		{Name: "bias length", Op: "Conv", Inputs: vals(x, ones(2, 1, 3), ones(1)), Err: "B"},
		{Name: "kernel_shape", Op: "Conv", Attrs: attrs(fis("kernel_shape", 2)), Inputs: vals(x, ones(2, 1, 3)), Err: "kernel_shape"},
		{Name: "rank", Op: "Conv", Inputs: vals(ones(1, 4), ones(2, 1)), Err: "3 axes"},
		{Name: "strides length", Op: "Conv", Attrs: attrs(fis("strides", 1, 1)), Inputs: vals(x, ones(1, 1, 3)), Err: "strides has 2"},
		{Name: "NHWC", Op: "NhwcConv", Domain: msDomain, Inputs: vals(f32([]float32{1, 10, 2, 20, 3, 30}, 1, 3, 2), f32([]float32{1, 2, 1, 0}, 1, 2, 2)),
			Want: vals(f32([]float32{23, 45}, 1, 2, 1))}, // W is channels last too
		{Name: "NHWC fused", Op: "NhwcFusedConv", Domain: msDomain, Attrs: attrs(fs("activation", "Relu")),
			Inputs: vals(f32([]float32{1, -1}, 1, 1, 2), f32([]float32{1, 0, 0, 2}, 2, 2, 1), f32([]float32{0, -5}, 2), f32([]float32{1, 8}, 1, 1, 2)),
			Want:   vals(f32([]float32{2, 1}, 1, 1, 2))},
		{Name: "unknown activation", Op: "FusedConv", Domain: msDomain, Attrs: attrs(fs("activation", "Gelu")), Inputs: vals(x, ones(1, 1, 3)), Err: "Gelu"},
	})
}

func TestConvTransposeTraps(t *testing.T) {
	x := f32([]float32{1, 2}, 1, 1, 2)
	run(t, []optest.Case{
		{Name: "same with stride beyond the kernel", Op: "ConvTranspose", Attrs: attrs(fs("auto_pad", "SAME_UPPER"), fis("strides", 3)),
			Inputs: vals(x, ones(1, 1, 1)), Want: vals(f32([]float32{1, 0, 0, 2}, 1, 1, 4))},
		{Name: "output shape beyond the natural one", Op: "ConvTranspose", Attrs: attrs(fis("output_shape", 4)),
			Inputs: vals(x, ones(1, 1, 2), f32([]float32{10}, 1)), Want: vals(f32([]float32{11, 13, 12, 10}, 1, 1, 4))},
		{Name: "output shape with batch and channels", Op: "ConvTranspose", Attrs: attrs(fis("output_shape", 1, 1, 2)),
			Inputs: vals(x, ones(1, 1, 2)), Want: vals(f32([]float32{3, 2}, 1, 1, 2))},
		{Name: "no length", Op: "ConvTranspose", Inputs: vals(ones(1, 1, 0), ones(1, 1, 2)), Want: vals(ones(1, 1, 0))},
		{Name: "channels", Op: "ConvTranspose", Inputs: vals(x, ones(2, 1, 2)), Err: "channels"},
		{Name: "dynamic pads", Op: "ConvTransposeWithDynamicPads", Domain: msDomain, Inputs: vals(x, ones(1, 1, 2), i64(1)), Err: "pads"},
		{Name: "deform 1-D", Op: "DeformConv", Inputs: vals(f32([]float32{1, 2, 4}, 1, 1, 3), ones(1, 1, 2), f32([]float32{0.5, 0, 0, 2}, 1, 2, 2)),
			Want: vals(f32([]float32{3.5, 2}, 1, 1, 2))},
		{Name: "deform offset shape", Op: "DeformConv", Inputs: vals(ones(1, 1, 3), ones(1, 1, 2), ones(1, 2, 3)), Err: "offset"},
		{Name: "deform groups", Op: "DeformConv", Attrs: attrs(fi("offset_group", 2)), Inputs: vals(ones(1, 1, 3), ones(1, 1, 2), ones(1, 2, 2)), Err: "offset_group"},
	})
}

func TestCausalConvTraps(t *testing.T) {
	x, w := f32([]float32{1, 2, 3}, 1, 1, 3), f32([]float32{100, 10, 1}, 1, 1, 3)
	run(t, []optest.Case{
		{Name: "state", Op: "CausalConvWithState", Inputs: vals(x, w, nil, f32([]float32{8, 9}, 1, 1, 2)),
			Want: vals(f32([]float32{891, 912, 123}, 1, 1, 3), f32([]float32{2, 3}, 1, 1, 2))},
		{Name: "short input keeps old state", Op: "CausalConvWithState", Inputs: vals(f32([]float32{1}, 1, 1, 1), w, f32([]float32{1000}, 1), f32([]float32{8, 9}, 1, 1, 2)),
			Want: vals(f32([]float32{1891}, 1, 1, 1), f32([]float32{9, 1}, 1, 1, 2))},
		{Name: "nothing new", Op: "CausalConvWithState", Inputs: vals(ones(1, 1, 0), w, nil, f32([]float32{8, 9}, 1, 1, 2)),
			Want: vals(ones(1, 1, 0), f32([]float32{8, 9}, 1, 1, 2))},
		{Name: "one tap has no state", Op: "CausalConvWithState", Inputs: vals(x, f32([]float32{2}, 1, 1, 1)),
			Want: vals(f32([]float32{2, 4, 6}, 1, 1, 3), ones(1, 1, 0))},
		{Name: "window of states", Op: "CausalConvWithState", Domain: msDomain, Attrs: attrs(fi("state_window", 4)), Inputs: vals(x, w),
			Want: vals(f32([]float32{1, 12, 123}, 1, 1, 3), f32([]float32{0, 0, 0, 1, 1, 2, 2, 3}, 4, 1, 1, 2))},
		{Name: "state shape", Op: "CausalConvWithState", Outputs: 2, Inputs: vals(x, w, nil, ones(1, 1, 3)), Err: "past_state"},
		{Name: "weight", Op: "CausalConvWithState", Outputs: 2, Inputs: vals(x, ones(2, 1, 3)), Err: "weight"},
		{Name: "ndim", Op: "CausalConvWithState", Domain: msDomain, Outputs: 2, Attrs: attrs(fi("ndim", 2)), Inputs: vals(x, w), Err: "ndim"},
	})
}

func TestPoolTraps(t *testing.T) {
	nan := float32(math.NaN())
	x := f32([]float32{1, 2, 3, 4}, 1, 1, 4)
	run(t, []optest.Case{
		{Name: "NaN", Op: "MaxPool", Attrs: attrs(fis("kernel_shape", 2), fis("strides", 2)), Inputs: vals(f32([]float32{nan, 1, 2, nan}, 1, 1, 4)),
			Want: vals(f32([]float32{nan, nan}, 1, 1, 2), optest.T([]int64{0, 3}, 1, 1, 2))},
		{Name: "first of equals", Op: "MaxPool", Attrs: attrs(fis("kernel_shape", 3)), Inputs: vals(f32([]float32{5, 5, 5}, 1, 1, 3)),
			Want: vals(f32([]float32{5}, 1, 1, 1), optest.T([]int64{0}, 1, 1, 1))},
		{Name: "all minus infinity", Op: "MaxPool", Attrs: attrs(fis("kernel_shape", 2)), Inputs: vals(f32([]float32{float32(math.Inf(-1)), float32(math.Inf(-1))}, 1, 1, 2)),
			Want: vals(f32([]float32{float32(math.Inf(-1))}, 1, 1, 1), optest.T([]int64{0}, 1, 1, 1))},
		{Name: "window in the padding", Op: "MaxPool", Attrs: attrs(fis("kernel_shape", 1), fis("pads", 1, 0)), Inputs: vals(optest.T([]int8{7}, 1, 1, 1)),
			Want: vals(optest.T([]int8{-128, 7}, 1, 1, 2), optest.T([]int64{-1, 0}, 1, 1, 2))},
		{Name: "column major 3-D", Op: "MaxPool", Attrs: attrs(fis("kernel_shape", 2, 2, 2), fi("storage_order", 1)),
			Inputs: vals(f32([]float32{0, 0, 0, 9, 0, 0, 0, 0}, 1, 1, 2, 2, 2)), // at [0,1,1]: 0 + 1*2 + 1*4
			Want:   vals(f32([]float32{9}, 1, 1, 1, 1, 1), optest.T([]int64{6}, 1, 1, 1, 1, 1))},
		{Name: "ceil drops a window that starts behind", Op: "MaxPool", Attrs: attrs(fis("kernel_shape", 1), fis("strides", 2), fis("pads", 0, 1), fi("ceil_mode", 1)),
			Inputs: vals(x), Want: vals(f32([]float32{1, 3}, 1, 1, 2))},
		{Name: "average of nothing", Op: "AveragePool", Attrs: attrs(fis("kernel_shape", 1), fis("pads", 1, 0)), Inputs: vals(f32([]float32{7}, 1, 1, 1)),
			Want: vals(f32([]float32{0, 7}, 1, 1, 2))},
		{Name: "ceil cells beyond the padding don't count", Op: "AveragePool", Attrs: attrs(fis("kernel_shape", 3), fis("strides", 3), fi("ceil_mode", 1), fi("count_include_pad", 1)),
			Inputs: vals(x), Want: vals(f32([]float32{2, 4}, 1, 1, 2))},
		{Name: "lp version 1", Op: "LpPool", Opset: 1, Attrs: attrs(fis("kernel_shape", 2), ff("p", 2)), Inputs: vals(f32([]float32{3, 4}, 1, 1, 2)),
			Want: vals(f32([]float32{5}, 1, 1, 1))},
		{Name: "lp p 0", Op: "LpPool", Attrs: attrs(fis("kernel_shape", 2), fi("p", 0)), Inputs: vals(x), Err: "positive"},
		{Name: "global lp version 1", Op: "GlobalLpPool", Opset: 1, Attrs: attrs(ff("p", 1)), Inputs: vals(f32([]float32{3, -4}, 1, 1, 2)), Want: vals(f32([]float32{7}, 1, 1, 1))},
		{Name: "global of rank 2", Op: "GlobalAveragePool", Inputs: vals(f32([]float32{3, 5}, 1, 2)), Want: vals(f32([]float32{3, 5}, 1, 2))},
		{Name: "global average of nothing", Op: "GlobalAveragePool", Inputs: vals(ones(1, 1, 0)), Want: vals(f32([]float32{0}, 1, 1, 1))},
		{Name: "no batch", Op: "MaxPool", Attrs: attrs(fis("kernel_shape", 2)), Inputs: vals(ones(0, 1, 4)), Want: vals(ones(0, 1, 3))},
		{Name: "kernel length", Op: "MaxPool", Attrs: attrs(fis("kernel_shape", 2, 2)), Inputs: vals(x), Err: "kernel_shape"},
		{Name: "rank", Op: "AveragePool", Attrs: attrs(fis("kernel_shape", 2)), Inputs: vals(ones(2, 2)), Err: "3 axes"},
		{Name: "type", Op: "AveragePool", Attrs: attrs(fis("kernel_shape", 2)), Inputs: vals(optest.T([]int8{1, 2}, 1, 1, 2)), Err: "int8"},
		{Name: "dilations before 10", Op: "MaxPool", Opset: 8, Attrs: attrs(fis("kernel_shape", 2), fis("dilations", 2)), Inputs: vals(x), Err: "dilations"},
		{Name: "unpool into a larger shape", Op: "MaxUnpool", Attrs: attrs(fis("kernel_shape", 2), fis("strides", 2)),
			Inputs: vals(f32([]float32{5, 6}, 1, 1, 2), optest.T([]int64{1, 2}, 1, 1, 2), i64(1, 1, 6)), Want: vals(f32([]float32{0, 5, 6, 0, 0, 0}, 1, 1, 6))},
		{Name: "unpool index", Op: "MaxUnpool", Attrs: attrs(fis("kernel_shape", 2), fis("strides", 2)),
			Inputs: vals(f32([]float32{5, 6}, 1, 1, 2), optest.T([]int64{1, 4}, 1, 1, 2)), Err: "index 4"},
		{Name: "unpool smaller", Op: "MaxUnpool", Attrs: attrs(fis("kernel_shape", 2), fis("strides", 2)),
			Inputs: vals(f32([]float32{5, 6}, 1, 1, 2), optest.T([]int64{1, 2}, 1, 1, 2), i64(1, 1, 3)), Err: "smaller"},
	})
}

func TestRoiTraps(t *testing.T) {
	x := f32([]float32{1, 2, 3, 4}, 1, 1, 2, 2)
	run(t, []optest.Case{
		{Name: "max of weighted corners", Op: "RoiAlign", Attrs: attrs(fs("mode", "max"), fi("sampling_ratio", 1)), Inputs: vals(x, f32([]float32{0, 0, 2, 2}, 1, 4), i64(0)),
			Want: vals(f32([]float32{1}, 1, 1, 1, 1))}, // the centre: 4/4
		{Name: "outside", Op: "RoiAlign", Inputs: vals(x, f32([]float32{9, 9, 12, 12}, 1, 4), i64(0)), Want: vals(f32([]float32{0}, 1, 1, 1, 1))},
		{Name: "no regions", Op: "RoiAlign", Inputs: vals(x, ones(0, 4), i64()), Want: vals(ones(0, 1, 1, 1))},
		{Name: "image", Op: "RoiAlign", Inputs: vals(x, ones(1, 4), i64(1)), Err: "batch index 1"},
		{Name: "huge region", Op: "RoiAlign", Inputs: vals(x, f32([]float32{0, 0, 1e30, 1e30}, 1, 4), i64(0)), Err: "samples"},
		{Name: "max pool image", Op: "MaxRoiPool", Attrs: attrs(fis("pooled_shape", 1, 1)), Inputs: vals(x, f32([]float32{2, 0, 0, 1, 1}, 1, 5)), Err: "image 2"},
		{Name: "empty bin", Op: "MaxRoiPool", Attrs: attrs(fis("pooled_shape", 1, 1)), Inputs: vals(x, f32([]float32{0, 5, 5, 6, 6}, 1, 5)), Want: vals(f32([]float32{0}, 1, 1, 1, 1))},
		{Name: "crop size", Op: "CropAndResize", Domain: msDomain, Inputs: vals(x, ones(1, 4), optest.T([]int32{0}, 1), optest.T([]int32{0, 1}, 2)), Err: "crop_size"},
		{Name: "none asked for", Op: "NonMaxSuppression", Inputs: vals(ones(1, 2, 4), ones(1, 1, 2), i64(0)), Want: vals(optest.T([]int64{}, 0, 3))},
		{Name: "NaN scores last", Op: "NonMaxSuppression", Inputs: vals(f32([]float32{0, 0, 1, 1, 2, 2, 3, 3}, 1, 2, 4), f32([]float32{float32(math.NaN()), -1}, 1, 1, 2), i64(9), f32([]float32{0.5})),
			Want: vals(optest.T([]int64{0, 0, 1, 0, 0, 0}, 2, 3))},
		{Name: "boxes", Op: "NonMaxSuppression", Inputs: vals(ones(1, 2, 5), ones(1, 1, 2), i64(1)), Err: "boxes"},
	})
}
