package quant

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Inputs of DynamicQuantizeLSTM.
const (
	lstmX = iota
	lstmW
	lstmR
	lstmB
	lstmLens
	lstmH
	lstmC
	lstmP
	lstmWScale
	lstmWZero
	lstmRScale
	lstmRZero
)

// lstm is DynamicQuantizeLSTM: ONNX's LSTM (gates in the order i, o, f, c) with
// 8-bit weights W [D, input, 4H] and R [D, H, 4H], already transposed. The input
// of all steps, and the hidden state at every step, are quantised to uint8 as
// DynamicQuantizeLinear does; all else is real.
type lstm struct {
	hidden      int
	dirs        int
	reverse     bool // the first direction runs backwards
	clip        float64
	inputForget bool
	acts        []activation // three for every direction: f, g, h
	standard    bool         // they are Sigmoid, Tanh and Tanh
}

var dynamicQuantizeLSTMDef = &op.Def{Domain: ms, Name: "DynamicQuantizeLSTM", New: func(a *op.Args) (op.Op, error) {
	o := &lstm{hidden: positive(a, "hidden_size"), dirs: 1, clip: a.Float("clip", math.Inf(1)), inputForget: a.Bool("input_forget", false)}
	switch a.OneOf("direction", "forward", "forward", "reverse", "bidirectional") {
	case "reverse":
		o.reverse = true
	case "bidirectional":
		o.dirs = 2
	}
	if !(o.clip >= 0) {
		a.Fail("attribute clip = %v, must not be negative", o.clip)
	}
	if o.hidden > maxWindow {
		a.Fail("attribute hidden_size = %d is out of range", o.hidden)
	}
	names := a.Strings("activations")
	if len(names) == 0 {
		for range o.dirs {
			names = append(names, "Sigmoid", "Tanh", "Tanh")
		}
	}
	if len(names) != 3*o.dirs {
		return nil, fmt.Errorf("activations = %v, must be %d", names, 3*o.dirs)
	}
	o.standard = standardActivations(names)
	alpha, beta := a.Floats("activation_alpha"), a.Floats("activation_beta")
	for _, n := range names {
		f, err := newActivation(n, &alpha, &beta)
		if err != nil {
			return nil, err
		}
		o.acts = append(o.acts, f)
	}
	return o, nil
}}

// activation is a function of the gates (LSTM of ONNX's Operators.md).
type activation func(x float64) float64

// newActivation returns the function with the given name. Parameters are taken
// from the fronts of alpha and beta, in the order in which functions have them.
func newActivation(name string, alpha, beta *[]float32) (activation, error) {
	take := func(l *[]float32, def float64) float64 {
		if len(*l) > 0 {
			def = float64((*l)[0])
			*l = (*l)[1:]
		}
		return def
	}
	switch name {
	case "Sigmoid":
		return func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, nil
	case "Tanh":
		return math.Tanh, nil
	case "Relu":
		return func(x float64) float64 { return max(0, x) }, nil
	case "Softsign":
		return func(x float64) float64 { return x / (1 + math.Abs(x)) }, nil
	case "Softplus":
		return func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }, nil
	case "LeakyRelu":
		a := take(alpha, 0.01)
		return func(x float64) float64 { return max(x, 0) + a*min(x, 0) }, nil
	case "Elu":
		a := take(alpha, 1)
		return func(x float64) float64 { return max(x, 0) + a*math.Expm1(min(x, 0)) }, nil
	case "ThresholdedRelu":
		a := take(alpha, 1)
		return func(x float64) float64 {
			if x > a {
				return x
			}
			return 0
		}, nil
	case "Affine":
		a, b := take(alpha, 1), take(beta, 0)
		return func(x float64) float64 { return a*x + b }, nil
	case "ScaledTanh":
		a, b := take(alpha, 1), take(beta, 1)
		return func(x float64) float64 { return a * math.Tanh(b*x) }, nil
	case "HardSigmoid":
		a, b := take(alpha, 0.2), take(beta, 0.5)
		return func(x float64) float64 { return max(0, min(1, a*x+b)) }, nil
	}
	return nil, fmt.Errorf("activation %q is not one of ONNX's", name)
}

func (o *lstm) Infer(c *op.Infer) error {
	seq, batch := c.Fresh(), c.Fresh()
	if x := c.Shape(lstmX); x != nil {
		if len(x) != 3 {
			return fmt.Errorf("X is %v, must have rank 3", x)
		}
		seq, batch = x[0], x[1]
	}
	d, h := graph.D(o.dirs), graph.D(o.hidden)
	c.Out(0, tensor.Float32, graph.Shape{seq, d, batch, h})
	c.Out(1, tensor.Float32, graph.Shape{d, batch, h})
	c.Out(2, tensor.Float32, graph.Shape{d, batch, h})
	return nil
}

