package attn

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type list = []tensor.Value

const ms = "com.microsoft"

var (
	inf   = float32(math.Inf(1))
	attrs = func(a ...graph.Attr) []graph.Attr { return a }
	f32   = func(dims []int, x ...float32) *tensor.Tensor { return optest.T(x, dims...) }
	i32   = func(dims []int, x ...int32) *tensor.Tensor { return optest.T(x, dims...) }
	i64   = func(dims []int, x ...int64) *tensor.Tensor { return optest.T(x, dims...) }
	shape = func(d ...int) []int { return d }
	num   = optest.Int
)

// zeros returns a tensor of zeros.
func zeros(dims ...int) *tensor.Tensor {
	t, err := tensor.New(tensor.Float32, dims...)
	if err != nil {
		panic(err)
	}
	return t
}

// With queries of 0 all scores are equal and outputs are means of the values
// that take part: expected values can be read off the masks.
var (
	q1 = zeros(1, 1, 3, 2)
	k1 = f32(shape(1, 1, 4, 2), 1, 2, 3, 4, 5, 6, 7, 8)
	v1 = f32(shape(1, 1, 4, 1), 1, 2, 4, 8)
)

func TestAttentionMasks(t *testing.T) {
	run := func(name string, want *tensor.Tensor, mask *tensor.Tensor, a ...graph.Attr) optest.Case {
		in := list{q1, k1, v1}
		if mask != nil {
			in = append(in, mask)
		}
		return optest.Case{Name: name, Op: "Attention", Attrs: a, Inputs: in, Want: list{want}, Tol: 1e-6}
	}
	y := func(x ...float32) *tensor.Tensor { return f32(shape(1, 1, 3, 1), x...) }
	ninf := -inf
	optest.Run(t, Table, []optest.Case{
		run("none", y(3.75, 3.75, 3.75), nil),
		run("causal", y(1, 1.5, 7./3), nil, num("is_causal", 1)),
		run("bool", y(1, 2, 0), optest.T([]bool{true, false, false, false, false, true, false, false, false, false, false, false}, 3, 4)),
		run("short, rest masked", y(1.5, 1.5, 1.5), optest.T([]bool{true, true}, 2)),
		run("one per query", y(1.5, 1.5, 0), optest.T([]bool{true, true, true, true, false, false}, 3, 2)),
		run("float, row of -Inf", y(3.75, 0, 8), f32(shape(1, 3, 4), 0, 0, 0, 0, ninf, ninf, ninf, ninf, ninf, ninf, ninf, 5)),
		run("causal and bool", y(0, 2, 3), optest.T([]bool{false, true, true, true}, 4), num("is_causal", 1)),
		run("window", y(1, 1.5, 3), nil, num("left_window_size", 1), num("right_window_size", 0)),
		run("window of any size", y(3.75, 3.75, 3.75), nil, num("left_window_size", math.MaxInt32), num("right_window_size", math.MaxInt32)),
		run("right window", y(1.5, 7./3, 3.75), nil, num("right_window_size", 1)),
		run("number mask", y(3.75, 3.75, 3.75), i32(shape(1, 1, 1, 4), 7, 7, 7, 7)),
	})
}

