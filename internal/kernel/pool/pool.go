// Package pool reduces windows of float32 planes: maxima and averages of
// channels-first tensors (planes, then one to three spatial dimensions).
package pool

import (
	"sync"

	"github.com/walnut-ai/walnut/internal/parallel"
)

// Axis is a window along one spatial axis. Tap k of output o is at input o*Stride - Pad + k*Dilation.
type Axis struct {
	In, Out, Kernel, Stride, Dilation, Pad int
}

// Plan is a prepared pooling: immutable, serves concurrent runs.
type Plan struct {
	max  bool
	axis [3]axis
	in   int // elements of a plane
	out  int
	// scale holds 1/count for every output position of an average, one list an
	// axis; the product of the three is the factor.
	scale [3][]float32
}

// axis is an Axis with the taps of each output that hit the input: [lo, hi).
type axis struct {
	Axis
	lo, hi []int
}

// maxOut bounds the outputs along an axis, of which a plan keeps tables.
const maxOut = 1 << 20

// NewPlan prepares a pooling over one to three axes; false if a window has no
// tap inside the input, or an axis is too long. counts gives, for averages, the number that each output
// of an axis is divided by; nil counts the taps inside the input.
func NewPlan(axes []Axis, max bool, counts [][]int) (*Plan, bool) {
	p := &Plan{max: max, in: 1, out: 1}
	for i := range p.axis {
		a := Axis{1, 1, 1, 1, 1, 0}
		k := i - (3 - len(axes))
		if k >= 0 {
			a = axes[k]
		}
		if a.Out > maxOut {
			return nil, false
		}
		x := axis{Axis: a}
		for o := range a.Out {
			at := o*a.Stride - a.Pad
			lo, hi := 0, 0
			if at < 0 {
				lo = (-at + a.Dilation - 1) / a.Dilation
			}
			if at < a.In {
				hi = min(a.Kernel, (a.In-1-at)/a.Dilation+1)
			}
			if lo >= hi {
				return nil, false
			}
			x.lo, x.hi = append(x.lo, lo), append(x.hi, hi)
			n := hi - lo
			if counts != nil && k >= 0 {
				n = counts[k][o]
			}
			if n < 1 {
				return nil, false
			}
			p.scale[i] = append(p.scale[i], 1/float32(n))
		}
		p.axis[i] = x
		p.in *= a.In
		p.out *= a.Out
	}
	return p, true
}

// Run pools planes of src into dst.
func (p *Plan) Run(team *parallel.Team, dst, src []float32, planes int) {
	j := jobs.Get().(*job)
	*j = job{p, team, dst, src}
	team.Run(planes, j)
	*j = job{}
	jobs.Put(j)
}

var jobs = sync.Pool{New: func() any { return new(job) }}

type job struct {
	p        *Plan
	team     *parallel.Team
	dst, src []float32
}

// Do implements parallel.Task: one plane.
func (j *job) Do(_, i int) {
	p := j.p
	src, dst := j.src[i*p.in:(i+1)*p.in], j.dst[i*p.out:(i+1)*p.out]
	z, y, x := &p.axis[0], &p.axis[1], &p.axis[2]
	for oz := range z.Out {
		for oy := range y.Out {
			row := dst[(oz*y.Out+oy)*x.Out:][:x.Out]
			first := true
			for kz := z.lo[oz]; kz < z.hi[oz] && !j.team.Stopped(); kz++ {
				iz := oz*z.Stride - z.Pad + kz*z.Dilation
				for ky := y.lo[oy]; ky < y.hi[oy] && !j.team.Stopped(); ky++ {
					iy := oy*y.Stride - y.Pad + ky*y.Dilation
					line := src[(iz*y.In+iy)*x.In:][:x.In]
					if p.max {
						x.maxRow(row, line, first)
					} else {
						x.sumRow(row, line, first)
					}
					first = false
				}
			}
			if !p.max {
				f := p.scale[0][oz] * p.scale[1][oy]
				for ox, s := range p.scale[2] {
					row[ox] *= f * s
				}
			}
		}
	}
}

// maxRow folds one line of the input into a row of maxima; NaN wins.
func (x *axis) maxRow(row, line []float32, first bool) {
	for ox := range row {
		at := ox*x.Stride - x.Pad
		var m float32
		k := x.lo[ox]
		if first {
			m = line[at+k*x.Dilation]
			k++
		} else {
			m = row[ox]
		}
		for ; k < x.hi[ox]; k++ {
			m = max(m, line[at+k*x.Dilation])
		}
		row[ox] = m
	}
}

func (x *axis) sumRow(row, line []float32, first bool) {
	for ox := range row {
		at := ox*x.Stride - x.Pad
		var s float32
		if !first {
			s = row[ox]
		}
		for k := x.lo[ox]; k < x.hi[ox]; k++ {
			s += line[at+k*x.Dilation]
		}
		row[ox] = s
	}
}
