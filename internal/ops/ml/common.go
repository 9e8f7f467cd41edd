package ml

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// rowsOf returns the rows and features of a tensor [N, F], or [F] as one row.
func rowsOf(x *tensor.Tensor) (n, f int, err error) {
	switch s := x.Shape(); len(s) {
	case 1:
		return 1, s[0], nil
	case 2:
		return s[0], s[1], nil
	}
	return 0, 0, fmt.Errorf("input is %v, must be [rows, features] or [features]", x)
}

// inferRows returns the dimension of the rows of input 0; a fresh symbol if it
// is not known.
func inferRows(c *op.Infer) (graph.Dim, error) {
	switch s := c.Shape(0); {
	case s == nil:
		return c.Fresh(), nil
	case len(s) == 1:
		return graph.D(1), nil
	case len(s) == 2:
		return s[0], nil
	default:
		return graph.Dim{}, fmt.Errorf("input is %v, must be [rows, features] or [features]", s)
	}
}

// labels are the class labels of a classifier, integers or strings.
type labels struct {
	ints []int64
	strs []string
}

// newLabels reads the labels from two attributes, of which the strings win.
func newLabels(a *op.Args, ints, strs string) (labels, error) {
	l := labels{a.Int64s(ints), a.Strings(strs)}
	if len(l.ints) > 0 && len(l.strs) > 0 {
		return l, fmt.Errorf("attributes %q and %q exclude each other", ints, strs)
	}
	return l, nil
}

func (l *labels) len() int { return len(l.ints) + len(l.strs) }

func (l *labels) dtype() tensor.DType {
	if len(l.strs) > 0 {
		return tensor.String
	}
	return tensor.Int64
}

// set makes output 0 of the labels with the given indices.
func (l *labels) set(e *op.Eval, class []int) error {
	if len(l.strs) > 0 {
		s := make([]string, len(class))
		for i, k := range class {
			s[i] = l.strs[k]
		}
		return e.SetStrings(0, []int{len(class)}, s)
	}
	v := make([]int64, len(class))
	for i, k := range class {
		v[i] = l.ints[k]
	}
	return e.SetInts(0, tensor.Int64, []int{len(class)}, v)
}

// copyElem stores element j of src in element i of dst; both have one type.
func copyElem(dst *tensor.Tensor, i int, src *tensor.Tensor, j int) {
	switch src.DType().Class() {
	case tensor.ClassInt, tensor.ClassUint:
		dst.SetUintAt(i, src.UintAt(j))
	default:
		dst.SetFloatAt(i, src.FloatAt(j))
	}
}

// argMax returns the index of the largest of v, the first one of equals.
func argMax(v []float64) int {
	k := 0
	for i, x := range v {
		if x > v[k] {
			k = i
		}
	}
	return k
}

// round32 rounds v to float32 in place, so that comparisons of scores see what
// the output holds.
func round32(v []float64) {
	for i, x := range v {
		v[i] = float64(float32(x))
	}
}
