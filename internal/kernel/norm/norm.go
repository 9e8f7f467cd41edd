// Package norm normalises float32 tensors: by channel, by group of channels,
// by row, and across channels. Results don't depend on the number of threads.
package norm

import (
	"math"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// grain is how many elements are worth a chunk of their own.
const grain = 1 << 14

// chunked runs kernels over ranges of rows.
type chunked struct {
	k    rows
	rows int // in all
	step int // a chunk
}

// rows is work that falls into independent rows.
type rows interface{ do(lo, hi int) }

// Do implements parallel.Task.
func (c *chunked) Do(_, i int) { c.k.do(i*c.step, min((i+1)*c.step, c.rows)) }

var chunks = sync.Pool{New: func() any { return new(chunked) }}

// share runs k over n rows of size elements.
func share(team *parallel.Team, k rows, n, size int) {
	c := chunks.Get().(*chunked)
	*c = chunked{k, n, max(1, grain/max(size, 1))}
	team.Run((n+c.step-1)/c.step, c)
	*c = chunked{}
	chunks.Put(c)
}

// Fold stores, for each channel, scale and shift such that x*scale+shift is
// gamma*(x-mean)/sqrt(variance+eps)+beta.
func Fold(scale, shift, gamma, beta, mean, variance []float32, eps float64) {
	for i, g := range gamma {
		s := float64(g) / math.Sqrt(float64(variance[i])+eps)
		scale[i] = float32(s)
		shift[i] = float32(float64(beta[i]) - float64(mean[i])*s)
	}
}

// channels is one run of Channels.
type channels struct {
	dst, src, scale, shift []float32
	plane                  int
}

var channelJobs = sync.Pool{New: func() any { return new(channels) }}

// Channels stores src*scale+shift with factors for each channel of [batch, channels, plane].
func Channels(team *parallel.Team, dst, src, scale, shift []float32, plane int) {
	j := channelJobs.Get().(*channels)
	*j = channels{dst, src, scale, shift, plane}
	if plane == 1 {
		share(team, j, len(dst)/len(scale), len(scale))
	} else {
		share(team, j, len(dst)/plane, plane)
	}
	*j = channels{}
	channelJobs.Put(j)
}

func (j *channels) do(lo, hi int) {
	if j.plane == 1 { // rows are samples
		c := len(j.scale)
		for i := lo; i < hi; i++ {
			dst := j.dst[i*c : (i+1)*c]
			vec.Mul(dst, j.src[i*c:(i+1)*c], j.scale)
			vec.Add(dst, dst, j.shift)
		}
		return
	}
	for i := lo; i < hi; i++ {
		ch := i % len(j.scale)
		vec.ScaleAdd(j.dst[i*j.plane:(i+1)*j.plane], j.src[i*j.plane:(i+1)*j.plane], j.scale[ch], j.shift[ch])
	}
}

// Groups describes a normalisation over groups of channels of [batch, channels, plane].
type Groups struct {
	Channels, Groups, Plane int
	Eps                     float64
	PerGroup                bool // gamma and beta have one value a group, not a channel
	Silu                    bool // x*sigmoid(x) of the result
	Last                    bool // the tensor is [batch, plane, channels]
}

// groups is one run of Groups.
type groups struct {
	*Groups
	dst, src, gamma, beta []float32
}

var groupJobs = sync.Pool{New: func() any { return new(groups) }}

// Run normalises src into dst, which may be src.
func (g *Groups) Run(team *parallel.Team, dst, src, gamma, beta []float32) {
	n := g.Channels / g.Groups * g.Plane
	j := groupJobs.Get().(*groups)
	*j = groups{g, dst, src, gamma, beta}
	share(team, j, len(dst)/n, n)
	*j = groups{}
	groupJobs.Put(j)
}

func (j *groups) do(lo, hi int) {
	cg := j.Channels / j.Groups.Groups
	n := cg * j.Plane
	for i := lo; i < hi; i++ {
		g := i % j.Groups.Groups
		if j.Last {
			j.strided(i/j.Groups.Groups, g, cg)
			continue
		}
		src, dst := j.src[i*n:(i+1)*n], j.dst[i*n:(i+1)*n]
		mean, inv := moments(src, j.Eps)
		for c := range cg {
			s := g*cg + c
			if j.PerGroup {
				s = g
			}
			f := float64(inv) * float64(j.gamma[s])
			d := dst[c*j.Plane : (c+1)*j.Plane]
			vec.ScaleAdd(d, src[c*j.Plane:(c+1)*j.Plane], float32(f), float32(float64(j.beta[s])-float64(mean)*f))
		}
		if j.Silu {
			vec.Silu(dst, dst)
		}
	}
}

// strided normalises group g of cg channels of a sample with channels last.
func (j *groups) strided(sample, g, cg int) {
	first := sample*j.Plane*j.Channels + g*cg
	src, dst := j.src[first:], j.dst[first:]
	var sum, squares float64
	for p := range j.Plane {
		sum += float64(vec.Sum(src[p*j.Channels:][:cg]))
	}
	mean := sum / float64(cg*j.Plane)
	for p := range j.Plane {
		squares += float64(vec.SumSquares(src[p*j.Channels:][:cg], float32(mean)))
	}
	inv := float32(1 / math.Sqrt(squares/float64(cg*j.Plane)+j.Eps))
	gamma, beta := j.gamma[g*cg:][:cg], j.beta[g*cg:][:cg]
	for p := range j.Plane {
		d := dst[p*j.Channels:][:cg]
		vec.Normalize(d, src[p*j.Channels:][:cg], gamma, beta, float32(mean), inv)
		if j.Silu {
			vec.Silu(d, d)
		}
	}
}

// moments returns the mean of a and the inverse of its standard deviation.
func moments(a []float32, eps float64) (mean, inv float32) {
	n := float32(len(a))
	mean = vec.Sum(a) / n
	return mean, float32(1 / math.Sqrt(float64(vec.SumSquares(a, mean)/n)+eps))
}

// Rows describes a normalisation of rows of N elements.
type Rows struct {
	N   int
	Eps float64
	RMS bool // no mean is taken away
}

// RowArgs are the operands of a run. Gamma, Beta, Skip and Bias hold whole rows
// and repeat from the start where they end; all but Dst and Src may be nil.
type RowArgs struct {
	Dst, Src    []float32
	Gamma, Beta []float32
	Skip, Bias  []float32 // added to Src before
	Sum         []float32 // where the sum goes
	Mean, Inv   []float32 // statistics, one a row
}

// rowJob is one run of Rows.
type rowJob struct {
	*Rows
	RowArgs
}

var rowJobs = sync.Pool{New: func() any { return new(rowJob) }}

// Run normalises a.Src into a.Dst.
func (r *Rows) Run(team *parallel.Team, a *RowArgs) {
	j := rowJobs.Get().(*rowJob)
	*j = rowJob{r, *a}
	share(team, j, len(a.Dst)/r.N, r.N)
	*j = rowJob{}
	rowJobs.Put(j)
}

// at returns row i of a tensor that repeats, nil of nil.
func at(a []float32, i, n int) []float32 {
	if a == nil {
		return nil
	}
	return a[i*n%len(a):][:n]
}

func (j *rowJob) do(lo, hi int) {
	n := j.N
	for i := lo; i < hi; i++ {
		src, dst := at(j.Src, i, n), at(j.Dst, i, n)
		if j.Skip != nil || j.Bias != nil || j.Sum != nil {
			src = j.add(i, src, dst)
		}
		var mean, inv float32
		if j.RMS {
			inv = float32(1 / math.Sqrt(float64(vec.SumSquares(src, 0)/float32(n))+j.Eps))
		} else {
			mean, inv = moments(src, j.Eps)
		}
		vec.Normalize(dst, src, at(j.Gamma, i, n), at(j.Beta, i, n), mean, inv)
		if j.Mean != nil {
			j.Mean[i] = mean
		}
		if j.Inv != nil {
			j.Inv[i] = inv
		}
	}
}

// add returns row i of Src + Skip + Bias, in Sum or, without one, in dst.
func (j *rowJob) add(i int, src, dst []float32) []float32 {
	sum := dst
	if j.Sum != nil {
		sum = at(j.Sum, i, j.N)
	}
	for _, x := range [2][]float32{at(j.Skip, i, j.N), at(j.Bias, i, j.N)} {
		if x != nil {
			vec.Add(sum, src, x)
			src = sum
		}
	}
	if j.Skip == nil && j.Bias == nil {
		copy(sum, src)
	}
	return sum
}

// Across is local response normalisation across channels of [batch, channels, plane]:
// x / (Bias + Scale * sum of squares of channels -Before to +After)^Beta.
type Across struct {
	Channels, Plane   int
	Before, After     int
	Bias, Scale, Beta float64
}

// across is one run of Across.
type across struct {
	*Across
	dst, src []float32
}

var acrossJobs = sync.Pool{New: func() any { return new(across) }}

// Run normalises src into dst, which must be another.
func (a *Across) Run(team *parallel.Team, dst, src []float32) {
	j := acrossJobs.Get().(*across)
	*j = across{a, dst, src}
	share(team, j, len(dst)/a.Plane, a.Plane)
	*j = across{}
	acrossJobs.Put(j)
}

func (j *across) do(lo, hi int) {
	p := j.Plane
	for i := lo; i < hi; i++ {
		ch := i % j.Channels
		first := i - ch
		dst, src := j.dst[i*p:(i+1)*p], j.src[i*p:(i+1)*p]
		clear(dst)
		for k := max(0, ch-j.Before); k <= min(j.Channels-1, ch+j.After); k++ {
			for q, x := range j.src[(first+k)*p:][:p] {
				dst[q] += x * x
			}
		}
		vec.ScaleAdd(dst, dst, float32(j.Scale), float32(j.Bias))
		switch j.Beta {
		case 0.75:
			for q, x := range dst {
				r := math.Sqrt(float64(x))
				dst[q] = src[q] / float32(r*math.Sqrt(r))
			}
		case 1:
			vec.Div(dst, src, dst)
		case 0.5:
			vec.Sqrt(dst, dst)
			vec.Div(dst, src, dst)
		default:
			for q, x := range dst {
				dst[q] = float32(float64(src[q]) * math.Pow(float64(x), -j.Beta))
			}
		}
	}
}
