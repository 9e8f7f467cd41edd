package main

import "math"

// Temporaries of a body.
const (
	t0 temp = iota
	t1
	t2
	t3
	t4
)

var k pred

// vecOps is every kernel of package vec.
func vecOps() []opVec {
	var ops []opVec
	simple := func(name, ins string) {
		ops = append(ops, opVec{name: name, inputs: 2, temps: 2, store: true, body: func(b *vecBody) { b.each(ins, t1, t0, t0) }})
		ops = append(ops, opVec{name: name + "Scalar", inputs: 1, temps: 1, store: true, s: true, body: func(b *vecBody) { b.each(ins, b.scalar("s"), t0, t0) }})
	}
	simple("add", "VADDPS")
	simple("sub", "VSUBPS")
	simple("mul", "VMULPS")
	simple("div", "VDIVPS")
	ops = append(ops,
		opVec{name: "subFrom", inputs: 1, temps: 1, store: true, s: true, body: func(b *vecBody) { b.each("VSUBPS", t0, b.scalar("s"), t0) }},
		opVec{name: "divInto", inputs: 1, temps: 1, store: true, s: true, body: func(b *vecBody) { b.each("VDIVPS", t0, b.scalar("s"), t0) }},
		opVec{name: "min", inputs: 2, temps: 3, store: true, body: func(b *vecBody) { extreme(b, "VMINPS") }},
		opVec{name: "max", inputs: 2, temps: 3, store: true, body: func(b *vecBody) { extreme(b, "VMAXPS") }},
		// min(s, a) and max(s, a): the second source, a, is the result if it is NaN or the two are equal.
		opVec{name: "minScalar", inputs: 1, temps: 1, store: true, s: true, body: func(b *vecBody) { b.each("VMINPS", t0, b.scalar("s"), t0) }},
		opVec{name: "maxScalar", inputs: 1, temps: 1, store: true, s: true, body: func(b *vecBody) { b.each("VMAXPS", t0, b.scalar("s"), t0) }},
		opVec{name: "clip", inputs: 1, temps: 1, store: true, s: true, t: true, body: func(b *vecBody) {
			b.each("VMAXPS", t0, b.scalar("s"), t0)
			b.each("VMINPS", t0, b.scalar("t"), t0)
		}},
		opVec{name: "leakyRelu", inputs: 1, temps: 2, store: true, s: true, body: func(b *vecBody) {
			b.each("VMULPS", b.scalar("s"), t0, t1)
			b.selectNegative(t0, t1, t0, t0)
		}},
		opVec{name: "abs", inputs: 1, temps: 1, store: true, body: func(b *vecBody) { b.each("VANDPS", b.bits(0x7fffffff), t0, t0) }},
		opVec{name: "neg", inputs: 1, temps: 1, store: true, body: func(b *vecBody) { b.each("VXORPS", b.bits(0x80000000), t0, t0) }},
		opVec{name: "sqrt", inputs: 1, temps: 1, store: true, body: func(b *vecBody) { b.each("VSQRTPS", t0, t0) }},
		opVec{name: "scaleAdd", inputs: 1, temps: 1, store: true, s: true, t: true, body: func(b *vecBody) {
			b.each("VMULPS", b.scalar("s"), t0, t0)
			b.each("VADDPS", b.scalar("t"), t0, t0)
		}},
		opVec{name: "axpy", inputs: 2, temps: 2, store: true, s: true, body: func(b *vecBody) { b.each("VFMADD231PS", b.scalar("s"), t1, t0) }},
		opVec{name: "normalize", inputs: 1, temps: 1, store: true, s: true, t: true, body: normalize},
		opVec{name: "normalizeScale", inputs: 2, temps: 2, store: true, s: true, t: true, body: func(b *vecBody) {
			normalize(b)
			b.each("VMULPS", t1, t0, t0)
		}},
		opVec{name: "normalizeScaleShift", inputs: 3, temps: 3, store: true, s: true, t: true, body: func(b *vecBody) {
			normalize(b)
			b.each("VMULPS", t1, t0, t0)
			b.each("VADDPS", t2, t0, t0)
		}},
		opVec{name: "exp", inputs: 1, temps: 4, store: true, body: exp},
		opVec{name: "expSub", inputs: 1, temps: 4, store: true, s: true, reduce: "sum", body: func(b *vecBody) {
			b.each("VSUBPS", b.scalar("s"), t0, t0)
			exp(b)
		}},
		opVec{name: "sigmoid", inputs: 1, temps: 5, store: true, body: sigmoid},
		opVec{name: "silu", inputs: 1, temps: 5, store: true, body: func(b *vecBody) {
			sigmoid(b)
			b.each("VMULPS", t4, t0, t0)
		}},
		opVec{name: "tanh", inputs: 1, temps: 5, store: true, body: tanh},
		opVec{name: "erf", inputs: 1, temps: 5, store: true, body: erf},
		opVec{name: "gelu", inputs: 1, temps: 6, store: true, body: func(b *vecBody) {
			b.each("VMULPS", b.c(0.5), t0, temp(5))
			b.each("VMULPS", b.c(float32(math.Sqrt(0.5))), t0, t0)
			erf(b)
			b.each("VFMADD213PS", temp(5), temp(5), t0)
		}},
		opVec{name: "geluTanh", inputs: 1, temps: 6, store: true, body: func(b *vecBody) {
			// x * sigmoid(2u) with u = sqrt(2/pi) * (x + 0.044715 x^3)
			b.each("VMOVAPS", t0, temp(5))
			b.each("VMULPS", t0, t0, t1)
			b.each("VMULPS", b.c(float32(2*math.Sqrt(2/math.Pi)*0.044715)), t1, t1)
			b.each("VADDPS", b.c(float32(2*math.Sqrt(2/math.Pi))), t1, t1)
			b.each("VMULPS", t1, t0, t0)
			sigmoid(b)
			b.each("VMULPS", temp(5), t0, t0)
		}},
		opVec{name: "sum", inputs: 1, temps: 1, reduce: "sum", body: func(b *vecBody) {}},
		opVec{name: "sumSquares", inputs: 1, temps: 1, s: true, reduce: "sum", body: func(b *vecBody) {
			b.each("VSUBPS", b.scalar("s"), t0, t0)
			b.each("VMULPS", t0, t0, t0)
		}},
		opVec{name: "dot", inputs: 2, temps: 2, reduce: "sum", body: func(b *vecBody) { b.each("VMULPS", t1, t0, t0) }},
		opVec{name: "reduceMax", inputs: 1, temps: 2, reduce: "max", body: func(b *vecBody) {}},
		opVec{name: "reduceMin", inputs: 1, temps: 2, reduce: "min", body: func(b *vecBody) {}},
	)
	return ops
}

