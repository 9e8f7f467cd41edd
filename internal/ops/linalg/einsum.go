package linalg

import (
	"fmt"
	"sort"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// einsum is Einstein summation over any number of operands: letters name
// dimensions, letters missing on the right are summed over, a letter repeated in
// one term takes the diagonal, and "..." stands for the dimensions left over,
// which broadcast. Without "->" the output has the ellipsis' dimensions, then
// the letters that occur once, in ASCII order. Dimensions of a letter must be
// equal or 1.
type einsum struct {
	equation string
	terms    [][]label
	out      []label
}

// label names a dimension: a letter, or ellipsis for any number of dimensions.
// Dimension i of the ellipsis, counted from its right end, is ellipsis - 1 - i.
type label int

const ellipsis label = -1

var einsumDef = &op.Def{Name: "Einsum", New: func(a *op.Args) (op.Op, error) {
	o := &einsum{equation: a.String("equation", "")}
	if err := o.parse(); err != nil {
		return nil, fmt.Errorf("equation %q: %w", o.equation, err)
	}
	if len(o.terms) != a.NIn() {
		return nil, fmt.Errorf("equation %q has %d terms, the node has %d inputs", o.equation, len(o.terms), a.NIn())
	}
	return o, nil
}}

func (o *einsum) parse() error {
	left, right, explicit := strings.Cut(strings.ReplaceAll(o.equation, " ", ""), "->")
	count := map[label]int{}
	for _, t := range strings.Split(left, ",") {
		term, err := parseTerm(t)
		if err != nil {
			return err
		}
		for _, l := range term {
			count[l]++
		}
		o.terms = append(o.terms, term)
	}
	if !explicit {
		if count[ellipsis] > 0 {
			o.out = append(o.out, ellipsis)
		}
		for l, n := range count {
			if n == 1 && l != ellipsis {
				o.out = append(o.out, l)
			}
		}
		sort.Slice(o.out, func(i, j int) bool { return o.out[i] < o.out[j] })
		return nil
	}
	var err error
	if o.out, err = parseTerm(right); err != nil {
		return err
	}
	seen := map[label]bool{}
	for _, l := range o.out {
		if seen[l] {
			return fmt.Errorf("the output names dimension %q twice", rune(l))
		}
		if count[l] == 0 && l != ellipsis {
			return fmt.Errorf("the output's dimension %q is in no input", rune(l))
		}
		seen[l] = true
	}
	return nil
}

func parseTerm(s string) ([]label, error) {
	term := []label{}
	dots := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			term = append(term, label(c))
		case strings.HasPrefix(s[i:], "...") && !dots:
			dots = true
			term = append(term, ellipsis)
			i += 2
		default:
			return nil, fmt.Errorf("unexpected %q in term %q", s[i:], s)
		}
	}
	return term, nil
}

// expand replaces the ellipsis in term by n labels.
func expand(term []label, n int) []label {
	var l []label
	for _, x := range term {
		if x != ellipsis {
			l = append(l, x)
			continue
		}
		for i := n - 1; i >= 0; i-- {
			l = append(l, ellipsis-1-label(i))
		}
	}
	return l
}

// expandTerms expands the ellipses of all terms for operands of the given ranks
// and returns the largest number of dimensions that one stands for.
func (o *einsum) expandTerms(ranks []int) (terms [][]label, most int, err error) {
	for i, t := range o.terms {
		letters, dots := len(t), false
		for _, l := range t {
			if l == ellipsis {
				letters, dots = len(t)-1, true
			}
		}
		n := ranks[i] - letters
		if n < 0 || n > 0 && !dots {
			return nil, 0, fmt.Errorf("input %d has rank %d, which term %d of equation %q does not fit", i, ranks[i], i, o.equation)
		}
		most = max(most, n)
		terms = append(terms, expand(t, n))
	}
	return terms, most, nil
}

