package conv

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/kerneltest"
	"github.com/walnut-ai/walnut/internal/parallel"
)

// reference convolves in float64 by definition; size is the sum of the magnitudes.
func reference(p *Plan, a *Args) (out, size []float64) {
	s := &p.shape
	cg, fg := s.Channels/s.Groups, s.Filters/s.Groups
	for b := range s.Batch {
		for f := range s.Filters {
			for z := range p.out[0] {
				for y := range p.out[1] {
					for x := range p.out[2] {
						var sum, mag float64
						if a.Bias != nil {
							sum = float64(a.Bias[f])
						}
						for c := range cg {
							for k := range p.kernel.size() {
								kz, ky, kx := k/(p.kernel[1]*p.kernel[2]), k/p.kernel[2]%p.kernel[1], k%p.kernel[2]
								iz, iy, ix := z*p.stride[0]-p.pad[0]+kz*p.dilation[0], y*p.stride[1]-p.pad[1]+ky*p.dilation[1], x*p.stride[2]-p.pad[2]+kx*p.dilation[2]
								if iz < 0 || iy < 0 || ix < 0 || iz >= p.in[0] || iy >= p.in[1] || ix >= p.in[2] {
									continue
								}
								in := a.In[((b*s.Channels+f/fg*cg+c)*p.in[0]+iz)*p.in[1]*p.in[2]+iy*p.in[2]+ix]
								v := float64(in) * float64(a.Weights[(f*cg+c)*p.kernel.size()+k])
								sum += v
								mag += math.Abs(v)
							}
						}
						if a.Clip {
							sum = min(max(sum, float64(a.Lo)), float64(a.Hi))
						}
						out, size = append(out, sum), append(size, mag+4)
					}
				}
			}
		}
	}
	return out, size
}

func checkShape(t *testing.T, fill func([]float32), s Shape, team *parallel.Team, variant int) {
	t.Helper()
	p, err := NewPlan(s)
	if err != nil {
		t.Fatalf("%+v: %v", s, err)
	}
	guarded := func(n int) []float32 {
		b := kerneltest.Guarded[float32](t, n, variant&1 != 0)
		fill(b)
		return b
	}
	a := &Args{
		In: guarded(s.Batch * s.Channels * p.in.size()), Weights: guarded(s.Filters * s.Channels / s.Groups * p.kernel.size()),
		Out: guarded(s.Batch * s.Filters * p.out.size()),
	}
	if variant&2 != 0 {
		a.Bias = guarded(s.Filters)
	}
	if variant&4 != 0 {
		a.Clip, a.Lo, a.Hi = true, 0, 6
	}
	run := func(team *parallel.Team) []float32 {
		scratch := kerneltest.Guarded[float32](t, p.ScratchSize(team.Threads()), false)
		for i := range scratch {
			scratch[i] = float32(math.NaN())
		}
		p.Run(team, a, scratch)
		return slices.Clone(a.Out)
	}
	out := run(nil)
	want, size := reference(p, a)
	for i, w := range want {
		if !(math.Abs(float64(out[i])-w) <= 1e-6*size[i]) {
			t.Fatalf("%+v, method %d: output %d is %v, want %v", s, p.method, i, out[i], w)
		}
	}
	if shared := run(team); !slices.Equal(out, shared) {
		t.Fatalf("%+v, method %d: the result depends on the number of threads", s, p.method)
	}
}

