package optimize

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// rewrite is a graph while a lowering pass works on it. A fused node makes the
// value that the last node of its pattern made, so that facts about values stay
// true, and graph outputs keep their names.
type rewrite struct {
	c     *Context
	g     *graph.Graph
	facts map[*graph.Value]op.Fact
	maker map[*graph.Value]*graph.Node
	uses  map[*graph.Value]int           // readers, bodies and graph outputs among them
	reads map[*graph.Value][]*graph.Node // nodes that read a value or did
	outs  map[*graph.Value]bool
	place map[*graph.Node][]*graph.Node // what stands where a node stood
	gone  map[*graph.Node]bool
	names map[string]int // names that are taken, and how many follow from one
	room  int            // floats that new constants may still have; see afford
	count int
	err   error
}

// rewriteGraph calls try for every node of g, in order, those that try makes
// apart. A graph that contradicts itself is left alone: inference reports it.
func rewriteGraph(c *Context, g *graph.Graph, try func(*rewrite, *graph.Node)) (int, error) {
	if c.facts == nil {
		return 0, nil
	}
	r := &rewrite{c: c, g: g, facts: c.facts, room: -1, maker: map[*graph.Value]*graph.Node{}, uses: map[*graph.Value]int{},
		reads: map[*graph.Value][]*graph.Node{}, outs: outputs(g), place: map[*graph.Node][]*graph.Node{}, gone: map[*graph.Node]bool{}}
	for _, n := range g.Nodes {
		r.add(n)
	}
	for _, v := range g.Outputs {
		r.uses[v]++
	}
	nodes := g.Nodes
	for _, n := range nodes {
		if err := c.Ctx.Err(); err != nil {
			return 0, err
		}
		if !r.gone[n] {
			try(r, n)
		}
		if r.err != nil {
			return 0, n.Wrap(r.err)
		}
	}
	if r.count > 0 {
		r.finish()
	}
	return r.count, nil
}

// finish writes the nodes back.
func (r *rewrite) finish() {
	var keep []*graph.Node
	var put func(n *graph.Node)
	put = func(n *graph.Node) {
		for _, x := range r.place[n] {
			put(x)
		}
		if !r.gone[n] {
			keep = append(keep, n)
		}
	}
	for _, n := range r.g.Nodes {
		put(n)
	}
	r.g.Nodes = keep
}

func (r *rewrite) add(n *graph.Node) {
	n.Uses(func(v *graph.Value) {
		r.uses[v]++
		r.reads[v] = append(r.reads[v], n)
	})
	for _, v := range n.Outputs {
		if v != nil {
			r.maker[v] = n
			v.Producer = n
		}
	}
}

// drop takes n out. What nothing reads any more is forgotten: weights are large.
func (r *rewrite) drop(n *graph.Node) {
	r.gone[n] = true
	n.Uses(func(v *graph.Value) {
		if r.uses[v]--; r.uses[v] <= 0 {
			delete(r.uses, v)
			delete(r.reads, v)
		}
	})
	for _, v := range n.Outputs {
		delete(r.maker, v)
	}
	n.Inputs = nil
}

// swap replaces the nodes old by fresh, which stand where at stood. Fresh
// nodes are resolved; what only old nodes made must have no other reader.
func (r *rewrite) swap(at *graph.Node, fresh []*graph.Node, old ...*graph.Node) {
	for _, n := range fresh {
		if err := r.c.Catalog.ResolveNode(n); err != nil {
			r.err = err
			return
		}
	}
	for _, n := range old {
		if r.gone[n] {
			continue
		}
		r.drop(n)
	}
	for _, n := range fresh {
		r.add(n)
	}
	r.place[at] = append(r.place[at], fresh...)
	for _, n := range old {
		for _, v := range n.Outputs {
			if v != nil && r.maker[v] == nil && r.uses[v] > 0 {
				r.err = fmt.Errorf("internal error: a rewrite removed %q, which is still read", v.Name)
			}
		}
	}
	r.count++
}

