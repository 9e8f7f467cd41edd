package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// meanVar returns mean and population variance (two passes).
func meanVar(x []float64) (mean, variance float64) {
	if len(x) == 0 {
		return 0, 0
	}
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x))
}

// groupNorm is InstanceNormalization and GroupNormalization: X [N,C,in...] is
// normalised over each group of channels, y = scale * (x-mean)/sqrt(var+eps) + bias.
// The com.microsoft forms have NHWC layout, SiLU behind it, and an addition before.
type groupNorm struct {
	groups       int // 0: one channel a group
	eps          float64
	perGroup     bool // scale and bias are given for groups (GroupNormalization-18)
	channelsLast bool
	silu         bool
	skip         bool // inputs 3 and 4 are added to X; output 1 is the sum
}

var (
	instanceNormDef = &op.Def{Name: "InstanceNormalization", New: func(a *op.Args) (op.Op, error) {
		a.Ignore("consumed_inputs")
		return &groupNorm{eps: a.Float("epsilon", 1e-5)}, nil
	}}
	groupNormDef = &op.Def{Name: "GroupNormalization", New: func(a *op.Args) (op.Op, error) {
		a.Ignore("stash_type") // the oracle computes in float64
		o := &groupNorm{groups: a.Int("num_groups", 0), eps: a.Float("epsilon", 1e-5), perGroup: a.Version < 21}
		return o, o.check()
	}}
	msGroupNormDef   = &op.Def{Domain: msDomain, Name: "GroupNorm", New: newMSGroupNorm}
	skipGroupNormDef = &op.Def{Domain: msDomain, Name: "SkipGroupNorm", New: newMSGroupNorm}
)

func newMSGroupNorm(a *op.Args) (op.Op, error) {
	o := &groupNorm{groups: a.Int("groups", 0), eps: a.Float("epsilon", 1e-5), channelsLast: a.Bool("channels_last", true)}
	o.skip = a.Schema.Name == "SkipGroupNorm"
	switch act := a.Int("activation", 0); act {
	case 0:
	case 1:
		o.silu = true
	default:
		return nil, fmt.Errorf("attribute activation = %d, must be 0 (none) or 1 (SiLU)", act)
	}
	return o, o.check()
}

func (o *groupNorm) check() error {
	if o.groups < 1 {
		return fmt.Errorf("%d groups, must be at least 1", o.groups)
	}
	return nil
}

func (o *groupNorm) Infer(c *op.Infer) error {
	if x := c.Shape(0); x != nil {
		if len(x) < 2 {
			return fmt.Errorf("X %v must have at least 2 axes", x)
		}
		n := x[1]
		if o.channelsLast {
			n = x[len(x)-1]
		}
		if n.Known() && o.groups > 0 && n.N%o.groups != 0 {
			return fmt.Errorf("%d channels are no multiple of %d groups", n.N, o.groups)
		}
		if o.perGroup {
			n = graph.D(o.groups)
		}
		if err := holds(c, 1, "scale", n); err != nil {
			return err
		}
		if err := holds(c, 2, "bias", n); err != nil {
			return err
		}
	}
	c.Like(0, 0)
	if o.skip {
		c.Like(1, 0)
	}
	return nil
}

func (o *groupNorm) Eval(e *op.Eval) error {
	x := e.In(0)
	xs := x.Shape()
	if len(xs) < 2 {
		return fmt.Errorf("X %v must have at least 2 axes", x)
	}
	v := e.Floats(0)
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	chanAxis := 1
	if o.channelsLast {
		chanAxis = len(xs) - 1
	}
	c := xs[chanAxis]
	if o.skip {
		if err := o.addSkip(e, v, xs, c); err != nil {
			return err
		}
	}
	groups := o.groups
	if groups == 0 {
		groups = c
	}
	if groups > 0 && c%groups != 0 {
		return fmt.Errorf("%d channels are no multiple of %d groups", c, groups)
	}
	n := c
	if o.perGroup {
		n = groups
	}
	scale, err := vector(e, 1, "scale", n)
	if err != nil {
		return err
	}
	bias, err := vector(e, 2, "bias", n)
	if err != nil || y.Len() == 0 {
		return err
	}
	o.run(v, scale, bias, y, xs[0], c, groups, len(v)/(xs[0]*c))
	return nil
}

