package math

import (
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// unary is y = f(x), element by element: floats in float64 rounded once,
// integers in int64 or uint64. A nil function for integers means that f
// serves them too (the result is truncated).
type unary struct {
	f func(float64) float64
	i func(int64) int64
	u func(uint64) uint64

	k floatKernel // over float32; nil = a plain loop over f
}

func unaryDef(name string, o unary) *op.Def {
	o.k = unaryKernels[name]
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		a.Ignore("consumed_inputs") // version 1: a hint for in-place execution
		return &o, nil
	}}
}

func floatDef(name string, f func(float64) float64) *op.Def {
	return unaryDef(name, unary{f: f})
}

func (o *unary) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *unary) Overwrites(int) []int { return []int{0} }

func (o *unary) Eval(e *op.Eval) error {
	x := e.In(0)
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	switch cl := x.DType().Class(); {
	case cl == tensor.ClassInt && o.i != nil:
		for i := range x.Len() {
			y.SetIntAt(i, o.i(x.IntAt(i)))
		}
	case cl == tensor.ClassUint && o.u != nil:
		for i := range x.Len() {
			y.SetUintAt(i, o.u(x.UintAt(i)))
		}
	default:
		mapFloat(x, y, o.f)
	}
	return nil
}

var (
	acosDef       = floatDef("Acos", math.Acos)
	acoshDef      = floatDef("Acosh", math.Acosh)
	asinDef       = floatDef("Asin", math.Asin)
	asinhDef      = floatDef("Asinh", math.Asinh)
	atanDef       = floatDef("Atan", math.Atan)
	atanhDef      = floatDef("Atanh", math.Atanh)
	ceilDef       = floatDef("Ceil", math.Ceil)
	cosDef        = floatDef("Cos", math.Cos)
	coshDef       = floatDef("Cosh", math.Cosh)
	erfDef        = floatDef("Erf", math.Erf)
	expDef        = floatDef("Exp", math.Exp)
	floorDef      = floatDef("Floor", math.Floor)
	logDef        = floatDef("Log", math.Log)
	reciprocalDef = floatDef("Reciprocal", func(x float64) float64 { return 1 / x })
	roundDef      = floatDef("Round", math.RoundToEven)
	sigmoidDef    = floatDef("Sigmoid", sigmoid)
	sinDef        = floatDef("Sin", math.Sin)
	sinhDef       = floatDef("Sinh", math.Sinh)
	sqrtDef       = floatDef("Sqrt", math.Sqrt)
	tanDef        = floatDef("Tan", math.Tan)
	tanhDef       = floatDef("Tanh", math.Tanh)

	absDef = unaryDef("Abs", unary{f: math.Abs,
		i: func(x int64) int64 {
			if x < 0 {
				return -x
			}
			return x
		},
		u: func(x uint64) uint64 { return x }})
	negDef = unaryDef("Neg", unary{f: func(x float64) float64 { return -x },
		i: func(x int64) int64 { return -x },
		u: func(x uint64) uint64 { return -x }})
	signDef = unaryDef("Sign", unary{f: sign,
		i: func(x int64) int64 {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			}
			return 0
		},
		u: func(x uint64) uint64 { return min(x, 1) }})
	notDef = unaryDef("Not", unary{u: func(x uint64) uint64 { return 1 - min(x, 1) }})
	// BitwiseNot keeps the low bits of the complement, all that a narrow type stores.
	bitwiseNotDef = unaryDef("BitwiseNot", unary{
		i: func(x int64) int64 { return ^x },
		u: func(x uint64) uint64 { return ^x }})
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// sign is -1, 0 or 1; NaN stays NaN.
func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	case x == 0:
		return 0
	}
	return x
}

// classify is y = f(x) as truth values.
type classify struct{ f func(float64) bool }

func (o *classify) Infer(c *op.Infer) error {
	c.Out(0, tensor.Bool, c.Shape(0))
	return nil
}

func (o *classify) Eval(e *op.Eval) error {
	x := e.In(0)
	y, err := e.OutLike(0, tensor.Bool, x)
	if err != nil {
		return err
	}
	out := y.Bytes()
	for i := range out {
		out[i] = byte01(o.f(x.FloatAt(i)))
	}
	return nil
}

var isNaNDef = &op.Def{Name: "IsNaN", New: func(a *op.Args) (op.Op, error) {
	return &classify{math.IsNaN}, nil
}}

var isInfDef = &op.Def{Name: "IsInf", New: func(a *op.Args) (op.Op, error) {
	neg, pos := a.Bool("detect_negative", true), a.Bool("detect_positive", true)
	return &classify{func(x float64) bool {
		return pos && math.IsInf(x, 1) || neg && math.IsInf(x, -1)
	}}, nil
}}
