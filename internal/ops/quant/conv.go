package quant

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// conv is what the integer convolutions share: N spatial axes, groups,
// dilation and padding with the zero point. The filter has the layout
// [M, C/group, kernel...] with channels first and last alike.
type conv struct {
	window
	group int
}

func decodeConv(a *op.Args) conv {
	o := conv{window: decodeWindow(a), group: a.Int("group", 1)}
	if o.group < 1 {
		a.Fail("attribute group = %d, must be at least 1", o.group)
	}
	return o
}

// inferConv states output 0 for input x and filter w.
func (o *conv) inferConv(c *op.Infer, dt tensor.DType, x, w int) error {
	ws := c.Shape(w)
	m, kernel := c.Fresh(), graph.Shape(nil)
	if len(o.kernel) > 0 {
		kernel = graph.Dims(o.kernel...)
	}
	if len(ws) > 2 {
		m = ws[0]
		if kernel == nil {
			kernel = ws[2:]
		}
	}
	s, err := o.infer(c, c.Shape(x), m, kernel)
	c.Out(0, dt, s)
	return err
}

// run computes the sums of a convolution. out is called with every element's
// output channel, offset and sum; the function made by begin from the output's
// shape.
func (o *conv) run(e *op.Eval, x, w, xz, wz *tensor.Tensor, begin func(dims []int) (func(oc, i int, sum int32), error)) error {
	xs, ws := x.Shape(), w.Shape()
	if len(xs) < 3 || len(ws) != len(xs) {
		return fmt.Errorf("input %v and filter %v: ranks must agree and be at least 3", xs, ws)
	}
	ch, m := xs[o.channels(len(xs))], ws[0]
	if int64(ws[1])*int64(o.group) != int64(ch) || m%o.group != 0 {
		return fmt.Errorf("input %v with %d channels, filter %v, group %d: the filter must have %d/group input channels and a multiple of group outputs", xs, ch, ws, o.group, ch)
	}
	if len(o.kernel) > 0 && !tensor.SameShape(o.kernel, ws[2:]) {
		return fmt.Errorf("kernel_shape %v, the filter is %v", o.kernel, ws)
	}
	l, err := o.slides(spatial(xs, o.last), ws[2:])
	if err != nil {
		return err
	}
	if xz != nil && xz.Len() != 1 {
		return fmt.Errorf("the input's zero point is %v, must have one element", xz)
	}
	dims := o.outShape(xs[0], m, l)
	out, err := begin(dims)
	if err != nil {
		return err
	}
	if n, ok := tensor.NumElements(dims); !ok || n == 0 {
		return err
	}
	cx, err := centred(e, x, xz, xs, 0)
	if err != nil {
		return err
	}
	cw, err := centred(e, w, wz, ws, 0)
	if err != nil {
		return fmt.Errorf("the filter's zero point: %w", err)
	}
	r := convRun{conv: o, l: l, x: cx, w: cw, xs: xs, m: m, group: ws[1]}
	return r.run(e, out)
}

// convRun is one convolution over centred operands.
type convRun struct {
	*conv
	l        []slide
	x, w     []int32
	xs       []int
	m, group int // output channels; input channels of a group
	patch    []int32
	taps     int   // elements of the kernel
	step     []int // strides of the input along the spatial axes
	channel  int   // stride along the channels
}