func TestAttentionCaches(t *testing.T) {
	q, k, v := zeros(2, 1, 2, 1), f32(shape(2, 1, 3, 1), 1, 2, 3, 4, 5, 6), f32(shape(2, 1, 3, 1), 1, 2, 4, 8, 16, 32)
	past := f32(shape(2, 1, 1, 1), 100, 200)
	optest.Run(t, Table, []optest.Case{
		{Name: "past", Op: "Attention", Attrs: attrs(num("is_causal", 1)), Inputs: list{q, k, v, nil, past, past}, Tol: 1e-6, Want: list{
			f32(shape(2, 1, 2, 1), 101./2, 103./3, 208./2, 224./3),
			f32(shape(2, 1, 4, 1), 100, 1, 2, 3, 200, 4, 5, 6), f32(shape(2, 1, 4, 1), 100, 1, 2, 4, 200, 8, 16, 32)}},
		{Name: "nonpad", Op: "Attention", Attrs: attrs(num("is_causal", 1)), Inputs: list{q, k, v, nil, nil, nil, i64(shape(2), 1, 3)}, Tol: 1e-6,
			Want: list{f32(shape(2, 1, 2, 1), 0, 1, 12, 56./3)}},
		{Name: "nonpad out of range", Op: "Attention", Attrs: attrs(num("is_causal", 1)), Inputs: list{q, k, v, nil, nil, nil, i64(shape(2), math.MinInt64, math.MaxInt64)}, Tol: 1e-6,
			Want: list{f32(shape(2, 1, 2, 1), 0, 0, 56./3, 56./3)}},
		{Name: "past of length 0", Op: "Attention", Inputs: list{q, k, v, nil, zeros(2, 1, 0, 1), zeros(2, 1, 0, 1)}, Tol: 1e-6,
			Want: list{f32(shape(2, 1, 2, 1), 7./3, 7./3, 56./3, 56./3), k, v}},
		{Name: "past alone", Op: "Attention", Inputs: list{q, k, v, nil, past}, Err: "together"},
		{Name: "past and nonpad", Op: "Attention", Inputs: list{q, k, v, nil, past, past, i64(shape(2), 1, 3)}, Err: "combined"},
		{Name: "nonpad shape", Op: "Attention", Inputs: list{q, k, v, nil, nil, nil, i64(shape(1), 1)}, Err: "nonpad_kv_seqlen"},
		{Name: "past shape", Op: "Attention", Inputs: list{q, k, v, nil, zeros(1, 1, 1, 1), zeros(1, 1, 1, 1)}, Err: "past is"},
	})
}

func TestAttentionShapes(t *testing.T) {
	q3 := f32(shape(1, 1, 4), 0, 0, 0, 0)
	kv := f32(shape(1, 2, 1), 3, 5)
	heads := attrs(num("q_num_heads", 4), num("kv_num_heads", 1))
	capped := f32(shape(1, 1, 1, 2), 1, 1)
	ln := float32(2 * math.Tanh(math.Log(3)/2)) // scores of 0 and log 3, capped at 2
	optest.Run(t, Table, []optest.Case{
		{Name: "rank 3, shared head", Op: "Attention", Attrs: heads, Inputs: list{q3, kv, kv}, Want: list{f32(shape(1, 1, 4), 4, 4, 4, 4)}},
		{Name: "float16", Op: "Attention", Attrs: heads, Inputs: list{optest.As(tensor.Float16, q3), optest.As(tensor.Float16, kv), optest.As(tensor.Float16, kv)},
			Want: list{optest.As(tensor.Float16, f32(shape(1, 1, 4), 4, 4, 4, 4))}},
		{Name: "bfloat16", Op: "Attention", Attrs: heads, Inputs: list{optest.As(tensor.BFloat16, q3), optest.As(tensor.BFloat16, kv), optest.As(tensor.BFloat16, kv)},
			Want: list{optest.As(tensor.BFloat16, f32(shape(1, 1, 4), 4, 4, 4, 4))}},
		{Name: "softcap and scores", Op: "Attention", Attrs: attrs(optest.Float("softcap", 2), optest.Float("scale", 1), num("qk_matmul_output_mode", 1)),
			Inputs: list{capped, f32(shape(1, 1, 2, 2), 0, 0, float32(math.Log(3)), 0), f32(shape(1, 1, 2, 1), 0, 1)}, Tol: 1e-6,
			Want: list{f32(shape(1, 1, 1, 1), float32(1/(1+math.Exp(-float64(ln))))), nil, nil, f32(shape(1, 1, 1, 2), 0, ln)}},
		{Name: "no queries", Op: "Attention", Inputs: list{zeros(1, 2, 0, 3), zeros(1, 1, 4, 3), zeros(1, 1, 4, 2)}, Want: list{zeros(1, 2, 0, 2)}},
		{Name: "no keys", Op: "Attention", Inputs: list{zeros(1, 1, 2, 3), zeros(1, 1, 0, 3), zeros(1, 1, 0, 1)}, Want: list{f32(shape(1, 1, 2, 1), 0, 0)}},
		{Name: "no elements", Op: "Attention", Inputs: list{zeros(1, 1, 1, 0), zeros(1, 1, 2, 0), f32(shape(1, 1, 2, 1), 1, 3)}, Want: list{f32(shape(1, 1, 1, 1), 2)}},
		{Name: "heads missing", Op: "Attention", Inputs: list{q3, kv, kv}, Err: "q_num_heads"},
		{Name: "heads don't divide", Op: "Attention", Attrs: attrs(num("q_num_heads", 3), num("kv_num_heads", 1)), Inputs: list{q3, kv, kv}, Err: "multiple of 3"},
		{Name: "group", Op: "Attention", Inputs: list{zeros(1, 3, 1, 1), zeros(1, 2, 1, 1), zeros(1, 2, 1, 1)}, Err: "3 query heads"},
		{Name: "head size", Op: "Attention", Inputs: list{zeros(1, 1, 1, 2), zeros(1, 1, 1, 3), zeros(1, 1, 1, 3)}, Err: "head size"},
		{Name: "batch", Op: "Attention", Inputs: list{zeros(2, 1, 1, 2), zeros(1, 1, 1, 2), zeros(1, 1, 1, 2)}, Err: "batch"},
		{Name: "lengths", Op: "Attention", Inputs: list{zeros(1, 1, 1, 2), zeros(1, 1, 3, 2), zeros(1, 1, 2, 2)}, Err: "positions"},
		{Name: "rank", Op: "Attention", Inputs: list{zeros(1, 2), zeros(1, 1, 3, 2), zeros(1, 1, 2, 2)}, Err: "rank"},
		{Name: "mask", Op: "Attention", Inputs: list{q1, k1, v1, zeros(2, 4)}, Err: "attn_mask"},
		{Name: "mask too long", Op: "Attention", Inputs: list{q1, k1, v1, zeros(5)}, Err: "attn_mask"},
		{Name: "mode", Op: "Attention", Attrs: attrs(num("qk_matmul_output_mode", 4)), Inputs: list{q1, k1, v1}, Err: "qk_matmul_output_mode"},
		{Name: "precision", Op: "Attention", Attrs: attrs(num("softmax_precision", 7)), Inputs: list{q1, k1, v1}, Err: "softmax_precision"},
		{Name: "window", Op: "Attention", Attrs: attrs(num("left_window_size", -2)), Inputs: list{q1, k1, v1}, Err: "window"},
		{Name: "window came later", Op: "Attention", Opset: 24, Attrs: attrs(num("left_window_size", 1)), Inputs: list{q1, k1, v1}, Err: "left_window_size"},
	})
}

