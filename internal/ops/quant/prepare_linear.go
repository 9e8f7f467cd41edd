package quant

import (
	"sync"

	kq "github.com/walnut-ai/walnut/internal/kernel/quant"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/parallel"
	"github.com/walnut-ai/walnut/tensor"
)

// linearGrain is how many elements are worth a chunk of their own.
const linearGrain = 1 << 15

// runs cuts a tensor into runs of elements of one scale and zero point, or, with
// each, of elements whose scales and zero points follow the elements.
type runs struct {
	count, length int
	params        int // scales in turn; 1 if the tensor has one
	each          bool
}

// runsOf is grainOf for scales and zero points without blocks; false for others.
func (o *linear) runsOf(b op.Bind) (runs, bool) {
	x := b.Shape(0)
	n := op.Prod(x)
	gs, err := grainOf(x, b.Shape(1), o.axis, o.block)
	gz := grain{block: 1}
	if err == nil && b.Has(2) {
		gz, err = grainOf(x, b.Shape(2), o.axis, o.block)
	}
	switch {
	case err != nil || n == 0 || gs.so|gs.si|gz.so|gz.si != 0 || gs.block != 1 || gz.block != 1:
		return runs{}, false
	case gs.sa|gz.sa == 0:
		return runs{1, n, 1, false}, true
	}
	g := gs
	if g.sa == 0 {
		g = gz
	}
	if g.inner == 1 {
		return runs{g.outer, g.dim, 1, true}, true
	}
	return runs{g.outer * g.dim, g.inner, g.dim, false}, true
}

// chunks is how many chunks of about linearGrain elements there are.
func (r *runs) chunks() int {
	if r.count == 1 {
		return (r.length + linearGrain - 1) / linearGrain
	}
	per := r.perChunk()
	return (r.count + per - 1) / per
}

func (r *runs) perChunk() int { return max(1, linearGrain/r.length) }

// chunk calls f with the runs of a chunk: the first element, the end, and the
// number of the first one's scale.
func (r *runs) chunk(i int, f func(from, to, param int)) {
	if r.count == 1 {
		f(i*linearGrain, min(r.length, (i+1)*linearGrain), 0)
		return
	}
	per := r.perChunk()
	for k := i * per; k < min(r.count, (i+1)*per); k++ {
		f(k*r.length, (k+1)*r.length, k%r.params)
	}
}

// linearStep quantises float32 or the reverse.
type linearStep struct {
	runs
	from, to          tensor.DType
	x, scale, zero, y op.Slot
	zeros             op.Slot // float32 zero points of a run, with each
	zeroType          tensor.DType
}

// linearJob is a linearStep in progress.
type linearJob struct {
	s      *linearStep
	f      *op.Frame
	scale  []float32
	zeros  []float32
	values []uint8 // zero points; nil for none
}

var linearJobs = sync.Pool{New: func() any { return new(linearJob) }}

var _ parallel.Task = (*linearJob)(nil)

// Run implements op.Step.
func (s *linearStep) Run(f *op.Frame) error {
	j := linearJobs.Get().(*linearJob)
	*j = linearJob{s: s, f: f, scale: f.F32(s.scale), values: f.Bytes(s.zero)}
	if s.each {
		j.each()
	}
	f.Team.Run(s.chunks(), j)
	*j = linearJob{}
	linearJobs.Put(j)
	return nil
}

// each spreads scales and zero points over a run.
func (j *linearJob) each() {
	s := j.s
	buf := j.f.F32(s.zeros)
	j.zeros = buf[:s.length]
	for i := range j.zeros {
		j.zeros[i] = float32(j.zero(i))
	}
	if len(j.scale) == 1 {
		spread := buf[s.length:][:s.length]
		for i := range spread {
			spread[i] = j.scale[0]
		}
		j.scale = spread
	}
}

// zero returns zero point i.
func (j *linearJob) zero(i int) int32 {
	s := j.s
	if j.values == nil {
		return 0
	}
	switch s.zeroType {
	case tensor.Int8:
		return int32(int8(pickOf(j.values, i)))
	case tensor.Int32:
		return pickOf(j.f.I32(s.zero), i)
	}
	return int32(pickOf(j.values, i))
}

// pickOf is element i of a list that may have one element for all.
func pickOf[E any](l []E, i int) E {
	if len(l) == 1 {
		return l[0]
	}
	return l[i]
}