// run gathers the input under the window once for every position and group,
// then multiplies it with every filter of the group.
func (r *convRun) run(e *op.Eval, out func(oc, i int, sum int32)) error {
	xst := op.Strides(r.xs)
	c := r.channels(len(r.xs))
	r.step, r.channel = spatial(xst, r.last), xst[c]
	kdims, odims := make([]int, len(r.l)), make([]int, len(r.l))
	for i, s := range r.l {
		kdims[i], odims[i] = s.kernel, s.out
	}
	if r.group > 0 {
		r.taps = op.Prod(kdims)
	}
	t, err := e.Temp(tensor.Int32, r.group, r.taps)
	if err != nil {
		return err
	}
	r.patch = tensor.Of[int32](t)
	size, positions, filters := len(r.patch), op.Prod(odims), r.m/r.conv.group
	for n := range r.xs[0] {
		err := op.Each(odims, nil, func(p int, at, _ []int) error {
			for g := range r.conv.group {
				if err := e.Tick(1); err != nil {
					return err
				}
				r.gather(n*xst[0]+g*r.group*r.channel, at)
				for oc := g * filters; oc < (g+1)*filters; oc++ {
					sum := int32(0)
					for i, v := range r.w[oc*size : (oc+1)*size] {
						sum += v * r.patch[i]
					}
					i := (n*r.m+oc)*positions + p
					if r.last {
						i = (n*positions+p)*r.m + oc
					}
					out(oc, i, sum)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// gather fills the patch with the input under the window at an output
// position; base is the offset of the group's first channel. What lies in the
// padding is 0, as the zero point is already subtracted.
func (r *convRun) gather(base int, at []int) {
	for k := range r.taps {
		off, inside, rest := base, true, k
		for a := len(r.l) - 1; a >= 0; a-- {
			s := &r.l[a]
			x := at[a]*s.stride - s.begin + rest%s.kernel*s.dilation
			rest /= s.kernel
			inside = inside && x >= 0 && x < s.in
			off += x * r.step[a]
		}
		for c := range r.group {
			v := int32(0)
			if inside {
				v = r.x[off+c*r.channel]
			}
			r.patch[c*r.taps+k] = v
		}
	}
}

// convInteger is ConvInteger: int32 sums of the operands without their zero points.
type convInteger struct{ conv }

var convIntegerDef = &op.Def{Name: "ConvInteger", New: func(a *op.Args) (op.Op, error) {
	return &convInteger{decodeConv(a)}, nil
}}

func (o *convInteger) Infer(c *op.Infer) error { return o.inferConv(c, tensor.Int32, 0, 1) }

func (o *convInteger) Eval(e *op.Eval) error {
	return o.run(e, e.In(0), e.In(1), e.In(2), e.In(3), func(dims []int) (func(oc, i int, sum int32), error) {
		y, err := e.Out(0, tensor.Int32, dims...)
		if err != nil {
			return nil, err
		}
		out := tensor.Of[int32](y)
		return func(_, i int, sum int32) { out[i] = sum }, nil
	})
}

// qLinearConv is QLinearConv: a convolution with int32 bias, quantised anew.
// Scale and zero point of the filter may be vectors over the output channels.
type qLinearConv struct{ conv }

func newQLinearConv(a *op.Args) (op.Op, error) { return &qLinearConv{decodeConv(a)}, nil }

var (
	qLinearConvDef   = &op.Def{Name: "QLinearConv", New: newQLinearConv}
	qLinearConvMsDef = &op.Def{Domain: ms, Name: "QLinearConv", New: newQLinearConv}
)

func (o *qLinearConv) Infer(c *op.Infer) error { return o.inferConv(c, c.Type(7), 0, 3) }

func (o *qLinearConv) Eval(e *op.Eval) error {
	xa, err := readAffine(e, 1, 2)
	if err != nil {
		return err
	}
	ya, err := readAffine(e, 6, 7)
	if err != nil {
		return err
	}
	w, scale, bias := e.In(3), e.In(4), e.In(8)
	return o.run(e, e.In(0), w, e.In(2), e.In(5), func(dims []int) (func(oc, i int, sum int32), error) {
		m := w.Shape()[0]
		if scale.Len() != 1 && (scale.Rank() != 1 || scale.Len() != m) {
			return nil, fmt.Errorf("w_scale is %v, must have one element or be a vector of %d", scale, m)
		}
		if bias != nil && (bias.Rank() != 1 || bias.Len() != m) {
			return nil, fmt.Errorf("B is %v, must be a vector of %d elements", bias, m)
		}
		y, err := e.Out(0, e.In(7).DType(), dims...)
		if err != nil {
			return nil, err
		}
		q, perChannel := targetOf(y, true), scale.Len() > 1
		return func(oc, i int, sum int32) {
			if bias != nil {
				sum += int32(bias.IntAt(oc))
			}
			s := 0
			if perChannel {
				s = oc
			}
			f := xa.scale * float32(scale.FloatAt(s))
			f = f / ya.scale
			q.set(i, float64(float32(sum)*f), float64(ya.zero))
		}, nil
	})
}
