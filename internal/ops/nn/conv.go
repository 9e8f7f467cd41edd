package nn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// conv is Conv and its fused and channels-last forms: X [N,C,in...] and W
// [M,C/group,k...] give Y [N,M,out...] = W * X + B, then + Z, then activation.
type conv struct {
	window
	group int
	nhwc  bool // X, Z and Y are [N,in...,C]
	wLast bool // W is [M,k...,C/group], not [M,C/group,k...]
	act   *activation
}

var (
	convDef      = &op.Def{Name: "Conv", New: newConv}
	fusedConvDef = &op.Def{Domain: msDomain, Name: "FusedConv", New: newConv}
	nhwcConvDef  = &op.Def{Domain: msDomain, Name: "NhwcConv", New: func(a *op.Args) (op.Op, error) {
		o, err := newNhwcConv(a)
		if err == nil {
			// ONNX Runtime's kernel and the converter that writes such nodes, unlike its documentation.
			o.(*conv).wLast = true
		}
		return o, err
	}}
	nhwcFusedConvDef = &op.Def{Domain: msDomain, Name: "NhwcFusedConv", New: newNhwcConv}
)

const msDomain = "com.microsoft"

func newConv(a *op.Args) (op.Op, error) {
	o := &conv{window: decodeWindow(a), group: a.Int("group", 1)}
	if o.group < 1 {
		return nil, fmt.Errorf("attribute group = %d, must be at least 1", o.group)
	}
	var err error
	if name := a.String("activation", ""); name != "" {
		o.act, err = newActivation(name, a.Floats("activation_params"))
	}
	a.Ignore("activation_params")
	return o, err
}

func newNhwcConv(a *op.Args) (op.Op, error) {
	o, err := newConv(a)
	if err == nil {
		o.(*conv).nhwc = true
	}
	return o, err
}

// first returns s with the channels moved from the end to axis 1.
func first[T any](s []T) []T {
	l := append([]T{s[0], s[len(s)-1]}, s[1:len(s)-1]...)
	return l
}

// last is the inverse of first.
func last[T any](s []T) []T {
	l := append([]T{s[0]}, s[2:]...)
	return append(l, s[1])
}

func (o *conv) Infer(c *op.Infer) error {
	y, m, err := o.shape(c)
	if err != nil {
		return err
	}
	c.Out(0, c.Type(0), y)
	if err := holds(c, 2, "B", m); err != nil || y == nil {
		return err
	}
	return expect(c, 3, "Z", y)
}

// shape infers Y's shape and M from those of X and W.
func (o *conv) shape(c *op.Infer) (graph.Shape, graph.Dim, error) {
	x, w, m := c.Shape(0), c.Shape(1), c.Fresh()
	if len(w) > 0 {
		m = w[0]
	}
	if x == nil && w == nil {
		return nil, m, nil
	}
	if x == nil {
		x = c.FreshShape(len(w))
	}
	if len(x) < 3 || w != nil && len(w) != len(x) {
		return nil, m, fmt.Errorf("X %v must have at least 3 axes, and W %v as many", x, w)
	}
	if o.nhwc {
		x = first(x)
	}
	kernel := make(graph.Shape, len(x)-2)
	for i := range kernel {
		kernel[i] = c.Fresh()
		if i < len(o.kernel) {
			kernel[i] = graph.D(o.kernel[i])
		}
	}
	if w != nil {
		if o.wLast {
			w = first(w)
		}
		if err := o.agree(x, w); err != nil {
			return nil, m, err
		}
		for i, d := range w[2:] {
			if d.Known() {
				kernel[i] = d
			}
		}
	}
	sp, err := o.window.infer(c, x[2:], kernel)
	if err != nil {
		return nil, m, err
	}
	y := append(graph.Shape{x[0], m}, sp...)
	if o.nhwc {
		y = last(y)
	}
	return y, m, nil
}

