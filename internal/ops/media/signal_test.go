package media

import (
	"math"
	"math/cmplx"
	"math/rand"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type vals = []tensor.Value
type attrs = []graph.Attr

// naive is the definition of the transform.
func naive(x []complex128, sign float64) []complex128 {
	n := len(x)
	y := make([]complex128, n)
	for k := range y {
		for i, v := range x {
			y[k] += v * cmplx.Exp(complex(0, sign*2*math.Pi*float64(i*k%n)/float64(n)))
		}
	}
	return y
}

// flat lays complex numbers out as pairs, or real parts alone.
func flat(x []complex128, parts int) []float64 {
	var f []float64
	for _, v := range x {
		f = append(f, real(v))
		if parts == 2 {
			f = append(f, imag(v))
		}
	}
	return f
}

func TestDFTLengths(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	var cases []optest.Case
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 20, 27, 29, 30, 31, 32, 37, 49, 60, 64, 74, 97, 128, 210, 243, 400, 509, 512, 1000, 1018} {
		x := make([]complex128, n)
		for i := range x {
			x[i] = complex(r.NormFloat64(), r.NormFloat64())
		}
		inv := naive(x, 1)
		for i := range inv {
			inv[i] /= complex(float64(n), 0)
		}
		in := vals{optest.T(flat(x, 2), 1, n, 2)}
		cases = append(cases,
			optest.Case{Name: "forward", Op: "DFT", Inputs: in, Want: vals{optest.T(flat(naive(x, -1), 2), 1, n, 2)}, Tol: 1e-11},
			optest.Case{Name: "inverse", Op: "DFT", Attrs: attrs{optest.Int("inverse", 1)}, Inputs: in, Want: vals{optest.T(flat(inv, 2), 1, n, 2)}, Tol: 1e-11})
		re := make([]complex128, n)
		for i := range re {
			re[i] = complex(real(x[i]), 0)
		}
		half := naive(re, -1)[:n/2+1]
		cases = append(cases,
			optest.Case{Name: "real", Op: "DFT", Attrs: attrs{optest.Int("onesided", 1)}, Inputs: vals{optest.T(flat(re, 1), n, 1)},
				Want: vals{optest.T(flat(half, 2), n/2+1, 2)}, Tol: 1e-11},
			optest.Case{Name: "back to real", Op: "DFT", Attrs: attrs{optest.Int("onesided", 1), optest.Int("inverse", 1)},
				Inputs: vals{optest.T(flat(half, 2), n/2+1, 2), tensor.Scalar(int64(n))}, Want: vals{optest.T(flat(re, 1), n, 1)}, Tol: 1e-11})
	}
	optest.Run(t, Table, cases)
}

func TestDFT(t *testing.T) {
	x := optest.T([]float32{1, 2, 3, 4, 5, 6}, 3, 2, 1) // along axis 0: 1 3 5 and 2 4 6
	cube := complex(-3, math.Sqrt(3))                   // numpy.fft.fft([1, 3, 5])[1]
	want := []float32{9, 0, 12, 0, float32(real(cube)), float32(imag(cube)), float32(real(cube)), float32(imag(cube)),
		float32(real(cube)), -float32(imag(cube)), float32(real(cube)), -float32(imag(cube))}
	y := optest.T(want, 3, 2, 2)
	optest.Run(t, Table, []optest.Case{
		{Name: "axis input", Op: "DFT", Inputs: vals{x, nil, tensor.Scalar(int64(0))}, Want: vals{y}, Tol: 1e-6},
		{Name: "negative axis", Op: "DFT", Inputs: vals{x, nil, tensor.Scalar(int64(-3))}, Want: vals{y}, Tol: 1e-6},
		{Name: "axis attribute", Op: "DFT", Opset: 17, Attrs: attrs{optest.Int("axis", 0)}, Inputs: vals{x}, Want: vals{y}, Tol: 1e-6},
		{Name: "default axis of 17", Op: "DFT", Opset: 17, Inputs: vals{x}, Want: vals{optest.T([]float32{3, 0, -1, 0, 7, 0, -1, 0, 11, 0, -1, 0}, 3, 2, 2)}},
		{Name: "cut", Op: "DFT", Inputs: vals{x, tensor.Scalar(int32(1)), tensor.Scalar(int64(0))}, Want: vals{optest.T([]float32{1, 0, 2, 0}, 1, 2, 2)}},
		{Name: "pad", Op: "DFT", Inputs: vals{optest.T([]float32{1, 1}, 2, 1), tensor.Scalar(int64(4))},
			Want: vals{optest.T([]float32{2, 0, 1, -1, 0, 0, 1, 1}, 4, 2)}, Tol: 1e-6},
		{Name: "float16", Op: "DFT", Inputs: vals{optest.As(tensor.Float16, optest.T([]float32{1, 1}, 2, 1))},
			Want: vals{optest.As(tensor.Float16, optest.T([]float32{2, 0, 0, 0}, 2, 2))}},
		{Name: "no batch", Op: "DFT", Inputs: vals{optest.T([]float32{}, 0, 3, 1)}, Want: vals{optest.T([]float32{}, 0, 3, 2)}},
		{Name: "last axis", Op: "DFT", Inputs: vals{x, nil, tensor.Scalar(int64(-1))}, Err: "real and imaginary"},
		{Name: "parts", Op: "DFT", Inputs: vals{optest.T([]float32{1, 2, 3}, 1, 3)}, Err: "last axis"},
		{Name: "length 0", Op: "DFT", Inputs: vals{x, tensor.Scalar(int64(0))}, Err: "length 0"},
		{Name: "huge", Op: "DFT", Inputs: vals{x, tensor.Scalar(int64(1 << 40))}, Err: "output 0"},
	})
}

