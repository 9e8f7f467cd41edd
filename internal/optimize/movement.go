package optimize

import (
	"slices"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// movement removes what moves or changes nothing (casts to the type that is there,
// reshapes, slices, pads and expansions to the shape that is there, sums with 0,
// products with 1, concatenations of one), joins neighbouring Transposes and
// views, and makes a view of a Transpose that only moves axes of length 1.
func movement(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, (*rewrite).movement)
}

// views are the operators whose output has the elements of input 0 in the same order.
var views = []string{"Reshape", "Flatten", "Squeeze", "Unsqueeze"}

func (r *rewrite) movement(n *graph.Node) {
	if n.Domain != "" || len(n.Inputs) == 0 || n.Inputs[0] == nil || n.Outputs[0] == nil || op.Of(n).Def.Random {
		return
	}
	if v := r.idle(n); v != nil && r.pass(n, v) {
		return
	}
	switch {
	case is(n, "Transpose"):
		r.transposed(n)
	case is(n, views...):
		r.viewed(n)
	}
}

// idle returns the value that n hands on unchanged, nil if it does something.
func (r *rewrite) idle(n *graph.Node) *graph.Value {
	x, y := n.Inputs[0], n.Outputs[0]
	switch n.Op {
	case "Cast":
		f, t := r.facts[x].Type, r.facts[y].Type
		if f.Kind == graph.KindTensor && f.Elem != tensor.Invalid && f.Elem == t.Elem {
			return x
		}
	case "Concat":
		if len(n.Inputs) == 1 {
			return x
		}
	case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand":
		if r.sameShape(x, y) {
			return x
		}
		if n.Op != "Expand" { // there and back again
			if v := r.by(x, views...); v != nil && r.sameShape(v.Inputs[0], y) {
				return v.Inputs[0]
			}
		}
	case "Transpose":
		p := r.permOf(n)
		if len(p) > 0 && ascending(p) {
			return x
		}
	case "Pad":
		if around, _, ok := r.padOf(n); ok && slices.Min(around) == 0 && slices.Max(around) == 0 {
			return x
		}
	case "Slice":
		if r.sameShape(x, y) && forward(n) {
			return x
		}
	case "Mul", "Div", "Add", "Sub":
		return r.neutral(n)
	}
	return nil
}

// forward reports whether a Slice goes forward along all axes.
func forward(n *graph.Node) bool {
	if n.Opset < 10 || input(n, 4) == nil {
		return true
	}
	steps := integers(n.Inputs[4])
	return steps != nil && slices.Min(append(steps, 1)) == 1 && slices.Max(append(steps, 1)) == 1
}

// neutral returns the operand of n beside the number that changes nothing.
func (r *rewrite) neutral(n *graph.Node) *graph.Value {
	want := 0.0
	if n.Op == "Mul" || n.Op == "Div" {
		want = 1
	}
	for i := range min(2, len(n.Inputs)) {
		x := n.Inputs[1-i]
		if i == 0 && (n.Op == "Div" || n.Op == "Sub") {
			continue
		}
		if c, ok := number(n.Inputs[i]); ok && c == want && r.sameShape(x, n.Outputs[0]) {
			return x
		}
	}
	return nil
}

func ascending(p []int) bool {
	for i, a := range p {
		if a != i {
			return false
		}
	}
	return true
}

// permOf returns the permutation of a Transpose, nil if it is not known.
func (r *rewrite) permOf(n *graph.Node) []int {
	p := getInts(n, "perm")
	if len(p) > 0 {
		p, _ = op.Axes(p, len(p)) // nil if it is wrong
		return p
	}
	rank := len(r.shape(n.Inputs[0]))
	for i := range rank {
		p = append(p, rank-1-i)
	}
	return p
}

// transposed joins n with a Transpose before it, or makes it a view.
func (r *rewrite) transposed(n *graph.Node) {
	p := r.permOf(n)
	if len(p) == 0 { // or the default for a rank that is not known
		return
	}
	if q := r.by(n.Inputs[0], "Transpose"); q != nil {
		first := r.permOf(q)
		if len(first) != len(p) {
			return
		}
		both := make([]int, len(p))
		for i, a := range p {
			both[i] = first[a]
		}
		if ascending(both) && r.pass(n, q.Inputs[0]) {
			return
		}
		old, path := []*graph.Node{n}, n.Path
		if r.sole(n.Inputs[0]) {
			old, path = append(old, q), joinPath(q, n)
		}
		f := node("", "Transpose", n.Opset, path, []*graph.Value{q.Inputs[0]}, n.Outputs[0], intsAttr("perm", both...))
		r.swap(n, []*graph.Node{f}, old...)
		return
	}
	in := r.shape(n.Inputs[0])
	if len(in) != len(p) {
		return
	}
	last, open := -1, 0
	to := make([]int64, len(p))
	for i, a := range p {
		to[i] = int64(in[a].N)
		if in[a] == graph.D(1) {
			continue
		}
		if in[a] == graph.D(0) || a < last {
			return
		}
		last = a
		if !in[a].Known() {
			to[i] = -1
			open++
		}
	}
	if open > 1 || n.Opset < 5 {
		return
	}
	shape := r.keep(tensor.MustFrom(to, len(to)), n.Outputs[0].Name, "shape")
	f := node("", "Reshape", n.Opset, n.Path+"+Reshape", []*graph.Value{n.Inputs[0], shape}, n.Outputs[0])
	r.swap(n, []*graph.Node{f}, n)
}

// viewed lets n read what the view before it reads: a Reshape to a constant
// shape does not care what shape its input has.
func (r *rewrite) viewed(n *graph.Node) {
	v := r.by(n.Inputs[0], views...)
	if v == nil || !is(n, "Reshape") || n.Opset < 5 {
		return
	}
	to := integers(n.Inputs[1])
	if to == nil || slices.Contains(to, 0) {
		return
	}
	old, path := []*graph.Node{n}, n.Path
	if r.sole(n.Inputs[0]) {
		old, path = append(old, v), joinPath(v, n)
	}
	f := node("", "Reshape", n.Opset, path, []*graph.Value{v.Inputs[0], n.Inputs[1]}, n.Outputs[0], n.Attrs.List()...)
	r.swap(n, []*graph.Node{f}, old...)
}