// agree checks the parts of X (channels first) and W that are known.
func (o *conv) agree(x, w graph.Shape) error {
	if x[1].Known() && w[1].Known() && int64(w[1].N)*int64(o.group) != int64(x[1].N) {
		return fmt.Errorf("X has %v channels, W %v with %d groups needs %d", x[1], w, o.group, int64(w[1].N)*int64(o.group))
	}
	if w[0].Known() && w[0].N%o.group != 0 {
		return fmt.Errorf("W has %v output channels, no multiple of %d groups", w[0], o.group)
	}
	for i, k := range o.kernel {
		if i+2 < len(w) && w[i+2].Known() && w[i+2].N != k {
			return fmt.Errorf("kernel_shape %v does not agree with W %v", o.kernel, w)
		}
	}
	return nil
}

func (o *conv) Eval(e *op.Eval) error {
	x, w := e.In(0), e.In(1)
	xs := x.Shape()
	if len(xs) < 3 {
		return fmt.Errorf("X %v must have at least 3 axes", x)
	}
	xv := e.Floats(0)
	if o.nhwc {
		xv, xs = toFirst(xv, xs)
	}
	ws, wv := w.Shape(), e.Floats(1)
	if o.wLast && len(ws) == len(xs) {
		wv, ws = toFirst(wv, ws)
	}
	j, err := o.job(xs, ws)
	if err != nil {
		return err
	}
	if j.bias, err = vector(e, 2, "B", j.m); err != nil {
		return err
	}
	dims := append([]int{xs[0], j.m}, lengths(j.axes)...)
	if _, ok := tensor.NumElements(dims); !ok {
		return fmt.Errorf("output shape %v is out of range", dims)
	}
	j.x, j.w = xv, wv
	ys := dims
	if o.nhwc {
		ys = last(dims)
	}
	y, err := e.Out(0, x.DType(), ys...)
	if err != nil {
		return err
	}
	z := e.In(3)
	if z != nil && !tensor.SameShape(z.Shape(), ys) {
		return fmt.Errorf("Z %v must have the output's shape %v", z, ys)
	}
	if y.Len() == 0 {
		return nil
	}
	return j.run(e, o.store(y, z, j.m, op.Prod(dims[2:])))
}

// store returns the function that adds Z, activates and stores results.
func (o *conv) store(y, z *tensor.Tensor, m, plane int) func(n, ch, p int, v float64) {
	return func(n, ch, p int, v float64) {
		k := (n*m+ch)*plane + p
		if o.nhwc {
			k = (n*plane+p)*m + ch
		}
		if z != nil {
			v += z.FloatAt(k)
		}
		if o.act != nil {
			v = o.act.f(v)
		}
		y.SetFloatAt(k, v)
	}
}

// vector returns optional input i, which must hold n values.
func vector(e *op.Eval, i int, name string, n int) ([]float64, error) {
	t := e.In(i)
	if t == nil {
		return nil, nil
	}
	if t.Len() != n {
		return nil, fmt.Errorf("%s %v must have %d elements", name, t, n)
	}
	return e.Floats(i), nil
}

// toFirst transposes [N,in...,C] to [N,C,in...].
func toFirst(x []float64, dims []int) ([]float64, []int) {
	n, c := dims[0], dims[len(dims)-1]
	plane := op.Prod(dims[1 : len(dims)-1])
	y := make([]float64, len(x))
	if len(x) == 0 {
		return y, first(dims)
	}
	for b := range n {
		for p := range plane {
			for ch := range c {
				y[(b*c+ch)*plane+p] = x[(b*plane+p)*c+ch]
			}
		}
	}
	return y, first(dims)
}

// convJob is one convolution on numbers.
type convJob struct {
	x, w, bias []float64
	n, c, m    int
	group      int
	axes       []span
	taps       int
}

// job checks the shapes of X (channels first) and W.
func (o *conv) job(xs, ws []int) (*convJob, error) {
	if len(ws) != len(xs) {
		return nil, fmt.Errorf("W %v must have as many axes as X %v", ws, xs)
	}
	j := &convJob{n: xs[0], c: xs[1], m: ws[0], group: o.group}
	err := o.agree(graph.Dims(xs...), graph.Dims(ws...))
	if err != nil {
		return nil, err
	}
	j.axes, err = o.window.spans(xs[2:], ws[2:])
	j.taps = op.Prod(ws[2:])
	return j, err
}

