package quant

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// ConvShape is a convolution of channels-first bytes with one or two spatial dimensions. All lists are as long as In.
type ConvShape struct {
	Batch, Channels, Filters, Groups            int
	In, Kernel, Stride, Dilation, PadBegin, Out []int
	Wide                                        bool // of the weights
	Bytes                                       bool // the mode is Bytes
}

// dims are height and width; a missing height is 1.
type dims [2]int

func (d dims) size() int { return d[0] * d[1] }

// ConvPlan is a prepared convolution: filters times patches, which are packed from the input, or from a copy with its padding where every
// stride-th line and column lie together. Positions are numbered through lines of the copy, so that what a place of the kernel
// reads for them is contiguous; what is between the lines of the output is computed too and not stored.
type ConvPlan struct {
	shape                         ConvShape
	in, out, kernel, stride, dil  dims
	pad                           dims
	phases, phase                 dims // phases in use, and the size of one
	inPlace                       bool
	plane                         int // bytes of a channel in the copy
	depthwise                     bool
	product                       *Plan
	products                      []Offset
	source                        convSource
	copied                        int // bytes of the copy of all channels
	perWorker, positions, weights int // of depthwise: scratch memory; computed positions; dwords of a filter
}

// NewConvPlan prepares convolutions for the best instruction set.
func NewConvPlan(s ConvShape) *ConvPlan {
	p := &ConvPlan{shape: s}
	set := func(l []int, def int) dims {
		if len(l) == 1 {
			return dims{def, l[0]}
		}
		return dims{l[0], l[1]}
	}
	p.in, p.out, p.kernel = set(s.In, 1), set(s.Out, 1), set(s.Kernel, 1)
	p.stride, p.dil, p.pad = set(s.Stride, 1), set(s.Dilation, 1), set(s.PadBegin, 0)
	for i := range 2 {
		reach := (p.kernel[i] - 1) * p.dil[i]
		p.phases[i] = min(p.stride[i], reach+1)
		p.phase[i] = p.out[i] + reach/p.stride[i]
	}
	p.inPlace = p.pad == dims{} && p.stride == dims{1, 1} && p.phase[0] <= p.in[0] && p.phase[1] <= p.in[1]
	if p.inPlace {
		p.phase = p.in
	}
	p.plane = p.phases.size() * p.phase.size()
	p.positions = (p.out[0]-1)*p.phase[1] + p.out[1]
	group, filters := s.Channels/s.Groups, s.Filters/s.Groups
	l := layoutFor(isa.Best(), formSU)
	if s.Wide {
		l = layoutFor(isa.Best(), formPair)
	}
	p.source = convSource{layout: l, plane: p.plane * group, packer: packer{offs: p.offsets(l, group)}}
	if l.form == formSU && group == 1 && s.Bytes {
		p.depthwise, p.weights = true, l.groups(p.kernel.size())
		p.perWorker = (p.positions + p.plane + 127) &^ 63
		return p
	}
	if !p.inPlace {
		p.copied = (s.Batch*s.Channels*p.plane + 63) &^ 63
	}
	p.product = NewPlan(Shape{M: filters, N: p.positions, K: group * p.kernel.size(), Batch: s.Batch * s.Groups, Wide: s.Wide, Source: true,
		Pitch: p.phase[1], Line: p.out[1], rowsReady: true, form: formSU})
	for b := range s.Batch {
		for g := range s.Groups {
			p.products = append(p.products, Offset{A: g * filters * 4 * p.product.kd, C: (b*s.Filters + g*filters) * p.out.size(), Row: g * filters})
		}
	}
	return p
}

// offsets says where the places of the kernel read, in the order of the weights.
func (p *ConvPlan) offsets(l *layout, channels int) []int {
	var offs []int
	for c := range channels {
		for y := range p.kernel[0] {
			for x := range p.kernel[1] {
				dy, dx := y*p.dil[0], x*p.dil[1]
				at := (dy%p.stride[0]*p.phases[1]+dx%p.stride[1])*p.phase.size() + dy/p.stride[0]*p.phase[1] + dx/p.stride[1]
				offs = append(offs, c*p.plane+at)
			}
		}
	}
	for len(offs)%l.group != 0 {
		offs = append(offs, 0)
	}
	return offs
}

// convSource is where products get patches from.
type convSource struct {
	layout *layout
	data   []uint8
	plane  int // bytes of the channels of a group
	packer
}

func (c *convSource) panel(dst []uint8, batch, j0, cols, width int) {
	c.packer.panel(dst, c.layout, c.data[batch*c.plane+j0:], cols, width)
}

// Filters are packed weights.
type Filters struct {
	Wide  bool
	Sums  []int32 // of each filter
	rows  []uint8
	pitch int
}

// PackFilters packs m filters of k elements, given without their zero points.
func PackFilters(m, k int, at func(i, j int) int32) *Filters {
	f := &Filters{Sums: make([]int32, m)}
	f.rows, f.pitch, f.Wide = PackRows(m, k, at)
	for i := range m {
		for j := range k {
			f.Sums[i] += at(i, j)
		}
	}
	return f
}

// Size is how many bytes f occupies.
func (f *Filters) Size() int { return len(f.rows) + 4*len(f.Sums) }

