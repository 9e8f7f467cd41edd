package seq

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type (
	vals  = []tensor.Value
	attrs = []graph.Attr
)

func f32(dims []int, v ...float32) *tensor.Tensor {
	return optest.T(append([]float32{}, v...), dims...)
}

func i64(v ...int64) *tensor.Tensor { return optest.T(append([]int64{}, v...), len(v)) }

func pos(v int64) *tensor.Tensor { return tensor.Scalar(v) }

func one(v float32) *tensor.Tensor { return f32([]int{1}, v) }

func list(items ...tensor.Value) *tensor.Sequence {
	return &tensor.Sequence{Elem: tensor.Float32, Items: items}
}

func TestSequences(t *testing.T) {
	abc := list(one(1), one(2), f32([]int{2}, 3, 3))
	optest.Run(t, Table, []optest.Case{
		{Name: "construct", Op: "SequenceConstruct", Inputs: vals{one(1), f32([]int{2}, 3, 3)}, Want: vals{list(one(1), f32([]int{2}, 3, 3))}},
		{Name: "construct types", Op: "SequenceConstruct", Inputs: vals{one(1), i64(1)}, Err: "must be float"},
		{Name: "empty", Op: "SequenceEmpty", Attrs: attrs{optest.Int("dtype", 7)}, Want: vals{&tensor.Sequence{Elem: tensor.Int64}}},
		{Name: "empty type", Op: "SequenceEmpty", Attrs: attrs{optest.Int("dtype", 99)}, Err: "element type"},
		{Name: "insert", Op: "SequenceInsert", Inputs: vals{abc, one(9)}, Want: vals{list(one(1), one(2), f32([]int{2}, 3, 3), one(9))}},
		{Name: "insert at 0", Op: "SequenceInsert", Inputs: vals{abc, one(9), pos(0)}, Want: vals{list(one(9), one(1), one(2), f32([]int{2}, 3, 3))}},
		{Name: "insert before the last", Op: "SequenceInsert", Inputs: vals{abc, one(9), tensor.Scalar(int32(-1))}, Want: vals{list(one(1), one(2), one(9), f32([]int{2}, 3, 3))}},
		{Name: "insert at n", Op: "SequenceInsert", Inputs: vals{list(), one(9), pos(0)}, Want: vals{list(one(9))}},
		{Name: "insert beyond", Op: "SequenceInsert", Inputs: vals{abc, one(9), pos(4)}, Err: "position 4"},
		{Name: "insert below", Op: "SequenceInsert", Inputs: vals{abc, one(9), pos(math.MinInt64)}, Err: "out of range"},
		{Name: "insert type", Op: "SequenceInsert", Inputs: vals{abc, i64(9)}, Err: "float"},
		{Name: "insert into tensor", Op: "SequenceInsert", Inputs: vals{one(1), one(9)}, Err: "sequence"},
		{Name: "erase", Op: "SequenceErase", Inputs: vals{abc, pos(-3)}, Want: vals{list(one(2), f32([]int{2}, 3, 3))}},
		{Name: "erase the last", Op: "SequenceErase", Inputs: vals{abc}, Want: vals{list(one(1), one(2))}},
		{Name: "erase nothing", Op: "SequenceErase", Inputs: vals{list()}, Err: "out of range"},
		{Name: "erase n", Op: "SequenceErase", Inputs: vals{abc, pos(3)}, Err: "position 3"},
		{Name: "at", Op: "SequenceAt", Inputs: vals{abc, pos(-1)}, Want: vals{f32([]int{2}, 3, 3)}},
		{Name: "at n", Op: "SequenceAt", Inputs: vals{abc, pos(3)}, Err: "position 3"},
		{Name: "length", Op: "SequenceLength", Inputs: vals{abc}, Want: vals{pos(3)}},
		{Name: "length of none", Op: "SequenceLength", Inputs: vals{list()}, Want: vals{pos(0)}},
	})
}

