package linalg

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type list = []tensor.Value

var (
	attrs = func(a ...graph.Attr) []graph.Attr { return a }
	f32   = func(dims []int, x ...float32) *tensor.Tensor { return optest.T(x, dims...) }
	shape = func(d ...int) []int { return d }
)

const ms = "com.microsoft"

func TestMatMul(t *testing.T) {
	a, b := f32(shape(2, 3), 1, 2, 3, 4, 5, 6), f32(shape(3, 2), 1, 0, 2, -1, 0, 3)
	want := f32(shape(2, 2), 5, 7, 14, 13)
	var cases []optest.Case
	for _, dt := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Int32, tensor.Int64} {
		cases = append(cases, optest.Case{Name: dt.String(), Op: "MatMul", Inputs: list{optest.As(dt, a), optest.As(dt, b)}, Want: list{optest.As(dt, want)}})
	}
	big := uint64(1) << 63
	cases = append(cases,
		optest.Case{Name: "exact int64", Op: "MatMul", Inputs: list{optest.T([]int64{1<<60 + 1, 2}, 1, 2), optest.T([]int64{1, -1}, 2, 1)}, Want: list{optest.T([]int64{1<<60 - 1}, 1, 1)}},
		optest.Case{Name: "exact uint64", Op: "MatMul", Inputs: list{optest.T([]uint64{big, 1}, 2), optest.T([]uint64{1, 5}, 2)}, Want: list{tensor.Scalar(big + 5)}},
		optest.Case{Name: "int32 wraps", Op: "MatMul", Inputs: list{optest.T([]int32{1 << 30}, 1, 1), optest.T([]int32{4}, 1, 1)}, Want: list{optest.T([]int32{0}, 1, 1)}},
		// The sum is exact in wide arithmetic and would be 0 in float32.
		optest.Case{Name: "wide sum", Op: "MatMul", Inputs: list{f32(shape(1, 3), 1e8, 1, -1e8), f32(shape(3, 1), 1, 1, 1)}, Want: list{f32(shape(1, 1), 1)}},
		optest.Case{Name: "version 1", Op: "MatMul", Opset: 1, Inputs: list{a, b}, Want: list{want}},
		optest.Case{Name: "integers came later", Op: "MatMul", Opset: 8, Inputs: list{optest.As(tensor.Int32, a), optest.As(tensor.Int32, b)}, Err: "int32"},
		optest.Case{Name: "inner", Op: "MatMul", Inputs: list{a, a}, Err: "inner dimensions"},
		optest.Case{Name: "batch", Op: "MatMul", Inputs: list{f32(shape(2, 1, 1), 1, 2), f32(shape(3, 1, 1), 1, 2, 3)}, Err: "broadcast"},
		optest.Case{Name: "scalar", Op: "MatMul", Inputs: list{f32(shape(), 1), a}, Err: "scalar"},
		optest.Case{Name: "types", Op: "MatMul", Inputs: list{a, optest.As(tensor.Float64, b)}, Err: "double"},
		optest.Case{Name: "vast and empty", Op: "MatMul", Inputs: list{f32(shape(1<<29, 0, 3)), f32(shape(3, 2), 1, 2, 3, 4, 5, 6)}, Want: list{f32(shape(1<<29, 0, 2))}},
		optest.Case{Name: "sum over nothing", Op: "MatMul", Inputs: list{f32(shape(2, 0)), f32(shape(0, 2))}, Want: list{f32(shape(2, 2), 0, 0, 0, 0)}},
	)
	optest.Run(t, Table, cases)
}

