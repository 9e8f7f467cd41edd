package reduce

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// Every operator must take every type that its schema lists, in every version,
// on empty and ordinary shapes, and infer what it computes.
func TestSweep(t *testing.T) {
	cat := op.NewCatalog(Table)
	extra := map[string]*tensor.Tensor{"CumSum": tensor.Scalar(int64(-1)), "CumProd": tensor.Scalar(int32(-1)), "TopK": optest.T([]int64{1}, 1)}
	n := 0
	for _, d := range Table {
		for _, s := range schema.Versions(d.Domain, d.Name) {
			if d.Domain != "" {
				continue
			}
			v := s.Inputs[0].Type
			for _, name := range s.Types[v] {
				dt, ok := tensor.ParseDType(name)
				if !ok {
					continue
				}
				for _, dims := range [][]int{{1}, {2, 3}, {2, 0, 3}, {2, 2, 2}, {1, 2, 2, 3}} {
					x, err := tensor.New(dt, dims...)
					if err != nil {
						t.Fatal(err)
					}
					for i := range x.Len() {
						x.SetFloatAt(i, float64(i%3))
					}
					c := optest.Case{Op: d.Name, Opset: s.Since, Inputs: vals{x}, Outputs: s.MinOut}
					switch {
					case d.Name == "TopK" && s.Since < 10:
						c.Attrs = []graph.Attr{optest.Int("k", 1)}
					case extra[d.Name] != nil:
						c.Inputs = append(c.Inputs, extra[d.Name])
					case d.Name == "MeanVarianceNormalization" && len(dims) < 4:
						c.Attrs = []graph.Attr{optest.Ints("axes", -1)}
					case d.Name == "ArgMax" || d.Name == "ArgMin":
						c.Attrs = []graph.Attr{optest.Int("axis", -1)}
					}
					n++
					if _, err := optest.Eval(cat, c); err != nil {
						if d.Name == "ReduceMean" && dt.IsInt() && x.Len() == 0 {
							continue // has no value
						}
						t.Errorf("%s-%d %v%v: %v", d.Name, s.Since, dt, dims, err)
					}
				}
			}
		}
	}
	if n < 1500 {
		t.Errorf("only %d cases ran", n)
	}
}
