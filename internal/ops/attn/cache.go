package attn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// copyElems copies n elements of src from so on to dst from do on, converting
// the type if need be.
func copyElems(dst *tensor.Tensor, do int, src *tensor.Tensor, so, n int) {
	if dst.DType() == src.DType() {
		z := dst.DType().Size()
		copy(dst.Bytes()[do*z:(do+n)*z], src.Bytes()[so*z:(so+n)*z])
		return
	}
	for i := range n {
		dst.SetFloatAt(do+i, src.FloatAt(so+i))
	}
}

// output returns the tensor for output i, or a temporary one if it is absent.
func output(e *op.Eval, i int, dt tensor.DType, dims ...int) (*tensor.Tensor, error) {
	if e.Wants(i) {
		return e.Out(i, dt, dims...)
	}
	return e.Temp(dt, dims...)
}

// join writes past [B,N,P,H] (nil for none) and the vectors of cur behind it to
// output out, a tensor [B,N,P+L,H] of type dt, and reads that.
func join(e *op.Eval, out int, dt tensor.DType, past *tensor.Tensor, cur heads) (heads, error) {
	p := 0
	if past != nil {
		s := past.Shape()
		if len(s) != 4 || s[0] != cur.b || s[1] != cur.n || s[3] != cur.d {
			return heads{}, fmt.Errorf("past is %v, must be [%d,%d,any,%d]", past, cur.b, cur.n, cur.d)
		}
		p = s[2]
	} else if !e.Wants(out) {
		return cur, nil
	}
	t, err := output(e, out, dt, cur.b, cur.n, p+cur.s, cur.d)
	if err != nil {
		return heads{}, err
	}
	if past != nil {
		fill(bnsh(t), 0, bnsh(past), p)
	}
	fill(bnsh(t), p, cur, cur.s)
	return bnsh(t), nil
}

// fill copies the first n vectors of each head of src to dst, from position at on.
func fill(dst heads, at int, src heads, n int) {
	if dst.t.Len() == 0 {
		return // perhaps a vast number of vectors of nothing
	}
	for b := range src.b {
		for h := range src.n {
			for s := range n {
				copyElems(dst.t, dst.off+b*dst.sb+h*dst.sh+(at+s)*dst.ss, src.t, src.off+b*src.sb+h*src.sh+s*src.ss, src.d)
			}
		}
	}
}

// storer returns an attention.out that writes to y [B,S,N·Hv], or [B,N,S,Hv] if
// split is set.
func storer(y *tensor.Tensor, n, s, d int, split bool) func(b, h, i int, row []float64) {
	return func(b, h, i int, row []float64) {
		o := (b*s+i)*n + h
		if split {
			o = (b*n+h)*s + i
		}
		setRow(y, o*d, row)
	}
}

// observer returns an attention.observe that writes one stage to y [B,N,S,T].
func observer(y *tensor.Tensor, stage, n, s int) func(stage, b, h, i int, row []float64) {
	return func(got, b, h, i int, row []float64) {
		if got == stage {
			setRow(y, ((b*n+h)*s+i)*len(row), row)
		}
	}
}

// dim returns dimension i of s, a fresh symbol if the rank is unknown or too small.
func dim(c *op.Infer, s graph.Shape, i int) graph.Dim {
	if i < len(s) {
		return s[i]
	}
	return c.Fresh()
}

// add returns the sum of two dimensions, a fresh symbol if one is not known.
func add(c *op.Infer, a, b graph.Dim) graph.Dim {
	switch {
	case a.Known() && b.Known():
		return graph.D(a.N + b.N)
	case a == graph.D(0):
		return b
	case b == graph.D(0):
		return a
	}
	return c.Fresh()
}

// times returns a dimension times n/m, a fresh symbol if it is not known.
func times(c *op.Infer, d graph.Dim, n, m int) graph.Dim {
	if n == m {
		return d
	}
	if !d.Known() || m == 0 {
		return c.Fresh()
	}
	return graph.D(d.N / m * n)
}

// expectRank reports an error if the rank is known and none of the given ones.
func expectRank(c *op.Infer, i int, ranks ...int) error {
	s := c.Shape(i)
	if s == nil || !c.Has(i) {
		return nil
	}
	for _, r := range ranks {
		if len(s) == r {
			return nil
		}
	}
	return fmt.Errorf("input %d has shape %v, must have a rank of %v", i, s, ranks)
}
