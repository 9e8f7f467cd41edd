package quant

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// target stores real numbers in a quantised type.
type target struct {
	t        *tensor.Tensor
	lo, hi   float64 // range of an integer type
	float    bool    // float8 and float4
	saturate bool    // of float8: out of range gives the largest value, else infinity or NaN
}

// targetOf prepares stores into t, whose type must be one that can be quantised to.
func targetOf(t *tensor.Tensor, saturate bool) target {
	q := target{t: t, saturate: saturate || t.DType() == tensor.Float4E2M1, float: t.DType().IsFloat()}
	if !q.float {
		q.lo, q.hi = limits(t.DType())
	}
	return q
}

// limits returns the smallest and largest value of an integer type of at most 32 bits.
func limits(dt tensor.DType) (lo, hi float64) {
	if dt.Class() == tensor.ClassInt {
		h := math.Ldexp(1, dt.Bits()-1)
		return -h, h - 1
	}
	return 0, math.Ldexp(1, dt.Bits()) - 1
}

// set stores the quotient v plus the zero point in element i. v is rounded to
// the nearest integer, ties to even, before the zero point is added: the order
// in ONNX's text, which decides ties. NaN gives the smallest value, as in ONNX Runtime.
func (q *target) set(i int, v, zero float64) {
	if q.float {
		if zero != 0 { // a zero would turn -0 into 0
			v += zero
		}
		if q.saturate {
			q.t.SetFloatAt(i, v)
		} else {
			q.t.Bytes()[i] = tensor.FloatToSmall(q.t.DType(), v, false)
		}
		return
	}
	v = math.RoundToEven(v) + zero
	switch {
	case v >= q.hi:
		v = q.hi
	case v >= q.lo:
	default:
		v = q.lo
	}
	q.t.SetIntAt(i, int64(v))
}

// rounding returns the function that rounds a result to the precision of dt;
// types that are no narrower than float64 or no floats round nothing.
func rounding(dt tensor.DType) func(float64) float64 {
	switch dt {
	case tensor.Float32, tensor.Float8E8M0:
		return func(x float64) float64 { return float64(float32(x)) }
	case tensor.Float16:
		return func(x float64) float64 { return float64(tensor.ToF16(x).Float32()) }
	case tensor.BFloat16:
		return func(x float64) float64 { return float64(tensor.ToBF16(x).Float32()) }
	}
	return func(x float64) float64 { return x }
}

// affine is the meaning of a tensor quantised as a whole: (q - zero) * scale.
type affine struct {
	scale float32
	zero  int64
}

// real returns the number that q stands for, in float32 as ONNX Runtime computes it.
func (a affine) real(q int64) float32 { return float32(q-a.zero) * a.scale }

// readAffine reads scale and zero point, each of one element, from two inputs.
// A zero point that is absent is 0.
func readAffine(e *op.Eval, scale, zero int) (affine, error) {
	var a affine
	s, err := single(e, scale)
	if err != nil {
		return a, err
	}
	a.scale = float32(s.FloatAt(0))
	if !e.Has(zero) {
		return a, nil
	}
	z, err := single(e, zero)
	if err != nil {
		return a, err
	}
	a.zero = z.IntAt(0)
	return a, nil
}

// single returns input i, which must have one element.
func single(e *op.Eval, i int) (*tensor.Tensor, error) {
	t := e.In(i)
	if t == nil {
		return nil, fmt.Errorf("input %d is missing", i)
	}
	if t.Len() != 1 {
		return nil, fmt.Errorf("input %d is %v, must have one element", i, t)
	}
	return t, nil
}

// reader returns a function that reads elements as float64.
func reader(t *tensor.Tensor) func(i int) float64 {
	if s, err := tensor.Data[float32](t); err == nil {
		return func(i int) float64 { return float64(s[i]) }
	}
	if s, err := tensor.Data[int8](t); err == nil {
		return func(i int) float64 { return float64(s[i]) }
	}
	if s, err := tensor.Data[uint8](t); err == nil {
		return func(i int) float64 { return float64(s[i]) }
	}
	return t.FloatAt
}

// floats returns the elements of t as float64 in memory of the run's budget.
func floats(e *op.Eval, t *tensor.Tensor) ([]float64, error) {
	x, err := e.Temp(tensor.Float64, t.Len())
	if err != nil {
		return nil, err
	}
	f, read := tensor.Of[float64](x), reader(t)
	for i := range f {
		f[i] = read(i)
	}
	return f, nil
}

// bits returns element i of a row of packed integers, the first in the low bits.
// bits is at most 8; an element may cross a byte (3 bits).
func bits(row []byte, i, width int) int {
	p := i * width
	v := int(row[p>>3]) >> (p & 7)
	if p&7+width > 8 {
		v |= int(row[p>>3+1]) << (8 - p&7)
	}
	return v & (1<<width - 1)
}
