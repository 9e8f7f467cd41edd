package optest

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// goldenCase is one line of a golden file.
type goldenCase struct {
	Name, Domain, Op string
	Opset            int
	Attrs            []goldenAttr
	In, Out          []*goldenTensor // null = absent input, output not compared
	Tol              float64
}

type goldenAttr struct {
	Name, Kind string // f, i, s, ints
	F          float32
	I          int64
	S          string
	Ints       []int64
}

type goldenTensor struct {
	DT   string
	Dims []int
	B64  string // little-endian elements
}

// Golden runs the cases of a file made by a script from another
// implementation: gzipped JSON, a list of goldenCase.
func Golden(t *testing.T, table []*op.Def, path string) {
	t.Helper()
	cases, err := readGolden(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []Case
	for i, g := range cases {
		c := Case{Name: fmt.Sprintf("%d_%s", i, g.Name), Domain: g.Domain, Op: g.Op, Opset: g.Opset, Tol: g.Tol}
		for _, a := range g.Attrs {
			switch a.Kind {
			case "f":
				c.Attrs = append(c.Attrs, Float(a.Name, a.F))
			case "i":
				c.Attrs = append(c.Attrs, Int(a.Name, a.I))
			case "s":
				c.Attrs = append(c.Attrs, Str(a.Name, a.S))
			default:
				c.Attrs = append(c.Attrs, graph.Attr{Name: a.Name, Kind: graph.AttrInts, Ints: a.Ints})
			}
		}
		for _, l := range []struct {
			from []*goldenTensor
			to   *[]tensor.Value
		}{{g.In, &c.Inputs}, {g.Out, &c.Want}} {
			for _, x := range l.from {
				v, err := x.tensor()
				if err != nil {
					t.Fatalf("%s: %v", g.Name, err)
				}
				*l.to = append(*l.to, v)
			}
		}
		list = append(list, c)
	}
	Run(t, table, list)
}

func readGolden(path string) ([]goldenCase, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	var cases []goldenCase
	return cases, json.NewDecoder(z).Decode(&cases)
}

func (x *goldenTensor) tensor() (tensor.Value, error) {
	if x == nil {
		return nil, nil
	}
	dt, ok := tensor.ParseDType(x.DT)
	if !ok {
		return nil, fmt.Errorf("element type %q", x.DT)
	}
	b, err := base64.StdEncoding.DecodeString(x.B64)
	if err != nil {
		return nil, err
	}
	t, err := tensor.Wrap(dt, b, x.Dims...)
	if err != nil {
		return nil, err
	}
	return t.Clone(), nil
}
