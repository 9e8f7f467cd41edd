package quant

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

// window is the sliding window of a convolution or pool, as attributes give it.
// Lists that are empty take the standard's default.
type window struct {
	kernel, strides, dilations []int
	pads                       []int // begins, then ends
	auto                       string
	ceil                       bool
	last                       bool // channels are the last axis, not the second
}

const (
	notSet    = "NOTSET"
	sameUpper = "SAME_UPPER"
	sameLower = "SAME_LOWER"
	valid     = "VALID"
)

// maxWindow bounds the attributes and spatial lengths, so that the sums and
// products below stay in range of int64.
const maxWindow = 1 << 28

func decodeWindow(a *op.Args) window {
	w := window{kernel: a.Ints("kernel_shape"), strides: a.Ints("strides"), pads: a.Ints("pads"), dilations: a.Ints("dilations"),
		last: a.Bool("channels_last", false), ceil: a.Bool("ceil_mode", false)}
	w.auto = a.OneOf("auto_pad", notSet, notSet, sameUpper, sameLower, valid, "")
	for _, l := range []struct {
		name string
		min  int
		v    []int
	}{{"kernel_shape", 1, w.kernel}, {"strides", 1, w.strides}, {"dilations", 1, w.dilations}, {"pads", 0, w.pads}} {
		for _, v := range l.v {
			if v < l.min || v > maxWindow {
				a.Fail("attribute %s = %v, values must be %d to %d", l.name, l.v, l.min, maxWindow)
			}
		}
	}
	return w
}

// spatial returns the spatial dimensions of an input with batch and channels.
func spatial[D any](x []D, last bool) []D {
	if last {
		return x[1 : len(x)-1]
	}
	return x[2:]
}

// channels returns the position of the channels in a shape of this rank.
func (w *window) channels(rank int) int {
	if w.last {
		return rank - 1
	}
	return 1
}

// check compares the lengths of the attributes with the number of spatial axes.
func (w *window) check(n int) error {
	for _, l := range []struct {
		name string
		want int
		v    []int
	}{{"kernel_shape", n, w.kernel}, {"strides", n, w.strides}, {"dilations", n, w.dilations}, {"pads", 2 * n, w.pads}} {
		if len(l.v) != 0 && len(l.v) != l.want {
			return fmt.Errorf("%s = %v, must have %d values for %d spatial axes", l.name, l.v, l.want, n)
		}
	}
	return nil
}

// slide is the window along one spatial axis.
type slide struct {
	in, out, kernel, stride, dilation int
	begin, end                        int // padding
}

func pick(l []int, i, def int) int {
	if i < len(l) {
		return l[i]
	}
	return def
}

// slide resolves spatial axis i of n for an input of the given length.
func (w *window) slide(i, n, in, kernel int) (slide, error) {
	s := slide{in: in, kernel: kernel, stride: pick(w.strides, i, 1), dilation: pick(w.dilations, i, 1)}
	reach := int64(kernel-1)*int64(s.dilation) + 1
	if kernel < 1 || kernel > maxWindow || in > maxWindow || reach > maxWindow {
		return s, fmt.Errorf("spatial axis %d: kernel %d with dilation %d on length %d is out of range", i, kernel, s.dilation, in)
	}
	st, room := int64(s.stride), int64(0)
	if w.auto == sameUpper || w.auto == sameLower {
		out := (int64(in) + st - 1) / st
		total := int(max(0, (out-1)*st+reach-int64(in)))
		s.begin = total / 2
		if w.auto == sameLower {
			s.begin = total - total/2
		}
		s.end, s.out = total-s.begin, int(out)
		return s, nil
	}
	if w.auto != valid {
		s.begin, s.end = pick(w.pads, i, 0), pick(w.pads, n+i, 0)
	}
	room = int64(in) + int64(s.begin) + int64(s.end) - reach
	if room < 0 {
		return s, fmt.Errorf("spatial axis %d: the kernel reaches over %d, the input with padding has length %d", i, reach, int64(in)+int64(s.begin)+int64(s.end))
	}
	out := room/st + 1
	if w.ceil {
		out = (room+st-1)/st + 1
		if (out-1)*st >= int64(in)+int64(s.begin) { // would start in the padding behind
			out--
		}
	}
	s.out = int(out)
	return s, nil
}

// slides resolves all spatial axes.
func (w *window) slides(in, kernel []int) ([]slide, error) {
	if err := w.check(len(in)); err != nil {
		return nil, err
	}
	if len(kernel) != len(in) {
		return nil, fmt.Errorf("kernel %v for %d spatial axes", kernel, len(in))
	}
	l := make([]slide, len(in))
	var err error
	for i := range l {
		if l[i], err = w.slide(i, len(in), in[i], kernel[i]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// outShape puts channels and the slides' output lengths into a shape.
func (w *window) outShape(n, channels int, l []slide) []int {
	d := []int{n}
	if !w.last {
		d = append(d, channels)
	}
	for _, s := range l {
		d = append(d, s.out)
	}
	if w.last {
		d = append(d, channels)
	}
	return d
}

// infer returns the output's shape for input x, given the channels and the
// kernel (nil if not known).
func (w *window) infer(c *op.Infer, x graph.Shape, channels graph.Dim, kernel graph.Shape) (graph.Shape, error) {
	if x == nil {
		return nil, nil
	}
	if len(x) < 2 {
		return nil, fmt.Errorf("input is %v, needs at least batch and channels", x)
	}
	in := spatial(x, w.last)
	if err := w.check(len(in)); err != nil {
		return nil, err
	}
	if kernel != nil && len(kernel) != len(in) {
		return nil, fmt.Errorf("kernel %v for %d spatial axes", kernel, len(in))
	}
	out := append(graph.Shape{}, x...)
	out[0], out[w.channels(len(x))] = x[0], channels
	for i, d := range in {
		o := &spatial(out, w.last)[i]
		same := w.auto == sameUpper || w.auto == sameLower
		switch {
		case same && pick(w.strides, i, 1) == 1: // unchanged
		case d.Known() && kernel != nil && kernel[i].Known():
			s, err := w.slide(i, len(in), d.N, kernel[i].N)
			if err != nil {
				return nil, err
			}
			*o = graph.D(s.out)
		default:
			*o = c.Fresh()
		}
	}
	return out, nil
}
