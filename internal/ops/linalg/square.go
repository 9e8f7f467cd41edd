package linalg

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// square is an operator on a stack of square matrices [..., N, N].
type square struct{ inverse bool }

// detDef is Det: [..., N, N] -> [...]. The determinant of a 0 x 0 matrix is 1.
var detDef = &op.Def{Name: "Det", New: func(*op.Args) (op.Op, error) { return &square{}, nil }}

// inverseDef is com.microsoft.Inverse: [..., N, N] -> [..., N, N]; a singular
// matrix is an error.
var inverseDef = &op.Def{Domain: "com.microsoft", Name: "Inverse", New: func(*op.Args) (op.Op, error) {
	return &square{inverse: true}, nil
}}

func (o *square) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	r := len(s)
	if r < 2 || s[r-1].Known() && s[r-2].Known() && s[r-1] != s[r-2] {
		return fmt.Errorf("input has shape %v, must be square matrices", s)
	}
	if o.inverse {
		c.Like(0, 0)
		return nil
	}
	c.Out(0, c.Type(0), append(graph.Shape{}, s[:r-2]...))
	return nil
}

func (o *square) Eval(e *op.Eval) error {
	x := e.In(0)
	s := x.Shape()
	r := len(s)
	if r < 2 || s[r-1] != s[r-2] {
		return fmt.Errorf("input is %v, must be square matrices", x)
	}
	n, out := s[r-1], s[:r-2]
	if o.inverse {
		out = s
	}
	y, err := e.Out(0, x.DType(), out...)
	if err != nil {
		return err
	}
	if y.Len() == 0 {
		return nil
	}
	wt, err := e.Temp(tensor.Float64, 2, n, n)
	if err != nil {
		return err
	}
	w := tensor.Of[float64](wt)
	a, b := w[:n*n], w[n*n:]
	for q := range op.Prod(s[:r-2]) {
		if err := e.Tick(n + 1); err != nil {
			return err
		}
		for i := range a {
			a[i] = x.FloatAt(q*n*n + i)
		}
		if !o.inverse {
			y.SetFloatAt(q, det(a, n))
			continue
		}
		if !invert(a, b, n) {
			return fmt.Errorf("matrix %d is singular", q)
		}
		for i, v := range b {
			y.SetFloatAt(q*n*n+i, v)
		}
	}
	return nil
}

// pivot moves the row with the largest element of column k, from row k on, to
// row k of all matrices. It reports whether rows changed places.
func pivot(n, k int, ms ...[]float64) bool {
	p, best := k, -1.0
	for i := k; i < n; i++ {
		if v := math.Abs(ms[0][i*n+k]); v > best || v != v {
			p, best = i, v
		}
	}
	if p == k {
		return false
	}
	for _, m := range ms {
		for j := range n {
			m[k*n+j], m[p*n+j] = m[p*n+j], m[k*n+j]
		}
	}
	return true
}

// det returns the determinant of the n x n matrix a by elimination with row
// pivots; a is overwritten.
func det(a []float64, n int) float64 {
	d := 1.0
	for k := range n {
		if pivot(n, k, a) {
			d = -d
		}
		p := a[k*n+k]
		d *= p
		if p == 0 {
			return 0
		}
		for i := k + 1; i < n; i++ {
			f := a[i*n+k] / p
			for j := k; j < n; j++ {
				a[i*n+j] -= f * a[k*n+j]
			}
		}
	}
	return d
}

// invert sets b to the inverse of a by Gauss-Jordan elimination with row
// pivots; a is overwritten. It reports false for a singular matrix.
func invert(a, b []float64, n int) bool {
	clear(b)
	for i := range n {
		b[i*n+i] = 1
	}
	for k := range n {
		pivot(n, k, a, b)
		p := a[k*n+k]
		if p == 0 {
			return false
		}
		for j := range n {
			a[k*n+j] /= p
			b[k*n+j] /= p
		}
		for i := range n {
			f := a[i*n+k]
			if i == k || f == 0 {
				continue
			}
			for j := range n {
				a[i*n+j] -= f * a[k*n+j]
				b[i*n+j] -= f * b[k*n+j]
			}
		}
	}
	return true
}

// cdist is com.microsoft.CDist: C[i,j] is the distance between row i of A
// [M, N] and row j of B [K, N].
type cdist struct{ root bool }

var cdistDef = &op.Def{Domain: "com.microsoft", Name: "CDist", New: func(a *op.Args) (op.Op, error) {
	return &cdist{a.OneOf("metric", "sqeuclidean", "sqeuclidean", "euclidean") == "euclidean"}, nil
}}

func (o *cdist) Infer(c *op.Infer) error {
	m, k, err := gemmDims(c, 0, false)
	if err != nil {
		return err
	}
	n, l, err := gemmDims(c, 1, false)
	if err != nil {
		return err
	}
	if k.Known() && l.Known() && k != l {
		return fmt.Errorf("vectors of A have %v elements, of B %v", k, l)
	}
	c.Out(0, c.Type(0), graph.Shape{m, n})
	return nil
}

func (o *cdist) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(1)
	if a.Rank() != 2 || b.Rank() != 2 || a.Shape()[1] != b.Shape()[1] {
		return fmt.Errorf("A is %v and B is %v, must be [M,N] and [K,N]", a, b)
	}
	m, k, n := a.Shape()[0], b.Shape()[0], a.Shape()[1]
	y, err := e.Out(0, a.DType(), m, k)
	if err != nil {
		return err
	}
	x, z := e.Floats(0), e.Floats(1)
	for i := range m {
		if err := e.Tick(1); err != nil {
			return err
		}
		for j := range k {
			s := 0.0
			for p := range n {
				d := x[i*n+p] - z[j*n+p]
				s += d * d
			}
			if o.root {
				s = math.Sqrt(s)
			}
			y.SetFloatAt(i*k+j, s)
		}
	}
	return nil
}