// ConvArgs are the operands of a run.
type ConvArgs struct {
	In      []uint8
	Signed  bool // elements of In
	ZeroIn  int32
	Filters *Filters
	Out     unsafe.Pointer
	Epilogue
}

// Init stores what RowInit must be: bias (nil is zeros) minus what the zero point adds to the sums.
func (p *ConvPlan) Init(dst []int32, f *Filters, bias []int32, zero int32, signed bool) {
	switch {
	case p.source.layout.form == formPair:
		zero = 0
	case signed:
		zero += 128
	}
	for i, s := range f.Sums {
		dst[i] = -zero * s
		if bias != nil {
			dst[i] += bias[i]
		}
	}
}

// ScratchSize is how many bytes of scratch memory a run with so many threads needs.
func (p *ConvPlan) ScratchSize(threads int) int {
	if p.depthwise {
		return threads * p.perWorker
	}
	return p.copied + p.product.ScratchSize(threads)
}

type convJob struct {
	plan    *ConvPlan
	args    ConvArgs
	source  convSource
	product Args
	scratch []uint8
}

var convJobs = sync.Pool{New: func() any { return new(convJob) }}

// Run convolves. scratch has ScratchSize(team.Threads()) bytes or more.
func (p *ConvPlan) Run(team *parallel.Team, a *ConvArgs, scratch []uint8) {
	s := &p.shape
	if len(a.In) < s.Batch*s.Channels*p.in.size() || len(scratch) < p.ScratchSize(team.Threads()) || len(a.RowInit) < s.Filters ||
		a.Mode != Sums && len(a.RowScale) < s.Filters || len(a.Filters.Sums) != s.Filters || a.Filters.Wide != s.Wide {
		panic(fmt.Sprintf("quant: operands do not fit the convolution of %v by %v", s.In, s.Kernel))
	}
	j := convJobs.Get().(*convJob)
	*j = convJob{plan: p, args: *a, source: p.source, scratch: scratch}
	j.source.flip, j.source.zero, j.source.data = a.Signed, a.ZeroIn, a.In
	if a.Signed {
		j.source.zero += 128
	}
	planes := s.Batch * s.Channels
	switch {
	case p.depthwise:
		team.Run((planes+p.perTask()-1)/p.perTask(), j)
	default:
		if !p.inPlace {
			j.source.data = scratch[:p.copied]
			team.Run((planes+p.perTask()-1)/p.perTask(), j)
		}
		j.product = Args{A: a.Filters.rows, LDA: a.Filters.pitch, Source: &j.source, C: a.Out, LDC: p.out.size(), Products: p.products, Epilogue: a.Epilogue}
		if !team.Stopped() {
			p.product.Run(team, &j.product, scratch[p.copied:])
		}
	}
	*j = convJob{}
	convJobs.Put(j)
}

// perTask is how many planes are worth a chunk.
func (p *ConvPlan) perTask() int { return max(1, 64<<10/max(1, p.plane)) }

// Do handles some planes: all of a depthwise convolution, or the copying.
func (j *convJob) Do(worker, i int) {
	p := j.plan
	n := p.perTask()
	for c := i * n; c < min(p.shape.Batch*p.shape.Channels, (i+1)*n); c++ {
		in := j.args.In[c*p.in.size():][:p.in.size()]
		if p.depthwise {
			j.channel(in, c, j.scratch[worker*p.perWorker:][:p.perWorker])
			continue
		}
		p.copyPlane(j.source.data[c*p.plane:][:p.plane], in, uint8(j.args.ZeroIn))
	}
}

// depthwiseArgs is the argument block of the depthwise kernel; the generator knows the offsets.
type depthwiseArgs struct {
	src           unsafe.Pointer
	offs          *int
	groups        int
	weights, dst  unsafe.Pointer
	n             int
	flip          uint32
	init          int32
	scale, lo, hi float32
	zero          int32
}

// channel computes the filters of one channel.
func (j *convJob) channel(in []uint8, c int, scratch []uint8) {
	p, a := j.plan, &j.args
	src := in
	if !p.inPlace {
		src = scratch[:p.plane]
		p.copyPlane(src, in, uint8(a.ZeroIn))
	}
	buf := scratch[p.plane:]
	filters := p.shape.Filters / p.shape.Groups
	batch, g := c/p.shape.Channels, c%p.shape.Channels
	k := depthwiseArgs{src: unsafe.Pointer(unsafe.SliceData(src)), offs: unsafe.SliceData(j.source.offs), groups: p.weights, n: p.positions,
		lo: a.Lo, hi: a.Hi, zero: a.Epilogue.Zero}
	if a.Signed {
		k.flip = 0x80
	}
	for f := g * filters; f < (g+1)*filters; f++ {
		k.weights = unsafe.Pointer(&a.Filters.rows[f*a.Filters.pitch])
		k.init, k.scale = a.RowInit[f], a.RowScale[f]
		out := unsafe.Slice((*uint8)(unsafe.Add(a.Out, (batch*p.shape.Filters+f)*p.out.size())), p.out.size())
		if p.phase[1] == p.out[1] {
			k.dst = unsafe.Pointer(unsafe.SliceData(out))
			depthwiseFast(&k)
			continue
		}
		k.dst = unsafe.Pointer(unsafe.SliceData(buf))
		depthwiseFast(&k)
		copyLines(out, p.out[1], buf, p.phase[1], p.out[1], p.out[0])
	}
}
