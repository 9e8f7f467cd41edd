package onnx

import (
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

func TestGraphs(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"plain", model(join(in("x"), out("y"), node("n: a = Relu(x)"), node("y = Neg(a)"))), `
(x | ) -> y
a = Relu-17(x) @/n
y = Neg-17(a) @/Neg#1
`},
		{"initializers", model(join(in("x", "w"), out("y"), init1("w", 1), init1("b", 2), node("y = F(x,w,b)"))), `
(x,w? | ) -> y
y = F-17(x,w?,$b) @/F#0
`},
		{"absent", model(join(in("x"), out("y"), node("y,,z, = F(x,,x,)"))), `
(x | ) -> y
y,-,z = F-17(x,-,x) @/F#0
`},
		{"not sorted", model(join(in("x"), out("y"), node("y = C(b)"), node("b = B(a)"), node("k = K(x)"), node("a = A(x)"))), `
(x | ) -> y
k = K-17(x) @/K#2
a = A-17(x) @/A#3
b = B-17(a) @/B#1
y = C-17(b) @/C#0
`},
		{"same names and paths", model(join(in("x"), out("y"), node("n: a = A(x)"), node("n: y = A(a)"))), `
(x | ) -> y
a = A-17(x) @/n
y = A-17(a) @/n#2
`},
		{"captures", model(join(in("x"), out("y"), init1("w", 1),
			node("i: y = If(x)",
				attrGraph("then_branch", out("t"), node("t = Add(x,w)")),
				attrGraph("else_branch", out("w"))))), `
(x | ) -> y
y = If-17(x) @/i
  then_branch captures (x,$w)
  ( | x,w) -> t
  t = Add-17(x,w) @/i/then_branch/Add#0
  else_branch captures ($w)
  ( | w) -> w
`},
		{"nested captures", model(join(in("x"), out("y"), node("a = A(x)"),
			node("y = If(x)", attrGraph("then_branch", out("o"),
				node("o = If(x)", attrGraph("then_branch", out("p"), node("p = P(a)"), node("q = P(a)"))))))), `
(x | ) -> y
a = A-17(x) @/A#0
y = If-17(x) @/If#1
  then_branch captures (x,a)
  ( | x,a) -> o
  o = If-17(x) @/If#1/then_branch/If#0
    then_branch captures (a)
    ( | a) -> p
    p = P-17(a) @/If#1/then_branch/If#0/then_branch/P#0
    q = P-17(a) @/If#1/then_branch/If#0/then_branch/P#1
`},
		{"node after the body that reads it", model(join(in("x"), out("y"),
			node("y = If(x)", attrGraph("then_branch", out("a"))), node("a = A(x)"))), `
(x | ) -> y
a = A-17(x) @/A#1
y = If-17(x) @/If#0
  then_branch captures (a)
  ( | a) -> a
`},
		{"body hides outer name", model(join(in("x"), out("y"), node("a = A(x)"),
			node("y = Loop(,,a)", attrGraph("body", in("i", "c", "a"), out("c", "b"), init1("k", 1), node("b = B(a,k)"))))), `
(x | ) -> y
a = A-17(x) @/A#0
y = Loop-17(-,-,a) @/Loop#1
  body captures ()
  (i,c,a | ) -> c,b
  b = B-17(a,$k) @/Loop#1/body/B#0
`},
		{"function", model(join(in("x"), out("y"), node("c: y = d.F(x)")), msg(8, opset("d", 1)),
			function("d.F(a) -> b", fnode("t = Mul(a,a)"), fnode("n: b = Neg(t)"))), `
(x | ) -> y
/c/t = Mul-17(x,x) @/c/Mul#0
y = Neg-17(/c/t) @/c/n
`},
		{"function twice, nested, out of order", model(join(in("x"), out("y"), node("y = d.F(a)"), node("a = d.F(x)")),
			function("d.F(a) -> b", fnode("b = d.G(t)"), fnode("t = d.G(a)")),
			function("d.G(a) -> b", fnode("t = A(a)"), fnode("b = B(t)"))), `
(x | ) -> y
/d.F#1/d.G#1/t = A-17(x) @/d.F#1/d.G#1/A#0
/d.F#1/t = B-17(/d.F#1/d.G#1/t) @/d.F#1/d.G#1/B#1
/d.F#1/d.G#0/t = A-17(/d.F#1/t) @/d.F#1/d.G#0/A#0
a = B-17(/d.F#1/d.G#0/t) @/d.F#1/d.G#0/B#1
/d.F#0/d.G#1/t = A-17(a) @/d.F#0/d.G#1/A#0
/d.F#0/t = B-17(/d.F#0/d.G#1/t) @/d.F#0/d.G#1/B#1
/d.F#0/d.G#0/t = A-17(/d.F#0/t) @/d.F#0/d.G#0/A#0
y = B-17(/d.F#0/d.G#0/t) @/d.F#0/d.G#0/B#1
`},
		{"function in place of an operator", model(join(in("x"), out("y"), node("c: y = Relu(x)")),
			function("ai.onnx.Relu(a) -> b", fnode("b = Neg(a)"))), `
(x | ) -> y
y = Neg-17(x) @/c/Neg#0
`},
		{"function's opset", model(join(in("x"), out("y"), node("c: y = d.F(x)")),
			msg(25, msg(10, "d", 1, "F", 4, "a", 5, "b", 9, opset("", 9), 9, opset("e", 3), 7, nodeMsg("t = Neg(a)"), 7, nodeMsg("b = e.G(t)")))), `
(x | ) -> y
/c/t = Neg-9(x) @/c/Neg#0
y = e.G-3(/c/t) @/c/e.G#1
`},
		{"function passes an input through", model(join(in("x"), out("y", "z", "w"), node("c: y,z,w = d.F(x)")),
			function("d.F(a) -> a,b,b", fnode("b = Neg(a)"))), `
(x | ) -> y,z,w
z = Neg-17(x) @/c/Neg#0
y = Identity-25(x) @/c/Identity
w = Identity-25(z) @/c/Identity#2
`},
		{"absent inputs and outputs of a function", model(join(in("x"), out("y"), node("c: ,y = d.F(,x)")),
			function("d.F(a,b,c) -> d,e", fnode("d = D(b)"), fnode("e = E(a,b,c)"))), `
(x | ) -> y
/c/d = D-17(x) @/c/D#0
y = E-17(-,x) @/c/E#1
`},
		{"attributes of functions", model(join(in("x"), out("y"), node("c: y = d.F(x)", attrInt("p", 5))),
			function("d.F(a) -> b", msg(6, "p", 6, "r", 11, attrInt("q", 7)),
				fnode("t = d.G(a)", attrRef("g", "p", 2), attrRef("h", "r", 2)),
				fnode("b = B(t)", attrRef("i", "q", 2), attrRef("j", "r", 2))),
			function("d.G(a) -> b", msg(6, "g", 6, "h"), fnode("b = C(a)", attrRef("k", "g", 0), attrRef("l", "h", 0)))), `
(x | ) -> y
/c/t = C-17(x) k=5 @/c/d.G#0/C#0
y = B-17(/c/t) i=7 @/c/B#1
`},
		{"body in a function", model(join(in("x"), out("y"), node("k = K(x)"), node("c: y = d.F(k)", attrInt("p", 5))),
			function("d.F(a) -> b", msg(6, "p"), fnode("t = T(a)"),
				fnode("b = If(a)", attrGraph("then_branch", out("o"), node("o = O(t,a)", attrRef("q", "p", 2)), node("s = d.G(t)"))),
			), function("d.G(a) -> b", fnode("b = H(a)"))), `
(x | ) -> y
k = K-17(x) @/K#0
/c/t = T-17(k) @/c/T#0
y = If-17(k) @/c/If#1
  then_branch captures (/c/t,k)
  ( | /c/t,k) -> o
  o = O-17(/c/t,k) q=5 @/c/If#1/then_branch/O#0
  s = H-17(/c/t) @/c/If#1/then_branch/d.G#1/H#0
`},
		{"body passed to a function", model(join(in("x"), out("y"), node("k = K(x)"),
			node("c: y = d.F(x)", attrGraph("g", out("o"), node("o = O(k)")))),
			function("d.F(a) -> b", msg(6, "g"), fnode("k = Q(a)"),
				fnode("b = If(k)", attrGraph("then_branch", out("r"), node("r = If(k)", attrRef("then_branch", "g", 5)))))), `
(x | ) -> y
k = K-17(x) @/K#0
/c/k = Q-17(x) @/c/Q#0
y = If-17(/c/k) @/c/If#1
  then_branch captures (/c/k,k)
  ( | /c/k,k) -> r
  r = If-17(/c/k) @/c/If#1/then_branch/If#0
    then_branch captures (k)
    ( | k) -> o
    o = O-17(k) @/c/If#1/then_branch/If#0/then_branch/O#0
`},
		{"name of a function's value is taken", model(join(in("x"), out("y", "/c/t"), node("/c/t = K(x)"), node("c: y = d.F(x)")),
			function("d.F(a) -> b", fnode("t = T(a)"), fnode("b = B(t)"))), `
(x | ) -> y,/c/t
/c/t = K-17(x) @/K#0
/c/t#2 = T-17(x) @/c/T#0
y = B-17(/c/t#2) @/c/B#1
`},
		{"overloads", model(join(in("x"), out("y"), msg(1, join(nodeMsg("c: y = d.F(x)"), msg(8, "two")))),
			function("d.F(a) -> b", fnode("b = One(a)")), function("d.F(a) -> b", msg(13, "two"), fnode("b = Two(a)"))), `
(x | ) -> y
y = Two-17(x) @/c/Two#0
`},
		{"output is an input", model(join(in("x"), out("x"))), `
(x | ) -> x
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := mustRead(t, tt.in)
			if got := "\n" + print(m.Graph); got != tt.want {
				t.Errorf("got%swant%s", got, tt.want)
			}
		})
	}
}

func TestModelFields(t *testing.T) {
	m := mustRead(t, join(model(join(in("x"), out("x"), msg(2, "g", 10, "graph doc"))),
		msg(8, opset("ai.onnx", 13), 8, opset("ai.onnx.ml", 3), 8, opset("x.y", 9), 8, opset("ai.onnx", 18)),
		msg(2, "maker", 3, "1.2", 4, "org.example", 5, 7, 6, "doc"),
		msg(14, msg(1, "k", 2, "v"), 20, "training info is not read", 26, "nor this")))
	if m.Opsets[""] != 18 || m.Opsets["ai.onnx.ml"] != 3 || m.Opsets["x.y"] != 9 || len(m.Opsets) != 3 {
		t.Errorf("opsets %v", m.Opsets)
	}
	if m.Producer != "maker 1.2" || m.Domain != "org.example" || m.Version != "7" || m.Doc != "doc" || m.Metadata["k"] != "v" || m.IR != 8 {
		t.Errorf("model %+v", m)
	}
	if m.Graph.Name != "g" || m.Graph.Doc != "graph doc" {
		t.Errorf("graph %+v", m.Graph)
	}
}

func TestTypes(t *testing.T) {
	dims := func(d ...[]byte) []byte {
		var b []byte
		for _, x := range d {
			b = append(b, msg(1, x)...)
		}
		return b
	}
	typ := func(dt int, shape []byte) []byte { return msg(1, msg(1, dt, 2, shape)) }
	tests := []struct {
		in   []byte
		want string
	}{
		{typ(1, dims(msg(1, 3), msg(2, "batch"), msg(1, 0))), "float[3,batch,0]"},
		{typ(7, nil), "int64[]"},
		{msg(1, msg(1, 7)), "int64[...]"},
		{typ(1, dims(nil, nil, msg(1, -1), msg(2, ""), msg(2, "?1"), msg(1, 2, 2, "n"))), "float[?f1,?f2,?f3,?f4,?f5,n]"},
		{msg(4, msg(1, typ(8, nil))), "seq(string[])"},
		{msg(5, msg(1, 7, 2, typ(1, nil))), "map(int64,float[])"},
		{msg(9, msg(1, msg(4, msg(1, msg(1, msg(1, 1)))))), "optional(seq(float[...]))"},
		{msg(8, msg(1, 1)), "sparse(float[...])"},
		{nil, "?"},
	}
	for _, tt := range tests {
		m := mustRead(t, model(msg(11, msg(1, "x", 2, tt.in))))
		if v := m.Graph.Inputs[0]; v.Type.String() != tt.want || !v.Declared {
			t.Errorf("got %v, want %s", v.Type, tt.want)
		}
	}
}

// A symbol in a body means something else at each place; types of outputs and
// value_info are noted, but not for constants.
func TestDeclared(t *testing.T) {
	typed := func(field int, name, sym string) []byte {
		return msg(field, msg(1, name, 2, msg(1, msg(1, 1, 2, msg(1, msg(2, sym))))))
	}
	m := mustRead(t, model(join(typed(11, "x", "N"), typed(12, "y", "N"), typed(13, "a", "M"), typed(13, "w", "M"), init1("w", 1),
		node("a = A(x,w)"),
		node("y = If(a)", attrGraph("then_branch", typed(12, "t", "N"), typed(13, "s", "N"), node("s = S(x)"), node("t = T(s)"))))))
	g := m.Graph
	body := g.Nodes[1].Bodies[0].Graph
	got := []string{g.Inputs[0].Type.String(), g.Nodes[0].Outputs[0].Type.String(), g.Outputs[0].Type.String(), g.Nodes[0].Inputs[1].Type.String(),
		body.Inputs[0].Type.String(), body.Nodes[0].Outputs[0].Type.String(), body.Outputs[0].Type.String()}
	want := "float[N] float[M] float[N] float[1] float[N] float[?f1] float[?f2]"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestDefaults(t *testing.T) {
	read := func(shape []byte, dt int) (*graph.Model, error) {
		return Read("m", model(join(msg(11, msg(1, "w", 2, msg(1, msg(1, dt, 2, shape)))), init1("w", 1))), nil)
	}
	for _, tt := range []struct {
		dim  []byte
		want string
	}{{msg(1, 1), "float[1]"}, {msg(2, "n"), "float[n]"}, {msg(1, 2), "float[...]"}} {
		m, err := read(msg(1, tt.dim), 1)
		if err != nil {
			t.Fatal(err)
		}
		if v := m.Graph.Inputs[0]; !v.Default || v.Tensor() == nil || v.Type.String() != tt.want {
			t.Errorf("got %+v, want %s", v, tt.want)
		}
	}
	if _, err := read(msg(1, msg(1, 1)), 7); err == nil || !strings.Contains(err.Error(), "float[1]") {
		t.Errorf("an initializer of another type: %v", err)
	}
}

func TestAttributes(t *testing.T) {
	sparse := msg(1, tensor1("", 5), 2, msg(1, 1, 2, 7, 7, 2), 3, 3)
	m := mustRead(t, model(node("y = F()",
		msg(1, "f", 2, float32(1.5)), msg(1, "i", 3, -3), msg(1, "s", 4, "text"), msg(1, "t", 5, tensor1("", 2)),
		msg(1, "fs", 7, float32(1), 7, float32(2)), msg(1, "fp", 7, f32(1, 2)), msg(1, "is", 8, 1, 8, 2), msg(1, "ip", 8, []int{1, -1}),
		msg(1, "ss", 9, "a", 9, ""), msg(1, "ts", 10, tensor1("", 1), 10, tensor1("", 2)), msg(1, "tp", 14, msg(1, msg(1, 1))),
		msg(1, "sp", 22, sparse), msg(1, "none", 20, 7), msg(1, "zero", 20, 2))))
	a := m.Graph.Nodes[0].Attrs
	check := func(name string, kind graph.AttrKind, ok bool) {
		t.Helper()
		if x := a.Get(name); x == nil || x.Kind != kind || !ok {
			t.Errorf("attribute %s: %+v", name, x)
		}
	}
	check("f", graph.AttrFloat, a.Get("f").F == 1.5)
	check("i", graph.AttrInt, a.Get("i").I == -3)
	check("s", graph.AttrString, a.Get("s").S == "text")
	check("t", graph.AttrTensor, a.Get("t").T.FloatAt(0) == 2)
	check("fs", graph.AttrFloats, len(a.Get("fs").Floats) == 2 && a.Get("fs").Floats[1] == 2)
	check("fp", graph.AttrFloats, len(a.Get("fp").Floats) == 2 && a.Get("fp").Floats[1] == 2)
	check("is", graph.AttrInts, len(a.Get("is").Ints) == 2 && a.Get("is").Ints[1] == 2)
	check("ip", graph.AttrInts, len(a.Get("ip").Ints) == 2 && a.Get("ip").Ints[1] == -1)
	check("ss", graph.AttrStrings, len(a.Get("ss").Strings) == 2 && a.Get("ss").Strings[0] == "a")
	check("ts", graph.AttrTensors, len(a.Get("ts").Tensors) == 2)
	check("tp", graph.AttrType, a.Get("tp").Type.String() == "float[...]")
	check("sp", graph.AttrTensor, a.Get("sp").T.String() == "float[3]" && a.Get("sp").T.FloatAt(2) == 5)
	check("none", graph.AttrInts, len(a.Get("none").Ints) == 0)
	check("zero", graph.AttrInt, a.Get("zero").I == 0)

	m = mustRead(t, model(node("y = Constant()", msg(1, "sparse_value", 22, sparse, 20, 11))))
	if x := m.Graph.Nodes[0].Attrs.Get("value"); x == nil || x.T.String() != "float[3]" {
		t.Errorf("sparse constant: %+v", x)
	}
}

// Raw weights are not copied, whatever their alignment.
func TestZeroCopy(t *testing.T) {
	b := model(join(in("x"), out("y"), init1("w", 1), node("y = Add(x,w)")))
	m := mustRead(t, b)
	w := m.Graph.Nodes[0].Inputs[1].Tensor()
	i := strings.Index(string(b), string(f32(1)))
	if i < 0 || &w.Bytes()[0] != &b[i] {
		t.Error("the weight was copied")
	}
	if w.DType() != tensor.Float32 || w.FloatAt(0) != 1 {
		t.Errorf("weight %v", w)
	}
}
