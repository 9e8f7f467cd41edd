package move

import (
	"fmt"
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func bools(v ...bool) *tensor.Tensor { return optest.T(v, len(v)) }

func reduce(r string) attrs { return attrs{optest.Str("reduction", r)} }

func TestGather(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "rows", Op: "Gather", Inputs: vals{iota(3, 2), i64(-1, 0)}, Want: vals{f32([]int{2, 2}, 4, 5, 0, 1)}},
		{Name: "scalar index", Op: "Gather", Inputs: vals{iota(3, 2), tensor.Scalar(int32(1))}, Attrs: attrs{optest.Int("axis", -1)}, Want: vals{f32([]int{3}, 1, 3, 5)}},
		{Name: "no index", Op: "Gather", Inputs: vals{iota(3, 2), i64()}, Want: vals{iota(0, 2)}},
		{Name: "strings", Op: "Gather", Inputs: vals{optest.Strings([]string{"a", "b"}, 2), i64(1, 1, -2)}, Want: vals{optest.Strings([]string{"b", "b", "a"}, 3)}},
		{Name: "beyond", Op: "Gather", Inputs: vals{iota(3), i64(3)}, Err: "index 3 is out of range"},
		{Name: "below", Op: "Gather", Inputs: vals{iota(3), i64(math.MinInt64)}, Err: "out of range"},
		{Name: "of a scalar", Op: "Gather", Inputs: vals{iota(), i64(0)}, Err: "axis"},

		{Name: "elements", Op: "GatherElements", Inputs: vals{iota(2, 2), i64s([]int{2, 1}, 1, -2)}, Attrs: attrs{optest.Int("axis", 1)}, Want: vals{f32([]int{2, 1}, 1, 2)}},
		{Name: "elements beyond", Op: "GatherElements", Inputs: vals{iota(2, 1), i64s([]int{1, 2}, 0, 0)}, Err: "beyond data"},
		{Name: "elements rank", Op: "GatherElements", Inputs: vals{iota(2), i64s([]int{1, 1}, 0)}, Err: "rank"},

		// values of ONNX Runtime
		{Name: "ND", Op: "GatherND", Inputs: vals{iota(2, 3, 4), i64s([]int{2, 1, 2}, 0, 1, -1, 2)}, Want: vals{f32([]int{2, 1, 4}, 4, 5, 6, 7, 20, 21, 22, 23)}},
		{Name: "ND batch", Op: "GatherND", Inputs: vals{iota(2, 3, 4), i64s([]int{2, 1}, 1, -1)}, Attrs: attrs{optest.Int("batch_dims", 1)}, Want: vals{f32([]int{2, 4}, 4, 5, 6, 7, 20, 21, 22, 23)}},
		{Name: "ND tuple", Op: "GatherND", Inputs: vals{iota(2), i64s([]int{1, 2}, 0, 0)}, Err: "tuples"},
		{Name: "ND contrib", Domain: ms, Op: "GatherND", Inputs: vals{iota(2, 2), optest.T([]int32{0, 0, 1, 1}, 2, 2)}, Want: vals{f32([]int{2}, 0, 3)}},
	})
}

