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
	return e.Concat(0, parts, o.axis)
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
