package quant

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// qMoE is QMoE: MoE with weights of 2, 3, 4 or 8 bits, packed along a row with the
// first in the low bits, or float8e4m3fn. Scales belong to rows or, with
// block_size, to blocks of a row (float8: to square blocks).
type qMoE struct {
	moe
	bits  [3]int
	block int
	float bool // quant_type fp8
}

var qMoEDef = &op.Def{Domain: ms, Name: "QMoE", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("accuracy_level")
	o := &qMoE{moe: decodeMoE(a), block: max(0, a.Int("block_size", 0))}
	o.topSoftmax = true // ONNX Runtime's CPU kernel, unlike that of MoE, whether or not to normalize
	def := a.Int("expert_weight_bits", 4)
	for i, name := range []string{"fc1_expert_weight_bits", "fc2_expert_weight_bits", "fc3_expert_weight_bits"} {
		b := a.Int(name, def)
		if b != 2 && b != 3 && b != 4 && b != 8 {
			a.Fail("attribute %s = %d, must be 2, 3, 4 or 8", name, b)
		}
		o.bits[i] = b
	}
	switch t := a.String("quant_type", "int"); t {
	case "int":
	case "fp8":
		o.float = true
	default:
		return nil, fmt.Errorf("attribute quant_type = %q is not supported, convert the weights to \"int\" or \"fp8\"", t)
	}
	if p := a.Int("weights_prepacked", -1); p == 1 {
		return nil, fmt.Errorf("attribute weights_prepacked = 1 is a layout for one GPU; export with 0")
	}
	return o, nil
}}

func (o *qMoE) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *qMoE) Eval(e *op.Eval) error {
	h, err := inputSize(e.In(0))
	if err != nil {
		return err
	}
	w1 := e.In(2)
	if w1.Rank() != 3 {
		return fmt.Errorf("fc1_experts_weights is %v, must have rank 3", w1)
	}
	experts, n := w1.Shape()[0], w1.Shape()[1]
	inner, err := o.inner(n, e.Has(8))
	if err != nil {
		return err
	}
	var l [3]*layer
	for i, d := range [][2]int{{n, h}, {h, inner}, {inner, h}} {
		if !e.Has(2 + 3*i) {
			continue
		}
		q := quantised{e.In(2 + 3*i), e.In(3 + 3*i), e.In(11 + i), experts, d[0], d[1], o.bits[i], o.block}
		var row func(x, j int, dst []float64)
		if o.float {
			var global *tensor.Tensor
			if i < 2 {
				global = e.In(15 + i)
			}
			row, err = q.float8(global)
		} else {
			row, err = q.ints()
		}
		if err == nil {
			l[i], err = newLayer(d[0], d[1], experts, e.In(4+3*i), row)
		}
		if err != nil {
			return fmt.Errorf("fc%d: %w", i+1, err)
		}
	}
	return o.run(e, experts, l, e.In(14))
}

// quantised is the weight of one layer, [experts, n, k] once unpacked.
type quantised struct {
	w, scales, zeros *tensor.Tensor
	experts, n, k    int
	bits, block      int
}

// ints returns the function that writes a row of a weight of packed integers.
func (q *quantised) ints() (func(x, j int, dst []float64), error) {
	row, blocks, block := ceilDiv(q.k*q.bits, 8), 1, q.k
	if q.w.DType() != tensor.Uint8 || !tensor.SameShape(q.w.Shape(), []int{q.experts, q.n, row}) {
		return nil, fmt.Errorf("weights are %v, must be uint8[%d,%d,%d]", q.w, q.experts, q.n, row)
	}
	if q.block > 0 {
		blocks, block = ceilDiv(q.k, q.block), q.block
	}
	if q.scales == nil {
		return nil, fmt.Errorf("scales are missing")
	}
	if err := expect("scales", q.scales, q.experts, q.n, blocks); err != nil {
		return nil, err
	}
	zero, err := q.zeroPoints(blocks)
	if err != nil {
		return nil, err
	}
	return func(x, j int, dst []float64) {
		r := x*q.n + j
		p := q.w.Bytes()[r*row : (r+1)*row]
		for b := range blocks {
			s, z := q.scales.FloatAt(r*blocks+b), zero(x, j, b)
			for i := b * block; i < min((b+1)*block, q.k); i++ {
				dst[i] = (float64(bits(p, i, q.bits)) - z) * s
			}
		}
	}, nil
}

// zeroPoints returns the function that gives the zero point of a block: packed
// along the blocks of a row, or without blocks along the rows of an expert.
func (q *quantised) zeroPoints(blocks int) (func(x, j, b int) float64, error) {
	if q.zeros == nil {
		def := float64(int(1) << (q.bits - 1))
		return func(int, int, int) float64 { return def }, nil
	}
	p := q.zeros.Bytes()
	if q.block == 0 {
		row := ceilDiv(q.n*q.bits, 8)
		return func(x, j, _ int) float64 { return float64(bits(p[x*row:(x+1)*row], j, q.bits)) }, expect("zero points", q.zeros, q.experts, row)
	}
	row := ceilDiv(blocks*q.bits, 8)
	return func(x, j, b int) float64 {
		r := x*q.n + j
		return float64(bits(p[r*row:(r+1)*row], b, q.bits))
	}, expect("zero points", q.zeros, q.experts, q.n, row)
}

// float8 returns the function that writes a row of a float8 weight, scaled by
// square blocks or, without block_size, by one global scale an expert.
func (q *quantised) float8(global *tensor.Tensor) (func(x, j int, dst []float64), error) {
	if !q.w.DType().IsFloat() || !tensor.SameShape(q.w.Shape(), []int{q.experts, q.n, q.k}) {
		return nil, fmt.Errorf("weights are %v, must be float8e4m3fn[%d,%d,%d]", q.w, q.experts, q.n, q.k)
	}
	if q.zeros != nil {
		return nil, fmt.Errorf("float8 weights have no zero points")
	}
	if q.block == 0 {
		if global == nil {
			return nil, fmt.Errorf("float8 weights without block_size need a global scale")
		}
		return func(x, j int, dst []float64) {
			s := global.FloatAt(x)
			for i := range dst {
				dst[i] = q.w.FloatAt((x*q.n+j)*q.k+i) * s
			}
		}, expect("global scale", global, q.experts)
	}
	if q.scales == nil {
		return nil, fmt.Errorf("scales are missing")
	}
	nb, kb := ceilDiv(q.n, q.block), ceilDiv(q.k, q.block)
	return func(x, j int, dst []float64) {
		for i := range dst {
			dst[i] = q.w.FloatAt((x*q.n+j)*q.k+i) * q.scales.FloatAt((x*nb+j/q.block)*kb+i/q.block)
		}
	}, expect("scales", q.scales, q.experts, nb, kb)
}
