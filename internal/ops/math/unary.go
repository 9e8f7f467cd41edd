package math

import (
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// unaryFloat is y = f(x), element by element, computed in float64 and rounded once.
type unaryFloat struct{ f func(float64) float64 }

func unary(name string, f func(float64) float64) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		a.Ignore("consumed_inputs") // version 1: a hint for in-place execution
		return &unaryFloat{f}, nil
	}}
}

func (o *unaryFloat) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *unaryFloat) Overwrites(int) []int { return []int{0} }

func (o *unaryFloat) Eval(e *op.Eval) error {
	x := e.In(0)
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	for i := range x.Len() {
		y.SetFloatAt(i, o.f(x.FloatAt(i)))
	}
	return nil
}

var sigmoidDef = unary("Sigmoid", func(x float64) float64 { return 1 / (1 + math.Exp(-x)) })

// abs takes integers too, which float64 can't hold beyond 2^53.
type abs struct{ unaryFloat }

var absDef = &op.Def{Name: "Abs", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("consumed_inputs")
	return &abs{unaryFloat{math.Abs}}, nil
}}

func (o *abs) Eval(e *op.Eval) error {
	x := e.In(0)
	if x.DType().Class() == tensor.ClassFloat {
		return o.unaryFloat.Eval(e)
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	signed := x.DType().Class() == tensor.ClassInt
	for i := range x.Len() {
		v := x.IntAt(i)
		if signed && v < 0 {
			v = -v
		}
		y.SetIntAt(i, v)
	}
	return nil
}
