package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// deformConv is DeformConv (https://arxiv.org/abs/1703.06211, with mask
// https://arxiv.org/abs/1811.11168): a convolution that samples X linearly at
// positions moved by offset [N, offset_group*taps*axes, out...] and weighs the
// samples by mask [N, offset_group*taps, out...].
type deformConv struct {
	conv        conv // not embedded: its kernels compute something else
	offsetGroup int
}

var deformConvDef = &op.Def{Name: "DeformConv", New: func(a *op.Args) (op.Op, error) {
	o := &deformConv{conv{window: decodeWindow(a), group: a.Int("group", 1)}, a.Int("offset_group", 1)}
	if o.conv.group < 1 || o.offsetGroup < 1 {
		return nil, fmt.Errorf("group %d and offset_group %d must be at least 1", o.conv.group, o.offsetGroup)
	}
	return o, nil
}}

func (o *deformConv) Infer(c *op.Infer) error {
	y, m, err := o.conv.shape(c)
	if err != nil {
		return err
	}
	c.Out(0, c.Type(0), y)
	return holds(c, 3, "B", m)
}

func (o *deformConv) Eval(e *op.Eval) error {
	x, w := e.In(0), e.In(1)
	xs := x.Shape()
	if len(xs) < 3 {
		return fmt.Errorf("X %v must have at least 3 axes", x)
	}
	j, err := o.conv.job(xs, w.Shape())
	if err != nil {
		return err
	}
	if j.bias, err = vector(e, 3, "B", j.m); err != nil {
		return err
	}
	if j.c%o.offsetGroup != 0 {
		return fmt.Errorf("%d channels are no multiple of offset_group %d", j.c, o.offsetGroup)
	}
	out := lengths(j.axes)
	dims := append([]int{j.n, j.m}, out...)
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil || y.Len() == 0 {
		return err
	}
	if len(w.Bytes()) == 0 {
		j.taps = 0
	} else if !tensor.SameShape(e.In(2).Shape(), append([]int{j.n, o.offsetGroup * j.taps * len(out)}, out...)) {
		return fmt.Errorf("offset %v must be [%d,%d] and %v", e.In(2), j.n, o.offsetGroup*j.taps*len(out), out)
	}
	mask := e.In(4)
	if mask != nil && j.taps > 0 && !tensor.SameShape(mask.Shape(), append([]int{j.n, o.offsetGroup * j.taps}, out...)) {
		return fmt.Errorf("mask %v must be [%d,%d] and %v", mask, j.n, o.offsetGroup*j.taps, out)
	}
	j.x, j.w = e.Floats(0), e.Floats(1)
	return o.run(e, j, y)
}

func (o *deformConv) run(e *op.Eval, j *convJob, y *tensor.Tensor) error {
	out := lengths(j.axes)
	kernel := make([]int, len(out))
	in := make([]int, len(out))
	for i, s := range j.axes {
		kernel[i], in[i] = s.kernel, s.in
	}
	total, plane := op.Prod(out), op.Prod(in)
	offset, mask := e.Floats(2), e.Floats(4)
	cg, mg, co := j.c/j.group, j.m/j.group, j.c/o.offsetGroup
	col := make([]float64, j.c*j.taps)
	idx, k, pos := make([]int, len(out)), make([]int, len(out)), make([]float64, len(out))
	for n := range j.n {
		for p := range total {
			if err := e.Tick(1); err != nil {
				return err
			}
			unflatten(p, out, idx)
			for og := range o.offsetGroup {
				for t := range j.taps {
					unflatten(t, kernel, k)
					for a, s := range j.axes {
						q := ((n*o.offsetGroup+og)*j.taps+t)*len(out) + a
						pos[a] = float64(idx[a]*s.stride-s.begin+k[a]*s.dilation) + offset[q*total+p]
					}
					scale := 1.0
					if mask != nil {
						scale = mask[((n*o.offsetGroup+og)*j.taps+t)*total+p]
					}
					for c := og * co; c < (og+1)*co; c++ {
						col[c*j.taps+t] = scale * sampleLinear(j.x[(n*j.c+c)*plane:][:plane], in, pos)
					}
				}
			}
			for m := range j.m {
				row := cg * j.taps
				v := dot(j.w[m*row:(m+1)*row], col[m/mg*row:])
				if j.bias != nil {
					v += j.bias[m]
				}
				y.SetFloatAt((n*j.m+m)*total+p, v)
			}
		}
	}
	return nil
}

