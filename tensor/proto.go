package tensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrProto is returned for bytes that are not the ONNX message asked for. It is
// wrapped with details.
var ErrProto = errors.New("tensor: bad ONNX message")

// ErrExternal is returned where a TensorProto keeps its data in another file and
// the reader has not been told how to open it.
var ErrExternal = errors.New("tensor: data is in an external file")

const (
	// maxRank bounds the dimensions that a message or file may declare.
	maxRank = 64
	// maxProtoName bounds the bytes of a name in a message.
	maxProtoName = 64 << 10
)

// ProtoReader decodes ONNX messages. The zero ProtoReader reads what is
// complete in itself; the loader of models sets the hooks.
type ProtoReader struct {
	// External returns the size bytes that e describes; the reader wraps them
	// without copying.
	External func(name string, e External, size int) ([]byte, error)
	// Alloc is told how many bytes are about to be allocated for decoded data;
	// an error stops the reader before it allocates.
	Alloc func(bytes int) error
}

// ParseTensorProto decodes a TensorProto. Elements stored as raw_data are not
// copied: the tensor shares b.
func ParseTensorProto(b []byte) (name string, t *Tensor, err error) {
	return ProtoReader{}.Tensor(b)
}

// field is one field of a message.
type field struct {
	num  protowire.Number
	typ  protowire.Type
	v    uint64 // varint, fixed32 and fixed64
	data []byte // bytes
}

// nextField reads the field that b starts with and returns the rest. Groups,
// which no ONNX message has, are refused.
func nextField(b []byte) (f field, rest []byte, err error) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, nil, fmt.Errorf("%w: %w", ErrProto, protowire.ParseError(n))
	}
	f.num, f.typ, b = num, typ, b[n:]
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
		f.data, n = protowire.ConsumeBytes(b)
	default:
		return f, nil, fmt.Errorf("%w: field %d has wire type %d", ErrProto, num, typ)
	}
	if n < 0 {
		return f, nil, fmt.Errorf("%w: field %d: %w", ErrProto, num, protowire.ParseError(n))
	}
	return f, b[n:], nil
}

// want checks the wire type of a field that is not repeated.
func (f *field) want(t protowire.Type) error {
	if f.typ != t {
		return fmt.Errorf("%w: field %d has wire type %d, not %d", ErrProto, f.num, f.typ, t)
	}
	return nil
}

// countVarints counts the varints in packed data; their last bytes have no high bit.
func countVarints(b []byte) int {
	n := 0
	for _, c := range b {
		n += int(^c >> 7)
	}
	return n
}

// Field numbers of TensorProto.
const (
	tpDims     = 1
	tpType     = 2
	tpSegment  = 3
	tpFloat    = 4
	tpInt32    = 5
	tpString   = 6
	tpInt64    = 7
	tpName     = 8
	tpRaw      = 9
	tpDouble   = 10
	tpUint64   = 11
	tpExternal = 13
	tpLocation = 14
)

var tpFieldNames = map[protowire.Number]string{
	tpFloat: "float_data", tpInt32: "int32_data", tpString: "string_data", tpInt64: "int64_data",
	tpRaw: "raw_data", tpDouble: "double_data", tpUint64: "uint64_data",
}

// tensorHead is what a first pass over a TensorProto finds.
type tensorHead struct {
	name     string
	dtype    int64
	dims     []int
	raw      []byte
	hasRaw   bool
	count    map[protowire.Number]int // entries of the typed fields
	strBytes int
	external bool
	ext      External
	hasExt   bool
}

// dataField returns the typed field that dt's elements belong to and how many
// entries n elements take in it.
func dataField(dt DType, n int) (protowire.Number, int) {
	switch dt {
	case Float32:
		return tpFloat, n
	case Complex64:
		return tpFloat, 2 * n
	case Float64:
		return tpDouble, n
	case Complex128:
		return tpDouble, 2 * n
	case Int64:
		return tpInt64, n
	case Uint32, Uint64:
		return tpUint64, n
	case String:
		return tpString, n
	}
	if dt.Bits() < 8 {
		n, _ = dt.ByteLen(n)
	}
	return tpInt32, n
}

