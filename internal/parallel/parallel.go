// Package parallel is the process-wide pool of worker goroutines.
//
// A run of a model acquires a Team, hands it tasks one after another and releases it.
// Workers spin for a bounded time after a task, so that the next step of the same run starts in well under a microsecond,
// and then park. Nothing here allocates once the pool has grown to its limit.
package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Task is work cut into n independent chunks. Do is called once for every i in [0, n), from several goroutines at a time;
// worker is below the Threads of the team and no two calls that overlap in time share it, so it may index scratch memory.
// Do must not call runtime.Goexit, and must not run another task on the same team.
type Task interface {
	Do(worker, i int)
}

// Panic is what Run panics with when a task panicked: the first value seen and the stack of the goroutine that raised it.
type Panic struct {
	Value any
	Stack []byte
}

// Error describes the panic with the stack of its worker.
func (p *Panic) Error() string {
	return fmt.Sprintf("parallel: task panicked: %v\n%s", p.Value, p.Stack)
}

// Unwrap gives the panic value if it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// The state word of a team: the number of the job in the upper half, and below it the open bit (workers may join),
// the waiting bit (the caller is parked until the last worker leaves), how many more workers may join, and how many are inside.
const (
	insideOne   = 1
	insideMask  = 1<<14 - 1
	freeOne     = 1 << 14
	freeMask    = (1<<14 - 1) << 14
	waitingBit  = 1 << 28
	openBit     = 1 << 29
	jobShift    = 32
	maxTeamSize = 1 << 14
)

// Team is a number of threads granted to one run: the caller's own and some workers of the pool.
// Its methods except Stop and Stopped belong to one goroutine at a time. A nil Team is valid and has one thread.
type Team struct {
	workers []*worker // changed in Acquire and Release only
	busy    atomic.Bool
	stopped atomic.Bool
	failure atomic.Pointer[Panic]
	done    chan struct{} // the last worker of a job tells a parked caller
	_       [64]byte
	// task and n are written while the job is closed and empty, and read only by those who joined it.
	task  Task
	n     int64
	state atomic.Uint64
	_     [64]byte
	next  atomic.Int64
	_     [64]byte
}

// pool is every worker of the process.
var pool struct {
	sync.Mutex
	idle  []*worker
	total int // workers that exist
	limit int // workers that may exist; 0 means GOMAXPROCS-1
	teams []*Team
}

// SetLimit sets how many threads all teams may have together beyond one each; n < 1 restores the default, GOMAXPROCS-1.
// Workers that exist stay.
func SetLimit(n int) {
	pool.Lock()
	defer pool.Unlock()
	pool.limit = max(n, 0)
}

// Acquire grants a team of up to threads threads: fewer when other teams hold the workers, and one in the worst case.
// Results of kernels must not depend on the number granted. Release gives the team back.
func Acquire(threads int) *Team {
	threads = min(max(threads, 1), maxTeamSize)
	pool.Lock()
	defer pool.Unlock()
	var t *Team
	if last := len(pool.teams) - 1; last >= 0 {
		t = pool.teams[last]
		pool.teams = pool.teams[:last]
	} else {
		t = &Team{done: make(chan struct{}, 1)}
	}
	t.stopped.Store(false)
	limit := pool.limit
	if limit == 0 {
		limit = runtime.GOMAXPROCS(0) - 1
	}
	for len(t.workers) < threads-1 {
		var w *worker
		switch last := len(pool.idle) - 1; {
		case last >= 0 && pool.total-len(pool.idle) < limit:
			w = pool.idle[last]
			pool.idle = pool.idle[:last]
		case last < 0 && pool.total < limit:
			w = &worker{wake: make(chan struct{}, 1)}
			pool.total++
			go w.loop()
		default:
			return t
		}
		w.team.Store(t)
		t.workers = append(t.workers, w)
	}
	return t
}

// Release gives the team's workers back. The team must not be used after it; a nil team is ignored.
func (t *Team) Release() {
	if t == nil {
		return
	}
	pool.Lock()
	defer pool.Unlock()
	for i, w := range t.workers {
		w.team.Store(nil)
		t.workers[i] = nil
		pool.idle = append(pool.idle, w)
	}
	t.workers = t.workers[:0]
	t.task = nil
	pool.teams = append(pool.teams, t)
}

