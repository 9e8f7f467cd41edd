package quant

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// grain says which scale belongs to which element: the tensor is seen as
// [outer, dim, inner] around the quantised axis, and element (o, a, i) has
// scale o*so + a/block*sa + i*si.
type grain struct {
	outer, dim, inner int
	block             int
	so, sa, si        int
}

// grainOf matches the shape s of a scale or zero point with the shape x of the
// tensor: one element for all, a vector along the axis, or, with a block size,
// the tensor's shape with the axis divided by it (QuantizeLinear-21).
func grainOf(x, s []int, axis, block int) (grain, error) {
	one := op.Prod(s) == 1 && len(s) <= max(1, len(x))
	g := grain{outer: 1, dim: 1, inner: op.Prod(x), block: 1}
	a, err := op.Axis(axis, len(x))
	if err == nil {
		g.outer, g.dim, g.inner = op.Prod(x[:a]), x[a], op.Prod(x[a+1:])
	}
	switch {
	case one:
		return g, nil
	case err != nil:
		return g, err
	case block == 0 && len(s) == 1:
		if s[0] != x[a] {
			return g, fmt.Errorf("scale or zero point %v for axis %d of %v, must have %d elements or one", s, a, x, x[a])
		}
		g.sa = 1
		return g, nil
	case block == 0 || len(s) != len(x):
		return g, fmt.Errorf("scale or zero point %v for %v with block_size %d, must be a scalar, a vector, or with a block_size of the tensor's rank", s, x, block)
	}
	for i, d := range x {
		if i == a {
			d = d/block + min(1, d%block)
		}
		if s[i] != d {
			return g, fmt.Errorf("scale or zero point %v for blocks of %d along axis %d of %v, dimension %d must be %d", s, block, a, x, i, d)
		}
	}
	g.block, g.so, g.sa, g.si = block, s[a]*g.inner, g.inner, 1
	return g, nil
}

// each calls f with runs of elements: n of them from k on, with the index of
// the first one's scale and zero point and the steps from one to the next.
func (g grain) each(z grain, f func(k, n, s, z, ds, dz int) error) error {
	if g.so|g.sa|g.si|z.so|z.sa|z.si == 0 {
		return f(0, g.outer*g.dim*g.inner, 0, 0, 0, 0)
	}
	k := 0
	for o := range g.outer {
		for a := range g.dim {
			if err := f(k, g.inner, o*g.so+a/g.block*g.sa, o*z.so+a/z.block*z.sa, g.si, z.si); err != nil {
				return err
			}
			k += g.inner
		}
	}
	return nil
}

// linear is what QuantizeLinear and DequantizeLinear share.
type linear struct {
	axis, block int
	out         tensor.DType // attribute output_dtype; Invalid = not given
}

func decodeLinear(a *op.Args) linear {
	o := linear{axis: a.Int("axis", 1)}
	if a.Schema.Attr("block_size") != nil {
		o.block = a.Int("block_size", 0)
	}
	if a.Schema.Attr("output_dtype") != nil {
		o.out = optionalType(a, "output_dtype")
	}
	if o.block < 0 {
		a.Fail("attribute block_size = %d, must not be negative", o.block)
	}
	return o
}

// optionalType is Args.DType for attributes that use 0 for "not given".
func optionalType(a *op.Args, name string) tensor.DType {
	if a.Int(name, 0) == 0 {
		return tensor.Invalid
	}
	return a.DType(name, tensor.Invalid)
}

// grains matches scale and zero point (nil if absent) with x.
func (o *linear) grains(x, scale, zero *tensor.Tensor) (gs, gz grain, err error) {
	if gs, err = grainOf(x.Shape(), scale.Shape(), o.axis, o.block); err != nil || zero == nil {
		return gs, grain{block: 1}, err
	}
	gz, err = grainOf(x.Shape(), zero.Shape(), o.axis, o.block)
	return gs, gz, err
}

// quantize is QuantizeLinear, ai.onnx versions 10 to 28 and com.microsoft.
type quantize struct {
	linear
	saturate  bool
	precision tensor.DType // of the division, of its operands too; Invalid = float32 at least
	scaled    bool         // the quotient has the precision of the scale
}

func newQuantize(a *op.Args) (op.Op, error) {
	o := &quantize{linear: decodeLinear(a), saturate: a.Bool("saturate", true)}
	if a.Schema.Attr("precision") != nil {
		// Version 23 says that the scale's type decides. Before, the text said
		// nothing, and ONNX Runtime divides float16 in float32.
		o.precision, o.scaled = optionalType(a, "precision"), true
	}
	return o, nil
}

