package tensor

import (
	"fmt"
	"runtime"
	"unsafe"
)

// F16, BF16 and the 8-bit types are element types for typed views: bit patterns
// with a conversion to float32.
type (
	F16  uint16 // IEEE 754 binary16
	BF16 uint16 // upper half of a binary32
)

// Elem lists the Go types with which Of and From work. bool is stored as one
// byte, 0 or 1.
type Elem interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | bool | complex64 | complex128 | F16 | BF16
}

// DTypeOf returns the element type that T stands for.
func DTypeOf[T Elem]() DType {
	var z T
	switch any(z).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case bool:
		return Bool
	case complex64:
		return Complex64
	case complex128:
		return Complex128
	case F16:
		return Float16
	}
	return BFloat16
}

// Of returns t's elements as a slice of T that shares t's memory. It panics if
// t has another element type, or, on machines that need aligned data, if its data
// does not start at T's alignment (only tensors made by Wrap over foreign bytes can be
// unaligned): both are mistakes of the caller. Use Data for values whose type is not known.
func Of[T Elem](t *Tensor) []T {
	s, err := Data[T](t)
	if err != nil {
		panic(err)
	}
	return s
}

// Data is Of with an error in place of a panic.
func Data[T Elem](t *Tensor) ([]T, error) {
	if t.dtype != DTypeOf[T]() {
		return nil, fmt.Errorf("%w: %v viewed as %v", ErrDType, t.dtype, DTypeOf[T]())
	}
	return cast[T](t.data)
}

// needAligned says that loads and stores must be aligned. The others named here
// take any address, at full speed unless a cache line is crossed; most tensors in
// model files start off their alignment, and this saves a copy of every one.
const needAligned = runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" && runtime.GOARCH != "386"

// cast views b as T; a length that is no multiple, or an unaligned start, is an error.
func cast[T any](b []byte) ([]T, error) {
	var z T
	size := int(unsafe.Sizeof(z))
	if len(b) == 0 {
		return []T{}, nil
	}
	if len(b)%size != 0 {
		return nil, fmt.Errorf("%w: %d bytes are no whole number of elements of %d", ErrShape, len(b), size)
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if needAligned && uintptr(p)%unsafe.Alignof(z) != 0 {
		return nil, fmt.Errorf("%w: data is not aligned", ErrDType)
	}
	return unsafe.Slice((*T)(p), len(b)/size), nil
}

// Aligned returns t itself if every typed view of it works, else a copy that is aligned.
func (t *Tensor) Aligned() *Tensor {
	a := min(t.dtype.Size(), 8)
	if !needAligned || a <= 1 || len(t.data) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(t.data)))%uintptr(a) == 0 {
		return t
	}
	return t.Clone()
}

// From returns a tensor over data without copying it.
func From[T Elem](data []T, dims ...int) (*Tensor, error) {
	var z T
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*int(unsafe.Sizeof(z)))
	if len(data) == 0 {
		b = []byte{}
	}
	return Wrap(DTypeOf[T](), b, dims...)
}

// MustFrom is From for data and shapes known to agree; it panics otherwise.
func MustFrom[T Elem](data []T, dims ...int) *Tensor {
	t, err := From(data, dims...)
	if err != nil {
		panic(err)
	}
	return t
}

// Scalar returns a tensor of rank 0.
func Scalar[T Elem](x T) *Tensor { return MustFrom([]T{x}) }
