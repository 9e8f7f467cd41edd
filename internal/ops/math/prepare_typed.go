package math

import (
	"unsafe"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Steps over element types other than float32: typed loops over the functions
// that define an operator, in the wide class of the type (int64, uint64, float64).

// view reads a slot as elements of type T; the plan has checked type and alignment.
func view[T any](f *op.Frame, s op.Slot) []T { return elems[T](f.Bytes(s)) }

// elems reads bytes as elements of type T.
func elems[T any](b []byte) []T {
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}

// integer, unsigned and float are the element types by wide class. A bool is a
// uint8 of 0 or 1.
type (
	integer  interface{ int8 | int16 | int32 | int64 }
	unsigned interface {
		uint8 | uint16 | uint32 | uint64
	}
	float interface{ float32 | float64 }
	real  interface {
		int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
	}
)

// odometer walks up to three operands that broadcast together: runs of n
// elements, in which an operand advances by its step (0 or 1), and an index
// over the outer axes.
type odometer struct {
	n     int
	step  [3]int
	axes  int
	dims  [maxAxes]int
	outer [3][maxAxes]int
}

// newOdometer lays out operands of the given shapes under dims; false if there
// are too many axes. Without elements there is no run.
func newOdometer(dims []int, shapes ...[]int) (o odometer, ok bool) {
	strides := make([][]int, len(shapes))
	for j, s := range shapes {
		strides[j] = op.BroadcastStrides(s, dims)
	}
	d, st := coalesce(dims, strides)
	o.n, o.axes = 1, max(0, len(d)-1)
	if len(d) == 0 || op.Prod(dims) == 0 {
		return o, true
	}
	if o.axes > maxAxes {
		return o, false
	}
	last := len(d) - 1
	o.n = d[last]
	copy(o.dims[:], d[:last])
	for j := range st {
		o.step[j] = st[j][last]
		copy(o.outer[j][:], st[j][:last])
	}
	return o, true
}

// next moves idx and the operands' offsets to the next run.
func (o *odometer) next(idx *[maxAxes]int, off *[3]int) {
	for x := o.axes - 1; x >= 0; x-- {
		idx[x]++
		for j := range off {
			off[j] += o.outer[j][x]
		}
		if idx[x] < o.dims[x] {
			return
		}
		idx[x] = 0
		for j := range off {
			off[j] -= o.outer[j][x] * o.dims[x]
		}
	}
}

// pairLoop computes the elements of y from operands that advance by sa and sb (0 or 1).
type pairLoop[A, B, Y any] func(y []Y, a []A, b []B, sa, sb int) error

// zipStep runs a pairLoop over operands that broadcast.
type zipStep[A, B, Y any] struct {
	odometer
	loop    pairLoop[A, B, Y]
	a, b, y op.Slot
}

// Run implements op.Step.
func (s *zipStep[A, B, Y]) Run(f *op.Frame) error {
	a, b, y := view[A](f, s.a), view[B](f, s.b), view[Y](f, s.y)
	var idx [maxAxes]int
	var off [3]int
	for k := 0; k < len(y); k += s.n {
		if err := s.loop(y[k:k+s.n], a[off[0]:], b[off[1]:], s.step[0], s.step[1]); err != nil {
			return err
		}
		s.next(&idx, &off)
	}
	return nil
}

// prepareZip prepares inputs 0 and 1, the latter under shape bs, for a loop.
func prepareZip[A, B, Y any](b op.Bind, dims, bs []int, loop pairLoop[A, B, Y]) (op.Step, error) {
	o, ok := newOdometer(dims, b.Shape(0), bs)
	if !ok {
		return nil, nil
	}
	return &zipStep[A, B, Y]{o, loop, b.In(0), b.In(1), b.Out(0)}, nil
}

// wideLoop is the loop over f in the wide class W of T.
func wideLoop[T, W real](f func(a, b W) (W, error)) pairLoop[T, T, T] {
	return func(y, a, b []T, sa, sb int) error {
		i, j := 0, 0
		for k := range y {
			v, err := f(W(a[i]), W(b[j]))
			if err != nil {
				return err
			}
			y[k] = T(v)
			i, j = i+sa, j+sb
		}
		return nil
	}
}

func addLoop[T real](y, a, b []T, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = a[i] + b[j]
		i, j = i+sa, j+sb
	}
	return nil
}

func subLoop[T real](y, a, b []T, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = a[i] - b[j]
		i, j = i+sa, j+sb
	}
	return nil
}

func mulLoop[T real](y, a, b []T, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = a[i] * b[j]
		i, j = i+sa, j+sb
	}
	return nil
}

func divLoop[T float](y, a, b []T, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = a[i] / b[j]
		i, j = i+sa, j+sb
	}
	return nil
}

func andLoop(y, a, b []uint8, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = a[i] & b[j]
		i, j = i+sa, j+sb
	}
	return nil
}

func orLoop(y, a, b []uint8, sa, sb int) error {
	i, j := 0, 0
	for k := range y {
		y[k] = a[i] | b[j]
		i, j = i+sa, j+sb
	}
	return nil
}

