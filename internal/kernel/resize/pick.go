package resize

import (
	"sync"

	"github.com/walnut-ai/walnut/internal/parallel"
)

// Pick is a prepared copy of elements chosen axis by axis. It is immutable and
// serves concurrent runs.
type Pick struct {
	rows  []int // where each row of the output begins in the input
	from  []int // of each block in a row
	block int   // neighbours that stay together
	in    int   // blocks in a row of the input
	twice bool  // every element of a row comes twice
}

// NewPick prepares a copy from a tensor of shape dims; from[a] lists, for each output position of axis a, that of the input, nil for all in order.
func NewPick(dims []int, from [][]int) *Pick {
	p := &Pick{block: 1, rows: []int{0}}
	last := len(dims) - 1
	for ; last >= 0 && from[last] == nil; last-- {
		p.block *= dims[last]
	}
	if last < 0 {
		p.from, p.in = []int{0}, 1
		return p
	}
	p.in, p.from = dims[last], from[last]
	p.twice = p.block == 1 && len(p.from) == 2*p.in
	for i, f := range p.from {
		p.twice = p.twice && f == i/2
	}
	size := 1
	for _, d := range dims[:last] {
		size *= d
	}
	size *= p.in * p.block
	for a, d := range dims[:last] {
		size /= d
		var rows []int
		for _, r := range p.rows {
			if from[a] == nil {
				for i := range d {
					rows = append(rows, r+i*size)
				}
				continue
			}
			for _, i := range from[a] {
				rows = append(rows, r+i*size)
			}
		}
		p.rows = rows
	}
	return p
}

// pickJob is one run.
type pickJob struct {
	*Pick
	dst, src []float32
	step     int // rows a chunk
}

var pickJobs = sync.Pool{New: func() any { return new(pickJob) }}

// Run copies from src to dst.
func (p *Pick) Run(team *parallel.Team, dst, src []float32) {
	j := pickJobs.Get().(*pickJob)
	*j = pickJob{p, dst, src, max(1, grain/(len(p.from)*p.block))}
	team.Run((len(p.rows)+j.step-1)/j.step, j)
	*j = pickJob{}
	pickJobs.Put(j)
}

// Do implements parallel.Task.
func (j *pickJob) Do(_, i int) {
	n := len(j.from) * j.block
	lo := i * j.step
	for r := lo; r < min(lo+j.step, len(j.rows)); r++ {
		dst := j.dst[r*n : (r+1)*n]
		if r > lo && j.rows[r] == j.rows[r-1] {
			copy(dst, j.dst[(r-1)*n:])
			continue
		}
		j.row(dst, j.src[j.rows[r]:][:j.in*j.block])
	}
}

func (p *Pick) row(dst, src []float32) {
	switch {
	case p.twice:
		for _, v := range src {
			d := dst[:2]
			d[0], d[1] = v, v
			dst = dst[2:]
		}
	case p.block == 1:
		for i, f := range p.from {
			dst[i] = src[f]
		}
	default:
		for i, f := range p.from {
			copy(dst[i*p.block:(i+1)*p.block], src[f*p.block:])
		}
	}
}
