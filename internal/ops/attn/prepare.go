package attn

import (
	"math"

	kattn "github.com/walnut-ai/walnut/internal/kernel/attn"
	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// operand is what heads is to Eval: vectors of float32 in a slot.
type operand struct {
	slot       op.Slot
	b, n, s, d int
	v          kattn.View
}

// bnshIn reads [batch, heads, sequence, head size].
func bnshIn(slot op.Slot, b, n, s, d int) operand {
	return operand{slot, b, n, s, d, kattn.View{B: n * s * d, H: s * d, S: d}}
}

// partIn reads n heads of size d from column off on of [batch, sequence, hidden].
func partIn(slot op.Slot, dims []int, n, d, off int) operand {
	return operand{slot, dims[0], n, dims[1], d, kattn.View{Off: off, B: dims[1] * dims[2], H: d, S: dims[2]}}
}

// splitIn reads input in, of rank 4, or of rank 3 with n heads; false if it is neither.
func splitIn(b op.Bind, in, n int) (operand, bool) {
	d := b.Shape(in)
	switch {
	case b.Type(in) != tensor.Float32:
	case len(d) == 4:
		return bnshIn(b.In(in), d[0], d[1], d[2], d[3]), true
	case len(d) == 3 && n > 0 && d[2]%n == 0:
		return partIn(b.In(in), d, n, d[2]/n, 0), true
	}
	return operand{}, false
}

// size returns the number of elements of x.
func (x *operand) size() int { return x.b * x.n * x.s * x.d }

// copyStep copies vectors from one layout to another and adds a bias.
type copyStep struct {
	from, to operand // to has the sizes of from, or room for more vectors
	at       int     // the first vector of to
	bias     op.Slot // with element h*d+i at off + h*d+i; NoSlot: none
	off      int
}

// Run implements op.Step.
func (s *copyStep) Run(f *op.Frame) error {
	src, dst, bias := f.F32(s.from.slot), f.F32(s.to.slot), f.F32(s.bias)
	x, d := &s.from, s.from.d
	for b := range x.b {
		for h := range x.n {
			if bias == nil && x.v.S == d && s.to.v.S == d {
				copy(dst[s.to.v.At(b, h, s.at):][:x.s*d], src[x.v.At(b, h, 0):])
				continue
			}
			for i := range x.s {
				to, from := dst[s.to.v.At(b, h, s.at+i):][:d], src[x.v.At(b, h, i):][:d]
				if bias == nil {
					copy(to, from)
				} else {
					vec.Add(to, from, bias[s.off+h*d:])
				}
			}
		}
	}
	return nil
}

// biasSlot is a kattn.Bias whose data is in a slot.
type biasSlot struct {
	slot    op.Slot
	b, h, i int
	n       int
}

// attnStep is an attention: steps that put its operands in place, and the kernel.
type attnStep struct {
	pre        []op.Step
	plan       *kattn.Plan
	q, k, v, y op.Slot
	// ranges fills in which keys a query sees; nil: all.
	ranges  func(f *op.Frame, lo, hi []int32) error
	span    [2]op.Slot
	bias    [2]biasSlot
	mask    biasSlot
	sink    op.Slot
	zeros   []float32 // the sink, where it is no input
	scratch op.Slot
}

// Run implements op.Step.
func (s *attnStep) Run(f *op.Frame) error {
	for _, p := range s.pre {
		if err := p.Run(f); err != nil {
			return err
		}
	}
	a := kattn.Args{Q: f.F32(s.q), K: f.F32(s.k), V: f.F32(s.v), Y: f.F32(s.y), Sink: f.F32(s.sink)}
	if s.zeros != nil {
		a.Sink = s.zeros
	}
	if s.ranges != nil {
		a.Lo, a.Hi = f.I32(s.span[0]), f.I32(s.span[1])
		if err := s.ranges(f, a.Lo, a.Hi); err != nil {
			return err
		}
	}
	for i, b := range s.bias {
		a.Bias[i] = kattn.Bias{Data: f.F32(b.slot), B: b.b, H: b.h, I: b.i, N: b.n}
	}
	if s.mask.slot >= 0 {
		a.Mask = kattn.Mask{Data: f.Bytes(s.mask.slot), B: s.mask.b, H: s.mask.h, I: s.mask.i}
	}
	s.plan.Run(f.Team, &a, f.F32(s.scratch))
	return nil
}

// newStep makes a step without bias, mask and sink.
func newStep() *attnStep {
	none := biasSlot{slot: op.NoSlot}
	return &attnStep{bias: [2]biasSlot{none, none}, mask: none, sink: op.NoSlot}
}

// fits reports whether q, k and v go together and none is empty.
func fits(q, k, v *operand) bool {
	a := attention{q: heads{b: q.b, n: q.n, s: q.s, d: q.d}, k: heads{b: k.b, n: k.n, s: k.s, d: k.d}, v: heads{b: v.b, n: v.n, s: v.s, d: v.d}}
	return a.check() == nil && min(q.size(), k.size(), v.size()) > 0
}

// finish plans the kernel. y has the layout of the queries' heads with v's size.
func (s *attnStep) finish(b op.Bind, q, k, v, y *operand, scale, softcap float64) (op.Step, error) {
	s.q, s.k, s.v, s.y = q.slot, k.slot, v.slot, y.slot
	s.plan = kattn.New(kattn.Shape{Batch: q.b, Heads: q.n, KVHeads: k.n, Queries: q.s, Keys: k.s, Size: q.d, ValueSize: v.d,
		Q: q.v, K: k.v, V: v.v, Y: y.v, Scale: float32(scale), Softcap: float32(softcap), Ranged: s.ranges != nil})
	if s.ranges != nil {
		s.span = [2]op.Slot{b.Scratch(4 * q.b * q.s), b.Scratch(4 * q.b * q.s)}
	}
	s.scratch = b.Scratch(4 * s.plan.ScratchSize(b.Threads()))
	return s, nil
}

// join is join for slots: past, input in, and cur behind it, in output out or
// scratch memory. It adds what copies them.
func (s *attnStep) join(b op.Bind, in, out int, cur operand) (operand, bool) {
	p := 0
	if in >= 0 && b.Has(in) {
		d := b.Shape(in)
		if len(d) != 4 || d[0] != cur.b || d[1] != cur.n || d[3] != cur.d || b.Type(in) != tensor.Float32 {
			return cur, false
		}
		p = d[2]
	} else if !b.Wants(out) {
		return cur, true
	}
	all := bnshIn(op.NoSlot, cur.b, cur.n, p+cur.s, cur.d)
	all.slot = place(b, out, all.size())
	if p > 0 {
		s.pre = append(s.pre, &copyStep{from: bnshIn(b.In(in), cur.b, cur.n, p, cur.d), to: all, bias: op.NoSlot})
	}
	s.pre = append(s.pre, &copyStep{from: cur, to: all, at: p, bias: op.NoSlot})
	return all, true
}

// place returns the slot of an output, or scratch memory for n float32 where it is absent.
func place(b op.Bind, out, n int) op.Slot {
	if b.Wants(out) {
		return b.Out(out)
	}
	return b.Scratch(4 * n)
}

// Prepare runs float32 without an output of scores.
func (o *onnxAttention) Prepare(b op.Bind) (op.Step, error) {
	q, okQ := splitIn(b, 0, o.qHeads)
	k, okK := splitIn(b, 1, o.kv)
	v, okV := splitIn(b, 2, o.kv)
	if !b.Wants(0) || !okQ || !okK || !okV || !fits(&q, &k, &v) || b.Wants(3) || o.precision == tensor.Float16 || o.precision == tensor.BFloat16 ||
		b.Has(6) && (b.Type(6) != tensor.Int64 || op.Prod(b.Shape(6)) != q.b) {
		return nil, nil
	}
	qs := sqrtScale(o.scale, o.ownScale, q.d)
	if qs == 0 {
		return nil, nil
	}
	s, cur := newStep(), k.s
	if k, okK = s.join(b, 4, 1, k); !okK {
		return nil, nil
	}
	if v, okV = s.join(b, 5, 2, v); !okV || v.s != k.s {
		return nil, nil
	}
	n, ok := s.onnxMask(b, &q, &k)
	if !ok {
		return nil, nil
	}
	if o.causal || o.left >= 0 || o.right >= 0 || o.nonpad || n < k.s {
		lens := op.NoSlot
		if o.nonpad {
			lens = b.In(6)
		}
		s.ranges = o.ranges(lens, q.b, q.s, k.s, k.s-cur, n)
	}
	y := bnshIn(b.Out(0), q.b, q.n, q.s, v.d)
	if len(b.Shape(0)) == 3 {
		y = partIn(b.Out(0), []int{q.b, q.s, q.n * v.d}, q.n, v.d, 0)
	}
	return s.finish(b, &q, &k, &v, &y, qs*math.Abs(qs), max(o.softcap, 0))
}

// ranges returns what finds the keys that queries see, of which there are at most n.
func (o *onnxAttention) ranges(lens op.Slot, batch, queries, keys, past, n int) func(f *op.Frame, lo, hi []int32) error {
	far := keys + queries
	return func(f *op.Frame, lo, hi []int32) error {
		nonpad := f.I64(lens)
		for b := range batch {
			shift, end := past, n
			if nonpad != nil {
				m := clamp(int(max(-1<<31, min(nonpad[b], 1<<31-1))), far)
				shift, end = m-queries, min(max(m, 0), n)
			}
			for i := range queries {
				l, h, pos := 0, end, i+shift
				if o.causal {
					h = min(h, pos+1)
				}
				if o.left >= 0 {
					l = max(l, pos-clamp(o.left, far))
				}
				if o.right >= 0 {
					h = min(h, pos+clamp(o.right, far)+1)
				}
				lo[b*queries+i], hi[b*queries+i] = int32(l), int32(h)
			}
		}
		return nil
	}
}

// onnxMask takes in attn_mask (input 3) and returns how many keys it has.
func (s *attnStep) onnxMask(b op.Bind, q, k *operand) (int, bool) {
	if !b.Has(3) {
		return k.s, true
	}
	dims := b.Shape(3)
	r := len(dims)
	if r == 0 || r > 4 || dims[r-1] > k.s || dims[r-1] == 0 {
		return 0, false
	}
	want, st := [4]int{q.b, q.n, q.s, k.s}, op.Strides(dims)
	var strides [4]int
	for i := range dims[:r-1] {
		at := 4 - r + i
		if dims[i] != want[at] && dims[i] != 1 {
			return 0, false
		}
		if dims[i] != 1 {
			strides[at] = st[i]
		}
	}
	m := biasSlot{b.In(3), strides[0], strides[1], strides[2], dims[r-1]}
	switch b.Type(3) {
	case tensor.Float32:
		s.bias[0] = m
	case tensor.Bool:
		s.mask = m
	default:
		return 0, false
	}
	return m.n, true
}
