package attn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// msAttention is com.microsoft.Attention and what differs from it only in the
// places of its inputs: DecoderMaskedSelfAttention (one token, caches with room)
// and QAttention (8-bit input and weights).
//
// input [B,S,Di] and weights [Di,D+D+Dv] make Q, K and V; past [2,B,N,P,H] holds
// earlier keys and values; outputs are [B,S,Dv] and present [2,B,N,P+S,H]. With
// past_present_share_buffer both caches are [2,B,N,M,H] and past_sequence_length
// tells how much of them is used. Caches are plain BNSH, as on CPUs.
type msAttention struct {
	msBase
	hidden []int
	share  bool
	in     attentionInputs
}

// attentionInputs are the numbers of an operator's inputs, -1 for those it lacks.
type attentionInputs struct{ bias, mask, past, extra, pastLen, beams, indirection, quant int }

func newMSAttention(a *op.Args, in attentionInputs) (*msAttention, error) {
	base, err := newBase(a)
	if err != nil {
		return nil, err
	}
	o := &msAttention{msBase: base, in: in, hidden: a.Ints("qkv_hidden_sizes"), share: a.Bool("past_present_share_buffer", false)}
	a.Ignore("rotary_embedding_dim")
	if a.Bool("do_rotary", false) {
		return nil, fmt.Errorf("attribute do_rotary is not supported here: its angles are not part of the model; use RotaryEmbedding and MultiHeadAttention")
	}
	if n := len(o.hidden); n != 0 && n != 3 {
		return nil, fmt.Errorf("attribute qkv_hidden_sizes has %d elements, must have 3", n)
	}
	return o, nil
}

var msAttentionDef = &op.Def{Domain: "com.microsoft", Name: "Attention", New: func(a *op.Args) (op.Op, error) {
	return newMSAttention(a, attentionInputs{bias: 2, mask: 3, past: 4, extra: 5, pastLen: 6, beams: -1, indirection: -1, quant: -1})
}}

var decoderSelfDef = &op.Def{Domain: "com.microsoft", Name: "DecoderMaskedSelfAttention", New: func(a *op.Args) (op.Op, error) {
	return newMSAttention(a, attentionInputs{bias: 2, mask: 3, past: 4, extra: 5, pastLen: 6, beams: 7, indirection: 8, quant: -1})
}}

var qAttentionDef = &op.Def{Domain: "com.microsoft", Name: "QAttention", New: func(a *op.Args) (op.Op, error) {
	return newMSAttention(a, attentionInputs{bias: 2, mask: 5, past: 8, extra: -1, pastLen: -1, beams: -1, indirection: -1, quant: 3})
}}

// at returns input i, nil for -1.
func at(e *op.Eval, i int) *tensor.Tensor {
	if i < 0 {
		return nil
	}
	return e.In(i)
}

func (o *msAttention) Infer(c *op.Infer) error {
	for i, ranks := range [][]int{{2, 3}, {2}} {
		if err := expectRank(c, i, ranks...); err != nil {
			return err
		}
	}
	x, w := c.Shape(0), c.Shape(1)
	b, s := dim(c, x, 0), dim(c, x, 1)
	dv, d := c.Fresh(), c.Fresh()
	if len(o.hidden) == 3 {
		d, dv = graph.D(o.hidden[0]), graph.D(o.hidden[2])
	} else if n := dim(c, w, 1); n.Known() {
		d, dv = graph.D(n.N/3), graph.D(n.N/3)
	}
	dt := c.Type(0)
	if o.in.quant >= 0 {
		dt = c.Type(o.in.bias)
	}
	c.Out(0, dt, graph.Shape{b, s, dv})
	t := s
	if o.in.past >= 0 && c.Has(o.in.past) {
		p := c.Shape(o.in.past)
		t = add(c, dim(c, p, 3), s)
		if o.share {
			t = dim(c, p, 3)
		}
	}
	c.Out(1, dt, graph.Shape{graph.D(2), b, graph.D(o.heads), t, times(c, d, 1, o.heads)})
	return nil
}

func (o *msAttention) Eval(e *op.Eval) error {
	x, w := e.In(0), e.In(1)
	dt := x.DType()
	if o.in.quant >= 0 {
		var err error
		if x, w, err = dequantized(e, o.in.quant); err != nil {
			return err
		}
		dt = e.In(o.in.bias).DType()
	}
	if x.Rank() != 3 {
		return fmt.Errorf("input is %v, must be [batch, sequence, hidden]", x)
	}
	qkv, err := project(e, x, w, at(e, o.in.bias))
	if err != nil {
		return err
	}
	d, err := sizes(o.hidden, w.Shape()[1], o.heads)
	if err != nil {
		return err
	}
	n := o.heads
	c := call{q: part(qkv, n, d[0]/n, 0), k: part(qkv, n, d[1]/n, d[0]), v: part(qkv, n, d[2]/n, d[0]+d[1]),
		mask: at(e, o.in.mask), bias: at(e, o.in.extra)}
	if err := o.cache(e, &c, dt); err != nil {
		return err
	}
	if c.y, err = e.Out(0, dt, c.q.b, c.q.s, d[2]); err != nil {
		return err
	}
	return o.run(e, c)
}

