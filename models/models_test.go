package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const maxModelBytes = 300_000

func TestModels(t *testing.T) {
	if len(All) != 2 {
		t.Fatalf("%d models, want 2", len(All))
	}
	for _, m := range All {
		t.Run(m.Name, func(t *testing.T) {
			if n := len(m.Data); n == 0 || n >= maxModelBytes {
				t.Errorf("model of %d bytes", n)
			}
			for _, want := range []string{
				"walnut-models", m.Input, m.Output, strings.Join(m.Labels, ","),
			} {
				if !bytes.Contains(m.Data, []byte(want)) {
					t.Errorf("the model does not contain %q", want)
				}
			}
			classes := len(m.Labels)
			checkSamples(t, m, m.Samples, m.SampleLabels, classes)
			if got, want := int64s(t, m.SampleLabels), count(classes); !slices.Equal(got, want) {
				t.Errorf("sample labels %v, want %v", got, want)
			}
		})
	}
}

func TestGoldenData(t *testing.T) {
	const rows = 32
	for _, m := range All {
		t.Run(m.Name, func(t *testing.T) {
			classes := len(m.Labels)
			labels := testdata(t, m.Name+"_labels.npy")
			checkSamples(t, m, testdata(t, m.Name+"_input.npy"), labels, rows)

			shape, p := float32s(t, testdata(t, m.Name+"_output.npy"))
			if want := []int{rows, classes}; !slices.Equal(shape, want) {
				t.Fatalf("output of shape %v, want %v", shape, want)
			}
			right := 0
			for i, label := range int64s(t, labels) {
				row := p[i*classes : (i+1)*classes]
				sum := 0.0
				for _, v := range row {
					sum += float64(v)
				}
				if math.Abs(sum-1) > 1e-5 {
					t.Errorf("row %d sums to %v", i, sum)
				}
				if slices.Index(row, slices.Max(row)) == int(label) {
					right++
				}
			}
			if right < rows-1 {
				t.Errorf("%d of %d golden rows are classified right", right, rows)
			}
		})
	}
}

// The report describes the files that are embedded, not older ones.
func TestReportMatchesModels(t *testing.T) {
	report, err := os.ReadFile("REPORT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range All {
		if sum := fmt.Sprintf("%x", sha256.Sum256(m.Data)); !bytes.Contains(report, []byte(sum)) {
			t.Errorf("REPORT.md lacks the SHA-256 of %s.onnx, %s", m.Name, sum)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, want := range All {
		if got, ok := Lookup(want.Name); !ok || got.Description != want.Description {
			t.Errorf("Lookup(%q) = %q, %v", want.Name, got.Name, ok)
		}
	}
	if _, ok := Lookup("no such model"); ok {
		t.Error("Lookup finds a model that does not exist")
	}
}

func TestAccessorsReturnCopies(t *testing.T) {
	for name, get := range map[string]func() []byte{
		"Digits": Digits, "DigitsSamples": DigitsSamples, "DigitsSampleLabels": DigitsSampleLabels,
		"Motion": Motion, "MotionSamples": MotionSamples, "MotionSampleLabels": MotionSampleLabels,
	} {
		want := get()
		clear(get())
		if !bytes.Equal(get(), want) {
			t.Errorf("a caller of %s can change the embedded file", name)
		}
	}
}

func TestLicenses(t *testing.T) {
	for _, want := range []string{"CC BY 4.0", "scikit-learn developers", "aeon developers", "arXiv:1811.00075"} {
		if !strings.Contains(Licenses(), want) {
			t.Errorf("LICENSES.md does not mention %q", want)
		}
	}
}

func checkSamples(t *testing.T, m Model, samples, labels []byte, rows int) {
	t.Helper()
	shape, values := float32s(t, samples)
	if want := append([]int{rows}, m.InputShape...); !slices.Equal(shape, want) {
		t.Errorf("samples of shape %v, want %v", shape, want)
	}
	for _, v := range values {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Fatalf("sample value %v", v)
		}
	}
	got := int64s(t, labels)
	if len(got) != rows {
		t.Errorf("%d labels, want %d", len(got), rows)
	}
	for _, label := range got {
		if label < 0 || label >= int64(len(m.Labels)) {
			t.Errorf("label %d of %d classes", label, len(m.Labels))
		}
	}
}

func count(n int) []int64 {
	s := make([]int64, n)
	for i := range s {
		s[i] = int64(i)
	}
	return s
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func float32s(t *testing.T, npy []byte) ([]int, []float32) {
	t.Helper()
	shape, body := parse(t, npy, "<f4", 4)
	values := make([]float32, len(body)/4)
	if _, err := binary.Decode(body, binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	return shape, values
}

func int64s(t *testing.T, npy []byte) []int64 {
	t.Helper()
	_, body := parse(t, npy, "<i8", 8)
	values := make([]int64, len(body)/8)
	if _, err := binary.Decode(body, binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	return values
}

var header = regexp.MustCompile(`^\{'descr': '(...)', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n$`)

// parse splits an NPY 1.0 file into its shape and its values, and checks that
// they fit together.
func parse(t *testing.T, npy []byte, dtype string, size int) (shape []int, body []byte) {
	t.Helper()
	if len(npy) < 10 || string(npy[:8]) != "\x93NUMPY\x01\x00" {
		t.Fatal("not an NPY 1.0 file")
	}
	end := 10 + int(binary.LittleEndian.Uint16(npy[8:]))
	if end > len(npy) {
		t.Fatal("the NPY header is cut off")
	}
	m := header.FindStringSubmatch(string(npy[10:end]))
	if m == nil || m[1] != dtype {
		t.Fatalf("NPY header %q, want type %s", npy[10:end], dtype)
	}
	n := size
	for _, field := range strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' }) {
		var d int
		if _, err := fmt.Sscan(field, &d); err != nil {
			t.Fatal(err)
		}
		shape = append(shape, d)
		n *= d
	}
	if n != len(npy)-end {
		t.Fatalf("%d bytes of values, want %d for shape %v", len(npy)-end, n, shape)
	}
	return shape, npy[end:]
}