func TestFusedMatMul(t *testing.T) {
	a := f32(shape(2, 3), 1, 2, 3, 4, 5, 6)
	at := f32(shape(3, 2), 1, 4, 2, 5, 3, 6)
	v := f32(shape(2), 1, 10)
	optest.Run(t, Table, []optest.Case{
		// A rank-1 operand on the right does not keep the other from being transposed.
		{Name: "vector", Domain: ms, Op: "FusedMatMul", Attrs: attrs(optest.Int("transA", 1), optest.Int("transB", 1)), Inputs: list{a, v}, Want: list{f32(shape(3), 41, 52, 63)}},
		{Name: "bfloat16", Domain: ms, Op: "FusedMatMul", Attrs: attrs(optest.Int("transB", 1), optest.Float("alpha", 2)),
			Inputs: list{optest.As(tensor.BFloat16, a), optest.As(tensor.BFloat16, a)}, Want: list{optest.As(tensor.BFloat16, f32(shape(2, 2), 28, 64, 64, 154))}},
		{Name: "activation", Domain: ms, Op: "FusedMatMulActivation", Attrs: attrs(optest.Str("activation", "Relu"), optest.Float("alpha", -1), optest.Int("transA", 1)),
			Inputs: list{at, f32(shape(3, 1), 1, -1, 0)}, Want: list{f32(shape(2, 1), 1, 1)}},
		{Name: "activation unknown", Domain: ms, Op: "FusedMatMulActivation", Attrs: attrs(optest.Str("activation", "Softmax")), Inputs: list{a, at}, Err: "Softmax"},
		{Name: "sparse", Domain: ms, Op: "SparseToDenseMatMul", Attrs: attrs(optest.Float("alpha", 3)), Inputs: list{f32(shape(2, 2), 0, 2, 0, 0), f32(shape(2, 1), 5, 7)}, Want: list{f32(shape(2, 1), 42, 0)}},
		{Name: "sparse integers", Domain: ms, Op: "SparseToDenseMatMul", Attrs: attrs(optest.Int("transA", 1)),
			Inputs: list{optest.T([]int64{0, 2, 0, 0}, 2, 2), optest.T([]int64{5, 7}, 2, 1)}, Want: list{optest.T([]int64{0, 10}, 2, 1)}},
	})
}

func TestGemm(t *testing.T) {
	a, b := f32(shape(2, 3), 1, 2, 3, 4, 5, 6), f32(shape(3, 2), 1, 0, 2, -1, 0, 3)
	i32 := func(x *tensor.Tensor) *tensor.Tensor { return optest.As(tensor.Int32, x) }
	optest.Run(t, Table, []optest.Case{
		{Name: "no C", Op: "Gemm", Inputs: list{a, b}, Want: list{f32(shape(2, 2), 5, 7, 14, 13)}},
		{Name: "C scalar", Op: "Gemm", Inputs: list{a, b, f32(shape(), 1)}, Want: list{f32(shape(2, 2), 6, 8, 15, 14)}},
		{Name: "C column", Op: "Gemm", Attrs: attrs(optest.Float("beta", 2)), Inputs: list{a, b, f32(shape(2, 1), 1, 2)}, Want: list{f32(shape(2, 2), 7, 9, 18, 17)}},
		{Name: "beta 0 hides NaN", Op: "Gemm", Attrs: attrs(optest.Float("beta", 0)), Inputs: list{a, b, f32(shape(1), float32(math.NaN()))}, Want: list{f32(shape(2, 2), 5, 7, 14, 13)}},
		{Name: "version 1 broadcast", Op: "Gemm", Opset: 1, Attrs: attrs(optest.Int("broadcast", 1)), Inputs: list{a, b, f32(shape(2), 1, 2)}, Want: list{f32(shape(2, 2), 6, 9, 15, 15)}},
		{Name: "version 6", Op: "Gemm", Opset: 6, Attrs: attrs(optest.Int("transA", 1)), Inputs: list{b, a, f32(shape(2, 3), 0, 0, 0, 0, 0, 0)}, Err: "inner"},
		{Name: "integers", Op: "Gemm", Attrs: attrs(optest.Float("alpha", 2), optest.Float("beta", -1)), Inputs: list{i32(a), i32(b), i32(f32(shape(2), 1, 2))}, Want: list{i32(f32(shape(2, 2), 9, 12, 27, 24))}},
		{Name: "integers, half", Op: "Gemm", Attrs: attrs(optest.Float("alpha", .5)), Inputs: list{i32(a), i32(b)}, Want: list{i32(f32(shape(2, 2), 2, 3, 7, 6))}},
		{Name: "float16 sums wide", Op: "Gemm", Inputs: list{optest.As(tensor.Float16, f32(shape(1, 2), 2048, 1)), optest.As(tensor.Float16, f32(shape(2, 1), 1, 1)), optest.As(tensor.Float16, f32(shape(1), 1))},
			Want: list{optest.As(tensor.Float16, f32(shape(1, 1), 2050))}},
		{Name: "empty", Op: "Gemm", Inputs: list{f32(shape(0, 3)), b, f32(shape(2), 1, 2)}, Want: list{f32(shape(0, 2))}},
		{Name: "K is 0", Op: "Gemm", Inputs: list{f32(shape(1, 0)), f32(shape(0, 2)), f32(shape(2), 1, 2)}, Want: list{f32(shape(1, 2), 1, 2)}},
		{Name: "C too large", Op: "Gemm", Inputs: list{a, b, f32(shape(3), 1, 2, 3)}, Err: "C "},
		{Name: "C of higher rank", Op: "Gemm", Inputs: list{a, b, f32(shape(1, 2, 2), 1, 2, 3, 4)}, Err: "C "},
		{Name: "rank", Op: "Gemm", Inputs: list{f32(shape(3), 1, 2, 3), b}, Err: "matri"},
		{Name: "Celu by 0", Domain: ms, Op: "FusedGemm", Attrs: attrs(optest.Str("activation", "Celu"), optest.Float("activation_alpha", 0)), Inputs: list{a, b}, Err: "divides"},
	})
}

