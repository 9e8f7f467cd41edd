package plan

import (
	"sync"
	"sync/atomic"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Place says where a slot's tensor lives during a run.
type Place uint8

// The places of a slot.
const (
	Unused  Place = iota
	Input         // the caller's; set at the start of a run
	Const         // a weight or a value folded at bind time
	Arena         // the frame's arena, at Offset
	View          // the memory of slot Root under another shape
	Output        // the caller's or fresh; set at the start of a run
	Dynamic       // made by its step: a shape or kind that only the run knows
)

var placeNames = [...]string{"unused", "input", "const", "arena", "view", "output", "dynamic"}

// String returns the name of p.
func (p Place) String() string { return placeNames[p] }

// Slot describes one slot of a bound plan.
type Slot struct {
	Place  Place
	DType  tensor.DType
	Dims   []int
	Bytes  int
	Offset int          // Arena
	Root   op.Slot      // View
	Const  tensor.Value // Const
	Value  *graph.Value // nil: scratch
}

// Step is one step of a bound plan: a prepared kernel call, or Eval of the node.
type Step struct {
	Node *graph.Node
	Run  op.Step // nil: Eval
	In   []op.Slot
	Out  []op.Slot

	reads []op.Slot // of a kernel call: the inputs it reads itself, not through a pack
}

// Bound is a plan for one signature: immutable.
type Bound struct {
	Program *Program
	Steps   []Step
	Slots   []Slot
	Inputs  []op.Slot
	Outputs []op.Slot
	Arena   int // bytes of a frame's arena
	// Rebind lists, in order, the views whose root changes from run to run.
	Rebind []op.Slot
	// Buffers and Live tell how well the arena is used: bytes that all its
	// buffers would need side by side, and the most that live at one time.
	Buffers, Live int

	keys []key
	hash uint64

	// Frames holds idle frames; exec owns their type.
	Frames FramePool
}

// FramePool keeps idle frames of a bound plan.
type FramePool struct {
	mu      sync.Mutex
	free    []any
	closed  bool
	Created atomic.Int64
	release func(any)
}

// Get returns an idle frame, nil if there is none.
func (p *FramePool) Get() any {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		f := p.free[n-1]
		p.free = p.free[:n-1]
		return f
	}
	return nil
}

// maxIdle bounds the idle frames of a bound plan.
const maxIdle = 8

// Put keeps f for a later run; false if it should be dropped instead.
func (p *FramePool) Put(f any) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.free) >= maxIdle {
		return false
	}
	p.free = append(p.free, f)
	return true
}

// Drop forgets the idle frames; frames in use are dropped when they come back.
func (b *Bound) Drop() {
	p := &b.Frames
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.release != nil {
		for _, f := range p.free {
			p.release(f)
		}
	}
	p.free = nil
}

// OnRelease sets what is called for every idle frame that is dropped.
func (p *FramePool) OnRelease(f func(any)) {
	p.mu.Lock()
	p.release = f
	p.mu.Unlock()
}

// Stats are counters of a model, read at any time.
type Stats struct {
	Bound      atomic.Int64 // signatures bound
	ArenaBytes atomic.Int64 // arenas of all frames that exist
	PackBytes  atomic.Int64
	AlignBytes atomic.Int64 // aligned copies of weights that lie unaligned in the file
	FoldBytes  atomic.Int64 // values computed at bind time
	StateBytes atomic.Int64 // states of sessions
	Requests   atomic.Int64 // buffers asked for by runs
	Reused     atomic.Int64 // of these, served from memory that existed
}

// Packs holds the packed forms of weights, each made once a model.
type Packs struct {
	mu sync.Mutex
	m  map[packKey]any
}

type packKey struct {
	weight *tensor.Tensor
	kind   string
}

// get returns the pack, made on first need; bytes is what make added.
func (p *Packs) get(w *tensor.Tensor, kind string, counter *atomic.Int64, make func() (any, int)) any {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := packKey{w, kind}
	if x, ok := p.m[k]; ok {
		return x
	}
	x, bytes := make()
	if p.m == nil {
		p.m = map[packKey]any{}
	}
	p.m[k] = x
	counter.Add(int64(bytes))
	return x
}

// aligned returns t, or a copy of it that typed views accept.
func (p *Packs) aligned(t *tensor.Tensor, st *Stats) *tensor.Tensor {
	a := t.Aligned()
	if a == t {
		return t
	}
	return p.get(t, "aligned", &st.AlignBytes, func() (any, int) { return a, len(a.Bytes()) }).(*tensor.Tensor)
}
