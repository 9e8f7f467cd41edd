package quant

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// gatherBlock is GatherBlockQuantized: Gather along one axis of data that is
// quantised in blocks along another, and dequantised as it is read. uint8 data
// holds 8/bits values a byte along the last axis, the first in the low bits.
// An index out of range gives zeros.
type gatherBlock struct{ bits, block, gather, quantize int }

var gatherBlockQuantizedDef = &op.Def{Domain: ms, Name: "GatherBlockQuantized", New: func(a *op.Args) (op.Op, error) {
	o := &gatherBlock{a.Int("bits", 4), a.Int("block_size", 128), a.Int("gather_axis", 0), a.Int("quantize_axis", 1)}
	if o.bits != 2 && o.bits != 4 && o.bits != 8 {
		a.Fail("attribute bits = %d, must be 2, 4 or 8", o.bits)
	}
	if o.block != 0 && (o.block < 16 || o.block&(o.block-1) != 0) {
		a.Fail("attribute block_size = %d, must be a power of two and at least 16, or 0 for one block", o.block)
	}
	return o, nil
}}

// pack returns how many values an element of data holds.
func (o *gatherBlock) pack(dt tensor.DType) int {
	if dt == tensor.Uint8 {
		return 8 / o.bits
	}
	return 1
}

func (o *gatherBlock) Infer(c *op.Infer) error {
	d, ix := c.Shape(0), c.Shape(1)
	if d == nil || ix == nil || c.Type(0) == tensor.Invalid {
		c.Out(0, c.Type(2), nil)
		return nil
	}
	g, err := op.Axis(o.gather, len(d))
	if err != nil {
		return err
	}
	s := append(append(append(graph.Shape{}, d[:g]...), ix...), d[g+1:]...)
	if p := o.pack(c.Type(0)); p > 1 && g < len(d)-1 {
		last := &s[len(s)-1]
		if last.Known() {
			if _, ok := tensor.NumElements([]int{last.N, p}); !ok {
				return fmt.Errorf("data %v is too large", d)
			}
			last.N *= p
		} else {
			*last = c.Fresh()
		}
	}
	c.Out(0, c.Type(2), s)
	return nil
}

// gatherRun is one call: data seen as unpacked values of shape dims.
type gatherRun struct {
	*gatherBlock
	data, scales, zeros *tensor.Tensor
	dims                []int // of the values
	g, q, pack, block   int
	strides             []int // of the scales; 0 where they repeat
	zrow                int   // packed bytes of a row of zero points
}

func (o *gatherBlock) prepare(data, scales, zeros *tensor.Tensor) (*gatherRun, error) {
	r := &gatherRun{gatherBlock: o, data: data, scales: scales, zeros: zeros, dims: append([]int{}, data.Shape()...), pack: o.pack(data.DType()), block: o.block}
	var err error
	if r.g, err = op.Axis(o.gather, len(r.dims)); err != nil {
		return nil, fmt.Errorf("gather_axis: %w", err)
	}
	if r.q, err = op.Axis(o.quantize, len(r.dims)); err != nil {
		return nil, fmt.Errorf("quantize_axis: %w", err)
	}
	last := len(r.dims) - 1
	float := data.DType().IsFloat()
	switch {
	case r.pack > 1 && (r.g == last || r.q != last):
		return nil, fmt.Errorf("gather_axis %d and quantize_axis %d of uint8 data %v: values are packed along the last axis, which must be quantised and not gathered", r.g, r.q, data)
	case r.block == 0 && !float:
		return nil, fmt.Errorf("block_size 0 needs float8 or float4 data, which is %v", data)
	case float && zeros != nil:
		return nil, fmt.Errorf("zero_points with data %v: float8 and float4 have none", data)
	}
	if r.dims[last] > 0 && r.pack > 1 {
		n, ok := tensor.NumElements([]int{r.dims[last], r.pack})
		if !ok {
			return nil, fmt.Errorf("data %v is too large", data)
		}
		r.dims[last] = n
	}
	if r.block == 0 {
		r.block = max(1, r.dims[r.q])
	}
	return r, r.checkScales(float)
}

// checkScales compares the shapes of scales and zero points with the data's.
func (r *gatherRun) checkScales(float bool) error {
	s := r.scales.Shape()
	if len(s) != len(r.dims) {
		return fmt.Errorf("scales is %v, must have rank %d as data", r.scales, len(r.dims))
	}
	r.strides = op.Strides(s)
	for i, d := range r.dims {
		if i == r.q {
			d = ceilDiv(d, r.block)
		}
		if s[i] == d {
			continue
		}
		if !float || i == r.q || s[i] != 1 {
			return fmt.Errorf("scales is %v, dimension %d must be %d", r.scales, i, d)
		}
		r.strides[i] = 0
	}
	if r.zeros == nil {
		return nil
	}
	z := append([]int{}, s...)
	if r.pack > 1 {
		z[r.q] = ceilDiv(z[r.q], r.pack)
		r.zrow = z[r.q]
	}
	if !tensor.SameShape(z, r.zeros.Shape()) {
		return fmt.Errorf("zero_points is %v, must have shape %v", r.zeros, z)
	}
	return nil
}

// zero returns the zero point that belongs to scale i.
func (r *gatherRun) zero(i int) float64 {
	switch {
	case r.data.DType() == tensor.Uint8 && r.zeros == nil:
		return float64(int(1) << (r.bits - 1))
	case r.zeros == nil:
		return 0
	case r.pack > 1: // the quantised axis is the last one
		blocks := r.scales.Shape()[r.q]
		row := i / blocks
		return float64(bits(r.zeros.Bytes()[row*r.zrow:(row+1)*r.zrow], i%blocks, r.bits))
	}
	return r.zeros.FloatAt(i)
}

// value returns data value i before dequantisation.
func (r *gatherRun) value(i int) float64 {
	if r.pack > 1 {
		return float64(r.data.Bytes()[i/r.pack] >> (i % r.pack * r.bits) & (1<<r.bits - 1))
	}
	return r.data.FloatAt(i)
}

func (o *gatherBlock) Eval(e *op.Eval) error {
	r, err := o.prepare(e.In(0), e.In(2), e.In(3))
	if err != nil {
		return err
	}
	index := e.In(1)
	dims := append(append(append([]int{}, r.dims[:r.g]...), index.Shape()...), r.dims[r.g+1:]...)
	y, err := e.Out(0, r.scales.DType(), dims...)
	if err != nil {
		return err
	}
	outer, n, inner := op.Prod(r.dims[:r.g]), r.dims[r.g], op.Prod(r.dims[r.g+1:])
	for a := range outer {
		for j := range index.Len() {
			if err := e.Tick(1); err != nil {
				return err
			}
			i, at := index.IntAt(j), (a*index.Len()+j)*inner
			if i < 0 {
				i += int64(n)
			}
			for k := range inner {
				v := 0.0
				if i >= 0 && i < int64(n) {
					v = r.real((a*n+int(i))*inner + k)
				}
				y.SetFloatAt(at+k, v)
			}
		}
	}
	return nil
}

// real returns data value i dequantised.
func (r *gatherRun) real(i int) float64 {
	s, rest := 0, i
	for a := len(r.dims) - 1; a >= 0; a-- {
		x := rest % r.dims[a]
		rest /= r.dims[a]
		if a == r.q {
			x /= r.block
		}
		s += x * r.strides[a]
	}
	return (r.value(i) - r.zero(s)) * r.scales.FloatAt(s)
}
