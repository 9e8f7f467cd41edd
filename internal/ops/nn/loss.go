package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// loss is NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: for input
// [N,C,d...] and target [N,d...] each target's -weight[target]*input at it, all
// of them or reduced. The second takes the logarithm of the softmax over C first
// and gives it as output 1.
type loss struct {
	softmax   bool
	reduction string
	ignore    int64
	ignores   bool
}

var (
	nllLossDef      = &op.Def{Name: "NegativeLogLikelihoodLoss", New: func(a *op.Args) (op.Op, error) { return newLoss(a, false) }}
	crossEntropyDef = &op.Def{Name: "SoftmaxCrossEntropyLoss", New: func(a *op.Args) (op.Op, error) { return newLoss(a, true) }}
)

func newLoss(a *op.Args, softmax bool) (op.Op, error) {
	o := &loss{softmax: softmax, reduction: a.OneOf("reduction", "mean", "none", "sum", "mean")}
	o.ignores = a.Has("ignore_index")
	o.ignore = int64(a.Int("ignore_index", 0))
	return o, nil
}

func (o *loss) Infer(c *op.Infer) error {
	x, t := c.Shape(0), c.Shape(1)
	if x != nil && len(x) < 2 || x != nil && t != nil && len(t) != len(x)-1 {
		return fmt.Errorf("input %v must be [N,C,...] and target %v [N,...]", x, t)
	}
	c.Out(1, c.Type(0), x)
	switch {
	case o.reduction != "none":
		c.Out(0, c.Type(0), graph.Shape{})
	case t != nil:
		c.Out(0, c.Type(0), t)
	case x != nil:
		c.Out(0, c.Type(0), append(graph.Shape{x[0]}, x[2:]...))
	default:
		c.Out(0, c.Type(0), nil)
	}
	return nil
}

func (o *loss) Eval(e *op.Eval) error {
	x, t := e.In(0), e.In(1)
	xs := x.Shape()
	if len(xs) < 2 || !tensor.SameShape(t.Shape(), append([]int{xs[0]}, xs[2:]...)) {
		return fmt.Errorf("input %v must be [N,C,...] and target %v [N,...]", x, t)
	}
	c := xs[1]
	weight, err := vector(e, 2, "weight", c)
	if err != nil {
		return err
	}
	v := e.Floats(0)
	d := 1 // positions a sample
	if t.Len() > 0 {
		d = t.Len() / xs[0]
	}
	if o.softmax {
		if len(v) > 0 {
			logSoftmax(v, xs[0], c, d)
		}
		if e.Wants(1) {
			if err := e.SetFloats(1, x.DType(), xs, v); err != nil {
				return err
			}
		}
	}
	losses, sum, total := make([]float64, t.Len()), 0.0, 0.0
	for i := range losses {
		k := t.IntAt(i)
		if o.ignores && k == o.ignore {
			continue
		}
		if k < 0 || k >= int64(c) {
			return fmt.Errorf("target %d is outside the %d classes", k, c)
		}
		w := 1.0
		if weight != nil {
			w = weight[k]
		}
		losses[i] = -w * v[(i/d*c+int(k))*d+i%d]
		sum += losses[i]
		total += w
	}
	switch o.reduction {
	case "none":
		return e.SetFloats(0, x.DType(), t.Shape(), losses)
	case "mean":
		sum /= total
	}
	return e.SetFloats(0, x.DType(), []int{}, []float64{sum})
}

// logSoftmax replaces v [n,c,d] by the logarithm of its softmax over c.
func logSoftmax(v []float64, n, c, d int) {
	for b := range n {
		for p := range d {
			top, sum := math.Inf(-1), 0.0
			for k := range c {
				top = math.Max(top, v[(b*c+k)*d+p])
			}
			for k := range c {
				sum += math.Exp(v[(b*c+k)*d+p] - top)
			}
			log := math.Log(sum) + top
			for k := range c {
				v[(b*c+k)*d+p] -= log
			}
		}
	}
}
