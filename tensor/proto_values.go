package tensor

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ProtoKind names the messages that hold a Value. The numbers are those of
// SequenceProto.DataType and OptionalProto.DataType.
type ProtoKind uint8

// The kinds. ProtoSparse is read into a dense tensor and never written.
const (
	ProtoTensor   ProtoKind = 1
	ProtoSparse   ProtoKind = 2
	ProtoSequence ProtoKind = 3
	ProtoMap      ProtoKind = 4
	ProtoOptional ProtoKind = 5
)

var protoKindNames = [...]string{"undefined", "tensor", "sparse tensor", "sequence", "map", "optional"}

// String returns the kind in words.
func (k ProtoKind) String() string {
	if int(k) < len(protoKindNames) {
		return protoKindNames[k]
	}
	return fmt.Sprintf("value kind %d", uint8(k))
}

// maxValueDepth bounds sequences inside sequences and the like.
const maxValueDepth = 16

// valueCost is what one item of a sequence is counted with, besides its elements.
const valueCost = 128

// ParseValueProto decodes the message of the given kind.
func ParseValueProto(k ProtoKind, b []byte) (name string, v Value, err error) {
	return ProtoReader{}.Value(k, b)
}

// ParseSequenceProto decodes a SequenceProto.
func ParseSequenceProto(b []byte) (name string, s *Sequence, err error) {
	return ProtoReader{}.sequence(b, 0)
}

// ParseOptionalProto decodes an OptionalProto; one without a value is an empty Optional.
func ParseOptionalProto(b []byte) (name string, o *Optional, err error) {
	return ProtoReader{}.optional(b, 0)
}

// ParseMapProto decodes a MapProto. Integer keys of any width become int64.
// Values that are all tensors of one element and one type become one tensor,
// others a sequence.
func ParseMapProto(b []byte) (name string, m *Map, err error) {
	return ProtoReader{}.mapping(b, 0)
}

// Value decodes the message of the given kind.
func (r ProtoReader) Value(k ProtoKind, b []byte) (name string, v Value, err error) {
	return r.value(k, b, 0)
}

func (r ProtoReader) value(k ProtoKind, b []byte, depth int) (string, Value, error) {
	if depth > maxValueDepth {
		return "", nil, fmt.Errorf("%w: values nested deeper than %d", ErrProto, maxValueDepth)
	}
	// Each case tells nil pointers from nil interfaces.
	switch k {
	case ProtoTensor:
		if n, t, err := r.Tensor(b); err != nil {
			return n, nil, err
		} else {
			return n, t, nil
		}
	case ProtoSparse:
		if n, t, err := r.Sparse(b); err != nil {
			return n, nil, err
		} else {
			return n, t, nil
		}
	case ProtoSequence:
		if n, s, err := r.sequence(b, depth); err != nil {
			return n, nil, err
		} else {
			return n, s, nil
		}
	case ProtoMap:
		if n, m, err := r.mapping(b, depth); err != nil {
			return n, nil, err
		} else {
			return n, m, nil
		}
	case ProtoOptional:
		if n, o, err := r.optional(b, depth); err != nil {
			return n, nil, err
		} else {
			return n, o, nil
		}
	}
	return "", nil, fmt.Errorf("%w: no such kind of value: %d", ErrProto, k)
}

func (r ProtoReader) sequence(b []byte, depth int) (name string, s *Sequence, err error) {
	s = &Sequence{}
	var kind ProtoKind
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return name, nil, err
		}
		b = rest
		switch f.num {
		case 1:
			name = valueName(f.data)
		case 2:
			if f.v > uint64(ProtoOptional) {
				return name, nil, fmt.Errorf("%w: sequence: elem_type is %d", ErrProto, f.v)
			}
			kind = ProtoKind(f.v)
		case 3, 4, 5, 6, 7:
			if err := f.want(protowire.BytesType); err != nil {
				return name, nil, err
			}
			if err := r.alloc(valueCost); err != nil {
				return name, nil, err
			}
			k := ProtoKind(f.num - 2)
			_, v, err := r.value(k, f.data, depth+1)
			if err != nil {
				return name, nil, fmt.Errorf("item %d of sequence: %w", len(s.Items), err)
			}
			if err := s.add(v); err != nil {
				return name, nil, err
			}
			if kind != 0 && kind != k {
				return name, nil, fmt.Errorf("%w: sequence of %vs has an item that is a %v", ErrProto, kind, k)
			}
			kind = k
		}
	}
	return name, s, nil
}

