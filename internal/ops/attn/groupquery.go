package attn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// groupQuery is com.microsoft.GroupQueryAttention with caches of floats.
//
// query [B,S,N·H], key and value [B,L,Nkv·H], or all three packed in query
// [B,S,(N+2Nkv)·H]; past_key and past_value [B,Nkv,P,H], buffers of any length;
// seqlens_k [B] is the number of keys T of each batch entry, new ones included,
// less one; total_sequence_length the largest T. The new tokens take the places
// before T: T-S to T-1, or query_seqlens[b] of them where a chunk is padded on
// the right. Outputs are [B,S,N·H], present_key and present_value
// [B,Nkv,max(P,total),H] and the scores [B,N,S,total] before or after softmax.
//
// With sliding_window_cache the caches hold the latest positions only: see resident.
type groupQuery struct {
	heads, kv     int
	scale         float64
	softcap       float64
	rotary, inter bool
	window        int // keys that a query sees, itself included; 0 = all
	causal        bool
	smooth        bool
	qk            int // 1: output 3 has scores, 2: probabilities
	sliding       bool
	eps           [2]float64 // of the norms of Q and K
	block         int        // SparseAttention: tokens in a block
	in            groupInputs
}

// groupInputs are the numbers of an operator's inputs, -1 for those it lacks.
type groupInputs struct{ past, lens, total, cos, sin, positions, bias, sink, norm, chunk, rows, cols int }

var (
	gqInputs     = groupInputs{past: 3, lens: 5, total: 6, cos: 7, sin: 8, positions: 9, bias: 10, sink: 11, norm: 14, chunk: 16, rows: -1, cols: -1}
	sparseInputs = groupInputs{past: 3, lens: 8, total: 7, cos: 9, sin: 10, positions: -1, bias: -1, sink: -1, norm: -1, chunk: -1, rows: 5, cols: 6}
)

// sparseDef is SparseAttention: GroupQueryAttention over buffers whose lengths
// count all keys (not one less), where queries of a block of sparse_block_size
// positions see only the blocks of keys that block_row_indices [layouts,
// blocks+1] and block_col_indices [layouts, any], a matrix in CSR form, list for
// it. Head h has layout h modulo the number of layouts.
var sparseDef = &op.Def{Domain: "com.microsoft", Name: "SparseAttention", New: func(a *op.Args) (op.Op, error) {
	o := &groupQuery{in: sparseInputs, heads: a.Int("num_heads", 0), kv: a.Int("kv_num_heads", 0), scale: a.Float("scale", 0),
		rotary: a.Bool("do_rotary", false), inter: a.Bool("rotary_interleaved", false), causal: true, block: a.Int("sparse_block_size", 0)}
	if o.block <= 0 {
		return nil, fmt.Errorf("attribute sparse_block_size is %d, must be positive", o.block)
	}
	return o, o.check(a)
}}

var groupQueryDef = &op.Def{Domain: "com.microsoft", Name: "GroupQueryAttention", New: func(a *op.Args) (op.Op, error) {
	o := &groupQuery{in: gqInputs, heads: a.Int("num_heads", 0), kv: a.Int("kv_num_heads", 0), scale: a.Float("scale", 0),
		softcap: max(a.Float("softcap", 0), 0), rotary: a.Bool("do_rotary", false), inter: a.Bool("rotary_interleaved", false),
		window: max(a.Int("local_window_size", -1), 0), causal: a.Bool("causal", true), smooth: a.Bool("smooth_softmax", false),
		qk: a.Int("qk_output", 0), sliding: a.Bool("sliding_window_cache", false)}
	eps := a.Float("qk_norm_epsilon", 1e-6)
	o.eps = [2]float64{a.Float("q_norm_epsilon", eps), a.Float("k_norm_epsilon", eps)}
	a.Ignore("kv_cache_bit_width")
	for _, name := range []string{"k_quant_type", "v_quant_type"} {
		if q := a.String(name, "NONE"); q != "NONE" && q != "" {
			return nil, fmt.Errorf("attribute %s = %q: quantised key and value caches are not supported; export the model with a float cache", name, q)
		}
	}
	return o, o.check(a)
}}