// Tensor decodes a TensorProto.
func (r ProtoReader) Tensor(b []byte) (name string, t *Tensor, err error) {
	h, err := scanTensor(b)
	if err != nil {
		return h.name, nil, h.wrap(err)
	}
	t, err = r.build(h, b)
	if err != nil {
		return h.name, nil, h.wrap(err)
	}
	return h.name, t, nil
}

// wrap adds the tensor's name to err.
func (h *tensorHead) wrap(err error) error {
	if h.name == "" {
		return err
	}
	return fmt.Errorf("tensor %q: %w", clip(h.name), err)
}

// clip shortens a name for messages.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}

// scanTensor reads everything but the elements, which it counts.
func scanTensor(b []byte) (*tensorHead, error) {
	h := &tensorHead{}
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return h, err
		}
		b = rest
		if err := h.field(&f); err != nil {
			return h, err
		}
	}
	return h, nil
}

func (h *tensorHead) field(f *field) error {
	switch f.num {
	case tpDims:
		return h.addDims(f)
	case tpType:
		h.dtype = int64(f.v)
		return f.want(protowire.VarintType)
	case tpSegment:
		return fmt.Errorf("%w: tensors in segments are not supported", ErrProto)
	case tpName:
		if len(f.data) > maxProtoName {
			return fmt.Errorf("%w: a name of %d bytes, at most %d are allowed", ErrProto, len(f.data), maxProtoName)
		}
		h.name = string(f.data)
		return f.want(protowire.BytesType)
	case tpRaw:
		if h.hasRaw {
			return fmt.Errorf("%w: raw_data occurs twice", ErrProto)
		}
		h.raw, h.hasRaw = f.data, true
		return f.want(protowire.BytesType)
	case tpFloat:
		return h.countFixed(f, 4, protowire.Fixed32Type)
	case tpDouble:
		return h.countFixed(f, 8, protowire.Fixed64Type)
	case tpInt32, tpInt64, tpUint64:
		switch f.typ {
		case protowire.VarintType:
			h.add(f.num, 1)
		case protowire.BytesType:
			h.add(f.num, countVarints(f.data))
		default:
			return f.want(protowire.BytesType)
		}
	case tpString:
		h.add(tpString, 1)
		h.strBytes += len(f.data)
		return f.want(protowire.BytesType)
	case tpExternal:
		h.hasExt = true
		if err := f.want(protowire.BytesType); err != nil {
			return err
		}
		return h.ext.entry(f.data)
	case tpLocation:
		if f.v > 1 {
			return fmt.Errorf("%w: data_location is %d", ErrProto, f.v)
		}
		h.external = f.v == 1
		return f.want(protowire.VarintType)
	}
	return nil
}

func (h *tensorHead) add(num protowire.Number, n int) {
	if h.count == nil {
		h.count = map[protowire.Number]int{}
	}
	h.count[num] += n
}

func (h *tensorHead) countFixed(f *field, size int, single protowire.Type) error {
	switch {
	case f.typ == single:
		h.add(f.num, 1)
	case f.typ != protowire.BytesType:
		return f.want(single)
	case len(f.data)%size != 0:
		return fmt.Errorf("%w: %s has %d bytes, no multiple of %d", ErrProto, tpFieldNames[f.num], len(f.data), size)
	default:
		h.add(f.num, len(f.data)/size)
	}
	return nil
}

// addDims takes one dimension or a packed list.
func (h *tensorHead) addDims(f *field) error {
	if f.typ == protowire.VarintType {
		return h.addDim(int64(f.v))
	}
	if err := f.want(protowire.BytesType); err != nil {
		return err
	}
	for b := f.data; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return fmt.Errorf("%w: dims: %w", ErrProto, protowire.ParseError(n))
		}
		if err := h.addDim(int64(v)); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (h *tensorHead) addDim(d int64) error {
	if d < 0 || d > int64(maxInt) {
		return fmt.Errorf("%w: dimension %d is %d", ErrShape, len(h.dims), d)
	}
	if len(h.dims) == maxRank {
		return fmt.Errorf("%w: more than %d dimensions", ErrShape, maxRank)
	}
	h.dims = append(h.dims, int(d))
	return nil
}

