package math

import (
	"errors"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// arith is a binary operator whose output has the operands' type. Integers wrap
// around, floats are computed in float64 and rounded once.
type arith struct {
	zip
	placing
	sym  byte        // operator of symbolic shape arithmetic, 0 for none
	k    *pairKernel // over float32; nil = a plain loop over f
	name string
}

func arithDef(name string, sym byte, z zip) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		return &arith{zip: z, placing: placingOf(a), sym: sym, k: pairKernels[name], name: name}, nil
	}}
}

func (o *arith) Infer(c *op.Infer) error {
	s, err := o.placing.infer(c)
	c.Out(0, c.Type(0), s)
	if o.sym != 0 && err == nil {
		inferElems(c, symbolic(c, o.sym))
	}
	return err
}

func (o *arith) Overwrites(int) []int { return []int{0, 1} }

func (o *arith) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(1)
	dims, bs, err := o.shapes(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	y, err := e.Out(0, a.DType(), dims...)
	if err != nil {
		return err
	}
	return o.run(y, a, b, dims, a.Shape(), bs)
}

var errDivZero = errors.New("integer division by zero")

var (
	addDef = arithDef("Add", '+', zip{
		f: func(a, b float64) float64 { return a + b },
		i: func(a, b int64) (int64, error) { return a + b, nil },
		u: func(a, b uint64) (uint64, error) { return a + b, nil }})
	subDef = arithDef("Sub", '-', zip{
		f: func(a, b float64) float64 { return a - b },
		i: func(a, b int64) (int64, error) { return a - b, nil },
		u: func(a, b uint64) (uint64, error) { return a - b, nil }})
	mulDef = arithDef("Mul", '*', zip{
		f: func(a, b float64) float64 { return a * b },
		i: func(a, b int64) (int64, error) { return a * b, nil },
		u: func(a, b uint64) (uint64, error) { return a * b, nil }})
	// Div truncates integers towards zero; division by zero is an error.
	divDef = arithDef("Div", '/', zip{
		f: func(a, b float64) float64 { return a / b },
		i: func(a, b int64) (int64, error) {
			if b == 0 {
				return 0, errDivZero
			}
			return a / b, nil
		},
		u: func(a, b uint64) (uint64, error) {
			if b == 0 {
				return 0, errDivZero
			}
			return a / b, nil
		}})
)

// modDef rounds the quotient down (fmod=0, sign of the divisor, as Python) or
// towards zero (fmod=1, as C). Float operands are taken with both, as from
// version 28 on.
var modDef = &op.Def{Name: "Mod", New: func(a *op.Args) (op.Op, error) {
	z := floorMod
	if a.Bool("fmod", false) {
		z.f = math.Mod
		z.i = func(a, b int64) (int64, error) {
			if b == 0 {
				return 0, errDivZero
			}
			return a % b, nil
		}
	}
	return &arith{zip: z, placing: placingOf(a)}, nil
}}

var floorMod = zip{
	f: func(a, b float64) float64 {
		r := math.Mod(a, b)
		if r == 0 {
			return math.Copysign(0, b)
		}
		if (r < 0) != (b < 0) {
			r += b
		}
		return r
	},
	i: func(a, b int64) (int64, error) {
		if b == 0 {
			return 0, errDivZero
		}
		r := a % b
		if r != 0 && (r < 0) != (b < 0) {
			r += b
		}
		return r, nil
	},
	u: func(a, b uint64) (uint64, error) {
		if b == 0 {
			return 0, errDivZero
		}
		return a % b, nil
	},
}

func bitDef(name string, f func(a, b uint64) uint64) *op.Def {
	return arithDef(name, 0, zip{
		i: func(a, b int64) (int64, error) { return int64(f(uint64(a), uint64(b))), nil },
		u: func(a, b uint64) (uint64, error) { return f(a, b), nil }})
}