// check verifies attributes and which inputs are there.
func (o *groupQuery) check(a *op.Args) error {
	has := func(i int) bool { return i >= 0 && a.HasIn(i) }
	switch {
	case o.heads <= 0 || o.kv <= 0 || o.heads%o.kv != 0:
		return fmt.Errorf("num_heads = %d must be a positive multiple of kv_num_heads = %d", o.heads, o.kv)
	case has(o.in.past) != has(o.in.past+1) || a.HasIn(1) != a.HasIn(2) || has(o.in.norm) != (o.in.norm >= 0 && has(o.in.norm+1)):
		return fmt.Errorf("key and value, past_key and past_value, q_norm_weight and k_norm_weight must be given in pairs")
	case o.rotary && !(has(o.in.cos) && has(o.in.sin)):
		return fmt.Errorf("attribute do_rotary needs inputs cos_cache and sin_cache")
	case o.sliding && (o.window == 0 || !has(o.in.past)):
		return fmt.Errorf("attribute sliding_window_cache needs local_window_size and past_key")
	case o.qk < 0 || o.qk > 2:
		return fmt.Errorf("attribute qk_output is %d, must be 0, 1 or 2", o.qk)
	case !o.causal && o.window > 0:
		return fmt.Errorf("attribute local_window_size is %d, must be -1 without causal", o.window)
	}
	return nil
}

func (o *groupQuery) Infer(c *op.Infer) error {
	for i := range 3 {
		if err := expectRank(c, i, 3); err != nil {
			return err
		}
	}
	if dt := c.Type(o.in.past); c.Has(o.in.past) && dt != tensor.Invalid && dt != c.Type(0) {
		return fmt.Errorf("past_key is %v, query %v: quantised key and value caches are not supported", dt, c.Type(0))
	}
	q := c.Shape(0)
	b, s, width := dim(c, q, 0), dim(c, q, 1), dim(c, q, 2)
	all := o.heads
	if !c.Has(1) {
		all = o.heads + 2*o.kv
	}
	d := times(c, width, 1, all)
	total, room := c.Fresh(), c.Fresh()
	if l := c.Elems(o.in.total); len(l) == 1 {
		total = l[0]
	}
	p := graph.D(0)
	if c.Has(o.in.past) {
		p = dim(c, c.Shape(o.in.past), 2)
	}
	switch {
	case o.sliding:
		room = p
	case p == graph.D(0):
		room = total
	case p.Known() && total.Known():
		room = graph.D(max(p.N, total.N))
	}
	c.Out(0, c.Type(0), graph.Shape{b, s, times(c, width, o.heads, all)})
	cache := graph.Shape{b, graph.D(o.kv), room, d}
	c.Out(1, c.Type(0), cache)
	c.Out(2, c.Type(0), cache)
	c.Out(3, c.Type(0), graph.Shape{b, graph.D(o.heads), s, total})
	return nil
}

// entry is what one batch entry does: n of its new tokens count, they and the
// base + rows before them make t keys; rows are in the cache, the first at
// position base.
type entry struct {
	t, n, newKeys int
	base, rows    int // before this call
}

// groupRun is one call: sizes, and the new vectors after norm and rotation.
type groupRun struct {
	o       *groupQuery
	q, k, v heads
	total   int
	past    int // length of the past buffers
	entries []entry
}

// resident returns how many of t positions a sliding cache of c rows and a
// window of w holds: all while they fit, then c less whole batches of c-w+1.
func resident(t, c, w int) int {
	if t <= c {
		return t
	}
	g := c - w + 1
	return t - g*((t-c+g-1)/g)
}

func (o *groupQuery) Eval(e *op.Eval) error {
	r, err := o.prepare(e)
	if err != nil {
		return err
	}
	if err := r.transform(e); err != nil {
		return err
	}
	k, err := r.cache(e, 0, r.k)
	if err != nil {
		return err
	}
	v, err := r.cache(e, 1, r.v)
	if err != nil {
		return err
	}
	dt := e.In(0).DType()
	y, err := e.Out(0, dt, r.q.b, r.q.s, r.q.n*r.q.d)
	if err != nil {
		return err
	}
	a := &attention{q: r.q, k: k, v: v, qscale: scaleFor(o.scale, r.q.d), kscale: 1, softcap: o.softcap}
	if a.bias, err = r.bias(e); err != nil {
		return err
	}
	if err := r.sink(e, a); err != nil {
		return err
	}
	if e.Wants(3) {
		z, err := e.Out(3, dt, r.q.b, r.q.n, r.q.s, r.total)
		if err != nil {
			return err
		}
		a.observe = r.observer(z)
	}
	a.out = storer(y, r.q.n, r.q.s, r.q.d, false)
	return a.run(e)
}

