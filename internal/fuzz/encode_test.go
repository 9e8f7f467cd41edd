package fuzz

import (
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// msg encodes pairs of a field number and a value: numbers as varints, float32
// as fixed, []int64 as repeated varints, strings and bytes as they are.
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
		case []int64:
			for _, x := range v {
				b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), uint64(x))
			}
		case []byte:
			b = protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
	return b
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// model is a ModelProto of the graph and more fields, with the newest opsets of all domains.
func model(g []byte, more ...[]byte) []byte {
	b := msg(1, 10, 8, msg(1, "", 2, 23), 8, msg(1, "ai.onnx.ml", 2, 5), 8, msg(1, "com.microsoft", 2, 1),
		8, msg(1, "ai.onnx.preview.training", 2, 1), 8, msg(1, "f", 2, 1), 7, g)
	return join(append([][]byte{b}, more...)...)
}

// node is a field of a GraphProto, written as "a,b = Op(c,,d)"; Op may have a domain.
func node(s string, attrs ...[]byte) []byte { return msg(1, nodeMsg(s, attrs...)) }

func nodeMsg(s string, attrs ...[]byte) []byte {
	outs, call, _ := strings.Cut(s, " = ")
	op, args, _ := strings.Cut(strings.TrimSuffix(call, ")"), "(")
	var b []byte
	if args != "" {
		for _, a := range strings.Split(args, ",") {
			b = append(b, msg(1, a)...)
		}
	}
	for _, o := range strings.Split(outs, ",") {
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

func aInt(name string, v int64) []byte       { return msg(1, name, 3, v, 20, 2) }
func aInts(name string, v ...int64) []byte   { return msg(1, name, 8, v, 20, 7) }
func aFloat(name string, v float32) []byte   { return msg(1, name, 2, v, 20, 1) }
func aStr(name, v string) []byte             { return msg(1, name, 4, v, 20, 3) }
func aGraph(name string, g ...[]byte) []byte { return msg(1, name, 6, join(g...), 20, 5) }
func aTensor(name string, t *tensor.Tensor) []byte {
	return msg(1, name, 5, tensor.AppendTensorProto(nil, "", t), 20, 4)
}
func aFloats(name string, v ...float32) []byte {
	b := msg(1, name, 20, 6)
	for _, x := range v {
		b = append(b, msg(7, x)...)
	}
	return b
}
func aStrs(name string, v ...string) []byte {
	b := msg(1, name, 20, 8)
	for _, x := range v {
		b = append(b, msg(9, x)...)
	}
	return b
}

func initial(name string, t *tensor.Tensor) []byte {
	return msg(5, tensor.AppendTensorProto(nil, name, t))
}

// in and out are fields of a GraphProto: values with a type.
func in(name string, t graph.Type) []byte  { return msg(11, valueInfo(name, t)) }
func out(name string, t graph.Type) []byte { return msg(12, valueInfo(name, t)) }
func valueInfo(name string, t graph.Type) []byte {
	if t.Kind == graph.KindUnknown {
		return msg(1, name)
	}
	return msg(1, name, 2, typeProto(t))
}

func typeProto(t graph.Type) []byte {
	switch t.Kind {
	case graph.KindTensor, graph.KindSparse:
		b := msg(1, int(t.Elem))
		if t.Shape != nil {
			var dims []byte
			for _, d := range t.Shape {
				if d.Known() {
					dims = append(dims, msg(1, msg(1, d.N))...)
				} else {
					dims = append(dims, msg(1, msg(2, d.Sym))...)
				}
			}
			b = append(b, msg(2, dims)...)
		}
		return msg(1, b)
	case graph.KindSequence, graph.KindOptional:
		num := 4
		if t.Kind == graph.KindOptional {
			num = 9
		}
		inner := graph.TensorType(tensor.Float32, nil)
		if t.Inner != nil {
			inner = *t.Inner
		}
		return msg(num, msg(1, typeProto(inner)))
	case graph.KindMap:
		inner := graph.TensorType(tensor.Float32, nil)
		if t.Inner != nil {
			inner = *t.Inner
		}
		return msg(5, msg(1, int(t.Key), 2, typeProto(inner)))
	}
	return nil
}

// encodeAttr is an AttributeProto.
func encodeAttr(a graph.Attr) []byte {
	switch a.Kind {
	case graph.AttrInt:
		return aInt(a.Name, a.I)
	case graph.AttrFloat:
		return aFloat(a.Name, a.F)
	case graph.AttrString:
		return aStr(a.Name, a.S)
	case graph.AttrTensor:
		return aTensor(a.Name, a.T)
	case graph.AttrInts:
		return aInts(a.Name, a.Ints...)
	case graph.AttrFloats:
		return aFloats(a.Name, a.Floats...)
	case graph.AttrStrings:
		return aStrs(a.Name, a.Strings...)
	case graph.AttrTensors:
		b := msg(1, a.Name, 20, 9)
		for _, t := range a.Tensors {
			b = append(b, msg(10, tensor.AppendTensorProto(nil, "", t))...)
		}
		return b
	case graph.AttrType:
		return msg(1, a.Name, 14, typeProto(*a.Type), 20, 13)
	}
	return msg(1, a.Name)
}
