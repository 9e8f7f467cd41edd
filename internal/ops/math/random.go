package math

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// seeding is the attribute "seed" of the random operators. The generator is
// Go's rand.PCG, seeded with the bits of the attribute, so that a seed gives the
// same values in every run; without one the run provides the seed. Other
// engines draw other values: the standard names no generator.
type seeding struct{ seed *uint64 }

func seedOf(a *op.Args) seeding {
	if !a.Has("seed") {
		return seeding{}
	}
	s := math.Float64bits(a.Float("seed", 0))
	return seeding{&s}
}

func (s seeding) source(e *op.Eval) *rand.Rand {
	seed := uint64(0)
	if s.seed != nil {
		seed = *s.seed
	} else {
		seed = e.Seed()
	}
	return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
}

// fill makes a tensor of random numbers, of a shape from the attribute "shape"
// or from input 0 (the Like forms, whose type is the input's unless dtype says
// otherwise).
type fill struct {
	seeding
	like  bool
	shape []int
	dt    tensor.DType // Invalid: as input 0
	a, b  float64      // low and high, or mean and scale
	draw  func(r *rand.Rand, a, b float64) float64
}

func uniform(r *rand.Rand, lo, hi float64) float64     { return lo + (hi-lo)*r.Float64() }
func normal(r *rand.Rand, mean, scale float64) float64 { return mean + scale*r.NormFloat64() }

func fillDef(name string, like bool, draw func(r *rand.Rand, a, b float64) float64, attrA, attrB string, defA, defB float64) *op.Def {
	return &op.Def{Name: name, Random: true, New: func(a *op.Args) (op.Op, error) {
		o := &fill{seeding: seedOf(a), like: like, draw: draw, a: a.Float(attrA, defA), b: a.Float(attrB, defB)}
		if like {
			o.dt = a.DType("dtype", tensor.Invalid)
		} else {
			o.dt, o.shape = a.DType("dtype", tensor.Float32), a.Ints("shape")
			if _, ok := tensor.NumElements(o.shape); !ok {
				return nil, fmt.Errorf("attribute \"shape\" = %v is no shape", o.shape)
			}
		}
		if o.dt != tensor.Invalid {
			return o, randomType(o.dt)
		}
		return o, nil
	}}
}

var (
	randomUniformDef     = fillDef("RandomUniform", false, uniform, "low", "high", 0, 1)
	randomUniformLikeDef = fillDef("RandomUniformLike", true, uniform, "low", "high", 0, 1)
	randomNormalDef      = fillDef("RandomNormal", false, normal, "mean", "scale", 0, 1)
	randomNormalLikeDef  = fillDef("RandomNormalLike", true, normal, "mean", "scale", 0, 1)
)

func randomType(dt tensor.DType) error {
	switch dt {
	case tensor.Float16, tensor.BFloat16, tensor.Float32, tensor.Float64:
		return nil
	}
	return fmt.Errorf("random numbers can't be %v; set attribute \"dtype\" to a float type", dt)
}

func (o *fill) Infer(c *op.Infer) error {
	if !o.like {
		c.Out(0, o.dt, graph.Dims(o.shape...))
		return nil
	}
	dt := o.dt
	if dt == tensor.Invalid {
		dt = c.Type(0)
	}
	if dt != tensor.Invalid {
		if err := randomType(dt); err != nil {
			return err
		}
	}
	c.Out(0, dt, c.Shape(0))
	return nil
}

func (o *fill) Eval(e *op.Eval) error {
	dt, shape := o.dt, o.shape
	if o.like {
		shape = e.In(0).Shape()
		if dt == tensor.Invalid {
			dt = e.In(0).DType()
		}
	}
	if err := randomType(dt); err != nil {
		return err
	}
	y, err := e.Out(0, dt, shape...)
	if err != nil {
		return err
	}
	r := o.source(e)
	for i := range y.Len() {
		y.SetFloatAt(i, o.draw(r, o.a, o.b))
	}
	return nil
}

