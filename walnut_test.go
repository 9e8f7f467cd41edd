package walnut_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/models"
	"github.com/walnut-ai/walnut/tensor"
)

func open(t testing.TB, name string, data []byte, opts ...walnut.Option) *walnut.Model {
	t.Helper()
	m, err := walnut.OpenBytes(name, data, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func npy(t testing.TB, b []byte) *tensor.Tensor {
	t.Helper()
	x, err := tensor.ParseNPY(b)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func file(t testing.TB, name string) *tensor.Tensor {
	t.Helper()
	x, err := tensor.ReadNPYFile("models/testdata/" + name + ".npy")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestEmbeddedGoldens compares the embedded models with ONNX Runtime's outputs,
// planned and by the plain definitions, and counts how often they are right.
func TestEmbeddedGoldens(t *testing.T) {
	for _, d := range models.All {
		for _, opts := range [][]walnut.Option{nil, {walnut.WithThreads(2)}, {walnut.WithReference()}, {walnut.WithoutPasses("all")}} {
			m := open(t, d.Name, d.Data, opts...)
			in, want, labels := file(t, d.Name+"_input"), file(t, d.Name+"_output"), file(t, d.Name+"_labels")
			out, err := m.Run(context.Background(), walnut.Values{d.Input: in})
			if err != nil {
				t.Fatal(err)
			}
			got := out[d.Output].(*tensor.Tensor)
			if _, err := compare.Values(got, want, compare.Tol{Rel: 1e-4, Abs: 1e-6}); err != nil {
				t.Errorf("%s: %v", d.Name, err)
			}
			right := 0
			n := got.Shape()[1]
			for i := range got.Shape()[0] {
				best := 0
				for k := range n {
					if got.FloatAt(i*n+k) > got.FloatAt(i*n+best) {
						best = k
					}
				}
				if int64(best) == labels.IntAt(i) {
					right++
				}
			}
			if right*100 < 95*got.Shape()[0] {
				t.Errorf("%s: %d of %d right", d.Name, right, got.Shape()[0])
			}
		}
	}
}

func TestInputErrors(t *testing.T) {
	m := open(t, "digits.onnx", models.Digits())
	image := tensor.MustFrom(make([]float32, 64), 1, 1, 8, 8)
	tests := []struct {
		name string
		in   walnut.Values
		want []string
	}{
		{"missing", walnut.Values{}, []string{"digits.onnx", `"image"`, "missing", "float[batch,1,8,8]"}},
		{"unknown", walnut.Values{"image": image, "img": image}, []string{`"img"`, `"image"`}},
		{"type", walnut.Values{"image": tensor.MustFrom(make([]float64, 64), 1, 1, 8, 8)}, []string{"double[1,1,8,8]", "float[batch,1,8,8]"}},
		{"rank", walnut.Values{"image": tensor.MustFrom(make([]float32, 64), 64)}, []string{"rank 1", "4"}},
		{"dimension", walnut.Values{"image": tensor.MustFrom(make([]float32, 64), 1, 1, 4, 16)}, []string{"axis 2 is 4", "8"}},
		{"kind", walnut.Values{"image": &tensor.Sequence{}}, []string{"sequence"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := m.Run(context.Background(), tt.in)
			if !errors.Is(err, walnut.ErrInput) {
				t.Fatalf("error %v, want ErrInput", err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
		})
	}
	if _, err := m.Run(context.Background(), walnut.Values{"image": image}); err != nil {
		t.Errorf("after the errors: %v", err)
	}
	out := tensor.MustFrom(make([]float32, 9), 1, 9)
	if err := m.RunInto(context.Background(), []*tensor.Tensor{image}, []*tensor.Tensor{out}); err == nil || !strings.Contains(err.Error(), "float[1,10]") {
		t.Errorf("RunInto with a wrong output: %v", err)
	}
}

// TestConcurrent runs one model from many goroutines with two shapes and
// compares every output with the one computed alone.
func TestConcurrent(t *testing.T) {
	m := open(t, "digits", models.Digits(), walnut.WithThreads(2))
	all := npy(t, models.DigitsSamples())
	want, err := m.Run(context.Background(), walnut.Values{"image": all})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 40 {
				n := 1 + (g+i)%10
				part, err := tensor.Wrap(tensor.Float32, all.Bytes()[:n*256], n, 1, 8, 8)
				if err != nil {
					t.Error(err)
					return
				}
				out, err := m.Run(context.Background(), walnut.Values{"image": part})
				if err != nil {
					t.Error(err)
					return
				}
				got := out["probabilities"].(*tensor.Tensor)
				w := want["probabilities"].(*tensor.Tensor)
				ref, _ := tensor.Wrap(tensor.Float32, w.Bytes()[:n*40], n, 10)
				if _, err := compare.Values(got, ref, compare.Tol{Rel: 1e-5, Abs: 1e-6}); err != nil {
					t.Errorf("batch of %d: %v", n, err)
					return
				}
			}
		}()
	}
	wg.Wait()
}

// TestThreads checks that results are bit-equal for any number of threads.
func TestThreads(t *testing.T) {
	var first []byte
	for _, n := range []int{1, 2, 3, 4} {
		m := open(t, "digits", models.Digits(), walnut.WithThreads(n))
		out, err := m.Run(context.Background(), walnut.Values{"image": npy(t, models.DigitsSamples())})
		if err != nil {
			t.Fatal(err)
		}
		b := out["probabilities"].(*tensor.Tensor).Bytes()
		if first == nil {
			first = b
		} else if !bytes.Equal(b, first) {
			t.Errorf("%d threads give other bits than 1", n)
		}
	}
}

func TestCancelAndClose(t *testing.T) {
	m := open(t, "digits", models.Digits())
	in := walnut.Values{"image": npy(t, models.DigitsSamples())}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Run(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := m.Run(context.Background(), in); err != nil {
		t.Errorf("after a cancelled run: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Run(context.Background(), in); !errors.Is(err, walnut.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestOutputsOwnTheirMemory changes outputs and inputs after a run.
func TestOutputsOwnTheirMemory(t *testing.T) {
	m := open(t, "digits", models.Digits())
	in := walnut.Values{"image": npy(t, models.DigitsSamples())}
	a, err := m.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	keep := a["probabilities"].(*tensor.Tensor).Clone()
	b, err := m.Run(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	clear(b["probabilities"].(*tensor.Tensor).Bytes())
	if _, err := compare.Values(a["probabilities"], keep, compare.Tol{}); err != nil {
		t.Errorf("the first run's output changed: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := walnut.Open("no-such-file.onnx"); err == nil || !strings.Contains(err.Error(), "no-such-file.onnx") {
		t.Errorf("missing file: %v", err)
	}
	for _, b := range [][]byte{nil, []byte("GGUF\x03\x00\x00\x00"), []byte("not a model"), models.Digits()[:1000]} {
		if _, err := walnut.OpenBytes("bad", b); err == nil || !strings.Contains(err.Error(), "bad") {
			t.Errorf("%q: error %v", b[:min(len(b), 10)], err)
		}
	}
}
