package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// gridSample is GridSample: X [N,C,in...] is read at the positions of grid
// [N,out...,axes], whose last axis counts from the last spatial axis (x first)
// and runs from -1 to 1, giving Y [N,C,out...]. Any number of spatial axes works.
type gridSample struct {
	mode    string // nearest, linear, cubic
	padding string // zeros, border, reflection
	corners bool
}

var (
	gridSampleDef   = &op.Def{Name: "GridSample", New: newGridSample}
	msGridSampleDef = &op.Def{Domain: msDomain, Name: "GridSample", New: newGridSample}
)

func newGridSample(a *op.Args) (op.Op, error) {
	o := &gridSample{corners: a.Bool("align_corners", false)}
	switch m := a.OneOf("mode", "linear", "nearest", "linear", "cubic", "bilinear", "bicubic"); m {
	case "bilinear":
		o.mode = "linear"
	case "bicubic":
		o.mode = "cubic"
	default:
		o.mode = m
	}
	o.padding = a.OneOf("padding_mode", "zeros", "zeros", "border", "reflection")
	return o, nil
}

func (o *gridSample) Infer(c *op.Infer) error {
	x, g := c.Shape(0), c.Shape(1)
	if x == nil && g == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	n, ch := c.Fresh(), c.Fresh()
	if x != nil {
		if len(x) < 3 || g != nil && len(g) != len(x) {
			return fmt.Errorf("X %v and grid %v must have the same number of axes, at least 3", x, g)
		}
		n, ch = x[0], x[1]
	}
	y := graph.Shape{n, ch}
	if g != nil {
		if len(g) < 3 {
			return fmt.Errorf("grid %v must have at least 3 axes", g)
		}
		y = append(y, g[1:len(g)-1]...)
	} else {
		y = append(y, c.FreshShape(len(x)-2)...)
	}
	c.Out(0, c.Type(0), y)
	return nil
}

func (o *gridSample) Eval(e *op.Eval) error {
	x, g := e.In(0), e.In(1)
	xs, gs := x.Shape(), g.Shape()
	n := len(xs) - 2
	if n < 1 || len(gs) != len(xs) || gs[len(gs)-1] != n || gs[0] != xs[0] {
		return fmt.Errorf("grid %v does not fit X %v: must be [%d,...,%d] with as many axes", g, x, at(xs, 0, 0), n)
	}
	if n > 8 {
		return fmt.Errorf("X %v has %d spatial axes, at most 8 work", x, n)
	}
	dims := append([]int{xs[0], xs[1]}, gs[1:len(gs)-1]...)
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil || y.Len() == 0 {
		return err
	}
	dt := x.DType()
	if x.Len() == 0 && o.padding != "zeros" {
		return fmt.Errorf("X %v has no elements for padding_mode %s", x, o.padding)
	}
	if o.mode != "nearest" && (dt == tensor.String || dt == tensor.Bool) {
		return fmt.Errorf("mode %s does not work on %v; use nearest", o.mode, dt)
	}
	s := &sampler{o: o, in: xs[2:], plane: op.Prod(xs[2:]), pos: make([]float64, n), taps: make([]axisTaps, n)}
	total := y.Len() / (xs[0] * xs[1])
	grid := e.Floats(1)
	if o.mode == "nearest" {
		move := newMover(y, x, 0)
		err = s.each(e, grid, xs, total, func(k, base int) {
			p := s.nearest()
			if p >= 0 {
				p += base
			}
			move.put(k, p)
		})
		move.finish()
		return err
	}
	if dt.Class() == tensor.ClassComplex {
		return s.each(e, grid, xs, total, func(k, base int) {
			var v complex128
			s.blend(func(p int, w float64) { v += complex(w, 0) * x.ComplexAt(base+p) })
			y.SetComplexAt(k, v)
		})
	}
	one := make([]float64, 1)
	out, err := tensor.New(dt)
	if err != nil {
		return err
	}
	return s.each(e, grid, xs, total, func(k, base int) {
		one[0] = 0
		s.blend(func(p int, w float64) { one[0] += w * x.FloatAt(base+p) })
		if dt.Class() == tensor.ClassFloat {
			y.SetFloatAt(k, one[0])
			return
		}
		store(out, one, false)
		y.SetUintAt(k, out.UintAt(0))
	})
}

// axisTaps are the samples and weights of one axis; -1 is a zero outside.
type axisTaps struct {
	at [4]int
	w  [4]float64
	n  int
}

// sampler walks over the positions of a grid.
type sampler struct {
	o     *gridSample
	in    []int
	plane int
	pos   []float64
	taps  []axisTaps
}

// each calls f for every output: its number and the first element of the plane it reads.
func (s *sampler) each(e *op.Eval, grid []float64, xs []int, total int, f func(k, base int)) error {
	n := len(s.in)
	for b := range xs[0] {
		for p := range total {
			if err := e.Tick(1); err != nil {
				return err
			}
			for a, d := range s.in {
				g := grid[(b*total+p)*n+n-1-a]
				if s.o.corners {
					s.pos[a] = (g + 1) / 2 * float64(d-1)
				} else {
					s.pos[a] = ((g+1)*float64(d) - 1) / 2
				}
			}
			s.prepare()
			for c := range xs[1] {
				f((b*xs[1]+c)*total+p, (b*xs[1]+c)*s.plane)
			}
		}
	}
	return nil
}

