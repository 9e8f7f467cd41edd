package optimize_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/engine"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/load"
	"github.com/walnut-ai/walnut/internal/optimize"
	"github.com/walnut-ai/walnut/internal/testutil"
	"github.com/walnut-ai/walnut/tensor"
)

// TestSharedModels runs every model of the collection with all passes and
// without each lowering pass that changes it, and compares the outputs.
func TestSharedModels(t *testing.T) {
	if testing.Short() {
		t.Skip("runs each model several times")
	}
	dir := testutil.Shared(t, "models")
	f, err := os.Open(filepath.Join(dir, "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	col := map[string]int{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		c := strings.Split(s.Text(), "\t")
		if len(col) == 0 {
			for i, h := range c {
				col[h] = i
			}
			continue
		}
		rel, err1 := strconv.ParseFloat(c[col["rtol"]], 64)
		abs, err2 := strconv.ParseFloat(c[col["atol"]], 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: tolerance %v %v", c[0], err1, err2)
		}
		t.Run(c[0], func(t *testing.T) { withoutEach(t, filepath.Join(dir, c[0]), compare.Tol{Rel: rel, Abs: abs}) })
	}
}

// withoutEach compares one model's outputs on its first data set.
func withoutEach(t *testing.T, dir string, tol compare.Tol) {
	want, counts, err := runWithout(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range optimize.Lowering {
		if counts[p.Name] == 0 {
			continue
		}
		all = append(all, p.Name)
		got, _, err := runWithout(dir, p.Name)
		if err != nil {
			t.Errorf("without %s: %v", p.Name, err)
			continue
		}
		same(t, "without "+p.Name, got, want, tol)
	}
	if len(all) > 1 {
		got, _, err := runWithout(dir, all...)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "without lowering", got, want, tol)
	}
}

func same(t *testing.T, what string, got, want []tensor.Value, tol compare.Tol) {
	for i := range want {
		if d, err := compare.Values(got[i], want[i], tol); err != nil {
			t.Errorf("%s: output %d: %v; largest difference %.3g", what, i, err, d.MaxAbs)
		}
	}
}

// runWithout runs a model with passes left out, and tells how often each pass applied.
func runWithout(dir string, passes ...string) ([]tensor.Value, map[string]int, error) {
	g, src, err := load.File(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return nil, nil, err
	}
	m, err := engine.New(context.Background(), g, src, engine.Options{Threads: 2, SkipPasses: passes})
	if err != nil {
		return nil, nil, err
	}
	defer m.Close()
	in := make([]tensor.Value, len(g.Graph.Inputs))
	k := 0
	for i, v := range g.Graph.Inputs {
		if v.Default {
			continue
		}
		if in[i], err = readValue(filepath.Join(dir, "data_0", fmt.Sprintf("input_%d", k)), v.Type); err != nil {
			return nil, nil, err
		}
		k++
	}
	out := make([]tensor.Value, len(g.Graph.Outputs))
	return out, m.Passes, m.Run(context.Background(), in, out, nil)
}

func readValue(stem string, typ graph.Type) (tensor.Value, error) {
	if x, err := tensor.ReadNPYFile(stem + ".npy"); err == nil || !os.IsNotExist(err) {
		return x, err
	}
	b, err := os.ReadFile(stem + ".pb")
	if err != nil {
		return nil, err
	}
	kind := tensor.ProtoTensor
	switch typ.Kind {
	case graph.KindSequence:
		kind = tensor.ProtoSequence
	case graph.KindOptional:
		kind = tensor.ProtoOptional
	}
	_, v, err := tensor.ParseValueProto(kind, b)
	return v, err
}
