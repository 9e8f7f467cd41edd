// Package vec has the float32 loops over slices: element-wise functions, reductions and row operations.
//
// Every function works on len(dst) elements; the other slices must be at least as long. dst may be exactly an input, but must not
// overlap one otherwise. An element's result depends on its inputs only, not on its place, so that a slice may be cut anywhere;
// a reduction's rounding depends on the length and the instruction set.
// Unless said otherwise the results of all instruction sets are equal bit by bit, but for the payload of NaN.
package vec

import "unsafe"

//go:generate go -C ../_asm run . -kernel ..

// kernel names a loop that has assembly.
type kernel uint8

const (
	kernelAdd kernel = iota
	kernelAddScalar
	kernelSub
	kernelSubScalar
	kernelMul
	kernelMulScalar
	kernelDiv
	kernelDivScalar
	kernelSubFrom
	kernelDivInto
	kernelMin
	kernelMax
	kernelMinScalar
	kernelMaxScalar
	kernelClip
	kernelLeakyRelu
	kernelAbs
	kernelNeg
	kernelSqrt
	kernelScaleAdd
	kernelAxpy
	kernelNormalize
	kernelNormalizeScale
	kernelNormalizeScaleShift
	kernelExp
	kernelExpSub
	kernelSigmoid
	kernelSilu
	kernelTanh
	kernelErf
	kernelGelu
	kernelGeluTanh
	kernelSum
	kernelSumSquares
	kernelDot
	kernelReduceMax
	kernelReduceMin
)

// args is the argument block of every assembly kernel; the generator knows the offsets.
type args struct {
	dst, a, b, c *float32
	n            int
	s, t         float32
	out          float32 // what a reduction gives
}

// blockSize is how many elements one call of assembly handles: it can't be preempted, so it must end soon.
const blockSize = 32 << 10

// mapped runs a kernel that stores len(dst) elements, with up to three inputs. False means that there is no assembly.
func mapped(k kernel, dst, a, b, c []float32, s, t float32) bool {
	n := len(dst)
	p := args{s: s, t: t}
	for i := 0; i < n; i += blockSize {
		p.n = min(blockSize, n-i)
		p.dst, p.a, p.b, p.c = &dst[i], &a[i], at(b, i), at(c, i)
		if !run(k, &p) {
			return false
		}
	}
	return true
}

// at is the address of s[i], or nil in an empty slice.
func at(s []float32, i int) *float32 {
	if len(s) == 0 {
		return nil
	}
	return (*float32)(unsafe.Pointer(&s[i]))
}

// Add stores a+b.
func Add(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if !mapped(kernelAdd, dst, a, b, nil, 0, 0) {
		addGeneric(dst, a, b)
	}
}

// Sub stores a-b.
func Sub(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if !mapped(kernelSub, dst, a, b, nil, 0, 0) {
		subGeneric(dst, a, b)
	}
}

// Mul stores a*b.
func Mul(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if !mapped(kernelMul, dst, a, b, nil, 0, 0) {
		mulGeneric(dst, a, b)
	}
}

// Div stores a/b.
func Div(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if !mapped(kernelDiv, dst, a, b, nil, 0, 0) {
		divGeneric(dst, a, b)
	}
}

// Min stores the smaller of a and b, NaN if one is NaN, b if they are equal.
func Min(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if !mapped(kernelMin, dst, a, b, nil, 0, 0) {
		minGeneric(dst, a, b)
	}
}

// Max stores the larger of a and b, NaN if one is NaN, b if they are equal.
func Max(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	if !mapped(kernelMax, dst, a, b, nil, 0, 0) {
		maxGeneric(dst, a, b)
	}
}

// AddScalar stores a+s.
func AddScalar(dst, a []float32, s float32) {
	a = a[:len(dst)]
	if !mapped(kernelAddScalar, dst, a, nil, nil, s, 0) {
		addScalarGeneric(dst, a, s)
	}
}