// prepare computes samples and weights of every axis at pos.
func (s *sampler) prepare() {
	for a, d := range s.in {
		x := s.pos[a]
		if s.o.mode == "nearest" {
			x = math.RoundToEven(float64(float32(x))) // ties are those of float32
		}
		lo, hi := -0.5, float64(d)-0.5
		if s.o.corners {
			lo, hi = 0, float64(d)-1
		}
		if x < lo || x > hi {
			switch s.o.padding {
			case "border":
				if s.o.mode != "cubic" { // there the samples are clamped one by one, as in PyTorch
					x = clamp(x, 0, float64(d-1))
				}
			case "reflection":
				x = reflect(x, lo, hi)
			}
		}
		t := &s.taps[a]
		if !(math.Abs(x) < 1<<40) { // NaN or far outside
			x = -1 << 40
		}
		f := math.Floor(x)
		frac := x - f
		first := 0.0
		switch s.o.mode {
		case "nearest":
			t.n, t.w[0] = 1, 1
		case "linear":
			t.n, t.w[0], t.w[1] = 2, 1-frac, frac
		case "cubic":
			t.n, first = 4, -1
			t.w = cubicWeights(frac)
		}
		for k := range t.n {
			t.at[k] = s.inside(f+first+float64(k), d, lo, hi)
		}
	}
}

// inside maps sample i of an axis of length d to one that exists, or -1.
func (s *sampler) inside(i float64, d int, lo, hi float64) int {
	if i < 0 || i > float64(d-1) {
		switch s.o.padding {
		case "zeros":
			return -1
		case "border":
			i = clamp(i, 0, float64(d-1))
		default:
			i = clamp(math.Trunc(reflect(i, lo, hi)), 0, float64(d-1))
		}
	}
	return int(i)
}

// reflect folds x into [lo, hi] by mirroring at the borders.
func reflect(x, lo, hi float64) float64 {
	span := hi - lo
	if !(span > 0) || math.IsInf(x, 0) || math.IsNaN(x) {
		return lo
	}
	d := math.Mod(math.Abs(x-lo), 2*span)
	if d > span {
		d = 2*span - d
	}
	return lo + d
}

// cubicWeights returns the weights of the four samples around a position, a
// fraction f behind the second (Keys 1981 with a = -0.75).
func cubicWeights(f float64) [4]float64 {
	const a = -0.75
	far := func(x float64) float64 { return ((a*x-5*a)*x+8*a)*x - 4*a }
	near := func(x float64) float64 { return ((a+2)*x-(a+3))*x*x + 1 }
	return [4]float64{far(f + 1), near(f), near(1 - f), far(2 - f)}
}

// nearest returns the place of the sample, -1 if it is outside.
func (s *sampler) nearest() int {
	p := 0
	for a, d := range s.in {
		if s.taps[a].at[0] < 0 {
			return -1
		}
		p = p*d + s.taps[a].at[0]
	}
	return p
}

// blend calls f with place and weight of every sample inside.
func (s *sampler) blend(f func(p int, w float64)) {
	var walk func(a, p int, w float64)
	walk = func(a, p int, w float64) {
		if a == len(s.in) {
			f(p, w)
			return
		}
		t := &s.taps[a]
		for k := range t.n {
			if t.at[k] >= 0 && t.w[k] != 0 {
				walk(a+1, p*s.in[a]+t.at[k], w*t.w[k])
			}
		}
	}
	walk(0, 0, 1)
}

// affineGrid is AffineGrid: theta [N,2,3] with size [N,C,H,W] gives the grid
// [N,H,W,2] that GridSample takes, theta [N,3,4] with size [N,C,D,H,W] a grid [N,D,H,W,3].
type affineGrid struct{ corners bool }

var affineGridDef = &op.Def{Name: "AffineGrid", New: func(a *op.Args) (op.Op, error) {
	return &affineGrid{a.Bool("align_corners", false)}, nil
}}

func (o *affineGrid) Infer(c *op.Infer) error {
	s := c.Elems(1)
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	if len(s) != 4 && len(s) != 5 {
		return fmt.Errorf("size %v must have 4 or 5 values", s)
	}
	y := graph.Shape{s[0]}
	y = append(append(y, s[2:]...), graph.D(len(s)-2))
	c.Out(0, c.Type(0), knownDims(c, y))
	return nil
}

func (o *affineGrid) Eval(e *op.Eval) error {
	theta := e.In(0)
	size := e.IntList(1)
	n := len(size) - 2
	if n != 2 && n != 3 {
		return fmt.Errorf("size %v must have 4 or 5 values", size)
	}
	if !tensor.SameShape(theta.Shape(), []int{size[0], n, n + 1}) {
		return fmt.Errorf("theta %v must be [%d,%d,%d] for size %v", theta, size[0], n, n+1, size)
	}
	dims := append(append([]int{size[0]}, size[2:]...), n)
	y, err := e.Out(0, theta.DType(), dims...)
	if err != nil || y.Len() == 0 {
		return err
	}
	t := e.Floats(0)
	idx, pos := make([]int, n), make([]float64, n+1)
	pos[n] = 1
	total := y.Len() / (size[0] * n)
	for b := range size[0] {
		clear(idx)
		for p := range total {
			for a, d := range size[2:] {
				pos[n-1-a] = o.coordinate(idx[a], d)
			}
			next(idx, size[2:])
			for i := range n {
				y.SetFloatAt((b*total+p)*n+i, dot(t[(b*n+i)*(n+1):][:n+1], pos))
			}
		}
	}
	return nil
}

// coordinate returns the position of sample i of d between -1 and 1.
func (o *affineGrid) coordinate(i, d int) float64 {
	if !o.corners {
		return (2*float64(i)+1)/float64(d) - 1
	}
	if d == 1 { // the centre, as in PyTorch; the standard's formula divides by zero
		return 0
	}
	return 2*float64(i)/float64(d-1) - 1
}
