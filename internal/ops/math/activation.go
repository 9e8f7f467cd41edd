package math

import (
	"math"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// activationDef defines an activation whose attributes fill in a function.
func activationDef(domain, name string, f func(a *op.Args) unary) *op.Def {
	return &op.Def{Domain: domain, Name: name, New: func(a *op.Args) (op.Op, error) {
		a.Ignore("consumed_inputs")
		o := f(a)
		return &o, nil
	}}
}

// reluDef propagates NaN, as ONNX Runtime does.
var reluDef = unaryDef("Relu", unary{
	f: func(x float64) float64 {
		if x < 0 {
			return 0
		}
		return x
	},
	i: func(x int64) int64 { return max(x, 0) },
	u: func(x uint64) uint64 { return x }})

var (
	softplusDef  = floatDef("Softplus", softplus)
	softsignDef  = floatDef("Softsign", func(x float64) float64 { return x / (1 + math.Abs(x)) }) // NaN for infinities
	mishDef      = floatDef("Mish", func(x float64) float64 { return x * math.Tanh(softplus(x)) })
	hardSwishDef = floatDef("HardSwish", func(x float64) float64 { return x * clamp(x/6+0.5, 0, 1) })
)

// softplus is log(1 + e^x) without overflow.
func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// clamp limits x to [lo, hi]; hi wins where they cross, NaN stays NaN.
func clamp(x, lo, hi float64) float64 {
	if x < lo {
		x = lo
	}
	if x > hi {
		x = hi
	}
	return x
}

var leakyReluDef = activationDef("", "LeakyRelu", func(a *op.Args) unary {
	alpha := a.Float("alpha", 0.01)
	return unary{k: leaky32(alpha), f: func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}}
})

var eluDef = activationDef("", "Elu", func(a *op.Args) unary {
	alpha := a.Float("alpha", 1)
	return unary{f: func(x float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	}}
})

var seluDef = activationDef("", "Selu", func(a *op.Args) unary {
	alpha, gamma := a.Float("alpha", 1.67326319217681884765625), a.Float("gamma", 1.05070102214813232421875)
	return unary{f: func(x float64) float64 {
		if x <= 0 {
			return gamma * alpha * math.Expm1(x)
		}
		return gamma * x
	}}
})

var celuDef = activationDef("", "Celu", func(a *op.Args) unary {
	alpha := a.Float("alpha", 1)
	return unary{f: func(x float64) float64 {
		return math.Max(0, x) + math.Min(0, alpha*math.Expm1(x/alpha))
	}}
})

var hardSigmoidDef = activationDef("", "HardSigmoid", func(a *op.Args) unary {
	alpha, beta := a.Float("alpha", 0.2), a.Float("beta", 0.5)
	return unary{k: hardSigmoid32(alpha, beta), f: func(x float64) float64 { return clamp(alpha*x+beta, 0, 1) }}
})

var thresholdedReluDef = activationDef("", "ThresholdedRelu", func(a *op.Args) unary {
	alpha := a.Float("alpha", 1)
	return unary{f: func(x float64) float64 {
		if x > alpha || x != x {
			return x
		}
		return 0
	}}
})

var swishDef = activationDef("", "Swish", func(a *op.Args) unary {
	alpha := a.Float("alpha", 1)
	return unary{f: func(x float64) float64 { return swish(x, alpha) }, k: swish32(alpha)}
})

func swish(x, alpha float64) float64 { return x * sigmoid(alpha*x) }

var geluDef = activationDef("", "Gelu", func(a *op.Args) unary {
	if a.OneOf("approximate", "none", "none", "tanh") == "tanh" {
		return unary{f: geluTanh, k: vec.GeluTanh}
	}
	return unary{f: gelu, k: vec.Gelu}
})

// gelu is x times the normal distribution's cumulative function, with erfc so
// that the negative tail keeps its digits.
func gelu(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) }

// geluTanh is the approximation of Hendrycks and Gimpel (2016).
func geluTanh(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// shrinkDef moves what lies outside [-lambd, lambd] by bias towards zero, the rest to
// zero. Integers are moved exactly and truncated towards zero.
var shrinkDef = activationDef("", "Shrink", func(a *op.Args) unary {
	bias, lambd := a.Float("bias", 0), a.Float("lambd", 0.5)
	f := func(x float64) float64 {
		switch {
		case x < -lambd:
			return x + bias
		case x > lambd:
			return x - bias
		case x != x:
			return x
		}
		return 0
	}
	return unary{f: f,
		i: func(x int64) int64 {
			if x > -1<<53 && x < 1<<53 {
				return tensor.FloatToInt(f(float64(x)))
			}
			return x - tensor.FloatToInt(float64(x)-f(float64(x)))
		},
		u: func(x uint64) uint64 {
			if x < 1<<53 {
				return uint64(tensor.FloatToInt(f(float64(x))))
			}
			return x - uint64(tensor.FloatToInt(float64(x)-f(float64(x))))
		}}
})

// prelu is x, or slope*x for negative x. slope broadcasts to x's shape; before
// version 7 a slope of one dimension holds one value a channel.
type prelu struct{ channels bool }

var preluDef = &op.Def{Name: "PRelu", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("consumed_inputs")
	return &prelu{a.Version < 7}, nil
}}

func (o *prelu) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *prelu) Overwrites(int) []int { return []int{0} }

// slope returns the shape under which the slope is read.
func (o *prelu) slope(dims, ss []int) []int {
	if o.channels && len(ss) == 1 && len(dims) > 1 && ss[0] == dims[1] {
		for range dims[2:] {
			ss = append(ss[:len(ss):len(ss)], 1)
		}
	}
	return ss
}

func (o *prelu) Eval(e *op.Eval) error {
	x, slope := e.In(0), e.In(1)
	dims, ss := x.Shape(), o.slope(x.Shape(), slope.Shape())
	if err := unidirectional(dims, ss); err != nil {
		return err
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	z := zip{
		f: func(x, s float64) float64 {
			if x < 0 {
				return s * x
			}
			return x
		},
		i: func(x, s int64) (int64, error) {
			if x < 0 {
				return s * x, nil
			}
			return x, nil
		},
		u: func(x, s uint64) (uint64, error) { return x, nil },
	}
	return z.run(y, x, slope, dims, dims, ss)
}

// swiglu is Swish of the first operand times the second; both have one shape.
type swiglu struct{ alpha float64 }

var swigluDef = &op.Def{Name: "SwiGLU", New: func(a *op.Args) (op.Op, error) {
	return &swiglu{a.Float("alpha", 1)}, nil
}}

func (o *swiglu) Infer(c *op.Infer) error {
	a, b := c.Shape(0), c.Shape(1)
	if a == nil {
		a = b
	}
	if a.Known() && b.Known() {
		if err := sameShape(a.Ints(), b.Ints()); err != nil {
			return err
		}
	}
	c.Out(0, c.Type(0), a)
	return nil
}

func (o *swiglu) Overwrites(int) []int { return []int{0, 1} }

func (o *swiglu) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(1)
	if err := sameShape(a.Shape(), b.Shape()); err != nil {
		return err
	}
	y, err := e.OutLike(0, a.DType(), a)
	if err != nil {
		return err
	}
	z := zip{f: func(x, v float64) float64 { return swish(x, o.alpha) * v }}
	return z.run(y, a, b, a.Shape(), a.Shape(), a.Shape())
}