func TestSTFT(t *testing.T) {
	x := optest.T([]float32{1, 2, 3, 4, 5, 6}, 1, 6, 1)
	step := tensor.Scalar(int64(2))
	optest.Run(t, Table, []optest.Case{
		{Name: "window", Op: "STFT", Inputs: vals{x, step, optest.T([]float32{1, 1, 0, 0}, 4)},
			Want: vals{optest.T([]float32{3, 0, 1, -2, -1, 0, 7, 0, 3, -4, -1, 0}, 1, 2, 3, 2)}, Tol: 1e-6},
		{Name: "two-sided", Op: "STFT", Attrs: attrs{optest.Int("onesided", 0)}, Inputs: vals{x, step, nil, tensor.Scalar(int64(2))},
			Want: vals{optest.T([]float32{3, 0, -1, 0, 7, 0, -1, 0, 11, 0, -1, 0}, 1, 3, 2, 2)}, Tol: 1e-6},
		{Name: "whole signal", Op: "STFT", Attrs: attrs{optest.Int("onesided", 0)}, Inputs: vals{optest.T([]float64{1, 1, 0, 1}, 1, 2, 2), step},
			Want: vals{optest.T([]float64{1, 2, 1, 0}, 1, 1, 2, 2)}, Tol: 1e-12},
		{Name: "step 0", Op: "STFT", Inputs: vals{x, tensor.Scalar(int64(0))}, Err: "frame_step"},
		{Name: "long frame", Op: "STFT", Inputs: vals{x, step, nil, tensor.Scalar(int64(7))}, Err: "frames of 7"},
		{Name: "window and length", Op: "STFT", Inputs: vals{x, step, optest.T([]float32{1, 1}, 2), tensor.Scalar(int64(3))}, Err: "frame_length"},
	})
}

func TestWindows(t *testing.T) {
	size := func(n int64) vals { return vals{tensor.Scalar(n)} }
	optest.Run(t, Table, []optest.Case{
		{Name: "hann", Op: "HannWindow", Inputs: size(4), Want: vals{optest.T([]float32{0, 0.5, 1, 0.5}, 4)}, Tol: 1e-7},
		{Name: "hann symmetric", Op: "HannWindow", Attrs: attrs{optest.Int("periodic", 0)}, Inputs: size(3), Want: vals{optest.T([]float32{0, 1, 0}, 3)}, Tol: 1e-7},
		{Name: "hamming", Op: "HammingWindow", Attrs: attrs{optest.Int("output_datatype", 11)}, Inputs: size(4),
			Want: vals{optest.T([]float64{4. / 46, 25. / 46, 1, 25. / 46}, 4)}, Tol: 1e-12},
		{Name: "blackman", Op: "BlackmanWindow", Inputs: size(4), Want: vals{optest.T([]float32{0, 0.34, 1, 0.34}, 4)}, Tol: 1e-7},
		{Name: "integers", Op: "BlackmanWindow", Attrs: attrs{optest.Int("output_datatype", 6)}, Inputs: vals{tensor.Scalar(int32(4))}, Want: vals{optest.T([]int32{0, 0, 1, 0}, 4)}},
		{Name: "one symmetric", Op: "HannWindow", Attrs: attrs{optest.Int("periodic", 0)}, Inputs: size(1), Want: vals{optest.T([]float32{1}, 1)}},
		{Name: "none", Op: "HannWindow", Inputs: size(0), Want: vals{optest.T([]float32{}, 0)}},
		{Name: "negative", Op: "HannWindow", Inputs: size(-1), Err: "size is"},
		{Name: "huge", Op: "HannWindow", Inputs: size(1 << 60), Err: "budget"},
	})
}

func TestMel(t *testing.T) {
	in := func(mels, dft, rate int64, low, high float32) vals {
		return vals{tensor.Scalar(mels), tensor.Scalar(dft), tensor.Scalar(rate), tensor.Scalar(low), tensor.Scalar(high)}
	}
	optest.Run(t, Table, []optest.Case{
		// The standard's example: 8 filters, DFT of 16, 8192 Hz, up to 4096 Hz.
		{Name: "standard", Op: "MelWeightMatrix", Inputs: in(8, 16, 8192, 0, 4096), Want: vals{optest.T([]float32{
			1, 1, 0, 0, 0, 0, 0, 0,
			0, 0, 1, 1, 0, 0, 0, 0,
			0, 0, 0, 0, 1, 0, 0, 0,
			0, 0, 0, 0, 0, 1, 0, 0,
			0, 0, 0, 0, 0, 0, 1, 0,
			0, 0, 0, 0, 0, 0, 0, 1,
			0, 0, 0, 0, 0, 0, 0, 0,
			0, 0, 0, 0, 0, 0, 0, 0,
			0, 0, 0, 0, 0, 0, 0, 0}, 9, 8)}, Tol: 1e-6},
		{Name: "beyond the spectrum", Op: "MelWeightMatrix", Inputs: in(2, 4, 100, 0, 1e6), Outputs: 1},
		{Name: "no filters", Op: "MelWeightMatrix", Inputs: in(0, 4, 100, 0, 50), Want: vals{optest.T([]float32{}, 3, 0)}},
		{Name: "rate 0", Op: "MelWeightMatrix", Inputs: in(2, 4, 0, 0, 50), Err: "sample_rate"},
		{Name: "not a frequency", Op: "MelWeightMatrix", Inputs: in(2, 4, 100, float32(math.NaN()), 50), Err: "lower_edge_hertz"},
	})
}
