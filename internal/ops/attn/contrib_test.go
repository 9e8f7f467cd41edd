package attn

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestContribAttention(t *testing.T) {
	one := attrs(num("num_heads", 1))
	// Weights that make Q = K = 0 and V = the input.
	w := f32(shape(1, 3), 0, 0, 1)
	x := f32(shape(1, 3, 1), 1, 2, 6)
	with := func(a ...graph.Attr) []graph.Attr { return append(attrs(num("num_heads", 1)), a...) }
	half := func(v *tensor.Tensor) *tensor.Tensor { return optest.As(tensor.Float16, v) }
	past := f32(shape(2, 1, 1, 1, 1), 0, 11)
	shared := f32(shape(2, 1, 1, 5, 1), 7, 7, 7, 7, 7, 11, 7, 7, 7, 7)
	m4 := i32(shape(1, 1, 4, 4), 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1)
	far := optest.Float("mask_filter_value", -1e9)
	optest.Run(t, Table, []optest.Case{
		{Name: "mean", Domain: ms, Op: "Attention", Attrs: one, Inputs: list{x, w}, Want: list{f32(shape(1, 3, 1), 3, 3, 3)}, Tol: 1e-6},
		{Name: "present without past", Domain: ms, Op: "Attention", Attrs: one, Inputs: list{x, w}, Want: list{nil, f32(shape(2, 1, 1, 3, 1), 0, 0, 0, 1, 2, 6)}},
		{Name: "float16", Domain: ms, Op: "Attention", Attrs: one, Inputs: list{half(x), half(w)}, Want: list{half(f32(shape(1, 3, 1), 3, 3, 3)), half(f32(shape(2, 1, 1, 3, 1), 0, 0, 0, 1, 2, 6))}},
		{Name: "past", Domain: ms, Op: "Attention", Attrs: with(num("unidirectional", 1)), Inputs: list{x, w, nil, nil, past}, Tol: 1e-6,
			Want: list{f32(shape(1, 3, 1), 6, 14./3, 5), f32(shape(2, 1, 1, 4, 1), 0, 0, 0, 0, 11, 1, 2, 6)}},
		// M = 4 and one past key: queries are rows 1 to 3 of the mask.
		{Name: "square mask", Domain: ms, Op: "Attention", Attrs: with(far), Inputs: list{x, w, nil, m4, past}, Tol: 1e-6, Want: list{f32(shape(1, 3, 1), 3.5, 8.5, 5)}},
		{Name: "shared buffer", Domain: ms, Op: "Attention", Attrs: with(num("past_present_share_buffer", 1)), Inputs: list{x, w, nil, nil, shared, nil, i32(shape(1), 1)}, Tol: 1e-6,
			Want: list{f32(shape(1, 3, 1), 5, 5, 5), f32(shape(2, 1, 1, 5, 1), 7, 0, 0, 0, 7, 11, 1, 2, 6, 7)}},
		{Name: "no tokens", Domain: ms, Op: "Attention", Attrs: one, Inputs: list{zeros(2, 0, 1), w}, Want: list{zeros(2, 0, 1)}},
		{Name: "decoder", Domain: ms, Op: "DecoderMaskedSelfAttention", Attrs: with(num("past_present_share_buffer", 1)), Inputs: list{f32(shape(1, 1, 1), 3), w, f32(shape(3), 0, 0, 0), nil, shared, nil, i32(shape(1), 1)}, Tol: 1e-6,
			Want: list{f32(shape(1, 1, 1), 7), f32(shape(2, 1, 1, 5, 1), 7, 0, 7, 7, 7, 11, 3, 7, 7, 7)}},
		{Name: "buffer full", Domain: ms, Op: "Attention", Attrs: with(num("past_present_share_buffer", 1)), Inputs: list{x, w, nil, nil, shared, nil, i32(shape(1), 3)}, Outputs: 2, Err: "room for 0 to 2"},
		{Name: "no past length", Domain: ms, Op: "Attention", Attrs: with(num("past_present_share_buffer", 1)), Inputs: list{x, w, nil, nil, shared}, Outputs: 2, Err: "past_sequence_length"},
		{Name: "rotary", Domain: ms, Op: "Attention", Attrs: with(num("do_rotary", 1)), Inputs: list{x, w}, Err: "do_rotary"},
		{Name: "heads", Domain: ms, Op: "Attention", Attrs: attrs(num("num_heads", 0)), Inputs: list{x, w}, Err: "num_heads"},
		{Name: "heads don't divide", Domain: ms, Op: "Attention", Attrs: attrs(num("num_heads", 2)), Inputs: list{x, w}, Err: "multiples of num_heads"},
		{Name: "hidden sizes", Domain: ms, Op: "Attention", Attrs: with(optest.Ints("qkv_hidden_sizes", 1, 1)), Inputs: list{x, w}, Err: "qkv_hidden_sizes"},
		{Name: "weights", Domain: ms, Op: "Attention", Attrs: one, Inputs: list{x, zeros(2, 3)}, Err: "weights"},
		{Name: "bias", Domain: ms, Op: "Attention", Attrs: one, Inputs: list{x, w, zeros(2)}, Err: "bias"},
		{Name: "mask", Domain: ms, Op: "Attention", Attrs: one, Inputs: list{x, w, nil, i32(shape(1, 2), 1, 1)}, Err: "mask is"},
		{Name: "past shape", Domain: ms, Op: "Attention", Attrs: one, Inputs: list{x, w, nil, nil, zeros(2, 1, 1, 1, 2)}, Err: "past is"},
		{Name: "quantised", Domain: ms, Op: "QAttention", Attrs: one, Inputs: list{optest.T([]uint8{11, 12, 16}, 1, 3, 1), optest.T([]int8{0, 0, 2}, 1, 3), f32(shape(3), 0, 0, 0), f32(shape(), 1), f32(shape(), .5), nil, optest.T([]uint8{10})},
			Want: list{f32(shape(1, 3, 1), 3, 3, 3)}, Tol: 1e-6},
		{Name: "quantised scale", Domain: ms, Op: "QAttention", Attrs: one, Inputs: list{optest.T([]uint8{11}, 1, 1, 1), optest.T([]int8{0, 0, 2}, 1, 3), f32(shape(3), 0, 0, 0), f32(shape(2), 1, 1), f32(shape(), .5)}, Err: "scalars"},
	})
}

