package move

import (
	"cmp"
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

var negInf = math.Inf(-1)

// unique finds the distinct elements, or slices along an axis. NaN equals NaN
// and comes last, as in numpy.
type unique struct {
	axis    int
	flat    bool
	sorted  bool
	contrib bool // com.microsoft: outputs are values, inverse, counts
}

var uniqueDef = &op.Def{Name: "Unique", New: func(a *op.Args) (op.Op, error) {
	o := &unique{flat: !a.Has("axis"), sorted: a.Bool("sorted", true)}
	o.axis = a.Int("axis", 0)
	return o, nil
}}

var msUniqueDef = &op.Def{Domain: "com.microsoft", Name: "Unique", New: func(*op.Args) (op.Op, error) {
	return &unique{flat: true, contrib: true}, nil
}}

func (o *unique) Infer(c *op.Infer) error {
	s := c.Shape(0)
	n := c.Fresh() // of the distinct
	var out graph.Shape
	inverse := c.Fresh()
	switch {
	case o.flat:
		out = graph.Shape{n}
		if s != nil {
			inverse = productOf(s).dim(c.Fresh)
		}
	case s != nil:
		axis, err := op.Axis(o.axis, len(s))
		if err != nil {
			return err
		}
		out = append(graph.Shape{}, s...)
		out[axis], inverse = n, s[axis]
	}
	c.Out(0, c.Type(0), out)
	if o.contrib {
		c.Out(1, tensor.Int64, graph.Shape{inverse})
		c.Out(2, tensor.Int64, graph.Shape{n})
		return nil
	}
	c.Out(1, tensor.Int64, graph.Shape{n})
	c.Out(2, tensor.Int64, graph.Shape{inverse})
	c.Out(3, tensor.Int64, graph.Shape{n})
	return nil
}

// groups is what Unique finds: for each distinct slice its first place and
// number, and for each place the distinct slice it is.
type groups struct{ first, inverse, counts []int }

func (o *unique) Eval(e *op.Eval) error {
	x := e.In(0)
	axis := 0
	var err error
	if o.flat {
		x, err = x.Reshaped(x.Len())
	} else {
		axis, err = op.Axis(o.axis, x.Rank())
	}
	if err != nil {
		return err
	}
	g, err := o.group(e, x, axis)
	if err != nil {
		return err
	}
	dims := append([]int{}, x.Shape()...)
	dims[axis] = len(g.first)
	err = one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		takeAxis(dst, src, m.w, x.Shape(), axis, g.first)
		return nil
	})
	if err != nil {
		return err
	}
	out := [][]int{g.first, g.inverse, g.counts}
	if o.contrib {
		out = out[1:]
	}
	for i, l := range out {
		if !e.Wants(i + 1) {
			continue
		}
		v := make([]int64, len(l))
		for k := range l {
			v[k] = int64(l[k])
		}
		if err := e.SetInts(i+1, tensor.Int64, []int{len(v)}, v); err != nil {
			return err
		}
	}
	return nil
}

// group sorts the slices along axis and joins equal ones.
func (o *unique) group(e *op.Eval, x *tensor.Tensor, axis int) (*groups, error) {
	n := x.Shape()[axis]
	if int64(n) > 1<<36 { // only a tensor without elements can be that long
		return nil, fmt.Errorf("%w: axis of %d slices", op.ErrBudget, n)
	}
	if _, err := e.Temp(tensor.Int64, 3, n); err != nil { // the lists below
		return nil, err
	}
	inner, outer := op.Prod(x.Shape()[axis+1:]), op.Prod(x.Shape()[:axis])
	less := comparer(x)
	compare := func(a, b int) int {
		for r := range outer {
			for k := range inner {
				if c := less((r*n+a)*inner+k, (r*n+b)*inner+k); c != 0 {
					return c
				}
			}
		}
		return 0
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return compare(order[i], order[j]) < 0 })
	g := &groups{inverse: make([]int, n)}
	for i, p := range order {
		if i == 0 || compare(order[i-1], p) != 0 {
			g.first, g.counts = append(g.first, p), append(g.counts, 0)
		}
		g.inverse[p] = len(g.first) - 1
		g.counts[len(g.first)-1]++
	}
	if !o.sorted {
		g.byFirst()
	}
	return g, nil
}

// byFirst orders the groups by where they occur first.
func (g *groups) byFirst() {
	order := make([]int, len(g.first))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(i, j int) bool { return g.first[order[i]] < g.first[order[j]] })
	first, counts, rank := make([]int, len(order)), make([]int, len(order)), make([]int, len(order))
	for i, k := range order {
		first[i], counts[i], rank[k] = g.first[k], g.counts[k], i
	}
	for i, k := range g.inverse {
		g.inverse[i] = rank[k]
	}
	g.first, g.counts = first, counts
}

// comparer returns the order of two elements of x.
func comparer(x *tensor.Tensor) func(i, j int) int {
	switch x.DType().Class() {
	case tensor.ClassInt:
		return func(i, j int) int { return cmp.Compare(x.IntAt(i), x.IntAt(j)) }
	case tensor.ClassUint:
		return func(i, j int) int { return cmp.Compare(x.UintAt(i), x.UintAt(j)) }
	case tensor.ClassString:
		return func(i, j int) int { return strings.Compare(x.Str(i), x.Str(j)) }
	case tensor.ClassComplex:
		return func(i, j int) int {
			a, b := x.ComplexAt(i), x.ComplexAt(j)
			if c := compareFloat(real(a), real(b)); c != 0 {
				return c
			}
			return compareFloat(imag(a), imag(b))
		}
	}
	return func(i, j int) int { return compareFloat(x.FloatAt(i), x.FloatAt(j)) }
}

// compareFloat orders NaN after all numbers and equal to itself.
func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	case a == a:
		return -1
	case b == b:
		return 1
	}
	return 0
}
