package math

import (
	"fmt"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// sample returns a tensor of small positive values of any type.
func sample(t *testing.T, dt tensor.DType, dims ...int) *tensor.Tensor {
	t.Helper()
	x, err := tensor.New(dt, dims...)
	if err != nil {
		t.Fatal(err)
	}
	if dt == tensor.String {
		s := make([]string, x.Len())
		for i := range s {
			s[i] = fmt.Sprint(i + 1)
		}
		x.SetStrings(s)
		return x
	}
	for i := range x.Len() {
		x.SetFloatAt(i, float64(i%2+1))
	}
	return x
}

// Every operator must take every type that its schema lists, in every version,
// on scalars, empty and ordinary shapes, and infer what it computes.
func TestSweep(t *testing.T) {
	cat := op.NewCatalog(Table)
	attrs := map[string][]graph.Attr{
		"BitShift":     {optest.Str("direction", "RIGHT")},
		"RandomNormal": {optest.Ints("shape", 2, 0, 1)}, "RandomUniform": {optest.Ints("shape")},
		"RandomNormalLike": {optest.Int("dtype", 1)}, "RandomUniformLike": {optest.Int("dtype", 10)},
	}
	shapes := [][]int{{}, {0}, {1}, {2, 3}, {2, 0, 3}, {2, 2, 2}}
	n := 0
	for _, d := range Table {
		for _, s := range schema.Versions(d.Domain, d.Name) {
			switch d.Name {
			case "Multinomial", "BiasGelu", "BiasAdd", "BiasSplitGelu", "Cast", "BitCast": // shapes and attributes of their own
				continue
			}
			for _, pair := range typePairs(s) {
				for _, dims := range shapes {
					c := optest.Case{Domain: d.Domain, Op: d.Name, Opset: s.Since, Attrs: attrs[d.Name]}
					for i := range max(s.MinIn, min(s.MaxIn, 2)) {
						p := s.Input(i)
						switch dt, fixed := tensor.ParseDType(p.Type); {
						case fixed:
							c.Inputs = append(c.Inputs, sample(t, dt, dims...))
						case p.Optional:
							c.Inputs = append(c.Inputs, nil)
						default:
							c.Inputs = append(c.Inputs, sample(t, pair[p.Type], dims...))
						}
					}
					n++
					out, err := optest.Eval(cat, c)
					if err != nil {
						t.Errorf("%s-%d %v %v: %v", d.Name, s.Since, pair, dims, err)
						continue
					}
					if x := out[0].(*tensor.Tensor); s.MinIn > 0 && !tensor.SameShape(x.Shape(), dims) {
						t.Errorf("%s-%d %v %v: computed %v", d.Name, s.Since, pair, dims, x)
					}
				}
			}
		}
	}
	if n < 5000 {
		t.Errorf("only %d cases ran", n)
	}
}

// typePairs returns assignments of types to a schema's variables: each type of
// each variable occurs.
func typePairs(s *schema.Schema) []map[string]tensor.DType {
	most := 1
	for _, l := range s.Types {
		most = max(most, len(l))
	}
	var out []map[string]tensor.DType
	for i := range most {
		m := map[string]tensor.DType{}
		ok := true
		for v, l := range s.Types {
			dt, known := tensor.ParseDType(l[i%len(l)])
			ok = ok && known
			m[v] = dt
		}
		if ok && !(s.Name == "CastLike" && strings.HasPrefix(m["T1"].String(), "complex")) {
			out = append(out, m)
		}
	}
	return out
}

// Cast must take every pair of types.
func TestCastPairs(t *testing.T) {
	cat := op.NewCatalog(Table)
	for from := tensor.Float32; from <= tensor.Int2; from++ {
		for to := tensor.Float32; to <= tensor.Int2; to++ {
			if from.Class() == tensor.ClassComplex || to.Class() == tensor.ClassComplex {
				continue
			}
			for _, dims := range [][]int{{}, {5}, {3, 0}} {
				x := sample(t, from, dims...)
				out, err := optest.Eval(cat, optest.Case{Op: "Cast", Attrs: []graph.Attr{optest.Int("to", int64(to))}, Inputs: []tensor.Value{x}})
				if err != nil {
					t.Errorf("%v to %v: %v", from, to, err)
					continue
				}
				y := out[0].(*tensor.Tensor)
				if y.DType() != to || !tensor.SameShape(y.Shape(), dims) {
					t.Errorf("%v to %v: computed %v", from, to, y)
				}
				if y.Len() == 0 {
					continue
				}
				if to == tensor.String && y.Str(0) != "1" || to != tensor.String && y.FloatAt(0) != 1 {
					t.Errorf("%v to %v: 1 was lost", from, to)
				}
			}
		}
	}
}
