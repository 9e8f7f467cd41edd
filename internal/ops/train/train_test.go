package train

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type vals = []tensor.Value
type attrs = []graph.Attr

func TestOptimizers(t *testing.T) {
	r, n := tensor.Scalar[float32](0.1), tensor.Scalar[int64](2)
	x, g := optest.T([]float32{1, -2}, 2), optest.T([]float32{0.5, 1}, 2)
	v, h := optest.T([]float32{0.25, 0}, 2), optest.T([]float32{4, 1}, 2)
	// By the formulas of the standard, in float64.
	adagrad := func(x, g, h float64) (float32, float32) {
		g += 0.01 * x
		h += g * g
		return float32(x - 0.1/(1+2*0.5)*g/(math.Sqrt(h)+1e-3)), float32(h)
	}
	ax0, ah0 := adagrad(1, 0.5, 4)
	ax1, ah1 := adagrad(-2, 1, 1)
	adam := func(x, g, v, h float64) (float32, float32, float32) {
		v, h = 0.9*v+0.1*g, 0.999*h+0.001*g*g
		return float32(x - 0.1*math.Sqrt(1-0.999*0.999)/(1-0.81)*v/(math.Sqrt(h)+1e-6)), float32(v), float32(h)
	}
	dx0, dv0, dh0 := adam(1, 0.5, 0.25, 4)
	dx1, dv1, dh1 := adam(-2, 1, 0, 1)
	pair := func(a, b float32) *tensor.Tensor { return optest.T([]float32{a, b}, 2) }
	mom := func(mode string) attrs {
		return attrs{optest.Str("mode", mode), optest.Float("alpha", 0.5), optest.Float("beta", 2), optest.Float("norm_coefficient", 0)}
	}
	optest.Run(t, Table, []optest.Case{
		{Name: "Adagrad", Domain: domain, Op: "Adagrad", Attrs: attrs{optest.Float("norm_coefficient", 0.01), optest.Float("decay_factor", 0.5), optest.Float("epsilon", 1e-3)},
			Inputs: vals{r, n, x, g, h}, Want: vals{pair(ax0, ax1), pair(ah0, ah1)}, Tol: 1e-6},
		{Name: "Adam", Domain: domain, Op: "Adam", Inputs: vals{r, n, x, g, v, h}, Want: vals{pair(dx0, dx1), pair(dv0, dv1), pair(dh0, dh1)}, Tol: 1e-5},
		{Name: "Momentum", Domain: domain, Op: "Momentum", Attrs: mom("standard"), Inputs: vals{r, n, x, g, v},
			Want: vals{pair(1-0.1125, -2.2), pair(1.125, 2)}, Tol: 1e-6},
		{Name: "Momentum first", Domain: domain, Op: "Momentum", Attrs: mom("standard"), Inputs: vals{r, tensor.Scalar[int64](0), x, g, v},
			Want: vals{pair(1-0.0625, -2.1), pair(0.625, 1)}, Tol: 1e-6},
		{Name: "Nesterov", Domain: domain, Op: "Momentum", Attrs: mom("nesterov"), Inputs: vals{r, n, x, g, v},
			Want: vals{pair(1-0.10625, -2.2), pair(1.125, 2)}, Tol: 1e-6},
		{Name: "two tensors, double", Domain: domain, Op: "Momentum", Attrs: mom("standard"),
			Inputs: vals{tensor.Scalar(0.1), n, tensor.Scalar(1.0), optest.T([]float64{}, 0), tensor.Scalar(0.5), optest.T([]float64{}, 0), tensor.Scalar(0.25), optest.T([]float64{}, 0)},
			Want:   vals{tensor.Scalar(1 - 0.1125), optest.T([]float64{}, 0), tensor.Scalar(1.125), optest.T([]float64{}, 0)}, Tol: 1e-7},
		{Name: "inputs", Domain: domain, Op: "Adam", Inputs: vals{r, n, x, g, v}, Err: "5 inputs"},
		{Name: "outputs", Domain: domain, Op: "Adagrad", Inputs: vals{r, n, x, g, h}, Outputs: 1, Err: "1 outputs"},
		{Name: "shapes", Domain: domain, Op: "Adagrad", Inputs: vals{r, n, x, r, h}, Outputs: 2, Err: "its gradient"},
	})
}

// others defines operators that Gradient only looks at.
func others() (l []*op.Def) {
	for _, n := range append(strings.Split(ruleNames(), ", "), "Conv") {
		l = append(l, &op.Def{Name: n, New: func(*op.Args) (op.Op, error) { return nil, nil }})
	}
	return l
}

