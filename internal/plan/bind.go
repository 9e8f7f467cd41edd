package plan

import (
	"context"
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/tensor"
)

// maxFold bounds the elements of a value that bind computes ahead of the run.
const maxFold = 4096

// binder makes one Bound.
type binder struct {
	p     *Program
	b     *Bound
	scope *op.Scope
	facts []op.Fact // by slot
	live  []bool    // by slot: needed by a step or an output
	nodes []*graph.Node
	at    *graph.Node // being inferred or prepared
	err   error       // first violation of the limit on memory
	// wide names, for slots of 16-bit floats, the slots of the same in float32 (widen.go).
	wide map[op.Slot]op.Slot
}

// bind runs inference with the inputs' shapes, folds what is known, prepares
// the steps and places the slots.
func (p *Program) bind(in []tensor.Value) (_ *Bound, err error) {
	b := &Bound{Program: p, hash: signature(in), Slots: make([]Slot, len(p.names))}
	k := &binder{p: p, b: b, facts: make([]op.Fact, len(p.names)), live: make([]bool, len(p.names))}
	defer func() { // a panic can only be a defect of an operator
		if r := recover(); r != nil {
			if err = fmt.Errorf("internal error: %v", r); k.at != nil {
				err = k.at.Wrap(err)
			}
		}
	}()
	k.scope = &op.Scope{}
	k.scope.Body = func(body *graph.Body, f []op.Fact) ([]op.Fact, error) { return InferGraph(body.Graph, k.scope, f) }
	for _, v := range in {
		b.keys = append(b.keys, keyOf(v))
	}
	k.inputs(in)
	if err := k.infer(); err != nil {
		return nil, err
	}
	k.liveness()
	if err := k.place(); err != nil {
		return nil, err
	}
	p.Shared.Stats.Bound.Add(1)
	return b, nil
}

// inputs places the graph's inputs and all constants.
func (k *binder) inputs(in []tensor.Value) {
	for s, v := range k.p.names {
		k.b.Slots[s].Value = v
		if v.Const != nil && v.Producer == nil && !v.Default {
			k.constant(op.Slot(s), v.Const)
		}
	}
	for i, v := range k.p.Graph.Inputs {
		s := k.p.slots[v]
		k.b.Inputs = append(k.b.Inputs, s)
		if in[i] == nil {
			k.constant(s, v.Const)
			continue
		}
		f := op.Fact{Type: v.Type}
		if t, ok := in[i].(*tensor.Tensor); ok {
			f.Type = graph.TensorType(t.DType(), graph.Dims(t.Shape()...))
			k.set(s, Input, t.DType(), t.Shape())
		}
		k.b.Slots[s].Place = Input
		k.facts[s] = f
	}
}

// constant makes slot s a constant.
func (k *binder) constant(s op.Slot, v tensor.Value) {
	f := op.Fact{Type: k.p.names[s].Type, Const: v}
	x := &k.b.Slots[s]
	x.Place, x.Const = Const, v
	if t, ok := v.(*tensor.Tensor); ok {
		f.Type = graph.TensorType(t.DType(), graph.Dims(t.Shape()...))
		x.DType, x.Dims, x.Bytes = t.DType(), t.Shape(), len(t.Bytes())
	}
	k.facts[s] = f
}

func (k *binder) set(s op.Slot, place Place, dt tensor.DType, dims []int) {
	x := &k.b.Slots[s]
	x.Place, x.DType, x.Dims = place, dt, append([]int{}, dims...)
	n, ok := tensor.NumElements(dims)
	if x.Bytes, ok = bytesOf(dt, n, ok); !ok || place != Input && !k.fits(x.Bytes) {
		k.err = fmt.Errorf("%w: %v%s, at most %d bytes are allowed", op.ErrBudget, dt, tensor.ShapeString(dims), k.limit())
	}
}

func bytesOf(dt tensor.DType, n int, ok bool) (int, bool) {
	if !ok || dt == tensor.String {
		return 0, ok
	}
	return dt.ByteLen(n)
}

// limit returns the bytes that the plan's arena may have.
func (k *binder) limit() int64 {
	limit := int64(op.DefaultBytes)
	if k.p != nil && k.p.Shared.MaxBytes > 0 {
		limit = k.p.Shared.MaxBytes
	}
	return min(limit, int64(^uint(0)>>2)) // sums of two must not overflow
}

// fits reports whether the plan may have that many bytes, and notes an error if not.
func (k *binder) fits(bytes int) bool {
	if bytes >= 0 && int64(bytes) <= k.limit() {
		return true
	}
	if k.err == nil {
		k.err = fmt.Errorf("%w: the plan's memory needs %d bytes, at most %d are allowed", op.ErrBudget, bytes, k.limit())
	}
	return false
}

