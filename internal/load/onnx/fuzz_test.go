package onnx

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
)

// FuzzModel reads anything: what is accepted must be sound, and reading it
// again must give the same graph.
func FuzzModel(f *testing.F) {
	for _, b := range seeds() {
		f.Add(b)
	}
	open := func(loc string) ([]byte, error) { return make([]byte, 64), nil }
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Read("m", b, open)
		if err != nil {
			return
		}
		checkModel(t, m)
		again, err := Read("m", b, open)
		if err != nil {
			t.Fatalf("read once, then: %v", err)
		}
		if x, y := print(m.Graph), print(again.Graph); x != y {
			t.Errorf("read as\n%s and as\n%s", x, y)
		}
		bytes, limit := 0, len(b)+64<<20
		graph.Walk(m.Graph, func(n *graph.Node) {
			bytes += 200 + len(n.Path) + 100*len(n.Outputs)
		})
		if bytes > limit {
			t.Errorf("a file of %d bytes became %d", len(b), bytes)
		}
	})
}

// seeds are models that together use every part of the reader.
func seeds() [][]byte {
	sparse := msg(1, tensor1("s", 5), 2, msg(1, 1, 2, 7, 7, 2), 3, 3)
	return [][]byte{
		model(join(in("x"), out("y"), node("y = Relu(x)"))),
		model(join(in("x", "w"), out("y"), init1("w", 1), msg(15, sparse), node("y = F(x,w,s)"))),
		model(join(in("x"), out("y"), node("y = C(b)"), node("b = B(a)"), node("a = A(x)"))),
		model(join(in("x"), out("y"), init1("w", 1), node("y = If(x)",
			attrGraph("then_branch", out("t"), node("t = Add(x,w)")), attrGraph("else_branch", out("w"))))),
		model(join(in("x"), out("y"), node("y = d.F(x)", attrInt("p", 5))), msg(8, opset("d", 1)),
			function("d.F(a) -> b", msg(6, "p", 6, "r", 11, attrInt("q", 7)), fnode("t = d.G(a)", attrRef("g", "p", 2)), fnode("b = B(t)", attrRef("i", "q", 2))),
			function("d.G(a) -> b,a", msg(6, "g"), fnode("b = If(a)", attrGraph("then_branch", out("o"), node("o = O(a)", attrRef("k", "g", 0)))))),
		model(join(in("x"), out("y"), node("y = F(x)", msg(1, "f", 2, float32(1)), msg(1, "s", 4, "x"), msg(1, "t", 5, tensor1("", 2)),
			msg(1, "fs", 7, f32(1, 2)), msg(1, "is", 8, []int{1, -1}), msg(1, "ss", 9, "a", 9, ""), msg(1, "ts", 10, tensor1("", 1)),
			msg(1, "tp", 14, msg(4, msg(1, msg(1, msg(1, 1))))), msg(1, "sp", 22, sparse)))),
		model(join(msg(11, msg(1, "x", 2, msg(1, msg(1, 1, 2, msg(1, msg(1, 3), 1, msg(2, "n"), 1, ""))))), msg(5, extTensor("w", "location", "f", "offset", "8", "length", "4")), out("w"))),
	}
}
