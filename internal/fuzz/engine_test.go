package fuzz

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/engine"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/load"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// The budgets of a run of a model.
const (
	modelBytes      = 64 << 20
	modelIterations = 1e5
)

// FuzzEngine opens and runs models: the bytes as they are, or changed by
// edits in a way that leaves them well-formed. What the planned run computes
// must agree with the run by definitions.
func FuzzEngine(f *testing.F) {
	for i, c := range seedCases() {
		if i%4 == 0 || strings.Contains(c.ID, "graphs") || strings.Contains(c.ID, "simple") {
			f.Add(c.Model, []byte{})
		}
	}
	for _, h := range hostileModels() {
		if len(h.model) < 10000 {
			f.Add(h.model, []byte{})
		}
	}
	f.Fuzz(func(t *testing.T, b, edits []byte) {
		if len(b) > maxModel {
			return
		}
		if bad := checkModel(edit(b, edits), edits); bad != "" {
			t.Fatal(bad)
		}
	})
}

// checkModel opens and runs a model and returns what is wrong.
func checkModel(b, seed []byte) string {
	m, in, err := open(b, seed, false)
	if err != nil || in == nil {
		return broken(err)
	}
	defer m.Close()
	got, err := runModel(m, in)
	if bad := broken(err); bad != "" {
		return bad
	}
	ref, in, err2 := open(b, seed, true)
	if err2 != nil { // of a node that nobody reads
		return broken(err2)
	}
	defer ref.Close()
	want, err2 := runModel(ref, in)
	if bad := broken(err2); bad != "" {
		return "by definitions: " + bad
	}
	switch {
	case err2 != nil || resources(err):
		return "" // a plan leaves out what nobody reads, and its errors
	case err != nil && strings.Contains(err.Error(), "body/"):
		return ""
	case err != nil:
		return "fails, but not by definitions: " + err.Error()
	case !comparable(ref.Graph.Graph) || !moderate(ref.Graph.Graph, in):
		return ""
	}
	for i := range want {
		if bad := differ(got[i], want[i]); bad != "" && finite(want[i]) {
			return fmt.Sprintf("output %d: %s", i, bad)
		}
	}
	return ""
}

// open opens a model and makes inputs for it; nil if that is not possible.
func open(b, seed []byte, reference bool) (*engine.Model, []tensor.Value, error) {
	start := time.Now()
	g, src, err := load.Bytes("m", b)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), caseTime)
	defer cancel()
	m, err := engine.New(ctx, g, src, engine.Options{Memory: modelBytes, Iterations: modelIterations, Reference: reference})
	if took := time.Since(start); took > 2*caseTime {
		return nil, nil, fmt.Errorf("internal error: hang: opening took %v", took)
	}
	if err != nil {
		return nil, nil, err
	}
	s := newSource(append([]byte{7}, seed...))
	in := make([]tensor.Value, 0, len(g.Graph.Inputs))
	syms := map[string]int{}
	for _, v := range g.Graph.Inputs {
		if v.Default {
			in = append(in, nil)
			continue
		}
		x := s.input(v.Type, syms)
		if x == nil {
			m.Close()
			return nil, nil, nil
		}
		in = append(in, x)
	}
	return m, in, nil
}

// input makes a value of a declared type, nil if it would be too large.
func (s *source) input(t graph.Type, syms map[string]int) tensor.Value {
	switch t.Kind {
	case graph.KindTensor, graph.KindSparse, graph.KindUnknown:
		dt := t.Elem
		if dt == tensor.Invalid {
			dt = tensor.Float32
		}
		if t.Shape == nil {
			return s.tensor(dt, s.shape())
		}
		dims := make([]int, len(t.Shape))
		for i, d := range t.Shape {
			dims[i] = d.N
			if !d.Known() {
				if _, ok := syms[d.Sym]; !ok {
					syms[d.Sym] = 1 + s.n(3)
				}
				dims[i] = syms[d.Sym]
			}
		}
		n, ok := tensor.NumElements(dims)
		if !ok || n > 1<<14 {
			return nil
		}
		if n > maxElems {
			x, err := tensor.New(dt, dims...)
			if err != nil {
				return nil
			}
			return x
		}
		return s.tensor(dt, dims)
	case graph.KindOptional:
		if t.Inner == nil || s.chance(3) {
			return &tensor.Optional{}
		}
		if x := s.input(*t.Inner, syms); x != nil {
			return &tensor.Optional{Value: x}
		}
	case graph.KindSequence:
		q := &tensor.Sequence{}
		if t.Inner != nil {
			q.Elem = t.Inner.Elem
			for range s.n(3) {
				x := s.input(*t.Inner, syms)
				if x == nil {
					return nil
				}
				q.Items = append(q.Items, x)
			}
		}
		return q
	case graph.KindMap:
		if t.Inner != nil && (t.Key == tensor.Int64 || t.Key == tensor.String) {
			return s.value("map("+t.Key.String()+","+t.Inner.Elem.String()+")", nil)
		}
	}
	return nil
}

