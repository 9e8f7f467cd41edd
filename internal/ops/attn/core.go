package attn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// heads reads the vectors of a tensor that holds attention heads in any layout:
// the d elements of vector (b, h, s) lie at off + b*sb + h*sh + s*ss.
type heads struct {
	t          *tensor.Tensor
	b, n, s, d int // batch, heads, sequence length, head size
	off        int
	sb, sh, ss int
}

// bnsh reads [batch, heads, sequence, head size].
func bnsh(t *tensor.Tensor) heads {
	d := t.Shape()
	return heads{t: t, b: d[0], n: d[1], s: d[2], d: d[3], sb: d[1] * d[2] * d[3], sh: d[2] * d[3], ss: d[3]}
}

// bsd reads n heads from [batch, sequence, hidden], hidden being a multiple of n.
func bsd(t *tensor.Tensor, n int) heads { return part(t, n, t.Shape()[2]/n, 0) }

// part reads n heads of size d that start at column off of [batch, sequence, hidden].
func part(t *tensor.Tensor, n, d, off int) heads {
	s := t.Shape()
	return heads{t: t, b: s[0], n: n, s: s[1], d: d, off: off, sb: s[1] * s[2], sh: d, ss: s[2]}
}

// row copies vector (b, h, s) to dst, which has d elements.
func (x heads) row(dst []float64, b, h, s int) {
	o := x.off + b*x.sb + h*x.sh + s*x.ss
	if f, err := tensor.Data[float32](x.t); err == nil {
		for i, v := range f[o : o+x.d] {
			dst[i] = float64(v)
		}
		return
	}
	for i := range dst {
		dst[i] = x.t.FloatAt(o + i)
	}
}

// setRow stores src as the elements of t from o on.
func setRow(t *tensor.Tensor, o int, src []float64) {
	if f, err := tensor.Data[float32](t); err == nil {
		for i, v := range src {
			f[o+i] = float32(v)
		}
		return
	}
	for i, v := range src {
		t.SetFloatAt(o+i, v)
	}
}

// rounder returns the rounding to element type dt that a computation in that
// type does after every operation; nil for float32 and float64, where this
// package computes in float64 and rounds once, at the end.
func rounder(dt tensor.DType) func(float64) float64 {
	switch dt {
	case tensor.Float16:
		return func(x float64) float64 { return float64(tensor.ToF16(x).Float32()) }
	case tensor.BFloat16:
		return func(x float64) float64 { return float64(tensor.ToBF16(x).Float32()) }
	}
	return nil
}

func roundTo(r func(float64) float64, x float64) float64 {
	if r == nil {
		return x
	}
	return r(x)
}

// Stages of a row of scores that can be observed.
const (
	stageRaw     = iota // scale · q·k
	stageSoftcap        // after the soft cap
	stageBias           // after mask and bias
	stageProb           // after softmax
)

// attention is the core of all operators here, for every batch b, head h and query i:
//
//	scores = softcap((q·qscale) · (k·kscale))
//	probs  = softmax(scores + bias)
//	out    = probs · v
//
// Queries have n heads, keys and values a divisor of it, shared by neighbours.
// Keys with a bias of -Inf take no part whatever their score; a query without
// any other key has probabilities, and so an output, of 0.
type attention struct {
	q, k, v        heads
	qscale, kscale float64
	softcap        float64 // 0 = none
	// bias adds to a row of zeros, one for each key, and may set -Inf; nil = none.
	bias func(b, h, i int, row []float64)
	// sink is the score of a key without value that takes its share of the
	// probability (smooth softmax, attention sink); nil = none.
	sink func(h int) float64
	// round and soft round like the elements' type and like the type in which
	// softmax is computed; nil = not before the end.
	round, soft func(float64) float64
	// remap, if set, gives the batch from which the vectors of key s are read.
	remap func(b, s int) int
	// observe, if set, sees each row at each stage.
	observe func(stage, b, h, i int, row []float64)
	// out receives the output rows.
	out func(b, h, i int, row []float64)
}

// check verifies that the shapes of q, k and v go together.
func (a *attention) check() error {
	q, k, v := a.q, a.k, a.v
	switch {
	case q.b != k.b || k.b != v.b:
		return fmt.Errorf("batch sizes of Q, K and V differ: %d, %d, %d", q.b, k.b, v.b)
	case k.n != v.n:
		return fmt.Errorf("K has %d heads, V %d", k.n, v.n)
	case k.n == 0 && q.n != 0 || k.n != 0 && q.n%k.n != 0:
		return fmt.Errorf("%d query heads are no multiple of %d key heads", q.n, k.n)
	case q.d != k.d:
		return fmt.Errorf("head size of Q is %d, of K %d", q.d, k.d)
	case k.s != v.s:
		return fmt.Errorf("K has %d positions, V %d", k.s, v.s)
	}
	return nil
}

// buffers are the working memory of attention.run.
type buffers struct{ k, v, q, row, add, out []float64 }

