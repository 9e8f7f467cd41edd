package nn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// window is the sliding window of convolutions and pools as attributes give
// it. Lists that are nil take the standard's default.
type window struct {
	kernel    []int
	strides   []int
	dilations []int
	pads      []int // begins, then ends
	auto      string
	ceil      bool
}

const (
	notSet    = "NOTSET"
	sameUpper = "SAME_UPPER"
	sameLower = "SAME_LOWER"
	valid     = "VALID"
)

// maxExtent bounds window attributes, so that sums and products of two stay far from overflow.
const maxExtent = 1 << 28

// decodeWindow reads kernel_shape, strides, pads and auto_pad, and dilations
// where the version has them.
func decodeWindow(a *op.Args) window {
	w := window{kernel: a.Ints("kernel_shape"), strides: a.Ints("strides"), pads: a.Ints("pads"), auto: notSet}
	if s := a.String("auto_pad", notSet); s != "" { // old exporters write "" for NOTSET
		w.auto = a.OneOf("auto_pad", notSet, notSet, sameUpper, sameLower, valid)
	}
	w.dilations = a.Ints("dilations")
	positive(a, "kernel_shape", w.kernel)
	positive(a, "strides", w.strides)
	positive(a, "dilations", w.dilations)
	for _, p := range w.pads {
		if p < -maxExtent || p > maxExtent {
			a.Fail("attribute pads = %v is out of range", w.pads)
		}
	}
	return w
}

func positive(a *op.Args, name string, l []int) {
	for _, x := range l {
		if x < 1 || x > maxExtent {
			a.Fail("attribute %s = %v, must be 1 to %d", name, l, maxExtent)
			return
		}
	}
}

// check compares the lengths of the lists with the number of spatial axes.
// Empty lists count as absent: exporters write them for the default.
func (w *window) check(spatial int) error {
	for _, l := range []struct {
		name string
		v    []int
		n    int
	}{{"kernel_shape", w.kernel, spatial}, {"strides", w.strides, spatial}, {"dilations", w.dilations, spatial}, {"pads", w.pads, 2 * spatial}} {
		if len(l.v) != 0 && len(l.v) != l.n {
			return fmt.Errorf("%s has %d values, %d spatial axes need %d", l.name, len(l.v), spatial, l.n)
		}
	}
	return nil
}

func at(l []int, i, def int) int {
	if i < len(l) {
		return l[i]
	}
	return def
}

// span is a window along one spatial axis of given length.
type span struct {
	in, out          int
	kernel           int
	stride, dilation int
	begin, end       int // padding
}

// span resolves spatial axis i of n with the given input length and kernel size.
func (w *window) span(i, n, in, kernel int) (span, error) {
	s := span{in: in, kernel: kernel, stride: at(w.strides, i, 1), dilation: at(w.dilations, i, 1)}
	eff := (int64(kernel)-1)*int64(s.dilation) + 1
	if kernel < 1 || in < 0 || eff > maxExtent || in > 1<<30 {
		return s, fmt.Errorf("spatial axis %d: kernel %d with dilation %d on length %d is out of range", i, kernel, s.dilation, in)
	}
	var out int64
	st := int64(s.stride)
	switch w.auto {
	case sameUpper, sameLower:
		out = (int64(in) + st - 1) / st
		total := max(0, (out-1)*st+eff-int64(in))
		s.begin = int(total / 2)
		if w.auto == sameLower {
			s.begin = int(total - total/2)
		}
		s.end = int(total) - s.begin
	default:
		if w.auto == notSet {
			s.begin, s.end = at(w.pads, i, 0), at(w.pads, n+i, 0)
		}
		room := int64(in) + int64(s.begin) + int64(s.end) - eff
		switch {
		case room < 0:
			out = 0
			if w.ceil && room > -st && int64(in)+int64(s.begin) > 0 {
				out = 1 // the only window hangs over the end
			} else if in > 0 {
				return s, fmt.Errorf("spatial axis %d: length %d with padding %d and %d is shorter than the kernel's %d", i, in, s.begin, s.end, eff)
			}
		case w.ceil:
			out = (room+st-1)/st + 1
			if (out-1)*st >= int64(in)+int64(s.begin) { // it would start in the padding behind
				out--
			}
		default:
			out = room/st + 1
		}
	}
	if out < 0 || int64(int(out)) != out {
		return s, fmt.Errorf("spatial axis %d: output length %d is out of range", i, out)
	}
	s.out = int(out)
	return s, nil
}

