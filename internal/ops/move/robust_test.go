package move

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/op/schema"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// gen makes hostile calls of an operator from its schema.
type gen struct{ *rand.Rand }

// ints are numbers that index arithmetic gets wrong.
var ints = []int64{0, 0, 0, 1, 1, 1, 1, 2, 2, 3, -1, -1, -2, -3, 4, 5, math.MaxInt64, math.MinInt64, math.MaxInt32, 1 << 40}

func (g gen) int() int64 { return ints[g.IntN(len(ints))] }

func (g gen) ints() []int64 {
	l := make([]int64, g.IntN(5))
	for i := range l {
		l[i] = ints[g.IntN(11)]
	}
	if g.IntN(4) == 0 && len(l) > 0 {
		l[g.IntN(len(l))] = g.int()
	}
	return l
}

func (g gen) dims() []int {
	d := make([]int, g.IntN(5))
	for i := range d {
		d[i] = g.IntN(4)
		if d[i] == 0 && g.IntN(2) == 0 {
			d[i] = 1
		}
	}
	if g.IntN(40) == 0 && len(d) > 1 {
		d[0], d[1] = 0, 1<<20
	}
	return d
}

func (g gen) fill(dt tensor.DType, dims []int) *tensor.Tensor {
	if dt == tensor.String {
		n, _ := tensor.NumElements(dims)
		s := make([]string, n)
		for i := range s {
			s[i] = strings.Repeat("x", g.IntN(4))
		}
		return optest.Strings(s, dims...)
	}
	t, err := tensor.New(dt, dims...)
	if err != nil {
		panic(err)
	}
	for i := range t.Len() {
		switch {
		case dt == tensor.Int64 && g.IntN(30) == 0:
			t.SetIntAt(i, g.int())
		case dt.Class() == tensor.ClassFloat:
			t.SetFloatAt(i, []float64{0, 1, -1, 2.5, 3, math.NaN(), math.Inf(1)}[g.IntN(7)])
		default:
			t.SetIntAt(i, ints[g.IntN(12)])
		}
	}
	return t
}

// vector is a list of integers as a tensor.
func (g gen) vector(dt tensor.DType) *tensor.Tensor {
	l := g.ints()
	t, _ := tensor.New(dt, len(l))
	if g.IntN(10) == 0 {
		t, _ = tensor.New(dt)
		l = []int64{g.int()}
	}
	for i, v := range l {
		t.SetIntAt(i, v)
	}
	return t
}

func (g gen) call(s *schema.Schema) optest.Case {
	c := optest.Case{Domain: s.Domain, Op: s.Name, Opset: s.Since}
	n := s.MinIn + g.IntN(min(s.MaxIn, s.MinIn+3)-s.MinIn+1)
	types := map[string]tensor.DType{}
	for i := range n {
		p := s.Input(i)
		if p.Optional && g.IntN(4) == 0 {
			c.Inputs = append(c.Inputs, nil)
			continue
		}
		dt, ok := types[p.Type]
		if !ok {
			if dt, ok = tensor.ParseDType(p.Type); !ok {
				list := s.Types[p.Type]
				if dt, ok = tensor.ParseDType(list[g.IntN(len(list))]); !ok {
					dt = tensor.Float32
				}
			}
			types[p.Type] = dt
		}
		var t *tensor.Tensor
		if (dt == tensor.Int64 || dt == tensor.Int32) && i > 0 && g.IntN(3) > 0 {
			t = g.vector(dt)
		} else {
			t = g.fill(dt, g.dims())
		}
		if i > 0 && g.IntN(3) == 0 { // shapes that fit are rare otherwise
			if f, ok := c.Inputs[0].(*tensor.Tensor); ok {
				t = g.fill(dt, f.Shape())
			}
		}
		c.Inputs = append(c.Inputs, t)
	}
	if s.MaxOut > 1 {
		c.Outputs = s.MinOut + g.IntN(min(s.MaxOut, 4)-s.MinOut+1)
	}
	for _, f := range s.Attrs {
		if !f.Required && g.IntN(2) == 0 {
			continue
		}
		switch f.Kind {
		case graph.AttrInt:
			c.Attrs = append(c.Attrs, optest.Int(f.Name, g.int()))
		case graph.AttrInts:
			c.Attrs = append(c.Attrs, optest.Ints(f.Name, g.ints()...))
		case graph.AttrString:
			modes := []string{"constant", "reflect", "edge", "wrap", "CRD", "DCR", "add", "mul", "max", "min", "none", "circular", "linear"}
			c.Attrs = append(c.Attrs, optest.Str(f.Name, modes[g.IntN(len(modes))]))
		case graph.AttrFloat:
			c.Attrs = append(c.Attrs, optest.Float(f.Name, 1.5))
		case graph.AttrTensor:
			c.Attrs = append(c.Attrs, optest.Tensor(f.Name, g.fill(tensor.Int32, []int{1})))
		}
	}
	return c
}

