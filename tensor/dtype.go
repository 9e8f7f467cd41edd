package tensor

import "fmt"

// DType is the type of a tensor's elements. The numbers are those of ONNX's
// TensorProto.DataType, so that a value read from a model needs no table.
type DType uint8

// The element types of ONNX (onnx.proto, TensorProto.DataType).
const (
	Invalid        DType = 0
	Float32        DType = 1
	Uint8          DType = 2
	Int8           DType = 3
	Uint16         DType = 4
	Int16          DType = 5
	Int32          DType = 6
	Int64          DType = 7
	String         DType = 8
	Bool           DType = 9
	Float16        DType = 10
	Float64        DType = 11
	Uint32         DType = 12
	Uint64         DType = 13
	Complex64      DType = 14
	Complex128     DType = 15
	BFloat16       DType = 16
	Float8E4M3FN   DType = 17
	Float8E4M3FNUZ DType = 18
	Float8E5M2     DType = 19
	Float8E5M2FNUZ DType = 20
	Uint4          DType = 21
	Int4           DType = 22
	Float4E2M1     DType = 23
	Float8E8M0     DType = 24
	Uint2          DType = 25
	Int2           DType = 26

	numDTypes = 27
)

// Class groups the types that one wide Go type can hold without loss.
type Class uint8

// The classes. Sub-byte and float8 types belong to the class of their values.
const (
	ClassNone    Class = iota
	ClassFloat         // float64 holds every value
	ClassInt           // int64
	ClassUint          // uint64; bool counts as 0 and 1
	ClassComplex       // complex128
	ClassString
)

type dtypeInfo struct {
	name  string // ONNX's lower-case name, as in type strings: "float16"
	bits  int    // width of an element; 0 for strings
	class Class
}

var dtypes = [numDTypes]dtypeInfo{
	Invalid:        {"undefined", 0, ClassNone},
	Float32:        {"float", 32, ClassFloat},
	Uint8:          {"uint8", 8, ClassUint},
	Int8:           {"int8", 8, ClassInt},
	Uint16:         {"uint16", 16, ClassUint},
	Int16:          {"int16", 16, ClassInt},
	Int32:          {"int32", 32, ClassInt},
	Int64:          {"int64", 64, ClassInt},
	String:         {"string", 0, ClassString},
	Bool:           {"bool", 8, ClassUint},
	Float16:        {"float16", 16, ClassFloat},
	Float64:        {"double", 64, ClassFloat},
	Uint32:         {"uint32", 32, ClassUint},
	Uint64:         {"uint64", 64, ClassUint},
	Complex64:      {"complex64", 64, ClassComplex},
	Complex128:     {"complex128", 128, ClassComplex},
	BFloat16:       {"bfloat16", 16, ClassFloat},
	Float8E4M3FN:   {"float8e4m3fn", 8, ClassFloat},
	Float8E4M3FNUZ: {"float8e4m3fnuz", 8, ClassFloat},
	Float8E5M2:     {"float8e5m2", 8, ClassFloat},
	Float8E5M2FNUZ: {"float8e5m2fnuz", 8, ClassFloat},
	Uint4:          {"uint4", 4, ClassUint},
	Int4:           {"int4", 4, ClassInt},
	Float4E2M1:     {"float4e2m1", 4, ClassFloat},
	Float8E8M0:     {"float8e8m0", 8, ClassFloat},
	Uint2:          {"uint2", 2, ClassUint},
	Int2:           {"int2", 2, ClassInt},
}

// Valid reports whether d is one of the types above.
func (d DType) Valid() bool { return d > Invalid && d < numDTypes }

// String returns ONNX's name in lower case: "float", "int64", "bfloat16".
func (d DType) String() string {
	if d < numDTypes {
		return dtypes[d].name
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// Bits returns the width of one element in bits, 0 for strings.
func (d DType) Bits() int {
	if d < numDTypes {
		return dtypes[d].bits
	}
	return 0
}

// Size returns the width of one element in bytes, 0 for strings and for the
// types that pack several elements to a byte.
func (d DType) Size() int { return d.Bits() / 8 }

// Class returns the wide class of d.
func (d DType) Class() Class {
	if d < numDTypes {
		return dtypes[d].class
	}
	return ClassNone
}

// IsFloat reports whether d is a real floating-point type, float8 and float4 included.
func (d DType) IsFloat() bool { return d.Class() == ClassFloat }

// IsInt reports whether d is a signed or unsigned integer (bool is not).
func (d DType) IsInt() bool {
	c := d.Class()
	return d != Bool && (c == ClassInt || c == ClassUint)
}

// ByteLen returns the bytes that n elements occupy when packed, rounded up to
// whole bytes. ok is false if the result does not fit an int.
func (d DType) ByteLen(n int) (bytes int, ok bool) {
	b := d.Bits()
	if n < 0 || b == 0 {
		return 0, n == 0
	}
	if b < 8 {
		per := 8 / b
		return n/per + min(1, n%per), true
	}
	if n > maxInt/(b/8) {
		return 0, false
	}
	return n * (b / 8), true
}

const maxInt = int(^uint(0) >> 1)

// ParseDType returns the type with ONNX's lower-case name s.
func ParseDType(s string) (DType, bool) {
	for d := Float32; d < numDTypes; d++ {
		if dtypes[d].name == s {
			return d, true
		}
	}
	return Invalid, false
}
