package math

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// clip limits elements to [min, max]: attributes before version 11, scalar
// inputs from then on. Where the bounds cross, max wins; NaN stays NaN.
// A bound that is absent does not limit (Clip-13's function body), except in
// version 6, whose attributes default to the largest finite float32.
type clip struct {
	attrs        bool
	hasLo, hasHi bool
	lo, hi       float64
}

var clipDef = &op.Def{Name: "Clip", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("consumed_inputs")
	o := &clip{attrs: a.Version < 11}
	if o.attrs {
		o.hasLo, o.hasHi = a.Has("min") || a.Version >= 6, a.Has("max") || a.Version >= 6
		o.lo, o.hi = a.Float("min", 0), a.Float("max", 0)
	}
	return o, nil
}}

func (o *clip) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *clip) Overwrites(int) []int { return []int{0} }

func (o *clip) Eval(e *op.Eval) error {
	x := e.In(0)
	hasLo, hasHi := o.hasLo, o.hasHi
	if !o.attrs {
		hasLo, hasHi = e.Has(1), e.Has(2)
	}
	for i := 1; i <= 2; i++ {
		t := e.In(i)
		if t == nil {
			continue
		}
		if t.Len() != 1 {
			return fmt.Errorf("bound (input %d) has shape %v, must be a scalar", i, t.Shape())
		}
		if err := sameType(x, t); err != nil {
			return err
		}
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	switch x.DType().Class() {
	case tensor.ClassInt:
		clipLoop(x.Len(), x.IntAt, y.SetIntAt, bound(e, 1, hasLo, tensor.FloatToInt(o.lo), (*tensor.Tensor).IntAt), bound(e, 2, hasHi, tensor.FloatToInt(o.hi), (*tensor.Tensor).IntAt))
	case tensor.ClassUint:
		clipLoop(x.Len(), x.UintAt, y.SetUintAt, bound(e, 1, hasLo, tensor.FloatToUint(o.lo), (*tensor.Tensor).UintAt), bound(e, 2, hasHi, tensor.FloatToUint(o.hi), (*tensor.Tensor).UintAt))
	default:
		lo, hi := bound(e, 1, hasLo, o.lo, (*tensor.Tensor).FloatAt), bound(e, 2, hasHi, o.hi, (*tensor.Tensor).FloatAt)
		mapFloat(x, y, func(v float64) float64 { return limitTo(v, lo, hi) })
	}
	return nil
}

// bound returns the limit in input i, or the attribute's value, or nil.
func bound[T any](e *op.Eval, i int, has bool, attr T, at func(*tensor.Tensor, int) T) *T {
	if !has {
		return nil
	}
	if t := e.In(i); t != nil {
		attr = at(t, 0)
	}
	return &attr
}

func limitTo[T float64 | int64 | uint64](v T, lo, hi *T) T {
	if lo != nil && v < *lo {
		v = *lo
	}
	if hi != nil && v > *hi {
		v = *hi
	}
	return v
}

func clipLoop[T int64 | uint64](n int, get func(int) T, set func(int, T), lo, hi *T) {
	for i := range n {
		set(i, limitTo(get(i), lo, hi))
	}
}
