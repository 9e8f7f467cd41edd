package nn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// convTranspose is ConvTranspose: X [N,C,in...] and W [C,M/group,k...] give
// Y [N,M,out...]; input i adds x*w at out = i*stride - begin + k*dilation.
// The com.microsoft form takes its pads as an input.
type convTranspose struct {
	window
	group       int
	outPad      []int
	outShape    []int
	dynamicPads bool
}

var (
	convTransposeDef     = &op.Def{Name: "ConvTranspose", New: newConvTranspose}
	convTransposePadsDef = &op.Def{Domain: msDomain, Name: "ConvTransposeWithDynamicPads", New: func(a *op.Args) (op.Op, error) {
		o, err := newConvTranspose(a)
		if err == nil {
			o.(*convTranspose).dynamicPads = a.HasIn(2)
		}
		return o, err
	}}
)

func newConvTranspose(a *op.Args) (op.Op, error) {
	o := &convTranspose{window: decodeWindow(a), group: a.Int("group", 1), outPad: a.Ints("output_padding"), outShape: a.Ints("output_shape")}
	if o.group < 1 {
		return nil, fmt.Errorf("attribute group = %d, must be at least 1", o.group)
	}
	for _, x := range append(append([]int{}, o.outPad...), o.outShape...) {
		if x < 0 || x > maxExtent {
			return nil, fmt.Errorf("output_padding %v, output_shape %v: values must be 0 to %d", o.outPad, o.outShape, maxExtent)
		}
	}
	return o, nil
}

// span resolves spatial axis i of n. In the result in and out are those of
// this operator, and begin may be such that not all products are kept.
func (o *convTranspose) span(i, n, in, kernel int, pads []int) (span, error) {
	s := span{in: in, kernel: kernel, stride: at(o.strides, i, 1), dilation: at(o.dilations, i, 1)}
	adj := at(o.outPad, i, 0)
	eff := (int64(kernel)-1)*int64(s.dilation) + 1
	full := int64(s.stride)*(int64(in)-1) + int64(adj) + eff
	if kernel < 1 || in < 0 || eff > maxExtent || int64(in)*int64(s.stride) > 1<<30 {
		return s, fmt.Errorf("spatial axis %d: kernel %d with stride %d on length %d is out of range", i, kernel, s.stride, in)
	}
	out := int64(-1)
	if len(o.outShape) >= n {
		out = int64(o.outShape[len(o.outShape)-n+i]) // N and C may stand before it
	} else if o.auto == sameUpper || o.auto == sameLower {
		// length*stride, but not beyond what the kernel covers (as the
		// standard's inference and ONNX Runtime have it).
		out = max(0, min(int64(in)*int64(s.stride), full))
	}
	if out >= 0 {
		total := max(0, full-out)
		s.begin = int(total - total/2)
		if o.auto == sameUpper {
			s.begin = int(total / 2)
		}
	} else {
		if o.auto == notSet {
			s.begin, s.end = at(pads, i, 0), at(pads, n+i, 0)
		}
		out = max(0, full-int64(s.begin)-int64(s.end))
		if in == 0 {
			out = 0
		}
	}
	if int64(int(out)) != out {
		return s, fmt.Errorf("spatial axis %d: output length %d is out of range", i, out)
	}
	s.out = int(out)
	return s, nil
}

func (o *convTranspose) check(n int, pads []int) error {
	if err := o.window.check(n); err != nil {
		return err
	}
	if l := len(o.outPad); l != 0 && l != n {
		return fmt.Errorf("output_padding has %d values, needs %d", l, n)
	}
	if l := len(o.outShape); l != 0 && l != n && l != n+2 {
		return fmt.Errorf("output_shape has %d values, needs %d", l, n)
	}
	if len(pads) != 0 && len(pads) != 2*n {
		return fmt.Errorf("pads has %d values, needs %d", len(pads), 2*n)
	}
	for _, p := range pads {
		if p < -maxExtent || p > maxExtent {
			return fmt.Errorf("pads %v are out of range", pads)
		}
	}
	return nil
}

func (o *convTranspose) Infer(c *op.Infer) error {
	x, w := c.Shape(0), c.Shape(1)
	if x == nil || w == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	if len(x) < 3 || len(w) != len(x) {
		return fmt.Errorf("X %v must have at least 3 axes, and W %v as many", x, w)
	}
	pads, known := o.pads, true
	if o.dynamicPads {
		pads, known = c.Ints(2)
	}
	n := len(x) - 2
	if err := o.check(n, pads); err != nil {
		return err
	}
	if x[1].Known() && (x[1].N%o.group != 0 || w[0].Known() && w[0] != x[1]) {
		return fmt.Errorf("X %v and W %v must have the same number of channels, a multiple of %d groups", x, w, o.group)
	}
	y := graph.Shape{x[0], c.Fresh()}
	if w[1].Known() {
		m := int64(w[1].N) * int64(o.group)
		if int64(int(m)) != m {
			return fmt.Errorf("W %v with %d groups is out of range", w, o.group)
		}
		y[1] = graph.D(int(m))
	} else if o.group == 1 {
		y[1] = w[1]
	}
	for i := range n {
		if !x[i+2].Known() || !w[i+2].Known() || !known {
			y = append(y, c.Fresh())
			continue
		}
		s, err := o.span(i, n, x[i+2].N, w[i+2].N, pads)
		if err != nil {
			return err
		}
		y = append(y, graph.D(s.out))
	}
	c.Out(0, c.Type(0), y)
	return holds(c, o.biasIn(c.Node()), "B", y[1])
}

