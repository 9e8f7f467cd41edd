package reduce

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// topK returns the k largest or smallest elements along axis and their
// indices, in order; the lower index first among equals. NaN counts as larger
// than all numbers, as in ONNX Runtime. The order is the same whether sorted is
// set or not.
type topK struct {
	axis    int
	k       int // attribute of version 1; -1 = input 1
	largest bool
}

var topKDef = &op.Def{Name: "TopK", New: func(a *op.Args) (op.Op, error) {
	o := &topK{axis: a.Int("axis", -1), k: -1, largest: a.Bool("largest", true)}
	a.Ignore("sorted")
	if a.Version < 10 {
		o.k = a.Int("k", 0)
		if o.k < 0 {
			return nil, fmt.Errorf("attribute \"k\" = %d, must not be negative", o.k)
		}
	}
	return o, nil
}}

func (o *topK) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.Out(0, c.Type(0), nil)
		c.Out(1, tensor.Int64, nil)
		return nil
	}
	a, err := op.Axis(o.axis, len(s))
	if err != nil {
		return err
	}
	k := graph.D(o.k)
	if o.k < 0 {
		k = c.Fresh()
		if e := c.Elems(1); len(e) == 1 {
			k = e[0]
		}
	}
	if k.Known() && (k.N < 0 || s[a].Known() && k.N > s[a].N) {
		return fmt.Errorf("k is %d, must be 0 to %v, the length of axis %d", k.N, s[a], a)
	}
	out := append(graph.Shape{}, s...)
	out[a] = k
	c.Out(0, c.Type(0), out)
	c.Out(1, tensor.Int64, append(graph.Shape{}, out...))
	return nil
}

func (o *topK) Eval(e *op.Eval) error {
	x := e.In(0)
	a, err := op.Axis(o.axis, x.Rank())
	if err != nil {
		return err
	}
	k := int64(o.k)
	if o.k < 0 {
		t := e.In(1)
		if t.Len() != 1 {
			return fmt.Errorf("k has shape %v, must be [1]", t.Shape())
		}
		k = t.IntAt(0)
	}
	l := lanesOf(x.Shape(), a)
	if k < 0 || k > int64(l.n) {
		return fmt.Errorf("k is %d, must be 0 to %d, the length of axis %d", k, l.n, a)
	}
	dims := append([]int{}, x.Shape()...)
	dims[a] = int(k)
	values, err := e.Out(0, x.DType(), dims...)
	if err != nil {
		return err
	}
	indices, err := e.Out(1, tensor.Int64, dims...)
	if err != nil || values.Len() == 0 {
		return err
	}
	switch x.DType().Class() {
	case tensor.ClassInt:
		return selectK(o, e, l, x.IntAt, values.SetIntAt, indices, tensor.Int64)
	case tensor.ClassUint:
		return selectK(o, e, l, x.UintAt, values.SetUintAt, indices, tensor.Uint64)
	case tensor.ClassFloat:
		return selectK(o, e, l, x.FloatAt, values.SetFloatAt, indices, tensor.Float64)
	}
	return fmt.Errorf("elements of type %v are not ordered", x.DType())
}

// selectK sorts every vector and stores its first elements.
func selectK[T int64 | uint64 | float64](o *topK, e *op.Eval, l lanes, get func(int) T, set func(int, T), indices *tensor.Tensor, dt tensor.DType) error {
	key, err := accumulators[T](e, l.n, dt)
	if err != nil {
		return err
	}
	index, err := accumulators[int64](e, l.n, tensor.Int64)
	if err != nil {
		return err
	}
	k := indices.Len() / (l.outer * l.step)
	return l.each(func(row, first int) error {
		for i := range index {
			key[i], index[i] = get(first+i*l.step), int64(i)
		}
		slices.SortFunc(index, func(i, j int64) int {
			c := order(key[i], key[j])
			if o.largest {
				c = -c
			}
			if c == 0 {
				return cmp.Compare(i, j)
			}
			return c
		})
		at := row/l.step*k*l.step + row%l.step
		for _, i := range index[:k] {
			set(at, key[i])
			indices.SetIntAt(at, i)
			at += l.step
		}
		return e.Tick(l.n)
	})
}

// order compares numbers with NaN above all.
func order[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b || b != b && a == a:
		return -1
	case a > b || a != a && b == b:
		return 1
	}
	return 0
}
