package attn

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type vals = []tensor.Value

// gen makes random cases; it prints its seed when the test fails.
type gen struct{ *rand.Rand }

func newGen(t *testing.T) gen {
	seed := uint64(time.Now().UnixNano())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return gen{rand.New(rand.NewPCG(seed, 1))}
}

// f32 is a tensor of normal values.
func (g gen) f32(dims ...int) *tensor.Tensor {
	x, err := tensor.New(tensor.Float32, dims...)
	if err != nil {
		panic(err)
	}
	for i := range x.Len() {
		x.SetFloatAt(i, g.NormFloat64())
	}
	return x
}

// ints is a tensor of numbers from lo to hi.
func (g gen) ints(dt tensor.DType, lo, hi int, dims ...int) *tensor.Tensor {
	x, err := tensor.New(dt, dims...)
	if err != nil {
		panic(err)
	}
	for i := range x.Len() {
		x.SetIntAt(i, int64(lo+g.IntN(hi-lo+1)))
	}
	return x
}

func (g gen) coin() bool { return g.IntN(2) == 0 }

// or1 is n or 1.
func (g gen) or1(n int) int {
	if g.coin() {
		return 1
	}
	return n
}

func (g gen) in(lo, hi int) int { return lo + g.IntN(hi-lo+1) }

// both compares with Eval and counts allocations.
func both(t *testing.T, c optest.Case, how optest.How) {
	t.Helper()
	if c.Tol == 0 {
		c.Tol = 2e-5
	}
	optest.Prepared(t, Table, c, how)
	optest.NoAllocs(t, Table, c, how)
}

func TestPreparedAttention(t *testing.T) {
	g := newGen(t)
	for n := range 150 {
		b, kv, l, d, dv := g.in(1, 3), g.in(1, 3), g.in(1, 12), g.in(1, 20), g.in(1, 20)
		hq, s, p := kv*g.in(1, 3), g.in(1, 12), 0
		if n%10 == 0 { // several blocks of queries and lengths of keys
			b, l, s = 1, g.in(100, 700), g.in(1, 300)
		}
		c := optest.Case{Op: "Attention", Outputs: 1}
		flat := g.coin()
		if flat {
			c.Inputs = vals{g.f32(b, s, hq*d), g.f32(b, l, kv*d), g.f32(b, l, kv*dv)}
			c.Attrs = append(c.Attrs, optest.Int("q_num_heads", int64(hq)), optest.Int("kv_num_heads", int64(kv)))
		} else {
			c.Inputs = vals{g.f32(b, hq, s, d), g.f32(b, kv, l, d), g.f32(b, kv, l, dv)}
		}
		c.Inputs = append(c.Inputs, nil, nil, nil, nil)
		if g.coin() {
			p = g.in(0, 5)
			c.Inputs[4], c.Inputs[5] = g.f32(b, kv, p, d), g.f32(b, kv, p, dv)
		} else if g.coin() {
			c.Inputs[6] = g.ints(tensor.Int64, 0, l, b)
		}
		if g.coin() {
			cols := p + l - g.IntN(min(3, p+l))
			m := g.f32(g.or1(b), g.or1(hq), g.or1(s), cols)
			if g.coin() {
				m = g.f32(g.or1(s), cols)
			}
			for i := range m.Len() {
				if g.IntN(4) == 0 {
					m.SetFloatAt(i, math.Inf(-1))
				}
			}
			if g.coin() {
				m = g.ints(tensor.Bool, 0, 1, m.Shape()...)
			}
			c.Inputs[3] = m
		}
		if c.Inputs[4] != nil || c.Inputs[6] == nil && g.coin() {
			c.Outputs = 3
		}
		if g.coin() {
			c.Attrs = append(c.Attrs, optest.Int("is_causal", 1))
		}
		if g.coin() {
			c.Attrs = append(c.Attrs, optest.Float("scale", float32(g.NormFloat64()/2)))
		}
		if g.coin() {
			c.Attrs = append(c.Attrs, optest.Float("softcap", 1.5))
		}
		for len(c.Inputs) > 3 && c.Inputs[len(c.Inputs)-1] == nil {
			c.Inputs = c.Inputs[:len(c.Inputs)-1]
		}
		how := optest.How{Threads: g.in(1, 3)}
		optest.Prepared(t, Table, withTol(c), how)
		if n%10 < 3 {
			optest.NoAllocs(t, Table, c, how)
		}
	}
}