func TestContribMultiHead(t *testing.T) {
	two := attrs(num("num_heads", 2))
	q, k := zeros(1, 1, 2), zeros(1, 3, 2)
	v := f32(shape(1, 3, 2), 1, 10, 2, 20, 6, 60)
	beams := i32(shape(1, 2, 3), 1, 0, 0, 1, 1, 0)
	cache := f32(shape(2, 1, 3, 1), 1, 2, 0, 30, 40, 0)
	step := f32(shape(2, 1, 1), 3, 50)
	share := attrs(num("num_heads", 1), num("past_present_share_buffer", 1))
	decoder := func(indirection tensor.Value) list {
		return list{zeros(2, 1, 1), zeros(2, 1, 1), step, nil, nil, zeros(2, 1, 3, 1), cache, i32(shape(1), 2), i32(shape(1), 2), indirection}
	}
	optest.Run(t, Table, []optest.Case{
		{Name: "means", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, k, v}, Want: list{f32(shape(1, 1, 2), 3, 30)}, Tol: 1e-6},
		{Name: "presents", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, k, v}, Want: list{nil, zeros(1, 2, 3, 1), f32(shape(1, 2, 3, 1), 1, 2, 6, 10, 20, 60)}},
		{Name: "lengths", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, k, v, nil, i32(shape(1), 2)}, Want: list{f32(shape(1, 1, 2), 1.5, 15)}, Tol: 1e-6},
		{Name: "lengths of packed form", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, k, v, nil, i32(shape(5), 2, 0, 1, 0, 2)}, Want: list{f32(shape(1, 1, 2), 1.5, 15)}, Tol: 1e-6},
		{Name: "bfloat16", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{optest.As(tensor.BFloat16, q), optest.As(tensor.BFloat16, k), optest.As(tensor.BFloat16, v)}, Want: list{optest.As(tensor.BFloat16, f32(shape(1, 1, 2), 3, 30))}},
		{Name: "value of no width", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, k, zeros(1, 3, 0)}, Want: list{zeros(1, 1, 0)}},
		{Name: "key alone", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, k}, Err: "packed"},
		{Name: "value alone", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, nil, v}, Err: "without a key"},
		{Name: "attention_bias", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, k, v, nil, nil, zeros(1, 1, 1, 2)}, Err: "attention_bias"},
		{Name: "cache heads", Domain: ms, Op: "MultiHeadAttention", Attrs: two, Inputs: list{q, zeros(1, 3, 4, 1), zeros(1, 3, 4, 1)}, Err: "heads"},
		// Beam 0 takes token 0 from beam 1 and token 1 from itself, beam 1 both from itself.
		{Name: "beams", Domain: ms, Op: "DecoderMaskedMultiHeadAttention", Attrs: share, Inputs: decoder(beams), Tol: 1e-6,
			Want: list{f32(shape(2, 1, 1), 35./3, 40), zeros(2, 1, 3, 1), f32(shape(2, 1, 3, 1), 1, 2, 3, 30, 40, 50)}},
		{Name: "beam missing", Domain: ms, Op: "DecoderMaskedMultiHeadAttention", Attrs: share, Inputs: decoder(nil), Outputs: 3, Err: "cache_indirection"},
		{Name: "beam unknown", Domain: ms, Op: "DecoderMaskedMultiHeadAttention", Attrs: share, Inputs: decoder(i32(shape(1, 2, 3), 2, 0, 0, 1, 1, 0)), Outputs: 3, Err: "2 beams"},
		{Name: "packed lengths", Domain: ms, Op: "PackedMultiHeadAttention", Attrs: two, Inputs: list{zeros(3, 2), zeros(3, 2), f32(shape(3, 2), 1, 10, 2, 20, 6, 60), nil, i32(shape(2, 2), 0, 1, 2, 3), i32(shape(3), 0, 1, 3)},
			Want: list{f32(shape(3, 2), 1, 10, 4, 40, 4, 40)}, Tol: 1e-6},
		{Name: "packed too long", Domain: ms, Op: "PackedMultiHeadAttention", Attrs: two, Inputs: list{zeros(3, 2), zeros(3, 2), zeros(3, 2), nil, i32(shape(2, 2), 0, 1, 2, 3), i32(shape(3), 0, 1, 4)}, Err: "sequence 1"},
		{Name: "packed backwards", Domain: ms, Op: "PackedMultiHeadAttention", Attrs: two, Inputs: list{zeros(3, 2), zeros(3, 2), zeros(3, 2), nil, i32(shape(2, 2), 0, 1, 2, 3), i32(shape(3), 0, 2, 1)}, Err: "sequence 1"},
	})
}

