package conv

import (
	"sync"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/gemm"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// patchPlan is a convolution as a product with patches. Each plane of the input is copied to scratch memory once, with the padding and
// with every stride-th column together. Then what one place of the kernel reads for a line of the output is contiguous,
// and lies at a fixed offset from what the first place reads.
type patchPlan struct {
	inPlace bool // the input needs no copy
	lines   dims // of a plane in scratch memory; the last is the pitch
	phase   int  // columns of a phase; the pitch is stride phases
	offs    []int
	padded  int // floats of all planes
	batch   int // planes in a chunk of the copying
}

// copyWork is how many floats are worth a chunk.
const copyWork = 32 << 10

func newPatchPlan(a *axes, s Shape, unpadded bool) patchPlan {
	var t patchPlan
	t.inPlace = unpadded && a.stride[2] == 1
	t.phase = a.out[2] + (a.kernel[2]-1)*a.dilation[2]/a.stride[2]
	t.lines[2] = t.phase * a.stride[2]
	for i := range 2 {
		t.lines[i] = (a.out[i]-1)*a.stride[i] + (a.kernel[i]-1)*a.dilation[i] + 1
	}
	if t.inPlace {
		t.lines = a.in
	} else {
		t.padded = s.Batch * s.Channels * t.lines.size()
	}
	for c := range s.Channels / s.Groups {
		for z := range a.kernel[0] {
			for y := range a.kernel[1] {
				for x := range a.kernel[2] {
					t.offs = append(t.offs, 4*(c*t.lines.size()+t.place(a, z, y, x)))
				}
			}
		}
	}
	t.batch = max(1, copyWork/max(1, t.lines.size()))
	return t
}

// place is where the kernel's place z, y, x reads, relative to the first.
func (t *patchPlan) place(a *axes, z, y, x int) int {
	d := x * a.dilation[2]
	return (z*a.dilation[0]*t.lines[1]+y*a.dilation[1])*t.lines[2] + d%a.stride[2]*t.phase + d/a.stride[2]
}

// patchJob is a run in progress: first a task that copies planes, then the source of the product.
type patchJob struct {
	plan   *Plan
	in     []float32
	padded []float32
}

var patchJobs = sync.Pool{New: func() any { return new(patchJob) }}

func (t *patchPlan) run(team *parallel.Team, p *Plan, in []float32, args *gemm.Args, scratch []float32) {
	j := patchJobs.Get().(*patchJob)
	*j = patchJob{plan: p, in: in, padded: in}
	if !t.inPlace {
		j.padded = scratch[:t.padded]
		planes := p.shape.Batch * p.shape.Channels
		team.Run((planes+t.batch-1)/t.batch, j)
	}
	args.Source = j
	if !team.Stopped() {
		p.product.Run(team, args, scratch[t.padded:])
	}
	*j = patchJob{}
	patchJobs.Put(j)
}

// Do copies some planes.
func (j *patchJob) Do(_, i int) {
	p := j.plan
	t := &p.patches
	for plane := i * t.batch; plane < min(p.shape.Batch*p.shape.Channels, (i+1)*t.batch); plane++ {
		in := j.in[plane*p.in.size():][:p.in.size()]
		out := j.padded[plane*t.lines.size():][:t.lines.size()]
		for z := range t.lines[0] {
			for y := range t.lines[1] {
				p.padLine(out[:t.lines[2]], in, z-p.pad[0], y-p.pad[1], t.phase)
				out = out[t.lines[2]:]
			}
		}
	}
}

// padLine copies line z, y of a plane with its padding, every stride-th column together; zeros outside the plane.
func (a *axes) padLine(d, plane []float32, z, y, phase int) {
	if uint(z) >= uint(a.in[0]) || uint(y) >= uint(a.in[1]) {
		clear(d)
		return
	}
	w, stride := a.in[2], a.stride[2]
	line := plane[(z*a.in[1]+y)*w:][:w]
	if stride == 1 {
		n := min(a.pad[2], len(d))
		clear(d[:n])
		d = d[n:]
		n = copy(d, line)
		clear(d[n:])
		return
	}
	clear(d)
	a.splitLine(d, line, phase)
}

// splitArgs is the argument block of the kernel that stores the even and odd ones of 16*blocks elements apart.
type splitArgs struct {
	src, even, odd *float32
	blocks         int
}

// splitLine copies a line to its place between the padding, every stride-th column together.
func (a *axes) splitLine(d, line []float32, phase int) {
	stride, pad := a.stride[2], a.pad[2]
	done := 0
	if stride == 2 {
		even, odd := d[pad%2*phase:][:phase], d[(pad+1)%2*phase:][:phase]
		e, o := pad/2, (pad+1-(pad+1)%2)/2 // where columns 0 and 1 go
		n := min(len(line)/2, phase-e, phase-o) / 8
		if n > 0 && splitFast(&splitArgs{src: &line[0], even: &even[e], odd: &odd[o], blocks: n}) {
			done = 16 * n
		}
	}
	for q := range stride {
		to := d[q*phase:][:phase]
		// The first column not yet copied that belongs to phase q, and its place.
		i := max(0, (done+pad-q+stride-1)/stride)
		for x := q - pad + i*stride; i < phase && x < len(line); x += stride {
			to[i] = line[x]
			i++
		}
	}
}

// packArgs is the argument block of the packing kernels: for each of count byte offsets, load elements at src+offset go to a row of dst,
// followed by zeros up to store elements. The pitch of dst is in bytes.
type packArgs struct {
	src       *float32
	offs      *int
	count     int
	dst       *float32
	pitch     int
	load      int
	store     int
	loadMask  uint64
	storeMask uint64
}

// Pack is documented in gemm.Source. By construction of the plan all offsets stay inside the planes of the group. Row k of the matrix is a channel and a place in the kernel, column j a position of the output.
func (j *patchJob) Pack(dst []float32, batch, k0, kc, j0, cols, width int) {
	p := j.plan
	t := &p.patches
	base := batch * (p.shape.Channels / p.shape.Groups) * t.lines.size()
	offs := t.offs[k0 : k0+kc]
	w := p.out[2]
	x, line := j0%w, j0/w
	for at := 0; at < cols; {
		n := min(cols-at, w-x)
		store := n
		if at+n == cols {
			store = width - at
		}
		y, z := line%p.out[1]*p.stride[1], line/p.out[1]*p.stride[0]
		src := j.padded[base+(z*t.lines[1]+y)*t.lines[2]+x:]
		a := packArgs{
			src: &src[0], offs: &offs[0], count: kc, dst: &dst[at], pitch: width * 4,
			load: n, store: store, loadMask: 1<<uint(n) - 1, storeMask: 1<<uint(store) - 1,
		}
		if !packFast(&a) {
			packGeneric(&a)
		}
		at += n
		x = 0
		line++
	}
}

// packGeneric is the packing kernel in Go.
func packGeneric(p *packArgs) {
	for i, off := range unsafe.Slice(p.offs, p.count) {
		d := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p.dst), i*p.pitch)), p.store)
		n := copy(d, unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(p.src), off)), p.load))
		clear(d[n:])
	}
}
