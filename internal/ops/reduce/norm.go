package reduce

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// lpNorm divides vectors along axis by their L1 or L2 norm; a vector of zeros stays.
type lpNorm struct{ axis, p int }

var lpNormDef = &op.Def{Name: "LpNormalization", New: func(a *op.Args) (op.Op, error) {
	o := &lpNorm{a.Int("axis", -1), a.Int("p", 2)}
	if o.p != 1 && o.p != 2 {
		return nil, fmt.Errorf("attribute \"p\" = %d, must be 1 or 2", o.p)
	}
	return o, nil
}}

func (o *lpNorm) Infer(c *op.Infer) error {
	c.Like(0, 0)
	if s := c.Shape(0); s != nil {
		_, err := op.Axis(o.axis, len(s))
		return err
	}
	return nil
}

func (o *lpNorm) Overwrites(int) []int { return []int{0} }

func (o *lpNorm) Eval(e *op.Eval) error {
	x := e.In(0)
	a, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	return mapLanes(e, x, y, lanesOf(x.Shape(), a), func(in, out []float64) {
		norm := 0.0
		for _, v := range in {
			if o.p == 1 {
				norm += math.Abs(v)
			} else {
				norm += v * v
			}
		}
		if o.p == 2 {
			norm = math.Sqrt(norm)
		}
		if norm == 0 {
			norm = 1
		}
		for k, v := range in {
			out[k] = v / norm
		}
	})
}

// mvn subtracts the mean over axes and divides by the standard deviation plus
// 1e-9, the epsilon of the standard's function body.
type mvn struct{ axes []int }

var mvnDef = &op.Def{Name: "MeanVarianceNormalization", New: func(a *op.Args) (op.Op, error) {
	return &mvn{a.Ints("axes")}, nil
}}

func (o *mvn) reduced(rank int) ([]bool, error) {
	return (&reduction{}).reduced(o.axes, rank)
}

func (o *mvn) Infer(c *op.Infer) error {
	c.Like(0, 0)
	if s := c.Shape(0); s != nil {
		_, err := o.reduced(len(s))
		return err
	}
	return nil
}

func (o *mvn) Overwrites(int) []int { return []int{0} }

func (o *mvn) Eval(e *op.Eval) error {
	x := e.In(0)
	r, err := o.reduced(x.Rank())
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	if x.Len() == 0 {
		return nil
	}
	f := newFolding(x.Shape(), r)
	kept := 1
	for i, d := range x.Shape() {
		if !r[i] {
			kept *= d
		}
	}
	mean, err := accumulators[float64](e, kept, tensor.Float64)
	if err != nil {
		return err
	}
	dev, err := accumulators[float64](e, kept, tensor.Float64)
	if err != nil {
		return err
	}
	fold(x, f, mean, (*tensor.Tensor).FloatAt, func(a, v float64) float64 { return a + v })
	for i := range mean {
		mean[i] /= float64(f.count)
	}
	f.each(func(k, n, off, step int) {
		for i := k; i < k+n; i++ {
			d := x.FloatAt(i) - mean[off]
			dev[off] += d * d
			off += step
		}
	})
	f.each(func(k, n, off, step int) {
		for i := k; i < k+n; i++ {
			y.SetFloatAt(i, (x.FloatAt(i)-mean[off])/(math.Sqrt(dev[off]/float64(f.count))+1e-9))
			off += step
		}
	})
	return nil
}
