package reduce

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type vals = []tensor.Value

func f32(v ...float32) *tensor.Tensor { return optest.T(v, len(v)) }
func i64(v ...int64) *tensor.Tensor   { return optest.T(v, len(v)) }

var (
	nan   = float32(math.NaN())
	inf   = float32(math.Inf(1))
	flat  = optest.Int("keepdims", 0)
	noop  = optest.Int("noop_with_empty_axes", 1)
	cube  = optest.T([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3, 2, 2)
	empty = optest.T([]float32{}, 2, 0)
)

// Expected values are numpy's.
func TestReduce(t *testing.T) {
	a := func(l ...graph.Attr) []graph.Attr { return l }
	optest.Run(t, Table, []optest.Case{
		{Name: "all", Op: "ReduceSum", Inputs: vals{cube}, Want: vals{optest.T([]float32{78}, 1, 1, 1)}},
		{Name: "all flat", Op: "ReduceSum", Attrs: a(flat), Inputs: vals{cube}, Want: vals{tensor.Scalar(float32(78))}},
		{Name: "middle", Op: "ReduceSum", Attrs: a(flat), Inputs: vals{cube, i64(1)}, Want: vals{optest.T([]float32{4, 6, 12, 14, 20, 22}, 3, 2)}},
		{Name: "negative", Op: "ReduceSum", Inputs: vals{cube, i64(-1)}, Want: vals{optest.T([]float32{3, 7, 11, 15, 19, 23}, 3, 2, 1)}},
		{Name: "two axes", Op: "ReduceSum", Attrs: a(flat), Inputs: vals{cube, i64(2, 0)}, Want: vals{f32(33, 45)}},
		{Name: "attribute", Op: "ReduceSum", Opset: 11, Attrs: a(flat, optest.Ints("axes", 0)), Inputs: vals{cube}, Want: vals{optest.T([]float32{15, 18, 21, 24}, 2, 2)}},
		{Name: "empty axes", Op: "ReduceSum", Attrs: a(flat), Inputs: vals{f32(1, 2), i64()}, Want: vals{tensor.Scalar(float32(3))}},
		{Name: "noop", Op: "ReduceSum", Attrs: a(noop), Inputs: vals{f32(1, 2), i64()}, Want: vals{f32(1, 2)}},
		{Name: "noop squares", Op: "ReduceSumSquare", Attrs: a(noop), Inputs: vals{f32(1, -2)}, Want: vals{f32(1, 4)}},
		{Name: "scalar", Op: "ReduceSum", Inputs: vals{tensor.Scalar(float32(5))}, Want: vals{tensor.Scalar(float32(5))}},
		{Name: "int64", Op: "ReduceSum", Inputs: vals{i64(1<<53, 1)}, Want: vals{i64(1<<53 + 1)}},
		{Name: "uint64", Op: "ReduceSum", Inputs: vals{optest.T([]uint64{1 << 63, 1}, 2)}, Want: vals{optest.T([]uint64{1<<63 + 1}, 1)}},
		{Name: "float64 sums", Op: "ReduceSum", Inputs: vals{f32(1<<24, 1, 1)}, Want: vals{f32(1<<24 + 2)}},
		{Name: "float16", Op: "ReduceSum", Inputs: vals{optest.As(tensor.Float16, f32(60000, 60000, -60000))}, Want: vals{optest.As(tensor.Float16, f32(60000))}},
		{Name: "axis range", Op: "ReduceSum", Inputs: vals{cube, i64(3)}, Err: "axis 3 is out of range"},
		{Name: "axis twice", Op: "ReduceSum", Inputs: vals{cube, i64(0, -3)}, Err: "twice"},

		{Op: "ReduceMean", Inputs: vals{f32(1, 2, 6)}, Want: vals{f32(3)}},
		{Name: "int mean truncates", Op: "ReduceMean", Inputs: vals{i64(1, -4)}, Want: vals{i64(-1)}},
		{Name: "mean of nothing", Op: "ReduceMean", Inputs: vals{empty, i64(1)}, Want: vals{optest.T([]float32{nan, nan}, 2, 1)}},
		{Name: "int mean of nothing", Op: "ReduceMean", Inputs: vals{i64()}, Err: "mean"},
		{Op: "ReduceProd", Inputs: vals{f32(2, 3, -4)}, Want: vals{f32(-24)}},
		{Name: "product of nothing", Op: "ReduceProd", Inputs: vals{empty, i64(1)}, Want: vals{optest.T([]float32{1, 1}, 2, 1)}},
		{Name: "int product", Op: "ReduceProd", Inputs: vals{i64(3, 1<<40+1)}, Want: vals{i64(3<<40 + 3)}},
		{Op: "ReduceMax", Inputs: vals{f32(2, nan, inf)}, Want: vals{f32(nan)}},
		{Name: "max of nothing", Op: "ReduceMax", Attrs: a(flat), Inputs: vals{empty, i64(1)}, Want: vals{f32(-inf, -inf)}},
		{Name: "max of no int8", Op: "ReduceMax", Attrs: a(flat), Inputs: vals{optest.T([]int8{}, 0)}, Want: vals{tensor.Scalar(int8(-128))}},
		{Name: "max of no uint64", Op: "ReduceMax", Attrs: a(flat), Inputs: vals{optest.T([]uint64{}, 0)}, Want: vals{tensor.Scalar(uint64(0))}},
		{Name: "max of bools", Op: "ReduceMax", Attrs: a(flat), Inputs: vals{optest.T([]bool{false, true, false, false}, 2, 2), i64(1)}, Want: vals{optest.T([]bool{true, false}, 2)}},
		{Name: "int64 max", Op: "ReduceMax", Inputs: vals{i64(1<<53+1, 1<<53)}, Want: vals{i64(1<<53 + 1)}},
		{Op: "ReduceMin", Inputs: vals{f32(2, -inf, 3)}, Want: vals{f32(-inf)}},
		{Name: "min of no int64", Op: "ReduceMin", Attrs: a(flat), Inputs: vals{i64()}, Want: vals{tensor.Scalar(int64(math.MaxInt64))}},
		{Name: "min of no uint64", Op: "ReduceMin", Attrs: a(flat), Inputs: vals{optest.T([]uint64{}, 0)}, Want: vals{tensor.Scalar(uint64(math.MaxUint64))}},
		{Name: "min of no bools", Op: "ReduceMin", Attrs: a(flat), Inputs: vals{optest.T([]bool{}, 0)}, Want: vals{tensor.Scalar(true)}},
		{Op: "ReduceL1", Inputs: vals{f32(1, -2)}, Want: vals{f32(3)}},
		{Name: "int L1", Op: "ReduceL1", Inputs: vals{i64(1, -2)}, Want: vals{i64(3)}},
		{Op: "ReduceL2", Inputs: vals{f32(3, -4)}, Want: vals{f32(5)}},
		{Name: "int L2", Op: "ReduceL2", Inputs: vals{i64(1, 2)}, Want: vals{i64(2)}},
		{Op: "ReduceSumSquare", Inputs: vals{f32(3, -4)}, Want: vals{f32(25)}},
		{Name: "int square", Op: "ReduceSumSquare", Inputs: vals{i64(1<<27 + 1)}, Want: vals{i64(1<<54 + 1<<28 + 1)}},
		{Op: "ReduceLogSum", Inputs: vals{f32(1, math.E-1)}, Want: vals{f32(1)}, Tol: 1e-6},
		{Name: "log of nothing", Op: "ReduceLogSum", Attrs: a(flat), Inputs: vals{empty, i64(1)}, Want: vals{f32(-inf, -inf)}},
		{Op: "ReduceLogSumExp", Inputs: vals{f32(1000, 1000)}, Want: vals{f32(1000.6931)}, Tol: 1e-6},
		{Name: "infinities", Op: "ReduceLogSumExp", Attrs: a(flat), Inputs: vals{optest.T([]float32{-inf, -inf, 1, inf, nan, 1}, 3, 2), i64(1)}, Want: vals{f32(-inf, inf, nan)}},
		{Name: "log-sum-exp of nothing", Op: "ReduceLogSumExp", Attrs: a(flat), Inputs: vals{empty, i64(1)}, Want: vals{f32(-inf, -inf)}},
		{Name: "int log-sum-exp", Op: "ReduceLogSumExp", Opset: 18, Inputs: vals{i64(1, 2)}, Want: vals{i64(2)}},
		{Name: "int log-sum-exp in 28", Op: "ReduceLogSumExp", Inputs: vals{i64(1, 2)}, Err: "int64"},
	})
}

func TestArg(t *testing.T) {
	a := func(l ...graph.Attr) []graph.Attr { return l }
	x := optest.T([]float32{1, 3, 3, 2, 2, 1}, 2, 3)
	optest.Run(t, Table, []optest.Case{
		{Name: "first", Op: "ArgMax", Attrs: a(optest.Int("axis", 1)), Inputs: vals{x}, Want: vals{optest.T([]int64{1, 0}, 2, 1)}},
		{Name: "last", Op: "ArgMax", Attrs: a(optest.Int("axis", -1), flat, optest.Int("select_last_index", 1)), Inputs: vals{x}, Want: vals{i64(2, 1)}},
		{Name: "default axis", Op: "ArgMin", Attrs: a(flat), Inputs: vals{x}, Want: vals{i64(0, 1, 1)}},
		{Name: "min last", Op: "ArgMin", Attrs: a(flat, optest.Int("select_last_index", 1)), Inputs: vals{f32(2, 1, 1)}, Want: vals{tensor.Scalar(int64(2))}},
		{Name: "nan", Op: "ArgMax", Attrs: a(flat), Inputs: vals{f32(1, nan, 5, nan)}, Want: vals{tensor.Scalar(int64(1))}},
		{Name: "nan", Op: "ArgMin", Attrs: a(flat), Inputs: vals{f32(1, nan, -5, nan)}, Want: vals{tensor.Scalar(int64(1))}},
		{Name: "int64", Op: "ArgMax", Attrs: a(flat), Inputs: vals{i64(1<<53, 1<<53+1)}, Want: vals{tensor.Scalar(int64(1))}},
		{Name: "uint64", Op: "ArgMin", Attrs: a(flat), Inputs: vals{optest.T([]uint64{1 << 63, 1}, 2)}, Want: vals{tensor.Scalar(int64(1))}},
		{Name: "empty axis", Op: "ArgMax", Attrs: a(optest.Int("axis", 1)), Inputs: vals{empty}, Err: "empty"},
		{Name: "empty other", Op: "ArgMax", Inputs: vals{empty}, Want: vals{optest.T([]int64{}, 1, 0)}},
		{Name: "range", Op: "ArgMax", Attrs: a(optest.Int("axis", 2)), Inputs: vals{x}, Err: "axis 2"},
	})
}

func TestCumulative(t *testing.T) {
	a := func(l ...graph.Attr) []graph.Attr { return l }
	excl, rev := optest.Int("exclusive", 1), optest.Int("reverse", 1)
	x := optest.T([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	axis := func(v int32) *tensor.Tensor { return tensor.Scalar(v) }
	optest.Run(t, Table, []optest.Case{
		{Op: "CumSum", Inputs: vals{x, axis(1)}, Want: vals{optest.T([]float32{1, 3, 6, 4, 9, 15}, 2, 3)}},
		{Name: "axis 0", Op: "CumSum", Inputs: vals{x, axis(-2)}, Want: vals{optest.T([]float32{1, 2, 3, 5, 7, 9}, 2, 3)}},
		{Name: "exclusive", Op: "CumSum", Attrs: a(excl), Inputs: vals{x, axis(1)}, Want: vals{optest.T([]float32{0, 1, 3, 0, 4, 9}, 2, 3)}},
		{Name: "reverse", Op: "CumSum", Attrs: a(rev), Inputs: vals{x, axis(1)}, Want: vals{optest.T([]float32{6, 5, 3, 15, 11, 6}, 2, 3)}},
		{Name: "both", Op: "CumSum", Attrs: a(rev, excl), Inputs: vals{x, i64(1)}, Want: vals{optest.T([]float32{5, 3, 0, 11, 6, 0}, 2, 3)}},
		{Name: "int64", Op: "CumSum", Inputs: vals{i64(1<<53, 1), axis(0)}, Want: vals{i64(1<<53, 1<<53+1)}},
		{Name: "product", Op: "CumProd", Inputs: vals{x, axis(1)}, Want: vals{optest.T([]float32{1, 2, 6, 4, 20, 120}, 2, 3)}},
		{Name: "product both", Op: "CumProd", Attrs: a(rev, excl), Inputs: vals{x, axis(1)}, Want: vals{optest.T([]float32{6, 3, 1, 30, 6, 1}, 2, 3)}},
		{Name: "range", Op: "CumSum", Inputs: vals{x, axis(2)}, Err: "axis 2"},
		{Name: "scalar", Op: "CumSum", Inputs: vals{tensor.Scalar(float32(1)), axis(0)}, Err: "rank 0"},
		{Name: "axis vector", Op: "CumSum", Inputs: vals{x, i64(0, 1)}, Err: "scalar"},
	})
}

func TestTopK(t *testing.T) {
	a := func(l ...graph.Attr) []graph.Attr { return l }
	x := optest.T([]float32{1, 5, 3, 4, 5, 0}, 2, 3)
	optest.Run(t, Table, []optest.Case{
		{Name: "last axis", Op: "TopK", Inputs: vals{x, i64(2)}, Want: vals{optest.T([]float32{5, 3, 5, 4}, 2, 2), optest.T([]int64{1, 2, 1, 0}, 2, 2)}},
		{Name: "axis 0 smallest", Op: "TopK", Attrs: a(optest.Int("axis", 0), optest.Int("largest", 0)), Inputs: vals{x, i64(1)}, Want: vals{optest.T([]float32{1, 5, 0}, 1, 3), optest.T([]int64{0, 0, 1}, 1, 3)}},
		{Name: "attribute", Op: "TopK", Opset: 1, Attrs: a(optest.Int("k", 1)), Inputs: vals{x}, Want: vals{optest.T([]float32{5, 5}, 2, 1), optest.T([]int64{1, 1}, 2, 1)}},
		{Name: "ties and nan", Op: "TopK", Inputs: vals{f32(1, nan, 5, -inf, 5), i64(5)}, Want: vals{f32(nan, 5, 5, 1, -inf), i64(1, 2, 4, 0, 3)}},
		{Name: "nan smallest", Op: "TopK", Attrs: a(optest.Int("largest", 0)), Inputs: vals{f32(1, nan, 5, -inf), i64(4)}, Want: vals{f32(-inf, 1, 5, nan), i64(3, 0, 2, 1)}},
		{Name: "unsorted", Op: "TopK", Attrs: a(optest.Int("sorted", 0)), Inputs: vals{f32(1, 2), i64(2)}, Want: vals{f32(2, 1), i64(1, 0)}},
		{Name: "int64", Op: "TopK", Inputs: vals{i64(1<<53, 1<<53+1), i64(1)}, Want: vals{i64(1<<53 + 1), i64(1)}},
		{Name: "uint64", Op: "TopK", Inputs: vals{optest.T([]uint64{1, 1 << 63}, 2), i64(1)}, Want: vals{optest.T([]uint64{1 << 63}, 1), i64(1)}},
		{Name: "none", Op: "TopK", Inputs: vals{f32(1, 2), i64(0)}, Want: vals{f32(), i64()}},
		{Name: "too many", Op: "TopK", Outputs: 2, Inputs: vals{f32(1, 2), i64(3)}, Err: "k is 3"},
		{Name: "negative", Op: "TopK", Outputs: 2, Inputs: vals{f32(1, 2), i64(-1)}, Err: "k is -1"},
		{Name: "scalar", Op: "TopK", Outputs: 2, Inputs: vals{tensor.Scalar(float32(1)), i64(1)}, Err: "rank 0"},
	})
}
