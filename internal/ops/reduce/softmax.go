package reduce

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// softmax normalises vectors: along axis, or before version 13 over all axes
// from axis on together. Computed in float64 with the maximum subtracted.
type softmax struct {
	axis    int
	flatten bool
	f       func(in, out []float64)
	k       rowKernel // over float32; nil = there is none
}

func softmaxDef(name string, f func(in, out []float64), k rowKernel) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		return &softmax{a.Int("axis", -1), a.Version < 13, f, k}, nil
	}}
}

var (
	softmaxOpDef  = softmaxDef("Softmax", softmaxRow, vec.Softmax)
	logSoftmaxDef = softmaxDef("LogSoftmax", logSoftmaxRow, vec.LogSoftmax)
	hardmaxDef    = softmaxDef("Hardmax", hardmaxRow, hardmax32)
)

func softmaxRow(in, out []float64) {
	top := maxOf(in)
	sum := 0.0
	for i, v := range in {
		out[i] = math.Exp(v - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
}

func logSoftmaxRow(in, out []float64) {
	top := maxOf(in)
	sum := 0.0
	for _, v := range in {
		sum += math.Exp(v - top)
	}
	log := math.Log(sum)
	for i, v := range in {
		out[i] = v - top - log
	}
}

// hardmaxRow sets 1 at the first of the largest elements; NaN counts as largest.
func hardmaxRow(in, out []float64) {
	best := 0
	for i, v := range in {
		out[i] = 0
		if v > in[best] || v != v && in[best] == in[best] {
			best = i
		}
	}
	out[best] = 1
}

func maxOf(in []float64) float64 {
	top := math.Inf(-1)
	for _, v := range in {
		top = max(top, v)
	}
	return top
}

// lanes returns the vectors of a tensor of shape dims. A scalar is one vector.
func (o *softmax) lanes(dims []int) (lanes, error) {
	if len(dims) == 0 {
		dims = []int{1}
	}
	if !o.flatten {
		a, err := op.Axis(o.axis, len(dims))
		if err != nil {
			return lanes{}, err
		}
		return lanesOf(dims, a), nil
	}
	a := o.axis
	if a < 0 {
		a += len(dims)
	}
	if a < 0 || a > len(dims) {
		return lanes{}, fmt.Errorf("axis %d is out of range for rank %d", o.axis, len(dims))
	}
	return lanes{op.Prod(dims[:a]), op.Prod(dims[a:]), 1}, nil
}

func (o *softmax) Infer(c *op.Infer) error {
	c.Like(0, 0)
	if s := c.Shape(0); s != nil {
		_, err := o.lanes(make([]int, len(s)))
		return err
	}
	return nil
}

func (o *softmax) Overwrites(int) []int { return []int{0} }

func (o *softmax) Eval(e *op.Eval) error {
	x := e.In(0)
	l, err := o.lanes(x.Shape())
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	return mapLanes(e, x, y, l, o.f)
}

// mapLanes applies f to every vector of x. f may not keep its arguments.
func mapLanes(e *op.Eval, x, y *tensor.Tensor, l lanes, f func(in, out []float64)) error {
	if x.Len() == 0 {
		return nil
	}
	buf, err := accumulators[float64](e, 2*l.n, tensor.Float64)
	if err != nil {
		return err
	}
	in, out := buf[:l.n], buf[l.n:]
	if x.DType() == tensor.Float32 {
		src, errX := tensor.Data[float32](x)
		dst, errY := tensor.Data[float32](y)
		if errX == nil && errY == nil {
			return l.each(func(_, first int) error {
				for k := range in {
					in[k] = float64(src[first+k*l.step])
				}
				f(in, out)
				for k, v := range out {
					dst[first+k*l.step] = float32(v)
				}
				return nil
			})
		}
	}
	return l.each(func(_, first int) error {
		for k := range in {
			in[k] = x.FloatAt(first + k*l.step)
		}
		f(in, out)
		for k, v := range out {
			y.SetFloatAt(first+k*l.step, v)
		}
		return nil
	})
}

// biasSoftmax is softmax(data + bias) over all axes from axis on together
// (com.microsoft). The bias has as many rows as divide data's: with
// is_inner_broadcast each row of it serves a run of neighbouring rows of the
// data, else the bias repeats as a whole.
type biasSoftmax struct {
	softmax
	inner bool
}

var biasSoftmaxDef = &op.Def{Domain: "com.microsoft", Name: "BiasSoftmax", New: func(a *op.Args) (op.Op, error) {
	return &biasSoftmax{softmax{a.Int("axis", 1), true, softmaxRow, nil}, a.Bool("is_inner_broadcast", false)}, nil
}}

func (o *biasSoftmax) Overwrites(int) []int { return []int{0} }

func (o *biasSoftmax) Eval(e *op.Eval) error {
	x, bias := e.In(0), e.In(1)
	l, err := o.lanes(x.Shape())
	if err != nil {
		return err
	}
	empty := x.Len() == 0
	rows := bias.Len() / max(1, l.n)
	if !empty && (rows == 0 || bias.Len()%l.n != 0 || l.outer%rows != 0) {
		return fmt.Errorf("bias %v does not repeat to %v over the axes from %d on", bias.Shape(), x.Shape(), o.axis)
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil || empty {
		return err
	}
	buf, err := accumulators[float64](e, 2*l.n, tensor.Float64)
	if err != nil {
		return err
	}
	in, out := buf[:l.n], buf[l.n:]
	return l.each(func(row, first int) error {
		b := row % rows
		if o.inner {
			b = row / (l.outer / rows)
		}
		for k := range in {
			in[k] = x.FloatAt(first+k) + bias.FloatAt(b*l.n+k)
		}
		softmaxRow(in, out)
		for k, v := range out {
			y.SetFloatAt(first+k, v)
		}
		return nil
	})
}