var shapes = []Shape{
	{Batch: 1, Channels: 3, Filters: 8, Groups: 1, In: []int{9, 9}, Kernel: []int{3, 3}, PadBegin: []int{1, 1}, PadEnd: []int{1, 1}},
	{Batch: 2, Channels: 16, Filters: 20, Groups: 1, In: []int{13, 17}, Kernel: []int{3, 3}, Stride: []int{2, 2}, PadBegin: []int{0, 1}, PadEnd: []int{1, 1}},
	{Batch: 1, Channels: 6, Filters: 9, Groups: 3, In: []int{10, 12}, Kernel: []int{5, 3}, Dilation: []int{1, 2}, PadBegin: []int{2, 2}, PadEnd: []int{2, 2}},
	{Batch: 1, Channels: 32, Filters: 70, Groups: 1, In: []int{7, 7}, Kernel: []int{3, 3}, PadBegin: []int{1, 1}, PadEnd: []int{1, 1}},
	{Batch: 2, Channels: 24, Filters: 40, Groups: 1, In: []int{8, 9}, Kernel: []int{1, 1}},
	{Batch: 2, Channels: 8, Filters: 4, Groups: 2, In: []int{8, 9}, Kernel: []int{1, 1}, Stride: []int{2, 2}},
	{Batch: 1, Channels: 40, Filters: 12, Groups: 1, In: []int{1, 1}, Kernel: []int{1, 1}},
	{Batch: 5, Channels: 40, Filters: 12, Groups: 1, In: []int{1, 1}, Kernel: []int{1, 1}},
	{Batch: 2, Channels: 4, Filters: 6, Groups: 2, In: []int{1, 1}, Kernel: []int{1, 1}},
	{Batch: 2, Channels: 5, Filters: 5, Groups: 5, In: []int{14, 14}, Kernel: []int{3, 3}, PadBegin: []int{1, 1}, PadEnd: []int{1, 1}},
	{Batch: 1, Channels: 3, Filters: 6, Groups: 3, In: []int{40, 75}, Kernel: []int{5, 5}, Stride: []int{2, 2}, PadBegin: []int{2, 2}, PadEnd: []int{2, 2}},
	{Batch: 1, Channels: 2, Filters: 2, Groups: 2, In: []int{30, 300}, Kernel: []int{3, 7}, Stride: []int{1, 3}, Dilation: []int{2, 2}, PadBegin: []int{2, 5}, PadEnd: []int{0, 1}},
	{Batch: 1, Channels: 4, Filters: 4, Groups: 4, In: []int{5, 6, 7}, Kernel: []int{3, 3, 3}, Stride: []int{2, 1, 2}, PadBegin: []int{1, 1, 1}, PadEnd: []int{1, 0, 1}},
	{Batch: 1, Channels: 3, Filters: 5, Groups: 1, In: []int{5, 6, 7}, Kernel: []int{3, 2, 3}, Stride: []int{1, 2, 1}, Dilation: []int{2, 1, 1}, PadBegin: []int{2, 0, 1}, PadEnd: []int{1, 1, 0}},
	{Batch: 2, Channels: 10, Filters: 33, Groups: 1, In: []int{200}, Kernel: []int{5}, Stride: []int{3}, PadBegin: []int{4}, PadEnd: []int{0}},
	{Batch: 1, Channels: 1, Filters: 1, Groups: 1, In: []int{65}, Kernel: []int{9}, PadBegin: []int{8}, PadEnd: []int{8}},
	{Batch: 1, Channels: 80, Filters: 3, Groups: 1, In: []int{6, 6}, Kernel: []int{3, 3}, PadBegin: []int{3, 3}, PadEnd: []int{3, 3}},
	{Batch: 1, Channels: 7, Filters: 7, Groups: 7, In: []int{1, 1}, Kernel: []int{3, 3}, PadBegin: []int{4, 4}, PadEnd: []int{4, 4}},
}

func TestConv(t *testing.T) {
	r := kerneltest.Rand(t)
	parallel.SetLimit(2)
	t.Cleanup(func() { parallel.SetLimit(0) })
	team := parallel.Acquire(3)
	defer team.Release()
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for i, s := range shapes {
			for v := range 8 {
				checkShape(t, func(b []float32) { kerneltest.Fill(r, b) }, s, team, i+v)
			}
		}
	})
}

func TestRandomShapes(t *testing.T) {
	r := kerneltest.Rand(t)
	parallel.SetLimit(1)
	t.Cleanup(func() { parallel.SetLimit(0) })
	team := parallel.Acquire(2)
	defer team.Release()
	kerneltest.Each(t, func(t *testing.T, level isa.Level) {
		for i := range 120 {
			rank := 1 + r.IntN(3)
			groups := 1 + r.IntN(4)
			s := Shape{Batch: 1 + r.IntN(2), Groups: groups, Channels: groups * (1 + r.IntN(4)), Filters: groups * (1 + r.IntN(8))}
			for range rank {
				s.Kernel = append(s.Kernel, 1+r.IntN(4))
				s.Stride = append(s.Stride, 1+r.IntN(3))
				s.Dilation = append(s.Dilation, 1+r.IntN(2))
				s.PadBegin = append(s.PadBegin, r.IntN(3))
				s.PadEnd = append(s.PadEnd, r.IntN(3))
				s.In = append(s.In, 7+r.IntN(20/rank))
			}
			checkShape(t, func(b []float32) { kerneltest.Fill(r, b) }, s, team, i)
		}
	})
}