// extreme is the minimum or maximum of t0 and t1; NaN if one is NaN.
// The instruction returns its second source (t1) if one is NaN, so a NaN in t0 is put back.
func extreme(b *vecBody, ins string) {
	b.each("VMOVAPS", t0, t2)
	b.each(ins, t1, t0, t0)
	if b.v == "Z" {
		b.each("VCMPPS", 3, t2, t2, k)
		b.each("VMOVAPS", t2, k, t0)
		return
	}
	// x|x is NaN where x is: compare leaves all ones there, and all ones is a NaN too.
	b.each("VCMPPS", 3, t2, t2, t2)
	b.each("VORPS", t2, t0, t0)
}

func normalize(b *vecBody) {
	b.each("VSUBPS", b.scalar("s"), t0, t0)
	b.each("VMULPS", b.scalar("t"), t0, t0)
}

// selectNegative sets dst to neg where the sign bit of x is set and to pos elsewhere.
func (b *vecBody) selectNegative(x temp, neg, pos any, dst temp) {
	if b.v == "Z" {
		b.each("VPMOVD2M", x, k)
		b.each("VBLENDMPS", neg, pos, k, dst)
		return
	}
	b.each("VBLENDVPS", x, neg, pos, dst)
}

// exp leaves exp(t0) in t0 and uses t1, t2 and t3: Cephes' polynomial after reduction by n*ln2, then a multiplication by 2^n
// that rounds once, also to a subnormal. The clamp keeps NaN, since NaN in the second source is the result.
func exp(b *vecBody) {
	b.each("VMINPS", t0, b.r(89), t0)
	b.each("VMAXPS", t0, b.r(-104), t0)
	b.each("VMULPS", b.c(math.Log2E), t0, t1)
	if b.v == "Z" {
		b.each("VRNDSCALEPS", 0, t1, t1)
	} else {
		b.each("VROUNDPS", 0, t1, t1)
	}
	b.each("VFNMADD231PS", b.bits(0x3f318000), t1, t0)
	b.each("VFNMADD231PS", b.bits(0xb95e8083), t1, t0)
	horner(b, t2, t0, 0x39506967, 0x3ab743ce, 0x3c088908, 0x3d2aa9c1, 0x3e2aaaaa, 0x3f000000)
	b.each("VFMADD213PS", b.c(1), t0, t2)
	b.each("VFMADD213PS", b.c(1), t0, t2)
	if b.v == "Z" {
		b.each("VSCALEFPS", t1, t2, t0)
		return
	}
	b.each("VCVTPS2DQ", t1, t1)
	b.each("VPSRAD", 1, t1, t3)
	b.each("VPSUBD", t3, t1, t1)
	for _, t := range []temp{t1, t3} {
		b.each("VPADDD", b.bits(127), t, t)
		b.each("VPSLLD", 23, t, t)
	}
	b.each("VMULPS", t3, t2, t2)
	b.each("VMULPS", t1, t2, t0)
}

