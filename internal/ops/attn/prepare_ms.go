package attn

import (
	kattn "github.com/walnut-ai/walnut/internal/kernel/attn"
	"github.com/walnut-ai/walnut/internal/kernel/gemm"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// projection is x·w + bias by kernel/gemm.
type projection struct {
	plan             gemm.Plan
	args             gemm.Args
	x, w, bias, y, t op.Slot
}

// Run implements op.Step.
func (p *projection) Run(f *op.Frame) error {
	a := p.args
	a.A, a.B, a.C, a.BiasCol = f.F32(p.x), f.F32(p.w), f.F32(p.y), f.F32(p.bias)
	p.plan.Run(f.Team, &a, f.F32(p.t))
	return nil
}

// project prepares inputs 0 [B,S,D] times 1 [D,N] plus bias into scratch memory.
func (s *attnStep) project(b op.Bind, bias int) op.Slot {
	x, w := b.Shape(0), b.Shape(1)
	m, k, n := x[0]*x[1], w[0], w[1]
	p := &projection{x: b.In(0), w: op.NoSlot, bias: op.NoSlot, args: gemm.Args{LDA: k, LDB: n, LDC: n, Alpha: 1}}
	shape := gemm.Shape{M: m, N: n, K: k}
	if b.Const(1) != nil {
		shape.B = gemm.IsPacked
		p.args.Packed = b.Pack(1, "gemm", func(t *tensor.Tensor) (any, int) {
			return gemm.PackB(nil, tensor.Of[float32](t), n, k, n, false), 4 * gemm.PackedSize(k, n)
		}).(*gemm.Packed)
	} else {
		p.w = b.In(1)
	}
	if b.Has(bias) {
		p.bias = b.In(bias)
	}
	p.plan = gemm.NewPlan(shape)
	p.y, p.t = b.Scratch(4*m*n), b.Scratch(4*p.plan.ScratchSize(b.Threads()))
	s.pre = append(s.pre, p)
	return p.y
}

// Prepare runs float32 without shared caches and beams.
func (o *msAttention) Prepare(b op.Bind) (op.Step, error) {
	x, w, in := b.Shape(0), b.Shape(1), &o.in
	if !b.Wants(0) || b.Type(0) != tensor.Float32 || b.Type(1) != tensor.Float32 || o.in.quant >= 0 || o.share || o.scale < 0 ||
		len(x) != 3 || len(w) != 2 || w[0] != x[2] || min(op.Prod(x), op.Prod(w)) == 0 ||
		in.beams >= 0 && b.Has(in.beams) || in.indirection >= 0 && b.Has(in.indirection) ||
		b.Has(in.bias) && (b.Type(in.bias) != tensor.Float32 || !tensor.SameShape(b.Shape(in.bias), w[1:])) {
		return nil, nil
	}
	n := o.heads
	d, err := sizes(o.hidden, w[1], n)
	if err != nil {
		return nil, nil // Eval tells why
	}
	s := newStep()
	qkv, dims := s.project(b, in.bias), []int{x[0], x[1], w[1]}
	q, k, v := partIn(qkv, dims, n, d[0]/n, 0), partIn(qkv, dims, n, d[1]/n, d[0]), partIn(qkv, dims, n, d[2]/n, d[0]+d[1])
	past := 0
	if b.Has(in.past) || b.Wants(1) {
		var ok bool
		if past, ok = s.pair(b, in.past, &k, &v); !ok {
			return nil, nil
		}
	}
	y := partIn(b.Out(0), []int{x[0], x[1], d[2]}, n, d[2]/n, 0)
	return o.prepare(b, s, &q, &k, &v, &y, past, in.mask, in.extra)
}

// pair puts k and v behind those of past [2,B,N,P,H] in output 1.
func (s *attnStep) pair(b op.Bind, in int, k, v *operand) (int, bool) {
	if k.d != v.d {
		return 0, false
	}
	past := 0
	if b.Has(in) {
		d := b.Shape(in)
		if len(d) != 5 || d[0] != 2 || d[1] != k.b || d[2] != k.n || d[4] != k.d || b.Type(in) != tensor.Float32 {
			return 0, false
		}
		past = d[3]
	}
	all := bnshIn(op.NoSlot, k.b, k.n, past+k.s, k.d)
	all.slot = place(b, 1, 2*all.size())
	for i, x := range []*operand{k, v} {
		to := all
		to.v.Off = i * all.size()
		if past > 0 {
			from := bnshIn(b.In(in), k.b, k.n, past, k.d)
			from.v.Off = i * from.size()
			s.pre = append(s.pre, &copyStep{from: from, to: to, bias: op.NoSlot})
		}
		s.pre = append(s.pre, &copyStep{from: *x, to: to, at: past, bias: op.NoSlot})
		*x = to
	}
	return past, true
}

// prepare finishes a step with a mask, an attention_bias and causality as msBase.run
// reads them; in and extra are inputs or -1.
func (m *msBase) prepare(b op.Bind, s *attnStep, q, k, v, y *operand, past, in, extra int) (op.Step, error) {
	if !fits(q, k, v) || m.scale < 0 {
		return nil, nil
	}
	if in >= 0 && b.Has(in) {
		ok := b.Type(in) == tensor.Int32
		if ok {
			ok = m.keyMask(b, s, in, q, k, past)
		}
		if !ok {
			return nil, nil
		}
	}
	if extra >= 0 && b.Has(extra) {
		var ok bool
		if s.bias[1], ok = biasIn(b, extra, q, k.s); !ok {
			return nil, nil
		}
	}
	if m.causal && q.s > 1 {
		keys, n := k.s, q.s
		s.ranges = func(_ *op.Frame, lo, hi []int32) error {
			for r := range lo {
				lo[r], hi[r] = 0, int32(keys)
				if i := r % n; i < n-1 {
					hi[r] = int32(min(keys, past+i+1))
				}
			}
			return nil
		}
	}
	return s.finish(b, q, k, v, y, scaleFor(m.scale, q.d), 0)
}

// biasIn takes in an attention_bias [B or 1, N or 1, S, at least total].
func biasIn(b op.Bind, in int, q *operand, total int) (biasSlot, bool) {
	d := b.Shape(in)
	if b.Type(in) != tensor.Float32 || len(d) != 4 || d[0] != q.b && d[0] != 1 || d[1] != q.n && d[1] != 1 || d[2] != q.s || d[3] < total {
		return biasSlot{}, false
	}
	x, st := biasSlot{slot: b.In(in), i: d[3], n: total}, op.Strides(d)
	if d[0] != 1 {
		x.b = st[0]
	}
	if d[1] != 1 {
		x.h = st[1]
	}
	return x, true
}

// keyMask prepares what newKeyMask reads: a bias of 0 or the filter's value.
func (m *msBase) keyMask(b op.Bind, s *attnStep, in int, q, k *operand, past int) bool {
	d, batch, queries, total := b.Shape(in), q.b, q.s, k.s
	is := func(want ...int) bool { return tensor.SameShape(d, want) }
	x := &maskStep{in: b.In(in), filter: float32(m.filter), rows: batch, n: total}
	switch {
	case is(batch), is(2 * batch), is(3*batch + 2):
		x.lens = true
		if is(2*batch) && batch > 0 {
			x.starts = batch
		}
	case is(batch, total):
		x.pitch = total
	case is(batch, 1), is(1, 1):
		return true
	case is(batch, queries, total):
		x.rows, x.pitch = batch*queries, total
	case len(d) == 4 && is(batch, 1, d[2], d[2]) && d[2] >= total && past+queries <= d[2]:
		x.rows, x.pitch, x.group, x.skip = batch*queries, d[2], queries, past
	default:
		return false
	}
	x.out = b.Scratch(4 * x.rows * total)
	s.bias[0] = biasSlot{slot: x.out, b: x.rows / batch * total, n: total}
	if x.rows > batch {
		s.bias[0].i = total
	}
	s.pre = append(s.pre, x)
	return true
}

// maskStep writes rows of n numbers: 0, or filter where a mask hides the key.
type maskStep struct {
	in, out op.Slot
	filter  float32
	rows, n int
	lens    bool // a number of keys for each row
	starts  int  // where the first keys follow, 0: they do not
	pitch   int  // elements from row to row of a mask of cells
	group   int  // rows of square masks of pitch rows each, from row skip on; 0: plain rows
	skip    int
}

// Run implements op.Step.
func (s *maskStep) Run(f *op.Frame) error {
	in, out := f.I32(s.in), f.F32(s.out)
	for r := range s.rows {
		row := out[r*s.n:][:s.n]
		if s.lens {
			start := 0
			if s.starts > 0 {
				start = int(in[s.starts+r])
			}
			end := int(in[r])
			for j := range row {
				row[j] = 0
				if j >= end || j < start {
					row[j] = s.filter
				}
			}
			continue
		}
		at := r
		if s.group > 0 {
			at = r/s.group*s.pitch + s.skip + r%s.group
		}
		for j, on := range in[at*s.pitch:][:s.n] {
			row[j] = 0
			if on <= 0 {
				row[j] = s.filter
			}
		}
	}
	return nil
}

// packedIn reads part i of k parts that are interleaved by head in [B,L,N,k,H].
func packedIn(b op.Bind, in, i, k, n int) (operand, bool) {
	d := b.Shape(in)
	if len(d) != 5 || d[2] != n || d[3] != k || b.Type(in) != tensor.Float32 {
		return operand{}, false
	}
	row := k * d[4]
	return operand{b.In(in), d[0], n, d[1], d[4], kattn.View{Off: i * d[4], B: d[1] * n * row, H: row, S: n * row}}, true
}

// unpackIn is unpack for slots.
func (o *multiHead) unpackIn(b op.Bind) (x [3]operand, cached, ok bool) {
	q := b.Shape(0)
	n := o.heads
	switch {
	case b.Type(0) != tensor.Float32, !b.Has(1) && b.Has(2):
		return x, false, false
	case !b.Has(1) && len(q) == 5:
		for i := range x {
			if x[i], ok = packedIn(b, 0, i, 3, n); !ok {
				return x, false, false
			}
		}
		return x, false, true
	case len(q) != 3:
		return x, false, false
	case !b.Has(1):
		d, err := sizes(nil, q[2], n)
		for i := range x {
			x[i] = partIn(b.In(0), q, n, d[0]/n, i*d[0])
		}
		return x, false, err == nil
	}
	if x[0], ok = splitIn(b, 0, n); !ok {
		return x, false, false
	}
	if !b.Has(2) {
		for i := range 2 {
			if x[1+i], ok = packedIn(b, 1, i, 2, n); !ok {
				return x, false, false
			}
		}
		return x, false, true
	}
	for i := 1; i < 3; i++ {
		if x[i], ok = splitIn(b, i, n); !ok || len(b.Shape(1)) != len(b.Shape(2)) {
			return x, false, false
		}
	}
	return x, len(b.Shape(1)) == 4, true
}

// Prepare runs float32 without shared caches, beams and an output of scores.
func (o *multiHead) Prepare(b op.Bind) (op.Step, error) {
	has := func(in int) bool { return in >= 0 && b.Has(in) }
	if o.share || !b.Wants(0) || b.Wants(3) || has(o.in.width) || has(o.in.indirection) || b.Has(o.in.bias) && (b.Type(o.in.bias) != tensor.Float32 || len(b.Shape(o.in.bias)) != 1) {
		return nil, nil
	}
	x, cached, ok := o.unpackIn(b)
	if !ok || !fits(&x[0], &x[1], &x[2]) || x[0].n != o.heads || x[1].n != o.heads {
		return nil, nil
	}
	s := newStep()
	if b.Has(o.in.bias) {
		off := 0
		for i := range x {
			if i > 0 && cached {
				break
			}
			if b.Shape(o.in.bias)[0] < off+x[i].n*x[i].d {
				return nil, nil
			}
			from := x[i]
			x[i] = bnshIn(b.Scratch(4*from.size()), from.b, from.n, from.s, from.d)
			s.pre = append(s.pre, &copyStep{from: from, to: x[i], bias: b.In(o.in.bias), off: off})
			off += x[0].n * x[0].d
		}
	}
	cur := x[1].s
	for i := 1; i < 3; i++ {
		if x[i], ok = s.join(b, o.in.past+i-1, i, x[i]); !ok {
			return nil, nil
		}
	}
	q, v := &x[0], &x[2]
	y := partIn(b.Out(0), []int{q.b, q.s, q.n * v.d}, q.n, v.d, 0)
	return o.prepare(b, s, q, &x[1], v, &y, x[1].s-cur, o.in.mask, o.in.extra)
}
