// Package kerneltest helps to test kernels: each instruction set in turn, buffers that end at unmapped memory, seeded random numbers.
// Only tests import it.
package kerneltest

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/kernel/isa"
)

var seedFlag = flag.Uint64("kernelseed", 0, "seed of the randomised kernel tests; 0 takes the clock")

// Each runs f as a subtest under every level that this CPU supports.
func Each(t *testing.T, f func(t *testing.T, level isa.Level)) {
	t.Helper()
	for _, l := range isa.Supported() {
		t.Run(l.String(), func(t *testing.T) {
			Force(t, l)
			f(t, l)
		})
	}
}

// EachBenchmark is Each for benchmarks.
func EachBenchmark(b *testing.B, f func(b *testing.B, level isa.Level)) {
	b.Helper()
	for _, l := range isa.Supported() {
		b.Run(l.String(), func(b *testing.B) {
			Force(b, l)
			f(b, l)
		})
	}
}

// Force makes l the level until the test ends.
func Force(t testing.TB, l isa.Level) {
	t.Helper()
	restore, err := isa.Force(l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(restore)
}

// Rand gives random numbers from the seed of -kernelseed or the clock, and logs the seed.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed: -kernelseed=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// Fill fills s with normally distributed numbers.
func Fill(r *rand.Rand, s []float32) {
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
}

// Guarded is n values between unmapped memory, where the system can do that: a read or write just outside faults.
// The end of the buffer touches the unmapped memory; with front its beginning does.
// Elsewhere it is a slice of exactly n values.
func Guarded[T any](t testing.TB, n int, front bool) []T {
	t.Helper()
	var zero T
	size := n * int(unsafe.Sizeof(zero))
	if size == 0 {
		return []T{}
	}
	b := guarded(t, size, front)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Aligned is n float32 values whose first lies offset values after a 64-byte boundary.
func Aligned(n, offset int) []float32 {
	b := make([]float32, n+offset+16)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b)))&63)/4 + offset
	return b[skip : skip+n : skip+n]
}

// ULPs is the distance of got from the exact value want in units of the last place of float32 at want, +Inf if only one is NaN
// or the infinities differ. Below the smallest normal number the unit is that of the subnormals.
func ULPs(got float32, want float64) float64 {
	w := float32(want)
	switch {
	case math.IsNaN(want) && got != got, got == w:
		return 0
	case got != got, w != w, math.IsInf(float64(w), 0), math.IsInf(float64(got), 0):
		return math.Inf(1)
	}
	exp := math.Ilogb(want)
	if want == 0 || exp < -126 {
		exp = -126
	}
	return math.Abs(float64(got)-want) / math.Ldexp(1, exp-23)
}
