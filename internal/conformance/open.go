package conformance

import (
	"context"
	"path/filepath"

	"github.com/walnut-ai/walnut/internal/engine"
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/load"
	"github.com/walnut-ai/walnut/tensor"
)

// Engine returns an Opener that runs cases with the engine.
func Engine(o engine.Options) Opener {
	return func(c *Case) (Model, error) {
		g, src, err := open(c)
		if err != nil {
			return nil, err
		}
		x := &model{vals: g.Graph}
		for _, v := range g.Graph.Inputs {
			if !v.Default {
				x.in = append(x.in, v)
			}
		}
		if len(g.Graph.Nodes) > 0 {
			n := g.Graph.Nodes[len(g.Graph.Nodes)-1]
			x.subject = graph.OpName(n.Domain, n.Op)
		}
		x.m, err = engine.New(context.Background(), g, src, o)
		return x, err
	}
}

func open(c *Case) (*graph.Model, interface{ Close() error }, error) {
	if c.Dir != "" {
		return load.File(filepath.Join(c.Dir, "model.onnx"))
	}
	return load.Bytes(c.ID, c.Model)
}

type model struct {
	m       *engine.Model
	vals    *graph.Graph
	in      []*graph.Value
	subject string
}

func (m *model) Inputs() []*graph.Value  { return m.in }
func (m *model) Outputs() []*graph.Value { return m.vals.Outputs }
func (m *model) Subject() string         { return m.subject }
func (m *model) Close() error            { return m.m.Close() }

func (m *model) Run(ctx context.Context, in []tensor.Value) ([]tensor.Value, error) {
	all := make([]tensor.Value, len(m.vals.Inputs))
	k := 0
	for i, v := range m.vals.Inputs {
		if !v.Default {
			all[i] = in[k]
			k++
		}
	}
	out := make([]tensor.Value, len(m.vals.Outputs))
	err := m.m.Run(ctx, all, out, nil)
	return out, err
}
