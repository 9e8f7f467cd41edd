package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// block is a copyBlock with everything worked out but the memory.
type block struct {
	dst, src op.Slot
	run      int // bytes that lie together
	ax       []step
	d, s     int // bytes where it starts
}

// newBlock lays out a copy as copyBlock does.
func newBlock(dst, src op.Slot, w int, dims, ds, ss []int, d, s int) block {
	ax, run := joinAxes(w, dims, ds, ss)
	return block{dst, src, run, ax, d * w, s * w}
}

// copyStep runs blocks one after another.
type copyStep struct{ blocks []block }

// Run implements op.Step.
func (s *copyStep) Run(f *op.Frame) error {
	for i := range s.blocks {
		b := &s.blocks[i]
		walk(f.Bytes(b.dst), f.Bytes(b.src), b.run, b.ax, b.d, b.s)
	}
	return nil
}

// width returns the bytes of an element of input i where they are whole and
// the outputs hold something; else 0.
func width(b op.Bind, i int) int {
	if op.Prod(b.Shape(i)) == 0 {
		return 0
	}
	return b.Type(i).Size()
}

// constInts returns a constant list input as ints; ok is false if it is there
// and not constant.
func (l list) constInts(b op.Bind) (v []int, there, ok bool) {
	if l.in < 0 {
		return l.attr, l.set, true
	}
	if !b.Has(l.in) {
		return nil, false, true
	}
	t := b.Const(l.in)
	if t == nil {
		return nil, true, false
	}
	v = make([]int, t.Len())
	for i := range v {
		v[i] = int(max(min(t.IntAt(i), int64(maxInt)), int64(-maxInt-1)))
	}
	return v, true, true
}

// Prepare copies by a block.
func (o *transpose) Prepare(b op.Bind) (op.Step, error) {
	w := width(b, 0)
	if w == 0 {
		return nil, nil
	}
	p, err := o.axes(len(b.Shape(0)))
	if err != nil {
		return nil, err
	}
	dims, ss, st := make([]int, len(p)), make([]int, len(p)), op.Strides(b.Shape(0))
	for i, a := range p {
		dims[i], ss[i] = b.Shape(0)[a], st[a]
	}
	return &copyStep{[]block{newBlock(b.Out(0), b.In(0), w, dims, op.Strides(dims), ss, 0, 0)}}, nil
}

// Prepare copies each input by a block.
func (o *concat) Prepare(b op.Bind) (op.Step, error) {
	y := b.OutShape(0)
	axis, err := op.Axis(o.axis, len(y))
	if err != nil {
		return nil, err
	}
	s := &copyStep{}
	at := 0
	for i := range b.NIn() {
		w, x := b.Type(i).Size(), b.Shape(i)
		if w == 0 || !b.Has(i) || len(x) != len(y) {
			return nil, nil
		}
		if op.Prod(x) > 0 {
			st := op.Strides(y)
			s.blocks = append(s.blocks, newBlock(b.Out(0), b.In(i), w, x, st, op.Strides(x), at*st[axis], 0))
		}
		at += x[axis]
	}
	if op.Prod(y) == 0 || at != y[axis] {
		return nil, nil
	}
	return s, nil
}

// Prepare copies each output by a block.
func (o *split) Prepare(b op.Bind) (op.Step, error) {
	w, x := width(b, 0), b.Shape(0)
	if w == 0 {
		return nil, nil
	}
	axis, err := op.Axis(o.axis, len(x))
	if err != nil {
		return nil, err
	}
	s := &copyStep{}
	st := op.Strides(x)
	at := 0
	for i := 0; at < x[axis]; i++ {
		if !b.Wants(i) { // its length is not known here
			return nil, nil
		}
		dims := b.OutShape(i)
		if op.Prod(dims) > 0 {
			s.blocks = append(s.blocks, newBlock(b.Out(i), b.In(0), w, dims, op.Strides(dims), st, 0, at*st[axis]))
		}
		at += dims[axis]
		if dims[axis] == 0 && i > x[axis]+1024 {
			return nil, nil
		}
	}
	return s, nil
}

// Prepare copies by a block if the bounds are constant.
func (o *slice) Prepare(b op.Bind) (op.Step, error) {
	w := width(b, 0)
	starts, t1, ok1 := o.starts.constInts(b)
	ends, t2, ok2 := o.ends.constInts(b)
	axes, hasAxes, ok3 := o.axes.constInts(b)
	steps, hasSteps, ok4 := o.steps.constInts(b)
	if w == 0 || !t1 || !t2 || !ok1 || !ok2 || !ok3 || !ok4 || op.Prod(b.OutShape(0)) == 0 {
		return nil, nil
	}
	if !hasAxes {
		axes = nil
	}
	if !hasSteps {
		steps = nil
	}
	axes, steps, err := o.defaults(len(b.Shape(0)), starts, ends, axes, steps)
	if err != nil {
		return nil, err
	}
	dims := append([]int{}, b.Shape(0)...)
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
	return &copyStep{[]block{newBlock(b.Out(0), b.In(0), w, dims, op.Strides(dims), ss, 0, at)}}, nil
}

