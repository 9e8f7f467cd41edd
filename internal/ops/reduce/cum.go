package reduce

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// cumulative is CumSum or CumProd along the axis in input 1: each element
// becomes the fold of those before it, and itself unless exclusive is set. reverse
// goes from the end. Floats are carried in float64, integers wrap around.
type cumulative struct {
	exclusive, reverse bool
	prod               bool
}

func cumDef(name string, prod bool) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		return &cumulative{a.Bool("exclusive", false), a.Bool("reverse", false), prod}, nil
	}}
}

var (
	cumSumDef  = cumDef("CumSum", false)
	cumProdDef = cumDef("CumProd", true)
)

func (o *cumulative) Infer(c *op.Infer) error {
	c.Like(0, 0)
	if s, t := c.Shape(0), c.Const(1); s != nil && t != nil {
		_, err := scalarAxis(t, len(s))
		return err
	}
	return nil
}

func (o *cumulative) Overwrites(int) []int { return []int{0} }

func (o *cumulative) Eval(e *op.Eval) error {
	x, t := e.In(0), e.In(1)
	a, err := scalarAxis(t, x.Rank())
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil || x.Len() == 0 {
		return err
	}
	l := lanesOf(x.Shape(), a)
	switch x.DType().Class() {
	case tensor.ClassInt:
		scan(o, l, x.IntAt, y.SetIntAt)
	case tensor.ClassUint:
		scan(o, l, x.UintAt, y.SetUintAt)
	case tensor.ClassFloat:
		scan(o, l, x.FloatAt, y.SetFloatAt)
	default:
		return fmt.Errorf("elements of type %v can't be accumulated", x.DType())
	}
	return nil
}

func scan[T int64 | uint64 | float64](o *cumulative, l lanes, get func(int) T, set func(int, T)) {
	// the error is always nil
	_ = l.each(func(_, first int) error {
		var acc T
		if o.prod {
			acc = 1
		}
		i, step := first, l.step
		if o.reverse {
			i, step = first+(l.n-1)*l.step, -l.step
		}
		for range l.n {
			v, before := get(i), acc
			if o.prod {
				acc *= v
			} else {
				acc += v
			}
			if o.exclusive {
				set(i, before)
			} else {
				set(i, acc)
			}
			i += step
		}
		return nil
	})
}