// prepare reads query, key and value and works out the batch entries.
func (o *groupQuery) prepare(e *op.Eval) (*groupRun, error) {
	r := &groupRun{o: o}
	t := e.In(0)
	if t.Rank() != 3 {
		return nil, fmt.Errorf("query is %v, must be [batch, sequence, hidden]", t)
	}
	all := o.heads
	if e.In(1) == nil {
		all += 2 * o.kv
	}
	if t.Shape()[2]%all != 0 {
		return nil, fmt.Errorf("query is %v, its last dimension must be a multiple of %d heads", t, all)
	}
	d := t.Shape()[2] / all
	r.q = part(t, o.heads, d, 0)
	if e.In(1) == nil {
		r.k, r.v = part(t, o.kv, d, o.heads*d), part(t, o.kv, d, (o.heads+o.kv)*d)
	} else {
		for i, x := range []*heads{&r.k, &r.v} {
			s := e.In(1 + i).Shape()
			if len(s) != 3 || s[0] != r.q.b || s[2] != o.kv*d || s[1] != e.In(1).Shape()[1] {
				return nil, fmt.Errorf("input %d is %v, must be [%d,L,%d]", 1+i, e.In(1+i), r.q.b, o.kv*d)
			}
			*x = part(e.In(1+i), o.kv, d, 0)
		}
	}
	for i := range 2 {
		p := at(e, o.in.past+i)
		if p == nil {
			continue
		}
		s := p.Shape()
		if len(s) != 4 || s[0] != r.q.b || s[1] != o.kv || s[3] != d || i == 1 && s[2] != r.past || p.DType() != t.DType() {
			return nil, fmt.Errorf("past is %v, must be [%d,%d,P,%d] of %v, keys and values alike", p, r.q.b, o.kv, d, t.DType())
		}
		r.past = s[2]
	}
	return r, r.plan(e)
}

// plan fills in r.entries.
func (r *groupRun) plan(e *op.Eval) error {
	o := r.o
	total, lens, chunk := e.IntList(o.in.total), e.IntList(o.in.lens), []int(nil)
	if o.in.chunk >= 0 {
		chunk = e.IntList(o.in.chunk)
	}
	if o.block > 0 { // all keys, where seqlens_k has one less
		for i := range lens {
			lens[i] = max(lens[i], 0) - 1
		}
	}
	if len(total) != 1 || total[0] < 0 || len(lens) != r.q.b || chunk != nil && len(chunk) != r.q.b {
		return fmt.Errorf("total_sequence_length is %v, seqlens_k %v, query_seqlens %v; must be one number and [%d] each", at(e, r.o.in.total), at(e, r.o.in.lens), at(e, r.o.in.chunk), r.q.b)
	}
	r.total = total[0]
	if o.sliding && r.past < o.window {
		return fmt.Errorf("a sliding cache of %d rows is smaller than local_window_size = %d", r.past, o.window)
	}
	room := max(r.past, r.total)
	if o.block > 0 {
		room = min(room, r.total)
	}
	for b, l := range lens {
		if l < 0 || l >= r.total && (o.sliding || l >= room) {
			return fmt.Errorf("batch entry %d has %d keys, must be 1 to total_sequence_length = %d", b, int64(l)+1, r.total)
		}
		x := entry{t: l + 1}
		x.n, x.newKeys = min(r.q.s, x.t), min(r.k.s, x.t)
		if chunk != nil {
			x.n = chunk[b]
			if x.n < 0 || x.n > min(r.q.s, x.t) || r.k.s != r.q.s {
				return fmt.Errorf("query_seqlens[%d] is %d, must be 0 to %d, and key as long as query", b, x.n, min(r.q.s, x.t))
			}
			x.newKeys = x.n
		}
		x.rows = x.t - x.newKeys
		if o.sliding {
			x.rows = resident(x.rows, r.past, o.window)
			x.base = x.t - x.newKeys - x.rows
		}
		if x.rows > r.past {
			return fmt.Errorf("batch entry %d has %d keys before the new ones, the cache holds %d", b, x.rows, r.past)
		}
		r.entries = append(r.entries, x)
	}
	return nil
}

// pos returns the absolute position of query i of batch b.
func (r *groupRun) pos(b, i int) int { return r.entries[b].t - r.entries[b].n + i }

