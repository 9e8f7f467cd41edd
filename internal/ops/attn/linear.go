package attn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// linearAttention is LinearAttention of ai.onnx 27 and com.microsoft: a
// recurrence over tokens t with one state S [d_k, d_v] a key head:
//
//	S = exp(decay_t) · S                        gated, gated_delta
//	v = beta_t · (v_t - S'·k_t)                 delta, gated_delta; else v = v_t
//	S = S + k_t ⊗ v
//	out = scale · q_t'·S
//
// query [B,T,Hq·dk], key [B,T,Hkv·dk], value [B,T,Hkv·dv], past_state?
// [B,Hkv,dk,dv], decay? [B,T,Hkv] or [B,T,Hkv·dk], beta? [B,T,Hkv] or [B,T,1];
// outputs [B,T,max(Hq,Hkv)·dv] and the state.
//
// com.microsoft also takes more key heads than query heads, and state_window
// W > 0: states are then [W,B,Hkv,dk,dv], slot j the one after token T-W+j.
type linearAttention struct {
	hq, hk       int
	scale        float64
	gated, delta bool
	window       int
}

var linearDef = &op.Def{Name: "LinearAttention", New: func(a *op.Args) (op.Op, error) { return newLinear(a) }}

var msLinearDef = &op.Def{Domain: "com.microsoft", Name: "LinearAttention", New: func(a *op.Args) (op.Op, error) {
	o, err := newLinear(a)
	if err != nil {
		return nil, err
	}
	o.window = a.Int("state_window", 0)
	if o.window < 0 || o.window > 8 {
		return nil, fmt.Errorf("attribute state_window is %d, must be 0 to 8", o.window)
	}
	return o, nil
}}

func newLinear(a *op.Args) (*linearAttention, error) {
	a.Ignore("chunk_size") // how to split the work, not what comes out
	o := &linearAttention{hq: a.Int("q_num_heads", 0), hk: a.Int("kv_num_heads", 0), scale: a.Float("scale", 0)}
	rule := a.OneOf("update_rule", "gated_delta", "linear", "gated", "delta", "gated_delta")
	o.gated = rule == "gated" || rule == "gated_delta"
	o.delta = rule == "delta" || rule == "gated_delta"
	inverse := a.Node.Domain != "" && o.hq > 0 && o.hk%o.hq == 0
	switch {
	case o.hq <= 0 || o.hk <= 0 || o.hq%o.hk != 0 && !inverse:
		return nil, fmt.Errorf("q_num_heads = %d must be a positive multiple of kv_num_heads = %d", o.hq, o.hk)
	case o.gated != a.HasIn(4):
		return nil, fmt.Errorf("update_rule %q and input decay don't go together: gated rules need it, others have none", rule)
	case o.delta != a.HasIn(5):
		return nil, fmt.Errorf("update_rule %q and input beta don't go together: delta rules need it, others have none", rule)
	}
	return o, nil
}

func (o *linearAttention) Infer(c *op.Infer) error {
	for i := range 3 {
		if err := expectRank(c, i, 3); err != nil {
			return err
		}
	}
	q, v := c.Shape(0), c.Shape(2)
	b := dim(c, q, 0)
	c.Out(0, c.Type(0), graph.Shape{b, dim(c, q, 1), times(c, dim(c, v, 2), max(o.hq, o.hk), o.hk)})
	st := graph.Shape{b, graph.D(o.hk), times(c, dim(c, q, 2), 1, o.hq), times(c, dim(c, v, 2), 1, o.hk)}
	if o.window > 0 {
		st = append(graph.Shape{graph.D(o.window)}, st...)
	}
	dt := c.Type(0)
	if c.Has(3) {
		dt = c.Type(3)
	}
	c.Out(1, dt, st)
	return nil
}

// linearShapes are the sizes of one call.
type linearShapes struct{ b, t, dk, dv, decay, beta int }

func (o *linearAttention) shapes(e *op.Eval) (s linearShapes, err error) {
	heads := [3]int{o.hq, o.hk, o.hk}
	var d [3]int
	for i := range 3 {
		x := e.In(i).Shape()
		if len(x) != 3 || x[2]%heads[i] != 0 {
			return s, fmt.Errorf("input %d is %v, must be [B,T,multiple of %d]", i, e.In(i), heads[i])
		}
		if q := e.In(0).Shape(); x[0] != q[0] || x[1] != q[1] {
			return s, fmt.Errorf("input %d is %v, must have batch %d and length %d", i, e.In(i), q[0], q[1])
		}
		d[i] = x[2] / heads[i]
	}
	if d[0] != d[1] {
		return s, fmt.Errorf("head size of query is %d, of key %d", d[0], d[1])
	}
	s = linearShapes{b: e.In(0).Shape()[0], t: e.In(0).Shape()[1], dk: d[0], dv: d[2]}
	last := func(i int, ok ...int) (int, error) {
		x := e.In(i)
		if x == nil {
			return 0, nil
		}
		if x.Rank() == 3 && x.Shape()[0] == s.b && x.Shape()[1] == s.t {
			for _, n := range ok {
				if x.Shape()[2] == n {
					return n, nil
				}
			}
		}
		return 0, fmt.Errorf("input %d is %v, must be [%d,%d,one of %v]", i, x, s.b, s.t, ok)
	}
	if s.decay, err = last(4, o.hk, o.hk*s.dk); err != nil {
		return s, err
	}
	s.beta, err = last(5, o.hk, 1)
	return s, err
}

