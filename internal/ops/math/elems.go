package math

import (
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Shape arithmetic: integer operators on short vectors whose elements may be
// symbols (Shape -> Gather -> Mul -> Concat -> Reshape). An expression such as
// "2*batch" names the result, so that equal computations give equal symbols.

// maxExpr bounds the length of an expression; longer ones become fresh symbols.
const maxExpr = 60

// limit bounds the numbers that are computed with: what fits 31 bits can't
// overflow an int64 when multiplied.
const limit = 1<<31 - 1

// inferElems states the elements of output 0 from those of inputs 0 and 1, if
// both are known and the output is int32 or int64.
func inferElems(c *op.Infer, f func(a, b graph.Dim) (graph.Dim, bool)) {
	if dt := c.Type(0); dt != tensor.Int64 && dt != tensor.Int32 {
		return
	}
	zipElems(c, c.Elems(0), c.Elems(1), f)
}

// zipElems is inferElems for given elements and any output type.
func zipElems(c *op.Infer, a, b []graph.Dim, f func(a, b graph.Dim) (graph.Dim, bool)) {
	n := len(a)
	if n == 1 {
		n = len(b)
	}
	if a == nil || b == nil || len(a) != n && len(a) != 1 || len(b) != n && len(b) != 1 {
		return
	}
	e := make([]graph.Dim, n)
	for k := range e {
		d, ok := f(pick(a, k), pick(b, k))
		if !ok {
			return
		}
		e[k] = d
	}
	c.OutElems(0, e)
}

func pick(e []graph.Dim, k int) graph.Dim {
	if len(e) == 1 {
		return e[0]
	}
	return e[k]
}

// symbolic returns the rule for one of "+-*/": numbers are computed, symbols
// become expressions. What does not fit 31 bits is not known.
func symbolic(c *op.Infer, o byte) func(a, b graph.Dim) (graph.Dim, bool) {
	return func(a, b graph.Dim) (graph.Dim, bool) {
		if a.Known() && b.Known() {
			return number(int64(a.N), int64(b.N), o)
		}
		switch {
		case o == '*' && b == graph.D(1), (o == '+' || o == '-') && b == graph.D(0), o == '/' && b == graph.D(1):
			return a, true
		case o == '*' && a == graph.D(1), o == '+' && a == graph.D(0):
			return b, true
		case o == '*' && (a == graph.D(0) || b == graph.D(0)):
			return graph.D(0), true
		case o == '-' && a == b:
			return graph.D(0), true
		}
		if (o == '+' || o == '*') && (b.Known() || !a.Known() && b.Sym < a.Sym) {
			a, b = b, a // numbers first, then symbols in order
		}
		s := operand(a) + string(o) + operand(b)
		if len(s) > maxExpr {
			return c.Fresh(), true
		}
		return graph.Dim{Sym: s}, true
	}
}

func number(a, b int64, o byte) (graph.Dim, bool) {
	if a > limit || a < -limit || b > limit || b < -limit {
		return graph.Dim{}, false
	}
	switch o {
	case '+':
		a += b
	case '-':
		a -= b
	case '*':
		a *= b
	default:
		if b == 0 {
			return graph.Dim{}, false
		}
		a /= b
	}
	return graph.D(int(a)), a <= limit && a >= -limit
}

func operand(d graph.Dim) string {
	s := d.String()
	if strings.ContainsAny(s, "+-*/") {
		return "(" + s + ")"
	}
	return s
}

// notNegative reports whether d can be trusted not to be negative: a number, or
// a symbol that a file gave to a dimension. Fresh symbols ("?1") and
// differences may stand for anything.
func notNegative(d graph.Dim) bool {
	if d.Known() {
		return d.N >= 0
	}
	return !strings.ContainsAny(d.Sym, "?-")
}

// compareElems is the rule of Equal: 1, 0, or not known.
func compareElems(a, b graph.Dim) (graph.Dim, bool) {
	switch {
	case a == b:
		return graph.D(1), true
	case a.Known() && b.Known():
		return graph.D(0), true
	case a.Known() && a.N < 0 && notNegative(b), b.Known() && b.N < 0 && notNegative(a):
		return graph.D(0), true
	}
	return graph.Dim{}, false
}
