package optimize

import (
	"math"
	"slices"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// ahead folds a constant scale and shift of the channels before Conv n into its
// weights and bias. A shift does not commute with padding by zeros: of a padded
// convolution only the scale is folded, x*s + t becomes (x + t/s) before weights times s.
func (r *rewrite) ahead(n *graph.Node) {
	if !is(n, "Conv") || !r.isFloat(n.Outputs[0]) {
		return
	}
	w := constant(n.Inputs[1])
	bias := input(n, 2)
	if w == nil || w.DType() != tensor.Float32 || w.Rank() < 3 || w.Len() == 0 || bias != nil && floats(bias) == nil {
		return
	}
	groups := getInt(n, "group", 1)
	l := &layout{channels: w.Shape()[1] * groups, rank: w.Rank(), axis: 1}
	if x := r.shape(n.Inputs[0]); len(x) != l.rank || x[1] != graph.D(l.channels) || w.Shape()[0]%groups != 0 {
		return
	}
	shift, add := r.before(n.Inputs[0], l, "Add", "Sub")
	v := n.Inputs[0]
	if add != nil {
		v = data(add)
	}
	factor, mul := r.before(v, l, "Mul", "Div")
	padded := isPadded(n)
	if mul == nil && (add == nil || padded) || add != nil && !r.sameShape(data(add), n.Inputs[0]) || mul != nil && !r.sameShape(data(mul), n.Inputs[0]) {
		return
	}
	var old []*graph.Node
	if mul != nil {
		old = append(old, mul)
	}
	if add != nil {
		old = append(old, add)
	}
	r.foldAhead(n, w, groups, factor, shift, old, padded)
}

// data returns the operand of n that is no constant.
func data(n *graph.Node) *graph.Value {
	if constant(n.Inputs[0]) != nil {
		return n.Inputs[1]
	}
	return n.Inputs[0]
}

// before returns the sum or product by a constant that makes v and what it adds
// or multiplies with.
func (r *rewrite) before(v *graph.Value, l *layout, ops ...string) ([]float64, *graph.Node) {
	p := r.only(v, ops...)
	if p == nil {
		return nil, nil
	}
	i := slices.Index(p.Inputs, data(p))
	a := r.affine(p, i, l)
	if a == nil || a.scale != nil && a.shift != nil {
		return nil, nil
	}
	if a.scale != nil {
		return a.scale, p
	}
	return a.shift, p
}

// isPadded reports whether a convolution sees zeros around its input.
func isPadded(n *graph.Node) bool {
	for _, p := range getInts(n, "pads") {
		if p != 0 {
			return true
		}
	}
	a := getString(n, "auto_pad")
	return a != "" && a != "NOTSET" && a != "VALID"
}

// foldAhead replaces n and the nodes old before it.
func (r *rewrite) foldAhead(n *graph.Node, w *tensor.Tensor, groups int, factor, shift []float64, old []*graph.Node, padded bool) {
	if factor != nil && !r.lone(n.Inputs[1]) || !r.afford(w.Len()+w.Shape()[0]) {
		return
	}
	d := w.Shape()
	m, cg := d[0], d[1]
	taps := w.Len() / (m * cg)
	from, to := tensor.Of[float32](w.Aligned()), make([]float32, w.Len())
	more := make([]float64, m)
	for k, x := range from {
		out := k / (cg * taps)
		c := out/(m/groups)*cg + k/taps%cg
		if to[k] = float32(float64(x) * pick(factor, c, 1)); !finite(to[k]) {
			return
		}
		more[out] += float64(x) * pick(shift, c, 0)
	}
	in := slices.Clone(n.Inputs)
	first := old[0]
	in[0] = data(first)
	var fresh []*graph.Node
	switch {
	case shift != nil && padded:
		t := make([]float32, max(len(shift), len(factor)))
		for k := range t {
			if t[k] = float32(pick(shift, k, 0) / pick(factor, k, 1)); !finite(t[k]) || math.Abs(pick(factor, k, 1)) < 1e-3 {
				return
			}
		}
		dims := make([]int, len(d)-1)
		for i := range dims {
			dims[i] = 1
		}
		dims[0] = len(t)
		add := old[1]
		f := node("", "Add", 13, add.Path+"+ahead", []*graph.Value{in[0], r.keep(tensor.MustFrom(t, dims...), n.Inputs[1].Name, "shift")}, add.Outputs[0])
		fresh = append(fresh, f)
		in[0] = f.Outputs[0]
	case shift != nil:
		b := make([]float32, m)
		own := floats(input(n, 2))
		for k := range b {
			if own != nil {
				more[k] += float64(own[k])
			}
			if b[k] = float32(more[k]); !finite(b[k]) {
				return
			}
		}
		for len(in) < 3 {
			in = append(in, nil)
		}
		in[2] = r.keep(tensor.MustFrom(b, m), n.Inputs[1].Name, "bias")
	}
	if factor != nil {
		in[1] = r.keep(tensor.MustFrom(to, d...), n.Inputs[1].Name, "scaled")
	}
	f := node("", "Conv", n.Opset, joinPath(old[0], append(slices.Clone(old[1:]), n)...), in, n.Outputs[0], n.Attrs.List()...)
	r.swap(n, append(fresh, f), append(old, n)...)
}
