package attn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// relativeBias is com.microsoft.RelativePositionBias, T5's bias by distance:
// element (0, h, i, j) of the output [1,N,Q,K] is the entry of head h for the
// bucket of distance j - i. Half of a side's buckets are for single distances,
// the rest grow logarithmically up to max_distance. bias_table is declared as
// [buckets, N] but stored by columns: entry (bucket, h) lies at h·buckets + bucket.
type relativeBias struct {
	max int
	two bool // is_bidirectional: half of the buckets are for distances above 0
}

var relativeBiasDef = &op.Def{Domain: "com.microsoft", Name: "RelativePositionBias", New: func(a *op.Args) (op.Op, error) {
	o := &relativeBias{a.Int("max_distance", 0), a.Bool("is_bidirectional", false)}
	if o.max <= 0 {
		return nil, fmt.Errorf("attribute max_distance is %d, must be positive", o.max)
	}
	return o, nil
}}

func (o *relativeBias) Infer(c *op.Infer) error {
	if err := expectRank(c, 0, 2); err != nil {
		return err
	}
	s := graph.Shape{graph.D(1), dim(c, c.Shape(0), 1), c.Fresh(), c.Fresh()}
	for i := range 2 {
		if l := c.Elems(1 + i); len(l) == 1 {
			s[2+i] = l[0]
		}
	}
	c.Out(0, c.Type(0), s)
	return nil
}

func (o *relativeBias) Eval(e *op.Eval) error {
	t := e.In(0)
	if t.Rank() != 2 || t.Shape()[0] < 1 {
		return fmt.Errorf("bias_table is %v, must be [buckets, heads]", t)
	}
	var n [2]int
	for i := range n {
		l := e.IntList(1 + i)
		if len(l) != 1 || l[0] < 0 {
			return fmt.Errorf("input %d is %v %v, must be one length", 1+i, e.In(1+i), l)
		}
		n[i] = l[0]
	}
	buckets, heads := t.Shape()[0], t.Shape()[1]
	y, err := e.Out(0, t.DType(), 1, heads, n[0], n[1])
	if err != nil {
		return err
	}
	for h := range heads {
		for i := range n[0] {
			if err := e.Tick(1); err != nil {
				return err
			}
			for j := range n[1] {
				y.SetFloatAt((h*n[0]+i)*n[1]+j, t.FloatAt(h*buckets+o.bucket(j-i, buckets)))
			}
		}
	}
	return nil
}

// bucket returns the bucket of distance d, 0 <= bucket < n. Logarithms are
// rounded to float32 as in the models that the tables come from: whole results
// decide between buckets.
func (o *relativeBias) bucket(d, n int) int {
	first := 0
	if o.two {
		n /= 2
		if d > 0 {
			first = n
		}
		d = max(d, -d)
	} else {
		d = max(-d, 0)
	}
	exact := n / 2
	if d < exact || n == 0 {
		return min(first+d, first+max(n-1, 0))
	}
	if exact == 0 {
		return first + max(n-1, 0)
	}
	a := float32(math.Log(float64(float32(d) / float32(exact))))
	b := float32(math.Log(float64(float32(o.max) / float32(exact))))
	k := tensor.FloatToInt(float64(a / b * float32(n-exact)))
	if k < 0 || k > int64(n-1-exact) || b <= 0 {
		k = int64(n - 1 - exact)
	}
	return first + exact + int(k)
}

// gatedBias is com.microsoft.GatedRelativePositionBias (WavLM): with q the
// queries [B,N,S,H] plus query_bias,
//
//	u, r = halves of sigmoid(q·weight + bias), each summed over its D/2 columns before the sigmoid
//	out  = (u·(r·eco_a - 1) + 2) · rel_pos
//
// query_layer is [B,S,N·H], or [tokens, N·H] with token_offset [B,S], whose
// first entries tell the places of the tokens in B·S; places without a token
// have a query of 0. rel_pos is [1,N,S,S], weight [H,D], bias [D], eco_a
// [1,N,1,1]; the output is [B,N,S,S].
type gatedBias struct{ heads int }

