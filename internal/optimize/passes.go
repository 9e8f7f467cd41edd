// Package optimize rewrites graphs. The portable passes keep the meaning and
// the operator set of the standard: what comes out can be printed, saved and
// compared. Passes run in the order of the table.
package optimize

import (
	"context"
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

// Pass is one rewrite of a whole model; it reports how many changes it made.
type Pass struct {
	Name string
	Why  string // why it stands where it stands
	Run  func(*Context, *graph.Graph) (int, error)
}

// Context is what passes share.
type Context struct {
	Ctx     context.Context
	Catalog *op.Catalog
	Skip    map[string]bool // passes left out, by name
	// Count receives the number of changes of each pass.
	Count map[string]int
}

// Passes is the table.
var Passes = []Pass{
	{"fold", "first: constants decide which shapes the other passes see", fold},
	{"identity", "after fold, which leaves Identity of constants behind; before cse, so that equal inputs are the same value", identity},
	{"cse", "after identity", cse},
	{"dead", "last: removes what the others cut off", dead},
}

// Run runs the passes on g and, inside out, on the bodies in it, until nothing
// changes or a small number of rounds is reached.
func Run(c *Context, g *graph.Graph) error {
	for _, n := range g.Nodes {
		for _, b := range n.Bodies {
			if err := Run(c, b.Graph); err != nil {
				return err
			}
		}
	}
	for range 3 {
		total := 0
		for _, p := range Passes {
			if c.Skip[p.Name] {
				continue
			}
			if err := c.Ctx.Err(); err != nil {
				return err
			}
			k, err := p.Run(c, g)
			if err != nil {
				return fmt.Errorf("pass %s: %w", p.Name, err)
			}
			if c.Count != nil {
				c.Count[p.Name] += k
			}
			total += k
		}
		if total == 0 {
			break
		}
	}
	return nil
}

// replace makes every reader of a value in g read another one. Outputs of g
// keep their names, so they are handled by the caller.
func replace(g *graph.Graph, m map[*graph.Value]*graph.Value) {
	if len(m) == 0 {
		return
	}
	to := func(v *graph.Value) *graph.Value {
		for i := 0; i <= len(m); i++ {
			w, ok := m[v]
			if !ok {
				return v
			}
			v = w
		}
		return v
	}
	for _, n := range g.Nodes {
		for i, v := range n.Inputs {
			if v != nil {
				n.Inputs[i] = to(v)
			}
		}
		for _, b := range n.Bodies {
			for i, v := range b.Captures {
				b.Captures[i] = to(v)
			}
		}
	}
}

func outputs(g *graph.Graph) map[*graph.Value]bool {
	m := make(map[*graph.Value]bool, len(g.Outputs))
	for _, v := range g.Outputs {
		m[v] = true
	}
	return m
}