// cache puts the keys and values of c behind those of past, in present.
func (o *msAttention) cache(e *op.Eval, c *call, dt tensor.DType) error {
	past := at(e, o.in.past)
	if past == nil && !e.Wants(1) {
		return nil
	}
	if c.k.d != c.v.d {
		return fmt.Errorf("head sizes of K and V are %d and %d, must be equal where there is a cache", c.k.d, c.v.d)
	}
	room := c.k.s
	if past != nil {
		s := past.Shape()
		if len(s) != 5 || s[0] != 2 || s[1] != c.k.b || s[2] != c.k.n || s[4] != c.k.d {
			return fmt.Errorf("past is %v, must be [2,%d,%d,any,%d]", past, c.k.b, c.k.n, c.k.d)
		}
		c.past = s[3]
		room += s[3]
		if o.share {
			var err error
			if c.past, err = pastLength(at(e, o.in.pastLen), s[3]-c.k.s); err != nil {
				return err
			}
			room = s[3]
		}
	}
	present, err := output(e, 1, dt, 2, c.k.b, c.k.n, room, c.k.d)
	if err != nil {
		return err
	}
	if err := o.beams(e, c); err != nil {
		return err
	}
	for i, x := range []*heads{&c.k, &c.v} {
		all := pair(present, i)
		if past != nil {
			p := pair(past, i)
			fill(all, 0, p, p.s)
		}
		fill(all, c.past, *x, x.s)
		all.s = c.past + x.s
		*x = all
	}
	return nil
}

func (o *msAttention) beams(e *op.Eval, c *call) (err error) {
	if o.in.beams >= 0 {
		c.remap, err = beams(e.In(o.in.beams), e.In(o.in.indirection), c.q.b, c.past)
	}
	return err
}

// pair reads the keys (i = 0) or values (1) of a cache [2,B,N,P,H].
func pair(t *tensor.Tensor, i int) heads {
	s := t.Shape()
	h := heads{t: t, b: s[1], n: s[2], s: s[3], d: s[4], ss: s[4], sh: s[3] * s[4], sb: s[2] * s[3] * s[4]}
	h.off = i * s[1] * h.sb
	return h
}

// pastLength reads a past_sequence_length of one element between 0 and most.
func pastLength(t *tensor.Tensor, most int) (int, error) {
	if t == nil || t.Len() != 1 {
		return 0, fmt.Errorf("past_sequence_length is %v, must be one number where past and present share a buffer", t)
	}
	p := t.IntAt(0)
	if p < 0 || p > int64(most) {
		return 0, fmt.Errorf("past_sequence_length is %d, the cache has room for 0 to %d", p, most)
	}
	return int(p), nil
}

// beams reads beam_width and cache_indirection [B/W, W, M]: entry (b, j, k)
// names the beam from which token k of beam j comes. Without them it returns nil.
func beams(width, t *tensor.Tensor, b, past int) (func(b, s int) int, error) {
	if t == nil {
		if width != nil && (width.Len() != 1 || width.IntAt(0) > 1) {
			return nil, fmt.Errorf("cache_indirection is required for a beam_width above 1")
		}
		return nil, nil
	}
	s := t.Shape()
	if len(s) != 3 || s[0]*s[1] != b || s[2] < past {
		return nil, fmt.Errorf("cache_indirection is %v, must be [batch,beams,at least %d] with batch*beams = %d", t, past, b)
	}
	for i := range t.Len() {
		if v := t.IntAt(i); i%max(s[2], 1) < past && (v < 0 || v >= int64(s[1])) {
			return nil, fmt.Errorf("cache_indirection has %d, there are %d beams", v, s[1])
		}
	}
	return func(b, k int) int {
		if k >= past {
			return b
		}
		return b/s[1]*s[1] + int(t.IntAt(b*s[2]+k))
	}, nil
}

// dequantized returns QAttention's input and weights as temporary float64: input
// scale and zero point are scalars, the weights' may be one for each column.
func dequantized(e *op.Eval, scale int) (x, w *tensor.Tensor, err error) {
	var out [2]*tensor.Tensor
	for i := range out {
		t, s, z := e.In(i), e.In(scale+i), e.In(scale+3+i)
		n := s.Len()
		if t.Rank() < 2 {
			return nil, nil, fmt.Errorf("input %d is %v, must be a matrix or a batch of them", i, t)
		}
		if n != 1 && (i == 0 || t.Rank() != 2 || n != t.Shape()[1]) || z != nil && z.Len() != 1 && (i == 0 || z.Len() != n && z.Len() != t.Shape()[t.Rank()-1]) {
			return nil, nil, fmt.Errorf("input %d is %v with scale %v and zero point %v; those must be scalars, or for weights one number a column", i, t, s, z)
		}
		if out[i], err = e.Temp(tensor.Float64, t.Shape()...); err != nil {
			return nil, nil, err
		}
		f := tensor.Of[float64](out[i])
		for k := range f {
			v := t.IntAt(k)
			if z != nil {
				v -= z.IntAt(k % z.Len())
			}
			f[k] = float64(v) * s.FloatAt(k%n)
		}
	}
	return out[0], out[1], nil
}
