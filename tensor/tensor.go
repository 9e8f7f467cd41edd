// Package tensor holds dense n-dimensional arrays of every ONNX element type,
// and ONNX's other values: sequences, maps and optionals.
//
// A Tensor is a shape over row-major little-endian bytes. Sub-byte types are
// packed with the first element in the low bits, as in ONNX files. Typed views
// (Of) share the bytes; nothing is copied unless a function says so.
package tensor

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"unsafe"
)

// Errors of this package; they are wrapped with details.
var (
	// ErrShape is returned where dimensions are negative, overflow, or don't
	// agree with the amount of data.
	ErrShape = errors.New("tensor: bad shape")
	// ErrDType is returned where an element type is unknown or not the one asked for.
	ErrDType = errors.New("tensor: bad element type")
)

// Value is what a model takes and returns: *Tensor, *Sequence, *Map or *Optional.
type Value interface{ value() }

// Tensor is a dense array. The zero Tensor is invalid; make one with New, From
// or Wrap. Concurrent reads are safe.
type Tensor struct {
	dtype DType
	shape []int
	data  []byte
	offs  []int // strings only: element i is data[offs[i]:offs[i+1]]
}

func (*Tensor) value() {}

// NumElements returns the product of dims. ok is false if one is negative or
// the product does not fit an int.
func NumElements(dims []int) (n int, ok bool) {
	n = 1
	zero := false
	for _, d := range dims {
		if d < 0 {
			return 0, false
		}
		if d == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul64(uint64(n), uint64(d))
		if hi != 0 || lo > uint64(maxInt) {
			return 0, false
		}
		n = int(lo)
	}
	if zero {
		return 0, true
	}
	return n, true
}

// New returns a tensor of zeros (empty strings for String).
func New(dt DType, dims ...int) (*Tensor, error) {
	n, err := byteLen(dt, dims)
	if err != nil {
		return nil, err
	}
	t := &Tensor{dtype: dt, shape: append([]int{}, dims...)}
	if dt == String {
		t.offs = make([]int, n+1)
		return t, nil
	}
	t.data = alignedBytes(n)
	return t, nil
}

// byteLen checks dims and returns the size of the data, for strings the number of elements.
func byteLen(dt DType, dims []int) (int, error) {
	if !dt.Valid() {
		return 0, fmt.Errorf("%w: %v", ErrDType, dt)
	}
	n, ok := NumElements(dims)
	if !ok {
		return 0, fmt.Errorf("%w: %v has no valid number of elements", ErrShape, dims)
	}
	if dt == String {
		if n >= maxInt/16 {
			return 0, fmt.Errorf("%w: %v strings", ErrShape, dims)
		}
		return n, nil
	}
	b, ok := dt.ByteLen(n)
	if !ok || b > maxInt-64 {
		return 0, fmt.Errorf("%w: %v of %v does not fit memory", ErrShape, dims, dt)
	}
	return b, nil
}

// alignedBytes returns n zero bytes that start on a 64-byte boundary.
func alignedBytes(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	b := make([]byte, n+63)
	off := int(-uintptr(unsafe.Pointer(&b[0])) & 63)
	return b[off : off+n : off+n]
}

// Wrap returns a tensor over data without copying it: packed little-endian
// elements in row-major order, exactly as many bytes as the shape needs. The
// data may start at any alignment; Of asks for an aligned start.
func Wrap(dt DType, data []byte, dims ...int) (*Tensor, error) {
	if dt == String {
		return nil, fmt.Errorf("%w: strings can't be wrapped, use FromStrings", ErrDType)
	}
	n, err := byteLen(dt, dims)
	if err != nil {
		return nil, err
	}
	if n != len(data) {
		return nil, fmt.Errorf("%w: %v%v needs %d bytes, have %d", ErrShape, dt, dims, n, len(data))
	}
	return &Tensor{dtype: dt, shape: append([]int{}, dims...), data: data}, nil
}

