package rnn

import "github.com/walnut-ai/walnut/internal/kernel/vec"

// apply limits a and applies function i to it.
func (r *run) apply(i int, a []float32) {
	if r.Clip > 0 {
		vec.Clip(a, a, -r.Clip, r.Clip)
	}
	r.f[i](a, a)
}

// gru does the first or second half of a step, or all of it where the reset gate allows.
func (r *run) gru(x, rec, h, tmp []float32) {
	n := r.Hidden
	update, reset, hidden := rec[:n], rec[n:2*n], rec[2*n:]
	if !r.last {
		both := rec[:2*n]
		vec.Add(both, both, x)
		r.apply(0, both)
		if r.Kind == GRU {
			vec.Mul(tmp, reset, h)
			return
		}
		vec.Mul(hidden, hidden, reset)
	}
	vec.Add(hidden, hidden, x[2*n:])
	r.apply(1, hidden)
	vec.Sub(h, h, hidden)
	vec.Mul(h, h, update)
	vec.Add(h, h, hidden)
}

// lstm does one step of one sequence.
func (r *run) lstm(x, rec, h, c []float32) {
	n := r.Hidden
	vec.Add(rec, rec, x)
	in, out, forget, cell := rec[:n], rec[n:2*n], rec[2*n:3*n], rec[3*n:]
	if r.p == nil {
		r.apply(0, rec[:3*n])
	} else {
		muladd(in, r.p[:n], c)
		muladd(forget, r.p[2*n:], c)
		r.apply(0, in)
		r.apply(0, forget)
	}
	if r.Coupled {
		vec.SubFrom(forget, in, 1)
	}
	r.apply(1, cell)
	vec.Mul(c, c, forget)
	vec.Mul(in, in, cell)
	vec.Add(c, c, in)
	if r.p != nil {
		muladd(out, r.p[n:2*n], c)
		r.apply(0, out)
	}
	r.f[2](h, c)
	vec.Mul(h, h, out)
}

// muladd adds a*b to dst.
func muladd(dst, a, b []float32) {
	for i := range dst {
		dst[i] += a[i] * b[i]
	}
}
