// Package attn computes attention over float32 vectors that lie in memory in any layout:
//
//	scores = softcap(scale * q·k) + bias
//	y = softmax(scores) · v
//
// for every batch, head and query. Heads of queries may share heads of keys and values. Scores of a block of queries are made whole,
// by matrix products of package gemm. Blocks depend on the shape only, so results are bit-equal for any number of threads.
package attn

import (
	"math"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/gemm"
	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// View says where vectors lie: vector s of head h of batch b begins at Off + b*B + h*H + s*S.
type View struct{ Off, B, H, S int }

// At is where vector (b, h, s) begins.
func (v View) At(b, h, s int) int { return v.Off + b*v.B + h*v.H + s*v.S }

// Shape is what a plan is made for. All sizes are positive, Heads is a multiple of KVHeads.
type Shape struct {
	Batch, Heads, KVHeads int
	Queries, Keys         int
	Size, ValueSize       int // of the vectors of Q and K, and of V and Y
	Q, K, V, Y            View
	Scale                 float32 // not 0
	Softcap               float32 // 0: none
	Ranged                bool    // queries see ranges of the keys: Args.Lo and Hi
}

// Bias is added to scores: element (b, h, i, j) is Data[b*B+h*H+i*I+j]. -Inf masks whatever the score is.
type Bias struct {
	Data    []float32
	B, H, I int
	N       int // keys that have an element; the others get nothing added
}

// Mask hides keys whose byte is 0; it is laid out as Bias.
type Mask struct {
	Data    []byte
	B, H, I int
}

// Args are the operands of a run. Y must not overlap anything else.
type Args struct {
	Q, K, V, Y []float32
	Lo, Hi     []int32 // query i of batch b sees keys [Lo[b*Queries+i], Hi[b*Queries+i])
	Bias       [2]Bias
	Mask       Mask      // no Data: none
	Sink       []float32 // by head: the score of a key without a value; or nil
}

const (
	scoreBytes = 512 << 10 // of a block of queries
	mostRows   = 64
	fewTasks   = 16
	steps      = 8       // by how many lengths of ranges there are products
	smallWork  = 1 << 18 // operations that are not worth a second thread
)

// product is a pair of matrix products over n keys.
type product struct {
	n      int
	qk, pv gemm.Plan
}

// Plan is a prepared attention. It is immutable and serves concurrent runs.
type Plan struct {
	Shape
	merged     bool // the rows of a block are the heads that share keys, for one query
	rows       int  // in a block
	blocks     int  // for each head
	heads      int  // of blocks
	pitch      int  // of scores
	full, tail []product
	perWorker  int // floats of scratch memory
}

// New prepares attention of that shape.
func New(s Shape) *Plan {
	p := &Plan{Shape: s, heads: s.Heads, pitch: (s.Keys + 15) &^ 15}
	rows := s.Queries
	if s.Queries == 1 && s.Heads > s.KVHeads {
		p.merged, p.heads, rows = true, s.KVHeads, s.Heads/s.KVHeads
		p.rows = rows
	} else {
		p.rows = min(rows, mostRows, max(8, scoreBytes/4/p.pitch))
		for p.rows > 16 && s.Batch*p.heads*((rows+p.rows-1)/p.rows) < fewTasks {
			p.rows = (p.rows + 1) / 2
		}
	}
	p.blocks = (rows + p.rows - 1) / p.rows
	p.full = p.products(p.rows)
	p.tail = p.full
	if rest := rows % p.rows; rest != 0 {
		p.tail = p.products(rest)
	}
	scratch := 0
	for _, l := range [][]product{p.full, p.tail} {
		for i := range l {
			scratch = max(scratch, l[i].qk.ScratchSize(1), l[i].pv.ScratchSize(1))
		}
	}
	p.perWorker = (p.rows*(p.pitch+1) + scratch + 31) &^ 15
	return p
}

// products prepares the matrix products of m rows, by ascending number of keys.
func (p *Plan) products(m int) []product {
	unit := p.Keys
	if p.Ranged {
		unit = max(64, (p.Keys/steps+15)&^15)
	}
	var l []product
	for n := 0; n < p.Keys; {
		n = min(p.Keys, n+unit)
		l = append(l, product{n,
			gemm.NewPlan(gemm.Shape{M: m, N: n, K: p.Size, TransB: true}),
			gemm.NewPlan(gemm.Shape{M: m, N: p.ValueSize, K: n})})
	}
	return l
}

// ScratchSize is how many floats of scratch memory a run with so many threads needs.
func (p *Plan) ScratchSize(threads int) int { return threads * p.perWorker }

// job is a run in progress.
type job struct {
	*Plan
	Args
	scratch []float32
}

var jobs = sync.Pool{New: func() any { return new(job) }}

// Run computes Y. scratch has ScratchSize(team.Threads()) elements or more, with any content.
func (p *Plan) Run(team *parallel.Team, a *Args, scratch []float32) {
	if float64(p.Batch)*float64(p.Heads)*float64(p.Queries)*float64(p.Keys)*float64(p.Size+p.ValueSize) < smallWork {
		team = nil
	}
	j := jobs.Get().(*job)
	*j = job{p, *a, scratch}
	team.Run(p.Batch*p.heads*p.blocks, j)
	*j = job{}
	jobs.Put(j)
}

// block is a block of rows: queries of one head, or heads of one query.
type block struct {
	b, h, i int // of the first row
	m       int
	base, n int // the keys that scores are made of
	scores  []float32
	inv     []float32 // 1 over the sums of rows
	scratch []float32
}

// Do implements parallel.Task.
func (j *job) Do(worker, task int) {
	p := j.Plan
	at, head := task%p.blocks, task/p.blocks
	w := j.scratch[worker*p.perWorker:][:p.perWorker]
	k := block{b: head / p.heads, h: head % p.heads, m: p.rows,
		inv: w[:p.rows], scores: w[p.rows:][:p.rows*p.pitch], scratch: w[p.rows*(p.pitch+1):]}
	kv := k.h
	l := p.full
	if p.merged {
		k.h *= p.rows
	} else {
		kv = k.h / (p.Heads / p.KVHeads)
		k.i = at * p.rows
		if k.i+k.m > p.Queries {
			k.m, l = p.Queries-k.i, p.tail
		}
	}
	x := j.choose(&k, l)
	qs, ys := p.Q.S, p.Y.S
	if p.merged {
		qs, ys = p.Q.H, p.Y.H
	}
	y := j.Y[p.Y.At(k.b, k.h, k.i):]
	if x == nil {
		for r := range k.m {
			clear(y[r*ys:][:p.ValueSize])
		}
		return
	}
	if k.m == 1 {
		qs, ys = p.Size, p.ValueSize
	}
	x.qk.Run(nil, &gemm.Args{A: j.Q[p.Q.At(k.b, k.h, k.i):], LDA: qs, B: j.K[p.K.At(k.b, kv, k.base):], LDB: p.K.S,
		C: k.scores, LDC: p.pitch, Alpha: p.Scale}, k.scratch)
	for r := range k.m {
		j.row(&k, r)
	}
	v := j.V[p.V.At(k.b, kv, k.base):]
	x.pv.Run(nil, &gemm.Args{A: k.scores, LDA: p.pitch, B: v, LDB: p.V.S, C: y, LDC: ys, Alpha: 1}, k.scratch)
	for r := range k.m {
		dst := y[r*ys:][:p.ValueSize]
		if t := vec.ReduceMax(dst); t != t {
			j.weigh(&k, r, dst, v)
		}
		vec.Scale(dst, dst, k.inv[r])
	}
}

// choose finds the keys that the block's queries see and the product for so many; nil if they see none.
func (j *job) choose(k *block, l []product) *product {
	if !j.Ranged {
		k.n = j.Keys
		return &l[0]
	}
	lo, hi := j.Keys, 0
	for r := range k.m {
		i := k.b*j.Queries + k.i
		if !j.merged {
			i += r
		}
		lo, hi = min(lo, max(0, int(j.Lo[i]))), max(hi, min(j.Keys, int(j.Hi[i])))
	}
	if lo >= hi {
		return nil
	}
	for i := range l {
		if x := &l[i]; x.n >= hi-lo {
			k.n, k.base = x.n, min(lo, j.Keys-x.n)
			return x
		}
	}
	return nil
}

// row turns a row of scores into weights, which the inverse of their sum makes probabilities.
func (j *job) row(k *block, r int) {
	row := k.scores[r*j.pitch:][:k.n]
	h, i := k.h, k.i+r
	if j.merged {
		h, i = k.h+r, k.i
	}
	lo, hi := 0, k.n
	if j.Ranged {
		at := k.b*j.Queries + i
		lo, hi = max(0, int(j.Lo[at])-k.base), min(k.n, int(j.Hi[at])-k.base)
		hi = max(hi, 0)
		lo = min(lo, hi)
	}
	clear(row[:lo])
	clear(row[hi:])
	v := row[lo:hi]
	if j.Softcap != 0 {
		vec.DivScalar(v, v, j.Softcap)
		vec.Tanh(v, v)
		vec.Scale(v, v, j.Softcap)
	}
	for n := range j.Bias {
		b := &j.Bias[n]
		if m := min(len(v), b.N-k.base-lo); b.Data != nil && m > 0 {
			vec.Add(v[:m], v, b.Data[k.b*b.B+h*b.H+i*b.I+k.base+lo:])
		}
	}
	if j.Mask.Data != nil {
		mask := j.Mask.Data[k.b*j.Mask.B+h*j.Mask.H+i*j.Mask.I+k.base+lo:][:len(v)]
		for c, on := range mask {
			if on == 0 {
				v[c] = float32(math.Inf(-1))
			}
		}
	}
	top := vec.ReduceMax(v)
	if top != top {
		top = j.hide(k, v, lo, h, i)
	}
	if j.Sink != nil {
		top = max(top, j.Sink[h])
	}
	if math.IsInf(float64(top), -1) {
		clear(v)
		k.inv[r] = 0
		return
	}
	sum := vec.ExpSub(v, v, top)
	if j.Sink != nil {
		sum += float32(math.Exp(float64(j.Sink[h] - top)))
	}
	k.inv[r] = 1 / sum
}

// hide masks what a bias of -Inf could not because the score is no number, and gives the greatest score.
func (j *job) hide(k *block, v []float32, lo, h, i int) float32 {
	for n := range j.Bias {
		b := &j.Bias[n]
		if m := min(len(v), b.N-k.base-lo); b.Data != nil && m > 0 {
			for c, x := range b.Data[k.b*b.B+h*b.H+i*b.I+k.base+lo:][:m] {
				if math.IsInf(float64(x), -1) {
					v[c] = x
				}
			}
		}
	}
	return vec.ReduceMax(v)
}

// weigh computes a row of Y again, without the values that have no weight: those may be no numbers.
func (j *job) weigh(k *block, r int, dst, v []float32) {
	clear(dst)
	for c, w := range k.scores[r*j.pitch:][:k.n] {
		if w != 0 {
			vec.Axpy(dst, v[c*j.Plan.V.S:], w)
		}
	}
}
