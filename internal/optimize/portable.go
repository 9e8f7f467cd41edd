package optimize

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/tensor"
)

// maxFoldBytes bounds what one folded node may add beyond the size of its
// inputs: a large ConstantOfShape or Expand is cheaper to compute than to keep.
const maxFoldBytes = 64 << 10

// foldTime and foldPace bound the time of all folding of a model: products and
// convolutions of large constants are left to the run, which has a deadline.
const (
	foldTime = time.Second
	foldPace = 100 * time.Nanosecond // for each byte of a constant
)

// fold evaluates nodes whose inputs are all constants.
func fold(c *Context, g *graph.Graph) (int, error) {
	if c.until.IsZero() {
		c.until = time.Now().Add(foldTime + foldPace*time.Duration(constantBytes(g)))
	}
	ctx, cancel := context.WithDeadline(c.Ctx, c.until)
	defer cancel()
	count := 0
	keep := g.Nodes[:0:0]
	for _, n := range g.Nodes {
		out := foldNode(ctx, n)
		if out == nil {
			keep = append(keep, n)
			continue
		}
		count++
		for i, v := range n.Outputs {
			if v == nil {
				continue
			}
			v.Const, v.Producer = out[i], nil
			if t, ok := out[i].(*tensor.Tensor); ok {
				v.Type = graph.TensorType(t.DType(), graph.Dims(t.Shape()...))
			}
		}
	}
	g.Nodes = keep
	return count, nil
}

// constantBytes returns the size of the constants that nodes of g and of its bodies read.
func constantBytes(g *graph.Graph) int {
	seen := map[*tensor.Tensor]bool{}
	n := 0
	graph.Walk(g, func(x *graph.Node) {
		x.Uses(func(v *graph.Value) {
			if t := v.Tensor(); t != nil && !seen[t] {
				seen[t] = true
				n += len(t.Bytes())
			}
		})
	})
	return n
}

// foldNode returns the outputs of a node of constants; nil if it can't be
// folded. An error is left to the run: the node may never be reached.
func foldNode(ctx context.Context, n *graph.Node) []tensor.Value {
	if ctx.Err() != nil || op.Of(n).Def.Random || len(n.Bodies) > 0 {
		return nil
	}
	in := make([]tensor.Value, len(n.Inputs))
	size, seen := 0, map[*tensor.Tensor]bool{}
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		t := v.Tensor()
		if t == nil || v.Default {
			return nil
		}
		if !seen[t] {
			seen[t] = true
			size += len(t.Bytes())
		}
		in[i] = t.Aligned()
	}
	rt := interp.NewRuntime(ctx)
	rt.Bytes = int64(size) + maxFoldBytes
	rt.Iterations = 1 << 20
	out, err := op.EvalNode(n, rt, nil, in)
	if err != nil {
		return nil
	}
	return out
}

// Passer is an Op that may hand one of its inputs through unchanged: Identity,
// Dropout at inference. Passes returns the input, -1 if it does something.
type Passer interface{ Passes(n *graph.Node) int }

// identity removes nodes that hand an input through. A node that makes a graph
// output stays: the output needs a value of its own.
func identity(_ *Context, g *graph.Graph) (int, error) {
	outs := outputs(g)
	m := map[*graph.Value]*graph.Value{}
	keep := g.Nodes[:0:0]
	for _, n := range g.Nodes {
		src := -1
		if p, ok := op.Of(n).Op.(Passer); ok {
			src = p.Passes(n)
		} else if n.Domain == "" && n.Op == "Identity" {
			src = 0
		}
		if src < 0 || outs[n.Outputs[0]] || n.Inputs[src] == nil || unusedOthers(g, n) {
			keep = append(keep, n)
			continue
		}
		m[n.Outputs[0]] = n.Inputs[src]
	}
	g.Nodes = keep
	replace(g, m)
	return len(m), nil
}

// unusedOthers reports whether an output other than the first is read.
func unusedOthers(g *graph.Graph, n *graph.Node) bool {
	for _, v := range n.Outputs[1:] {
		if v == nil {
			continue
		}
		if slices.Contains(g.Outputs, v) {
			return true
		}
		for _, x := range g.Nodes {
			used := false
			x.Uses(func(u *graph.Value) { used = used || u == v })
			if used {
				return true
			}
		}
	}
	return false
}

