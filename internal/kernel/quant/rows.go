// Package quant holds kernels on 8-bit quantised data: conversion to and from float32, products of integer matrices and
// convolutions with 32-bit sums, and products of float32 with weights of 4 or 8 bits in blocks.
//
// Integer results are exact and equal for every instruction set and number of threads; sums wrap around as int32 does.
package quant

import (
	"encoding/binary"
	"math"
	"unsafe"
)

//go:generate go -C ../_asm run . -kernel ..

// Byte is a quantised element.
type Byte interface{ uint8 | int8 }

// rowArgs is the argument block of the row kernels; the generator knows the offsets.
type rowArgs struct {
	dst, src      unsafe.Pointer
	n             int
	scale, zero   float32
	lo, hi        float32 // limits of the rounded quotient
	zeroInt       int32
	_             int32
	scales, zeros *float32
}

// Range returns the limits of T.
func Range[T Byte]() (lo, hi int32) {
	var z T
	if z--; z > 0 {
		return 0, 255
	}
	return -128, 127
}

// bytesOf is a slice of bytes of either sign as uint8.
func bytesOf[T Byte](s []T) []uint8 {
	return unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

func isSigned[T Byte]() bool {
	lo, _ := Range[T]()
	return lo < 0
}

// Quantize stores x/scale, rounded to the nearest integer and ties to even, plus zero, within the limits of T. NaN gives the lower limit.
func Quantize[T Byte](dst []T, x []float32, scale float32, zero int32) {
	dst = dst[:len(x)]
	lo, hi := Range[T]()
	p := rowArgs{dst: unsafe.Pointer(unsafe.SliceData(dst)), src: unsafe.Pointer(unsafe.SliceData(x)), n: len(x),
		scale: scale, lo: float32(lo - zero), hi: float32(hi - zero), zeroInt: zero}
	for i := quantizeFast(&p); i < len(x); i++ {
		dst[i] = T(round(x[i]/scale, p.lo, p.hi) + zero)
	}
}

// round is v as the nearest integer from lo to hi, which are integers; NaN gives lo.
func round(v, lo, hi float32) int32 {
	if !(v > lo) {
		return int32(lo)
	}
	if v >= hi {
		return int32(hi)
	}
	const shift = 3 << 22 // sums with it are rounded to integers
	if v > -1<<20 && v < 1<<20 {
		return int32(float32(v+shift) - shift)
	}
	return int32(math.RoundToEven(float64(v)))
}

// Dequantize stores (x - zero) * scale.
func Dequantize[T Byte](dst []float32, x []T, scale float32, zero int32) {
	dst = dst[:len(x)]
	p := rowArgs{dst: unsafe.Pointer(unsafe.SliceData(dst)), src: unsafe.Pointer(unsafe.SliceData(x)), n: len(x), scale: scale, zero: float32(zero)}
	for i := dequantizeFast(&p, isSigned[T](), false); i < len(x); i++ {
		dst[i] = float32(int32(x[i])-zero) * scale
	}
}

// DequantizeEach is Dequantize with a scale and a zero point for each element.
func DequantizeEach[T Byte](dst []float32, x []T, scales, zeros []float32) {
	dst, scales, zeros = dst[:len(x)], scales[:len(x)], zeros[:len(x)]
	p := rowArgs{dst: unsafe.Pointer(unsafe.SliceData(dst)), src: unsafe.Pointer(unsafe.SliceData(x)), n: len(x),
		scales: unsafe.SliceData(scales), zeros: unsafe.SliceData(zeros)}
	for i := dequantizeFast(&p, isSigned[T](), true); i < len(x); i++ {
		dst[i] = (float32(x[i]) - zeros[i]) * scales[i]
	}
}

// DequantizeInt32 is Dequantize for int32, computed in float64.
func DequantizeInt32(dst []float32, x []int32, scale float32, zero int32) {
	dst = dst[:len(x)]
	s, z := float64(scale), float64(zero)
	for i, v := range x {
		dst[i] = float32((float64(v) - z) * s)
	}
}

// Extent returns the least and the greatest of 0 and the elements of x. NaN is passed over.
func Extent(x []float32) (lo, hi float32) {
	var out [2]float32
	p := rowArgs{dst: unsafe.Pointer(&out), src: unsafe.Pointer(unsafe.SliceData(x)), n: len(x)}
	i := extentFast(&p)
	lo, hi = out[0], out[1]
	for _, v := range x[i:] {
		if v < lo {
			lo = v
		} else if v > hi {
			hi = v
		}
	}
	return lo, hi
}

// widen stores x - zero as int16 and clears the rest of dst.
func widen(dst []int16, x []uint8, signed bool, zero int32) {
	p := rowArgs{dst: unsafe.Pointer(unsafe.SliceData(dst)), src: unsafe.Pointer(unsafe.SliceData(x)), n: len(x), zeroInt: zero}
	_ = dst[:len(x)]
	for i := widenFast(&p, signed); i < len(x); i++ {
		v := int16(x[i])
		if signed {
			v = int16(int8(x[i]))
		}
		dst[i] = v - int16(zero)
	}
	clear(dst[len(x):])
}

// flipped stores x with the sign bit of every byte exchanged if flip, and clears the rest of dst.
func flipped(dst, x []uint8, flip bool) {
	n := copy(dst, x)
	clear(dst[n:])
	if !flip {
		return
	}
	d := dst[:n]
	for ; len(d) >= 8; d = d[8:] {
		binary.LittleEndian.PutUint64(d, binary.LittleEndian.Uint64(d)^0x8080808080808080)
	}
	for i := range d {
		d[i] ^= 0x80
	}
}
