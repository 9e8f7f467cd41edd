package math

import (
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Prepare runs float32 with constant bounds by vec.Clip, all else by a loop.
func (o *clip) Prepare(b op.Bind) (op.Step, error) {
	for i := 1; i <= 2; i++ {
		if b.Has(i) && (op.Prod(b.Shape(i)) != 1 || b.Type(i) != b.Type(0)) {
			return nil, nil
		}
	}
	if b.Type(0) != tensor.Float32 {
		return o.prepareClass(b)
	}
	lo, hi := math.Inf(-1), math.Inf(1)
	if o.attrs {
		if o.hasLo {
			lo = o.lo
		}
		if o.hasHi {
			hi = o.hi
		}
	} else {
		for i, p := range []*float64{&lo, &hi} {
			if !b.Has(i + 1) {
				continue
			}
			t := b.Const(i + 1)
			if t == nil {
				return newClip[float32](o, b, 0, 0)
			}
			*p = t.FloatAt(0)
		}
	}
	if lo != lo || hi != hi {
		return newClip[float32](o, b, float32(o.lo), float32(o.hi))
	}
	return &mapStep{clip32(lo, hi), b.In(0), b.Out(0)}, nil
}

// prepareClass runs types other than float32.
func (o *clip) prepareClass(b op.Bind) (op.Step, error) {
	if o.attrs && b.Type(0) != tensor.Float64 {
		return nil, nil
	}
	switch b.Type(0) {
	case tensor.Float64:
		return newClip(o, b, o.lo, o.hi)
	case tensor.Int64:
		return newClip[int64](o, b, 0, 0)
	case tensor.Int32:
		return newClip[int32](o, b, 0, 0)
	case tensor.Int16:
		return newClip[int16](o, b, 0, 0)
	case tensor.Int8:
		return newClip[int8](o, b, 0, 0)
	case tensor.Uint64:
		return newClip[uint64](o, b, 0, 0)
	case tensor.Uint32:
		return newClip[uint32](o, b, 0, 0)
	case tensor.Uint16:
		return newClip[uint16](o, b, 0, 0)
	case tensor.Uint8:
		return newClip[uint8](o, b, 0, 0)
	}
	return nil, nil
}

// clipStep limits elements to bounds from inputs or attributes.
type clipStep[T real] struct {
	x, lo, hi, y op.Slot
	hasLo, hasHi bool
	attrs        [2]T
}

func newClip[T real](o *clip, b op.Bind, lo, hi T) (op.Step, error) {
	s := &clipStep[T]{x: b.In(0), lo: op.NoSlot, hi: op.NoSlot, y: b.Out(0), hasLo: o.hasLo, hasHi: o.hasHi, attrs: [2]T{lo, hi}}
	if !o.attrs {
		s.lo, s.hi, s.hasLo, s.hasHi = b.In(1), b.In(2), b.Has(1), b.Has(2)
	}
	return s, nil
}

// Run implements op.Step.
func (s *clipStep[T]) Run(f *op.Frame) error {
	x, y := view[T](f, s.x), view[T](f, s.y)
	b := s.attrs
	if s.lo >= 0 {
		b[0] = view[T](f, s.lo)[0]
	}
	if s.hi >= 0 {
		b[1] = view[T](f, s.hi)[0]
	}
	y = y[:len(x)]
	for i, v := range x {
		if s.hasLo && v < b[0] {
			v = b[0]
		}
		if s.hasHi && v > b[1] {
			v = b[1]
		}
		y[i] = v
	}
	return nil
}
