package quant

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// weightProduct computes output 0 as A times a weight whose columns are given
// one at a time: A is [..., k], the output [..., n]. column writes column j of
// the weight, k values; bias may be nil.
func weightProduct(e *op.Eval, a *tensor.Tensor, k, n int, bias *tensor.Tensor, column func(j int, dst []float64)) error {
	r := a.Rank()
	if r == 0 || a.Shape()[r-1] != k {
		return fmt.Errorf("A is %v, its last dimension must be %d", a, k)
	}
	if bias != nil && bias.Len() != n {
		return fmt.Errorf("bias is %v, must have %d elements", bias, n)
	}
	rows := op.Prod(a.Shape()[:r-1])
	y, err := e.Out(0, a.DType(), append(append([]int{}, a.Shape()[:r-1]...), n)...)
	if err != nil {
		return err
	}
	x, err := floats(e, a)
	if err != nil {
		return err
	}
	t, err := e.Temp(tensor.Float64, k)
	if err != nil {
		return err
	}
	w := tensor.Of[float64](t)
	for j := range n {
		if err := e.Tick(1); err != nil {
			return err
		}
		b := 0.0
		if bias != nil {
			b = bias.FloatAt(j)
		}
		column(j, w)
		for i := range rows {
			y.SetFloatAt(i*n+j, dot(x[i*k:(i+1)*k], w)+b)
		}
	}
	return nil
}

// dot returns the sum of products; b is at least as long as a.
func dot(a, b []float64) float64 {
	s := 0.0
	b = b[:len(a)]
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// inferWeightProduct states output 0 for A with k columns.
func inferWeightProduct(c *op.Infer, k int, n graph.Dim) error {
	a := c.Shape(0)
	if a == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	if len(a) == 0 {
		return fmt.Errorf("A is a scalar, must have rank 1 at least")
	}
	if d := a[len(a)-1]; d.Known() && k >= 0 && d.N != k {
		return fmt.Errorf("A is %v, its last dimension must be %d", a, k)
	}
	c.Out(0, c.Type(0), append(append(graph.Shape{}, a[:len(a)-1]...), n))
	return nil
}

// positive reads a required integer attribute that must be at least 1.
func positive(a *op.Args, name string) int {
	v := a.Int(name, 0)
	if v < 1 {
		a.Fail("attribute %s = %d, must be at least 1", name, v)
		return 1
	}
	return v
}

// blockSize reads attribute block_size: a power of two, at least 16.
func blockSize(a *op.Args) int {
	b := a.Int("block_size", 0)
	if b < 16 || b&(b-1) != 0 || b > maxWindow {
		a.Fail("attribute block_size = %d, must be a power of two and at least 16", b)
		return 16
	}
	return b
}

// expect checks the number of elements of a tensor: the product of dims.
func expect(name string, t *tensor.Tensor, dims ...int) error {
	if n, ok := tensor.NumElements(dims); !ok || t.Len() != n {
		return fmt.Errorf("%s is %v, must have the elements of %v", name, t, dims)
	}
	return nil
}

func ceilDiv(a, b int) int { return a/b + min(1, a%b) }

// matMulNBits is MatMulNBits: A times the transpose of a weight [N, K] of 2, 4
// or 8 bits, quantised in blocks along K. A block's values are packed into
// block*bits/8 bytes, the first in the low bits.
type matMulNBits struct{ k, n, bits, block, blocks int }

var matMulNBitsDef = &op.Def{Domain: ms, Name: "MatMulNBits", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("accuracy_level")
	o := &matMulNBits{k: positive(a, "K"), n: positive(a, "N"), bits: a.Int("bits", 4), block: blockSize(a)}
	if o.bits != 2 && o.bits != 4 && o.bits != 8 {
		a.Fail("attribute bits = %d, must be 2, 4 or 8", o.bits)
	}
	if p := a.Int("weight_prepacked", 0); p != 0 {
		a.Fail("attribute weight_prepacked = %d is a layout for one GPU; export with 0", p)
	}
	o.blocks = ceilDiv(o.k, o.block)
	return o, nil
}}

func (o *matMulNBits) Infer(c *op.Infer) error { return inferWeightProduct(c, o.k, graph.D(o.n)) }

func (o *matMulNBits) Eval(e *op.Eval) error {
	b, scales, zeros, group := e.In(1), e.In(2), e.In(3), e.In(4)
	if b.Len() == 0 { // an omitted projection
		return weightProduct(e, e.In(0), o.k, o.n, e.In(5), func(_ int, dst []float64) { clear(dst) })
	}
	if err := expect("B", b, o.n, o.blocks, o.block*o.bits/8); err != nil {
		return err
	}
	if err := expect("scales", scales, o.n, o.blocks); err != nil {
		return err
	}
	zero, err := o.zeroPoints(zeros)
	if err != nil {
		return err
	}
	blockOf := func(i int) int { return i / o.block }
	if group != nil {
		if group.Len() < o.k {
			return fmt.Errorf("g_idx is %v, must have %d elements", group, o.k)
		}
		for i := range o.k {
			if g := group.IntAt(i); g < 0 || g >= int64(o.blocks) {
				return fmt.Errorf("g_idx[%d] = %d, must be 0 to %d", i, g, o.blocks-1)
			}
		}
		blockOf = func(i int) int { return int(group.IntAt(i)) }
	}
	row := o.blocks * o.block * o.bits / 8
	return weightProduct(e, e.In(0), o.k, o.n, e.In(5), func(j int, dst []float64) {
		q := b.Bytes()[j*row : (j+1)*row]
		last, s, z := -1, 0.0, 0.0
		for i := range dst {
			if g := blockOf(i); g != last {
				last, s, z = g, scales.FloatAt(j*o.blocks+g), zero(j, g)
			}
			dst[i] = (float64(bits(q, i, o.bits)) - z) * s
		}
	})
}

