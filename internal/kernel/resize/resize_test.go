package resize

import (
	"math"
	"testing"
)

// halves is linear interpolation to twice the length.
func halves(n int) []Taps {
	var l []Taps
	for i := range 2 * n {
		a := min(i/2, n-1)
		l = append(l, Taps{[]int{a, min(a+1, n-1)}, []float64{0.75, 0.25}})
	}
	return l
}

func TestBlend(t *testing.T) {
	dims := []int{3, 5, 9}
	src := make([]float32, 3*5*9)
	for i := range src {
		src[i] = float32(math.Sin(float64(i)))
	}
	var b Blend
	taps := [][]Taps{nil, halves(5), halves(9)}
	b.Add(dims, 2, taps[2])
	b.Add([]int{3, 5, 18}, 1, taps[1])
	dst := make([]float32, 3*10*18)
	b.Run(nil, dst, src, make([]float32, b.ScratchSize()))
	for i, got := range dst {
		want := 0.0
		y, x := taps[1][i/18%10], taps[2][i%18]
		for p, r := range y.At {
			for q, c := range x.At {
				want += y.W[p] * x.W[q] * float64(src[i/180*45+r*9+c])
			}
		}
		if math.Abs(float64(got)-want) > 1e-6 {
			t.Fatalf("element %d is %v, want %v", i, got, want)
		}
	}
}

func TestPick(t *testing.T) {
	src := make([]float32, 2*3*4)
	for i := range src {
		src[i] = float32(i)
	}
	from := [][]int{nil, {2, 2, 0}, {0, 0, 1, 1, 2, 2, 3, 3}}
	p := NewPick([]int{2, 3, 4}, from)
	dst := make([]float32, 2*3*8)
	p.Run(nil, dst, src)
	for i, got := range dst {
		if want := float32(i/24*12 + from[1][i/8%3]*4 + from[2][i%8]); got != want {
			t.Fatalf("element %d is %v, want %v", i, got, want)
		}
	}
}

func BenchmarkBlend(b *testing.B) {
	var p Blend
	p.Add([]int{24, 32, 40}, 2, halves(40))
	p.Add([]int{24, 32, 80}, 1, halves(32))
	src, dst, tmp := make([]float32, 24*32*40), make([]float32, 24*64*80), make([]float32, p.ScratchSize())
	for b.Loop() {
		p.Run(nil, dst, src, tmp)
	}
}

func BenchmarkPick(b *testing.B) {
	f := func(n int) (l []int) {
		for i := range 2 * n {
			l = append(l, i/2)
		}
		return l
	}
	p := NewPick([]int{96, 24, 32}, [][]int{nil, f(24), f(32)})
	src, dst := make([]float32, 96*24*32), make([]float32, 96*48*64)
	for b.Loop() {
		p.Run(nil, dst, src)
	}
}
