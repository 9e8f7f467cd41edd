package media

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// dft is DFT: transforms along one axis of real ([..., 1]) or complex
// ([..., 2]) signals. With onesided, forward transforms give the bins up to
// half the length, and inverse ones take these and give real signals.
type dft struct {
	axis              int
	axisIn            bool // version 20: the axis is input 2
	inverse, onesided bool
}

var dftDef = &op.Def{Name: "DFT", New: func(a *op.Args) (op.Op, error) {
	o := &dft{axis: -2, inverse: a.Bool("inverse", false), onesided: a.Bool("onesided", false)}
	if a.Version < 20 {
		o.axis = a.Int("axis", 1)
	} else {
		o.axisIn = a.HasIn(2)
	}
	return o, nil
}}

// signalAxis normalises axis; the last one holds real and imaginary parts.
func signalAxis(axis, rank int) (int, error) {
	if rank < 2 {
		return 0, fmt.Errorf("input has rank %d, must be at least 2: the last axis holds real and imaginary parts", rank)
	}
	k, err := op.Axis(axis, rank)
	if err == nil && k == rank-1 {
		err = fmt.Errorf("axis %d is that of real and imaginary parts", axis)
	}
	return k, err
}

// length returns the default length of the transform of d elements.
func (o *dft) length(d int) int {
	if o.inverse && o.onesided {
		return 2 * (d - 1)
	}
	return d
}

// outDims returns the dimensions of a transform of length n along axis.
func (o *dft) outDims(dims []int, axis, n int) []int {
	out := append([]int{}, dims...)
	out[axis], out[len(out)-1] = n, 2
	switch {
	case o.onesided && o.inverse:
		out[len(out)-1] = 1
	case o.onesided:
		out[axis] = n/2 + 1
	}
	return out
}

func (o *dft) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		return nil
	}
	axis, known := o.axis, true
	if o.axisIn {
		l, ok := c.Ints(2)
		if known = ok && len(l) == 1; known {
			axis = l[0]
		}
	}
	out := append(graph.Shape{}, s...)
	parts := 2
	if o.onesided && o.inverse {
		parts = 1
	}
	if !known {
		if len(s) < 2 {
			return fmt.Errorf("input has rank %d, must be at least 2", len(s))
		}
		out = c.FreshShape(len(s))
		out[len(s)-1] = graph.D(parts)
		c.Out(0, c.Type(0), out)
		return nil
	}
	axis, err := signalAxis(axis, len(s))
	if err != nil {
		return err
	}
	n := s[axis]
	if c.Has(1) {
		n = c.Fresh()
		if e := c.Elems(1); len(e) == 1 {
			n = e[0]
		}
	} else if n.Known() {
		n = graph.D(o.length(n.N))
	} else if o.inverse && o.onesided {
		n = c.Fresh()
	}
	if o.onesided && !o.inverse {
		if n.Known() {
			n = graph.D(n.N/2 + 1)
		} else {
			n = c.Fresh()
		}
	}
	out[axis], out[len(out)-1] = n, graph.D(parts)
	c.Out(0, c.Type(0), out)
	return nil
}

func (o *dft) Eval(e *op.Eval) error {
	x := e.In(0)
	axis := o.axis
	if o.axisIn {
		l := e.IntList(2)
		if len(l) != 1 {
			return fmt.Errorf("axis is %v, must be a scalar", e.In(2))
		}
		axis = l[0]
	}
	axis, err := signalAxis(axis, x.Rank())
	if err != nil {
		return err
	}
	dims := x.Shape()
	parts := dims[len(dims)-1]
	if parts != 1 && parts != 2 {
		return fmt.Errorf("input is %v, the last axis must be 1 (real) or 2 (complex)", x)
	}
	n := o.length(dims[axis])
	if e.Has(1) {
		l := e.IntList(1)
		if len(l) != 1 {
			return fmt.Errorf("dft_length is %v, must be a scalar", e.In(1))
		}
		n = l[0]
	}
	if n < 1 {
		return fmt.Errorf("transform of length %d", n)
	}
	out := o.outDims(dims, axis, n)
	y, err := e.Out(0, x.DType(), out...)
	if err != nil {
		return err
	}
	if y.Len() == 0 {
		return nil
	}
	p, err := newFFT(e, n)
	if err != nil {
		return err
	}
	t, err := e.Temp(tensor.Complex128, n)
	if err != nil {
		return err
	}
	buf := tensor.Of[complex128](t)
	inner := op.Prod(dims[axis+1 : len(dims)-1])
	for k := range op.Prod(dims[:axis]) * inner {
		if err := e.Tick(1 + n); err != nil {
			return err
		}
		from, to := k/inner, k%inner
		load(buf, x, from*dims[axis]*inner+to, inner, dims[axis], parts)
		switch {
		case o.inverse && o.onesided:
			mirror(buf)
			p.inverse(buf)
		case o.inverse:
			p.inverse(buf)
		default:
			p.run(buf)
		}
		store(y, buf, from*out[axis]*inner+to, inner, out[axis], out[len(out)-1])
	}
	return nil
}

