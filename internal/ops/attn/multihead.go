package attn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// multiHead is com.microsoft.MultiHeadAttention and DecoderMaskedMultiHeadAttention.
//
// query [B,S,D], key [B,L,D] and value [B,L,Dv]; or one of them packed: query
// [B,L,N,3,H] or [B,L,2D+Dv], key [B,L,N,2,H]; or key and value as caches
// [B,N,L,H] (cross attention). bias [D+D+Dv] is added to them (to the query
// alone where the keys are caches). past_key and past_value [B,N,P,H] come
// before; with past_sequence_length they are buffers [B,N,M,H] of which so much
// is used. Outputs are [B,S,Dv], the caches, and the scores [B,N,S,T] after mask
// and bias. Caches are plain BNSH, as on CPUs.
type multiHead struct {
	msBase
	share bool
	in    multiInputs
}

// multiInputs are the numbers of the inputs that differ, -1 for those that are missing.
type multiInputs struct{ bias, mask, extra, past, pastLen, width, indirection int }

var multiHeadDef = &op.Def{Domain: "com.microsoft", Name: "MultiHeadAttention", New: func(a *op.Args) (op.Op, error) {
	return newMultiHead(a, a.HasIn(8), multiInputs{bias: 3, mask: 4, extra: 5, past: 6, pastLen: 8, width: -1, indirection: 9})
}}

var decoderMultiDef = &op.Def{Domain: "com.microsoft", Name: "DecoderMaskedMultiHeadAttention", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("output_qk") // says that output 3 is there
	return newMultiHead(a, a.Bool("past_present_share_buffer", false) && a.HasIn(5),
		multiInputs{bias: 10, mask: 3, extra: 4, past: 5, pastLen: 7, width: 8, indirection: 9})
}}

func newMultiHead(a *op.Args, share bool, in multiInputs) (op.Op, error) {
	if a.HasIn(in.past) != a.HasIn(in.past+1) {
		return nil, fmt.Errorf("past_key and past_value must be given together")
	}
	base, err := newBase(a)
	return &multiHead{msBase: base, share: share && a.HasIn(in.past), in: in}, err
}

func (o *multiHead) Infer(c *op.Infer) error {
	if err := expectRank(c, 0, 3, 5); err != nil {
		return err
	}
	for i := 1; i < 3; i++ {
		if err := expectRank(c, i, 3, 4, 5); err != nil {
			return err
		}
	}
	q, k, v := c.Shape(0), c.Shape(1), c.Shape(2)
	b, s := dim(c, q, 0), dim(c, q, 1)
	n := graph.D(o.heads)
	l, d, width, dv := c.Fresh(), c.Fresh(), c.Fresh(), c.Fresh()
	switch {
	case len(q) == 5:
		d, dv, l = q[4], q[4], q[1]
	case !c.Has(1):
		l = s
	case len(q) == 3:
		d = times(c, q[2], 1, o.heads)
	}
	switch {
	case len(k) == 5:
		l, dv = k[1], k[4]
	case len(k) == 4:
		l = k[2]
	case len(k) == 3:
		l = k[1]
	}
	switch len(v) {
	case 3:
		width, dv = v[2], times(c, v[2], 1, o.heads)
	case 4:
		dv = v[3]
	}
	if dv.Known() && !width.Known() {
		width = graph.D(dv.N * o.heads)
	}
	t, room, roomV := l, l, l
	if c.Has(o.in.past) {
		p := dim(c, c.Shape(o.in.past), 2)
		t = add(c, p, l)
		room, roomV = t, t
		if o.share {
			t, room, roomV = c.Fresh(), p, dim(c, c.Shape(o.in.past+1), 2)
		}
	}
	c.Out(0, c.Type(0), graph.Shape{b, s, width})
	c.Out(1, c.Type(0), graph.Shape{b, n, room, d})
	c.Out(2, c.Type(0), graph.Shape{b, n, roomV, dv})
	c.Out(3, qkType(c.Node(), 3, c.Type(0)), graph.Shape{b, n, s, t})
	return nil
}

// packed reads part i of k parts that are interleaved by head in [B,L,N,k,H].
func packed(t *tensor.Tensor, i, k, n int) (heads, error) {
	s := t.Shape()
	if len(s) != 5 || s[2] != n || s[3] != k {
		return heads{}, fmt.Errorf("packed input is %v, must be [B,L,%d,%d,H]", t, n, k)
	}
	row := k * s[4]
	return heads{t: t, b: s[0], n: n, s: s[1], d: s[4], off: i * s[4], sh: row, ss: n * row, sb: s[1] * n * row}, nil
}

