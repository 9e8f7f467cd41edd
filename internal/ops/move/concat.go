package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// concat joins tensors along an axis.
type concat struct{ axis int }

var concatDef = &op.Def{Name: "Concat", New: func(a *op.Args) (op.Op, error) {
	return &concat{a.Int("axis", 1)}, nil // version 1: axis may be absent
}}

func (o *concat) Infer(c *op.Infer) error {
	var out graph.Shape
	axis := 0
	unknown := false
	var along []graph.Dim
	for i := range c.NIn() {
		s := c.Shape(i)
		if s == nil {
			unknown = true
			continue
		}
		if out == nil {
			var err error
			if axis, err = op.Axis(o.axis, len(s)); err != nil {
				return err
			}
			out = append(graph.Shape{}, s...)
		} else if len(s) != len(out) {
			return fmt.Errorf("input %d is %v, must have rank %d as the others", i, s, len(out))
		}
		along = append(along, s[axis])
		for k, d := range s {
			switch {
			case k == axis || out[k] == d:
			case out[k].Known() && d.Known():
				return fmt.Errorf("input %d is %v, must agree with %v but for axis %d", i, s, out, axis)
			case d.Known():
				out[k] = d
			}
		}
	}
	if out != nil {
		out[axis] = sum(along, unknown, c.Fresh)
	}
	c.Out(0, c.Type(0), out)
	if len(out) != 1 {
		return nil
	}
	el := []graph.Dim{}
	for i := range c.NIn() {
		x := c.Elems(i)
		if x == nil || len(c.Shape(i)) != 1 {
			return nil
		}
		el = append(el, x...)
	}
	c.OutElems(0, el)
	return nil
}

// sum adds dimensions; more says that there are others.
func sum(d []graph.Dim, more bool, fresh func() graph.Dim) graph.Dim {
	n := 0
	var sym []graph.Dim
	for _, x := range d {
		if !x.Known() {
			sym = append(sym, x)
		} else if n += x.N; n < 0 {
			return fresh()
		}
	}
	switch {
	case more || len(sym) > 1 || len(sym) == 1 && n > 0:
		return fresh()
	case len(sym) == 1:
		return sym[0]
	}
	return graph.D(n)
}

func (o *concat) Eval(e *op.Eval) error {
	parts := make([]*tensor.Tensor, e.NIn())
	for i := range parts {
		if parts[i] = e.In(i); parts[i] == nil {
			return fmt.Errorf("input %d is missing", i)
		}
	}
	return Concat(e, 0, parts, o.axis)
}

// Concat makes output i the parts, at least one, joined along axis.
func Concat(e *op.Eval, i int, parts []*tensor.Tensor, axis int) error {
	_, err := join(e, parts, axis, func(dt tensor.DType, dims []int) (*tensor.Tensor, error) { return e.Out(i, dt, dims...) })
	return err
}

// Stack makes output i the parts, at least one and all of one shape, along a new axis.
func Stack(e *op.Eval, i int, parts []*tensor.Tensor, axis int) error {
	p, axis, err := lift(parts, axis)
	if err != nil {
		return err
	}
	return Concat(e, i, p, axis)
}

// StackTemp is Stack into a tensor that is no output.
func StackTemp(e *op.Eval, parts []*tensor.Tensor, axis int) (*tensor.Tensor, error) {
	p, axis, err := lift(parts, axis)
	if err != nil {
		return nil, err
	}
	return join(e, p, axis, func(dt tensor.DType, dims []int) (*tensor.Tensor, error) { return e.Temp(dt, dims...) })
}

// lift gives each part a new axis of length 1.
func lift(parts []*tensor.Tensor, axis int) ([]*tensor.Tensor, int, error) {
	p := make([]*tensor.Tensor, len(parts))
	for i, t := range parts {
		a, err := op.Axis(axis, parts[0].Rank()+1)
		if err != nil {
			return nil, 0, err
		}
		if !tensor.SameShape(t.Shape(), parts[0].Shape()) {
			return nil, 0, fmt.Errorf("item %d is %v, must be %v as the first", i, t, parts[0])
		}
		s := append(append(append([]int{}, t.Shape()[:a]...), 1), t.Shape()[a:]...)
		if p[i], err = t.Reshaped(s...); err != nil {
			return nil, 0, err
		}
		if i == len(parts)-1 {
			axis = a
		}
	}
	return p, axis, nil
}

func join(e *op.Eval, parts []*tensor.Tensor, axis int, alloc func(tensor.DType, []int) (*tensor.Tensor, error)) (*tensor.Tensor, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("nothing to concatenate")
	}
	first := parts[0]
	axis, err := op.Axis(axis, first.Rank())
	if err != nil {
		return nil, err
	}
	dims := append([]int{}, first.Shape()...)
	dims[axis] = 0
	for i, t := range parts {
		if t.DType() != first.DType() || t.Rank() != first.Rank() {
			return nil, fmt.Errorf("item %d is %v, must agree with %v but for axis %d", i, t, first, axis)
		}
		for k, d := range t.Shape() {
			if k != axis && d != dims[k] {
				return nil, fmt.Errorf("item %d is %v, must agree with %v but for axis %d", i, t, first, axis)
			}
		}
		if dims[axis] += t.Shape()[axis]; dims[axis] < 0 {
			return nil, fmt.Errorf("%w: %d items along axis %d", tensor.ErrShape, len(parts), axis)
		}
	}
	y, err := alloc(first.DType(), dims)
	if err != nil || y.Len() == 0 {
		return y, err
	}
	m := newMover(e, first.DType())
	dst, err := m.write(y)
	if err != nil {
		return nil, err
	}
	ds := op.Strides(dims)
	at := 0
	for _, t := range parts {
		src, err := m.read(t)
		if err != nil {
			return nil, err
		}
		copyBlock(dst, src, m.w, t.Shape(), ds, op.Strides(t.Shape()), at*ds[axis], 0)
		at += t.Shape()[axis]
	}
	return y, m.flush(y, dst)
}

