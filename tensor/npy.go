package tensor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// ErrNPY is returned for bytes that are no NPY file, or hold what no Tensor can.
// It is wrapped with details.
var ErrNPY = errors.New("tensor: bad NPY data")

const (
	npyMagic     = "\x93NUMPY"
	maxNPYHeader = 64 << 10 // NumPy itself refuses headers over 10,000 bytes by default
)

// npyType is a parsed NPY element type, such as "<f4".
type npyType struct {
	dt   DType
	big  bool // big-endian
	size int  // bytes of an element
	kind byte // 'S' and 'U' are strings
}

// npyHeader is what stands before the elements.
type npyHeader struct {
	npyType
	fortran bool
	dims    []int
	n       int // elements
	bytes   int // bytes of the elements
}

// ParseNPY decodes an NPY file (versions 1 to 3) of any type that a Tensor has:
// bool, integers, floats, complex, and bytes or Unicode strings, in either byte
// order and either memory order. Little-endian data in C order is not copied.
func ParseNPY(b []byte) (*Tensor, error) {
	h, rest, err := splitNPY(b)
	if err != nil {
		return nil, err
	}
	if len(rest) != h.bytes {
		return nil, fmt.Errorf("%w: %v needs %d bytes, there are %d", ErrNPY, h, h.bytes, len(rest))
	}
	return h.tensor(rest)
}

// ReadNPY reads one NPY array from r, and not a byte more. It allocates no more
// than r delivers, whatever the header declares.
func ReadNPY(r io.Reader) (*Tensor, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head[:10]); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrNPY, noEOF(err))
	}
	if string(head[:6]) != npyMagic {
		return nil, fmt.Errorf("%w: it does not start with %q", ErrNPY, npyMagic)
	}
	if head[6] > 1 {
		if _, err := io.ReadFull(r, head[10:12]); err != nil {
			return nil, fmt.Errorf("%w: header: %w", ErrNPY, noEOF(err))
		}
	} else {
		head = head[:10]
	}
	n, err := npyHeaderLen(head)
	if err != nil {
		return nil, err
	}
	head = append(head, make([]byte, n)...)
	if _, err := io.ReadFull(r, head[len(head)-n:]); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrNPY, noEOF(err))
	}
	h, _, err := splitNPY(head)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if l, ok := r.(interface{ Len() int }); ok {
		buf.Grow(min(h.bytes, l.Len()))
	}
	if _, err := io.CopyN(&buf, r, int64(h.bytes)); err != nil {
		return nil, fmt.Errorf("%w: %v needs %d bytes, there are %d: %w", ErrNPY, h, h.bytes, buf.Len(), noEOF(err))
	}
	return h.tensor(buf.Bytes())
}

