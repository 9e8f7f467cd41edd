package quant

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// qBinary is QLinearAdd or QLinearMul: real values combined in float64 and
// quantised anew. Operands broadcast.
type qBinary struct{ f func(a, b float64) float64 }

func qBinaryDef(name string, f func(a, b float64) float64) *op.Def {
	return &op.Def{Domain: ms, Name: name, New: func(a *op.Args) (op.Op, error) { return &qBinary{f}, nil }}
}

var (
	qLinearAddDef = qBinaryDef("QLinearAdd", func(a, b float64) float64 { return a + b })
	qLinearMulDef = qBinaryDef("QLinearMul", func(a, b float64) float64 { return a * b })
)

func (o *qBinary) Infer(c *op.Infer) error {
	s, err := c.Broadcast(c.Shape(0), c.Shape(3))
	c.Out(0, c.Type(0), s)
	return err
}

func (o *qBinary) Overwrites(int) []int { return []int{0, 3} }

func (o *qBinary) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(3)
	var p [3]affine
	for i := range p {
		var err error
		scale := []int{1, 4, 6}[i]
		if p[i], err = readAffine(e, scale, scale+1); err != nil {
			return err
		}
	}
	dims, err := op.BroadcastDims(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	y, err := e.Out(0, a.DType(), dims...)
	if err != nil {
		return err
	}
	q := targetOf(y, true)
	x := func(t *tensor.Tensor, i int, p affine) float64 { return float64(t.IntAt(i)-p.zero) * float64(p.scale) }
	return op.Each2(dims, a.Shape(), b.Shape(), func(k, i, j int) error {
		q.set(k, o.f(x(a, i, p[0]), x(b, j, p[1]))/float64(p[2].scale), float64(p[2].zero))
		return nil
	})
}

// mulInteger is MulInteger: int32 products of operands without their zero points.
type mulInteger struct{}

var mulIntegerDef = &op.Def{Domain: ms, Name: "MulInteger", New: func(*op.Args) (op.Op, error) { return &mulInteger{}, nil }}

func (o *mulInteger) Infer(c *op.Infer) error {
	s, err := c.Broadcast(c.Shape(0), c.Shape(2))
	c.Out(0, tensor.Int32, s)
	return err
}

func (o *mulInteger) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(2)
	var zero [2]int64
	for i := range zero {
		if e.Has(2*i + 1) {
			z, err := single(e, 2*i+1)
			if err != nil {
				return err
			}
			zero[i] = z.IntAt(0)
		}
	}
	dims, err := op.BroadcastDims(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	y, err := e.Out(0, tensor.Int32, dims...)
	if err != nil {
		return err
	}
	return op.Each2(dims, a.Shape(), b.Shape(), func(k, i, j int) error {
		y.SetIntAt(k, (a.IntAt(i)-zero[0])*(b.IntAt(j)-zero[1]))
		return nil
	})
}

// qUnary is QLinearSigmoid or QLinearLeakyRelu. Each of the 256 values is
// computed once; the steps in between are float32, as in ONNX Runtime's tables.
type qUnary struct{ f func(x float32) float32 }

var (
	qLinearSigmoidDef = &op.Def{Domain: ms, Name: "QLinearSigmoid", New: func(a *op.Args) (op.Op, error) {
		return &qUnary{func(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }}, nil
	}}
	qLinearLeakyReluDef = &op.Def{Domain: ms, Name: "QLinearLeakyRelu", New: func(a *op.Args) (op.Op, error) {
		alpha := float32(a.Float("alpha", 0.01))
		return &qUnary{func(x float32) float32 {
			if x < 0 {
				return x * alpha
			}
			return x
		}}, nil
	}}
)

func (o *qUnary) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *qUnary) Overwrites(int) []int { return []int{0} }

func (o *qUnary) Eval(e *op.Eval) error {
	x := e.In(0)
	xa, ya, err := inOut(e, 1, 2, 3, 4)
	if err != nil {
		return err
	}
	table, err := e.Temp(x.DType(), 256)
	if err != nil {
		return err
	}
	q, in := targetOf(table, true), table.Clone()
	for i := range 256 {
		in.Bytes()[i] = byte(i)
		q.set(i, float64(o.f(xa.real(in.IntAt(i)))/ya.scale), float64(ya.zero))
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	for i, b := range x.Bytes() {
		y.Bytes()[i] = table.Bytes()[b]
	}
	return nil
}

// qWhere is QLinearWhere: a choice between two quantised tensors, quantised
// anew. All three inputs broadcast.
type qWhere struct{}

var qLinearWhereDef = &op.Def{Domain: ms, Name: "QLinearWhere", New: func(*op.Args) (op.Op, error) { return &qWhere{}, nil }}

func (o *qWhere) Infer(c *op.Infer) error {
	s, err := c.Broadcast(c.Shape(0), c.Shape(1), c.Shape(4))
	c.Out(0, c.Type(1), s)
	return err
}

func (o *qWhere) Eval(e *op.Eval) error {
	cond, x, y := e.In(0), e.In(1), e.In(4)
	xa, ya, err := inOut(e, 2, 3, 5, 6)
	if err != nil {
		return err
	}
	za, err := readAffine(e, 7, 8)
	if err != nil {
		return err
	}
	dims, err := op.BroadcastDims(cond.Shape(), x.Shape(), y.Shape())
	if err != nil {
		return err
	}
	if x.DType() != y.DType() {
		return fmt.Errorf("X is %v, Y is %v: types must agree", x, y)
	}
	z, err := e.Out(0, x.DType(), dims...)
	if err != nil {
		return err
	}
	q := targetOf(z, true)
	move := func(k int, t *tensor.Tensor, i int, a affine) {
		if a == za {
			z.SetIntAt(k, t.IntAt(i))
			return
		}
		q.set(k, float64(a.real(t.IntAt(i))/za.scale), float64(za.zero))
	}
	strides := [][]int{op.BroadcastStrides(cond.Shape(), dims), op.BroadcastStrides(x.Shape(), dims), op.BroadcastStrides(y.Shape(), dims)}
	return op.Each(dims, strides, func(k int, _, off []int) error {
		if cond.BoolAt(off[0]) {
			move(k, x, off[1], xa)
		} else {
			move(k, y, off[2], ya)
		}
		return nil
	})
}