func TestScatter(t *testing.T) {
	f16 := func(v ...float32) *tensor.Tensor { return optest.As(tensor.Float16, f32([]int{len(v)}, v...)) }
	optest.Run(t, Table, []optest.Case{
		{Name: "elements", Op: "ScatterElements", Inputs: vals{iota(2, 2), i64s([]int{1, 2}, -1, 0), f32([]int{1, 2}, 8, 9)}, Want: vals{f32([]int{2, 2}, 0, 9, 8, 3)}},
		{Name: "old name", Op: "Scatter", Opset: 9, Inputs: vals{iota(3), i64(1), f32([]int{1}, 8)}, Want: vals{f32([]int{3}, 0, 8, 2)}},
		{Name: "strings", Op: "ScatterElements", Inputs: vals{optest.Strings([]string{"a", "b"}, 2), i64(1), optest.Strings([]string{"c"}, 1)}, Want: vals{optest.Strings([]string{"a", "c"}, 2)}},
		{Name: "max", Op: "ScatterElements", Inputs: vals{optest.T([]int32{0, 1, 2, 3}, 4), i64(1, -1, 1), optest.T([]int32{9, -5, 7}, 3)}, Attrs: reduce("max"), Want: vals{optest.T([]int32{0, 9, 2, 3}, 4)}},
		{Name: "min of NaN", Op: "ScatterElements", Inputs: vals{iota(1), i64(0), f32([]int{1}, float32(math.NaN()))}, Attrs: reduce("min"), Want: vals{f32([]int{1}, float32(math.NaN()))}},
		{Name: "rounded once", Op: "ScatterElements", Inputs: vals{f16(2048), i64(0, 0), f16(1, 1)}, Attrs: reduce("add"), Want: vals{f16(2050)}},
		{Name: "int64 exact", Op: "ScatterElements", Inputs: vals{i64(1 << 60), i64(0), i64(1)}, Attrs: reduce("add"), Want: vals{i64(1<<60 + 1)}},
		{Name: "uint8 wraps", Op: "ScatterElements", Inputs: vals{optest.T([]uint8{200}, 1), i64(0), optest.T([]uint8{3}, 1)}, Attrs: reduce("mul"), Want: vals{optest.T([]uint8{88}, 1)}},
		{Name: "bool add", Op: "ScatterElements", Inputs: vals{bools(true, false), i64(0, 1), bools(true, false)}, Attrs: reduce("add"), Want: vals{bools(true, false)}},
		{Name: "complex", Op: "ScatterElements", Inputs: vals{optest.T([]complex64{1i}, 1), i64(0), optest.T([]complex64{1i}, 1)}, Attrs: reduce("mul"), Want: vals{optest.T([]complex64{-1}, 1)}},
		{Name: "string sum", Op: "ScatterElements", Inputs: vals{optest.Strings([]string{"a"}, 1), i64(0), optest.Strings([]string{"a"}, 1)}, Attrs: reduce("add"), Err: "not defined"},
		{Name: "max came with 18", Op: "ScatterElements", Opset: 16, Inputs: vals{iota(1), i64(0), iota(1)}, Attrs: reduce("max"), Err: "must be one of"},
		{Name: "shapes", Op: "ScatterElements", Inputs: vals{iota(3), i64(0), iota(2)}, Err: "one shape"},
		{Name: "beyond", Op: "ScatterElements", Inputs: vals{iota(3), i64(-4), iota(1)}, Err: "out of range"},

		{Name: "ND add", Op: "ScatterND", Inputs: vals{iota(4), i64s([]int{3, 1}, 1, 1, 3), f32([]int{3}, 10, 20, 30)}, Attrs: reduce("add"), Want: vals{f32([]int{4}, 0, 31, 2, 33)}},
		{Name: "ND rows", Op: "ScatterND", Opset: 11, Inputs: vals{iota(2, 2), i64s([]int{1, 1}, -1), f32([]int{1, 2}, 8, 9)}, Want: vals{f32([]int{2, 2}, 0, 1, 8, 9)}},
		{Name: "ND updates", Op: "ScatterND", Inputs: vals{iota(2, 2), i64s([]int{1, 1}, 0), iota(2)}, Err: "updates are"},
		{Name: "ND beyond", Op: "ScatterND", Inputs: vals{iota(2), i64s([]int{1, 1}, 2), iota(1)}, Err: "out of range"},

		{Name: "circular", Op: "TensorScatter", Inputs: vals{f32([]int{2, 4, 1}, 0, 0, 0, 0, 0, 0, 0, 0), f32([]int{2, 3, 1}, 1, 2, 3, 4, 5, 6), i64(3, 1)}, Attrs: attrs{optest.Str("mode", "circular")},
			Want: vals{f32([]int{2, 4, 1}, 2, 3, 0, 1, 0, 4, 5, 6)}},
		{Name: "no index", Op: "TensorScatter", Inputs: vals{iota(1, 3), f32([]int{1, 2}, 8, 9)}, Attrs: attrs{optest.Int("axis", 1)}, Want: vals{f32([]int{1, 3}, 8, 9, 2)}},
		{Name: "linear beyond", Op: "TensorScatter", Inputs: vals{iota(1, 3), iota(1, 2), i64(2)}, Attrs: attrs{optest.Int("axis", 1)}, Err: "write index 2"},
		{Name: "batch axis", Op: "TensorScatter", Inputs: vals{iota(3, 1), iota(2, 1)}, Err: "does not fit"},
	})
}

