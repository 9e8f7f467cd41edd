package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/walnut-ai/walnut/internal/graph"
)

// msg builds messages: alternately a field number and a value. Integers are
// varints, float32 is fixed32, strings and []byte are bytes, []int is packed.
func msg(kv ...any) []byte {
	var b []byte
	for i := 0; i < len(kv); i += 2 {
		num := protowire.Number(kv[i].(int))
		switch v := kv[i+1].(type) {
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
		case int64:
			b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(v))
		case float32:
			b = protowire.AppendFixed32(protowire.AppendTag(b, num, protowire.Fixed32Type), math.Float32bits(v))
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
		case []byte:
			b = protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
		case []int:
			var p []byte
			for _, x := range v {
				p = protowire.AppendVarint(p, uint64(x))
			}
			b = protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), p)
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
	return b
}

// join concatenates messages: fields of one message.
func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// model is a ModelProto around a GraphProto, IR 8 and opset 17.
func model(graph []byte, more ...[]byte) []byte {
	return join(msg(1, 8, 8, opset("", 17), 7, graph), join(more...))
}

func opset(domain string, version int) []byte { return msg(1, domain, 2, version) }

// in and out are fields of a GraphProto: float tensors of any shape.
func in(names ...string) []byte  { return infos(11, names) }
func out(names ...string) []byte { return infos(12, names) }

func infos(field int, names []string) (b []byte) {
	for _, n := range names {
		b = append(b, msg(field, msg(1, n, 2, msg(1, msg(1, 1))))...)
	}
	return b
}

// node is a NodeProto written as "y,z = Op(a,b)" or "name: y = domain.Op(a)".
func nodeMsg(s string, attrs ...[]byte) []byte {
	var b []byte
	if name, rest, ok := strings.Cut(s, ": "); ok {
		b, s = msg(3, name), rest
	}
	left, right, _ := strings.Cut(s, " = ")
	op, args, _ := strings.Cut(strings.TrimSuffix(right, ")"), "(")
	if args != "" {
		for _, a := range strings.Split(args, ",") {
			b = append(b, msg(1, a)...)
		}
	}
	for _, o := range strings.Split(left, ",") {
		b = append(b, msg(2, o)...)
	}
	if i := strings.LastIndex(op, "."); i >= 0 {
		b = append(b, msg(7, op[:i])...)
		op = op[i+1:]
	}
	b = append(b, msg(4, op)...)
	for _, a := range attrs {
		b = append(b, msg(5, a)...)
	}
	return b
}

// node and fnode are fields of a GraphProto and of a FunctionProto.
func node(s string, attrs ...[]byte) []byte  { return msg(1, nodeMsg(s, attrs...)) }
func fnode(s string, attrs ...[]byte) []byte { return msg(7, nodeMsg(s, attrs...)) }

// function is a field of a ModelProto, written as "domain.Name(a,b) -> c".
func function(s string, more ...[]byte) []byte {
	head, outs, _ := strings.Cut(s, " -> ")
	op, args, _ := strings.Cut(strings.TrimSuffix(head, ")"), "(")
	i := strings.LastIndex(op, ".")
	b := msg(10, op[:i], 1, op[i+1:], 9, opset("", 17))
	if args != "" {
		for _, a := range strings.Split(args, ",") {
			b = append(b, msg(4, a)...)
		}
	}
	for _, o := range strings.Split(outs, ",") {
		b = append(b, msg(5, o)...)
	}
	return msg(25, join(b, join(more...)))
}

// attributes
func attrInt(name string, v int) []byte         { return msg(1, name, 3, v, 20, 2) }
func attrRef(name, ref string, kind int) []byte { return msg(1, name, 21, ref, 20, kind) }
func attrGraph(name string, g ...[]byte) []byte { return msg(1, name, 6, join(g...), 20, 5) }
func init1(name string, x float32) []byte       { return msg(5, tensor1(name, x)) }
func tensor1(name string, x float32) []byte     { return msg(8, name, 1, 1, 2, 1, 9, f32(x)) }
func f32(x ...float32) (b []byte) {
	for _, f := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// mustRead reads a model and checks what later stages rely on.
func mustRead(t testing.TB, b []byte) *graph.Model {
	t.Helper()
	m, err := Read("test.onnx", b, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkModel(t, m)
	return m
}

// print writes a graph as text: one node a line, bodies indented.
func print(g *graph.Graph) string {
	var b strings.Builder
	printTo(&b, g, "")
	return b.String()
}

func printTo(b *strings.Builder, g *graph.Graph, indent string) {
	fmt.Fprintf(b, "%s(%s | %s) -> %s\n", indent, names(g.Inputs[:g.Formal]), names(g.Inputs[g.Formal:]), names(g.Outputs))
	for _, n := range g.Nodes {
		fmt.Fprintf(b, "%s%s = %s-%d(%s)", indent, names(n.Outputs), graph.OpName(n.Domain, n.Op), n.Opset, names(n.Inputs))
		for _, a := range n.Attrs.List() {
			fmt.Fprintf(b, " %s=%v", a.Name, a.I)
		}
		fmt.Fprintf(b, " @%s\n", n.Path)
		for _, body := range n.Bodies {
			fmt.Fprintf(b, "%s  %s captures (%s)\n", indent, body.Attr, names(body.Captures))
			printTo(b, body.Graph, indent+"  ")
		}
	}
}

func names(vs []*graph.Value) string {
	var l []string
	for _, v := range vs {
		switch {
		case v == nil:
			l = append(l, "-")
		case v.Default:
			l = append(l, v.Name+"?")
		case v.Const != nil:
			l = append(l, "$"+v.Name)
		default:
			l = append(l, v.Name)
		}
	}
	return strings.Join(l, ",")
}
