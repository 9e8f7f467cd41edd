package media

import (
	"compress/gzip"
	"encoding/json"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type picture struct {
	Name   string
	File   []byte
	W, H   int
	RGB, L []byte
}

func pictures(t *testing.T) []picture {
	f, err := os.Open("testdata/images.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var l []picture
	if err := json.NewDecoder(z).Decode(&l); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestImages compares with the pixels that Pillow decodes (testdata/make.py).
func TestImages(t *testing.T) {
	var cases []optest.Case
	for _, p := range pictures(t) {
		in := []tensor.Value{optest.T(p.File, len(p.File))}
		bgr := make([]byte, len(p.RGB))
		for i := 0; i < len(bgr); i += 3 {
			bgr[i], bgr[i+1], bgr[i+2] = p.RGB[i+2], p.RGB[i+1], p.RGB[i]
		}
		for f, b := range map[string][]byte{"RGB": p.RGB, "BGR": bgr, "Grayscale": p.L} {
			cases = append(cases, optest.Case{Name: p.Name + " " + f, Op: "ImageDecoder", Attrs: []graph.Attr{optest.Str("pixel_format", f)}, Inputs: in,
				Want: []tensor.Value{optest.T(b, p.H, p.W, len(b)/p.W/p.H)}})
		}
	}
	optest.Run(t, Table, cases)
}

func TestImageErrors(t *testing.T) {
	file := func(s string) []tensor.Value { return []tensor.Value{optest.T([]byte(s), len(s))} }
	optest.Run(t, Table, []optest.Case{
		{Name: "none", Op: "ImageDecoder", Inputs: file(""), Err: "no image in a known format"},
		{Name: "unknown", Op: "ImageDecoder", Inputs: file("GIF89a"), Err: "no image in a known format"},
		{Name: "jpeg 2000", Op: "ImageDecoder", Inputs: file("\x00\x00\x00\x0cjP  \r\n\x87\n"), Err: "JPEG 2000: there is no codestream"},
		{Name: "jpeg 2000 without size", Op: "ImageDecoder", Inputs: file("\xff\x4f\xff\x51\xff\xd9"), Err: "JPEG 2000"},
		{Name: "truncated", Op: "ImageDecoder", Inputs: file("\xff\xd8\xff\xdb\x00\x43"), Err: "ends before"},
		{Name: "huge PNM", Op: "ImageDecoder", Inputs: file("P5 999999999 999999999 255\n"), Err: "pixels"},
		{Name: "short PNM", Op: "ImageDecoder", Inputs: file("P5 10000 10000 255\nabc"), Err: "ends before"},
		{Name: "huge JPEG", Op: "ImageDecoder", Inputs: file("\xff\xd8\xff\xc0\x00\x0b\x08\x20\x00\x20\x00\x01\x01\x11\x00"), Err: "ends before"},
		{Name: "arithmetic JPEG", Op: "ImageDecoder", Inputs: file("\xff\xd8\xff\xc9\x00\x02"), Err: "arithmetic"},
		{Name: "rank", Op: "ImageDecoder", Inputs: []tensor.Value{optest.T([]byte("ab"), 1, 2)}, Err: "bytes of a file"},
	})
}

// Damaged files must give an image or an error, never a panic.
func TestDamagedImages(t *testing.T) {
	cat := op.NewCatalog(Table)
	r := rand.New(rand.NewSource(1))
	for _, p := range pictures(t) {
		for range 30 {
			b := append([]byte{}, p.File...)
			for range 1 + r.Intn(6) {
				b[r.Intn(len(b))] = byte(r.Intn(256))
			}
			if r.Intn(3) == 0 {
				b = b[:r.Intn(len(b))]
			}
			_, err := optest.Eval(cat, optest.Case{Op: "ImageDecoder", Inputs: []tensor.Value{optest.T(b, len(b))}})
			if err != nil && strings.Contains(err.Error(), "internal error") {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
	}
}
