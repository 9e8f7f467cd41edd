package media

import (
	"encoding/binary"
	"os"
	"path/filepath"
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