// lstmRun is one call.
type lstmRun struct {
	*lstm
	e                 *op.Eval
	seq, batch, input int
	lens              []int
	y, yh, yc         *tensor.Tensor // nil where not wanted
	gates             []float64      // [batch, 4H]
	h, c              []float64      // [batch, H]
	xq, hq            []int32        // quantised input and state, without zero points
	acc               []int32        // [4H]
}

func (o *lstm) Eval(e *op.Eval) error {
	x := e.In(lstmX)
	if x.Rank() != 3 {
		return fmt.Errorf("X is %v, must have rank 3", x)
	}
	s := x.Shape()
	r := &lstmRun{lstm: o, e: e, seq: s[0], batch: s[1], input: s[2]}
	if err := r.check(); err != nil {
		return err
	}
	if err := r.memory(); err != nil {
		return err
	}
	for d := range o.dirs {
		if err := r.direction(d, o.reverse || d == 1); err != nil {
			return err
		}
	}
	return nil
}

// check compares the shapes of all inputs and reads sequence_lens.
func (r *lstmRun) check() error {
	g, d := 4*r.hidden, r.dirs
	for _, w := range []struct {
		in   int
		name string
		dims []int
	}{{lstmW, "W", []int{d, r.input, g}}, {lstmR, "R", []int{d, r.hidden, g}}, {lstmB, "B", []int{d, 2 * g}},
		{lstmH, "initial_h", []int{d, r.batch, r.hidden}}, {lstmC, "initial_c", []int{d, r.batch, r.hidden}}, {lstmP, "P", []int{d, 3 * r.hidden}}} {
		if t := r.e.In(w.in); t != nil && !tensor.SameShape(t.Shape(), w.dims) {
			return fmt.Errorf("%s is %v, must have shape %v", w.name, t, w.dims)
		}
	}
	for _, i := range []int{lstmWScale, lstmWZero, lstmRScale, lstmRZero} {
		if t := r.e.In(i); t.Len() != d && t.Len() != d*g {
			return fmt.Errorf("input %d is %v, must have shape [%d] or [%d,%d]", i, t, d, d, g)
		}
	}
	if l := r.e.IntList(lstmLens); l != nil {
		if len(l) != r.batch {
			return fmt.Errorf("sequence_lens has %d elements, must have %d", len(l), r.batch)
		}
		for i, n := range l {
			if n < 0 || n > r.seq {
				return fmt.Errorf("sequence_lens[%d] = %d, must be 0 to %d", i, n, r.seq)
			}
		}
		r.lens = l
	}
	return nil
}

// memory makes outputs and buffers.
func (r *lstmRun) memory() error {
	state := []int{r.dirs, r.batch, r.hidden}
	for i, p := range []**tensor.Tensor{&r.y, &r.yh, &r.yc} {
		dims := state
		if i == 0 {
			dims = []int{r.seq, r.dirs, r.batch, r.hidden}
		}
		if !r.e.Wants(i) {
			continue
		}
		t, err := r.e.Out(i, tensor.Float32, dims...)
		if err != nil {
			return err
		}
		clear(t.Bytes())
		*p = t
	}
	for _, b := range []struct {
		p *[]float64
		n int
	}{{&r.gates, 4 * r.hidden}, {&r.h, r.hidden}, {&r.c, r.hidden}} {
		t, err := r.e.Temp(tensor.Float64, r.batch, b.n)
		if err != nil {
			return err
		}
		*b.p = tensor.Of[float64](t)
	}
	x, err := r.e.Temp(tensor.Int32, r.seq, r.batch, r.input)
	if err != nil {
		return err
	}
	h, err := r.e.Temp(tensor.Int32, r.batch, r.hidden)
	if err != nil {
		return err
	}
	acc, err := r.e.Temp(tensor.Int32, 4*r.hidden)
	if err != nil {
		return err
	}
	r.xq, r.hq, r.acc = tensor.Of[int32](x), tensor.Of[int32](h), tensor.Of[int32](acc)
	return nil
}

// length is the number of steps of batch element b.
func (r *lstmRun) length(b int) int {
	if r.lens == nil {
		return r.seq
	}
	return r.lens[b]
}

// gateWeights is the weight of one direction: integers without zero points and
// the scale of every column.
type gateWeights struct {
	w     []int32 // [rows, 4H]
	scale func(j int) float64
}

func (r *lstmRun) weights(w, scale, zero, d, rows int) (gateWeights, error) {
	g := 4 * r.hidden
	ts, tz, tw := r.e.In(scale), r.e.In(zero), r.e.In(w)
	pick := func(t *tensor.Tensor, j int) int {
		if t.Len() == r.dirs {
			return d
		}
		return d*g + j
	}
	t, err := r.e.Temp(tensor.Int32, rows, g)
	if err != nil {
		return gateWeights{}, err
	}
	q := tensor.Of[int32](t)
	for i := range q {
		q[i] = int32(tw.IntAt(d*rows*g+i) - tz.IntAt(pick(tz, i%g)))
	}
	return gateWeights{q, func(j int) float64 { return ts.FloatAt(pick(ts, j)) }}, nil
}

