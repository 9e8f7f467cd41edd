package optimize_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops"
	"github.com/walnut-ai/walnut/internal/optimize"
	"github.com/walnut-ai/walnut/tensor"
)

// line is a node: outputs and inputs are names, separated by blanks; "_" is absent.
type line struct {
	out, op, in string
	attrs       []graph.Attr
}

func ints(name string, v ...int64) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrInts, Ints: v}
}
func integer(name string, v int64) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrInt, I: v}
}
func float(name string, v float32) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrFloat, F: v}
}
func attrs(l ...graph.Attr) []graph.Attr { return l }

// noise is a tensor of made-up numbers between -1 and 1.
func noise(seed uint32, dims ...int) *tensor.Tensor {
	t, err := tensor.New(tensor.Float32, dims...)
	if err != nil {
		panic(err)
	}
	for i := range t.Len() {
		seed = seed*1664525 + 1013904223
		t.SetFloatAt(i, float64(int32(seed))/(1<<31))
	}
	return t
}

// positive is noise between 0.5 and 1.5.
func positive(seed uint32, dims ...int) *tensor.Tensor {
	t := noise(seed, dims...)
	for i := range t.Len() {
		t.SetFloatAt(i, 1+t.FloatAt(i)/2)
	}
	return t
}

func num(x float32) *tensor.Tensor         { return tensor.Scalar(x) }
func list(v ...int64) *tensor.Tensor       { return tensor.MustFrom(v, len(v)) }
func shape(s string, n ...int) graph.Shape { return symbols(graph.Dims(n...), s) }
func known(n ...int) graph.Shape           { return graph.Dims(n...) }
func type32(s graph.Shape) graph.Type      { return graph.TensorType(tensor.Float32, s) }
func symbols(d graph.Shape, s string) graph.Shape {
	var l graph.Shape
	for _, x := range strings.Fields(s) {
		l = append(l, graph.Dim{Sym: x})
	}
	return append(l, d...)
}

// lower is a small graph with input x, and z if zs is given.
func lower(t *testing.T, xs, zs graph.Shape, consts map[string]*tensor.Tensor, outs string, lines []line) *graph.Model {
	t.Helper()
	vals := map[string]*graph.Value{}
	g := &graph.Graph{Name: "g"}
	for _, in := range []struct {
		name  string
		shape graph.Shape
	}{{"x", xs}, {"z", zs}} {
		if in.shape != nil {
			v := &graph.Value{Name: in.name, Type: type32(in.shape), Declared: true}
			vals[in.name] = v
			g.Inputs = append(g.Inputs, v)
		}
	}
	g.Formal = len(g.Inputs)
	for n, c := range consts {
		vals[n] = &graph.Value{Name: n, Const: c, Type: graph.TensorType(c.DType(), graph.Dims(c.Shape()...))}
	}
	for _, l := range lines {
		domain, name, ok := strings.Cut(l.op, ":")
		if !ok {
			domain, name = "", l.op
		}
		opset := 23
		if domain != "" {
			opset = 1
		}
		a, err := graph.NewAttrs(l.attrs...)
		if err != nil {
			t.Fatal(err)
		}
		n := &graph.Node{Domain: domain, Op: name, Opset: opset, Path: "/" + strings.Fields(l.out)[0], Attrs: a}
		for _, in := range strings.Fields(l.in) {
			if in != "_" && vals[in] == nil {
				t.Fatalf("node %s reads %s", l.out, in)
			}
			n.Inputs = append(n.Inputs, vals[in])
		}
		for _, out := range strings.Fields(l.out) {
			if out == "_" {
				n.Outputs = append(n.Outputs, nil)
				continue
			}
			v := &graph.Value{Name: out, Producer: n}
			vals[out] = v
			n.Outputs = append(n.Outputs, v)
		}
		g.Nodes = append(g.Nodes, n)
	}
	for _, o := range strings.Fields(outs) {
		g.Outputs = append(g.Outputs, vals[o])
	}
	m := &graph.Model{Name: "test", Graph: g}
	if err := ops.Catalog().Resolve(m); err != nil {
		t.Fatal(err)
	}
	return m
}

