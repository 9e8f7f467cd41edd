package walnut_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/testutil"
	"github.com/walnut-ai/walnut/tensor"
)

// sharedModel is a line of the index of the collection of models with goldens
// by ONNX Runtime.
type sharedModel struct {
	name      string
	tol       compare.Tol
	quantized bool
}

func sharedModels(t testing.TB) (string, []sharedModel) {
	dir := testutil.Shared(t, "models")
	f, err := os.Open(filepath.Join(dir, "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var l []sharedModel
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
		num := func(h string) float64 {
			x, err := strconv.ParseFloat(c[col[h]], 64)
			if err != nil {
				t.Fatalf("%s: %s: %v", c[0], h, err)
			}
			return x
		}
		l = append(l, sharedModel{c[0], compare.Tol{Rel: num("rtol"), Abs: num("atol")}, c[col["quantized"]] != "-"})
	}
	return dir, l
}

// readShared reads stem.npy or stem.pb as the type that the model declares.
func readShared(t testing.TB, stem, typ string) tensor.Value {
	t.Helper()
	if x, err := tensor.ReadNPYFile(stem + ".npy"); err == nil {
		return x
	} else if !os.IsNotExist(err) {
		t.Fatalf("%s.npy: %v", stem, err)
	}
	b, err := os.ReadFile(stem + ".pb")
	if err != nil {
		t.Fatal(err)
	}
	kind := tensor.ProtoTensor
	switch {
	case strings.HasPrefix(typ, "seq("):
		kind = tensor.ProtoSequence
	case strings.HasPrefix(typ, "optional("):
		kind = tensor.ProtoOptional
	}
	_, v, err := tensor.ParseValueProto(kind, b)
	if err != nil {
		t.Fatalf("%s.pb: %v", stem, err)
	}
	return v
}

// inexact lists models whose goldens lie further from the exact result than
// their tolerance, with the tolerance that they are compared with instead.
var inexact = map[string]compare.Tol{
	// ONNX Runtime computes the chirp of its STFT in float32: it is off by 1.8e-4
	// from NumPy's float64 transform, which the logarithm turns into 0.009.
	// Walnut agrees with NumPy to 1e-6.
	"logmel_stft": {Rel: 1e-3, Abs: 1e-2},
}

// TestSharedModels runs every model of the collection on all its data sets and
// streams, and compares with ONNX Runtime's outputs.
func TestSharedModels(t *testing.T) {
	dir, list := sharedModels(t)
	for _, sm := range list {
		if tol, ok := inexact[sm.name]; ok {
			sm.tol = tol
		}
		t.Run(sm.name, func(t *testing.T) {
			m, err := walnut.Open(filepath.Join(dir, sm.name, "model.onnx"), walnut.WithThreads(2))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			sets, _ := filepath.Glob(filepath.Join(dir, sm.name, "data_*"))
			if len(sets) == 0 {
				t.Fatal("no data sets")
			}
			for _, set := range sets {
				runShared(t, m, set, sm.tol, sm.quantized)
			}
			if _, err := os.Stat(filepath.Join(dir, sm.name, "stream_0")); err == nil {
				streamShared(t, m, filepath.Join(dir, sm.name, "stream_0"), sm.tol)
			}
		})
	}
}

func runShared(t *testing.T, m *walnut.Model, set string, tol compare.Tol, quantized bool) {
	in := walnut.Values{}
	for i, x := range m.Inputs() {
		if !x.Optional {
			in[x.Name] = readShared(t, filepath.Join(set, fmt.Sprintf("input_%d", i)), x.Type)
		}
	}
	out, err := m.Run(context.Background(), in)
	if err != nil {
		t.Errorf("%s: %v", filepath.Base(set), err)
		return
	}
	for i, x := range m.Outputs() {
		want := readShared(t, filepath.Join(set, fmt.Sprintf("output_%d", i)), x.Type)
		if x.Name == "detections" && quantized {
			if err := sameDetections(out[x.Name].(*tensor.Tensor), want.(*tensor.Tensor)); err != nil {
				t.Errorf("%s: %v", filepath.Base(set), err)
			}
			continue
		}
		if d, err := compare.Values(out[x.Name], want, tol); err != nil {
			t.Errorf("%s: output %d (%s): %v; largest difference %.3g", filepath.Base(set), i, x.Name, err, d.MaxAbs)
		}
	}
}

// streamShared runs the steps of a stream with a Session.
func streamShared(t *testing.T, m *walnut.Model, dir string, tol compare.Tol) {
	var st struct {
		Steps int      `json:"steps"`
		Feed  [][2]int `json:"feed_output_to_input"`
	}
	b, err := os.ReadFile(filepath.Join(dir, "stream.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &st); err != nil {
		t.Fatal(err)
	}
	ins, outs := m.Inputs(), m.Outputs()
	pairs, state := map[string]string{}, map[int]bool{}
	for _, p := range st.Feed {
		pairs[outs[p[0]].Name] = ins[p[1]].Name
		state[p[1]] = true
	}
	s, err := m.NewSession(walnut.WithState(pairs))
	if err != nil {
		t.Fatal(err)
	}
	first := walnut.Values{}
	steps := map[string]*tensor.Tensor{}
	for i, x := range ins {
		stem := filepath.Join(dir, fmt.Sprintf("input_%d", i))
		if v, err := tensor.ReadNPYFile(stem + "_first.npy"); err == nil {
			first[x.Name] = v
			continue
		}
		v, err := tensor.ReadNPYFile(stem + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		if state[i] {
			first[x.Name] = step(t, v, 0)
		} else {
			steps[x.Name] = v
		}
	}
	if err := s.SetState(first); err != nil {
		t.Fatal(err)
	}
	for k := range st.Steps {
		in := walnut.Values{}
		for name, v := range steps {
			in[name] = step(t, v, k)
		}
		out, err := s.Run(context.Background(), in)
		if err != nil {
			t.Fatalf("step %d: %v", k, err)
		}
		carried := s.State()
		for i, x := range outs {
			got := out[x.Name]
			if in, ok := pairs[x.Name]; ok {
				got = carried[in]
			}
			stem := filepath.Join(dir, fmt.Sprintf("output_%d", i))
			want, err := tensor.ReadNPYFile(stem + ".npy")
			if err == nil {
				want = step(t, want, k)
			} else if k < st.Steps-1 {
				continue
			} else if want, err = tensor.ReadNPYFile(stem + "_last.npy"); err != nil {
				t.Fatal(err)
			}
			if d, err := compare.Values(got, want, tol); err != nil {
				t.Fatalf("step %d: output %d (%s): %v; largest difference %.3g", k, i, x.Name, err, d.MaxAbs)
			}
		}
	}
}

// step returns row k of x along its first axis.
func step(t testing.TB, x *tensor.Tensor, k int) *tensor.Tensor {
	n := len(x.Bytes()) / x.Shape()[0]
	y, err := tensor.Wrap(x.DType(), x.Bytes()[k*n:(k+1)*n], x.Shape()[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	return y.Clone()
}

// sameDetections matches rows (image, class, score, x1, y1, x2, y2) by class
// and overlap: a quantization step more or less in a score decides which of two
// boxes that cover the same thing survives, and so the number of rows too. At
// least 95 of 100 rows on either side must have a partner.
func sameDetections(got, want *tensor.Tensor) error {
	for _, p := range [][2]*tensor.Tensor{{got, want}, {want, got}} {
		a, b := p[0], p[1]
		if a.Rank() != 2 || a.Shape()[1] != 7 {
			return fmt.Errorf("detections are %v", a)
		}
		lost := 0
		for i := range a.Shape()[0] {
			found := false
			for j := range b.Shape()[0] {
				found = found || sameBox(a, i, b, j)
			}
			if !found {
				lost++
			}
		}
		if n := a.Shape()[0]; lost*20 > n {
			return fmt.Errorf("%d of %d detections of %v have no partner in %v", lost, n, a, b)
		}
	}
	return nil
}

func sameBox(a *tensor.Tensor, i int, b *tensor.Tensor, j int) bool {
	x, y := tensor.Of[float32](a)[i*7:i*7+7], tensor.Of[float32](b)[j*7:j*7+7]
	if x[0] != y[0] || x[1] != y[1] || x[2]-y[2] > 0.05 || y[2]-x[2] > 0.05 {
		return false
	}
	w := min(x[5], y[5]) - max(x[3], y[3])
	h := min(x[6], y[6]) - max(x[4], y[4])
	if w <= 0 || h <= 0 {
		return false
	}
	area := func(r []float32) float32 { return (r[5] - r[3]) * (r[6] - r[4]) }
	return w*h/(area(x)+area(y)-w*h) > 0.8
}
