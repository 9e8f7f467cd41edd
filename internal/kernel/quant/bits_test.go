package quant

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/kerneltest"
	"github.com/walnut-ai/walnut/internal/parallel"
)

func TestBlocks(t *testing.T) {
	parallel.SetLimit(3)
	t.Cleanup(func() { parallel.SetLimit(0) })
	kerneltest.Each(t, func(t *testing.T, _ isa.Level) {
		r := kerneltest.Rand(t)
		for range 60 {
			m, n, k, bits, block, front := 1+r.IntN(18), 1+r.IntN(60), 1+r.IntN(140), 4+4*r.IntN(2), 16<<r.IntN(3), r.IntN(2) == 0
			blocks := (k + block - 1) / block
			row := blocks * block * bits / 8
			data, scales, zeros := make([]uint8, n*row), make([]float32, n*blocks), make([]float32, n*blocks)
			fill(r, data)
			kerneltest.Fill(r, scales)
			for i := range zeros {
				if zeros[i] = float32(int(8)); r.IntN(2) == 0 {
					zeros[i] = float32(r.IntN(16))
				}
			}
			w := PackBlocks(n, k, bits, block, func(j int) []uint8 { return data[j*row:][:row] },
				func(j, b int) float32 { return scales[j*blocks+b] }, func(j, b int) float32 { return zeros[j*blocks+b] })
			p := NewBlocksPlan(m, w)
			a, c := kerneltest.Guarded[float32](t, m*k, front), kerneltest.Guarded[float32](t, m*n, front)
			kerneltest.Fill(r, a)
			var bias []float32
			if r.IntN(2) == 0 {
				bias = kerneltest.Guarded[float32](t, (n+15)&^15, front)
				kerneltest.Fill(r, bias)
			}
			team := parallel.Acquire(1 + r.IntN(3))
			p.Run(team, c, a, bias, kerneltest.Guarded[float32](t, p.ScratchSize(), front))
			team.Release()
			for i := range m {
				for j := range n {
					sum, size := 0.0, 1.0
					for x := range k {
						q := int(data[j*row+x*bits/8]) >> (x * bits % 8) & (1<<bits - 1)
						v := float64(a[i*k+x]) * (float64(q) - float64(zeros[j*blocks+x/block])) * float64(scales[j*blocks+x/block])
						sum, size = sum+v, size+math.Abs(v)+math.Abs(float64(a[i*k+x]*scales[j*blocks+x/block]*float32(q)))
					}
					if bias != nil {
						sum += float64(bias[j])
					}
					if d := math.Abs(float64(c[i*n+j]) - sum); !(d <= 1e-6*size) {
						t.Fatalf("%d by %d by %d, %d bits in %d: C[%d,%d] = %v, want %v", m, n, k, bits, block, i, j, c[i*n+j], sum)
					}
				}
			}
		}
	})
}

func BenchmarkBlocks(b *testing.B) {
	kerneltest.EachBenchmark(b, func(b *testing.B, l isa.Level) {
		for _, m := range []int{1, 4, 64} {
			b.Run([]string{1: "1 row", 4: "4 rows", 64: "64 rows"}[m], func(b *testing.B) {
				const n, k = 1024, 1024
				w := PackBlocks(n, k, 4, 32, func(int) []uint8 { return make([]uint8, k/2) }, func(int, int) float32 { return 1 }, func(int, int) float32 { return 8 })
				p := NewBlocksPlan(m, w)
				c, a, s := make([]float32, m*n), make([]float32, m*k), make([]float32, p.ScratchSize())
				for b.Loop() {
					p.Run(nil, c, a, nil, s)
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GF/s")
			})
		}
	})
}
