package onnx

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// AttributeProto.AttributeType.
const (
	atFloat, atInt, atString, atTensor, atGraph        = 1, 2, 3, 4, 5
	atFloats, atInts, atStrings, atTensors, atGraphs   = 6, 7, 8, 9, 10
	atSparse, atSparses, atType, atTypes, atKindsCount = 11, 12, 13, 14, 15
)

var atNames = [...]string{"UNDEFINED", "FLOAT", "INT", "STRING", "TENSOR", "GRAPH", "FLOATS", "INTS", "STRINGS",
	"TENSORS", "GRAPHS", "SPARSE_TENSOR", "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS"}

// atFields gives the field that holds a kind, atKinds the kind of a field.
var (
	atFields = [...]int{atFloat: 2, atInt: 3, atString: 4, atTensor: 5, atGraph: 6, atFloats: 7, atInts: 8, atStrings: 9,
		atTensors: 10, atGraphs: 11, atSparse: 22, atSparses: 23, atType: 14, atTypes: 15}
	atKinds = func() (k [24]int64) {
		for kind, field := range atFields {
			k[field] = int64(kind)
		}
		k[0] = 0
		return k
	}()
)

func atName(kind int64) string {
	if kind >= 0 && kind < atKindsCount {
		return atNames[kind]
	}
	return fmt.Sprint("kind ", kind)
}

// addAttr takes an AttributeProto of n.
func (p *parser) addAttr(n *pNode, f *field, depth int) error {
	b, err := f.bytes()
	if err != nil {
		return err
	}
	a, err := p.attr(b, depth)
	if err != nil {
		return fmt.Errorf("attribute %q: %w", a.Name, err)
	}
	n.attrs = append(n.attrs, a)
	return nil
}

// attr decodes an AttributeProto; the attribute is never nil. Files of IR
// version 1 have no type field: the field that is set tells the kind.
func (p *parser) attr(b []byte, depth int) (*pAttr, error) {
	a := &pAttr{}
	err := p.charge(costAttr)
	set := [24]int{} // entries by field
	c := fields{b: b}
	var f field
	for err == nil && c.next(&f) {
		switch {
		case f.num == 1:
			a.Name, err = p.name(&f)
		case f.num == 20:
			a.kind, err = f.int()
		case f.num == 21:
			a.ref, err = p.name(&f)
		case f.num < len(atKinds) && atKinds[f.num] != 0:
			set[f.num] += f.entries()
		}
	}
	if err == nil {
		err = c.err
	}
	if err == nil && a.Name == "" {
		err = fmt.Errorf("%w: it has no name", ErrFormat)
	}
	if err != nil {
		return a, err
	}
	if a.kind == 0 && a.ref == "" {
		if err := a.infer(&set); err != nil {
			return a, err
		}
	}
	if a.kind < 0 || a.kind >= atKindsCount {
		return a, fmt.Errorf("%w: its type is %d", ErrFormat, a.kind)
	}
	switch a.kind {
	case atGraphs, atSparses, atTypes:
		return a, fmt.Errorf("%w: its type %s is not supported", ErrFormat, atName(a.kind))
	}
	if a.ref != "" {
		return a, nil
	}
	for field, n := range set {
		if n > 0 && set[atFields[a.kind]] == 0 {
			return a, fmt.Errorf("%w: its type is %s, but its value is of type %s", ErrFormat, atName(a.kind), atName(atKinds[field]))
		}
	}
	return a, p.attrValue(a, b, set[atFields[a.kind]], depth)
}

// entries returns how many list entries f holds.
func (f *field) entries() int {
	if f.typ != protowire.BytesType {
		return 1
	}
	switch f.num {
	case atFields[atFloats]:
		return len(f.data) / 4
	case atFields[atInts]:
		n := 0
		for _, c := range f.data {
			n += int(^c >> 7)
		}
		return n
	}
	return 1
}

