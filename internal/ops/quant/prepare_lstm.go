package quant

import (
	"fmt"
	"math"
	"unsafe"

	kq "github.com/walnut-ai/walnut/internal/kernel/quant"
	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/parallel"
	"github.com/walnut-ai/walnut/tensor"
)

// standardActivations reports whether the names are those that LSTM has by default.
func standardActivations(names []string) bool {
	for i, n := range names {
		if i%3 == 0 && n != "Sigmoid" || i%3 > 0 && n != "Tanh" {
			return false
		}
	}
	return true
}

// lstmWeights are the weights of one direction.
type lstmWeights struct {
	w, r           *kq.Packed
	wScale, rScale []float32 // of the columns
	planX, planH   *kq.Plan
}

// lstmStep runs DynamicQuantizeLSTM in float32 through kernel/quant.
type lstmStep struct {
	o                        *lstm
	seq, batch, input        int
	dirs                     []lstmWeights
	x, b, h0, c0             op.Slot
	y, yh, yc                op.Slot
	xq, hq, gx, gh, state    op.Slot
	init, scale, bias, plans op.Slot
}

// lstmMemory is the memory of a run.
type lstmMemory struct {
	team         *parallel.Team
	xq, hq       []uint8
	gx, gh       []float32 // gates from the input of all steps, and from the state
	h, c, tmp    []float32
	init         []int32
	scale, bias  []float32
	scratch      []uint8
	xscale       float32
	xzero        int32
	y, yh, yc, b []float32
}

// Run implements op.Step.
func (s *lstmStep) Run(f *op.Frame) error {
	n := s.batch * s.o.hidden
	st := f.F32(s.state)
	m := lstmMemory{team: f.Team, xq: f.U8(s.xq), hq: f.U8(s.hq), gx: f.F32(s.gx), gh: f.F32(s.gh), h: st[:n], c: st[n : 2*n], tmp: st[2*n : 3*n],
		init: f.I32(s.init), scale: f.F32(s.scale), bias: f.F32(s.bias), scratch: f.U8(s.plans), y: f.F32(s.y), yh: f.F32(s.yh), yc: f.F32(s.yc), b: f.F32(s.b)}
	m.xscale, m.xzero = quantizeDynamic(m.xq, f.F32(s.x))
	for d := range s.dirs {
		for _, v := range []struct {
			dst []float32
			src []float32
		}{{m.h, f.F32(s.h0)}, {m.c, f.F32(s.c0)}} {
			if v.src == nil {
				clear(v.dst)
			} else {
				copy(v.dst, v.src[d*n:])
			}
		}
		s.direction(&m, d)
		if f.Team.Stopped() {
			return nil
		}
	}
	return nil
}

// product stores a times w in dst.
func (s *lstmStep) product(m *lstmMemory, p *kq.Plan, dst []float32, a []uint8, w *kq.Packed, scales []float32, scale float32, zero int32, bias []float32) {
	for j, v := range scales {
		m.scale[j] = scale * v
	}
	args := kq.Args{A: a, ZeroA: zero, LDA: w.K, Packed: w, LDC: w.N, C: unsafe.Pointer(unsafe.SliceData(dst))}
	w.Init(m.init, nil, zero, false)
	args.Mode, args.ColInit, args.ColScale, args.ColBias = kq.Floats, m.init, m.scale, bias
	p.Run(m.team, &args, m.scratch)
}

// direction runs direction d.
func (s *lstmStep) direction(m *lstmMemory, d int) {
	w, g, n := &s.dirs[d], 4*s.o.hidden, s.batch*s.o.hidden
	clear(m.bias)
	if m.b != nil {
		vec.Add(m.bias[:g], m.b[2*d*g:][:g], m.b[(2*d+1)*g:][:g])
	}
	s.product(m, w.planX, m.gx, m.xq, w.w, w.wScale, m.xscale, m.xzero, m.bias)
	for t := range s.seq {
		at := t
		if s.o.reverse || d == 1 {
			at = s.seq - 1 - t
		}
		hscale, hzero := quantizeDynamic(m.hq, m.h)
		s.product(m, w.planH, m.gh, m.hq, w.r, w.rScale, hscale, hzero, nil)
		vec.Add(m.gh, m.gh, m.gx[at*s.batch*g:][:s.batch*g])
		for b := range s.batch {
			s.cell(m, m.gh[b*g:][:g], b)
		}
		if m.y != nil {
			copy(m.y[(at*len(s.dirs)+d)*n:][:n], m.h)
		}
	}
	if m.yh != nil {
		copy(m.yh[d*n:][:n], m.h)
	}
	if m.yc != nil {
		copy(m.yc[d*n:][:n], m.c)
	}
}

