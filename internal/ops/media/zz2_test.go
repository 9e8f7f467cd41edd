package media

import (
	"encoding/binary"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestZFuzz(t *testing.T) {
	l, _ := filepath.Glob("/tmp/img/*RGB")
	cat := op.NewCatalog(Table)
	r := rand.New(rand.NewSource(1))
	seen := map[string]bool{}
	for k := 0; k < 20000; k++ {
		n := l[r.Intn(len(l))]
		b, _ := os.ReadFile(n)
		data := append([]byte{}, b[12:12+binary.LittleEndian.Uint32(b)]...)
		for range 1 + r.Intn(8) {
			at := r.Intn(len(data))
			if r.Intn(2) == 0 {
				at = r.Intn(min(len(data), 100))
			}
			data[at] = byte(r.Intn(256))
		}
		if r.Intn(4) == 0 {
			data = data[:r.Intn(len(data))]
		}
		_, err := optest.Eval(cat, optest.Case{Op: "ImageDecoder", Inputs: []tensor.Value{optest.T(data, len(data))}})
		if err != nil && len(err.Error()) > 14 {
			s := err.Error()
			if i := indexOf(s, "internal error"); i >= 0 && !seen[s] {
				seen[s] = true
				t.Errorf("%s: %v", n, err)
			}
		}
	}
}

func indexOf(s, sub string) int {
	for i := 0; i+len(sub) <= len(s); i++ {
		if s[i:i+len(sub)] == sub {
			return i
		}
	}
	return -1
}