// pass makes all readers of n's output read v instead, and removes n. It reports
// false if the output is one of the graph's.
func (r *rewrite) pass(n *graph.Node, v *graph.Value) bool {
	out := n.Outputs[0]
	if r.outs[out] {
		return false
	}
	for _, o := range n.Outputs[1:] {
		if o != nil && r.uses[o] > 0 {
			return false
		}
	}
	reads := r.reads[out]
	r.drop(n)
	m := map[*graph.Value]*graph.Value{out: v}
	for _, x := range reads {
		if !r.gone[x] {
			replaceNode(x, m)
			r.reads[v] = append(r.reads[v], x)
		}
	}
	r.uses[v] += r.uses[out]
	delete(r.uses, out)
	r.count++
	return true
}

// by returns the node of ai.onnx that makes v as its first output, if it is one of ops.
func (r *rewrite) by(v *graph.Value, ops ...string) *graph.Node {
	n := r.maker[v]
	if n == nil || n.Outputs[0] != v || !is(n, ops...) {
		return nil
	}
	return n
}

// only is by for a value that nothing else reads.
func (r *rewrite) only(v *graph.Value, ops ...string) *graph.Node {
	if !r.sole(v) {
		return nil
	}
	return r.by(v, ops...)
}

// next returns the one reader of v if it is one of ops; nil if there are more,
// or v is an output of the graph.
func (r *rewrite) next(v *graph.Value, ops ...string) *graph.Node {
	if !r.sole(v) {
		return nil
	}
	for _, n := range r.reads[v] {
		if r.gone[n] {
			continue
		}
		for _, x := range n.Inputs {
			if x == v && is(n, ops...) {
				return n
			}
		}
	}
	return nil
}

// sole reports whether v has exactly one reader and is no output.
func (r *rewrite) sole(v *graph.Value) bool { return r.uses[v] == 1 && !r.outs[v] }

// isFloat reports whether v is known to be float32.
func (r *rewrite) isFloat(v *graph.Value) bool {
	if t := constant(v); t != nil {
		return t.DType() == tensor.Float32
	}
	t := r.facts[v].Type
	return t.Kind == graph.KindTensor && t.Elem == tensor.Float32
}

// shape returns what is known of v's shape, nil if nothing is.
func (r *rewrite) shape(v *graph.Value) graph.Shape {
	if t := constant(v); t != nil {
		return graph.Dims(t.Shape()...)
	}
	if f := r.facts[v]; f.Type.Kind == graph.KindTensor {
		return f.Type.Shape
	}
	return nil
}

// sameShape reports whether two values are known to have one shape.
func (r *rewrite) sameShape(a, b *graph.Value) bool {
	x, y := r.shape(a), r.shape(b)
	if x == nil || y == nil || len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

// afford reports whether the graph may get a constant of n more floats, and
// counts it: passes may copy its weights a few times, but not multiply them.
func (r *rewrite) afford(n int) bool {
	if r.room < 0 {
		r.room = 1 << 24
		seen := map[*graph.Value]bool{}
		for _, x := range r.g.Nodes {
			x.Uses(func(v *graph.Value) {
				if t := v.Tensor(); t != nil && !seen[v] {
					seen[v] = true
					r.room += 4 * t.Len()
				}
			})
		}
	}
	if n > r.room {
		return false
	}
	r.room -= n
	return true
}

// keep adds a constant to the graph, named after another value.
func (r *rewrite) keep(t *tensor.Tensor, like, suffix string) *graph.Value {
	if r.names == nil {
		r.names = map[string]int{}
		for _, v := range r.g.Inputs {
			r.names[v.Name] = 1
		}
		for _, n := range r.g.Nodes {
			n.Uses(func(v *graph.Value) { r.names[v.Name] = 1 })
			for _, v := range n.Outputs {
				if v != nil {
					r.names[v.Name] = 1
				}
			}
		}
	}
	base := like + "+" + suffix
	if len(base) > maxName {
		base = suffix
	}
	name := base
	for r.names[name] > 0 {
		r.names[base]++
		name = fmt.Sprint(base, r.names[base])
	}
	r.names[name] = 1
	return &graph.Value{Name: name, Const: t, Type: graph.TensorType(t.DType(), graph.Dims(t.Shape()...))}
}

// maxName is how long names and paths grow by joining; the rest is left out.
const maxName = 256