// bernoulli draws 1 with the probability that the input gives, else 0.
type bernoulli struct {
	seeding
	dt tensor.DType // Invalid: as the input
}

var bernoulliDef = &op.Def{Name: "Bernoulli", Random: true, New: func(a *op.Args) (op.Op, error) {
	o := &bernoulli{seedOf(a), a.DType("dtype", tensor.Invalid)}
	switch o.dt.Class() {
	case tensor.ClassString, tensor.ClassComplex:
		return nil, fmt.Errorf("attribute \"dtype\": draws can't be %v", o.dt)
	}
	return o, nil
}}

func (o *bernoulli) Infer(c *op.Infer) error {
	dt := o.dt
	if dt == tensor.Invalid {
		dt = c.Type(0)
	}
	c.Out(0, dt, c.Shape(0))
	return nil
}

func (o *bernoulli) Eval(e *op.Eval) error {
	x, dt := e.In(0), o.dt
	if dt == tensor.Invalid {
		dt = x.DType()
	}
	y, err := e.OutLike(0, dt, x)
	if err != nil {
		return err
	}
	r := o.source(e)
	for i := range x.Len() {
		y.SetIntAt(i, int64(byte01(r.Float64() < x.FloatAt(i))))
	}
	return nil
}

// multinomial draws classes from unnormalised log-probabilities
// [batch, classes]; the output is [batch, sample_size].
type multinomial struct {
	seeding
	size int
	dt   tensor.DType
}

var multinomialDef = &op.Def{Name: "Multinomial", Random: true, New: func(a *op.Args) (op.Op, error) {
	o := &multinomial{seedOf(a), a.Int("sample_size", 1), a.DType("dtype", tensor.Int32)}
	if o.dt != tensor.Int32 && o.dt != tensor.Int64 {
		return nil, fmt.Errorf("attribute \"dtype\" is %v, must be int32 or int64", o.dt)
	}
	if o.size < 1 {
		return nil, fmt.Errorf("attribute \"sample_size\" = %d, must be positive", o.size)
	}
	return o, nil
}}

func (o *multinomial) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s != nil && len(s) != 2 {
		return fmt.Errorf("input has shape %v, must be [batch, classes]", s)
	}
	batch := c.Fresh()
	if s != nil {
		batch = s[0]
	}
	c.Out(0, o.dt, graph.Shape{batch, graph.D(o.size)})
	return nil
}

func (o *multinomial) Eval(e *op.Eval) error {
	x := e.In(0)
	if x.Rank() != 2 {
		return fmt.Errorf("input has shape %v, must be [batch, classes]", x.Shape())
	}
	batch, classes := x.Shape()[0], x.Shape()[1]
	y, err := e.Out(0, o.dt, batch, o.size)
	if err != nil {
		return err
	}
	t, err := e.Temp(tensor.Float64, classes)
	if err != nil {
		return err
	}
	cdf := tensor.Of[float64](t)
	r := o.source(e)
	for b := range batch {
		if err := cumulative(x, b*classes, cdf); err != nil {
			return fmt.Errorf("row %d: %w", b, err)
		}
		for s := range o.size {
			u := r.Float64() * cdf[classes-1]
			// the first class whose sum passes u: one of probability 0 never does
			k := sort.Search(classes, func(k int) bool { return cdf[k] > u })
			y.SetIntAt(b*o.size+s, int64(min(k, classes-1)))
		}
		if err := e.Tick(o.size); err != nil {
			return err
		}
	}
	return nil
}

// cumulative fills cdf with running sums of exp(x - max) from element at on.
func cumulative(x *tensor.Tensor, at int, cdf []float64) error {
	top := math.Inf(-1)
	for k := range cdf {
		top = max(top, x.FloatAt(at+k))
	}
	if math.IsInf(top, 0) || math.IsNaN(top) {
		return fmt.Errorf("the log-probabilities have no finite maximum (%v)", top)
	}
	sum := 0.0
	for k := range cdf {
		sum += math.Exp(x.FloatAt(at+k) - top)
		cdf[k] = sum
	}
	return nil
}