// print lists the nodes: "Conv(x,w); com.microsoft.Gelu(c)".
func printGraph(g *graph.Graph) string {
	var l []string
	for _, n := range g.Nodes {
		var in []string
		for _, v := range n.Inputs {
			if v == nil {
				in = append(in, "_")
			} else {
				in = append(in, v.Name)
			}
		}
		s := graph.OpName(n.Domain, n.Op) + "(" + strings.Join(in, ",") + ")"
		if a := n.Attrs.Get("activation"); a != nil {
			s += a.S
		}
		l = append(l, s)
	}
	return strings.Join(l, "; ")
}

// lowering is one test: the printed graph after the passes, and equal results.
type lowering struct {
	name   string
	x, z   graph.Shape
	consts map[string]*tensor.Tensor
	outs   string // "y" if empty
	lines  []line
	want   string
	mark   func(*graph.Graph) // changes the graph before the passes
}

func runLowering(t *testing.T, tests []lowering) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.outs == "" {
				tt.outs = "y"
			}
			m := lower(t, tt.x, tt.z, tt.consts, tt.outs, tt.lines)
			if tt.mark != nil {
				tt.mark(m.Graph)
			}
			var in []tensor.Value
			for i, v := range m.Graph.Inputs {
				if v.Default {
					in = append(in, v.Const)
					continue
				}
				var d []int
				for _, x := range v.Type.Shape {
					if !x.Known() {
						x.N = 3
					}
					d = append(d, x.N)
				}
				in = append(in, noise(uint32(7+i), d...))
			}
			before, err := interp.Run(interp.NewRuntime(context.Background()), m.Graph, in)
			if err != nil {
				t.Fatal(err)
			}
			c := &optimize.Context{Ctx: context.Background(), Catalog: ops.Catalog(), Count: map[string]int{}}
			if err := optimize.Run(c, m.Graph); err != nil {
				t.Fatal(err)
			}
			if got := printGraph(m.Graph); got != tt.want {
				t.Errorf("after the passes:\n%s\nwant\n%s\n(%v)", got, tt.want, c.Count)
			}
			paths := map[string]bool{}
			for _, n := range m.Graph.Nodes {
				if paths[n.Path] || !strings.HasPrefix(n.Path, "/") {
					t.Errorf("path %q is no good", n.Path)
				}
				paths[n.Path] = true
			}
			after, err := interp.Run(interp.NewRuntime(context.Background()), m.Graph, in)
			if err != nil {
				t.Fatal(err)
			}
			for i := range before {
				if err := close32(after[i].(*tensor.Tensor), before[i].(*tensor.Tensor)); err != nil {
					t.Errorf("output %d: %v", i, err)
				}
			}
		})
	}
}

func close32(a, b *tensor.Tensor) error {
	if !tensor.SameShape(a.Shape(), b.Shape()) {
		return fmt.Errorf("%v, was %v", a, b)
	}
	for i := range a.Len() {
		x, y := a.FloatAt(i), b.FloatAt(i)
		if !(math.Abs(x-y) <= 2e-5*(1+math.Abs(y))) {
			return fmt.Errorf("element %d is %v, was %v", i, x, y)
		}
	}
	return nil
}

var (
	pads1  = ints("pads", 1, 1, 1, 1)
	image  = known(1, 2, 5, 5)
	kernel = map[string]*tensor.Tensor{"w": noise(1, 4, 2, 3, 3), "b": noise(2, 4),
		"s": positive(3, 4), "t": noise(4, 4), "mean": noise(5, 4), "var": positive(6, 4),
		"col": noise(8, 1, 4, 1, 1), "two": num(2), "six": num(6), "zero": num(0), "w2": noise(9, 4, 4, 3, 3), "row": noise(10, 1, 1, 1, 5)}
)