// Part returns n places of t along axis, from start on, which must be inside. Where they lie
// together they share t's memory.
func Part(e *op.Eval, t *tensor.Tensor, axis, start, n int) (*tensor.Tensor, error) {
	dims := append([]int{}, t.Shape()...)
	if axis < 0 || axis >= len(dims) || start < 0 || n < 0 || n > dims[axis]-start {
		return nil, fmt.Errorf("%v has no places %d to %d along axis %d", t, start, start+n, axis)
	}
	dims[axis] = n
	s := op.Strides(t.Shape())
	if w := t.DType().Size(); w > 0 && op.Prod(dims[:axis]) == 1 {
		lo := start * s[axis] * w
		return tensor.Wrap(t.DType(), t.Bytes()[lo:lo+op.Prod(dims)*w], dims...)
	}
	y, err := e.Temp(t.DType(), dims...)
	if err != nil {
		return nil, err
	}
	return y, convert(e, y, t, func(m *mover, dst, src []byte) error {
		copyBlock(dst, src, m.w, dims, op.Strides(dims), s, start*s[axis], 0)
		return nil
	})
}

// split cuts a tensor along an axis into as many parts as there are outputs.
type split struct {
	axis  int
	sizes list
	num   int // num_outputs, 0 if absent
}

var splitDef = &op.Def{Name: "Split", New: func(a *op.Args) (op.Op, error) {
	o := &split{axis: a.Int("axis", 0), sizes: listArg(a, "split", 13, 1)}
	if a.Version == 1 && a.HasIn(1) {
		a.Ignore("split")
		o.sizes = list{in: 1}
	}
	if a.Version >= 18 && a.Has("num_outputs") {
		if o.num = a.Int("num_outputs", 0); o.num != a.NOut() {
			return nil, fmt.Errorf("attribute \"num_outputs\" = %d, the node has %d outputs", o.num, a.NOut())
		}
		if a.HasIn(1) {
			return nil, fmt.Errorf("both input \"split\" and attribute \"num_outputs\" are there")
		}
	}
	return o, nil
}}

// parts returns the lengths of n outputs. sizes is nil if they are to be equal.
func (o *split) parts(dim, n int, sizes []int) ([]int, error) {
	if sizes == nil {
		by := dim / n
		if dim%n != 0 {
			if o.num == 0 {
				return nil, fmt.Errorf("axis of length %d can't be split into %d equal parts", dim, n)
			}
			by++
		}
		l := make([]int, n)
		for i := range l {
			l[i] = min(by, dim)
			dim -= l[i]
		}
		return l, nil
	}
	if len(sizes) != n {
		return nil, fmt.Errorf("split has %d lengths %v, the node has %d outputs", len(sizes), sizes, n)
	}
	rest := dim
	for _, k := range sizes {
		if k < 0 || k > rest {
			return nil, fmt.Errorf("split %v does not add up to %d, the length of the axis", sizes, dim)
		}
		rest -= k
	}
	if rest != 0 {
		return nil, fmt.Errorf("split %v does not add up to %d, the length of the axis", sizes, dim)
	}
	return sizes, nil
}

func (o *split) Infer(c *op.Infer) error {
	s := c.Shape(0)
	for i := range c.NOut() {
		c.Out(i, c.Type(0), nil)
	}
	if s == nil {
		return nil
	}
	axis, err := op.Axis(o.axis, len(s))
	if err != nil {
		return err
	}
	sizes, known := o.sizes.ints(c)
	var l []int
	if (known || !o.sizes.has(c)) && s[axis].Known() {
		if !known {
			sizes = nil
		}
		if l, err = o.parts(s[axis].N, c.NOut(), sizes); err != nil {
			return err
		}
	} else if known && len(sizes) == c.NOut() {
		l = sizes
	}
	elems, at := c.Elems(0), 0
	if len(s) != 1 {
		elems = nil
	}
	for i := range c.NOut() {
		t := append(graph.Shape{}, s...)
		if l == nil {
			t[axis] = c.Fresh()
		} else {
			t[axis] = graph.D(l[i])
		}
		c.Out(i, c.Type(0), t)
		if elems != nil && l != nil && l[i] >= 0 && l[i] <= len(elems)-at {
			c.OutElems(i, elems[at:at+l[i]:at+l[i]])
			at += l[i]
		}
	}
	return nil
}

func (o *split) Eval(e *op.Eval) error {
	x := e.In(0)
	axis, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	sizes, ok := o.sizes.get(e)
	if !ok {
		sizes = nil
	} else if sizes == nil {
		sizes = []int{}
	}
	l, err := o.parts(x.Shape()[axis], e.NOut(), sizes)
	if err != nil {
		return err
	}
	st := op.Strides(x.Shape())
	at := 0
	for i, n := range l {
		from := at
		at += n
		if !e.Wants(i) {
			continue
		}
		dims := append([]int{}, x.Shape()...)
		dims[axis] = n
		err := one(e, i, x, dims, func(m *mover, dst, src []byte) error {
			copyBlock(dst, src, m.w, dims, op.Strides(dims), st, 0, from*st[axis])
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