func TestEinsum(t *testing.T) {
	a := f32(shape(2, 3), 1, 2, 3, 4, 5, 6)
	eq := func(s string) []graph.Attr { return attrs(optest.Str("equation", s)) }
	i64 := optest.T([]int64{1 << 60, 1, 2, 3}, 2, 2)
	optest.Run(t, Table, []optest.Case{
		{Name: "ellipsis summed", Op: "Einsum", Attrs: eq("...->"), Inputs: list{a}, Want: list{f32(shape(), 21)}},
		{Name: "ellipsis of nothing", Op: "Einsum", Attrs: eq("...ij->...ji"), Inputs: list{a}, Want: list{f32(shape(3, 2), 1, 4, 2, 5, 3, 6)}},
		{Name: "capital first", Op: "Einsum", Attrs: eq("aB"), Inputs: list{a}, Want: list{f32(shape(3, 2), 1, 4, 2, 5, 3, 6)}},
		{Name: "three repeats", Op: "Einsum", Attrs: eq("iii->i"), Inputs: list{f32(shape(2, 2, 2), 1, 2, 3, 4, 5, 6, 7, 8)}, Want: list{f32(shape(2), 1, 8)}},
		{Name: "repeats in both terms", Op: "Einsum", Attrs: eq("ii,ii"), Inputs: list{f32(shape(2, 2), 1, 2, 3, 4), f32(shape(2, 2), 5, 6, 7, 8)}, Want: list{f32(shape(), 37)}},
		{Name: "exact", Op: "Einsum", Attrs: eq("ij,ij->i"), Inputs: list{i64, i64}, Want: list{optest.T([]int64{1, 13}, 2)}},
		{Name: "uint8 wraps", Op: "Einsum", Attrs: eq("i,i"), Inputs: list{optest.T([]uint8{16, 1}, 2), optest.T([]uint8{16, 3}, 2)}, Want: list{tensor.Scalar(uint8(3))}},
		{Name: "bfloat16", Op: "Einsum", Attrs: eq("i->"), Inputs: list{optest.As(tensor.BFloat16, f32(shape(2), 1, 2))}, Want: list{optest.As(tensor.BFloat16, f32(shape(), 3))}},
		{Name: "bfloat16 came later", Op: "Einsum", Opset: 12, Attrs: eq("i->"), Inputs: list{optest.As(tensor.BFloat16, f32(shape(2), 1, 2))}, Err: "bfloat16"},
		{Name: "dimension 1 stretches", Op: "Einsum", Attrs: eq("ij,ij->ij"), Inputs: list{a, f32(shape(2, 1), 1, 10)}, Want: list{f32(shape(2, 3), 1, 2, 3, 40, 50, 60)}},
		{Name: "sum over nothing", Op: "Einsum", Attrs: eq("ij->i"), Inputs: list{f32(shape(2, 0))}, Want: list{f32(shape(2), 0, 0)}},
		{Name: "chain that would not fit at once", Op: "Einsum", Attrs: eq("a,b,c,d,e,f->"), Inputs: list{ones(300), ones(300), ones(300), ones(300), ones(300), ones(300)}, Want: list{f32(shape(), 729e12)}, Tol: 1e-6},
		{Name: "sizes", Op: "Einsum", Attrs: eq("ij,jk"), Inputs: list{a, a}, Err: "differ"},
		{Name: "rank", Op: "Einsum", Attrs: eq("ijk->i"), Inputs: list{a}, Err: "rank 2"},
		{Name: "terms", Op: "Einsum", Attrs: eq("ij,jk"), Inputs: list{a}, Err: "2 terms"},
		{Name: "output twice", Op: "Einsum", Attrs: eq("ij->ii"), Inputs: list{a}, Err: "twice"},
		{Name: "output unknown", Op: "Einsum", Attrs: eq("ij->k"), Inputs: list{a}, Err: "no input"},
		{Name: "syntax", Op: "Einsum", Attrs: eq("i1->i"), Inputs: list{a}, Err: "unexpected"},
		{Name: "dots", Op: "Einsum", Attrs: eq("i..->i"), Inputs: list{a}, Err: "unexpected"},
		{Name: "diagonal", Op: "Einsum", Attrs: eq("ii"), Inputs: list{a}, Err: "differ"},
	})
}

