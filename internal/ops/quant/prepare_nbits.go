package quant

import (
	"fmt"

	kq "github.com/walnut-ai/walnut/internal/kernel/quant"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// nbitsStep multiplies float32 with weights in blocks.
type nbitsStep struct {
	plan             *kq.BlocksPlan
	a, y, bias, temp op.Slot
	biases           []float32
	padded           op.Slot // memory for a bias that is not constant
}

// Run implements op.Step.
func (s *nbitsStep) Run(f *op.Frame) error {
	bias := s.biases
	if s.padded >= 0 {
		bias = f.F32(s.padded)
		copy(bias, f.F32(s.bias))
	}
	s.plan.Run(f.Team, f.F32(s.y), f.F32(s.a), bias, f.F32(s.temp))
	return nil
}

// Prepare runs float32 with constant weights of 4 or 8 bits by kernel/quant.
func (o *matMulNBits) Prepare(b op.Bind) (op.Step, error) {
	a, f32 := b.Shape(0), tensor.Float32
	w, scales := b.Const(1), b.Const(2)
	if b.Type(0) != f32 || o.bits == 2 || w == nil || scales == nil || b.Has(4) || b.Has(3) && b.Const(3) == nil || op.Prod(a) == 0 ||
		expect("B", w, o.n, o.blocks, o.block*o.bits/8) != nil || expect("scales", scales, o.n, o.blocks) != nil || !sized(b, 5, o.n, false, f32) {
		return nil, nil
	}
	var zeros *tensor.Tensor
	if b.Has(3) {
		zeros = b.Const(3)
	}
	zero, err := o.zeroPoints(zeros)
	if err != nil {
		return nil, nil
	}
	kind := fmt.Sprintf("blocks of %d bits, %d by %d in %d, %p %p", o.bits, o.k, o.n, o.block, scales, zeros)
	packed := b.Pack(1, kind, func(w *tensor.Tensor) (any, int) {
		row := o.blocks * o.block * o.bits / 8
		p := kq.PackBlocks(o.n, o.k, o.bits, o.block, func(j int) []uint8 { return w.Bytes()[j*row : (j+1)*row] },
			func(j, g int) float32 { return float32(scales.FloatAt(j*o.blocks + g)) }, func(j, g int) float32 { return float32(zero(j, g)) })
		return p, p.Size()
	}).(*kq.Blocks)
	s := &nbitsStep{plan: kq.NewBlocksPlan(op.Prod(a[:len(a)-1]), packed), a: b.In(0), y: b.Out(0), bias: op.NoSlot, padded: op.NoSlot}
	if b.Has(5) {
		if b.Const(5) != nil {
			s.biases = append(make([]float32, 0, kq.Padded(o.n)), constFloats(b, 5)...)[:kq.Padded(o.n)]
		} else {
			s.bias, s.padded = b.In(5), b.Scratch(4*kq.Padded(o.n))
		}
	}
	s.temp = b.Scratch(4 * s.plan.ScratchSize())
	return s, nil
}
