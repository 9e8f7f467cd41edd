package move

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type (
	vals  = []tensor.Value
	attrs = []graph.Attr
)

// iota returns 0, 1, 2, … as float32.
func iota(dims ...int) *tensor.Tensor {
	n, _ := tensor.NumElements(dims)
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i)
	}
	return optest.T(v, dims...)
}

func f32(dims []int, v ...float32) *tensor.Tensor {
	return optest.T(append([]float32{}, v...), dims...)
}
func i64(v ...int64) *tensor.Tensor              { return optest.T(append([]int64{}, v...), len(v)) }
func i64s(dims []int, v ...int64) *tensor.Tensor { return optest.T(append([]int64{}, v...), dims...) }

const ms = "com.microsoft"

func TestConstants(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "int", Op: "Constant", Attrs: attrs{optest.Int("value_int", math.MinInt64)}, Want: vals{tensor.Scalar(int64(math.MinInt64))}},
		{Name: "floats", Op: "Constant", Attrs: attrs{optest.Floats("value_floats", 1.5, -2)}, Want: vals{f32([]int{2}, 1.5, -2)}},
		{Name: "no floats", Op: "Constant", Attrs: attrs{optest.Floats("value_floats")}, Want: vals{f32([]int{0})}},
		{Name: "string", Op: "Constant", Attrs: attrs{optest.Str("value_string", "")}, Want: vals{optest.Strings([]string{""})}},
		{Name: "strings", Op: "Constant", Attrs: attrs{optest.Strs("value_strings", "a", "é")}, Want: vals{optest.Strings([]string{"a", "é"}, 2)}},
		{Name: "tensor", Op: "Constant", Opset: 9, Attrs: attrs{optest.Tensor("value", i64(7))}, Want: vals{i64(7)}},
		{Name: "none", Op: "Constant", Err: "0 attributes"},
		{Name: "two", Op: "Constant", Attrs: attrs{optest.Int("value_int", 1), optest.Float("value_float", 1)}, Err: "2 attributes"},

		{Name: "of shape", Op: "ConstantOfShape", Inputs: vals{i64(2, 1)}, Want: vals{f32([]int{2, 1}, 0, 0)}},
		{Name: "of no shape", Op: "ConstantOfShape", Inputs: vals{i64()}, Attrs: attrs{optest.Tensor("value", i64(3))}, Want: vals{tensor.Scalar(int64(3))}},
		{Name: "int4", Op: "ConstantOfShape", Inputs: vals{i64(3)}, Attrs: attrs{optest.Tensor("value", optest.As(tensor.Int4, i64(-3)))},
			Want: vals{optest.As(tensor.Int4, i64(-3, -3, -3))}},
		{Name: "negative", Op: "ConstantOfShape", Inputs: vals{i64(-1)}, Err: "negative"},
		{Name: "too large", Op: "ConstantOfShape", Inputs: vals{i64(1<<30, 1<<30)}, Err: "output 0"},

		{Name: "eye", Op: "EyeLike", Inputs: vals{iota(3, 2)}, Attrs: attrs{optest.Int("k", -1), optest.Int("dtype", 7)}, Want: vals{i64s([]int{3, 2}, 0, 0, 1, 0, 0, 1)}},
		{Name: "eye beyond", Op: "EyeLike", Inputs: vals{iota(2, 2)}, Attrs: attrs{optest.Int("k", math.MaxInt32)}, Want: vals{f32([]int{2, 2}, 0, 0, 0, 0)}},
		{Name: "eye rank", Op: "EyeLike", Inputs: vals{iota(2)}, Err: "rank 2"},

		{Name: "float", Op: "Range", Inputs: vals{tensor.Scalar(float32(1)), tensor.Scalar(float32(2)), tensor.Scalar(float32(0.4))}, Want: vals{f32([]int{3}, 1, 1.4, 1.8)}, Tol: 1e-7},
		{Name: "down", Op: "Range", Inputs: vals{tensor.Scalar(int16(5)), tensor.Scalar(int16(-2)), tensor.Scalar(int16(-3))}, Want: vals{optest.T([]int16{5, 2, -1}, 3)}},
		{Name: "nothing", Op: "Range", Inputs: vals{tensor.Scalar(int64(5)), tensor.Scalar(int64(5)), tensor.Scalar(int64(1))}, Want: vals{i64()}},
		{Name: "whole of int64", Op: "Range", Inputs: vals{tensor.Scalar(int64(math.MinInt64)), tensor.Scalar(int64(math.MaxInt64)), tensor.Scalar(int64(math.MaxInt64))},
			Want: vals{i64(math.MinInt64, -1, math.MaxInt64-1)}},
		{Name: "delta 0", Op: "Range", Inputs: vals{tensor.Scalar(int64(0)), tensor.Scalar(int64(1)), tensor.Scalar(int64(0))}, Err: "delta is 0"},
		{Name: "bfloat16", Op: "Range", Inputs: vals{optest.As(tensor.BFloat16, f32(nil, 0)), optest.As(tensor.BFloat16, f32(nil, 3)), optest.As(tensor.BFloat16, f32(nil, 1))},
			Want: vals{optest.As(tensor.BFloat16, iota(3))}},
		{Name: "contrib", Domain: ms, Op: "Range", Inputs: vals{f32([]int{1}, 0), f32([]int{1}, 3)}, Want: vals{iota(3)}},
	})
}

