package attn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// groupStep puts the operands of GroupQueryAttention in place: the queries in
// scratch memory where they are normalised or rotated, keys and values behind
// those of the past. It notes for each batch entry how many keys there are.
type groupStep struct {
	o        *groupQuery
	q, k, v  operand
	turned   operand // where the queries go; no slot: they stay
	past     [2]op.Slot
	all      [2]operand // caches with room for past and new ones
	pastLen  int
	total    int
	lens     op.Slot
	ids      op.Slot
	idsPitch int
	cos, sin op.Slot
	half     int // pairs that rotate
	places   int // rows of the caches of angles
	norm     [2]op.Slot
	keys     op.Slot // [B]
}

// Run implements op.Step.
func (s *groupStep) Run(f *op.Frame) error {
	lens, keys := f.I32(s.lens), f.I32(s.keys)
	room := s.all[0].s
	for b, l := range lens {
		if l < 0 || int(l) >= room {
			return fmt.Errorf("batch entry %d has %d keys, must be 1 to total_sequence_length = %d", b, int64(l)+1, s.total)
		}
		t := int(l) + 1
		if rows := t - min(s.k.s, t); rows > s.pastLen {
			return fmt.Errorf("batch entry %d has %d keys before the new ones, the cache holds %d", b, rows, s.pastLen)
		}
		keys[b] = int32(t)
		if s.turned.slot >= 0 {
			if err := s.turn(f, &s.q, &s.turned, b, 0, s.q.s, t-min(s.q.s, t), min(s.q.s, t), s.norm[0], 0); err != nil {
				return err
			}
		}
		for i, x := range []*operand{&s.k, &s.v} {
			if err := s.cache(f, x, i, b, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// cache fills batch entry b of keys (i = 0) or values (1) with t vectors.
func (s *groupStep) cache(f *op.Frame, x *operand, i, b, t int) error {
	all := &s.all[i]
	n := min(x.s, t)
	rows := t - n
	n = min(x.s, all.s-rows) // padding too: what lies behind t is never read
	past, dst := f.F32(s.past[i]), f.F32(all.slot)
	d := all.d
	for h := range all.n {
		to := dst[all.v.At(b, h, 0):][:all.s*d]
		if rows > 0 {
			copy(to[:rows*d], past[((b*all.n)+h)*s.pastLen*d:])
		}
		clear(to[(rows+n)*d:])
	}
	if i == 0 && (s.half > 0 || s.norm[1] >= 0) {
		return s.turn(f, x, all, b, rows, n, t-min(x.s, t), min(s.q.s, t), s.norm[1], 1)
	}
	src := f.F32(x.slot)
	for h := range x.n {
		for j := range n {
			copy(dst[all.v.At(b, h, rows+j):][:d], src[x.v.At(b, h, j):])
		}
	}
	return nil
}

// turn writes the first n vectors of batch entry b of x, normalised and rotated,
// to y from vector at on. first is the position of the first one; the positions of
// the first count vectors must be within the caches of angles. which is 0 for
// queries and 1 for keys.
func (s *groupStep) turn(f *op.Frame, x, y *operand, b, at, n, first, count int, norm op.Slot, which int) error {
	src, dst, cos, sin, weight := f.F32(x.slot), f.F32(y.slot), f.F32(s.cos), f.F32(s.sin), f.F32(norm)
	ids := f.I64(s.ids)
	for j := range n {
		p := int64(first + j)
		if ids != nil && j < s.idsPitch {
			p = ids[b*s.idsPitch+j]
		}
		inside := s.half > 0 && p >= 0 && p < int64(s.places)
		if s.half > 0 && !inside && j < count {
			return fmt.Errorf("position %d is outside the caches' %d", p, s.places)
		}
		for h := range x.n {
			to, from := dst[y.v.At(b, h, at+j):][:x.d], src[x.v.At(b, h, j):][:x.d]
			if weight != nil {
				vec.RMSNorm(to, from, weight, float32(s.o.eps[which]))
				from = to
			}
			if inside {
				rotate32(to, from, cos[int(p)*s.half:][:s.half], sin[int(p)*s.half:][:s.half], s.o.inter)
			} else if weight == nil {
				copy(to, from)
			}
		}
	}
	return nil
}

// Prepare runs float32 without sliding caches, blocks, chunks and an output of scores.
func (o *groupQuery) Prepare(b op.Bind) (op.Step, error) {
	has := func(in int) bool { return in >= 0 && b.Has(in) }
	dims, in := b.Shape(0), &o.in
	if !b.Wants(0) || o.sliding || o.block > 0 || o.scale < 0 || has(in.chunk) || b.Wants(3) || b.Type(0) != tensor.Float32 || len(dims) != 3 || op.Prod(dims) == 0 {
		return nil, nil
	}
	s := &groupStep{o: o, turned: operand{slot: op.NoSlot}, ids: op.NoSlot, cos: op.NoSlot, sin: op.NoSlot,
		past: [2]op.Slot{op.NoSlot, op.NoSlot}, norm: [2]op.Slot{op.NoSlot, op.NoSlot}}
	if !s.operands(b, dims) || !s.lengths(b) || !s.rotation(b) {
		return nil, nil
	}
	a := newStep()
	a.pre = []op.Step{s}
	q := s.q
	if s.half > 0 || s.norm[0] >= 0 {
		s.turned = bnshIn(b.Scratch(4*q.size()), q.b, q.n, q.s, q.d)
		q = s.turned
	}
	for i := range s.all {
		x := bnshIn(op.NoSlot, q.b, o.kv, max(s.pastLen, s.total), q.d)
		x.slot = place(b, 1+i, x.size())
		s.all[i] = x
	}
	s.keys = b.Scratch(4 * q.b)
	if has(in.bias) {
		var ok bool
		if a.bias[0], ok = biasIn(b, in.bias, &q, s.total); !ok {
			return nil, nil
		}
	}
	switch {
	case has(in.sink):
		if b.Type(in.sink) != tensor.Float32 || !tensor.SameShape(b.Shape(in.sink), []int{q.n}) {
			return nil, nil
		}
		a.sink = b.In(in.sink)
	case o.smooth:
		a.zeros = make([]float32, q.n)
	}
	a.ranges = s.ranges
	y := partIn(b.Out(0), []int{q.b, q.s, q.n * q.d}, q.n, q.d, 0)
	if !fits(&q, &s.all[0], &s.all[1]) {
		return nil, nil
	}
	return a.finish(b, &q, &s.all[0], &s.all[1], &y, scaleFor(o.scale, q.d), o.softcap)
}

// ranges fills in which keys the queries see.
func (s *groupStep) ranges(f *op.Frame, lo, hi []int32) error {
	n := s.q.s
	for b, t := range f.I32(s.keys) {
		for i := range n {
			l, h := 0, int(t)
			if s.o.causal {
				p := int(t) - min(n, int(t)) + i
				h = min(h, p+1)
				if s.o.window > 0 {
					l = max(l, p+1-s.o.window)
				}
			}
			lo[b*n+i], hi[b*n+i] = int32(l), int32(h)
		}
	}
	return nil
}

// operands reads query, key and value.
func (s *groupStep) operands(b op.Bind, dims []int) bool {
	o := s.o
	all := o.heads
	if !b.Has(1) {
		all += 2 * o.kv
	}
	if dims[2]%all != 0 {
		return false
	}
	d := dims[2] / all
	s.q = partIn(b.In(0), dims, o.heads, d, 0)
	if !b.Has(1) {
		s.k, s.v = partIn(b.In(0), dims, o.kv, d, o.heads*d), partIn(b.In(0), dims, o.kv, d, (o.heads+o.kv)*d)
		return true
	}
	for i, x := range []*operand{&s.k, &s.v} {
		k := b.Shape(1 + i)
		if len(k) != 3 || k[0] != dims[0] || k[2] != o.kv*d || k[1] != b.Shape(1)[1] || b.Type(1+i) != tensor.Float32 {
			return false
		}
		*x = partIn(b.In(1+i), k, o.kv, d, 0)
	}
	return true
}

// lengths reads the past, and the total, which must be known.
func (s *groupStep) lengths(b op.Bind) bool {
	in := &s.o.in
	for i := range 2 {
		if !b.Has(in.past + i) {
			continue
		}
		p := b.Shape(in.past + i)
		if len(p) != 4 || p[0] != s.q.b || p[1] != s.o.kv || p[3] != s.q.d || i == 1 && p[2] != s.pastLen || b.Type(in.past+i) != tensor.Float32 {
			return false
		}
		s.pastLen, s.past[i] = p[2], b.In(in.past+i)
	}
	t := b.Const(in.total)
	if t == nil || t.Len() != 1 || t.IntAt(0) < 0 || t.IntAt(0) > 1<<30 || b.Type(in.lens) != tensor.Int32 || op.Prod(b.Shape(in.lens)) != s.q.b {
		return false
	}
	s.total, s.lens = int(t.IntAt(0)), b.In(in.lens)
	return true
}

// rotation reads the caches of angles, positions, and the weights of norms.
func (s *groupStep) rotation(b op.Bind) bool {
	o, in := s.o, &s.o.in
	if s.o.rotary {
		c := b.Shape(in.cos)
		if b.Type(in.cos) != tensor.Float32 || b.Type(in.sin) != tensor.Float32 || len(c) != 2 || 2*c[1] > s.q.d || c[1] == 0 || !tensor.SameShape(c, b.Shape(in.sin)) {
			return false
		}
		s.places, s.half, s.cos, s.sin = c[0], c[1], b.In(in.cos), b.In(in.sin)
	}
	if o.rotary && in.positions >= 0 && b.Has(in.positions) {
		p := b.Shape(in.positions)
		if b.Type(in.positions) != tensor.Int64 || !tensor.SameShape(p, []int{s.q.b, s.q.s}) {
			return false
		}
		s.ids, s.idsPitch = b.In(in.positions), s.q.s
	}
	if in.norm < 0 || !b.Has(in.norm) {
		return true
	}
	for i := range s.norm {
		if b.Type(in.norm+i) != tensor.Float32 || !tensor.SameShape(b.Shape(in.norm+i), []int{s.q.d}) {
			return false
		}
		s.norm[i] = b.In(in.norm + i)
	}
	return true
}
