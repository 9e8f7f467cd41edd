package ml

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// kernel is a kernel function of support vector machines.
type kernel struct {
	name                 string
	gamma, coef0, degree float64
}

func newKernel(a *op.Args) (kernel, error) {
	k := kernel{name: a.OneOf("kernel_type", "LINEAR", "LINEAR", "POLY", "RBF", "SIGMOID")}
	p := a.Floats("kernel_params")
	if len(p) == 0 {
		return k, nil
	}
	if len(p) != 3 {
		return k, fmt.Errorf("attribute \"kernel_params\" has %d values, must have 3", len(p))
	}
	k.gamma, k.coef0, k.degree = float64(p[0]), float64(p[1]), float64(p[2])
	return k, nil
}

// at returns the kernel of a row and a support vector of the same length.
func (k *kernel) at(x []float64, v []float32) float64 {
	s := 0.0
	if k.name == "RBF" {
		for i, c := range v {
			d := x[i] - float64(c)
			s += d * d
		}
		return math.Exp(-k.gamma * s)
	}
	for i, c := range v {
		s += x[i] * float64(c)
	}
	switch k.name {
	case "POLY":
		return math.Pow(k.gamma*s+k.coef0, k.degree)
	case "SIGMOID":
		return math.Tanh(k.gamma*s + k.coef0)
	}
	return s
}

// all stores the kernels of x with each of len(dst) support vectors.
func (k *kernel) all(dst, x []float64, vectors []float32) {
	for i := range dst {
		dst[i] = k.at(x, vectors[i*len(x):(i+1)*len(x)])
	}
}

// row reads row i of x into dst.
func row(dst []float64, x *tensor.Tensor, i int) {
	for j := range dst {
		dst[j] = x.FloatAt(i*len(dst) + j)
	}
}

// svmRegressor is SVMRegressor: a regression or a one-class decision (1 or -1).
// ONNX Runtime does not apply post_transform here, and so this does not.
type svmRegressor struct {
	kernel   kernel
	coef     []float32
	vectors  []float32
	supports int // 0: a linear model, coef holds its weights
	rho      float64
	oneClass bool
}

var svmRegressorDef = &op.Def{Domain: domain, Name: "SVMRegressor", New: func(a *op.Args) (op.Op, error) {
	newPost(a)
	k, err := newKernel(a)
	if err != nil {
		return nil, err
	}
	o := &svmRegressor{kernel: k, coef: a.Floats("coefficients"), vectors: a.Floats("support_vectors"),
		supports: a.Int("n_supports", 0), oneClass: a.Bool("one_class", false)}
	rho := a.Floats("rho")
	if len(rho) < 1 {
		return nil, fmt.Errorf("attribute \"rho\" is required")
	}
	o.rho = float64(rho[0])
	if o.supports <= 0 {
		o.supports, o.kernel.name = 0, "LINEAR"
		return o, nil
	}
	if len(o.coef) != o.supports || len(o.vectors)%o.supports != 0 {
		return nil, fmt.Errorf("%d coefficients and %d numbers of support vectors for %d vectors", len(o.coef), len(o.vectors), o.supports)
	}
	return o, nil
}}

func (o *svmRegressor) Infer(c *op.Infer) error {
	n, err := inferRows(c)
	if err != nil {
		return err
	}
	c.Out(0, tensor.Float32, graph.Shape{n, graph.D(1)})
	return nil
}

func (o *svmRegressor) features() int {
	if o.supports == 0 {
		return len(o.coef)
	}
	return len(o.vectors) / o.supports
}

func (o *svmRegressor) Eval(e *op.Eval) error {
	x := e.In(0)
	n, f, err := rowsOf(x)
	if err != nil {
		return err
	}
	if f != o.features() {
		return fmt.Errorf("input has %d features, the model %d", f, o.features())
	}
	y, err := e.Out(0, tensor.Float32, n, 1)
	if err != nil {
		return err
	}
	xs, ks := make([]float64, f), make([]float64, o.supports)
	for i := range n {
		if err := e.Tick(1 + len(o.vectors)/64); err != nil {
			return err
		}
		row(xs, x, i)
		s := o.rho
		if o.supports == 0 {
			s += o.kernel.at(xs, o.coef)
		} else {
			o.kernel.all(ks, xs, o.vectors)
			for j, v := range ks {
				s += v * float64(o.coef[j])
			}
		}
		if o.oneClass {
			if s > 0 {
				s = 1
			} else {
				s = -1
			}
		}
		y.SetFloatAt(i, s)
	}
	return nil
}