func ones(n int) *tensor.Tensor {
	x := make([]float32, n)
	for i := range x {
		x[i] = 1
	}
	return optest.T(x, n)
}

func TestSquare(t *testing.T) {
	singular := f32(shape(2, 2), 1, 2, 2, 4)
	optest.Run(t, Table, []optest.Case{
		{Name: "pivot", Op: "Det", Inputs: list{f32(shape(2, 2), 0, 1, 1, 0)}, Want: list{f32(shape(), -1)}},
		{Name: "batch", Op: "Det", Opset: 11, Inputs: list{f32(shape(2, 1, 1), 3, -4)}, Want: list{f32(shape(2), 3, -4)}},
		{Name: "singular", Op: "Det", Inputs: list{singular}, Want: list{f32(shape(), 0)}},
		{Name: "0 x 0", Op: "Det", Inputs: list{f32(shape(2, 0, 0))}, Want: list{f32(shape(2), 1, 1)}},
		{Name: "bfloat16", Op: "Det", Inputs: list{optest.As(tensor.BFloat16, f32(shape(2, 2), 1, 2, 3, 4))}, Want: list{optest.As(tensor.BFloat16, f32(shape(), -2))}},
		{Name: "not square", Op: "Det", Inputs: list{f32(shape(1, 2), 1, 2)}, Err: "square"},
		{Name: "vector", Op: "Det", Inputs: list{f32(shape(2), 1, 2)}, Err: "square"},
		{Name: "inverse", Domain: ms, Op: "Inverse", Inputs: list{optest.As(tensor.Float64, f32(shape(1, 2, 2), 0, 2, 4, 0))}, Want: list{optest.As(tensor.Float64, f32(shape(1, 2, 2), 0, .25, .5, 0))}},
		{Name: "inverse of nothing", Domain: ms, Op: "Inverse", Inputs: list{f32(shape(1<<30, 0, 0))}, Want: list{f32(shape(1<<30, 0, 0))}},
		{Name: "inverse singular", Domain: ms, Op: "Inverse", Inputs: list{singular}, Err: "singular"},
	})
}

