package attn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// rotary is RotaryEmbedding (arxiv 2104.09864): pairs of elements of each vector
// are rotated by the angle of the vector's position. Inputs are [B, S, hidden]
// or [B, heads, S, head size].
//
// ai.onnx 23 takes X, cos, sin, position_ids?: caches [positions, dim/2] with
// position_ids [B, S], [B, S, dim/2] without. com.microsoft takes X,
// position_ids, cos, sin: position_ids [1] is the position of the first vector.
type rotary struct {
	ms          bool
	interleaved bool
	heads, dim  int // 0 = not given
}

var rotaryDef = &op.Def{Name: "RotaryEmbedding", New: func(a *op.Args) (op.Op, error) { return newRotary(a, false) }}

var msRotaryDef = &op.Def{Domain: "com.microsoft", Name: "RotaryEmbedding", New: func(a *op.Args) (op.Op, error) {
	// scale is stored by exporters but plays no part in ONNX Runtime's kernels,
	// packed batching is only another way to count positions.
	a.Ignore("scale", "is_packed_batching")
	return newRotary(a, true)
}}

func newRotary(a *op.Args, ms bool) (*rotary, error) {
	o := &rotary{ms: ms, interleaved: a.Bool("interleaved", false), heads: a.Int("num_heads", 0), dim: a.Int("rotary_embedding_dim", 0)}
	if o.heads < 0 || o.dim < 0 || o.dim%2 != 0 {
		return nil, fmt.Errorf("num_heads is %d and rotary_embedding_dim %d, must be positive, the latter even", o.heads, o.dim)
	}
	return o, nil
}

func (o *rotary) Infer(c *op.Infer) error {
	if err := expectRank(c, 0, 3, 4); err != nil {
		return err
	}
	c.Like(0, 0)
	return nil
}

func (o *rotary) Overwrites(int) []int { return []int{0} }

// inputs returns X, cos, sin and position_ids.
func (o *rotary) inputs(e *op.Eval) (x, cos, sin, pos *tensor.Tensor) {
	if o.ms {
		return e.In(0), e.In(2), e.In(3), e.In(1)
	}
	return e.In(0), e.In(1), e.In(2), e.In(3)
}

// view reads X as heads and returns the number of elements that rotate.
func (o *rotary) view(x, cos *tensor.Tensor) (heads, int, error) {
	if cos.Rank() < 2 {
		return heads{}, 0, fmt.Errorf("cos_cache is %v, must have rank 2 or 3", cos)
	}
	var v heads
	switch s := x.Shape(); len(s) {
	case 4:
		v = bnsh(x)
	case 3:
		d := 0
		switch {
		case o.heads > 0 && s[2]%o.heads == 0:
			d = s[2] / o.heads
		case o.heads == 0 && o.ms:
			d = 2 * cos.Shape()[1]
		}
		if d <= 0 || s[2]%d != 0 {
			return heads{}, 0, fmt.Errorf("input is %v, its last dimension must be a multiple of num_heads = %d", x, o.heads)
		}
		v = part(x, s[2]/d, d, 0)
	default:
		return heads{}, 0, fmt.Errorf("input is %v, must have rank 3 or 4", x)
	}
	dim := o.dim
	if dim == 0 {
		dim = v.d
	}
	if dim > v.d || dim%2 != 0 {
		return heads{}, 0, fmt.Errorf("%d elements rotate of vectors of %d: must be even and no more than there are", dim, v.d)
	}
	return v, dim, nil
}