func runModel(m *engine.Model, in []tensor.Value) ([]tensor.Value, error) {
	ctx, cancel := context.WithTimeout(context.Background(), caseTime)
	defer cancel()
	out := make([]tensor.Value, len(m.Graph.Graph.Outputs))
	start := time.Now()
	err := m.Run(ctx, in, out, nil)
	if took := time.Since(start); took > 2*caseTime {
		return nil, fmt.Errorf("internal error: hang: the run took %v", took)
	}
	return out, err
}

// jumps are operators where a small difference in an input can make a large one in the output.
var jumps = map[string]bool{"ArgMax": true, "ArgMin": true, "TopK": true, "Round": true, "Floor": true, "Ceil": true, "Cast": true, "CastLike": true,
	"Sign": true, "Mod": true, "Equal": true, "Less": true, "LessOrEqual": true, "Greater": true, "GreaterOrEqual": true, "NonZero": true, "Unique": true,
	"NonMaxSuppression": true, "Hardmax": true, "Loop": true, "If": true, "Scan": true, "Where": true, "MaxPool": true, "Range": true, "IsNaN": true, "IsInf": true,
	"Div": true, "Reciprocal": true, "Tan": true, "Inverse": true, "Det": true, "Pow": true, "Exp": true, "BitCast": true, "Log": true, "Sqrt": true}

// comparable reports whether two runs of g must give about the same numbers.
func comparable(g *graph.Graph) bool {
	n, jump := 0, false
	ok := true
	graph.Walk(g, func(x *graph.Node) {
		n++
		d := ops.Catalog().Find(x.Domain, x.Op)
		ok = ok && d != nil && !d.Random
		jump = jump || jumps[x.Op] || strings.Contains(x.Op, "uant")
	})
	return ok && (n == 1 || !jump)
}

// moderate reports whether inputs and constants are small enough that kernels,
// which work in float32, and definitions, which work in float64, must agree.
func moderate(g *graph.Graph, in []tensor.Value) bool {
	ok := true
	for _, v := range in {
		ok = ok && (v == nil || finite(v))
	}
	graph.Walk(g, func(n *graph.Node) {
		n.Uses(func(v *graph.Value) { ok = ok && (v.Const == nil || finite(v.Const)) })
	})
	return ok
}

// finite reports whether v holds moderate numbers only.
func finite(v tensor.Value) bool {
	t, ok := v.(*tensor.Tensor)
	if !ok || !t.DType().IsFloat() {
		return true
	}
	for i := range t.Len() {
		if x := math.Abs(t.FloatAt(i)); !(x < 1e6) {
			return false
		}
	}
	return true
}

// TestEngineSweep tries random edits of the seeds and lists findings.
func TestEngineSweep(t *testing.T) {
	d, err := time.ParseDuration(os.Getenv("WALNUT_FUZZ_SWEEP"))
	if err != nil {
		t.Skip("WALNUT_FUZZ_SWEEP is not set")
	}
	var models [][]byte
	for _, c := range seedCases() {
		models = append(models, c.Model)
	}
	for _, h := range hostileModels() {
		if len(h.model) < 10000 {
			models = append(models, h.model)
		}
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 3))
	log := os.Getenv("WALNUT_FUZZ_LOG")
	seen, tries, opened := map[string]int{}, 0, 0
	for end := time.Now().Add(d); time.Now().Before(end); tries++ {
		b, edits := models[r.IntN(len(models))], make([]byte, 3+r.IntN(30))
		for i := range edits {
			edits[i] = byte(r.Uint32())
		}
		b = edit(b, edits)
		if log != "" {
			os.WriteFile(log, b, 0o600)
		}
		if m, _, err := open(b, edits, true); err == nil && m != nil {
			m.Close()
			opened++
		}
		bad := checkModel(b, edits)
		if bad == "" {
			continue
		}
		k := kind(bad)
		if seen[k]++; seen[k] == 1 {
			g, _, err := load.Bytes("m", b)
			s := fmt.Sprint(err)
			if err == nil {
				s = ""
				graph.Walk(g.Graph, func(n *graph.Node) { s += fmt.Sprintf("\n  %s-%d%s", n.Op, n.Opset, nodeText(n)) })
			}
			t.Errorf("%s%s\n%x", bad, s, b[:min(len(b), 2000)])
		}
	}
	t.Logf("%d models, %d opened, %d kinds of findings: %v", tries, opened, len(seen), seen)
}

func nodeText(n *graph.Node) string {
	c := opCase{attrs: n.Attrs.List()}
	for _, v := range n.Inputs {
		switch {
		case v == nil:
			c.in = append(c.in, nil)
		case v.Const != nil:
			c.in = append(c.in, v.Const)
		default:
			c.in = append(c.in, nil)
			c.attrs = append(c.attrs, optest.Str(v.Name, v.Type.String()))
		}
	}
	return c.String()
}
