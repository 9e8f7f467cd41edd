package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// batchNorm is BatchNormalization: y = scale * (x-mean)/sqrt(var+eps) + B for
// each channel of X [N,C,in...]. Before version 9 spatial 0 has statistics for
// each element of a sample instead. In training the statistics are X's own, and
// the running ones move towards them. Versions before 14 run as inference
// unless the node has outputs for the statistics.
type batchNorm struct {
	eps, momentum float64
	perElement    bool
	training      bool
}

var batchNormDef = &op.Def{Name: "BatchNormalization", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("consumed_inputs")
	o := &batchNorm{eps: a.Float("epsilon", 1e-5), momentum: a.Float("momentum", 0.9)}
	if a.Version < 9 {
		o.perElement = !a.Bool("spatial", true)
	}
	stats := false
	for i := 1; i < a.NOut(); i++ {
		stats = stats || a.HasOut(i)
	}
	if a.Version >= 14 {
		o.training = a.Bool("training_mode", false)
		if stats && !o.training {
			return nil, fmt.Errorf("outputs running_mean and running_var need training_mode = 1")
		}
		return o, nil
	}
	o.training = stats
	if a.Version < 7 {
		test := a.Bool("is_test", false)
		o.training = stats && !test
		if stats && test {
			return nil, fmt.Errorf("outputs for statistics need is_test = 0")
		}
	}
	return o, nil
}}

func (o *batchNorm) Infer(c *op.Infer) error {
	x := c.Shape(0)
	if x != nil && len(x) < 1 {
		return fmt.Errorf("X %v must have at least 1 axis", x)
	}
	if len(x) > 1 && !o.perElement {
		for i, name := range []string{"scale", "B", "mean", "var"} {
			if err := holds(c, i+1, name, x[1]); err != nil {
				return err
			}
		}
	}
	c.Out(0, c.Type(0), x)
	for i := 1; i < 5; i++ {
		in := 3 + (i-1)%2 // mean, var, saved mean, saved var
		var s graph.Shape
		if t := c.Shape(in); t != nil {
			s = t
		}
		c.Out(i, c.Type(in), s)
	}
	return nil
}

// Overwrites: every element of Y depends on its own of X only, where the statistics are given.
func (o *batchNorm) Overwrites(int) []int {
	if o.training {
		return nil
	}
	return []int{0}
}

func (o *batchNorm) Eval(e *op.Eval) error {
	x := e.In(0)
	xs := x.Shape()
	if len(xs) == 0 {
		return fmt.Errorf("X %v must have at least 1 axis", x)
	}
	stats := []int{1} // shape of the statistics, X of rank 1 has one channel
	if len(xs) > 1 {
		stats = xs[1:2]
	}
	if o.perElement {
		stats = xs[1:]
	}
	c, ok := tensor.NumElements(stats)
	if !ok {
		return fmt.Errorf("X %v is out of range", x)
	}
	var p [5][]float64
	for i, name := range []string{"", "scale", "B", "mean", "var"} {
		if i > 0 {
			if e.In(i).Len() != c {
				return fmt.Errorf("%s %v must have %d elements", name, e.In(i), c)
			}
			p[i] = e.Floats(i)
		}
	}
	v := e.Floats(0)
	plane := 1
	if len(v) > 0 {
		plane = len(v) / (xs[0] * c)
		if len(xs) == 1 {
			plane = 1
		}
	}
	mean, variance := p[3], p[4]
	if o.training {
		if len(v) == 0 {
			return fmt.Errorf("X %v has no elements to take statistics of", x)
		}
		var err error
		if mean, variance, err = o.train(e, v, c, plane, p[3], p[4]); err != nil {
			return err
		}
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	inv := make([]float64, c)
	for i := range inv {
		inv[i] = 1 / math.Sqrt(variance[i]+o.eps)
	}
	for i, q := range v {
		ch := i / plane % c
		y.SetFloatAt(i, (q-mean[ch])*inv[ch]*p[1][ch]+p[2][ch])
	}
	return nil
}

// train returns the statistics of v and stores running and saved ones.
func (o *batchNorm) train(e *op.Eval, v []float64, c, plane int, oldMean, oldVar []float64) (mean, variance []float64, err error) {
	mean, variance = make([]float64, c), make([]float64, c)
	n := len(v) / c
	part := make([]float64, n)
	for ch := range c {
		for i := range part {
			part[i] = v[(i/plane*c+ch)*plane+i%plane]
		}
		mean[ch], variance[ch] = meanVar(part)
	}
	run := func(old, new []float64) []float64 {
		r := make([]float64, c)
		for i := range r {
			r[i] = old[i]*o.momentum + new[i]*(1-o.momentum)
		}
		return r
	}
	for i, s := range [][]float64{nil, run(oldMean, mean), run(oldVar, variance), mean, variance} {
		if i > 0 && e.Wants(i) {
			in := e.In(3 + (i-1)%2)
			if err := e.SetFloats(i, in.DType(), in.Shape(), s); err != nil {
				return nil, nil, err
			}
		}
	}
	return mean, variance, nil
}
