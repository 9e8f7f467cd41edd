package linalg

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// gemm is Y = act(alpha · A' · B' + beta · C): A' and B' are matrices, possibly
// transposed, C broadcasts to [M, N] and may be absent.
//
// Versions before 7 ask for attribute broadcast where C is smaller; C of a shape
// that broadcasts is taken either way.
type gemm struct {
	transA, transB bool
	alpha, beta    float64
	act            activation // com.microsoft.FusedGemm; nil = none
	relu           bool       // act is Relu
}

func newGemm(a *op.Args) *gemm {
	return &gemm{transA: a.Bool("transA", false), transB: a.Bool("transB", false),
		alpha: a.Float("alpha", 1), beta: a.Float("beta", 1)}
}

var gemmDef = &op.Def{Name: "Gemm", New: func(a *op.Args) (op.Op, error) {
	if a.Version < 7 {
		a.Ignore("broadcast")
	}
	return newGemm(a), nil
}}

var fusedGemmDef = &op.Def{Domain: "com.microsoft", Name: "FusedGemm", New: func(a *op.Args) (op.Op, error) {
	o := newGemm(a)
	o.relu = a.String("activation", "") == "Relu"
	var err error
	o.act, err = newActivation(a)
	return o, err
}}

func (o *gemm) Infer(c *op.Infer) error {
	m, k, err := gemmDims(c, 0, o.transA)
	if err != nil {
		return err
	}
	l, n, err := gemmDims(c, 1, o.transB)
	if err != nil {
		return err
	}
	if k.Known() && l.Known() && k != l {
		return fmt.Errorf("inner dimensions differ: %v · %v", c.Shape(0), c.Shape(1))
	}
	if s := c.Shape(2); c.Has(2) && s != nil {
		if len(s) > 2 {
			return fmt.Errorf("C has shape %v, must broadcast to [%v,%v]", s, m, n)
		}
		for i, d := range s {
			w := []graph.Dim{m, n}[2-len(s)+i]
			if d.Known() && w.Known() && d != w && d.N != 1 {
				return fmt.Errorf("C has shape %v, must broadcast to [%v,%v]", s, m, n)
			}
		}
	}
	c.Out(0, c.Type(0), graph.Shape{m, n})
	return nil
}

// gemmDims returns rows and columns of a possibly transposed matrix, fresh symbols if unknown.
func gemmDims(c *op.Infer, i int, trans bool) (r, k graph.Dim, err error) {
	s := c.Shape(i)
	if s == nil {
		s = c.FreshShape(2)
	}
	if len(s) != 2 {
		return r, k, fmt.Errorf("input %d has shape %v, must be a matrix", i, s)
	}
	if trans {
		return s[1], s[0], nil
	}
	return s[0], s[1], nil
}

func (o *gemm) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(1)
	if a.Rank() != 2 || b.Rank() != 2 {
		return fmt.Errorf("A is %v and B is %v, both must be matrices", a, b)
	}
	if a.DType() != b.DType() {
		return fmt.Errorf("A is %v, B is %v; their types must agree", a, b)
	}
	mm := matMul{trans: [2]bool{o.transA, o.transB}}
	p, dims, err := mm.product(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	cs := make([]int, 2)
	c := e.In(2)
	if c != nil {
		if got, err := op.BroadcastDims(c.Shape(), dims); err != nil || !tensor.SameShape(got, dims) {
			return fmt.Errorf("C is %v, must broadcast to %v", c, dims)
		}
		cs = op.BroadcastStrides(c.Shape(), dims)
	}
	y, err := e.Out(0, a.DType(), dims...)
	if err != nil {
		return err
	}
	var cf []float64
	if !a.DType().IsInt() {
		cf = e.Floats(2)
	}
	return p.run(e, func(i int, acc []float64) {
		for j := range acc {
			v := acc[j] * o.alpha
			if cf != nil && o.beta != 0 {
				v += o.beta * cf[i*cs[0]+j*cs[1]]
			}
			if o.act != nil {
				v = o.act(v)
			}
			acc[j] = v
		}
		storeRow(y, i, acc)
	}, func(i int, acc []int64) {
		o.ints(acc, c, i, cs)
		storeInts(y, i, acc)
	})
}

// ints finishes a row of integers: exactly if both factors are whole, else
// through float64, truncated towards zero.
func (o *gemm) ints(acc []int64, c *tensor.Tensor, i int, cs []int) {
	wa, wb := tensor.FloatToInt(o.alpha), tensor.FloatToInt(o.beta)
	whole := float64(wa) == o.alpha && float64(wb) == o.beta
	for j, v := range acc {
		var x int64
		if c != nil {
			x = c.IntAt(i*cs[0] + j*cs[1])
		}
		if whole {
			v = wa*v + wb*x
		} else {
			v = tensor.FloatToInt(o.alpha*float64(v) + o.beta*float64(x))
		}
		if o.act != nil {
			v = tensor.FloatToInt(o.act(float64(v)))
		}
		acc[j] = v
	}
}
