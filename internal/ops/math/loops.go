package math

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// eachRun walks a tensor of shape dims in row-major order, in runs of n
// elements that start at element k of the output. off[j] is where operand j's
// run starts and step[j] how far apart its elements are; strides hold one list
// an operand, as op.BroadcastStrides makes them. The slices handed to f are reused.
func eachRun(dims []int, strides [][]int, f func(k, n int, off, step []int) error) error {
	d, s := coalesce(dims, strides)
	step := make([]int, len(s))
	n := 1
	if last := len(d) - 1; last >= 0 {
		n = d[last]
		for j := range s {
			step[j] = s[j][last]
			s[j] = s[j][:last]
		}
		d = d[:last]
	}
	if n == 0 {
		return nil
	}
	return op.Each(d, s, func(k int, _, off []int) error { return f(k*n, n, off, step) })
}

// coalesce drops axes of length 1 and joins neighbours that every operand
// walks as one, so that inner loops get long.
func coalesce(dims []int, strides [][]int) ([]int, [][]int) {
	var d []int
	s := make([][]int, len(strides))
	for a, n := range dims {
		if n == 1 {
			continue
		}
		join := len(d) > 0
		for j := range strides {
			join = join && s[j][len(d)-1] == strides[j][a]*n
		}
		if join {
			d[len(d)-1] *= n
		} else {
			d = append(d, n)
		}
		for j := range strides {
			if join {
				s[j][len(d)-1] = strides[j][a]
			} else {
				s[j] = append(s[j], strides[j][a])
			}
		}
	}
	return d, s
}

// broadcastRuns is eachRun over operands of the given shapes, which broadcast to dims.
func broadcastRuns(dims []int, shapes [][]int, f func(k, n int, off, step []int) error) error {
	s := make([][]int, len(shapes))
	for j, x := range shapes {
		s[j] = op.BroadcastStrides(x, dims)
	}
	return eachRun(dims, s, f)
}

// mapFloat stores f of each element of x in y, in float64 rounded once.
func mapFloat(x, y *tensor.Tensor, f func(float64) float64) {
	if x.DType() == tensor.Float32 && y.DType() == tensor.Float32 {
		a, errA := tensor.Data[float32](x)
		b, errB := tensor.Data[float32](y)
		if errA == nil && errB == nil {
			for i, v := range a {
				b[i] = float32(f(float64(v)))
			}
			return
		}
	}
	for i := range x.Len() {
		y.SetFloatAt(i, f(x.FloatAt(i)))
	}
}

// zip computes y = f(a, b) with broadcasting, in the wide class of a and b.
// The functions for classes that the operator does not take may be nil.
type zip struct {
	f func(a, b float64) float64
	i func(a, b int64) (int64, error)
	u func(a, b uint64) (uint64, error)
}

// run fills y of shape dims from a and b, read under the shapes as and bs.
func (z *zip) run(y, a, b *tensor.Tensor, dims, as, bs []int) error {
	if err := sameType(a, b); err != nil {
		return err
	}
	return broadcastRuns(dims, [][]int{as, bs}, func(k, n int, off, step []int) error {
		i, j, si, sj := off[0], off[1], step[0], step[1]
		switch a.DType().Class() {
		case tensor.ClassInt:
			return z.ints(y, a, b, k, n, i, j, si, sj)
		case tensor.ClassUint:
			return z.uints(y, a, b, k, n, i, j, si, sj)
		case tensor.ClassFloat:
			z.floats(y, a, b, k, n, i, j, si, sj)
			return nil
		}
		return fmt.Errorf("elements of type %v have no arithmetic", a.DType())
	})
}

func (z *zip) floats(y, a, b *tensor.Tensor, k, n, i, j, si, sj int) {
	if a.DType() == tensor.Float32 && b.DType() == tensor.Float32 && y.DType() == tensor.Float32 {
		av, errA := tensor.Data[float32](a)
		bv, errB := tensor.Data[float32](b)
		yv, errY := tensor.Data[float32](y)
		if errA == nil && errB == nil && errY == nil {
			for o := range yv[k : k+n] {
				yv[k+o] = float32(z.f(float64(av[i]), float64(bv[j])))
				i, j = i+si, j+sj
			}
			return
		}
	}
	for o := k; o < k+n; o++ {
		y.SetFloatAt(o, z.f(a.FloatAt(i), b.FloatAt(j)))
		i, j = i+si, j+sj
	}
}

func (z *zip) ints(y, a, b *tensor.Tensor, k, n, i, j, si, sj int) error {
	if a.DType() == tensor.Int64 && b.DType() == tensor.Int64 && y.DType() == tensor.Int64 {
		av, errA := tensor.Data[int64](a)
		bv, errB := tensor.Data[int64](b)
		yv, errY := tensor.Data[int64](y)
		if errA == nil && errB == nil && errY == nil {
			for o := range yv[k : k+n] {
				v, err := z.i(av[i], bv[j])
				if err != nil {
					return err
				}
				yv[k+o] = v
				i, j = i+si, j+sj
			}
			return nil
		}
	}
	for o := k; o < k+n; o++ {
		v, err := z.i(a.IntAt(i), b.IntAt(j))
		if err != nil {
			return err
		}
		y.SetIntAt(o, v)
		i, j = i+si, j+sj
	}
	return nil
}

func (z *zip) uints(y, a, b *tensor.Tensor, k, n, i, j, si, sj int) error {
	for o := k; o < k+n; o++ {
		v, err := z.u(a.UintAt(i), b.UintAt(j))
		if err != nil {
			return err
		}
		y.SetUintAt(o, v)
		i, j = i+si, j+sj
	}
	return nil
}
