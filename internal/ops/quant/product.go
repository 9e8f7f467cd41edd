package quant

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// product is the geometry of numpy.matmul: the full result has shape batch, m,
// n; vectors count as matrices whose extra dimension is dropped from dims.
type product struct {
	a, b    []int // operands as stacks of matrices
	full    []int // batch, m, n
	dims    []int // the output's shape
	m, k, n int
}

// productOf checks the operands' shapes.
func productOf(a, b []int) (*product, error) {
	if len(a) == 0 || len(b) == 0 {
		return nil, fmt.Errorf("operands %v and %v: a matrix product takes no scalars", a, b)
	}
	p := &product{a: a, b: b}
	if len(a) == 1 {
		p.a = []int{1, a[0]}
	}
	if len(b) == 1 {
		p.b = []int{b[0], 1}
	}
	na, nb := len(p.a), len(p.b)
	p.m, p.k, p.n = p.a[na-2], p.a[na-1], p.b[nb-1]
	if p.k != p.b[nb-2] {
		return nil, fmt.Errorf("operands %v and %v: inner dimensions %d and %d differ", a, b, p.k, p.b[nb-2])
	}
	batch, err := op.BroadcastDims(p.a[:na-2], p.b[:nb-2])
	if err != nil {
		return nil, err
	}
	p.full = append(append(append([]int{}, batch...), p.m), p.n)
	p.dims = append([]int{}, batch...)
	if len(a) > 1 {
		p.dims = append(p.dims, p.m)
	}
	if len(b) > 1 {
		p.dims = append(p.dims, p.n)
	}
	return p, nil
}

// each calls f with every row of the product in the result's order. a and b
// are the operands' elements; sums of int32 wrap around.
func each[T int32 | float64](e *op.Eval, p *product, a, b []T, acc []T, f func(row int, acc []T)) error {
	batch := p.full[:len(p.full)-2]
	as, bs := op.BroadcastStrides(p.a[:len(p.a)-2], batch), op.BroadcastStrides(p.b[:len(p.b)-2], batch)
	return op.Each(batch, [][]int{as, bs}, func(q int, _, off []int) error {
		x, y := a[off[0]*p.m*p.k:], b[off[1]*p.k*p.n:]
		for i := range p.m {
			if err := e.Tick(1); err != nil {
				return err
			}
			clear(acc)
			for j, v := range x[i*p.k : (i+1)*p.k] {
				if v == 0 {
					continue
				}
				w := y[j*p.n:][:len(acc)]
				for c := range acc {
					acc[c] += v * w[c]
				}
			}
			f(q*p.m+i, acc)
		}
		return nil
	})
}

// ints is each for int32 with memory of the run's budget.
func (p *product) ints(e *op.Eval, a, b []int32, f func(row int, acc []int32)) error {
	t, err := e.Temp(tensor.Int32, p.n)
	if err != nil {
		return err
	}
	return each(e, p, a, b, tensor.Of[int32](t), f)
}

// paramStrides returns strides for reading a scale or zero point of shape s
// along a tensor of shape dims: one element, a vector along the axis, or a
// tensor that broadcasts to dims.
func paramStrides(s, dims []int, axis int) ([]int, error) {
	strides := make([]int, len(dims))
	switch {
	case op.Prod(s) == 1:
		return strides, nil
	case len(s) == 1 && axis < len(dims) && s[0] == dims[axis]:
		strides[axis] = 1
		return strides, nil
	case len(s) == len(dims):
		for i, d := range s {
			if d != dims[i] && d != 1 {
				return nil, fmt.Errorf("scale or zero point %v does not broadcast to %v", s, dims)
			}
		}
		return op.BroadcastStrides(s, dims), nil
	}
	return nil, fmt.Errorf("scale or zero point %v for axis %d of %v, must have one element, be a vector along it, or broadcast", s, axis, dims)
}

// param is a scale or zero point that belongs to the rows or columns of a
// result; a nil tensor reads as a constant.
type param struct {
	t       *tensor.Tensor
	strides []int
	def     float64
}

// paramOf matches t with the result of shape dims.
func paramOf(t *tensor.Tensor, dims []int, axis int, def float64) (param, error) {
	if t == nil {
		return param{nil, make([]int, len(dims)), def}, nil
	}
	s, err := paramStrides(t.Shape(), dims, axis)
	return param{t, s, def}, err
}

func (p *param) at(i int) float64 {
	if p.t == nil {
		return p.def
	}
	return p.t.FloatAt(i)
}

// col is the step from one column to the next.
func (p *param) col() int { return p.strides[len(p.strides)-1] }

// row returns the offset for the start of a row of dims.
func (p *param) row(dims []int, row int) int {
	off := 0
	for i := len(dims) - 2; i >= 0; i-- {
		off += row % dims[i] * p.strides[i]
		row /= dims[i]
	}
	return off
}

// centred returns t - zero as int32 in memory of the run's budget. zero may be
// nil, and belongs to the axis if it is a vector.
func centred(e *op.Eval, t, zero *tensor.Tensor, dims []int, axis int) ([]int32, error) {
	x, err := e.Temp(tensor.Int32, t.Len())
	if err != nil {
		return nil, err
	}
	c := tensor.Of[int32](x)
	if zero == nil || zero.Len() == 1 {
		z := int32(0)
		if zero != nil {
			z = int32(zero.IntAt(0))
		}
		for i := range c {
			c[i] = int32(t.IntAt(i)) - z
		}
		return c, nil
	}
	s, err := paramStrides(zero.Shape(), dims, axis)
	if err != nil {
		return nil, err
	}
	return c, op.Each(dims, [][]int{s}, func(k int, _, off []int) error {
		c[k] = int32(t.IntAt(k)) - int32(zero.IntAt(off[0]))
		return nil
	})
}

// transposed returns the matrix x of rows by cols with its axes exchanged.
func transposed(e *op.Eval, x []int32, rows, cols int) ([]int32, error) {
	t, err := e.Temp(tensor.Int32, len(x))
	if err != nil {
		return nil, err
	}
	y := tensor.Of[int32](t)
	for i := range rows {
		for j := range cols {
			y[j*rows+i] = x[i*cols+j]
		}
	}
	return y, nil
}

// inferProduct is productOf on shapes with symbols; nil if a rank is not known.
func inferProduct(c *op.Infer, a, b graph.Shape) (graph.Shape, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	if len(a) == 0 || len(b) == 0 {
		return nil, fmt.Errorf("operands %v and %v: a matrix product takes no scalars", a, b)
	}
	m, n := graph.Shape{}, graph.Shape{}
	ka, kb := a[len(a)-1], b[0]
	if len(a) > 1 {
		m, a = graph.Shape{a[len(a)-2]}, a[:len(a)-2]
	} else {
		a = graph.Shape{}
	}
	if len(b) > 1 {
		kb = b[len(b)-2]
		n, b = graph.Shape{b[len(b)-1]}, b[:len(b)-2]
	} else {
		b = graph.Shape{}
	}
	if ka.Known() && kb.Known() && ka != kb {
		return nil, fmt.Errorf("inner dimensions %v and %v differ", ka, kb)
	}
	batch, err := c.Broadcast(a, b)
	if err != nil {
		return nil, err
	}
	return append(append(append(graph.Shape{}, batch...), m...), n...), nil
}