func TestGroupQuery(t *testing.T) {
	base := func(a ...graph.Attr) []graph.Attr {
		return append(attrs(num("num_heads", 2), num("kv_num_heads", 1)), a...)
	}
	q, k := zeros(1, 3, 2), zeros(1, 3, 1)
	v := f32(shape(1, 3, 1), 1, 2, 6)
	in := func(rest ...tensor.Value) list {
		return append(list{q, k, v, nil, nil, i32(shape(1), 2), i32(shape(), 3)}, rest...)
	}
	decode := func(past, seqlens, total tensor.Value) list {
		return list{zeros(1, 1, 2), zeros(1, 1, 1), f32(shape(1, 1, 1), 6), zeros(1, 1, 4, 1), past, seqlens, total}
	}
	past := f32(shape(1, 1, 4, 1), 1, 2, 99, 99)
	norm := f32(shape(1), 2)
	optest.Run(t, Table, []optest.Case{
		{Name: "causal", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: in(), Want: list{f32(shape(1, 3, 2), 1, 1, 1.5, 1.5, 3, 3), zeros(1, 1, 3, 1), f32(shape(1, 1, 3, 1), 1, 2, 6)}, Tol: 1e-6},
		{Name: "packed", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: list{f32(shape(1, 2, 4), 0, 0, 0, 1, 0, 0, 0, 3), nil, nil, nil, nil, i32(shape(1), 1), i32(shape(), 2)}, Outputs: 3,
			Want: list{f32(shape(1, 2, 2), 1, 1, 2, 2)}, Tol: 1e-6},
		{Name: "window", Domain: ms, Op: "GroupQueryAttention", Attrs: base(num("local_window_size", 2)), Inputs: in(), Outputs: 3, Want: list{f32(shape(1, 3, 2), 1, 1, 1.5, 1.5, 4, 4)}, Tol: 1e-6},
		{Name: "smooth", Domain: ms, Op: "GroupQueryAttention", Attrs: base(num("smooth_softmax", 1)), Inputs: in(), Outputs: 3, Want: list{f32(shape(1, 3, 2), .5, .5, 1, 1, 2.25, 2.25)}, Tol: 1e-6},
		{Name: "buffer", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: decode(past, i32(shape(1), 2), i32(shape(1), 3)), Want: list{f32(shape(1, 1, 2), 3, 3), zeros(1, 1, 4, 1), f32(shape(1, 1, 4, 1), 1, 2, 6, 0)}, Tol: 1e-6},
		// Query and key become ±2 by the norm, so the score of equal signs is 4.
		{Name: "norm", Domain: ms, Op: "GroupQueryAttention", Attrs: attrs(num("num_heads", 1), num("kv_num_heads", 1), num("qk_output", 1)), Inputs: list{f32(shape(1, 1, 1), 5), f32(shape(1, 1, 1), 30), f32(shape(1, 1, 1), 7), nil, nil, i32(shape(1), 0), i32(shape(), 1),
			nil, nil, nil, nil, nil, nil, nil, norm, norm}, Want: list{f32(shape(1, 1, 1), 7), f32(shape(1, 1, 1, 1), 2), nil, f32(shape(1, 1, 1, 1), 4)}, Tol: 1e-6},
		{Name: "chunk", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: append(list{q, k, v, zeros(1, 1, 5, 1), f32(shape(1, 1, 5, 1), 9, 99, 99, 99, 99), i32(shape(1), 1), i32(shape(), 5)},
			nil, nil, nil, nil, nil, nil, nil, nil, nil, i32(shape(1), 1)), Want: list{nil, nil, f32(shape(1, 1, 5, 1), 9, 1, 0, 0, 0)}},
		{Name: "idle", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: append(decode(past, i32(shape(1), 1), i32(shape(), 2)),
			nil, nil, nil, nil, nil, nil, nil, nil, nil, i32(shape(1), 0)), Want: list{nil, nil, f32(shape(1, 1, 4, 1), 1, 2, 0, 0)}},
		{Name: "quantised", Domain: ms, Op: "GroupQueryAttention", Attrs: base(optest.Str("k_quant_type", "PER_TENSOR")), Inputs: in(), Outputs: 3, Err: "quantised"},
		{Name: "quantised cache", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: list{q, k, v, optest.T([]int8{1}, 1, 1, 1, 1), optest.T([]int8{1}, 1, 1, 1, 1), i32(shape(1), 3), i32(shape(), 4)}, Outputs: 3, Err: "quantised"},
		{Name: "cache too short", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: decode(past, i32(shape(1), 7), i32(shape(), 8)), Outputs: 3, Err: "the cache holds 4"},
		{Name: "seqlens", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: decode(past, i32(shape(1), -1), i32(shape(), 3)), Outputs: 3, Err: "keys, must be 1"},
		{Name: "total", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: decode(past, i32(shape(1), 9), i32(shape(), 3)), Outputs: 3, Err: "keys, must be 1"},
		{Name: "rotary caches", Domain: ms, Op: "GroupQueryAttention", Attrs: base(num("do_rotary", 1)), Inputs: in(), Outputs: 3, Err: "cos_cache"},
		{Name: "heads", Domain: ms, Op: "GroupQueryAttention", Attrs: attrs(num("num_heads", 3), num("kv_num_heads", 2)), Inputs: in(), Outputs: 3, Err: "multiple"},
		{Name: "sink", Domain: ms, Op: "GroupQueryAttention", Attrs: base(), Inputs: in(nil, nil, nil, nil, zeros(3)), Outputs: 3, Err: "head_sink"},
		{Name: "sliding needs a window", Domain: ms, Op: "GroupQueryAttention", Attrs: base(num("sliding_window_cache", 1)), Inputs: decode(past, i32(shape(1), 2), i32(shape(), 3)), Outputs: 3, Err: "local_window_size"},
		{Name: "sliding cache too small", Domain: ms, Op: "GroupQueryAttention", Attrs: base(num("sliding_window_cache", 1), num("local_window_size", 5)), Inputs: decode(past, i32(shape(1), 2), i32(shape(), 3)), Outputs: 3, Err: "smaller"},
	})
}

