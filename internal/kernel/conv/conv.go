// Package conv is the float32 convolution of channels-first tensors (NC, then one to three spatial dimensions).
//
// Dense convolutions are matrix products of the weights with patches that are gathered piece by piece from a padded copy of the input;
// a 1x1 convolution multiplies the input itself. Depthwise ones sum weighted taps of a padded strip. Weights are used as they are.
// Results are bit-equal for any number of threads.
package conv

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/kernel/gemm"
	"github.com/walnut-ai/walnut/internal/parallel"
)

//go:generate go -C ../_asm run . -kernel ..

// Shape is what a plan is made for. The slices have one element for each spatial dimension, 1 to 3 of them;
// Stride and Dilation may be nil for ones, PadBegin and PadEnd for zeros.
type Shape struct {
	Batch, Channels, Filters, Groups int
	In, Kernel, Stride, Dilation     []int
	PadBegin, PadEnd                 []int
}

// Args are the operands of a run, dense.
type Args struct {
	In      []float32 // Batch, Channels, In...
	Weights []float32 // Filters, Channels/Groups, Kernel...
	Bias    []float32 // Filters, or nil
	Out     []float32 // Batch, Filters, Out...
	Clip    bool      // limit the results to [Lo, Hi]; NaN stays
	Lo, Hi  float32
}

// dims are depth, height and width; missing ones lead and are 1.
type dims [3]int

func (d dims) size() int { return d[0] * d[1] * d[2] }

// axes is a convolution's geometry.
type axes struct{ in, out, kernel, stride, dilation, pad dims }

// method is how a plan computes.
type method uint8

const (
	gathered  method = iota // product with patches of the input
	pointwise               // product with the input itself
	vectors                 // as pointwise, where the output has one position: product of the input with the weights
	depthwise               // weighted taps
)

// Plan is a prepared convolution. It is immutable and serves concurrent runs.
type Plan struct {
	axes
	shape    Shape
	method   method
	product  gemm.Plan
	products []gemm.Offset
	patches  patchPlan
	taps     tapPlan
}

// NewPlan prepares convolutions of that shape for the best instruction set.
func NewPlan(s Shape) (*Plan, error) {
	p := &Plan{shape: s}
	if s.Groups < 1 || s.Channels < 1 || s.Filters < 1 || s.Batch < 0 || s.Channels%s.Groups != 0 || s.Filters%s.Groups != 0 {
		return nil, fmt.Errorf("conv: batch %d, %d channels and %d filters in %d groups", s.Batch, s.Channels, s.Filters, s.Groups)
	}
	rank := len(s.In)
	if rank < 1 || rank > 3 {
		return nil, fmt.Errorf("conv: %d spatial dimensions; 1 to 3 are known", rank)
	}
	var end dims
	for _, v := range []struct {
		name   string
		from   []int
		to     *dims
		absent int
		least  int
	}{
		{"input", s.In, &p.in, 1, 0}, {"kernel", s.Kernel, &p.kernel, 1, 1}, {"strides", s.Stride, &p.stride, 1, 1},
		{"dilations", s.Dilation, &p.dilation, 1, 1}, {"pads", s.PadBegin, &p.pad, 0, 0}, {"pads", s.PadEnd, &end, 0, 0},
	} {
		*v.to = dims{v.absent, v.absent, v.absent}
		if v.from == nil && v.name != "kernel" {
			continue
		}
		if len(v.from) != rank {
			return nil, fmt.Errorf("conv: %d spatial dimensions but %d %s", rank, len(v.from), v.name)
		}
		for i, n := range v.from {
			if n < v.least {
				return nil, fmt.Errorf("conv: %s %v", v.name, v.from)
			}
			v.to[3-rank+i] = n
		}
	}
	for i := range 3 {
		room := p.in[i] + p.pad[i] + end[i] - (p.kernel[i]-1)*p.dilation[i] - 1
		if room < 0 {
			return nil, fmt.Errorf("conv: kernel %v with dilations %v does not fit the padded input %v", s.Kernel, s.Dilation, s.In)
		}
		p.out[i] = room/p.stride[i] + 1
	}
	p.choose(end)
	return p, nil
}