func withTol(c optest.Case) optest.Case {
	c.Tol = 5e-5
	return c
}

// masked allows for scores near -10000, the value for masked keys, which matter to
// queries that see no others: float32 has steps of 0.001 there.
func masked(c optest.Case, is bool) optest.Case {
	c = withTol(c)
	if is {
		c.Tol = 5e-3
	}
	return c
}

// Keys that a mask hides take no part even if they are no numbers.
func TestPreparedAttentionHidesNaN(t *testing.T) {
	g := newGen(t)
	for _, dt := range []tensor.DType{tensor.Float32, tensor.Bool} {
		q, k, v := g.f32(1, 2, 5, 8), g.f32(1, 2, 9, 8), g.f32(1, 2, 9, 8)
		m := g.ints(dt, 1, 1, 5, 9)
		for i := range 5 {
			if dt == tensor.Bool {
				m.SetIntAt(i*9+4, 0)
			} else {
				m.SetFloatAt(i*9+4, math.Inf(-1))
			}
		}
		for h := range 2 {
			for e := range 8 {
				k.SetFloatAt((h*9+4)*8+e, math.NaN())
				v.SetFloatAt((h*9+4)*8+e, math.Inf(1))
			}
		}
		both(t, optest.Case{Op: "Attention", Inputs: vals{q, k, v, m}}, optest.How{})
	}
}

// keyMask is a mask in one of the forms of com.microsoft, or nil.
func (g gen) keyMask(b, s, total, past int) tensor.Value {
	switch g.IntN(7) {
	case 0:
		return g.ints(tensor.Int32, 1, total, b)
	case 1:
		x := g.ints(tensor.Int32, total/2, total, 2*b)
		for i := range b {
			x.SetIntAt(b+i, 0)
		}
		return x
	case 2:
		return g.ints(tensor.Int32, 0, 1, b, total)
	case 3:
		return g.ints(tensor.Int32, 0, 1, b, s, total)
	case 4:
		m := past + max(s, total)
		return g.ints(tensor.Int32, 0, 1, b, 1, m, m)
	case 5:
		return g.ints(tensor.Int32, 1, 1, b, 1)
	}
	return nil
}

func TestPreparedMSAttention(t *testing.T) {
	g := newGen(t)
	for range 100 {
		b, s, n, h, di := g.in(1, 3), g.in(1, 9), g.in(1, 4), g.in(1, 9), g.in(1, 20)
		hv, p := h, 0
		c := optest.Case{Domain: "com.microsoft", Op: "Attention", Outputs: 1, Attrs: []graph.Attr{
			optest.Int("num_heads", int64(n)), optest.Int("unidirectional", int64(g.IntN(2)))}}
		if g.coin() {
			hv = g.in(1, 9)
			c.Attrs = append(c.Attrs, optest.Ints("qkv_hidden_sizes", int64(n*h), int64(n*h), int64(n*hv)))
		}
		c.Inputs = vals{g.f32(b, s, di), g.f32(di, n*(2*h+hv)), nil, nil, nil, nil}
		if g.coin() {
			c.Inputs[2] = g.f32(n * (2*h + hv))
		}
		if h == hv && g.coin() {
			c.Outputs = 2
			if g.coin() {
				p = g.in(0, 4)
				c.Inputs[4] = g.f32(2, b, n, p, h)
			}
		}
		c.Inputs[3] = g.keyMask(b, s, p+s, p)
		if g.coin() {
			c.Inputs[5] = g.f32(g.or1(b), g.or1(n), s, p+s)
		}
		how := optest.How{Threads: g.in(1, 3)}
		if g.coin() {
			how.Const = []int{1, 2}
		}
		both(t, masked(c, c.Inputs[3] != nil), how)
	}
}

