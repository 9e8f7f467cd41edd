package nn

import (
	"strconv"
	"sync"

	"github.com/walnut-ai/walnut/internal/kernel/gemm"
	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// upBlock bounds the floats of one product: larger ones are cut into blocks of
// output channels.
const upBlock = 1 << 20

// maxScratch is how many floats a step may ask for; hostile shapes run by definition.
const maxScratch = 1 << 28

// convTransposeStep is a float32 transposed convolution: W^T * X gives, for
// each output channel and element of the kernel, what every input position
// contributes; the rows are then added to where they belong.
type convTransposeStep struct {
	axes       [3]span // missing ones lead
	batch      int
	groups     int
	cg, mg     int // channels and output channels of a group
	taps       int
	plane, out int
	direct     bool // every output gets one product, in order of the taps
	block      int  // output channels in a product
	full, tail gemm.Plan
	weights    []float32 // [groups, mg*taps, cg]; nil: the input, transposed
	x, w, bias op.Slot
	y          op.Slot
	cols, tmp  op.Slot
}

// Prepare runs float32 of up to three spatial dimensions.
func (o *convTranspose) Prepare(b op.Bind) (op.Step, error) {
	x, w, y := b.Shape(0), b.Shape(1), b.OutShape(0)
	n := len(x) - 2
	if o.dynamicPads || b.Type(0) != tensor.Float32 || n < 1 || n > 3 || op.Prod(x) == 0 || op.Prod(w) == 0 || op.Prod(y) == 0 {
		return nil, nil
	}
	if o.check(n, o.pads) != nil || len(o.kernel) > 0 && !tensor.SameShape(o.kernel, w[2:]) {
		return nil, nil
	}
	s := &convTransposeStep{batch: x[0], groups: o.group, cg: x[1] / o.group, mg: w[1], taps: op.Prod(w[2:]), plane: op.Prod(x[2:]), out: op.Prod(y[2:]), direct: true}
	for i := range s.axes {
		s.axes[i] = span{in: 1, out: 1, kernel: 1, stride: 1, dilation: 1}
		if k := i - (3 - n); k >= 0 {
			a, err := o.span(k, n, x[k+2], w[k+2], o.pads)
			if err != nil || a.out != y[k+2] {
				return nil, err
			}
			s.axes[i] = a
		}
		a := &s.axes[i]
		s.direct = s.direct && a.begin == 0 && a.kernel == a.stride && a.dilation == 1 && a.out == a.in*a.stride
	}
	if s.taps*s.plane > maxScratch {
		return nil, nil
	}
	s.block = min(s.mg, max(1, upBlock/(s.taps*s.plane)))
	shape := gemm.Shape{M: s.block * s.taps, N: s.plane, K: s.cg}
	s.x, s.bias, s.y = b.In(0), b.In(2), b.Out(0)
	if b.Has(3) { // of com.microsoft, whose input 2 is for pads
		s.bias = b.In(3)
	}
	if b.Const(1) != nil {
		s.weights = b.Pack(1, "convtranspose "+strconv.Itoa(o.group), s.pack).([]float32)
	} else {
		s.w, shape.TransA = b.In(1), true
	}
	s.full = gemm.NewPlan(shape)
	if shape.M = s.mg % s.block * s.taps; shape.M > 0 {
		s.tail = gemm.NewPlan(shape)
	}
	s.cols = b.Scratch(4 * s.block * s.taps * s.plane)
	s.tmp = b.Scratch(4 * max(s.full.ScratchSize(b.Threads()), s.tail.ScratchSize(b.Threads())))
	return s, nil
}

// pack transposes the matrices of the groups.
func (s *convTransposeStep) pack(w *tensor.Tensor) (any, int) {
	v, rows := tensor.Of[float32](w), s.mg*s.taps
	t := make([]float32, len(v))
	for g := range s.groups {
		from, to := v[g*s.cg*rows:], t[g*s.cg*rows:]
		for c := range s.cg {
			for r := range rows {
				to[r*s.cg+c] = from[c*rows+r]
			}
		}
	}
	return t, 4 * len(t)
}

// Run implements op.Step.
func (s *convTransposeStep) Run(f *op.Frame) error {
	x, cols := f.F32(s.x), f.F32(s.cols)
	a := gemm.Args{LDB: s.plane, C: cols, LDC: s.plane, Alpha: 1}
	w := s.weights
	if w == nil {
		w = f.F32(s.w)
	}
	j := upJobs.Get().(*upJob)
	*j = upJob{s: s, cols: cols, bias: f.F32(s.bias), y: f.F32(s.y)}
	rows := s.mg * s.taps
	for n := range s.batch {
		for g := range s.groups {
			for m := 0; m < s.mg; m += s.block {
				size, p := s.block, &s.full
				if m+size > s.mg {
					size, p = s.mg-m, &s.tail
				}
				if s.weights != nil {
					a.A, a.LDA = w[(g*rows+m*s.taps)*s.cg:], s.cg
				} else {
					a.A, a.LDA = w[g*s.cg*rows+m*s.taps:], rows
				}
				a.B = x[(n*s.groups+g)*s.cg*s.plane:]
				p.Run(f.Team, &a, f.F32(s.tmp))
				j.channel, j.at = g*s.mg+m, (n*s.groups+g)*s.mg+m
				f.Team.Run(size, j)
			}
		}
	}
	*j = upJob{}
	upJobs.Put(j)
	return nil
}

// upJob adds up the rows of one product, output channel by output channel.
type upJob struct {
	s             *convTransposeStep
	cols, bias, y []float32
	channel, at   int // of the first: number of the channel, and of the plane in y
}

var upJobs = sync.Pool{New: func() any { return new(upJob) }}

// Do implements parallel.Task.
func (j *upJob) Do(_, i int) {
	s := j.s
	y := j.y[(j.at+i)*s.out:][:s.out]
	cols := j.cols[i*s.taps*s.plane:][:s.taps*s.plane]
	var bias float32
	if j.bias != nil {
		bias = j.bias[j.channel+i]
	}
	if !s.direct {
		for k := range y {
			y[k] = bias
		}
	}
	d, h, w := &s.axes[0], &s.axes[1], &s.axes[2]
	tap := 0
	for kd := range d.kernel {
		for kh := range h.kernel {
			for kw := range w.kernel {
				src := cols[tap*s.plane:][:s.plane]
				tap++
				lo, hi := w.kept(kw)
				if lo >= hi {
					continue
				}
				first := lo*w.stride - w.begin + kw*w.dilation
				for id := range d.in {
					od := id*d.stride - d.begin + kd*d.dilation
					if od < 0 || od >= d.out {
						continue
					}
					for ih := range h.in {
						oh := ih*h.stride - h.begin + kh*h.dilation
						if oh < 0 || oh >= h.out {
							continue
						}
						row := src[(id*h.in+ih)*w.in:][lo:hi]
						dst := y[(od*h.out+oh)*w.out:][first:w.out]
						if s.direct {
							spread(dst, row, w.stride, bias)
						} else {
							gather(dst, row, w.stride)
						}
					}
				}
			}
		}
	}
}

// kept is the range of input positions whose product with kernel element k stays inside.
func (s *span) kept(k int) (lo, hi int) {
	at := k*s.dilation - s.begin
	if at < 0 {
		lo = (-at + s.stride - 1) / s.stride
	}
	if room := s.out - 1 - at; room >= 0 {
		hi = min(s.in, room/s.stride+1)
	}
	return lo, hi
}

// spread stores row+bias at every stride-th place.
func spread(dst, row []float32, stride int, bias float32) {
	if stride == 1 {
		vec.AddScalar(dst[:len(row)], row, bias)
		return
	}
	if stride == 2 {
		for _, v := range row[:len(row)-1] {
			dst[0] = v + bias
			dst = dst[2:]
		}
		dst[0] = row[len(row)-1] + bias
		return
	}
	k := 0
	for _, v := range row {
		dst[k] = v + bias
		k += stride
	}
}

// gather adds row to every stride-th place.
func gather(dst, row []float32, stride int) {
	if stride == 1 {
		vec.Add(dst[:len(row)], dst[:len(row)], row)
		return
	}
	k := 0
	for _, v := range row {
		dst[k] += v
		k += stride
	}
}
