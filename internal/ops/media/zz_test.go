package media

import (
	"encoding/binary"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestZZ(t *testing.T) {
	l, _ := filepath.Glob("/tmp/img/*")
	cat := op.NewCatalog(Table)
	for _, n := range l {
		b, _ := os.ReadFile(n)
		k, w, h := int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:])), int(binary.LittleEndian.Uint32(b[8:]))
		data, want := b[12:12+k], b[12+k:]
		f, ch := "RGB", 3
		if n[len(n)-2:] == "_L" {
			f, ch = "Grayscale", 1
		}
		out, err := optest.Eval(cat, optest.Case{Op: "ImageDecoder", Attrs: []graph.Attr{optest.Str("pixel_format", f)}, Inputs: []tensor.Value{optest.T(data, len(data))}})
		if err != nil {
			t.Errorf("%s: %v", n, err)
			continue
		}
		y := out[0].(*tensor.Tensor)
		if !tensor.SameShape(y.Shape(), []int{h, w, ch}) {
			t.Errorf("%s: %v", n, y)
			continue
		}
		bad, worst := 0, 0
		for i, v := range y.Bytes() {
			d := int(v) - int(want[i])
			if d < 0 {
				d = -d
			}
			if d > 0 {
				bad++
			}
			worst = max(worst, d)
		}
		if bad > 0 {
			t.Errorf("%s %dx%d: %d of %d differ, by %d", n, w, h, bad, len(want), worst)
		}
	}
}

func TestZFuzz(t *testing.T) {
	l, _ := filepath.Glob("/tmp/img/*RGB")
	cat := op.NewCatalog(Table)
	r := rand.New(rand.NewSource(1))
	seen := map[string]bool{}
	for k := 0; k < 6000; k++ {
		n := l[r.Intn(len(l))]
		b, _ := os.ReadFile(n)
		data := append([]byte{}, b[12:12+binary.LittleEndian.Uint32(b)]...)
		for range 1 + r.Intn(8) {
			at := r.Intn(len(data))
			if r.Intn(2) == 0 {
				at = r.Intn(min(len(data), 250))
			}
			data[at] = byte(r.Intn(256))
		}
		if r.Intn(4) == 0 {
			data = data[:r.Intn(len(data))]
		}
		_, err := optest.Eval(cat, optest.Case{Op: "ImageDecoder", Inputs: []tensor.Value{optest.T(data, len(data))}})
		if err != nil && strings.Contains(err.Error(), "internal error") && !seen[err.Error()] {
			seen[err.Error()] = true
			t.Errorf("%s: %v", n, err)
		}
	}
}
