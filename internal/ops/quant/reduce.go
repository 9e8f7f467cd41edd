package quant

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// reduction is what the reducing operators share: axes (none = all) and keepdims.
type reduction struct {
	axes []int
	keep bool
}

func decodeReduction(a *op.Args) reduction {
	return reduction{a.Ints("axes"), a.Bool("keepdims", true)}
}

// mask tells for every axis whether it is reduced.
func (o *reduction) mask(rank int) ([]bool, error) {
	l, err := op.Axes(o.axes, rank)
	if err != nil {
		return nil, err
	}
	m := make([]bool, rank)
	for _, a := range l {
		m[a] = true
	}
	for i := range m {
		m[i] = m[i] || len(l) == 0
	}
	return m, nil
}

// reduced returns a shape without the masked axes, or with 1 in their place.
func reduced[D any](s []D, mask []bool, keep bool, one D) []D {
	out := []D{}
	for i, d := range s {
		switch {
		case !mask[i]:
			out = append(out, d)
		case keep:
			out = append(out, one)
		}
	}
	return out
}

func (o *reduction) infer(c *op.Infer, dt tensor.DType) error {
	x := c.Shape(0)
	if x == nil {
		c.Out(0, dt, nil)
		return nil
	}
	m, err := o.mask(len(x))
	if err != nil {
		return err
	}
	c.Out(0, dt, reduced(x, m, o.keep, graph.D(1)))
	return nil
}

// sums adds up x - zero over the masked axes, in row-major order of the rest.
func sums(e *op.Eval, x *tensor.Tensor, mask []bool, zero int64) ([]int64, error) {
	rest := reduced(x.Shape(), mask, true, 1)
	t, err := e.Temp(tensor.Int64, rest...)
	if err != nil {
		return nil, err
	}
	s := tensor.Of[int64](t)
	return s, op.Each(x.Shape(), [][]int{op.BroadcastStrides(rest, x.Shape())}, func(k int, _, off []int) error {
		s[off[0]] += x.IntAt(k) - zero
		return nil
	})
}

// reduceMean makes output 0 from the mean over the masked axes.
func reduceMean(e *op.Eval, x *tensor.Tensor, mask []bool, keep bool, xa, ya affine) error {
	s, err := sums(e, x, mask, xa.zero)
	if err != nil {
		return err
	}
	y, err := e.Out(0, x.DType(), reduced(x.Shape(), mask, keep, 1)...)
	if err != nil {
		return err
	}
	count := 1
	for i, d := range x.Shape() {
		if mask[i] {
			count *= d
		}
	}
	q := targetOf(y, true)
	for i, v := range s {
		q.set(i, mean(xa, ya, v, float64(count)), float64(ya.zero))
	}
	return nil
}

// qReduceMean is QLinearReduceMean.
type qReduceMean struct{ reduction }

var qLinearReduceMeanDef = &op.Def{Domain: ms, Name: "QLinearReduceMean", New: func(a *op.Args) (op.Op, error) {
	return &qReduceMean{decodeReduction(a)}, nil
}}

func (o *qReduceMean) Infer(c *op.Infer) error { return o.infer(c, c.Type(0)) }

func (o *qReduceMean) Eval(e *op.Eval) error {
	xa, ya, err := inOut(e, 1, 2, 3, 4)
	if err != nil {
		return err
	}
	m, err := o.mask(e.In(0).Rank())
	if err != nil {
		return err
	}
	return reduceMean(e, e.In(0), m, o.keep, xa, ya)
}

// reduceSumInteger is ReduceSumInteger: int8 adds up to int32, uint8 to uint32.
type reduceSumInteger struct{ reduction }

var reduceSumIntegerDef = &op.Def{Domain: ms, Name: "ReduceSumInteger", New: func(a *op.Args) (op.Op, error) {
	return &reduceSumInteger{decodeReduction(a)}, nil
}}

func (o *reduceSumInteger) Infer(c *op.Infer) error {
	dt := tensor.Invalid
	if t := c.Type(0); t != tensor.Invalid {
		dt = sumType(t, t)
	}
	return o.infer(c, dt)
}

func (o *reduceSumInteger) Eval(e *op.Eval) error {
	x := e.In(0)
	m, err := o.mask(x.Rank())
	if err != nil {
		return err
	}
	s, err := sums(e, x, m, 0)
	if err != nil {
		return err
	}
	return e.SetInts(0, sumType(x.DType(), x.DType()), reduced(x.Shape(), m, o.keep, 1), s)
}

// qSoftmax is QLinearSoftmax. Before opset 13 the axis and all behind it are
// one; from 13 on the axis stands alone. As in ONNX Runtime probabilities are
// multiplied by the whole part of 1/y_scale.
type qSoftmax struct{ axis, opset int }

var qLinearSoftmaxDef = &op.Def{Domain: ms, Name: "QLinearSoftmax", New: func(a *op.Args) (op.Op, error) {
	o := &qSoftmax{axis: a.Int("axis", -1), opset: a.Int("opset", 13)}
	if o.opset < 1 {
		a.Fail("attribute opset = %d, must be at least 1", o.opset)
	}
	return o, nil
}}

func (o *qSoftmax) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *qSoftmax) Overwrites(int) []int { return []int{0} }

