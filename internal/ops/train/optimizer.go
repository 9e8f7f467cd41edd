package train

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// optimizer is one step of an optimization of any number of tensors. Inputs are
// the learning rate R, the count of updates T, then all tensors X, all
// gradients G, and the state (one or two tensors for each X); outputs are the
// new X and the new state.
type optimizer struct {
	state int // state tensors for each X
	// rate returns the factor of the step; update returns the new element and
	// puts its new state into s.
	rate   func(r float64, t int64) float64
	update func(r float64, t int64, x, g float64, s []float64) float64
}

func newOptimizer(a *op.Args, o *optimizer) (op.Op, error) {
	per := 2 + o.state
	if n := a.NIn() - 2; n < per || n%per != 0 {
		return nil, fmt.Errorf("%d inputs, must be 2 and %d for each tensor", a.NIn(), per)
	}
	n := (a.NIn() - 2) / per
	if a.NOut() != n*(1+o.state) {
		return nil, fmt.Errorf("%d outputs for %d tensors, must be %d", a.NOut(), n, n*(1+o.state))
	}
	for i := range a.NIn() {
		if !a.HasIn(i) {
			return nil, fmt.Errorf("input %d is missing", i)
		}
	}
	return o, nil
}

// tensors returns how many tensors are optimized.
func (o *optimizer) tensors(nin int) int { return (nin - 2) / (2 + o.state) }

func (o *optimizer) Infer(c *op.Infer) error {
	n := o.tensors(c.NIn())
	for k := range n {
		c.Like(k, 2+k)
		for s := range o.state {
			c.Like((1+s)*n+k, 2+(2+s)*n+k)
		}
	}
	return nil
}

func (o *optimizer) Eval(e *op.Eval) error {
	r, t := e.In(0), e.In(1)
	if r.Len() != 1 || t.Len() != 1 {
		return fmt.Errorf("R and T are %v and %v, must be scalars", r, t)
	}
	rate, count := r.FloatAt(0), t.IntAt(0)
	if o.rate != nil {
		rate = o.rate(rate, count)
	}
	n := o.tensors(e.NIn())
	for k := range n {
		if err := o.step(e, n, k, rate, count); err != nil {
			return fmt.Errorf("tensor %d: %w", k, err)
		}
	}
	return nil
}

// step updates tensor k of n.
func (o *optimizer) step(e *op.Eval, n, k int, rate float64, count int64) error {
	x, g := e.In(2+k), e.In(2+n+k)
	out := make([]*tensor.Tensor, 1+o.state)
	in := make([]*tensor.Tensor, o.state)
	if !tensor.SameShape(x.Shape(), g.Shape()) {
		return fmt.Errorf("X is %v, its gradient %v", x, g)
	}
	for s := range in {
		if in[s] = e.In(2 + (2+s)*n + k); !tensor.SameShape(x.Shape(), in[s].Shape()) {
			return fmt.Errorf("X is %v, its state %v", x, in[s])
		}
	}
	for i := range out {
		dt := x.DType()
		if i > 0 {
			dt = in[i-1].DType()
		}
		var err error
		if out[i], err = e.OutLike(i*n+k, dt, x); err != nil {
			return err
		}
	}
	state := make([]float64, o.state)
	for i := range x.Len() {
		for s, t := range in {
			state[s] = t.FloatAt(i)
		}
		out[0].SetFloatAt(i, o.update(rate, count, x.FloatAt(i), g.FloatAt(i), state))
		for s, v := range state {
			out[1+s].SetFloatAt(i, v)
		}
	}
	return nil
}

var adagradDef = &op.Def{Domain: domain, Name: "Adagrad", New: func(a *op.Args) (op.Op, error) {
	norm, decay, eps := a.Float("norm_coefficient", 0), a.Float("decay_factor", 0), a.Float("epsilon", 1e-6)
	return newOptimizer(a, &optimizer{state: 1,
		rate: func(r float64, t int64) float64 { return r / (1 + float64(t)*decay) },
		update: func(r float64, _ int64, x, g float64, s []float64) float64 {
			g += norm * x
			s[0] += g * g
			return x - r*g/(math.Sqrt(s[0])+eps)
		}})
}}

var adamDef = &op.Def{Domain: domain, Name: "Adam", New: func(a *op.Args) (op.Op, error) {
	norm, post, eps := a.Float("norm_coefficient", 0), a.Float("norm_coefficient_post", 0), a.Float("epsilon", 1e-6)
	alpha, beta := a.Float("alpha", 0.9), a.Float("beta", 0.999)
	return newOptimizer(a, &optimizer{state: 2,
		rate: func(r float64, t int64) float64 {
			if t <= 0 {
				return r
			}
			return r * math.Sqrt(1-math.Pow(beta, float64(t))) / (1 - math.Pow(alpha, float64(t)))
		},
		update: func(r float64, _ int64, x, g float64, s []float64) float64 {
			g += norm * x
			s[0] = alpha*s[0] + (1-alpha)*g
			s[1] = beta*s[1] + (1-beta)*g*g
			return (1 - post) * (x - r*s[0]/(math.Sqrt(s[1])+eps))
		}})
}}

var momentumDef = &op.Def{Domain: domain, Name: "Momentum", New: func(a *op.Args) (op.Op, error) {
	norm, alpha, beta := a.Float("norm_coefficient", 0), a.Float("alpha", 0), a.Float("beta", 0)
	nesterov := a.OneOf("mode", "standard", "standard", "nesterov") == "nesterov"
	return newOptimizer(a, &optimizer{state: 1,
		update: func(r float64, t int64, x, g float64, s []float64) float64 {
			g += norm * x
			b := beta
			if t <= 0 { // the first iteration
				b = 1
			}
			s[0] = alpha*s[0] + b*g
			if nesterov {
				return x - r*(g+alpha*s[0])
			}
			return x - r*s[0]
		}})
}}
