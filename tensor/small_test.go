package tensor

import (
	"math"
	"testing"
)

// Every finite pattern of a small type must survive the way through float64.
func TestSmallRoundTrip(t *testing.T) {
	for _, dt := range []DType{Float16, BFloat16, Float8E4M3FN, Float8E4M3FNUZ, Float8E5M2, Float8E5M2FNUZ, Float4E2M1, Float8E8M0} {
		x, err := New(dt, 1)
		if err != nil {
			t.Fatal(err)
		}
		y, _ := New(dt, 1)
		for p := range uint64(1) << dt.Bits() {
			x.setBits(0, p)
			f := x.FloatAt(0)
			y.SetFloatAt(0, f)
			if math.IsNaN(f) != math.IsNaN(y.FloatAt(0)) {
				t.Fatalf("%v pattern %#x: NaN lost", dt, p)
			}
			if !math.IsNaN(f) && !math.IsInf(f, 0) && y.bitsAt(0) != p {
				t.Fatalf("%v pattern %#x = %g comes back as %#x", dt, p, f, y.bitsAt(0))
			}
		}
	}
}

func TestRounding(t *testing.T) {
	tests := []struct {
		dt   DType
		in   float64
		want float64
	}{
		{Float16, 65519, 65504}, {Float16, 65520, math.Inf(1)}, {Float16, 1 + 1.0/2048, 1}, {Float16, 1 + 3.0/2048, 1 + 1.0/512},
		{Float16, 5.9604645e-08, 5.9604644775390625e-08}, {Float16, 2.9e-8, 0},
		{BFloat16, 1.00390625, 1}, {BFloat16, 3.39e38, 3.3895313892515355e38}, {BFloat16, 3.4028235e38, math.Inf(1)},
		{Float8E4M3FN, 449, 448}, {Float8E4M3FN, 1e9, 448}, {Float8E5M2, 1e9, 57344}, {Float4E2M1, 2.5, 2}, {Float4E2M1, -7, -6},
		{Int4, 9, -7}, {Uint4, 17, 1}, {Int8, 300, 44}, {Bool, 0.5, 1},
	}
	for _, tt := range tests {
		x, _ := New(tt.dt, 1)
		x.SetFloatAt(0, tt.in)
		if got := x.FloatAt(0); got != tt.want {
			t.Errorf("%v: %g stored as %g, want %g", tt.dt, tt.in, got, tt.want)
		}
	}
}