func TestSelect(t *testing.T) {
	nan := float32(math.NaN())
	optest.Run(t, Table, []optest.Case{
		{Name: "compress", Op: "Compress", Inputs: vals{iota(2, 3), bools(false, true)}, Attrs: attrs{optest.Int("axis", -1)}, Want: vals{f32([]int{2, 1}, 1, 4)}},
		{Name: "compress flat", Op: "Compress", Inputs: vals{iota(2, 2), bools(true, false, false, true, true)}, Want: vals{f32([]int{2}, 0, 3)}},
		{Name: "compress rank", Op: "Compress", Inputs: vals{iota(2), optest.T([]bool{true}, 1, 1)}, Err: "rank 1"},

		{Name: "nonzero", Op: "NonZero", Inputs: vals{f32([]int{2, 2}, 0, nan, -1, float32(math.Copysign(0, -1)))}, Want: vals{i64s([]int{2, 2}, 0, 1, 1, 0)}},
		{Name: "nonzero scalar", Op: "NonZero", Inputs: vals{tensor.Scalar(float32(3))}, Want: vals{i64s([]int{0, 1})}},
		{Name: "nonzero strings", Op: "NonZero", Inputs: vals{optest.Strings([]string{"", "a"}, 2)}, Want: vals{i64s([]int{1, 1}, 1)}},
		{Name: "nonzero complex", Op: "NonZero", Inputs: vals{optest.T([]complex64{0, 1i}, 2)}, Want: vals{i64s([]int{1, 1}, 1)}},

		{Name: "one hot", Op: "OneHot", Inputs: vals{f32([]int{4}, 1.9, -1, 5, -4), tensor.Scalar(float32(3)), f32([]int{2}, 0, 1)}, Want: vals{f32([]int{4, 3}, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)}},
		{Name: "one hot axis", Op: "OneHot", Inputs: vals{i64(0, 2, -3), i64(3), optest.Strings([]string{"", "x"}, 2)}, Attrs: attrs{optest.Int("axis", 0)},
			Want: vals{optest.Strings([]string{"x", "", "x", "", "", "", "", "x", ""}, 3, 3)}},
		{Name: "depth", Op: "OneHot", Inputs: vals{i64(0), i64(-1), iota(2)}, Err: "depth"},

		{Name: "unique", Op: "Unique", Inputs: vals{f32([]int{6}, 2, 1, 1, 3, 4, 3)}, Want: vals{f32([]int{4}, 1, 2, 3, 4), i64(1, 0, 3, 4), i64(1, 0, 0, 2, 3, 2), i64(2, 1, 2, 1)}},
		{Name: "as they come", Op: "Unique", Inputs: vals{f32([]int{2, 3}, 3, 3, 1, 0, 0, 2)}, Attrs: attrs{optest.Int("axis", 1), optest.Int("sorted", 0)},
			Want: vals{f32([]int{2, 2}, 3, 1, 0, 2), i64(0, 2), i64(0, 0, 1), i64(2, 1)}}, // ONNX Runtime
		{Name: "NaN", Op: "Unique", Inputs: vals{f32([]int{4}, nan, 1, nan, 0)}, Want: vals{f32([]int{3}, 0, 1, nan), i64(3, 1, 0), i64(2, 1, 2, 0), i64(1, 1, 2)}}, // numpy.unique
		{Name: "unique strings", Op: "Unique", Inputs: vals{optest.Strings([]string{"b", "a", "b"}, 3)}, Want: vals{optest.Strings([]string{"a", "b"}, 2)}},
		{Name: "big ints", Op: "Unique", Inputs: vals{i64(1<<60+1, 1<<60)}, Want: vals{i64(1<<60, 1<<60+1)}},
		{Name: "of nothing", Op: "Unique", Inputs: vals{iota(0, 2)}, Want: vals{iota(0), i64(), i64(), i64()}},
		{Name: "scalar", Op: "Unique", Inputs: vals{iota()}, Want: vals{iota(1)}},
		{Name: "contrib", Domain: ms, Op: "Unique", Inputs: vals{f32([]int{6}, 2, 1, 1, 3, 4, 3)}, Want: vals{f32([]int{4}, 2, 1, 3, 4), i64(0, 1, 1, 2, 3, 2), i64(1, 2, 2, 1)}},

		// values of ONNX Runtime
		{Name: "col2im", Op: "Col2Im", Inputs: vals{f32([]int{1, 4, 4}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), i64(3, 3), i64(2, 2)},
			Want: vals{f32([]int{1, 1, 3, 3}, 1, 7, 6, 12, 34, 22, 11, 27, 16)}},
		{Name: "col2im strides", Op: "Col2Im", Inputs: vals{f32([]int{1, 4, 4}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), i64(4, 4), i64(2, 2)}, Attrs: attrs{optest.Ints("strides", 2, 2)},
			Want: vals{f32([]int{1, 1, 4, 4}, 1, 5, 2, 6, 9, 13, 10, 14, 3, 7, 4, 8, 11, 15, 12, 16)}},
		{Name: "col2im columns", Op: "Col2Im", Inputs: vals{iota(1, 4, 3), i64(3, 3), i64(2, 2)}, Err: "columns"},
		{Name: "col2im block", Op: "Col2Im", Inputs: vals{iota(1, 4, 4), i64(1, 1), i64(2, 2)}, Err: "does not fit"},
		{Name: "col2im strings", Op: "Col2Im", Inputs: vals{optest.Strings([]string{"a"}, 1, 1, 1), i64(1), i64(1)}, Err: "strings"},

		{Name: "n-grams", Domain: ms, Op: "NGramRepeatBlock", Inputs: vals{i64s([]int{1, 5}, 0, 1, 2, 0, 1), f32([]int{1, 4}, 0, 0, 0, 0)}, Attrs: attrs{optest.Int("ngram_size", 3)},
			Want: vals{f32([]int{1, 4}, 0, 0, float32(math.Inf(-1)), 0)}},
		{Name: "n-grams token", Domain: ms, Op: "NGramRepeatBlock", Inputs: vals{i64s([]int{1, 2}, 9, 9), f32([]int{1, 4}, 0, 0, 0, 0)}, Attrs: attrs{optest.Int("ngram_size", 2)}, Err: "token 9"},
		{Name: "n-grams size", Domain: ms, Op: "NGramRepeatBlock", Inputs: vals{i64s([]int{1, 1}, 0), iota(1, 1)}, Attrs: attrs{optest.Int("ngram_size", 0)}, Err: "ngram_size"},
	})
}

