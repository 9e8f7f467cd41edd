package math

import (
	"fmt"
	"math"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// cast converts elements to another type: to, or that of input 1 (CastLike).
// saturate and round apply to float8 and float8e8m0, as Cast-24 states. A float
// out of an integer's range, which the standard leaves undefined, is truncated
// to 64 bits, of which the type keeps the low ones.
type cast struct {
	to       tensor.DType // Invalid: as input 1
	saturate bool
	round    string // "up", "down" or "nearest"
}

func castAttrs(a *op.Args) *cast {
	return &cast{
		saturate: a.Bool("saturate", true),
		round:    a.OneOf("round_mode", "up", "up", "down", "nearest"),
	}
}

var castDef = &op.Def{Name: "Cast", New: func(a *op.Args) (op.Op, error) {
	o := castAttrs(a)
	if a.Version < 6 { // a name such as "FLOAT"
		s := a.String("to", "")
		dt, ok := tensor.ParseDType(strings.ToLower(s))
		if !ok {
			return nil, fmt.Errorf("attribute \"to\" = %q is no element type", s)
		}
		o.to = dt
	} else {
		o.to = a.DType("to", tensor.Float32)
	}
	if o.to.Class() == tensor.ClassComplex {
		return nil, fmt.Errorf("attribute \"to\" = %v: there is no cast to complex types", o.to)
	}
	return o, nil
}}

var castLikeDef = &op.Def{Name: "CastLike", New: func(a *op.Args) (op.Op, error) {
	return castAttrs(a), nil
}}

func (o *cast) Infer(c *op.Infer) error {
	to := o.to
	if to == tensor.Invalid {
		to = c.Type(1)
	}
	c.Out(0, to, c.Shape(0))
	if to == tensor.Int64 || to == tensor.Int32 {
		castElems(c, to)
	}
	return nil
}

// castElems passes the elements of shape arithmetic through casts between
// integers (and from the truth values of Equal).
func castElems(c *op.Infer, to tensor.DType) {
	e := c.Elems(0)
	if e == nil {
		return
	}
	for _, d := range e {
		if to == tensor.Int32 && (d.N > math.MaxInt32 || d.N < math.MinInt32) {
			return
		}
	}
	c.OutElems(0, append([]graph.Dim{}, e...))
}

func (o *cast) Overwrites(int) []int { return []int{0} }

func (o *cast) Eval(e *op.Eval) error {
	x, to := e.In(0), o.to
	if to == tensor.Invalid {
		t := e.In(1)
		if t == nil {
			return fmt.Errorf("input 1 (target_type) must be a tensor")
		}
		to = t.DType()
	}
	y, err := e.OutLike(0, to, x)
	if err != nil {
		return err
	}
	switch {
	case to == x.DType():
		return y.CopyFrom(x)
	case to == tensor.String:
		return formatAll(x, y)
	case x.DType() == tensor.String:
		return o.parseAll(x, y)
	}
	if f := fastCasts[[2]tensor.DType{x.DType(), to}]; f == nil || !f(x, y) {
		o.numbers(x, y)
	}
	return nil
}

// numbers converts between numeric types.
func (o *cast) numbers(x, y *tensor.Tensor) {
	n, from, to := x.Len(), x.DType().Class(), y.DType().Class()
	switch {
	case y.DType() == tensor.Bool:
		for i := range n {
			y.SetIntAt(i, int64(byte01(x.BoolAt(i))))
		}
	case to == tensor.ClassInt || to == tensor.ClassUint:
		if from != tensor.ClassFloat {
			for i := range n {
				y.SetIntAt(i, x.IntAt(i))
			}
			return
		}
		for i := range n {
			y.SetFloatAt(i, x.FloatAt(i))
		}
	case isFloat8(y.DType()):
		for i := range n {
			o.setFloat8(y, i, widen(x, i))
		}
	case from == tensor.ClassFloat:
		mapFloat(x, y, func(v float64) float64 { return v })
	case y.DType() == tensor.Float64:
		for i := range n {
			y.SetFloatAt(i, x.FloatAt(i))
		}
	default:
		for i := range n {
			y.SetFloatAt(i, widen(x, i))
		}
	}
}

func isFloat8(dt tensor.DType) bool { return dt.IsFloat() && dt.Size() == 1 }

// setFloat8 stores v with the attributes' rules for float8 types.
func (o *cast) setFloat8(y *tensor.Tensor, i int, v float64) {
	if y.DType() == tensor.Float8E8M0 {
		y.Bytes()[i] = tensor.FloatToE8M0(v, o.saturate, o.round)
		return
	}
	y.Bytes()[i] = tensor.FloatToSmall(y.DType(), v, o.saturate)
}

// widen returns element i as a float64 that rounds to every narrower type as
// the exact value would: integers beyond 53 bits are rounded to odd.
func widen(x *tensor.Tensor, i int) float64 {
	switch x.DType() {
	case tensor.Int64:
		v := x.IntAt(i)
		if v < 0 {
			return -oddFloat(uint64(-v))
		}
		return oddFloat(uint64(v))
	case tensor.Uint64:
		return oddFloat(x.UintAt(i))
	}
	return x.FloatAt(i)
}

// oddFloat rounds v to 53 bits so that a lost bit shows in the last one kept.
func oddFloat(v uint64) float64 {
	const low = 1<<12 - 1 // 41 bits and more are kept, enough for every type below float64
	if v>>53 != 0 && v&low != 0 {
		v = v&^low | 1<<12
	}
	return float64(v)
}

// bitCast reinterprets elements as another type of the same width. Bytes that
// become bool are made 0 or 1, the only values that a bool tensor may hold.
type bitCast struct{ to tensor.DType }

var bitCastDef = &op.Def{Name: "BitCast", New: func(a *op.Args) (op.Op, error) {
	o := &bitCast{a.DType("to", tensor.Float32)}
	if o.to == tensor.String {
		return nil, fmt.Errorf("attribute \"to\": strings have no bits to cast to")
	}
	return o, nil
}}

func (o *bitCast) Infer(c *op.Infer) error {
	if dt := c.Type(0); dt != tensor.Invalid {
		if err := o.check(dt); err != nil {
			return err
		}
	}
	c.Out(0, o.to, c.Shape(0))
	return nil
}

func (o *bitCast) check(dt tensor.DType) error {
	if dt.Bits() != o.to.Bits() || dt == tensor.String {
		return fmt.Errorf("can't cast bits of %v (%d bits) to %v (%d bits)", dt, dt.Bits(), o.to, o.to.Bits())
	}
	return nil
}

func (o *bitCast) Eval(e *op.Eval) error {
	x := e.In(0)
	if err := o.check(x.DType()); err != nil {
		return err
	}
	y, err := e.OutLike(0, o.to, x)
	if err != nil {
		return err
	}
	copy(y.Bytes(), x.Bytes())
	if o.to == tensor.Bool {
		for i, b := range y.Bytes() {
			y.Bytes()[i] = min(b, 1)
		}
	}
	return nil
}
