package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// index returns place v of an axis of length d; a negative one counts from the end.
func index(v int64, d int) (int, error) {
	if v < 0 {
		v += int64(d)
		if v < 0 {
			return 0, fmt.Errorf("index %d is out of range for an axis of length %d", v-int64(d), d)
		}
	}
	if v >= int64(d) {
		return 0, fmt.Errorf("index %d is out of range for an axis of length %d", v, d)
	}
	return int(v), nil
}

// indices returns t's elements as places of an axis of length d.
func indices(t *tensor.Tensor, d int) ([]int, error) {
	l := make([]int, t.Len())
	for i := range l {
		var err error
		if l[i], err = index(t.IntAt(i), d); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// gather takes whole slices along an axis: data[:, indices, :].
type gather struct{ axis int }

var gatherDef = &op.Def{Name: "Gather", New: func(a *op.Args) (op.Op, error) {
	return &gather{a.Int("axis", 0)}, nil
}}

func (o *gather) Infer(c *op.Infer) error {
	s, ix := c.Shape(0), c.Shape(1)
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	axis, err := op.Axis(o.axis, len(s))
	if err != nil {
		return err
	}
	if ix == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	out := append(append(append(graph.Shape{}, s[:axis]...), ix...), s[axis+1:]...)
	c.Out(0, c.Type(0), out)
	x := c.Elems(0)
	at, ok := c.Ints(1)
	if x == nil || !ok || len(s) != 1 {
		return nil
	}
	el := make([]graph.Dim, len(at))
	for i, v := range at {
		k, err := index(int64(v), len(x))
		if err != nil {
			return err
		}
		el[i] = x[k]
	}
	c.OutElems(0, el)
	return nil
}

func (o *gather) Eval(e *op.Eval) error {
	x, ix := e.In(0), e.In(1)
	axis, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	s := x.Shape()
	dims := append(append(append([]int{}, s[:axis]...), ix.Shape()...), s[axis+1:]...)
	return one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		at, err := indices(ix, s[axis])
		if err != nil {
			return err
		}
		takeAxis(dst, src, m.w, s, axis, at)
		return nil
	})
}

// checkInside reports whether an index tensor of shape ix fits data of shape s
// but along axis.
func checkInside(s, ix []int, axis int) error {
	if len(s) != len(ix) {
		return fmt.Errorf("indices have shape %v, must have rank %d as data %v", ix, len(s), s)
	}
	for i, d := range ix {
		if i != axis && d > s[i] {
			return fmt.Errorf("indices have shape %v, beyond data %v in axis %d", ix, s, i)
		}
	}
	return nil
}

// elements calls f for every element of an index tensor of shape ix: k counts,
// at is the place in data of shape s where the index on axis counts as 0.
func elements(s, ix []int, axis int, f func(k, at int) error) error {
	st := op.Strides(s)
	st[axis] = 0
	return op.Each(ix, [][]int{st}, func(k int, _, off []int) error { return f(k, off[0]) })
}

// gatherElements takes one element for each index.
type gatherElements struct{ axis int }

var gatherElementsDef = &op.Def{Name: "GatherElements", New: func(a *op.Args) (op.Op, error) {
	return &gatherElements{a.Int("axis", 0)}, nil
}}

func (o *gatherElements) Infer(c *op.Infer) error {
	s, ix := c.Shape(0), c.Shape(1)
	if s != nil {
		axis, err := op.Axis(o.axis, len(s))
		if err != nil {
			return err
		}
		if s.Known() && ix.Known() {
			if err := checkInside(s.Ints(), ix.Ints(), axis); err != nil {
				return err
			}
		}
		if ix == nil {
			ix = c.FreshShape(len(s))
		}
	}
	c.Out(0, c.Type(0), ix)
	return nil
}

func (o *gatherElements) Eval(e *op.Eval) error {
	x, ix := e.In(0), e.In(1)
	axis, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	s := x.Shape()
	if err := checkInside(s, ix.Shape(), axis); err != nil {
		return err
	}
	return one(e, 0, x, ix.Shape(), func(m *mover, dst, src []byte) error {
		by, w := op.Strides(s)[axis], m.w
		return elements(s, ix.Shape(), axis, func(k, at int) error {
			i, err := index(ix.IntAt(k), s[axis])
			if err != nil {
				return err
			}
			b := (at + i*by) * w
			copy(dst[k*w:k*w+w], src[b:b+w])
			return nil
		})
	})
}

// gatherND takes slices by tuples of indices: the last axis of indices is a
// tuple of places on data's axes after the batch dimensions.
type gatherND struct{ batch int }

var gatherNDDef = &op.Def{Name: "GatherND", New: func(a *op.Args) (op.Op, error) {
	return &gatherND{a.Int("batch_dims", 0)}, nil
}}

// msGatherNDDef is the contrib forerunner, which also takes int32.
var msGatherNDDef = &op.Def{Domain: "com.microsoft", Name: "GatherND", New: func(*op.Args) (op.Op, error) {
	return &gatherND{}, nil
}}

// check compares ranks and returns the length of a tuple.
func (o *gatherND) check(s, ix graph.Shape) (int, error) {
	if len(s) == 0 || len(ix) == 0 {
		return 0, fmt.Errorf("data %v and indices %v must have at least one axis", s, ix)
	}
	k := ix[len(ix)-1]
	if o.batch < 0 || o.batch >= len(s) || o.batch >= len(ix) {
		return 0, fmt.Errorf("batch_dims = %d is out of range for data %v and indices %v", o.batch, s, ix)
	}
	for i := range o.batch {
		if s[i].Known() && ix[i].Known() && s[i] != ix[i] {
			return 0, fmt.Errorf("data %v and indices %v must agree in the first %d axes", s, ix, o.batch)
		}
	}
	if !k.Known() {
		return -1, nil
	}
	if k.N > len(s)-o.batch {
		return 0, fmt.Errorf("tuples of %d indices for data %v with batch_dims %d", k.N, s, o.batch)
	}
	return k.N, nil
}

func (o *gatherND) Infer(c *op.Infer) error {
	s, ix := c.Shape(0), c.Shape(1)
	if s == nil || ix == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	k, err := o.check(s, ix)
	if err != nil {
		return err
	}
	var out graph.Shape
	if k >= 0 {
		out = append(append(graph.Shape{}, ix[:len(ix)-1]...), s[o.batch+k:]...)
		for i := range o.batch {
			if !out[i].Known() {
				out[i] = s[i]
			}
		}
	}
	c.Out(0, c.Type(0), out)
	return nil
}

func (o *gatherND) Eval(e *op.Eval) error {
	x, ix := e.In(0), e.In(1)
	s := x.Shape()
	k, err := o.check(graph.Dims(s...), graph.Dims(ix.Shape()...))
	if err != nil {
		return err
	}
	dims := append(append([]int{}, ix.Shape()[:ix.Rank()-1]...), s[o.batch+k:]...)
	return one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		st := op.Strides(s)
		inner := op.Prod(s[o.batch+k:]) * m.w
		per := op.Prod(ix.Shape()[o.batch : ix.Rank()-1]) // tuples a batch
		block := op.Prod(s[o.batch:]) * m.w
		for t := range op.Prod(ix.Shape()[:ix.Rank()-1]) {
			at := 0
			for j := range k {
				i, err := index(ix.IntAt(t*k+j), s[o.batch+j])
				if err != nil {
					return err
				}
				at += i * st[o.batch+j]
			}
			b := t/per*block + at*m.w
			copy(dst[t*inner:(t+1)*inner], src[b:b+inner])
		}
		return nil
	})
}