func (o *einsum) Infer(c *op.Infer) error {
	ranks := make([]int, len(o.terms))
	for i := range ranks {
		s := c.Shape(i)
		if s == nil {
			c.Out(0, c.Type(0), nil)
			return nil
		}
		ranks[i] = len(s)
	}
	terms, n, err := o.expandTerms(ranks)
	if err != nil {
		return err
	}
	size := map[label]graph.Shape{}
	for i, t := range terms {
		for k, l := range t {
			one := graph.Shape{c.Shape(i)[k]}
			if old, ok := size[l]; ok {
				if one, err = c.Broadcast(old, one); err != nil {
					return fmt.Errorf("equation %q: dimensions %v and %v of one name differ", o.equation, old[0], c.Shape(i)[k])
				}
			}
			size[l] = one
		}
	}
	out := graph.Shape{}
	for _, l := range expand(o.out, n) {
		if d, ok := size[l]; ok {
			out = append(out, d[0])
		} else {
			out = append(out, graph.D(1))
		}
	}
	c.Out(0, c.Type(0), out)
	return nil
}

// operand is a tensor with a label for each dimension, no label twice.
type operand[T float64 | int64] struct {
	data    []T
	labels  []label
	dims    []int
	strides []int
}

// find returns dimension and stride of l; a dimension that is absent or 1 has stride 0.
func (x *operand[T]) find(l label) (dim, stride int) {
	for i, y := range x.labels {
		if y == l {
			if x.dims[i] == 1 {
				return 1, 0
			}
			return x.dims[i], x.strides[i]
		}
	}
	return 1, 0
}

// newOperand labels data of shape dims; a label that repeats becomes one
// dimension along the diagonal.
func newOperand[T float64 | int64](data []T, dims []int, labels []label) (*operand[T], error) {
	x := &operand[T]{data: data}
	st := op.Strides(dims)
next:
	for i, l := range labels {
		for j, y := range x.labels {
			if y != l {
				continue
			}
			if x.dims[j] != dims[i] {
				return nil, fmt.Errorf("dimensions %d and %d of one name in one input differ", x.dims[j], dims[i])
			}
			x.strides[j] += st[i]
			continue next
		}
		x.labels, x.dims, x.strides = append(x.labels, l), append(x.dims, dims[i]), append(x.strides, st[i])
	}
	return x, nil
}

// contract returns the product of a and b with the dimensions keep, summed over
// all others. alloc makes the result's memory.
func contract[T float64 | int64](e *op.Eval, a, b *operand[T], keep []label, alloc func(dims []int) ([]T, error)) (*operand[T], error) {
	y := &operand[T]{labels: keep}
	var sum []int
	var ks, ss [2][]int // strides of a and b along the dimensions kept and summed
	add := func(l label, s *[2][]int) int {
		da, sa := a.find(l)
		db, sb := b.find(l)
		s[0], s[1] = append(s[0], sa), append(s[1], sb)
		if da == 1 {
			return db
		}
		return da
	}
	kept := map[label]bool{}
	for _, l := range keep {
		kept[l] = true
		y.dims = append(y.dims, add(l, &ks))
	}
	for _, l := range append(append([]label{}, a.labels...), b.labels...) {
		if !kept[l] {
			kept[l] = true
			sum = append(sum, add(l, &ss))
		}
	}
	y.strides = op.Strides(y.dims)
	var err error
	if y.data, err = alloc(y.dims); err != nil || len(y.data) == 0 {
		return y, err
	}
	for _, d := range sum {
		if d == 0 {
			clear(y.data)
			return y, nil
		}
	}
	inner, sa, sb := 1, 0, 0
	if n := len(sum) - 1; n >= 0 {
		inner, sa, sb = sum[n], ss[0][n], ss[1][n]
		sum, ss[0], ss[1] = sum[:n], ss[0][:n], ss[1][:n]
	}
	err = op.Each(y.dims, ks[:], func(k int, _, off []int) error {
		if err := e.Tick(1); err != nil {
			return err
		}
		y.data[k] = dot(a.data, b.data, off[0], off[1], sum, ss, inner, sa, sb)
		return nil
	})
	return y, err
}