func TestViews(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "identity", Op: "Identity", Inputs: vals{optest.Strings([]string{"a"}, 1)}, Want: vals{optest.Strings([]string{"a"}, 1)}},
		{Name: "identity of sequence", Op: "Identity", Inputs: vals{&tensor.Sequence{Elem: tensor.Float32, Items: vals{iota(2)}}},
			Want: vals{&tensor.Sequence{Elem: tensor.Float32, Items: vals{iota(2)}}}},
		{Name: "identity of empty optional", Op: "Identity", Inputs: vals{&tensor.Optional{}}, Want: vals{&tensor.Optional{}}},

		{Name: "reshape", Op: "Reshape", Inputs: vals{iota(2, 3, 4), i64(0, -1)}, Want: vals{iota(2, 12)}},
		{Name: "attribute", Op: "Reshape", Opset: 1, Inputs: vals{iota(2, 3)}, Attrs: attrs{optest.Ints("shape", -1)}, Want: vals{iota(6)}},
		{Name: "to scalar", Op: "Reshape", Inputs: vals{iota(1, 1), i64()}, Want: vals{tensor.Scalar(float32(0))}},
		{Name: "copy zero", Op: "Reshape", Inputs: vals{iota(0, 3), i64(0, 5)}, Want: vals{iota(0, 5)}},
		{Name: "allow zero", Op: "Reshape", Inputs: vals{iota(3, 0), i64(0, 7)}, Attrs: attrs{optest.Int("allowzero", 1)}, Want: vals{iota(0, 7)}},
		{Name: "zero and rest", Op: "Reshape", Inputs: vals{iota(3, 0), i64(0, -1)}, Attrs: attrs{optest.Int("allowzero", 1)}, Err: "both 0 and -1"},
		{Name: "rest of nothing", Op: "Reshape", Inputs: vals{iota(0), i64(0, -1)}, Err: "reshape"},
		{Name: "two rests", Op: "Reshape", Inputs: vals{iota(4), i64(-1, -1)}, Err: "at most one -1"},
		{Name: "zero beyond", Op: "Reshape", Inputs: vals{iota(4), i64(4, 0)}, Err: "dimension 1"},
		{Name: "count", Op: "Reshape", Inputs: vals{iota(4), i64(3)}, Err: "elements"},

		{Name: "flatten", Op: "Flatten", Inputs: vals{iota(2, 3, 4)}, Attrs: attrs{optest.Int("axis", -1)}, Want: vals{iota(6, 4)}},
		{Name: "flatten 0", Op: "Flatten", Inputs: vals{iota(2, 3)}, Attrs: attrs{optest.Int("axis", 0)}, Want: vals{iota(1, 6)}},
		{Name: "flatten scalar", Op: "Flatten", Inputs: vals{iota()}, Attrs: attrs{optest.Int("axis", 0)}, Want: vals{iota(1, 1)}},
		{Name: "flatten old negative", Op: "Flatten", Opset: 9, Inputs: vals{iota(2, 3)}, Attrs: attrs{optest.Int("axis", -1)}, Err: "out of range"},

		{Name: "squeeze all", Op: "Squeeze", Inputs: vals{iota(1, 2, 1)}, Want: vals{iota(2)}},
		{Name: "squeeze", Op: "Squeeze", Inputs: vals{iota(1, 2, 1), i64(-1)}, Want: vals{iota(1, 2)}},
		{Name: "squeeze attribute", Op: "Squeeze", Opset: 11, Inputs: vals{iota(1, 2)}, Attrs: attrs{optest.Ints("axes", 0)}, Want: vals{iota(2)}},
		{Name: "squeeze 2", Op: "Squeeze", Inputs: vals{iota(1, 2), i64(1)}, Err: "must be 1"},

		{Name: "unsqueeze", Op: "Unsqueeze", Inputs: vals{iota(2), i64(-1, 0)}, Want: vals{iota(1, 2, 1)}},
		{Name: "unsqueeze scalar", Op: "Unsqueeze", Opset: 1, Inputs: vals{iota()}, Attrs: attrs{optest.Ints("axes", 0)}, Want: vals{iota(1)}},
		{Name: "unsqueeze twice", Op: "Unsqueeze", Inputs: vals{iota(2), i64(0, -3)}, Err: "twice"},
		{Name: "expand dims", Domain: ms, Op: "ExpandDims", Inputs: vals{iota(1, 5), tensor.Scalar(int32(-2))}, Want: vals{iota(1, 1, 5)}},

		{Name: "shape", Op: "Shape", Inputs: vals{iota(2, 3, 4)}, Want: vals{i64(2, 3, 4)}},
		{Name: "shape part", Op: "Shape", Inputs: vals{iota(2, 3, 4)}, Attrs: attrs{optest.Int("start", -2), optest.Int("end", -1)}, Want: vals{i64(3)}},
		{Name: "shape clamped", Op: "Shape", Inputs: vals{iota(2, 3)}, Attrs: attrs{optest.Int("start", -9), optest.Int("end", 9)}, Want: vals{i64(2, 3)}},
		{Name: "shape crossed", Op: "Shape", Inputs: vals{iota(2, 3)}, Attrs: attrs{optest.Int("start", 2), optest.Int("end", 1)}, Want: vals{i64()}},
		{Name: "shape of scalar", Op: "Shape", Inputs: vals{iota()}, Want: vals{i64()}},
		{Name: "size", Op: "Size", Inputs: vals{iota(2, 3)}, Want: vals{tensor.Scalar(int64(6))}},
		{Name: "size of nothing", Op: "Size", Inputs: vals{iota(2, 0)}, Want: vals{tensor.Scalar(int64(0))}},
	})
}

