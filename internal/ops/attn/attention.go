package attn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// onnxAttention is ai.onnx Attention (23, 24 with nonpad_kv_seqlen, 25 with
// sliding windows).
//
// Inputs Q, K, V, attn_mask?, past_key?, past_value?, nonpad_kv_seqlen?; outputs
// Y, present_key?, present_value?, qk_matmul_output?. Q, K and V are
// [B, heads, sequence, head size], or [B, sequence, hidden] with the numbers of
// heads in attributes. attn_mask broadcasts to [B, heads, S, T]; where its last
// dimension is shorter than T, the keys beyond are masked.
type onnxAttention struct {
	causal       bool
	qHeads, kv   int
	left, right  int // window sizes, -1 = unbounded
	mode         int
	scale        float64
	ownScale     bool
	softcap      float64
	precision    tensor.DType
	nonpad, past bool
}

var attentionDef = &op.Def{Name: "Attention", New: func(a *op.Args) (op.Op, error) {
	o := &onnxAttention{causal: a.Bool("is_causal", false), qHeads: a.Int("q_num_heads", 0), kv: a.Int("kv_num_heads", 0),
		left: -1, right: -1, mode: a.Int("qk_matmul_output_mode", 0), ownScale: a.Has("scale"), scale: a.Float("scale", 0),
		softcap: a.Float("softcap", 0), precision: a.DType("softmax_precision", tensor.Invalid),
		past: a.HasIn(4), nonpad: a.HasIn(6)}
	if a.Version >= 25 {
		o.left, o.right = a.Int("left_window_size", -1), a.Int("right_window_size", -1)
	}
	switch {
	case o.left < -1 || o.right < -1:
		return nil, fmt.Errorf("window sizes are %d and %d, must be -1 or more", o.left, o.right)
	case o.mode < 0 || o.mode > 3:
		return nil, fmt.Errorf("attribute qk_matmul_output_mode is %d, must be 0 to 3", o.mode)
	case a.HasIn(4) != a.HasIn(5):
		return nil, fmt.Errorf("past_key and past_value must be given together")
	case o.past && o.nonpad:
		return nil, fmt.Errorf("nonpad_kv_seqlen can't be combined with past_key and past_value")
	case o.qHeads < 0 || o.kv < 0:
		return nil, fmt.Errorf("numbers of heads are %d and %d, must be positive", o.qHeads, o.kv)
	}
	return o, checkPrecision(o.precision)
}}

// checkPrecision verifies attribute softmax_precision.
func checkPrecision(dt tensor.DType) error {
	switch dt {
	case tensor.Invalid, tensor.Float32, tensor.Float16, tensor.Float64, tensor.BFloat16:
		return nil
	}
	return fmt.Errorf("attribute softmax_precision is %v, must be float, float16, double or bfloat16", dt)
}

func (o *onnxAttention) Infer(c *op.Infer) error {
	for i := range 3 {
		if err := expectRank(c, i, 3, 4); err != nil {
			return err
		}
	}
	q, k, v := c.Shape(0), c.Shape(1), c.Shape(2)
	b, s, l := dim(c, q, 0), c.Fresh(), c.Fresh()
	hq, hk, d, dv := c.Fresh(), c.Fresh(), c.Fresh(), c.Fresh()
	switch len(q) {
	case 4:
		hq, s = q[1], q[2]
	case 3:
		s = q[1]
		hq = graph.D(o.qHeads)
	}
	switch len(k) {
	case 4:
		hk, l, d = k[1], k[2], k[3]
	case 3:
		hk, l, d = graph.D(o.kv), k[1], times(c, k[2], 1, o.kv)
	}
	switch len(v) {
	case 4:
		dv = v[3]
	case 3:
		dv = times(c, v[2], 1, o.kv)
	}
	if (len(q) == 3 || len(k) == 3) && (o.qHeads == 0 || o.kv == 0) {
		return fmt.Errorf("attributes q_num_heads and kv_num_heads are required for inputs of rank 3")
	}
	t := l
	if o.past {
		t = add(c, dim(c, c.Shape(4), 2), l)
	}
	switch {
	case len(q) == 4:
		c.Out(0, c.Type(0), graph.Shape{b, hq, s, dv})
	case len(q) == 3 && dv.Known():
		c.Out(0, c.Type(0), graph.Shape{b, s, graph.D(o.qHeads * dv.N)})
	case len(q) == 3 && len(v) == 3 && o.qHeads == o.kv:
		c.Out(0, c.Type(0), graph.Shape{b, s, v[2]})
	case len(q) == 3:
		c.Out(0, c.Type(0), graph.Shape{b, s, c.Fresh()})
	default:
		c.Out(0, c.Type(0), nil)
	}
	c.Out(1, c.Type(1), graph.Shape{b, hk, t, d})
	c.Out(2, c.Type(2), graph.Shape{b, hk, t, dv})
	c.Out(3, c.Type(0), graph.Shape{b, hq, s, t})
	return nil
}

// split reads a tensor of rank 4, or of rank 3 with n heads.
func split(t *tensor.Tensor, n int, name string) (heads, error) {
	switch t.Rank() {
	case 4:
		return bnsh(t), nil
	case 3:
		if n <= 0 || t.Shape()[2]%n != 0 {
			return heads{}, fmt.Errorf("%s is %v, its last dimension must be a multiple of %d heads", name, t, n)
		}
		return bsd(t, n), nil
	}
	return heads{}, fmt.Errorf("%s is %v, must have rank 3 or 4", name, t)
}

