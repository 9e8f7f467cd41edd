package reduce

import (
	"math"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// view reads a slot as elements of type T; the plan has checked type and alignment.
func view[T any](f *op.Frame, s op.Slot) []T {
	if s < 0 {
		return nil
	}
	b := f.Bytes(s)
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}

// number is an element type; its wide class is float64, int64 or uint64.
type number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// maxAxes bounds the axes of a prepared folding, after neighbours are joined.
const maxAxes = 8

// walk maps the elements of a tensor to those of its reduction, run by run, as
// folding does, with neighbouring axes joined.
type walk struct {
	n, step int // of a run: elements, and how far apart their places are
	axes    int
	dims    [maxAxes]int
	strides [maxAxes]int // of the output along the outer axes
	count   int          // elements folded into one
}

// newWalk lays out the folding of the axes r of a tensor of shape dims; false if
// that has too many axes.
func newWalk(dims []int, r []bool) (walk, bool) {
	f := newFolding(dims, r)
	w := walk{n: 1, count: f.count}
	var d, st []int
	var kind []bool
	for i, n := range dims {
		if n == 1 {
			continue
		}
		if l := len(d) - 1; l >= 0 && kind[l] == r[i] {
			d[l] *= n
			st[l] = f.strides[i]
			continue
		}
		d, st, kind = append(d, n), append(st, f.strides[i]), append(kind, r[i])
	}
	last := len(d) - 1
	if last < 0 {
		return w, true
	}
	if last > maxAxes {
		return w, false
	}
	w.n, w.step, w.axes = d[last], st[last], last
	copy(w.dims[:], d[:last])
	copy(w.strides[:], st[:last])
	return w, true
}

// next moves idx and the place in the output to the next run.
func (w *walk) next(idx *[maxAxes]int, off int) int {
	for x := w.axes - 1; x >= 0; x-- {
		idx[x]++
		off += w.strides[x]
		if idx[x] < w.dims[x] {
			return off
		}
		idx[x] = 0
		off -= w.strides[x] * w.dims[x]
	}
	return off
}

// foldStep folds along any axes with accumulators of the wide class W.
type foldStep[T, W number] struct {
	walk
	init      W
	add       func(a, v W) W
	finish    func(v W) W // nil: nothing
	x, y, acc op.Slot
}

// Run implements op.Step.
func (s *foldStep[T, W]) Run(f *op.Frame) error {
	x, y, acc := view[T](f, s.x), view[T](f, s.y), view[W](f, s.acc)[:len(view[T](f, s.y))]
	start(acc, s.init)
	var idx [maxAxes]int
	off := 0
	for k := 0; k < len(x); k += s.n {
		run := x[k : k+s.n]
		if s.step == 0 {
			a := acc[off]
			for _, v := range run {
				a = s.add(a, W(v))
			}
			acc[off] = a
		} else {
			a := acc[off:][:len(run)]
			for i, v := range run {
				a[i] = s.add(a[i], W(v))
			}
		}
		off = s.next(&idx, off)
	}
	for i, v := range acc {
		if s.finish != nil {
			v = s.finish(v)
		}
		y[i] = T(v)
	}
	return nil
}

// newFold prepares a foldStep.
func newFold[T, W number](b op.Bind, w walk, init W, add func(a, v W) W, finish func(W) W) (op.Step, error) {
	if add == nil {
		return nil, nil
	}
	s := &foldStep[T, W]{walk: w, init: init, add: add, finish: finish, x: b.In(0), y: b.Out(0)}
	s.acc = b.Scratch(8 * op.Prod(b.OutShape(0)))
	return s, nil
}

// prepareFold prepares any kind and any type of whole bytes.
func (o *reduction) prepareFold(b op.Bind, r []bool) (op.Step, error) {
	w, ok := newWalk(b.Shape(0), r)
	if !ok || b.OutType(0) != b.Type(0) {
		return nil, nil
	}
	switch b.Type(0) {
	case tensor.Float32:
		return foldFloats[float32](o, b, w)
	case tensor.Float64:
		return foldFloats[float64](o, b, w)
	case tensor.Int64:
		return foldInts[int64](o, b, w, math.MinInt64, math.MaxInt64)
	case tensor.Int32:
		return foldInts[int32](o, b, w, math.MinInt32, math.MaxInt32)
	case tensor.Int16:
		return foldInts[int16](o, b, w, math.MinInt16, math.MaxInt16)
	case tensor.Int8:
		return foldInts[int8](o, b, w, math.MinInt8, math.MaxInt8)
	case tensor.Uint64:
		return foldUints[uint64](o, b, w, math.MaxUint64)
	case tensor.Uint32:
		return foldUints[uint32](o, b, w, math.MaxUint32)
	case tensor.Uint16:
		return foldUints[uint16](o, b, w, math.MaxUint16)
	case tensor.Uint8:
		return foldUints[uint8](o, b, w, math.MaxUint8)
	}
	return nil, nil
}

func foldFloats[T float32 | float64](o *reduction, b op.Bind, w walk) (op.Step, error) {
	if o.kind == kindLogSumExp {
		s := &logSumExpStep[T]{w, b.In(0), b.Out(0), b.Scratch(8 * op.Prod(b.OutShape(0))), b.Scratch(8 * op.Prod(b.OutShape(0)))}
		return s, nil
	}
	init, add := o.floatStep()
	return newFold[T](b, w, init, add, func(v float64) float64 { return o.finish(v, 0, w.count) })
}

func foldInts[T int8 | int16 | int32 | int64](o *reduction, b op.Bind, w walk, lo, hi int64) (op.Step, error) {
	add, init := func(a, v int64) int64 { return a + v }, int64(0)
	var finish func(int64) int64
	switch o.kind {
	case kindSum:
	case kindMean:
		if w.count == 0 {
			return nil, nil
		}
		finish = func(v int64) int64 { return v / int64(w.count) }
	case kindProd:
		init, add = 1, func(a, v int64) int64 { return a * v }
	case kindMax:
		init, add = lo, func(a, v int64) int64 { return max(a, v) }
	case kindMin:
		init, add = hi, func(a, v int64) int64 { return min(a, v) }
	case kindL1:
		add = func(a, v int64) int64 { return a + max(v, -v) }
	case kindSumSquare:
		add = func(a, v int64) int64 { return a + v*v }
	default:
		return nil, nil
	}
	return newFold[T](b, w, init, add, finish)
}

func foldUints[T uint8 | uint16 | uint32 | uint64](o *reduction, b op.Bind, w walk, hi uint64) (op.Step, error) {
	add, init := func(a, v uint64) uint64 { return a + v }, uint64(0)
	var finish func(uint64) uint64
	switch o.kind {
	case kindSum, kindL1:
	case kindMean:
		if w.count == 0 {
			return nil, nil
		}
		finish = func(v uint64) uint64 { return v / uint64(w.count) }
	case kindProd:
		init, add = 1, func(a, v uint64) uint64 { return a * v }
	case kindMax:
		add = func(a, v uint64) uint64 { return max(a, v) }
	case kindMin:
		init, add = hi, func(a, v uint64) uint64 { return min(a, v) }
	case kindSumSquare:
		add = func(a, v uint64) uint64 { return a + v*v }
	default:
		return nil, nil
	}
	return newFold[T](b, w, init, add, finish)
}

// logSumExpStep is ReduceLogSumExp: the largest elements first, then the sum of
// what is relative to them.
type logSumExpStep[T float32 | float64] struct {
	walk
	x, y, acc, top op.Slot
}

// Run implements op.Step.
func (s *logSumExpStep[T]) Run(f *op.Frame) error {
	x, y := view[T](f, s.x), view[T](f, s.y)
	acc, top := view[float64](f, s.acc)[:len(y)], view[float64](f, s.top)[:len(y)]
	clear(acc)
	start(top, math.Inf(-1))
	unit := min(s.step, 1) // runs along kept axes store side by side
	for pass := range 2 {
		var idx [maxAxes]int
		off := 0
		for k := 0; k < len(x); k += s.n {
			at := off
			for _, v := range x[k : k+s.n] {
				if pass == 0 {
					top[at] = max(top[at], float64(v))
				} else {
					acc[at] += math.Exp(float64(v) - shift(top[at]))
				}
				at += unit
			}
			off = s.next(&idx, off)
		}
	}
	for i, v := range acc {
		y[i] = T(math.Log(v) + shift(top[i]))
	}
	return nil
}

// mvnStep is MeanVarianceNormalization.
type mvnStep[T float32 | float64] struct {
	walk
	x, y, mean, dev op.Slot
}

// Run implements op.Step.
func (s *mvnStep[T]) Run(f *op.Frame) error {
	x, y, mean, dev := view[T](f, s.x), view[T](f, s.y), view[float64](f, s.mean), view[float64](f, s.dev)
	clear(mean)
	clear(dev)
	unit, n := min(s.step, 1), float64(s.count)
	for pass := range 3 {
		var idx [maxAxes]int
		off := 0
		for k := 0; k < len(x); k += s.n {
			at, dst := off, y[k:k+s.n]
			for i, v := range x[k : k+s.n] {
				switch d := float64(v); pass {
				case 0:
					mean[at] += d
				case 1:
					dev[at] += (d - mean[at]) * (d - mean[at])
				default:
					dst[i] = T((d - mean[at]) * dev[at])
				}
				at += unit
			}
			off = s.next(&idx, off)
		}
		switch pass {
		case 0:
			for i := range mean {
				mean[i] /= n
			}
		case 1:
			for i, v := range dev {
				dev[i] = 1 / (math.Sqrt(v/n) + 1e-9)
			}
		}
	}
	return nil
}

// Prepare runs float32 and float64.
func (o *mvn) Prepare(b op.Bind) (op.Step, error) {
	dims := b.Shape(0)
	r, err := o.reduced(len(dims))
	if err != nil {
		return nil, err
	}
	w, ok := newWalk(dims, r)
	if !ok || op.Prod(dims) == 0 {
		return nil, nil
	}
	size := 8 * (op.Prod(dims) / w.count)
	switch b.Type(0) {
	case tensor.Float32:
		return &mvnStep[float32]{w, b.In(0), b.Out(0), b.Scratch(size), b.Scratch(size)}, nil
	case tensor.Float64:
		return &mvnStep[float64]{w, b.In(0), b.Out(0), b.Scratch(size), b.Scratch(size)}, nil
	}
	return nil, nil
}
