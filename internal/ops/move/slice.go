package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

const maxInt = int(^uint(0) >> 1)

// slice takes every step-th place from start to end along some axes.
type slice struct{ starts, ends, axes, steps list }

var sliceDef = &op.Def{Name: "Slice", New: func(a *op.Args) (op.Op, error) {
	return &slice{listArg(a, "starts", 10, 1), listArg(a, "ends", 10, 2), listArg(a, "axes", 10, 3), stepsArg(a)}, nil
}}

// stepsArg decodes steps, which the attribute form does not have.
func stepsArg(a *op.Args) list {
	if a.Version < 10 {
		return list{in: -1}
	}
	return list{in: 4}
}

// span returns the first place and the number of places that a slice takes of
// an axis of length d (Slice-13: clamping of starts and ends).
func span(d, start, end, step int) (first, count int) {
	if d == 0 {
		return 0, 0
	}
	clamp := func(v, lo, hi int) int {
		if v < 0 {
			v += d
		}
		return min(max(v, lo), hi)
	}
	if step > 0 {
		start, end = clamp(start, 0, d), clamp(end, 0, d)
		if end <= start {
			return 0, 0
		}
		return start, (end-start-1)/step + 1
	}
	start, end = clamp(start, 0, d-1), clamp(end, -1, d-1)
	if end >= start {
		return 0, 0
	}
	return start, (start-end-1)/-max(step, -maxInt) + 1
}

// defaults completes and checks the lists for a tensor of the given rank.
func (o *slice) defaults(rank int, starts, ends, axes, steps []int) (ax, st []int, err error) {
	if len(ends) != len(starts) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return nil, nil, fmt.Errorf("starts %v, ends %v, axes %v and steps %v must have one length", starts, ends, axes, steps)
	}
	if axes == nil {
		if len(starts) > rank {
			return nil, nil, fmt.Errorf("%d starts for rank %d", len(starts), rank)
		}
		for i := range starts {
			axes = append(axes, i)
		}
	}
	if axes, err = op.Axes(axes, rank); err != nil {
		return nil, nil, err
	}
	if steps == nil {
		steps = make([]int, len(starts))
		for i := range steps {
			steps[i] = 1
		}
	}
	for _, s := range steps {
		if s == 0 {
			return nil, nil, fmt.Errorf("steps %v holds a 0", steps)
		}
	}
	return axes, steps, nil
}

func (o *slice) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	axes, okAxes := o.axes.ints(c)
	steps, okSteps := o.steps.ints(c)
	starts, _ := o.starts.dims(c)
	ends, _ := o.ends.dims(c)
	if starts == nil || ends == nil || o.axes.has(c) && !okAxes || o.steps.has(c) && !okSteps {
		c.Out(0, c.Type(0), o.blurred(c, s, axes))
		return nil
	}
	axes, steps, err := o.defaults(len(s), make([]int, len(starts)), make([]int, len(ends)), axes, steps)
	if err != nil {
		return err
	}
	out := append(graph.Shape{}, s...)
	for i, a := range axes {
		out[a] = spanDim(s[a], starts[i], ends[i], steps[i], c.Fresh)
	}
	c.Out(0, c.Type(0), out)
	x := c.Elems(0)
	if x == nil || len(s) != 1 {
		return nil
	}
	for i := range axes {
		if !starts[i].Known() || !ends[i].Known() {
			return nil
		}
		first, n := span(len(x), starts[i].N, ends[i].N, steps[i])
		part := make([]graph.Dim, n)
		for k := range part {
			part[k] = x[first+k*steps[i]]
		}
		x = part
	}
	c.OutElems(0, x)
	return nil
}

// blurred returns the shape where starts or ends are unknown: axes that are
// not sliced keep their length.
func (o *slice) blurred(c *op.Infer, s graph.Shape, axes []int) graph.Shape {
	out := c.FreshShape(len(s))
	norm, err := op.Axes(axes, len(s))
	if axes == nil && !o.axes.has(c) {
		if n := o.starts.count(c); n >= 0 && n <= len(s) {
			copy(out[n:], s[n:])
		}
	} else if axes != nil && err == nil {
		keep := append(graph.Shape{}, s...)
		for _, a := range norm {
			keep[a] = out[a]
		}
		out = keep
	}
	return out
}

// spanDim is the length of span on dimensions that may be symbols.
func spanDim(d, start, end graph.Dim, step int, fresh func() graph.Dim) graph.Dim {
	whole := end == d || end.Known() && end.N >= 1<<31-1
	switch {
	case d.Known() && start.Known() && end.Known():
		_, n := span(d.N, start.N, end.N, step)
		return graph.D(n)
	case start == graph.D(0) && step == 1 && whole && !d.Known():
		return d
	}
	return fresh()
}

func (o *slice) Eval(e *op.Eval) error {
	x := e.In(0)
	starts, ok1 := o.starts.get(e)
	ends, ok2 := o.ends.get(e)
	axes, hasAxes := o.axes.get(e)
	steps, hasSteps := o.steps.get(e)
	if !ok1 || !ok2 {
		return fmt.Errorf("starts and ends are required")
	}
	if !hasAxes {
		axes = nil
	}
	if !hasSteps {
		steps = nil
	}
	axes, steps, err := o.defaults(x.Rank(), starts, ends, axes, steps)
	if err != nil {
		return err
	}
	dims := append([]int{}, x.Shape()...)
	ss := op.Strides(dims)
	at := 0
	for i, a := range axes {
		first, n := span(dims[a], starts[i], ends[i], steps[i])
		dims[a] = n
		at += first * ss[a]
		if n > 1 {
			ss[a] *= steps[i]
		}
	}
	return one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		copyBlock(dst, src, m.w, dims, op.Strides(dims), ss, 0, at)
		return nil
	})
}
