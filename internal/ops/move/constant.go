package move

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// constant is Constant: the value of whichever attribute is there. A sparse
// value has been made dense by who read the model.
type constant struct{ value *tensor.Tensor }

var constantDef = &op.Def{Name: "Constant", New: func(a *op.Args) (op.Op, error) {
	var v *tensor.Tensor
	var err error
	n := 0
	for _, name := range []string{"value", "sparse_value", "value_float", "value_floats", "value_int", "value_ints", "value_string", "value_strings"} {
		if !a.Has(name) {
			continue
		}
		n++
		if v, err = constantValue(a, name); err != nil {
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
	}
	if n != 1 || v == nil {
		return nil, fmt.Errorf("%d attributes give a value, must be exactly one", n)
	}
	return &constant{v.Aligned()}, nil
}}

func constantValue(a *op.Args, name string) (*tensor.Tensor, error) {
	switch name {
	case "value_float":
		return tensor.From([]float32{float32(a.Float(name, 0))})
	case "value_floats":
		f := a.Floats(name)
		return tensor.From(append([]float32{}, f...), len(f))
	case "value_int":
		v := a.Node.Attrs.Get(name).I
		a.Ignore(name)
		return tensor.From([]int64{v})
	case "value_ints":
		v := a.Int64s(name)
		return tensor.From(append([]int64{}, v...), len(v))
	case "value_string":
		return tensor.FromStrings([]string{a.String(name, "")})
	case "value_strings":
		s := a.Strings(name)
		return tensor.FromStrings(s, len(s))
	}
	return a.Tensor(name), nil
}

func (o *constant) Infer(c *op.Infer) error {
	c.OutFact(0, op.Fact{Type: graph.TensorType(o.value.DType(), graph.Dims(o.value.Shape()...)), Const: o.value})
	return nil
}

func (o *constant) Eval(e *op.Eval) error {
	e.SetOut(0, o.value)
	return nil
}

// constantOfShape fills a tensor of the shape in input 0 with one value.
type constantOfShape struct{ value *tensor.Tensor }

var constantOfShapeDef = &op.Def{Name: "ConstantOfShape", New: func(a *op.Args) (op.Op, error) {
	v := a.Tensor("value")
	if v == nil {
		v = tensor.Scalar(float32(0))
	}
	if v.Len() != 1 {
		return nil, fmt.Errorf("attribute \"value\" is %v, must have one element", v)
	}
	return &constantOfShape{v}, nil
}}

func (o *constantOfShape) Infer(c *op.Infer) error {
	dims := c.Elems(0)
	if dims == nil {
		var s graph.Shape
		if n := (list{in: 0}).count(c); n >= 0 && n <= maxRank {
			s = c.FreshShape(n)
		}
		c.Out(0, o.value.DType(), s)
		return nil
	}
	for _, d := range dims {
		if d.Known() && d.N < 0 {
			return fmt.Errorf("shape %v has a negative dimension", graph.Shape(dims))
		}
	}
	c.Out(0, o.value.DType(), append(graph.Shape{}, dims...))
	if len(dims) == 1 && dims[0].Known() && dims[0].N <= 64 && o.value.DType().IsInt() {
		e := make([]graph.Dim, dims[0].N)
		for i := range e {
			v := o.value.IntAt(0)
			if int64(int(v)) != v {
				return nil
			}
			e[i] = graph.D(int(v))
		}
		c.OutElems(0, e)
	}
	return nil
}

func (o *constantOfShape) Eval(e *op.Eval) error {
	if r := e.In(0).Rank(); r > 1 {
		return fmt.Errorf("shape has rank %d, must be 1", r)
	}
	y, err := e.Out(0, o.value.DType(), e.IntList(0)...)
	if err != nil {
		return err
	}
	return convert(e, y, o.value, func(m *mover, dst, src []byte) error {
		fill(dst, src[:m.w])
		return nil
	})
}

// eyeLike is EyeLike: ones on diagonal k of a matrix with the input's shape.
type eyeLike struct {
	dt tensor.DType // Invalid: the input's
	k  int
}

var eyeLikeDef = &op.Def{Name: "EyeLike", New: func(a *op.Args) (op.Op, error) {
	return &eyeLike{a.DType("dtype", tensor.Invalid), a.Int("k", 0)}, nil
}}

func (o *eyeLike) Infer(c *op.Infer) error {
	dt := o.dt
	if dt == tensor.Invalid {
		dt = c.Type(0)
	}
	s := c.Shape(0)
	if s == nil {
		s = c.FreshShape(2)
	}
	if len(s) != 2 {
		return fmt.Errorf("input is %v, must have rank 2", s)
	}
	c.Out(0, dt, s)
	return nil
}

func (o *eyeLike) Eval(e *op.Eval) error {
	x := e.In(0)
	dt := o.dt
	if dt == tensor.Invalid {
		dt = x.DType()
	}
	if x.Rank() != 2 {
		return fmt.Errorf("input is %v, must have rank 2", x)
	}
	if c := dt.Class(); c == tensor.ClassString || c == tensor.ClassNone {
		return fmt.Errorf("element type %v has no one", dt)
	}
	y, err := e.OutLike(0, dt, x)
	if err != nil {
		return err
	}
	clear(y.Bytes())
	rows, cols := x.Shape()[0], x.Shape()[1]
	if y.Len() == 0 || o.k >= cols || o.k <= -rows {
		return nil
	}
	for r := max(0, -o.k); r < rows && r+o.k < cols; r++ {
		y.SetFloatAt(r*cols+r+o.k, 1)
	}
	return nil
}

// rangeOp is Range: start, start+delta, … below limit (above, if delta is
// negative). Elements are start + i*delta, rounded once.
type rangeOp struct{}

var rangeDef = &op.Def{Name: "Range", New: func(a *op.Args) (op.Op, error) {
	a.DType("stash_type", tensor.Float32) // float64 holds more than any stash type
	return &rangeOp{}, nil
}}

// msRangeDef is the contrib forerunner: delta may be absent and is 1 then.
var msRangeDef = &op.Def{Domain: "com.microsoft", Name: "Range", New: func(*op.Args) (op.Op, error) { return &rangeOp{}, nil }}

func (*rangeOp) Infer(c *op.Infer) error {
	a, b := c.Const(0), c.Const(1)
	d := c.Const(2)
	if !c.Has(2) && c.Type(0) != tensor.Invalid {
		d = one1(c.Type(0))
	}
	if a != nil && b != nil && d != nil {
		n, err := rangeLen(a, b, d)
		if err != nil {
			return err
		}
		c.Out(0, c.Type(0), graph.Dims(n))
		if n <= 256 && a.DType().IsInt() {
			el := make([]graph.Dim, n)
			for i := range el {
				v := a.IntAt(0) + int64(i)*d.IntAt(0)
				if int64(int(v)) != v {
					return nil
				}
				el[i] = graph.D(int(v))
			}
			c.OutElems(0, el)
		}
		return nil
	}
	c.Out(0, c.Type(0), graph.Shape{rangeSymbol(c)})
	return nil
}

// rangeSymbol returns the length of a range from 0 in steps of 1 to a
// dimension, which is that dimension.
func rangeSymbol(c *op.Infer) graph.Dim {
	lo, okLo := c.Ints(0)
	step, okStep := c.Ints(2)
	if !c.Has(2) {
		step, okStep = []int{1}, true
	}
	hi := c.Elems(1)
	if !okLo || !okStep || len(lo) != 1 || len(step) != 1 || len(hi) != 1 || lo[0] != 0 || step[0] != 1 {
		return c.Fresh()
	}
	for _, r := range hi[0].Sym { // an expression with a minus may be below 0
		if r == '-' {
			return c.Fresh()
		}
	}
	if hi[0].Known() {
		return graph.D(max(hi[0].N, 0))
	}
	return hi[0]
}

func one1(dt tensor.DType) *tensor.Tensor {
	t, err := tensor.New(dt)
	if err != nil || dt == tensor.String {
		return nil
	}
	t.SetIntAt(0, 1)
	return t
}

// rangeLen returns max(ceil((b-a)/d), 0).
func rangeLen(a, b, d *tensor.Tensor) (int, error) {
	for _, t := range []*tensor.Tensor{a, b, d} {
		if t.Len() != 1 {
			return 0, fmt.Errorf("start, limit and delta must be scalars, one is %v", t)
		}
	}
	if a.DType().IsInt() {
		return intRangeLen(a.IntAt(0), b.IntAt(0), d.IntAt(0))
	}
	n := math.Ceil((b.FloatAt(0) - a.FloatAt(0)) / d.FloatAt(0))
	switch {
	case d.FloatAt(0) == 0:
		return 0, fmt.Errorf("delta is 0")
	case math.IsNaN(n):
		return 0, fmt.Errorf("range from %v to %v by %v has no length", a.FloatAt(0), b.FloatAt(0), d.FloatAt(0))
	case n <= 0:
		return 0, nil
	case n > 1<<31-2:
		return 0, fmt.Errorf("%w: range of %v elements", tensor.ErrShape, n)
	}
	return int(n), nil
}

func intRangeLen(a, b, d int64) (int, error) {
	var span, by uint64
	switch {
	case d == 0:
		return 0, fmt.Errorf("delta is 0")
	case d > 0 && b > a:
		span, by = uint64(b)-uint64(a), uint64(d)
	case d < 0 && b < a:
		span, by = uint64(a)-uint64(b), -uint64(d)
	default:
		return 0, nil
	}
	n := (span-1)/by + 1
	if n > 1<<31-2 {
		return 0, fmt.Errorf("%w: range of %d elements", tensor.ErrShape, n)
	}
	return int(n), nil
}

func (*rangeOp) Eval(e *op.Eval) error {
	a, b, d := e.In(0), e.In(1), e.In(2)
	if d == nil {
		d = one1(a.DType())
	}
	n, err := rangeLen(a, b, d)
	if err != nil {
		return err
	}
	y, err := e.Out(0, a.DType(), n)
	if err != nil {
		return err
	}
	if a.DType().IsInt() {
		v, by := a.IntAt(0), d.IntAt(0)
		for i := range n {
			y.SetIntAt(i, v+int64(i)*by)
		}
		return nil
	}
	v, by := a.FloatAt(0), d.FloatAt(0)
	for i := range n {
		y.SetFloatAt(i, v+float64(i)*by)
	}
	return nil
}
