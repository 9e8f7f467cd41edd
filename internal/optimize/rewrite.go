package optimize

import (
	"fmt"
	"math"
	"strings"

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
	names map[string]bool
	count int
	err   error
}

// rewriteGraph calls try for every node of g, in order, those that try makes
// apart. A graph that contradicts itself is left alone: inference reports it.
func rewriteGraph(c *Context, g *graph.Graph, try func(*rewrite, *graph.Node)) (int, error) {
	facts, err := infer(g, !c.body)
	if err != nil {
		return 0, nil
	}
	r := &rewrite{c: c, g: g, facts: facts, maker: map[*graph.Value]*graph.Node{}, uses: map[*graph.Value]int{},
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
		r.gone[n] = true
		n.Uses(func(v *graph.Value) { r.uses[v]-- })
		for _, v := range n.Outputs {
			delete(r.maker, v)
		}
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
	r.gone[n] = true
	n.Uses(func(v *graph.Value) { r.uses[v]-- })
	delete(r.maker, out)
	m := map[*graph.Value]*graph.Value{out: v}
	for _, x := range r.reads[out] {
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

// is reports whether n is one of these operators of ai.onnx.
func is(n *graph.Node, ops ...string) bool {
	if n.Domain != "" {
		return false
	}
	for _, o := range ops {
		if n.Op == o {
			return true
		}
	}
	return false
}

// input returns input i, nil if it is absent.
func input(n *graph.Node, i int) *graph.Value {
	if i >= len(n.Inputs) {
		return nil
	}
	return n.Inputs[i]
}

// single reports whether n makes its first output alone.
func single(n *graph.Node) bool {
	for _, v := range n.Outputs[1:] {
		if v != nil {
			return false
		}
	}
	return n.Outputs[0] != nil
}

// constant returns the value of a true constant, aligned; nil otherwise.
func constant(v *graph.Value) *tensor.Tensor {
	if v == nil || v.Default {
		return nil
	}
	if t := v.Tensor(); t != nil {
		return t.Aligned()
	}
	return nil
}

// floats returns the elements of a float32 constant.
func floats(v *graph.Value) []float32 {
	t := constant(v)
	if t == nil || t.DType() != tensor.Float32 {
		return nil
	}
	return tensor.Of[float32](t)
}

// number returns the value of a constant of one float or double.
func number(v *graph.Value) (float64, bool) {
	t := constant(v)
	if t == nil || t.Len() != 1 || t.DType() != tensor.Float32 && t.DType() != tensor.Float64 {
		return 0, false
	}
	return t.FloatAt(0), true
}

// integers returns the elements of an integer constant.
func integers(v *graph.Value) []int {
	t := constant(v)
	if t == nil || !t.DType().IsInt() || t.Len() > 64 {
		return nil
	}
	l := make([]int, t.Len())
	for i := range l {
		l[i] = int(max(math.MinInt32, min(math.MaxInt32, t.IntAt(i))))
	}
	return l
}

// near reports whether a is b but for the rounding of a float32 constant.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-4*math.Abs(b) }

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

// keep adds a constant to the graph, named after another value.
func (r *rewrite) keep(t *tensor.Tensor, like, suffix string) *graph.Value {
	if r.names == nil {
		r.names = map[string]bool{}
		for _, v := range r.g.Inputs {
			r.names[v.Name] = true
		}
		for _, n := range r.g.Nodes {
			n.Uses(func(v *graph.Value) { r.names[v.Name] = true })
			for _, v := range n.Outputs {
				if v != nil {
					r.names[v.Name] = true
				}
			}
		}
	}
	name := like + "+" + suffix
	for i := 2; r.names[name]; i++ {
		name = fmt.Sprint(like, "+", suffix, i)
	}
	r.names[name] = true
	return &graph.Value{Name: name, Const: t, Type: graph.TensorType(t.DType(), graph.Dims(t.Shape()...))}
}

// joinPath names what a node became together with those after it: "/conv1+relu1".
func joinPath(n *graph.Node, more ...*graph.Node) string {
	p := n.Path
	for _, x := range more {
		s := x.Path
		if i := strings.LastIndexByte(strings.TrimSuffix(s, "/"), '/'); i >= 0 {
			s = s[i+1:]
		}
		p += "+" + s
	}
	return p
}

// node makes a node that stands for others, of which the last made out.
func node(domain, name string, opset int, path string, in []*graph.Value, out *graph.Value, attrs ...graph.Attr) *graph.Node {
	a, err := graph.NewAttrs(attrs...)
	if err != nil {
		panic(err) // passes write each attribute once
	}
	return &graph.Node{Name: path, Path: path, Domain: domain, Op: name, Opset: opset, Inputs: in, Outputs: []*graph.Value{out}, Attrs: a}
}

const msDomain = "com.microsoft"

// Attributes of new nodes.
func intAttr(name string, v int) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrInt, I: int64(v)}
}
func floatAttr(name string, v float64) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrFloat, F: float32(v)}
}
func stringAttr(name, v string) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrString, S: v}
}
func floatsAttr(name string, v ...float32) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrFloats, Floats: v}
}
func intsAttr(name string, v ...int) graph.Attr {
	l := make([]int64, len(v))
	for i, x := range v {
		l[i] = int64(x)
	}
	return graph.Attr{Name: name, Kind: graph.AttrInts, Ints: l}
}

