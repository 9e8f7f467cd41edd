package train

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// array is a dense float64 tensor.
type array struct {
	dims []int
	v    []float64
}

// newArray returns zeros within the run's memory budget.
func newArray(e *op.Eval, dims []int) (*array, error) {
	t, err := e.Temp(tensor.Float64, dims...)
	if err != nil {
		return nil, err
	}
	return &array{append([]int{}, dims...), tensor.Of[float64](t)}, nil
}

// rule is how an operator is computed and differentiated.
type rule struct {
	min, max int // inputs
	run      func(e *op.Eval, in []*array) (*array, error)
	// back adds to din what the gradient g of the output y gives the inputs.
	back func(e *op.Eval, in []*array, y, g *array, din []*array) error
}

// rules holds the operators that can be differentiated.
var rules = map[string]*rule{
	"Add": binary(func(a, b float64) float64 { return a + b }, func(_, _ float64) (float64, float64) { return 1, 1 }),
	"Sub": binary(func(a, b float64) float64 { return a - b }, func(_, _ float64) (float64, float64) { return 1, -1 }),
	"Mul": binary(func(a, b float64) float64 { return a * b }, func(a, b float64) (float64, float64) { return b, a }),
	"Div": binary(func(a, b float64) float64 { return a / b }, func(a, b float64) (float64, float64) { return 1 / b, -a / (b * b) }),
	"Sum": {1, math.MaxInt, runSum, backSum},

	"Identity": unary(func(x float64) float64 { return x }, func(_, _ float64) float64 { return 1 }),
	"Neg":      unary(func(x float64) float64 { return -x }, func(_, _ float64) float64 { return -1 }),
	"Exp":      unary(math.Exp, func(_, y float64) float64 { return y }),
	"Log":      unary(math.Log, func(x, _ float64) float64 { return 1 / x }),
	"Sqrt":     unary(math.Sqrt, func(_, y float64) float64 { return 0.5 / y }),
	"Tanh":     unary(math.Tanh, func(_, y float64) float64 { return 1 - y*y }),
	"Sigmoid":  unary(func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, func(_, y float64) float64 { return y * (1 - y) }),
	"Relu": unary(func(x float64) float64 { return max(x, 0) }, func(x, _ float64) float64 {
		if x > 0 {
			return 1
		}
		return 0
	}),
	"MatMul": {2, 2, runMatMul, backMatMul},
}

func ruleNames() string {
	var l []string
	for n := range rules {
		l = append(l, n)
	}
	sort.Strings(l)
	return strings.Join(l, ", ")
}

// unary is y = f(x) with dy/dx = d(x, y).
func unary(f func(float64) float64, d func(x, y float64) float64) *rule {
	return &rule{1, 1, func(e *op.Eval, in []*array) (*array, error) {
		y, err := newArray(e, in[0].dims)
		if err != nil {
			return nil, err
		}
		for i, x := range in[0].v {
			y.v[i] = f(x)
		}
		return y, nil
	}, func(_ *op.Eval, in []*array, y, g *array, din []*array) error {
		for i, x := range in[0].v {
			din[0].v[i] += g.v[i] * d(x, y.v[i])
		}
		return nil
	}}
}

// binary is y = f(a, b) with broadcasting; d returns dy/da and dy/db.
func binary(f func(a, b float64) float64, d func(a, b float64) (float64, float64)) *rule {
	return &rule{2, 2, func(e *op.Eval, in []*array) (*array, error) {
		dims, err := op.BroadcastDims(in[0].dims, in[1].dims)
		if err != nil {
			return nil, err
		}
		y, err := newArray(e, dims)
		if err != nil {
			return nil, err
		}
		return y, op.Each2(dims, in[0].dims, in[1].dims, func(k, i, j int) error {
			y.v[k] = f(in[0].v[i], in[1].v[j])
			return nil
		})
	}, func(_ *op.Eval, in []*array, y, g *array, din []*array) error {
		return op.Each2(y.dims, in[0].dims, in[1].dims, func(k, i, j int) error {
			da, db := d(in[0].v[i], in[1].v[j])
			din[0].v[i] += g.v[k] * da
			din[1].v[j] += g.v[k] * db
			return nil
		})
	}}
}

func runSum(e *op.Eval, in []*array) (*array, error) {
	var shapes [][]int
	for _, a := range in {
		shapes = append(shapes, a.dims)
	}
	dims, err := op.BroadcastDims(shapes...)
	if err != nil {
		return nil, err
	}
	y, err := newArray(e, dims)
	if err != nil {
		return nil, err
	}
	for _, a := range in {
		err := op.Each2(dims, a.dims, nil, func(k, i, _ int) error {
			y.v[k] += a.v[i]
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return y, nil
}

func backSum(_ *op.Eval, in []*array, y, g *array, din []*array) error {
	for n, a := range in {
		err := op.Each2(y.dims, a.dims, nil, func(k, i, _ int) error {
			din[n].v[i] += g.v[k]
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// product describes a MatMul: [m, k] x [k, n] for each index of a batch that
// broadcasts; vectors count as a row or a column.
type product struct {
	m, k, n       int
	batch, ab, bb []int // batch dimensions of the result, of a, of b
	out           []int // shape of the result
}

func newProduct(a, b []int) (p product, err error) {
	if len(a) == 0 || len(b) == 0 {
		return p, fmt.Errorf("MatMul of %v and %v: scalars", a, b)
	}
	p.m, p.n = 1, 1
	if len(a) > 1 {
		p.m, p.ab = a[len(a)-2], a[:len(a)-2]
	}
	p.k = a[len(a)-1]
	k := b[0]
	if len(b) > 1 {
		k, p.n, p.bb = b[len(b)-2], b[len(b)-1], b[:len(b)-2]
	}
	if k != p.k {
		return p, fmt.Errorf("MatMul of %v and %v: %d and %d don't agree", a, b, p.k, k)
	}
	if p.batch, err = op.BroadcastDims(p.ab, p.bb); err != nil {
		return p, err
	}
	p.out = append([]int{}, p.batch...)
	if len(a) > 1 {
		p.out = append(p.out, p.m)
	}
	if len(b) > 1 {
		p.out = append(p.out, p.n)
	}
	return p, nil
}

// each calls f for all triples of offsets (y, a, b) with y += a*b.
func (p *product) each(e *op.Eval, f func(y, a, b int)) error {
	return op.Each2(p.batch, p.ab, p.bb, func(t, i, j int) error {
		y0, a0, b0 := t*p.m*p.n, i*p.m*p.k, j*p.k*p.n
		for r := range p.m {
			if err := e.Tick(1 + p.n); err != nil {
				return err
			}
			for c := range p.n {
				for q := range p.k {
					f(y0+r*p.n+c, a0+r*p.k+q, b0+q*p.n+c)
				}
			}
		}
		return nil
	})
}

func runMatMul(e *op.Eval, in []*array) (*array, error) {
	a, b := in[0], in[1]
	p, err := newProduct(a.dims, b.dims)
	if err != nil {
		return nil, err
	}
	y, err := newArray(e, p.out)
	if err != nil {
		return nil, err
	}
	return y, p.each(e, func(o, i, j int) { y.v[o] += a.v[i] * b.v[j] })
}

func backMatMul(e *op.Eval, in []*array, _, g *array, din []*array) error {
	a, b := in[0], in[1]
	p, err := newProduct(a.dims, b.dims)
	if err != nil {
		return err
	}
	return p.each(e, func(o, i, j int) {
		din[0].v[i] += g.v[o] * b.v[j]
		din[1].v[j] += g.v[o] * a.v[i]
	})
}