// Prepare repeats by a block.
func (*expand) Prepare(b op.Bind) (op.Step, error) {
	w, dims := width(b, 0), b.OutShape(0)
	if w == 0 || op.Prod(dims) == 0 || b.Const(1) == nil { // a shape that only the run knows may be wrong
		return nil, nil
	}
	return &copyStep{[]block{newBlock(b.Out(0), b.In(0), w, dims, op.Strides(dims), op.BroadcastStrides(b.Shape(0), dims), 0, 0)}}, nil
}

// gatherStep takes slices of bytes by indices that the run brings.
type gatherStep struct {
	x, ix, y  op.Slot
	outer, d  int
	size      int // bytes of a slice
	wide      bool
	axis, all int
}

// Run implements op.Step.
func (s *gatherStep) Run(f *op.Frame) error {
	x, y := f.Bytes(s.x), f.Bytes(s.y)
	n := s.all
	var i64 []int64
	var i32 []int32
	if s.wide {
		i64 = f.I64(s.ix)
	} else {
		i32 = f.I32(s.ix)
	}
	at := 0
	for o := range s.outer {
		base := o * s.d * s.size
		for k := range n {
			var v int64
			if s.wide {
				v = i64[k]
			} else {
				v = int64(i32[k])
			}
			p, err := index(v, s.d)
			if err != nil {
				return fmt.Errorf("axis %d: %w", s.axis, err)
			}
			copy(y[at:at+s.size], x[base+p*s.size:base+(p+1)*s.size])
			at += s.size
		}
	}
	return nil
}

// Prepare gathers with int32 and int64 indices.
func (o *gather) Prepare(b op.Bind) (op.Step, error) {
	w, x := width(b, 0), b.Shape(0)
	it := b.Type(1)
	if w == 0 || op.Prod(b.Shape(1)) == 0 || it != tensor.Int64 && it != tensor.Int32 {
		return nil, nil
	}
	axis, err := op.Axis(o.axis, len(x))
	if err != nil {
		return nil, err
	}
	return &gatherStep{x: b.In(0), ix: b.In(1), y: b.Out(0), outer: op.Prod(x[:axis]), d: x[axis],
		size: op.Prod(x[axis+1:]) * w, wide: it == tensor.Int64, axis: axis, all: op.Prod(b.Shape(1))}, nil
}

// padStep writes a padded tensor row by row.
type padStep struct {
	x, y op.Slot
	w    int
	cell []byte
	from [][]int
	row  []run
	ss   []int
}

// Run implements op.Step.
func (s *padStep) Run(f *op.Frame) error {
	writeRows(f.Bytes(s.y), f.Bytes(s.x), s.w, s.cell, s.from, s.row, s.ss)
	return nil
}

// maxPlaces bounds the places, of all axes together, of which a plan keeps a table.
const maxPlaces = 1 << 20

// Prepare pads by constant amounts with a constant value.
func (o *pad) Prepare(b op.Bind) (op.Step, error) {
	w, x := width(b, 0), b.Shape(0)
	pads, _, ok1 := o.pads.constInts(b)
	axes, has, ok2 := o.axes.constInts(b)
	if w == 0 || !ok1 || !ok2 || len(x) == 0 || len(x) > maxPadRank || op.Prod(b.OutShape(0)) == 0 {
		return nil, nil
	}
	lo, hi, err := o.ends(len(x), pads, axes, has)
	if err != nil {
		return nil, err
	}
	places := 0
	for _, d := range b.OutShape(0) {
		if places += min(d, maxPlaces+1); places > maxPlaces {
			return nil, nil
		}
	}
	s := &padStep{w: w, cell: make([]byte, w), ss: op.Strides(x)}
	switch v, err := tensor.New(b.Type(0)); {
	case err != nil:
		return nil, err
	case o.in < 0:
		v.SetFloatAt(0, o.value)
		copy(s.cell, v.Bytes())
	case b.Has(o.in):
		t := b.Const(o.in)
		if t == nil || t.DType() != b.Type(0) || t.Len() > 1 {
			return nil, nil
		}
		copy(s.cell, t.Bytes())
	}
	for i, d := range x {
		from, err := source(o.mode, d, lo[i], hi[i])
		if err != nil {
			return nil, err
		}
		s.from = append(s.from, from)
	}
	s.row = runs(s.from[len(s.from)-1])
	s.x, s.y = b.In(0), b.Out(0)
	return s, nil
}
