package tensor

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// AppendTensorProto appends t as a TensorProto: raw_data, or string_data.
func AppendTensorProto(dst []byte, name string, t *Tensor) []byte {
	for _, d := range t.shape {
		dst = protowire.AppendTag(dst, tpDims, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(d))
	}
	dst = protowire.AppendTag(dst, tpType, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(t.dtype))
	if t.dtype == String {
		for i := range t.Len() {
			dst = protowire.AppendTag(dst, tpString, protowire.BytesType)
			dst = protowire.AppendBytes(dst, t.data[t.offs[i]:t.offs[i+1]])
		}
	}
	dst = appendName(dst, tpName, name)
	if t.dtype != String {
		dst = protowire.AppendTag(dst, tpRaw, protowire.BytesType)
		dst = protowire.AppendBytes(dst, t.data)
	}
	return dst
}

func appendName(dst []byte, num protowire.Number, name string) []byte {
	if name == "" {
		return dst
	}
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	return protowire.AppendString(dst, name)
}

// KindOf returns the message that holds v, 0 if v is nil.
func KindOf(v Value) ProtoKind {
	switch v.(type) {
	case *Tensor:
		return ProtoTensor
	case *Sequence:
		return ProtoSequence
	case *Map:
		return ProtoMap
	case *Optional:
		return ProtoOptional
	}
	return 0
}

// AppendValueProto appends v as the message of its kind. Nil values, which no
// message can hold, are an error wherever they occur except inside an Optional.
func AppendValueProto(dst []byte, name string, v Value) ([]byte, error) {
	switch v := v.(type) {
	case *Tensor:
		return AppendTensorProto(dst, name, v), nil
	case *Sequence:
		return AppendSequenceProto(dst, name, v)
	case *Map:
		return AppendMapProto(dst, name, v)
	case *Optional:
		return AppendOptionalProto(dst, name, v)
	}
	return nil, fmt.Errorf("%w: %s can't be written", ErrProto, Describe(v))
}

// appendNested appends v as field num.
func appendNested(dst []byte, num protowire.Number, v Value) ([]byte, error) {
	b, err := AppendValueProto(nil, "", v)
	if err != nil {
		return nil, err
	}
	dst = protowire.AppendTag(dst, num, protowire.BytesType)
	return protowire.AppendBytes(dst, b), nil
}

// AppendSequenceProto appends s as a SequenceProto. An empty one is written as
// a sequence of tensors if Elem is known.
func AppendSequenceProto(dst []byte, name string, s *Sequence) ([]byte, error) {
	kind := ProtoKind(0)
	if s.Elem != Invalid {
		kind = ProtoTensor
	}
	for i, v := range s.Items {
		k := KindOf(v)
		if k == 0 || i > 0 && k != kind {
			return nil, fmt.Errorf("%w: sequence of %vs has an item that is %s", ErrProto, kind, Describe(v))
		}
		kind = k
	}
	dst = appendName(dst, 1, name)
	dst = protowire.AppendTag(dst, 2, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(kind))
	var err error
	for _, v := range s.Items {
		if dst, err = appendNested(dst, protowire.Number(kind)+2, v); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// AppendOptionalProto appends o as an OptionalProto.
func AppendOptionalProto(dst []byte, name string, o *Optional) ([]byte, error) {
	kind := KindOf(o.Value)
	dst = appendName(dst, 1, name)
	dst = protowire.AppendTag(dst, 2, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(kind))
	if kind == 0 {
		return dst, nil
	}
	return appendNested(dst, protowire.Number(kind)+2, o.Value)
}

// AppendMapProto appends m as a MapProto. A tensor of values is written as a
// sequence of tensors of rank 0.
func AppendMapProto(dst []byte, name string, m *Map) ([]byte, error) {
	keys := m.Keys
	if keys == nil {
		keys = MustFrom([]int64{}, 0)
	}
	if keys.dtype != String && keys.dtype.Class() != ClassInt && keys.dtype.Class() != ClassUint {
		return nil, fmt.Errorf("%w: map with keys of %v", ErrProto, keys.dtype)
	}
	dst = appendName(dst, 1, name)
	dst = protowire.AppendTag(dst, 2, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(keys.dtype))
	for i := range keys.Len() {
		if keys.dtype == String {
			dst = protowire.AppendTag(dst, 4, protowire.BytesType)
			dst = protowire.AppendString(dst, keys.Str(i))
		} else {
			dst = protowire.AppendTag(dst, 3, protowire.VarintType)
			dst = protowire.AppendVarint(dst, uint64(keys.IntAt(i)))
		}
	}
	values, err := unstack(m.Values)
	if err != nil {
		return nil, err
	}
	if len(values.Items) != keys.Len() {
		return nil, fmt.Errorf("%w: map with %d keys and %d values", ErrProto, keys.Len(), len(values.Items))
	}
	return appendNested(dst, 5, values)
}

// unstack returns the values of a map as a sequence.
func unstack(v Value) (*Sequence, error) {
	switch v := v.(type) {
	case nil:
		return &Sequence{}, nil
	case *Sequence:
		return v, nil
	case *Tensor:
		s := &Sequence{Elem: v.dtype}
		for i := range v.Len() {
			var t *Tensor
			var err error
			if v.dtype == String {
				t, err = FromStrings([]string{v.Str(i)})
			} else if size := v.dtype.Size(); size > 0 {
				t, err = Wrap(v.dtype, v.data[i*size:(i+1)*size])
			} else {
				err = fmt.Errorf("%w: map with values of %v", ErrDType, v.dtype)
			}
			if err != nil {
				return nil, err
			}
			s.Items = append(s.Items, t)
		}
		return s, nil
	}
	return nil, fmt.Errorf("%w: map with values that are %s", ErrProto, Describe(v))
}