// cse merges nodes that compute the same thing from the same values.
func cse(_ *Context, g *graph.Graph) (int, error) {
	outs := outputs(g)
	seen := map[uint64][]*graph.Node{}
	m := map[*graph.Value]*graph.Value{}
	keep := g.Nodes[:0:0]
	for _, n := range g.Nodes {
		replaceNode(n, m)
		if op.Of(n).Def.Random || len(n.Bodies) > 0 {
			keep = append(keep, n)
			continue
		}
		h := hashNode(n)
		same := findSame(seen[h], n, outs)
		if same == nil {
			seen[h] = append(seen[h], n)
			keep = append(keep, n)
			continue
		}
		for i, v := range n.Outputs {
			if v != nil {
				m[v] = same.Outputs[i]
			}
		}
	}
	g.Nodes = keep
	replace(g, m)
	return len(m), nil
}

func replaceNode(n *graph.Node, m map[*graph.Value]*graph.Value) {
	for i, v := range n.Inputs {
		if w, ok := m[v]; ok {
			n.Inputs[i] = w
		}
	}
	for _, b := range n.Bodies {
		for i, v := range b.Captures {
			if w, ok := m[v]; ok {
				b.Captures[i] = w
			}
		}
	}
}

func findSame(l []*graph.Node, n *graph.Node, outs map[*graph.Value]bool) *graph.Node {
	for _, v := range n.Outputs {
		if outs[v] {
			return nil
		}
	}
next:
	for _, x := range l {
		if x.Op != n.Op || x.Domain != n.Domain || x.Opset != n.Opset || len(x.Outputs) != len(n.Outputs) || !slices.Equal(x.Inputs, n.Inputs) {
			continue
		}
		for i := range x.Outputs {
			if (x.Outputs[i] == nil) != (n.Outputs[i] == nil) {
				continue next
			}
		}
		if sameAttrs(x.Attrs, n.Attrs) {
			return x
		}
	}
	return nil
}

func hashNode(n *graph.Node) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, n.Domain, "\x00", n.Op, len(n.Outputs))
	var b [8]byte
	for _, v := range n.Inputs {
		name := uint64(0)
		if v != nil {
			for _, c := range []byte(v.Name) {
				name = name*131 + uint64(c)
			}
		}
		binary.LittleEndian.PutUint64(b[:], name)
		h.Write(b[:])
	}
	return h.Sum64()
}

func sameAttrs(a, b *graph.Attrs) bool {
	x, y := a.List(), b.List()
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !sameAttr(&x[i], &y[i]) {
			return false
		}
	}
	return true
}

func sameAttr(a, b *graph.Attr) bool {
	switch {
	case a.Name != b.Name || a.Kind != b.Kind:
		return false
	case a.Kind == graph.AttrTensor:
		return sameTensor(a.T, b.T)
	case a.Kind == graph.AttrTensors || a.Kind == graph.AttrType:
		return false
	}
	return a.F == b.F && a.I == b.I && a.S == b.S && slices.Equal(a.Floats, b.Floats) &&
		slices.Equal(a.Ints, b.Ints) && slices.Equal(a.Strings, b.Strings)
}

func sameTensor(a, b *tensor.Tensor) bool {
	return a != nil && b != nil && a.DType() == b.DType() && a.DType() != tensor.String &&
		tensor.SameShape(a.Shape(), b.Shape()) && slices.Equal(a.Bytes(), b.Bytes())
}

// dead removes nodes whose outputs nobody reads.
func dead(_ *Context, g *graph.Graph) (int, error) {
	live := outputs(g)
	var keep []*graph.Node
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		n := g.Nodes[i]
		used := false
		for _, v := range n.Outputs {
			used = used || v != nil && live[v]
		}
		if !used {
			continue
		}
		n.Uses(func(v *graph.Value) { live[v] = true })
		keep = append(keep, n)
	}
	slices.Reverse(keep)
	count := len(g.Nodes) - len(keep)
	g.Nodes = keep
	return count, nil
}
