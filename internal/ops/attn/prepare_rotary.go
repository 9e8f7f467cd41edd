package attn

import (
	"sync"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// rotate32 is rotation.rotate of src by angles cos and sin; the elements that do
// not rotate are copied. dst may be src.
func rotate32(dst, src, cos, sin []float32, interleaved bool) {
	half := len(cos)
	sin = sin[:half]
	if interleaved {
		for i, c := range cos {
			a, b, s := src[2*i], src[2*i+1], sin[i]
			dst[2*i], dst[2*i+1] = c*a-s*b, s*a+c*b
		}
	} else {
		x, y, to, too := src[:half], src[half:2*half], dst[:half], dst[half:2*half]
		for i, c := range cos {
			a, b, s := x[i], y[i], sin[i]
			to[i], too[i] = c*a-s*b, s*a+c*b
		}
	}
	copy(dst[2*half:], src[2*half:])
}

// rotaryStep is RotaryEmbedding.
type rotaryStep struct {
	x, y, cos, sin, pos op.Slot
	v                   operand
	half, places        int
	interleaved         bool
	first               bool // pos has the first vector's position only
}

// rotaryJob cuts a rotaryStep into chunks.
type rotaryJob struct {
	s              *rotaryStep
	x, y, cos, sin []float32
	pos            []int64
	rows           int // in a chunk
}

var rotaryJobs = sync.Pool{New: func() any { return new(rotaryJob) }}

// rotaryGrain is how many elements are worth a chunk of their own.
const rotaryGrain = 1 << 14

// Run implements op.Step.
func (s *rotaryStep) Run(f *op.Frame) error {
	j := rotaryJobs.Get().(*rotaryJob)
	*j = rotaryJob{s, f.F32(s.x), f.F32(s.y), f.F32(s.cos), f.F32(s.sin), f.I64(s.pos), max(1, rotaryGrain/(s.v.n*s.v.d))}
	n := s.v.b * s.v.s
	var err error
	for r := 0; r < n && err == nil; r++ {
		if p := j.at(r); p < 0 || p >= int64(s.places) {
			_, err = (&rotation{cos: f.T(s.cos)}).at(p)
		}
	}
	if err == nil {
		f.Team.Run((n+j.rows-1)/j.rows, j)
	}
	*j = rotaryJob{}
	rotaryJobs.Put(j)
	return err
}

// at returns the position of vector r of B·S.
func (j *rotaryJob) at(r int) int64 {
	switch {
	case j.pos == nil:
		return int64(r)
	case j.s.first:
		return j.pos[0] + int64(r%j.s.v.s)
	}
	return j.pos[r]
}

// Do implements parallel.Task.
func (j *rotaryJob) Do(_, i int) {
	v, half := &j.s.v, j.s.half
	for r := i * j.rows; r < min((i+1)*j.rows, v.b*v.s); r++ {
		p := int(j.at(r)) * half
		for h := range v.n {
			o := v.v.At(r/v.s, h, r%v.s)
			rotate32(j.y[o:o+v.d], j.x[o:o+v.d], j.cos[p:p+half], j.sin[p:p+half], j.s.interleaved)
		}
	}
}

// Prepare runs float32.
func (o *rotary) Prepare(b op.Bind) (op.Step, error) {
	cos, sin, pos := 1, 2, 3
	if o.ms {
		cos, sin, pos = 2, 3, 1
	}
	x, c := b.Shape(0), b.Shape(cos)
	if b.Type(0) != tensor.Float32 || b.Type(cos) != tensor.Float32 || b.Type(sin) != tensor.Float32 || op.Prod(x) == 0 ||
		len(c) < 2 || !tensor.SameShape(c, b.Shape(sin)) {
		return nil, nil
	}
	n := o.heads
	if len(x) == 3 && n == 0 && o.ms && c[1] > 0 {
		n = x[2] / (2 * c[1])
		if n*2*c[1] != x[2] {
			return nil, nil
		}
	}
	v, ok := splitIn(b, 0, n)
	if !ok {
		return nil, nil
	}
	dim := o.dim
	if dim == 0 {
		dim = v.d
	}
	s := &rotaryStep{x: b.In(0), y: b.Out(0), cos: b.In(cos), sin: b.In(sin), pos: op.NoSlot, v: v, half: dim / 2,
		places: op.Prod(c[:len(c)-1]), interleaved: o.interleaved}
	if dim > v.d || dim%2 != 0 || dim == 0 || c[len(c)-1] != dim/2 {
		return nil, nil
	}
	if !b.Has(pos) {
		if len(c) != 3 || c[0] != v.b || c[1] != v.s {
			return nil, nil
		}
		return s, nil
	}
	s.pos = b.In(pos)
	p := b.Shape(pos)
	s.first = o.ms && len(p) == 1 && p[0] == 1
	if len(c) != 2 || b.Type(pos) != tensor.Int64 || !s.first && !tensor.SameShape(p, []int{v.b, v.s}) {
		return nil, nil
	}
	return s, nil
}
