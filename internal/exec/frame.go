// Package exec runs bound plans: a frame is the memory of one run, a run walks
// the plan's steps over it. In steady state a run whose values all have known
// shapes allocates nothing.
package exec

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/parallel"
	"github.com/walnut-ai/walnut/internal/plan"
	"github.com/walnut-ai/walnut/tensor"
)

// frame is the memory of one run of a bound plan.
type frame struct {
	op.Frame
	b     *plan.Bound
	arena []byte
	vals  []tensor.Value // by slot; nil until made
	evals []*evalState   // by step; nil for prepared steps
	rt    op.Runtime
	prof  *Profile
	depth int
}

// evalState is what a step that runs by Eval needs, made once a frame.
type evalState struct {
	f   *frame
	st  *plan.Step
	in  []tensor.Value
	out []tensor.Value
	e   *op.Eval
}

// seeds makes random operators differ from run to run.
var seeds atomic.Uint64

func newFrame(b *plan.Bound) (*frame, error) {
	f := &frame{b: b}
	arena, err := tensor.New(tensor.Uint8, b.Arena)
	if err != nil {
		return nil, err
	}
	f.arena = arena.Bytes()
	b.Program.Shared.Stats.ArenaBytes.Add(int64(b.Arena))
	b.Frames.Created.Add(1)
	f.Tensors = make([]*tensor.Tensor, len(b.Slots))
	f.vals = make([]tensor.Value, len(b.Slots))
	for i := range b.Slots {
		if err := f.initSlot(i); err != nil {
			return nil, err
		}
	}
	f.evals = make([]*evalState, len(b.Steps))
	for i := range b.Steps {
		st := &b.Steps[i]
		if st.Run != nil {
			continue
		}
		es := &evalState{f: f, st: st, in: make([]tensor.Value, len(st.In)), out: make([]tensor.Value, len(st.Out))}
		es.e = op.NewEval(st.Node, &f.rt, es, es.in, es.out)
		f.evals[i] = es
	}
	f.rt.Body = f.runBody
	f.rt.Seed = func() uint64 { return seeds.Add(0x9e3779b97f4a7c15) }
	return f, nil
}

func (f *frame) initSlot(i int) error {
	s := &f.b.Slots[i]
	switch s.Place {
	case plan.Const:
		f.vals[i] = s.Const
		f.Tensors[i], _ = s.Const.(*tensor.Tensor)
	case plan.Arena:
		t := new(tensor.Tensor)
		if err := t.SetHeader(s.DType, s.Dims, f.arena[s.Offset:s.Offset+s.Bytes:s.Offset+s.Bytes]); err != nil {
			return err
		}
		f.Tensors[i], f.vals[i] = t, t
	case plan.View:
		t := new(tensor.Tensor)
		f.Tensors[i], f.vals[i] = t, t
	}
	return nil
}

// Output implements op.Allocator: planned outputs have their place, others
// come from the heap.
func (s *evalState) Output(i int, dt tensor.DType, dims []int) (*tensor.Tensor, error) {
	slot := s.st.Out[i]
	p := &s.f.b.Slots[slot]
	if p.Place == plan.Dynamic {
		return s.f.rt.New(dt, dims)
	}
	if p.DType != dt || !tensor.SameShape(p.Dims, dims) {
		return nil, fmt.Errorf("computed %v%s where inference said %v%s", dt, tensor.ShapeString(dims), p.DType, tensor.ShapeString(p.Dims))
	}
	return s.f.Tensors[slot], nil
}