// identity is a body that returns its parameter, or the constant out if that is set.
func identity(attr string, out *tensor.Tensor) *graph.Body {
	in := &graph.Value{Name: "x"}
	res := in
	if out != nil {
		res = &graph.Value{Name: "c", Const: out}
	}
	return &graph.Body{Attr: attr, Graph: &graph.Graph{Inputs: []*graph.Value{in}, Outputs: []*graph.Value{res}, Formal: 1}}
}

func TestFlexAttention(t *testing.T) {
	const dom = "ai.onnx.preview"
	in := list{q1, k1, v1}
	all := f32(shape(1, 1, 3, 1), 3.75, 3.75, 3.75)
	onlyLast := f32(shape(1, 1, 3, 4), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1)
	half := func(x tensor.Value) tensor.Value { return optest.As(tensor.Float16, x.(*tensor.Tensor)) }
	optest.Run(t, Table, []optest.Case{
		{Name: "plain", Domain: dom, Op: "FlexAttention", Inputs: in, Want: list{all}, Tol: 1e-6},
		{Name: "identity", Domain: dom, Op: "FlexAttention", Bodies: []*graph.Body{identity("score_mod", nil), identity("prob_mod", nil)}, Inputs: in, Want: list{all}, Tol: 1e-6},
		{Name: "other probabilities", Domain: dom, Op: "FlexAttention", Bodies: []*graph.Body{identity("prob_mod", onlyLast)}, Inputs: in, Want: list{f32(shape(1, 1, 3, 1), 8, 8, 8)}},
		{Name: "float16 has float32 scores", Domain: dom, Op: "FlexAttention", Bodies: []*graph.Body{identity("prob_mod", onlyLast)},
			Inputs: list{half(q1), half(k1), half(v1)}, Want: list{half(f32(shape(1, 1, 3, 1), 8, 8, 8))}},
		{Name: "precision", Domain: dom, Op: "FlexAttention", Attrs: attrs(num("softmax_precision", 11)), Bodies: []*graph.Body{identity("score_mod", onlyLast)}, Inputs: in, Err: "double"},
		{Name: "shape", Domain: dom, Op: "FlexAttention", Bodies: []*graph.Body{identity("score_mod", zeros(1, 1, 3, 3))}, Inputs: in, Err: "must give"},
		{Name: "rank", Domain: dom, Op: "FlexAttention", Inputs: list{zeros(1, 1, 1), zeros(1, 1, 1), zeros(1, 1, 1)}, Err: "rank"},
		{Name: "nothing", Domain: dom, Op: "FlexAttention", Inputs: list{zeros(0, 2, 1, 1), zeros(0, 2, 1, 1), zeros(0, 2, 1, 1)}, Want: list{zeros(0, 2, 1, 1)}},
	})
}