func TestConvolutionPasses(t *testing.T) {
	zero := func(name string) func(*graph.Graph) { // makes a constant an input with a default
		return func(g *graph.Graph) {
			for _, n := range g.Nodes {
				for _, v := range n.Inputs {
					if v.Name == name && !v.Default {
						v.Default = true
						g.Inputs = append(g.Inputs, v)
						g.Formal++
					}
				}
			}
		}
	}
	runLowering(t, []lowering{
		{"batch normalisation", image, nil, kernel, "", []line{{"c", "Conv", "x w b", attrs(pads1)}, {"y", "BatchNormalization", "c s t mean var", nil}},
			"Conv(x,w+scaled,w+bias)", nil},
		{"batch normalisation in training", image, nil, kernel, "", []line{{"c", "Conv", "x w b", nil}, {"y m v", "BatchNormalization", "c s t mean var", attrs(integer("training_mode", 1))}},
			"Conv(x,w,b); BatchNormalization(c,s,t,mean,var)", nil},
		{"constants that callers may feed", image, nil, kernel, "", []line{{"c", "Conv", "x w b", nil}, {"y", "BatchNormalization", "c s t mean var", nil}},
			"Conv(x,w,b); BatchNormalization(c,s,t,mean,var)", zero("mean")},
		{"a second reader", image, nil, kernel, "y c", []line{{"c", "Conv", "x w b", nil}, {"y", "BatchNormalization", "c s t mean var", nil}},
			"Conv(x,w,b); BatchNormalization(c,s,t,mean,var)", nil},
		{"scale and shift", image, nil, kernel, "", []line{{"c", "Conv", "x w", nil}, {"d", "Mul", "two c", nil}, {"e", "Add", "d col", nil}, {"y", "Relu", "e", nil}},
			"com.microsoft.FusedConv(x,w+scaled,w+scaled+bias)Relu", nil},
		{"a shift of shared weights", image, nil, kernel, "y z", []line{{"c", "Conv", "x w b", nil}, {"y", "Add", "c col", nil}, {"d", "Conv", "x w", attrs(pads1)}, {"z", "Mul", "d two", nil}},
			"Conv(x,w,w+bias); Conv(x,w); Mul(d,two)", nil},
		{"a constant along another axis", image, nil, kernel, "", []line{{"c", "Conv", "x w", attrs(pads1)}, {"y", "Mul", "c row", nil}},
			"Conv(x,w); Mul(c,row)", nil},
		{"scale and shift before a padded convolution", image, nil, kernel, "", []line{{"c", "Conv", "x w", nil}, {"r", "Relu", "c", nil}, {"d", "Mul", "r two", nil}, {"e", "Add", "d col", nil}, {"y", "Conv", "e w2 b", attrs(pads1)}},
			"com.microsoft.FusedConv(x,w)Relu; Add(r,w2+shift); Conv(e,w2+scaled,b)", nil},
		{"scale and shift before a convolution", image, nil, kernel, "", []line{{"c", "Conv", "x w", nil}, {"r", "Tanh", "c", nil}, {"d", "Div", "r two", nil}, {"e", "Add", "d col", nil}, {"y", "Conv", "e w2 b", nil}},
			"com.microsoft.FusedConv(x,w)Tanh; Conv(r,w2+scaled,w2+bias)", nil},
		{"residual", image, known(1, 4, 3, 3), kernel, "", []line{{"c", "Conv", "x w b", nil}, {"d", "Add", "z c", nil}, {"y", "Relu", "d", nil}},
			"com.microsoft.FusedConv(x,w,b,z)Relu", nil},
		{"residual of another shape", image, known(1, 1, 3, 3), kernel, "", []line{{"c", "Conv", "x w b", nil}, {"y", "Add", "z c", nil}},
			"Conv(x,w,b); Add(z,c)", nil},
		{"relu6", image, nil, kernel, "", []line{{"c", "Conv", "x w b", nil}, {"y", "Clip", "c zero six", nil}},
			"com.microsoft.FusedConv(x,w,b)Clip", nil},
		{"transposed convolution in groups", known(1, 4, 3, 3), nil, map[string]*tensor.Tensor{"w": noise(1, 4, 3, 2, 2), "s": positive(2, 1, 6, 1, 1)}, "",
			[]line{{"c", "ConvTranspose", "x w", attrs(integer("group", 2))}, {"y", "Mul", "c s", nil}}, "ConvTranspose(x,w+scaled)", nil},
		{"pad", image, nil, map[string]*tensor.Tensor{"w": noise(1, 4, 2, 3, 3), "p": list(0, 0, 1, 2, 0, 0, 0, 1)}, "",
			[]line{{"a", "Pad", "x p", nil}, {"y", "Conv", "a w", attrs(pads1)}}, "Conv(x,w)", nil},
		{"pad of channels", image, nil, map[string]*tensor.Tensor{"w": noise(1, 4, 3, 3, 3), "p": list(0, 1, 1, 2, 0, 0, 0, 1)}, "",
			[]line{{"a", "Pad", "x p", nil}, {"y", "Conv", "a w", nil}}, "Pad(x,p); Conv(a,w)", nil},
		{"pad before an average", image, nil, map[string]*tensor.Tensor{"p": list(0, 0, 1, 1, 0, 0, 1, 1)}, "",
			[]line{{"a", "Pad", "x p", nil}, {"y", "AveragePool", "a", attrs(ints("kernel_shape", 3, 3))}}, "AveragePool(x)", nil},
		{"pad before a maximum", image, nil, map[string]*tensor.Tensor{"p": list(0, 0, 1, 1, 0, 0, 1, 1)}, "",
			[]line{{"a", "Pad", "x p", nil}, {"y", "MaxPool", "a", attrs(ints("kernel_shape", 3, 3))}}, "Pad(x,p); MaxPool(a)", nil},
		{"pad before a maximum of what is not negative", image, nil, map[string]*tensor.Tensor{"p": list(0, 0, 1, 1, 0, 0, 1, 1)}, "",
			[]line{{"r", "Relu", "x", nil}, {"a", "Pad", "r p", nil}, {"y", "MaxPool", "a", attrs(ints("kernel_shape", 3, 3))}}, "Relu(x); MaxPool(r)", nil},
	})
}