var (
	quantizeDef   = &op.Def{Name: "QuantizeLinear", New: newQuantize}
	quantizeMsDef = &op.Def{Domain: ms, Name: "QuantizeLinear", New: newQuantize}
)

// outType returns the type to quantise to, given that of the zero point
// (Invalid if it is absent or not known).
func (o *quantize) outType(zero tensor.DType) tensor.DType {
	if zero != tensor.Invalid {
		return zero
	}
	if o.out != tensor.Invalid {
		return o.out
	}
	return tensor.Uint8
}

func (o *quantize) Infer(c *op.Infer) error {
	dt := o.outType(c.Type(2))
	if c.Has(2) && c.Type(2) == tensor.Invalid {
		dt = o.out
	}
	c.Out(0, dt, c.Shape(0))
	return nil
}

// quantizable reports whether dt is a type that QuantizeLinear gives.
func quantizable(dt tensor.DType) bool {
	switch dt {
	case tensor.Float4E2M1, tensor.Float8E4M3FN, tensor.Float8E4M3FNUZ, tensor.Float8E5M2, tensor.Float8E5M2FNUZ:
		return true
	}
	return dt.IsInt() && dt.Bits() <= 16
}

func (o *quantize) Eval(e *op.Eval) error {
	x, scale, zero := e.In(0), e.In(1), e.In(2)
	dt := o.outType(tensor.Invalid)
	if zero != nil {
		dt = zero.DType()
		if o.out != tensor.Invalid && o.out != dt {
			return fmt.Errorf("output_dtype is %v, y_zero_point is %v: they must agree", o.out, dt)
		}
	}
	if !quantizable(dt) {
		return fmt.Errorf("%v is no type to quantise to", dt)
	}
	gs, gz, err := o.grains(x, scale, zero)
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, dt, x)
	if err != nil {
		return err
	}
	q, read := targetOf(y, o.saturate), reader(x)
	rs, rz := reader(scale), func(int) float64 { return 0 }
	if zero != nil {
		rz = reader(zero)
	}
	in, div := func(v float64) float64 { return v }, rounding(tensor.Float32)
	if o.scaled {
		div = rounding(scale.DType())
	}
	if o.precision != tensor.Invalid {
		in, div = rounding(o.precision), rounding(o.precision)
	}
	return gs.each(gz, func(k, n, s, z, ds, dz int) error {
		for p := k; p < k+n; p++ {
			q.set(p, div(in(read(p))/in(rs(s))), rz(z))
			s, z = s+ds, z+dz
		}
		return nil
	})
}

// dequantize is DequantizeLinear, ai.onnx versions 10 to 28 and com.microsoft:
// (x - zero) * scale, rounded once to the output's type.
type dequantize struct{ linear }

func newDequantize(a *op.Args) (op.Op, error) {
	return &dequantize{decodeLinear(a)}, nil
}

var (
	dequantizeDef   = &op.Def{Name: "DequantizeLinear", New: newDequantize}
	dequantizeMsDef = &op.Def{Domain: ms, Name: "DequantizeLinear", New: newDequantize}
)

// outType is output_dtype, or the scale's type.
func (o *dequantize) outType(scale tensor.DType) tensor.DType {
	if o.out != tensor.Invalid {
		return o.out
	}
	return scale
}

func (o *dequantize) Infer(c *op.Infer) error {
	c.Out(0, o.outType(c.Type(1)), c.Shape(0))
	return nil
}

func (o *dequantize) Eval(e *op.Eval) error {
	x, scale, zero := e.In(0), e.In(1), e.In(2)
	dt := o.outType(scale.DType())
	switch dt {
	case tensor.Float32, tensor.Float16, tensor.BFloat16:
	default:
		return fmt.Errorf("the output's type is %v, must be float, float16 or bfloat16; set output_dtype", dt)
	}
	gs, gz, err := o.grains(x, scale, zero)
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, dt, x)
	if err != nil {
		return err
	}
	read, rs, rz := reader(x), reader(scale), func(int) float64 { return 0 }
	if zero != nil {
		rz = reader(zero)
	}
	if out, err := tensor.Data[float32](y); err == nil {
		return gs.each(gz, func(k, n, s, z, ds, dz int) error {
			for p := range out[k : k+n] {
				out[k+p] = float32((read(k+p) - rz(z)) * rs(s))
				s, z = s+ds, z+dz
			}
			return nil
		})
	}
	return gs.each(gz, func(k, n, s, z, ds, dz int) error {
		for p := k; p < k+n; p++ {
			y.SetFloatAt(p, (read(p)-rz(z))*rs(s))
			s, z = s+ds, z+dz
		}
		return nil
	})
}