func TestLinearAttention(t *testing.T) {
	one := f32(shape(1, 1, 1), 1)
	rule := func(s string) []graph.Attr {
		return attrs(optest.Str("update_rule", s), num("q_num_heads", 1), num("kv_num_heads", 1))
	}
	x := func(v ...float32) *tensor.Tensor { return f32(shape(1, len(v), 1), v...) }
	window := func(w int64) []graph.Attr { return append(rule("linear"), num("state_window", w)) }
	optest.Run(t, Table, []optest.Case{
		// d_k = d_v = 1: the state is a running sum of k·v.
		{Name: "linear", Op: "LinearAttention", Attrs: rule("linear"), Inputs: list{x(1, 1), x(2, 3), x(5, 7)}, Want: list{x(10, 31), f32(shape(1, 1, 1, 1), 31)}},
		{Name: "gated by 1/2", Op: "LinearAttention", Attrs: rule("gated"), Inputs: list{x(1, 1), x(1, 1), x(2, 4), nil, x(0, float32(-math.Ln2))}, Want: list{x(2, 5), f32(shape(1, 1, 1, 1), 5)}, Tol: 1e-6},
		{Name: "delta replaces", Op: "LinearAttention", Attrs: rule("delta"), Inputs: list{x(1, 1), x(1, 1), x(2, 4), nil, nil, x(1, 1)}, Want: list{x(2, 4), f32(shape(1, 1, 1, 1), 4)}},
		{Name: "no tokens keep the state", Op: "LinearAttention", Attrs: rule("linear"), Inputs: list{zeros(1, 0, 1), zeros(1, 0, 1), zeros(1, 0, 1), f32(shape(1, 1, 1, 1), 9)},
			Want: list{zeros(1, 0, 1), f32(shape(1, 1, 1, 1), 9)}},
		{Name: "float32 state", Op: "LinearAttention", Attrs: rule("linear"), Inputs: list{optest.As(tensor.BFloat16, one), optest.As(tensor.BFloat16, one), optest.As(tensor.BFloat16, one), f32(shape(1, 1, 1, 1), 1.0009765625)},
			Want: list{optest.As(tensor.BFloat16, x(2)), f32(shape(1, 1, 1, 1), 2.0009765625)}},
		{Name: "window", Domain: ms, Op: "LinearAttention", Attrs: window(3), Inputs: list{x(1, 1), x(1, 1), x(1, 2), f32(shape(3, 1, 1, 1, 1), 50, 60, 10)},
			Want: list{x(11, 13), f32(shape(3, 1, 1, 1, 1), 0, 11, 13)}},
		{Name: "window size", Domain: ms, Op: "LinearAttention", Attrs: window(9), Inputs: list{one, one, one}, Outputs: 2, Err: "state_window"},
		{Name: "decay missing", Op: "LinearAttention", Attrs: rule("gated"), Inputs: list{one, one, one}, Outputs: 2, Err: "decay"},
		{Name: "beta missing", Op: "LinearAttention", Attrs: rule("gated_delta"), Inputs: list{one, one, one, nil, one}, Outputs: 2, Err: "beta"},
		{Name: "rule", Op: "LinearAttention", Attrs: rule("cubic"), Inputs: list{one, one, one}, Outputs: 2, Err: "update_rule"},
		{Name: "heads", Op: "LinearAttention", Attrs: attrs(num("q_num_heads", 2), num("kv_num_heads", 3), optest.Str("update_rule", "linear")), Inputs: list{one, one, one}, Outputs: 2, Err: "multiple"},
		{Name: "state", Op: "LinearAttention", Attrs: rule("linear"), Inputs: list{one, one, one, zeros(1, 1, 2, 1)}, Outputs: 2, Err: "past_state"},
		{Name: "length", Op: "LinearAttention", Attrs: rule("linear"), Inputs: list{one, x(1, 2), one}, Outputs: 2, Err: "length 1"},
	})
}

