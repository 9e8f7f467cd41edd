package nn

import (
	"math"
	"sort"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// mover copies elements of any type from x to y.
type mover struct {
	y, x *tensor.Tensor
	fill float64 // for elements that come from nowhere
	s    []string
}

func newMover(y, x *tensor.Tensor, fill float64) *mover {
	m := &mover{y: y, x: x, fill: fill}
	if x.DType() == tensor.String {
		m.s = make([]string, y.Len())
	}
	return m
}

// put sets y's element k to x's element p, to fill if p is negative.
func (m *mover) put(k, p int) {
	switch c := m.x.DType().Class(); {
	case c == tensor.ClassString:
		if p >= 0 {
			m.s[k] = m.x.Str(p)
		}
	case p < 0:
		m.y.SetFloatAt(k, m.fill)
	case c == tensor.ClassComplex:
		m.y.SetComplexAt(k, m.x.ComplexAt(p))
	case c == tensor.ClassFloat:
		m.y.SetFloatAt(k, m.x.FloatAt(p))
	default:
		m.y.SetUintAt(k, m.x.UintAt(p))
	}
}

// finish stores strings, which can only be set together.
func (m *mover) finish() {
	if m.s != nil {
		m.y.SetStrings(m.s)
	}
}

// weights is what one output of an axis is made of.
type weights struct {
	at []int
	w  []float64
	ok bool // false: extrapolation_value
}

// blend is modes linear and cubic: one axis after the other, in float64.
func (o *resize) blend(e *op.Eval, x *tensor.Tensor, l []target, dims []int) error {
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil || y.Len() == 0 {
		return err
	}
	v := e.Floats(0)
	cur := append([]int{}, x.Shape()...)
	order := make([]int, len(l)) // shrinking axes first keep the work small
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return l[order[i]].scale < l[order[j]].scale })
	extra := map[int][]bool{}
	for _, a := range order {
		if l[a].same() {
			continue
		}
		var skip []bool
		if v, skip, err = o.axis(e, v, cur, a, l[a]); err != nil {
			return err
		}
		cur[a] = l[a].out
		if skip != nil {
			extra[a] = skip
		}
	}
	if len(extra) > 0 {
		idx := make([]int, len(dims))
		for k := range v {
			for a, s := range extra {
				if s[idx[a]] {
					v[k] = o.extrapol
				}
			}
			next(idx, dims)
		}
	}
	store(y, v, o.antialias)
	return nil
}

// store rounds interpolated values: floats to the nearest; integers within their
// range towards zero, from a float32, where 2.999999999 is 3, or to the nearest
// after antialiasing (both as ONNX Runtime does; the standard leaves it open).
func store(y *tensor.Tensor, v []float64, nearest bool) {
	lo, hi := math.Inf(-1), math.Inf(1)
	if y.DType().IsInt() && y.DType() != tensor.Bool {
		bits := y.DType().Bits()
		if y.DType().Class() == tensor.ClassInt {
			lo, hi = -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1)-1
		} else {
			lo, hi = 0, math.Ldexp(1, bits)-1
		}
	}
	whole := y.DType().Class() != tensor.ClassFloat
	for i, x := range v {
		if whole {
			x = float64(float32(x))
			if nearest {
				x = math.Round(x)
			}
		}
		y.SetFloatAt(i, clamp(x, lo, hi))
	}
}

// axis resamples axis a of v; skip tells the outputs that are extrapolated.
func (o *resize) axis(e *op.Eval, v []float64, dims []int, a int, t target) (y []float64, skip []bool, err error) {
	outer, inner := op.Prod(dims[:a]), op.Prod(dims[a+1:])
	out, err := e.Temp(tensor.Float64, outer, t.out, inner)
	if err != nil {
		return nil, nil, err
	}
	y = tensor.Of[float64](out)
	for i := range t.out {
		w := o.weights(t, i)
		if !w.ok {
			if skip == nil {
				skip = make([]bool, t.out)
			}
			skip[i] = true
			continue
		}
		if err := e.Tick(len(w.at)); err != nil {
			return nil, nil, err
		}
		for b := range outer {
			dst := y[(b*t.out+i)*inner:][:inner]
			for k, p := range w.at {
				src := v[(b*t.in+p)*inner:][:inner]
				f := w.w[k]
				for q, x := range src {
					dst[q] += f * x
				}
			}
		}
	}
	return y, skip, nil
}

// weights returns neighbours and coefficients of output i.
func (o *resize) weights(t target, i int) weights {
	x, ok := o.original(t, i)
	if !ok {
		return weights{}
	}
	support, scale := 1.0, 1.0
	if o.mode == "cubic" {
		support = 2
	}
	if o.antialias && t.scale < 1 { // the filter is stretched
		scale = t.scale
		support /= t.scale
	}
	lo, hi := int(math.Floor(x-support))+1, int(math.Ceil(x+support))-1
	w := weights{ok: true}
	sum := 0.0
	for p := lo; p <= hi; p++ {
		f := o.kernel((float64(p) - x) * scale)
		if o.exclude && (p < 0 || p >= t.in) {
			continue
		}
		w.at, w.w = append(w.at, min(max(p, 0), t.in-1)), append(w.w, f)
		sum += f
	}
	if (o.antialias || o.exclude) && sum != 0 {
		for k := range w.w {
			w.w[k] /= sum
		}
	}
	return w
}

// kernel is the interpolation function of the mode (cubic: Keys 1981, equation 4).
func (o *resize) kernel(x float64) float64 {
	x = math.Abs(x)
	if o.mode == "linear" {
		return max(0, 1-x)
	}
	a := o.cubicA
	switch {
	case x <= 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}