// TestTypes compares a move of every element type with the move of the
// elements' numbers as int64.
func TestTypes(t *testing.T) {
	cases := []optest.Case{
		{Op: "Transpose", Attrs: attrs{optest.Ints("perm", 2, 0, 1)}},
		{Op: "Slice", Inputs: vals{nil, i64(2), i64(-9), i64(1), i64(-1)}},
		{Op: "Concat", Attrs: attrs{optest.Int("axis", 1)}},
		{Op: "Split", Attrs: attrs{optest.Int("axis", 1), optest.Int("num_outputs", 2)}, Outputs: 2},
		{Op: "Pad", Inputs: vals{nil, i64(0, 1, 2, 0, -1, 0)}, Attrs: attrs{optest.Str("mode", "reflect")}},
		{Op: "Expand", Inputs: vals{nil, i64(2, 1, 1, 1)}},
		{Op: "Tile", Inputs: vals{nil, i64(2, 1, 2)}},
		{Op: "Gather", Inputs: vals{nil, i64(2, 0)}, Attrs: attrs{optest.Int("axis", 1)}},
		{Op: "GatherND", Inputs: vals{nil, i64s([]int{2, 2}, 1, 0, 0, 2)}},
		{Op: "Compress", Inputs: vals{nil, bools(true, false, true)}, Attrs: attrs{optest.Int("axis", 1)}},
		{Op: "Reshape", Inputs: vals{nil, i64(-1)}},
		{Op: "ReverseSequence", Inputs: vals{nil, i64(2, 1, 2)}},
	}
	for _, c := range cases {
		rest := c.Inputs
		call := func(x *tensor.Tensor) *tensor.Tensor {
			c.Inputs = vals{x}
			if len(rest) > 1 {
				c.Inputs = append(c.Inputs, rest[1:]...)
			}
			return evalAny(t, c)
		}
		want := call(optest.As(tensor.Int64, iota(2, 3, 3)))
		sc := schema.Lookup("", c.Op, 28)
		for _, name := range sc.Types[sc.Inputs[0].Type] {
			dt, ok := tensor.ParseDType(name)
			if !ok {
				continue
			}
			x := pattern(t, dt, 2, 3, 3)
			y := call(x)
			if !tensor.SameShape(y.Shape(), want.Shape()) || y.DType() != dt {
				t.Errorf("%s: %v of %v, want shape %v", c.Op, y, dt, want.Shape())
				continue
			}
			for i := range want.Len() {
				if a, b := cell(y, i), cell(x, int(want.IntAt(i))); a != b {
					t.Errorf("%s of %v: element %d is %v, want %v", c.Op, dt, i, a, b)
				}
			}
		}
	}
}

