package attn

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestZZFuzz(t *testing.T) {
	f, err := os.Open("testdata/cases.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, _ := gzip.NewReader(f)
	var cs []struct {
		Name, Domain, Op string
		Opset            int
		Attrs            []struct {
			Name, Kind string
			F          float32
			I          int64
			S          string
			Ints       []int64
		}
		In, Out []*struct {
			DT   string
			Dims []int
			B64  string
		}
	}
	json.NewDecoder(z).Decode(&cs)
	cat := op.NewCatalog(Table)
	r := rand.New(rand.NewSource(77))
	ok, bad := 0, 0
	for it := 0; it < 400000; it++ {
		c := cs[r.Intn(len(cs))]
		k := optest.Case{Domain: c.Domain, Op: c.Op, Opset: c.Opset, Outputs: len(c.Out)}
		for _, a := range c.Attrs {
			x := graph.Attr{Name: a.Name, F: a.F, I: a.I, S: a.S, Ints: a.Ints}
			x.Kind = map[string]graph.AttrKind{"f": graph.AttrFloat, "i": graph.AttrInt, "s": graph.AttrString, "ints": graph.AttrInts}[a.Kind]
			if r.Intn(12) == 0 {
				x.I = []int64{0, 1, 2, 3, -1, 5, math.MaxInt64, math.MinInt64, math.MaxInt32}[r.Intn(9)]
				x.F = []float32{0, -1, float32(math.NaN()), float32(math.Inf(1))}[r.Intn(4)]
			}
			k.Attrs = append(k.Attrs, x)
		}
		nm := 1 + r.Intn(2)
		mut := map[int]bool{}
		for range nm {
			mut[r.Intn(len(c.In))] = true
		}
		for i, x := range c.In {
			if x == nil {
				if r.Intn(40) == 0 {
					k.Inputs = append(k.Inputs, mk(r, "float", []int{r.Intn(3), r.Intn(3)}))
				} else {
					k.Inputs = append(k.Inputs, nil)
				}
				continue
			}
			dims := append([]int{}, x.Dims...)
			if !mut[i] {
				dt, _ := tensor.ParseDType(x.DT)
				b, _ := base64.StdEncoding.DecodeString(x.B64)
				v, _ := tensor.Wrap(dt, b, dims...)
				k.Inputs = append(k.Inputs, v.Clone())
				continue
			}
			switch r.Intn(6) {
			case 0:
				k.Inputs = append(k.Inputs, nil)
				continue
			case 1:
				if len(dims) > 0 {
					dims[r.Intn(len(dims))] = r.Intn(4)
				}
			case 2:
				if len(dims) > 0 {
					dims = dims[1:]
				}
			case 3:
				dims = append(dims, r.Intn(3))
			case 4:
				if len(dims) > 0 {
					dims[r.Intn(len(dims))] = 0
				}
				if len(dims) > 1 && r.Intn(3) == 0 {
					j := r.Intn(len(dims))
					dims[j] = 1 << 40
					dims[(j+1)%len(dims)] = 0
				}
			}
			k.Inputs = append(k.Inputs, mk(r, x.DT, dims))
		}
		var err error
		done := make(chan bool)
		go func() { _, err = optest.Eval(cat, k); done <- true }()
		select {
		case <-done:
		case <-time.After(4 * time.Second):
			for _, v := range k.Inputs {
				fmt.Println(v)
			}
			panic(c.Op + fmt.Sprint(k.Attrs))
		}
		if err == nil {
			ok++
			continue
		}
		bad++
		if s := err.Error(); strings.Contains(s, "internal error") || strings.Contains(s, "inferred") || strings.Contains(s, "computed") {
			var sh []string
			for _, v := range k.Inputs {
				sh = append(sh, fmt.Sprint(v))
			}
			t.Errorf("%s %v %v: %v", c.Op, k.Attrs, sh, s)
		}
	}
	t.Log(ok, bad)
}

func mk(r *rand.Rand, dts string, dims []int) tensor.Value {
	dt, _ := tensor.ParseDType(dts)
	x, err := tensor.New(dt, dims...)
	if err != nil {
		return nil
	}
	ex := r.Intn(3) == 0
	for i := range x.Len() {
		if dt.IsInt() {
			v := int64(r.Intn(6))
			if ex {
				v = []int64{math.MaxInt64, math.MinInt64, -1, math.MaxInt32, math.MinInt32, 100}[r.Intn(6)]
			}
			x.SetIntAt(i, v)
		} else {
			x.SetFloatAt(i, r.NormFloat64())
		}
	}
	return x
}
