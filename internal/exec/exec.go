package exec

import (
	"context"
	"sort"
	"sync"
	"time"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/parallel"
	"github.com/walnut-ai/walnut/internal/plan"
	"github.com/walnut-ai/walnut/tensor"
)

// Options of a run.
type Options struct {
	Bytes      int64 // budget of memory allocated during the run; 0 = op.DefaultBytes
	Iterations int64 // budget of loop iterations; 0 = op.DefaultIterations
	Profile    *Profile
}

// Run runs p on in, a value for every graph input (nil takes an initializer's
// default). out has an entry for every graph output: a tensor to write to, or
// nil, which is replaced by a fresh value. Safe for concurrent use.
func Run(ctx context.Context, p *plan.Program, in, out []tensor.Value, o Options) error {
	if o.Bytes == 0 {
		o.Bytes = op.DefaultBytes
	}
	if o.Iterations == 0 {
		o.Iterations = op.DefaultIterations
	}
	var team *parallel.Team
	if p.Shared.Threads > 1 || ctx.Done() != nil { // one thread polls too
		team = parallel.Acquire(p.Shared.Threads)
		defer team.Release()
		if ctx.Done() != nil {
			stop := context.AfterFunc(ctx, team.Stop)
			defer stop()
		}
	}
	return run(p, in, out, env{ctx: ctx, team: team, bytes: o.Bytes, iterations: o.Iterations, prof: o.Profile})
}

// overlaps reports whether a and b share memory.
func overlaps(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	pa, pb := uintptr(unsafe.Pointer(unsafe.SliceData(a))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return pa < pb+uintptr(len(b)) && pb < pa+uintptr(len(a))
}

// Profile collects the time of every node over any number of runs.
type Profile struct {
	mu sync.Mutex
	m  map[*graph.Node]*Entry
}

// Entry is the profile of one node.
type Entry struct {
	Path, Op string
	Kernel   bool // ran as a prepared step; false: by Eval
	Output   string
	Calls    int
	Time     time.Duration
}

func (p *Profile) add(st *plan.Step, ts []*tensor.Tensor, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil {
		p.m = map[*graph.Node]*Entry{}
	}
	e := p.m[st.Node]
	if e == nil {
		e = &Entry{Path: st.Node.Path, Op: graph.OpName(st.Node.Domain, st.Node.Op)}
		p.m[st.Node] = e
	}
	e.Kernel = st.Run != nil
	if len(st.Out) > 0 && st.Out[0] >= 0 && ts[st.Out[0]] != nil {
		e.Output = ts[st.Out[0]].String()
	}
	e.Calls++
	e.Time += d
}

// Entries returns the nodes, slowest first.
func (p *Profile) Entries() []Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := make([]Entry, 0, len(p.m))
	for _, e := range p.m {
		l = append(l, *e)
	}
	sort.Slice(l, func(i, j int) bool { return l[i].Time > l[j].Time })
	return l
}
