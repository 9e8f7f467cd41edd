package nn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// maxUnpool is MaxUnpool: puts the values of X [N,C,in...] where MaxPool's
// Indices I say, zeros elsewhere. Indices count in the tensor that kernel,
// strides and pads imply; output_shape, if given, is that of the result, into
// whose corner it is laid.
type maxUnpool struct{ window }

var maxUnpoolDef = &op.Def{Name: "MaxUnpool", New: func(a *op.Args) (op.Op, error) {
	return &maxUnpool{decodeWindow(a)}, nil
}}

// natural returns the shape that kernel, strides and pads imply.
func (o *maxUnpool) natural(xs []int) ([]int, error) {
	n := len(xs) - 2
	if n < 1 || len(o.kernel) != n {
		return nil, fmt.Errorf("X %v: kernel_shape has %d values for %d spatial axes", xs, len(o.kernel), n)
	}
	if err := o.check(n); err != nil {
		return nil, err
	}
	dims := append([]int{}, xs...)
	for i := range n {
		d := (int64(xs[i+2])-1)*int64(at(o.strides, i, 1)) - int64(at(o.pads, i, 0)) - int64(at(o.pads, n+i, 0)) + int64(o.kernel[i])
		if d < 0 || int64(int(d)) != d {
			return nil, fmt.Errorf("spatial axis %d: unpooled length %d is out of range", i, d)
		}
		dims[i+2] = int(d)
	}
	return dims, nil
}

func (o *maxUnpool) Infer(c *op.Infer) error {
	x := c.Shape(0)
	if c.Has(2) {
		if s := c.Elems(2); s != nil {
			c.Out(0, c.Type(0), knownDims(c, s))
		} else if x != nil {
			c.Out(0, c.Type(0), c.FreshShape(len(x)))
		} else {
			c.Out(0, c.Type(0), nil)
		}
		return nil
	}
	if x == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	y := append(graph.Shape{}, x...)
	for i := 2; i < len(y); i++ {
		y[i] = c.Fresh()
	}
	if x.Known() {
		d, err := o.natural(x.Ints())
		if err != nil {
			return err
		}
		y = graph.Dims(d...)
	}
	c.Out(0, c.Type(0), y)
	return nil
}

// knownDims copies s with fresh symbols for negative numbers, which no shape has.
func knownDims(c *op.Infer, s []graph.Dim) graph.Shape {
	l := append(graph.Shape{}, s...)
	for i, d := range l {
		if d.Known() && d.N < 0 {
			l[i] = c.Fresh()
		}
	}
	return l
}

func (o *maxUnpool) Eval(e *op.Eval) error {
	x, ind := e.In(0), e.In(1)
	if !tensor.SameShape(x.Shape(), ind.Shape()) {
		return fmt.Errorf("I %v must have the shape of X %v", ind, x)
	}
	nat, err := o.natural(x.Shape())
	if err != nil {
		return err
	}
	dims := nat
	if e.Has(2) {
		dims = e.IntList(2)
		if len(dims) != x.Rank() {
			return fmt.Errorf("output_shape %v must have %d values", dims, x.Rank())
		}
	}
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil {
		return err
	}
	for i := range y.Len() {
		y.SetFloatAt(i, 0)
	}
	size, ok := tensor.NumElements(nat)
	if !ok {
		return fmt.Errorf("unpooled shape %v is out of range", nat)
	}
	for i := range dims {
		if dims[i] < nat[i] {
			return fmt.Errorf("output_shape %v is smaller than %v, which the attributes imply", dims, nat)
		}
	}
	return o.place(x, ind, y, nat, dims, size)
}

func (o *maxUnpool) place(x, ind, y *tensor.Tensor, nat, dims []int, size int) error {
	idx := make([]int, len(nat))
	for i := range x.Len() {
		k := ind.IntAt(i)
		if k < 0 || k >= int64(size) {
			return fmt.Errorf("index %d is outside the %d elements of %v", k, size, nat)
		}
		unflatten(int(k), nat, idx)
		p := 0
		for a, d := range dims {
			if idx[a] >= d {
				p = -1
				break
			}
			p = p*d + idx[a]
		}
		if p >= 0 {
			y.SetFloatAt(p, x.FloatAt(i))
		}
	}
	return nil
}