// transform applies norm and rotation to the new queries and keys.
func (r *groupRun) transform(e *op.Eval) error {
	var weights [2]*tensor.Tensor
	if i := r.o.in.norm; i >= 0 {
		weights = [2]*tensor.Tensor{e.In(i), e.In(i + 1)}
	}
	if !r.o.rotary && weights[0] == nil {
		return nil
	}
	var rot *rotation
	if cos := at(e, r.o.in.cos); r.o.rotary {
		if cos.Rank() != 2 || 2*cos.Shape()[1] > r.q.d {
			return fmt.Errorf("cos_cache is %v, must be [positions, at most %d]", cos, r.q.d/2)
		}
		rot = &rotation{cos: cos, sin: at(e, r.o.in.sin), dim: 2 * cos.Shape()[1], interleaved: r.o.inter}
		if err := rot.check(0); err != nil {
			return err
		}
	}
	ids := at(e, r.o.in.positions)
	if ids != nil && (ids.Rank() != 2 || ids.Shape()[0] != r.q.b || ids.Shape()[1] != r.q.s) {
		return fmt.Errorf("position_ids is %v, must be [%d,%d]", ids, r.q.b, r.q.s)
	}
	for i, x := range []*heads{&r.q, &r.k} {
		t, err := e.Temp(tensor.Float64, x.b, x.n, x.s, x.d)
		if err != nil {
			return err
		}
		at := func(b, s int) int64 {
			if ids != nil && s < ids.Shape()[1] {
				return ids.IntAt(b*ids.Shape()[1] + s)
			}
			n := r.entries[b].n
			if i == 1 {
				n = r.entries[b].newKeys
			}
			return int64(r.entries[b].t - n + s)
		}
		if err := r.turn(*x, tensor.Of[float64](t), rot, weights[i], r.o.eps[i], at); err != nil {
			return err
		}
		*x = bnsh(t)
	}
	return nil
}

// turn writes the vectors of x, normalised if weight is there and rotated if rot
// is, to dst [B,N,S,H]. Padding behind the last position of the caches stays as it is.
func (r *groupRun) turn(x heads, dst []float64, rot *rotation, weight *tensor.Tensor, eps float64, at func(b, s int) int64) error {
	if weight != nil && !tensor.SameShape(weight.Shape(), []int{x.d}) {
		return fmt.Errorf("norm weight is %v, must be [%d]", weight, x.d)
	}
	if len(dst) == 0 {
		return nil
	}
	for b := range x.b {
		for h := range x.n {
			for s := range x.s {
				row := dst[((b*x.n+h)*x.s+s)*x.d:][:x.d]
				x.row(row, b, h, s)
				if weight != nil {
					rmsNorm(row, weight, eps)
				}
				if rot == nil {
					continue
				}
				p, err := rot.at(at(b, s))
				if err != nil && s < r.entries[b].n {
					return err
				}
				if err == nil {
					rot.rotate(row, p)
				}
			}
		}
	}
	return nil
}

func rmsNorm(x []float64, weight *tensor.Tensor, eps float64) {
	sq := 0.0
	for _, v := range x {
		sq += v * v
	}
	inv := 1 / math.Sqrt(sq/float64(len(x))+eps)
	for i, v := range x {
		x[i] = v * inv * weight.FloatAt(i)
	}
}

// cache makes output 1+i from the past and the new vectors and returns the keys
// (or values) that the queries see, row j of batch b being position base + j.
func (r *groupRun) cache(e *op.Eval, i int, cur heads) (heads, error) {
	past, dt := at(e, r.o.in.past+i), e.In(0).DType()
	room := max(r.past, r.total)
	if r.o.sliding {
		room = r.past
	}
	present, err := output(e, 1+i, dt, cur.b, cur.n, room, cur.d)
	if err != nil {
		return heads{}, err
	}
	clear(present.Bytes()) // rows that hold no position
	all := present
	if r.o.sliding {
		rows, ok := tensor.NumElements([]int{r.past + cur.s})
		if !ok {
			return heads{}, tensor.ErrShape
		}
		if all, err = e.Temp(dt, cur.b, cur.n, rows, cur.d); err != nil {
			return heads{}, err
		}
	}
	h := bnsh(all)
	for b, x := range r.entries {
		if past != nil {
			fill(h.only(b), 0, bnsh(past).only(b), x.rows)
		}
		n := x.newKeys
		if at(e, r.o.in.chunk) == nil {
			n = min(cur.s, h.s-x.rows) // padding too: what lies behind t is never read
		}
		fill(h.only(b), x.rows, cur.only(b), n)
		if r.o.sliding {
			keep := resident(x.t, r.past, r.o.window)
			src := h.only(b)
			src.off += (x.rows + x.newKeys - keep) * src.ss
			fill(bnsh(present).only(b), 0, src, keep)
		}
	}
	h.s = 0
	for _, x := range r.entries {
		h.s = max(h.s, x.rows+x.newKeys)
	}
	return h, nil
}

