package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// resize is Resize and Upsample: every axis is resampled on its own. Output
// lengths come from scales (floor(length*scale)) or sizes.
type resize struct {
	mode      string // nearest, linear, cubic
	coord     string // coordinate_transformation_mode
	nearest   string // nearest_mode
	cubicA    float64
	antialias bool
	exclude   bool
	extrapol  float64
	policy    string
	axes      []int // nil: all
	fixed     []float64
	// Input numbers, -1 where the version lacks them.
	roi, scales, sizes int
}

var (
	resizeDef   = &op.Def{Name: "Resize", New: newResize}
	upsampleDef = &op.Def{Name: "Upsample", New: newUpsample}
)

func newResize(a *op.Args) (op.Op, error) {
	o := &resize{roi: 1, scales: 2, sizes: 3}
	if a.Version < 11 {
		o.roi, o.scales, o.sizes = -1, 1, -1
		return o, o.old(a)
	}
	o.mode = a.OneOf("mode", "nearest", "nearest", "linear", "cubic")
	o.coord = a.OneOf("coordinate_transformation_mode", "half_pixel", "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
		"align_corners", "asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn")
	o.nearest = a.OneOf("nearest_mode", "round_prefer_floor", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
	o.cubicA, o.exclude = a.Float("cubic_coeff_a", -0.75), a.Bool("exclude_outside", false)
	o.extrapol = a.Float("extrapolation_value", 0)
	o.antialias = a.Bool("antialias", false) && o.mode != "nearest"
	o.policy = a.OneOf("keep_aspect_ratio_policy", "stretch", "stretch", "not_larger", "not_smaller")
	if a.Has("axes") {
		o.axes = a.Ints("axes")
	}
	a.Ignore("axes")
	if !a.HasIn(o.scales) && !a.HasIn(o.sizes) {
		return nil, fmt.Errorf("one of the inputs scales and sizes is required")
	}
	return o, nil
}

// old sets what versions before 11 of Resize and Upsample imply: coordinates
// divided by the scale, rounded down where the axis grows and up where it shrinks.
func (o *resize) old(a *op.Args) error {
	o.mode = a.OneOf("mode", "nearest", "nearest", "linear", "bilinear", "cubic")
	if o.mode == "bilinear" { // Upsample-1's name
		o.mode = "linear"
	}
	o.coord, o.nearest, o.cubicA, o.policy = "asymmetric", "outward", -0.75, "stretch"
	return nil
}

func newUpsample(a *op.Args) (op.Op, error) {
	o := &resize{roi: -1, scales: 1, sizes: -1}
	switch {
	case a.Version < 7:
		o.scales = -1
		o.fixed = []float64{1, 1, a.Float("height_scale", 1), a.Float("width_scale", 1)}
	case a.Version < 9:
		o.scales = -1
		o.fixed = []float64{}
		for _, s := range a.Floats("scales") {
			o.fixed = append(o.fixed, float64(s))
		}
	}
	return o, o.old(a)
}

// target is the resampling of one axis.
type target struct {
	in, out    int
	scale      float64
	start, end float64 // roi
}

// given returns scales or sizes: those of the axes named, one for each axis.
// An empty tensor counts as absent.
func given(t *tensor.Tensor) *tensor.Tensor {
	if t != nil && t.Len() == 0 {
		return nil
	}
	return t
}

// targets computes lengths and scales for all axes. roi may be nil.
func (o *resize) targets(dims []int, scales, sizes, roi *tensor.Tensor) ([]target, error) {
	axes := o.axes
	if axes == nil {
		axes = make([]int, len(dims))
		for i := range axes {
			axes[i] = i
		}
	}
	axes, err := op.Axes(axes, len(dims))
	if err != nil {
		return nil, err
	}
	l := make([]target, len(dims))
	for i, d := range dims {
		l[i] = target{d, d, 1, 0, 1}
	}
	if roi = given(roi); roi != nil && o.coord == "tf_crop_and_resize" {
		if roi.Len() != 2*len(axes) {
			return nil, fmt.Errorf("roi %v must have %d elements", roi, 2*len(axes))
		}
		for i, a := range axes {
			l[a].start, l[a].end = roi.FloatAt(i), roi.FloatAt(len(axes)+i)
		}
	} else if o.coord == "tf_crop_and_resize" {
		return nil, fmt.Errorf("tf_crop_and_resize needs the input roi")
	}
	if sizes = given(sizes); sizes != nil && scales == nil {
		return l, o.bySizes(l, axes, sizes)
	}
	n := len(o.fixed)
	value := func(i int) float64 { return o.fixed[i] }
	if o.fixed == nil {
		if scales == nil {
			return nil, fmt.Errorf("neither scales nor sizes has a value")
		}
		n, value = scales.Len(), scales.FloatAt
	}
	if n != len(axes) {
		return nil, fmt.Errorf("%d scales for %d axes", n, len(axes))
	}
	for i, a := range axes {
		t := &l[a]
		t.scale = value(i)
		if !(t.scale > 0) || math.IsInf(t.scale, 0) {
			return nil, fmt.Errorf("scale %v of axis %d must be positive", t.scale, a)
		}
		// The standard's own inference multiplies in float32, so that 10 * 0.7 is 7.
		length := float64(float32(t.in) * float32(t.scale))
		if !(length > -1) || length > 1<<30 {
			return nil, fmt.Errorf("axis %d: length %d times %v is out of range", a, t.in, t.scale)
		}
		t.out = int(math.Floor(length))
	}
	return l, nil
}

// bySizes sets lengths from sizes, under keep_aspect_ratio_policy.
func (o *resize) bySizes(l []target, axes []int, sizes *tensor.Tensor) error {
	if sizes.Len() != len(axes) {
		return fmt.Errorf("%d sizes for %d axes", sizes.Len(), len(axes))
	}
	common := math.Inf(1)
	if o.policy == "not_smaller" {
		common = math.Inf(-1)
	}
	for i, a := range axes {
		n := sizes.IntAt(i)
		if n < 0 || n > 1<<30 || n > 0 && l[a].in == 0 {
			return fmt.Errorf("axis %d: length %d can't become %d", a, l[a].in, n)
		}
		l[a].out = int(n)
		if l[a].in > 0 {
			l[a].scale = float64(n) / float64(l[a].in)
		}
		if o.policy == "not_smaller" {
			common = max(common, l[a].scale)
		} else {
			common = min(common, l[a].scale)
		}
	}
	if o.policy == "stretch" {
		return nil
	}
	for _, a := range axes {
		n := math.Floor(common*float64(l[a].in) + 0.5)
		if n > 1<<30 {
			return fmt.Errorf("axis %d: length %v is out of range", a, n)
		}
		l[a].scale, l[a].out = common, int(n)
	}
	return nil
}

func (o *resize) Infer(c *op.Infer) error {
	x := c.Shape(0)
	if x == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	hasSizes := o.sizes > 0 && c.Has(o.sizes)
	hasScales := o.scales > 0 && c.Has(o.scales)
	var roi, scales, sizes *tensor.Tensor
	known := x.Known()
	if o.coord == "tf_crop_and_resize" {
		roi = c.Const(o.roi)
		known = known && roi != nil
	}
	if hasScales {
		scales = c.Const(o.scales)
		known = known && scales != nil
		scales = given(scales)
	}
	if hasSizes {
		sizes = c.Const(o.sizes)
		known = known && sizes != nil
	}
	if known {
		l, err := o.targets(x.Ints(), scales, sizes, roi)
		if err != nil {
			return err
		}
		y := make(graph.Shape, len(l))
		for i, t := range l {
			y[i] = graph.D(t.out)
		}
		c.Out(0, c.Type(0), y)
		return nil
	}
	c.Out(0, c.Type(0), o.partly(c, x, scales, hasScales && scales == nil, hasSizes))
	return nil
}

// partly infers what can be said while lengths, scales or sizes are unknown.
func (o *resize) partly(c *op.Infer, x graph.Shape, scales *tensor.Tensor, unknownScales, hasSizes bool) graph.Shape {
	y := c.FreshShape(len(x))
	axes := o.axes
	if axes == nil {
		for i := range x {
			axes = append(axes, i)
		}
	}
	axes, err := op.Axes(axes, len(x))
	if err != nil {
		return y
	}
	touched := make([]bool, len(x))
	for _, a := range axes {
		touched[a] = true
	}
	for i := range y {
		if !touched[i] {
			y[i] = x[i]
		}
	}
	if hasSizes && !unknownScales && scales == nil && o.policy == "stretch" {
		if e := c.Elems(o.sizes); len(e) == len(axes) {
			for i, a := range axes {
				if !e[i].Known() || e[i].N >= 0 {
					y[a] = e[i]
				}
			}
		}
		return y
	}
	for i, a := range axes {
		s := 0.0
		switch {
		case i < len(o.fixed):
			s = o.fixed[i]
		case scales != nil && scales.Len() == len(axes):
			s = scales.FloatAt(i)
		}
		if s == 1 && o.coord != "tf_crop_and_resize" {
			y[a] = x[a]
		}
	}
	return y
}

func (o *resize) Eval(e *op.Eval) error {
	x := e.In(0)
	var scales, sizes, roi *tensor.Tensor
	if o.scales > 0 {
		scales = given(e.In(o.scales))
	}
	if o.sizes > 0 {
		sizes = e.In(o.sizes)
	}
	if o.roi > 0 {
		roi = e.In(o.roi)
	}
	l, err := o.targets(x.Shape(), scales, sizes, roi)
	if err != nil {
		return err
	}
	dims := make([]int, len(l))
	for i, t := range l {
		dims[i] = t.out
	}
	if o.mode == "nearest" {
		return o.pick(e, x, l, dims)
	}
	if x.DType() == tensor.String || x.DType().Class() == tensor.ClassComplex {
		return fmt.Errorf("mode %s does not work on %v; use nearest", o.mode, x.DType())
	}
	return o.blend(e, x, l, dims)
}

// original returns the input coordinate of output i; ok is false where
// tf_crop_and_resize extrapolates.
func (o *resize) original(t target, i int) (x float64, ok bool) {
	p, in, out := float64(i), float64(t.in), t.scale*float64(t.in)
	switch o.coord {
	case "align_corners":
		if t.out <= 1 || out == 1 {
			return 0, true
		}
		return p * (in - 1) / (out - 1), true // out may be a fraction here
	case "asymmetric":
		return p / t.scale, true
	case "tf_half_pixel_for_nn":
		return (p + 0.5) / t.scale, true
	case "pytorch_half_pixel":
		if t.out <= 1 {
			return 0, true
		}
	case "half_pixel_symmetric":
		return in/2*(1-float64(t.out)/out) + (p+0.5)/t.scale - 0.5, true
	case "tf_crop_and_resize":
		if t.out > 1 {
			x = t.start*(in-1) + p*(t.end-t.start)*(in-1)/(float64(t.out)-1)
		} else {
			x = 0.5 * (t.start + t.end) * (in - 1)
		}
		return x, x >= 0 && x <= in-1
	}
	return (p+0.5)/t.scale - 0.5, true
}

// same reports whether the axis stays as it is.
func (t target) same() bool { return t.in == t.out && t.scale == 1 && t.start == 0 && t.end == 1 }

// index rounds a coordinate as nearest_mode says and keeps it inside.
func (o *resize) index(x float64, t target) int {
	mode := o.nearest
	if mode == "outward" {
		mode = "floor"
		if t.scale < 1 {
			mode = "ceil"
		}
	}
	switch mode {
	case "round_prefer_floor":
		x = math.Ceil(x - 0.5)
	case "round_prefer_ceil":
		x = math.Floor(x + 0.5)
	case "floor":
		x = math.Floor(x)
	case "ceil":
		x = math.Ceil(x)
	}
	return int(clamp(x, 0, float64(t.in-1)))
}

// pick is mode nearest: it moves elements of any type.
func (o *resize) pick(e *op.Eval, x *tensor.Tensor, l []target, dims []int) error {
	n, ok := tensor.NumElements(dims)
	if !ok {
		return fmt.Errorf("output shape %v is out of range", dims)
	}
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil || n == 0 {
		return err
	}
	from := make([][]int, len(l)) // offset of each output coordinate, -1: extrapolated
	for a, s := range op.Strides(x.Shape()) {
		from[a] = make([]int, l[a].out)
		for i := range from[a] {
			p := i
			if !l[a].same() {
				c, ok := o.original(l[a], i)
				if !ok {
					from[a][i] = -1
					continue
				}
				p = o.index(c, l[a])
			}
			from[a][i] = p * s
		}
	}
	move := newMover(y, x, o.extrapol)
	idx := make([]int, len(dims))
	for k := range n {
		src := 0
		for a, i := range idx {
			if from[a][i] < 0 {
				src = -1
				break
			}
			src += from[a][i]
		}
		move.put(k, src)
		next(idx, dims)
	}
	move.finish()
	return nil
}