func TestSparseAttention(t *testing.T) {
	// Blocks of one token; token 2 does not see block 1. Two heads, two layouts, the second dense.
	rows := i32(shape(2, 4), 0, 1, 3, 5, 0, 1, 3, 6)
	cols := i32(shape(2, 6), 0, 0, 1, 0, 2, -1, 0, 0, 1, 0, 1, 2)
	a := attrs(num("num_heads", 2), num("kv_num_heads", 1), num("sparse_block_size", 1))
	in := func(rows, total, lens tensor.Value) list {
		return list{zeros(1, 3, 2), zeros(1, 3, 1), f32(shape(1, 3, 1), 1, 2, 6), zeros(1, 1, 3, 1), zeros(1, 1, 3, 1), rows, cols, total, lens}
	}
	three := i32(shape(1), 3)
	optest.Run(t, Table, []optest.Case{
		{Name: "layouts", Domain: ms, Op: "SparseAttention", Attrs: a, Inputs: in(rows, three, three), Want: list{f32(shape(1, 3, 2), 1, 1, 1.5, 1.5, 3.5, 3), zeros(1, 1, 3, 1), f32(shape(1, 1, 3, 1), 1, 2, 6)}, Tol: 1e-6},
		{Name: "padding", Domain: ms, Op: "SparseAttention", Attrs: a, Inputs: in(rows, three, i32(shape(1), 1)), Outputs: 3, Want: list{f32(shape(1, 3, 2), 1, 1, 1, 1, 1, 1)}, Tol: 1e-6},
		{Name: "lengths", Domain: ms, Op: "SparseAttention", Attrs: a, Inputs: in(rows, three, i32(shape(1), 4)), Outputs: 3, Err: "keys, must be 1"},
		{Name: "no keys", Domain: ms, Op: "SparseAttention", Attrs: a, Inputs: in(rows, three, i32(shape(1), 0)), Outputs: 3, Err: "keys, must be 1"},
		{Name: "rows", Domain: ms, Op: "SparseAttention", Attrs: a, Inputs: in(i32(shape(2, 3), 0, 1, 3, 0, 1, 3), three, three), Outputs: 3, Err: "rows of blocks"},
		{Name: "row index", Domain: ms, Op: "SparseAttention", Attrs: a, Inputs: in(i32(shape(2, 4), 0, 1, 3, 7, 0, 1, 3, 6), three, three), Outputs: 3, Err: "has 7"},
		{Name: "block size", Domain: ms, Op: "SparseAttention", Attrs: attrs(num("num_heads", 2), num("kv_num_heads", 1), num("sparse_block_size", 0)), Inputs: in(rows, three, three), Outputs: 3, Err: "sparse_block_size"},
	})
}