// infer walks the nodes in order; those whose outputs are all known become constants.
func (k *binder) infer() error {
	for _, n := range k.p.Graph.Nodes {
		k.at = n
		out, err := op.InferNode(n, k.scope, k.nodeFacts(n))
		if err != nil {
			return n.Wrap(err)
		}
		known := true
		for i, v := range n.Outputs {
			if v == nil {
				continue
			}
			s := k.p.slots[v]
			k.facts[s] = out[i]
			if t := elemsTensor(out[i]); t != nil && out[i].Const == nil {
				k.facts[s].Const = t
			}
			known = known && k.facts[s].Const != nil
		}
		if !known {
			known = k.fold(n)
		}
		if !known {
			k.nodes = append(k.nodes, n)
			continue
		}
		for _, v := range n.Outputs {
			if v != nil {
				s := k.p.slots[v]
				k.constant(s, k.facts[s].Const)
			}
		}
	}
	return nil
}

// nodeFacts returns the facts of n's inputs and captures.
func (k *binder) nodeFacts(n *graph.Node) []op.Fact {
	in := make([]op.Fact, 0, len(n.Inputs))
	for _, v := range n.Inputs {
		if v == nil {
			in = append(in, op.Fact{})
		} else {
			in = append(in, k.facts[k.p.slots[v]])
		}
	}
	for _, b := range n.Bodies {
		for _, v := range b.Captures {
			in = append(in, k.facts[k.p.slots[v]])
		}
	}
	return in
}

// elemsTensor returns the value of an integer tensor whose elements and shape are all numbers.
func elemsTensor(f op.Fact) *tensor.Tensor {
	if f.Elems == nil || !f.Type.Shape.Known() || !f.Type.Elem.IsInt() {
		return nil
	}
	t, err := tensor.New(f.Type.Elem, f.Type.Shape.Ints()...)
	if err != nil || t.Len() != len(f.Elems) {
		return nil
	}
	for i, d := range f.Elems {
		if !d.Known() {
			return nil
		}
		t.SetIntAt(i, int64(d.N))
	}
	return t
}

// fold evaluates n if its inputs are known and its outputs small. An error is
// left to the run, which may not reach the node.
func (k *binder) fold(n *graph.Node) bool {
	if op.Of(n).Def.Random || len(n.Bodies) > 0 {
		return false
	}
	in := make([]tensor.Value, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		c := k.facts[k.p.slots[v]].Const
		t, ok := c.(*tensor.Tensor)
		if !ok || t.Len() > maxFold {
			return false
		}
		in[i] = t.Aligned()
	}
	for _, v := range n.Outputs {
		if v == nil {
			continue
		}
		f := k.facts[k.p.slots[v]]
		if f.Type.Kind != graph.KindTensor || !f.Type.Shape.Known() {
			return false
		}
		if c, ok := tensor.NumElements(f.Type.Shape.Ints()); !ok || c > maxFold {
			return false
		}
	}
	rt := interp.NewRuntime(context.Background())
	rt.Bytes, rt.Iterations = 1<<20, 1<<20
	out, err := op.EvalNode(n, rt, nil, in)
	if err != nil {
		return false
	}
	for i, v := range n.Outputs {
		if v != nil {
			t, ok := out[i].(*tensor.Tensor)
			if !ok {
				return false
			}
			k.p.Shared.Stats.FoldBytes.Add(int64(len(t.Bytes())))
			k.facts[k.p.slots[v]].Const = t
		}
	}
	return true
}

// liveness drops the nodes that only fed what has been folded.
func (k *binder) liveness() {
	for _, v := range k.p.Graph.Outputs {
		k.live[k.p.slots[v]] = true
	}
	keep := k.nodes[:0:0]
	for i := len(k.nodes) - 1; i >= 0; i-- {
		n := k.nodes[i]
		used := false
		for _, v := range n.Outputs {
			used = used || v != nil && k.live[k.p.slots[v]]
		}
		if !used {
			continue
		}
		n.Uses(func(v *graph.Value) { k.live[k.p.slots[v]] = true })
		keep = append(keep, n)
	}
	for i, j := 0, len(keep)-1; i < j; i, j = i+1, j-1 {
		keep[i], keep[j] = keep[j], keep[i]
	}
	k.nodes = keep
}

// InferGraph infers a body from facts of its inputs.
func InferGraph(g *graph.Graph, scope *op.Scope, in []op.Fact) ([]op.Fact, error) {
	facts := map[*graph.Value]op.Fact{}
	get := func(v *graph.Value) op.Fact {
		if f, ok := facts[v]; ok {
			return f
		}
		if v.Const != nil {
			f := op.Fact{Type: v.Type, Const: v.Const}
			if t, ok := v.Const.(*tensor.Tensor); ok {
				f.Type = graph.TensorType(t.DType(), graph.Dims(t.Shape()...))
			}
			return f
		}
		return op.Fact{}
	}
	for i, v := range g.Inputs {
		if i < len(in) {
			facts[v] = in[i]
		}
	}
	for _, n := range g.Nodes {
		args := make([]op.Fact, 0, len(n.Inputs))
		for _, v := range n.Inputs {
			if v == nil {
				args = append(args, op.Fact{})
			} else {
				args = append(args, get(v))
			}
		}
		for _, b := range n.Bodies {
			for _, v := range b.Captures {
				args = append(args, get(v))
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
	out := make([]op.Fact, len(g.Outputs))
	for i, v := range g.Outputs {
		out[i] = get(v)
	}
	return out, nil
}
