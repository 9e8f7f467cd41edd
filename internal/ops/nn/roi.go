package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

// roiOutput infers Y [regions, C, height, width]; negative lengths are unknown.
func roiOutput(c *op.Infer, h, w int) error {
	n, ch := c.Fresh(), c.Fresh()
	if x := c.Shape(0); x != nil {
		if len(x) != 4 {
			return fmt.Errorf("X %v must have 4 axes", x)
		}
		ch = x[1]
	}
	if r := c.Shape(1); r != nil {
		if len(r) != 2 {
			return fmt.Errorf("rois %v must have 2 axes", r)
		}
		n = r[0]
	}
	y := graph.Shape{n, ch, c.Fresh(), c.Fresh()}
	if h >= 0 && w >= 0 {
		y[2], y[3] = graph.D(h), graph.D(w)
	}
	c.Out(0, c.Type(0), y)
	return nil
}

// checkRois checks X [N,C,H,W] and rois [n,cols].
func checkRois(e *op.Eval, cols int) (xs []int, n int, err error) {
	x, r := e.In(0), e.In(1)
	if x.Rank() != 4 || r.Rank() != 2 || r.Shape()[1] != cols {
		return nil, 0, fmt.Errorf("X %v must have 4 axes and rois %v shape [n,%d]", x, r, cols)
	}
	return x.Shape(), r.Shape()[0], nil
}

// batchIndices returns input 2, an image number for each of n regions.
func batchIndices(e *op.Eval, n, images int) ([]int, error) {
	l := e.IntList(2)
	if len(l) != n {
		return nil, fmt.Errorf("batch_indices %v must have %d elements", e.In(2), n)
	}
	for _, b := range l {
		if b < 0 || b >= images {
			return nil, fmt.Errorf("batch index %d is outside the %d images", b, images)
		}
	}
	return l, nil
}

// maxRoiPool is MaxRoiPool (Fast R-CNN, https://arxiv.org/abs/1504.08083): rois
// [n,5] hold image, x1, y1, x2, y2; each is cut into bins, whose maxima are Y.
type maxRoiPool struct {
	h, w  int
	scale float64
}

var maxRoiPoolDef = &op.Def{Name: "MaxRoiPool", New: func(a *op.Args) (op.Op, error) {
	p := a.Ints("pooled_shape")
	if len(p) != 2 || p[0] < 1 || p[1] < 1 {
		return nil, fmt.Errorf("attribute pooled_shape = %v, must be two positive numbers", p)
	}
	return &maxRoiPool{p[0], p[1], a.Float("spatial_scale", 1)}, nil
}}

func (o *maxRoiPool) Infer(c *op.Infer) error { return roiOutput(c, o.h, o.w) }

func (o *maxRoiPool) Eval(e *op.Eval) error {
	xs, n, err := checkRois(e, 5)
	if err != nil {
		return err
	}
	y, err := e.Out(0, e.In(0).DType(), n, xs[1], o.h, o.w)
	if err != nil || y.Len() == 0 {
		return err
	}
	x, rois := e.Floats(0), e.Floats(1)
	plane := xs[2] * xs[3]
	k := 0
	for r := range n {
		roi := rois[5*r : 5*r+5]
		if !(roi[0] >= 0 && roi[0] < float64(xs[0])) {
			return fmt.Errorf("roi %d is of image %v, there are %d", r, roi[0], xs[0])
		}
		rows := o.bins(roi[2], roi[4], o.h, xs[2])
		cols := o.bins(roi[1], roi[3], o.w, xs[3])
		for c := range xs[1] {
			p := x[(int(roi[0])*xs[1]+c)*plane:][:plane]
			for _, h := range rows {
				if err := e.Tick(1); err != nil {
					return err
				}
				for _, w := range cols {
					y.SetFloatAt(k, maxOf(p, h, w, xs[3]))
					k++
				}
			}
		}
	}
	return nil
}

// bins cuts the pixels from start to end (after scaling and rounding) into n
// ranges [lo,hi) inside size.
func (o *maxRoiPool) bins(start, end float64, n, size int) [][2]int {
	first, stop := math.Round(start*o.scale), math.Round(end*o.scale)
	bin := max(stop-first+1, 1) / float64(n)
	l := make([][2]int, n)
	for i := range l {
		lo := clamp(math.Floor(float64(i)*bin)+first, 0, float64(size))
		hi := clamp(math.Ceil(float64(i+1)*bin)+first, 0, float64(size))
		if lo == lo && hi == hi {
			l[i] = [2]int{int(lo), int(hi)}
		}
	}
	return l
}

