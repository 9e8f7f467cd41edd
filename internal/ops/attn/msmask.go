package attn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// msBase is what the attention operators of com.microsoft have in common.
type msBase struct {
	heads  int
	scale  float64 // 0 = 1/sqrt(head size)
	filter float64 // added to the scores of masked keys
	causal bool
}

// newBase reads attributes num_heads and scale, and mask_filter_value and
// unidirectional where the operator has them.
func newBase(a *op.Args) (msBase, error) {
	m := msBase{heads: a.Int("num_heads", 0), scale: a.Float("scale", 0), filter: a.Float("mask_filter_value", -10000),
		causal: a.Bool("unidirectional", false)}
	if m.heads <= 0 {
		return m, fmt.Errorf("attribute num_heads is %d, must be positive", m.heads)
	}
	return m, nil
}

// scaleFor returns the factor of the scores for vectors of d elements.
func scaleFor(scale float64, d int) float64 {
	if scale == 0 && d > 0 {
		return 1 / math.Sqrt(float64(d))
	}
	return scale
}

// keyMask adds to the scores of query i of batch b.
type keyMask func(b, i int, row []float64)

// newKeyMask reads a mask_index or key_padding_mask for B batches, S queries and
// T keys, past of them from a cache: [B] numbers of keys, [2B] ends and starts,
// [3B+2] whose first B are numbers of keys, [B,T], [B,S,T] or [B,1,M,M] with 0
// for masked keys; [B,1] and [1,1] mask nothing.
func (m *msBase) newKeyMask(t *tensor.Tensor, b, s, total, past int) (keyMask, error) {
	if t == nil {
		return nil, nil
	}
	d := t.Shape()
	is := func(want ...int) bool { return tensor.SameShape(d, want) }
	cells := func(at func(b, i int) int) keyMask {
		return func(b, i int, row []float64) {
			o := at(b, i)
			for j := range row {
				if t.IntAt(o+j) <= 0 {
					row[j] += m.filter
				}
			}
		}
	}
	switch {
	case is(b), is(2 * b), is(3*b + 2):
		starts := is(2*b) && b > 0
		return func(b0, _ int, row []float64) {
			end, start := t.IntAt(b0), int64(0)
			if starts {
				start = t.IntAt(b + b0)
			}
			for j := range row {
				if int64(j) >= end || int64(j) < start {
					row[j] += m.filter
				}
			}
		}, nil
	case is(b, total):
		return cells(func(b, _ int) int { return b * total }), nil
	case is(b, 1), is(1, 1):
		return nil, nil
	case is(b, s, total):
		return cells(func(b, i int) int { return (b*s + i) * total }), nil
	case len(d) == 4 && is(b, 1, d[2], d[2]) && d[2] >= total && past+s <= d[2]:
		return cells(func(b, i int) int { return (b*d[2] + past + i) * d[2] }), nil
	}
	return nil, fmt.Errorf("mask is %v, must be [B], [2*B], [B,T], [B,S,T] or [B,1,M,M] for B = %d, S = %d, T = %d", t, b, s, total)
}

// newBias checks an attention_bias [B or 1, N or 1, S, T]; nil gives nil.
func newBias(t *tensor.Tensor, b, n, s, total int) (*mask, error) {
	if t == nil {
		return nil, nil
	}
	d := t.Shape()
	if len(d) != 4 || d[0] != b && d[0] != 1 || d[1] != n && d[1] != 1 || d[2] != s || d[3] < total {
		return nil, fmt.Errorf("attention_bias is %v, must be [%d or 1,%d or 1,%d,%d]", t, b, n, s, total)
	}
	m := &mask{t: t, n: total}
	st := op.Strides(d)
	for k := range d {
		if d[k] != 1 {
			m.strides[k] = st[k]
		}
	}
	return m, nil
}

// call is one run of an operator of com.microsoft, after its inputs are in place.
type call struct {
	q, k, v    heads // k and v with all T keys
	past       int   // how many of the keys come from a cache
	mask, bias *tensor.Tensor
	y          *tensor.Tensor // [B,S,N·Hv]
	qk         *tensor.Tensor // scores [B,N,S,T] for an output; nil = not wanted
	remap      func(b, s int) int
}

// run computes the attention of c.
func (m *msBase) run(e *op.Eval, c call) error {
	a := &attention{q: c.q, k: c.k, v: c.v, qscale: scaleFor(m.scale, c.q.d), kscale: 1, remap: c.remap}
	km, err := m.newKeyMask(c.mask, c.q.b, c.q.s, c.k.s, c.past)
	if err != nil {
		return err
	}
	bias, err := newBias(c.bias, c.q.b, c.q.n, c.q.s, c.k.s)
	if err != nil {
		return err
	}
	causal := m.causal && c.q.s > 1
	if km != nil || bias != nil || causal {
		a.bias = func(b, h, i int, row []float64) {
			if km != nil {
				km(b, i, row)
			}
			if bias != nil {
				bias.add(b, h, i, row)
			}
			// The last query sees all keys, which differs from its position
			// only in cross attention: ONNX Runtime's reading of unidirectional.
			if causal && i < c.q.s-1 {
				maskOutside(row, 0, c.past+i+1)
			}
		}
	}
	if c.qk != nil {
		a.observe = finite(observer(c.qk, stageBias, c.q.n, c.q.s), c.qk.DType())
	}
	a.out = storer(c.y, c.q.n, c.q.s, c.v.d, false)
	return a.run(e)
}

// finite replaces -Inf by the lowest finite number before f sees a row, as these
// operators mask without infinities. ONNX Runtime's CPU kernel does so in float32:
// as float16 that number is -Inf again.
func finite(f func(stage, b, h, i int, row []float64), dt tensor.DType) func(stage, b, h, i int, row []float64) {
	low := -math.MaxFloat32
	if dt == tensor.BFloat16 {
		low = -3.3895313892515355e38
	}
	var buf []float64
	return func(stage, b, h, i int, row []float64) {
		if stage != stageBias {
			return
		}
		buf = append(buf[:0], row...)
		for j, x := range buf {
			buf[j] = math.Max(x, low)
		}
		f(stage, b, h, i, buf)
	}
}

// qkType returns the element type of output i, which holds scores: as the model
// declares it, else that of the inputs.
func qkType(n *graph.Node, i int, dt tensor.DType) tensor.DType {
	if i < len(n.Outputs) && n.Outputs[i] != nil {
		switch d := n.Outputs[i].Type.Elem; d {
		case tensor.Float32, tensor.Float16, tensor.BFloat16:
			return d
		}
	}
	return dt
}