func (o *linearAttention) Eval(e *op.Eval) error {
	s, err := o.shapes(e)
	if err != nil {
		return err
	}
	dims := []int{s.b, o.hk, s.dk, s.dv}
	slots := max(o.window, 1)
	if o.window > 0 {
		dims = append([]int{o.window}, dims...)
	}
	dt, past := e.In(0).DType(), e.In(3)
	sdt := dt
	if past != nil {
		sdt = past.DType()
		if !tensor.SameShape(past.Shape(), dims) {
			return fmt.Errorf("past_state is %v, must be %v", past, dims)
		}
	}
	size, ok := tensor.NumElements([]int{s.b, o.hk, s.dk, s.dv})
	width, ok2 := tensor.NumElements([]int{max(o.hq, o.hk), s.dv})
	if !ok || !ok2 {
		return fmt.Errorf("%w: states of %v", tensor.ErrShape, dims)
	}
	y, err := e.Out(0, dt, s.b, s.t, width)
	if err != nil {
		return err
	}
	present, err := output(e, 1, sdt, dims...)
	if err != nil {
		return err
	}
	tmp, err := e.Temp(tensor.Float64, size)
	if err != nil {
		return err
	}
	rows, err := e.Temp(tensor.Float64, 2*s.dk+2*s.dv)
	if err != nil {
		return err
	}
	state := tensor.Of[float64](tmp)
	for i := range state {
		if past != nil {
			state[i] = past.FloatAt((slots-1)*size + i)
		}
	}
	clear(y.Bytes())
	clear(present.Bytes())
	setRow(present, (slots-1)*size, state) // stays if there is no token
	if size == 0 {
		return nil
	}
	r := tensor.Of[float64](rows)
	l := &linearRun{o, s, e, r[:s.dk], r[s.dk : 2*s.dk], r[2*s.dk:][:s.dv], r[2*s.dk+s.dv:]}
	for t := range s.t {
		if err := e.Tick(s.b * o.hk); err != nil {
			return err
		}
		for b := range s.b {
			for h := range o.hk {
				l.step(state[(b*o.hk+h)*s.dk*s.dv:][:s.dk*s.dv], b, t, h, y)
			}
		}
		if j := t - s.t + slots; j >= 0 {
			setRow(present, j*size, state)
		}
	}
	return nil
}

// linearRun is one call: the operator, its sizes and working vectors.
type linearRun struct {
	o         *linearAttention
	s         linearShapes
	e         *op.Eval
	q, k      []float64
	v, result []float64
}

// step updates the state of key head h of batch b by token t and writes the
// outputs of the heads that read it.
func (l *linearRun) step(state []float64, b, t, h int, y *tensor.Tensor) {
	s, o := l.s, l.o
	part(l.e.In(1), o.hk, s.dk, 0).row(l.k, b, h, t)
	part(l.e.In(2), o.hk, s.dv, 0).row(l.v, b, h, t)
	at := b*s.t + t
	for i := range l.k {
		if !o.gated {
			break
		}
		j := h
		if s.decay != o.hk {
			j = h*s.dk + i
		}
		g := math.Exp(l.e.In(4).FloatAt(at*s.decay + j))
		for m := range l.v {
			state[i*s.dv+m] *= g
		}
	}
	if o.delta {
		beta := l.e.In(5).FloatAt(at*s.beta + h%s.beta)
		for m := range l.v {
			for i, k := range l.k {
				l.v[m] -= state[i*s.dv+m] * k
			}
			l.v[m] *= beta
		}
	}
	for i, k := range l.k {
		for m, v := range l.v {
			state[i*s.dv+m] += k * v
		}
	}
	group := max(o.hq/o.hk, 1)
	scale := o.scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(s.dk))
	}
	for g := range group {
		qh := h*group + g
		if o.hk > o.hq {
			qh = h / (o.hk / o.hq)
		}
		part(l.e.In(0), o.hq, s.dk, 0).row(l.q, b, qh, t)
		clear(l.result)
		for i, q := range l.q {
			for m := range l.result {
				l.result[m] += scale * q * state[i*s.dv+m]
			}
		}
		setRow(y, (at*max(o.hq, o.hk)+h*group+g)*s.dv, l.result)
	}
}