// check runs c and reports what no input may cause: a panic, an inference that
// the result contradicts, one that rejects what can be computed. It tells
// whether there was a result.
func check(cat *op.Catalog, c optest.Case) (bool, error) {
	m, err := optest.Model(c)
	if err != nil || cat.Resolve(m) != nil {
		return false, nil
	}
	rt := interp.NewRuntime(context.Background())
	rt.Bytes, rt.Iterations = 1<<18, 1<<16
	var in []tensor.Value
	facts := make([]op.Fact, len(c.Inputs))
	for i, x := range c.Inputs {
		if x != nil {
			in = append(in, x)
			facts[i] = op.Fact{Type: optest.TypeOf(x), Const: x}
		}
	}
	out, evalErr := interp.Run(rt, m.Graph, in)
	if evalErr != nil && strings.Contains(evalErr.Error(), "internal error") {
		return false, evalErr
	}
	for _, form := range []string{"known", "blind", "symbols", "no rank"} {
		for i := range facts {
			x, ok := c.Inputs[i].(*tensor.Tensor)
			if !ok {
				continue
			}
			f := &facts[i]
			switch form {
			case "blind":
				f.Const = nil
			case "symbols":
				s := make(graph.Shape, x.Rank())
				for k, d := range x.Shape() {
					s[k] = graph.Dim{Sym: fmt.Sprint("s", d)}
				}
				f.Type.Shape = s
				if x.DType().IsInt() && x.Rank() <= 1 {
					f.Elems = []graph.Dim{}
					for k := range x.Len() {
						d := graph.Dim{Sym: fmt.Sprint("s", x.IntAt(k))}
						if x.IntAt(k) < 1 { // symbols stand for dimensions
							d = graph.D(int(max(x.IntAt(k), int64(math.MinInt))))
						}
						f.Elems = append(f.Elems, d)
					}
				}
			case "no rank":
				f.Elems, f.Type.Shape = nil, nil
			}
		}
		got, err := op.InferNode(m.Graph.Nodes[0], &op.Scope{}, facts)
		if evalErr != nil {
			continue
		}
		if err != nil {
			return true, fmt.Errorf("%s: inference rejects what can be computed: %w", form, err)
		}
		for i := range out {
			if err := agrees(got[i], out[i].(*tensor.Tensor)); err != nil {
				return true, fmt.Errorf("%s: output %d: %w", form, i, err)
			}
		}
	}
	return evalErr == nil, nil
}

// value returns what a symbol of check stands for.
func value(d graph.Dim) (int, bool) {
	if d.Known() {
		return d.N, true
	}
	n := 1
	for _, f := range strings.Split(d.Sym, "*") {
		v, err := strconv.Atoi(strings.TrimPrefix(f, "s"))
		if err != nil {
			return 0, false
		}
		n *= v
	}
	return n, true
}

func agrees(f op.Fact, x *tensor.Tensor) error {
	if f.Type.Kind != graph.KindTensor || f.Type.Elem != x.DType() {
		return fmt.Errorf("inferred %v, computed %v", f.Type, x)
	}
	if s := f.Type.Shape; s != nil {
		if len(s) != x.Rank() {
			return fmt.Errorf("inferred %v, computed %v", f.Type, x)
		}
		for i, d := range s {
			if v, ok := value(d); ok && v != x.Shape()[i] {
				return fmt.Errorf("inferred %v, computed %v", f.Type, x)
			}
		}
	}
	if f.Elems == nil {
		return nil
	}
	if x.Rank() > 1 || len(f.Elems) != x.Len() {
		return fmt.Errorf("inferred elements %v, computed %v", f.Elems, x)
	}
	for i, d := range f.Elems {
		want := min(max(x.IntAt(i), int64(math.MinInt)), int64(math.MaxInt)) // as FactElems clamps
		if v, ok := value(d); ok && int64(v) != want {
			return fmt.Errorf("inferred elements %v, computed %v", f.Elems, x.Ints(nil))
		}
	}
	return nil
}

// TestRobust calls every version of every operator with inputs and attributes
// made up from its schema.
func TestRobust(t *testing.T) {
	rounds := 600
	if testing.Short() {
		rounds = 100
	}
	cat := op.NewCatalog(Table)
	for _, d := range Table {
		for _, s := range schema.Versions(d.Domain, d.Name) {
			name := fmt.Sprintf("%s-%d", graph.OpName(d.Domain, d.Name), s.Since)
			g := gen{rand.New(rand.NewPCG(1, uint64(s.Since)))}
			done := 0
			for range rounds {
				c := g.call(s)
				ok, err := check(cat, c)
				if ok {
					done++
				}
				if err != nil {
					t.Errorf("%s %v on %s: %v", name, c.Attrs, describe(c.Inputs), err)
					break
				}
			}
			if done == 0 && s.MinIn > 0 && !testing.Short() && s.Name != "Col2Im" {
				t.Logf("%s: none of %d calls was valid", name, rounds)
			}
		}
	}
}

func describe(in []tensor.Value) string {
	var l []string
	for _, v := range in {
		s := tensor.Describe(v)
		if t, ok := v.(*tensor.Tensor); ok && t.DType() != tensor.String && t.Len() < 8 {
			s += fmt.Sprint(t.Ints(nil))
		}
		l = append(l, s)
	}
	return strings.Join(l, ", ")
}