// run evaluates the step and brings outputs that the operator made itself to their place.
func (s *evalState) run() error {
	for k, slot := range s.st.In {
		if slot >= 0 {
			s.in[k] = s.f.vals[slot]
		}
	}
	clear(s.out)
	if err := s.e.Run(); err != nil {
		return err
	}
	for i, slot := range s.st.Out {
		if slot < 0 {
			continue
		}
		if err := s.settle(slot, s.out[i]); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// settle stores v in slot. Dynamic values must not point into the arena, whose
// memory is reused, so they are copied if they do.
func (s *evalState) settle(slot op.Slot, v tensor.Value) error {
	f := s.f
	if f.b.Slots[slot].Place == plan.Dynamic {
		v, err := f.detach(v)
		if err != nil {
			return err
		}
		f.vals[slot] = v
		f.Tensors[slot], _ = v.(*tensor.Tensor)
		return nil
	}
	t := f.Tensors[slot]
	x, ok := v.(*tensor.Tensor)
	if !ok {
		return fmt.Errorf("%s where inference said %v", tensor.Describe(v), t)
	}
	if x == t {
		return nil
	}
	if x.DType() != t.DType() || !tensor.SameShape(x.Shape(), t.Shape()) {
		return fmt.Errorf("computed %v where inference said %v", x, t)
	}
	return t.CopyFrom(x)
}

// detach returns v, or a copy if any of it lies in the arena.
func (f *frame) detach(v tensor.Value) (tensor.Value, error) {
	if f.inArena(v) {
		return f.rt.Clone(v)
	}
	return v, nil
}

func (f *frame) inArena(v tensor.Value) bool {
	switch v := v.(type) {
	case *tensor.Tensor:
		return overlaps(f.arena, v.Bytes())
	case *tensor.Sequence:
		for _, x := range v.Items {
			if f.inArena(x) {
				return true
			}
		}
	case *tensor.Map:
		return v.Keys != nil && f.inArena(v.Keys) || f.inArena(v.Values)
	case *tensor.Optional:
		return v.Value != nil && f.inArena(v.Value)
	}
	return false
}

// maxDepth bounds the nesting of bodies at run time.
const maxDepth = 64

func (f *frame) runBody(b *graph.Body, in []tensor.Value) ([]tensor.Value, error) {
	if f.depth >= maxDepth {
		return nil, fmt.Errorf("bodies are nested deeper than %d", maxDepth)
	}
	return f.runChild(f.b.Program.Bodies[b], in)
}

func (f *frame) runChild(p *plan.Program, in []tensor.Value) ([]tensor.Value, error) {
	out := make([]tensor.Value, len(p.Graph.Outputs))
	err := run(p, in, out, env{ctx: f.rt.Ctx, team: f.Team, parent: &f.rt, prof: f.prof, depth: f.depth + 1})
	return out, err
}

// env is what a run takes from its surroundings.
type env struct {
	ctx    context.Context
	team   *parallel.Team
	parent *op.Runtime // of a body: its budgets are the parent's
	// budgets of a run without a parent
	bytes, iterations int64
	prof              *Profile
	depth             int
}

// run runs p on in. out holds tensors to write to, or nil for fresh ones.
func run(p *plan.Program, in, out []tensor.Value, e env) (err error) {
	b, err := p.Lookup(in)
	if err != nil {
		return err
	}
	left := e.bytes
	if e.parent != nil {
		left = e.parent.Bytes
	}
	if left -= int64(b.Arena); left < 0 {
		return fmt.Errorf("%w: the plan's memory needs %d bytes, %d are left of the run's memory budget", op.ErrBudget, b.Arena, left+int64(b.Arena))
	}
	f, _ := b.Frames.Get().(*frame)
	stats := &p.Shared.Stats
	n := int64(len(b.Slots))
	stats.Requests.Add(n)
	if f == nil {
		if f, err = newFrame(b); err != nil {
			return err
		}
		b.Frames.OnRelease(releaseFrame)
	} else {
		stats.Reused.Add(n)
	}
	f.Team, f.prof, f.depth = e.team, e.prof, e.depth
	f.rt.Ctx, f.rt.Bytes, f.rt.Iterations = e.ctx, left, e.iterations
	if e.parent != nil {
		f.rt.Iterations = e.parent.Iterations
	}
	step := -1
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
			if step >= 0 && step < len(b.Steps) {
				err = b.Steps[step].Node.Wrap(err)
			}
		}
		if e.parent != nil {
			e.parent.Bytes, e.parent.Iterations = f.rt.Bytes+int64(b.Arena), f.rt.Iterations
		}
		f.finish()
		if !b.Frames.Put(f) {
			releaseFrame(f)
		}
	}()
	if err := f.begin(in, out); err != nil {
		return err
	}
	if err := f.steps(&step); err != nil {
		return err
	}
	return f.end(in, out)
}

func releaseFrame(x any) {
	f := x.(*frame)
	f.b.Program.Shared.Stats.ArenaBytes.Add(-int64(f.b.Arena))
	f.b.Frames.Created.Add(-1)
}

