// Package rnn runs recurrent layers over float32 sequences: plain, GRU and LSTM.
//
// The inputs' part of all gates is one matrix product over all steps; each step then multiplies the states of all sequences with the
// recurrent weights and applies the cell row by row. Results don't depend on the number of threads.
package rnn

import (
	"fmt"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/gemm"
	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// Kind is a kind of cell.
type Kind uint8

// The kinds, with their gates in the order of the weights.
const (
	Plain     Kind = iota
	GRU            // update, reset, hidden; the reset gate is applied to the state
	GRULinear      // as GRU; the reset gate is applied to the product with the state
	LSTM           // input, output, forget, cell
)

// gates and functions of each kind, and how many of the gates need the state alone.
var kinds = [...]struct{ gates, acts, first int }{{1, 1, 1}, {3, 2, 2}, {3, 2, 3}, {4, 3, 4}}

// Func stores a function of each element of a in dst, which may be a.
type Func func(dst, a []float32)

// Shape is what a plan is made for.
type Shape struct {
	Kind                     Kind
	Steps, Batch, In, Hidden int
	BatchFirst               bool // X and Y begin with the batch, states too
	Reverse                  []bool
	Acts                     []Func  // of each direction, in the order of the standard
	Clip                     float32 // limit of what goes into the functions of gates; 0: none
	Coupled                  bool    // LSTM: the forget gate is 1 - the input gate
	PackedW, PackedR         bool
}

// Packed are the weights of one direction.
type Packed struct {
	W *gemm.Packed
	R [2]*gemm.Packed // the second for GRU's hidden gate
}

// Args are the operands of a run, laid out as ONNX has them.
type Args struct {
	X, W, R []float32 // W and R: unless packed
	Packed  []Packed  // by direction
	B, P    []float32 // or nil
	H0, C0  []float32 // or nil
	Lens    []int32   // or nil; from 0 to Steps
	Y       []float32 // or nil, as YH and YC
	YH, YC  []float32
}

// Plan is a prepared layer. It is immutable and serves concurrent runs.
type Plan struct {
	Shape
	width   int          // of all gates
	acts    int          // functions of a direction
	proj    gemm.Plan    // X * W
	rec     [2]gemm.Plan // state * R
	columns [2]int       // of rec; 0: none
	chunk   int          // rows of a cell that are worth a chunk of their own
}

// NewPlan prepares a layer; all sizes must be at least 1.
func NewPlan(s Shape) *Plan {
	k := kinds[s.Kind]
	p := &Plan{Shape: s, width: k.gates * s.Hidden, acts: k.acts}
	p.chunk = max(1, 4096/p.width)
	origin := func(packed bool) gemm.Shape {
		if packed {
			return gemm.Shape{B: gemm.IsPacked}
		}
		return gemm.Shape{TransB: true}
	}
	g := origin(s.PackedW)
	g.M, g.N, g.K = s.Steps*s.Batch, p.width, s.In
	p.proj = gemm.NewPlan(g)
	p.columns = [2]int{k.first * s.Hidden, (k.gates - k.first) * s.Hidden}
	for i, n := range p.columns {
		if n > 0 {
			g = origin(s.PackedR)
			g.M, g.N, g.K = s.Batch, n, s.Hidden
			p.rec[i] = gemm.NewPlan(g)
		}
	}
	return p
}

// PackW brings W of one direction into the order of the kernels; PackR does so
// with R. bytes is the memory it takes.
func (p *Plan) PackW(w []float32) (packed *gemm.Packed, bytes int) {
	return gemm.PackB(nil, w, p.In, p.In, p.width, true), 4 * gemm.PackedSize(p.In, p.width)
}

// PackR is PackW for R.
func (p *Plan) PackR(r []float32) (packed [2]*gemm.Packed, bytes int) {
	for i, n := range p.columns {
		if n > 0 {
			packed[i] = gemm.PackB(nil, r[i*p.columns[0]*p.Hidden:], p.Hidden, p.Hidden, n, true)
			bytes += 4 * gemm.PackedSize(p.Hidden, n)
		}
	}
	return packed, bytes
}

// ScratchSize is how many floats of scratch memory a run with so many threads needs.
func (p *Plan) ScratchSize(threads int) int {
	n := p.Steps*p.Batch*p.width + p.Batch*p.width + 3*p.Batch*p.Hidden + 2*p.width
	return n + max(p.proj.ScratchSize(threads), p.rec[0].ScratchSize(threads), p.rec[1].ScratchSize(threads))
}

// run is one run of a plan.
type run struct {
	*Plan
	Args
	team    *parallel.Team
	dir     int
	reverse bool
	f       []Func
	p       []float32 // peepholes of the direction
	x, rec  []float32 // gates of all steps; of the step at hand
	h, c    []float32 // states
	tmp     []float32 // like h
	bias    []float32 // added to x
	rbias   []float32 // added to rec, or nil
	rest    []float32 // scratch memory of products
	step    int
	last    bool // second half of a GRU step
}

var runs = sync.Pool{New: func() any { return new(run) }}

// Run computes the layer. scratch has ScratchSize(team.Threads()) elements or more.
func (p *Plan) Run(team *parallel.Team, a *Args, scratch []float32) {
	if n := p.ScratchSize(team.Threads()); len(scratch) < n {
		panic(fmt.Sprintf("rnn: %d elements of scratch memory, %d needed", len(scratch), n))
	}
	r := runs.Get().(*run)
	*r = run{Plan: p, Args: *a, team: team}
	cut := func(n int) []float32 {
		s := scratch[:n:n]
		scratch = scratch[n:]
		return s
	}
	r.x, r.rec = cut(p.Steps*p.Batch*p.width), cut(p.Batch*p.width)
	r.h, r.c, r.tmp = cut(p.Batch*p.Hidden), cut(p.Batch*p.Hidden), cut(p.Batch*p.Hidden)
	bias, rbias := cut(p.width), cut(p.width)
	r.rest = scratch
	for d, reverse := range p.Reverse {
		r.dir, r.reverse, r.f = d, reverse, p.Acts[d*p.acts:(d+1)*p.acts]
		r.bias, r.rbias = bias, rbias
		r.direction()
		if team.Stopped() {
			break
		}
	}
	*r = run{}
	runs.Put(r)
}

// direction runs the layer in one direction.
func (r *run) direction() {
	h := r.Hidden
	r.biases()
	if r.P != nil {
		r.p = r.P[r.dir*3*h:][:3*h]
	}
	a := gemm.Args{A: r.X, LDA: r.In, LDB: r.In, C: r.x, LDC: r.width, BiasCol: r.bias, Alpha: 1}
	if r.PackedW {
		a.Packed = r.Args.Packed[r.dir].W
	} else {
		a.B = r.W[r.dir*r.width*r.In:]
	}
	r.proj.Run(r.team, &a, r.rest)
	steps := r.start()
	for r.step = 0; r.step < steps && !r.team.Stopped(); r.step++ {
		r.last = false
		r.multiply(0, r.h)
		r.cells()
		if r.Kind == GRU {
			r.last = true
			r.multiply(1, r.tmp)
			r.cells()
		}
	}
	for s := range r.Batch {
		if r.YH != nil {
			copy(r.YH[r.state(s):], r.h[s*h:(s+1)*h])
		}
		if r.YC != nil {
			copy(r.YC[r.state(s):], r.c[s*h:(s+1)*h])
		}
	}
}

// biases sums what is added to the gates.
func (r *run) biases() {
	if r.B == nil {
		r.bias, r.rbias = nil, nil
		return
	}
	b := r.B[r.dir*2*r.width:][:2*r.width]
	vec.Add(r.bias, b[:r.width], b[r.width:])
	if r.Kind != GRULinear {
		r.rbias = nil
		return
	}
	g := 2 * r.Hidden // the reset gate scales the bias of the recurrent part too
	copy(r.bias[g:], b[g:r.width])
	clear(r.rbias[:g])
	copy(r.rbias[g:], b[r.width+g:])
}

// state is where the state of sequence s is in the outputs.
func (r *run) state(s int) int {
	if r.BatchFirst {
		return (s*len(r.Reverse) + r.dir) * r.Hidden
	}
	return (r.dir*r.Batch + s) * r.Hidden
}

// start sets the states and clears what lies beyond the sequences. It returns the length of the longest.
func (r *run) start() (steps int) {
	h := r.Hidden
	clear(r.h)
	clear(r.c)
	clear(r.tmp)
	for s := range r.Batch {
		n := r.len(s)
		steps = max(steps, n)
		if n > 0 && r.H0 != nil {
			copy(r.h[s*h:(s+1)*h], r.H0[r.state(s):])
		}
		if n > 0 && r.C0 != nil {
			copy(r.c[s*h:(s+1)*h], r.C0[r.state(s):])
		}
		for t := n; t < r.Steps && r.Y != nil; t++ {
			clear(r.Y[r.out(t, s):][:h])
		}
	}
	return steps
}

// len is the length of sequence s.
func (r *run) len(s int) int {
	if r.Lens == nil {
		return r.Steps
	}
	return int(r.Lens[s])
}

// out is where step t of sequence s is in Y.
func (r *run) out(t, s int) int {
	if r.BatchFirst {
		return ((s*r.Steps+t)*len(r.Reverse) + r.dir) * r.Hidden
	}
	return ((t*len(r.Reverse)+r.dir)*r.Batch + s) * r.Hidden
}

// multiply stores state * R of part i of the gates in rec.
func (r *run) multiply(i int, state []float32) {
	from := i * r.columns[0]
	a := gemm.Args{A: state, LDA: r.Hidden, LDB: r.Hidden, C: r.rec[from:], LDC: r.width, Alpha: 1}
	if r.rbias != nil {
		a.BiasCol = r.rbias[from:]
	}
	if r.PackedR {
		a.Packed = r.Args.Packed[r.dir].R[i]
	} else {
		a.B = r.R[(r.dir*r.width+from)*r.Hidden:]
	}
	r.Plan.rec[i].Run(r.team, &a, r.rest)
}

// cells applies the cell to all sequences.
func (r *run) cells() {
	if n := (r.Batch + r.chunk - 1) / r.chunk; n > 1 {
		r.team.Run(n, r)
	} else {
		r.Do(0, 0)
	}
}

// Do implements parallel.Task.
func (r *run) Do(_, i int) {
	for s := i * r.chunk; s < min((i+1)*r.chunk, r.Batch); s++ {
		n := r.len(s)
		if r.step >= n {
			continue
		}
		t := r.step
		if r.reverse {
			t = n - 1 - t
		}
		at := t*r.Batch + s
		if r.BatchFirst {
			at = s*r.Steps + t
		}
		x, rec := r.x[at*r.width:][:r.width], r.rec[s*r.width:][:r.width]
		h := r.h[s*r.Hidden:][:r.Hidden]
		switch r.Kind {
		case Plain:
			vec.Add(rec, rec, x)
			r.apply(0, rec)
			copy(h, rec)
		case LSTM:
			r.lstm(x, rec, h, r.c[s*r.Hidden:][:r.Hidden])
		default:
			r.gru(x, rec, h, r.tmp[s*r.Hidden:][:r.Hidden])
			if r.Kind == GRU && !r.last {
				continue
			}
		}
		if r.Y != nil {
			copy(r.Y[r.out(t, s):], h)
		}
	}
}