// sampleLinear interpolates x, a box of the given lengths, linearly at pos;
// outside there are zeros.
func sampleLinear(x []float64, dims []int, pos []float64) float64 {
	for a, d := range dims {
		if !(pos[a] > -1 && pos[a] < float64(d)) {
			return 0
		}
	}
	sum := 0.0
	for corner := range 1 << len(dims) {
		weight, at := 1.0, 0
		for a, d := range dims {
			lo := math.Floor(pos[a])
			i, f := int(lo), pos[a]-lo
			if corner>>a&1 == 1 {
				i++
			} else {
				f = 1 - f
			}
			if i < 0 || i >= d {
				weight = 0
				break
			}
			weight *= f
			at = at*d + i
		}
		if weight != 0 {
			sum += weight * x[at]
		}
	}
	return sum
}

// causalConv is CausalConvWithState: a depthwise convolution over the last
// axis that sees only the past, with the last inputs carried from call to call.
// The com.microsoft form adds dilation, a channels-last layout, further spatial
// axes (not causal), and a window of states.
type causalConv struct {
	silu         bool
	dilation     int
	ndim         int
	channelsLast bool
	window       int // states kept; 0: one, without an axis of its own
}

var (
	causalConvDef   = &op.Def{Name: "CausalConvWithState", New: newCausalConv}
	msCausalConvDef = &op.Def{Domain: msDomain, Name: "CausalConvWithState", New: newCausalConv}
)

func newCausalConv(a *op.Args) (op.Op, error) {
	o := &causalConv{dilation: 1, ndim: 1}
	o.silu = a.OneOf("activation", "none", "none", "silu", "swish") != "none"
	if a.Schema.Domain != msDomain {
		return o, nil
	}
	o.dilation, o.ndim = a.Int("dilation", 1), a.Int("ndim", 1)
	o.channelsLast, o.window = a.Bool("channels_last", false), a.Int("state_window", 0)
	if o.dilation < 1 || o.dilation > maxExtent || o.window < 0 || o.window > 8 {
		return nil, fmt.Errorf("dilation %d must be positive and state_window %d at most 8", o.dilation, o.window)
	}
	if o.ndim != 1 {
		return nil, fmt.Errorf("attribute ndim = %d; only 1 is supported: reshape further axes into the batch", o.ndim)
	}
	for name, def := range map[string]int{"state_update_capacity": 0, "state_channels_last": -1, "state_length": 0, "input_channel_offset": 0, "input_channels": 0} {
		if v := a.Int(name, def); v != def {
			return nil, fmt.Errorf("attribute %s = %d; only the default %d is supported", name, v, def)
		}
	}
	if a.HasOut(2) {
		return nil, fmt.Errorf("output state_update needs state_update_capacity, which is not supported")
	}
	return o, nil
}

func (o *causalConv) Infer(c *op.Infer) error {
	c.Like(0, 0)
	x, w := c.Shape(0), c.Shape(1)
	if x == nil || w == nil {
		c.Out(1, c.Type(0), nil)
		return nil
	}
	if len(x) < 3 || len(w) != 3 || !o.channelsLast && len(x) != 3 {
		return fmt.Errorf("input %v and weight %v must have 3 axes", x, w)
	}
	state := c.Fresh()
	if w[2].Known() {
		if w[2].N < 1 || w[2].N > maxExtent || int64(w[2].N)*int64(o.dilation) > maxExtent {
			return fmt.Errorf("kernel %d with dilation %d is out of range", w[2].N, o.dilation)
		}
		state = graph.D((w[2].N - 1) * o.dilation)
	}
	s := append(graph.Shape{}, x...)
	if o.channelsLast {
		s[1] = state
	} else {
		s[2] = state
	}
	if o.window > 0 {
		s = append(graph.Shape{graph.D(o.window)}, s...)
	}
	c.Out(1, c.Type(0), s)
	return nil
}