// addSkip adds skip ([N,..,C] like X, or one value a sample and channel) and bias to v.
func (o *groupNorm) addSkip(e *op.Eval, v []float64, xs []int, c int) error {
	skip := e.Floats(3)
	bias, err := vector(e, 4, "bias", c)
	if err != nil {
		return err
	}
	if len(skip) != len(v) && len(skip) != xs[0]*c {
		return fmt.Errorf("skip %v fits neither X %v nor its channels", e.In(3), xs)
	}
	plane := 1
	if len(v) > 0 {
		plane = len(v) / (xs[0] * c)
	}
	for i := range v {
		n, ch := i/(plane*c), i/plane%c
		if o.channelsLast {
			ch = i % c
		}
		if len(skip) == len(v) {
			v[i] += skip[i]
		} else {
			v[i] += skip[n*c+ch]
		}
		if bias != nil {
			v[i] += bias[ch]
		}
	}
	if e.Wants(1) {
		return e.SetFloats(1, e.In(0).DType(), xs, v)
	}
	return nil
}

func (o *groupNorm) run(v, scale, bias []float64, y *tensor.Tensor, batch, c, groups, plane int) {
	cg := c / groups
	at := func(n, ch, p int) int {
		if o.channelsLast {
			return (n*plane+p)*c + ch
		}
		return (n*c+ch)*plane + p
	}
	part := make([]float64, cg*plane)
	for n := range batch {
		for g := range groups {
			for i := range part {
				part[i] = v[at(n, g*cg+i/plane, i%plane)]
			}
			mean, variance := meanVar(part)
			inv := 1 / math.Sqrt(variance+o.eps)
			for i, x := range part {
				ch := g*cg + i/plane
				s := ch
				if o.perGroup {
					s = g
				}
				r := (x-mean)*inv*scale[s] + bias[s]
				if o.silu {
					r *= sigmoid(r)
				}
				y.SetFloatAt(at(n, ch, i%plane), r)
			}
		}
	}
}

// lrn is LRN, local response normalisation across channels (AlexNet, section 3.3):
// y = x / (bias + alpha/size * sum of squares over size channels)^beta.
type lrn struct {
	alpha, beta, bias float64
	size              int
}

var lrnDef = &op.Def{Name: "LRN", New: func(a *op.Args) (op.Op, error) {
	o := &lrn{a.Float("alpha", 1e-4), a.Float("beta", 0.75), a.Float("bias", 1), a.Int("size", 0)}
	if o.size < 1 {
		return nil, fmt.Errorf("attribute size = %d, must be at least 1", o.size)
	}
	return o, nil
}}

func (o *lrn) Infer(c *op.Infer) error {
	if x := c.Shape(0); x != nil && len(x) < 2 {
		return fmt.Errorf("X %v must have at least 2 axes", x)
	}
	c.Like(0, 0)
	return nil
}

