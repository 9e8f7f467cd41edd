package parallel

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// withWorkers allows more workers than the machine has cores, so that sharing is tested everywhere.
func withWorkers(t testing.TB, n int) {
	SetLimit(n)
	t.Cleanup(func() { SetLimit(0) })
}

// counts counts the calls per chunk and checks that worker numbers are not shared.
type counts struct {
	t       testing.TB
	threads int
	seen    []int32 // written by one chunk each: the race detector checks the hand-over
	inside  []atomic.Int32
	delay   time.Duration
}

func (c *counts) Do(worker, i int) {
	if worker < 0 || worker >= c.threads {
		c.t.Errorf("worker %d of %d", worker, c.threads)
		return
	}
	if c.inside[worker].Add(1) != 1 {
		c.t.Errorf("worker number %d used twice at a time", worker)
	}
	c.seen[i]++
	if c.delay > 0 {
		time.Sleep(c.delay)
	}
	c.inside[worker].Add(-1)
}

func (c *counts) run(team *Team, n int) {
	c.threads = team.Threads()
	c.inside = make([]atomic.Int32, c.threads)
	c.seen = make([]int32, n)
	team.Run(n, c)
	for i, v := range c.seen {
		if v != 1 {
			c.t.Fatalf("chunk %d of %d ran %d times", i, n, v)
		}
	}
}

func TestRunCallsEveryChunkOnce(t *testing.T) {
	withWorkers(t, 7)
	for _, threads := range []int{1, 2, 3, 8} {
		team := Acquire(threads)
		for round := range 300 {
			c := counts{t: t}
			c.run(team, round%50)
		}
		team.Release()
	}
	c := counts{t: t}
	c.run(nil, 9)
}

func TestParkedWorkersAndParkedCaller(t *testing.T) {
	withWorkers(t, 3)
	team := Acquire(4)
	defer team.Release()
	for range 5 {
		time.Sleep(2 * time.Millisecond) // everybody parks
		c := counts{t: t, delay: 3 * time.Millisecond}
		c.run(team, 5)
	}
}

func TestConcurrentTeams(t *testing.T) {
	withWorkers(t, 5)
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for round := range 200 {
				team := Acquire(1 + (g+round)%4)
				for n := range 6 {
					c := counts{t: t}
					c.run(team, n*3)
				}
				team.Release()
			}
		})
	}
	wg.Wait()
}

func TestLimitIsShared(t *testing.T) {
	withWorkers(t, 2)
	a, b := Acquire(8), Acquire(8)
	if a.Threads() != 3 || b.Threads() != 1 {
		t.Fatalf("got %d and %d threads, want 3 and 1", a.Threads(), b.Threads())
	}
	a.Release()
	c := Acquire(2)
	if c.Threads() != 2 {
		t.Fatalf("got %d threads after a release, want 2", c.Threads())
	}
	b.Release()
	c.Release()
}

type taskFunc func(worker, i int)

func (f taskFunc) Do(worker, i int) { f(worker, i) }

func TestPanicReachesTheCaller(t *testing.T) {
	withWorkers(t, 3)
	cause := errors.New("cause")
	for _, threads := range []int{1, 4} {
		team := Acquire(threads)
		for bad := range 8 {
			func() {
				defer func() {
					p, ok := recover().(*Panic)
					if !ok || !errors.Is(p, cause) || len(p.Stack) == 0 {
						t.Errorf("threads %d, chunk %d: recovered %v", threads, bad, p)
					}
				}()
				team.Run(8, taskFunc(func(_, i int) {
					if i == bad {
						panic(cause)
					}
				}))
			}()
			c := counts{t: t}
			c.run(team, 20) // the team is usable afterwards
		}
		team.Release()
	}
}

func TestNestedRunPanics(t *testing.T) {
	withWorkers(t, 1)
	team := Acquire(2)
	defer team.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	team.Run(2, taskFunc(func(int, int) { team.Run(2, taskFunc(func(int, int) {})) }))
}

func TestStopSkipsTheRest(t *testing.T) {
	withWorkers(t, 2)
	for _, threads := range []int{1, 3} {
		team := Acquire(threads)
		var calls atomic.Int32
		team.Run(10000, taskFunc(func(_, i int) {
			calls.Add(1)
			team.Stop()
		}))
		if n := calls.Load(); n > int32(threads) {
			t.Errorf("%d chunks began after Stop", n)
		}
		if !team.Stopped() {
			t.Error("not stopped")
		}
		team.Release()
		team = Acquire(threads)
		if team.Stopped() {
			t.Error("a fresh team is stopped")
		}
		team.Release()
	}
	var none *Team
	none.Stop()
	none.Release()
	if none.Stopped() || none.Threads() != 1 {
		t.Error("nil team")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	withWorkers(t, 2)
	c := &nothing{}
	Acquire(3).Release()
	if n := testing.AllocsPerRun(100, func() {
		team := Acquire(3)
		team.Run(10, c)
		team.Release()
	}); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

type nothing struct{}

func (*nothing) Do(int, int) {}

func BenchmarkRunEmpty(b *testing.B) {
	team := Acquire(2)
	defer team.Release()
	c := &nothing{}
	for b.Loop() {
		team.Run(2, c)
	}
}