// build makes the tensor; b is the message that h was scanned from.
func (r ProtoReader) build(h *tensorHead, b []byte) (*Tensor, error) {
	if h.dtype <= 0 || h.dtype >= numDTypes {
		return nil, fmt.Errorf("%w: data_type is %d", ErrDType, h.dtype)
	}
	dt := DType(h.dtype)
	size, err := byteLen(dt, h.dims)
	if err != nil {
		return nil, err
	}
	if err := r.alloc(valueCost + 16*len(h.dims)); err != nil {
		return nil, err
	}
	n, _ := NumElements(h.dims)
	want, entries := dataField(dt, n)
	for num, c := range h.count {
		switch {
		case c == 0:
		case num != want:
			return nil, fmt.Errorf("%w: %v%s has %d entries in %s, expected %s", ErrProto, dt, ShapeString(h.dims), c, tpFieldNames[num], tpFieldNames[want])
		case len(h.raw) > 0 || h.external:
			return nil, fmt.Errorf("%w: %v%s has data in two places", ErrProto, dt, ShapeString(h.dims))
		}
	}
	if h.external {
		return r.external(h, dt, size)
	}
	if h.hasRaw && dt == String && len(h.raw) > 0 {
		return nil, fmt.Errorf("%w: strings stored as raw_data", ErrProto)
	}
	if dt == String {
		if h.count[want] != n {
			return nil, fmt.Errorf("%w: string%s needs %d strings, has %d", ErrShape, ShapeString(h.dims), n, h.count[want])
		}
		if err := r.alloc(h.strBytes + 8*(n+1)); err != nil {
			return nil, err
		}
		return stringsFrom(h, n, b)
	}
	if len(h.raw) > 0 || h.count[want] == 0 {
		return r.wrap(dt, h.raw, h.dims)
	}
	if h.count[want] != entries {
		return nil, fmt.Errorf("%w: %v%s needs %d entries in %s, has %d", ErrShape, dt, ShapeString(h.dims), entries, tpFieldNames[want], h.count[want])
	}
	if p := onlyPacked(b, want); p != nil && (want == tpFloat || want == tpDouble) {
		return Wrap(dt, p, h.dims...) // packed floats are raw bytes
	}
	if err := r.alloc(size + 64); err != nil {
		return nil, err
	}
	t, err := New(dt, h.dims...)
	if err != nil {
		return nil, err
	}
	return t, fill(t, want, b)
}

func (r ProtoReader) alloc(n int) error {
	if r.Alloc == nil {
		return nil
	}
	return r.Alloc(n)
}

// wrap returns a tensor over data; bools other than 0 and 1 are copied and mended.
func (r ProtoReader) wrap(dt DType, data []byte, dims []int) (*Tensor, error) {
	if data == nil {
		data = []byte{}
	}
	t, err := Wrap(dt, data, dims...)
	if err != nil || dt != Bool {
		return t, err
	}
	for _, c := range data {
		if c > 1 {
			if err := r.alloc(len(data)); err != nil {
				return nil, err
			}
			t = t.Clone()
			for i, c := range t.data {
				t.data[i] = byte(b2i(c != 0))
			}
			return t, nil
		}
	}
	return t, nil
}

func (r ProtoReader) external(h *tensorHead, dt DType, size int) (*Tensor, error) {
	if h.hasRaw && len(h.raw) > 0 {
		return nil, fmt.Errorf("%w: data both inside and in an external file", ErrProto)
	}
	if dt == String {
		return nil, fmt.Errorf("%w: strings in an external file", ErrProto)
	}
	if h.ext.Location == "" {
		return nil, fmt.Errorf("%w: external data has no location", ErrProto)
	}
	if h.ext.HasLength && h.ext.Length != int64(size) {
		return nil, fmt.Errorf("%w: %v%s needs %d bytes, external data has length %d", ErrShape, dt, ShapeString(h.dims), size, h.ext.Length)
	}
	if r.External == nil {
		return nil, fmt.Errorf("%w: %q", ErrExternal, clip(h.ext.Location))
	}
	data, err := r.External(h.name, h.ext, size)
	if err != nil {
		return nil, err
	}
	return r.wrap(dt, data, h.dims)
}

