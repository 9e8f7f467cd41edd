// Package interp runs a graph node by node with Eval, the plain meaning of
// every operator. It is the oracle that faster runs are compared with, and does
// the arithmetic of constant folding and of binding.
package interp

import (
	"context"
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// NewRuntime returns a runtime with default budgets whose bodies run here.
func NewRuntime(ctx context.Context) *op.Runtime {
	rt := &op.Runtime{Ctx: ctx, Bytes: op.DefaultBytes, Iterations: op.DefaultIterations}
	rt.Body = func(b *graph.Body, in []tensor.Value) ([]tensor.Value, error) { return Run(rt, b.Graph, in) }
	return rt
}

// Run evaluates g, whose nodes have been resolved. in holds a value for every
// graph input, nil for those that take their default.
func Run(rt *op.Runtime, g *graph.Graph, in []tensor.Value) ([]tensor.Value, error) {
	if len(in) != len(g.Inputs) {
		return nil, fmt.Errorf("graph %q takes %d inputs, has %d", g.Name, len(g.Inputs), len(in))
	}
	env := make(map[*graph.Value]tensor.Value, len(g.Nodes)+len(in))
	for i, v := range g.Inputs {
		x := in[i]
		if x == nil {
			x = v.Const
		}
		if x == nil {
			return nil, fmt.Errorf("input %q is missing", v.Name)
		}
		env[v] = x
	}
	for _, n := range g.Nodes {
		if err := rt.Ctx.Err(); err != nil {
			return nil, err
		}
		out, err := evalNode(rt, n, env)
		if err != nil {
			return nil, n.Wrap(err)
		}
		for i, v := range n.Outputs {
			if v != nil {
				env[v] = out[i]
			}
		}
	}
	out := make([]tensor.Value, len(g.Outputs))
	for i, v := range g.Outputs {
		if out[i] = lookup(env, v); out[i] == nil {
			return nil, fmt.Errorf("output %q was not computed", v.Name)
		}
	}
	return out, nil
}

func lookup(env map[*graph.Value]tensor.Value, v *graph.Value) tensor.Value {
	if x, ok := env[v]; ok {
		return x
	}
	return v.Const
}

// evalNode collects n's inputs and captures and evaluates it.
func evalNode(rt *op.Runtime, n *graph.Node, env map[*graph.Value]tensor.Value) ([]tensor.Value, error) {
	in := make([]tensor.Value, 0, len(n.Inputs))
	for _, v := range n.Inputs {
		if v == nil {
			in = append(in, nil)
			continue
		}
		x := lookup(env, v)
		if x == nil {
			return nil, fmt.Errorf("value %q was not computed", v.Name)
		}
		if t, ok := x.(*tensor.Tensor); ok {
			x = t.Aligned()
		}
		in = append(in, x)
	}
	for _, b := range n.Bodies {
		for _, v := range b.Captures {
			in = append(in, lookup(env, v))
		}
	}
	return op.EvalNode(n, rt, nil, in)
}