func (o *qSoftmax) Eval(e *op.Eval) error {
	x := e.In(0)
	axis, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	xa, ya, err := inOut(e, 1, 2, 3, 4)
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	d := x.Shape()
	outer, n, inner := op.Prod(d[:axis]), d[axis], op.Prod(d[axis+1:])
	if o.opset < 13 {
		n, inner = n*inner, 1
	}
	p, err := e.Temp(tensor.Float64, n)
	if err != nil {
		return err
	}
	q, unit := targetOf(y, true), math.Floor(float64(1/ya.scale))
	prob := tensor.Of[float64](p)
	for k := range outer * inner {
		base := k/inner*n*inner + k%inner
		top, sum := int64(math.MinInt64), 0.0
		for i := range prob {
			top = max(top, x.IntAt(base+i*inner))
		}
		for i := range prob {
			prob[i] = math.Exp(float64(x.IntAt(base+i*inner)-top) * float64(xa.scale))
			sum += prob[i]
		}
		for i, v := range prob {
			q.set(base+i*inner, v*unit/sum, float64(ya.zero))
		}
	}
	return nil
}

// qConcat is QLinearConcat: inputs are y_scale, y_zero_point, then triples of
// tensor, scale and zero point.
type qConcat struct{ axis int }

var qLinearConcatDef = &op.Def{Domain: ms, Name: "QLinearConcat", New: func(a *op.Args) (op.Op, error) {
	if n := a.NIn(); n < 5 || n%3 != 2 {
		return nil, fmt.Errorf("%d inputs, must be two and then triples of tensor, scale and zero point", n)
	}
	for i := 2; i < a.NIn(); i += 3 {
		if !a.HasIn(i) {
			return nil, fmt.Errorf("input %d is missing", i)
		}
	}
	return &qConcat{a.Int("axis", 0)}, nil
}}

func (o *qConcat) Infer(c *op.Infer) error {
	var out graph.Shape
	total, known := 0, true
	for i := 2; i < c.NIn(); i += 3 {
		s := c.Shape(i)
		if s == nil {
			known = false
			continue
		}
		axis, err := op.Axis(o.axis, len(s))
		if err != nil {
			return err
		}
		if out == nil {
			out = append(graph.Shape{}, s...)
		}
		if len(s) != len(out) {
			return fmt.Errorf("input %d is %v, must have rank %d", i, s, len(out))
		}
		for a, d := range s {
			switch {
			case a == axis:
			case out[a].Known() && d.Known() && out[a] != d:
				return fmt.Errorf("input %d is %v, must agree with %v except along axis %d", i, s, out, axis)
			case d.Known():
				out[a] = d
			}
		}
		known = known && s[axis].Known()
		total += s[axis].N
	}
	if out != nil {
		axis, _ := op.Axis(o.axis, len(out))
		out[axis] = graph.D(total)
		if !known {
			out[axis] = c.Fresh()
		}
	}
	c.Out(0, c.Type(1), out)
	return nil
}

func (o *qConcat) Eval(e *op.Eval) error {
	ya, err := readAffine(e, 0, 1)
	if err != nil {
		return err
	}
	first := e.In(2)
	axis, err := op.Axis(o.axis, first.Rank())
	if err != nil {
		return err
	}
	dims := append([]int{}, first.Shape()...)
	dims[axis] = 0
	for i := 2; i < e.NIn(); i += 3 {
		s := append([]int{}, e.In(i).Shape()...)
		if len(s) != len(dims) {
			return fmt.Errorf("input %d is %v, must have rank %d", i, e.In(i), len(dims))
		}
		total := dims[axis] + s[axis]
		s[axis] = dims[axis]
		if !tensor.SameShape(s, dims) {
			return fmt.Errorf("input %d is %v, must agree with %v except along axis %d", i, e.In(i), first, axis)
		}
		dims[axis] = total
	}
	y, err := e.Out(0, e.In(1).DType(), dims...)
	if err != nil {
		return err
	}
	q, at := targetOf(y, true), 0
	inner := op.Prod(dims[axis+1:])
	for i := 2; i < e.NIn(); i += 3 {
		if err := o.copy(e, i, q, ya, at, dims[axis]*inner, inner, axis); err != nil {
			return err
		}
		at += e.In(i).Shape()[axis] * inner
	}
	return nil
}

// copy requantises input i into the output from offset at on; rows of the
// output have the given length.
func (o *qConcat) copy(e *op.Eval, i int, q target, ya affine, at, row, inner, axis int) error {
	x := e.In(i)
	xa := affine{scale: 1}
	float := x.DType().IsFloat()
	if !float || e.Has(i+1) {
		var err error
		if xa, err = readAffine(e, i+1, i+2); err != nil {
			return err
		}
	}
	n := x.Shape()[axis] * inner
	for k := range x.Len() {
		v := float32(0)
		if float {
			v = float32(x.FloatAt(k))
		} else if v = xa.real(x.IntAt(k)); xa == ya && x.DType() == q.t.DType() {
			q.t.SetIntAt(at+k/n*row+k%n, x.IntAt(k))
			continue
		}
		q.set(at+k/n*row+k%n, float64(v/ya.scale), float64(ya.zero))
	}
	return nil
}
