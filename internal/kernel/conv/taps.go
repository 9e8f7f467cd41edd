package conv

import (
	"math"
	"sync"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// tapPlan is a depthwise convolution. A strip of the output's lines is computed from the lines of the input that it reads,
// copied to scratch memory with the padding and with every stride-th column together, so that each place of the kernel reads
// a contiguous line at a fixed offset.
type tapPlan struct {
	lines   int   // of the output in a strip
	strips  int   // in a plane of the output
	inLines int   // of the input that a strip reads, for each depth of the kernel
	phase   int   // columns of a phase
	pitch   int   // of a line in scratch memory: stride phases
	offs    []int // byte offset of each place of the kernel
	scratch int   // floats for a worker
	batch   int   // planes of the output in a chunk
	planes  int   // of the output: batch, filters and depth
}

// How large strips and chunks are.
const (
	stripFloats = 6 << 10
	chunkWork   = 1 << 16
	callWork    = 1 << 21
)

func newTapPlan(a *axes, s Shape) tapPlan {
	var t tapPlan
	t.phase = a.out[2] + (a.kernel[2]-1)*a.dilation[2]/a.stride[2]
	t.pitch = t.phase * a.stride[2]
	reach := (a.kernel[1]-1)*a.dilation[1] + 1
	t.lines = 1
	for t.lines < a.out[1] && a.kernel[0]*(t.lines*a.stride[1]+reach)*t.pitch <= stripFloats {
		t.lines++
	}
	t.strips = (a.out[1] + t.lines - 1) / t.lines
	t.inLines = (t.lines-1)*a.stride[1] + reach
	for z := range a.kernel[0] {
		for y := range a.kernel[1] {
			for x := range a.kernel[2] {
				d := x * a.dilation[2]
				t.offs = append(t.offs, 4*((z*t.inLines+y*a.dilation[1])*t.pitch+d%a.stride[2]*t.phase+d/a.stride[2]))
			}
		}
	}
	t.scratch = a.kernel[0] * t.inLines * t.pitch
	t.planes = s.Batch * s.Filters * a.out[0]
	t.batch = max(1, min(t.planes, chunkWork/max(1, a.out[1]*a.out[2]*len(t.offs))))
	return t
}

// tapArgs is the argument block of the kernel; the generator knows the offsets. Pitches are in bytes.
type tapArgs struct {
	in       *float32
	offs     *int
	taps     int
	w        *float32
	out      *float32
	cols     int
	rows     int
	inPitch  int
	outPitch int
	bias     float32
	lo, hi   float32
}

// tapJob is a run in progress.
type tapJob struct {
	plan    *Plan
	args    Args
	scratch []float32
}

var tapJobs = sync.Pool{New: func() any { return new(tapJob) }}

func (t *tapPlan) run(team *parallel.Team, p *Plan, a *Args, scratch []float32) {
	j := tapJobs.Get().(*tapJob)
	*j = tapJob{plan: p, args: *a, scratch: scratch}
	if !a.Clip {
		j.args.Lo, j.args.Hi = float32(math.Inf(-1)), float32(math.Inf(1))
	}
	team.Run((t.planes+t.batch-1)/t.batch*t.strips, j)
	*j = tapJob{}
	tapJobs.Put(j)
}

// Do computes one strip of some planes.
func (j *tapJob) Do(worker, i int) {
	t := &j.plan.taps
	first, strip := i/t.strips*t.batch, i%t.strips
	scratch := j.scratch[worker*t.scratch:][:t.scratch]
	clear(scratch) // the padding of lines and columns is the same for all planes
	for plane := first; plane < min(t.planes, first+t.batch); plane++ {
		j.strip(scratch, plane, strip*t.lines)
	}
}

// strip computes the lines from y on of one plane of the output.
func (j *tapJob) strip(scratch []float32, plane, y int) {
	p := j.plan
	t, s := &p.taps, &p.shape
	z, filter, batch := plane%p.out[0], plane/p.out[0]%s.Filters, plane/p.out[0]/s.Filters
	channel := batch*s.Channels + filter/(s.Filters/s.Groups)
	in := j.args.In[channel*p.in.size():][:p.in.size()]
	lines := min(t.lines, p.out[1]-y)
	t.fill(scratch, in, &p.axes, z, y, lines)
	a := tapArgs{
		offs: &t.offs[0], taps: len(t.offs), w: &j.args.Weights[filter*len(t.offs)], rows: lines,
		inPitch: p.stride[1] * t.pitch * 4, outPitch: p.out[2] * 4, lo: j.args.Lo, hi: j.args.Hi,
	}
	if j.args.Bias != nil {
		a.bias = j.args.Bias[filter]
	}
	// A call of assembly can't be preempted, so it takes no more columns than it can do soon.
	step := max(64, callWork/(len(t.offs)*lines)&^63)
	for x := 0; x < p.out[2]; x += step {
		a.in, a.out, a.cols = &scratch[x], &j.args.Out[(plane*p.out[1]+y)*p.out[2]+x], min(step, p.out[2]-x)
		if !tapsFast(&a) {
			tapsGeneric(&a, scratch[x:])
		}
	}
}

// fill copies the lines that so many lines of the output from z, y on read. What pads lines and columns is zero already.
func (t *tapPlan) fill(scratch, in []float32, a *axes, z, y, lines int) {
	need := (lines-1)*a.stride[1] + (a.kernel[1]-1)*a.dilation[1] + 1
	w, y0 := a.in[2], y*a.stride[1]-a.pad[1]
	pad := min(a.pad[2], t.pitch)
	for kz := range a.kernel[0] {
		iz := z*a.stride[0] - a.pad[0] + kz*a.dilation[0]
		if uint(iz) >= uint(a.in[0]) {
			clear(scratch[kz*t.inLines*t.pitch:][:t.inLines*t.pitch])
			continue
		}
		for iy := max(y0, 0); iy < min(y0+need, a.in[1]); iy++ {
			d := scratch[(kz*t.inLines+iy-y0)*t.pitch:][:t.pitch]
			line := in[(iz*a.in[1]+iy)*w:][:w]
			if a.stride[2] == 1 {
				copy(d[pad:], line)
				continue
			}
			a.splitLine(d, line, t.phase)
		}
	}
}

// tapsGeneric is the kernel in Go.
func tapsGeneric(p *tapArgs, in []float32) {
	offs, w := unsafe.Slice(p.offs, p.taps), unsafe.Slice(p.w, p.taps)
	for r := range p.rows {
		out := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p.out), r*p.outPitch)), p.cols)
		for i := range out {
			out[i] = p.bias
		}
		for t, off := range offs {
			vec.Axpy(out, in[(r*p.inPitch+off)/4:], w[t])
		}
		vec.Clip(out, out, p.lo, p.hi)
	}
}
