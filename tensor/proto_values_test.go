package tensor

import (
	"reflect"
	"strings"
	"testing"
)

func TestValueProtoRoundTrip(t *testing.T) {
	one := MustFrom([]float32{1, 2}, 2)
	strs, _ := FromStrings([]string{"a", ""}, 2)
	keys, _ := FromStrings([]string{"yes", "no"}, 2)
	values := []Value{
		one,
		strs,
		&Sequence{Elem: Float32},
		&Sequence{Elem: Float32, Items: []Value{one, Scalar(float32(3))}},
		&Sequence{Items: []Value{&Sequence{Elem: Int64, Items: []Value{Scalar(int64(3))}}}},
		&Map{Keys: keys, Values: MustFrom([]float32{0.25, 0.75}, 2)},
		&Map{Keys: MustFrom([]int64{-1, 5}, 2), Values: &Sequence{Elem: Float32, Items: []Value{one, one}}},
		&Sequence{Items: []Value{&Map{Keys: MustFrom([]int64{0}, 1), Values: MustFrom([]float32{1}, 1)}}},
		&Optional{},
		&Optional{Value: one},
		&Optional{Value: &Sequence{Elem: Float32, Items: []Value{one}}},
		&Optional{Value: &Optional{Value: one}},
	}
	for _, v := range values {
		b, err := AppendValueProto(nil, "name", v)
		if err != nil {
			t.Errorf("%s: %v", Describe(v), err)
			continue
		}
		name, got, err := ParseValueProto(KindOf(v), b)
		if err != nil || name != "name" {
			t.Errorf("%s: name %q, %v", Describe(v), name, err)
			continue
		}
		if s, ok := v.(*Sequence); ok && len(s.Items) == 0 {
			continue // nothing in the message tells the type of its tensors
		}
		b2, err := AppendValueProto(nil, "name", got)
		if err != nil || !reflect.DeepEqual(b, b2) || Describe(got) != Describe(v) {
			t.Errorf("%s came back as %s (%v)", Describe(v), Describe(got), err)
		}
	}
}

func TestValueProtoErrors(t *testing.T) {
	one := msg(1, 1, 2, 1, 9, f32bytes(1))
	deep := []byte{}
	for range 40 {
		deep = msg(2, 3, 5, deep)
	}
	tests := []struct {
		name string
		kind ProtoKind
		in   []byte
		want string
	}{
		{"kind", 0, nil, "no such kind"},
		{"elem_type", ProtoSequence, msg(2, 9), "elem_type is 9"},
		{"other kind", ProtoSequence, msg(2, 3, 3, one), "sequence of sequences"},
		{"mixed types", ProtoSequence, msg(3, one, 3, msg(1, 1, 2, 2, 9, "x")), "sequence of float has an item of uint8"},
		{"item", ProtoSequence, msg(3, one, 3, msg(1, 1, 2, 1)), "item 1"},
		{"deep", ProtoSequence, deep, "deeper than 16"},
		{"two values", ProtoOptional, msg(3, one, 3, one), "two values"},
		{"map lengths", ProtoMap, msg(2, 7, 3, 1, 3, 2, 5, msg(3, one)), "2 keys and 1 values"},
		{"map keys", ProtoMap, msg(2, 1, 3, 1, 5, msg(3, one)), "keys of float"},
		{"map both keys", ProtoMap, msg(2, 8, 3, 1, 5, msg(3, one)), "integer keys"},
	}
	for _, tt := range tests {
		_, v, err := ParseValueProto(tt.kind, tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %s, error %v, want %q", tt.name, Describe(v), err, tt.want)
		}
	}
	if _, err := AppendValueProto(nil, "", &Sequence{Items: []Value{nil}}); err == nil {
		t.Error("a sequence with a nil item was written")
	}
}