// valueName returns a name, cut where no honest one ends: names of values in
// messages of their own have no meaning.
func valueName(b []byte) string { return string(b[:min(len(b), maxProtoName)]) }

// add appends v; tensors must have one element type.
func (s *Sequence) add(v Value) error {
	if t, ok := v.(*Tensor); ok {
		if len(s.Items) > 0 && t.dtype != s.Elem {
			return fmt.Errorf("%w: sequence of %v has an item of %v", ErrDType, s.Elem, t.dtype)
		}
		s.Elem = t.dtype
	}
	s.Items = append(s.Items, v)
	return nil
}

func (r ProtoReader) optional(b []byte, depth int) (name string, o *Optional, err error) {
	o = &Optional{}
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return name, nil, err
		}
		b = rest
		switch f.num {
		case 1:
			name = valueName(f.data)
		case 2:
			if f.v > uint64(ProtoOptional) {
				return name, nil, fmt.Errorf("%w: optional: elem_type is %d", ErrProto, f.v)
			}
		case 3, 4, 5, 6, 7:
			if err := f.want(protowire.BytesType); err != nil {
				return name, nil, err
			}
			if o.Value != nil {
				return name, nil, fmt.Errorf("%w: optional has two values", ErrProto)
			}
			if _, o.Value, err = r.value(ProtoKind(f.num-2), f.data, depth+1); err != nil {
				return name, nil, err
			}
		}
	}
	return name, o, nil
}

func (r ProtoReader) mapping(b []byte, depth int) (name string, m *Map, err error) {
	var ints []int64
	var strs []string
	var keyType DType
	var values *Sequence
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return name, nil, err
		}
		b = rest
		switch f.num {
		case 1:
			name = valueName(f.data)
		case 2:
			keyType = DType(min(f.v, 255))
		case 3:
			if ints, err = r.intKeys(ints, &f); err != nil {
				return name, nil, err
			}
		case 4:
			if err := r.alloc(16 + len(f.data)); err != nil {
				return name, nil, err
			}
			strs = append(strs, string(f.data))
		case 5:
			if _, values, err = r.sequence(f.data, depth+1); err != nil {
				return name, nil, err
			}
		}
	}
	if values == nil {
		values = &Sequence{}
	}
	n := len(values.Items)
	m = &Map{Values: stack(values)}
	if keyType == String {
		if len(ints) > 0 {
			return name, nil, fmt.Errorf("%w: map with string keys has integer keys", ErrProto)
		}
		m.Keys, err = FromStrings(strs, len(strs))
	} else {
		if !keyType.IsInt() || len(strs) > 0 {
			return name, nil, fmt.Errorf("%w: map with keys of %v", ErrProto, keyType)
		}
		m.Keys, err = From(ints, len(ints))
	}
	if err != nil {
		return name, nil, err
	}
	if m.Keys.Len() != n {
		return name, nil, fmt.Errorf("%w: map with %d keys and %d values", ErrProto, m.Keys.Len(), n)
	}
	return name, m, nil
}

// intKeys appends one key or a packed list.
func (r ProtoReader) intKeys(ints []int64, f *field) ([]int64, error) {
	if f.typ == protowire.VarintType {
		return append(ints, int64(f.v)), r.alloc(8)
	}
	if err := f.want(protowire.BytesType); err != nil {
		return nil, err
	}
	if err := r.alloc(8 * countVarints(f.data)); err != nil {
		return nil, err
	}
	for b := f.data; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: keys: %w", ErrProto, protowire.ParseError(n))
		}
		ints, b = append(ints, int64(v)), b[n:]
	}
	return ints, nil
}

