package tensor

import "math"

// Float32 returns the value of x.
func (x F16) Float32() float32 {
	sign, exp, frac := uint32(x>>15)<<31, uint32(x>>10)&31, uint32(x)&0x3ff
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case exp == 0:
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// Float32 returns the value of x.
func (x BF16) Float32() float32 { return math.Float32frombits(uint32(x) << 16) }

// ToF16 rounds to the nearest, ties to even; too large becomes infinite.
func ToF16(f float64) F16 { return F16(roundBits(f, 5, 10, 15)) }

// ToBF16 rounds to the nearest, ties to even; too large becomes infinite.
func ToBF16(f float64) BF16 { return BF16(roundBits(f, 8, 7, 127)) }

// F32ToF16 is ToF16 for a float32.
func F32ToF16(f float32) F16 { return ToF16(float64(f)) }

// F32ToBF16 is ToBF16 for a float32, in integer arithmetic.
func F32ToBF16(f float32) BF16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return BF16(b>>16 | 0x40)
	}
	return BF16((b + 0x7fff + b>>16&1) >> 16)
}

// roundBits rounds f to a format of e exponent and m fraction bits with IEEE
// specials (all ones = infinity or NaN) and returns the pattern.
func roundBits(f float64, e, m, bias int) uint32 {
	sign := uint32(0)
	if math.Signbit(f) {
		sign = 1 << (e + m)
	}
	inf := uint32(1<<e-1) << m
	if math.IsNaN(f) {
		return sign | inf | 1<<(m-1)
	}
	q, ok := roundFinite(math.Abs(f), e, m, bias)
	if !ok || q >= inf {
		return sign | inf
	}
	return sign | q
}

// roundFinite returns the pattern nearest to a >= 0 (ties to even), not capped
// at the format's largest value. ok is false for infinity.
func roundFinite(a float64, e, m, bias int) (uint32, bool) {
	if math.IsInf(a, 0) {
		return 0, false
	}
	if a == 0 {
		return 0, true
	}
	_, x := math.Frexp(a) // a = f * 2^x, f in [0.5, 1)
	exp := x - 1
	if exp < 1-bias {
		exp = 1 - bias
	}
	n := math.RoundToEven(math.Ldexp(a, m-exp)) // in units of the last place
	if n >= math.Ldexp(1, 24+m) {
		return 0, false
	}
	q := uint64(n)
	if exp+bias >= 1<<(e+1) {
		return 0, false
	}
	if q >= 1<<m { // normal: drop the hidden bit, a carry moves into the exponent
		return uint32(q-1<<m) + uint32(exp+bias)<<m, true
	}
	return uint32(q), true
}

// float8 describes one of the 8-bit and 4-bit formats.
type smallFloat struct {
	e, m, bias int
	max        uint32 // pattern of the largest finite value
	nan        uint32 // pattern of NaN; 0 where the format has none
	inf        uint32 // pattern of infinity; 0 where it has none
	uz         bool   // FNUZ: no negative zero, its pattern is NaN
}

var smallFloats = map[DType]*smallFloat{
	Float8E4M3FN:   {4, 3, 7, 0x7e, 0x7f, 0, false},
	Float8E4M3FNUZ: {4, 3, 8, 0x7f, 0x80, 0, true},
	Float8E5M2:     {5, 2, 15, 0x7b, 0x7f, 0x7c, false},
	Float8E5M2FNUZ: {5, 2, 16, 0x7f, 0x80, 0, true},
	Float4E2M1:     {2, 1, 1, 0x7, 0, 0, false},
}

// SmallToFloat returns the value of the pattern b of one of the float8 types,
// float4e2m1 or float8e8m0.
func SmallToFloat(dt DType, b uint8) float64 {
	if dt == Float8E8M0 {
		if b == 0xff {
			return math.NaN()
		}
		return math.Ldexp(1, int(b)-127)
	}
	f := smallFloats[dt]
	top := uint32(1) << (f.e + f.m)
	v := uint32(b)
	neg, mag := v&top != 0, v&(top-1)
	if f.uz && v == f.nan {
		return math.NaN()
	}
	if !f.uz && f.nan != 0 && mag > f.max {
		if f.inf == 0 || mag != f.inf {
			return math.NaN()
		}
		return math.Inf(1 - 2*b2i(neg))
	}
	exp, frac := int(mag>>f.m), float64(mag&(1<<f.m-1))
	var a float64
	if exp == 0 {
		a = math.Ldexp(frac, 1-f.bias-f.m)
	} else {
		a = math.Ldexp(frac+float64(uint32(1)<<f.m), exp-f.bias-f.m)
	}
	if neg {
		return -a
	}
	return a
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// FloatToSmall rounds x to the nearest value of dt, ties to even. Out of range
// it gives the largest finite value if saturate is set, else the type's
// infinity or NaN (ONNX Cast, tables of float8 conversion). float4e2m1 always
// saturates, and NaN becomes -0, as in ONNX's cases since 1.19 (before, 6). For float8e8m0 see FloatToE8M0.
func FloatToSmall(dt DType, x float64, saturate bool) uint8 {
	if dt == Float8E8M0 {
		return FloatToE8M0(x, saturate, "up")
	}
	f := smallFloats[dt]
	sign := uint32(0)
	if math.Signbit(x) {
		sign = 1 << (f.e + f.m)
	}
	if math.IsNaN(x) {
		if f.nan == 0 {
			return 1 << (f.e + f.m)
		}
		if f.uz {
			return uint8(f.nan)
		}
		return uint8(sign | f.nan)
	}
	q, ok := roundFinite(math.Abs(x), f.e, f.m, f.bias)
	if !ok || q > f.max {
		switch {
		case f.nan == 0 || saturate:
			q = f.max
		case f.inf != 0:
			q = f.inf
		case f.uz:
			return uint8(f.nan)
		default:
			q = f.nan
		}
	}
	if q == 0 && f.uz {
		return 0
	}
	return uint8(sign | q)
}

// FloatToE8M0 converts to an unsigned power of two. Rounding is "up", "down"
// or "nearest" (ties up), as Cast's attribute round_mode names it. Zero and
// what lies below the range give the smallest value, 2^-127, and what lies
// above, infinities too, the largest; if saturate is not set both give NaN
// (0xff), as in Cast-24's table. The sign is dropped.
func FloatToE8M0(x float64, saturate bool, round string) uint8 {
	if math.IsNaN(x) {
		return 0xff
	}
	a := math.Abs(x)
	if math.IsInf(a, 0) {
		if saturate {
			return 0xfe
		}
		return 0xff
	}
	low := uint8(0)
	if !saturate {
		low = 0xff
	}
	if a == 0 {
		return low
	}
	f, e := math.Frexp(a)
	e-- // a = 2f * 2^e, 2f in [1, 2)
	switch round {
	case "up":
		if f > 0.5 {
			e++
		}
	case "nearest":
		if f >= 0.75 {
			e++
		}
	}
	switch {
	case e < -127:
		return low
	case e > 127:
		if saturate {
			return 0xfe
		}
		return 0xff
	}
	return uint8(e + 127)
}
