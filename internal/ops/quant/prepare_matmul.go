package quant

import (
	"fmt"
	"sync"
	"unsafe"

	kq "github.com/walnut-ai/walnut/internal/kernel/quant"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// operandsOf numbers the inputs of a product of quantised matrices; -1 is absent.
type operandsOf struct {
	a, as, az, b, bs, bz, ys, yz int
	add                          int // int32, with the scale of the sums
	bias                         int // float32
}

// scaleOf is the scale of the sums: alpha * as * bs / ys, in this order.
type scaleOf struct {
	alpha      float32
	as, bs, ys op.Slot
}

// fill stores the scale of n columns.
func (s *scaleOf) fill(dst []float32, n int, as, bs, ys []float32) {
	a := s.alpha
	if as != nil {
		a *= as[0]
	}
	for j := range dst {
		switch {
		case j >= n:
			dst[j] = 0
		case ys != nil:
			dst[j] = float32(a*pickOf(bs, j)) / ys[0]
		default:
			dst[j] = a * pickOf(bs, j)
		}
	}
}

// productStep multiplies quantised matrices by kernel/quant.
type productStep struct {
	plan     *kq.Plan
	args     kq.Args // what all runs share
	n        int
	dynamic  bool // A is float32 and quantised here
	a, az, b op.Slot
	bz, yz   op.Slot
	add      op.Slot
	scale    scaleOf
	bias, y  op.Slot
	outType  tensor.DType
	bSigned  bool
	matrices *kq.Matrices // for B that is not packed
	// Memory of a run; NoSlot where args has it.
	aq, init, scales, biases, scratch op.Slot
}

// productRun is memory of a run.
type productRun struct {
	args kq.Args
	b    kq.Matrices
}

var productRuns = sync.Pool{New: func() any { return new(productRun) }}

// byteAt returns the zero point in a slot of one byte, 0 for none.
func byteAt(f *op.Frame, s op.Slot, signed bool) int32 {
	b := f.Bytes(s)
	switch {
	case b == nil:
		return 0
	case signed:
		return int32(int8(b[0]))
	}
	return int32(b[0])
}

// Run implements op.Step.
func (s *productStep) Run(f *op.Frame) error {
	r := productRuns.Get().(*productRun)
	r.args = s.args
	a := &r.args
	sa := f.F32(s.scale.as)
	var as [1]float32
	if s.dynamic {
		q := f.U8(s.aq)
		as[0], a.ZeroA = quantizeDynamic(q, f.F32(s.a))
		a.A, sa = q, as[:]
	} else {
		a.A, a.ZeroA = f.Bytes(s.a), byteAt(f, s.az, a.SignedA)
	}
	if s.init >= 0 {
		a.ColInit = f.I32(s.init)
		a.Packed.Init(a.ColInit, f.I32(s.add), a.ZeroA, a.SignedA)
	}
	if s.scales >= 0 {
		a.ColScale = f.F32(s.scales)
		s.scale.fill(a.ColScale, s.n, sa, f.F32(s.scale.bs), f.F32(s.scale.ys))
	}
	if s.biases >= 0 {
		a.ColBias = f.F32(s.biases)
		copy(a.ColBias, f.F32(s.bias))
	}
	if a.Mode == kq.Bytes {
		limit(&a.Epilogue, f, s.yz, s.outType)
	}
	if s.matrices != nil {
		r.b.With(s.matrices, f.Bytes(s.b), s.bSigned, byteAt(f, s.bz, s.bSigned))
		a.Source = &r.b
	}
	a.C = unsafe.Pointer(unsafe.SliceData(f.Bytes(s.y)))
	s.plan.Run(f.Team, a, f.U8(s.scratch))
	*r = productRun{}
	productRuns.Put(r)
	return nil
}

// limit sets the output's zero point.
func limit(e *kq.Epilogue, f *op.Frame, zero op.Slot, dt tensor.DType) {
	if dt == tensor.Int8 {
		kq.Limit[int8](e, byteAt(f, zero, true))
	} else {
		kq.Limit[uint8](e, byteAt(f, zero, false))
	}
}

func isByte(dt tensor.DType) bool { return dt == tensor.Uint8 || dt == tensor.Int8 }

// slotOf is b.In for an input that may be -1.
func slotOf(b op.Bind, in int) op.Slot {
	if in < 0 {
		return op.NoSlot
	}
	return b.In(in)
}

// sized reports whether input in is absent or has n elements of type dt, and, with one, perhaps a single one.
func sized(b op.Bind, in, n int, one bool, dt ...tensor.DType) bool {
	if in < 0 || !b.Has(in) {
		return true
	}
	s := b.Shape(in)
	c := op.Prod(s)
	if !(one && c == 1) && (c != n || len(s) == 0 || s[len(s)-1] != n || !one && len(s) != 1) {
		return false
	}
	for _, d := range dt {
		if b.Type(in) == d {
			return true
		}
	}
	return false
}

// known reports whether input in is absent or constant.
func known(b op.Bind, in int) bool { return in < 0 || !b.Has(in) || b.Const(in) != nil }

// prepareProduct prepares a product whose operands have shapes as and bs.
func prepareProduct(b op.Bind, in operandsOf, mode kq.Mode, alpha float32, transB bool) (op.Step, error) {
	bs := b.Shape(in.b)
	if transB {
		bs = []int{bs[1], bs[0]}
	}
	p, err := productOf(b.Shape(in.a), bs)
	if err != nil || op.Prod(p.full) == 0 || p.k == 0 {
		return nil, nil
	}
	ta, tb := b.Type(in.a), b.Type(in.b)
	f32 := tensor.Float32
	if !isByte(tb) || !isByte(ta) && ta != f32 || !sized(b, in.as, 1, true, f32) || !sized(b, in.az, 1, true, ta) ||
		!sized(b, in.bs, p.n, true, f32) || !sized(b, in.bz, p.n, true, tb) || !sized(b, in.ys, 1, true, f32) ||
		!sized(b, in.yz, 1, true, tensor.Uint8, tensor.Int8) || !sized(b, in.add, p.n, false, tensor.Int32) || !sized(b, in.bias, p.n, false, f32) {
		return nil, nil
	}
	if in.add >= 0 && b.Has(in.add) && len(b.Shape(in.add)) > 0 && b.Shape(in.add)[len(b.Shape(in.add))-1] != p.n {
		return nil, nil // values for rows
	}
	s := &productStep{n: p.n, dynamic: ta == f32, y: b.Out(0), outType: b.OutType(0), bSigned: tb == tensor.Int8,
		a: b.In(in.a), az: slotOf(b, in.az), b: op.NoSlot, bz: op.NoSlot, add: slotOf(b, in.add), bias: slotOf(b, in.bias), yz: slotOf(b, in.yz),
		scale: scaleOf{alpha, slotOf(b, in.as), slotOf(b, in.bs), slotOf(b, in.ys)},
		aq:    op.NoSlot, init: op.NoSlot, scales: op.NoSlot, biases: op.NoSlot}
	s.args = kq.Args{SignedA: ta == tensor.Int8, LDA: p.k, LDC: p.n}
	s.args.Mode = mode
	shape := kq.Shape{M: p.m, N: p.n, K: p.k}
	if !s.operandB(b, in, p, &shape, transB) {
		return nil, nil
	}
	s.epilogue(b, in)
	if s.dynamic {
		s.aq = b.Scratch(op.Prod(b.Shape(in.a)))
	}
	s.plan = kq.NewPlan(shape)
	s.scratch = b.Scratch(s.plan.ScratchSize(b.Threads()))
	return s, nil
}

// operandB packs a constant B, or plans to pack it in each run.
func (s *productStep) operandB(b op.Bind, in operandsOf, p *product, shape *kq.Shape, transB bool) bool {
	w := b.Const(in.b)
	batch := p.full[:len(p.full)-2]
	if w != nil && known(b, in.bz) && op.Prod(p.b[:len(p.b)-2]) == 1 && len(w.Bytes()) > 0 {
		var zero []byte
		if z := constOf(b, in.bz); z != nil {
			zero = z.Bytes()
		}
		s.args.Packed = packMatrix(b, in.b, p.k, p.n, transB, zero)
		shape.M = op.Prod(batch) * p.m
		shape.Wide = s.args.Packed.Wide
		return true
	}
	if transB || in.bz >= 0 && b.Has(in.bz) && op.Prod(b.Shape(in.bz)) != 1 || in.add >= 0 && b.Has(in.add) {
		return false
	}
	s.b, s.bz = b.In(in.b), slotOf(b, in.bz)
	shape.Wide, shape.Source, shape.Batch = true, true, op.Prod(batch)
	var starts []int
	st := [][]int{op.BroadcastStrides(p.a[:len(p.a)-2], batch), op.BroadcastStrides(p.b[:len(p.b)-2], batch)}
	_ = op.Each(batch, st, func(i int, _, off []int) error {
		s.args.Products = append(s.args.Products, kq.Offset{A: off[0] * p.m * p.k, C: i * p.m * p.n})
		starts = append(starts, off[1]*p.k*p.n)
		return nil
	})
	s.matrices = kq.NewMatrices(p.k, p.n, starts)
	return true
}

// constOf is b.Const for an input that may be -1.
func constOf(b op.Bind, in int) *tensor.Tensor {
	if in < 0 || !b.Has(in) {
		return nil
	}
	return b.Const(in)
}

// packMatrix packs a constant B of k rows and n columns without its zero points.
func packMatrix(b op.Bind, in, k, n int, transB bool, zero []byte) *kq.Packed {
	kind := fmt.Sprintf("int8 product %v %x", transB, zero)
	return b.Pack(in, kind, func(w *tensor.Tensor) (any, int) {
		data, signed := w.Bytes(), w.DType() == tensor.Int8
		value := func(v byte) int32 {
			if signed {
				return int32(int8(v))
			}
			return int32(v)
		}
		p := kq.PackB(k, n, func(i, j int) int32 {
			x := i*n + j
			if transB {
				x = j*k + i
			}
			v := value(data[x])
			if zero != nil {
				v -= value(pickOf(zero, j))
			}
			return v
		})
		return p, p.Size()
	}).(*kq.Packed)
}

// epilogue computes ahead what follows from constants, and asks for memory for the rest.
func (s *productStep) epilogue(b op.Bind, in operandsOf) {
	n := kq.Padded(s.n)
	if w := s.args.Packed; w != nil {
		if !s.dynamic && known(b, in.az) && known(b, in.add) {
			s.args.ColInit = make([]int32, n)
			zero, add := int32(0), []int32(nil)
			if z := constOf(b, in.az); z != nil {
				zero = int32(z.IntAt(0))
			}
			if c := constOf(b, in.add); c != nil {
				add = tensor.Of[int32](c.Aligned())
			}
			w.Init(s.args.ColInit, add, zero, s.args.SignedA)
		} else {
			s.init = b.Scratch(4 * n)
		}
	}
	if s.args.Mode == kq.Sums {
		return
	}
	if !s.dynamic && known(b, in.as) && known(b, in.bs) && known(b, in.ys) {
		s.args.ColScale = make([]float32, n)
		s.scale.fill(s.args.ColScale, s.n, constFloats(b, in.as), constFloats(b, in.bs), constFloats(b, in.ys))
	} else {
		s.scales = b.Scratch(4 * n)
	}
	if in.bias >= 0 && b.Has(in.bias) {
		if c := b.Const(in.bias); c != nil {
			s.args.ColBias = append(make([]float32, 0, n), constFloats(b, in.bias)...)[:n]
		} else {
			s.biases = b.Scratch(4 * n)
		}
	}
}

func constFloats(b op.Bind, in int) []float32 {
	c := constOf(b, in)
	if c == nil {
		return nil
	}
	return tensor.Of[float32](c.Aligned())
}

// Prepare runs bytes by kernel/quant, where A has one zero point.
func (o *matMulInteger) Prepare(b op.Bind) (op.Step, error) {
	if b.OutType(0) != tensor.Int32 || !isByte(b.Type(0)) {
		return nil, nil
	}
	return prepareProduct(b, operandsOf{a: 0, as: -1, az: 2, b: 1, bs: -1, bz: 3, ys: -1, yz: -1, add: -1, bias: -1}, kq.Sums, 1, false)
}

// Prepare runs bytes by kernel/quant, where A and the output have one scale and zero point.
func (o *qLinearMatMul) Prepare(b op.Bind) (op.Step, error) {
	if !isByte(b.Type(0)) || !isByte(b.OutType(0)) || b.Type(7) != b.OutType(0) {
		return nil, nil
	}
	return prepareProduct(b, operandsOf{a: 0, as: 1, az: 2, b: 3, bs: 4, bz: 5, ys: 6, yz: 7, add: -1, bias: -1}, kq.Bytes, 1, false)
}

// Prepare runs bytes with float32 scales by kernel/quant.
func (o *matMulIntegerToFloat) Prepare(b op.Bind) (op.Step, error) {
	if !isByte(b.Type(0)) || b.OutType(0) != tensor.Float32 {
		return nil, nil
	}
	return prepareProduct(b, operandsOf{a: 0, as: 2, az: 4, b: 1, bs: 3, bz: 5, ys: -1, yz: -1, add: -1, bias: 6}, kq.Floats, 1, false)
}

// Prepare quantises and multiplies by kernel/quant.
func (o *dynamicQuantizeMatMul) Prepare(b op.Bind) (op.Step, error) {
	if b.Type(0) != tensor.Float32 {
		return nil, nil
	}
	return prepareProduct(b, operandsOf{a: 0, as: -1, az: -1, b: 1, bs: 2, bz: 3, ys: -1, yz: -1, add: -1, bias: 4}, kq.Floats, 1, false)
}

// Prepare runs bytes by kernel/quant, where C has a value for each column.
func (o *qGemm) Prepare(b op.Bind) (op.Step, error) {
	if o.ta || !isByte(b.Type(0)) || len(b.Shape(0)) != 2 || len(b.Shape(3)) != 2 {
		return nil, nil
	}
	in := operandsOf{a: 0, as: 1, az: 2, b: 3, bs: 4, bz: 5, ys: -1, yz: -1, add: 6, bias: -1}
	mode := kq.Floats
	if b.Has(8) {
		if !b.Has(7) || b.Type(8) != b.OutType(0) {
			return nil, nil
		}
		in.ys, in.yz, mode = 7, 8, kq.Bytes
	}
	return prepareProduct(b, in, mode, o.alpha, o.tb)
}