// infer sets the kind from the one field that is set.
func (a *pAttr) infer(set *[24]int) error {
	var got []string
	for field, n := range set {
		if n > 0 {
			a.kind = atKinds[field]
			got = append(got, atName(a.kind))
		}
	}
	if len(got) != 1 {
		return fmt.Errorf("%w: it has no type and %d values (%s)", ErrFormat, len(got), strings.Join(got, ", "))
	}
	return nil
}

// attrValue decodes the field of a's kind, which has n entries.
func (p *parser) attrValue(a *pAttr, b []byte, n, depth int) error {
	switch a.kind {
	case atFloats:
		if err := p.charge(4 * n); err != nil {
			return err
		}
		a.Floats = make([]float32, 0, n)
	case atInts:
		if err := p.charge(8 * n); err != nil {
			return err
		}
		a.Ints = make([]int64, 0, n)
	case atStrings:
		if err := p.charge(24 * n); err != nil {
			return err
		}
		a.Strings = make([]string, 0, n)
	case atTensors:
		if err := p.charge(128 * n); err != nil {
			return err
		}
	case atTensor, atSparse, atGraph, atType:
		if n != 1 {
			return fmt.Errorf("%w: its type is %s and it has %d values", ErrFormat, atName(a.kind), n)
		}
	}
	a.Kind = attrKinds[a.kind]
	want := atFields[a.kind]
	c := fields{b: b}
	var f field
	var err error
	for err == nil && c.next(&f) {
		if f.num == want {
			err = p.attrField(a, &f, depth)
		}
	}
	return err
}

var attrKinds = [...]graph.AttrKind{atFloat: graph.AttrFloat, atInt: graph.AttrInt, atString: graph.AttrString,
	atTensor: graph.AttrTensor, atSparse: graph.AttrTensor, atFloats: graph.AttrFloats, atInts: graph.AttrInts,
	atStrings: graph.AttrStrings, atTensors: graph.AttrTensors, atType: graph.AttrType}

// attrField takes one field that holds a's value or an entry of it.
func (p *parser) attrField(a *pAttr, f *field, depth int) (err error) {
	var s []byte
	var t *tensor.Tensor
	switch a.kind {
	case atFloat:
		a.F, err = f.float()
	case atInt:
		a.I, err = f.int()
	case atString:
		if s, err = p.bytes(f); err == nil {
			a.S = string(s)
		}
	case atFloats:
		err = f.eachFloat(func(x float32) { a.Floats = append(a.Floats, x) })
	case atInts:
		err = f.eachInt(func(x int64) { a.Ints = append(a.Ints, x) })
	case atStrings:
		if s, err = p.bytes(f); err == nil {
			a.Strings = append(a.Strings, string(s))
		}
	case atTensor, atTensors:
		if s, err = f.bytes(); err == nil {
			_, t, err = p.tensors.Tensor(s)
		}
		a.T = t
		if a.kind == atTensors {
			a.T, a.Tensors = nil, append(a.Tensors, t)
		}
	case atSparse:
		if s, err = f.bytes(); err == nil {
			_, a.T, err = p.tensors.Sparse(s)
		}
	case atGraph:
		a.body, err = p.graph(f, depth+1)
	case atType:
		var t graph.Type
		t, err = p.typeProto(f, 0)
		a.Type = &t
	}
	return err
}

// bytes returns the data of a field after charging for a copy.
func (p *parser) bytes(f *field) ([]byte, error) {
	b, err := f.bytes()
	if err == nil {
		err = p.charge(len(b))
	}
	return b, err
}

