package ml

import (
	"math"

	"github.com/walnut-ai/walnut/internal/op"
)

// post is the transform that a model applies to its scores.
type post uint8

const (
	postNone post = iota
	postSoftmax
	postLogistic
	postSoftmaxZero
	postProbit
)

var postNames = []string{"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"}

func newPost(a *op.Args) post {
	s := a.OneOf("post_transform", "NONE", postNames...)
	for i, n := range postNames {
		if n == s {
			return post(i)
		}
	}
	return postNone
}

// second says how the one score of a binary model becomes two.
type second uint8

const (
	secondNone       second = iota // it stays one
	secondComplement               // 1-s, s: a probability
	secondNegative                 // -s, s: a margin
)

// apply transforms the scores of one row in place. A single score is only
// transformed by PROBIT, as in ONNX Runtime: LOGISTIC and SOFTMAX need two.
func (p post) apply(s []float64) {
	switch {
	case p == postProbit:
		for i, x := range s {
			s[i] = probit(x)
		}
	case len(s) < 2:
	case p == postLogistic:
		for i, x := range s {
			s[i] = logistic(x)
		}
	case p == postSoftmax:
		softmax(s)
	case p == postSoftmaxZero:
		softmaxZero(s)
	}
}

// pair returns the two scores of a binary model with the one score s; LOGISTIC
// takes it for a margin in any case.
func (p post) pair(s float64, how second) (float64, float64) {
	switch {
	case p == postProbit:
		return probit(1 - s), probit(s)
	case p == postLogistic:
		return logistic(-s), logistic(s)
	case how == secondComplement:
		return 1 - s, s
	}
	return -s, s
}

func logistic(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}

// probit is the inverse of the normal distribution, by the approximation of the
// inverse error function that ONNX Runtime has (S. Winitzki, "A handy
// approximation for the error function and its inverse", 2008), whose relative
// error of 2e-3 shows in the outputs.
func probit(p float64) float64 {
	const a = 0.147
	x := 2*p - 1
	l := math.Log((1 - x) * (1 + x))
	v := 2/(3.14159*a) + 0.5*l
	y := math.Sqrt2 * math.Sqrt(math.Sqrt(v*v-l/a)-v)
	if x < 0 {
		return -y
	}
	return y
}

func softmax(s []float64) {
	top := s[argMax(s)]
	sum := 0.0
	for i, x := range s {
		s[i] = math.Exp(x - top)
		sum += s[i]
	}
	for i := range s {
		s[i] /= sum
	}
}

// softmaxZero is softmax over the scores that are not 0; these stay (next to) 0.
func softmaxZero(s []float64) {
	top := s[argMax(s)]
	low := math.Exp(-top)
	sum := 0.0
	for i, x := range s {
		if math.Abs(x) > 1e-7 {
			s[i] = math.Exp(x - top)
			sum += s[i]
		} else {
			s[i] *= low
		}
	}
	for i := range s {
		s[i] /= sum
	}
}