var gatedBiasDef = &op.Def{Domain: "com.microsoft", Name: "GatedRelativePositionBias", New: func(a *op.Args) (op.Op, error) {
	base, err := newBase(a)
	return &gatedBias{base.heads}, err
}}

func (o *gatedBias) Infer(c *op.Infer) error {
	if err := expectRank(c, 0, 2, 3); err != nil {
		return err
	}
	b, s := c.Fresh(), c.Fresh()
	if q := c.Shape(0); len(q) == 3 {
		b, s = q[0], q[1]
	} else if c.Has(6) {
		b, s = dim(c, c.Shape(6), 0), dim(c, c.Shape(6), 1)
	}
	c.Out(0, c.Type(0), graph.Shape{b, graph.D(o.heads), s, s})
	return nil
}

// places returns B, S and the row of the query for each place of B·S, -1 for none.
func (o *gatedBias) places(e *op.Eval) (b, s int, at []int64, err error) {
	q, off := e.In(0), e.In(6)
	whole := q.Rank() == 3 && off == nil
	switch {
	case whole:
		b, s = q.Shape()[0], q.Shape()[1]
	case q.Rank() == 2 && off != nil && off.Rank() == 2 && off.Len() >= q.Shape()[0]:
		b, s = off.Shape()[0], off.Shape()[1]
	default:
		return 0, 0, nil, fmt.Errorf("query_layer is %v and token_offset %v, must be [B,S,hidden], or [tokens,hidden] and [B,S]", q, off)
	}
	t, err := e.Temp(tensor.Int64, b, s)
	if err != nil {
		return 0, 0, nil, err
	}
	at = tensor.Of[int64](t)
	for i := range at {
		at[i] = -1
		if whole {
			at[i] = int64(i)
		}
	}
	if whole {
		return b, s, at, nil
	}
	for i := range q.Shape()[0] {
		p := off.IntAt(i)
		if p < 0 || p >= int64(len(at)) {
			return 0, 0, nil, fmt.Errorf("token_offset %d is outside the %d places", p, len(at))
		}
		at[p] = int64(i)
	}
	return b, s, at, nil
}

func (o *gatedBias) Eval(e *op.Eval) error {
	b, s, at, err := o.places(e)
	if err != nil {
		return err
	}
	q, w, rel := e.In(0), e.In(3), e.In(2)
	n, hidden := o.heads, q.Shape()[q.Rank()-1]
	if w.Rank() != 2 || hidden%n != 0 || w.Shape()[0] != hidden/n || w.Shape()[1]%2 != 0 || e.In(4).Len() != w.Shape()[1] ||
		e.In(1).Len() != hidden || e.In(5).Len() != n || !tensor.SameShape(rel.Shape(), []int{1, n, s, s}) {
		return fmt.Errorf("inputs are query_layer %v, query_bias %v, rel_pos %v, weight %v, bias %v, eco_a %v; must be [B,S,%d·H], [%d·H], [1,%d,%d,%d], [H,D], [D], [1,%d,1,1]",
			q, e.In(1), rel, w, e.In(4), e.In(5), n, n, n, s, s, n)
	}
	y, err := e.Out(0, q.DType(), b, n, s, s)
	if err != nil || y.Len() == 0 {
		return err
	}
	h, half := hidden/n, w.Shape()[1]/2
	for p, row := range at {
		for k := range n {
			if err := e.Tick(1); err != nil {
				return err
			}
			var sum [2]float64
			for c := range 2 * half {
				sum[c/half] += e.In(4).FloatAt(c)
				for i := range h {
					x := 0.0
					if row >= 0 {
						x = q.FloatAt(int(row)*hidden+k*h+i) + e.In(1).FloatAt(k*h+i)
					}
					sum[c/half] += x * w.FloatAt(i*2*half+c)
				}
			}
			u, r := 1/(1+math.Exp(-sum[0])), 1/(1+math.Exp(-sum[1]))
			g := u*(r*e.In(5).FloatAt(k)-1) + 2
			for j := range s {
				y.SetFloatAt(((p/s*n+k)*s+p%s)*s+j, g*rel.FloatAt((k*s+p%s)*s+j))
			}
		}
	}
	return nil
}
