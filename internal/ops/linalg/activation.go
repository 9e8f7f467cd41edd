package linalg

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/op"
)

// activation is the element-wise function that a fused operator ends with.
type activation func(float64) float64

// newActivation decodes attributes activation, activation_alpha, _beta and
// _gamma; parameters that are absent have the defaults of the ai.onnx operator
// of that name. No activation gives nil.
func newActivation(a *op.Args) (activation, error) {
	name := a.String("activation", "")
	p := func(def float64, which string) float64 { return a.Float("activation_"+which, def) }
	a.Ignore("activation_alpha", "activation_beta", "activation_gamma")
	switch name {
	case "":
		return nil, nil
	case "Relu":
		return func(x float64) float64 { return relu(x) }, nil
	case "Sigmoid":
		return func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, nil
	case "Tanh":
		return math.Tanh, nil
	case "Softplus":
		return softplus, nil
	case "Softsign":
		return func(x float64) float64 { return x / (1 + math.Abs(x)) }, nil
	case "LeakyRelu":
		return leaky(p(0.01, "alpha")), nil
	case "ThresholdedRelu":
		alpha := p(1, "alpha")
		return func(x float64) float64 {
			if x > alpha || x != x {
				return x
			}
			return 0
		}, nil
	case "Elu":
		return elu(p(1, "alpha"), 1, 1), nil
	case "Celu":
		alpha := p(1, "alpha")
		if alpha == 0 {
			return nil, fmt.Errorf("attribute activation_alpha is 0, Celu divides by it")
		}
		return elu(alpha, alpha, 1), nil
	case "Selu":
		return elu(p(1.6732632, "alpha"), 1, p(1.0507010, "gamma")), nil
	case "HardSigmoid":
		alpha, beta := p(0.2, "alpha"), p(0.5, "beta")
		return func(x float64) float64 { return math.Max(0, math.Min(1, alpha*x+beta)) }, nil
	case "ParametricSoftplus":
		alpha, beta := p(1, "alpha"), p(1, "beta")
		return func(x float64) float64 { return alpha * softplus(beta*x) }, nil
	case "ScaledTanh":
		alpha, beta := p(1, "alpha"), p(1, "beta")
		return func(x float64) float64 { return alpha * math.Tanh(beta*x) }, nil
	}
	return nil, fmt.Errorf("attribute activation = %q is no element-wise activation known here; use the plain operator followed by %s", name, name)
}

func relu(x float64) float64 {
	if x < 0 {
		return 0
	}
	return x
}

func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}

func leaky(alpha float64) activation {
	return func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}
}

// elu is gamma·x above 0, gamma·alpha·(e^(x/div) - 1) below.
func elu(alpha, div, gamma float64) activation {
	return func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * math.Expm1(x/div)
		}
		return gamma * x
	}
}