// maxOf returns the maximum of a box of a plane, 0 if it is empty.
func maxOf(p []float64, h, w [2]int, width int) float64 {
	if h[0] >= h[1] || w[0] >= w[1] {
		return 0
	}
	m := math.Inf(-1)
	for y := h[0]; y < h[1]; y++ {
		for _, v := range p[y*width+w[0] : y*width+w[1]] {
			m = max(m, v)
		}
	}
	return m
}

// roiAlign is RoiAlign (Mask R-CNN, https://arxiv.org/abs/1703.06870): each bin
// of a region x1, y1, x2, y2 is the mean, or the maximum, of bilinear samples.
type roiAlign struct {
	h, w, ratio int
	scale       float64
	half, max   bool
}

var roiAlignDef = &op.Def{Name: "RoiAlign", New: func(a *op.Args) (op.Op, error) {
	o := &roiAlign{h: a.Int("output_height", 1), w: a.Int("output_width", 1), ratio: a.Int("sampling_ratio", 0), scale: a.Float("spatial_scale", 1)}
	o.max = a.OneOf("mode", "avg", "avg", "max") == "max"
	if a.Version >= 16 {
		o.half = a.OneOf("coordinate_transformation_mode", "half_pixel", "half_pixel", "output_half_pixel") == "half_pixel"
	}
	if o.h < 1 || o.w < 1 || o.ratio < 0 {
		return nil, fmt.Errorf("output_height %d and output_width %d must be positive, sampling_ratio %d not negative", o.h, o.w, o.ratio)
	}
	return o, nil
}}

func (o *roiAlign) Infer(c *op.Infer) error { return roiOutput(c, o.h, o.w) }

// corner is one of the four pixels of a bilinear sample.
type corner struct {
	at int
	w  float64
}

func (o *roiAlign) Eval(e *op.Eval) error {
	xs, n, err := checkRois(e, 4)
	if err != nil {
		return err
	}
	images, err := batchIndices(e, n, xs[0])
	if err != nil {
		return err
	}
	y, err := e.Out(0, e.In(0).DType(), n, xs[1], o.h, o.w)
	if err != nil || y.Len() == 0 {
		return err
	}
	if xs[2] == 0 || xs[3] == 0 {
		return fmt.Errorf("X %v has no pixels", e.In(0))
	}
	x, rois := e.Floats(0), e.Floats(1)
	plane := xs[2] * xs[3]
	acc := &roiSum{sum: make([]float64, xs[1]), top: make([]float64, xs[1]), height: xs[2], width: xs[3]}
	for r := range n {
		g := o.grid(rois[4*r : 4*r+4])
		for bin := range o.h * o.w {
			if err := acc.bin(e, g, bin/o.w, bin%o.w, x[images[r]*xs[1]*plane:]); err != nil {
				return err
			}
			for c := range xs[1] {
				v := acc.sum[c]
				if o.max {
					v = acc.top[c]
				}
				y.SetFloatAt((r*xs[1]+c)*o.h*o.w+bin, v)
			}
		}
	}
	return nil
}

// roiGrid is a region in pixels: its start, the size of a bin, samples a bin.
type roiGrid struct {
	y, x, binH, binW float64
	nh, nw           float64
}

func (o *roiAlign) grid(roi []float64) roiGrid {
	off := 0.0
	if o.half {
		off = 0.5
	}
	g := roiGrid{x: roi[0]*o.scale - off, y: roi[1]*o.scale - off}
	w, h := roi[2]*o.scale-off-g.x, roi[3]*o.scale-off-g.y
	if !o.half { // malformed regions become one pixel
		w, h = max(w, 1), max(h, 1)
	}
	g.binH, g.binW = h/float64(o.h), w/float64(o.w)
	g.nh, g.nw = float64(o.ratio), float64(o.ratio)
	if o.ratio == 0 {
		g.nh, g.nw = math.Ceil(float64(float32(g.binH))), math.Ceil(float64(float32(g.binW)))
	}
	return g
}

// roiSum gathers mean and maximum of the samples of a bin for every channel.
type roiSum struct {
	sum, top      []float64
	height, width int
}

