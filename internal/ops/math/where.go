package math

import (
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// where takes elements of X where the condition holds and of Y elsewhere; all
// three broadcast together. Elements of every type move unchanged.
type where struct{}

var whereDef = &op.Def{Name: "Where", New: func(*op.Args) (op.Op, error) { return where{}, nil }}

func (where) Infer(c *op.Infer) error {
	s, err := c.Broadcast(c.Shape(0), c.Shape(1), c.Shape(2))
	dt := c.Type(1)
	if dt == tensor.Invalid {
		dt = c.Type(2)
	}
	c.Out(0, dt, s)
	if err == nil && (dt == tensor.Int64 || dt == tensor.Int32) {
		inferWhere(c)
	}
	return err
}

// inferWhere picks elements of shape arithmetic by the condition's elements,
// which Equal and constants make known.
func inferWhere(c *op.Infer) {
	cond, x, y := c.Elems(0), c.Elems(1), c.Elems(2)
	if t := c.Const(0); t != nil && cond == nil && t.Rank() <= 1 && t.Len() <= 64 {
		cond = make([]graph.Dim, t.Len())
		for i := range cond {
			cond[i] = graph.D(int(byte01(t.BoolAt(i))))
		}
	}
	if cond == nil || x == nil || y == nil {
		return
	}
	n := 1
	for _, l := range [][]graph.Dim{cond, x, y} {
		if len(l) != 1 {
			n = len(l)
		}
	}
	for _, l := range [][]graph.Dim{cond, x, y} {
		if len(l) != 1 && len(l) != n {
			return
		}
	}
	e := make([]graph.Dim, n)
	for i := range e {
		switch k := pick(cond, i); {
		case k == graph.D(0):
			e[i] = pick(y, i)
		case k.Known():
			e[i] = pick(x, i)
		case pick(x, i) == pick(y, i):
			e[i] = pick(x, i)
		default:
			e[i] = c.Fresh()
		}
	}
	c.OutElems(0, e)
}

func (where) Overwrites(int) []int { return []int{1, 2} }

func (where) Eval(e *op.Eval) error {
	c, x, y := e.In(0), e.In(1), e.In(2)
	if err := sameType(x, y); err != nil {
		return err
	}
	shapes := [][]int{c.Shape(), x.Shape(), y.Shape()}
	dims, err := op.BroadcastDims(shapes...)
	if err != nil {
		return err
	}
	out, err := e.Out(0, x.DType(), dims...)
	if err != nil {
		return err
	}
	cond := c.Bytes()
	if x.DType() == tensor.String {
		return whereStrings(out, x, y, cond, dims, shapes)
	}
	size, dst := x.DType().Size(), out.Bytes()
	xb, yb := x.Bytes(), y.Bytes()
	return broadcastRuns(dims, shapes, func(k, n int, off, step []int) error {
		ci, xi, yi := off[0], off[1]*size, off[2]*size
		for o := k * size; o < (k+n)*size; o += size {
			if cond[ci] != 0 {
				copy(dst[o:o+size], xb[xi:xi+size])
			} else {
				copy(dst[o:o+size], yb[yi:yi+size])
			}
			ci, xi, yi = ci+step[0], xi+step[1]*size, yi+step[2]*size
		}
		return nil
	})
}

func whereStrings(out, x, y *tensor.Tensor, cond []byte, dims []int, shapes [][]int) error {
	s := make([]string, out.Len())
	err := broadcastRuns(dims, shapes, func(k, n int, off, step []int) error {
		for p := range n {
			if cond[off[0]+p*step[0]] != 0 {
				s[k+p] = x.Str(off[1] + p*step[1])
			} else {
				s[k+p] = y.Str(off[2] + p*step[2])
			}
		}
		return nil
	})
	out.SetStrings(s)
	return err
}
