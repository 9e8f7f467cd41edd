package quant

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// form says what operands kernels take.
type form uint8

const (
	formUS   form = iota // A unsigned bytes, B signed bytes, four at a time
	formSU               // A signed bytes, B unsigned bytes, four at a time
	formPair             // int16, two at a time
)

// tile is a family of kernels of one width, for heights 1 to rows; id numbers the first, -1 is the Go one.
type tile struct{ width, rows, id int }

// layout is how an instruction set cuts matrices.
type layout struct {
	form  form
	group int    // rows of B that lie together, 4 bytes a column
	tiles []tile // by ascending width; the last is that of all panels but the last one
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

// groups is how many groups of rows K rows of B make.
func (l *layout) groups(k int) int { return (k + l.group - 1) / l.group }

// Mode is what a product stores.
type Mode int

// The modes.
const (
	Sums   Mode = iota // int32
	Floats             // float32: sum*scale + ColBias
	Bytes              // sum*scale, rounded, plus Zero, within [Lo+Zero, Hi+Zero]
)

func (m Mode) size() int {
	if m == Bytes {
		return 1
	}
	return 4
}

// Epilogue is what happens to the sums. The slices that belong to columns have Padded(N) elements, those that belong to rows M for each product of the batch's offset.
type Epilogue struct {
	Mode               Mode
	ColInit, RowInit   []int32 // added to the sums, or nil
	ColScale, RowScale []float32
	ColBias            []float32 // for Floats, or nil
	Lo, Hi             float32   // for Bytes: integers, the limits minus Zero
	Zero               int32
}

// Limit sets Zero and the limits for T.
func Limit[T Byte](e *Epilogue, zero int32) {
	lo, hi := Range[T]()
	e.Zero, e.Lo, e.Hi = zero, float32(lo-zero), float32(hi-zero)
}

// Padded is the length of a slice for n columns.
func Padded(n int) int { return (n + 63) &^ 63 }

// Offset says where operands of one product of a batch begin: B is up to the source, Row counts elements of RowInit and RowScale.
type Offset struct{ A, C, Row int }

// Source packs columns of a B that is not packed ahead.
type Source interface {
	// panel packs columns j0 to j0+cols of product batch.
	panel(dst []uint8, batch, j0, cols, width int)
}

// Shape is what a plan is made for: C is M by N, A is M by K.
type Shape struct {
	M, N, K int
	Batch   int  // 0 is 1
	Wide    bool // B, without its zero points, needs more than 8 signed bits, or comes from Matrices
	Source  bool // B comes from Args.Source
	// Pitch, if not 0: columns are positions in lines of Pitch, of which the first Line are stored, line after line.
	Pitch, Line int
	rowsReady   bool // A is in the form of the layout
	form        form
}

// Args are the operands of a run.
type Args struct {
	A        []uint8
	SignedA  bool
	ZeroA    int32 // of wide products; others take it into account by Packed.Init
	LDA      int
	Packed   *Packed
	Source   Source
	C        unsafe.Pointer
	LDC      int // elements
	Products []Offset
	Epilogue
}

// productArgs is the argument block of the kernels; the generator knows the offsets.
type productArgs struct {
	a                  unsafe.Pointer
	rs, kd             int
	b, c               unsafe.Pointer
	ldc                int
	mask               uint64
	cols               int
	colInit, rowInit   *int32
	colScale, rowScale *float32
	colBias            *float32
	mode               int
	lo, hi             float32
	zero               int32
	_                  int32
	rows               int
	tile               [6 * 16]int32 // the sums, row by row, where a kernel leaves the rest to finish
}

func (t tile) run(m int, p *productArgs) {
	if t.id < 0 {
		productGeneric(p, m)
		finishGeneric(p, m, t.width)
		return
	}
	product(t.id+m-1, p)
	if t.width == 16 {
		p.rows = m
		if !finishTile(p) {
			finishGeneric(p, m, t.width)
		}
	}
}

// How large the chunks of work are.
const (
	blockRows = 96
	taskWork  = 1 << 20 // multiplications that are worth a chunk
	maxTasks  = 32
	tileBytes = 14 * 64 * 4
)

// Plan is a prepared product. It is immutable and serves concurrent runs.
type Plan struct {
	Shape
	layout       *layout
	kd           int // dwords of a row of A
	panels       int
	group        int // panels in a chunk
	groups       int
	rows, blocks int // rows in a chunk, chunks one below the other
	perWorker    int // bytes of scratch memory
	copyBytes    int // of it for rows of A
	panelBytes   int
}

// NewPlan prepares products of that shape for the best instruction set.
func NewPlan(s Shape) *Plan {
	s.Batch = max(s.Batch, 1)
	if s.Wide {
		s.form = formPair
	}
	p := &Plan{Shape: s, layout: layoutFor(isa.Best(), s.form)}
	p.kd = p.layout.groups(s.K)
	w := p.layout.main().width
	p.panels = (s.N + w - 1) / w
	p.split()
	if !s.rowsReady {
		p.copyBytes = (p.rows*p.kd*4 + 63) &^ 63
	}
	if s.Source {
		p.panelBytes = p.kd * 4 * w
	}
	p.perWorker = p.copyBytes + p.panelBytes
	if s.Pitch > s.Line {
		p.perWorker += tileBytes
	}
	return p
}

func (p *Plan) split() {
	p.blocks = max(1, (p.M+blockRows-1)/blockRows)
	p.group = max(p.panels, 1)
	work := float64(p.M) * float64(p.N) * float64(p.K) * float64(p.Batch)
	want := int(min(maxTasks, max(1, work/taskWork)))
	count := func() int { return p.Batch * p.blocks * ((p.panels + p.group - 1) / p.group) }
	unit := p.layout.main().rows
	for count() < want && p.M/(2*p.blocks) >= 4*unit {
		p.blocks *= 2
	}
	for count() < want && p.group > 1 {
		p.group = (p.group + 1) / 2
	}
	p.groups = (p.panels + p.group - 1) / p.group
	p.rows = (p.M + p.blocks - 1) / p.blocks
	if p.blocks > 1 {
		p.rows = (p.rows + unit - 1) / unit * unit
		p.blocks = (p.M + p.rows - 1) / p.rows
	}
}

// ScratchSize is how many bytes of scratch memory a run with so many threads needs.
func (p *Plan) ScratchSize(threads int) int { return threads*p.perWorker + 63 }

type job struct {
	plan    *Plan
	args    Args
	scratch []uint8
	one     [1]Offset
}

var jobs = sync.Pool{New: func() any { return new(job) }}

// Run computes the products. scratch has ScratchSize(team.Threads()) bytes or more.
func (p *Plan) Run(team *parallel.Team, a *Args, scratch []uint8) {
	if p.M <= 0 || p.N <= 0 {
		return
	}
	if n := p.ScratchSize(team.Threads()); len(scratch) < n {
		panic(fmt.Sprintf("quant: %d bytes of scratch memory, %d needed", len(scratch), n))
	}
	j := jobs.Get().(*job)
	j.plan, j.args = p, *a
	if j.args.Products == nil {
		j.one = [1]Offset{}
		j.args.Products = j.one[:]
	}
	p.check(&j.args)
	j.scratch = scratch[int(-uintptr(unsafe.Pointer(unsafe.SliceData(scratch)))&63):]
	team.Run(p.Batch*p.blocks*p.groups, j)
	*j = job{}
	jobs.Put(j)
}

// check panics unless the operands are long enough.
func (p *Plan) check(a *Args) {
	bad := len(a.Products) != p.Batch
	for _, o := range a.Products {
		last := p.K
		if p.rowsReady {
			last = 4 * p.kd
		}
		bad = bad || p.K > 0 && o.A+(p.M-1)*a.LDA+last > len(a.A)
		bad = bad || a.RowInit != nil && o.Row+p.M > len(a.RowInit) || a.RowScale != nil && o.Row+p.M > len(a.RowScale)
	}
	n := Padded(p.N)
	bad = bad || a.ColInit != nil && len(a.ColInit) < n || a.ColScale != nil && len(a.ColScale) < n || a.ColBias != nil && len(a.ColBias) < n
	if k := a.Packed; !p.Source {
		bad = bad || k == nil || k.layout != p.layout || k.K != p.K || k.N != p.N
	} else {
		bad = bad || a.Source == nil || a.Packed != nil
	}
	if bad || a.Mode != Sums && a.ColScale == nil && a.RowScale == nil {
		panic("quant: operands do not fit the plan")
	}
}

// Do computes one chunk.
func (j *job) Do(worker, i int) {
	p, a := j.plan, &j.args
	per := p.blocks * p.groups
	batch, i := i/per, i%per
	m0 := i / p.groups * p.rows
	m1 := min(p.M, m0+p.rows)
	p0 := i % p.groups * p.group
	at := a.Products[batch]
	scratch := j.scratch[worker*p.perWorker:][:p.perWorker]
	k := productArgs{kd: p.kd, ldc: a.LDC * a.Mode.size(), mode: int(a.Mode), lo: a.Lo, hi: a.Hi, zero: a.Zero}
	base := j.rowsOfA(&k, at, m0, m1, scratch)
	width := p.layout.main().width
	c := unsafe.Add(a.C, at.C*a.Mode.size())
	for q := p0; q < min(p.panels, p0+p.group); q++ {
		j0 := q * width
		k.cols = min(width, p.N-j0)
		k.mask = 1<<uint(k.cols) - 1
		t := p.layout.tile(k.cols)
		if a.Packed != nil {
			k.b = unsafe.Pointer(unsafe.SliceData(a.Packed.data[j0*p.kd*4:]))
		} else {
			panel := scratch[p.copyBytes:][:p.panelBytes]
			a.Source.panel(panel, batch, j0, k.cols, t.width)
			k.b = unsafe.Pointer(unsafe.SliceData(panel))
		}
		k.colInit, k.colScale, k.colBias = from(a.ColInit, j0), from(a.ColScale, j0), from(a.ColBias, j0)
		m := m1 - m0
		n := (m + t.rows - 1) / t.rows
		for x, r := 0, 0; x < n; x++ {
			h := m / n
			if x < m%n {
				h++
			}
			k.a = unsafe.Add(base, r*k.rs)
			k.rowInit, k.rowScale = from(a.RowInit, at.Row+m0+r), from(a.RowScale, at.Row+m0+r)
			row := unsafe.Add(c, (m0+r)*k.ldc)
			if p.Pitch > p.Line {
				j.lines(&k, t, h, row, j0, scratch[p.copyBytes+p.panelBytes:])
			} else {
				k.c = unsafe.Add(row, j0*a.Mode.size())
				t.run(h, &k)
			}
			r += h
		}
	}
}

func from[T any](s []T, i int) *T {
	if s == nil {
		return nil
	}
	return &s[i]
}

// rowsOfA gives rows m0 to m1 in the form of the layout, in place or copied, and sets their pitch.
func (j *job) rowsOfA(k *productArgs, at Offset, m0, m1 int, scratch []uint8) unsafe.Pointer {
	p, a := j.plan, &j.args
	src := a.A[at.A:]
	if p.rowsReady || p.layout.form == formUS && !a.SignedA && p.K%4 == 0 {
		k.rs = a.LDA
		return unsafe.Pointer(unsafe.SliceData(src[min(len(src), m0*a.LDA):]))
	}
	k.rs = p.kd * 4
	for r := range m1 - m0 {
		x := src[(m0+r)*a.LDA:][:p.K]
		d := scratch[r*k.rs:][:k.rs]
		if p.layout.form == formPair {
			widen(unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(d))), len(d)/2), x, a.SignedA, a.ZeroA)
		} else {
			flipped(d, x, a.SignedA)
		}
	}
	return unsafe.Pointer(unsafe.SliceData(scratch))
}

// lines computes h rows of a panel beside C and stores the columns that belong to the lines.
func (j *job) lines(k *productArgs, t tile, h int, c unsafe.Pointer, j0 int, buf []uint8) {
	p, size := j.plan, j.args.Mode.size()
	ldc, cols := k.ldc, k.cols
	k.c, k.ldc = unsafe.Pointer(unsafe.SliceData(buf)), t.width*size
	t.run(h, k)
	k.ldc = ldc
	for r := range h {
		src := buf[r*t.width*size:][:cols*size]
		x, y := j0%p.Pitch, j0/p.Pitch
		for i := 0; i < cols; {
			n := min(p.Pitch-x, cols-i)
			if n := min(p.Line-x, n); n > 0 {
				dst := unsafe.Slice((*uint8)(unsafe.Add(c, r*ldc+(y*p.Line+x)*size)), n*size)
				copy(dst, src[i*size:])
			}
			i += n
			x, y = 0, y+1
		}
	}
}