func (o *onnxAttention) Eval(e *op.Eval) error {
	q, err := split(e.In(0), o.qHeads, "Q")
	if err != nil {
		return err
	}
	k, err := split(e.In(1), o.kv, "K")
	if err != nil {
		return err
	}
	v, err := split(e.In(2), o.kv, "V")
	if err != nil {
		return err
	}
	a := &attention{q: q, k: k, v: v, round: rounder(e.In(0).DType())}
	if err := a.check(); err != nil {
		return err
	}
	if a.k, err = join(e, 1, e.In(1).DType(), e.In(4), k); err != nil {
		return err
	}
	if a.v, err = join(e, 2, e.In(2).DType(), e.In(5), v); err != nil {
		return err
	}
	a.qscale = sqrtScale(o.scale, o.ownScale, q.d)
	a.kscale = math.Abs(a.qscale)
	a.qscale, a.kscale = roundTo(a.round, a.qscale), roundTo(a.round, a.kscale)
	a.softcap = max(o.softcap, 0)
	a.soft = a.round
	if o.precision != tensor.Invalid {
		a.soft = rounder(o.precision)
	}
	if a.bias, err = o.bias(e, a); err != nil {
		return err
	}
	dims := []int{q.b, q.n, q.s, v.d}
	if e.In(0).Rank() == 3 {
		n, ok := tensor.NumElements([]int{q.n, v.d})
		if !ok {
			return fmt.Errorf("%w: %d heads of %d", tensor.ErrShape, q.n, v.d)
		}
		dims = []int{q.b, q.s, n}
	}
	y, err := e.Out(0, e.In(0).DType(), dims...)
	if err != nil {
		return err
	}
	if e.Wants(3) {
		z, err := e.Out(3, e.In(0).DType(), q.b, q.n, q.s, a.k.s)
		if err != nil {
			return err
		}
		a.observe = observer(z, o.mode, q.n, q.s)
	}
	a.out = storer(y, q.n, q.s, v.d, e.In(0).Rank() == 4)
	return a.run(e)
}

// sqrtScale returns the factor for queries; its magnitude is that for keys. The
// scale's default is 1/sqrt(d).
func sqrtScale(scale float64, own bool, d int) float64 {
	if !own {
		if d == 0 {
			return 1
		}
		scale = 1 / math.Sqrt(float64(d))
	}
	if scale < 0 {
		return -math.Sqrt(-scale)
	}
	return math.Sqrt(scale)
}

// bias combines mask, causality, windows and padding; nil if there are none.
func (o *onnxAttention) bias(e *op.Eval, a *attention) (func(b, h, i int, row []float64), error) {
	mask, err := newMask(e.In(3), a.q.b, a.q.n, a.q.s, a.k.s)
	if err != nil {
		return nil, err
	}
	var nonpad []int
	if o.nonpad {
		nonpad = e.IntList(6)
		if len(nonpad) != a.q.b {
			return nil, fmt.Errorf("nonpad_kv_seqlen is %v, must be [%d]", e.In(6), a.q.b)
		}
	}
	if mask == nil && nonpad == nil && !o.causal && o.left < 0 && o.right < 0 {
		return nil, nil
	}
	past := 0
	if o.past {
		past = e.In(4).Shape()[2]
	}
	return func(b, h, i int, row []float64) {
		if mask != nil {
			mask.add(b, h, i, row)
		}
		pos, end := i+past, len(row)
		far := len(row) + a.q.s // more than any distance between query and key
		if nonpad != nil {
			n := clamp(nonpad[b], far)
			pos, end = i+n-a.q.s, min(max(n, 0), end)
		}
		lo, hi := 0, end // keys [lo, hi) take part
		if o.causal {
			hi = min(hi, pos+1)
		}
		if o.left >= 0 {
			lo = max(lo, pos-clamp(o.left, far))
		}
		if o.right >= 0 {
			hi = min(hi, pos+clamp(o.right, far)+1)
		}
		maskOutside(row, lo, hi)
	}, nil
}

// clamp limits v to [-limit, limit]: enough to keep what it means, small enough to add to.
func clamp(v, limit int) int { return max(-limit, min(v, limit)) }

// maskOutside sets everything outside [lo, hi) to -Inf.
func maskOutside(row []float64, lo, hi int) {
	for j := range row {
		if j < lo || j >= hi {
			row[j] = math.Inf(-1)
		}
	}
}

// mask is an attention mask that broadcasts to [B, heads, S, T]: bool (false
// masks) or numbers (added). Keys beyond its last dimension are masked.
type mask struct {
	t       *tensor.Tensor
	strides [4]int
	n       int // length of the last dimension
}

// newMask checks t's shape; nil gives nil.
func newMask(t *tensor.Tensor, dims ...int) (*mask, error) {
	if t == nil {
		return nil, nil
	}
	s := t.Shape()
	r := len(s)
	if r == 0 || r > 4 {
		return nil, fmt.Errorf("attn_mask is %v, must have rank 1 to 4", t)
	}
	m := &mask{t: t, n: s[r-1]}
	st := op.Strides(s)
	bad := s[r-1] > dims[3]
	for k := range s[:r-1] {
		at := 4 - r + k
		if s[k] != dims[at] && s[k] != 1 {
			bad = true
		}
		if s[k] != 1 {
			m.strides[at] = st[k]
		}
	}
	if bad {
		return nil, fmt.Errorf("attn_mask is %v, must broadcast to %v", t, dims)
	}
	return m, nil
}

func (m *mask) add(b, h, i int, row []float64) {
	o := b*m.strides[0] + h*m.strides[1] + i*m.strides[2]
	for j := range row {
		switch {
		case j >= m.n:
			row[j] = math.Inf(-1)
		case m.t.DType() != tensor.Bool:
			row[j] += m.t.FloatAt(o + j)
		case !m.t.BoolAt(o + j):
			row[j] = math.Inf(-1)
		}
	}
}