// FromStrings returns a string tensor; the strings are copied.
func FromStrings(s []string, dims ...int) (*Tensor, error) {
	n, err := byteLen(String, dims)
	if err != nil {
		return nil, err
	}
	if n != len(s) {
		return nil, fmt.Errorf("%w: string%v needs %d elements, have %d", ErrShape, dims, n, len(s))
	}
	t := &Tensor{dtype: String, shape: append([]int{}, dims...)}
	t.SetStrings(s)
	return t, nil
}

// SetStrings replaces the elements of a string tensor; len(s) must be Len.
func (t *Tensor) SetStrings(s []string) {
	total := 0
	for _, x := range s {
		total += len(x)
	}
	t.data = make([]byte, 0, total)
	t.offs = make([]int, len(s)+1)
	for i, x := range s {
		t.data = append(t.data, x...)
		t.offs[i+1] = len(t.data)
	}
}

// DType returns the element type.
func (t *Tensor) DType() DType { return t.dtype }

// Shape returns the dimensions; the slice must not be changed.
func (t *Tensor) Shape() []int { return t.shape }

// Rank returns the number of dimensions.
func (t *Tensor) Rank() int { return len(t.shape) }

// Len returns the number of elements.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.shape {
		n *= d
	}
	return n
}

// Bytes returns the packed elements; for strings the concatenated bytes.
func (t *Tensor) Bytes() []byte { return t.data }

// Str returns element i of a string tensor.
func (t *Tensor) Str(i int) string { return string(t.data[t.offs[i]:t.offs[i+1]]) }

// Strings returns a copy of the elements of a string tensor.
func (t *Tensor) Strings() []string {
	s := make([]string, t.Len())
	for i := range s {
		s[i] = t.Str(i)
	}
	return s
}

// Reshaped returns a tensor that shares t's elements under another shape of
// the same number of elements.
func (t *Tensor) Reshaped(dims ...int) (*Tensor, error) {
	n, ok := NumElements(dims)
	if !ok || n != t.Len() {
		return nil, fmt.Errorf("%w: can't view %v as %v", ErrShape, t.shape, dims)
	}
	return &Tensor{dtype: t.dtype, shape: append([]int{}, dims...), data: t.data, offs: t.offs}, nil
}

// Clone returns a deep copy.
func (t *Tensor) Clone() *Tensor {
	c := &Tensor{dtype: t.dtype, shape: append([]int{}, t.shape...)}
	c.data = alignedBytes(len(t.data))
	copy(c.data, t.data)
	if t.offs != nil {
		c.offs = append([]int{}, t.offs...)
	}
	return c
}

// CopyFrom overwrites t's elements with src's. Types and numbers of elements must agree.
func (t *Tensor) CopyFrom(src *Tensor) error {
	if t.dtype != src.dtype || t.Len() != src.Len() {
		return fmt.Errorf("%w: can't copy %v into %v", ErrShape, src, t)
	}
	if t.dtype == String {
		t.data = append([]byte{}, src.data...)
		t.offs = append(t.offs[:0], src.offs...)
		return nil
	}
	copy(t.data, src.data)
	return nil
}

// String describes type and shape, not the elements: "float[1,3,8,8]".
func (t *Tensor) String() string {
	if t == nil {
		return "nil"
	}
	return t.dtype.String() + ShapeString(t.shape)
}

// ShapeString formats dims as "[2,3]".
func ShapeString(dims []int) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range dims {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}

// SameShape reports whether a and b are equal.
func SameShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// SetHeader points t at other memory: the planner's way to reuse one header.
// It checks sizes and allocates only if the rank grows beyond what t has held.
func (t *Tensor) SetHeader(dt DType, dims []int, data []byte) error {
	n, err := byteLen(dt, dims)
	if err != nil {
		return err
	}
	if dt != String && n != len(data) {
		return fmt.Errorf("%w: %v%v needs %d bytes, have %d", ErrShape, dt, dims, n, len(data))
	}
	t.dtype, t.shape, t.data, t.offs = dt, append(t.shape[:0], dims...), data, nil
	if dt == String {
		t.offs = make([]int, n+1)
	}
	return nil
}
