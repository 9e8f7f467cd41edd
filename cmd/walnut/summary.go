package main

import (
	"fmt"
	"io"
	"math"
	"sort"
	"strings"
	"text/tabwriter"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/tensor"
)

// printSummary prints type, smallest, largest and mean value of every output,
// and the five largest elements.
func printSummary(w io.Writer, m *walnut.Model, out walnut.Values) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	labels := splitLabels(m.Metadata().Values["labels"])
	for _, o := range m.Outputs() {
		summarize(tw, o.Name, out[o.Name], labels)
	}
	return tw.Flush()
}

func splitLabels(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func summarize(w io.Writer, name string, v tensor.Value, labels []string) {
	t, ok := v.(*tensor.Tensor)
	if !ok {
		fmt.Fprintf(w, "%s\t%s\n", name, tensor.Describe(v))
		if s, ok := v.(*tensor.Sequence); ok {
			for i, x := range s.Items[:min(3, len(s.Items))] {
				summarize(w, fmt.Sprintf("  [%d]", i), x, nil)
			}
		}
		if m, ok := v.(*tensor.Map); ok && m.Keys != nil {
			summarize(w, "  keys", m.Keys, nil)
			summarize(w, "  values", m.Values, nil)
		}
		return
	}
	switch n := t.Len(); {
	case n == 0:
		fmt.Fprintf(w, "%s\t%v\tempty\n", name, t)
	case t.DType() == tensor.String:
		var l []string
		for i := range min(n, 5) {
			l = append(l, fmt.Sprintf("%q", t.Str(i)))
		}
		fmt.Fprintf(w, "%s\t%v\t%s\n", name, t, strings.Join(l, " "))
	default:
		lo, hi, mean, nan := stats(t)
		fmt.Fprintf(w, "%s\t%v\tmin %.6g\tmax %.6g\tmean %.6g", name, t, lo, hi, mean)
		if nan > 0 {
			fmt.Fprintf(w, "\t%d not finite", nan)
		}
		fmt.Fprintf(w, "\ttop %s\n", top(t, labels))
	}
}

func stats(t *tensor.Tensor) (lo, hi, mean float64, bad int) {
	lo, hi = math.Inf(1), math.Inf(-1)
	n := 0
	for i := range t.Len() {
		x := t.FloatAt(i)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			bad++
			continue
		}
		lo, hi, mean = min(lo, x), max(hi, x), mean+x
		n++
	}
	return lo, hi, mean / float64(max(n, 1)), bad
}

// top formats the five largest elements with their indices along the last
// axis, or their labels if there are as many as the axis is long.
func top(t *tensor.Tensor, labels []string) string {
	n := t.Len()
	idx := make([]int, n)
	for i := range idx {
		idx[i] = i
	}
	sort.SliceStable(idx, func(a, b int) bool { return t.FloatAt(idx[a]) > t.FloatAt(idx[b]) })
	last := n
	if r := t.Rank(); r > 0 {
		last = t.Shape()[r-1]
	}
	var l []string
	for _, i := range idx[:min(5, n)] {
		key := fmt.Sprint(i)
		if last == len(labels) {
			key = labels[i%last]
		}
		l = append(l, fmt.Sprintf("%s:%.5g", key, t.FloatAt(i)))
	}
	return strings.Join(l, " ")
}

// jsonValue turns v into what encoding/json writes: nested lists, numbers,
// strings; numbers that JSON lacks become strings.
func jsonValue(v tensor.Value) any {
	switch v := v.(type) {
	case *tensor.Tensor:
		i := 0
		return jsonTensor(v, v.Shape(), &i)
	case *tensor.Sequence:
		l := make([]any, len(v.Items))
		for i, x := range v.Items {
			l[i] = jsonValue(x)
		}
		return l
	case *tensor.Map:
		m := map[string]any{}
		if v.Keys == nil {
			return m
		}
		vals, _ := v.Values.(*tensor.Tensor)
		for i := range v.Keys.Len() {
			k := fmt.Sprint(v.Keys.IntAt(i))
			if v.Keys.DType() == tensor.String {
				k = v.Keys.Str(i)
			}
			if vals != nil {
				m[k] = jsonElement(vals, i)
			} else if s, ok := v.Values.(*tensor.Sequence); ok && i < len(s.Items) {
				m[k] = jsonValue(s.Items[i])
			}
		}
		return m
	case *tensor.Optional:
		if v.Value != nil {
			return jsonValue(v.Value)
		}
	}
	return nil
}

func jsonTensor(t *tensor.Tensor, dims []int, at *int) any {
	if len(dims) == 0 {
		*at++
		return jsonElement(t, *at-1)
	}
	l := make([]any, dims[0])
	for i := range l {
		l[i] = jsonTensor(t, dims[1:], at)
	}
	return l
}

func jsonElement(t *tensor.Tensor, i int) any {
	switch t.DType().Class() {
	case tensor.ClassString:
		return t.Str(i)
	case tensor.ClassComplex:
		c := t.ComplexAt(i)
		return []any{jsonFloat(real(c)), jsonFloat(imag(c))}
	case tensor.ClassFloat:
		if t.DType() == tensor.Float32 {
			return jsonFloat32(float32(t.FloatAt(i)))
		}
		return jsonFloat(t.FloatAt(i))
	case tensor.ClassUint:
		if t.DType() == tensor.Bool {
			return t.BoolAt(i)
		}
		return t.UintAt(i)
	}
	return t.IntAt(i)
}
