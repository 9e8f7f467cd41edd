package reduce

import (
	"math"
	"slices"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// argStep finds the places of extremes along the middle axis of [outer, n, step].
type argStep[T number] struct {
	l         lanes
	min, last bool
	x, y      op.Slot
	best      op.Slot // one row, where vectors are not contiguous
}

// Run implements op.Step.
func (s *argStep[T]) Run(f *op.Frame) error {
	x, y := view[T](f, s.x), f.I64(s.y)
	if s.l.step == 1 {
		for i := range y {
			y[i] = s.extreme(x[i*s.l.n:][:s.l.n])
		}
		return nil
	}
	best := view[T](f, s.best)
	for o := range s.l.outer {
		at := y[o*s.l.step:][:s.l.step]
		rows := x[o*s.l.n*s.l.step:]
		copy(best, rows[:s.l.step])
		clear(at)
		for k := 1; k < s.l.n; k++ {
			row := rows[k*s.l.step:][:s.l.step]
			for i, v := range row {
				if s.beats(v, best[i]) {
					best[i], at[i] = v, int64(k)
				}
			}
		}
	}
	return nil
}

// beats reports whether v, found behind b, takes its place. NaN beats all numbers.
func (s *argStep[T]) beats(v, b T) bool {
	switch {
	case s.min && v < b, !s.min && v > b:
		return true
	case v == b || v != v && b != b:
		return s.last
	}
	return v != v
}

// extreme returns the place of the extreme of one vector.
func (s *argStep[T]) extreme(v []T) int64 {
	at, b := 0, v[0]
	for k := 1; k < len(v); k++ {
		if s.beats(v[k], b) {
			at, b = k, v[k]
		}
	}
	return int64(at)
}

// Prepare runs all numbers of whole bytes.
func (o *argExtreme) Prepare(b op.Bind) (op.Step, error) {
	a, err := op.Axis(o.axis, len(b.Shape(0)))
	if err != nil {
		return nil, err
	}
	l := lanesOf(b.Shape(0), a)
	if l.outer*l.n*l.step == 0 {
		return nil, nil
	}
	switch b.Type(0) {
	case tensor.Float32:
		return newArg[float32](o, b, l)
	case tensor.Float64:
		return newArg[float64](o, b, l)
	case tensor.Int64:
		return newArg[int64](o, b, l)
	case tensor.Int32:
		return newArg[int32](o, b, l)
	case tensor.Int8:
		return newArg[int8](o, b, l)
	case tensor.Uint8:
		return newArg[uint8](o, b, l)
	}
	return nil, nil
}

func newArg[T number](o *argExtreme, b op.Bind, l lanes) (op.Step, error) {
	s := &argStep[T]{l, o.min, o.last, b.In(0), b.Out(0), op.NoSlot}
	if l.step > 1 {
		s.best = b.Scratch(8 * l.step)
	}
	return s, nil
}

// topStep finds the k largest or smallest elements of each vector. An element is
// a key of 64 bits: its value in the upper half, so that the greater key comes
// first, and the complement of its index in the lower, which breaks ties.
type topStep[T float32 | int32] struct {
	l                  lanes
	k                  int
	largest            bool
	x, values, indices op.Slot
	keys               op.Slot // one vector, or k elements of it
	heap               bool
}

// key returns the order of v as the upper half of a key.
func (s *topStep[T]) key(v T) uint64 {
	var b uint32
	switch x := any(v).(type) {
	case float32:
		b = floatKey(x)
	case int32:
		b = uint32(x) ^ 1<<31
	}
	if !s.largest {
		b = ^b
	}
	return uint64(b) << 32
}

// floatKey orders float32 as unsigned integers: zeros alike, NaN above all.
func floatKey(x float32) uint32 {
	if x != x {
		return math.MaxUint32
	}
	b := math.Float32bits(x + 0)
	if b>>31 != 0 {
		if b == 1<<31 {
			return 1 << 31
		}
		return ^b
	}
	return b | 1<<31
}

// Run implements op.Step.
func (s *topStep[T]) Run(f *op.Frame) error {
	x, values, indices, keys := view[T](f, s.x), view[T](f, s.values), f.I64(s.indices), view[uint64](f, s.keys)
	for o := range s.l.outer {
		for i := range s.l.step {
			first := o*s.l.n*s.l.step + i
			s.find(keys, x[first:])
			at := o*s.k*s.l.step + i
			for p := range s.k {
				j := int(^uint32(keys[p]))
				if values != nil {
					values[at] = x[first+j*s.l.step]
				}
				if indices != nil {
					indices[at] = int64(j)
				}
				at += s.l.step
			}
		}
	}
	return nil
}

// find leaves the greatest k keys of the vector that starts at x in order.
func (s *topStep[T]) find(keys []uint64, x []T) {
	if !s.heap {
		for j := range keys {
			keys[j] = s.key(x[j*s.l.step]) | uint64(^uint32(j))
		}
		slices.Sort(keys)
		slices.Reverse(keys)
		return
	}
	for j := range s.l.n { // keys[0] is the least of those kept
		k := s.key(x[j*s.l.step]) | uint64(^uint32(j))
		switch {
		case j < len(keys):
			keys[j] = k
			if j == len(keys)-1 {
				for i := len(keys)/2 - 1; i >= 0; i-- {
					sink(keys, i)
				}
			}
		case k > keys[0]:
			keys[0] = k
			sink(keys, 0)
		}
	}
	slices.Sort(keys)
	slices.Reverse(keys)
}

// sink restores the order of a heap, the least on top, below place i.
func sink(h []uint64, i int) {
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[i] <= h[c] {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}

// Prepare runs float32 and int32 with a k that is known.
func (o *topK) Prepare(b op.Bind) (op.Step, error) {
	dims := b.Shape(0)
	a, err := op.Axis(o.axis, len(dims))
	if err != nil {
		return nil, err
	}
	k := o.k
	if k < 0 {
		t := b.Const(1)
		if t == nil || t.Len() != 1 {
			return nil, nil
		}
		k = int(t.IntAt(0))
	}
	l := lanesOf(dims, a)
	if k <= 0 || k > l.n || l.n > math.MaxInt32 || op.Prod(dims) == 0 {
		return nil, nil
	}
	switch b.Type(0) {
	case tensor.Float32:
		return newTop[float32](o, b, l, k)
	case tensor.Int32:
		return newTop[int32](o, b, l, k)
	}
	return nil, nil
}

func newTop[T float32 | int32](o *topK, b op.Bind, l lanes, k int) (op.Step, error) {
	s := &topStep[T]{l: l, k: k, largest: o.largest, x: b.In(0), values: b.Out(0), indices: b.Out(1), heap: k < l.n/4}
	n := l.n
	if s.heap {
		n = k
	}
	s.keys = b.Scratch(8 * n)
	return s, nil
}

// cumStep is a running sum or product along the middle axis of [outer, n, step].
type cumStep[T, W number] struct {
	o    *cumulative
	l    lanes
	x, y op.Slot
}

// Run implements op.Step.
func (s *cumStep[T, W]) Run(f *op.Frame) error {
	x, y := view[T](f, s.x), view[T](f, s.y)
	for o := range s.l.outer {
		for i := range s.l.step {
			s.lane(y, x, o*s.l.n*s.l.step+i)
		}
	}
	return nil
}

func (s *cumStep[T, W]) lane(y, x []T, i int) {
	var acc W
	if s.o.prod {
		acc = 1
	}
	step := s.l.step
	if s.o.reverse {
		i, step = i+(s.l.n-1)*step, -step
	}
	for range s.l.n {
		v, before := W(x[i]), acc
		if s.o.prod {
			acc *= v
		} else {
			acc += v
		}
		if s.o.exclusive {
			y[i] = T(before)
		} else {
			y[i] = T(acc)
		}
		i += step
	}
}

// Prepare runs all types of the standard along a constant axis.
func (o *cumulative) Prepare(b op.Bind) (op.Step, error) {
	t := b.Const(1)
	if t == nil || op.Prod(b.Shape(0)) == 0 {
		return nil, nil
	}
	a, err := scalarAxis(t, len(b.Shape(0)))
	if err != nil {
		return nil, err
	}
	l := lanesOf(b.Shape(0), a)
	switch b.Type(0) {
	case tensor.Float32:
		return &cumStep[float32, float64]{o, l, b.In(0), b.Out(0)}, nil
	case tensor.Float64:
		return &cumStep[float64, float64]{o, l, b.In(0), b.Out(0)}, nil
	case tensor.Int64:
		return &cumStep[int64, int64]{o, l, b.In(0), b.Out(0)}, nil
	case tensor.Int32:
		return &cumStep[int32, int64]{o, l, b.In(0), b.Out(0)}, nil
	case tensor.Uint64:
		return &cumStep[uint64, uint64]{o, l, b.In(0), b.Out(0)}, nil
	case tensor.Uint32:
		return &cumStep[uint32, uint64]{o, l, b.In(0), b.Out(0)}, nil
	}
	return nil, nil
}