// cell advances the state of batch element b.
func (s *lstmStep) cell(m *lstmMemory, g []float32, b int) {
	n := s.o.hidden
	if !math.IsInf(s.o.clip, 1) {
		vec.Clip(g, g, float32(-s.o.clip), float32(s.o.clip))
	}
	vec.Sigmoid(g[:3*n], g[:3*n])
	vec.Tanh(g[3*n:], g[3*n:])
	i, o, f := g[:n], g[n:2*n], g[2*n:3*n]
	h, c, tmp := m.h[b*n:][:n], m.c[b*n:][:n], m.tmp[:n]
	vec.Mul(c, c, f)
	vec.Mul(tmp, i, g[3*n:])
	vec.Add(c, c, tmp)
	vec.Tanh(tmp, c)
	vec.Mul(h, o, tmp)
}

// Prepare runs constant weights with the standard's activations, without peepholes and lengths.
func (o *lstm) Prepare(b op.Bind) (op.Step, error) {
	x, f32 := b.Shape(lstmX), tensor.Float32
	if !o.standard || o.inputForget || o.clip == 0 || b.Type(lstmX) != f32 || len(x) != 3 || op.Prod(x) == 0 || b.Has(lstmLens) || b.Has(lstmP) {
		return nil, nil
	}
	s := &lstmStep{o: o, seq: x[0], batch: x[1], input: x[2]}
	g := 4 * o.hidden
	for _, in := range []struct{ at, scale, zero, rows int }{{lstmW, lstmWScale, lstmWZero, s.input}, {lstmR, lstmRScale, lstmRZero, o.hidden}} {
		if b.Const(in.at) == nil || b.Const(in.scale) == nil || b.Const(in.zero) == nil || !isByte(b.Type(in.at)) || b.Type(in.scale) != f32 ||
			!tensor.SameShape(b.Shape(in.at), []int{o.dirs, in.rows, g}) || !sizedFor(b, in.scale, o.dirs, g) || !sizedFor(b, in.zero, o.dirs, g) {
			return nil, nil
		}
	}
	state := []int{o.dirs, s.batch, o.hidden}
	for in, dims := range map[int][]int{lstmB: {o.dirs, 2 * g}, lstmH: state, lstmC: state} {
		if b.Has(in) && (b.Type(in) != f32 || !tensor.SameShape(b.Shape(in), dims)) {
			return nil, nil
		}
	}
	plans := 0
	for d := range o.dirs {
		var w lstmWeights
		w.w, w.wScale = packGates(b, lstmW, lstmWScale, lstmWZero, o.dirs, d, s.input, g)
		w.r, w.rScale = packGates(b, lstmR, lstmRScale, lstmRZero, o.dirs, d, o.hidden, g)
		w.planX = kq.NewPlan(kq.Shape{M: s.seq * s.batch, N: g, K: s.input, Wide: w.w.Wide})
		w.planH = kq.NewPlan(kq.Shape{M: s.batch, N: g, K: o.hidden, Wide: w.r.Wide})
		plans = max(plans, w.planX.ScratchSize(b.Threads()), w.planH.ScratchSize(b.Threads()))
		s.dirs = append(s.dirs, w)
	}
	s.x, s.b, s.h0, s.c0 = b.In(lstmX), b.In(lstmB), b.In(lstmH), b.In(lstmC)
	s.y, s.yh, s.yc = b.Out(0), b.Out(1), b.Out(2)
	n := s.batch * o.hidden
	s.xq, s.hq = b.Scratch(op.Prod(x)), b.Scratch(n)
	s.gx, s.gh, s.state = b.Scratch(4*s.seq*s.batch*g), b.Scratch(4*s.batch*g), b.Scratch(12*n)
	s.init, s.scale, s.bias = b.Scratch(4*kq.Padded(g)), b.Scratch(4*kq.Padded(g)), b.Scratch(4*kq.Padded(g))
	s.plans = b.Scratch(plans)
	return s, nil
}

// sizedFor reports whether input in has an element for each direction, or for each column of each.
func sizedFor(b op.Bind, in, dirs, g int) bool {
	n := op.Prod(b.Shape(in))
	return n == dirs || n == dirs*g
}

// packGates packs the weights of a direction and spreads their scales over the columns.
func packGates(b op.Bind, in, scale, zero, dirs, d, rows, g int) (*kq.Packed, []float32) {
	scales, zeros := b.Const(scale), b.Const(zero)
	at := func(t *tensor.Tensor, j int) int {
		if t.Len() == dirs {
			return d
		}
		return d*g + j
	}
	spread := make([]float32, g)
	for j := range spread {
		spread[j] = float32(scales.FloatAt(at(scales, j)))
	}
	kind := fmt.Sprintf("int8 gates %d %x", d, zeros.Bytes())
	return b.Pack(in, kind, func(w *tensor.Tensor) (any, int) {
		p := kq.PackB(rows, g, func(i, j int) int32 {
			return int32(w.IntAt((d*rows+i)*g+j) - zeros.IntAt(at(zeros, j)))
		})
		return p, p.Size()
	}).(*kq.Packed), spread
}
