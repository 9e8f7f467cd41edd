package quant

import (
	"fmt"
	"math"
	"testing"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/kerneltest"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// convReference is an int8 convolution of one image by its definition, requantised.
func convReference(s *ConvShape, in, w []int8, zero int32, e *Epilogue) []int8 {
	h, wd, oh, ow, kh, kw := s.In[0], s.In[1], s.Out[0], s.Out[1], s.Kernel[0], s.Kernel[1]
	cg, mg := s.Channels/s.Groups, s.Filters/s.Groups
	out := make([]int8, s.Filters*oh*ow)
	for i := range out {
		f, y, x := i/(oh*ow), i/ow%oh, i%ow
		sum := int32(0)
		for c := range cg {
			for ky := range kh {
				for kx := range kw {
					iy, ix := y*s.Stride[0]+ky*s.Dilation[0]-s.PadBegin[0], x*s.Stride[1]+kx*s.Dilation[1]-s.PadBegin[1]
					if iy >= 0 && iy < h && ix >= 0 && ix < wd {
						sum += int32(w[((f*cg+c)*kh+ky)*kw+kx]) * (int32(in[((f/mg*cg+c)*h+iy)*wd+ix]) - zero)
					}
				}
			}
		}
		v := math.RoundToEven(float64(float32(sum)*e.RowScale[f])) + float64(e.Zero)
		out[i] = int8(max(-128, min(127, v)))
	}
	return out
}

// TestConv has operands that end at unmapped memory.
func TestConv(t *testing.T) {
	parallel.SetLimit(3)
	t.Cleanup(func() { parallel.SetLimit(0) })
	kerneltest.Each(t, func(t *testing.T, _ isa.Level) {
		r := kerneltest.Rand(t)
		for range 60 {
			num := func(lo, hi int) int { return lo + r.IntN(hi-lo+1) }
			s := ConvShape{Batch: 1, Groups: num(1, 3), Bytes: true}
			cg := num(1, 5)
			if r.IntN(2) == 0 {
				cg = 1
			}
			s.Channels, s.Filters = s.Groups*cg, s.Groups*num(1, 9)
			for range 2 {
				k, st, d, p := num(1, 4), num(1, 3), num(1, 2), num(0, 2)
				in := (k-1)*d + 1 + num(0, 80)
				s.In, s.Kernel, s.Stride, s.Dilation, s.PadBegin = append(s.In, in), append(s.Kernel, k), append(s.Stride, st), append(s.Dilation, d), append(s.PadBegin, p)
				s.Out = append(s.Out, (in+p+num(0, 2)-(k-1)*d-1)/st+1)
			}
			front := r.IntN(2) == 0
			size := cg * s.Kernel[0] * s.Kernel[1]
			in, w := kerneltest.Guarded[int8](t, s.Channels*s.In[0]*s.In[1], front), make([]int8, s.Filters*size)
			out := kerneltest.Guarded[int8](t, s.Filters*s.Out[0]*s.Out[1], front)
			fill(r, in)
			fill(r, w)
			a := ConvArgs{In: bytesOf(in), Signed: true, ZeroIn: r.Int32N(256) - 128, Out: unsafe.Pointer(&out[0])}
			a.Filters = PackFilters(s.Filters, size, func(i, j int) int32 { return int32(w[i*size+j]) })
			a.Mode, a.RowScale, a.RowInit = Bytes, make([]float32, s.Filters), make([]int32, s.Filters)
			Limit[int8](&a.Epilogue, r.Int32N(256)-128)
			for i := range a.RowScale {
				a.RowScale[i] = r.Float32() / 500
			}
			p := NewConvPlan(s)
			p.Init(a.RowInit, a.Filters, nil, a.ZeroIn, true)
			team := parallel.Acquire(num(1, 3))
			p.Run(team, &a, kerneltest.Guarded[uint8](t, p.ScratchSize(team.Threads()), front))
			team.Release()
			for i, v := range convReference(&s, in, w, a.ZeroIn, &a.Epilogue) {
				if out[i] != v {
					t.Fatalf("%+v: element %d is %d, want %d", s, i, out[i], v)
				}
			}
		}
	})
}

func BenchmarkConv(b *testing.B) {
	for _, c := range []struct{ ch, filters, groups, in, kernel, stride int }{
		{72, 72, 72, 24, 3, 1}, {48, 48, 48, 48, 3, 2}, {72, 72, 72, 24, 3, 2}, {336, 336, 336, 3, 3, 1}, {12, 72, 1, 24, 1, 1}, {72, 12, 1, 24, 1, 1}, {336, 112, 1, 3, 1, 1}, {3, 16, 1, 96, 3, 2}, {64, 64, 1, 56, 3, 1},
	} {
		pad := c.kernel / 2
		out := (c.in+2*pad-c.kernel)/c.stride + 1
		two := func(v int) []int { return []int{v, v} }
		s := ConvShape{Batch: 1, Channels: c.ch, Filters: c.filters, Groups: c.groups, In: two(c.in), Kernel: two(c.kernel), Stride: two(c.stride), Dilation: two(1), PadBegin: two(pad), Out: two(out), Bytes: true}
		b.Run(fmt.Sprintf("%dto%d_%dx%d_%dx%d_s%d", c.ch, c.filters, c.in, c.in, c.kernel, c.kernel, c.stride), func(b *testing.B) {
			y := make([]uint8, c.filters*out*out)
			k := c.ch / c.groups * c.kernel * c.kernel
			a := ConvArgs{In: make([]uint8, c.ch*c.in*c.in), Signed: true, Out: unsafe.Pointer(&y[0]), Filters: PackFilters(c.filters, k, func(i, j int) int32 { return int32(i*j%250 - 125) })}
			a.Mode, a.RowScale, a.RowInit = Bytes, make([]float32, c.filters), make([]int32, c.filters)
			Limit[int8](&a.Epilogue, 0)
			p := NewConvPlan(s)
			scratch := make([]uint8, p.ScratchSize(1))
			for b.Loop() {
				p.Run(nil, &a, scratch)
			}
			b.ReportMetric(2*float64(c.filters*out*out*k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOP/s")
		})
	}
}
