package quant

import (
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// qPoolStep averages under windows of one or two spatial axes, or over all.
type qPoolStep struct {
	x, y       op.Slot
	in, out    affineSlots
	batch, ch  int
	positions  int    // of the input in a channel
	sb, sc, sp [2]int // strides of batch, channel and position: input, output
	width      int    // of the input's lines
	windows    []box
	signed     bool
}

// box is the input under a window, and the number of elements to divide by.
type box struct {
	y0, y1, x0, x1 int
	count          float64
}

// Run implements op.Step.
func (s *qPoolStep) Run(f *op.Frame) error {
	x, y := f.Bytes(s.x), f.Bytes(s.y)
	xa, ya := s.in.at(f), s.out.at(f)
	r := rangeOf(s.out.dt, int32(ya.zero))
	for b := range s.batch {
		for c := range s.ch {
			in := x[b*s.sb[0]+c*s.sc[0]:]
			at := b*s.sb[1] + c*s.sc[1]
			for i := range s.windows {
				w := &s.windows[i]
				n := int64(max(0, w.y1-w.y0) * max(0, w.x1-w.x0))
				sum := s.sum(in, w) - n*xa.zero
				y[at+i*s.sp[1]] = r.byte(mean(xa, ya, sum, w.count))
			}
		}
	}
	return nil
}

// sum adds up the elements of a channel under a window.
func (s *qPoolStep) sum(in []byte, w *box) int64 {
	sum := 0
	for y := w.y0; y < w.y1; y++ {
		if s.sp[0] == 1 {
			line := in[y*s.width+w.x0 : y*s.width+max(w.x0, w.x1)]
			if s.signed {
				for _, v := range line {
					sum += int(int8(v))
				}
			} else {
				for _, v := range line {
					sum += int(v)
				}
			}
			continue
		}
		for x := w.x0; x < w.x1; x++ {
			sum += int(signedByte(in[(y*s.width+x)*s.sp[0]], s.in.dt))
		}
	}
	return int64(sum)
}

// newQPool lays out a tensor x that becomes out positions a channel.
func newQPool(b op.Bind, last bool, windows []box, width int) (op.Step, error) {
	x, dt := b.Shape(0), b.Type(0)
	s := &qPoolStep{x: b.In(0), y: b.Out(0), windows: windows, width: width, signed: dt == tensor.Int8, batch: x[0]}
	var ok, ok2 bool
	s.in, ok = affineIn(b, 1, dt)
	s.out, ok2 = affineIn(b, 3, dt)
	if !ok || !ok2 {
		return nil, nil
	}
	s.positions, s.ch = op.Prod(spatial(x, last)), x[1]
	n := [2]int{s.positions, len(windows)}
	for i := range n {
		s.sc[i], s.sp[i] = n[i], 1
		if last {
			s.ch = x[len(x)-1]
			s.sc[i], s.sp[i] = 1, s.ch
		}
		s.sb[i] = n[i] * s.ch
	}
	return s, nil
}

// Prepare runs bytes.
func (o *qGlobalPool) Prepare(b op.Bind) (op.Step, error) {
	x := b.Shape(0)
	n := op.Prod(spatial(x, o.last))
	if op.Prod(x) == 0 {
		return nil, nil
	}
	return newQPool(b, o.last, []box{{0, 1, 0, n, float64(n)}}, n)
}

// maxWindows bounds the windows of which a plan keeps a list.
const maxWindows = 1 << 18

// Prepare runs bytes of one or two spatial axes.
func (o *qPool) Prepare(b op.Bind) (op.Step, error) {
	x := b.Shape(0)
	if len(x) < 3 || len(x) > 4 || op.Prod(x) == 0 || op.Prod(b.OutShape(0)) == 0 {
		return nil, nil
	}
	in := spatial(x, o.last)
	l, err := o.slides(in, o.kernel)
	if err != nil {
		return nil, err
	}
	var dims []int
	for _, s := range l {
		dims = append(dims, s.out)
	}
	if op.Prod(dims) > maxWindows {
		return nil, nil
	}
	lo, hi := make([]int, len(l)), make([]int, len(l))
	var windows []box
	_ = op.Each(dims, nil, func(_ int, at, _ []int) error {
		w := box{y1: 1, count: o.under(l, at, lo, hi)}
		if len(l) == 2 {
			w.y0, w.y1 = lo[0], hi[0]
		}
		w.x0, w.x1 = lo[len(l)-1], hi[len(l)-1]
		if w.x0 >= w.x1 {
			w.x0, w.x1 = 0, 0
		}
		windows = append(windows, w)
		return nil
	})
	return newQPool(b, o.last, windows, in[len(in)-1])
}

// concatStep joins quantised tensors along an axis, requantising those whose parameters differ.
type concatStep struct {
	y     op.Slot
	out   affineSlots
	parts []concatPart
	outer int
	row   int // bytes of the output in an outer step
}

// concatPart is one input.
type concatPart struct {
	x      op.Slot
	in     affineSlots
	n, at  int        // bytes in an outer step, and where they go
	table  *byteTable // nil if the parameters are not constant
	memory op.Slot
}

// fill computes the table of a part.
func (p *concatPart) fill(t *byteTable, xa, ya affine, dt tensor.DType) {
	r := rangeOf(dt, int32(ya.zero))
	for i := range t {
		v := signedByte(byte(i), p.in.dt)
		if xa == ya {
			t[i] = byte(v)
		} else {
			t[i] = r.byte(float64(xa.real(v) / ya.scale))
		}
	}
}

// Run implements op.Step.
func (s *concatStep) Run(f *op.Frame) error {
	y := f.Bytes(s.y)
	for i := range s.parts {
		p := &s.parts[i]
		t := p.table
		if t == nil {
			t = (*byteTable)(f.U8(p.memory))
			p.fill(t, p.in.at(f), s.out.at(f), s.out.dt)
		}
		x := f.Bytes(p.x)
		for o := range s.outer {
			t.apply(y[o*s.row+p.at:], x[o*p.n:][:p.n])
		}
	}
	return nil
}

// Prepare runs bytes by tables.
func (o *qConcat) Prepare(b op.Bind) (op.Step, error) {
	y, dt := b.OutShape(0), b.OutType(0)
	axis, err := op.Axis(o.axis, len(y))
	if err != nil || op.Prod(y) == 0 {
		return nil, nil
	}
	out, ok := affineIn(b, 0, dt)
	if !ok {
		return nil, nil
	}
	s := &concatStep{y: b.Out(0), out: out, outer: op.Prod(y[:axis]), row: op.Prod(y[axis:])}
	ya, fixed := affineConst(b, 0)
	at := 0
	for i := 2; i < b.NIn(); i += 3 {
		p := concatPart{x: b.In(i), n: op.Prod(b.Shape(i)[axis:]), at: at, memory: op.NoSlot}
		at += p.n
		if p.in, ok = affineIn(b, i+1, b.Type(i)); !ok || b.Type(i) != dt {
			return nil, nil
		}
		if xa, k := affineConst(b, i+1); k && fixed {
			p.table = new(byteTable)
			p.fill(p.table, xa, ya, dt)
		} else {
			p.memory = b.Scratch(256)
		}
		s.parts = append(s.parts, p)
	}
	return s, nil
}