func TestRotary(t *testing.T) {
	x := f32(shape(1, 1, 2, 4), 1, 2, 3, 4, 5, 6, 7, 8)
	cos, sin := f32(shape(2, 2), 1, 1, 0, 0), f32(shape(2, 2), 0, 0, 1, 1) // position 0: no turn, 1: by 90 degrees
	ids := i64(shape(1, 2), 0, 1)
	part := f32(shape(2, 1), 1, 0)
	partSin := f32(shape(2, 1), 0, 1)
	optest.Run(t, Table, []optest.Case{
		{Name: "halves", Op: "RotaryEmbedding", Inputs: list{x, cos, sin, ids}, Want: list{f32(shape(1, 1, 2, 4), 1, 2, 3, 4, -7, -8, 5, 6)}},
		{Name: "interleaved", Op: "RotaryEmbedding", Attrs: attrs(num("interleaved", 1)), Inputs: list{x, cos, sin, ids}, Want: list{f32(shape(1, 1, 2, 4), 1, 2, 3, 4, -6, 5, -8, 7)}},
		{Name: "part", Op: "RotaryEmbedding", Attrs: attrs(num("rotary_embedding_dim", 2)), Inputs: list{x, part, partSin, ids}, Want: list{f32(shape(1, 1, 2, 4), 1, 2, 3, 4, -6, 5, 7, 8)}},
		{Name: "no positions", Op: "RotaryEmbedding", Attrs: attrs(num("num_heads", 1)), Inputs: list{f32(shape(1, 2, 4), 1, 2, 3, 4, 5, 6, 7, 8), f32(shape(1, 2, 2), 1, 1, 0, 0), f32(shape(1, 2, 2), 0, 0, 1, 1)},
			Want: list{f32(shape(1, 2, 4), 1, 2, 3, 4, -7, -8, 5, 6)}},
		{Name: "empty", Op: "RotaryEmbedding", Inputs: list{zeros(0, 1, 2, 4), cos, sin, zerosInt(0, 2)}, Want: list{zeros(0, 1, 2, 4)}},
		{Name: "position", Op: "RotaryEmbedding", Inputs: list{x, cos, sin, i64(shape(1, 2), 0, 2)}, Err: "position 2"},
		{Name: "position below 0", Op: "RotaryEmbedding", Inputs: list{x, cos, sin, i64(shape(1, 2), 0, -1)}, Err: "position -1"},
		{Name: "caches differ", Op: "RotaryEmbedding", Inputs: list{x, cos, part, ids}, Err: "agree"},
		{Name: "cache width", Op: "RotaryEmbedding", Inputs: list{x, part, partSin, ids}, Err: "must be 2"},
		{Name: "odd", Op: "RotaryEmbedding", Attrs: attrs(num("rotary_embedding_dim", 3)), Inputs: list{x, cos, sin, ids}, Err: "even"},
		{Name: "too wide", Op: "RotaryEmbedding", Attrs: attrs(num("rotary_embedding_dim", 6)), Inputs: list{x, cos, sin, ids}, Err: "no more"},
		{Name: "heads missing", Op: "RotaryEmbedding", Inputs: list{zeros(1, 2, 4), cos, sin, ids}, Err: "num_heads"},
		{Name: "ms first position", Domain: ms, Op: "RotaryEmbedding", Inputs: list{x, i64(shape(1), 0), cos, sin}, Want: list{f32(shape(1, 1, 2, 4), 1, 2, 3, 4, -7, -8, 5, 6)}},
		{Name: "ms runs out", Domain: ms, Op: "RotaryEmbedding", Inputs: list{x, i64(shape(1), 1), cos, sin}, Err: "position 2"},
		{Name: "ms overflow", Domain: ms, Op: "RotaryEmbedding", Inputs: list{x, i64(shape(1), math.MaxInt64), cos, sin}, Err: "position"},
	})
}

func zerosInt(dims ...int) *tensor.Tensor {
	t, err := tensor.New(tensor.Int64, dims...)
	if err != nil {
		panic(err)
	}
	return t
}
