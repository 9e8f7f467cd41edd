package ml

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// linear is scores = X coefᵀ + bias over rows of X; bias may be nil.
type linear struct {
	coef []float32 // [targets, features]
	bias []float32
	post post
}

// scores stores the scores of a row in dst.
func (l *linear) scores(dst, x []float64) {
	for k := range dst {
		w := l.coef[k*len(x) : (k+1)*len(x)]
		s := 0.0
		for j, c := range w {
			s += x[j] * float64(c)
		}
		if l.bias != nil {
			s += float64(l.bias[k])
		}
		dst[k] = s
	}
}

// linearClassifier is LinearClassifier: the class with the largest score, and
// the scores after the transform.
type linearClassifier struct {
	linear
	labels  labels
	unnamed bool // no labels are given: they are 0 and 1
}

var linearClassifierDef = &op.Def{Domain: domain, Name: "LinearClassifier", New: func(a *op.Args) (op.Op, error) {
	o := &linearClassifier{}
	a.Ignore("multi_class") // one-vs-rest or multinomial: post_transform says what to compute
	o.coef, o.bias, o.post = a.Floats("coefficients"), a.Floats("intercepts"), newPost(a)
	l, err := newLabels(a, "classlabels_ints", "classlabels_strings")
	if err != nil {
		return nil, err
	}
	o.labels = l
	if len(o.bias) == 0 {
		o.bias = nil
	}
	if n := len(o.bias); n > 0 {
		if len(o.coef)%n != 0 {
			return nil, fmt.Errorf("%d coefficients are no multiple of %d intercepts", len(o.coef), n)
		}
		if err := o.check(n); err != nil {
			return nil, err
		}
	}
	if o.unnamed = o.labels.len() == 0; o.unnamed {
		o.labels.ints = []int64{0, 1}
	}
	return o, nil
}}

// check tells whether there are labels for n scores. A single score is that of
// the second of two classes, or of class 1 against 0 without labels.
func (o *linearClassifier) check(n int) error {
	if m := o.labels.len(); n > 1 && m < n {
		return fmt.Errorf("%d class labels for %d scores", m, n)
	}
	return nil
}

func (o *linearClassifier) width(n int) int {
	if n == 1 && o.labels.len() == 2 && !o.unnamed {
		return 2
	}
	return n
}

func (o *linearClassifier) Infer(c *op.Infer) error {
	n, err := inferRows(c)
	if err != nil {
		return err
	}
	c.Out(0, o.labels.dtype(), graph.Shape{n})
	w := c.Fresh()
	if k := len(o.bias); k > 0 {
		w = graph.D(o.width(k))
	}
	c.Out(1, tensor.Float32, graph.Shape{n, w})
	return nil
}

func (o *linearClassifier) Eval(e *op.Eval) error {
	x := e.In(0)
	n, f, err := rowsOf(x)
	if err != nil {
		return err
	}
	k, err := o.targets(f)
	if err != nil {
		return err
	}
	w := o.width(k)
	z, err := e.Out(1, tensor.Float32, n, w)
	if err != nil {
		return err
	}
	class := make([]int, n)
	s, xs := make([]float64, k), make([]float64, f)
	for i := range n {
		if err := e.Tick(1 + len(o.coef)/64); err != nil {
			return err
		}
		row(xs, x, i)
		o.scores(s, xs)
		round32(s)
		if k == 1 {
			class[i] = o.binary(z, i, w, s)
			continue
		}
		class[i] = argMax(s)
		o.post.apply(s)
		for j, v := range s {
			z.SetFloatAt(i*w+j, v)
		}
	}
	return o.labels.set(e, class)
}

// targets returns the number of scores that the coefficients give for f features.
func (o *linearClassifier) targets(f int) (int, error) {
	k := len(o.bias)
	if k == 0 && f > 0 {
		k = len(o.coef) / f
	}
	if k == 0 || k*f != len(o.coef) {
		return 0, fmt.Errorf("%d coefficients don't fit %d features", len(o.coef), f)
	}
	return k, o.check(k)
}

// binary stores the scores of a model with one score and returns the class.
func (o *linearClassifier) binary(z *tensor.Tensor, i, w int, s []float64) int {
	c := 0
	if s[0] > 0 {
		c = min(1, o.labels.len()-1)
	}
	if w == 1 {
		o.post.apply(s)
		z.SetFloatAt(i, s[0])
		return c
	}
	a, b := o.post.pair(s[0], secondComplement)
	z.SetFloatAt(2*i, a)
	z.SetFloatAt(2*i+1, b)
	return c
}

// linearRegressor is LinearRegressor.
type linearRegressor struct {
	linear
	targets int
}

var linearRegressorDef = &op.Def{Domain: domain, Name: "LinearRegressor", New: func(a *op.Args) (op.Op, error) {
	o := &linearRegressor{targets: a.Int("targets", 1)}
	o.coef, o.bias, o.post = a.Floats("coefficients"), a.Floats("intercepts"), newPost(a)
	if o.targets < 1 || len(o.coef)%o.targets != 0 || len(o.coef) == 0 && o.targets > 1 {
		return nil, fmt.Errorf("%d coefficients for %d targets", len(o.coef), o.targets)
	}
	if len(o.bias) == 0 {
		o.bias = nil
	} else if len(o.bias) != o.targets {
		return nil, fmt.Errorf("%d intercepts for %d targets", len(o.bias), o.targets)
	}
	return o, nil
}}

func (o *linearRegressor) Infer(c *op.Infer) error {
	n, err := inferRows(c)
	if err != nil {
		return err
	}
	c.Out(0, tensor.Float32, graph.Shape{n, graph.D(o.targets)})
	return nil
}

func (o *linearRegressor) Eval(e *op.Eval) error {
	x := e.In(0)
	n, f, err := rowsOf(x)
	if err != nil {
		return err
	}
	if len(o.coef) != f*o.targets {
		return fmt.Errorf("%d coefficients for %d targets of %d features", len(o.coef), o.targets, f)
	}
	y, err := e.Out(0, tensor.Float32, n, o.targets)
	if err != nil {
		return err
	}
	s, xs := make([]float64, o.targets), make([]float64, f)
	for i := range n {
		if err := e.Tick(1 + len(o.coef)/64); err != nil {
			return err
		}
		row(xs, x, i)
		o.scores(s, xs)
		o.post.apply(s)
		for j, v := range s {
			y.SetFloatAt(i*o.targets+j, v)
		}
	}
	return nil
}
