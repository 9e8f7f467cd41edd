package quant

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// matMulInteger is MatMulInteger: A and B without their zero points, multiplied in int32.
// Zero points belong to the rows of A and the columns of B.
// The com.microsoft form for 16-bit operands has none.
type matMulInteger struct{}

var matMulIntegerDef = &op.Def{Name: "MatMulInteger", New: func(*op.Args) (op.Op, error) { return &matMulInteger{}, nil }}

func (o *matMulInteger) Infer(c *op.Infer) error {
	s, err := inferProduct(c, c.Shape(0), c.Shape(1))
	c.Out(0, tensor.Int32, s)
	return err
}

func (o *matMulInteger) Eval(e *op.Eval) error { return evalMatMulInteger(e, tensor.Int32) }

func evalMatMulInteger(e *op.Eval, dt tensor.DType) error {
	p, a, b, err := operands(e, 0, 1, 2, 3)
	if err != nil {
		return err
	}
	y, err := e.Out(0, dt, p.dims...)
	if err != nil {
		return err
	}
	return p.ints(e, a, b, func(row int, acc []int32) {
		for j, v := range acc {
			y.SetIntAt(row*p.n+j, int64(v))
		}
	})
}

// operands returns two matrices without their zero points; the numbers are inputs.
func operands(e *op.Eval, ia, ib, za, zb int) (*product, []int32, []int32, error) {
	ta, tb := e.In(ia), e.In(ib)
	p, err := productOf(ta.Shape(), tb.Shape())
	if err != nil {
		return nil, nil, nil, err
	}
	a, err := centred(e, ta, e.In(za), p.a, len(p.a)-2)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("zero point of A: %w", err)
	}
	b, err := centred(e, tb, e.In(zb), p.b, len(p.b)-1)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("zero point of B: %w", err)
	}
	return p, a, b, nil
}

// matMulInteger16 multiplies 16-bit integers; unsigned operands may give uint32.
type matMulInteger16 struct{}

var matMulInteger16Def = &op.Def{Domain: ms, Name: "MatMulInteger16", New: func(*op.Args) (op.Op, error) { return &matMulInteger16{}, nil }}

// sumType is uint32 if both operands are unsigned, else int32.
func sumType(a, b tensor.DType) tensor.DType {
	if a.Class() == tensor.ClassUint && b.Class() == tensor.ClassUint {
		return tensor.Uint32
	}
	return tensor.Int32
}

func (o *matMulInteger16) Infer(c *op.Infer) error {
	s, err := inferProduct(c, c.Shape(0), c.Shape(1))
	dt := tensor.Invalid
	if c.Type(0) != tensor.Invalid && c.Type(1) != tensor.Invalid {
		dt = sumType(c.Type(0), c.Type(1))
	}
	c.Out(0, dt, s)
	return err
}

func (o *matMulInteger16) Eval(e *op.Eval) error {
	return evalMatMulInteger(e, sumType(e.In(0).DType(), e.In(1).DType()))
}

// qLinearMatMul is QLinearMatMul: a product of quantised matrices, quantised
// anew. Scales and zero points belong to the rows of a and y and the columns of b.
type qLinearMatMul struct{}

var qLinearMatMulDef = &op.Def{Name: "QLinearMatMul", New: func(*op.Args) (op.Op, error) { return &qLinearMatMul{}, nil }}

func (o *qLinearMatMul) Infer(c *op.Infer) error {
	s, err := inferProduct(c, c.Shape(0), c.Shape(3))
	c.Out(0, c.Type(7), s)
	return err
}

func (o *qLinearMatMul) Eval(e *op.Eval) error {
	if e.In(0).DType().IsFloat() || e.In(3).DType().IsFloat() {
		return o.float8(e)
	}
	p, a, b, err := operands(e, 0, 3, 2, 5)
	if err != nil {
		return err
	}
	r, err := newRequant(e, p, e.In(1), e.In(4), e.In(6), e.In(7))
	if err != nil {
		return err
	}
	return p.ints(e, a, b, func(row int, acc []int32) {
		r.row(row, func(j int) float64 { return float64(float32(acc[j])) })
	})
}

