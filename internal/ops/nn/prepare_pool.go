package nn

import (
	kpool "github.com/walnut-ai/walnut/internal/kernel/pool"
	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// poolStep pools float32 planes through kernel/pool.
type poolStep struct {
	plan   *kpool.Plan
	x, y   op.Slot
	planes int
}

// Run implements op.Step.
func (s *poolStep) Run(f *op.Frame) error {
	s.plan.Run(f.Team, f.F32(s.y), f.F32(s.x), s.planes)
	return nil
}

// Prepare runs float32 maxima and averages of up to three spatial axes, where
// every window touches the input.
func (o *pool) Prepare(b op.Bind) (op.Step, error) {
	x := b.Shape(0)
	if b.Type(0) != tensor.Float32 || o.channelsLast || o.reduce == reduceNorm || b.Wants(1) || len(x) > 5 || op.Prod(b.OutShape(0)) == 0 {
		return nil, nil
	}
	spans, err := o.spans(x[2:], o.kernel)
	if err != nil {
		return nil, err
	}
	var axes []kpool.Axis
	var counts [][]int
	for _, s := range spans {
		if s.out > 1<<20 {
			return nil, nil
		}
		axes = append(axes, kpool.Axis{In: s.in, Out: s.out, Kernel: s.kernel, Stride: s.stride, Dilation: s.dilation, Pad: s.begin})
		var n []int
		for i := range s.out { // as listTaps counts cells
			n = append(n, max(0, min(s.kernel, ceilDiv(s.in+s.end-(i*s.stride-s.begin), s.dilation))))
		}
		counts = append(counts, n)
	}
	if !o.includePad {
		counts = nil
	}
	plan, ok := kpool.NewPlan(axes, o.reduce == reduceMax, counts)
	if !ok {
		return nil, nil
	}
	return &poolStep{plan, b.In(0), b.Out(0), x[0] * x[1]}, nil
}

// globalStep reduces every plane to one value.
type globalStep struct {
	x, y op.Slot
	max  bool
}

// Run implements op.Step.
func (s *globalStep) Run(f *op.Frame) error {
	x, y := f.F32(s.x), f.F32(s.y)
	n := len(x) / len(y)
	for i := range y {
		p := x[i*n : (i+1)*n]
		if s.max {
			y[i] = vec.ReduceMax(p)
		} else {
			y[i] = vec.Sum(p) / float32(n)
		}
	}
	return nil
}

// Prepare runs float32 maxima and averages.
func (o *globalPool) Prepare(b op.Bind) (op.Step, error) {
	if b.Type(0) != tensor.Float32 || o.pool.reduce == reduceNorm || op.Prod(b.Shape(0)) == 0 {
		return nil, nil
	}
	return &globalStep{b.In(0), b.Out(0), o.pool.reduce == reduceMax}, nil
}
