package vec

// Error bounds of the transcendental functions, in units of the last place of the result, for every instruction set:
// Exp 2, Sigmoid 3, Tanh 3, Erf 3. Results that are subnormal keep these bounds. Infinities have their limits, NaN stays.
// The generic code computes in float64 and rounds once; the assembly uses the polynomials of Cephes (exp, tanh) and N. Juffa (erf),
// with equal results for AVX2 and AVX-512.

// Exp stores e to the power of a.
func Exp(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelExp, dst, a, nil, nil, 0, 0) {
		expGeneric(dst, a)
	}
}

// Sigmoid stores 1/(1+exp(-a)).
func Sigmoid(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelSigmoid, dst, a, nil, nil, 0, 0) {
		sigmoidGeneric(dst, a)
	}
}

// Silu stores a*Sigmoid(a), within 4 units of the last place or 1e-42; NaN for -Inf.
func Silu(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelSilu, dst, a, nil, nil, 0, 0) {
		siluGeneric(dst, a)
	}
}

// Tanh stores the hyperbolic tangent of a.
func Tanh(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelTanh, dst, a, nil, nil, 0, 0) {
		tanhGeneric(dst, a)
	}
}

// Erf stores the error function of a.
func Erf(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelErf, dst, a, nil, nil, 0, 0) {
		erfGeneric(dst, a)
	}
}

// Gelu stores a/2 * (1+erf(a/sqrt 2)), within 3e-7 * max(|a|, 1e-30): the tail on the negative side is not relatively exact. NaN for -Inf.
func Gelu(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelGelu, dst, a, nil, nil, 0, 0) {
		geluGeneric(dst, a)
	}
}

// GeluTanh stores the approximation a/2 * (1+tanh(sqrt(2/pi)*(a+0.044715*a^3))), within 1e-6 * |a|. NaN for -Inf.
func GeluTanh(dst, a []float32) {
	a = a[:len(dst)]
	if !mapped(kernelGeluTanh, dst, a, nil, nil, 0, 0) {
		geluTanhGeneric(dst, a)
	}
}
