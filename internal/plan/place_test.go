package plan

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/op"
)

// TestPack places random buffers and checks that no two that live at the same
// time overlap, that all lie in the arena, and that the arena is close to the
// most that lives at one time.
func TestPack(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	worst := 0.0
	for range 200 {
		steps := 1 + rng.IntN(60)
		k := &binder{b: &Bound{Steps: make([]Step, steps)}}
		var all []*buffer
		for i := range 1 + rng.IntN(80) {
			from := rng.IntN(steps)
			b := &buffer{bytes: rng.IntN(1 << rng.IntN(16)), from: from, to: min(steps, from+rng.IntN(6)), slots: []op.Slot{op.Slot(i)}}
			k.b.Slots = append(k.b.Slots, Slot{Place: Arena, Bytes: b.bytes})
			all = append(all, b)
		}
		k.pack(append([]*buffer{}, all...))
		for i, x := range all {
			if k.b.Slots[i].Offset != x.offset || x.offset%64 != 0 || x.offset+x.bytes > k.b.Arena {
				t.Fatalf("buffer %+v in an arena of %d, slot at %d", x, k.b.Arena, k.b.Slots[i].Offset)
			}
			for _, y := range all[:i] {
				apart := x.to < y.from || y.to < x.from || x.offset+x.bytes <= y.offset || y.offset+y.bytes <= x.offset
				if !apart && x.bytes > 0 && y.bytes > 0 {
					t.Fatalf("buffers %+v and %+v overlap", x, y)
				}
			}
		}
		if k.b.Live > 0 {
			worst = max(worst, float64(k.b.Arena)/float64(k.b.Live))
		}
		if k.b.Arena > k.b.Buffers || k.b.Arena < k.b.Live {
			t.Fatalf("arena %d, most live %d, all %d", k.b.Arena, k.b.Live, k.b.Buffers)
		}
	}
	t.Logf("largest arena: %.2f x the most live bytes", worst)
}

// TestEvict keeps the number of bound plans within the limit.
func TestEvict(t *testing.T) {
	p := &Program{bound: map[uint64][]*Bound{}, Shared: &Shared{MaxBound: 2}}
	for i := range 5 {
		b := &Bound{hash: uint64(i % 2)}
		p.bound[b.hash] = append(p.bound[b.hash], b)
		p.order = append(p.order, b)
		if len(p.order) > 2 {
			p.evict(p.order[0])
		}
	}
	n := 0
	for _, l := range p.bound {
		n += len(l)
	}
	if len(p.order) != 2 || n != 2 {
		t.Errorf("%d plans in the order, %d in the table, want 2", len(p.order), n)
	}
}
