package vec

import "math"

// reduced adds what a reduction kernel gives for each block of a (and b). False means that there is no assembly.
func reduced(k kernel, a, b []float32, s float32) (float32, bool) {
	p := args{s: s}
	var sum float32
	for i := 0; i < len(a); i += blockSize {
		p.n = min(blockSize, len(a)-i)
		p.a, p.b = &a[i], at(b, i)
		if !run(k, &p) {
			return 0, false
		}
		sum += p.out
	}
	return sum, true
}

// Sum is the sum of a. The error is that of some dozens of running sums in float32.
func Sum(a []float32) float32 {
	s, ok := reduced(kernelSum, a, nil, 0)
	if !ok {
		s = sumGeneric(a)
	}
	return s
}

// SumSquares is the sum of (a-mean)^2.
func SumSquares(a []float32, mean float32) float32 {
	s, ok := reduced(kernelSumSquares, a, nil, mean)
	if !ok {
		s = sumSquaresGeneric(a, mean)
	}
	return s
}

// Dot is the sum of a*b over len(a) elements.
func Dot(a, b []float32) float32 {
	b = b[:len(a)]
	s, ok := reduced(kernelDot, a, b, 0)
	if !ok {
		s = dotGeneric(a, b)
	}
	return s
}

// ReduceMax is the largest of a, NaN if one is NaN, -Inf of nothing.
func ReduceMax(a []float32) float32 {
	m := float32(math.Inf(-1))
	for i := 0; i < len(a); i += blockSize {
		p := args{a: &a[i], n: min(blockSize, len(a)-i)}
		if !run(kernelReduceMax, &p) {
			return reduceMaxGeneric(a)
		}
		m = max(m, p.out)
	}
	return m
}

// ReduceMin is the smallest of a, NaN if one is NaN, +Inf of nothing.
func ReduceMin(a []float32) float32 {
	m := float32(math.Inf(1))
	for i := 0; i < len(a); i += blockSize {
		p := args{a: &a[i], n: min(blockSize, len(a)-i)}
		if !run(kernelReduceMin, &p) {
			return reduceMinGeneric(a)
		}
		m = min(m, p.out)
	}
	return m
}

// ExpSub stores exp(a-s) and gives the sum of what it stored.
func ExpSub(dst, a []float32, s float32) float32 {
	a = a[:len(dst)]
	p := args{s: s}
	var sum float32
	for i := 0; i < len(dst); i += blockSize {
		p.n = min(blockSize, len(dst)-i)
		p.dst, p.a = &dst[i], &a[i]
		if !run(kernelExpSub, &p) {
			return expSubGeneric(dst, a, s)
		}
		sum += p.out
	}
	return sum
}

// Softmax stores exp(a-max)/sum of one row. A row with NaN or +Inf, or of -Inf only, becomes NaN; -Inf elsewhere becomes 0.
func Softmax(dst, a []float32) {
	a = a[:len(dst)]
	sum := ExpSub(dst, a, ReduceMax(a))
	Scale(dst, dst, 1/sum)
}

// LogSoftmax stores a-max-log(sum exp(a-max)) of one row.
func LogSoftmax(dst, a []float32) {
	a = a[:len(dst)]
	top := ReduceMax(a)
	var sum float32
	var buf [256]float32
	for i := 0; i < len(a); i += len(buf) {
		n := min(len(buf), len(a)-i)
		sum += ExpSub(buf[:n], a[i:i+n], top)
	}
	log := float32(math.Log(float64(sum)))
	SubScalar(dst, a, top)
	SubScalar(dst, dst, log)
}

// LayerNorm stores (a-mean)/sqrt(variance+eps)*gamma+beta of one row. gamma and beta have the length of dst or are nil.
// It gives the mean and the inverse standard deviation.
func LayerNorm(dst, a, gamma, beta []float32, eps float32) (mean, inv float32) {
	a = a[:len(dst)]
	if len(a) == 0 {
		return 0, 0
	}
	n := float32(len(a))
	mean = Sum(a) / n
	inv = float32(1 / math.Sqrt(float64(SumSquares(a, mean)/n)+float64(eps)))
	Normalize(dst, a, gamma, beta, mean, inv)
	return mean, inv
}

// RMSNorm stores a/sqrt(mean of squares+eps)*gamma of one row; gamma may be nil.
func RMSNorm(dst, a, gamma []float32, eps float32) {
	a = a[:len(dst)]
	if len(a) == 0 {
		return
	}
	inv := float32(1 / math.Sqrt(float64(SumSquares(a, 0)/float32(len(a)))+float64(eps)))
	Normalize(dst, a, gamma, nil, 0, inv)
}

// Normalize stores (a-mean)*inv*gamma+beta, each operation rounded; gamma and beta may be nil.
func Normalize(dst, a, gamma, beta []float32, mean, inv float32) {
	a = a[:len(dst)]
	switch {
	case gamma == nil:
		if !mapped(kernelNormalize, dst, a, nil, nil, mean, inv) {
			normalizeGeneric(dst, a, mean, inv)
		}
		if beta != nil {
			Add(dst, dst, beta)
		}
	case beta == nil:
		gamma = gamma[:len(dst)]
		if !mapped(kernelNormalizeScale, dst, a, gamma, nil, mean, inv) {
			normalizeGeneric(dst, a, mean, inv)
			mulGeneric(dst, dst, gamma)
		}
	default:
		gamma, beta = gamma[:len(dst)], beta[:len(dst)]
		if !mapped(kernelNormalizeScaleShift, dst, a, gamma, beta, mean, inv) {
			normalizeGeneric(dst, a, mean, inv)
			mulGeneric(dst, dst, gamma)
			addGeneric(dst, dst, beta)
		}
	}
}
