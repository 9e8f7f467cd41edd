package attn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// flexAttention is ai.onnx.preview FlexAttention: attention of rank 4 whose
// scores and probabilities, tensors [B, heads, L, S] of the type in which
// softmax is computed, go through bodies score_mod and prob_mod.
type flexAttention struct {
	scale     float64
	ownScale  bool
	precision tensor.DType
	mods      [2]string // names of the bodies that are there
}

var flexDef = &op.Def{Domain: "ai.onnx.preview", Name: "FlexAttention", New: func(a *op.Args) (op.Op, error) {
	o := &flexAttention{scale: a.Float("scale", 0), ownScale: a.Has("scale"), precision: a.DType("softmax_precision", tensor.Invalid)}
	for i, name := range []string{"score_mod", "prob_mod"} {
		b := a.Node.Body(name)
		if b == nil {
			continue
		}
		if b.Graph.Formal != 1 || len(b.Graph.Outputs) != 1 {
			return nil, fmt.Errorf("%s has %d inputs and %d outputs, must have one of each", name, b.Graph.Formal, len(b.Graph.Outputs))
		}
		o.mods[i] = name
	}
	return o, checkPrecision(o.precision)
}}

// compute returns the type of the softmax.
func (o *flexAttention) compute(dt tensor.DType) tensor.DType {
	switch {
	case o.precision != tensor.Invalid:
		return o.precision
	case dt == tensor.Float64:
		return dt
	}
	return tensor.Float32
}

func (o *flexAttention) Infer(c *op.Infer) error {
	for i := range 3 {
		if err := expectRank(c, i, 4); err != nil {
			return err
		}
	}
	q, k, v := c.Shape(0), c.Shape(1), c.Shape(2)
	b, h, l := dim(c, q, 0), dim(c, q, 1), dim(c, q, 2)
	c.Out(0, c.Type(0), graph.Shape{b, h, l, dim(c, v, 3)})
	if c.Type(0) == tensor.Invalid {
		return nil
	}
	f := op.Fact{Type: graph.TensorType(o.compute(c.Type(0)), graph.Shape{b, h, l, dim(c, k, 2)})}
	for _, m := range o.mods {
		if m != "" {
			if _, err := c.Body(m, []op.Fact{f}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *flexAttention) Eval(e *op.Eval) error {
	for i := range 3 {
		if e.In(i).Rank() != 4 {
			return fmt.Errorf("input %d is %v, must have rank 4", i, e.In(i))
		}
	}
	dt := e.In(0).DType()
	a := &attention{q: bnsh(e.In(0)), k: bnsh(e.In(1)), v: bnsh(e.In(2)), round: rounder(dt)}
	if err := a.check(); err != nil {
		return err
	}
	s := sqrtScale(o.scale, o.ownScale, a.q.d)
	a.qscale, a.kscale = roundTo(a.round, s), roundTo(a.round, math.Abs(s))
	ct := o.compute(dt)
	a.soft = rounder(ct)
	p, err := e.Temp(ct, a.q.b, a.q.n, a.q.s, a.k.s)
	if err != nil {
		return err
	}
	y, err := e.Out(0, dt, a.q.b, a.q.n, a.q.s, a.v.d)
	if err != nil || y.Len() == 0 {
		return err
	}
	w, err := a.buffers(e)
	if err != nil {
		return err
	}
	if err := a.each(e, w, func(b, h, i, r int) {
		a.scores(w, b, h, i)
		setRow(p, r*len(w.row), w.row)
	}); err != nil {
		return err
	}
	if p, err = o.modify(e, 0, p); err != nil {
		return err
	}
	probs, err := e.Temp(ct, p.Shape()...)
	if err != nil {
		return err
	}
	if err := a.each(e, w, func(b, h, i, r int) {
		bnsh(p).row(w.row, b, h, i)
		softmax(w.row, a.soft, math.Inf(-1))
		setRow(probs, r*len(w.row), w.row)
	}); err != nil {
		return err
	}
	if p, err = o.modify(e, 1, probs); err != nil {
		return err
	}
	return a.each(e, w, func(b, h, i, r int) {
		bnsh(p).row(w.row, b, h, i)
		weigh(w)
		setRow(y, r*len(w.out), w.out)
	})
}

// each calls f for every query with keys and values of its head loaded; r
// counts the rows of a tensor [B, heads, L, ...].
func (a *attention) each(e *op.Eval, w *buffers, f func(b, h, i, r int)) error {
	if a.q.s == 0 || a.k.n == 0 {
		return nil
	}
	group := a.q.n / a.k.n
	for b := range a.q.b {
		for h := range a.q.n {
			if h%group == 0 {
				a.load(w, b, h/group)
			}
			for i := range a.q.s {
				if err := e.Tick(1); err != nil {
					return err
				}
				f(b, h, i, (b*a.q.n+h)*a.q.s+i)
			}
		}
	}
	return nil
}

// modify runs a body on p; without one it returns p.
func (o *flexAttention) modify(e *op.Eval, i int, p *tensor.Tensor) (*tensor.Tensor, error) {
	if o.mods[i] == "" {
		return p, nil
	}
	out, err := e.Body(o.mods[i], []tensor.Value{p})
	if err != nil {
		return nil, err
	}
	if len(out) != 1 {
		return nil, fmt.Errorf("%s has %d outputs, must have one", o.mods[i], len(out))
	}
	t, ok := out[0].(*tensor.Tensor)
	if !ok || t.DType() != p.DType() || !tensor.SameShape(t.Shape(), p.Shape()) {
		return nil, fmt.Errorf("%s gave %s, must give %v", o.mods[i], tensor.Describe(out[0]), p)
	}
	return t.Aligned(), nil
}