// Threads is how many threads the team has, the caller's included.
func (t *Team) Threads() int {
	if t == nil {
		return 1
	}
	return len(t.workers) + 1
}

// Stop asks the run to end early: chunks that have not begun are skipped, now and in later tasks, until the team is released.
// It may be called from any goroutine. Results are incomplete after it.
func (t *Team) Stop() {
	if t != nil {
		t.stopped.Store(true)
	}
}

// Stopped says whether Stop was called. Long chunks poll it.
func (t *Team) Stopped() bool { return t != nil && t.stopped.Load() }

// Run calls task.Do for every i in [0, n) and returns when all calls have returned. The caller works too, as worker 0;
// a nil team, a team of one thread and a single chunk run in the caller alone.
// If a chunk panics, those that have not begun are skipped and Run panics with a *Panic.
func (t *Team) Run(n int, task Task) {
	if n <= 0 {
		return
	}
	if t == nil || len(t.workers) == 0 || n == 1 {
		t.runAlone(n, task)
		return
	}
	if !t.busy.CompareAndSwap(false, true) {
		panic("parallel: Run called on a team that is running a task")
	}
	t.task, t.n = task, int64(n)
	t.next.Store(0)
	helpers := min(n-1, len(t.workers))
	job := t.state.Load()>>jobShift + 1
	t.state.Store(job<<jobShift | openBit | uint64(helpers)*freeOne)
	for _, w := range t.workers[:helpers] {
		w.rouse()
	}
	t.work(0)
	t.finish()
	failure := t.failure.Swap(nil)
	t.busy.Store(false)
	if failure != nil {
		panic(failure)
	}
}

// runAlone is Run without helpers.
func (t *Team) runAlone(n int, task Task) {
	defer func() {
		if v := recover(); v != nil {
			panic(failureOf(v))
		}
	}()
	for i := 0; i < n && !t.Stopped(); i++ {
		task.Do(0, i)
	}
}

// work takes chunks until none are left.
func (t *Team) work(worker int) {
	defer func() {
		if v := recover(); v != nil {
			t.failure.CompareAndSwap(nil, failureOf(v))
			t.next.Store(t.n)
		}
	}()
	task, n := t.task, t.n
	for !t.stopped.Load() {
		i := t.next.Add(1) - 1
		if i >= n {
			return
		}
		task.Do(worker, int(i))
	}
}

// failureOf wraps a recovered value once.
func failureOf(v any) *Panic {
	if p, ok := v.(*Panic); ok {
		return p
	}
	return &Panic{Value: v, Stack: debug.Stack()}
}

// join enters the open job, unless it is the one last seen, and says as which worker. It can fail and be tried again.
func (t *Team) join(seen uint64) (worker int, job uint64, ok bool) {
	s := t.state.Load()
	if s&openBit == 0 || s&freeMask == 0 || s>>jobShift == seen {
		return 0, 0, false
	}
	if !t.state.CompareAndSwap(s, s-freeOne+insideOne) {
		return 0, 0, false
	}
	return int(s & freeMask / freeOne), s >> jobShift, true
}

// offers says whether join has something to try.
func (t *Team) offers(seen uint64) bool {
	s := t.state.Load()
	return s&openBit != 0 && s&freeMask != 0 && s>>jobShift != seen
}

// leave is what a worker that joined does when no chunk is left.
func (t *Team) leave() {
	s := t.state.Add(^uint64(0))
	if s&insideMask == 0 && s&waitingBit != 0 {
		t.done <- struct{}{}
	}
}

// finish closes the job and waits for the workers inside: first spinning, then parked.
func (t *Team) finish() {
	for {
		s := t.state.Load()
		if t.state.CompareAndSwap(s, s&^openBit) {
			break
		}
	}
	var spin spinner
	for t.state.Load()&insideMask != 0 {
		if spin.again() {
			continue
		}
		s := t.state.Load()
		if s&insideMask == 0 {
			return
		}
		if t.state.CompareAndSwap(s, s|waitingBit) {
			<-t.done
			return
		}
	}
}
