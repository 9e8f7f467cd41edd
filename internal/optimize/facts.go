package optimize

import (
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

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
