package nn

import (
	"math"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// floatKernel stores a function of each element of a in dst, which may be a itself.
type floatKernel func(dst, a []float32)

// kernel returns the float32 form of an activation: a vector function, or a
// plain loop over the definition.
func (a *activation) kernel() floatKernel {
	al, be := float32(a.alpha), float32(a.beta)
	switch a.name {
	case "relu":
		return vec.Relu
	case "tanh":
		return vec.Tanh
	case "sigmoid":
		return vec.Sigmoid
	case "affine":
		return func(dst, x []float32) { vec.ScaleAdd(dst, x, al, be) }
	case "leakyrelu":
		return func(dst, x []float32) { vec.LeakyRelu(dst, x, al) }
	case "hardsigmoid":
		return func(dst, x []float32) {
			vec.ScaleAdd(dst, x, al, be)
			vec.Clip(dst, dst, 0, 1)
		}
	case "hardswish":
		return func(dst, x []float32) { // a piece at a time
			var gate [512]float32
			for i := 0; i < len(dst); i += len(gate) {
				v := x[i:min(i+len(gate), len(dst))]
				g := gate[:len(v)]
				vec.ScaleAdd(g, v, al, be)
				vec.Clip(g, g, 0, 1)
				vec.Mul(dst[i:i+len(v)], v, g)
			}
		}
	}
	f := a.f
	return func(dst, x []float32) {
		for i, v := range x[:len(dst)] {
			dst[i] = float32(f(float64(v)))
		}
	}
}

// finish is what follows a fused convolution in place: y = act(y + z).
type finish struct {
	act floatKernel // nil: none
	z   op.Slot
}

// fuse gives the convolution of st its addition and activation.
func (o *conv) fuse(b op.Bind, st *convStep) {
	st.after.z = b.In(3)
	if o.act == nil {
		return
	}
	lo, hi := 0.0, math.Inf(1)
	switch o.act.name {
	case "relu": // the bounds as they are
	case "clip":
		lo, hi = o.act.alpha, o.act.beta
	default:
		st.after.act = o.act.kernel()
		return
	}
	if lo != lo || hi != hi || lo > hi || st.after.z >= 0 {
		st.after.act = o.act.kernel()
		return
	}
	st.args.Clip, st.args.Lo, st.args.Hi = true, float32(lo), float32(hi)
}

// run applies what follows to y.
func (s *finish) run(team *parallel.Team, y, z []float32) {
	if s.act == nil && z == nil {
		return
	}
	j := finishJobs.Get().(*finishJob)
	*j = finishJob{s.act, y, z}
	team.Run((len(y)+finishGrain-1)/finishGrain, j)
	*j = finishJob{}
	finishJobs.Put(j)
}

// finishGrain is how many elements are worth a chunk of their own.
const finishGrain = 1 << 14

// finishJob cuts a finish into chunks.
type finishJob struct {
	act  floatKernel
	y, z []float32
}

var finishJobs = sync.Pool{New: func() any { return new(finishJob) }}

// Do implements parallel.Task.
func (j *finishJob) Do(_, i int) {
	lo, hi := i*finishGrain, min((i+1)*finishGrain, len(j.y))
	y := j.y[lo:hi]
	if j.z != nil {
		vec.Add(y, y, j.z[lo:hi])
	}
	if j.act != nil {
		j.act(y, y)
	}
}