// begin places inputs and outputs.
func (f *frame) begin(in, out []tensor.Value) error {
	b := f.b
	for i, s := range b.Inputs {
		if in[i] == nil {
			continue
		}
		v := in[i]
		t, ok := v.(*tensor.Tensor)
		if ok {
			t = t.Aligned()
			v = t
		}
		f.vals[s], f.Tensors[s] = v, t
	}
	for i, s := range b.Outputs {
		p := &b.Slots[s]
		if p.Place != plan.Output {
			continue
		}
		t, _ := out[i].(*tensor.Tensor)
		if t == nil && f.Tensors[s] == nil {
			var err error
			if t, err = f.rt.New(p.DType, p.Dims); err != nil {
				return fmt.Errorf("output %q: %w", p.Value.Name, err)
			}
		}
		if t == nil {
			continue
		}
		if t.DType() != p.DType || !tensor.SameShape(t.Shape(), p.Dims) {
			return fmt.Errorf("output %q is %v%s, the tensor given for it is %v", p.Value.Name, p.DType, tensor.ShapeString(p.Dims), t)
		}
		f.Tensors[s], f.vals[s] = t, t
	}
	for _, s := range b.Rebind {
		p := &b.Slots[s]
		if err := f.Tensors[s].SetHeader(p.DType, p.Dims, f.Tensors[p.Root].Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// steps walks the plan.
func (f *frame) steps(at *int) error {
	done := f.rt.Ctx.Done()
	for i := range f.b.Steps {
		*at = i
		if done != nil {
			select {
			case <-done:
				return f.rt.Ctx.Err()
			default:
			}
		}
		st := &f.b.Steps[i]
		var start time.Time
		if f.prof != nil {
			start = time.Now()
		}
		var err error
		if st.Run != nil {
			err = st.Run.Run(&f.Frame)
		} else {
			err = f.evals[i].run()
		}
		if err != nil {
			if f.rt.Ctx.Err() != nil {
				return f.rt.Ctx.Err()
			}
			return st.Node.Wrap(err)
		}
		if f.prof != nil {
			f.prof.add(st, f.Tensors, time.Since(start))
		}
	}
	if f.Team.Stopped() {
		if err := f.rt.Ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// end hands the outputs over. A value that is the caller's, a weight or memory
// of the arena is copied: outputs own their memory.
func (f *frame) end(in, out []tensor.Value) error {
	for i, s := range f.b.Outputs {
		p := &f.b.Slots[s]
		v := f.vals[s]
		if v == nil {
			return fmt.Errorf("output %q was not computed", p.Value.Name)
		}
		given, _ := out[i].(*tensor.Tensor)
		if given != nil {
			if t, ok := v.(*tensor.Tensor); ok && t != given {
				if t.DType() != given.DType() || !tensor.SameShape(t.Shape(), given.Shape()) {
					return fmt.Errorf("output %q is %v, the tensor given for it is %v", p.Value.Name, t, given)
				}
				if err := given.CopyFrom(t); err != nil {
					return err
				}
			} else if !ok {
				return fmt.Errorf("output %q is %s, not a tensor", p.Value.Name, tensor.Describe(v))
			}
			continue
		}
		if p.Place == plan.Output && firstUse(f.b.Outputs, i) {
			out[i] = v
			continue
		}
		c, err := f.rt.Clone(v)
		if err != nil {
			return fmt.Errorf("output %q: %w", p.Value.Name, err)
		}
		out[i] = c
	}
	return nil
}

func firstUse(outs []op.Slot, i int) bool {
	for _, s := range outs[:i] {
		if s == outs[i] {
			return false
		}
	}
	return true
}

// finish drops what belongs to the run, so that an idle frame holds only its own memory.
func (f *frame) finish() {
	for i := range f.b.Slots {
		switch f.b.Slots[i].Place {
		case plan.Input:
			f.Tensors[i], f.vals[i] = nil, nil
		case plan.Output, plan.Dynamic:
			f.Tensors[i], f.vals[i] = nil, nil
		}
	}
	for _, e := range f.evals {
		if e != nil {
			clear(e.in)
			clear(e.out)
		}
	}
	f.rt.Ctx, f.Team, f.prof = nil, nil, nil
}