// biasIn returns the input number of B.
func (o *convTranspose) biasIn(n *graph.Node) int {
	if n.Domain == msDomain {
		return 3
	}
	return 2
}

func (o *convTranspose) Eval(e *op.Eval) error {
	x, w := e.In(0), e.In(1)
	xs, ws := x.Shape(), w.Shape()
	if len(xs) < 3 || len(ws) != len(xs) {
		return fmt.Errorf("X %v must have at least 3 axes, and W %v as many", x, w)
	}
	if xs[1] != ws[0] || xs[1]%o.group != 0 {
		return fmt.Errorf("X has %d channels, W %v needs %d, a multiple of %d groups", xs[1], w, ws[0], o.group)
	}
	if len(o.kernel) > 0 && !tensor.SameShape(o.kernel, ws[2:]) {
		return fmt.Errorf("kernel_shape %v does not agree with W %v", o.kernel, w)
	}
	pads, n := o.pads, len(xs)-2
	if o.dynamicPads {
		pads = e.IntList(2)
	}
	if err := o.check(n, pads); err != nil {
		return err
	}
	if _, ok := tensor.NumElements([]int{ws[1], o.group}); !ok {
		return fmt.Errorf("W %v with %d groups is out of range", w, o.group)
	}
	dims := []int{xs[0], ws[1] * o.group}
	axes := make([]span, n)
	for i := range axes {
		var err error
		if axes[i], err = o.span(i, n, xs[i+2], ws[i+2], pads); err != nil {
			return err
		}
		dims = append(dims, axes[i].out)
	}
	bias, err := vector(e, o.biasIn(e.Node()), "B", dims[1])
	if err != nil {
		return err
	}
	acc, err := e.Temp(tensor.Float64, dims...)
	if err != nil {
		return err
	}
	sum := tensor.Of[float64](acc)
	if acc.Len() > 0 {
		if err := o.scatter(e, sum, axes, xs, ws); err != nil {
			return err
		}
		plane := op.Prod(dims[2:])
		for i := range sum {
			if bias != nil {
				sum[i] += bias[i/plane%dims[1]]
			}
		}
	}
	return e.SetFloats(0, x.DType(), dims, sum)
}

// scatter adds all products to sum. For each element of the kernel the pairs of
// positions that it connects are listed once.
func (o *convTranspose) scatter(e *op.Eval, sum []float64, axes []span, xs, ws []int) error {
	x, w := e.Floats(0), e.Floats(1)
	if len(x) == 0 || len(w) == 0 {
		return nil
	}
	in, out, kernel := xs[2:], lengths(axes), ws[2:]
	plane, outPlane, taps := op.Prod(in), op.Prod(out), op.Prod(kernel)
	cg, mg := xs[1]/o.group, ws[1]
	k := make([]int, len(axes))
	from, to := make([]int, 0, plane), make([]int, 0, plane)
	for t := range taps {
		from, to = pairs(axes, k, in, from[:0], to[:0])
		next(k, kernel)
		for n := range xs[0] {
			for c := range xs[1] {
				if err := e.Tick(1); err != nil {
					return err
				}
				xp := x[(n*xs[1]+c)*plane:][:plane]
				for m := range mg {
					v := w[(c*mg+m)*taps+t]
					y := sum[(n*mg*o.group+c/cg*mg+m)*outPlane:][:outPlane]
					for i, p := range from {
						y[to[i]] += xp[p] * v
					}
				}
			}
		}
	}
	return nil
}

// pairs lists the input positions whose product with kernel element k stays
// inside the output, and where it goes.
func pairs(axes []span, k, in, from, to []int) ([]int, []int) {
	idx := make([]int, len(axes))
	for p := range op.Prod(in) {
		q := 0
		for a := range axes {
			s := &axes[a]
			i := idx[a]*s.stride - s.begin + k[a]*s.dilation
			if i < 0 || i >= s.out {
				q = -1
				break
			}
			q = q*s.out + i
		}
		if q >= 0 {
			from, to = append(from, p), append(to, q)
		}
		next(idx, in)
	}
	return from, to
}