// ReadNPYFile reads the NPY file at path.
func ReadNPYFile(path string) (*Tensor, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	t, err := ParseNPY(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// npyHeaderLen reads the length of the text from the 10 or 12 bytes before it.
func npyHeaderLen(head []byte) (int, error) {
	var n uint32
	switch v := head[6]; {
	case v == 1:
		n = uint32(binary.LittleEndian.Uint16(head[8:]))
	case v == 2 || v == 3:
		n = binary.LittleEndian.Uint32(head[8:])
	default:
		return 0, fmt.Errorf("%w: format version %d.%d; versions 1 to 3 are supported", ErrNPY, v, head[7])
	}
	if n > maxNPYHeader {
		return 0, fmt.Errorf("%w: a header of %d bytes, at most %d are allowed", ErrNPY, n, maxNPYHeader)
	}
	return int(n), nil
}

// splitNPY parses the header and returns what follows it.
func splitNPY(b []byte) (*npyHeader, []byte, error) {
	if len(b) < 10 || string(b[:6]) != npyMagic {
		return nil, nil, fmt.Errorf("%w: it does not start with %q", ErrNPY, npyMagic)
	}
	at := 10
	if b[6] > 1 {
		at = 12
	}
	if len(b) < at {
		return nil, nil, fmt.Errorf("%w: the header is cut off", ErrNPY)
	}
	n, err := npyHeaderLen(b[:at])
	if err != nil {
		return nil, nil, err
	}
	if len(b)-at < n {
		return nil, nil, fmt.Errorf("%w: the header is cut off", ErrNPY)
	}
	h, err := parseNPYHeader(string(b[at : at+n]))
	return h, b[at+n:], err
}

// String describes type and shape for messages.
func (h *npyHeader) String() string {
	s := h.dt.String()
	if h.dt == String {
		s = fmt.Sprintf("string (%c%d)", h.kind, h.size)
	}
	return s + ShapeString(h.dims)
}

// tensor makes the tensor of the elements in data, which has h.bytes bytes.
func (h *npyHeader) tensor(data []byte) (*Tensor, error) {
	if h.dt == String {
		return h.strings(data)
	}
	if h.big {
		data = swapBytes(data, h.dt)
	}
	if h.fortran && len(h.dims) > 1 && h.n > 1 {
		data = fromFortran(data, h.dims, h.size)
	}
	return ProtoReader{}.wrap(h.dt, data, h.dims) // mends bools
}

// swapBytes returns a copy of data with the bytes of each number reversed.
func swapBytes(data []byte, dt DType) []byte {
	size := dt.Size()
	if dt.Class() == ClassComplex {
		size /= 2
	}
	d := alignedBytes(len(data))
	copy(d, data)
	for i := 0; i+size <= len(d); i += size {
		slices.Reverse(d[i : i+size])
	}
	return d
}

// fromFortran returns a copy of data, in which the first dimension varies
// fastest, in C order.
func fromFortran(data []byte, dims []int, size int) []byte {
	out := alignedBytes(len(data))
	stride := make([]int, len(dims)) // in data, in bytes
	s := size
	for i, d := range dims {
		stride[i] = s
		s *= d
	}
	idx := make([]int, len(dims))
	from := 0
	for at := 0; at < len(out); at += size {
		copy(out[at:at+size], data[from:from+size])
		for i := len(dims) - 1; i >= 0; i-- {
			idx[i]++
			from += stride[i]
			if idx[i] < dims[i] {
				break
			}
			from -= idx[i] * stride[i]
			idx[i] = 0
		}
	}
	return out
}

// strings decodes fixed-width strings, which zeros pad at the end.
func (h *npyHeader) strings(data []byte) (*Tensor, error) {
	if h.fortran && len(h.dims) > 1 && h.n > 1 && h.size > 0 {
		data = fromFortran(data, h.dims, h.size)
	}
	t := &Tensor{dtype: String, shape: append([]int{}, h.dims...), offs: make([]int, h.n+1)}
	for i := range h.n {
		e := data[i*h.size : (i+1)*h.size]
		if h.kind == 'S' {
			t.data = append(t.data, bytes.TrimRight(e, "\x00")...)
		} else {
			var err error
			if t.data, err = h.appendUTF32(t.data, e); err != nil {
				return nil, fmt.Errorf("%w: element %d: %w", ErrNPY, i, err)
			}
		}
		t.offs[i+1] = len(t.data)
	}
	return t, nil
}

// appendUTF32 appends the code points of e as UTF-8.
func (h *npyHeader) appendUTF32(dst, e []byte) ([]byte, error) {
	var order binary.ByteOrder = binary.LittleEndian
	if h.big {
		order = binary.BigEndian
	}
	for len(e) >= 4 && order.Uint32(e[len(e)-4:]) == 0 {
		e = e[:len(e)-4]
	}
	for ; len(e) >= 4; e = e[4:] {
		r := order.Uint32(e)
		if r > 0x10ffff || r >= 0xd800 && r < 0xe000 {
			return nil, fmt.Errorf("%#x is no Unicode code point", r)
		}
		dst = append(dst, string(rune(r))...)
	}
	return dst, nil
}

var npyKinds = map[string]DType{
	"b1": Bool, "i1": Int8, "i2": Int16, "i4": Int32, "i8": Int64, "u1": Uint8, "u2": Uint16, "u4": Uint32, "u8": Uint64,
	"f2": Float16, "f4": Float32, "f8": Float64, "c8": Complex64, "c16": Complex128,
}

// npyName returns the type name for d, "" for types that NPY doesn't have.
func npyName(d DType) string {
	for s, dt := range npyKinds {
		if dt == d {
			if d.Size() == 1 {
				return "|" + s
			}
			return "<" + s
		}
	}
	return ""
}

// parseNPYType parses a type such as "<f4", "|b1", ">U12".
func parseNPYType(s string) (t npyType, err error) {
	name := s
	if s != "" && strings.IndexByte("<>|=", s[0]) >= 0 {
		t.big = s[0] == '>'
		name = s[1:]
	}
	if dt, ok := npyKinds[name]; ok {
		t.dt, t.size = dt, dt.Size()
		return t, nil
	}
	if len(name) > 1 && (name[0] == 'S' || name[0] == 'U' || name[0] == 'a') {
		n, err := strconv.ParseUint(name[1:], 10, 31)
		if err == nil && n <= math.MaxInt32/4 {
			t.dt, t.kind, t.size = String, name[0], int(n)
			if t.kind == 'U' {
				t.size *= 4
			} else {
				t.kind = 'S'
			}
			return t, nil
		}
	}
	why := ""
	if name == "O" {
		why = ": arrays of Python objects are pickles, which are never loaded"
	}
	return t, fmt.Errorf("%w: element type %q%s", ErrNPY, clip(s), why)
}

// WriteNPY writes t as an NPY file of version 1, in C order. Strings are
// written as Unicode of fixed width; types that NPY lacks (bfloat16, float8,
// 4-bit and 2-bit) are an error, and so is a string that such a field can't
// hold: one that ends in a zero byte or is not UTF-8.
func WriteNPY(w io.Writer, t *Tensor) error {
	descr, data := npyName(t.dtype), t.data
	if t.dtype == String {
		var err error
		if descr, data, err = utf32(t); err != nil {
			return err
		}
	}
	if descr == "" {
		return fmt.Errorf("%w: NPY has no type for %v", ErrDType, t.dtype)
	}
	var dims strings.Builder
	for _, d := range t.shape {
		fmt.Fprintf(&dims, "%d, ", d)
	}
	shape := strings.TrimSuffix(dims.String(), " ")
	if len(t.shape) > 1 {
		shape = strings.TrimSuffix(shape, ",")
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape)
	pad := 63 - (10+len(head))%64 // the data starts at a multiple of 64
	head += strings.Repeat(" ", pad) + "\n"
	b := append([]byte(npyMagic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(head)))
	if _, err := w.Write(append(b, head...)); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}