// build makes a graph of lines such as "y = Add a b" and a Gradient at its end.
func build(t *testing.T, in map[string]*tensor.Tensor, consts map[string]*tensor.Tensor, lines []string, y string, xs, zs []string) (*graph.Model, vals, error) {
	t.Helper()
	g := &graph.Graph{}
	val := map[string]*graph.Value{}
	var fed vals
	for _, n := range append(append([]string{}, xs...), zs...) {
		v := &graph.Value{Name: n, Type: optest.TypeOf(in[n])}
		val[n] = v
		g.Inputs = append(g.Inputs, v)
		fed = append(fed, in[n])
	}
	for n, c := range consts {
		val[n] = &graph.Value{Name: n, Type: optest.TypeOf(c), Const: c}
	}
	g.Formal = len(g.Inputs)
	add := func(n *graph.Node, out []string, in []string) {
		n.Path = n.Op
		for _, s := range in {
			if val[s] == nil {
				t.Fatalf("no value %q", s)
			}
			n.Inputs = append(n.Inputs, val[s])
		}
		for _, s := range out {
			val[s] = &graph.Value{Name: s, Producer: n}
			n.Outputs = append(n.Outputs, val[s])
		}
		g.Nodes = append(g.Nodes, n)
	}
	for _, l := range lines {
		f := strings.Fields(l)
		add(&graph.Node{Op: f[2], Opset: 20}, f[:1], f[3:])
	}
	n := &graph.Node{Domain: domain, Op: "Gradient", Opset: 1}
	a := attrs{optest.Strs("xs", xs...), optest.Str("y", y)}
	if len(zs) > 0 {
		a = append(a, optest.Strs("zs", zs...))
	}
	var err error
	if n.Attrs, err = graph.NewAttrs(a...); err != nil {
		t.Fatal(err)
	}
	var outs []string
	for _, x := range xs {
		outs = append(outs, "d"+x)
	}
	add(n, outs, append(append([]string{}, xs...), zs...))
	g.Outputs = n.Outputs
	m := &graph.Model{Graph: g}
	if err := op.NewCatalog(Table, others()).Resolve(m); err != nil {
		return nil, nil, err
	}
	g.Nodes = g.Nodes[len(g.Nodes)-1:] // Gradient needs no other node to run
	return m, fed, nil
}

func TestGradient(t *testing.T) {
	f := func(dims []int, v ...float32) *tensor.Tensor { return optest.T(v, dims...) }
	a, b := []float32{1, 2, 3, 4}, []float32{0.5, -1}
	in := map[string]*tensor.Tensor{"a": f([]int{2, 2}, a...), "b": f([]int{2}, b...), "m": f([]int{2, 1}, 2, -1), "c": f(nil, 3)}
	k := map[string]*tensor.Tensor{"k": f(nil, 2)}
	sig := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	ds := func(x float64) float32 { return float32(sig(x) * (1 - sig(x))) }
	for _, tt := range []struct {
		name   string
		lines  []string
		y      string
		xs, zs []string
		want   [][]float32
		err    string
	}{
		{"broadcast", []string{"y = Mul a b"}, "y", []string{"a", "b"}, nil, [][]float32{{0.5, -1, 0.5, -1}, {4, 6}}, ""},
		{"used twice", []string{"y = Mul a a"}, "y", []string{"a"}, nil, [][]float32{{2, 4, 6, 8}}, ""},
		{"chain and constant", []string{"p = Sub a b", "q = Mul p k", "y = Neg q"}, "y", []string{"a", "b"}, nil, [][]float32{{-2, -2, -2, -2}, {4, 4}}, ""},
		{"division", []string{"y = Div c a"}, "y", []string{"a", "c"}, nil, [][]float32{{-3, -0.75, -1. / 3, -3. / 16}, {1 + .5 + 1./3 + .25}}, ""},
		{"matmul", []string{"y = MatMul a m"}, "y", []string{"a", "m"}, nil, [][]float32{{2, -1, 2, -1}, {4, 6}}, ""},
		{"vector matmul", []string{"y = MatMul b a"}, "y", []string{"b", "a"}, nil, [][]float32{{3, 7}, {0.5, 0.5, -1, -1}}, ""},
		{"activations", []string{"p = Relu b", "q = Sigmoid p", "y = Sum q b k"}, "y", []string{"b"}, nil, [][]float32{{1 + ds(0.5), 1}}, ""},
		{"exp log", []string{"p = Exp a", "y = Log p"}, "y", []string{"a"}, nil, [][]float32{{1, 1, 1, 1}}, ""},
		{"tanh sqrt", []string{"p = Sqrt c", "y = Tanh p"}, "y", []string{"c"}, nil,
			[][]float32{{float32((1 - math.Pow(math.Tanh(math.Sqrt(3)), 2)) / 2 / math.Sqrt(3))}}, ""},
		{"intermediate", []string{"p = Mul a b", "y = Mul p c"}, "y", []string{"c"}, []string{"a", "b"}, [][]float32{{0.5 - 2 + 1.5 - 4}}, ""},
		{"independent", []string{"y = Identity a"}, "y", []string{"a", "c"}, nil, [][]float32{{1, 1, 1, 1}, {0}}, ""},
		{"unknown y", nil, "z", []string{"a"}, nil, nil, `"z" is no tensor`},
		{"operator", []string{"y = Conv a a"}, "y", []string{"a"}, nil, nil, "can't differentiate Conv"},
		{"shape", []string{"p = MatMul a c"}, "p", []string{"a", "c"}, nil, nil, "scalars"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, fed, err := build(t, in, k, tt.lines, tt.y, tt.xs, tt.zs)
			var out vals
			if err == nil {
				out, err = interp.Run(interp.NewRuntime(context.Background()), m.Graph, fed)
			}
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range tt.want {
				g := out[i].(*tensor.Tensor)
				if fmt.Sprint(g.Shape()) != fmt.Sprint(in[tt.xs[i]].Shape()) {
					t.Fatalf("gradient %d is %v", i, g)
				}
				for j, x := range w {
					if math.Abs(g.FloatAt(j)-float64(x)) > 1e-5 {
						t.Errorf("gradient %d: element %d is %v, want %v", i, j, g.FloatAt(j), x)
					}
				}
			}
		})
	}
}
