package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// TestHostile has a file for each way to get a model wrong; the error must say
// what is wrong and where.
func TestHostile(t *testing.T) {
	four := f32(1)
	const maxI = int64(math.MaxInt64)
	ok := join(in("x"), out("y"))
	inits := func(tensor []byte) []byte { return model(join(ok, msg(5, tensor), node("y = A(x)"))) }
	deep := func(n int) []byte {
		g := join(out("o"), node("o = A(x)"))
		for range n {
			g = join(out("o"), node("o = If(x)", attrGraph("then_branch", g)))
		}
		return model(join(in("x"), g))
	}
	chain := func(n int) []byte {
		b := model(join(ok, node("y = d.F0(x)")))
		for i := range n {
			b = join(b, function(fmt.Sprintf("d.F%d(a) -> b", i), fnode(fmt.Sprintf("b = d.F%d(a)", i+1))))
		}
		return join(b, function(fmt.Sprintf("d.F%d(a) -> b", n), fnode("b = A(a)")))
	}
	tests := []struct {
		name string
		in   []byte
		want string // parts that the message must have, separated by |
	}{
		// The file as such.
		{"empty", nil, "IR version is 0"},
		{"text", []byte("hello world, this is no model"), "not a valid ONNX model"},
		{"truncated", model(join(ok, node("y = A(x)")))[:30], "not a valid ONNX model"},
		{"group", append(model(join(ok, node("y = A(x)"))), 0x0b), "wire type 3"},
		{"IR 2", join(msg(1, 2, 7, ok)), "IR version is 2|3 to 14"},
		{"IR 15", join(msg(1, 15, 7, ok)), "IR version is 15"},
		{"IR -1", join(msg(1, -1, 7, ok)), "IR version is -1"},
		{"no opset", msg(1, 8, 7, ok), "imports no operator set"},
		{"opset 0", msg(1, 8, 8, opset("", 0), 7, ok), "version 0 of the default domain"},
		{"opset 29", msg(1, 8, 8, opset("ai.onnx", 29), 7, ok), "version 29"},
		{"no default opset", msg(1, 8, 8, opset("d", 1), 7, join(ok, node("y = A(x)"))), "node /A#0 (A)|imports no version of the default domain"},
		{"no graph", msg(1, 8, 8, opset("", 17)), "no graph"},
		{"two graphs", join(model(ok), msg(7, ok)), "two graphs"},
		{"graph is a number", msg(1, 8, 8, opset("", 17), 7, 5), "wire type"},

		// Classes 1 and 2: sizes.
		{"dim 0", inits(msg(8, "w", 1, 0, 2, 1, 9, four)), `initializer 0|tensor "w"|needs 0 bytes, have 4`},
		{"dim 2", inits(msg(8, "w", 1, 2, 2, 1, 9, four)), "needs 8 bytes, have 4"},
		{"dim -1", inits(msg(8, "w", 1, -1, 2, 1, 9, four)), "dimension 0 is -1"},
		{"dim max", inits(msg(8, "w", 1, maxI, 2, 2, 9, four)), `tensor "w"`},
		{"dims wrap", inits(msg(8, "w", 1, int64(1)<<32, 1, int64(1)<<32, 1, 4, 2, 2, 9, four)), `tensor "w"`},
		{"type", inits(msg(8, "w", 1, 1, 2, 99, 9, four)), "data_type is 99"},
		{"unnamed", inits(msg(1, 1, 2, 1, 9, four)), "initializer 0|no name"},
		{"attribute tensor", model(join(ok, node("n: y = A(x)", msg(1, "v", 5, msg(1, 2, 2, 1, 9, four))))), `node "n" (A)|attribute "v"|needs 8 bytes`},
		{"sparse too large", model(join(ok, msg(15, msg(1, msg(8, "w", 1, 1, 2, 1, 9, four), 2, msg(1, 1, 2, 7, 7, 0), 3, 1<<28)), node("y = A(x)"))), "limit"},
		{"sparse index", model(join(ok, msg(15, msg(1, msg(8, "w", 1, 1, 2, 1, 9, four), 2, msg(1, 1, 2, 7, 7, 3), 3, 3)), node("y = A(x)"))), "index 3 of entry 0"},
		{"sparse constant too large", model(join(ok, node("y = Constant()", msg(1, "sparse_value", 22, msg(1, msg(1, 0, 2, 1), 3, 1<<28))))), "limit"},

		// Names and structure.
		{"missing producer", model(join(ok, node("n: y = A(x,z)"))), `node /n (A)|input 1, "z"`},
		{"missing output", model(join(ok, node("z = A(x)"))), `output 0, "y"`},
		{"missing in body", model(join(ok, node("n: y = If(x)", attrGraph("then_branch", out("t"), node("t = A(q)"))))), `/n/then_branch/A#0|"q"`},
		{"missing body output", model(join(ok, node("n: y = If(x)", attrGraph("then_branch", out("t"))))), `/n/then_branch|"t"`},
		{"two producers", model(join(ok, node("a: y = A(x)"), node("b: y = B(x)"))), `node "b" (B)|"y"|node "a" (A)`},
		{"produces an input", model(join(ok, node("n: x = A(x)"))), `node "n" (A)|"x"|input or initializer`},
		{"same output twice", model(join(ok, node("n: y,y = A(x)"))), `"y" is also`},
		{"input twice", model(join(in("x", "x"), out("x"))), `input "x" occurs twice`},
		{"initializer twice", model(join(ok, init1("w", 1), init1("w", 1), node("y = A(x)"))), `initializer "w" occurs twice`},
		{"cycle", model(join(ok, node("p: a = A(b)"), node("q: b = B(c)"), node("r: c = C(a)"), node("s: y = D(a)"))), `cycle|"p" (A)|"q" (B)|"r" (C)`},
		{"reads itself", model(join(ok, node("n: y = A(y)"))), `cycle|"n" (A)`},
		{"cycle through a body", model(join(ok, node("n: y = If(x)", attrGraph("then_branch", out("t"), node("t = A(y)"))))), `cycle|"n" (If)`},
		{"no op", model(join(ok, msg(1, msg(2, "y", 3, "n")))), `node "n"|no op_type`},
		{"no outputs", model(join(ok, msg(1, msg(1, "x", 4, "A")))), "no output"},
		{"unnamed input", model(msg(11, msg(2, ""))), "graph input 0|no name"},
		{"long name", model(in(strings.Repeat("x", maxName+1))), "name of 4097 bytes"},
		{"long op", model(msg(1, msg(2, "y", 4, strings.Repeat("x", maxName+1)))), "name of 4097 bytes"},
		{"overload missing", model(join(ok, msg(1, join(nodeMsg("y = d.F(x)"), msg(8, "o"))))), "no function d.F:o"},

		// Attributes.
		{"attribute twice", model(join(ok, node("y = A(x)", attrInt("k", 1), attrInt("k", 2)))), `attribute "k" occurs twice`},
		{"body twice", model(join(ok, node("y = A(x)", attrGraph("k"), attrGraph("k")))), `attribute "k" occurs twice`},
		{"attribute unnamed", model(join(ok, node("y = A(x)", msg(3, 1, 20, 2)))), "no name"},
		{"attribute untyped", model(join(ok, node("y = A(x)", msg(1, "k")))), "no type and 0 values"},
		{"attribute with two values", model(join(ok, node("y = A(x)", msg(1, "k", 3, 1, 2, float32(1))))), "no type and 2 values"},
		{"attribute of another type", model(join(ok, node("y = A(x)", msg(1, "k", 3, 1, 20, 7)))), "its type is INTS, but its value is of type INT"},
		{"attribute type", model(join(ok, node("y = A(x)", msg(1, "k", 20, 77)))), "type is 77"},
		{"attribute type max", model(join(ok, node("y = A(x)", msg(1, "k", 20, maxI)))), "type is"},
		{"attribute without tensor", model(join(ok, node("y = A(x)", msg(1, "k", 20, 4)))), "TENSOR and it has 0 values"},
		{"graphs", model(join(ok, node("n: y = A(x)", msg(1, "k", 11, "", 20, 10)))), `node "n" (A)|GRAPHS is not supported`},
		{"type protos", model(join(ok, node("y = A(x)", msg(1, "k", 15, "")))), "TYPE_PROTOS is not supported"},
		{"reference outside", model(join(ok, node("n: y = A(x)", attrRef("k", "p", 2)))), "this is no function"},

		// Class 7: recursion.
		{"17 bodies", deep(17), "nested deeper than 16"},
		{"5000 bodies", deep(5000), "nested deeper than 16"},
		{"types", model(msg(11, msg(1, "x", 2, nestedType(50)))), "nested deeper than 16"},
		{"100000 types", model(msg(11, msg(1, "x", 2, nestedType(1000)))), "nested deeper than 16"},
		{"self", model(join(ok, node("n: y = d.F(x)")), function("d.F(a) -> b", fnode("b = d.F(a)"))), "node /n/d.F#0 (d.F)|calls itself"},
		{"mutual", model(join(ok, node("y = d.F(x)")), function("d.F(a) -> b", fnode("b = d.G(a)")), function("d.G(a) -> b", fnode("b = d.F(a)"))), "calls itself"},
		{"self in a body", model(join(ok, node("y = d.F(x)")), function("d.F(a) -> b", fnode("b = If(a)", attrGraph("then_branch", out("t"), node("t = d.F(a)"))))), "calls itself"},
		{"20 calls", chain(20), "nested deeper than 16"},
		{"operator calls itself", model(join(ok, node("y = Relu(x)")), function("ai.onnx.Relu(a) -> b", fnode("b = Relu(a)"))), "calls itself"},

		// Functions.
		{"function twice", model(ok, function("d.F(a) -> b", fnode("b = A(a)")), function("d.F(a) -> b", fnode("b = A(a)"))), "d.F is defined twice"},
		{"function unnamed", model(ok, msg(25, msg(10, "d"))), "no name"},
		{"function misses value", model(ok, function("d.F(a) -> b", fnode("b = A(z)"))), `function d.F|"z"`},
		{"function misses output", model(ok, function("d.F(a) -> b")), `function d.F|"b"`},
		{"too many inputs", model(join(ok, node("y = d.F(x,x)")), function("d.F(a) -> b", fnode("b = A(a)"))), "takes 1 inputs"},
		{"too many outputs", model(join(ok, node("y,z = d.F(x)")), function("d.F(a) -> b", fnode("b = A(a)"))), "gives 1 outputs"},
		{"attribute unknown", model(join(ok, node("y = d.F(x)", attrInt("k", 1))), function("d.F(a) -> b", fnode("b = A(a)"))), `no attribute "k"`},
		{"reference undeclared", model(join(ok, node("y = d.F(x)")), function("d.F(a) -> b", fnode("b = A(a)", attrRef("k", "p", 2)))), `refers to "p"`},
		{"reference of another type", model(join(ok, node("y = d.F(x)", attrInt("p", 1))), function("d.F(a) -> b", msg(6, "p"), fnode("b = A(a)", attrRef("k", "p", 1)))), "type INT, expected FLOAT"},
		{"attribute declared twice", model(ok, function("d.F(a) -> b", msg(6, "p", 11, attrInt("p", 1)), fnode("b = A(a)"))), "declared twice"},
		{"passes an absent input", model(join(in("x"), out("y"), node("y = d.F(,x)")), function("d.F(a,b) -> a")), "leaves out"},

		// External data without a folder.
		{"external", inits(extTensor("w", "location", "weights.bin")), `tensor "w"|"weights.bin"|not opened from a folder`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			m, err := Read("some/model.onnx", tt.in, nil)
			if err == nil {
				t.Fatalf("no error; it was read as\n%s", print(m.Graph))
			}
			for _, w := range append(strings.Split(tt.want, "|"), "some/model.onnx: ") {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q, want %q in it", err, w)
				}
			}
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrLimit) && !strings.Contains(err.Error(), "tensor") {
				t.Errorf("error %v is of no kind", err)
			}
			if d := time.Since(start); d > time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

func nestedType(n int) []byte {
	b := msg(1, msg(1, 1))
	for range n {
		b = msg(4, msg(1, b))
	}
	return b
}

// extTensor is a TensorProto float[1] with external data.
func extTensor(name string, kv ...string) []byte {
	b := msg(8, name, 1, 1, 2, 1, 14, 1)
	for i := 0; i < len(kv); i += 2 {
		b = append(b, msg(13, msg(1, kv[i], 2, kv[i+1]))...)
	}
	return b
}

// Every prefix of a model, and the model with each byte changed, must be read
// or refused, never panic.
func TestPrefixesAndFlips(t *testing.T) {
	b := model(join(in("x"), out("y"), init1("w", 1), msg(15, msg(1, tensor1("s", 5), 2, msg(1, 1, 2, 7, 7, 2), 3, 3)),
		node("a = d.F(x,w)", attrInt("p", 3)),
		node("y = If(a)", attrGraph("then_branch", out("t"), node("t = A(x,s)", msg(1, "k", 5, tensor1("", 1), 20, 4))))),
		function("d.F(a,b) -> c", msg(6, "p"), fnode("c = A(a,b)", attrRef("q", "p", 2))))
	mustRead(t, b)
	for i := range b {
		Read("m", b[:i], nil)
		for _, c := range []byte{0, 1, 0x7f, 0x80, 0xff, b[i] ^ 1, b[i] + 1} {
			x := bytes.Clone(b)
			x[i] = c
			if m, err := Read("m", x, nil); err == nil {
				checkModel(t, m)
			}
		}
	}
}

// Class 8: what a file makes of itself in memory is bounded, and so is the time.
func TestAmplification(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	repeat := func(b []byte, size int) []byte { return bytes.Repeat(b, size/len(b)) }
	ok := join(in("x"), out("y"), node("y = A(x)"))
	const mb = 1 << 20
	fan := func(n, width int) []byte { // width^n nodes
		b := model(join(in("x"), out("y"), node("y = d.F0(x)")))
		for i := range n {
			body := fnode(fmt.Sprintf("b = d.F%d(a)", i+1))
			for k := 1; k < width; k++ {
				body = append(body, fnode(fmt.Sprintf("c%d = d.F%d(a)", k, i+1))...)
			}
			b = join(b, function(fmt.Sprintf("d.F%d(a) -> b", i), body))
		}
		return join(b, function(fmt.Sprintf("d.F%d(a) -> b", n), fnode("b = A(a)")))
	}
	nodes := func(n int) (b []byte) {
		for i := range n {
			b = append(b, node(fmt.Sprintf("%x = A(x)", i))...)
		}
		return b
	}
	captures := func(depth, n int) []byte { // every level captures n values
		var args []string
		outer := in("x")
		for i := range n {
			name := fmt.Sprintf("v%x", i)
			args = append(args, name)
			outer = append(outer, node(name+" = A(x)")...)
		}
		g := join(out("o"), node("o = B("+strings.Join(args, ",")+")"))
		for range depth {
			g = join(out("o"), node("o = If(x)", attrGraph("then_branch", g)))
		}
		return model(join(outer, g))
	}
	refBodies := func(n int) []byte { // 2^n bodies: each level passes its body on twice
		g := attrGraph("g", out("o"), node("o = A(x)"))
		for range n {
			g = attrGraph("g", out("o"), node("o = d.F(x)", g))
		}
		return model(join(in("x"), out("y"), node("y = d.F(x)", g)),
			function("d.F(a) -> b", msg(6, "g"), fnode("b = If(a)", attrRef("then_branch", "g", 5), attrRef("else_branch", "g", 5))))
	}
	tests := []struct {
		name string
		in   []byte
	}{
		{"empty nodes", model(join(ok, repeat(msg(1, ""), mb)))},
		{"small nodes", model(join(ok, repeat(msg(1, msg(2, "z", 4, "A")), mb)))},
		{"many nodes", model(join(ok, nodes(60000)))},
		{"empty initializers", model(join(ok, repeat(msg(5, ""), mb)))},
		{"empty inputs", model(join(ok, repeat(msg(11, ""), mb)))},
		{"empty value_info", model(join(ok, repeat(msg(13, ""), mb)))},
		{"empty functions", join(model(ok), repeat(msg(25, ""), mb))},
		{"empty opsets", join(model(ok), repeat(msg(8, ""), mb))},
		{"empty metadata", join(model(ok), repeat(msg(14, ""), mb))},
		{"empty names", model(join(ok, msg(1, join(msg(4, "A"), repeat(msg(1, ""), mb)))))},
		{"same names", model(join(ok, msg(1, join(msg(4, "A", 2, "z"), repeat(msg(1, "x"), mb)))))},
		{"empty outputs", model(join(ok, msg(1, join(msg(4, "A"), repeat(msg(2, ""), mb), msg(2, "z")))))},
		{"attributes", model(join(ok, node("z = A(x)", repeat(attrInt("k", 1), mb))))},
		{"many attributes", model(join(ok, msg(1, join(nodeMsg("z = A(x)"), repeat(msg(5, msg(1, "k", 3, 1)), mb)))))},
		{"ints", model(join(ok, node("z = A(x)", msg(1, "k", 8, make([]byte, mb)))))},
		{"single ints", model(join(ok, node("z = A(x)", join(msg(1, "k"), repeat(msg(8, 1), mb)))))},
		{"strings", model(join(ok, node("z = A(x)", join(msg(1, "k"), repeat(msg(9, ""), mb)))))},
		{"empty tensors", model(join(ok, node("z = A(x)", join(msg(1, "k"), repeat(msg(10, msg(1, 0, 2, 1)), mb)))))},
		{"int64 data", model(join(ok, msg(5, msg(8, "w", 1, 16*mb, 2, 7, 7, make([]byte, 16*mb)))))},
		{"dims", model(msg(11, msg(1, "x", 2, msg(1, msg(2, repeat(msg(1, ""), mb))))))},
		{"shapes", model(repeat(msg(13, msg(1, "x", 2, msg(1, msg(2, repeat(msg(1, ""), 120))))), mb))},
		{"sparse", model(join(ok, repeat(msg(15, msg(1, msg(8, "w", 1, 0, 2, 1), 3, mb)), mb)))},
		{"graphs", model(join(ok, msg(1, join(nodeMsg("z = A(x)"), repeat(msg(5, msg(1, "k", 6, "")), mb)))))},
		{"fan 2^16", fan(16, 2)},
		{"fan 100^15", fan(15, 100)},
		{"captures", captures(16, 20000)},
		{"bodies by reference", refBodies(14)},
		{"unsorted", model(join(in("x"), out("y"), unsorted(20000)))},
		{"skipped field", join(model(ok), repeat(msg(20, ""), mb), msg(99, make([]byte, mb)))},
	}
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			m, err := Read("m", tt.in, nil)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			runtime.GC()
			var live runtime.MemStats
			runtime.ReadMemStats(&live)
			grown := int64(live.HeapAlloc) - int64(before.HeapAlloc)
			t.Logf("%d bytes: %v, allocated %d MB, live %d MB, %v", len(tt.in), took, (after.TotalAlloc-before.TotalAlloc)>>20, grown>>20, err)
			if took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			if limit := int64(len(tt.in) + 64*mb); grown > limit || int64(after.TotalAlloc-before.TotalAlloc) > 2*limit {
				t.Errorf("%d bytes are live and %d were allocated, for a file of %d", grown, after.TotalAlloc-before.TotalAlloc, len(tt.in))
			}
			runtime.KeepAlive(m)
		})
	}
}

// unsorted is a chain of n nodes in reverse order.
func unsorted(n int) []byte {
	b := node(fmt.Sprintf("y = A(v%d)", n))
	for i := n; i > 1; i-- {
		b = append(b, node(fmt.Sprintf("v%d = A(v%d)", i, i-1))...)
	}
	return append(b, node("v1 = A(x)")...)
}

// Class 6: twice the file takes about twice the time.
func TestLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	best := func(b []byte) time.Duration {
		d := time.Hour
		for range 5 {
			start := time.Now()
			if _, err := Read("m", b, nil); err != nil {
				t.Fatal(err)
			}
			d = min(d, time.Since(start))
		}
		return d
	}
	one := best(model(join(in("x"), out("y"), unsorted(15000))))
	two := best(model(join(in("x"), out("y"), unsorted(30000))))
	t.Logf("%v, %v", one, two)
	if two > 5*one {
		t.Errorf("15000 nodes take %v, 30000 take %v", one, two)
	}
}