// onlyPacked returns the data of field num if it lies in one packed block.
func onlyPacked(b []byte, num protowire.Number) []byte {
	var p []byte
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return nil
		}
		b = rest
		if f.num != num {
			continue
		}
		if f.typ != protowire.BytesType || p != nil {
			return nil
		}
		p = f.data
	}
	return p
}

// stringsFrom packs the n string_data entries of b.
func stringsFrom(h *tensorHead, n int, b []byte) (*Tensor, error) {
	t := &Tensor{dtype: String, shape: append([]int{}, h.dims...)}
	t.data = make([]byte, 0, h.strBytes)
	t.offs = make([]int, 1, n+1)
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return nil, err
		}
		b = rest
		if f.num == tpString {
			t.data = append(t.data, f.data...)
			t.offs = append(t.offs, len(t.data))
		}
	}
	return t, nil
}

// fill stores the entries of field num of b, which are as many as t needs.
func fill(t *Tensor, num protowire.Number, b []byte) error {
	w := protoWriter{t: t}
	switch t.dtype {
	case Complex64, Complex128:
		w.size = t.dtype.Size() / 2
	default:
		w.size = max(t.dtype.Size(), 1)
	}
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		b = rest
		if f.num != num {
			continue
		}
		if f.typ != protowire.BytesType {
			if err := w.put(f.v); err != nil {
				return err
			}
			continue
		}
		if num == tpFloat || num == tpDouble {
			w.pos += copy(t.data[w.pos:], f.data)
			continue
		}
		for p := f.data; len(p) > 0; {
			v, n := protowire.ConsumeVarint(p)
			if n < 0 {
				return fmt.Errorf("%w: %s: %w", ErrProto, tpFieldNames[num], protowire.ParseError(n))
			}
			if err := w.put(v); err != nil {
				return err
			}
			p = p[n:]
		}
	}
	if w.pos != len(t.data) {
		return fmt.Errorf("%w: %s: %d bytes of %d", ErrProto, tpFieldNames[num], w.pos, len(t.data))
	}
	return nil
}

// protoWriter stores entries of a typed field one after another.
type protoWriter struct {
	t    *Tensor
	size int
	pos  int
}

// put stores the low bytes of v; a value that the element type can't hold is an error.
func (w *protoWriter) put(v uint64) error {
	d := w.t.data
	if w.pos+w.size > len(d) {
		return fmt.Errorf("%w: more entries than elements", ErrProto)
	}
	if err := fits(w.t.dtype, v); err != nil {
		return err
	}
	d = d[w.pos:]
	switch w.size {
	case 1:
		d[0] = byte(v)
		if w.t.dtype == Bool && v != 0 {
			d[0] = 1
		}
	case 2:
		binary.LittleEndian.PutUint16(d, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(d, uint32(v))
	case 8:
		binary.LittleEndian.PutUint64(d, v)
	}
	w.pos += w.size
	return nil
}

// fits reports an entry that is no value of dt. Bit patterns and packed types
// may come sign-extended.
func fits(dt DType, v uint64) error {
	i := int64(v)
	var lo, hi int64
	switch dt {
	case Int32:
		lo, hi = math.MinInt32, math.MaxInt32
		if v>>32 == 0 { // a negative number written as 32 bits
			return nil
		}
	case Int16:
		lo, hi = math.MinInt16, math.MaxUint16
	case Int8:
		lo, hi = math.MinInt8, math.MaxUint8
	case Uint16, Float16, BFloat16:
		lo, hi = math.MinInt16, math.MaxUint16
	case Uint32:
		lo, hi = 0, math.MaxUint32
	case Bool:
		return nil
	default:
		if dt.Bits() > 8 {
			return nil
		}
		lo, hi = math.MinInt8, math.MaxUint8
	}
	if i < lo || i > hi {
		return fmt.Errorf("%w: %d is no %v", ErrProto, i, dt)
	}
	return nil
}
