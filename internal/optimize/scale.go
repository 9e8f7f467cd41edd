package optimize

import (
	"math"
	"slices"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// scale folds constant scales and shifts of channels behind a convolution or a
// matrix product into its weights and bias: BatchNormalization in inference, and
// Mul, Div, Add and Sub of a constant that has one value a channel or one for all.
// Those that are left before a convolution go into that one (ahead).
func scale(c *Context, g *graph.Graph) (int, error) {
	behind, err := rewriteGraph(c, g, (*rewrite).scale)
	if err != nil {
		return 0, err
	}
	before, err := rewriteGraph(c, g, (*rewrite).ahead)
	return behind + before, err
}

// channels is y = x*scale + shift. A nil scale is 1, a nil shift 0; a list
// holds one value for all channels or one for each.
type channels struct{ scale, shift []float64 }

func (r *rewrite) scale(n *graph.Node) {
	for i := range min(2, len(n.Inputs)) {
		p := r.only(n.Inputs[i], "Conv", "ConvTranspose", "Gemm", "MatMul")
		if p == nil || !single(p) || !single(n) || !r.isFloat(p.Outputs[0]) {
			continue
		}
		w := constant(p.Inputs[1])
		if w == nil || w.DType() != tensor.Float32 || w.Rank() < 2 {
			continue
		}
		l := layoutOf(p, w, r.shape(p.Outputs[0]))
		if l == nil {
			continue
		}
		a := r.affine(n, i, l)
		if a == nil {
			continue
		}
		if r.foldInto(p, n, w, l, a) {
			return
		}
	}
}

// lone reports whether v is read once, so that folding a change into it leaves
// no second copy behind.
func (r *rewrite) lone(v *graph.Value) bool { return v != nil && r.uses[v] == 1 && !r.outs[v] }

// layout tells where the channels of a product are.
type layout struct {
	channels   int
	rank, axis int // of the output; rank is -1 if it is not known
	// Weight k belongs to channel k/inner%period plus period for each outer
	// weights before it: group is which block of period channels.
	inner, period, block int
}

// layoutOf returns the layout of p with weights w, nil if it is one that scale can't fold.
func layoutOf(p *graph.Node, w *tensor.Tensor, out graph.Shape) *layout {
	d := w.Shape()
	rest := 1
	for _, n := range d[1:] {
		rest *= n
	}
	if rest == 0 || d[0] == 0 {
		return nil
	}
	switch p.Op {
	case "Conv":
		return &layout{d[0], len(d), 1, rest, d[0], 0}
	case "ConvTranspose": // [C, M/group, k...]
		g := getInt(p, "group", 1)
		if g < 1 || d[0]%g != 0 || len(d) < 3 {
			return nil
		}
		return &layout{d[1] * g, len(d), 1, rest / d[1], d[1], d[0] / g * rest}
	case "Gemm":
		if p.Opset < 7 || len(d) != 2 {
			return nil
		}
		if getInt(p, "transB", 0) != 0 {
			return &layout{d[0], 2, 1, d[1], d[0], 0}
		}
		return &layout{d[1], 2, 1, 1, d[1], 0}
	}
	if len(d) != 2 || out == nil {
		return nil
	}
	return &layout{d[1], len(out), len(out) - 1, 1, d[1], 0}
}

// of returns the channel of weight k.
func (l *layout) of(k int) int {
	c := k / l.inner % l.period
	if l.block > 0 {
		c += k / l.block * l.period
	}
	return c
}

// affine returns what n does to the channels of its input i, nil if that is
// something else. n must be a reader of a product with layout l.
func (r *rewrite) affine(n *graph.Node, i int, l *layout) *channels {
	if n.Domain != "" || n.Opset < 7 {
		return nil
	}
	if n.Op == "BatchNormalization" {
		if i != 0 || l.axis != 1 {
			return nil
		}
		return batchNormal(n, l.channels)
	}
	if len(n.Inputs) != 2 || !is(n, "Mul", "Div", "Add", "Sub") {
		return nil
	}
	v := l.values(n.Inputs[1-i])
	if v == nil {
		return nil
	}
	switch n.Op {
	case "Mul":
		return &channels{scale: v}
	case "Add":
		return &channels{shift: v}
	case "Div":
		if i == 1 {
			return nil
		}
		for k, x := range v {
			v[k] = 1 / x
		}
		return &channels{scale: v}
	}
	if i == 1 {
		return &channels{scale: []float64{-1}, shift: v}
	}
	for k, x := range v {
		v[k] = -x
	}
	return &channels{shift: v}
}

// values returns the elements of a constant that broadcasts along the channels
// of the output alone.
func (l *layout) values(v *graph.Value) []float64 {
	t := constant(v)
	if t == nil || t.DType() != tensor.Float32 || t.Rank() > l.rank {
		return nil
	}
	d := t.Shape()
	for a, n := range d {
		at := a + l.rank - len(d)
		if n != 1 && (at != l.axis || n != l.channels) {
			return nil
		}
	}
	f := floats(v)
	out := make([]float64, len(f))
	for k, x := range f {
		out[k] = float64(x)
	}
	return out
}

// batchNormal returns what BatchNormalization in inference comes down to.
func batchNormal(n *graph.Node, channelCount int) *channels {
	if len(n.Inputs) != 5 || getInt(n, "training_mode", 0) != 0 || getInt(n, "spatial", 1) != 1 {
		return nil
	}
	var p [4][]float32
	for i := range p {
		if p[i] = floats(n.Inputs[i+1]); len(p[i]) != channelCount {
			return nil
		}
	}
	eps := getFloat(n, "epsilon", float64(float32(1e-5)))
	a := &channels{make([]float64, channelCount), make([]float64, channelCount)}
	for k := range channelCount {
		a.scale[k] = float64(p[0][k]) / math.Sqrt(float64(p[3][k])+eps)
		a.shift[k] = float64(p[1][k]) - float64(p[2][k])*a.scale[k]
	}
	return a
}

// foldInto makes p compute what n, its only reader, makes of its output.
func (r *rewrite) foldInto(p, n *graph.Node, w *tensor.Tensor, l *layout, a *channels) bool {
	bias, drop, ok := r.biasOf(p, l)
	if !ok || a.scale != nil && (!r.lone(p.Inputs[1]) || !r.afford(w.Len())) || !r.afford(l.channels) {
		return false
	}
	name, version := p.Op, p.Opset
	if name == "MatMul" && a.shift != nil {
		if l.rank != 2 || a.scale == nil { // pass bias does that
			return false
		}
		name, version = "Gemm", 13
	}
	in := slices.Clone(p.Inputs)
	if a.scale != nil {
		s, ok := scaled(w, l, a.scale)
		if !ok {
			return false
		}
		in[1] = r.keep(s, p.Inputs[1].Name, "scaled")
	}
	if bias != nil || a.shift != nil {
		b := make([]float32, l.channels)
		for k := range b {
			x := 0.0
			if bias != nil {
				x = bias[k]
			}
			x = x*pick(a.scale, k, 1) + pick(a.shift, k, 0)
			if b[k] = float32(x); !finite(b[k]) {
				return false
			}
		}
		for len(in) < 3 {
			in = append(in, nil)
		}
		in[2] = r.keep(tensor.MustFrom(b, l.channels), p.Inputs[1].Name, "bias")
	}
	f := node("", name, version, joinPath(p, n), in, n.Outputs[0], with(p, drop)...)
	r.swap(n, []*graph.Node{f}, p, n)
	return true
}

// biasOf returns p's bias, nil if it has none, and which attributes belong to it.
// It reports false if the bias is no constant of one value a channel.
func (r *rewrite) biasOf(p *graph.Node, l *layout) (bias []float64, drop []string, ok bool) {
	v := input(p, 2)
	if p.Op == "MatMul" || v == nil {
		return nil, []string{"beta"}, true
	}
	at := l
	if p.Op != "Gemm" { // a vector, whatever the rank of the output
		at = &layout{channels: l.channels, rank: 1}
	}
	f := at.values(v)
	if f == nil || p.Op != "Gemm" && len(f) != l.channels {
		return nil, nil, false
	}
	beta := 1.0
	if p.Op == "Gemm" {
		beta = getFloat(p, "beta", 1)
	}
	bias = make([]float64, l.channels)
	for k := range bias {
		bias[k] = beta * pick(f, k, 0)
	}
	return bias, []string{"beta"}, true
}

// scaled returns weights times the scale of their channel; false if that is no number.
func scaled(w *tensor.Tensor, l *layout, scale []float64) (*tensor.Tensor, bool) {
	from := tensor.Of[float32](w.Aligned())
	to := make([]float32, len(from))
	for k, x := range from {
		if to[k] = float32(float64(x) * pick(scale, l.of(k), 1)); !finite(to[k]) {
			return nil, false
		}
	}
	return tensor.MustFrom(to, w.Shape()...), true
}

// pick returns the value for channel k.
func pick(v []float64, k int, def float64) float64 {
	switch len(v) {
	case 0:
		return def
	case 1:
		return v[0]
	}
	return v[k]
}

func finite(x float32) bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }
