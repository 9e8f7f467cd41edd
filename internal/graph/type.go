package graph

import (
	"strconv"
	"strings"

	"github.com/walnut-ai/walnut/tensor"
)

// Dim is a dimension: a number (Sym empty) or a symbol. Equal symbols are
// equal dimensions. A symbol may be an expression such as "2*batch".
type Dim struct {
	N   int
	Sym string
}

// Known reports whether d is a number.
func (d Dim) Known() bool { return d.Sym == "" }

// String formats d as ONNX's textual form does.
func (d Dim) String() string {
	if d.Known() {
		return strconv.Itoa(d.N)
	}
	return d.Sym
}

// D returns the dimension n.
func D(n int) Dim { return Dim{N: n} }

// Shape is a list of dimensions. A nil Shape has unknown rank; a scalar's is
// empty but not nil.
type Shape []Dim

// Dims returns the shape of numbers n; never nil.
func Dims(n ...int) Shape {
	s := make(Shape, len(n))
	for i, x := range n {
		s[i] = Dim{N: x}
	}
	return s
}

// Known reports whether the rank and every dimension are numbers.
func (s Shape) Known() bool {
	if s == nil {
		return false
	}
	for _, d := range s {
		if !d.Known() {
			return false
		}
	}
	return true
}

// Ints returns the numbers of a known shape, nil otherwise.
func (s Shape) Ints() []int {
	if !s.Known() {
		return nil
	}
	n := make([]int, len(s))
	for i, d := range s {
		n[i] = d.N
	}
	return n
}

// String formats s as "[batch,3]", "[...]" if the rank is unknown.
func (s Shape) String() string {
	if s == nil {
		return "[...]"
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d.String())
	}
	b.WriteByte(']')
	return b.String()
}

// Kind says what a value is.
type Kind uint8

// The kinds of ONNX's TypeProto. KindUnknown is a type not yet inferred.
const (
	KindUnknown Kind = iota
	KindTensor
	KindSparse
	KindSequence
	KindMap
	KindOptional
)

// Type is what is known of a value: kind, element type and shape of a tensor,
// key type of a map, and the type inside sequences, maps and optionals.
type Type struct {
	Kind  Kind
	Elem  tensor.DType // tensors; Invalid = not known
	Shape Shape        // tensors
	Key   tensor.DType // maps
	Inner *Type        // sequences, maps, optionals; nil = not known
}

// TensorType returns the type of a tensor.
func TensorType(dt tensor.DType, s Shape) Type {
	return Type{Kind: KindTensor, Elem: dt, Shape: s}
}

// String formats t as "float[batch,3]", "seq(float[...])", "map(int64,float[])".
func (t Type) String() string {
	inner := "?"
	if t.Inner != nil {
		inner = t.Inner.String()
	}
	switch t.Kind {
	case KindTensor, KindSparse:
		s := t.Elem.String() + t.Shape.String()
		if t.Kind == KindSparse {
			return "sparse(" + s + ")"
		}
		return s
	case KindSequence:
		return "seq(" + inner + ")"
	case KindMap:
		return "map(" + t.Key.String() + "," + inner + ")"
	case KindOptional:
		return "optional(" + inner + ")"
	}
	return "?"
}
