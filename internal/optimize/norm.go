package optimize

import (
	"slices"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// norm recognises LayerNormalization and RMSNormalization in the formulas that
// exporters write for them:
//
//	d = x - mean(x);  y = d / sqrt(mean(d*d) + eps) [* scale] [+ bias]
//	y = x / sqrt(mean(x*x) + eps) [* scale]
//
// with d*d as Mul or Pow, and the division as Div or as Mul with a reciprocal.
func norm(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, (*rewrite).norm)
}

func (r *rewrite) norm(n *graph.Node) {
	if !is(n, "Div", "Mul") || len(n.Inputs) != 2 || !r.isFloat(n.Outputs[0]) {
		return
	}
	for _, i := range []int{0, 1} {
		if m := r.deviation(n, i); m != nil && r.layerNorm(n, n.Inputs[i], m) {
			return
		}
		if n.Op == "Div" {
			return
		}
	}
}

// spread is sqrt(mean(d*d) + eps), by which d is divided.
type spread struct {
	eps   float64
	axes  []int
	rank  int
	nodes []*graph.Node // all of it
	reads int           // times that d is read in it
}

// deviation matches n as the division of its input i by the spread of that input.
func (r *rewrite) deviation(n *graph.Node, i int) *spread {
	d, v := n.Inputs[i], n.Inputs[1-i]
	s := &spread{rank: len(r.shape(d))}
	if d == v || s.rank == 0 {
		return nil
	}
	take := func(v *graph.Value, ops ...string) *graph.Node {
		x := r.only(v, ops...)
		if x != nil {
			s.nodes = append(s.nodes, x)
		}
		return x
	}
	var root *graph.Node
	if n.Op == "Mul" {
		inv := take(v, "Reciprocal", "Div", "Pow")
		if inv == nil {
			return nil
		}
		switch inv.Op {
		case "Reciprocal":
			root = take(inv.Inputs[0], "Sqrt", "Pow")
		case "Div":
			if one, ok := number(inv.Inputs[0]); !ok || one != 1 {
				return nil
			}
			root = take(inv.Inputs[1], "Sqrt", "Pow")
		default:
			root = inv
		}
	} else {
		root = take(v, "Sqrt", "Pow")
	}
	if root == nil {
		return nil
	}
	if root.Op == "Pow" {
		want := 0.5
		if n.Op == "Mul" && s.nodes[0] == root {
			want = -0.5
		}
		if p, ok := number(root.Inputs[1]); !ok || p != want {
			return nil
		}
	}
	add := take(root.Inputs[0], "Add")
	if add == nil {
		return nil
	}
	var ok bool
	mean := 0
	if s.eps, ok = number(add.Inputs[1]); !ok {
		mean = 1
		if s.eps, ok = number(add.Inputs[0]); !ok {
			return nil
		}
	}
	m := take(add.Inputs[mean], "ReduceMean")
	if m == nil || s.eps < 0 {
		return nil
	}
	if s.axes = r.meanAxes(m, s.rank); s.axes == nil {
		return nil
	}
	sq := take(m.Inputs[0], "Mul", "Pow")
	if sq == nil || sq.Inputs[0] != d {
		return nil
	}
	s.reads = 1
	if sq.Op == "Mul" {
		s.reads = 2
		ok = sq.Inputs[1] == d
	} else {
		var p float64
		p, ok = anyNumber(sq.Inputs[1])
		ok = ok && p == 2
	}
	if !ok {
		return nil
	}
	return s
}

// anyNumber is number for constants of any type.
func anyNumber(v *graph.Value) (float64, bool) {
	t := constant(v)
	if t == nil || t.Len() != 1 || t.DType() == tensor.String {
		return 0, false
	}
	return t.Aligned().FloatAt(0), true
}

// meanAxes returns the axes of a mean over all axes from one on, which stay as
// length 1; nil if it is another mean.
func (r *rewrite) meanAxes(m *graph.Node, rank int) []int {
	if getInt(m, "keepdims", 1) == 0 {
		return nil
	}
	axes := axesOf(m, 1)
	seen := make([]bool, rank)
	for _, a := range axes {
		if a < 0 {
			a += rank
		}
		if a < 0 || a >= rank || seen[a] {
			return nil
		}
		seen[a] = true
	}
	l := []int(nil)
	for a, s := range seen {
		if s {
			l = append(l, a)
		}
	}
	if len(l) == 0 || l[0] != rank-len(l) {
		return nil
	}
	return l
}