// TestResident checks the layout of sliding caches against its definition: adding
// one position at a time, a full cache drops c-w+1 at once.
func TestResident(t *testing.T) {
	for c := 1; c < 8; c++ {
		for w := 1; w <= c; w++ {
			n := 0
			for p := 1; p < 40; p++ {
				if n++; n > c {
					n -= c - w + 1
				}
				if got := resident(p, c, w); got != n {
					t.Fatalf("resident(%d, %d, %d) = %d, want %d", p, c, w, got, n)
				}
			}
		}
	}
}

func TestEmbeddings(t *testing.T) {
	ids := i32(shape(1, 2), 0, 1)
	word, pos := f32(shape(2, 2), 1, 3, 5, 5), f32(shape(2, 2), 0, 0, -1, 1)
	gamma, beta := f32(shape(2), 1, 2), f32(shape(2), 0, 10)
	eps := attrs(optest.Float("epsilon", 0))
	optest.Run(t, Table, []optest.Case{
		{Name: "sum and norm", Domain: ms, Op: "EmbedLayerNormalization", Attrs: eps, Inputs: list{ids, nil, word, pos, nil, gamma, beta, i32(shape(1, 2), 1, 0)}, Tol: 1e-6,
			Want: list{f32(shape(1, 2, 2), -1, 12, -1, 12), i32(shape(1), 1), f32(shape(1, 2, 2), 1, 3, 4, 6)}},
		{Name: "float16", Domain: ms, Op: "EmbedLayerNormalization", Attrs: eps, Inputs: list{ids, nil, optest.As(tensor.Float16, word), optest.As(tensor.Float16, pos), nil, optest.As(tensor.Float16, gamma), optest.As(tensor.Float16, beta)},
			Want: list{optest.As(tensor.Float16, f32(shape(1, 2, 2), -1, 12, -1, 12)), i32(shape(1), 0)}},
		{Name: "word", Domain: ms, Op: "EmbedLayerNormalization", Inputs: list{i32(shape(1, 1), 2), nil, word, pos, nil, gamma, beta}, Err: "word 2"},
		{Name: "too many positions", Domain: ms, Op: "EmbedLayerNormalization", Inputs: list{i32(shape(1, 3), 0, 0, 0), nil, word, pos, nil, gamma, beta}, Err: "position 2"},
		{Name: "position_ids", Domain: ms, Op: "EmbedLayerNormalization", Inputs: list{ids, nil, word, pos, nil, gamma, beta, nil, i32(shape(1, 2), 0, -1)}, Err: "position -1"},
		{Name: "segments alone", Domain: ms, Op: "EmbedLayerNormalization", Inputs: list{ids, ids, word, pos, nil, gamma, beta}, Err: "together"},
		{Name: "width", Domain: ms, Op: "EmbedLayerNormalization", Inputs: list{ids, nil, word, pos, nil, zeros(3), beta}, Err: "last dimension of 2"},
		{Name: "empty", Domain: ms, Op: "EmbedLayerNormalization", Inputs: list{i32(shape(2, 0)), nil, word, pos, nil, gamma, beta}, Want: list{zeros(2, 0, 2)}},
		{Name: "table", Domain: ms, Op: "RelativePositionBias", Attrs: attrs(num("max_distance", 8)), Inputs: list{f32(shape(4, 1), 0, 1, 2, 3), i64(shape(1), 3), i64(shape(1), 3)},
			Want: list{f32(shape(1, 1, 3, 3), 0, 0, 0, 1, 0, 0, 2, 1, 0)}},
		{Name: "one bucket", Domain: ms, Op: "RelativePositionBias", Attrs: attrs(num("max_distance", 8), num("is_bidirectional", 1)), Inputs: list{f32(shape(1, 1), 5), i64(shape(1), 2), i64(shape(1), 2)},
			Want: list{f32(shape(1, 1, 2, 2), 5, 5, 5, 5)}},
		{Name: "length", Domain: ms, Op: "RelativePositionBias", Attrs: attrs(num("max_distance", 8)), Inputs: list{zeros(4, 1), i64(shape(1), -1), i64(shape(1), 3)}, Err: "length"},
		{Name: "max_distance", Domain: ms, Op: "RelativePositionBias", Attrs: attrs(num("max_distance", 0)), Inputs: list{zeros(4, 1), i64(shape(1), 1), i64(shape(1), 3)}, Err: "max_distance"},
		// Weights of 0: both gates are 1/2, the factor is 1/2·(1/2·4 - 1) + 2.
		{Name: "gates", Domain: ms, Op: "GatedRelativePositionBias", Attrs: attrs(num("num_heads", 1)), Inputs: list{zeros(1, 2, 3), zeros(3), f32(shape(1, 1, 2, 2), 1, 2, 3, 4), zeros(3, 2), zeros(2), f32(shape(1, 1, 1, 1), 4)},
			Want: list{f32(shape(1, 1, 2, 2), 2.5, 5, 7.5, 10)}},
		{Name: "offset", Domain: ms, Op: "GatedRelativePositionBias", Attrs: attrs(num("num_heads", 1)), Inputs: list{zeros(1, 3), zeros(3), zeros(1, 1, 2, 2), zeros(3, 2), zeros(2), zeros(1, 1, 1, 1), i32(shape(1, 2), 2, 0)}, Err: "token_offset 2"},
		{Name: "gate width", Domain: ms, Op: "GatedRelativePositionBias", Attrs: attrs(num("num_heads", 1)), Inputs: list{zeros(1, 2, 3), zeros(3), zeros(1, 1, 2, 2), zeros(3, 3), zeros(3), zeros(1, 1, 1, 1)}, Err: "weight"},
	})
}
