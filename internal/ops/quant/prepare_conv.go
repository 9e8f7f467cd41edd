package quant

import (
	"fmt"
	"sync"
	"unsafe"

	kq "github.com/walnut-ai/walnut/internal/kernel/quant"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// convStep is an integer convolution through kernel/quant.
type convStep struct {
	plan                *kq.ConvPlan
	args                kq.ConvArgs // what all runs share
	x, xz, bias, yz, y  op.Slot
	xs, ws, ys          op.Slot
	outType             tensor.DType
	init, scale, memory op.Slot // NoSlot where args has it
}

var convRuns = sync.Pool{New: func() any { return new(kq.ConvArgs) }}

// Run implements op.Step.
func (s *convStep) Run(f *op.Frame) error {
	a := convRuns.Get().(*kq.ConvArgs)
	*a = s.args
	a.In, a.ZeroIn = f.Bytes(s.x), byteAt(f, s.xz, a.Signed)
	if s.init >= 0 {
		a.RowInit = f.I32(s.init)
		s.plan.Init(a.RowInit, a.Filters, f.I32(s.bias), a.ZeroIn, a.Signed)
	}
	if s.scale >= 0 {
		a.RowScale = f.F32(s.scale)
		convScales(a.RowScale, f.F32(s.xs), f.F32(s.ws), f.F32(s.ys))
	}
	if a.Mode == kq.Bytes {
		limit(&a.Epilogue, f, s.yz, s.outType)
	}
	a.Out = unsafe.Pointer(unsafe.SliceData(f.Bytes(s.y)))
	s.plan.Run(f.Team, a, f.U8(s.memory))
	*a = kq.ConvArgs{}
	convRuns.Put(a)
	return nil
}

// convScales stores the scale of every filter's sums.
func convScales(dst, xs, ws, ys []float32) {
	for i := range dst {
		dst[i] = float32(xs[0]*pickOf(ws, i)) / ys[0]
	}
}

// maxPadded is how many bytes a copy of the input with its padding may take, beyond some times what input and output do.
const maxPadded = 1 << 20

// convInputs numbers the inputs of an integer convolution; -1 is absent.
type convInputs struct{ x, xs, xz, w, ws, wz, ys, yz, bias int }

// prepare runs bytes of one or two spatial axes with constant filters.
func (o *conv) prepare(b op.Bind, in convInputs, mode kq.Mode) (op.Step, error) {
	x, w, y := b.Shape(in.x), b.Shape(in.w), b.OutShape(0)
	if o.last || len(x) < 3 || len(x) > 4 || len(w) != len(x) || op.Prod(x) == 0 || op.Prod(w) == 0 || op.Prod(y) == 0 || w[1]*o.group != x[1] || w[0]%o.group != 0 ||
		len(o.kernel) > 0 && !tensor.SameShape(o.kernel, w[2:]) {
		return nil, nil
	}
	dt, f32 := b.Type(in.x), tensor.Float32
	if !isByte(dt) || b.Const(in.w) == nil || !isByte(b.Type(in.w)) || !known(b, in.wz) || !sized(b, in.wz, w[0], true, b.Type(in.w)) || !sized(b, in.xz, 1, true, dt) ||
		!sized(b, in.xs, 1, true, f32) || !sized(b, in.ws, w[0], true, f32) || !sized(b, in.ys, 1, true, f32) ||
		!sized(b, in.yz, 1, true, b.OutType(0)) || !sized(b, in.bias, w[0], false, tensor.Int32) {
		return nil, nil
	}
	l, err := o.slides(x[2:], w[2:])
	if err != nil {
		return nil, err
	}
	padded := float64(op.Prod(x[:2]))
	for _, a := range l {
		reach := (a.kernel - 1) * a.dilation
		padded *= float64(min(a.stride, reach+1)) * float64(a.out+reach/a.stride)
	}
	if padded > maxPadded+16*float64(op.Prod(x)+op.Prod(y)) {
		return nil, nil
	}
	s := &convStep{x: b.In(in.x), xz: slotOf(b, in.xz), bias: slotOf(b, in.bias), yz: slotOf(b, in.yz), y: b.Out(0), outType: b.OutType(0),
		xs: slotOf(b, in.xs), ws: slotOf(b, in.ws), ys: slotOf(b, in.ys), init: op.NoSlot, scale: op.NoSlot}
	s.args = kq.ConvArgs{Signed: dt == tensor.Int8, Filters: packFilters(b, in)}
	s.args.Mode = mode
	shape := kq.ConvShape{Batch: x[0], Channels: x[1], Filters: w[0], Groups: o.group, In: x[2:], Kernel: w[2:], Wide: s.args.Filters.Wide, Bytes: mode == kq.Bytes}
	for _, a := range l {
		shape.Stride = append(shape.Stride, a.stride)
		shape.Dilation = append(shape.Dilation, a.dilation)
		shape.PadBegin = append(shape.PadBegin, a.begin)
		shape.Out = append(shape.Out, a.out)
	}
	s.plan = kq.NewConvPlan(shape)
	s.epilogue(b, in, w[0])
	s.memory = b.Scratch(s.plan.ScratchSize(b.Threads()))
	return s, nil
}

// packFilters packs the constant filters without their zero points.
func packFilters(b op.Bind, in convInputs) *kq.Filters {
	var zero []byte
	if z := constOf(b, in.wz); z != nil {
		zero = z.Bytes()
	}
	return b.Pack(in.w, fmt.Sprintf("int8 filters %x", zero), func(w *tensor.Tensor) (any, int) {
		data, signed, m := w.Bytes(), w.DType() == tensor.Int8, w.Shape()[0]
		k := len(data) / m
		value := func(v byte) int32 {
			if signed {
				return int32(int8(v))
			}
			return int32(v)
		}
		f := kq.PackFilters(m, k, func(i, j int) int32 {
			v := value(data[i*k+j])
			if zero != nil {
				v -= value(pickOf(zero, i))
			}
			return v
		})
		return f, f.Size()
	}).(*kq.Filters)
}

// epilogue computes ahead what follows from constants, and asks for memory for the rest.
func (s *convStep) epilogue(b op.Bind, in convInputs, m int) {
	if known(b, in.xz) && known(b, in.bias) {
		zero, bias := int32(0), []int32(nil)
		if z := constOf(b, in.xz); z != nil {
			zero = int32(z.IntAt(0))
		}
		if c := constOf(b, in.bias); c != nil {
			bias = tensor.Of[int32](c.Aligned())
		}
		s.args.RowInit = make([]int32, m)
		s.plan.Init(s.args.RowInit, s.args.Filters, bias, zero, s.args.Signed)
	} else {
		s.init = b.Scratch(4 * m)
	}
	switch {
	case s.args.Mode == kq.Sums:
	case known(b, in.xs) && known(b, in.ws) && known(b, in.ys):
		s.args.RowScale = make([]float32, m)
		convScales(s.args.RowScale, constFloats(b, in.xs), constFloats(b, in.ws), constFloats(b, in.ys))
	default:
		s.scale = b.Scratch(4 * m)
	}
}

// Prepare runs constant filters by kernel/quant.
func (o *convInteger) Prepare(b op.Bind) (op.Step, error) {
	return o.conv.prepare(b, convInputs{x: 0, xs: -1, xz: 2, w: 1, ws: -1, wz: 3, ys: -1, yz: -1, bias: -1}, kq.Sums)
}

// Prepare runs constant filters by kernel/quant.
func (o *qLinearConv) Prepare(b op.Bind) (op.Step, error) {
	if !isByte(b.OutType(0)) || !isByte(b.Type(7)) {
		return nil, nil
	}
	return o.conv.prepare(b, convInputs{x: 0, xs: 1, xz: 2, w: 3, ws: 4, wz: 5, ys: 6, yz: 7, bias: 8}, kq.Bytes)
}
