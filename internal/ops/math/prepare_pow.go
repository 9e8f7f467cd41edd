package math

import (
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// powLoop raises in float64; the base's type keeps what store makes of the result.
func powLoop[A, B real](store func(float64) A) pairLoop[A, B, A] {
	return func(y, a []A, b []B, sa, sb int) error {
		i, j := 0, 0
		for k := range y {
			x := float64(a[i])
			if e := b[j]; e == 2 {
				y[k] = store(x * x)
			} else {
				y[k] = store(math.Pow(x, float64(e)))
			}
			i, j = i+sa, j+sb
		}
		return nil
	}
}

// intPowLoop raises integers exactly.
func intPowLoop[A, B integer](y, a []A, b []B, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		v, err := intPow(int64(a[i]), int64(b[j]), false)
		if err != nil {
			return err
		}
		y[k] = A(v)
		i, j = i+sa, j+sb
	}
	return nil
}

// prepareTypes runs bases and exponents of float32, float64, int32 and int64.
func (o *pow) prepareTypes(b op.Bind, dims, bs []int) (op.Step, error) {
	switch b.Type(0) {
	case tensor.Float32:
		return powFloat(b, dims, bs, func(v float64) float32 { return float32(v) })
	case tensor.Float64:
		return powFloat(b, dims, bs, func(v float64) float64 { return v })
	case tensor.Int32:
		return powInt(b, dims, bs, func(v float64) int32 { return int32(tensor.FloatToInt(v)) })
	case tensor.Int64:
		return powInt(b, dims, bs, tensor.FloatToInt)
	}
	return nil, nil
}

func powFloat[A float](b op.Bind, dims, bs []int, store func(float64) A) (op.Step, error) {
	switch b.Type(1) {
	case tensor.Float32:
		return prepareZip(b, dims, bs, powLoop[A, float32](store))
	case tensor.Float64:
		return prepareZip(b, dims, bs, powLoop[A, float64](store))
	case tensor.Int32:
		return prepareZip(b, dims, bs, powLoop[A, int32](store))
	case tensor.Int64:
		return prepareZip(b, dims, bs, powLoop[A, int64](store))
	}
	return nil, nil
}

func powInt[A integer](b op.Bind, dims, bs []int, store func(float64) A) (op.Step, error) {
	switch b.Type(1) {
	case tensor.Float32:
		return prepareZip(b, dims, bs, powLoop[A, float32](store))
	case tensor.Float64:
		return prepareZip(b, dims, bs, powLoop[A, float64](store))
	case tensor.Int32:
		return prepareZip(b, dims, bs, pairLoop[A, int32, A](intPowLoop[A, int32]))
	case tensor.Int64:
		return prepareZip(b, dims, bs, pairLoop[A, int64, A](intPowLoop[A, int64]))
	}
	return nil, nil
}

// foldChunk is how many elements a foldStep gathers before it stores them.
const foldChunk = 256

// foldStep folds any number of operands that broadcast together, in the wide class W of T.
type foldStep[T, W real] struct {
	f          func(a, b W) W
	by         W // divides the result, 0 = not
	y          op.Slot
	in         []op.Slot
	dims       []int   // outer axes
	step       []int   // of each operand along a run
	outer      [][]int // strides of each operand along the outer axes
	n          int     // length of a run
	acc, state op.Slot // foldChunk values; an index for each axis and an offset for each operand
}

// Run implements op.Step.
func (s *foldStep[T, W]) Run(f *op.Frame) error {
	y, acc := view[T](f, s.y), view[W](f, s.acc)
	state := f.I64(s.state)
	clear(state)
	idx, off := state[:len(s.dims)], state[len(s.dims):]
	for k := 0; k < len(y); k += s.n {
		for from := 0; from < s.n; from += foldChunk {
			a := acc[:min(foldChunk, s.n-from)]
			for j, slot := range s.in {
				s.add(a, view[T](f, slot)[int(off[j])+from*s.step[j]:], s.step[j], j == 0)
			}
			s.store(y[k+from:], a)
		}
		for x := len(s.dims) - 1; x >= 0; x-- {
			idx[x]++
			for j := range off {
				off[j] += int64(s.outer[j][x])
			}
			if int(idx[x]) < s.dims[x] {
				break
			}
			idx[x] = 0
			for j := range off {
				off[j] -= int64(s.outer[j][x] * s.dims[x])
			}
		}
	}
	return nil
}

// add folds one operand into acc.
func (s *foldStep[T, W]) add(acc []W, x []T, step int, first bool) {
	i := 0
	for k, v := range acc {
		if first {
			acc[k] = W(x[i])
		} else {
			acc[k] = s.f(v, W(x[i]))
		}
		i += step
	}
}

func (s *foldStep[T, W]) store(y []T, acc []W) {
	y = y[:len(acc)]
	for k, v := range acc {
		if s.by != 0 {
			v /= s.by
		}
		y[k] = T(v)
	}
}

// prepareFold runs any number of operands.
func (o *variadic) prepareFold(b op.Bind) (op.Step, error) {
	for i := range b.NIn() {
		if b.Type(i) != b.Type(0) {
			return nil, nil
		}
	}
	switch b.Type(0) {
	case tensor.Float32:
		return newFold[float32](o, b, o.f)
	case tensor.Float64:
		return newFold[float64](o, b, o.f)
	case tensor.Int64:
		return newFold[int64](o, b, o.i)
	case tensor.Int32:
		return newFold[int32](o, b, o.i)
	case tensor.Int16:
		return newFold[int16](o, b, o.i)
	case tensor.Int8:
		return newFold[int8](o, b, o.i)
	case tensor.Uint64:
		return newFold[uint64](o, b, o.u)
	case tensor.Uint32:
		return newFold[uint32](o, b, o.u)
	case tensor.Uint16:
		return newFold[uint16](o, b, o.u)
	case tensor.Uint8:
		return newFold[uint8](o, b, o.u)
	}
	return nil, nil
}

func newFold[T, W real](o *variadic, b op.Bind, f func(a, b W) W) (op.Step, error) {
	dims := b.OutShape(0)
	if f == nil || op.Prod(dims) == 0 {
		return nil, nil
	}
	s := &foldStep[T, W]{f: f, n: 1, y: b.Out(0)}
	if o.mean {
		s.by = W(b.NIn())
	}
	strides := make([][]int, b.NIn())
	for j := range strides {
		strides[j] = op.BroadcastStrides(b.Shape(j), dims)
		s.in = append(s.in, b.In(j))
	}
	d, st := coalesce(dims, strides)
	s.step, s.outer = make([]int, len(st)), st
	if last := len(d) - 1; last >= 0 {
		s.n, s.dims = d[last], d[:last]
		for j := range st {
			s.step[j], s.outer[j] = st[j][last], st[j][:last]
		}
	}
	s.acc, s.state = b.Scratch(8*foldChunk), b.Scratch(8*(len(s.dims)+len(s.in)))
	return s, nil
}
