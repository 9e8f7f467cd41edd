package quant

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/kerneltest"
	"github.com/walnut-ai/walnut/internal/parallel"
)

func fill[T Byte](r *rand.Rand, s []T) {
	for i := range s {
		s[i] = T(r.Uint32())
	}
}

// epilogueCase is a random epilogue with the function that applies it.
func epilogueCase(r *rand.Rand, m, n int, rows bool) (Epilogue, func(i, j int, sum int32) any) {
	e := Epilogue{Mode: Mode(r.IntN(3))}
	length := Padded(n)
	if rows {
		length = m
	}
	init, scale, bias := make([]int32, length), make([]float32, length), make([]float32, Padded(n))
	for i := range init {
		init[i], scale[i] = r.Int32N(1<<16)-1<<15, r.Float32()/1000
	}
	kerneltest.Fill(r, bias)
	at := func(i, j int) int { return j }
	if rows {
		e.RowInit, e.RowScale = init, scale
		at = func(i, j int) int { return i }
	} else {
		e.ColInit, e.ColScale = init, scale
		if r.IntN(2) == 0 {
			e.ColBias = bias
		}
	}
	zero := r.Int32N(256)
	if e.Mode == Bytes {
		Limit[uint8](&e, zero)
	}
	return e, func(i, j int, sum int32) any {
		k := at(i, j)
		sum += init[k]
		x := float32(sum) * scale[k]
		switch e.Mode {
		case Sums:
			return sum
		case Floats:
			if e.ColBias != nil {
				x = float32(x) + bias[j]
			}
			return x
		}
		return uint8(max(0, min(255, math.RoundToEven(float64(x))+float64(zero))))
	}
}

// result reads element i of C.
func result(c []uint8, m Mode, i int) any {
	switch m {
	case Sums:
		return *(*int32)(unsafe.Pointer(&c[4*i]))
	case Floats:
		return *(*float32)(unsafe.Pointer(&c[4*i]))
	}
	return c[i]
}

func TestProduct(t *testing.T) {
	parallel.SetLimit(3)
	t.Cleanup(func() { parallel.SetLimit(0) })
	kerneltest.Each(t, func(t *testing.T, _ isa.Level) {
		r := kerneltest.Rand(t)
		for range 60 {
			m, n, k := 1+r.IntN(40), 1+r.IntN(150), 1+r.IntN(70)
			if r.IntN(10) == 0 {
				m, n = m*7, n*3
			}
			front := r.IntN(2) == 0
			signedA, signedB := r.IntN(2) == 0, r.IntN(2) == 0
			zeroA, zeroB := r.Int32N(100), r.Int32N(100)
			if r.IntN(2) == 0 {
				zeroB = 0
			}
			a, b := kerneltest.Guarded[uint8](t, m*k, front), kerneltest.Guarded[uint8](t, k*n, front)
			fill(r, a)
			fill(r, b)
			value := func(v uint8, signed bool, zero int32) int32 {
				if signed {
					return int32(int8(v)) - zero
				}
				return int32(v) - zero
			}
			e, want := epilogueCase(r, m, n, false)
			s := Shape{M: m, N: n, K: k}
			args := Args{A: a, SignedA: signedA, ZeroA: zeroA, LDA: k, LDC: n, Epilogue: e}
			if r.IntN(3) > 0 {
				args.Packed = PackB(k, n, func(i, j int) int32 { return value(b[i*n+j], signedB, zeroB) })
				s.Wide = args.Packed.Wide
				args.ColInit = make([]int32, Padded(n))
				args.Packed.Init(args.ColInit, e.ColInit[:n], zeroA, signedA)
			} else {
				s.Wide, s.Source = true, true
				src := new(Matrices)
				src.With(NewMatrices(k, n, []int{0}), b, signedB, zeroB)
				args.Source = src
			}
			c := kerneltest.Guarded[uint8](t, m*n*e.Mode.size(), front)
			args.C = unsafe.Pointer(&c[0])
			p := NewPlan(s)
			team := parallel.Acquire(1 + r.IntN(3))
			p.Run(team, &args, make([]uint8, p.ScratchSize(team.Threads())))
			team.Release()
			for i := range m {
				for j := range n {
					sum := int32(0)
					for x := range k {
						sum += value(a[i*k+x], signedA, zeroA) * value(b[x*n+j], signedB, zeroB)
					}
					if got, w := result(c, e.Mode, i*n+j), want(i, j, sum); got != w {
						t.Fatalf("%+v, signed %v %v, zeros %d %d: C[%d,%d] = %v, want %v", s, signedA, signedB, zeroA, zeroB, i, j, got, w)
					}
				}
			}
		}
	})
}

func TestProductAllocatesNothing(t *testing.T) {
	p := NewPlan(Shape{M: 50, N: 70, K: 33})
	b := PackB(33, 70, func(i, j int) int32 { return int32(i+j)%200 - 100 })
	c := make([]int32, 50*70)
	args := Args{A: make([]uint8, 50*33), LDA: 33, LDC: 70, Packed: b, C: unsafe.Pointer(&c[0])}
	team := parallel.Acquire(2)
	defer team.Release()
	scratch := make([]uint8, p.ScratchSize(team.Threads()))
	if n := testing.AllocsPerRun(20, func() { p.Run(team, &args, scratch) }); n != 0 {
		t.Errorf("%v allocations a run", n)
	}
}

func BenchmarkProduct(b *testing.B) {
	kerneltest.EachBenchmark(b, func(b *testing.B, _ isa.Level) {
		const n = 512
		for _, mode := range []Mode{Sums, Bytes} {
			b.Run([]string{"sums", "", "bytes"}[mode], func(b *testing.B) {
				p := NewPlan(Shape{M: n, N: n, K: n})
				w := PackB(n, n, func(i, j int) int32 { return int32(i*j)%200 - 100 })
				c := make([]int32, n*n)
				args := Args{A: make([]uint8, n*n), LDA: n, LDC: n, Packed: w, C: unsafe.Pointer(&c[0])}
				args.Mode, args.ColScale = mode, make([]float32, n)
				scratch := make([]uint8, p.ScratchSize(1))
				for b.Loop() {
					p.Run(nil, &args, scratch)
				}
				b.ReportMetric(2*n*n*n*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOP/s")
			})
		}
	})
}