func (o *rotary) Eval(e *op.Eval) error {
	x, cos, sin, pos := o.inputs(e)
	v, dim, err := o.view(x, cos)
	if err != nil {
		return err
	}
	r := &rotation{cos: cos, sin: sin, dim: dim, interleaved: o.interleaved}
	if !o.ms {
		r.round = rounder(x.DType())
	}
	at, err := o.positions(pos, cos, v)
	if err != nil {
		return err
	}
	if err := r.check(v.b * v.s); pos == nil && err != nil {
		return err
	}
	if err := r.check(0); err != nil {
		return err
	}
	y, err := e.Out(0, x.DType(), x.Shape()...)
	if err != nil || y.Len() == 0 {
		return err
	}
	t, err := e.Temp(tensor.Float64, v.d)
	if err != nil {
		return err
	}
	row := tensor.Of[float64](t)
	for b := range v.b {
		for s := range v.s {
			p, err := r.at(at(b, s))
			if err != nil {
				return err
			}
			for h := range v.n {
				v.row(row, b, h, s)
				r.rotate(row, p)
				setRow(y, v.off+b*v.sb+h*v.sh+s*v.ss, row)
			}
		}
	}
	return nil
}

// positions returns the row of the caches for vector s of batch b.
func (o *rotary) positions(pos, cos *tensor.Tensor, v heads) (func(b, s int) int64, error) {
	switch {
	case pos == nil:
		if c := cos.Shape(); len(c) != 3 || c[0] != v.b || c[1] != v.s {
			return nil, fmt.Errorf("cos_cache is %v, must be [%d,%d,any] without position_ids", cos, v.b, v.s)
		}
		return func(b, s int) int64 { return int64(b*v.s + s) }, nil
	case cos.Rank() != 2:
		return nil, fmt.Errorf("cos_cache is %v, must have rank 2 with position_ids", cos)
	case o.ms && pos.Rank() == 1 && pos.Len() == 1:
		first := pos.IntAt(0)
		return func(_, s int) int64 { return first + int64(s) }, nil
	case pos.Rank() == 2 && pos.Shape()[0] == v.b && pos.Shape()[1] == v.s:
		return func(b, s int) int64 { return pos.IntAt(b*v.s + s) }, nil
	}
	return nil, fmt.Errorf("position_ids is %v, must be [%d,%d]", pos, v.b, v.s)
}

// rotation rotates vectors by angles from caches [..., width] of cosines and
// sines, width being at least dim/2; leading dimensions count positions.
type rotation struct {
	cos, sin    *tensor.Tensor
	dim         int
	interleaved bool // pairs are neighbours, else elements of the two halves
	round       func(float64) float64
}

// check verifies the caches' shapes, and that they have at least rows positions.
func (r *rotation) check(rows int) error {
	c := r.cos.Shape()
	if !tensor.SameShape(c, r.sin.Shape()) {
		return fmt.Errorf("cos_cache is %v, sin_cache %v; they must agree", r.cos, r.sin)
	}
	if len(c) < 2 || c[len(c)-1] != r.dim/2 {
		return fmt.Errorf("cos_cache is %v, its last dimension must be %d", r.cos, r.dim/2)
	}
	if op.Prod(c[:len(c)-1]) < rows {
		return fmt.Errorf("cos_cache is %v, must have %d positions", r.cos, rows)
	}
	return nil
}

// at checks a position and returns it.
func (r *rotation) at(p int64) (int, error) {
	c := r.cos.Shape()
	n := op.Prod(c[:len(c)-1])
	if p < 0 || p >= int64(n) {
		return 0, fmt.Errorf("position %d is outside the caches' %d", p, n)
	}
	return int(p), nil
}

// rotate turns the first dim elements of x by the angles of position p.
func (r *rotation) rotate(x []float64, p int) {
	half := r.dim / 2
	for i := range half {
		j, k := i, i+half
		if r.interleaved {
			j, k = 2*i, 2*i+1
		}
		c, s := r.cos.FloatAt(p*half+i), r.sin.FloatAt(p*half+i)
		a, b := x[j], x[k]
		x[j] = roundTo(r.round, c*a) - roundTo(r.round, s*b)
		x[k] = roundTo(r.round, s*a) + roundTo(r.round, c*b)
	}
}
