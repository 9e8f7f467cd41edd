package walnut_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/tensor"
)

// matMulModel is y[m,n] = x[m,n] * w[n,n] in ONNX.
func matMulModel(n int, w []byte) []byte {
	value := func(name string, dims ...int) []byte {
		var shape message
		for _, d := range dims {
			shape = shape.bytes(1, message(nil).num(1, uint64(d)))
		}
		tt := message(nil).num(1, uint64(tensor.Float32)).bytes(2, shape)
		return message(nil).str(1, name).bytes(2, message(nil).bytes(1, tt))
	}
	node := message(nil).str(1, "x").str(1, "w").str(2, "y").str(4, "MatMul")
	init := message(nil).num(1, uint64(n)).num(1, uint64(n)).num(2, uint64(tensor.Float32)).str(8, "w").bytes(9, w)
	g := message(nil).bytes(1, node).str(2, "g").bytes(5, init).bytes(11, value("x", 8, n)).bytes(12, value("y", 8, n))
	return message(nil).num(1, 8).bytes(7, g).bytes(8, message(nil).num(2, 17))
}

type rssReport struct {
	Memory walnut.Memory
	Before int64
	After  int64
}

// TestMemoryEqualsRSS opens a model of 64 MB in a process of its own, runs it,
// and compares the growth of the resident set with the model's counters.
func TestMemoryEqualsRSS(t *testing.T) {
	if path := os.Getenv("WALNUT_RSS_MODEL"); path != "" {
		rssChild(t, path)
		return
	}
	if testing.Short() {
		t.Skip("a model of 64 MB")
	}
	const n = 4096
	w := make([]byte, 4*n*n)
	for i := range n * n {
		binary.LittleEndian.PutUint32(w[4*i:], math.Float32bits(float32(i%7)-3))
	}
	path := filepath.Join(t.TempDir(), "large.onnx")
	if err := os.WriteFile(path, matMulModel(n, w), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestMemoryEqualsRSS$", "-test.v")
	cmd.Env = append(os.Environ(), "WALNUT_RSS_MODEL="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, line, ok := strings.Cut(string(out), "REPORT ")
	if !ok {
		t.Fatalf("no report in %s", out)
	}
	line, _, _ = strings.Cut(line, "\n")
	var r rssReport
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		t.Fatal(err)
	}
	counted := r.Memory.Weights + r.Memory.Packed + r.Memory.Folded + r.Memory.Arena
	grown := r.After - r.Before
	t.Logf("counted %d (weights %d, packed %d, arena %d), resident set grew by %d", counted, r.Memory.Weights, r.Memory.Packed, r.Memory.Arena, grown)
	if math.Abs(float64(counted-grown)) > 0.1*float64(grown) {
		t.Errorf("counters say %d bytes, the resident set grew by %d", counted, grown)
	}
}

func rssChild(t *testing.T, path string) {
	before := rss(t)
	m, err := walnut.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	x, err := tensor.New(tensor.Float32, 8, 4096)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := m.Run(context.Background(), walnut.Values{"x": x}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(rssReport{m.Memory(), before, rss(t)})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("REPORT %s\n", b)
}

func rss(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc")
	}
	_, s, _ := strings.Cut(string(b), "VmRSS:")
	var kb int64
	if _, err := fmt.Sscan(s, &kb); err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