// SubScalar stores a-s.
func SubScalar(dst, a []float32, s float32) {
	a = a[:len(dst)]
	if !mapped(kernelSubScalar, dst, a, nil, nil, s, 0) {
		addScalarGeneric(dst, a, -s)
	}
}

// SubFrom stores s-a.
func SubFrom(dst, a []float32, s float32) {
	a = a[:len(dst)]
	if !mapped(kernelSubFrom, dst, a, nil, nil, s, 0) {
		subFromGeneric(dst, a, s)
	}
}

// Scale stores a*s.
func Scale(dst, a []float32, s float32) {
	a = a[:len(dst)]
	if !mapped(kernelMulScalar, dst, a, nil, nil, s, 0) {
		scaleGeneric(dst, a, s)
	}
}

// DivScalar stores a/s.
func DivScalar(dst, a []float32, s float32) {
	a = a[:len(dst)]
	if !mapped(kernelDivScalar, dst, a, nil, nil, s, 0) {
		divScalarGeneric(dst, a, s)
	}
}

// DivInto stores s/a.
func DivInto(dst, a []float32, s float32) {
	a = a[:len(dst)]
	if !mapped(kernelDivInto, dst, a, nil, nil, s, 0) {
		divIntoGeneric(dst, a, s)
	}
}

// MinScalar stores the smaller of a and s, NaN where a is NaN; s must not be NaN.
func MinScalar(dst, a []float32, s float32) {
	a = a[:len(dst)]
	if !mapped(kernelMinScalar, dst, a, nil, nil, s, 0) {
		minScalarGeneric(dst, a, s)
	}
}

// MaxScalar stores the larger of a and s, NaN where a is NaN; s must not be NaN.
func MaxScalar(dst, a []float32, s float32) {
	a = a[:len(dst)]
	if !mapped(kernelMaxScalar, dst, a, nil, nil, s, 0) {
		maxScalarGeneric(dst, a, s)
	}
}

// Relu stores a where it is not below zero, else 0. NaN and -0 stay.
func Relu(dst, a []float32) { MaxScalar(dst, a, 0) }

// Clip stores a limited to [lo, hi]; hi wins if lo is above it. NaN stays.
func Clip(dst, a []float32, lo, hi float32) {
	a = a[:len(dst)]
	if !mapped(kernelClip, dst, a, nil, nil, lo, hi) {
		clipGeneric(dst, a, lo, hi)
	}
}

// LeakyRelu stores a, times slope where the sign of a is negative.
func LeakyRelu(dst, a []float32, slope float32) {
	a = a[:len(dst)]
	if !mapped(kernelLeakyRelu, dst, a, nil, nil, slope, 0) {
		leakyReluGeneric(dst, a, slope)
	}
}

// Abs stores |a|.
func Abs(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelAbs, dst, a, nil, nil, 0, 0) {
		absGeneric(dst, a)
	}
}

// Neg stores -a.
func Neg(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelNeg, dst, a, nil, nil, 0, 0) {
		negGeneric(dst, a)
	}
}

// Sqrt stores the square root of a.
func Sqrt(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelSqrt, dst, a, nil, nil, 0, 0) {
		sqrtGeneric(dst, a)
	}
}

// ScaleAdd stores a*scale+shift, both operations rounded.
func ScaleAdd(dst, a []float32, scale, shift float32) {
	a = a[:len(dst)]
	if !mapped(kernelScaleAdd, dst, a, nil, nil, scale, shift) {
		scaleAddGeneric(dst, a, scale, shift)
	}
}

// Axpy adds x*s to dst. Whether the product is rounded depends on the instruction set.
func Axpy(dst, x []float32, s float32) {
	x = x[:len(dst)]
	if !mapped(kernelAxpy, dst, dst, x, nil, s, 0) {
		axpyGeneric(dst, x, s)
	}
}
