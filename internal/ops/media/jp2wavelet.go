package media

// inverse53 and inverse97 undo one level of the wavelet transform of a line
// (T.800, annex F.3): a holds interleaved coefficients, the low-pass ones at
// even positions counted from start.

func inverse53(a []int32, start int) {
	n := len(a)
	odd := start & 1
	if n == 1 {
		if odd == 1 {
			a[0] /= 2
		}
		return
	}
	at := func(i int) int32 { return a[reflect(i, n)] }
	for i := odd; i < n; i += 2 {
		a[i] -= (at(i-1) + at(i+1) + 2) >> 2
	}
	for i := 1 - odd; i < n; i += 2 {
		a[i] += (at(i-1) + at(i+1)) >> 1
	}
}

func inverse97(a []float32, start int) {
	const alpha, beta, gamma, delta = -1.586134342, -0.052980118, 0.882911075, 0.443506852
	const k, high = 1.230174105, 1.625732422 / 2 // about 1/k: the value that OpenJPEG has
	n := len(a)
	odd := start & 1
	if n == 1 {
		if odd == 1 {
			a[0] /= 2
		}
		return
	}
	for i := range a {
		if (i+odd)&1 == 0 {
			a[i] *= k
		} else {
			a[i] *= high
		}
	}
	lift := func(from int, c float32) {
		for i := from; i < n; i += 2 {
			a[i] -= c * (a[reflect(i-1, n)] + a[reflect(i+1, n)])
		}
	}
	lift(odd, delta)
	lift(1-odd, gamma)
	lift(odd, beta)
	lift(1-odd, alpha)
}

// reflect mirrors an index just outside [0, n) at the borders; n is at least 2.
func reflect(i, n int) int {
	if i < 0 {
		return -i
	}
	if i >= n {
		return 2*(n-1) - i
	}
	return i
}

// unlift undoes one level on the upper left part of a plane of w columns, where
// the four bands of the level lie. It covers [x0, x1) x [y0, y1).
func unlift[T int32 | float32](v []T, w, x0, y0, x1, y1 int, line func([]T, int)) {
	cols, rows := x1-x0, y1-y0
	buf := make([]T, max(cols, rows))
	lows := func(a, b int) int { return (b+1)/2 - (a+1)/2 } // even positions in [a, b)
	run := func(n, start, off, step int) {
		odd := start & 1
		low := lows(start, start+n)
		for i := range low {
			buf[2*i+odd] = v[off+i*step]
		}
		for i := range n - low {
			buf[2*i+1-odd] = v[off+(low+i)*step]
		}
		line(buf[:n], start)
		for i := range n {
			v[off+i*step] = buf[i]
		}
	}
	for y := range rows {
		run(cols, x0, y*w, 1)
	}
	for x := range cols {
		run(rows, y0, x, w)
	}
}
