package plan

import (
	"sort"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// place prepares the steps and gives every slot its place.
func (k *binder) place() error {
	b := k.b
	isOut := map[op.Slot]bool{}
	for _, v := range k.p.Graph.Outputs {
		s := k.p.slots[v]
		b.Outputs = append(b.Outputs, s)
		isOut[s] = true
	}
	for _, n := range k.nodes {
		for _, v := range n.Outputs {
			if v == nil {
				continue
			}
			s := k.p.slots[v]
			t := k.facts[s].Type
			switch {
			case t.Kind != graph.KindTensor || t.Elem == tensor.Invalid || t.Elem == tensor.String || !t.Shape.Known():
				b.Slots[s].Place, b.Slots[s].DType = Dynamic, t.Elem
			case isOut[s]:
				k.set(s, Output, t.Elem, t.Shape.Ints())
			default:
				k.set(s, Arena, t.Elem, t.Shape.Ints())
			}
			if k.err != nil {
				return n.Wrap(k.err)
			}
		}
	}
	var scratch [][]op.Slot
	for _, n := range k.nodes {
		st, tmp, err := k.step(n, isOut)
		if err != nil {
			return err
		}
		if st != nil {
			b.Steps = append(b.Steps, *st)
			scratch = append(scratch, tmp)
		}
	}
	k.prune()
	k.align()
	k.offsets(scratch)
	return k.err
}

// step prepares n. A view needs no step: nil.
func (k *binder) step(n *graph.Node, isOut map[op.Slot]bool) (*Step, []op.Slot, error) {
	k.at = n
	st := &Step{Node: n}
	for _, v := range n.Inputs {
		if v == nil {
			st.In = append(st.In, op.NoSlot)
		} else {
			st.In = append(st.In, k.p.slots[v])
		}
	}
	static := true
	for _, v := range n.Outputs {
		if v == nil {
			st.Out = append(st.Out, op.NoSlot)
			continue
		}
		s := k.p.slots[v]
		st.Out = append(st.Out, s)
		static = static && k.b.Slots[s].Place != Dynamic
	}
	for _, s := range st.In {
		static = static && (s < 0 || k.b.Slots[s].DType != tensor.Invalid && k.b.Slots[s].Place != Dynamic)
	}
	o := op.Of(n).Op
	if k.view(o, st, isOut, static) {
		return nil, nil, nil
	}
	var tmp []op.Slot
	if pr, ok := o.(op.Preparer); ok && static && !k.p.Shared.NoPrepare {
		run, bc, err := k.prepareStep(pr, n, st)
		if err != nil {
			return nil, nil, n.Wrap(err)
		}
		if run != nil {
			st.Run, st.reads, tmp = run, bc.reads, bc.scratch
		}
	}
	for _, b := range n.Bodies {
		for _, v := range b.Captures {
			st.In = append(st.In, k.p.slots[v])
		}
	}
	return st, tmp, nil
}

// view makes output 0 a view of input 0 where the operator allows it and nobody
// else owns the output.
func (k *binder) view(o op.Op, st *Step, isOut map[op.Slot]bool, static bool) bool {
	if _, ok := o.(op.Viewer); !ok || !static || st.Out[0] < 0 || isOut[st.Out[0]] {
		return false
	}
	x, y := &k.b.Slots[st.In[0]], &k.b.Slots[st.Out[0]]
	if x.Bytes != y.Bytes || x.DType != y.DType || x.Place == Unused {
		return false
	}
	y.Place, y.Root = View, st.In[0]
	return true
}

// align copies constants that steps read through typed views and that lie unaligned.
func (k *binder) align() {
	seen := map[op.Slot]bool{}
	for _, st := range k.b.Steps {
		reads := st.In
		if st.Run != nil {
			reads = st.reads
		}
		for _, s := range reads {
			if s < 0 || seen[s] {
				continue
			}
			r := k.root(s)
			seen[s] = true
			x := &k.b.Slots[r]
			if t, ok := x.Const.(*tensor.Tensor); ok && x.Place == Const {
				x.Const = k.p.Shared.Packs.aligned(t, &k.p.Shared.Stats)
			}
		}
	}
	for _, s := range k.b.Outputs {
		x := &k.b.Slots[k.root(s)]
		if t, ok := x.Const.(*tensor.Tensor); ok && x.Place == Const {
			x.Const = k.p.Shared.Packs.aligned(t, &k.p.Shared.Stats)
		}
	}
}

// root follows views to the slot that owns the memory.
func (k *binder) root(s op.Slot) op.Slot {
	for k.b.Slots[s].Place == View {
		s = k.b.Slots[s].Root
	}
	return s
}

// buffer is memory of the arena during the steps [from, to].
type buffer struct {
	bytes, from, to, offset int
	slots                   []op.Slot
}

// offsets merges slots that share memory, finds their lifetimes and packs them
// into the arena: largest first, each at the lowest offset that is free for
// all of its life.
func (k *binder) offsets(scratch [][]op.Slot) {
	b := k.b
	buf := map[op.Slot]*buffer{}
	last := map[op.Slot]int{} // of roots
	for i, st := range b.Steps {
		for _, s := range st.In {
			if s >= 0 {
				last[k.root(s)] = i
			}
		}
	}
	for _, s := range b.Outputs { // views of arena memory copied out at the end
		last[k.root(s)] = len(b.Steps)
	}
	var all []*buffer
	for i, st := range b.Steps {
		for oi, s := range st.Out {
			if s < 0 || b.Slots[s].Place != Arena {
				continue
			}
			end, used := last[s]
			if !used {
				end = i
			}
			if x := k.reuse(&st, oi, i, last, buf); x != nil {
				x.to, x.slots = max(x.to, end), append(x.slots, s)
				buf[s] = x
				continue
			}
			x := &buffer{bytes: b.Slots[s].Bytes, from: i, to: end, slots: []op.Slot{s}}
			buf[s] = x
			all = append(all, x)
		}
		for _, s := range scratch[i] {
			all = append(all, &buffer{bytes: b.Slots[s].Bytes, from: i, to: i, slots: []op.Slot{s}})
		}
	}
	k.pack(all)
	for s := range b.Slots {
		x := &b.Slots[s]
		if x.Place != View {
			continue
		}
		r := k.root(op.Slot(s))
		switch y := &b.Slots[r]; y.Place {
		case Arena:
			x.Place, x.Offset = Arena, y.Offset
		case Const:
			if t, ok := y.Const.(*tensor.Tensor); ok {
				if v, err := t.Reshaped(x.Dims...); err == nil {
					x.Place, x.Const = Const, v
				}
			}
		default:
			x.Root = r
			b.Rebind = append(b.Rebind, op.Slot(s))
		}
	}
}

// reuse returns the buffer of an input that output oi of step i may overwrite:
// the input's last use, of the same size, read by no other input of the step.
func (k *binder) reuse(st *Step, oi, i int, last map[op.Slot]int, buf map[op.Slot]*buffer) *buffer {
	w, ok := op.Of(st.Node).Op.(op.Overwriter)
	if !ok {
		return nil
	}
	y := &k.b.Slots[st.Out[oi]]
	for _, in := range w.Overwrites(oi) {
		if in >= len(st.In) || st.In[in] < 0 {
			continue
		}
		r := k.root(st.In[in])
		x := &k.b.Slots[r]
		if x.Place != Arena || x.Bytes != y.Bytes || x.DType != y.DType || last[r] != i || buf[r] == nil || buf[r].to != i {
			continue
		}
		shared := false
		for j, s := range st.In {
			shared = shared || j != in && s >= 0 && k.root(s) == r
		}
		for j, s := range st.Out {
			shared = shared || j < oi && s >= 0 && buf[s] == buf[r]
		}
		if !shared || sameDims(k.b.Slots[st.In[in]].Dims, y.Dims) && len(st.Out) == 1 {
			return buf[r]
		}
	}
	return nil
}

func sameDims(a, b []int) bool { return tensor.SameShape(a, b) }

// pack gives the buffers their offsets.
func (k *binder) pack(all []*buffer) {
	b := k.b
	sort.SliceStable(all, func(i, j int) bool { return all[i].bytes > all[j].bytes })
	var placed []*buffer // by offset
	live := make([]int, len(b.Steps)+2)
	for _, x := range all {
		if !k.fits(x.bytes) {
			return
		}
		size := (x.bytes + 63) &^ 63
		at := 0
		for _, y := range placed {
			if y.to < x.from || y.from > x.to {
				continue
			}
			if y.offset-at >= size {
				break
			}
			at = max(at, y.offset+(y.bytes+63)&^63)
		}
		if !k.fits(at) || !k.fits(at+size) {
			return
		}
		x.offset = at
		i := sort.Search(len(placed), func(i int) bool { return placed[i].offset > at })
		placed = append(placed, nil)
		copy(placed[i+1:], placed[i:])
		placed[i] = x
		b.Arena = max(b.Arena, at+size)
		b.Buffers += size
		for s := x.from; s <= x.to; s++ {
			live[s] += size
		}
		for _, s := range x.slots {
			b.Slots[s].Offset = at
		}
	}
	for _, n := range live {
		b.Live = max(b.Live, n)
	}
}

// bindCtx is the op.Bind of one node.
type bindCtx struct {
	k       *binder
	n       *graph.Node
	st      *Step
	scratch []op.Slot
	reads   []op.Slot // inputs that the step asked for
}

func (c *bindCtx) slotOf(in int) op.Slot {
	if in >= len(c.n.Inputs) {
		return op.NoSlot
	}
	return c.st.In[in]
}

func (c *bindCtx) NIn() int         { return len(c.n.Inputs) }
func (c *bindCtx) Has(in int) bool  { return c.slotOf(in) >= 0 }
func (c *bindCtx) Wants(o int) bool { return c.Out(o) >= 0 }
func (c *bindCtx) Threads() int     { return max(1, c.k.p.Shared.Threads) }
func (c *bindCtx) In(in int) op.Slot {
	s := c.slotOf(in)
	c.reads = append(c.reads, s)
	return s
}

func (c *bindCtx) Out(o int) op.Slot {
	if o >= len(c.st.Out) {
		return op.NoSlot
	}
	return c.st.Out[o]
}

func (c *bindCtx) Type(in int) tensor.DType {
	if s := c.slotOf(in); s >= 0 {
		return c.k.b.Slots[s].DType
	}
	return tensor.Invalid
}

func (c *bindCtx) Shape(in int) []int {
	if s := c.slotOf(in); s >= 0 {
		return c.k.b.Slots[s].Dims
	}
	return nil
}

func (c *bindCtx) OutType(o int) tensor.DType {
	if s := c.Out(o); s >= 0 {
		return c.k.b.Slots[s].DType
	}
	return tensor.Invalid
}

func (c *bindCtx) OutShape(o int) []int {
	if s := c.Out(o); s >= 0 {
		return c.k.b.Slots[s].Dims
	}
	return nil
}

func (c *bindCtx) Const(in int) *tensor.Tensor {
	s := c.slotOf(in)
	if s < 0 {
		return nil
	}
	t, _ := c.k.facts[s].Const.(*tensor.Tensor)
	return t
}

func (c *bindCtx) add(s Slot) op.Slot {
	c.k.b.Slots = append(c.k.b.Slots, s)
	return op.Slot(len(c.k.b.Slots) - 1)
}

func (c *bindCtx) Pack(in int, kind string, mk func(w *tensor.Tensor) (any, int)) any {
	sh := c.k.p.Shared
	w := c.Const(in)
	return sh.Packs.get(w, kind, &sh.Stats.PackBytes, func() (any, int) { return mk(w.Aligned()) })
}

func (c *bindCtx) Scratch(bytes int) op.Slot {
	s := c.add(Slot{Place: Arena, DType: tensor.Uint8, Dims: []int{bytes}, Bytes: bytes})
	c.scratch = append(c.scratch, s)
	return s
}