// with returns n's attributes without those that are given, and with these.
func with(n *graph.Node, without []string, more ...graph.Attr) []graph.Attr {
	l := more
next:
	for _, a := range n.Attrs.List() {
		for _, x := range more {
			if x.Name == a.Name {
				continue next
			}
		}
		for _, x := range without {
			if x == a.Name {
				continue next
			}
		}
		l = append(l, a)
	}
	return l
}

// Attributes of nodes that are there, with a default.
func getInt(n *graph.Node, name string, def int) int {
	if a := n.Attrs.Get(name); a != nil {
		return int(a.I)
	}
	return def
}
func getFloat(n *graph.Node, name string, def float64) float64 {
	if a := n.Attrs.Get(name); a != nil {
		return float64(a.F)
	}
	return def
}
func getString(n *graph.Node, name string) string {
	if a := n.Attrs.Get(name); a != nil {
		return a.S
	}
	return ""
}
func getInts(n *graph.Node, name string) []int {
	a := n.Attrs.Get(name)
	if a == nil {
		return nil
	}
	l := make([]int, len(a.Ints))
	for i, v := range a.Ints {
		l[i] = int(v)
	}
	return l
}

// axesOf returns the axes of a reduction or its kin: an attribute, from some
// version on input i.
func axesOf(n *graph.Node, i int) []int {
	if l := getInts(n, "axes"); l != nil {
		return l
	}
	return integers(input(n, i))
}

// infer returns what is known of the values of g. What inputs are declared as is
// checked before a run at the border of the model only, not of a body.
func infer(g *graph.Graph, border bool) (map[*graph.Value]op.Fact, error) {
	scope := &op.Scope{}
	scope.Body = func(b *graph.Body, in []op.Fact) ([]op.Fact, error) {
		f, err := inferFrom(b.Graph, scope, in)
		if err != nil {
			return nil, err
		}
		out := make([]op.Fact, len(b.Graph.Outputs))
		for i, v := range b.Graph.Outputs {
			out[i] = factOf(f, v)
		}
		return out, nil
	}
	in := make([]op.Fact, len(g.Inputs))
	for i, v := range g.Inputs {
		if border && v.Declared {
			in[i] = op.Fact{Type: v.Type}
		}
	}
	return inferFrom(g, scope, in)
}

func factOf(facts map[*graph.Value]op.Fact, v *graph.Value) op.Fact {
	if f, ok := facts[v]; ok {
		return f
	}
	if v == nil || v.Const == nil {
		return op.Fact{}
	}
	f := op.Fact{Type: v.Type, Const: v.Const}
	if t, ok := v.Const.(*tensor.Tensor); ok {
		f.Type = graph.TensorType(t.DType(), graph.Dims(t.Shape()...))
	}
	return f
}

func inferFrom(g *graph.Graph, scope *op.Scope, in []op.Fact) (map[*graph.Value]op.Fact, error) {
	facts := map[*graph.Value]op.Fact{}
	for i, v := range g.Inputs {
		if i < len(in) {
			facts[v] = in[i]
		}
	}
	for _, n := range g.Nodes {
		args := make([]op.Fact, 0, len(n.Inputs))
		for _, v := range n.Inputs {
			args = append(args, factOf(facts, v))
		}
		for _, b := range n.Bodies {
			for _, v := range b.Captures {
				args = append(args, factOf(facts, v))
			}
		}
		out, err := op.InferNode(n, scope, args)
		if err != nil {
			return nil, n.Wrap(err)
		}
		for i, v := range n.Outputs {
			if v != nil {
				facts[v] = out[i]
			}
		}
	}
	return facts, nil
}
