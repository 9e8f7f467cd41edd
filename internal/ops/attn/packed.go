package attn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// packedAttention is com.microsoft.PackedAttention (input [tokens, Di], merged
// weights) and PackedMultiHeadAttention (query, key, value [tokens, hidden], or
// one tensor [tokens, N, 3, H], and bias): attention within sequences of
// different lengths that follow one another without padding. Sequence b is
// tokens cumulative_sequence_length[b] to [b+1]. token_offset [B, S] says where
// a token was before packing; only its shape matters here. attention_bias is
// [B or 1, N or 1, S, S]. The output is [tokens, Dv].
type packedAttention struct {
	msBase
	hidden []int
	merged bool // PackedAttention
}

var packedAttentionDef = &op.Def{Domain: "com.microsoft", Name: "PackedAttention", New: func(a *op.Args) (op.Op, error) {
	base, err := newBase(a)
	return &packedAttention{base, a.Ints("qkv_hidden_sizes"), true}, err
}}

var packedMultiHeadDef = &op.Def{Domain: "com.microsoft", Name: "PackedMultiHeadAttention", New: func(a *op.Args) (op.Op, error) {
	base, err := newBase(a)
	return &packedAttention{base, nil, false}, err
}}

func (o *packedAttention) Infer(c *op.Infer) error {
	tokens, dv := dim(c, c.Shape(0), 0), c.Fresh()
	if o.merged {
		if err := expectRank(c, 0, 2); err != nil {
			return err
		}
		if len(o.hidden) == 3 {
			dv = graph.D(o.hidden[2])
		} else {
			dv = times(c, dim(c, c.Shape(1), 1), 1, 3)
		}
	} else {
		if err := expectRank(c, 0, 2, 4); err != nil {
			return err
		}
		switch q, v := c.Shape(0), c.Shape(2); {
		case len(v) == 2:
			dv = v[1]
		case len(q) == 4 && q[3].Known():
			dv = graph.D(o.heads * q[3].N)
		}
	}
	c.Out(0, c.Type(0), graph.Shape{tokens, dv})
	return nil
}

// tokens reads rows [tokens, columns] as one batch of n heads of size d from column off on.
func tokens(t *tensor.Tensor, n, d, off int) heads {
	s := t.Shape()
	return heads{t: t, b: 1, n: n, s: s[0], d: d, off: off, sh: d, ss: s[1]}
}

// qkv returns the heads of all tokens and the number of the input token_offset.
func (o *packedAttention) qkv(e *op.Eval) (x [3]heads, offsets int, err error) {
	n, q := o.heads, e.In(0)
	if o.merged {
		t, err := project(e, q, e.In(1), e.In(2))
		if err != nil {
			return x, 0, err
		}
		if t.Rank() != 2 {
			return x, 0, fmt.Errorf("input is %v, must be [tokens, hidden]", q)
		}
		d, err := sizes(o.hidden, t.Shape()[1], n)
		return [3]heads{tokens(t, n, d[0]/n, 0), tokens(t, n, d[1]/n, d[0]), tokens(t, n, d[2]/n, d[0]+d[1])}, 3, err
	}
	if s := q.Shape(); len(s) == 4 && s[1] == n && s[2] == 3 && e.In(1) == nil && e.In(2) == nil {
		for i := range x {
			x[i] = heads{t: q, b: 1, n: n, s: s[0], d: s[3], off: i * s[3], sh: 3 * s[3], ss: n * 3 * s[3]}
		}
	} else {
		for i := range x {
			t := e.In(i)
			if t == nil || t.Rank() != 2 || t.Shape()[1]%n != 0 || t.Shape()[0] != q.Shape()[0] {
				return x, 0, fmt.Errorf("input %d is %v, must be [tokens, multiple of %d]", i, t, n)
			}
			x[i] = tokens(t, n, t.Shape()[1]/n, 0)
		}
	}
	off := 0
	for i := range x {
		if x[i], err = plusBias(e, x[i], e.In(3), off); err != nil {
			return x, 0, err
		}
		off += x[i].n * x[i].d
	}
	return x, 4, nil
}

func (o *packedAttention) Eval(e *op.Eval) error {
	x, at, err := o.qkv(e)
	if err != nil {
		return err
	}
	offsets, cum := e.In(at), e.IntList(at+1)
	if offsets.Rank() != 2 || len(cum) != offsets.Shape()[0]+1 {
		return fmt.Errorf("token_offset is %v and cumulative_sequence_length %v, must be [B,S] and [B+1]", offsets, e.In(at+1))
	}
	b, s := offsets.Shape()[0], offsets.Shape()[1]
	bias, err := newBias(e.In(at+2), b, o.heads, s, s)
	if err != nil {
		return err
	}
	y, err := e.Out(0, e.In(0).DType(), x[0].s, x[2].n*x[2].d)
	if err != nil {
		return err
	}
	clear(y.Bytes()) // tokens outside all sequences
	for i := range b {
		from, to := cum[i], cum[i+1]
		if from < 0 || to < from || to > x[0].s || to-from > s {
			return fmt.Errorf("sequence %d is tokens %d to %d, must lie within %d tokens and have at most %d", i, from, to, x[0].s, s)
		}
		if err := o.sequence(e, x, from, to, i, bias, y); err != nil {
			return err
		}
	}
	return nil
}

// sequence computes sequence i, tokens from to to.
func (o *packedAttention) sequence(e *op.Eval, x [3]heads, from, to, i int, bias *mask, y *tensor.Tensor) error {
	for k := range x {
		x[k].off += from * x[k].ss
		x[k].s = to - from
	}
	a := &attention{q: x[0], k: x[1], v: x[2], qscale: scaleFor(o.scale, x[0].d), kscale: 1}
	if bias != nil {
		a.bias = func(_, h, j int, row []float64) { bias.add(i, h, j, row) }
	}
	store := storer(y, o.heads, to-from, x[2].d, false)
	a.out = func(_, h, j int, row []float64) { store(0, h, from+j, row) }
	return a.run(e)
}
