package move

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// product is a product of dimensions: a number times symbols in order.
type product struct {
	n    int
	syms []string
	bad  bool // overflow
}

// productOf multiplies dims. A symbol that is itself a product is taken apart.
func productOf(dims []graph.Dim) product {
	p := product{n: 1}
	num := make([]int, 0, len(dims))
	for _, d := range dims {
		if d.Known() {
			num = append(num, d.N)
			continue
		}
		for _, f := range factors(d.Sym) {
			if n, err := strconv.Atoi(f); err == nil {
				num = append(num, n)
			} else {
				p.syms = append(p.syms, f)
			}
		}
	}
	sort.Strings(p.syms)
	n, ok := tensor.NumElements(num)
	p.n, p.bad = n, !ok
	if p.n == 0 {
		p.syms = nil
	}
	return p
}

// factors splits "2*batch*seq"; any other expression is one factor.
func factors(sym string) []string {
	for _, c := range sym {
		if c == '(' || c == ')' || c == '+' || c == '-' || c == '/' || c == ' ' || c == '%' || c == ',' {
			if strings.HasPrefix(sym, "(") && strings.IndexByte(sym, ')') == len(sym)-1 {
				return []string{sym}
			}
			return []string{"(" + sym + ")"}
		}
	}
	return strings.Split(sym, "*")
}

// dim returns the product as a dimension; a fresh one if it has no name.
func (p product) dim(fresh func() graph.Dim) graph.Dim {
	switch {
	case p.bad:
		return fresh()
	case len(p.syms) == 0:
		return graph.D(p.n)
	}
	s := strings.Join(p.syms, "*")
	if p.n != 1 {
		s = strconv.Itoa(p.n) + "*" + s
	}
	if len(p.syms) == 1 && p.n == 1 {
		s = strings.TrimSuffix(strings.TrimPrefix(s, "("), ")")
	}
	return graph.Dim{Sym: s}
}

// over returns p/q where it comes out even for all values of the symbols.
func (p product) over(q product) (product, bool) {
	if p.bad || q.bad || q.n == 0 || p.n%q.n != 0 {
		return product{}, false
	}
	r := product{n: p.n / q.n, syms: slices.Clone(p.syms)}
	for _, s := range q.syms {
		i := slices.Index(r.syms, s)
		if i < 0 {
			return product{}, false
		}
		r.syms = slices.Delete(r.syms, i, i+1)
	}
	return r, true
}

// allKnown reports whether all of dims are numbers.
func allKnown(dims []graph.Dim) bool {
	for _, d := range dims {
		if !d.Known() {
			return false
		}
	}
	return true
}

// dimsOf returns numbers as dimensions.
func dimsOf(v []int) []graph.Dim { return graph.Dims(v...) }

// list is a list of integers that old versions of an operator take from an
// attribute and new ones from an input.
type list struct {
	attr []int
	set  bool // the attribute is there
	in   int  // the input's index, -1 in the attribute's form
}

// listArg decodes a list: attribute name before version since, else input in.
func listArg(a *op.Args, name string, since, in int) list {
	if a.Version >= since {
		return list{in: in}
	}
	v := a.Ints(name)
	return list{attr: v, set: v != nil || a.Has(name), in: -1}
}

// get returns the numbers; ok is false if the list is absent.
func (l list) get(e *op.Eval) (v []int, ok bool) {
	if l.in < 0 {
		return l.attr, l.set
	}
	if e.In(l.in) == nil {
		return nil, false
	}
	return e.IntList(l.in), true
}

// dims returns what is known of the numbers: nil if nothing. ok is false if
// the list is absent.
func (l list) dims(c *op.Infer) (v []graph.Dim, ok bool) {
	if l.in < 0 {
		return dimsOf(l.attr), l.set
	}
	if !c.Has(l.in) {
		return nil, false
	}
	return c.Elems(l.in), true
}

// ints returns the numbers if all are known.
func (l list) ints(c *op.Infer) (v []int, known bool) {
	d, ok := l.dims(c)
	if !ok || d == nil || !allKnown(d) {
		return nil, false
	}
	v = make([]int, len(d))
	for i := range d {
		v[i] = d[i].N
	}
	return v, true
}

// has reports whether the list is there at inference.
func (l list) has(c *op.Infer) bool {
	if l.in < 0 {
		return l.set
	}
	return c.Has(l.in)
}

// count returns the length of the list, -1 if it is not known.
func (l list) count(c *op.Infer) int {
	if l.in < 0 {
		return len(l.attr)
	}
	if d := c.Elems(l.in); d != nil {
		return len(d)
	}
	s := c.Shape(l.in)
	if s == nil || len(s) > 1 || !s.Known() {
		return -1
	}
	if len(s) == 0 {
		return 1
	}
	return s[0].N
}

// maxRank bounds ranks made up from the length of an input, so that inference
// on a hostile model stays small.
const maxRank = 64