// typeProto decodes a TypeProto. Dimensions without number and name, or that no
// value can have, become symbols of their own.
func (p *parser) typeProto(f *field, depth int) (t graph.Type, err error) {
	if depth > maxTypeDepth {
		return t, fmt.Errorf("%w: types nested deeper than %d", ErrLimit, maxTypeDepth)
	}
	b, err := p.message(f, 96)
	c := fields{b: b}
	var m field
	for err == nil && c.next(&m) {
		switch m.num {
		case 1, 8:
			t.Kind = graph.KindTensor
			if m.num == 8 {
				t.Kind = graph.KindSparse
			}
			t.Elem, t.Shape, err = p.tensorType(&m)
		case 4:
			t.Kind = graph.KindSequence
			t.Inner, err = p.elemType(&m, 1, nil, depth)
		case 5:
			t.Kind = graph.KindMap
			t.Inner, err = p.elemType(&m, 2, &t.Key, depth)
		case 9:
			t.Kind = graph.KindOptional
			t.Inner, err = p.elemType(&m, 1, nil, depth)
		case 7:
			err = fmt.Errorf("%w: opaque types are not supported", ErrFormat)
		}
	}
	if err == nil {
		err = c.err
	}
	return t, err
}

func (p *parser) message(f *field, cost int) ([]byte, error) {
	b, err := f.bytes()
	if err == nil {
		err = p.charge(cost)
	}
	return b, err
}

// elemType decodes the message of a sequence, map or optional: the type inside
// is field num, a map's key field 1.
func (p *parser) elemType(f *field, num int, key *tensor.DType, depth int) (*graph.Type, error) {
	b, err := f.bytes()
	c := fields{b: b}
	var m field
	var inner *graph.Type
	for err == nil && c.next(&m) {
		switch {
		case m.num == num:
			var t graph.Type
			t, err = p.typeProto(&m, depth+1)
			inner = &t
		case m.num == 1 && key != nil:
			*key, err = elemOf(&m)
		}
	}
	if err == nil {
		err = c.err
	}
	return inner, err
}

// elemOf decodes an element type; 0 is a type that is not known.
func elemOf(f *field) (tensor.DType, error) {
	v, err := f.int()
	if err != nil {
		return 0, err
	}
	if v < 0 || v > 255 || v != 0 && !tensor.DType(v).Valid() {
		return 0, fmt.Errorf("%w: %d is no element type", ErrFormat, v)
	}
	return tensor.DType(v), nil
}

func (p *parser) tensorType(f *field) (dt tensor.DType, s graph.Shape, err error) {
	b, err := f.bytes()
	c := fields{b: b}
	var m field
	for err == nil && c.next(&m) {
		switch m.num {
		case 1:
			dt, err = elemOf(&m)
		case 2:
			s, err = p.shape(&m)
		}
	}
	if err == nil {
		err = c.err
	}
	return dt, s, err
}

func (p *parser) shape(f *field) (graph.Shape, error) {
	s := graph.Shape{}
	b, err := f.bytes()
	c := fields{b: b}
	var m field
	for err == nil && c.next(&m) {
		if m.num != 1 {
			continue
		}
		if len(s) == maxRank {
			return nil, fmt.Errorf("%w: a shape of more than %d dimensions", ErrLimit, maxRank)
		}
		var d graph.Dim
		if d, err = p.dim(&m); err == nil {
			s = append(s, d)
		}
	}
	if err == nil {
		err = c.err
	}
	return s, err
}

func (p *parser) dim(f *field) (d graph.Dim, err error) {
	b, err := p.message(f, costDim)
	c := fields{b: b}
	var m field
	known := false
	for err == nil && c.next(&m) {
		switch m.num {
		case 1:
			known = m.v>>(bits.UintSize-1) == 0
			d = graph.Dim{N: int(m.v)}
		case 2:
			known = false
			d.N = 0
			d.Sym, err = p.name(&m)
		}
	}
	if err == nil {
		err = c.err
	}
	if !known && (d.Sym == "" || strings.HasPrefix(d.Sym, "?")) {
		d = p.fresh()
	}
	return d, err
}

// fresh returns a symbol that occurs nowhere else: those of files that start
// with "?" are replaced, inference makes "?1", "?2".
func (p *parser) fresh() graph.Dim {
	p.symbols++
	return graph.Dim{Sym: "?f" + strconv.Itoa(p.symbols)}
}