// run computes blocks of output positions: the input values that they see are
// gathered into rows of C/group * taps, which are multiplied with the rows of W.
func (j *convJob) run(e *op.Eval, store func(n, ch, p int, v float64)) error {
	total, plane := 1, 1
	for _, s := range j.axes {
		total *= s.out
		plane *= s.in
	}
	cg, mg := j.c/j.group, j.m/j.group
	if cg == 0 {
		j.taps = 0 // W is empty: its kernel says nothing about memory
	}
	row := cg * j.taps
	block := max(1, min(256, 65536/max(row, 1)))
	off := make([]int, block*j.taps)
	col := make([]float64, block*row)
	acc := make([]float64, 2*block)
	for p0 := 0; p0 < total; p0 += block {
		size := min(block, total-p0)
		j.offsets(off, p0, size)
		for n := range j.n {
			for g := range j.group {
				if err := e.Tick(1); err != nil {
					return err
				}
				x := j.x[(n*j.c+g*cg)*plane:]
				j.gather(col, x, off, size, cg, plane)
				for m := 0; m < mg; m += 2 {
					ch := g*mg + m
					two := min(2, mg-m)
					j.rows(acc, col, ch, two, size, row)
					for r := range two {
						for p := range size {
							store(n, ch+r, p0+p, acc[r*block+p])
						}
					}
				}
			}
		}
	}
	return nil
}

// offsets fills off[p*taps+t] with the input position of tap t for output p0+p.
func (j *convJob) offsets(off []int, p0, size int) {
	out, kernel := lengths(j.axes), make([]int, len(j.axes))
	for i, s := range j.axes {
		kernel[i] = s.kernel
	}
	o, k := make([]int, len(out)), make([]int, len(out))
	unflatten(p0, out, o)
	for p := range size {
		for t := range j.taps {
			off[p*j.taps+t] = tap(j.axes, o, k)
			next(k, kernel)
		}
		next(o, out)
	}
}

func (j *convJob) gather(col, x []float64, off []int, size, cg, plane int) {
	i := 0
	for p := range size {
		o := off[p*j.taps : (p+1)*j.taps]
		for c := range cg {
			base := c * plane
			for _, q := range o {
				v := 0.0
				if q >= 0 {
					v = x[base+q]
				}
				col[i] = v
				i++
			}
		}
	}
}

// rows computes one or two output channels, from ch on, for all positions of a block.
func (j *convJob) rows(acc, col []float64, ch, two, size, row int) {
	half := len(acc) / 2
	w0 := j.w[ch*row : (ch+1)*row]
	w1 := w0
	if two == 2 {
		w1 = j.w[(ch+1)*row : (ch+2)*row]
	}
	b0, b1 := 0.0, 0.0
	if j.bias != nil {
		b0, b1 = j.bias[ch], j.bias[ch+two-1]
	}
	p := 0
	for ; p+4 <= size; p += 4 {
		c := col[p*row:]
		r := dot8(w0, w1, c[:row], c[row:2*row], c[2*row:3*row], c[3*row:4*row])
		for i := range 4 {
			acc[p+i], acc[half+p+i] = r[i]+b0, r[4+i]+b1
		}
	}
	for ; p < size; p++ {
		c := col[p*row : (p+1)*row]
		acc[p], acc[half+p] = dot(w0, c)+b0, dot(w1, c)+b1
	}
}

func dot(a, b []float64) float64 {
	s := 0.0
	b = b[:len(a)]
	for i, x := range a {
		s += x * b[i]
	}
	return s
}

// dot8 returns the products of two rows with four, each summed in order.
func dot8(w0, w1, a, b, c, d []float64) (r [8]float64) {
	n := len(w0)
	w1, a, b, c, d = w1[:n], a[:n], b[:n], c[:n], d[:n]
	var s0, s1, s2, s3, t0, t1, t2, t3 float64
	for i, u := range w0 {
		v := w1[i]
		x := a[i]
		s0 += u * x
		t0 += v * x
		x = b[i]
		s1 += u * x
		t1 += v * x
		x = c[i]
		s2 += u * x
		t2 += v * x
		x = d[i]
		s3 += u * x
		t3 += v * x
	}
	return [8]float64{s0, s1, s2, s3, t0, t1, t2, t3}
}