func (o *causalConv) Eval(e *op.Eval) error {
	x, w := e.In(0), e.In(1)
	xs, ws := x.Shape(), w.Shape()
	if len(xs) < 3 || !o.channelsLast && len(xs) != 3 || len(ws) != 3 || ws[1] != 1 || ws[2] < 1 {
		return fmt.Errorf("input %v must be [batch,channels,length] and weight %v [channels,1,k]", x, w)
	}
	seq, chans := xs[2], xs[1]
	if o.channelsLast {
		seq = xs[1]
		n, ok := tensor.NumElements(xs[2:])
		if !ok {
			return fmt.Errorf("input %v is out of range", x)
		}
		chans = n
	}
	if ws[0] != chans || ws[2] > maxExtent || int64(ws[2])*int64(o.dilation) > maxExtent {
		return fmt.Errorf("weight %v must be [%d,1,k]", w, chans)
	}
	bias, err := vector(e, 2, "bias", chans)
	if err != nil {
		return err
	}
	state := (ws[2] - 1) * o.dilation
	ss := append([]int{}, xs...)
	if o.channelsLast {
		ss[1] = state
	} else {
		ss[2] = state
	}
	if o.window > 0 {
		ss = append([]int{o.window}, ss...)
	}
	if p := e.In(3); p != nil && !tensor.SameShape(p.Shape(), ss) {
		return fmt.Errorf("past_state %v must be %v", p, ss)
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	present, err := e.Out(1, x.DType(), ss...)
	if err != nil {
		return err
	}
	j := causalJob{o, seq, chans, state, ws[2], xs[0]}
	return j.run(e, bias, y, present)
}

// causalJob is one call: numbers of positions, channels, carried positions, taps and sequences.
type causalJob struct {
	o                              *causalConv
	seq, chans, state, taps, batch int
}

// at returns the place of position t of channel c in a tensor of n positions.
func (j *causalJob) at(b, c, t, n int) int {
	if j.o.channelsLast {
		return (b*n+t)*j.chans + c
	}
	return (b*j.chans+c)*n + t
}

func (j *causalJob) run(e *op.Eval, bias []float64, y, present *tensor.Tensor) error {
	x, w, past := e.Floats(0), e.Floats(1), e.Floats(3)
	slot := j.batch * j.chans * j.state
	if past != nil && j.o.window > 1 {
		past = past[(j.o.window-1)*slot:]
	}
	if j.batch == 0 || j.chans == 0 {
		return nil
	}
	line, err := e.Temp(tensor.Float64, j.state+j.seq)
	if err != nil {
		return err
	}
	in := tensor.Of[float64](line)
	for b := range j.batch {
		for c := range j.chans {
			if err := e.Tick(1); err != nil {
				return err
			}
			for t := range j.state {
				if past != nil {
					in[t] = past[j.at(b, c, t, j.state)]
				}
			}
			for t := range j.seq {
				in[j.state+t] = x[j.at(b, c, t, j.seq)]
			}
			for t := range j.seq {
				v := 0.0
				for k := range j.taps {
					v += w[c*j.taps+k] * in[t+k*j.o.dilation]
				}
				if bias != nil {
					v += bias[c]
				}
				if j.o.silu {
					v *= sigmoid(v)
				}
				y.SetFloatAt(j.at(b, c, t, j.seq), v)
			}
			j.store(present, in, b, c, slot)
		}
	}
	return nil
}

// store writes the states: slot i of W is the one after position seq-W+i, zeros
// where there is no such position.
func (j *causalJob) store(present *tensor.Tensor, in []float64, b, c, slot int) {
	n := max(j.o.window, 1)
	for i := range n {
		start := j.seq - n + 1 + i
		for t := range j.state {
			v := 0.0
			if start >= 1 || i == n-1 {
				v = in[start+t]
			}
			present.SetFloatAt(i*slot+j.at(b, c, t, j.state), v)
		}
	}
}