// horner evaluates a polynomial in x, highest coefficient first.
func horner(b *vecBody, dst, x temp, coeff ...uint32) {
	b.each("VMOVUPS", b.bits(coeff[0]), dst)
	for _, c := range coeff[1:] {
		b.each("VFMADD213PS", b.bits(c), x, dst)
	}
}

func bitsOf(cs ...float32) []uint32 {
	var u []uint32
	for _, c := range cs {
		u = append(u, math.Float32bits(c))
	}
	return u
}

// sigmoid is e/(1+e) for negative x and 1/(1+e) otherwise, with e = exp(-|x|): no cancellation, no early underflow. x is left in t4.
func sigmoid(b *vecBody) {
	b.each("VMOVAPS", t0, t4)
	b.each("VORPS", b.bits(0x80000000), t0, t0)
	exp(b)
	b.each("VADDPS", b.c(1), t0, t1)
	b.selectNegative(t4, t0, b.r(1), t0)
	b.each("VDIVPS", t1, t0, t0)
}

// lessBlend sets dst to alt where |x| < limit; |x| is in tmp, which is overwritten.
func (b *vecBody) lessBlend(tmp temp, limit float32, alt, dst temp) {
	if b.v == "Z" {
		b.each("VCMPPS", 1, b.c(limit), tmp, k)
		b.each("VMOVAPS", alt, k, dst)
		return
	}
	b.each("VCMPPS", 1, b.c(limit), tmp, tmp)
	b.each("VBLENDVPS", tmp, alt, dst, dst)
}

// copySign gives t0, which is not negative, the sign of x.
func (b *vecBody) copySign(x, tmp temp) {
	b.each("VANDPS", b.bits(0x80000000), x, tmp)
	b.each("VORPS", tmp, t0, t0)
}

// tanh is Cephes' polynomial below 0.625 and 1-2/(exp(2|x|)+1) above.
func tanh(b *vecBody) {
	b.each("VMOVAPS", t0, t4)
	b.each("VANDPS", b.bits(0x7fffffff), t0, t0)
	b.each("VADDPS", t0, t0, t0)
	exp(b)
	b.each("VADDPS", b.c(1), t0, t0)
	b.each("VDIVPS", t0, b.r(2), t1)
	b.each("VSUBPS", t1, b.r(1), t0)
	b.copySign(t4, t1)
	b.each("VMULPS", t4, t4, t1)
	horner(b, t2, t1, bitsOf(-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)...)
	b.each("VMULPS", t1, t2, t2)
	b.each("VFMADD213PS", t4, t4, t2)
	b.each("VANDPS", b.bits(0x7fffffff), t4, t3)
	b.lessBlend(t3, 0.625, t2, t0)
}

// erf is a polynomial in x*x below 0.927734375 and 1-exp(polynomial in |x|) above.
func erf(b *vecBody) {
	b.each("VMOVAPS", t0, t4)
	b.each("VANDPS", b.bits(0x7fffffff), t0, t0)
	b.each("VMOVUPS", b.c(4), t1)
	b.each("VMINPS", t0, t1, t1) // erf(4) rounds to 1
	horner(b, t0, t1, bitsOf(-1.72853470e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -1.06777877e-1, -6.34846687e-1, -1.28717512e-1)...)
	b.each("VFMSUB213PS", t1, t1, t0)
	exp(b)
	b.each("VMOVUPS", b.c(1), t1)
	b.each("VSUBPS", t0, t1, t0)
	b.copySign(t4, t1)
	b.each("VMULPS", t4, t4, t1)
	horner(b, t2, t1, bitsOf(-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)...)
	b.each("VFMADD213PS", t4, t4, t2)
	b.each("VANDPS", b.bits(0x7fffffff), t4, t3)
	b.lessBlend(t3, 0.927734375, t2, t0)
}