func TestProductPasses(t *testing.T) {
	c := map[string]*tensor.Tensor{"w": noise(1, 4, 6), "b": noise(2, 6), "s": positive(3, 6), "half": num(0.5), "full": noise(4, 3, 6), "g": noise(6, 6, 4)}
	runLowering(t, []lowering{
		{"bias of a matrix", known(3, 4), nil, c, "", []line{{"m", "MatMul", "x w", nil}, {"y", "Add", "b m", nil}}, "Gemm(x,w,b)", nil},
		{"bias of a batch", shape("n k", 4), nil, c, "", []line{{"m", "MatMul", "x w", nil}, {"y", "Add", "m b", nil}}, "walnut.FusedMatMul(x,w,b)", nil},
		{"relu of a batch", shape("n k", 4), nil, c, "", []line{{"m", "MatMul", "x w", nil}, {"a", "Add", "m b", nil}, {"y", "Relu", "a", nil}}, "walnut.FusedMatMul(x,w,b)Relu", nil},
		{"bias that is no vector", known(3, 4), nil, c, "", []line{{"m", "MatMul", "x w", nil}, {"y", "Add", "m full", nil}}, "MatMul(x,w); Add(m,full)", nil},
		{"scale and bias", known(2, 3, 4), nil, c, "", []line{{"m", "MatMul", "x w", nil}, {"n", "Mul", "m s", nil}, {"y", "Add", "n b", nil}}, "walnut.FusedMatMul(x,w+scaled,b)", nil},
		{"gemm", known(3, 4), nil, c, "", []line{{"m", "Gemm", "x g b", attrs(integer("transB", 1), float("beta", 0.5), float("alpha", 2))}, {"n", "Mul", "m s", nil}, {"o", "Sub", "half n", nil}, {"y", "Relu", "o", nil}},
			"com.microsoft.FusedGemm(x,g+scaled+scaled,g+scaled+bias)Relu", nil},
		{"transposed operand and factor", known(2, 3, 4), known(2, 5, 4), c, "", []line{{"t", "Transpose", "z", attrs(ints("perm", 0, 2, 1))}, {"m", "MatMul", "x t", nil}, {"y", "Mul", "m half", nil}},
			"com.microsoft.FusedMatMul(x,z)", nil},
		{"heads", known(2, 2, 3, 4), known(2, 5, 2, 4), c, "", []line{{"t", "Transpose", "z", attrs(ints("perm", 0, 2, 3, 1))}, {"d", "Div", "x half", nil}, {"y", "MatMul", "d t", nil}},
			"Transpose(z); com.microsoft.FusedMatMul(x,t+rows)", nil},
	})
}