// unpack reads query, key and value; cached is set if the latter two are caches.
func (o *multiHead) unpack(e *op.Eval) (q, k, v heads, cached bool, err error) {
	tq, tk, tv := e.In(0), e.In(1), e.In(2)
	if tk == nil && tv != nil {
		return q, k, v, false, fmt.Errorf("value is %v without a key", tv)
	}
	if tk == nil && tq.Rank() == 5 {
		for i, x := range []*heads{&q, &k, &v} {
			if *x, err = packed(tq, i, 3, o.heads); err != nil {
				return
			}
		}
		return
	}
	if tq.Rank() != 3 {
		return q, k, v, false, fmt.Errorf("query is %v, must be [batch, sequence, hidden]", tq)
	}
	if tk == nil {
		d, err := sizes(nil, tq.Shape()[2], o.heads)
		h := d[0] / o.heads
		return part(tq, o.heads, h, 0), part(tq, o.heads, h, d[0]), part(tq, o.heads, h, 2*d[0]), false, err
	}
	if q, err = split(tq, o.heads, "query"); err != nil {
		return
	}
	if tv == nil {
		if k, err = packed(tk, 0, 2, o.heads); err == nil {
			v, err = packed(tk, 1, 2, o.heads)
		}
		return
	}
	cached = tk.Rank() == 4
	if tv.Rank() != tk.Rank() {
		return q, k, v, cached, fmt.Errorf("key is %v and value %v, their ranks must agree", tk, tv)
	}
	if k, err = split(tk, o.heads, "key"); err == nil {
		v, err = split(tv, o.heads, "value")
	}
	return
}

func (o *multiHead) Eval(e *op.Eval) error {
	q, k, v, cached, err := o.unpack(e)
	if err != nil {
		return err
	}
	if q.n != o.heads || k.n != o.heads || v.n != o.heads {
		return fmt.Errorf("key has %d heads and value %d, num_heads is %d", k.n, v.n, o.heads)
	}
	if k.s != v.s || k.b != v.b {
		return fmt.Errorf("key has batch and length %d, %d and value %d, %d", k.b, k.s, v.b, v.s)
	}
	bias, dt := at(e, o.in.bias), e.In(0).DType()
	if q, err = plusBias(e, q, bias, 0); err != nil {
		return err
	}
	if !cached {
		if k, err = plusBias(e, k, bias, q.n*q.d); err != nil {
			return err
		}
		if v, err = plusBias(e, v, bias, 2*q.n*q.d); err != nil {
			return err
		}
	}
	c := call{q: q, mask: at(e, o.in.mask), bias: at(e, o.in.extra)}
	if c.k, c.past, err = o.cache(e, dt, 0, k); err != nil {
		return err
	}
	if c.v, _, err = o.cache(e, dt, 1, v); err != nil {
		return err
	}
	if c.remap, err = beams(at(e, o.in.width), at(e, o.in.indirection), q.b, c.past); err != nil {
		return err
	}
	if c.y, err = e.Out(0, dt, q.b, q.s, v.n*v.d); err != nil {
		return err
	}
	if e.Wants(3) {
		if c.qk, err = e.Out(3, qkType(e.Node(), 3, dt), q.b, q.n, q.s, c.k.s); err != nil {
			return err
		}
	}
	return o.run(e, c)
}

// cache joins cur with the past keys (i = 0) or values (1) into output 1+i and
// reads them; it also returns how many there were.
func (o *multiHead) cache(e *op.Eval, dt tensor.DType, i int, cur heads) (heads, int, error) {
	past := e.In(o.in.past + i)
	if past == nil || !o.share {
		h, err := join(e, 1+i, dt, past, cur)
		return h, h.s - cur.s, err
	}
	s := past.Shape()
	if len(s) != 4 || s[0] != cur.b || s[1] != cur.n || s[3] != cur.d {
		return heads{}, 0, fmt.Errorf("past is %v, must be [%d,%d,any,%d]", past, cur.b, cur.n, cur.d)
	}
	p, err := pastLength(e.In(o.in.pastLen), s[2]-cur.s)
	if err != nil {
		return heads{}, 0, err
	}
	t, err := output(e, 1+i, dt, s...)
	if err != nil {
		return heads{}, 0, err
	}
	h := bnsh(t)
	fill(h, 0, bnsh(past), s[2])
	fill(h, p, cur, cur.s)
	h.s = p + cur.s
	return h, p, nil
}
