package math

import (
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// relation tells what a comparison tests, found by trying it.
type relation uint8

const (
	relEqual relation = iota
	relGreater
	relGreaterEqual
	relLess
	relLessEqual
)

// relation returns what o tests.
func (o *comparison) relation() relation {
	switch eq, gt, lt := o.i(0, 0), o.i(1, 0), o.i(0, 1); {
	case eq && gt:
		return relGreaterEqual
	case eq && lt:
		return relLessEqual
	case eq:
		return relEqual
	case gt:
		return relGreater
	default:
		return relLess
	}
}

// compareLoop is the loop for relation r.
func compareLoop[T real](r relation) pairLoop[T, T, uint8] {
	switch r {
	case relEqual:
		return equalLoop[T]
	case relGreater:
		return greaterLoop[T]
	case relLess:
		return func(y []uint8, a, b []T, sa, sb int) error { return greaterLoop(y, b, a, sb, sa) }
	case relGreaterEqual:
		return greaterEqualLoop[T]
	}
	return func(y []uint8, a, b []T, sa, sb int) error { return greaterEqualLoop(y, b, a, sb, sa) }
}

func equalLoop[T real](y []uint8, a, b []T, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = byte01(a[i] == b[j])
		i, j = i+sa, j+sb
	}
	return nil
}

func greaterLoop[T real](y []uint8, a, b []T, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = byte01(a[i] > b[j])
		i, j = i+sa, j+sb
	}
	return nil
}

func greaterEqualLoop[T real](y []uint8, a, b []T, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = byte01(a[i] >= b[j])
		i, j = i+sa, j+sb
	}
	return nil
}

// Prepare runs all numbers of whole bytes.
func (o *comparison) Prepare(b op.Bind) (op.Step, error) {
	dims, bs, err := o.shapes(b.Shape(0), b.Shape(1))
	if err != nil {
		return nil, err
	}
	if b.Type(0) != b.Type(1) {
		return nil, nil
	}
	r := o.relation()
	switch b.Type(0) {
	case tensor.Float32:
		return prepareZip(b, dims, bs, compareLoop[float32](r))
	case tensor.Float64:
		return prepareZip(b, dims, bs, compareLoop[float64](r))
	case tensor.Int64:
		return prepareZip(b, dims, bs, compareLoop[int64](r))
	case tensor.Int32:
		return prepareZip(b, dims, bs, compareLoop[int32](r))
	case tensor.Int16:
		return prepareZip(b, dims, bs, compareLoop[int16](r))
	case tensor.Int8:
		return prepareZip(b, dims, bs, compareLoop[int8](r))
	case tensor.Uint64:
		return prepareZip(b, dims, bs, compareLoop[uint64](r))
	case tensor.Uint32:
		return prepareZip(b, dims, bs, compareLoop[uint32](r))
	case tensor.Uint16:
		return prepareZip(b, dims, bs, compareLoop[uint16](r))
	case tensor.Uint8, tensor.Bool:
		return prepareZip(b, dims, bs, compareLoop[uint8](r))
	}
	return nil, nil
}

// whereStep takes elements of x or y by a condition; all three broadcast.
type whereStep[T any] struct {
	odometer
	c, x, y, z op.Slot
}

// Run implements op.Step.
func (s *whereStep[T]) Run(f *op.Frame) error {
	c, x, y, z := f.Bytes(s.c), view[T](f, s.x), view[T](f, s.y), view[T](f, s.z)
	var idx [maxAxes]int
	var off [3]int
	for k := 0; k < len(z); k += s.n {
		choose(z[k:k+s.n], c[off[0]:], x[off[1]:], y[off[2]:], &s.step)
		s.next(&idx, &off)
	}
	return nil
}

// choose is one run of a whereStep.
func choose[T any](z []T, c []byte, x, y []T, step *[3]int) {
	if step[0] == 0 { // one condition for the run
		sx, n := step[2], len(z)
		src := y
		if c[0] != 0 {
			sx, src = step[1], x
		}
		if sx == 1 {
			copy(z, src[:n])
			return
		}
		v := src[0]
		for i := range z {
			z[i] = v
		}
		return
	}
	c = c[:len(z)]
	i, j := 0, 0
	for k, on := range c {
		if on != 0 {
			z[k] = x[i]
		} else {
			z[k] = y[j]
		}
		i, j = i+step[1], j+step[2]
	}
}

// Prepare runs elements of 1, 2, 4, 8 and 16 bytes.
func (where) Prepare(b op.Bind) (op.Step, error) {
	dims := b.OutShape(0)
	o, ok := newOdometer(dims, b.Shape(0), b.Shape(1), b.Shape(2))
	if !ok || b.Type(1) != b.Type(2) || b.Type(1) == tensor.String {
		return nil, nil
	}
	bits := b.Type(1).Bits()
	switch bits {
	case 8, 16, 32, 64, 128:
	default:
		return nil, nil
	}
	c, x, y, z := b.In(0), b.In(1), b.In(2), b.Out(0)
	switch bits {
	case 8:
		return &whereStep[uint8]{o, c, x, y, z}, nil
	case 16:
		return &whereStep[uint16]{o, c, x, y, z}, nil
	case 32:
		return &whereStep[uint32]{o, c, x, y, z}, nil
	case 64:
		return &whereStep[uint64]{o, c, x, y, z}, nil
	}
	return &whereStep[[2]uint64]{o, c, x, y, z}, nil
}
