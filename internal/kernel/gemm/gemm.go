// Package gemm multiplies float32 matrices: C = clip(alpha*A*B + beta*C + bias).
//
// Matrices are row-major with a pitch (LDA, LDB, LDC: elements from row to row). A Plan holds what follows from the shape and is made once;
// Run uses it with data. A constant B is packed once (PackB); any other is packed piece by piece into scratch memory, or read in place
// when A has few rows. The chunks of work and the order of additions depend on the shape and the instruction set only,
// so results are bit-equal for any number of threads.
package gemm

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/parallel"
)

//go:generate go -C ../_asm run . -kernel ..

// Shape is what a plan is made for: C is M by N, A is M by K (K by M in memory with TransA), B is K by N (N by K with TransB).
type Shape struct {
	M, N, K        int
	TransA, TransB bool
	Batch          int    // products in one run; 0 is 1
	B              Origin // how Run gets B
}

// Origin says where B comes from.
type Origin uint8

// The origins of B.
const (
	Plain    Origin = iota // Args.B and LDB
	IsPacked               // Args.Packed; TransB was given to PackB and is ignored here
	Computed               // Args.Source
)

// Source gives pieces of a B that is not in memory as a matrix, such as the patches of a convolution.
type Source interface {
	// Pack stores rows k0 to k0+kc and columns j0 to j0+cols of B of product batch: element (k, j) at dst[(k-k0)*width+j-j0].
	// The width-cols columns beyond are cleared. It is called from several goroutines at a time, with different dst.
	Pack(dst []float32, batch, k0, kc, j0, cols, width int)
}

// Offset says where in the slices of Args the operands of one product of a batch begin.
type Offset struct{ A, B, C, BiasRow int }

// Args are the operands of a run. C must not overlap anything else.
type Args struct {
	A        []float32
	LDA      int
	B        []float32 // for Plain
	LDB      int
	Packed   *Packed // for IsPacked
	Source   Source  // for Computed
	C        []float32
	LDC      int
	BiasCol  []float32 // N values added to every row of C, or nil
	BiasRow  []float32 // M values, one added to each row of C, or nil
	Alpha    float32
	Beta     float32 // with 0, C is not read
	Clip     bool    // limit the results to [Lo, Hi]; NaN stays
	Lo, Hi   float32
	Products []Offset // one for each product of the batch; nil if Batch is 1
}

// kernelArgs is the argument block of the kernels; the generator knows the offsets. Strides are in bytes.
type kernelArgs struct {
	a       *float32
	rs      int
	kc      int
	b       *float32
	bs      int // row stride of B, for kernels that read it in place
	c       *float32
	ldc     int
	biasCol *float32
	biasRow *float32
	mask    uint64 // one bit for each of cols columns
	cols    int
	alpha   float32
	beta    float32
	clip    int32
	lo, hi  float32
	_       float32
	tile    [8 * 8]float32 // the product of a tile, row by row, where a kernel leaves the rest to finish
}

// tile is a family of kernels of one width, for heights 1 to rows; id numbers the first, -1 is the generic one.
type tile struct{ width, rows, id int }

func (t tile) run(m int, p *kernelArgs) {
	if t.id < 0 {
		kernelGeneric(p, m)
		return
	}
	call(t.id+m-1, p)
	if leavesPartial && p.cols < t.width {
		finish(p, m, t.width)
	}
}

// layout is how an instruction set cuts matrices.
type layout struct {
	kc     int    // rows of B handled at a time
	tiles  []tile // by ascending width; the last is that of all panels but the last one
	direct []tile // direct[m] reads B in place for m rows; it may be shorter than any M
}

func (l *layout) main() tile { return l.tiles[len(l.tiles)-1] }

// tile is the narrowest for so many columns.
func (l *layout) tile(cols int) tile {
	for _, t := range l.tiles {
		if cols <= t.width {
			return t
		}
	}
	return l.main()
}

// packedSize is the size of all panels of a K by N matrix.
func (l *layout) packedSize(k, n int) int {
	w := l.main().width
	return (n/w*w + l.tailWidth(n%w)) * k
}

func (l *layout) tailWidth(cols int) int {
	if cols == 0 {
		return 0
	}
	return l.tile(cols).width
}

// How large the chunks of work are.
const (
	directKC  = 2048    // rows of B for kernels that read it in place
	blockRows = 96      // rows of A for a packed B
	freshRows = 384     // rows of A for a B that each chunk packs anew
	taskWork  = 1 << 20 // operations that are worth a chunk of their own
	maxTasks  = 64      // no more chunks than that are made smaller than they need to be
	minFresh  = 64      // rows that pay for packing a piece of B
	fewTasks  = 16      // how many chunks are worth packing pieces of B more than once
)

// Plan is a prepared product. It is immutable and serves concurrent runs.
type Plan struct {
	Shape
	layout    *layout
	width     int  // of the panels but the last
	panels    int  // of width columns
	group     int  // panels in a chunk
	groups    int  // chunks side by side
	rows      int  // rows in a chunk
	blocks    int  // chunks one below the other
	kc        int  // rows of B at a time
	direct    bool // B is read in place
	dots      bool // rows of A times rows of B
	copyA     bool // A goes through scratch memory
	perWorker int  // floats of scratch memory
}

