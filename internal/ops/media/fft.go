package media

import (
	"math"
	"math/bits"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// maxRadix is the largest prime factor that is computed directly; lengths with
// a larger one go through Bluestein's algorithm.
const maxRadix = 31

// fft computes discrete Fourier transforms of one length in float64, with
// twiddle factors that are each rounded once. It owns its buffers.
type fft struct {
	n       int
	factors []int
	w       []complex128 // exp(-2πik/n)
	tmp     []complex128 // as long as the largest factor
	src     []complex128

	// Bluestein: a convolution of a power of two with the chirp (L. Bluestein,
	// "A linear filtering approach to the computation of discrete Fourier
	// transform", 1970).
	inner *fft
	chirp []complex128 // exp(-πik²/n)
	conv  []complex128 // transform of the conjugate chirp
	buf   []complex128
}

// newFFT prepares transforms of length n > 0 within the run's memory budget.
func newFFT(e *op.Eval, n int) (*fft, error) {
	p := &fft{n: n}
	rest := n
	for r := 4; rest > 1; {
		if rest%r == 0 {
			p.factors = append(p.factors, r)
			rest /= r
			continue
		}
		switch {
		case r == 4:
			r = 2
		case r == 2:
			r = 3
		default:
			r += 2
		}
		if r > maxRadix {
			return p, p.bluestein(e)
		}
	}
	t, err := e.Temp(tensor.Complex128, 2*n+maxRadix+1)
	if err != nil {
		return nil, err
	}
	b := tensor.Of[complex128](t)
	p.w, p.src, p.tmp = b[:n], b[n:2*n], b[2*n:]
	for k := range p.w {
		p.w[k] = unit(k, n)
	}
	return p, nil
}

// unit returns exp(-2πik/n), with the angle reduced to an eighth of the circle.
func unit(k, n int) complex128 {
	if k > n/2 {
		c := unit(n-k, n)
		return complex(real(c), -imag(c))
	}
	k8 := 8 * int64(k)
	n64 := int64(n)
	angle := func(num int64) (s, c float64) { return math.Sincos(math.Pi / 4 * float64(num) / float64(n64)) }
	switch {
	case k8 <= n64: // up to π/4
		s, c := angle(k8)
		return complex(c, -s)
	case k8 <= 3*n64: // around π/2
		s, c := angle(k8 - 2*n64)
		return complex(-s, -c)
	default: // around π
		s, c := angle(k8 - 4*n64)
		return complex(-c, s)
	}
}

func (p *fft) bluestein(e *op.Eval) error {
	if p.n > 1<<28 {
		_, err := e.Temp(tensor.Complex128, p.n, 16) // beyond any budget: says so
		if err != nil {
			return err
		}
	}
	m := 1 << bits.Len(uint(2*p.n-1))
	t, err := e.Temp(tensor.Complex128, p.n+2*m)
	if err != nil {
		return err
	}
	b := tensor.Of[complex128](t)
	p.chirp, p.conv, p.buf = b[:p.n], b[p.n:p.n+m], b[p.n+m:]
	if p.inner, err = newFFT(e, m); err != nil {
		return err
	}
	n2 := uint64(2 * p.n)
	for k := range p.chirp {
		p.chirp[k] = unit(int(uint64(k)*uint64(k)%n2), 2*p.n)
	}
	for k, c := range p.chirp {
		c = complex(real(c), -imag(c))
		p.conv[k] = c
		p.conv[(m-k)%m] = c
	}
	p.inner.run(p.conv)
	return nil
}

// run replaces x, of length n, by its transform.
func (p *fft) run(x []complex128) {
	if p.inner == nil {
		copy(p.src, x)
		p.step(x, p.src, 0, 1)
		return
	}
	clear(p.buf)
	for k, c := range p.chirp {
		p.buf[k] = x[k] * c
	}
	p.inner.run(p.buf)
	for k, c := range p.conv {
		v := p.buf[k] * c
		p.buf[k] = complex(real(v), -imag(v)) // for the inverse by a forward transform
	}
	p.inner.run(p.buf)
	m := complex(float64(len(p.buf)), 0)
	for k, c := range p.chirp {
		v := p.buf[k]
		x[k] = complex(real(v), -imag(v)) / m * c
	}
}

// inverse replaces x by its inverse transform, 1/n included.
func (p *fft) inverse(x []complex128) {
	for k, v := range x {
		x[k] = complex(real(v), -imag(v))
	}
	p.run(x)
	n := float64(p.n)
	for k, v := range x {
		x[k] = complex(real(v)/n, -imag(v)/n)
	}
}

// step transforms every stride-th element of src into dst, decimating in time
// by the factors from level f on.
func (p *fft) step(dst, src []complex128, f, stride int) {
	if f == len(p.factors) {
		dst[0] = src[0]
		return
	}
	r := p.factors[f]
	m := len(dst) / r
	for j := range r {
		p.step(dst[j*m:(j+1)*m], src[j*stride:], f+1, stride*r)
	}
	switch r {
	case 2:
		for k := range m {
			a, b := dst[k], dst[m+k]*p.w[k*stride]
			dst[k], dst[m+k] = a+b, a-b
		}
	case 4:
		for k := range m {
			a, b := dst[k], dst[m+k]*p.w[k*stride]
			c, d := dst[2*m+k]*p.w[2*k*stride], dst[3*m+k]*p.w[3*k*stride]
			ac, amc, bd, bmd := a+c, a-c, b+d, b-d
			bmd = complex(imag(bmd), -real(bmd)) // times -i
			dst[k], dst[m+k], dst[2*m+k], dst[3*m+k] = ac+bd, amc+bmd, ac-bd, amc-bmd
		}
	default:
		p.general(dst, r, m, stride)
	}
}

// general is the butterfly of any radix.
func (p *fft) general(dst []complex128, r, m, stride int) {
	t := p.tmp[:r]
	for k := range m {
		for j := range r {
			t[j] = dst[j*m+k] * p.w[j*k*stride]
		}
		for q := range r {
			s := t[0]
			at := 0
			for j := 1; j < r; j++ {
				if at += q; at >= r {
					at -= r
				}
				s += t[j] * p.w[at*m*stride]
			}
			dst[q*m+k] = s
		}
	}
}
