package quant

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// qPool is QLinearAveragePool: the mean of the real values under a window,
// quantised anew. Padding counts only with count_include_pad.
type qPool struct {
	window
	padded bool
}

var qLinearAveragePoolDef = &op.Def{Domain: ms, Name: "QLinearAveragePool", New: func(a *op.Args) (op.Op, error) {
	return &qPool{window: decodeWindow(a), padded: a.Bool("count_include_pad", false)}, nil
}}

func (o *qPool) Infer(c *op.Infer) error {
	x := c.Shape(0)
	ch := graph.Dim{}
	if len(x) > 1 {
		ch = x[o.channels(len(x))]
	}
	s, err := o.infer(c, x, ch, graph.Dims(o.kernel...))
	c.Out(0, c.Type(0), s)
	return err
}

func (o *qPool) Eval(e *op.Eval) error {
	x := e.In(0)
	xs := x.Shape()
	if len(xs) < 3 {
		return fmt.Errorf("input is %v, needs batch, channels and spatial axes", x)
	}
	l, err := o.slides(spatial(xs, o.last), o.kernel)
	if err != nil {
		return err
	}
	xa, ya, err := inOut(e, 1, 2, 3, 4)
	if err != nil {
		return err
	}
	ch := xs[o.channels(len(xs))]
	y, err := e.Out(0, x.DType(), o.outShape(xs[0], ch, l)...)
	if err != nil {
		return err
	}
	q := targetOf(y, true)
	st := op.Strides(xs)
	step := spatial(st, o.last)
	odims := make([]int, len(l))
	for i, s := range l {
		odims[i] = s.out
	}
	positions := op.Prod(odims)
	lo, hi := make([]int, len(l)), make([]int, len(l))
	for n := range xs[0] {
		for c := range ch {
			base := n*st[0] + c*st[o.channels(len(xs))]
			err := op.Each(odims, nil, func(p int, at, _ []int) error {
				count := o.under(l, at, lo, hi)
				sum, err := sumBox(e, x, base, lo, hi, step, xa.zero)
				if err != nil {
					return err
				}
				i := (n*ch+c)*positions + p
				if o.last {
					i = (n*positions+p)*ch + c
				}
				q.set(i, mean(xa, ya, sum, count), float64(ya.zero))
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// under sets lo and hi to the input under the window at an output position and
// returns the number of elements to divide by.
func (o *qPool) under(l []slide, at, lo, hi []int) float64 {
	count := 1.0
	for a, s := range l {
		from := at[a]*s.stride - s.begin
		to := from + s.kernel
		lo[a], hi[a] = max(0, from), max(0, min(s.in, to))
		if o.padded {
			count *= float64(s.kernel) // ONNX Runtime counts what hangs over the padding too
		} else {
			count *= float64(max(0, hi[a]-lo[a]))
		}
	}
	return count
}

// sumBox returns the sum of x - zero over a box of the spatial axes.
func sumBox(e *op.Eval, x *tensor.Tensor, base int, lo, hi, step []int, zero int64) (int64, error) {
	dims := make([]int, len(lo))
	for a := range lo {
		dims[a] = max(0, hi[a]-lo[a])
		base += lo[a] * step[a]
	}
	if err := e.Tick(1 + op.Prod(dims)); err != nil {
		return 0, err
	}
	sum := int64(0)
	return sum, op.Each(dims, [][]int{step}, func(_ int, _, off []int) error {
		sum += x.IntAt(base+off[0]) - zero
		return nil
	})
}

// mean returns the quotient that quantises the mean of count values with the
// given sum; 0 of none.
func mean(x, y affine, sum int64, count float64) float64 {
	if count == 0 {
		return 0
	}
	return float64(sum) / count * float64(x.scale) / float64(y.scale)
}

// inOut reads the parameters of one input and of the output.
func inOut(e *op.Eval, xs, xz, ys, yz int) (x, y affine, err error) {
	if x, err = readAffine(e, xs, xz); err != nil {
		return
	}
	y, err = readAffine(e, ys, yz)
	return
}

// qGlobalPool is QLinearGlobalAveragePool: the mean over all spatial axes.
type qGlobalPool struct{ last bool }

var qLinearGlobalAveragePoolDef = &op.Def{Domain: ms, Name: "QLinearGlobalAveragePool", New: func(a *op.Args) (op.Op, error) {
	return &qGlobalPool{a.Bool("channels_last", false)}, nil
}}

func (o *qGlobalPool) Infer(c *op.Infer) error {
	x := c.Shape(0)
	if x == nil {
		return nil
	}
	if len(x) < 2 {
		return fmt.Errorf("input is %v, needs batch and channels", x)
	}
	s := append(graph.Shape{}, x...)
	for i := range spatial(s, o.last) {
		spatial(s, o.last)[i] = graph.D(1)
	}
	c.Out(0, c.Type(0), s)
	return nil
}

func (o *qGlobalPool) Eval(e *op.Eval) error {
	x := e.In(0)
	if x.Rank() < 2 {
		return fmt.Errorf("input is %v, needs batch and channels", x)
	}
	xa, ya, err := inOut(e, 1, 2, 3, 4)
	if err != nil {
		return err
	}
	axes := make([]bool, x.Rank())
	for i := range spatial(axes, o.last) {
		spatial(axes, o.last)[i] = true
	}
	return reduceMean(e, x, axes, true, xa, ya)
}