// NewPlan prepares products of that shape for the best instruction set.
func NewPlan(s Shape) Plan {
	s.Batch = max(s.Batch, 1)
	l := layoutFor(isa.Best())
	p := Plan{Shape: s, layout: l, kc: l.kc, width: l.main().width}
	if s.B == IsPacked {
		p.TransB = false
	}
	p.direct = s.B == Plain && !s.TransB && s.M > 0 && s.M < len(l.direct)
	p.dots = s.B == Plain && s.TransB && s.M <= 2 && !s.TransA
	maxRows := blockRows
	switch {
	case p.direct:
		p.width = l.direct[s.M].width
		p.kc = directKC
	case s.B != IsPacked:
		maxRows = freshRows
	}
	p.panels = (s.N + p.width - 1) / p.width
	p.split(maxRows)
	if !p.dots {
		p.copyA = s.TransA
		if !p.direct && s.B != IsPacked {
			p.perWorker = p.kc * p.width
		}
		if p.copyA {
			p.perWorker += p.rows * p.pitchA()
		}
		p.perWorker = (p.perWorker + 15) &^ 15
	}
	return p
}

// split chooses the chunks.
func (p *Plan) split(maxRows int) {
	unit := p.layout.main().rows
	p.blocks = max(1, (p.M+maxRows-1)/maxRows)
	p.group = max(p.panels, 1)
	work := 2 * float64(p.M) * float64(p.N) * float64(p.K) * float64(p.Batch)
	want := int(min(maxTasks, max(1, work/taskWork)))
	count := func() int { return p.Batch * p.blocks * ((p.panels + p.group - 1) / max(p.group, 1)) }
	for count() < want && p.group > 1 {
		p.group = (p.group + 1) / 2
	}
	least := 2 * unit
	if p.B != IsPacked {
		least, want = minFresh, min(want, fewTasks)
	}
	for count() < want && !p.direct && p.M/(2*p.blocks) >= least {
		p.blocks *= 2
	}
	p.groups = (p.panels + p.group - 1) / p.group
	p.rows = (p.M + p.blocks - 1) / max(p.blocks, 1)
	if p.blocks > 1 {
		p.rows = (p.rows + unit - 1) / unit * unit
		p.blocks = (p.M + p.rows - 1) / p.rows
	}
}

func (p *Plan) pitchA() int { return (min(p.kc, max(p.K, 1))+15)&^15 + 16 }

// ScratchSize is how many floats of scratch memory a run with so many threads needs.
func (p *Plan) ScratchSize(threads int) int {
	if p.perWorker == 0 {
		return 0
	}
	return threads*p.perWorker + 15
}

// job is a run in progress.
type job struct {
	plan    *Plan
	team    *parallel.Team
	args    Args
	scratch []float32
	one     [1]Offset
}

var jobs = sync.Pool{New: func() any { return new(job) }}

// Run computes the products. scratch has ScratchSize(team.Threads()) elements or more, with any content.
// It panics if a slice is too short for the shape.
func (p *Plan) Run(team *parallel.Team, a *Args, scratch []float32) {
	if p.M <= 0 || p.N <= 0 {
		return
	}
	j := jobs.Get().(*job)
	j.plan, j.team, j.args = p, team, *a
	if j.args.Products == nil {
		j.one = [1]Offset{}
		j.args.Products = j.one[:]
	}
	p.check(&j.args, len(scratch), team.Threads())
	if p.perWorker > 0 {
		j.scratch = scratch[int(-uintptr(unsafe.Pointer(unsafe.SliceData(scratch)))&63)/4:]
	}
	if j.args.Beta == 0 {
		j.args.Beta = 0 // not -0, which the kernels would take for a factor
	}
	team.Run(p.Batch*p.blocks*p.groups, j)
	*j = job{}
	jobs.Put(j)
}

// check panics unless all operands are long enough.
func (p *Plan) check(a *Args, scratch, threads int) {
	need := func(what string, have, rows, cols, pitch, offset int) {
		if rows == 0 || cols == 0 {
			return
		}
		if pitch < cols || offset < 0 || offset+(rows-1)*pitch+cols > have {
			panic(fmt.Sprintf("gemm: %s has %d elements, too few for %d rows of %d with pitch %d from %d", what, have, rows, cols, pitch, offset))
		}
	}
	if len(a.Products) != p.Batch {
		panic(fmt.Sprintf("gemm: %d offsets for a batch of %d", len(a.Products), p.Batch))
	}
	if n := p.ScratchSize(threads); scratch < n {
		panic(fmt.Sprintf("gemm: %d elements of scratch memory, %d needed", scratch, n))
	}
	for _, o := range a.Products {
		rows, cols := p.M, p.K
		if p.TransA {
			rows, cols = cols, rows
		}
		need("A", len(a.A), rows, cols, a.LDA, o.A)
		need("C", len(a.C), p.M, p.N, a.LDC, o.C)
		if a.BiasRow != nil {
			need("BiasRow", len(a.BiasRow), 1, p.M, p.M, o.BiasRow)
		}
		if p.B == Plain {
			rows, cols = p.K, p.N
			if p.TransB {
				rows, cols = cols, rows
			}
			need("B", len(a.B), rows, cols, a.LDB, o.B)
		}
	}
	if a.BiasCol != nil {
		need("BiasCol", len(a.BiasCol), 1, p.N, p.N, 0)
	}
	if p.B == IsPacked && (a.Packed.layout != p.layout || a.Packed.N != p.N || a.Packed.K != p.K) {
		panic("gemm: B was packed for another shape or instruction set")
	}
}

// Do computes one chunk.
func (j *job) Do(worker, i int) {
	p := j.plan
	batch, i := i/(p.blocks*p.groups), i%(p.blocks*p.groups)
	block, group := i/p.groups, i%p.groups
	c := chunk{
		plan: p, args: &j.args, team: j.team, batch: batch, at: j.args.Products[batch],
		m0: block * p.rows, m1: min(p.M, (block+1)*p.rows),
		p0: group * p.group, p1: min(p.panels, (group+1)*p.group),
	}
	if p.perWorker > 0 {
		c.scratch = j.scratch[worker*p.perWorker:][:p.perWorker]
	}
	if p.dots {
		c.runDots()
		return
	}
	c.run()
}