// The logical operators are the bitwise ones on 0 and 1.
var (
	andDef        = bitDef("And", func(a, b uint64) uint64 { return a & b })
	orDef         = bitDef("Or", func(a, b uint64) uint64 { return a | b })
	xorDef        = bitDef("Xor", func(a, b uint64) uint64 { return a ^ b })
	bitwiseAndDef = bitDef("BitwiseAnd", func(a, b uint64) uint64 { return a & b })
	bitwiseOrDef  = bitDef("BitwiseOr", func(a, b uint64) uint64 { return a | b })
	bitwiseXorDef = bitDef("BitwiseXor", func(a, b uint64) uint64 { return a ^ b })
)

// bitShift shifts by the second operand. An amount that is negative or at
// least the type's width leaves only copies of the sign bit (BitShift-28).
type bitShift struct{ arith }

var bitShiftDef = &op.Def{Name: "BitShift", New: func(a *op.Args) (op.Op, error) {
	o := &bitShift{}
	left := a.OneOf("direction", "LEFT", "LEFT", "RIGHT") == "LEFT"
	o.i = func(x, n int64) (int64, error) {
		switch {
		case n < 0 && left:
			return 0, nil
		case n < 0 || n > 63:
			n = 63
			if left {
				return 0, nil
			}
		}
		if left {
			return x << uint(n), nil
		}
		return x >> uint(n), nil
	}
	o.u = func(x, n uint64) (uint64, error) {
		switch {
		case n > 63:
			return 0, nil
		case left:
			return x << n, nil
		}
		return x >> n, nil
	}
	return o, nil
}}

// pow is x^y. The types may differ from version 12 on; the output has the base's.
type pow struct{ placing }

var powDef = &op.Def{Name: "Pow", New: func(a *op.Args) (op.Op, error) {
	return &pow{placingOf(a)}, nil
}}

func (o *pow) Infer(c *op.Infer) error {
	s, err := o.placing.infer(c)
	c.Out(0, c.Type(0), s)
	return err
}

func (o *pow) Overwrites(int) []int { return []int{0, 1} }

// Eval computes integers raised to integers exactly, modulo the type's width;
// all else in float64, truncated if the base is an integer.
func (o *pow) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(1)
	dims, bs, err := o.shapes(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	y, err := e.Out(0, a.DType(), dims...)
	if err != nil {
		return err
	}
	z := zip{f: math.Pow}
	exact := a.DType().IsInt() && b.DType().IsInt()
	unsigned := b.DType().Class() == tensor.ClassUint
	return broadcastRuns(dims, [][]int{a.Shape(), bs}, func(k, n int, off, step []int) error {
		i, j := off[0], off[1]
		if !exact {
			z.floats(y, a, b, k, n, i, j, step[0], step[1])
			return nil
		}
		for p := k; p < k+n; p++ {
			v, err := intPow(a.IntAt(i), b.IntAt(j), unsigned)
			if err != nil {
				return err
			}
			y.SetIntAt(p, v)
			i, j = i+step[0], j+step[1]
		}
		return nil
	})
}

// intPow returns x^n modulo 2^64, truncated towards zero for negative n.
func intPow(x, n int64, unsigned bool) (int64, error) {
	if n < 0 && !unsigned {
		switch {
		case x == 0:
			return 0, errors.New("zero to a negative power has no integer value")
		case x == 1:
			return 1, nil
		case x == -1:
			return 1 - 2*(n&1), nil
		}
		return 0, nil
	}
	r := int64(1)
	for m := uint64(n); m > 0; m >>= 1 {
		if m&1 != 0 {
			r *= x
		}
		x *= x
	}
	return r, nil
}

// comparison is a binary operator that gives truth values.
type comparison struct {
	placing
	f     func(a, b float64) bool
	i     func(a, b int64) bool
	u     func(a, b uint64) bool
	s     func(a, b string) bool                 // nil: no strings
	elems func(a, b graph.Dim) (graph.Dim, bool) // nil: shape arithmetic ends here
}