// dot sums the products of a and b from offsets i and j on, over the dimensions
// sum with strides ss and a last one of n elements with strides sa and sb.
func dot[T float64 | int64](a, b []T, i, j int, sum []int, ss [2][]int, n, sa, sb int) T {
	if len(sum) > 0 {
		var t T
		for range sum[0] {
			t += dot(a, b, i, j, sum[1:], [2][]int{ss[0][1:], ss[1][1:]}, n, sa, sb)
			i += ss[0][0]
			j += ss[1][0]
		}
		return t
	}
	var t T
	for range n {
		t += a[i] * b[j]
		i += sa
		j += sb
	}
	return t
}

func (o *einsum) Eval(e *op.Eval) error {
	ranks := make([]int, len(o.terms))
	for i := range ranks {
		x := e.In(i)
		if x == nil {
			return fmt.Errorf("input %d is missing", i)
		}
		if x.DType() != e.In(0).DType() {
			return fmt.Errorf("input %d is %v, must be %v as input 0", i, x.DType(), e.In(0).DType())
		}
		ranks[i] = x.Rank()
	}
	terms, n, err := o.expandTerms(ranks)
	if err != nil {
		return err
	}
	out := expand(o.out, n)
	sizes := map[label]int{}
	for i, t := range terms {
		for k, l := range t {
			d, old := e.In(i).Shape()[k], 1
			if v, ok := sizes[l]; ok {
				old = v
			}
			if d != old && d != 1 && old != 1 {
				return fmt.Errorf("equation %q: dimensions %d and %d of one name differ", o.equation, old, d)
			}
			if old == 1 {
				sizes[l] = d
			}
		}
	}
	dims := make([]int, len(out))
	for i, l := range out {
		dims[i] = 1
		if d, ok := sizes[l]; ok {
			dims[i] = d
		}
	}
	dt := e.In(0).DType()
	y, err := e.Out(0, dt, dims...)
	if err != nil || y.Len() == 0 {
		return err
	}
	if dt.IsInt() {
		v, err := contractAll(e, terms, out, e.Ints, temp[int64](e))
		if err != nil {
			return err
		}
		y.SetInts(v)
		return nil
	}
	v, err := contractAll(e, terms, out, e.Floats, temp[float64](e))
	if err != nil {
		return err
	}
	y.SetFloats(v)
	return nil
}

func temp[T float64 | int64](e *op.Eval) func(dims []int) ([]T, error) {
	return func(dims []int) ([]T, error) {
		t, err := e.Temp(tensor.DTypeOf[T](), dims...)
		if err != nil {
			return nil, err
		}
		return tensor.Of[T](t), nil
	}
}

// contractAll multiplies the operands from left to right; after each step only
// dimensions that are needed later are left.
func contractAll[T float64 | int64](e *op.Eval, terms [][]label, out []label, get func(int) []T, alloc func([]int) ([]T, error)) ([]T, error) {
	acc := &operand[T]{data: []T{1}}
	for i, t := range terms {
		x, err := newOperand(get(i), e.In(i).Shape(), t)
		if err != nil {
			return nil, err
		}
		keep := out
		if i < len(terms)-1 {
			keep = needed(acc.labels, t, terms[i+1:], out)
		}
		if acc, err = contract(e, acc, x, keep, alloc); err != nil {
			return nil, err
		}
	}
	return acc.data, nil
}

// needed returns the labels of a and b that occur in later terms or the output, each once.
func needed(a, b []label, later [][]label, out []label) []label {
	want, keep := map[label]bool{}, []label{}
	for _, l := range out {
		want[l] = true
	}
	for _, t := range later {
		for _, l := range t {
			want[l] = true
		}
	}
	for _, l := range append(append([]label{}, a...), b...) {
		if want[l] {
			want[l] = false
			keep = append(keep, l)
		}
	}
	return keep
}