// only restricts x to batch entry b.
func (x heads) only(b int) heads {
	x.off += b * x.sb
	x.b = 1
	return x
}

// bias masks what a query does not see and adds attention_bias, whose columns
// are absolute positions.
func (r *groupRun) bias(e *op.Eval) (func(b, h, i int, row []float64), error) {
	bias, err := newBias(at(e, r.o.in.bias), r.q.b, r.q.n, r.q.s, r.total)
	if err != nil {
		return nil, err
	}
	blocks, err := r.blocks(e)
	if err != nil {
		return nil, err
	}
	return func(b, h, i int, row []float64) {
		x := r.entries[b]
		lo, hi := 0, x.t
		if p := r.pos(b, i); r.o.causal {
			hi = min(hi, p+1)
			if r.o.window > 0 {
				lo = max(lo, p+1-r.o.window)
			}
		}
		if bias != nil {
			o := b*bias.strides[0] + h*bias.strides[1] + i*bias.strides[2]
			for j := range row {
				if c := x.base + j; c < r.total {
					row[j] += bias.t.FloatAt(o + c)
				}
			}
		}
		maskOutside(row, lo-x.base, hi-x.base)
		if blocks != nil {
			blocks(h, r.pos(b, i), row)
		}
	}, nil
}

// blocks returns a function that masks the keys outside the blocks listed for
// the block of a position; nil if the operator has none.
func (r *groupRun) blocks(e *op.Eval) (func(h, pos int, row []float64), error) {
	if r.o.block == 0 {
		return nil, nil
	}
	rows, cols := e.In(r.o.in.rows), e.In(r.o.in.cols)
	if rows.Rank() != 2 || cols.Rank() != 2 || rows.Shape()[0] < 1 || rows.Shape()[0] != cols.Shape()[0] {
		return nil, fmt.Errorf("block_row_indices is %v and block_col_indices %v, must be [layouts, blocks+1] and [layouts, any]", rows, cols)
	}
	n, width, most := rows.Shape()[0], rows.Shape()[1], cols.Shape()[1]
	for i := range rows.Len() {
		if v := rows.IntAt(i); v < 0 || v > int64(most) {
			return nil, fmt.Errorf("block_row_indices has %d, must be 0 to %d", v, most)
		}
	}
	if last := (max(r.total, 1) - 1) / r.o.block; last+1 >= width {
		return nil, fmt.Errorf("block_row_indices is %v, must have %d rows of blocks for %d positions", rows, last+1, r.total)
	}
	seen := make([]bool, width)
	return func(h, pos int, row []float64) {
		clear(seen)
		l := h % n
		at := l*width + max(min(pos, r.total-1), 0)/r.o.block // padding lies behind the last position
		for k := rows.IntAt(at); k < rows.IntAt(at+1); k++ {
			if c := cols.IntAt(l*most + int(k)); c >= 0 && c < int64(width) {
				seen[c] = true
			}
		}
		for j := range row {
			if !seen[j/r.o.block] {
				row[j] = math.Inf(-1)
			}
		}
	}, nil
}

// sink sets a's sink for smooth_softmax (0) and head_sink [N].
func (r *groupRun) sink(e *op.Eval, a *attention) error {
	t := at(e, r.o.in.sink)
	if t == nil {
		if r.o.smooth {
			a.sink = func(int) float64 { return 0 }
		}
		return nil
	}
	if !tensor.SameShape(t.Shape(), []int{r.q.n}) {
		return fmt.Errorf("head_sink is %v, must be [%d]", t, r.q.n)
	}
	a.sink = func(h int) float64 { return t.FloatAt(h) }
	return nil
}

// observer writes scores or probabilities to z [B,N,S,total] by absolute
// position, 0 for what is masked.
func (r *groupRun) observer(z *tensor.Tensor) func(stage, b, h, i int, row []float64) {
	clear(z.Bytes())
	want := stageBias
	if r.o.qk == 2 {
		want = stageProb
	}
	return func(stage, b, h, i int, row []float64) {
		if stage != want {
			return
		}
		o := ((b*r.q.n+h)*r.q.s + i) * r.total
		for j, x := range row {
			if c := r.entries[b].base + j; c < r.total && !math.IsInf(x, -1) {
				z.SetFloatAt(o+c, x)
			}
		}
	}
}
