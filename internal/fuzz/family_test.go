package fuzz

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/attn"
	"github.com/walnut-ai/walnut/internal/ops/control"
	"github.com/walnut-ai/walnut/internal/ops/linalg"
	opmath "github.com/walnut-ai/walnut/internal/ops/math"
	"github.com/walnut-ai/walnut/internal/ops/media"
	"github.com/walnut-ai/walnut/internal/ops/ml"
	"github.com/walnut-ai/walnut/internal/ops/move"
	"github.com/walnut-ai/walnut/internal/ops/nn"
	"github.com/walnut-ai/walnut/internal/ops/quant"
	"github.com/walnut-ai/walnut/internal/ops/reduce"
	"github.com/walnut-ai/walnut/internal/ops/seq"
	"github.com/walnut-ai/walnut/internal/ops/text"
	"github.com/walnut-ai/walnut/internal/ops/train"
)

func FuzzMath(f *testing.F)       { fuzzFamily(f, opmath.Table) }
func FuzzMove(f *testing.F)       { fuzzFamily(f, move.Table) }
func FuzzReduceNN(f *testing.F)   { fuzzFamily(f, reduce.Table, nn.Table) }
func FuzzQuant(f *testing.F)      { fuzzFamily(f, quant.Table) }
func FuzzAttnLinalg(f *testing.F) { fuzzFamily(f, attn.Table, linalg.Table) }
func FuzzControlSeqTextML(f *testing.F) {
	fuzzFamily(f, control.Table, seq.Table, text.Table, ml.Table, media.Table, train.Table)
}

var allTables = [][]*op.Def{opmath.Table, move.Table, reduce.Table, nn.Table, quant.Table, attn.Table, linalg.Table,
	control.Table, seq.Table, text.Table, ml.Table, media.Table, train.Table}

func fuzzFamily(f *testing.F, tables ...[]*op.Def) {
	fam := newFamily(f.Name(), tables...)
	for _, o := range fam.ops {
		for k := range min(len(o.templates), 2) {
			f.Add([]byte{0, 0, byte(o.hash), byte(o.hash >> 8), 0, byte(k), 0})
		}
		f.Add([]byte{0, 0, byte(o.hash), byte(o.hash >> 8), 3, byte(len(o.versions) - 1)})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := fam.make(newSource(b))
		if bad := check(c); bad != "" {
			t.Fatalf("%s\n%v", bad, c)
		}
	})
}

// TestSweep tries random cases and lists all findings, one of a kind.
func TestSweep(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("WALNUT_FUZZ_SWEEP"))
	if err != nil {
		t.Skip("WALNUT_FUZZ_SWEEP is not set")
	}
	fam := newFamily("all", allTables...)
	only := os.Getenv("WALNUT_FUZZ_OPS")
	var list []*famOp
	for _, o := range fam.ops {
		if only == "" || strings.Contains(","+only+",", ","+graph.OpName(o.def.Domain, o.def.Name)+",") {
			list = append(list, o)
		}
	}
	seed := uint64(time.Now().UnixNano())
	fmt.Sscan(os.Getenv("WALNUT_FUZZ_SEED"), &seed)
	r := rand.New(rand.NewPCG(seed, 1))
	type found struct {
		n     int
		first string
	}
	seen := map[string]*found{}
	tries, stuck := 0, 0
	good := map[string]int{}
	succeeded = func(c *opCase) { good[graph.OpName(c.domain, c.op)]++ }
	log := os.Getenv("WALNUT_FUZZ_LOG")
	for end := time.Now().Add(d); time.Now().Before(end) && stuck < 4; tries++ {
		o := list[r.IntN(len(list))]
		b := make([]byte, 8)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		c := o.make(newSource(b))
		if log != "" {
			os.WriteFile(log, []byte(c.String()), 0o600)
		}
		bad, over := checkIn(8*caseTime, c)
		if over {
			stuck++ // and goes on in the background
		}
		if bad == "" {
			continue
		}
		k := graph.OpName(o.def.Domain, o.def.Name) + ": " + kind(bad)
		if seen[k] == nil {
			seen[k] = &found{first: fmt.Sprintf("%s\n%v", bad, c)}
		}
		seen[k].n++
	}
	var keys []string
	for k := range seen {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		t.Errorf("%d times %s\n%s", seen[k].n, k, seen[k].first)
	}
	for _, o := range list {
		if k := graph.OpName(o.def.Domain, o.def.Name); good[k] < 3 {
			t.Logf("%s succeeded %d times only", k, good[k])
		}
	}
	t.Logf("%d cases, %d kinds of findings, seed %d", tries, len(keys), seed)
}

// checkIn is check that gives up after some time and tells where the case is then.
func checkIn(d time.Duration, c *opCase) (bad string, over bool) {
	done := make(chan string, 1)
	go func() { done <- check(c) }()
	select {
	case bad = <-done:
		return bad, false
	case <-time.After(d):
	}
	var b strings.Builder
	pprof.Lookup("goroutine").WriteTo(&b, 2)
	at := ""
	for _, g := range strings.Split(b.String(), "\n\n") {
		if strings.Contains(g, "fuzz.check(") {
			at = g
		}
	}
	return "stuck: " + at, true
}

// kind cuts numbers out of a finding's first line.
func kind(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	var b strings.Builder
	for _, r := range s {
		if r < '0' || r > '9' {
			b.WriteRune(r)
		}
	}
	s = b.String()
	return s[:min(len(s), 60)]
}