func (a *attention) buffers(e *op.Eval) (*buffers, error) {
	var w buffers
	for _, x := range []struct {
		p    *[]float64
		dims [2]int
	}{{&w.k, [2]int{a.k.s, a.k.d}}, {&w.v, [2]int{a.v.s, a.v.d}}, {&w.q, [2]int{1, a.q.d}},
		{&w.row, [2]int{1, a.k.s}}, {&w.add, [2]int{1, a.k.s}}, {&w.out, [2]int{1, a.v.d}}} {
		t, err := e.Temp(tensor.Float64, x.dims[:]...)
		if err != nil {
			return nil, err
		}
		*x.p = tensor.Of[float64](t)
	}
	return &w, nil
}

// run computes everything and hands each output row to a.out.
func (a *attention) run(e *op.Eval) error {
	if err := a.check(); err != nil {
		return err
	}
	if a.q.b*a.q.n == 0 || a.q.s == 0 || a.v.d == 0 && (a.observe == nil || a.k.s == 0) {
		return nil // no output has elements
	}
	w, err := a.buffers(e)
	if err != nil {
		return err
	}
	group := a.q.n / a.k.n
	for b := range a.q.b {
		for hk := range a.k.n {
			a.load(w, b, hk)
			for h := hk * group; h < (hk+1)*group; h++ {
				for i := range a.q.s {
					if err := e.Tick(1); err != nil {
						return err
					}
					a.one(w, b, h, i)
				}
			}
		}
	}
	return nil
}

// load reads the keys, scaled, and the values of one head.
func (a *attention) load(w *buffers, b, h int) {
	d, dv := a.k.d, a.v.d
	for s := range a.k.s {
		from := b
		if a.remap != nil {
			from = a.remap(b, s)
		}
		a.k.row(w.k[s*d:(s+1)*d], from, h, s)
		a.v.row(w.v[s*dv:(s+1)*dv], from, h, s)
	}
	if a.kscale != 1 {
		for i, x := range w.k {
			w.k[i] = roundTo(a.round, x*a.kscale)
		}
	}
}

// scores sets w.row to the scaled products of query i of head h with the keys loaded.
func (a *attention) scores(w *buffers, b, h, i int) {
	a.q.row(w.q, b, h, i)
	for j, x := range w.q {
		w.q[j] = roundTo(a.round, x*a.qscale)
	}
	d := len(w.q)
	for j := range w.row {
		s := 0.0
		k := w.k[j*d:][:d]
		for p, x := range w.q {
			s += x * k[p]
		}
		w.row[j] = roundTo(a.round, s)
	}
}

// weigh sets w.out to the sum of the values loaded, weighted by w.row.
func weigh(w *buffers) {
	clear(w.out)
	dv := len(w.out)
	for j, p := range w.row {
		if p == 0 {
			continue
		}
		for c, x := range w.v[j*dv:][:dv] {
			w.out[c] += p * x
		}
	}
}

// one computes the output of query i of head h.
func (a *attention) one(w *buffers, b, h, i int) {
	a.scores(w, b, h, i)
	a.see(stageRaw, b, h, i, w.row)
	if a.softcap != 0 {
		for j, x := range w.row {
			t := roundTo(a.round, math.Tanh(roundTo(a.round, x/a.softcap)))
			w.row[j] = roundTo(a.round, t*a.softcap)
		}
	}
	a.see(stageSoftcap, b, h, i, w.row)
	if a.bias != nil {
		clear(w.add)
		a.bias(b, h, i, w.add)
		for j, x := range w.add {
			if math.IsInf(x, -1) {
				w.row[j] = x
			} else {
				w.row[j] = roundTo(a.round, w.row[j]+x)
			}
		}
	}
	a.see(stageBias, b, h, i, w.row)
	if a.sink != nil {
		softmax(w.row, a.soft, a.sink(h))
	} else {
		softmax(w.row, a.soft, math.Inf(-1))
	}
	for j, x := range w.row {
		w.row[j] = roundTo(a.round, x)
	}
	a.see(stageProb, b, h, i, w.row)
	weigh(w)
	a.out(b, h, i, w.out)
}

func (a *attention) see(stage, b, h, i int, row []float64) {
	if a.observe != nil {
		a.observe(stage, b, h, i, row)
	}
}

// softmax replaces x by e^x / (sum of e^x, with one more term for sink),
// rounding after every operation as r does. A row of -Inf becomes 0.
func softmax(x []float64, r func(float64) float64, sink float64) {
	m := sink
	for i, v := range x {
		x[i] = roundTo(r, v)
		m = math.Max(m, x[i])
	}
	if math.IsInf(m, -1) {
		clear(x)
		return
	}
	s := 0.0
	for i, v := range x {
		x[i] = roundTo(r, math.Exp(roundTo(r, v-m)))
		s += x[i]
	}
	if !math.IsInf(sink, -1) {
		s += roundTo(r, math.Exp(roundTo(r, sink-m)))
	}
	s = roundTo(r, s)
	for i, v := range x {
		x[i] = roundTo(r, v/s)
	}
}