func TestCDist(t *testing.T) {
	a, b := optest.T([]float64{0, 0, 3, 4}, 2, 2), optest.T([]float64{0, 0}, 1, 2)
	optest.Run(t, Table, []optest.Case{
		{Name: "default", Domain: ms, Op: "CDist", Inputs: list{a, b}, Want: list{optest.T([]float64{0, 25}, 2, 1)}},
		{Name: "root", Domain: ms, Op: "CDist", Attrs: attrs(optest.Str("metric", "euclidean")), Inputs: list{a, b}, Want: list{optest.T([]float64{0, 5}, 2, 1)}},
		{Name: "metric", Domain: ms, Op: "CDist", Attrs: attrs(optest.Str("metric", "cosine")), Inputs: list{a, b}, Err: "cosine"},
		{Name: "width", Domain: ms, Op: "CDist", Inputs: list{a, optest.T([]float64{0, 0, 1}, 1, 3)}, Err: "elements"},
	})
}

// TestInferSymbols checks what is said of shapes with symbols.
func TestInferSymbols(t *testing.T) {
	sym := func(s ...string) graph.Shape {
		x := graph.Shape{}
		for _, v := range s {
			x = append(x, graph.Dim{Sym: v})
		}
		return x
	}
	b := sym("b")[0]
	in := list{f32(shape(1, 1), 1), f32(shape(1, 1), 1)}
	for _, c := range []struct {
		c    optest.Case
		a, b graph.Shape
		want string
	}{
		{optest.Case{Op: "MatMul", Inputs: in}, graph.Shape{b, graph.D(4), graph.D(8)}, graph.Dims(8, 3), "[b,4,3]"},
		{optest.Case{Op: "MatMul", Inputs: in}, sym("k"), sym("b", "k", "n"), "[b,n]"},
		{optest.Case{Op: "MatMul", Inputs: in}, nil, sym("k", "n"), "[...]"},
		{optest.Case{Domain: ms, Op: "FusedMatMul", Attrs: attrs(optest.Int("transBatchA", 1), optest.Int("transB", 1)), Inputs: in}, sym("m", "b", "k"), sym("n", "k"), "[b,m,n]"},
		{optest.Case{Op: "Gemm", Attrs: attrs(optest.Int("transB", 1)), Inputs: in}, sym("m", "k"), sym("n", "k"), "[m,n]"},
		{optest.Case{Op: "Einsum", Attrs: attrs(optest.Str("equation", "b...d,d->...b")), Inputs: in}, sym("b", "x", "y", "d"), sym("d"), "[x,y,b]"},
		{optest.Case{Domain: ms, Op: "CDist", Inputs: list{optest.T([]float64{1}, 1, 1), optest.T([]float64{1}, 1, 1)}}, sym("m", "n"), sym("k", "n"), "[m,k]"},
	} {
		m, err := optest.Model(c.c)
		if err != nil {
			t.Fatal(err)
		}
		if err := op.NewCatalog(Table).Resolve(m); err != nil {
			t.Fatal(err)
		}
		dt := c.c.Inputs[0].(*tensor.Tensor).DType()
		out, err := op.InferNode(m.Graph.Nodes[0], &op.Scope{}, []op.Fact{{Type: graph.TensorType(dt, c.a)}, {Type: graph.TensorType(dt, c.b)}})
		if err != nil {
			t.Fatal(err)
		}
		if got := out[0].Type.Shape.String(); got != c.want {
			t.Errorf("%s of %v and %v is %v, want %v", c.c.Op, c.a, c.b, got, c.want)
		}
	}
}