// bin computes one bin from the planes of an image. A bin without samples is 0.
// The maximum is that of the weighted corners, as in the standard's reference,
// not of the samples.
func (s *roiSum) bin(e *op.Eval, g roiGrid, ph, pw int, planes []float64) error {
	if !(g.nh*g.nw <= maxExtent && g.nh <= maxExtent && g.nw <= maxExtent) {
		return fmt.Errorf("region needs %v x %v samples a bin", g.nh, g.nw)
	}
	clear(s.sum)
	for c := range s.top {
		s.top[c] = math.Inf(-1)
	}
	nh, nw := max(0, int(g.nh)), max(0, int(g.nw))
	plane := s.height * s.width
	for iy := range nh {
		y := g.y + float64(ph)*g.binH + (float64(iy)+0.5)*g.binH/g.nh
		for ix := range nw {
			if err := e.Tick(1); err != nil {
				return err
			}
			x := g.x + float64(pw)*g.binW + (float64(ix)+0.5)*g.binW/g.nw
			for _, q := range bilinear(y, x, s.height, s.width) {
				for c := range s.sum {
					v := q.w * planes[c*plane+q.at]
					s.sum[c] += v
					s.top[c] = max(s.top[c], v)
				}
			}
		}
	}
	for c := range s.sum {
		if nh*nw == 0 {
			s.top[c] = 0
			continue
		}
		s.sum[c] /= float64(nh * nw)
	}
	return nil
}

// bilinear returns the four pixels around a position. Up to one pixel outside,
// the border's values hold.
func bilinear(y, x float64, height, width int) [4]corner {
	if !(y >= -1 && y <= float64(height) && x >= -1 && x <= float64(width)) {
		return [4]corner{}
	}
	y, x = clamp(y, 0, float64(height-1)), clamp(x, 0, float64(width-1))
	y0, x0 := int(y), int(x)
	y1, x1 := min(y0+1, height-1), min(x0+1, width-1)
	fy, fx := y-float64(y0), x-float64(x0)
	return [4]corner{
		{y0*width + x0, (1 - fy) * (1 - fx)}, {y0*width + x1, (1 - fy) * fx},
		{y1*width + x0, fy * (1 - fx)}, {y1*width + x1, fy * fx},
	}
}

// cropAndResize is com.microsoft.CropAndResize: regions y1, x1, y2, x2 in
// fractions of the image are resampled to crop_size, corners aligned.
type cropAndResize struct {
	nearest  bool
	extrapol float64
}

var cropAndResizeDef = &op.Def{Domain: msDomain, Name: "CropAndResize", New: func(a *op.Args) (op.Op, error) {
	return &cropAndResize{a.OneOf("mode", "bilinear", "bilinear", "nearest") == "nearest", a.Float("extrapolation_value", 0)}, nil
}}

func (o *cropAndResize) Infer(c *op.Infer) error {
	h, w := -1, -1
	if s, ok := c.Ints(3); ok && len(s) == 2 {
		h, w = s[0], s[1]
	}
	return roiOutput(c, h, w)
}

func (o *cropAndResize) Eval(e *op.Eval) error {
	xs, n, err := checkRois(e, 4)
	if err != nil {
		return err
	}
	images, err := batchIndices(e, n, xs[0])
	if err != nil {
		return err
	}
	size := e.IntList(3)
	if len(size) != 2 || size[0] < 1 || size[1] < 1 {
		return fmt.Errorf("crop_size %v must be two positive numbers", size)
	}
	y, err := e.Out(0, e.In(0).DType(), n, xs[1], size[0], size[1])
	if err != nil {
		return err
	}
	x, rois := e.Floats(0), e.Floats(1)
	plane := 0
	if len(x) > 0 {
		plane = xs[2] * xs[3]
	}
	k := 0
	for r := range n {
		roi := rois[4*r : 4*r+4]
		for c := range xs[1] {
			p := x[(images[r]*xs[1]+c)*plane:][:plane]
			for i := range size[0] {
				v := cropCoordinate(roi[0], roi[2], i, size[0], xs[2])
				for j := range size[1] {
					u := cropCoordinate(roi[1], roi[3], j, size[1], xs[3])
					y.SetFloatAt(k, o.sample(p, v, u, xs[2], xs[3]))
					k++
				}
			}
		}
		if err := e.Tick(1); err != nil {
			return err
		}
	}
	return nil
}

func cropCoordinate(lo, hi float64, i, n, size int) float64 {
	s := float64(size - 1)
	if n == 1 {
		return 0.5 * (lo + hi) * s
	}
	return lo*s + float64(i)*(hi-lo)*s/float64(n-1)
}

func (o *cropAndResize) sample(p []float64, y, x float64, height, width int) float64 {
	if len(p) == 0 || !(y >= 0 && y <= float64(height-1) && x >= 0 && x <= float64(width-1)) {
		return o.extrapol
	}
	if o.nearest {
		return p[int(math.Round(y))*width+int(math.Round(x))]
	}
	v := 0.0
	for _, c := range bilinear(y, x, height, width) {
		if c.w != 0 {
			v += c.w * p[c.at]
		}
	}
	return v
}
