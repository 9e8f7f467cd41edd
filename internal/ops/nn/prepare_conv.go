package nn

import (
	kconv "github.com/walnut-ai/walnut/internal/kernel/conv"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// convStep is a float32 convolution through kernel/conv.
type convStep struct {
	plan          *kconv.Plan
	args          kconv.Args // all but the operands
	x, w, bias, y op.Slot
	scratch       op.Slot
	after         finish
}

// Run implements op.Step.
func (s *convStep) Run(f *op.Frame) error {
	a := s.args
	a.In, a.Weights, a.Bias, a.Out = f.F32(s.x), f.F32(s.w), f.F32(s.bias), f.F32(s.y)
	s.plan.Run(f.Team, &a, f.F32(s.scratch))
	s.after.run(f.Team, a.Out, f.F32(s.after.z))
	return nil
}

// Prepare runs float32 convolutions of up to three spatial dimensions by kernel/conv.
func (o *conv) Prepare(b op.Bind) (op.Step, error) {
	x, w := b.Shape(0), b.Shape(1)
	if b.Type(0) != tensor.Float32 || o.nhwc || len(x) > 5 || op.Prod(b.OutShape(0)) == 0 || op.Prod(x) == 0 || op.Prod(w) == 0 {
		return nil, nil
	}
	spans, err := o.window.spans(x[2:], w[2:])
	if err != nil {
		return nil, err
	}
	s := kconv.Shape{Batch: x[0], Channels: x[1], Filters: w[0], Groups: o.group, In: x[2:], Kernel: w[2:]}
	for _, p := range spans {
		s.Stride = append(s.Stride, p.stride)
		s.Dilation = append(s.Dilation, p.dilation)
		s.PadBegin = append(s.PadBegin, p.begin)
		end := (p.out-1)*p.stride + (p.kernel-1)*p.dilation + 1 - p.in - p.begin
		if end < 0 && p.stride > 1 { // the last window ends before the input does
			end = 0
		}
		if p.begin < 0 || end < 0 {
			return nil, nil
		}
		s.PadEnd = append(s.PadEnd, end)
	}
	plan, err := kconv.NewPlan(s)
	if err != nil || !tensor.SameShape(plan.Out(), b.OutShape(0)[2:]) {
		return nil, nil
	}
	st := &convStep{plan: plan, x: b.In(0), w: b.In(1), bias: b.In(2), y: b.Out(0)}
	o.fuse(b, st)
	st.scratch = b.Scratch(4 * plan.ScratchSize(b.Threads()))
	return st, nil
}
