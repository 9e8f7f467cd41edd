package nn

import (
	"fmt"
	"math"
	"strings"
)

// activation is one of the functions that recurrent operators and fused
// convolutions apply (RNN, LSTM, GRU: "Activation functions").
type activation struct {
	name        string
	f           func(float64) float64
	alpha, beta float64
}

// actSpec describes an activation: how many of alpha and beta it takes, their defaults.
type actSpec struct {
	name        string
	params      int
	alpha, beta float64
	f           func(x, alpha, beta float64) float64
}

var actSpecs = []actSpec{
	{"relu", 0, 0, 0, func(x, _, _ float64) float64 {
		if x < 0 {
			return 0
		}
		return x
	}},
	{"tanh", 0, 0, 0, func(x, _, _ float64) float64 { return math.Tanh(x) }},
	{"sigmoid", 0, 0, 0, func(x, _, _ float64) float64 { return sigmoid(x) }},
	{"softsign", 0, 0, 0, func(x, _, _ float64) float64 { return x / (1 + math.Abs(x)) }},
	{"softplus", 0, 0, 0, func(x, _, _ float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }},
	{"affine", 2, 1, 0, func(x, a, b float64) float64 { return a*x + b }},
	{"leakyrelu", 1, 0.01, 0, func(x, a, _ float64) float64 {
		if x < 0 {
			return a * x
		}
		return x
	}},
	{"thresholdedrelu", 1, 1, 0, func(x, a, _ float64) float64 {
		if x < a {
			return 0
		}
		return x
	}},
	{"scaledtanh", 2, 1, 1, func(x, a, b float64) float64 { return a * math.Tanh(b*x) }},
	{"hardsigmoid", 2, float64(float32(0.2)), 0.5, func(x, a, b float64) float64 { return clamp(a*x+b, 0, 1) }},
	{"elu", 1, 1, 0, func(x, a, _ float64) float64 {
		if x < 0 {
			return a * math.Expm1(x)
		}
		return x
	}},
	// Fused convolutions only.
	{"clip", 2, math.Inf(-1), math.Inf(1), func(x, a, b float64) float64 { return clamp(x, a, b) }},
	{"hardswish", 2, 1. / 6, 0.5, func(x, a, b float64) float64 { return x * clamp(a*x+b, 0, 1) }},
}

func sigmoid(x float64) float64 {
	if x < 0 {
		t := math.Exp(x)
		return t / (1 + t)
	}
	return 1 / (1 + math.Exp(-x))
}

// clamp bounds x; NaN stays NaN.
func clamp(x, lo, hi float64) float64 {
	switch {
	case x < lo:
		return lo
	case x > hi:
		return hi
	}
	return x
}

func findAct(name string) (actSpec, error) {
	for _, s := range actSpecs {
		if s.name == strings.ToLower(name) {
			return s, nil
		}
	}
	return actSpec{}, fmt.Errorf("activation %q is unknown; the standard has Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, ScaledTanh, HardSigmoid, Elu, Softsign, Softplus", name)
}

// newActivation returns the activation of a fused operator; missing parameters
// take their defaults.
func newActivation(name string, params []float32) (*activation, error) {
	s, err := findAct(name)
	if err != nil {
		return nil, err
	}
	if len(params) > 0 {
		s.alpha = float64(params[0])
	}
	if len(params) > 1 {
		s.beta = float64(params[1])
	}
	return s.bind(), nil
}

func (s actSpec) bind() *activation {
	return &activation{s.name, func(x float64) float64 { return s.f(x, s.alpha, s.beta) }, s.alpha, s.beta}
}

// recurrentActivations returns n activations of a recurrent operator. names,
// if not empty, must hold n. Each takes its parameters from alpha and beta: the
// lists hold them in the order of those activations that have one
// (ONNX Runtime's reading of activation_alpha and activation_beta).
func recurrentActivations(n int, names, def []string, alpha, beta []float32) ([]*activation, error) {
	if len(names) == 0 {
		for len(names) < n {
			names = append(names, def...)
		}
	}
	if len(names) != n {
		return nil, fmt.Errorf("%d activations, this direction needs %d", len(names), n)
	}
	l := make([]*activation, n)
	for i, name := range names {
		s, err := findAct(name)
		if err != nil {
			return nil, err
		}
		if s.params > 0 && len(alpha) > 0 {
			s.alpha, alpha = float64(alpha[0]), alpha[1:]
		}
		if s.params > 1 && len(beta) > 0 {
			s.beta, beta = float64(beta[0]), beta[1:]
		}
		l[i] = s.bind()
	}
	return l, nil
}