// float8 computes products of float8 operands in float64.
func (o *qLinearMatMul) float8(e *op.Eval) error {
	p, err := productOf(e.In(0).Shape(), e.In(3).Shape())
	if err != nil {
		return err
	}
	a, err := centredFloat(e, e.In(0), e.In(2), p.a, len(p.a)-2)
	if err != nil {
		return err
	}
	b, err := centredFloat(e, e.In(3), e.In(5), p.b, len(p.b)-1)
	if err != nil {
		return err
	}
	r, err := newRequant(e, p, e.In(1), e.In(4), e.In(6), e.In(7))
	if err != nil {
		return err
	}
	acc, err := e.Temp(tensor.Float64, p.n)
	if err != nil {
		return err
	}
	return each(e, p, a, b, tensor.Of[float64](acc), func(row int, acc []float64) {
		r.row(row, func(j int) float64 { return acc[j] })
	})
}

func centredFloat(e *op.Eval, t, zero *tensor.Tensor, dims []int, axis int) ([]float64, error) {
	f, err := floats(e, t)
	if err != nil {
		return nil, err
	}
	p, err := paramOf(zero, dims, axis, 0)
	if err != nil {
		return nil, err
	}
	return f, op.Each(dims, [][]int{p.strides}, func(k int, _, off []int) error {
		f[k] -= p.at(off[0])
		return nil
	})
}

// requant turns the sums of a product into quantised output. The factor
// a_scale*b_scale/y_scale and the scaled sum are rounded to float32, as in ONNX Runtime.
type requant struct {
	q              target
	dims           []int // of the full product
	sa, sb, sy, zy param
}

func newRequant(e *op.Eval, p *product, sa, sb, sy, zy *tensor.Tensor) (*requant, error) {
	if !quantizable(zy.DType()) {
		return nil, fmt.Errorf("y_zero_point is %v, no type to quantise to", zy.DType())
	}
	y, err := e.Out(0, zy.DType(), p.dims...)
	if err != nil {
		return nil, err
	}
	r := &requant{q: targetOf(y, true), dims: p.full}
	rows, cols := len(p.full)-2, len(p.full)-1
	for _, x := range []struct {
		p    *param
		t    *tensor.Tensor
		name string
		axis int
	}{{&r.sa, sa, "a_scale", rows}, {&r.sb, sb, "b_scale", cols}, {&r.sy, sy, "y_scale", rows}, {&r.zy, zy, "y_zero_point", rows}} {
		if *x.p, err = paramOf(x.t, p.full, x.axis, 0); err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
	}
	return r, nil
}

// row stores a row of the result from its sums.
func (r *requant) row(row int, sum func(j int) float64) {
	n := r.dims[len(r.dims)-1]
	sa, sb, sy, zy := r.sa.row(r.dims, row), r.sb.row(r.dims, row), r.sy.row(r.dims, row), r.zy.row(r.dims, row)
	for j := range n {
		m := float32(r.sa.at(sa)) * float32(r.sb.at(sb))
		m = m / float32(r.sy.at(sy))
		r.q.set(row*n+j, float64(float32(sum(j))*m), r.zy.at(zy))
		sa, sb, sy, zy = sa+r.sa.col(), sb+r.sb.col(), sy+r.sy.col(), zy+r.zy.col()
	}
}

// matMulIntegerToFloat is MatMulInteger with the scales and an optional bias
// applied. Scale and zero point of A are those of the whole tensor, those of B
// of the whole or of its columns.
type matMulIntegerToFloat struct{}

var matMulIntegerToFloatDef = &op.Def{Domain: ms, Name: "MatMulIntegerToFloat", New: func(*op.Args) (op.Op, error) { return &matMulIntegerToFloat{}, nil }}

