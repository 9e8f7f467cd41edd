package op

import (
	"fmt"

	"github.com/walnut-ai/walnut/tensor"
)

// Concat makes output i the parts, at least one, joined along axis.
func (e *Eval) Concat(i int, parts []*tensor.Tensor, axis int) error {
	_, err := e.join(parts, axis, func(dt tensor.DType, dims []int) (*tensor.Tensor, error) { return e.Out(i, dt, dims...) })
	return err
}

// Stack makes output i the parts, at least one and all of one shape, side by
// side along a new axis.
func (e *Eval) Stack(i int, parts []*tensor.Tensor, axis int) error {
	p, axis, err := lift(parts, axis)
	if err != nil {
		return err
	}
	return e.Concat(i, p, axis)
}

// StackTemp is Stack into a tensor that is no output.
func (e *Eval) StackTemp(parts []*tensor.Tensor, axis int) (*tensor.Tensor, error) {
	p, axis, err := lift(parts, axis)
	if err != nil {
		return nil, err
	}
	return e.join(p, axis, func(dt tensor.DType, dims []int) (*tensor.Tensor, error) { return e.Temp(dt, dims...) })
}

// Part returns n places of t along axis, from start on. Where they lie
// together they share t's memory.
func (e *Eval) Part(t *tensor.Tensor, axis, start, n int) (*tensor.Tensor, error) {
	dims := append([]int{}, t.Shape()...)
	if axis < 0 || axis >= len(dims) || start < 0 || n < 0 || n > dims[axis]-start {
		return nil, fmt.Errorf("%v has no places %d to %d along axis %d", t, start, start+n, axis)
	}
	dims[axis] = n
	count, ok := tensor.NumElements(dims)
	if !ok {
		return nil, fmt.Errorf("%w: %v", tensor.ErrShape, dims)
	}
	if count == 0 {
		return e.Temp(t.DType(), dims...)
	}
	inner, outer := Prod(dims[axis+1:]), Prod(dims[:axis])
	if w := t.DType().Size(); w > 0 && outer == 1 {
		lo := start * inner * w
		return tensor.Wrap(t.DType(), t.Bytes()[lo:lo+count*w:lo+count*w], dims...)
	}
	y, err := e.Temp(t.DType(), dims...)
	if err != nil {
		return nil, err
	}
	c := newCollector(y)
	for o := range outer {
		c.add(t, (o*t.Shape()[axis]+start)*inner, n*inner)
	}
	return y, c.finish(e)
}

// lift gives each part a new axis of length 1.
func lift(parts []*tensor.Tensor, axis int) ([]*tensor.Tensor, int, error) {
	if len(parts) == 0 {
		return nil, 0, fmt.Errorf("nothing to stack")
	}
	axis, err := Axis(axis, parts[0].Rank()+1)
	if err != nil {
		return nil, 0, err
	}
	p := make([]*tensor.Tensor, len(parts))
	for i, t := range parts {
		if !tensor.SameShape(t.Shape(), parts[0].Shape()) {
			return nil, 0, fmt.Errorf("item %d is %v, must be %v as the first", i, t, parts[0])
		}
		s := append(append(append([]int{}, t.Shape()[:axis]...), 1), t.Shape()[axis:]...)
		if p[i], err = t.Reshaped(s...); err != nil {
			return nil, 0, err
		}
	}
	return p, axis, nil
}

func (e *Eval) join(parts []*tensor.Tensor, axis int, alloc func(tensor.DType, []int) (*tensor.Tensor, error)) (*tensor.Tensor, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("nothing to concatenate")
	}
	first := parts[0]
	axis, err := Axis(axis, first.Rank())
	if err != nil {
		return nil, err
	}
	dims := append([]int{}, first.Shape()...)
	dims[axis] = 0
	for i, t := range parts {
		ok := t.DType() == first.DType() && t.Rank() == first.Rank()
		for k := 0; ok && k < len(dims); k++ {
			ok = k == axis || t.Shape()[k] == dims[k]
		}
		if !ok {
			return nil, fmt.Errorf("item %d is %v, must agree with %v but for axis %d", i, t, first, axis)
		}
		if dims[axis] += t.Shape()[axis]; dims[axis] < 0 {
			return nil, fmt.Errorf("%w: %d items along axis %d", tensor.ErrShape, len(parts), axis)
		}
	}
	y, err := alloc(first.DType(), dims)
	if err != nil || y.Len() == 0 {
		return y, err
	}
	c := newCollector(y)
	inner := Prod(dims[axis+1:])
	for o := range Prod(dims[:axis]) {
		for _, t := range parts {
			n := t.Shape()[axis] * inner
			c.add(t, o*n, n)
		}
	}
	return y, c.finish(e)
}

// collector fills a tensor from front to back with runs of elements of other
// tensors of its type.
type collector struct {
	y    *tensor.Tensor
	at   int
	strs []string
}

func newCollector(y *tensor.Tensor) *collector {
	c := &collector{y: y}
	if y.DType() == tensor.String {
		c.strs = make([]string, 0, y.Len())
	} else if y.DType().Size() == 0 {
		clear(y.Bytes())
	}
	return c
}

// add appends n elements of t from place s on.
func (c *collector) add(t *tensor.Tensor, s, n int) {
	dt := c.y.DType()
	switch w := dt.Size(); {
	case dt == tensor.String:
		for i := range n {
			c.strs = append(c.strs, t.Str(s+i))
		}
	case w > 0:
		copy(c.y.Bytes()[c.at*w:], t.Bytes()[s*w:(s+n)*w])
	default:
		bits := dt.Bits()
		per, mask := 8/bits, byte(1<<bits-1)
		dst, src := c.y.Bytes(), t.Bytes()
		for i := range n {
			v := src[(s+i)/per] >> ((s + i) % per * bits) & mask
			dst[(c.at+i)/per] |= v << ((c.at + i) % per * bits)
		}
	}
	c.at += n
}

// finish stores strings; their own bytes count against the budget.
func (c *collector) finish(e *Eval) error {
	if c.strs == nil {
		return nil
	}
	total := 0
	for _, s := range c.strs {
		if total += len(s); total < 0 {
			return fmt.Errorf("%w: strings don't fit memory", ErrBudget)
		}
	}
	if total > 1<<20 {
		if _, err := e.Temp(tensor.Uint8, total); err != nil {
			return err
		}
	}
	c.y.SetStrings(c.strs)
	return nil
}
