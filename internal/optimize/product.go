package optimize

import (
	"math"
	"slices"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// ownDomain holds the operators that passes alone write.
const ownDomain = "walnut"

// bias puts a constant vector that is added to a product with constant weights
// into the product: Gemm for matrices, else FusedMatMul with a bias.
func bias(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, (*rewrite).bias)
}

func (r *rewrite) bias(n *graph.Node) {
	if !is(n, "Add") || n.Opset < 7 || len(n.Inputs) != 2 || !r.isFloat(n.Outputs[0]) {
		return
	}
	for i, v := range n.Inputs {
		p := r.only(v, "MatMul")
		if p == nil {
			continue
		}
		w := constant(p.Inputs[1])
		if w == nil || w.DType() != tensor.Float32 || w.Rank() < 2 {
			continue
		}
		l := layoutOf(p, w, r.shape(v))
		if l == nil || l.rank < 2 {
			continue
		}
		b := n.Inputs[1-i]
		f := l.values(b)
		if f == nil {
			continue
		}
		if t := constant(b); t.Rank() != 1 || t.Len() != l.channels {
			if !r.afford(l.channels) {
				return
			}
			x := make([]float32, l.channels)
			for k := range x {
				x[k] = float32(pick(f, k, 0))
			}
			b = r.keep(tensor.MustFrom(x, l.channels), b.Name, "bias")
		}
		domain, name, version := ownDomain, "FusedMatMul", 1
		if l.rank == 2 {
			domain, name, version = "", "Gemm", 13
		}
		m := node(domain, name, version, joinPath(p, n), []*graph.Value{p.Inputs[0], p.Inputs[1], b}, n.Outputs[0])
		r.swap(n, []*graph.Node{m}, p, n)
		return
	}
}

// transpose makes a product read an operand whose last two axes have been
// swapped in place, and multiply with a constant number that comes before or
// behind it: FusedMatMul.
func transpose(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, func(r *rewrite, n *graph.Node) {
		if is(n, "Mul", "Div") {
			r.scaledProduct(n)
			return
		}
		if is(n, "MatMul") && r.isFloat(n.Outputs[0]) {
			r.operands(n)
		}
	})
}

// scaledProduct lets the product before n multiply with n's constant.
func (r *rewrite) scaledProduct(n *graph.Node) {
	for i, v := range n.Inputs {
		if len(n.Inputs) != 2 || n.Op == "Div" && i > 0 || !r.sole(v) || !r.isFloat(v) {
			continue
		}
		p := r.maker[v]
		c, ok := number(n.Inputs[1-i])
		if p == nil || !ok || !is(p, "MatMul") && !(p.Domain == msDomain && p.Op == "FusedMatMul") || !r.sameShape(v, n.Outputs[0]) {
			continue
		}
		if n.Op == "Div" {
			c = 1 / c
		}
		alpha := float32(getFloat(p, "alpha", 1) * c)
		if alpha == 0 || !finite(alpha) {
			continue
		}
		f := node(msDomain, "FusedMatMul", 1, joinPath(p, n), p.Inputs, n.Outputs[0], with(p, nil, floatAttr("alpha", float64(alpha)))...)
		r.swap(n, []*graph.Node{f}, p, n)
		return
	}
}

// operands looks through the operands of a product.
func (r *rewrite) operands(n *graph.Node) {
	in := slices.Clone(n.Inputs)
	old := []*graph.Node{n}
	var fresh []*graph.Node
	alpha := 1.0
	trans := [2]bool{}
	for i := range in {
		if m := r.only(in[i], "Mul", "Div"); m != nil {
			if v, c := r.factor(m); v != nil {
				alpha *= c
				in[i] = v
				old = append(old, m)
			}
		}
		t := r.only(in[i], "Transpose")
		if t == nil || constant(in[1]) != nil {
			continue
		}
		p := slices.Clone(r.permOf(t))
		k := len(p)
		if k < 2 || k != len(r.shape(t.Inputs[0])) {
			continue
		}
		p[k-1], p[k-2] = p[k-2], p[k-1]
		switch {
		case ascending(p):
			in[i], trans[i] = t.Inputs[0], true
			old = append(old, t)
		case i == 1 && p[k-1] == k-1: // whole rows move
			f := node("", "Transpose", t.Opset, t.Path+"+rows", []*graph.Value{t.Inputs[0]}, r.fresh(in[i], p, t), intsAttr("perm", p...))
			in[i], trans[i] = f.Outputs[0], true
			fresh = append(fresh, f)
			old = append(old, t)
		}
	}
	if len(old) == 1 || math.IsInf(alpha, 0) || math.IsNaN(alpha) || float32(alpha) == 0 {
		return
	}
	var attrs []graph.Attr
	if alpha != 1 {
		attrs = append(attrs, floatAttr("alpha", alpha))
	}
	for i, name := range []string{"transA", "transB"} {
		if trans[i] {
			attrs = append(attrs, intAttr(name, 1))
		}
	}
	f := node(msDomain, "FusedMatMul", 1, joinPath(n, old[1:]...), in, n.Outputs[0], attrs...)
	r.swap(n, append(fresh, f), old...)
}

// factor returns x and c of m = c*x where x has m's shape.
func (r *rewrite) factor(m *graph.Node) (*graph.Value, float64) {
	for i := range min(2, len(m.Inputs)) {
		c, ok := number(m.Inputs[i])
		x := m.Inputs[1-i]
		if !ok || i == 0 && m.Op == "Div" || !r.isFloat(x) || !r.sameShape(x, m.Outputs[0]) {
			continue
		}
		if m.Op == "Div" {
			c = 1 / c
		}
		return x, c
	}
	return nil, 0
}

// fresh returns a new value: the input of t with its axes in the order p.
func (r *rewrite) fresh(like *graph.Value, p []int, t *graph.Node) *graph.Value {
	v := r.keep(tensor.Scalar(int64(0)), like.Name, "rows")
	v.Const = nil
	in := r.shape(t.Inputs[0])
	s := make(graph.Shape, len(p))
	for i, a := range p {
		s[i] = in[a]
	}
	f := r.facts[t.Inputs[0]]
	f.Type.Shape, f.Const, f.Elems = s, nil, nil
	r.facts[v], v.Type = f, f.Type
	return v
}
