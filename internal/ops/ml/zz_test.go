package ml

import (
	"compress/gzip"
	"encoding/json"
	"math/rand"
	"os"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestZZ(t *testing.T) {
	f, _ := os.Open("testdata/ort.json.gz")
	z, _ := gzip.NewReader(f)
	var l []golden
	json.NewDecoder(z).Decode(&l)
	cat := op.NewCatalog(Table)
	r := rand.New(rand.NewSource(7))
	weird := []int64{-1, 0, 1, 2, 3, 1 << 31, -1 << 63, 1<<63 - 1, 1 << 40}
	ok, bad := 0, 0
	for k := 0; k < 40000; k++ {
		g := l[r.Intn(len(l))]
		c := optest.Case{Domain: domain, Op: g.Op, Opset: g.Opset, Attrs: g.attrs(t), Outputs: len(g.Outputs)}
		for _, x := range g.Inputs {
			c.Inputs = append(c.Inputs, x.value(t))
		}
		for range 1 + r.Intn(2) {
			if len(c.Attrs) > 0 {
				a := &c.Attrs[r.Intn(len(c.Attrs))]
				switch {
				case r.Intn(5) == 0:
					*a = c.Attrs[len(c.Attrs)-1]
					c.Attrs = c.Attrs[:len(c.Attrs)-1]
				case len(a.Ints) > 0:
					a.Ints = append([]int64{}, a.Ints...)
					a.Ints[r.Intn(len(a.Ints))] = weird[r.Intn(len(weird))]
					if r.Intn(3) == 0 {
						a.Ints = a.Ints[:r.Intn(len(a.Ints))]
					}
				case len(a.Floats) > 0:
					a.Floats = append([]float32{}, a.Floats[:r.Intn(len(a.Floats))]...)
				case len(a.Strings) > 0:
					a.Strings = a.Strings[:r.Intn(len(a.Strings))]
				case a.T != nil:
					a.T = optest.T([]float32{1}, 1)
				default:
					a.I = weird[r.Intn(len(weird))]
				}
			}
			if r.Intn(3) == 0 {
				x := c.Inputs[0].(*tensor.Tensor)
				if x.DType() == tensor.Float32 {
					c.Inputs[0] = [...]tensor.Value{optest.T([]float32{}, 0, 3), optest.T([]float32{}, 3, 0), tensor.Scalar(float32(1)), optest.T([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2), optest.T([]float32{1, 2, 3}, 3)}[r.Intn(5)]
				}
			}
		}
		_, err := optest.Eval(cat, c)
		if err == nil {
			ok++
			continue
		}
		bad++
		if s := err.Error(); strings.Contains(s, "internal error") || strings.Contains(s, "inferred output") {
			t.Errorf("%s %v: %v", g.Op, c.Attrs, err)
			return
		}
	}
	t.Log(ok, bad)
}
