// Package resize resamples float32 tensors axis by axis from tables: Blend makes weighted sums, Pick copies elements.
// Results don't depend on the number of threads.
package resize

import (
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// grain is how many elements are worth a chunk of their own.
const grain = 1 << 14

// Taps says what one position of an axis is made of: inputs and their weights.
type Taps struct {
	At []int
	W  []float64
}

// pass resamples the middle axis of [outer, in, inner].
type pass struct {
	outer, in, out, inner int
	k                     int // taps of every output
	at                    []int
	w                     []float32
}

// Blend is a prepared resampling. It is immutable and serves concurrent runs.
type Blend struct {
	passes []pass
	size   int // of the largest tensor in between
}

// Add appends the resampling of axis a of a tensor of shape dims; each output has at least one tap.
func (b *Blend) Add(dims []int, a int, taps []Taps) {
	p := pass{outer: 1, in: dims[a], out: len(taps), inner: 1}
	for i, d := range dims {
		switch {
		case i < a:
			p.outer *= d
		case i > a:
			p.inner *= d
		}
	}
	for _, t := range taps {
		p.k = max(p.k, len(t.At))
	}
	for _, t := range taps {
		w := append([]float64{}, t.W...)
		p.at = append(p.at, t.At...)
		for len(w) < p.k { // the last tap in halves, rather than one of weight 0, which would make NaN of infinities
			last := len(w) - 1
			w[last] /= 2
			w = append(w, w[last])
			p.at = append(p.at, t.At[len(t.At)-1])
		}
		for _, f := range w {
			p.w = append(p.w, float32(f))
		}
	}
	if n := len(b.passes); n > 0 {
		q := &b.passes[n-1]
		b.size = max(b.size, q.outer*q.out*q.inner)
	}
	b.passes = append(b.passes, p)
}

// ScratchSize is how many floats of scratch memory a run needs.
func (b *Blend) ScratchSize() int {
	switch len(b.passes) {
	case 0, 1:
		return 0
	case 2:
		return b.size
	}
	return 2 * b.size
}

// blendJob is one pass of a run.
type blendJob struct {
	*pass
	dst, src []float32
	step     int // rows a chunk
}

var blendJobs = sync.Pool{New: func() any { return new(blendJob) }}

// Run resamples src into dst. scratch has ScratchSize() elements.
func (b *Blend) Run(team *parallel.Team, dst, src, scratch []float32) {
	if len(b.passes) == 0 {
		copy(dst, src)
		return
	}
	j := blendJobs.Get().(*blendJob)
	for i := range b.passes {
		p := &b.passes[i]
		to := dst
		if i < len(b.passes)-1 {
			to = scratch[i%2*b.size:][:p.outer*p.out*p.inner]
		}
		rows, size := p.outer*p.out, p.inner
		if p.inner == 1 {
			rows, size = p.outer, p.out
		}
		*j = blendJob{p, to, src, max(1, grain/size)}
		team.Run((rows+j.step-1)/j.step, j)
		src = to
	}
	*j = blendJob{}
	blendJobs.Put(j)
}

// Do implements parallel.Task.
func (j *blendJob) Do(_, i int) {
	if j.inner == 1 {
		for r := i * j.step; r < min((i+1)*j.step, j.outer); r++ {
			j.line(j.dst[r*j.out:(r+1)*j.out], j.src[r*j.in:(r+1)*j.in])
		}
		return
	}
	for r := i * j.step; r < min((i+1)*j.step, j.outer*j.out); r++ {
		j.row(j.dst[r*j.inner:(r+1)*j.inner], j.src[r/j.out*j.in*j.inner:], r%j.out)
	}
}

// line resamples one line of elements.
func (p *pass) line(dst, src []float32) {
	switch p.k {
	case 1:
		w := p.w[:len(dst)]
		for i, at := range p.at[:len(dst)] {
			dst[i] = src[at] * w[i]
		}
	case 2:
		at, w := p.at[:2*len(dst)], p.w[:2*len(dst)]
		for i := range dst {
			dst[i] = src[at[2*i]]*w[2*i] + src[at[2*i+1]]*w[2*i+1]
		}
	default:
		for i := range dst {
			at, w := p.at[i*p.k:(i+1)*p.k], p.w[i*p.k:(i+1)*p.k]
			var s float32
			for k, f := range w {
				s += src[at[k]] * f
			}
			dst[i] = s
		}
	}
}

// row makes row i of rows of src.
func (p *pass) row(dst, src []float32, i int) {
	at, w := p.at[i*p.k:(i+1)*p.k], p.w[i*p.k:(i+1)*p.k]
	n := p.inner
	if n < 8 {
		for q := range dst {
			var s float32
			for k, f := range w {
				s += src[at[k]*n+q] * f
			}
			dst[q] = s
		}
		return
	}
	for k := 0; k < len(w); {
		f, a := w[k], at[k]
		first := k == 0
		for k++; k < len(w) && at[k] == a; k++ {
			f += w[k]
		}
		switch x := src[a*n:][:n]; {
		case !first:
			vec.Axpy(dst, x, f)
		case f == 1:
			copy(dst, x)
		default:
			vec.Scale(dst, x, f)
		}
	}
}