func compareDef(name string, proto comparison) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		o := proto
		o.placing = placingOf(a)
		return &o, nil
	}}
}

var (
	equalDef = compareDef("Equal", comparison{
		f: func(a, b float64) bool { return a == b }, i: func(a, b int64) bool { return a == b },
		u: func(a, b uint64) bool { return a == b }, s: func(a, b string) bool { return a == b },
		elems: compareElems})
	greaterDef = compareDef("Greater", comparison{
		f: func(a, b float64) bool { return a > b }, i: func(a, b int64) bool { return a > b },
		u: func(a, b uint64) bool { return a > b }})
	greaterOrEqualDef = compareDef("GreaterOrEqual", comparison{
		f: func(a, b float64) bool { return a >= b }, i: func(a, b int64) bool { return a >= b },
		u: func(a, b uint64) bool { return a >= b }})
	lessDef = compareDef("Less", comparison{
		f: func(a, b float64) bool { return a < b }, i: func(a, b int64) bool { return a < b },
		u: func(a, b uint64) bool { return a < b }})
	lessOrEqualDef = compareDef("LessOrEqual", comparison{
		f: func(a, b float64) bool { return a <= b }, i: func(a, b int64) bool { return a <= b },
		u: func(a, b uint64) bool { return a <= b }})
)

func (o *comparison) Infer(c *op.Infer) error {
	s, err := o.placing.infer(c)
	c.Out(0, tensor.Bool, s)
	if o.elems != nil && err == nil {
		zipElems(c, c.Elems(0), c.Elems(1), o.elems)
	}
	return err
}

// Overwrites allows bool operands (Equal), the only ones of the output's type.
func (o *comparison) Overwrites(int) []int { return []int{0, 1} }

func (o *comparison) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(1)
	dims, bs, err := o.shapes(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	y, err := e.Out(0, tensor.Bool, dims...)
	if err != nil {
		return err
	}
	out := y.Bytes()
	test, err := o.test(a, b)
	if err != nil {
		return err
	}
	return broadcastRuns(dims, [][]int{a.Shape(), bs}, func(k, n int, off, step []int) error {
		i, j := off[0], off[1]
		for p := range out[k : k+n] {
			out[k+p] = byte01(test(i, j))
			i, j = i+step[0], j+step[1]
		}
		return nil
	})
}

// test returns the comparison of element i of a with element j of b.
func (o *comparison) test(a, b *tensor.Tensor) (func(i, j int) bool, error) {
	if err := sameType(a, b); err != nil {
		return nil, err
	}
	switch a.DType() {
	case tensor.Float32:
		av, errA := tensor.Data[float32](a)
		bv, errB := tensor.Data[float32](b)
		if errA == nil && errB == nil {
			return func(i, j int) bool { return o.f(float64(av[i]), float64(bv[j])) }, nil
		}
	case tensor.Int64:
		av, errA := tensor.Data[int64](a)
		bv, errB := tensor.Data[int64](b)
		if errA == nil && errB == nil {
			return func(i, j int) bool { return o.i(av[i], bv[j]) }, nil
		}
	}
	switch a.DType().Class() {
	case tensor.ClassInt:
		return func(i, j int) bool { return o.i(a.IntAt(i), b.IntAt(j)) }, nil
	case tensor.ClassUint:
		return func(i, j int) bool { return o.u(a.UintAt(i), b.UintAt(j)) }, nil
	case tensor.ClassFloat:
		return func(i, j int) bool { return o.f(a.FloatAt(i), b.FloatAt(j)) }, nil
	case tensor.ClassString:
		if o.s != nil {
			return func(i, j int) bool { return o.s(a.Str(i), b.Str(j)) }, nil
		}
	}
	return nil, errors.New("elements of type " + a.DType().String() + " are not ordered")
}

func byte01(b bool) byte {
	if b {
		return 1
	}
	return 0
}
