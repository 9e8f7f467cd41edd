package nn

import (
	"fmt"
	"math"
	"strconv"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// recurrent is RNN, GRU and LSTM. With D directions, S steps, N sequences, I
// inputs, H units and G gates: X [S,N,I], W [D,G*H,I], R [D,G*H,H], B [D,2*G*H]
// give Y [S,D,N,H] and Y_h (LSTM also Y_c) [D,N,H]; layout 1 puts N first in
// X, Y and the states. Past a sequence's length Y is zero and the states are
// those of its last step, zeros if it has none (as in ONNX Runtime).
type recurrent struct {
	gates      int
	hidden     int // 0: from R
	reverse    []bool
	acts       []*activation // of direction 0, then of direction 1
	clip       float64       // +Inf: none
	batchFirst bool
	// linearReset is GRU's linear_before_reset, coupled LSTM's input_forget.
	linearReset, coupled bool
	cell                 cell
}

// cell computes one step of one sequence: from the sums of the gates' input
// parts (biases included) and the states it makes the new states in place.
type cell func(l *layer, sums []float64)

var (
	rnnDef  = &op.Def{Name: "RNN", New: func(a *op.Args) (op.Op, error) { return newRecurrent(a, 1, []string{"Tanh"}, rnnCell) }}
	gruDef  = &op.Def{Name: "GRU", New: func(a *op.Args) (op.Op, error) { return newRecurrent(a, 3, []string{"Sigmoid", "Tanh"}, gruCell) }}
	lstmDef = &op.Def{Name: "LSTM", New: func(a *op.Args) (op.Op, error) {
		return newRecurrent(a, 4, []string{"Sigmoid", "Tanh", "Tanh"}, lstmCell)
	}}
)

func newRecurrent(a *op.Args, gates int, acts []string, c cell) (op.Op, error) {
	a.Ignore("output_sequence") // version 1: whether Y is wanted, which its absence tells too
	o := &recurrent{gates: gates, hidden: a.Int("hidden_size", 0), clip: math.Inf(1), cell: c}
	switch d := a.String("direction", "forward"); d {
	case "forward", "foward": // GRU-1's default has this spelling
		o.reverse = []bool{false}
	case "reverse":
		o.reverse = []bool{true}
	case "bidirectional":
		o.reverse = []bool{false, true}
	default:
		return nil, fmt.Errorf("attribute direction = %q, must be forward, reverse or bidirectional", d)
	}
	if a.Has("clip") {
		o.clip = a.Float("clip", 0)
		if !(o.clip >= 0) {
			return nil, fmt.Errorf("attribute clip = %v, must not be negative", o.clip)
		}
	}
	a.Ignore("clip")
	o.batchFirst = a.Bool("layout", false)
	o.linearReset, o.coupled = a.Bool("linear_before_reset", false), a.Bool("input_forget", false)
	if o.hidden < 0 || a.Has("hidden_size") && o.hidden == 0 {
		return nil, fmt.Errorf("attribute hidden_size = %d, must be positive", o.hidden)
	}
	names := a.Strings("activations")
	if !a.Has("activations") {
		names = nil // the standard's default for RNN names both directions
	}
	var err error
	o.acts, err = recurrentActivations(len(o.reverse)*len(acts), names, acts, a.Floats("activation_alpha"), a.Floats("activation_beta"))
	return o, err
}

func (o *recurrent) Infer(c *op.Infer) error {
	seq, batch, hidden := c.Fresh(), c.Fresh(), c.Fresh()
	if x := c.Shape(0); x != nil {
		if len(x) != 3 {
			return fmt.Errorf("X %v must have 3 axes", x)
		}
		seq, batch = x[0], x[1]
		if o.batchFirst {
			seq, batch = batch, seq
		}
	}
	if o.hidden > 0 {
		hidden = graph.D(o.hidden)
	} else if r := c.Shape(2); len(r) == 3 {
		hidden = r[2]
	}
	dirs := graph.D(len(o.reverse))
	y, state := graph.Shape{seq, dirs, batch, hidden}, graph.Shape{dirs, batch, hidden}
	if o.batchFirst {
		y, state = graph.Shape{batch, seq, dirs, hidden}, graph.Shape{batch, dirs, hidden}
	}
	if err := o.expect(c, batch, hidden, state); err != nil {
		return err
	}
	c.Out(0, c.Type(0), y)
	for i := 1; i < c.NOut(); i++ {
		c.Out(i, c.Type(0), state)
	}
	return nil
}

// expect checks the shapes of all inputs but X as far as they are known.
func (o *recurrent) expect(c *op.Infer, batch, hidden graph.Dim, state graph.Shape) error {
	dirs, in := state[0], c.Fresh()
	if o.batchFirst {
		dirs = state[1]
	}
	if x := c.Shape(0); x != nil {
		in = x[2]
	}
	times := func(n int) graph.Dim {
		if !hidden.Known() || hidden.N < 1 || hidden.N > maxExtent {
			return c.Fresh()
		}
		return graph.D(n * hidden.N)
	}
	for i, want := range []graph.Shape{nil, {dirs, times(o.gates), in}, {dirs, times(o.gates), hidden}, {dirs, times(2 * o.gates)},
		{batch}, state, state, {dirs, times(3)}} {
		if i > 0 {
			if err := expect(c, i, c.Node().Op+" input "+strconv.Itoa(i), want); err != nil {
				return err
			}
		}
	}
	return nil
}

// layer is one direction during evaluation.
type layer struct {
	o      *recurrent
	acts   []*activation
	w, r   []float64 // [G*H, I] and [G*H, H]
	wb, rb []float64 // [G*H]
	p      []float64 // [3*H] peepholes i, o, f; nil if there are none
	in, h  int
	state  []float64 // hidden state of the sequence at hand
	cell   []float64 // LSTM only
	tmp    []float64
}

// rdot returns row i of R times v.
func (l *layer) rdot(i int, v []float64) float64 { return dot(l.r[i*l.h:(i+1)*l.h], v) }

func (l *layer) clip(x float64) float64 { return clamp(x, -l.o.clip, l.o.clip) }

func rnnCell(l *layer, sums []float64) {
	for i := range l.h {
		l.tmp[i] = l.acts[0].f(l.clip(sums[i] + l.rb[i] + l.rdot(i, l.state)))
	}
	copy(l.state, l.tmp)
}

// gruCell has the gates z, r, h.
func gruCell(l *layer, sums []float64) {
	h := l.h
	for i := range 2 * h {
		sums[i] = l.acts[0].f(l.clip(sums[i] + l.rb[i] + l.rdot(i, l.state)))
	}
	z, r := sums[:h], sums[h:2*h]
	for i := range h {
		l.tmp[i] = r[i] * l.state[i]
	}
	for i := range h {
		k := 2*h + i
		if l.o.linearReset {
			sums[k] += r[i] * (l.rdot(k, l.state) + l.rb[k])
		} else {
			sums[k] += l.rdot(k, l.tmp) + l.rb[k]
		}
	}
	for i := range h {
		n := l.acts[1].f(l.clip(sums[2*h+i]))
		l.state[i] = (1-z[i])*n + z[i]*l.state[i]
	}
}

// lstmCell has the gates i, o, f, c.
func lstmCell(l *layer, sums []float64) {
	h := l.h
	for i := range sums {
		sums[i] += l.rb[i] + l.rdot(i, l.state)
	}
	for i := range h {
		in, forget, old := sums[i], sums[2*h+i], l.cell[i]
		if l.p != nil {
			in += l.p[i] * old
			forget += l.p[2*h+i] * old
		}
		in = l.acts[0].f(l.clip(in))
		if l.o.coupled {
			forget = 1 - in
		} else {
			forget = l.acts[0].f(l.clip(forget))
		}
		c := forget*old + in*l.acts[1].f(l.clip(sums[3*h+i]))
		out := sums[h+i]
		if l.p != nil {
			out += l.p[h+i] * c
		}
		l.cell[i] = c
		l.state[i] = l.acts[0].f(l.clip(out)) * l.acts[2].f(c)
	}
}

// recurrentJob is one evaluation.
type recurrentJob struct {
	o                           *recurrent
	seq, batch, in, hidden, dir int
	x                           []float64
	lens                        []int
	h0, c0                      []float64
	y, yh, yc                   *tensor.Tensor
}

func (o *recurrent) Eval(e *op.Eval) error {
	j, err := o.job(e)
	if err != nil {
		return err
	}
	if err := j.outputs(e); err != nil {
		return err
	}
	w, r, b, p := e.Floats(1), e.Floats(2), e.Floats(3), e.Floats(7)
	gh, n := o.gates*j.hidden, len(o.acts)/j.dir
	for d := range j.dir {
		l := &layer{o: o, acts: o.acts[d*n : (d+1)*n], w: w[d*gh*j.in:], r: r[d*gh*j.hidden:], in: j.in, h: j.hidden}
		l.wb, l.rb = make([]float64, gh), make([]float64, gh)
		if b != nil {
			l.wb, l.rb = b[d*2*gh:][:gh], b[d*2*gh+gh:][:gh]
		}
		if p != nil {
			l.p = p[d*3*j.hidden:][:3*j.hidden]
		}
		l.state, l.cell, l.tmp = make([]float64, j.hidden), make([]float64, j.hidden), make([]float64, j.hidden)
		for s := range j.batch {
			if err := j.sequence(e, l, d, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// job checks all shapes.
func (o *recurrent) job(e *op.Eval) (*recurrentJob, error) {
	xs, ws, rs := e.In(0).Shape(), e.In(1).Shape(), e.In(2).Shape()
	if len(xs) != 3 || len(ws) != 3 || len(rs) != 3 {
		return nil, fmt.Errorf("X %v, W %v and R %v must have 3 axes", e.In(0), e.In(1), e.In(2))
	}
	j := &recurrentJob{o: o, seq: xs[0], batch: xs[1], in: xs[2], hidden: rs[2], dir: len(o.reverse), x: e.Floats(0)}
	if o.batchFirst {
		j.seq, j.batch = j.batch, j.seq
	}
	if o.hidden > 0 && j.hidden != o.hidden {
		return nil, fmt.Errorf("hidden_size is %d, R %v has %d", o.hidden, e.In(2), j.hidden)
	}
	if j.hidden < 1 || j.hidden > maxExtent {
		return nil, fmt.Errorf("R %v has no units", e.In(2))
	}
	gh := o.gates * j.hidden
	state := []int{j.dir, j.batch, j.hidden}
	if o.batchFirst {
		state = []int{j.batch, j.dir, j.hidden}
	}
	for _, c := range []struct {
		in   int
		name string
		dims []int
	}{{1, "W", []int{j.dir, gh, j.in}}, {2, "R", []int{j.dir, gh, j.hidden}}, {3, "B", []int{j.dir, 2 * gh}},
		{4, "sequence_lens", []int{j.batch}}, {5, "initial_h", state}, {6, "initial_c", state}, {7, "P", []int{j.dir, 3 * j.hidden}}} {
		if t := e.In(c.in); t != nil && !tensor.SameShape(t.Shape(), c.dims) {
			return nil, fmt.Errorf("%s %v must have shape %v", c.name, t, c.dims)
		}
	}
	j.h0, j.c0 = e.Floats(5), e.Floats(6)
	if e.Has(4) {
		j.lens = e.IntList(4)
		for _, n := range j.lens {
			if n < 0 || n > j.seq {
				return nil, fmt.Errorf("sequence_lens %v: values must be 0 to %d", j.lens, j.seq)
			}
		}
	}
	return j, nil
}

// outputs makes the outputs that are wanted; Y starts as zeros.
func (j *recurrentJob) outputs(e *op.Eval) (err error) {
	dt := e.In(0).DType()
	y, state := []int{j.seq, j.dir, j.batch, j.hidden}, []int{j.dir, j.batch, j.hidden}
	if j.o.batchFirst {
		y, state = []int{j.batch, j.seq, j.dir, j.hidden}, []int{j.batch, j.dir, j.hidden}
	}
	if e.Wants(0) {
		if j.y, err = e.Out(0, dt, y...); err != nil {
			return err
		}
		clear(j.y.Bytes())
	}
	if e.Wants(1) {
		if j.yh, err = e.Out(1, dt, state...); err != nil {
			return err
		}
	}
	if e.Wants(2) {
		j.yc, err = e.Out(2, dt, state...)
	}
	return err
}

// sequence runs one direction over one sequence.
func (j *recurrentJob) sequence(e *op.Eval, l *layer, d, s int) error {
	n := j.seq
	if j.lens != nil {
		n = j.lens[s]
	}
	at := (d*j.batch + s) * j.hidden
	if j.o.batchFirst {
		at = (s*j.dir + d) * j.hidden
	}
	clear(l.state)
	clear(l.cell)
	if j.h0 != nil && n > 0 {
		copy(l.state, j.h0[at:])
	}
	if j.c0 != nil && n > 0 {
		copy(l.cell, j.c0[at:])
	}
	sums := make([]float64, j.o.gates*j.hidden)
	for i := range n {
		if err := e.Tick(1); err != nil {
			return err
		}
		t := i
		if j.o.reverse[d] {
			t = n - 1 - i
		}
		xp, yp := t*j.batch+s, ((t*j.dir+d)*j.batch+s)*j.hidden
		if j.o.batchFirst {
			xp, yp = s*j.seq+t, ((s*j.seq+t)*j.dir+d)*j.hidden
		}
		x := j.x[xp*j.in : (xp+1)*j.in]
		for k := range sums {
			sums[k] = l.wb[k] + dot(x, l.w[k*j.in:])
		}
		j.o.cell(l, sums)
		if j.y != nil {
			put(j.y, yp, l.state)
		}
	}
	if j.yh != nil {
		put(j.yh, at, l.state)
	}
	if j.yc != nil {
		put(j.yc, at, l.cell)
	}
	return nil
}

// put stores v from element at on.
func put(t *tensor.Tensor, at int, v []float64) {
	for i, x := range v {
		t.SetFloatAt(at+i, x)
	}
}