// choose finds the method.
func (p *Plan) choose(end dims) {
	s := p.shape
	m, k, n := s.Filters/s.Groups, s.Channels/s.Groups, p.out.size()
	unit := p.kernel.size() == 1 && p.stride == dims{1, 1, 1} && p.pad == dims{} && end == dims{}
	switch {
	case k == 1 && !unit && m <= 8:
		p.method = depthwise
		p.taps = newTapPlan(&p.axes, s)
		return
	case unit && n == 1 && s.Groups == 1:
		p.method = vectors
		p.product = gemm.NewPlan(gemm.Shape{M: s.Batch, N: m, K: k, TransB: true})
		return
	case unit:
		p.method = pointwise
	}
	shape := gemm.Shape{M: m, N: n, K: k * p.kernel.size(), Batch: s.Batch * s.Groups}
	if p.method == gathered {
		shape.B = gemm.Computed
		p.patches = newPatchPlan(&p.axes, s, p.pad == dims{} && end == dims{})
	}
	p.product = gemm.NewPlan(shape)
	for b := range s.Batch {
		for g := range s.Groups {
			p.products = append(p.products, gemm.Offset{
				A: g * m * shape.K, B: (b*s.Groups + g) * k * p.in.size(), C: (b*s.Groups + g) * m * n, BiasRow: g * m,
			})
		}
	}
}

// Out is the spatial shape of the output.
func (p *Plan) Out() []int { return append([]int(nil), p.out[3-len(p.shape.In):]...) }

// ScratchSize is how many floats of scratch memory a run with so many threads needs.
func (p *Plan) ScratchSize(threads int) int {
	if p.method == depthwise {
		return threads * p.taps.scratch
	}
	return p.patches.padded + p.product.ScratchSize(threads)
}

// Run convolves. scratch has ScratchSize(team.Threads()) elements or more, with any content.
// It panics if a slice is too short for the shape.
func (p *Plan) Run(team *parallel.Team, a *Args, scratch []float32) {
	s := &p.shape
	p.check(a)
	if n := p.ScratchSize(team.Threads()); len(scratch) < n {
		panic(fmt.Sprintf("conv: %d elements of scratch memory, %d needed", len(scratch), n))
	}
	if s.Batch == 0 {
		return
	}
	if p.method == depthwise {
		p.taps.run(team, p, a, scratch)
		return
	}
	n, k := p.out.size(), s.Channels/s.Groups*p.kernel.size()
	args := gemm.Args{A: a.Weights, LDA: k, C: a.Out, LDC: n, BiasRow: a.Bias, Alpha: 1, Clip: a.Clip, Lo: a.Lo, Hi: a.Hi, Products: p.products}
	switch p.method {
	case vectors:
		args = gemm.Args{A: a.In, LDA: k, B: a.Weights, LDB: k, C: a.Out, LDC: s.Filters, BiasCol: a.Bias, Alpha: 1, Clip: a.Clip, Lo: a.Lo, Hi: a.Hi}
	case pointwise:
		args.B, args.LDB = a.In, n
	case gathered:
		p.patches.run(team, p, a.In, &args, scratch)
		return
	}
	p.product.Run(team, &args, scratch)
}

// check panics unless all operands are long enough.
func (p *Plan) check(a *Args) {
	s := &p.shape
	for _, c := range []struct {
		name       string
		have, need int
	}{
		{"In", len(a.In), s.Batch * s.Channels * p.in.size()},
		{"Weights", len(a.Weights), s.Filters * s.Channels / s.Groups * p.kernel.size()},
		{"Out", len(a.Out), s.Batch * s.Filters * p.out.size()},
	} {
		if c.have < c.need {
			panic(fmt.Sprintf("conv: %s has %d elements, %d needed", c.name, c.have, c.need))
		}
	}
	if a.Bias != nil && len(a.Bias) < s.Filters {
		panic(fmt.Sprintf("conv: Bias has %d elements, %d needed", len(a.Bias), s.Filters))
	}
}
