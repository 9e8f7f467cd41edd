package fuzz

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/walnut-ai/walnut/internal/ops"
)

// kinds of messages in onnx.proto, and the fields of each that are messages.
const (
	pbModel = iota + 1
	pbGraph
	pbNode
	pbAttr
	pbTensor
	pbValue
	pbType
	pbTensorType
	pbShape
	pbDim
	pbSeqType
	pbMapType
	pbFunc
	pbOpset
	pbSparse
	pbEntry
)

var messages = map[int]map[int]int{
	pbModel:      {7: pbGraph, 8: pbOpset, 14: pbEntry, 25: pbFunc},
	pbGraph:      {1: pbNode, 5: pbTensor, 11: pbValue, 12: pbValue, 13: pbValue, 15: pbSparse},
	pbNode:       {5: pbAttr},
	pbAttr:       {5: pbTensor, 6: pbGraph, 10: pbTensor, 11: pbGraph, 14: pbType, 22: pbSparse},
	pbTensor:     {13: pbEntry},
	pbValue:      {2: pbType},
	pbType:       {1: pbTensorType, 4: pbSeqType, 5: pbMapType, 8: pbTensorType, 9: pbSeqType},
	pbTensorType: {2: pbShape},
	pbShape:      {1: pbDim},
	pbSeqType:    {1: pbType},
	pbMapType:    {2: pbType},
	pbFunc:       {7: pbNode, 9: pbOpset, 11: pbAttr},
	pbSparse:     {1: pbTensor, 2: pbTensor},
}

// pb is a message, or one of its fields that is none.
type pb struct {
	num   protowire.Number
	typ   protowire.Type
	v     uint64
	bytes []byte
	kind  int // of a message; 0: no message
	sub   []*pb
}

// parse reads a message of the kind; ok is false if it is not one.
func parse(b []byte, kind, depth int) (l []*pb, ok bool) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, false
		}
		b = b[n:]
		f := &pb{num: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			f.v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			f.v = uint64(v)
		case protowire.Fixed64Type:
			f.v, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
			if k := messages[kind][int(num)]; n >= 0 && k != 0 && depth < 40 {
				if sub, ok := parse(f.bytes, k, depth+1); ok {
					f.kind, f.sub = k, sub
				}
			}
		default:
			return nil, false
		}
		if n < 0 {
			return nil, false
		}
		b = b[n:]
		l = append(l, f)
	}
	return l, true
}

func encode(l []*pb) []byte {
	var b []byte
	for _, f := range l {
		b = protowire.AppendTag(b, f.num, f.typ)
		switch f.typ {
		case protowire.VarintType:
			b = protowire.AppendVarint(b, f.v)
		case protowire.Fixed32Type:
			b = protowire.AppendFixed32(b, uint32(f.v))
		case protowire.Fixed64Type:
			b = protowire.AppendFixed64(b, f.v)
		default:
			x := f.bytes
			if f.kind != 0 {
				x = encode(f.sub)
			}
			b = protowire.AppendBytes(b, x)
		}
	}
	return b
}

func (f *pb) clone() *pb {
	g := *f
	g.sub = nil
	for _, x := range f.sub {
		g.sub = append(g.sub, x.clone())
	}
	return &g
}

// place is a field in the list that it is part of.
type place struct {
	list *[]*pb
	i    int
	kind int // of the message around it
}

func places(list *[]*pb, kind int, l []place) []place {
	for i, f := range *list {
		if len(l) > 4000 {
			break
		}
		l = append(l, place{list, i, kind})
		if f.kind != 0 {
			l = places(&f.sub, f.kind, l)
		}
	}
	return l
}

// maxModel bounds the bytes of a model that is made here.
const maxModel = 1 << 20

// edit changes a model as the bytes in edits say, so that it stays well-formed.
func edit(model, edits []byte) []byte {
	root, ok := parse(model, pbModel, 0)
	if !ok || len(edits) == 0 {
		return model
	}
	s := newSource(edits)
	size := len(model)
	for range 1 + s.n(4) {
		l := places(&root, pbModel, nil)
		if len(l) == 0 {
			break
		}
		p := l[s.n(min(len(l), 1<<16))]
		f := (*p.list)[p.i]
		switch k := s.n(12); {
		case k == 0:
			*p.list = append((*p.list)[:p.i:p.i], (*p.list)[p.i+1:]...)
		case k == 1 && size < maxModel:
			*p.list = append((*p.list)[:len(*p.list):len(*p.list)], f.clone())
			size += len(encode([]*pb{f}))
		case k <= 3: // the contents of another field of this kind
			var same []*pb
			for _, q := range l {
				if g := (*q.list)[q.i]; g != f && g.num == f.num && q.kind == p.kind {
					same = append(same, g)
				}
			}
			if len(same) > 0 && size < maxModel {
				g := same[s.n(min(len(same), 256))].clone()
				size += len(encode([]*pb{g}))
				f.v, f.bytes, f.sub, f.kind, f.typ = g.v, g.bytes, g.sub, g.kind, g.typ
			}
		case f.typ != protowire.BytesType:
			if f.v = uint64(s.int()); f.typ == protowire.VarintType && s.chance(3) {
				f.v = uint64(s.size())
			}
		case f.kind == 0 && p.kind == pbNode && f.num == 4:
			d := ops.Catalog().All()
			f.bytes = []byte(d[s.n(len(d))].Name)
		case f.kind == 0 && len(f.bytes) > 0:
			f.bytes = append([]byte{}, f.bytes...)
			switch s.n(4) {
			case 0:
				f.bytes = f.bytes[:s.n(min(len(f.bytes), 1<<16))]
			case 1:
				f.bytes = append(f.bytes, f.bytes...)
			case 2:
				f.bytes[s.n(min(len(f.bytes), 1<<16))] = byte(s.byte())
			default:
				f.bytes = []byte(pick(s, words...))
			}
			size += len(f.bytes)
		}
	}
	return encode(root)
}