func TestSplitAndConcat(t *testing.T) {
	x := f32([]int{2, 3}, 0, 1, 2, 3, 4, 5)
	ax := func(n int64) graph.Attr { return optest.Int("axis", n) }
	strs := optest.Strings([]string{"a", "b", "c", "d"}, 2, 2)
	optest.Run(t, Table, []optest.Case{
		{Name: "single", Op: "SplitToSequence", Inputs: vals{x}, Want: vals{list(f32([]int{1, 3}, 0, 1, 2), f32([]int{1, 3}, 3, 4, 5))}},
		{Name: "strip", Op: "SplitToSequence", Inputs: vals{x}, Attrs: attrs{ax(-1), optest.Int("keepdims", 0)}, Want: vals{list(f32([]int{2}, 0, 3), f32([]int{2}, 1, 4), f32([]int{2}, 2, 5))}},
		{Name: "keepdims without meaning", Op: "SplitToSequence", Inputs: vals{x, pos(2)}, Attrs: attrs{ax(1), optest.Int("keepdims", 0)}, Want: vals{list(f32([]int{2, 2}, 0, 1, 3, 4), f32([]int{2, 1}, 2, 5))}},
		{Name: "lengths", Op: "SplitToSequence", Opset: 11, Inputs: vals{x, optest.T([]int32{0, 3}, 2)}, Attrs: attrs{ax(1)}, Want: vals{list(f32([]int{2, 0}), x)}},
		{Name: "longer than the axis", Op: "SplitToSequence", Inputs: vals{x, pos(math.MaxInt64)}, Want: vals{list(x)}},
		{Name: "strings", Op: "SplitToSequence", Inputs: vals{strs}, Attrs: attrs{ax(1)}, Want: vals{&tensor.Sequence{Elem: tensor.String, Items: vals{optest.Strings([]string{"a", "c"}, 2, 1), optest.Strings([]string{"b", "d"}, 2, 1)}}}},
		{Name: "nothing", Op: "SplitToSequence", Inputs: vals{f32([]int{0, 2})}, Want: vals{list()}},
		{Name: "split 0", Op: "SplitToSequence", Inputs: vals{x, pos(0)}, Err: "above 0"},
		{Name: "sum", Op: "SplitToSequence", Inputs: vals{x, i64(1, 2)}, Err: "leaves the axis"},
		{Name: "sum too small", Op: "SplitToSequence", Inputs: vals{x, i64(1)}, Err: "adds up to 1"},
		{Name: "axis", Op: "SplitToSequence", Inputs: vals{x}, Attrs: attrs{ax(2)}, Err: "axis 2"},
		{Name: "endless", Op: "SplitToSequence", Inputs: vals{f32([]int{1 << 30, 0})}, Err: "1073741824"},

		{Name: "concat", Op: "ConcatFromSequence", Inputs: vals{list(one(1), f32([]int{2}, 2, 3))}, Attrs: attrs{ax(0)}, Want: vals{f32([]int{3}, 1, 2, 3)}},
		{Name: "stack", Op: "ConcatFromSequence", Inputs: vals{list(f32([]int{2}, 1, 2), f32([]int{2}, 3, 4))}, Attrs: attrs{ax(-1), optest.Int("new_axis", 1)}, Want: vals{f32([]int{2, 2}, 1, 3, 2, 4)}},
		{Name: "stack scalars", Op: "ConcatFromSequence", Inputs: vals{list(f32(nil, 1), f32(nil, 2))}, Attrs: attrs{ax(0), optest.Int("new_axis", 1)}, Want: vals{f32([]int{2}, 1, 2)}},
		{Name: "concat strings", Op: "ConcatFromSequence", Inputs: vals{&tensor.Sequence{Elem: tensor.String, Items: vals{strs, strs}}}, Attrs: attrs{ax(1)},
			Want: vals{optest.Strings([]string{"a", "b", "a", "b", "c", "d", "c", "d"}, 2, 4)}},
		{Name: "concat nothing", Op: "ConcatFromSequence", Inputs: vals{list()}, Attrs: attrs{ax(0)}, Err: "empty"},
		{Name: "stack shapes", Op: "ConcatFromSequence", Inputs: vals{list(one(1), f32([]int{2}, 2, 3))}, Attrs: attrs{ax(0), optest.Int("new_axis", 1)}, Err: "must be"},
	})
}