// svmClassifier is SVMClassifier: libsvm's one-vs-one classification with votes
// and, if prob_a is given, its probabilities (Wu, Lin, Weng, "Probability
// estimates for multi-class classification by pairwise coupling", 2004); or a
// linear model (liblinear) if there are no support vectors.
type svmClassifier struct {
	kernel  kernel
	coef    []float32 // [classes-1, vectors], or [classes, features] of a linear model
	vectors []float32
	perCls  []int // support vectors a class; nil: a linear model
	start   []int // first support vector of a class
	total   int
	rho     []float32
	probA   []float32
	probB   []float32
	post    post
	labels  labels
	allPos  bool // no coefficient is negative
}

var svmClassifierDef = &op.Def{Domain: domain, Name: "SVMClassifier", New: func(a *op.Args) (op.Op, error) {
	k, err := newKernel(a)
	if err != nil {
		return nil, err
	}
	l, err := newLabels(a, "classlabels_ints", "classlabels_strings")
	if err != nil {
		return nil, err
	}
	o := &svmClassifier{kernel: k, coef: a.Floats("coefficients"), vectors: a.Floats("support_vectors"), rho: a.Floats("rho"),
		probA: a.Floats("prob_a"), probB: a.Floats("prob_b"), post: newPost(a), labels: l, allPos: true}
	for _, c := range o.coef {
		o.allPos = o.allPos && c >= 0
	}
	const limit = 1 << 16
	if n := l.len(); n < 1 || n >= limit {
		return nil, fmt.Errorf("%d class labels, must be 1 to %d", n, limit-1)
	}
	return o, o.init(a.Ints("vectors_per_class"))
}}

// init checks the sizes of the attributes against one another.
func (o *svmClassifier) init(perCls []int) error {
	n := o.labels.len()
	for _, v := range perCls {
		if v < 0 || v > len(o.coef)-o.total {
			return fmt.Errorf("attribute \"vectors_per_class\" = %v does not fit %d coefficients", perCls, len(o.coef))
		}
		o.start = append(o.start, o.total)
		o.total += v
	}
	if len(o.probA) != len(o.probB) {
		return fmt.Errorf("attributes \"prob_a\" and \"prob_b\" have %d and %d values", len(o.probA), len(o.probB))
	}
	if o.total == 0 {
		o.kernel.name = "LINEAR"
		if len(o.rho) < 1 || len(o.coef) == 0 || len(o.coef)%n != 0 {
			return fmt.Errorf("%d coefficients, %d rho for a linear model of %d classes", len(o.coef), len(o.rho), n)
		}
		return nil
	}
	o.perCls = perCls
	pairs := n * (n - 1) / 2
	switch {
	case len(perCls) != n || n < 2:
		return fmt.Errorf("%d class labels for %d classes with support vectors", n, len(perCls))
	case len(o.vectors)%o.total != 0:
		return fmt.Errorf("%d numbers of support vectors for %d vectors", len(o.vectors), o.total)
	case len(o.coef)/o.total < n-1:
		return fmt.Errorf("%d coefficients for %d classes of %d support vectors", len(o.coef), n, o.total)
	case len(o.rho) < pairs || len(o.probA) > 0 && len(o.probA) < pairs:
		return fmt.Errorf("%d rho and %d prob_a for %d pairs of classes", len(o.rho), len(o.probA), pairs)
	}
	return nil
}

// width returns the scores of a row.
func (o *svmClassifier) width() int {
	n := o.labels.len()
	if o.perCls != nil && len(o.probA) == 0 && n > 2 {
		return n * (n - 1) / 2
	}
	return n
}

func (o *svmClassifier) Infer(c *op.Infer) error {
	n, err := inferRows(c)
	if err != nil {
		return err
	}
	c.Out(0, o.labels.dtype(), graph.Shape{n})
	c.Out(1, tensor.Float32, graph.Shape{n, graph.D(o.width())})
	return nil
}

func (o *svmClassifier) features() int {
	if o.perCls == nil {
		return len(o.coef) / o.labels.len()
	}
	return len(o.vectors) / o.total
}

