package tensor

import (
	"encoding/binary"
	"math"
)

// The functions below move elements between a tensor and one of the four wide
// Go types. They accept data at any alignment and every type of any class
// except String; conversions between classes follow Go's rules, except that
// float to integer saturates at the integer's limits and maps NaN to 0.

// bitsAt returns the raw pattern of element i of a type of at most 64 bits.
func (t *Tensor) bitsAt(i int) uint64 {
	switch t.dtype.Bits() {
	case 2:
		return uint64(t.data[i>>2]>>(i&3*2)) & 3
	case 4:
		return uint64(t.data[i>>1]>>(i&1*4)) & 15
	case 8:
		return uint64(t.data[i])
	case 16:
		return uint64(binary.LittleEndian.Uint16(t.data[2*i:]))
	case 32:
		return uint64(binary.LittleEndian.Uint32(t.data[4*i:]))
	}
	return binary.LittleEndian.Uint64(t.data[8*i:])
}

func (t *Tensor) setBits(i int, v uint64) {
	switch t.dtype.Bits() {
	case 2:
		s := i & 3 * 2
		t.data[i>>2] = t.data[i>>2]&^(3<<s) | byte(v&3)<<s
	case 4:
		s := i & 1 * 4
		t.data[i>>1] = t.data[i>>1]&^(15<<s) | byte(v&15)<<s
	case 8:
		t.data[i] = byte(v)
	case 16:
		binary.LittleEndian.PutUint16(t.data[2*i:], uint16(v))
	case 32:
		binary.LittleEndian.PutUint32(t.data[4*i:], uint32(v))
	default:
		binary.LittleEndian.PutUint64(t.data[8*i:], v)
	}
}

// signed sign-extends the low bits of v.
func signed(v uint64, bits int) int64 { return int64(v<<(64-bits)) >> (64 - bits) }

// FloatAt returns element i as a float64. Complex types give the real part.
func (t *Tensor) FloatAt(i int) float64 {
	switch t.dtype {
	case Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:])))
	case Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(t.data[8*i:]))
	case Float16:
		return float64(F16(binary.LittleEndian.Uint16(t.data[2*i:])).Float32())
	case BFloat16:
		return float64(BF16(binary.LittleEndian.Uint16(t.data[2*i:])).Float32())
	case Complex64, Complex128:
		return real(t.ComplexAt(i))
	}
	switch t.dtype.Class() {
	case ClassFloat:
		return SmallToFloat(t.dtype, uint8(t.bitsAt(i)))
	case ClassInt:
		return float64(signed(t.bitsAt(i), t.dtype.Bits()))
	}
	return float64(t.bitsAt(i))
}

// SetFloatAt stores x in element i, rounded to the nearest (float types, ties
// to even; float8 saturates) or truncated towards zero (integers). Bool stores x != 0.
func (t *Tensor) SetFloatAt(i int, x float64) {
	switch t.dtype {
	case Float32:
		binary.LittleEndian.PutUint32(t.data[4*i:], math.Float32bits(float32(x)))
	case Float64:
		binary.LittleEndian.PutUint64(t.data[8*i:], math.Float64bits(x))
	case Float16:
		binary.LittleEndian.PutUint16(t.data[2*i:], uint16(ToF16(x)))
	case BFloat16:
		binary.LittleEndian.PutUint16(t.data[2*i:], uint16(ToBF16(x)))
	case Complex64, Complex128:
		t.SetComplexAt(i, complex(x, 0))
	case Bool:
		t.setBits(i, uint64(b2i(x != 0)))
	default:
		switch t.dtype.Class() {
		case ClassFloat:
			t.setBits(i, uint64(FloatToSmall(t.dtype, x, true)))
		case ClassInt:
			t.setBits(i, uint64(FloatToInt(x)))
		default:
			if x < 0 {
				t.setBits(i, uint64(FloatToInt(x)))
			} else {
				t.setBits(i, FloatToUint(x))
			}
		}
	}
}

// FloatToInt truncates x towards zero; out of range saturates, NaN is 0.
func FloatToInt(x float64) int64 {
	switch {
	case x != x:
		return 0
	case x >= 1<<63:
		return math.MaxInt64
	case x < -1<<63:
		return math.MinInt64
	}
	return int64(x)
}

// FloatToUint truncates x towards zero; out of range saturates, NaN is 0.
func FloatToUint(x float64) uint64 {
	switch {
	case x != x || x <= 0:
		return 0
	case x >= 1<<64:
		return math.MaxUint64
	}
	return uint64(x)
}

