package math

import (
	"math"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/parallel"
	"github.com/walnut-ai/walnut/tensor"
)

// floatKernel stores a function of each element of a in dst, which may be a itself.
type floatKernel func(dst, a []float32)

// unaryKernels are the vector forms of operators without attributes; the
// others run a plain loop over their definition.
var unaryKernels = map[string]floatKernel{
	"Abs": vec.Abs, "Erf": vec.Erf, "Exp": vec.Exp, "Neg": vec.Neg, "Relu": vec.Relu,
	"Sigmoid": vec.Sigmoid, "Sqrt": vec.Sqrt, "Tanh": vec.Tanh,
	"HardSwish": hardSwish32, "Reciprocal": func(dst, a []float32) { vec.DivInto(dst, a, 1) },
	"Floor": loop32(math.Floor), "Ceil": loop32(math.Ceil), "Round": loop32(math.RoundToEven),
}

// loop32 is the plain loop over f.
func loop32(f func(float64) float64) floatKernel {
	return func(dst, a []float32) {
		dst = dst[:len(a)]
		for i, x := range a {
			dst[i] = float32(f(float64(x)))
		}
	}
}

// hardSwish32 is x*max(0, min(1, x/6 + 0.5)), a piece at a time.
func hardSwish32(dst, a []float32) {
	var gate [512]float32
	for i := 0; i < len(a); i += len(gate) {
		x := a[i:min(i+len(gate), len(a))]
		g := gate[:len(x)]
		vec.ScaleAdd(g, x, 1./6, 0.5)
		vec.Clip(g, g, 0, 1)
		vec.Mul(dst[i:i+len(x)], x, g)
	}
}

// leaky32, hardSigmoid32 and clip32 are kernels with parameters.
func leaky32(alpha float64) floatKernel {
	return func(dst, a []float32) { vec.LeakyRelu(dst, a, float32(alpha)) }
}

func hardSigmoid32(alpha, beta float64) floatKernel {
	return func(dst, a []float32) {
		vec.ScaleAdd(dst, a, float32(alpha), float32(beta))
		vec.Clip(dst, dst, 0, 1)
	}
}

func clip32(lo, hi float64) floatKernel {
	return func(dst, a []float32) { vec.Clip(dst, a, float32(lo), float32(hi)) }
}

// mapStep runs a kernel over all elements.
type mapStep struct {
	k    floatKernel
	x, y op.Slot
}

// grain is how many elements are worth a chunk of their own.
const grain = 1 << 15

// Run implements op.Step.
func (s *mapStep) Run(f *op.Frame) error {
	x, y := f.F32(s.x), f.F32(s.y)
	if len(x) < 2*grain || f.Team.Threads() < 2 {
		s.k(y, x)
		return nil
	}
	j := mapJobs.Get().(*mapJob)
	*j = mapJob{s.k, x, y}
	f.Team.Run((len(x)+grain-1)/grain, j)
	*j = mapJob{}
	mapJobs.Put(j)
	return nil
}

// mapJob cuts a mapStep into chunks.
type mapJob struct {
	k    floatKernel
	x, y []float32
}

var mapJobs = sync.Pool{New: func() any { return new(mapJob) }}

var _ parallel.Task = (*mapJob)(nil)

// Do implements parallel.Task.
func (j *mapJob) Do(_, i int) {
	lo, hi := i*grain, min((i+1)*grain, len(j.x))
	j.k(j.y[lo:hi], j.x[lo:hi])
}

// Prepare runs float32 by vector kernels, or by a plain loop where there is none.
func (o *unary) Prepare(b op.Bind) (op.Step, error) {
	if b.Type(0) != tensor.Float32 || o.f == nil {
		return o.prepareClass(b)
	}
	k := o.k
	if k == nil {
		k = loop32(o.f)
	}
	return &mapStep{k, b.In(0), b.Out(0)}, nil
}