func (o *lrn) Eval(e *op.Eval) error {
	x := e.In(0)
	xs := x.Shape()
	if len(xs) < 2 {
		return fmt.Errorf("X %v must have at least 2 axes", x)
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil || y.Len() == 0 {
		return err
	}
	v := e.Floats(0)
	c, plane := xs[1], len(v)/(xs[0]*xs[1])
	before, after := (o.size-1)/2, o.size/2
	for n := range xs[0] {
		for ch := range c {
			if err := e.Tick(1); err != nil {
				return err
			}
			lo, hi := max(0, ch-before), min(c-1, ch+min(after, c))
			for p := range plane {
				sum := 0.0
				for k := lo; k <= hi; k++ {
					q := v[(n*c+k)*plane+p]
					sum += q * q
				}
				i := (n*c+ch)*plane + p
				y.SetFloatAt(i, v[i]/math.Pow(o.bias+o.alpha/float64(o.size)*sum, o.beta))
			}
		}
	}
	return nil
}

// layerNorm is LayerNormalization and the RMS forms: X is normalised over the
// axes from axis on, then scaled and shifted by tensors that broadcast to X.
// Skip forms of com.microsoft normalise input + skip + bias.
type layerNorm struct {
	axis  int
	eps   float64
	rms   bool // no mean is taken away, and there is no B
	stash tensor.DType
	skip  bool
	// Output numbers, -1 where the operator lacks them.
	meanOut, invOut, sumOut int
	skipBias                int // input number of bias
}

var (
	layerNormDef = &op.Def{Name: "LayerNormalization", New: func(a *op.Args) (op.Op, error) {
		o := newLayerNorm(a)
		o.meanOut, o.invOut = 1, 2
		return o, o.check()
	}}
	rmsNormDef = &op.Def{Name: "RMSNormalization", New: func(a *op.Args) (op.Op, error) {
		o := newLayerNorm(a)
		o.rms = true
		return o, o.check()
	}}
	simplifiedNormDef = &op.Def{Name: "SimplifiedLayerNormalization", New: func(a *op.Args) (op.Op, error) {
		o := newLayerNorm(a)
		o.rms, o.invOut = true, 1
		return o, o.check()
	}}
	skipNormDef = &op.Def{Domain: msDomain, Name: "SkipLayerNormalization", New: func(a *op.Args) (op.Op, error) {
		o := newLayerNorm(a)
		o.skip, o.meanOut, o.invOut, o.sumOut, o.skipBias = true, 1, 2, 3, 4
		return o, nil
	}}
	skipSimplifiedNormDef = &op.Def{Domain: msDomain, Name: "SkipSimplifiedLayerNormalization", New: func(a *op.Args) (op.Op, error) {
		o := newLayerNorm(a)
		o.rms, o.skip, o.meanOut, o.invOut, o.sumOut, o.skipBias = true, true, 1, 2, 3, 3
		return o, nil
	}}
)

func newLayerNorm(a *op.Args) *layerNorm {
	def := 1e-5
	if a.Schema.Domain == msDomain {
		def = float64(float32(1e-12))
	}
	o := &layerNorm{axis: -1, stash: tensor.Float32, eps: a.Float("epsilon", def), meanOut: -1, invOut: -1, sumOut: -1}
	if a.Schema.Domain != msDomain {
		o.axis, o.stash = a.Int("axis", -1), a.DType("stash_type", tensor.Float32)
	}
	return o
}

func (o *layerNorm) check() error {
	if o.stash.Class() != tensor.ClassFloat {
		return fmt.Errorf("attribute stash_type = %v, must be a float type", o.stash)
	}
	return nil
}

func (o *layerNorm) Infer(c *op.Infer) error {
	x := c.Shape(0)
	dt := c.Type(0)
	if !o.skip && o.rms {
		dt = c.Type(1) // Y has the type of scale
	}
	c.Out(0, dt, x)
	var stat graph.Shape
	if x != nil {
		axis, err := op.Axis(o.axis, len(x))
		if err != nil {
			return err
		}
		stat = append(graph.Shape{}, x...)
		for i := axis; i < len(stat); i++ {
			stat[i] = graph.D(1)
		}
	}
	for _, i := range []int{o.meanOut, o.invOut} {
		if i > 0 {
			c.Out(i, o.stash, stat)
		}
	}
	if o.sumOut > 0 {
		c.Out(o.sumOut, c.Type(0), x)
	}
	for i := 1; x.Known() && i < c.NIn(); i++ {
		if s := c.Shape(i); s.Known() {
			if d, err := op.BroadcastDims(s.Ints(), x.Ints()); err != nil || !tensor.SameShape(d, x.Ints()) {
				return fmt.Errorf("input %d %v does not broadcast to %v", i, s, x)
			}
		}
	}
	return nil
}

func (o *layerNorm) Eval(e *op.Eval) error {
	x := e.In(0)
	xs := x.Shape()
	axis, err := op.Axis(o.axis, len(xs))
	if err != nil {
		return err
	}
	v := e.Floats(0)
	scale, bias := 1, 2
	if o.skip {
		scale, bias = 2, 3
		if err := o.addSkip(e, v, xs); err != nil {
			return err
		}
	}
	if o.rms {
		bias = -1
	}
	rows, n := op.Prod(xs[:axis]), op.Prod(xs[axis:])
	if len(v) == 0 {
		n = 0
	}
	var mean, inv []float64
	for r := 0; n > 0 && r < rows; r++ {
		m, i := o.normalise(v[r*n : (r+1)*n])
		mean, inv = append(mean, m), append(inv, i)
	}
	if err := o.affine(e, v, xs, scale, bias); err != nil {
		return err
	}
	stat := append([]int{}, xs...)
	for i := axis; i < len(stat); i++ {
		stat[i] = 1
	}
	if err := o.setStat(e, o.meanOut, stat, mean); err != nil {
		return err
	}
	return o.setStat(e, o.invOut, stat, inv)
}

// setStat stores a statistic; those over nothing are NaN.
func (o *layerNorm) setStat(e *op.Eval, i int, dims []int, v []float64) error {
	if i < 0 || !e.Wants(i) {
		return nil
	}
	t, err := e.Out(i, o.stash, dims...)
	if err != nil {
		return err
	}
	for k := range t.Len() {
		x := math.NaN()
		if k < len(v) {
			x = v[k]
		}
		t.SetFloatAt(k, x)
	}
	return nil
}

// normalise replaces a row by its normalised form.
func (o *layerNorm) normalise(v []float64) (mean, inv float64) {
	variance := 0.0
	if o.rms {
		for _, x := range v {
			variance += x * x
		}
		variance /= float64(len(v))
	} else {
		mean, variance = meanVar(v)
	}
	inv = 1 / math.Sqrt(variance+o.eps)
	for i, x := range v {
		v[i] = (x - mean) * inv
	}
	return mean, inv
}

// affine stores v*scale + bias as output 0.
func (o *layerNorm) affine(e *op.Eval, v []float64, xs []int, scale, bias int) error {
	dt := e.In(0).DType()
	if !o.skip && o.rms {
		dt = e.In(1).DType()
	}
	s, err := stretched(e, scale, xs)
	if err != nil {
		return err
	}
	var b *stretch
	if bias > 0 && e.Has(bias) {
		if b, err = stretched(e, bias, xs); err != nil {
			return err
		}
	}
	strides := [][]int{s.strides}
	if b != nil {
		strides = append(strides, b.strides)
	}
	err = op.Each(xs, strides, func(k int, _, off []int) error {
		v[k] *= s.v[off[0]]
		if b != nil {
			v[k] += b.v[off[1]]
		}
		return nil
	})
	if err != nil {
		return err
	}
	return e.SetFloats(0, dt, xs, v)
}

// stretch is an input read as if it had another shape.
type stretch struct {
	v       []float64
	strides []int
}

// stretched returns input i broadcast to dims (unidirectionally).
func stretched(e *op.Eval, i int, dims []int) (*stretch, error) {
	t := e.In(i)
	d, err := op.BroadcastDims(t.Shape(), dims)
	if err != nil || !tensor.SameShape(d, dims) {
		return nil, fmt.Errorf("input %d %v does not broadcast to %v", i, t, dims)
	}
	return &stretch{e.Floats(i), op.BroadcastStrides(t.Shape(), dims)}, nil
}

// addSkip adds skip and bias to v and stores the sum where it is asked for.
func (o *layerNorm) addSkip(e *op.Eval, v []float64, xs []int) error {
	for _, i := range []int{1, o.skipBias} {
		if !e.Has(i) {
			continue
		}
		s, err := stretched(e, i, xs)
		if err != nil {
			return err
		}
		err = op.Each(xs, [][]int{s.strides}, func(k int, _, off []int) error {
			v[k] += s.v[off[0]]
			return nil
		})
		if err != nil {
			return err
		}
	}
	if e.Wants(o.sumOut) {
		return e.SetFloats(o.sumOut, e.In(0).DType(), xs, v)
	}
	return nil
}