// layerNorm replaces division n of d by its spread, with what comes before and behind.
func (r *rewrite) layerNorm(n *graph.Node, d *graph.Value, s *spread) bool {
	old := append(slices.Clone(s.nodes), n)
	x, rms := d, true
	if sub := r.by(d, "Sub"); sub != nil && r.uses[d] == s.reads+1 && !r.outs[d] {
		if m := r.only(sub.Inputs[1], "ReduceMean"); m != nil && m.Inputs[0] == sub.Inputs[0] && slices.Equal(r.meanAxes(m, s.rank), s.axes) {
			old = append(old, sub, m)
			x, rms = sub.Inputs[0], false
		}
	}
	last := n
	if len(r.shape(x)) != s.rank {
		return false
	}
	dims := r.shape(x)[s.axes[0]:]
	var scale, bias *graph.Value
	if m := r.next(last.Outputs[0], "Mul"); m != nil {
		if v := r.vector(m, last.Outputs[0], dims); v != nil {
			scale, last = v, m
			old = append(old, m)
		}
	}
	if !rms {
		if a := r.next(last.Outputs[0], "Add"); a != nil {
			if v := r.vector(a, last.Outputs[0], dims); v != nil {
				bias, last = v, a
				old = append(old, a)
			}
		}
	}
	if scale == nil {
		k := dims.Ints()
		if k == nil {
			return false
		}
		count, ok := tensor.NumElements(k)
		if !ok || count > 1<<16 || !r.afford(count) {
			return false
		}
		ones := make([]float32, count)
		for i := range ones {
			ones[i] = 1
		}
		scale = r.keep(tensor.MustFrom(ones, k...), last.Outputs[0].Name, "ones")
	}
	in := []*graph.Value{x, scale}
	name, version := "RMSNormalization", 23
	if !rms {
		name, version = "LayerNormalization", 17
		if bias != nil {
			in = append(in, bias)
		}
	}
	f := node("", name, version, joinPath(n, last), in, last.Outputs[0],
		intAttr("axis", s.axes[0]-s.rank), floatAttr("epsilon", s.eps))
	if last == n {
		f.Path = n.Path + "+" + name
		f.Name = f.Path
	}
	r.swap(last, []*graph.Node{f}, old...)
	return true
}

// vector returns the constant operand of n beside v if it has the shape of the
// normalised axes.
func (r *rewrite) vector(n *graph.Node, v *graph.Value, dims graph.Shape) *graph.Value {
	o := n.Inputs[0]
	if o == v {
		o = n.Inputs[1]
	}
	t := constant(o)
	if t == nil || t.DType() != tensor.Float32 || t.Rank() != len(dims) {
		return nil
	}
	for i, k := range t.Shape() {
		if dims[i] != graph.D(k) {
			return nil
		}
	}
	return o
}

// skipNorm lets a LayerNormalization over the last axis make the sum that it
// normalises: SkipLayerNormalization, which hands the sum on as its output 3.
func skipNorm(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, func(r *rewrite, n *graph.Node) {
		if !is(n, "LayerNormalization") || !single(n) || !r.isFloat(n.Outputs[0]) || r.outs[n.Inputs[0]] {
			return
		}
		sum := n.Inputs[0]
		add := r.by(sum, "Add")
		rank := len(r.shape(sum))
		if a := getInt(n, "axis", -1); add == nil || add.Opset < 7 || rank != 3 && rank != 2 || a != -1 && a != rank-1 {
			return
		}
		if len(r.shape(n.Inputs[1])) != 1 || input(n, 2) != nil && len(r.shape(n.Inputs[2])) != 1 ||
			!r.sameShape(add.Inputs[0], add.Inputs[1]) || !early(n) {
			return
		}
		in := []*graph.Value{add.Inputs[0], add.Inputs[1], n.Inputs[1]}
		if b := input(n, 2); b != nil {
			in = append(in, b)
		}
		f := node(msDomain, "SkipLayerNormalization", 1, joinPath(add, n), in, n.Outputs[0], floatAttr("epsilon", getFloat(n, "epsilon", float64(float32(1e-5)))))
		if r.uses[sum] > 1 {
			f.Outputs = append(f.Outputs, nil, nil, sum)
		}
		r.swap(add, []*graph.Node{f}, add, n)
	})
}

// early reports whether all that n reads but its first input is there from the start.
func early(n *graph.Node) bool {
	for _, v := range n.Inputs[1:] {
		if v != nil && constant(v) == nil {
			return false
		}
	}
	return true
}
