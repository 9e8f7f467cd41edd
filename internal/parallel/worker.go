package parallel

import (
	"sync/atomic"
	"time"
)

// spinTime is how long a thread spins before it parks: longer than the gap between two steps of a run, short against a request.
const spinTime = 60 * time.Microsecond

// spinner spins for spinTime. The clock is read every few rounds only, for it costs as much as a round.
type spinner struct {
	rounds int
	start  time.Time
}

// again waits a moment and says whether there is time left to spin.
func (s *spinner) again() bool {
	pause(4)
	s.rounds++
	if s.rounds%32 != 0 {
		return true
	}
	if s.start.IsZero() {
		s.start = time.Now()
		return true
	}
	return time.Since(s.start) < spinTime
}

// worker is one goroutine of the pool. It serves the team it is lent to, and may for a moment still look at the team it was lent to
// before: that is harmless, since who joins a job gets a worker number of that job.
type worker struct {
	team   atomic.Pointer[Team]
	asleep atomic.Bool
	wake   chan struct{}
	_      [64]byte
}

// rouse wakes a parked worker.
func (w *worker) rouse() {
	if w.asleep.Load() && w.asleep.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
}

// loop serves jobs for ever.
func (w *worker) loop() {
	var (
		last *Team // the team of the job last served
		seen uint64
		spin spinner
	)
	for {
		t := w.team.Load()
		if t != last {
			last, seen = t, 0
		}
		if t != nil {
			if id, job, ok := t.join(seen); ok {
				seen = job
				t.work(id)
				t.leave()
				spin = spinner{}
				continue
			}
		}
		if spin.again() {
			continue
		}
		w.park(t, seen)
		spin = spinner{}
	}
}

// park sleeps until rouse, unless there is work by now.
func (w *worker) park(t *Team, seen uint64) {
	w.asleep.Store(true)
	now := w.team.Load()
	if now != nil && (now != t && now.offers(0) || now == t && now.offers(seen)) {
		if w.asleep.CompareAndSwap(true, false) {
			return
		}
	}
	<-w.wake
}