// TestPacked joins and cuts elements that don't fill a byte.
func TestPacked(t *testing.T) {
	e := op.NewEval(nil, &op.Runtime{Ctx: t.Context(), Bytes: 1 << 20, Iterations: 1 << 20}, nil, nil, nil)
	x := optest.As(tensor.Int4, optest.T([]int64{1, -2, 3, -4, 5, -6}, 2, 3))
	for _, c := range []struct {
		axis, start, n int
		want           []int64
	}{{1, 1, 2, []int64{-2, 3, 5, -6}}, {0, 1, 1, []int64{-4, 5, -6}}} {
		y, err := e.Part(x, c.axis, c.start, c.n)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range c.want {
			if y.IntAt(i) != v {
				t.Errorf("axis %d: element %d is %d, want %d", c.axis, i, y.IntAt(i), v)
			}
		}
	}
	y, err := e.StackTemp([]*tensor.Tensor{x, x}, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range y.Len() {
		if y.IntAt(i) != x.IntAt(i/2) {
			t.Errorf("stacked element %d is %d, want %d", i, y.IntAt(i), x.IntAt(i/2))
		}
	}
}

func TestOptionals(t *testing.T) {
	some := func(v tensor.Value) *tensor.Optional { return &tensor.Optional{Value: v} }
	ft := graph.TensorType(tensor.Float32, nil)
	typ := attrs{{Name: "type", Kind: graph.AttrType, Type: &ft}}
	yes, no := tensor.Scalar(true), tensor.Scalar(false)
	optest.Run(t, Table, []optest.Case{
		{Name: "tensor", Op: "Optional", Inputs: vals{one(1)}, Want: vals{some(one(1))}},
		{Name: "sequence", Op: "Optional", Opset: 15, Inputs: vals{list(one(1))}, Want: vals{some(list(one(1)))}},
		{Name: "nothing", Op: "Optional", Attrs: typ, Want: vals{&tensor.Optional{}}},
		{Name: "untyped nothing", Op: "Optional", Err: "neither"},
		{Name: "get", Op: "OptionalGetElement", Opset: 15, Inputs: vals{some(one(1))}, Want: vals{one(1)}},
		{Name: "get sequence", Op: "OptionalGetElement", Inputs: vals{some(list(one(1)))}, Want: vals{list(one(1))}},
		{Name: "get of tensor", Op: "OptionalGetElement", Inputs: vals{one(1)}, Want: vals{one(1)}},
		{Name: "get of nothing", Op: "OptionalGetElement", Inputs: vals{some(nil)}, Err: "empty"},
		{Name: "has", Op: "OptionalHasElement", Opset: 15, Inputs: vals{some(one(1))}, Want: vals{yes}},
		{Name: "has not", Op: "OptionalHasElement", Inputs: vals{some(nil)}, Want: vals{no}},
		{Name: "tensor has", Op: "OptionalHasElement", Inputs: vals{one(1)}, Want: vals{yes}},
		{Name: "no input", Op: "OptionalHasElement", Inputs: vals{nil}, Want: vals{no}},
		{Name: "no input at all", Op: "OptionalHasElement", Want: vals{no}},
	})
}

// TestTypes follows the types of sequences and optionals through inference.
func TestTypes(t *testing.T) {
	b := graph.Dim{Sym: "b"}
	tt := func(d ...graph.Dim) graph.Type { return graph.TensorType(tensor.Float32, append(graph.Shape{}, d...)) }
	of := func(k graph.Kind, in graph.Type) graph.Type { return graph.Type{Kind: k, Inner: &in} }
	for _, c := range []struct {
		c    optest.Case
		in   []graph.Type
		want string
	}{
		{optest.Case{Op: "SequenceConstruct"}, []graph.Type{tt(b, graph.D(2)), tt(b, graph.D(2))}, "seq(float[b,2])"},
		{optest.Case{Op: "SequenceConstruct"}, []graph.Type{tt(b), tt(b, b)}, "seq(float[...])"},
		{optest.Case{Op: "SequenceInsert"}, []graph.Type{of(graph.KindSequence, graph.TensorType(tensor.Float32, nil)), tt(b)}, "seq(float[...])"},
		{optest.Case{Op: "SequenceErase"}, []graph.Type{of(graph.KindSequence, tt(b))}, "seq(float[b])"},
		{optest.Case{Op: "SequenceAt"}, []graph.Type{of(graph.KindSequence, tt(b, graph.D(2))), graph.TensorType(tensor.Int64, graph.Shape{})}, "float[?1,2]"}, // items may differ in b
		{optest.Case{Op: "SplitToSequence", Attrs: attrs{optest.Int("keepdims", 0)}}, []graph.Type{tt(b, graph.D(2))}, "seq(float[2])"},
		{optest.Case{Op: "ConcatFromSequence", Attrs: attrs{optest.Int("axis", 1), optest.Int("new_axis", 1)}}, []graph.Type{of(graph.KindSequence, tt(graph.D(4)))}, "float[4,?1]"},
		{optest.Case{Op: "Optional"}, []graph.Type{of(graph.KindSequence, tt(b))}, "optional(seq(float[b]))"},
		{optest.Case{Op: "OptionalGetElement"}, []graph.Type{of(graph.KindOptional, tt(b))}, "float[b]"},
	} {
		facts := make([]op.Fact, len(c.in))
		for i, t := range c.in {
			c.c.Inputs = append(c.c.Inputs, one(0))
			facts[i] = op.Fact{Type: t}
		}
		m, err := optest.Model(c.c)
		if err != nil {
			t.Fatal(err)
		}
		if err := op.NewCatalog(Table).Resolve(m); err != nil {
			t.Fatal(err)
		}
		out, err := op.InferNode(m.Graph.Nodes[0], &op.Scope{}, facts)
		if err != nil {
			t.Errorf("%s: %v", c.c.Op, err)
		} else if got := out[0].Type.String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.c.Op, got, c.want)
		}
	}
}