// spans resolves all spatial axes.
func (w *window) spans(in, kernel []int) ([]span, error) {
	if err := w.check(len(in)); err != nil {
		return nil, err
	}
	if len(kernel) != len(in) {
		return nil, fmt.Errorf("kernel %v for %d spatial axes", kernel, len(in))
	}
	l := make([]span, len(in))
	for i := range l {
		s, err := w.span(i, len(in), in[i], kernel[i])
		if err != nil {
			return nil, err
		}
		l[i] = s
	}
	return l, nil
}

// infer returns the spatial output dimensions for those of the input; kernel
// dimensions may be symbols.
func (w *window) infer(c *op.Infer, in, kernel graph.Shape) (graph.Shape, error) {
	if err := w.check(len(in)); err != nil {
		return nil, err
	}
	if len(kernel) != len(in) {
		return nil, fmt.Errorf("kernel %v for %d spatial axes", kernel, len(in))
	}
	out := make(graph.Shape, len(in))
	for i := range out {
		switch {
		case in[i].Known() && kernel[i].Known():
			s, err := w.span(i, len(in), in[i].N, kernel[i].N)
			if err != nil {
				return nil, err
			}
			out[i] = graph.D(s.out)
		case w.keeps(i, len(in), kernel[i]):
			out[i] = in[i]
		default:
			out[i] = c.Fresh()
		}
	}
	return out, nil
}

// keeps reports whether the window leaves the length of axis i as it is,
// whatever that length.
func (w *window) keeps(i, n int, kernel graph.Dim) bool {
	if at(w.strides, i, 1) != 1 {
		return false
	}
	if w.auto == sameUpper || w.auto == sameLower {
		return true
	}
	if !kernel.Known() {
		return false
	}
	pads := 0
	if w.auto == notSet {
		pads = at(w.pads, i, 0) + at(w.pads, n+i, 0)
	}
	return pads == (kernel.N-1)*at(w.dilations, i, 1)
}

// lengths returns the output lengths of l.
func lengths(l []span) []int {
	n := make([]int, len(l))
	for i, s := range l {
		n[i] = s.out
	}
	return n
}

// next steps idx through a box of the given lengths in row-major order.
func next(idx, lengths []int) {
	for a := len(idx) - 1; a >= 0; a-- {
		idx[a]++
		if idx[a] < lengths[a] {
			return
		}
		idx[a] = 0
	}
}

// unflatten writes the multi-index of k in a box into idx.
func unflatten(k int, lengths, idx []int) {
	for a := len(lengths) - 1; a >= 0; a-- {
		idx[a] = k % lengths[a]
		k /= lengths[a]
	}
}

// tap returns the flat input position that output o sees through kernel
// element k, -1 if it is padding.
func tap(l []span, o, k []int) int {
	p := 0
	for a := range l {
		s := &l[a]
		i := o[a]*s.stride - s.begin + k[a]*s.dilation
		if i < 0 || i >= s.in {
			return -1
		}
		p = p*s.in + i
	}
	return p
}

// holds checks in inference that optional input i has n elements, where both are known.
func holds(c *op.Infer, i int, name string, n graph.Dim) error {
	s := c.Shape(i)
	if !c.Has(i) || !s.Known() || !n.Known() {
		return nil
	}
	if k, ok := tensor.NumElements(s.Ints()); !ok || k != n.N {
		return fmt.Errorf("%s %v must have %d elements", name, s, n.N)
	}
	return nil
}

// expect checks in inference that optional input i can have shape want.
func expect(c *op.Infer, i int, name string, want graph.Shape) error {
	s := c.Shape(i)
	if s == nil || !c.Has(i) {
		return nil
	}
	ok := len(s) == len(want)
	for k := 0; ok && k < len(s); k++ {
		ok = !s[k].Known() || !want[k].Known() || s[k] == want[k]
	}
	if !ok {
		return fmt.Errorf("%s %v must have shape %v", name, s, want)
	}
	return nil
}
