package quant

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
	"github.com/walnut-ai/walnut/internal/kernel/kerneltest"
)

// hard are values that rounding or clipping may get wrong.
var hard = []float32{0, 0.5, -0.5, 1.5, 2.5, -2.5, 126.5, 127.5, 254.5, 255.5, 1e9, -1e9, 3e38, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e-40, 8388609}

func randomFloats(r *rand.Rand, s []float32) {
	for i := range s {
		s[i] = float32(r.NormFloat64() * 100)
		if r.IntN(4) == 0 {
			s[i] = hard[r.IntN(len(hard))]
		}
	}
}

func quantizeCheck[T Byte](t *testing.T, r *rand.Rand, n int, front bool) {
	x, got := kerneltest.Guarded[float32](t, n, front), kerneltest.Guarded[T](t, n, front)
	randomFloats(r, x)
	lo, hi := Range[T]()
	zero := lo + r.Int32N(256)
	scale := float32(1)
	if r.IntN(2) == 0 {
		scale = r.Float32() * 3
	}
	Quantize(got, x, scale, zero)
	for i, v := range x {
		w := math.RoundToEven(float64(v/scale)) + float64(zero)
		want := lo
		if w >= float64(hi) {
			want = hi
		} else if w > float64(lo) {
			want = int32(w)
		}
		if int32(got[i]) != want {
			t.Fatalf("%d of %d: %v/%v + %d = %d, want %d", i, n, v, scale, zero, got[i], want)
		}
	}
	y := kerneltest.Guarded[float32](t, n, front)
	Dequantize(y, got, scale, zero)
	zeros, scales := kerneltest.Guarded[float32](t, n, front), kerneltest.Guarded[float32](t, n, front)
	for i := range y {
		if w := float32((float64(got[i]) - float64(zero)) * float64(scale)); y[i] != w {
			t.Fatalf("%d of %d: dequantised %v, want %v", i, n, y[i], w)
		}
		zeros[i], scales[i] = float32(lo+r.Int32N(256)), r.Float32()
	}
	DequantizeEach(y, got, scales, zeros)
	for i := range y {
		if w := float32((float64(got[i]) - float64(zeros[i])) * float64(scales[i])); y[i] != w {
			t.Fatalf("%d of %d: dequantised %v, want %v", i, n, y[i], w)
		}
	}
	w := kerneltest.Guarded[int16](t, n, front)
	widen(w, bytesOf(got), lo < 0, zero)
	for i := range w {
		if int32(w[i]) != int32(got[i])-zero {
			t.Fatalf("%d of %d: widened %d, want %d", i, n, w[i], int32(got[i])-zero)
		}
	}
}

func TestRows(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, _ isa.Level) {
		r := kerneltest.Rand(t)
		for range 40 {
			n := r.IntN(200)
			quantizeCheck[uint8](t, r, n, r.IntN(2) == 0)
			quantizeCheck[int8](t, r, n, r.IntN(2) == 0)
			x := kerneltest.Guarded[float32](t, n, r.IntN(2) == 0)
			randomFloats(r, x)
			var lo, hi float32
			for _, v := range x {
				if v < lo {
					lo = v
				}
				if v > hi {
					hi = v
				}
			}
			if a, b := Extent(x); a != lo || b != hi {
				t.Fatalf("extent %v %v, want %v %v", a, b, lo, hi)
			}
		}
	})
}