func (o *matMulIntegerToFloat) Infer(c *op.Infer) error {
	s, err := inferProduct(c, c.Shape(0), c.Shape(1))
	c.Out(0, c.Type(2), s)
	return err
}

func (o *matMulIntegerToFloat) Eval(e *op.Eval) error {
	p, a, b, err := operands(e, 0, 1, 4, 5)
	if err != nil {
		return err
	}
	sa, err := paramOf(e.In(2), p.full, len(p.full)-2, 1)
	if err != nil {
		return fmt.Errorf("a_scale: %w", err)
	}
	return scaledSums(e, p, a, b, sa, e.In(3), e.In(6), e.In(2).DType())
}

// scaledSums computes output 0 as a*b*sa*sb + bias.
func scaledSums(e *op.Eval, p *product, a, b []int32, sa param, sb, bias *tensor.Tensor, dt tensor.DType) error {
	cols := len(p.full) - 1
	bp, err := paramOf(sb, p.full, cols, 1)
	if err != nil {
		return fmt.Errorf("b_scale: %w", err)
	}
	if bias != nil && (bias.Rank() != 1 || bias.Len() != p.n) {
		return fmt.Errorf("bias is %v, must be a vector of %d elements", bias, p.n)
	}
	y, err := e.Out(0, dt, p.dims...)
	if err != nil {
		return err
	}
	return p.ints(e, a, b, func(row int, acc []int32) {
		i, j := sa.row(p.full, row), bp.row(p.full, row)
		for c, v := range acc {
			r := float64(v) * sa.at(i) * bp.at(j)
			if bias != nil {
				r += bias.FloatAt(c)
			}
			y.SetFloatAt(row*p.n+c, r)
			i, j = i+sa.col(), j+bp.col()
		}
	})
}

// dynamicQuantizeMatMul quantises A to uint8 as DynamicQuantizeLinear does,
// then goes on as MatMulIntegerToFloat.
type dynamicQuantizeMatMul struct{}

var dynamicQuantizeMatMulDef = &op.Def{Domain: ms, Name: "DynamicQuantizeMatMul", New: func(*op.Args) (op.Op, error) { return &dynamicQuantizeMatMul{}, nil }}

func (o *dynamicQuantizeMatMul) Infer(c *op.Infer) error {
	s, err := inferProduct(c, c.Shape(0), c.Shape(1))
	c.Out(0, tensor.Float32, s)
	return err
}

func (o *dynamicQuantizeMatMul) Eval(e *op.Eval) error {
	p, err := productOf(e.In(0).Shape(), e.In(1).Shape())
	if err != nil {
		return err
	}
	t, err := e.Temp(tensor.Int32, e.In(0).Len())
	if err != nil {
		return err
	}
	a := tensor.Of[int32](t)
	scale := quantizeSpan(reader(e.In(0)), 0, a)
	b, err := centred(e, e.In(1), e.In(3), p.b, len(p.b)-1)
	if err != nil {
		return fmt.Errorf("b_zero_point: %w", err)
	}
	sa, err := paramOf(nil, p.full, 0, float64(scale))
	if err != nil {
		return err
	}
	return scaledSums(e, p, a, b, sa, e.In(2), e.In(4), tensor.Float32)
}

// qGemm is QGemm: alpha * A*B + C on quantised matrices. C is int32 with the
// scale alpha*a_scale*b_scale. The output is quantised if y_zero_point is there.
type qGemm struct {
	ta, tb bool
	alpha  float32
}

var qGemmDef = &op.Def{Domain: ms, Name: "QGemm", New: func(a *op.Args) (op.Op, error) {
	return &qGemm{ta: a.Bool("transA", false), tb: a.Bool("transB", false), alpha: float32(a.Float("alpha", 1))}, nil
}}

