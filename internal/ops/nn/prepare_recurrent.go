package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/kernel/gemm"
	"github.com/walnut-ai/walnut/internal/kernel/rnn"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// recurrentStep runs a float32 layer through kernel/rnn.
type recurrentStep struct {
	plan    *rnn.Plan
	packed  []rnn.Packed
	in      [8]op.Slot
	out     [3]op.Slot
	scratch op.Slot
}

// Run implements op.Step.
func (s *recurrentStep) Run(f *op.Frame) error {
	lens := f.I32(s.in[4])
	for _, n := range lens {
		if n < 0 || int(n) > s.plan.Steps {
			return fmt.Errorf("sequence_lens %v: values must be 0 to %d", lens, s.plan.Steps)
		}
	}
	s.plan.Run(f.Team, &rnn.Args{
		X: f.F32(s.in[0]), W: f.F32(s.in[1]), R: f.F32(s.in[2]), Packed: s.packed, B: f.F32(s.in[3]), Lens: lens,
		H0: f.F32(s.in[5]), C0: f.F32(s.in[6]), P: f.F32(s.in[7]), Y: f.F32(s.out[0]), YH: f.F32(s.out[1]), YC: f.F32(s.out[2]),
	}, f.F32(s.scratch))
	return nil
}

// Prepare runs float32; constant weights are packed.
func (o *recurrent) Prepare(b op.Bind) (op.Step, error) {
	x, r := b.Shape(0), b.Shape(2)
	if len(x) != 3 || len(r) != 3 || op.Prod(x) == 0 || r[2] < 1 || o.hidden > 0 && o.hidden != r[2] {
		return nil, nil
	}
	for i := range b.NIn() {
		want := tensor.Float32
		if i == 4 {
			want = tensor.Int32
		}
		if b.Has(i) && b.Type(i) != want {
			return nil, nil
		}
	}
	sh := rnn.Shape{Steps: x[0], Batch: x[1], In: x[2], Hidden: r[2], BatchFirst: o.batchFirst, Reverse: o.reverse, Coupled: o.coupled,
		PackedW: b.Const(1) != nil, PackedR: b.Const(2) != nil}
	if o.batchFirst {
		sh.Steps, sh.Batch = x[1], x[0]
	}
	switch {
	case o.gates == 4:
		sh.Kind = rnn.LSTM
	case o.gates == 3 && o.linearReset:
		sh.Kind = rnn.GRULinear
	case o.gates == 3:
		sh.Kind = rnn.GRU
	}
	if !math.IsInf(o.clip, 1) {
		if sh.Clip = float32(o.clip); sh.Clip == 0 {
			return nil, nil
		}
	}
	for _, a := range o.acts {
		sh.Acts = append(sh.Acts, rnn.Func(a.kernel()))
	}
	if !o.fits(b, sh) || float64(op.Prod(x[:2]))*float64(o.gates*sh.Hidden) > maxScratch {
		return nil, nil
	}
	s := &recurrentStep{plan: rnn.NewPlan(sh)}
	for i := range s.in {
		if i == 1 && sh.PackedW || i == 2 && sh.PackedR {
			s.in[i] = op.NoSlot
		} else {
			s.in[i] = b.In(i)
		}
	}
	for i := range s.out {
		s.out[i] = b.Out(i)
	}
	s.packed = o.pack(b, s.plan)
	s.scratch = b.Scratch(4 * s.plan.ScratchSize(b.Threads()))
	return s, nil
}

// fits checks the shapes of all inputs but X, as job does.
func (o *recurrent) fits(b op.Bind, s rnn.Shape) bool {
	dirs, gh := len(o.reverse), o.gates*s.Hidden
	state := []int{dirs, s.Batch, s.Hidden}
	if o.batchFirst {
		state = []int{s.Batch, dirs, s.Hidden}
	}
	for i, dims := range [][]int{nil, {dirs, gh, s.In}, {dirs, gh, s.Hidden}, {dirs, 2 * gh}, {s.Batch}, state, state, {dirs, 3 * s.Hidden}} {
		if i > 0 && b.Has(i) && !tensor.SameShape(b.Shape(i), dims) {
			return false
		}
	}
	return true
}

// pack packs the weights that are constant, each direction for itself.
func (o *recurrent) pack(b op.Bind, p *rnn.Plan) []rnn.Packed {
	l := make([]rnn.Packed, len(o.reverse))
	gh := o.gates * p.Hidden
	for d := range l {
		if p.PackedW {
			l[d].W = b.Pack(1, fmt.Sprintf("rnn w%d", d), func(w *tensor.Tensor) (any, int) {
				return p.PackW(tensor.Of[float32](w)[d*gh*p.In:])
			}).(*gemm.Packed)
		}
		if p.PackedR {
			l[d].R = b.Pack(2, fmt.Sprintf("rnn r%d %d", p.Kind, d), func(w *tensor.Tensor) (any, int) {
				return p.PackR(tensor.Of[float32](w)[d*gh*p.Hidden:])
			}).([2]*gemm.Packed)
		}
	}
	return l
}
