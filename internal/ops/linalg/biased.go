package linalg

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

// biasedMatMul is act(alpha · A · B + C): a product of any rank with a bias C of
// one value a column. The standard has it for matrices alone (Gemm); passes make
// this one from MatMul and Add.
type biasedMatMul struct {
	matMul            // without activation
	act    activation // nil = none
	relu   bool       // act is Relu
}

var biasedMatMulDef = &op.Def{Domain: "walnut", Name: "FusedMatMul", New: func(a *op.Args) (op.Op, error) {
	o := &biasedMatMul{matMul: *newFused(a), relu: a.String("activation", "") == "Relu"}
	var err error
	o.act, err = newActivation(a)
	return o, err
}}

func (o *biasedMatMul) Infer(c *op.Infer) error {
	if err := o.matMul.Infer(c); err != nil {
		return err
	}
	y, bias := c.OutFactOf(0).Type.Shape, c.Shape(2)
	if bias == nil || y == nil {
		return nil
	}
	if len(y) == 0 || len(bias) != 1 {
		return fmt.Errorf("C has shape %v, must be a vector as long as the last axis of %v", bias, y)
	}
	if n := y[len(y)-1]; n.Known() && bias[0].Known() && n != bias[0] {
		return fmt.Errorf("C has shape %v, must be %v", bias, graph.Shape{n})
	}
	return nil
}

func (o *biasedMatMul) Eval(e *op.Eval) error {
	a, b, c := e.In(0), e.In(1), e.In(2)
	if a.DType() != b.DType() || a.DType().IsInt() {
		return fmt.Errorf("input 0 is %v, input 1 is %v; both must be of one float type", a.DType(), b.DType())
	}
	p, dims, err := o.product(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	if c.Rank() != 1 || len(dims) == 0 || c.Len() != dims[len(dims)-1] || b.Rank() < 2 {
		return fmt.Errorf("C is %v, must be a vector as long as the last axis of %v", c, dims)
	}
	y, err := e.Out(0, b.DType(), dims...)
	if err != nil {
		return err
	}
	bias := e.Floats(2)
	return p.run(e, func(i int, acc []float64) {
		for j := range acc {
			acc[j] = acc[j]*o.alpha + bias[j]
			if o.act != nil {
				acc[j] = o.act(acc[j])
			}
		}
		storeRow(y, i, acc)
	}, nil)
}

// Prepare runs what matMul can: the kernel adds the bias and has Relu.
func (o *biasedMatMul) Prepare(b op.Bind) (op.Step, error) {
	if o.act != nil && !o.relu || b.Type(2) != b.Type(0) || len(b.Shape(2)) != 1 {
		return nil, nil
	}
	st, err := o.matMul.Prepare(b)
	s, ok := st.(*productStep)
	if !ok || err != nil {
		return nil, err
	}
	s.c = b.In(2)
	if o.relu {
		s.clip()
	}
	return s, nil
}

// clip makes the step end in Relu.
func (s *productStep) clip() {
	s.args.Clip, s.args.Lo, s.args.Hi = true, 0, float32(math.Inf(1))
}