// Do implements parallel.Task.
func (j *linearJob) Do(_, i int) {
	s, f := j.s, j.f
	s.chunk(i, func(from, to, param int) {
		switch {
		case s.each:
			j.eachRun(from, to)
		case s.to == tensor.Uint8:
			kq.Quantize(f.U8(s.y)[from:to], f.F32(s.x)[from:to], pickOf(j.scale, param), j.zero(param))
		case s.to == tensor.Int8:
			kq.Quantize(f.I8(s.y)[from:to], f.F32(s.x)[from:to], pickOf(j.scale, param), j.zero(param))
		case s.from == tensor.Uint8:
			kq.Dequantize(f.F32(s.y)[from:to], f.U8(s.x)[from:to], pickOf(j.scale, param), j.zero(param))
		case s.from == tensor.Int8:
			kq.Dequantize(f.F32(s.y)[from:to], f.I8(s.x)[from:to], pickOf(j.scale, param), j.zero(param))
		default:
			kq.DequantizeInt32(f.F32(s.y)[from:to], f.I32(s.x)[from:to], pickOf(j.scale, param), j.zero(param))
		}
	})
}

// eachRun is a run whose scales follow the elements.
func (j *linearJob) eachRun(from, to int) {
	s, f := j.s, j.f
	switch {
	case s.to == tensor.Uint8:
		quantizeEach(f.U8(s.y)[from:to], f.F32(s.x)[from:to], j)
	case s.to == tensor.Int8:
		quantizeEach(f.I8(s.y)[from:to], f.F32(s.x)[from:to], j)
	case s.from == tensor.Uint8:
		kq.DequantizeEach(f.F32(s.y)[from:to], f.U8(s.x)[from:to], j.scale, j.zeros)
	case s.from == tensor.Int8:
		kq.DequantizeEach(f.F32(s.y)[from:to], f.I8(s.x)[from:to], j.scale, j.zeros)
	default:
		y, x := f.F32(s.y), f.I32(s.x)
		for k := from; k < to; k++ {
			kq.DequantizeInt32(y[k:k+1], x[k:k+1], j.scale[k-from], j.zero(k-from))
		}
	}
}

func quantizeEach[T kq.Byte](dst []T, x []float32, j *linearJob) {
	for i := range x {
		kq.Quantize(dst[i:i+1], x[i:i+1], j.scale[i], j.zero(i))
	}
}

// prepare finishes a step.
func (o *linear) prepare(b op.Bind, from, to tensor.DType) (op.Step, error) {
	r, ok := o.runsOf(b)
	if !ok {
		return nil, nil
	}
	s := &linearStep{runs: r, from: from, to: to, x: b.In(0), scale: b.In(1), zero: b.In(2), y: b.Out(0), zeros: op.NoSlot, zeroType: b.Type(2)}
	if r.each {
		s.zeros = b.Scratch(8 * r.length)
	}
	return s, nil
}

// Prepare runs float32 to bytes without blocks by kernel/quant.
func (o *quantize) Prepare(b op.Bind) (op.Step, error) {
	to := b.OutType(0)
	if b.Type(0) != tensor.Float32 || b.Type(1) != tensor.Float32 || to != tensor.Uint8 && to != tensor.Int8 ||
		o.precision != tensor.Invalid && o.precision != tensor.Float32 || b.Has(2) && (b.Type(2) != to || o.out != tensor.Invalid && o.out != to) {
		return nil, nil
	}
	return o.linear.prepare(b, tensor.Float32, to)
}

// Prepare runs bytes and int32 to float32 without blocks by kernel/quant.
func (o *dequantize) Prepare(b op.Bind) (op.Step, error) {
	from := b.Type(0)
	if b.Type(1) != tensor.Float32 || b.OutType(0) != tensor.Float32 || from != tensor.Uint8 && from != tensor.Int8 && from != tensor.Int32 || b.Has(2) && b.Type(2) != from {
		return nil, nil
	}
	return o.linear.prepare(b, from, tensor.Float32)
}

// dynamicStep is DynamicQuantizeLinear on float32.
type dynamicStep struct{ x, y, scale, zero op.Slot }

// Run implements op.Step.
func (s *dynamicStep) Run(f *op.Frame) error {
	scale, zero := quantizeDynamic(f.U8(s.y), f.F32(s.x))
	if s.scale >= 0 {
		f.F32(s.scale)[0] = scale
	}
	if s.zero >= 0 {
		f.U8(s.zero)[0] = uint8(zero)
	}
	return nil
}

// quantizeDynamic quantises x with the scale and zero point that its range asks for.
func quantizeDynamic(dst []uint8, x []float32) (scale float32, zero int32) {
	s, z := spanOf(kq.Extent(x))
	kq.Quantize(dst, x, s, int32(z))
	return s, int32(z)
}

// Prepare runs float32 by kernel/quant.
func (o *dynamicQuantize) Prepare(b op.Bind) (op.Step, error) {
	if b.Type(0) != tensor.Float32 || !b.Wants(0) {
		return nil, nil
	}
	return &dynamicStep{b.In(0), b.Out(0), b.Out(1), b.Out(2)}, nil
}
