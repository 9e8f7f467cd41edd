package kerneltest

import (
	"math"
	"testing"
)

func TestULPs(t *testing.T) {
	one := float32(1)
	next := math.Nextafter32(one, 2)
	for _, c := range []struct {
		got        float32
		want, ulps float64
	}{
		{one, 1, 0}, {next, 1, 1}, {float32(math.NaN()), math.NaN(), 0}, {one, math.NaN(), math.Inf(1)},
		{float32(math.Inf(1)), math.Inf(1), 0}, {one, math.Inf(1), math.Inf(1)}, {0, math.Ldexp(1, -149), 1}, {0, 0, 0},
		{float32(math.Inf(1)), 1e300, 0},
	} {
		if u := ULPs(c.got, c.want); u != c.ulps {
			t.Errorf("ULPs(%v, %v) = %v, want %v", c.got, c.want, u, c.ulps)
		}
	}
}

func TestBuffers(t *testing.T) {
	r := Rand(t)
	for _, n := range []int{0, 1, 5, 1024, 5000} {
		for _, front := range []bool{false, true} {
			b := Guarded[float32](t, n, front)
			if len(b) != n {
				t.Fatalf("%d values, want %d", len(b), n)
			}
			Fill(r, b)
		}
		Fill(r, Aligned(n, 3))
	}
}