func TestRearrange(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "transpose", Op: "Transpose", Inputs: vals{iota(2, 3)}, Want: vals{f32([]int{3, 2}, 0, 3, 1, 4, 2, 5)}},
		{Name: "perm", Op: "Transpose", Inputs: vals{iota(1, 2, 3)}, Attrs: attrs{optest.Ints("perm", 1, 2, 0)}, Want: vals{iota(2, 3, 1)}},
		{Name: "scalar", Op: "Transpose", Inputs: vals{iota()}, Want: vals{iota()}},
		{Name: "bad perm", Op: "Transpose", Inputs: vals{iota(2, 3)}, Attrs: attrs{optest.Ints("perm", 0, 0)}, Err: "twice"},
		{Name: "int4", Op: "Transpose", Inputs: vals{optest.As(tensor.Int4, i64s([]int{2, 3}, 1, -2, 3, -4, 5, -6))},
			Want: vals{optest.As(tensor.Int4, i64s([]int{3, 2}, 1, -4, -2, 5, 3, -6))}},

		// values of ONNX Runtime
		{Name: "DCR", Op: "DepthToSpace", Inputs: vals{iota(1, 8, 1, 1)}, Attrs: attrs{optest.Int("blocksize", 2)}, Want: vals{f32([]int{1, 2, 2, 2}, 0, 2, 4, 6, 1, 3, 5, 7)}},
		{Name: "CRD", Op: "DepthToSpace", Inputs: vals{iota(1, 8, 1, 1)}, Attrs: attrs{optest.Int("blocksize", 2), optest.Str("mode", "CRD")}, Want: vals{iota(1, 2, 2, 2)}},
		{Name: "back", Op: "SpaceToDepth", Inputs: vals{iota(1, 2, 2, 2)}, Attrs: attrs{optest.Int("blocksize", 2)}, Want: vals{f32([]int{1, 8, 1, 1}, 0, 4, 1, 5, 2, 6, 3, 7)}},
		{Name: "uneven", Op: "SpaceToDepth", Inputs: vals{iota(1, 1, 3, 2)}, Attrs: attrs{optest.Int("blocksize", 2)}, Err: "multiple"},
		{Name: "no block", Op: "DepthToSpace", Inputs: vals{iota(1, 4, 1, 1)}, Attrs: attrs{optest.Int("blocksize", 0)}, Err: "blocksize"},

		{Name: "concat", Op: "Concat", Inputs: vals{iota(2, 1), iota(2, 2), iota(2, 0)}, Attrs: attrs{optest.Int("axis", -1)}, Want: vals{f32([]int{2, 3}, 0, 0, 1, 1, 2, 3)}},
		{Name: "default axis", Op: "Concat", Opset: 1, Inputs: vals{iota(1, 1), iota(1, 1)}, Want: vals{f32([]int{1, 2}, 0, 0)}},
		{Name: "strings", Op: "Concat", Inputs: vals{optest.Strings([]string{"a", ""}, 2), optest.Strings([]string{"bc"}, 1)}, Attrs: attrs{optest.Int("axis", 0)}, Want: vals{optest.Strings([]string{"a", "", "bc"}, 3)}},
		{Name: "shapes", Op: "Concat", Inputs: vals{iota(2, 1), iota(3, 1)}, Attrs: attrs{optest.Int("axis", 1)}, Err: "must agree"},

		{Name: "split", Op: "Split", Inputs: vals{iota(2, 3), i64(1, 2)}, Attrs: attrs{optest.Int("axis", 1)}, Want: vals{f32([]int{2, 1}, 0, 3), f32([]int{2, 2}, 1, 2, 4, 5)}},
		{Name: "num_outputs", Op: "Split", Inputs: vals{iota(7)}, Attrs: attrs{optest.Int("num_outputs", 3)}, Want: vals{iota(3), f32([]int{3}, 3, 4, 5), f32([]int{1}, 6)}},
		{Name: "split attribute", Op: "Split", Opset: 2, Inputs: vals{iota(3)}, Attrs: attrs{optest.Ints("split", 0, 3)}, Want: vals{iota(0), iota(3)}},
		{Name: "split-1 input", Op: "Split", Opset: 1, Inputs: vals{iota(3), f32([]int{2}, 1, 2)}, Want: vals{iota(1), f32([]int{2}, 1, 2)}},
		{Name: "equal", Op: "Split", Opset: 13, Inputs: vals{iota(4)}, Want: vals{iota(2), f32([]int{2}, 2, 3)}},
		{Name: "unequal", Op: "Split", Opset: 13, Inputs: vals{iota(5)}, Outputs: 2, Err: "equal parts"},
		{Name: "sum", Op: "Split", Inputs: vals{iota(5), i64(2, 2)}, Outputs: 2, Err: "add up"},
		{Name: "negative", Op: "Split", Inputs: vals{iota(5), i64(6, -1)}, Outputs: 2, Err: "add up"},

		{Name: "slice", Op: "Slice", Inputs: vals{iota(2, 3), i64(1, -1), i64(math.MaxInt64, math.MinInt64), i64(0, 1), i64(1, -2)}, Want: vals{f32([]int{1, 2}, 5, 3)}},
		{Name: "slice attribute", Op: "Slice", Opset: 1, Inputs: vals{iota(2, 3)}, Attrs: attrs{optest.Ints("starts", 1), optest.Ints("ends", 9)}, Want: vals{f32([]int{1, 3}, 3, 4, 5)}},
		{Name: "far start, back", Op: "Slice", Inputs: vals{iota(5), i64(-100), i64(-1000), i64(0), i64(-1)}, Want: vals{iota(1)}}, // as ONNX Runtime, unlike numpy
		{Name: "huge step", Op: "Slice", Inputs: vals{iota(5), i64(4), i64(math.MinInt64), i64(0), i64(math.MinInt64)}, Want: vals{f32([]int{1}, 4)}},
		{Name: "empty", Op: "Slice", Inputs: vals{iota(5), i64(3), i64(3)}, Want: vals{iota(0)}},
		{Name: "step 0", Op: "Slice", Inputs: vals{iota(5), i64(0), i64(3), i64(0), i64(0)}, Err: "steps"},
		{Name: "lengths", Op: "Slice", Inputs: vals{iota(5), i64(0), i64(3, 4)}, Err: "one length"},

		{Name: "expand", Op: "Expand", Inputs: vals{iota(2, 1), i64(3, 1, 2)}, Want: vals{f32([]int{3, 2, 2}, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1)}},
		{Name: "expand less", Op: "Expand", Inputs: vals{iota(2, 2), i64(1)}, Want: vals{iota(2, 2)}},
		{Name: "expand to nothing", Op: "Expand", Inputs: vals{iota(1), i64(0)}, Want: vals{iota(0)}},
		{Name: "expand not", Op: "Expand", Inputs: vals{iota(2), i64(3)}, Err: "broadcast"},
		{Name: "expand strings", Op: "Expand", Inputs: vals{optest.Strings([]string{"ab"}, 1), i64(2)}, Want: vals{optest.Strings([]string{"ab", "ab"}, 2)}},

		{Name: "tile", Op: "Tile", Inputs: vals{iota(2, 2), i64(1, 2)}, Want: vals{f32([]int{2, 4}, 0, 1, 0, 1, 2, 3, 2, 3)}},
		{Name: "tile-1", Op: "Tile", Opset: 1, Inputs: vals{iota(2, 1), f32(nil, 2), f32(nil, 1)}, Want: vals{f32([]int{2, 2}, 0, 0, 1, 1)}},
		{Name: "tile none", Op: "Tile", Inputs: vals{iota(2), i64(0)}, Want: vals{iota(0)}},
		{Name: "tile overflow", Op: "Tile", Inputs: vals{iota(2), i64(math.MaxInt64)}, Err: "repeated"},

		{Name: "trilu", Op: "Trilu", Inputs: vals{iota(1, 2, 3), tensor.Scalar(int64(1))}, Attrs: attrs{optest.Int("upper", 0)}, Want: vals{f32([]int{1, 2, 3}, 0, 1, 0, 3, 4, 5)}},
		{Name: "trilu far", Op: "Trilu", Inputs: vals{f32([]int{1, 2}, 1, 2), tensor.Scalar(int64(math.MaxInt64))}, Want: vals{f32([]int{1, 2}, 0, 0)}},
		{Name: "trilu contrib", Domain: ms, Op: "Trilu", Inputs: vals{f32([]int{2, 2}, 1, 2, 3, 4)}, Want: vals{f32([]int{2, 2}, 1, 2, 0, 4)}},

		{Name: "reverse", Op: "ReverseSequence", Inputs: vals{iota(2, 3), i64(3, 2)}, Attrs: attrs{optest.Int("batch_axis", 0), optest.Int("time_axis", 1)}, Want: vals{f32([]int{2, 3}, 2, 1, 0, 4, 3, 5)}},
		{Name: "reverse too far", Op: "ReverseSequence", Inputs: vals{iota(2, 1), i64(3)}, Err: "sequence_lens"},
		{Name: "reverse axes", Op: "ReverseSequence", Inputs: vals{iota(2, 1), i64(1)}, Attrs: attrs{optest.Int("batch_axis", 0)}, Err: "batch_axis"},
	})
}

