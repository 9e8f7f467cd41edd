package nn

import (
	"sort"

	kresize "github.com/walnut-ai/walnut/internal/kernel/resize"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// pickStep copies float32 elements: mode nearest.
type pickStep struct {
	plan *kresize.Pick
	x, y op.Slot
}

// Run implements op.Step.
func (s *pickStep) Run(f *op.Frame) error {
	s.plan.Run(f.Team, f.F32(s.y), f.F32(s.x))
	return nil
}

// blendStep interpolates float32: modes linear and cubic.
type blendStep struct {
	plan          kresize.Blend
	x, y, scratch op.Slot
}

// Run implements op.Step.
func (s *blendStep) Run(f *op.Frame) error {
	s.plan.Run(f.Team, f.F32(s.y), f.F32(s.x), f.F32(s.scratch))
	return nil
}

// Prepare runs float32 where the scales or sizes are constant and nothing is extrapolated.
func (o *resize) Prepare(b op.Bind) (op.Step, error) {
	x := b.Shape(0)
	if b.Type(0) != tensor.Float32 || op.Prod(x) == 0 || op.Prod(b.OutShape(0)) == 0 {
		return nil, nil
	}
	var value [3]*tensor.Tensor
	for i, in := range []int{o.scales, o.sizes, o.roi} {
		if in < 0 || !b.Has(in) || in == o.roi && o.coord != "tf_crop_and_resize" {
			continue
		}
		if value[i] = b.Const(in); value[i] == nil {
			return nil, nil
		}
	}
	l, err := o.targets(x, given(value[0]), value[1], value[2])
	if err != nil {
		return nil, err
	}
	if !tensor.SameShape(targetDims(l), b.OutShape(0)) {
		return nil, nil
	}
	if o.mode == "nearest" {
		return o.preparePick(b, l), nil
	}
	return o.prepareBlend(b, l), nil
}

// targetDims returns the output lengths of l.
func targetDims(l []target) []int {
	dims := make([]int, len(l))
	for i, t := range l {
		dims[i] = t.out
	}
	return dims
}

// preparePick lists the positions as pick does; nil where it extrapolates.
func (o *resize) preparePick(b op.Bind, l []target) op.Step {
	from := make([][]int, len(l))
	for a, t := range l {
		if t.same() {
			continue
		}
		for i := range t.out {
			c, ok := o.original(t, i)
			if !ok {
				return nil
			}
			from[a] = append(from[a], o.index(c, t))
		}
	}
	return &pickStep{kresize.NewPick(b.Shape(0), from), b.In(0), b.Out(0)}
}

// passOrder puts the last axis, whose pass is the slowest an element, after
// those that shrink and before those that grow. Cubic weights can be 0, which
// makes NaN of infinities, so there the order is that of blend.
func (o *resize) passOrder(l []target) []int {
	order := make([]int, len(l))
	for i := range order {
		order[i] = i
	}
	key := func(a int) float64 {
		if a == len(l)-1 && o.mode == "linear" {
			return 1
		}
		return l[a].scale
	}
	sort.SliceStable(order, func(i, j int) bool { return key(order[i]) < key(order[j]) })
	return order
}

// prepareBlend lists the weights as blend does; nil where it extrapolates.
func (o *resize) prepareBlend(b op.Bind, l []target) op.Step {
	s := &blendStep{}
	order := o.passOrder(l)
	dims := append([]int{}, b.Shape(0)...)
	for _, a := range order {
		if l[a].same() {
			continue
		}
		var taps []kresize.Taps
		for i := range l[a].out {
			w := o.weights(l[a], i)
			if !w.ok || len(w.at) == 0 {
				return nil
			}
			taps = append(taps, kresize.Taps{At: w.at, W: w.w})
		}
		s.plan.Add(dims, a, taps)
		dims[a] = l[a].out
	}
	s.x, s.y, s.scratch = b.In(0), b.Out(0), b.Scratch(4*s.plan.ScratchSize())
	return s
}