// evalAny runs c and returns its first output.
func evalAny(t *testing.T, c optest.Case) *tensor.Tensor {
	t.Helper()
	m, err := optest.Model(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := op.NewCatalog(Table).Resolve(m); err != nil {
		t.Fatal(err)
	}
	rt := &op.Runtime{Ctx: t.Context(), Bytes: 1 << 20, Iterations: 1 << 20}
	out, err := op.EvalNode(m.Graph.Nodes[0], rt, nil, c.Inputs)
	if err != nil {
		t.Fatalf("%s of %v: %v", c.Op, c.Inputs[0], err)
	}
	return out[0].(*tensor.Tensor)
}

// pattern returns a tensor whose elements differ in all their bits.
func pattern(t *testing.T, dt tensor.DType, dims ...int) *tensor.Tensor {
	x, err := tensor.New(dt, dims...)
	if err != nil {
		t.Fatal(err)
	}
	if dt == tensor.String {
		s := make([]string, x.Len())
		for i := range s {
			s[i] = fmt.Sprint("s", i)
		}
		return optest.Strings(s, dims...)
	}
	for i := range x.Bytes() {
		x.Bytes()[i] = byte(i*37 + 11)
	}
	if dt == tensor.Bool {
		for i := range x.Bytes() {
			x.Bytes()[i] = byte(i / 3 % 2)
		}
	}
	return x
}

func cell(x *tensor.Tensor, i int) string {
	switch b := x.DType().Bits(); {
	case b == 0:
		return x.Str(i)
	case b < 8:
		return fmt.Sprint(x.Bytes()[i*b/8] >> (i * b % 8) & (1<<b - 1))
	default:
		return fmt.Sprint(x.Bytes()[i*b/8 : (i+1)*b/8])
	}
}

// TestSymbols follows shape arithmetic on symbols.
func TestSymbols(t *testing.T) {
	b, s := graph.Dim{Sym: "batch"}, graph.Dim{Sym: "seq"}
	x := op.Fact{Type: graph.TensorType(tensor.Float32, graph.Shape{b, s, graph.D(768)})}
	vec := func(e ...graph.Dim) op.Fact {
		return op.Fact{Type: graph.TensorType(tensor.Int64, graph.Dims(len(e))), Elems: e}
	}
	con := func(t *tensor.Tensor) op.Fact { return op.Fact{Type: optest.TypeOf(t), Const: t} }
	for _, c := range []struct {
		name  string
		c     optest.Case
		in    []op.Fact
		shape string
		elems string
	}{
		{"shape", optest.Case{Op: "Shape"}, []op.Fact{x}, "[3]", "[batch,seq,768]"},
		{"size", optest.Case{Op: "Size"}, []op.Fact{x}, "[]", "[768*batch*seq]"},
		{"gather", optest.Case{Op: "Gather"}, []op.Fact{vec(b, s), con(tensor.Scalar(int64(-1)))}, "[]", "[seq]"},
		{"concat", optest.Case{Op: "Concat", Attrs: attrs{optest.Int("axis", 0)}}, []op.Fact{vec(b), vec(graph.D(-1))}, "[2]", "[batch,-1]"},
		{"slice", optest.Case{Op: "Slice"}, []op.Fact{vec(b, s), con(i64(-1)), con(i64(math.MaxInt64))}, "[1]", "[seq]"},
		{"unsqueeze", optest.Case{Op: "Unsqueeze"}, []op.Fact{{Type: graph.TensorType(tensor.Int64, graph.Shape{}), Elems: []graph.Dim{s}}, con(i64(0))}, "[1]", "[seq]"},
		{"reshape heads", optest.Case{Op: "Reshape"}, []op.Fact{x, vec(graph.D(0), graph.D(0), graph.D(12), graph.D(-1))}, "[batch,seq,12,64]", ""},
		{"reshape rest", optest.Case{Op: "Reshape"}, []op.Fact{x, vec(graph.D(-1), graph.D(768))}, "[batch*seq,768]", ""},
		{"reshape back", optest.Case{Op: "Reshape"}, []op.Fact{{Type: graph.TensorType(tensor.Float32, graph.Shape{{Sym: "batch*seq"}, graph.D(768)})}, vec(b, graph.D(-1), graph.D(768))}, "[batch,seq,768]", ""},
		{"flatten", optest.Case{Op: "Flatten", Attrs: attrs{optest.Int("axis", 2)}}, []op.Fact{x}, "[batch*seq,768]", ""},
		{"transpose", optest.Case{Op: "Transpose"}, []op.Fact{x}, "[768,seq,batch]", ""},
		{"expand", optest.Case{Op: "Expand"}, []op.Fact{{Type: graph.TensorType(tensor.Float32, graph.Dims(1, 3))}, vec(b, graph.D(1))}, "[batch,3]", ""},
		{"constant of shape", optest.Case{Op: "ConstantOfShape"}, []op.Fact{vec(b, s)}, "[batch,seq]", ""},
		{"range", optest.Case{Op: "Range"}, []op.Fact{con(tensor.Scalar(int64(0))), {Type: graph.TensorType(tensor.Int64, graph.Shape{}), Elems: []graph.Dim{s}}, con(tensor.Scalar(int64(1)))}, "[seq]", ""},
		{"whole slice", optest.Case{Op: "Slice"}, []op.Fact{x, con(i64(0)), con(i64(math.MaxInt64)), con(i64(1))}, "[batch,seq,768]", ""},
		{"tile", optest.Case{Op: "Tile"}, []op.Fact{x, con(i64(1, 2, 1))}, "[batch,2*seq,768]", ""},
		{"one hot", optest.Case{Op: "OneHot"}, []op.Fact{{Type: graph.TensorType(tensor.Int64, graph.Shape{b})}, con(tensor.Scalar(int64(4))), con(iota(2))}, "[batch,4]", ""},
	} {
		for range c.in {
			c.c.Inputs = append(c.c.Inputs, iota())
		}
		m, err := optest.Model(c.c)
		if err != nil {
			t.Fatal(err)
		}
		if err := op.NewCatalog(Table).Resolve(m); err != nil {
			t.Fatal(err)
		}
		out, err := op.InferNode(m.Graph.Nodes[0], &op.Scope{}, c.in)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := out[0].Type.Shape.String(); got != c.shape {
			t.Errorf("%s: shape %s, want %s", c.name, got, c.shape)
		}
		if got := graph.Shape(out[0].Elems).String(); c.elems != "" && got != c.elems {
			t.Errorf("%s: elements %s, want %s", c.name, got, c.elems)
		}
	}
}

// TestBudget: sizes from data are refused before memory is taken.
func TestBudget(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Op: "Expand", Inputs: vals{iota(1), i64(1<<30, 1<<4)}, Err: "output 0"},
		{Op: "Range", Inputs: vals{tensor.Scalar(int64(0)), tensor.Scalar(int64(math.MaxInt64)), tensor.Scalar(int64(1))}, Err: "range of"},
		{Op: "OneHot", Inputs: vals{i64(0, 1), i64(1 << 30), i64(0, 1)}, Err: "output 0"},
		{Op: "Pad", Inputs: vals{iota(1, 1), i64(1<<28, 1<<28, 0, 0)}, Err: "output 0"},
		{Op: "Tile", Inputs: vals{iota(1, 1, 2), i64(1<<20, 1<<20, 1)}, Err: "output 0"},
		{Name: "empty and wide", Op: "Pad", Inputs: vals{iota(0, 1), i64(0, 1<<28, 0, 0)}},
		{Name: "strings", Op: "Expand", Inputs: vals{optest.Strings([]string{string(make([]byte, 1<<20))}, 1), i64(1 << 14)}, Err: "budget"},
	})
}