// IntAt returns element i as an int64.
func (t *Tensor) IntAt(i int) int64 {
	if t.dtype == Int64 {
		return int64(binary.LittleEndian.Uint64(t.data[8*i:]))
	}
	switch t.dtype.Class() {
	case ClassInt:
		return signed(t.bitsAt(i), t.dtype.Bits())
	case ClassUint:
		return int64(t.bitsAt(i))
	}
	return FloatToInt(t.FloatAt(i))
}

// SetIntAt stores x in element i; integers keep the low bits, bool stores x != 0.
func (t *Tensor) SetIntAt(i int, x int64) {
	switch {
	case t.dtype == Int64:
		binary.LittleEndian.PutUint64(t.data[8*i:], uint64(x))
	case t.dtype == Bool:
		t.setBits(i, uint64(b2i(x != 0)))
	case t.dtype.Class() == ClassInt || t.dtype.Class() == ClassUint:
		t.setBits(i, uint64(x))
	default:
		t.SetFloatAt(i, float64(x))
	}
}

// UintAt returns element i as a uint64.
func (t *Tensor) UintAt(i int) uint64 {
	switch t.dtype.Class() {
	case ClassInt:
		return uint64(signed(t.bitsAt(i), t.dtype.Bits()))
	case ClassUint:
		return t.bitsAt(i)
	}
	return FloatToUint(t.FloatAt(i))
}

// SetUintAt stores x in element i; integers keep the low bits, bool stores x != 0.
func (t *Tensor) SetUintAt(i int, x uint64) {
	if t.dtype.Class() == ClassFloat || t.dtype.Class() == ClassComplex {
		t.SetFloatAt(i, float64(x))
		return
	}
	t.SetIntAt(i, int64(x))
}

// BoolAt reports whether element i is not zero.
func (t *Tensor) BoolAt(i int) bool {
	switch t.dtype.Class() {
	case ClassFloat:
		return t.FloatAt(i) != 0
	case ClassComplex:
		return t.ComplexAt(i) != 0
	}
	return t.bitsAt(i) != 0
}

// ComplexAt returns element i as a complex128.
func (t *Tensor) ComplexAt(i int) complex128 {
	switch t.dtype {
	case Complex64:
		re := math.Float32frombits(binary.LittleEndian.Uint32(t.data[8*i:]))
		im := math.Float32frombits(binary.LittleEndian.Uint32(t.data[8*i+4:]))
		return complex(float64(re), float64(im))
	case Complex128:
		re := math.Float64frombits(binary.LittleEndian.Uint64(t.data[16*i:]))
		im := math.Float64frombits(binary.LittleEndian.Uint64(t.data[16*i+8:]))
		return complex(re, im)
	}
	return complex(t.FloatAt(i), 0)
}

// SetComplexAt stores x in element i; real types keep the real part.
func (t *Tensor) SetComplexAt(i int, x complex128) {
	switch t.dtype {
	case Complex64:
		binary.LittleEndian.PutUint32(t.data[8*i:], math.Float32bits(float32(real(x))))
		binary.LittleEndian.PutUint32(t.data[8*i+4:], math.Float32bits(float32(imag(x))))
	case Complex128:
		binary.LittleEndian.PutUint64(t.data[16*i:], math.Float64bits(real(x)))
		binary.LittleEndian.PutUint64(t.data[16*i+8:], math.Float64bits(imag(x)))
	default:
		t.SetFloatAt(i, real(x))
	}
}

// Floats appends all elements to dst as float64.
func (t *Tensor) Floats(dst []float64) []float64 {
	n := t.Len()
	if t.dtype == Float32 {
		if s, err := cast[float32](t.data); err == nil {
			for _, x := range s {
				dst = append(dst, float64(x))
			}
			return dst
		}
	}
	for i := range n {
		dst = append(dst, t.FloatAt(i))
	}
	return dst
}

// SetFloats stores src, which must have Len elements.
func (t *Tensor) SetFloats(src []float64) {
	if t.dtype == Float32 {
		if d, err := cast[float32](t.data); err == nil {
			for i, x := range src[:len(d)] {
				d[i] = float32(x)
			}
			return
		}
	}
	for i := range t.Len() {
		t.SetFloatAt(i, src[i])
	}
}

// Ints appends all elements to dst as int64.
func (t *Tensor) Ints(dst []int64) []int64 {
	for i := range t.Len() {
		dst = append(dst, t.IntAt(i))
	}
	return dst
}

// SetInts stores src, which must have Len elements.
func (t *Tensor) SetInts(src []int64) {
	for i := range t.Len() {
		t.SetIntAt(i, src[i])
	}
}