// stack joins items that are tensors of one element and one byte-sized type to
// one tensor of rank 1; otherwise it returns s.
func stack(s *Sequence) Value {
	size := s.Elem.Size()
	if s.Elem == String || size == 0 || len(s.Items) == 0 {
		return s
	}
	for _, v := range s.Items {
		if t, ok := v.(*Tensor); !ok || t.Len() != 1 {
			return s
		}
	}
	t, err := New(s.Elem, len(s.Items))
	if err != nil {
		return s
	}
	for i, v := range s.Items {
		copy(t.data[i*size:], v.(*Tensor).data)
	}
	return t
}

// Sparse decodes a SparseTensorProto into a dense tensor of zeros elsewhere.
// Indices are positions in the flattened tensor or one coordinate list an element.
func (r ProtoReader) Sparse(b []byte) (name string, t *Tensor, err error) {
	var values, indices *Tensor
	h := &tensorHead{}
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return name, nil, err
		}
		b = rest
		switch f.num {
		case 1:
			if name, values, err = r.Tensor(f.data); err != nil {
				return name, nil, fmt.Errorf("values of sparse tensor: %w", err)
			}
		case 2:
			if _, indices, err = r.Tensor(f.data); err != nil {
				return name, nil, fmt.Errorf("indices of sparse tensor: %w", err)
			}
		case 3:
			if err := h.addDims(&f); err != nil {
				return name, nil, err
			}
		}
	}
	t, err = r.densify(values, indices, h.dims)
	if err != nil {
		return name, nil, fmt.Errorf("sparse tensor %q: %w", clip(name), err)
	}
	return name, t, nil
}

func (r ProtoReader) densify(values, indices *Tensor, dims []int) (*Tensor, error) {
	if values == nil || values.Rank() != 1 || values.dtype.Bits() < 8 {
		return nil, fmt.Errorf("%w: values are %v, expected a vector of a type of whole bytes", ErrProto, values)
	}
	nnz := values.Len()
	if indices == nil {
		if nnz > 0 {
			return nil, fmt.Errorf("%w: %d values without indices", ErrProto, nnz)
		}
		indices = MustFrom([]int64{}, 0)
	}
	ok := indices.dtype == Int64 && (indices.Rank() == 1 || indices.Rank() == 2 && indices.shape[1] == len(dims))
	if !ok || indices.shape[0] != nnz {
		return nil, fmt.Errorf("%w: indices are %v, expected int64[%d] or int64[%d,%d]", ErrProto, indices, nnz, nnz, len(dims))
	}
	bytes, err := byteLen(values.dtype, dims)
	if err != nil {
		return nil, err
	}
	if err := r.alloc(bytes + 64); err != nil {
		return nil, err
	}
	t, err := New(values.dtype, dims...)
	if err != nil {
		return nil, err
	}
	size, total, last := values.dtype.Size(), int64(t.Len()), int64(-1)
	for i := range nnz {
		at, err := sparseIndex(indices, i, dims, total)
		if err != nil {
			return nil, err
		}
		if at <= last {
			return nil, fmt.Errorf("%w: index %d of entry %d does not ascend", ErrProto, at, i)
		}
		last = at
		copy(t.data[int(at)*size:], values.data[i*size:(i+1)*size])
	}
	return t, nil
}

// sparseIndex returns the flat position of entry i.
func sparseIndex(indices *Tensor, i int, dims []int, total int64) (int64, error) {
	if indices.Rank() == 1 {
		at := indices.IntAt(i)
		if at < 0 || at >= total {
			return 0, fmt.Errorf("%w: index %d of entry %d is outside of %d elements", ErrProto, at, i, total)
		}
		return at, nil
	}
	at := int64(0)
	for k, d := range dims {
		x := indices.IntAt(i*len(dims) + k)
		if x < 0 || x >= int64(d) {
			return 0, fmt.Errorf("%w: index %d of entry %d is outside of dimension %d, which is %d", ErrProto, x, i, k, d)
		}
		at = at*int64(d) + x
	}
	return at, nil
}
