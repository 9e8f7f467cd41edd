package ml

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// goldenTensor is a value of testdata/ort.json.gz.
type goldenTensor struct {
	DType   string
	Shape   []int
	Data    string
	Strings []string
	Seq     []struct {
		Keys   []any
		Values []float64
	}
}

func (g goldenTensor) value(t *testing.T) tensor.Value {
	if g.Seq != nil {
		s := &tensor.Sequence{}
		for _, m := range g.Seq {
			v := &tensor.Map{}
			f := make([]float32, len(m.Values))
			var ks []string
			var ki []int64
			for i, k := range m.Keys {
				f[i] = float32(m.Values[i])
				if n, ok := k.(float64); ok {
					ki = append(ki, int64(n))
				} else {
					ks = append(ks, k.(string))
				}
			}
			v.Values = optest.T(f, len(f))
			v.Keys = optest.T(ki, len(ki))
			if ks != nil {
				v.Keys = optest.Strings(ks, len(ks))
			}
			s.Items = append(s.Items, v)
		}
		return s
	}
	if g.DType == "string" {
		return optest.Strings(g.Strings, g.Shape...)
	}
	dt, ok := tensor.ParseDType(g.DType)
	b, err := base64.StdEncoding.DecodeString(g.Data)
	if !ok || err != nil {
		t.Fatal(g.DType, err)
	}
	x, err := tensor.Wrap(dt, b, g.Shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x.Clone()
}

type golden struct {
	Op    string
	Opset int
	Tol   float64
	Attrs []struct {
		Name    string
		I       *int64
		F       *string
		S       *string
		Ints    []int64
		Floats  []string
		Strings []string
		Tensor  *goldenTensor
	}
	Inputs, Outputs []goldenTensor
}

func float(s string) float32 {
	f, _ := strconv.ParseFloat(s, 32)
	return float32(f)
}

func (g golden) attrs(t *testing.T) []graph.Attr {
	var l []graph.Attr
	for _, a := range g.Attrs {
		switch {
		case a.I != nil:
			l = append(l, optest.Int(a.Name, *a.I))
		case a.F != nil:
			l = append(l, optest.Float(a.Name, float(*a.F)))
		case a.S != nil:
			l = append(l, optest.Str(a.Name, *a.S))
		case a.Strings != nil:
			l = append(l, optest.Strs(a.Name, a.Strings...))
		case a.Tensor != nil:
			l = append(l, optest.Tensor(a.Name, a.Tensor.value(t).(*tensor.Tensor)))
		case a.Floats != nil:
			var f []float32
			for _, s := range a.Floats {
				f = append(f, float(s))
			}
			l = append(l, optest.Floats(a.Name, f...))
		default:
			l = append(l, optest.Ints(a.Name, a.Ints...))
		}
	}
	return l
}

// TestORT compares with what ONNX Runtime 1.32 computed (testdata/make.py).
func TestORT(t *testing.T) {
	f, err := os.Open("testdata/ort.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var l []golden
	if err := json.NewDecoder(z).Decode(&l); err != nil {
		t.Fatal(err)
	}
	cat := op.NewCatalog(Table)
	for i, g := range l {
		t.Run(fmt.Sprint(i, g.Op), func(t *testing.T) {
			c := optest.Case{Domain: domain, Op: g.Op, Opset: g.Opset, Attrs: g.attrs(t), Outputs: len(g.Outputs)}
			for _, x := range g.Inputs {
				c.Inputs = append(c.Inputs, x.value(t))
			}
			out, err := optest.Eval(cat, c)
			if err != nil {
				t.Fatal(err)
			}
			for k, w := range g.Outputs {
				if _, err := compare.Values(out[k], w.value(t), compare.Tol{Rel: g.Tol, Abs: g.Tol}); err != nil {
					t.Errorf("output %d: %v", k, err)
				}
			}
		})
	}
}
