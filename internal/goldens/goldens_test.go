// Package goldens compares operators with what ONNX Runtime, or an independent
// NumPy form, gives for random cases: testdata/ops.tar.gz, which
// tools/goldens/ops.py makes.
package goldens

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/conformance"
	"github.com/walnut-ai/walnut/internal/engine"
)

// entry is one line of the index.
type entry struct {
	op, by string
	tol    compare.Tol
}

func index(t *testing.T) map[string]entry {
	t.Helper()
	b, err := os.ReadFile("testdata/ops.tsv")
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]entry{}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[2:] {
		f := strings.Split(line, "\t")
		if len(f) != 6 {
			t.Fatalf("index: %q has %d fields, want 6", line, len(f))
		}
		rel, err1 := strconv.ParseFloat(f[3], 64)
		abs, err2 := strconv.ParseFloat(f[4], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("index: %q: tolerance: %v %v", line, err1, err2)
		}
		m[f[0]] = entry{op: f[1], by: f[5], tol: compare.Tol{Rel: rel, Abs: abs}}
	}
	return m
}

// TestKernels runs the cases with plans and kernels.
func TestKernels(t *testing.T) { run(t, engine.Options{Threads: 1}) }

// TestReference runs the cases by the operators' plain definitions.
func TestReference(t *testing.T) { run(t, engine.Options{Threads: 1, Reference: true}) }

func run(t *testing.T, o engine.Options) {
	idx, open := index(t), conformance.Engine(o)
	ops, cases, seen := map[string]bool{}, 0, map[string]bool{}
	err := conformance.Read("testdata/ops.tar.gz", func(c *conformance.Case) error {
		e, ok := idx[c.Name()]
		if !ok {
			t.Errorf("%s is not in the index", c.ID)
			return nil
		}
		c.Tol = &e.tol
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		r := conformance.Run(ctx, c, open)
		ops[e.op], seen[c.Name()] = true, true
		cases++
		switch why := known[c.Name()]; {
		case r.Status != conformance.Pass && why == "":
			t.Errorf("%s (by %s): %s: %s", c.Name(), e.by, r.Status, r.Detail)
		case r.Status == conformance.Pass && why != "":
			t.Errorf("%s passes, but is listed as a known difference: %s", c.Name(), why)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if cases != len(idx) {
		t.Errorf("%d cases in the archive, %d in the index", cases, len(idx))
	}
	for name := range known {
		if !seen[name] {
			t.Errorf("known difference %s is no case", name)
		}
	}
	t.Logf("%d cases of %d operators", cases, len(ops))
}
