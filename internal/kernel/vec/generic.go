package vec

import "math"

// The Go code of every kernel: what other processors run and what the assembly is tested against.
// Conversions such as float32(x*y) keep the compiler from fusing a product into a sum.

func addGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func subGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] - b[i]
	}
}

func mulGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func divGeneric(dst, a, b []float32) {
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

func minGeneric(dst, a, b []float32) {
	for i := range dst {
		x, y := a[i], b[i]
		if x < y || x != x {
			y = x
		}
		dst[i] = y
	}
}

func maxGeneric(dst, a, b []float32) {
	for i := range dst {
		x, y := a[i], b[i]
		if x > y || x != x {
			y = x
		}
		dst[i] = y
	}
}

func addScalarGeneric(dst, a []float32, s float32) {
	for i := range dst {
		dst[i] = a[i] + s
	}
}

func subFromGeneric(dst, a []float32, s float32) {
	for i := range dst {
		dst[i] = s - a[i]
	}
}

func scaleGeneric(dst, a []float32, s float32) {
	for i := range dst {
		dst[i] = a[i] * s
	}
}

func divScalarGeneric(dst, a []float32, s float32) {
	for i := range dst {
		dst[i] = a[i] / s
	}
}

func divIntoGeneric(dst, a []float32, s float32) {
	for i := range dst {
		dst[i] = s / a[i]
	}
}

func minScalarGeneric(dst, a []float32, s float32) {
	for i := range dst {
		x := a[i]
		if s < x {
			x = s
		}
		dst[i] = x
	}
}

func maxScalarGeneric(dst, a []float32, s float32) {
	for i := range dst {
		x := a[i]
		if s > x {
			x = s
		}
		dst[i] = x
	}
}

func clipGeneric(dst, a []float32, lo, hi float32) {
	for i := range dst {
		x := a[i]
		if lo > x {
			x = lo
		}
		if hi < x {
			x = hi
		}
		dst[i] = x
	}
}

func leakyReluGeneric(dst, a []float32, slope float32) {
	for i := range dst {
		x := a[i]
		if math.Float32bits(x)>>31 != 0 {
			x *= slope
		}
		dst[i] = x
	}
}

func absGeneric(dst, a []float32) {
	for i := range dst {
		dst[i] = math.Float32frombits(math.Float32bits(a[i]) &^ (1 << 31))
	}
}

func negGeneric(dst, a []float32) {
	for i := range dst {
		dst[i] = -a[i]
	}
}

func sqrtGeneric(dst, a []float32) {
	for i := range dst {
		dst[i] = float32(math.Sqrt(float64(a[i])))
	}
}

func scaleAddGeneric(dst, a []float32, scale, shift float32) {
	for i := range dst {
		dst[i] = float32(a[i]*scale) + shift
	}
}

func axpyGeneric(dst, x []float32, s float32) {
	for i := range dst {
		dst[i] += x[i] * s
	}
}

func normalizeGeneric(dst, a []float32, mean, inv float32) {
	for i := range dst {
		dst[i] = (a[i] - mean) * inv
	}
}

func expGeneric(dst, a []float32) {
	for i := range dst {
		dst[i] = float32(math.Exp(float64(a[i])))
	}
}

func expSubGeneric(dst, a []float32, s float32) float32 {
	var sum float64
	for i := range dst {
		dst[i] = float32(math.Exp(float64(a[i] - s)))
		sum += float64(dst[i])
	}
	return float32(sum)
}

// sigmoid64 does not cancel and does not underflow early.
func sigmoid64(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}

func sigmoidGeneric(dst, a []float32) {
	for i := range dst {
		dst[i] = float32(sigmoid64(float64(a[i])))
	}
}

func siluGeneric(dst, a []float32) {
	for i := range dst {
		x := float64(a[i])
		dst[i] = float32(x * sigmoid64(x))
	}
}

func tanhGeneric(dst, a []float32) {
	for i := range dst {
		dst[i] = float32(math.Tanh(float64(a[i])))
	}
}

func erfGeneric(dst, a []float32) {
	for i := range dst {
		dst[i] = float32(math.Erf(float64(a[i])))
	}
}

func geluGeneric(dst, a []float32) {
	for i := range dst {
		x := float64(a[i])
		dst[i] = float32(0.5 * x * (1 + math.Erf(x*math.Sqrt2/2)))
	}
}

func geluTanhGeneric(dst, a []float32) {
	c := 2 * math.Sqrt(2/math.Pi)
	for i := range dst {
		x := float64(a[i])
		dst[i] = float32(x * sigmoid64(c*(x+0.044715*x*x*x)))
	}
}

func sumGeneric(a []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 4 {
		s0 += a[0]
		s1 += a[1]
		s2 += a[2]
		s3 += a[3]
		a = a[4:]
	}
	for _, x := range a {
		s0 += x
	}
	return (s0 + s2) + (s1 + s3)
}

func sumSquaresGeneric(a []float32, mean float32) float32 {
	var s0, s1 float32
	for len(a) >= 2 {
		x, y := a[0]-mean, a[1]-mean
		s0 += x * x
		s1 += y * y
		a = a[2:]
	}
	for _, x := range a {
		s0 += (x - mean) * (x - mean)
	}
	return s0 + s1
}

func dotGeneric(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i, x := range a {
		s0 += x * b[i]
	}
	return (s0 + s2) + (s1 + s3)
}

func reduceMaxGeneric(a []float32) float32 {
	m := float32(math.Inf(-1))
	for _, x := range a {
		m = max(m, x)
	}
	return m
}

func reduceMinGeneric(a []float32) float32 {
	m := float32(math.Inf(1))
	for _, x := range a {
		m = min(m, x)
	}
	return m
}
