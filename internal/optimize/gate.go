package optimize

import (
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
)

// gate recognises products of x with a function of x: Gelu by the error function
// or by tanh, HardSwish and Swish, in any order of their factors.
func gate(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, (*rewrite).gate)
}

// product is a tree of Mul and Div taken apart.
type product struct {
	factor  float64        // of the constants
	values  []*graph.Value // the others
	nodes   []*graph.Node  // that make the parts and have no other reader
	invalid bool
}

// factors takes n apart, two levels deep.
func (r *rewrite) factors(n *graph.Node, p *product, depth int) {
	p.nodes = append(p.nodes, n)
	for i, v := range n.Inputs {
		if c, ok := number(v); ok {
			if n.Op == "Div" {
				if i == 0 {
					p.invalid = true
				}
				c = 1 / c
			}
			p.factor *= c
			continue
		}
		if n.Op == "Div" && i == 1 {
			p.invalid = true
		}
		if x := r.only(v, "Mul", "Div"); x != nil && depth > 0 {
			r.factors(x, p, depth-1)
			continue
		}
		p.values = append(p.values, v)
	}
}

func (r *rewrite) gate(n *graph.Node) {
	if !is(n, "Mul", "Div") || len(n.Inputs) != 2 || !r.isFloat(n.Outputs[0]) {
		return
	}
	for depth := range 3 { // x may be a product itself: take apart as little as possible
		p := &product{factor: 1}
		r.factors(n, p, depth)
		if p.invalid || len(p.values) != 2 {
			continue
		}
		for i := range 2 {
			if r.gated(n, p, p.values[i], p.values[1-i]) {
				return
			}
		}
	}
}

// gated replaces n, which is p.factor*x*f, if f is a known function of x.
func (r *rewrite) gated(n *graph.Node, p *product, x, f *graph.Value) bool {
	if x == f || !r.sameShape(x, n.Outputs[0]) || !r.sole(f) {
		return false
	}
	fn := r.maker[f]
	if fn == nil {
		return false
	}
	var old []*graph.Node
	domain, name, version := "", "", 0
	var attrs []graph.Attr
	switch {
	case is(fn, "Add") && near(p.factor, 0.5):
		inner := r.plus(fn, 1)
		if inner == nil {
			return false
		}
		if e := r.only(inner, "Erf"); e != nil {
			if old = r.scaledBy(e.Inputs[0], x, math.Sqrt2/2); old == nil {
				return false
			}
			old = append(old, e)
			domain, name, version = msDomain, "Gelu", 1
		} else if e := r.only(inner, "Tanh"); e != nil {
			if old = r.tanhOf(e.Inputs[0], x); old == nil {
				return false
			}
			old = append(old, e)
			name, version, attrs = "Gelu", 20, []graph.Attr{stringAttr("approximate", "tanh")}
		} else {
			return false
		}
	case is(fn, "Clip") && near(p.factor, 1./6):
		if lo, hi, ok := clipOf(fn); !ok || lo != 0 || hi != 6 {
			return false
		}
		a := r.only(fn.Inputs[0], "Add")
		if a == nil || r.plus(a, 3) != x {
			return false
		}
		old = []*graph.Node{a}
		name, version = "HardSwish", 14
	case is(fn, "HardSigmoid") && p.factor == 1:
		if fn.Inputs[0] != x || !near(getFloat(fn, "alpha", 0.2), 1./6) || !near(getFloat(fn, "beta", 0.5), 0.5) {
			return false
		}
		name, version = "HardSwish", 14
	case is(fn, "Sigmoid") && p.factor == 1:
		if fn.Inputs[0] != x {
			return false
		}
		name, version = "Swish", 24
	default:
		return false
	}
	old = append(append(old, fn), p.nodes...)
	gone := map[*graph.Node]bool{}
	for _, m := range old {
		gone[m] = true
	}
	if gone[r.maker[x]] {
		return false
	}
	node := node(domain, name, version, n.Path+"+"+name, []*graph.Value{x}, n.Outputs[0], attrs...)
	r.swap(n, []*graph.Node{node}, old...)
	return true
}

// plus returns the operand of Add n beside the constant c, nil if there is none.
func (r *rewrite) plus(n *graph.Node, c float64) *graph.Value {
	for i := range 2 {
		if v, ok := number(n.Inputs[i]); ok && near(v, c) {
			return n.Inputs[1-i]
		}
	}
	return nil
}

// scaledBy matches v as x times a constant, and returns the nodes of that.
func (r *rewrite) scaledBy(v, x *graph.Value, c float64) []*graph.Node {
	n := r.only(v, "Mul", "Div")
	if n == nil {
		return nil
	}
	p := &product{factor: 1}
	r.factors(n, p, 0)
	if p.invalid || len(p.values) != 1 || p.values[0] != x || !near(p.factor, c) {
		return nil
	}
	return p.nodes
}

// tanhOf matches v as sqrt(2/pi) * (x + 0.044715*x^3), and returns the nodes of that.
func (r *rewrite) tanhOf(v, x *graph.Value) []*graph.Node {
	n := r.only(v, "Mul")
	if n == nil {
		return nil
	}
	for i := range 2 {
		c, ok := number(n.Inputs[i])
		if !ok || !near(c, math.Sqrt(2/math.Pi)) {
			continue
		}
		a := r.only(n.Inputs[1-i], "Add")
		if a == nil {
			return nil
		}
		for k := range 2 {
			if a.Inputs[k] != x {
				continue
			}
			if l := r.cube(a.Inputs[1-k], x); l != nil {
				return append(l, a, n)
			}
		}
	}
	return nil
}

// cube matches v as 0.044715*x^3, and returns the nodes of that.
func (r *rewrite) cube(v, x *graph.Value) []*graph.Node {
	n := r.only(v, "Mul")
	if n == nil {
		return nil
	}
	p := &product{factor: 1}
	r.factors(n, p, 2)
	if p.invalid || !near(p.factor, 0.044715) {
		return nil
	}
	if len(p.values) == 1 {
		pow := r.only(p.values[0], "Pow")
		if pow == nil || pow.Inputs[0] != x {
			return nil
		}
		if e, ok := anyNumber(pow.Inputs[1]); !ok || e != 3 {
			return nil
		}
		return append(p.nodes, pow)
	}
	if len(p.values) != 3 {
		return nil
	}
	for _, y := range p.values {
		if y != x {
			return nil
		}
	}
	return p.nodes
}