// zeroPoints returns the function that gives the zero point of block g of
// column j: packed like B, one float a block, or 2^(bits-1) if absent.
func (o *matMulNBits) zeroPoints(t *tensor.Tensor) (func(j, g int) float64, error) {
	if t == nil {
		def := float64(int(1) << (o.bits - 1))
		return func(int, int) float64 { return def }, nil
	}
	if t.DType().IsFloat() {
		return func(j, g int) float64 { return t.FloatAt(j*o.blocks + g) }, expect("zero_points", t, o.n, o.blocks)
	}
	row := ceilDiv(o.blocks*o.bits, 8)
	return func(j, g int) float64 {
		return float64(bits(t.Bytes()[j*row:(j+1)*row], g, o.bits))
	}, expect("zero_points", t, o.n, row)
}

// bnb4 holds the values of bitsandbytes' 4-bit types (QLoRA, arXiv 2305.14314): FP4, NF4.
var bnb4 = [2][16]float32{
	{0, 1. / 192, 2. / 3, 1, 1. / 3, 0.5, 1. / 6, 0.25, 0, -1. / 192, -2. / 3, -1, -1. / 3, -0.5, -1. / 6, -0.25},
	{-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
		-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
		0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1},
}

// matMulBnb4 is MatMulBnb4: the weight [N, K] is one row of 4-bit codes, the
// first of each byte in the high bits, with one scale a block.
type matMulBnb4 struct {
	k, n, block int
	trans       bool
	code        [16]float32
}

var matMulBnb4Def = &op.Def{Domain: ms, Name: "MatMulBnb4", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("training_mode")
	o := &matMulBnb4{k: positive(a, "K"), n: positive(a, "N"), block: blockSize(a), trans: a.Bool("transB", true)}
	t := a.Int("quant_type", 0)
	if t != 0 && t != 1 {
		return nil, fmt.Errorf("attribute quant_type = %d, must be 0 (FP4) or 1 (NF4)", t)
	}
	o.code = bnb4[t]
	return o, nil
}}

func (o *matMulBnb4) Infer(c *op.Infer) error {
	if o.trans {
		return inferWeightProduct(c, o.k, graph.D(o.n))
	}
	return inferWeightProduct(c, o.n, graph.D(o.k))
}

func (o *matMulBnb4) Eval(e *op.Eval) error {
	b, scale := e.In(1), e.In(2)
	total, ok := tensor.NumElements([]int{o.n, o.k})
	if !ok {
		return fmt.Errorf("N = %d and K = %d are out of range", o.n, o.k)
	}
	if err := expect("B", b, ceilDiv(total, 2)); err != nil {
		return err
	}
	if err := expect("absmax", scale, ceilDiv(total, o.block)); err != nil {
		return err
	}
	at := func(i int) float64 {
		return float64(o.code[b.Bytes()[i/2]>>(4-i%2*4)&15]) * scale.FloatAt(i/o.block)
	}
	if o.trans {
		return weightProduct(e, e.In(0), o.k, o.n, nil, func(j int, dst []float64) {
			for i := range dst {
				dst[i] = at(j*o.k + i)
			}
		})
	}
	return weightProduct(e, e.In(0), o.n, o.k, nil, func(j int, dst []float64) {
		for i := range dst {
			dst[i] = at(i*o.k + j)
		}
	})
}

// matMulFpQ4 is MatMulFpQ4: the weight [K, N] as a blob of blocks of 32 values
// along K, column after column. A block is a float32 scale, with type 1 a zero
// point byte, and 16 bytes: value i in the low bits of byte i, value 16+i in its high bits.
type matMulFpQ4 struct{ offset bool }

var matMulFpQ4Def = &op.Def{Domain: ms, Name: "MatMulFpQ4", New: func(a *op.Args) (op.Op, error) {
	t := a.Int("blk_quant_type", 1)
	if t != 0 && t != 1 {
		return nil, fmt.Errorf("attribute blk_quant_type = %d, only 0 and 1 (blocks of 32) are supported; quantise with MatMulNBits instead", t)
	}
	return &matMulFpQ4{t == 1}, nil
}}

func (o *matMulFpQ4) Infer(c *op.Infer) error {
	k, n := -1, c.Fresh()
	if s, ok := c.Ints(2); ok && len(s) == 2 {
		k, n = s[0], graph.D(s[1])
	}
	return inferWeightProduct(c, k, n)
}

func (o *matMulFpQ4) Eval(e *op.Eval) error {
	b, shape := e.In(1), e.IntList(2)
	if len(shape) != 2 || shape[0] < 1 || shape[1] < 1 {
		return fmt.Errorf("B_shape is %v, must be two positive numbers", shape)
	}
	k, n := shape[0], shape[1]
	size := 20
	if o.offset {
		size = 21
	}
	blocks := ceilDiv(k, 32)
	if err := expect("B", b, n, blocks, size); err != nil {
		return err
	}
	return weightProduct(e, e.In(0), k, n, nil, func(j int, dst []float64) {
		for i := range dst {
			p := b.Bytes()[(j*blocks+i/32)*size:][:size]
			s, z := math.Float32frombits(binary.LittleEndian.Uint32(p)), 8
			if o.offset {
				z = int(p[4])
			}
			v := int(p[size-16+i%16] >> (i % 32 / 16 * 4) & 15)
			dst[i] = float64(v-z) * float64(s)
		}
	})
}