func TestPatternPasses(t *testing.T) {
	c := map[string]*tensor.Tensor{"axes": list(-1), "p2": num(2), "p3": num(3), "eps": num(1e-5), "g": positive(1, 4), "b": noise(2, 4), "one": num(1),
		"half": num(0.5), "root": num(math.Sqrt2), "cube": num(0.044715), "tan": num(0.7978846), "three": num(3), "six": num(6), "zero": num(0), "sixth": num(1. / 6), "first": list(1)}
	x := shape("n k", 4)
	norm := func(more ...line) []line {
		return append([]line{{"m", "ReduceMean", "x axes", nil}, {"d", "Sub", "x m", nil}, {"q", "Pow", "d p2", nil}, {"v", "ReduceMean", "q axes", nil},
			{"e", "Add", "v eps", nil}, {"s", "Sqrt", "e", nil}}, more...)
	}
	runLowering(t, []lowering{
		{"layer normalisation", x, nil, c, "", norm(line{"n", "Div", "d s", nil}, line{"o", "Mul", "n g", nil}, line{"y", "Add", "o b", nil}), "LayerNormalization(x,g,b)", nil},
		{"layer normalisation without scale", x, nil, c, "", norm(line{"r", "Reciprocal", "s", nil}, line{"y", "Mul", "r d", nil}), "LayerNormalization(x,y+ones)", nil},
		{"its deviation is an output", x, nil, c, "y d", norm(line{"y", "Div", "d s", nil}),
			"ReduceMean(x,axes); Sub(x,m); RMSNormalization(d,y+ones)", nil},
		{"mean of another axis", x, nil, c, "", []line{{"q", "Mul", "x x", nil}, {"v", "ReduceMean", "q first", nil}, {"e", "Add", "v eps", nil}, {"s", "Sqrt", "e", nil}, {"y", "Div", "x s", nil}},
			"Mul(x,x); ReduceMean(q,first); Add(v,eps); Sqrt(e); Div(x,s)", nil},
		{"root mean square", x, nil, c, "", []line{{"q", "Mul", "x x", nil}, {"v", "ReduceMean", "q axes", nil}, {"e", "Add", "eps v", nil}, {"s", "Sqrt", "e", nil}, {"i", "Div", "one s", nil}, {"n", "Mul", "x i", nil}, {"y", "Mul", "g n", nil}},
			"RMSNormalization(x,g)", nil},
		{"sum and normalisation", x, x, c, "y a", []line{{"t", "Tanh", "z", nil}, {"q", "Add", "x t", nil}, {"y", "LayerNormalization", "q g b", nil}, {"a", "Abs", "q", nil}},
			"Tanh(z); com.microsoft.SkipLayerNormalization(x,t,g,b); Abs(q)", nil},
		{"gelu", x, nil, c, "", []line{{"d", "Div", "x root", nil}, {"e", "Erf", "d", nil}, {"a", "Add", "e one", nil}, {"m", "Mul", "x a", nil}, {"y", "Mul", "m half", nil}}, "com.microsoft.Gelu(x)", nil},
		{"gelu, half first", x, nil, c, "", []line{{"h", "Mul", "half x", nil}, {"d", "Div", "x root", nil}, {"e", "Erf", "d", nil}, {"a", "Add", "one e", nil}, {"y", "Mul", "h a", nil}}, "com.microsoft.Gelu(x)", nil},
		{"gelu of something else", x, x, c, "", []line{{"h", "Mul", "half z", nil}, {"d", "Div", "x root", nil}, {"e", "Erf", "d", nil}, {"a", "Add", "one e", nil}, {"y", "Mul", "h a", nil}}, "Mul(half,z); Div(x,root); Erf(d); Add(one,e); Mul(h,a)", nil},
		{"gelu by tanh", x, nil, c, "", []line{{"p", "Pow", "x p3", nil}, {"k", "Mul", "p cube", nil}, {"i", "Add", "x k", nil}, {"j", "Mul", "i tan", nil}, {"e", "Tanh", "j", nil}, {"a", "Add", "e one", nil}, {"h", "Mul", "x half", nil}, {"y", "Mul", "h a", nil}}, "Gelu(x)", nil},
		{"hard swish", x, nil, c, "", []line{{"a", "Add", "x three", nil}, {"k", "Clip", "a zero six", nil}, {"m", "Mul", "x k", nil}, {"y", "Div", "m six", nil}}, "HardSwish(x)", nil},
		{"hard swish, divided first", x, nil, c, "", []line{{"a", "Add", "x three", nil}, {"k", "Clip", "a zero six", nil}, {"m", "Mul", "k sixth", nil}, {"y", "Mul", "m x", nil}}, "HardSwish(x)", nil},
		{"hard swish with other limits", x, nil, c, "", []line{{"a", "Add", "x three", nil}, {"k", "Clip", "a zero three", nil}, {"m", "Mul", "x k", nil}, {"y", "Div", "m six", nil}}, "Add(x,three); Clip(a,zero,three); Mul(x,k); Div(m,six)", nil},
		{"swish", x, nil, c, "", []line{{"s", "Sigmoid", "x", nil}, {"y", "Mul", "s x", nil}}, "Swish(x)", nil},
	})
}

