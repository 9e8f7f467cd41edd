// Package optimize rewrites graphs. The portable passes keep the meaning and
// the operator set of the standard: what comes out can be printed, saved and
// compared. The lowering passes that follow may also write fused operators, and
// may round differently. Passes run in the order of the table.
package optimize

import (
	"context"
	"fmt"
	"time"

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

	until time.Time                // when fold ends; zero until it begins
	body  bool                     // the graph at hand is a body
	facts map[*graph.Value]op.Fact // of the graph at hand, for lowering passes; nil if it contradicts itself
}

// Passes is the table of portable passes.
var Passes = []Pass{
	{"fold", "first: constants decide which shapes the other passes see", fold},
	{"identity", "after fold, which leaves Identity of constants behind; before cse, so that equal inputs are the same value", identity},
	{"cse", "after identity", cse},
	{"dead", "last: removes what the others cut off", dead},
}

// Lowering is the table of lowering passes; the portable ones follow once more.
var Lowering = []Pass{
	{"movement", "first: what moves nothing hides the neighbours that patterns look for", movement},
	{"norm", "before scale, which would take a part of the pattern into a product before it", norm},
	{"gate", "as norm: Gelu, Swish and HardSwish from their formulas", gate},
	{"pad", "before convolutions become fused ones", pad},
	{"scale", "weights take up constant scales and shifts, batch normalisation among them", scale},
	{"bias", "after scale, which takes up shifts where there is a bias already", bias},
	{"transpose", "after bias: products read a transposed operand in place, and take up a factor", transpose},
	{"residual", "after scale: what is added to a convolution is no constant then", residual},
	{"activation", "after residual: the function comes after the sum", activation},
	{"skipnorm", "after bias and residual: sums that are left go into the normalisation behind them", skipNorm},
}

// Run runs the passes on g until nothing changes or a small number of rounds is
// reached, then on the bodies in it, which by then know the constants they
// capture, and once more on g if bodies have let go of captures; then the
// lowering passes, each once.
func Run(c *Context, g *graph.Graph) error {
	if err := rounds(c, g); err != nil {
		return err
	}
	dropped := 0
	inner := *c
	inner.body = true
	for _, n := range g.Nodes {
		for _, b := range n.Bodies {
			captureConstants(b)
			if err := Run(&inner, b.Graph); err != nil {
				return err
			}
			dropped += dropCaptures(b)
		}
	}
	if dropped > 0 {
		if err := rounds(c, g); err != nil {
			return err
		}
	}
	changed, err := lower(c, g)
	if err != nil || changed == 0 {
		return err
	}
	return rounds(c, g)
}

// lower runs the lowering passes. They keep the values that they have facts of,
// so that inferring once is enough.
func lower(c *Context, g *graph.Graph) (int, error) {
	in := *c
	in.facts, _ = infer(g, !c.body) // whoever runs the graph reports the error
	changed := 0
	for _, p := range Lowering {
		k, err := runPass(&in, g, p)
		if err != nil {
			return 0, err
		}
		changed += k
	}
	return changed, nil
}

func rounds(c *Context, g *graph.Graph) error {
	for range 3 {
		total := 0
		for _, p := range Passes {
			k, err := runPass(c, g, p)
			if err != nil {
				return err
			}
			total += k
		}
		if total == 0 {
			break
		}
	}
	return nil
}

func runPass(c *Context, g *graph.Graph, p Pass) (int, error) {
	if c.Skip[p.Name] {
		return 0, nil
	}
	if err := c.Ctx.Err(); err != nil {
		return 0, err
	}
	k, err := p.Run(c, g)
	if err != nil {
		return 0, fmt.Errorf("pass %s: %w", p.Name, err)
	}
	if c.Count != nil {
		c.Count[p.Name] += k
	}
	return k, nil
}

// captureConstants turns captures of constants into constants of the body.
func captureConstants(b *graph.Body) {
	keepCaptures(b, func(outer, inner *graph.Value) bool {
		if outer.Const == nil || outer.Default || outer.Producer != nil {
			return true
		}
		inner.Const, inner.Type = outer.Const, outer.Type
		return false
	})
}

// dropCaptures removes captures that the body does not use.
func dropCaptures(b *graph.Body) int {
	used := outputs(b.Graph)
	for _, n := range b.Graph.Nodes {
		n.Uses(func(v *graph.Value) { used[v] = true })
	}
	before := len(b.Captures)
	keepCaptures(b, func(_, inner *graph.Value) bool { return used[inner] })
	return before - len(b.Captures)
}

// keepCaptures keeps the captures for which keep holds.
func keepCaptures(b *graph.Body, keep func(outer, inner *graph.Value) bool) {
	g := b.Graph
	ins, caps := g.Inputs[:g.Formal:g.Formal], []*graph.Value(nil)
	for i, outer := range b.Captures {
		if inner := g.Inputs[g.Formal+i]; keep(outer, inner) {
			ins, caps = append(ins, inner), append(caps, outer)
		}
	}
	g.Inputs, b.Captures = ins, caps
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