func (o *svmClassifier) Eval(e *op.Eval) error {
	x := e.In(0)
	n, f, err := rowsOf(x)
	if err != nil {
		return err
	}
	if f != o.features() {
		return fmt.Errorf("input has %d features, the model %d", f, o.features())
	}
	w, m := o.width(), o.labels.len()
	z, err := e.Out(1, tensor.Float32, n, w)
	if err != nil {
		return err
	}
	if len(o.probA) > 0 { // what couple allocates for a row
		if _, err := e.Temp(tensor.Float64, 2, m, m); err != nil {
			return err
		}
	}
	tmp, err := e.Temp(tensor.Float64, f+o.total)
	if err != nil {
		return err
	}
	buf := tensor.Of[float64](tmp)
	xs, ks := buf[:f], buf[f:f+o.total]
	class := make([]int, n)
	for i := range n {
		if err := e.Tick(1 + (len(o.vectors)+len(o.coef))/64); err != nil {
			return err
		}
		row(xs, x, i)
		var s []float64
		if o.perCls == nil {
			s, class[i] = o.linear(xs)
		} else {
			s, class[i] = o.vote(xs, ks)
		}
		for j, v := range s {
			z.SetFloatAt(i*w+j, v)
		}
	}
	return o.labels.set(e, class)
}

// linear returns scores and class of the linear model.
func (o *svmClassifier) linear(x []float64) ([]float64, int) {
	s := make([]float64, o.labels.len())
	o.kernel.all(s, x, o.coef)
	for i := range s {
		s[i] += float64(o.rho[0])
	}
	round32(s)
	c := argMax(s)
	if len(s) == 2 && len(o.probA) == 0 && (o.allPos && s[c] >= 0.5 || !o.allPos && s[c] > 0) {
		c = 1
	}
	o.post.apply(s)
	return s, c
}

// vote returns scores and class of the one-vs-one model.
func (o *svmClassifier) vote(x, ks []float64) ([]float64, int) {
	n := o.labels.len()
	o.kernel.all(ks, x, o.vectors)
	votes := make([]float64, n)
	s := make([]float64, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			v := float64(o.rho[len(s)]) + o.dot(j-1, i, ks) + o.dot(i, j, ks)
			s = append(s, v)
			if v > 0 {
				votes[i]++
			} else {
				votes[j]++
			}
		}
	}
	c := argMax(votes)
	if len(o.probA) > 0 {
		s = o.couple(s)
	} else if n == 2 {
		how := secondComplement
		if o.post == postNone {
			how = secondNegative
		}
		a, b := o.post.pair(s[0], how)
		return []float64{a, b}, c
	}
	o.post.apply(s)
	return s, c
}

// dot sums row r of the coefficients times kernels over the vectors of class c.
func (o *svmClassifier) dot(r, c int, ks []float64) float64 {
	w := o.coef[r*o.total:]
	s := 0.0
	for k := o.start[c]; k < o.start[c]+o.perCls[c]; k++ {
		s += float64(w[k]) * ks[k]
	}
	return s
}

// couple turns the scores of pairs into probabilities of classes: Platt's
// sigmoid for each pair, then pairwise coupling, iterated as libsvm does. In
// float32, as ONNX Runtime has it: the iteration stops early, and where it does
// depends on the rounding.
func (o *svmClassifier) couple(s []float64) []float64 {
	n := o.labels.len()
	r := make([]float32, n*n)
	k := 0
	for i := range n {
		for j := i + 1; j < n; j++ {
			v := float32(1 - logistic(s[k]*float64(o.probA[k])+float64(o.probB[k])))
			v = min(max(v, 1e-7), 1-1e-7)
			r[i*n+j], r[j*n+i] = v, 1-v
			k++
		}
	}
	q, qp, p := make([]float32, n*n), make([]float32, n), make([]float32, n)
	for i := range n {
		p[i] = 1 / float32(n)
		for j := range n {
			if j != i {
				q[i*n+i] += r[j*n+i] * r[j*n+i]
				q[i*n+j] = -r[j*n+i] * r[i*n+j]
			}
		}
	}
	for range 100 {
		pqp := float32(0)
		for i := range n {
			qp[i] = 0
			for j := range n {
				qp[i] += q[i*n+j] * p[j]
			}
			pqp += p[i] * qp[i]
		}
		worst := float32(0)
		for i := range n {
			worst = max(worst, float32(math.Abs(float64(qp[i]-pqp))))
		}
		if worst < 0.005/float32(n) {
			break
		}
		for i := range n {
			d := (pqp - qp[i]) / q[i*n+i]
			p[i] += d
			pqp = (pqp + d*(d*q[i*n+i]+2*qp[i])) / (1 + d) / (1 + d)
			for j := range n {
				qp[j] = (qp[j] + d*q[i*n+j]) / (1 + d)
				p[j] /= 1 + d
			}
		}
	}
	out := make([]float64, n)
	for i, v := range p {
		out[i] = float64(v)
	}
	return out
}