func TestPad(t *testing.T) {
	mode := func(m string) attrs { return attrs{optest.Str("mode", m)} }
	optest.Run(t, Table, []optest.Case{
		{Name: "constant", Op: "Pad", Inputs: vals{iota(1, 2), i64(0, 1, 1, 0), tensor.Scalar(float32(9))}, Want: vals{f32([]int{2, 3}, 9, 0, 1, 9, 9, 9)}},
		{Name: "axes", Op: "Pad", Inputs: vals{iota(1, 2), i64(1, 0), nil, i64(-1)}, Want: vals{f32([]int{1, 3}, 0, 0, 1)}},
		{Name: "negative", Op: "Pad", Inputs: vals{iota(5), i64(-2, -1)}, Want: vals{f32([]int{2}, 2, 3)}},
		{Name: "beyond the end", Op: "Pad", Inputs: vals{iota(5), i64(-7, 3)}, Want: vals{f32([]int{1}, 0)}},
		{Name: "nothing left", Op: "Pad", Inputs: vals{iota(5), i64(-7, 1)}, Err: "can't be padded"},
		{Name: "v1", Op: "Pad", Opset: 1, Inputs: vals{iota(2)}, Attrs: attrs{optest.Ints("paddings", 0, 1), optest.Float("value", 2)}, Want: vals{f32([]int{3}, 0, 1, 2)}},
		{Name: "v2", Op: "Pad", Opset: 2, Inputs: vals{iota(2)}, Attrs: attrs{optest.Ints("pads", 1, 0), optest.Str("mode", "edge")}, Want: vals{f32([]int{3}, 0, 0, 1)}},
		{Name: "edge", Op: "Pad", Inputs: vals{iota(5), i64(-2, 3)}, Attrs: mode("edge"), Want: vals{f32([]int{6}, 2, 3, 4, 4, 4, 4)}},
		{Name: "wrap", Op: "Pad", Inputs: vals{iota(5), i64(7, 6)}, Attrs: mode("wrap"), Want: vals{f32([]int{18}, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0)}},
		{Name: "wrap what is left", Op: "Pad", Inputs: vals{iota(5), i64(-2, 3)}, Attrs: mode("wrap"), Want: vals{f32([]int{6}, 2, 3, 4, 2, 3, 4)}},
		{Name: "reflect there and back", Op: "Pad", Inputs: vals{iota(3), i64(5, 3)}, Attrs: mode("reflect"), Want: vals{f32([]int{11}, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1)}}, // numpy.pad
		{Name: "reflect one", Op: "Pad", Inputs: vals{f32([]int{1}, 7), i64(1, 2)}, Attrs: mode("reflect"), Want: vals{f32([]int{4}, 7, 7, 7, 7)}},
		{Name: "reflect nothing", Op: "Pad", Inputs: vals{iota(0), i64(1, 0)}, Attrs: mode("reflect"), Err: "nothing"},
		{Name: "of nothing", Op: "Pad", Inputs: vals{iota(0), i64(1, 1)}, Want: vals{f32([]int{2}, 0, 0)}},
		{Name: "scalar", Op: "Pad", Inputs: vals{iota(), i64()}, Want: vals{iota()}},
		{Name: "strings", Op: "Pad", Inputs: vals{optest.Strings([]string{"a"}, 1), i64(1, 1), optest.Strings([]string{"x"})}, Want: vals{optest.Strings([]string{"x", "a", "x"}, 3)}},
		{Name: "int2", Op: "Pad", Inputs: vals{optest.As(tensor.Int2, i64(-2, 1)), i64(1, 2), optest.As(tensor.Int2, i64s(nil, -1))}, Want: vals{optest.As(tensor.Int2, i64(-1, -2, 1, -1, -1))}},
		{Name: "count", Op: "Pad", Inputs: vals{iota(2, 2), i64(1, 1)}, Err: "pads"},
		{Name: "contrib", Domain: ms, Op: "Pad", Inputs: vals{iota(2), i64s([]int{1, 2}, 1, 1), f32([]int{1}, 9)}, Want: vals{f32([]int{4}, 9, 0, 1, 9)}},

		{Name: "crop", Op: "CenterCropPad", Inputs: vals{iota(5), i64(2)}, Want: vals{f32([]int{2}, 1, 2)}},
		{Name: "centre", Op: "CenterCropPad", Inputs: vals{iota(2), i64(5)}, Want: vals{f32([]int{5}, 0, 0, 1, 0, 0)}},
		{Name: "crop an axis", Op: "CenterCropPad", Inputs: vals{iota(2, 3), i64(1)}, Attrs: attrs{optest.Ints("axes", -1)}, Want: vals{f32([]int{2, 1}, 1, 4)}},
		{Name: "crop below 0", Op: "CenterCropPad", Inputs: vals{iota(2), i64(-1)}, Err: "negative"},
	})
}