func TestMovementPasses(t *testing.T) {
	c := map[string]*tensor.Tensor{"to": list(2, 6), "on": list(3, -1), "zero": list(0, 12), "ax": list(1), "s0": list(0), "s9": list(9), "all": list(math.MaxInt64), "back": list(-1), "one": num(1), "none": list(0, 0, 0, 0, 0, 0)}
	x := known(2, 3, 2)
	runLowering(t, []lowering{
		{"there and back", x, nil, c, "", []line{{"a", "Transpose", "x", attrs(ints("perm", 2, 0, 1))}, {"b", "Transpose", "a", attrs(ints("perm", 1, 2, 0))}, {"y", "Neg", "b", nil}}, "Neg(x)", nil},
		{"two transposes", x, nil, c, "", []line{{"a", "Transpose", "x", attrs(ints("perm", 2, 0, 1))}, {"y", "Transpose", "a", nil}}, "Transpose(x)", nil},
		{"axes of length 1", known(2, 1, 3), nil, c, "", []line{{"y", "Transpose", "x", attrs(ints("perm", 1, 0, 2))}}, "Reshape(x,y+shape)", nil},
		{"two views", x, nil, c, "", []line{{"a", "Reshape", "x to", nil}, {"y", "Reshape", "a on", nil}}, "Reshape(x,on)", nil},
		{"a view that copies a dimension", x, nil, c, "", []line{{"a", "Reshape", "x on", nil}, {"b", "Unsqueeze", "a ax", nil}, {"y", "Flatten", "b", nil}}, "Reshape(x,on); Unsqueeze(a,ax); Flatten(b)", nil},
		{"squeeze of unsqueeze", shape("n", 3), nil, c, "", []line{{"a", "Unsqueeze", "x ax", nil}, {"b", "Squeeze", "a ax", nil}, {"y", "Neg", "b", nil}}, "Neg(x)", nil},
		{"no change", x, nil, c, "", []line{{"a", "Cast", "x", attrs(integer("to", 1))}, {"b", "Concat", "a", attrs(integer("axis", 0))}, {"c", "Slice", "b s0 all", nil}, {"d", "Mul", "one c", nil}, {"e", "Pad", "d none", nil}, {"y", "Neg", "e", nil}}, "Neg(x)", nil},
		{"backwards", x, nil, c, "", []line{{"a", "Slice", "x back all s0 back", nil}, {"y", "Neg", "a", nil}}, "Slice(x,back,all,s0,back); Neg(a)", nil},
		{"an output needs a value", x, nil, c, "", []line{{"y", "Cast", "x", attrs(integer("to", 1))}}, "Cast(x)", nil},
	})
}

// TestLongChains checks that what a pass makes of a chain does not grow with its
// square: neither time, nor names, nor copies of weights.
func TestLongChains(t *testing.T) {
	c := map[string]*tensor.Tensor{"w": noise(1, 64, 64, 3, 3), "two": num(1.0001)}
	chain := func(first line, op, second string, l ...graph.Attr) []line {
		lines := []line{first}
		for i := range 3000 {
			lines = append(lines, line{fmt.Sprint("c", i+1), op, fmt.Sprint("c", i, " ", second), l})
		}
		return append(lines, line{"y", "Neg", "c3000", nil})
	}
	for _, lines := range [][]line{
		chain(line{"c0", "Conv", "x w", nil}, "Mul", "two"),
		chain(line{"c0", "Neg", "x", nil}, "Transpose", "", ints("perm", 1, 2, 3, 0)),
		chain(line{"c0", "Abs", "x", nil}, "Cast", "", integer("to", 1)),
	} {
		m := lower(t, known(2, 64, 3, 3), nil, c, "y", lines)
		start := time.Now()
		if err := optimize.Run(&optimize.Context{Ctx: context.Background(), Catalog: ops.Catalog()}, m.Graph); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: %v", lines[1].op, d)
		}
		if n := len(m.Graph.Nodes); lines[1].op != "Mul" && n > 3 {
			t.Errorf("%s: %d nodes are left", lines[1].op, n)
		}
		for _, n := range m.Graph.Nodes {
			if len(n.Path) > 600 {
				t.Errorf("path of %d bytes", len(n.Path))
			}
		}
	}
}