// typedLoops are loops without a call an element, by operator and type.
var typedLoops = map[string]any{
	"Add int64": pairLoop[int64, int64, int64](addLoop[int64]), "Add int32": pairLoop[int32, int32, int32](addLoop[int32]),
	"Sub int64": pairLoop[int64, int64, int64](subLoop[int64]), "Sub int32": pairLoop[int32, int32, int32](subLoop[int32]),
	"Mul int64": pairLoop[int64, int64, int64](mulLoop[int64]), "Mul int32": pairLoop[int32, int32, int32](mulLoop[int32]),
	"Add float64": pairLoop[float64, float64, float64](addLoop[float64]), "Sub float64": pairLoop[float64, float64, float64](subLoop[float64]),
	"Mul float64": pairLoop[float64, float64, float64](mulLoop[float64]), "Div float64": pairLoop[float64, float64, float64](divLoop[float64]),
	"And bool": pairLoop[uint8, uint8, uint8](andLoop), "Or bool": pairLoop[uint8, uint8, uint8](orLoop),
}

// typed returns the loop of that name and type, else the one made by wideLoop from f; nil if f is.
func typed[T, W real](name string, dt tensor.DType, f func(a, b W) (W, error)) pairLoop[T, T, T] {
	if l, ok := typedLoops[name+" "+dtypeKey(dt)].(pairLoop[T, T, T]); ok {
		return l
	}
	if f == nil {
		return nil
	}
	return wideLoop[T, W](f)
}

func dtypeKey(dt tensor.DType) string {
	switch dt {
	case tensor.Int64:
		return "int64"
	case tensor.Int32:
		return "int32"
	case tensor.Float64:
		return "float64"
	case tensor.Bool:
		return "bool"
	}
	return ""
}

// prepareClass prepares operands of any type but float32 by the functions of z.
func (z *zip) prepareClass(b op.Bind, name string, dims, bs []int) (op.Step, error) {
	dt := b.Type(0)
	if b.Type(1) != dt || b.OutType(0) != dt {
		return nil, nil
	}
	switch dt {
	case tensor.Float64:
		var f func(a, b float64) (float64, error)
		if z.f != nil {
			f = func(a, b float64) (float64, error) { return z.f(a, b), nil }
		}
		return zipTyped[float64](b, dims, bs, typed[float64](name, dt, f))
	case tensor.Int64:
		return zipTyped[int64](b, dims, bs, typed[int64](name, dt, z.i))
	case tensor.Int32:
		return zipTyped[int32](b, dims, bs, typed[int32](name, dt, z.i))
	case tensor.Int16:
		return zipTyped[int16](b, dims, bs, typed[int16](name, dt, z.i))
	case tensor.Int8:
		return zipTyped[int8](b, dims, bs, typed[int8](name, dt, z.i))
	case tensor.Uint64:
		return zipTyped[uint64](b, dims, bs, typed[uint64](name, dt, z.u))
	case tensor.Uint32:
		return zipTyped[uint32](b, dims, bs, typed[uint32](name, dt, z.u))
	case tensor.Uint16:
		return zipTyped[uint16](b, dims, bs, typed[uint16](name, dt, z.u))
	case tensor.Uint8, tensor.Bool:
		return zipTyped[uint8](b, dims, bs, typed[uint8](name, dt, z.u))
	}
	return nil, nil
}

func zipTyped[T real](b op.Bind, dims, bs []int, loop pairLoop[T, T, T]) (op.Step, error) {
	if loop == nil {
		return nil, nil
	}
	return prepareZip(b, dims, bs, loop)
}

// eachStep stores f of each element.
type eachStep[A, Y any] struct {
	f    func(A) Y
	x, y op.Slot
}

// Run implements op.Step.
func (s *eachStep[A, Y]) Run(f *op.Frame) error {
	x, y := view[A](f, s.x), view[Y](f, s.y)
	y = y[:len(x)]
	for i, v := range x {
		y[i] = s.f(v)
	}
	return nil
}

// eachWide is an eachStep over f in the wide class; nil if f is.
func eachWide[T, W real](b op.Bind, f func(W) W) (op.Step, error) {
	if f == nil {
		return nil, nil
	}
	return &eachStep[T, T]{func(v T) T { return T(f(W(v))) }, b.In(0), b.Out(0)}, nil
}

// prepareClass prepares elements of any type but float32.
func (o *unary) prepareClass(b op.Bind) (op.Step, error) {
	switch b.Type(0) {
	case tensor.Float64:
		return eachWide[float64](b, o.f)
	case tensor.Int64:
		return eachWide[int64](b, o.i)
	case tensor.Int32:
		return eachWide[int32](b, o.i)
	case tensor.Int16:
		return eachWide[int16](b, o.i)
	case tensor.Int8:
		return eachWide[int8](b, o.i)
	case tensor.Uint64:
		return eachWide[uint64](b, o.u)
	case tensor.Uint32:
		return eachWide[uint32](b, o.u)
	case tensor.Uint16:
		return eachWide[uint16](b, o.u)
	case tensor.Uint8, tensor.Bool:
		return eachWide[uint8](b, o.u)
	}
	return nil, nil
}

// Prepare runs float32 and float64.
func (o *classify) Prepare(b op.Bind) (op.Step, error) {
	switch b.Type(0) {
	case tensor.Float32:
		return &eachStep[float32, uint8]{func(v float32) uint8 { return byte01(o.f(float64(v))) }, b.In(0), b.Out(0)}, nil
	case tensor.Float64:
		return &eachStep[float64, uint8]{func(v float64) uint8 { return byte01(o.f(v)) }, b.In(0), b.Out(0)}, nil
	}
	return nil, nil
}
