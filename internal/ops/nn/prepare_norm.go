package nn

import (
	"fmt"

	knorm "github.com/walnut-ai/walnut/internal/kernel/norm"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// allFloat32 reports whether all inputs that are there are float32.
func allFloat32(b op.Bind) bool {
	for i := range b.NIn() {
		if b.Has(i) && b.Type(i) != tensor.Float32 {
			return false
		}
	}
	return true
}

// hasLen reports whether inputs first to last all have n elements.
func hasLen(b op.Bind, n, first, last int) bool {
	for i := first; i <= last; i++ {
		if !b.Has(i) || op.Prod(b.Shape(i)) != n {
			return false
		}
	}
	return true
}

// folded is what batch normalisation comes down to for constant parameters. It
// keeps these alive, since their addresses tell packs apart.
type folded struct {
	scale, shift []float32
	of           [3]*tensor.Tensor
}

// batchNormStep scales and shifts channels.
type batchNormStep struct {
	f       *folded // nil: from the inputs at run time
	eps     float64
	c       int
	plane   int
	in      [4]op.Slot // scale, B, mean, var
	x, y    op.Slot
	scratch op.Slot // scale and shift
}

// Run implements op.Step.
func (s *batchNormStep) Run(f *op.Frame) error {
	var scale, shift []float32
	if s.f != nil {
		scale, shift = s.f.scale, s.f.shift
	} else {
		t := f.F32(s.scratch)
		scale, shift = t[:s.c], t[s.c:2*s.c]
		knorm.Fold(scale, shift, f.F32(s.in[0]), f.F32(s.in[1]), f.F32(s.in[2]), f.F32(s.in[3]), s.eps)
	}
	knorm.Channels(f.Team, f.F32(s.y), f.F32(s.x), scale, shift, s.plane)
	return nil
}

// Prepare runs float32 inference; constant parameters are folded.
func (o *batchNorm) Prepare(b op.Bind) (op.Step, error) {
	x := b.Shape(0)
	if o.training || !allFloat32(b) || len(x) == 0 || op.Prod(x) == 0 {
		return nil, nil
	}
	c := 1
	if len(x) > 1 {
		c = x[1]
	}
	if o.perElement {
		c = op.Prod(x[1:])
	}
	if !hasLen(b, c, 1, 4) {
		return nil, nil
	}
	s := &batchNormStep{eps: o.eps, c: c, plane: op.Prod(x) / (x[0] * c), scratch: op.NoSlot}
	var p [3]*tensor.Tensor
	known := b.Const(1) != nil
	for i := range p {
		p[i] = b.Const(i + 2)
		known = known && p[i] != nil
	}
	if known {
		kind := fmt.Sprintf("batchnorm %p %p %p %g", p[0], p[1], p[2], o.eps)
		s.f = b.Pack(1, kind, func(w *tensor.Tensor) (any, int) {
			f := &folded{make([]float32, c), make([]float32, c), p}
			v := func(t *tensor.Tensor) []float32 { return tensor.Of[float32](t.Aligned()) }
			knorm.Fold(f.scale, f.shift, v(w), v(p[0]), v(p[1]), v(p[2]), o.eps)
			return f, 8 * c
		}).(*folded)
	} else {
		for i := range s.in {
			s.in[i] = b.In(i + 1)
		}
		s.scratch = b.Scratch(8 * c)
	}
	s.x, s.y = b.In(0), b.Out(0)
	return s, nil
}

// groupNormStep normalises groups of channels.
type groupNormStep struct {
	k                 knorm.Groups
	x, scale, bias, y op.Slot
}

// Run implements op.Step.
func (s *groupNormStep) Run(f *op.Frame) error {
	s.k.Run(f.Team, f.F32(s.y), f.F32(s.x), f.F32(s.scale), f.F32(s.bias))
	return nil
}

// Prepare runs float32 without an addition before.
func (o *groupNorm) Prepare(b op.Bind) (op.Step, error) {
	x := b.Shape(0)
	if o.skip || o.channelsLast && o.perGroup || !allFloat32(b) || len(x) < 2 || op.Prod(x) == 0 {
		return nil, nil
	}
	k := knorm.Groups{Channels: x[1], Groups: o.groups, Plane: op.Prod(x[2:]), Eps: o.eps, PerGroup: o.perGroup, Silu: o.silu, Last: o.channelsLast}
	if o.channelsLast {
		k.Channels, k.Plane = x[len(x)-1], op.Prod(x[1:len(x)-1])
	}
	if k.Groups == 0 {
		k.Groups = k.Channels
	}
	n := k.Channels
	if o.perGroup {
		n = k.Groups
	}
	if k.Channels%k.Groups != 0 || !hasLen(b, n, 1, 2) {
		return nil, nil
	}
	return &groupNormStep{k, b.In(0), b.In(1), b.In(2), b.Out(0)}, nil
}

// layerNormStep normalises rows.
type layerNormStep struct {
	k                          knorm.Rows
	x, skip, bias, gamma, beta op.Slot
	y, mean, inv, sum          op.Slot
}

// Run implements op.Step.
func (s *layerNormStep) Run(f *op.Frame) error {
	s.k.Run(f.Team, &knorm.RowArgs{
		Dst: f.F32(s.y), Src: f.F32(s.x), Gamma: f.F32(s.gamma), Beta: f.F32(s.beta),
		Skip: f.F32(s.skip), Bias: f.F32(s.bias), Sum: f.F32(s.sum), Mean: f.F32(s.mean), Inv: f.F32(s.inv),
	})
	return nil
}

// repeats reports whether reading a tensor of shape dims over and over gives it
// broadcast to x, in whole rows of n.
func repeats(dims, x []int, n int) bool {
	for len(dims) > 0 && dims[0] == 1 {
		dims = dims[1:]
	}
	return len(dims) <= len(x) && tensor.SameShape(dims, x[len(x)-len(dims):]) && op.Prod(dims)%n == 0
}

// Prepare runs float32 where scale and the others hold whole rows.
func (o *layerNorm) Prepare(b op.Bind) (op.Step, error) {
	x := b.Shape(0)
	axis, err := op.Axis(o.axis, len(x))
	if err != nil || !allFloat32(b) || op.Prod(x) == 0 {
		return nil, err
	}
	n := op.Prod(x[axis:])
	for i := 1; i < b.NIn(); i++ {
		if b.Has(i) && !repeats(b.Shape(i), x, n) {
			return nil, nil
		}
	}
	s := &layerNormStep{k: knorm.Rows{N: n, Eps: o.eps, RMS: o.rms}, x: b.In(0), y: b.Out(0)}
	s.skip, s.bias, s.beta = op.NoSlot, op.NoSlot, op.NoSlot
	scale := 1
	if o.skip {
		scale, s.skip, s.bias = 2, b.In(1), b.In(o.skipBias)
	}
	s.gamma = b.In(scale)
	if !o.rms {
		s.beta = b.In(scale + 1)
	}
	for _, out := range []struct {
		i    int
		slot *op.Slot
	}{{o.meanOut, &s.mean}, {o.invOut, &s.inv}, {o.sumOut, &s.sum}} {
		*out.slot = op.NoSlot
		if out.i > 0 && b.Wants(out.i) {
			if b.OutType(out.i) != tensor.Float32 {
				return nil, nil
			}
			*out.slot = b.Out(out.i)
		}
	}
	if s.y < 0 {
		return nil, nil
	}
	return s, nil
}

// lrnStep normalises across channels.
type lrnStep struct {
	k    knorm.Across
	x, y op.Slot
}

// Run implements op.Step.
func (s *lrnStep) Run(f *op.Frame) error {
	s.k.Run(f.Team, f.F32(s.y), f.F32(s.x))
	return nil
}

// Prepare runs float32.
func (o *lrn) Prepare(b op.Bind) (op.Step, error) {
	x := b.Shape(0)
	if b.Type(0) != tensor.Float32 || len(x) < 2 || op.Prod(x) == 0 {
		return nil, nil
	}
	k := knorm.Across{Channels: x[1], Plane: op.Prod(x[2:]), Before: (o.size - 1) / 2, After: min(o.size/2, x[1]), Bias: o.bias, Scale: o.alpha / float64(o.size), Beta: o.beta}
	return &lrnStep{k, b.In(0), b.Out(0)}, nil
}