// load reads have elements of x from offset off with a stride, zeros beyond.
func load(dst []complex128, x *tensor.Tensor, off, stride, have, parts int) {
	clear(dst)
	for i := range min(have, len(dst)) {
		at := (off + i*stride) * parts
		re, im := x.FloatAt(at), 0.0
		if parts == 2 {
			im = x.FloatAt(at + 1)
		}
		dst[i] = complex(re, im)
	}
}

func store(y *tensor.Tensor, src []complex128, off, stride, n, parts int) {
	for i := range n {
		at := (off + i*stride) * parts
		y.SetFloatAt(at, real(src[i]))
		if parts == 2 {
			y.SetFloatAt(at+1, imag(src[i]))
		}
	}
}

// mirror fills the upper half of a spectrum from the lower one, so that its
// inverse is real.
func mirror(x []complex128) {
	n := len(x)
	x[0] = complex(real(x[0]), 0)
	if n%2 == 0 {
		x[n/2] = complex(real(x[n/2]), 0)
	}
	for k := 1; 2*k < n; k++ {
		x[n-k] = complex(real(x[k]), -imag(x[k]))
	}
}

// stft is STFT: transforms of windowed frames of [batch, length, 1 or 2] (or
// [batch, length], real).
type stft struct{ onesided bool }

var stftDef = &op.Def{Name: "STFT", New: func(a *op.Args) (op.Op, error) {
	if !a.HasIn(1) {
		return nil, fmt.Errorf("input 1 (frame_step) is missing")
	}
	return &stft{a.Bool("onesided", true)}, nil
}}

func (o *stft) bins(n int) int {
	if o.onesided {
		return n/2 + 1
	}
	return n
}

func (o *stft) Infer(c *op.Infer) error {
	s := c.Shape(0)
	batch := c.Fresh()
	if s != nil {
		if len(s) != 2 && len(s) != 3 {
			return fmt.Errorf("signal is %v, must be [batch, length, 1 or 2]", s)
		}
		batch = s[0]
	}
	frames, bins := c.Fresh(), c.Fresh()
	n := c.Fresh()
	if e := c.Elems(3); c.Has(3) && len(e) == 1 {
		n = e[0]
	} else if w := c.Shape(2); c.Has(2) && len(w) == 1 {
		n = w[0]
	} else if !c.Has(2) && !c.Has(3) && s != nil {
		n = s[1]
	}
	if n.Known() && n.N > 0 {
		bins = graph.D(o.bins(n.N))
		if step, ok := c.Ints(1); ok && len(step) == 1 && step[0] > 0 && s != nil && s[1].Known() && s[1].N >= n.N {
			frames = graph.D((s[1].N-n.N)/step[0] + 1)
		}
	}
	c.Out(0, c.Type(0), graph.Shape{batch, frames, bins, graph.D(2)})
	return nil
}

// frame returns the step and the length of frames.
func (o *stft) frame(e *op.Eval, length int) (step, n int, err error) {
	l := e.IntList(1)
	if len(l) != 1 || l[0] < 1 {
		return 0, 0, fmt.Errorf("frame_step is %v, must be one positive number", l)
	}
	n = length
	w := e.In(2)
	if w != nil {
		if w.Rank() != 1 {
			return 0, 0, fmt.Errorf("window is %v, must have rank 1", w)
		}
		n = w.Len()
	}
	if e.Has(3) {
		f := e.IntList(3)
		if len(f) != 1 || w != nil && f[0] != n {
			return 0, 0, fmt.Errorf("frame_length is %v, must be one number and the length of the window, %v", f, w)
		}
		n = f[0]
	}
	if n < 1 || n > length {
		return 0, 0, fmt.Errorf("frames of %d in a signal of %d", n, length)
	}
	return l[0], n, nil
}

func (o *stft) Eval(e *op.Eval) error {
	x := e.In(0)
	s := x.Shape()
	parts := 1
	if len(s) == 3 {
		parts = s[2]
	}
	if len(s) != 2 && len(s) != 3 || parts != 1 && parts != 2 {
		return fmt.Errorf("signal is %v, must be [batch, length, 1 or 2]", x)
	}
	step, n, err := o.frame(e, s[1])
	if err != nil {
		return err
	}
	frames, bins := (s[1]-n)/step+1, o.bins(n)
	y, err := e.Out(0, x.DType(), s[0], frames, bins, 2)
	if err != nil {
		return err
	}
	if y.Len() == 0 {
		return nil
	}
	p, err := newFFT(e, n)
	if err != nil {
		return err
	}
	t, err := e.Temp(tensor.Complex128, n)
	if err != nil {
		return err
	}
	buf, w := tensor.Of[complex128](t), e.Floats(2)
	for b := range s[0] {
		for f := range frames {
			if err := e.Tick(1 + n); err != nil {
				return err
			}
			load(buf, x, b*s[1]+f*step, 1, n, parts)
			for i, v := range w {
				buf[i] = complex(real(buf[i])*v, imag(buf[i])*v)
			}
			p.run(buf)
			store(y, buf, (b*frames+f)*bins, 1, bins, 2)
		}
	}
	return nil
}