// direction runs direction d.
func (r *lstmRun) direction(d int, backwards bool) error {
	w, err := r.weights(lstmW, lstmWScale, lstmWZero, d, r.input)
	if err != nil {
		return err
	}
	rw, err := r.weights(lstmR, lstmRScale, lstmRZero, d, r.hidden)
	if err != nil {
		return err
	}
	steps := 0
	for b := range r.batch {
		steps = max(steps, r.length(b))
	}
	xscale := quantizeSpan(reader(r.e.In(lstmX)), 0, r.xq[:steps*r.batch*r.input])
	r.load(r.h, lstmH, d)
	r.load(r.c, lstmC, d)
	for t := range steps {
		hscale := r.quantizeState(t)
		for b := range r.batch {
			n := r.length(b)
			if t >= n {
				continue
			}
			at := t
			if backwards {
				at = n - 1 - t
			}
			if err := r.e.Tick(1 + r.input + r.hidden); err != nil {
				return err
			}
			g := r.gates[b*4*r.hidden:][:4*r.hidden]
			r.bias(g, d)
			r.addProduct(g, r.xq[(at*r.batch+b)*r.input:][:r.input], w, float64(xscale))
			r.addProduct(g, r.hq[b*r.hidden:][:r.hidden], rw, float64(hscale))
			r.cell(g, d, b)
			if r.y != nil {
				r.store(r.y, (at*r.dirs+d)*r.batch*r.hidden, b, r.h)
			}
		}
	}
	for b := range r.batch {
		if r.length(b) == 0 { // stays zero, as in ONNX Runtime
			continue
		}
		if r.yh != nil {
			r.store(r.yh, d*r.batch*r.hidden, b, r.h)
		}
		if r.yc != nil {
			r.store(r.yc, d*r.batch*r.hidden, b, r.c)
		}
	}
	return nil
}

// quantizeState quantises the hidden state before step t. A sequence that was
// over before the last step counts as zeros, as in ONNX Runtime.
func (r *lstmRun) quantizeState(t int) float32 {
	return quantizeSpan(func(i int) float64 {
		if t > r.length(i/r.hidden) {
			return 0
		}
		return r.h[i]
	}, 0, r.hq)
}

// load sets a state to its initial value.
func (r *lstmRun) load(dst []float64, in, d int) {
	clear(dst)
	if t := r.e.In(in); t != nil {
		for i := range dst {
			dst[i] = t.FloatAt(d*len(dst) + i)
		}
	}
}

// store writes batch element b of a state to an output.
func (r *lstmRun) store(t *tensor.Tensor, base, b int, src []float64) {
	for i := b * r.hidden; i < (b+1)*r.hidden; i++ {
		t.SetFloatAt(base+i, src[i])
	}
}

// bias sets g to the sum of both biases of direction d.
func (r *lstmRun) bias(g []float64, d int) {
	clear(g)
	if t := r.e.In(lstmB); t != nil {
		for j := range g {
			g[j] = t.FloatAt(d*2*len(g)+j) + t.FloatAt(d*2*len(g)+len(g)+j)
		}
	}
}

// addProduct adds the product of a quantised row and a weight to g.
func (r *lstmRun) addProduct(g []float64, x []int32, w gateWeights, scale float64) {
	clear(r.acc)
	for i, v := range x {
		for j, q := range w.w[i*len(g) : (i+1)*len(g)] {
			r.acc[j] += v * q
		}
	}
	for j, sum := range r.acc {
		g[j] += float64(sum) * scale * w.scale(j)
	}
}

// cell advances the state of batch element b by one step: the equations of
// ONNX's LSTM, with clipping of what goes into the activations of the gates.
func (r *lstmRun) cell(g []float64, d, b int) {
	h := r.hidden
	f, gg, hh := r.acts[3*d], r.acts[3*d+1], r.acts[3*d+2]
	p := r.e.In(lstmP)
	peep := func(k, j int, c float64) float64 {
		if p == nil {
			return 0
		}
		return p.FloatAt(d*3*h+k*h+j) * c
	}
	clip := func(x float64) float64 { return max(-r.clip, min(r.clip, x)) }
	for j := range h {
		c := &r.c[b*h+j]
		it := f(clip(g[j] + peep(0, j, *c)))
		ft := 1 - it
		if !r.inputForget {
			ft = f(clip(g[2*h+j] + peep(2, j, *c)))
		}
		*c = ft**c + it*gg(clip(g[3*h+j]))
		r.h[b*h+j] = f(clip(g[h+j]+peep(1, j, *c))) * hh(*c)
	}
}
