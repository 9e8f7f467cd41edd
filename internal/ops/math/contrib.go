package math

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Activations of com.microsoft (ONNX Runtime's ContribOperators.md).

const ms = "com.microsoft"

var msGeluDef = activationDef(ms, "Gelu", func(*op.Args) unary { return unary{f: gelu, k: vec.Gelu} })

var quickGeluDef = activationDef(ms, "QuickGelu", func(a *op.Args) unary {
	alpha := a.Float("alpha", 1.702)
	return unary{f: func(x float64) float64 { return swish(x, alpha) }, k: swish32(alpha)}
})

// biasActivation is f(x + bias); the bias is a vector along x's last axis.
type biasActivation struct {
	f func(float64) float64
	k floatKernel
}

var (
	biasGeluDef = &op.Def{Domain: ms, Name: "BiasGelu", New: func(*op.Args) (op.Op, error) { return &biasActivation{gelu, vec.Gelu}, nil }}
	fastGeluDef = &op.Def{Domain: ms, Name: "FastGelu", New: func(*op.Args) (op.Op, error) { return &biasActivation{geluTanh, vec.GeluTanh}, nil }}
)

func (o *biasActivation) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *biasActivation) Overwrites(int) []int { return []int{0} }

func (o *biasActivation) Eval(e *op.Eval) error {
	x, bias := e.In(0), e.In(1)
	if bias != nil {
		if err := lastAxis(x, bias); err != nil {
			return err
		}
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	if bias == nil {
		mapFloat(x, y, o.f)
		return nil
	}
	z := zip{f: func(v, b float64) float64 { return o.f(v + b) }}
	return z.run(y, x, bias, x.Shape(), x.Shape(), bias.Shape())
}

// lastAxis checks that bias is a vector as long as x's last axis.
func lastAxis(x, bias *tensor.Tensor) error {
	s := x.Shape()
	if len(s) == 0 || bias.Rank() != 1 || bias.Len() != s[len(s)-1] {
		return fmt.Errorf("bias has shape %v, must be a vector as long as the last axis of %v", bias.Shape(), s)
	}
	return nil
}

// biasAdd is x + bias + skip: x and skip [batch, sequence, channels], bias [channels].
type biasAdd struct{}

var biasAddDef = &op.Def{Domain: ms, Name: "BiasAdd", New: func(*op.Args) (op.Op, error) { return biasAdd{}, nil }}

func (biasAdd) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (biasAdd) Overwrites(int) []int { return []int{0, 2} }

func (biasAdd) Eval(e *op.Eval) error {
	x, bias, skip := e.In(0), e.In(1), e.In(2)
	if err := lastAxis(x, bias); err != nil {
		return err
	}
	if err := sameShape(x.Shape(), skip.Shape()); err != nil {
		return err
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	n := bias.Len()
	for i := range x.Len() {
		y.SetFloatAt(i, x.FloatAt(i)+bias.FloatAt(i%n)+skip.FloatAt(i))
	}
	return nil
}

// biasSplitGelu adds a bias along the last axis, splits it in two halves, and
// returns left * Gelu(right): [batch, sequence, 2*n] to [batch, sequence, n].
type biasSplitGelu struct{}

var biasSplitGeluDef = &op.Def{Domain: ms, Name: "BiasSplitGelu", New: func(*op.Args) (op.Op, error) { return biasSplitGelu{}, nil }}

func (biasSplitGelu) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	if len(s) == 0 {
		return fmt.Errorf("input has shape %v, must have a last axis to split", s)
	}
	out := append(graph.Shape{}, s...)
	last := &out[len(out)-1]
	if !last.Known() {
		*last = c.Fresh()
	} else if last.N%2 != 0 {
		return fmt.Errorf("last axis of %v must be even", s)
	} else {
		last.N /= 2
	}
	c.Out(0, c.Type(0), out)
	return nil
}

func (biasSplitGelu) Eval(e *op.Eval) error {
	x, bias := e.In(0), e.In(1)
	if err := lastAxis(x, bias); err != nil {
		return err
	}
	if bias.Len()%2 != 0 {
		return fmt.Errorf("last axis of %v must be even", x.Shape())
	}
	dims := append([]int{}, x.Shape()...)
	half := bias.Len() / 2
	dims[len(dims)-1] = half
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil {
		return err
	}
	for i := range y.Len() {
		row, k := i/half*2*half, i%half
		left := x.FloatAt(row+k) + bias.FloatAt(k)
		right := x.FloatAt(row+half+k) + bias.FloatAt(half+k)
		y.SetFloatAt(i, left*gelu(right))
	}
	return nil
}