func (o *qGemm) Infer(c *op.Infer) error {
	dt := tensor.Float32
	if c.Has(8) {
		dt = c.Type(8)
	}
	a, b := c.Shape(0), c.Shape(3)
	if a == nil || b == nil {
		c.Out(0, dt, graph.Shape{c.Fresh(), c.Fresh()})
		return nil
	}
	if len(a) != 2 || len(b) != 2 {
		return fmt.Errorf("A%v and B%v must be matrices", a, b)
	}
	m, n := a[0], b[1]
	if o.ta {
		m = a[1]
	}
	if o.tb {
		n = b[0]
	}
	c.Out(0, dt, graph.Shape{m, n})
	return nil
}

func (o *qGemm) Eval(e *op.Eval) error {
	p, a, b, err := o.operands(e)
	if err != nil {
		return err
	}
	sa, err := single(e, 1)
	if err != nil {
		return err
	}
	sb, err := paramOf(e.In(4), p.full, 1, 1)
	if err != nil {
		return fmt.Errorf("b_scale: %w", err)
	}
	bias := e.In(6)
	var cs []int
	if bias != nil {
		if d, err := op.BroadcastDims(bias.Shape(), p.full); err != nil || !tensor.SameShape(d, p.full) {
			return fmt.Errorf("C is %v, must broadcast to %v", bias, p.full)
		}
		cs = op.BroadcastStrides(bias.Shape(), p.full)
	}
	store, err := o.store(e, p)
	if err != nil {
		return err
	}
	return p.ints(e, a, b, func(row int, acc []int32) {
		for j, v := range acc {
			if bias != nil {
				v += int32(bias.IntAt(row*cs[0] + j*cs[1]))
			}
			m := o.alpha * float32(sa.FloatAt(0))
			store(row*p.n+j, v, m*float32(sb.at(j*sb.col())))
		}
	})
}

// store returns the function that makes an element of the output from a sum
// and its scale.
func (o *qGemm) store(e *op.Eval, p *product) (func(i int, sum int32, scale float32), error) {
	if !e.Has(8) {
		y, err := e.Out(0, tensor.Float32, p.dims...)
		return func(i int, sum int32, scale float32) { y.SetFloatAt(i, float64(float32(sum)*scale)) }, err
	}
	if !e.Has(7) {
		return nil, fmt.Errorf("y_zero_point is there, y_scale is missing")
	}
	ya, err := readAffine(e, 7, 8)
	if err != nil {
		return nil, err
	}
	y, err := e.Out(0, e.In(8).DType(), p.dims...)
	if err != nil {
		return nil, err
	}
	q := targetOf(y, true)
	return func(i int, sum int32, scale float32) {
		q.set(i, float64(float32(sum)*(scale/ya.scale)), float64(ya.zero))
	}, nil
}

// operands returns A and B without zero points, transposed as the attributes say.
func (o *qGemm) operands(e *op.Eval) (*product, []int32, []int32, error) {
	ta, tb := e.In(0), e.In(3)
	if ta.Rank() != 2 || tb.Rank() != 2 {
		return nil, nil, nil, fmt.Errorf("A is %v, B is %v: both must be matrices", ta, tb)
	}
	if _, err := single(e, 2); err != nil {
		return nil, nil, nil, err
	}
	a, err := centred(e, ta, e.In(2), ta.Shape(), 0)
	if err != nil {
		return nil, nil, nil, err
	}
	as, bs := ta.Shape(), tb.Shape()
	column := 1
	if o.tb {
		column = 0
	}
	b, err := centred(e, tb, e.In(5), bs, column)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("b_zero_point: %w", err)
	}
	if o.ta {
		if a, err = transposed(e, a, as[0], as[1]); err != nil {
			return nil, nil, nil, err
		}
		as = []int{as[1], as[0]}
	}
	if o.tb {
		if b, err = transposed(e, b, bs[0], bs[1]); err != nil {
			return nil, nil, nil, err
		}
		bs = []int{bs[1], bs[0]}
	}
	p, err := productOf(as, bs)
	return p, a, b, err
}
