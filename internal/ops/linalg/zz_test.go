package linalg

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"github.com/walnut-ai/walnut/internal/compare"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type zzT struct {
	DT   string
	Dims []int
	B64  string
}
type zzA struct {
	Name, Kind string
	F          float32
	I          int64
	S          string
	Ints       []int64
}
type zzC struct {
	Name, Domain, Op string
	Opset            int
	Attrs            []zzA
	In, Out          []*zzT
	Tol, ATol        float64
}

func zzTensor(t *testing.T, z *zzT) tensor.Value {
	if z == nil {
		return nil
	}
	dt, ok := tensor.ParseDType(z.DT)
	if !ok {
		t.Fatal(z.DT)
	}
	b, _ := base64.StdEncoding.DecodeString(z.B64)
	x, err := tensor.Wrap(dt, b, z.Dims...)
	if err != nil {
		t.Fatal(err)
	}
	return x.Clone()
}

func TestZZ(t *testing.T) {
	b, err := os.ReadFile(os.Getenv("ZZ"))
	if err != nil {
		t.Skip()
	}
	var cs []zzC
	if err := json.Unmarshal(b, &cs); err != nil {
		t.Fatal(err)
	}
	var l []optest.Case
	for _, c := range cs {
		k := optest.Case{Name: c.Name, Domain: c.Domain, Op: c.Op, Opset: c.Opset, Tol: c.Tol}
		for _, a := range c.Attrs {
			switch a.Kind {
			case "f":
				k.Attrs = append(k.Attrs, optest.Float(a.Name, a.F))
			case "i":
				k.Attrs = append(k.Attrs, optest.Int(a.Name, a.I))
			case "s":
				k.Attrs = append(k.Attrs, optest.Str(a.Name, a.S))
			case "ints":
				k.Attrs = append(k.Attrs, graph.Attr{Name: a.Name, Kind: graph.AttrInts, Ints: a.Ints})
			}
		}
		for _, x := range c.In {
			k.Inputs = append(k.Inputs, zzTensor(t, x))
		}
		for _, x := range c.Out {
			k.Want = append(k.Want, zzTensor(t, x))
		}
		l = append(l, k)
	}
	cat := op.NewCatalog(Table)
	for i, k := range l {
		t.Run(k.Name, func(t *testing.T) {
			out, err := optest.Eval(cat, k)
			if err != nil {
				t.Fatal(err)
			}
			at := cs[i].ATol
			if at == 0 {
				at = k.Tol
			}
			for j, w := range cs[i].Out {
				if w == nil {
					continue
				}
				if _, err := compare.Values(out[j], zzTensor(t, w), compare.Tol{Rel: k.Tol, Abs: at}); err != nil {
					t.Errorf("output %d: %v", j, err)
				}
			}
		})
	}
}