func TestPreparedMultiHead(t *testing.T) {
	g := newGen(t)
	for range 150 {
		b, s, n, h, l := g.in(1, 3), g.in(1, 9), g.in(1, 4), g.in(1, 9), g.in(1, 9)
		hv, p := h, 0
		c := optest.Case{Domain: "com.microsoft", Op: "MultiHeadAttention", Outputs: 1, Attrs: []graph.Attr{
			optest.Int("num_heads", int64(n)), optest.Int("unidirectional", int64(g.IntN(2)))}}
		in := make(vals, 8)
		switch g.IntN(4) {
		case 0:
			l = s
			in[0] = g.f32(b, s, n, 3, h)
		case 1:
			in[0], in[1] = g.f32(b, s, n*h), g.f32(b, l, n, 2, h)
		case 2:
			in[0], in[1], in[2] = g.f32(b, s, n*h), g.f32(b, n, l, h), g.f32(b, n, l, hv)
		default:
			hv = g.in(1, 9)
			in[0], in[1], in[2] = g.f32(b, s, n*h), g.f32(b, l, n*h), g.f32(b, l, n*hv)
		}
		if g.coin() {
			in[3] = g.f32(n * (2*h + hv))
		}
		if g.coin() {
			c.Outputs = 3
			if g.coin() {
				p = g.in(0, 4)
				in[6], in[7] = g.f32(b, n, p, h), g.f32(b, n, p, hv)
			}
		}
		in[4] = g.keyMask(b, s, p+l, p)
		if g.coin() {
			in[5] = g.f32(g.or1(b), g.or1(n), s, p+l)
		}
		for in[len(in)-1] == nil {
			in = in[:len(in)-1]
		}
		c.Inputs = in
		both(t, masked(c, len(in) > 4 && in[4] != nil), optest.How{Threads: g.in(1, 3)})
	}
}

func TestPreparedGroupQuery(t *testing.T) {
	g := newGen(t)
	for n := range 150 {
		b, kv, s, half := g.in(1, 3), g.in(1, 3), g.in(1, 9), g.in(1, 8)
		heads, d := kv*g.in(1, 3), 2*half
		if n%10 == 0 {
			b, s = 1, g.in(30, 200)
		}
		p := g.IntN(6)
		total := g.in(1, p+s)
		c := optest.Case{Domain: "com.microsoft", Op: "GroupQueryAttention", Outputs: 3, Attrs: []graph.Attr{
			optest.Int("num_heads", int64(heads)), optest.Int("kv_num_heads", int64(kv))}}
		in := make(vals, 16)
		if g.coin() {
			in[0] = g.f32(b, s, (heads+2*kv)*d)
		} else {
			in[0], in[1], in[2] = g.f32(b, s, heads*d), g.f32(b, s, kv*d), g.f32(b, s, kv*d)
		}
		if p > 0 || g.coin() {
			in[3], in[4] = g.f32(b, kv, p, d), g.f32(b, kv, p, d)
		} else {
			total = g.in(1, s)
		}
		in[5], in[6] = g.ints(tensor.Int32, 0, total-1, b), tensor.Scalar(int32(total))
		if g.coin() {
			c.Attrs = append(c.Attrs, optest.Int("do_rotary", 1), optest.Int("rotary_interleaved", int64(g.IntN(2))))
			width := g.in(1, half)
			in[7], in[8] = g.f32(p+s+2, width), g.f32(p+s+2, width)
			if g.coin() {
				in[9] = g.ints(tensor.Int64, 0, p+s+1, b, s)
			}
		}
		if g.coin() {
			in[10] = g.f32(g.or1(b), g.or1(heads), s, total)
		}
		switch g.IntN(4) {
		case 0:
			in[11] = g.f32(heads)
		case 1:
			c.Attrs = append(c.Attrs, optest.Int("smooth_softmax", 1))
		}
		if g.coin() {
			in[14], in[15] = g.f32(d), g.f32(d)
		}
		switch g.IntN(3) {
		case 0:
			c.Attrs = append(c.Attrs, optest.Int("local_window_size", int64(g.in(1, 5))))
		case 1:
			c.Attrs = append(c.Attrs, optest.Int("causal", 0))
		}
		if g.coin() {
			c.Attrs = append(c.Attrs, optest.Float("softcap", 2))
		}
		for in[len(in)-1] == nil {
			in = in[:len(in)-1]
		}
		c.Inputs = in
		both(t, withTol(c), optest.How{Threads: g.in(1, 3), Const: []int{6}})
	}
}

