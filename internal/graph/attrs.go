package graph

import (
	"fmt"
	"sort"

	"github.com/walnut-ai/walnut/tensor"
)

// AttrKind is the type of an attribute. Graph attributes are not here: they
// are a node's Bodies.
type AttrKind uint8

// The kinds, named as in onnx.proto's AttributeType.
const (
	AttrFloat AttrKind = iota + 1
	AttrInt
	AttrString
	AttrTensor
	AttrFloats
	AttrInts
	AttrStrings
	AttrTensors
	AttrType // a TypeProto
)

var attrKindNames = [...]string{"", "FLOAT", "INT", "STRING", "TENSOR", "FLOATS", "INTS", "STRINGS", "TENSORS", "TYPE_PROTO"}

// String returns ONNX's name: "INTS".
func (k AttrKind) String() string {
	if int(k) < len(attrKindNames) {
		return attrKindNames[k]
	}
	return fmt.Sprintf("attribute kind %d", uint8(k))
}

// Attr is one attribute; the field for its kind is set.
type Attr struct {
	Name    string
	Kind    AttrKind
	F       float32
	I       int64
	S       string
	T       *tensor.Tensor
	Floats  []float32
	Ints    []int64
	Strings []string
	Tensors []*tensor.Tensor
	Type    *Type
}

// Attrs is a set of attributes, ordered by name. A nil *Attrs is empty.
type Attrs struct{ list []Attr }

// NewAttrs returns a set; a name that occurs twice is an error.
func NewAttrs(list ...Attr) (*Attrs, error) {
	l := append([]Attr{}, list...)
	sort.SliceStable(l, func(i, j int) bool { return l[i].Name < l[j].Name })
	for i := 1; i < len(l); i++ {
		if l[i].Name == l[i-1].Name {
			return nil, fmt.Errorf("attribute %q occurs twice", l[i].Name)
		}
	}
	return &Attrs{l}, nil
}

// List returns the attributes in order.
func (a *Attrs) List() []Attr {
	if a == nil {
		return nil
	}
	return a.list
}

// Get returns the attribute name, nil if it is absent.
func (a *Attrs) Get(name string) *Attr {
	if a == nil {
		return nil
	}
	i := sort.Search(len(a.list), func(i int) bool { return a.list[i].Name >= name })
	if i < len(a.list) && a.list[i].Name == name {
		return &a.list[i]
	}
	return nil
}