func TestBadShapes(t *testing.T) {
	for _, s := range []Shape{
		{}, {Batch: 1, Channels: 3, Filters: 4, Groups: 2, In: []int{5}, Kernel: []int{1}}, {Batch: 1, Channels: 1, Filters: 1, Groups: 1, In: []int{5}, Kernel: []int{6}},
		{Batch: 1, Channels: 1, Filters: 1, Groups: 1, In: []int{5}, Kernel: []int{1, 1}}, {Batch: 1, Channels: 1, Filters: 1, Groups: 1, In: []int{5}},
		{Batch: 1, Channels: 1, Filters: 1, Groups: 1, In: []int{5}, Kernel: []int{1}, Stride: []int{0}},
		{Batch: 1, Channels: 1, Filters: 1, Groups: 1, In: []int{5}, Kernel: []int{1}, PadEnd: []int{-1}},
		{Batch: 1, Channels: 1, Filters: 1, Groups: 1, In: []int{5, 5, 5, 5}, Kernel: []int{1, 1, 1, 1}},
	} {
		if _, err := NewPlan(s); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, i := range []int{0, 1, 4, 9, 10} {
		s := shapes[i]
		p, err := NewPlan(s)
		if err != nil {
			t.Fatal(err)
		}
		a := &Args{In: make([]float32, 10000), Weights: make([]float32, 10000), Out: make([]float32, 100000)}
		scratch := make([]float32, p.ScratchSize(1))
		if n := testing.AllocsPerRun(50, func() { p.Run(nil, a, scratch) }); n != 0 {
			t.Errorf("method %d: %v allocations a run", p.method, n)
		}
	}
}

func BenchmarkConv(b *testing.B) {
	square := func(c, f, g, hw, k, stride int) Shape {
		pad := k / 2
		return Shape{Batch: 1, Channels: c, Filters: f, Groups: g, In: []int{hw, hw}, Kernel: []int{k, k}, Stride: []int{stride, stride}, PadBegin: []int{pad, pad}, PadEnd: []int{pad, pad}}
	}
	for _, s := range []Shape{
		square(64, 64, 1, 56, 3, 1), square(128, 128, 1, 28, 3, 1), square(256, 256, 1, 14, 3, 1), square(512, 512, 1, 7, 3, 1), square(3, 32, 1, 224, 3, 2),
		square(96, 24, 1, 56, 1, 1), square(576, 96, 1, 14, 1, 1), square(32, 32, 32, 112, 3, 1), square(96, 96, 96, 56, 3, 1), square(384, 384, 384, 14, 3, 1), square(96, 96, 96, 56, 5, 2),
	} {
		p, err := NewPlan(s)
		if err != nil {
			b.Fatal(err)
		}
		flops := 2 * float64(s.Filters*p.out.size()) * float64(s.Channels/s.Groups*p.kernel.size())
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d-%d-g%d-%v-k%v-s%v/%d", s.Channels, s.Filters, s.Groups, s.In, s.Kernel, s.Stride, threads), func(b *testing.B) {
				kerneltest.EachBenchmark(b, func(b *testing.B, _ isa.Level) {
					team := parallel.Acquire(threads)
					defer team.Release()
					p, _ := NewPlan(s)
					a := &Args{In: make([]float32, s.Channels*p.in.size()), Weights: make([]float32, s.Filters*s.Channels/s.Groups*p.kernel.size()), Out: make([]float32, s.Filters*p.out.size()), Bias: make([]float32, s.Filters), Clip: true, Hi: 6}
					scratch := make([]float32, p.ScratchSize(team.Threads()))
					for b.Loop() {
						p.Run(team, a, scratch)
					}
					b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GF/s")
				})
			})
		}
	}
}