func TestPreparedRotary(t *testing.T) {
	g := newGen(t)
	for range 60 {
		b, n, s, half := g.in(1, 3), g.in(1, 3), g.in(1, 9), g.in(1, 6)
		d := 2*half + g.IntN(3)
		c := optest.Case{Op: "RotaryEmbedding", Attrs: []graph.Attr{optest.Int("interleaved", int64(g.IntN(2))),
			optest.Int("rotary_embedding_dim", int64(2*half)), optest.Int("num_heads", int64(n))}}
		x := g.f32(b, n, s, d)
		if g.coin() {
			x = g.f32(b, s, n*d)
		}
		cos, sin := g.f32(s+3, half), g.f32(s+3, half)
		pos := g.ints(tensor.Int64, 0, s+2, b, s)
		switch g.IntN(4) {
		case 0:
			c.Inputs = vals{x, g.f32(b, s, half), g.f32(b, s, half)}
		case 1:
			c.Inputs = vals{x, cos, sin, pos}
		case 2:
			c.Domain, c.Inputs = "com.microsoft", vals{x, pos, cos, sin}
		default:
			c.Domain, c.Inputs = "com.microsoft", vals{x, optest.T([]int64{int64(g.IntN(4))}, 1), cos, sin}
		}
		both(t, c, optest.How{Threads: g.in(1, 3)})
		if len(c.Inputs) == 4 {
			pos.SetIntAt(pos.Len()-1, int64(s+3))
			optest.Prepared(t, Table, c, optest.How{})
		}
	}
}

func TestPreparedEmbedLayerNormalization(t *testing.T) {
	g := newGen(t)
	for range 60 {
		b, s, w := g.in(1, 3), g.in(1, 9), g.in(2, 20)
		in := make(vals, 9)
		in[0], in[2], in[3] = g.ints(tensor.Int32, 0, 6, b, s), g.f32(7, w), g.f32(10, w)
		in[5], in[6] = g.f32(w), g.f32(w)
		if g.coin() {
			in[1], in[4] = g.ints(tensor.Int32, 0, 1, b, s), g.f32(2, w)
		}
		if g.coin() {
			in[7] = g.ints(tensor.Int32, 0, 1, b, s)
		}
		if g.coin() {
			in[8] = g.ints(tensor.Int32, 0, 9, g.or1(b), s)
		}
		if g.IntN(8) == 0 {
			in[0].(*tensor.Tensor).SetIntAt(0, 7)
		}
		for in[len(in)-1] == nil {
			in = in[:len(in)-1]
		}
		c := optest.Case{Domain: "com.microsoft", Op: "EmbedLayerNormalization", Inputs: in, Outputs: g.in(2, 3), Tol: 1e-4}
		optest.Prepared(t, Table, c, optest.How{})
		if in[0].(*tensor.Tensor).IntAt(0) != 7 {
			optest.NoAllocs(t, Table, c, optest.How{})
		}
	}
}
