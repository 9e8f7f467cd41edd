package attn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// embedNorm is com.microsoft.EmbedLayerNormalization and its 8-bit form
// QEmbedLayerNormalization: the sum of word, position and segment embeddings of
// each token, normalised over the hidden dimension, times gamma, plus beta.
//
// input_ids and segment_ids? are [B,S], the embeddings [rows, hidden], mask?
// [B,S]. Positions are 0 to S-1, or position_ids [B,S] or [1,S]. Outputs are
// [B,S,hidden], the number of ones in each row of mask [B] (0 without mask), and
// the sum before normalisation.
type embedNorm struct {
	eps   float64
	quant bool
}

var embedNormDef = &op.Def{Domain: "com.microsoft", Name: "EmbedLayerNormalization", New: func(a *op.Args) (op.Op, error) {
	a.Ignore("mask_index_type") // which kind of mask_index follows: there is one kind
	return newEmbedNorm(a, false)
}}

var qEmbedNormDef = &op.Def{Domain: "com.microsoft", Name: "QEmbedLayerNormalization", New: func(a *op.Args) (op.Op, error) {
	return newEmbedNorm(a, true)
}}

func newEmbedNorm(a *op.Args, quant bool) (*embedNorm, error) {
	if a.HasIn(1) != a.HasIn(4) {
		return nil, fmt.Errorf("segment_ids and segment_embedding must be given together")
	}
	o := &embedNorm{a.Float("epsilon", 1e-12), quant}
	if !(o.eps >= 0) {
		return nil, fmt.Errorf("attribute epsilon is %g, must not be negative", o.eps)
	}
	return o, nil
}

func (o *embedNorm) Infer(c *op.Infer) error {
	if err := expectRank(c, 0, 2); err != nil {
		return err
	}
	ids := c.Shape(0)
	b := dim(c, ids, 0)
	dt := c.Type(2)
	if o.quant {
		dt = tensor.Float32
	}
	s := graph.Shape{b, dim(c, ids, 1), dim(c, c.Shape(2), 1)}
	c.Out(0, dt, s)
	c.Out(1, tensor.Int32, graph.Shape{b})
	if !o.quant {
		c.Out(2, dt, s)
	}
	return nil
}

// table reads rows of an embedding, or the single row of gamma or beta.
type table struct {
	t           *tensor.Tensor
	rows, width int
	scale, zero float64
}

// table returns input i, which must be [rows, hidden], or [hidden] with rank 1.
func (o *embedNorm) table(e *op.Eval, i, rank, hidden int) (*table, error) {
	t := e.In(i)
	if t == nil {
		return nil, nil
	}
	d := t.Shape()
	if len(d) != rank || hidden >= 0 && d[rank-1] != hidden {
		return nil, fmt.Errorf("input %d is %v, must have rank %d and a last dimension of %d", i, t, rank, hidden)
	}
	x := &table{t: t, rows: 1, width: d[rank-1], scale: 1}
	if rank == 2 {
		x.rows = d[0]
	}
	if o.quant {
		k := map[int]int{2: 0, 3: 1, 4: 2, 5: 3, 6: 4}[i]
		s, z := e.In(8+k), e.In(13+k)
		if s == nil || z == nil || s.Len() != 1 || z.Len() != 1 {
			return nil, fmt.Errorf("scale and zero point of input %d are %v and %v, must be scalars", i, s, z)
		}
		x.scale, x.zero = s.FloatAt(0), float64(z.IntAt(0))
	}
	return x, nil
}

// at returns element j of row r.
func (x *table) at(r, j int) float64 { return (x.t.FloatAt(r*x.width+j) - x.zero) * x.scale }

// row checks a row number from an input.
func (x *table) row(r int64, what string) (int, error) {
	if r < 0 || r >= int64(x.rows) {
		return 0, fmt.Errorf("%s %d is outside the embedding's %d rows", what, r, x.rows)
	}
	return int(r), nil
}

func (o *embedNorm) Eval(e *op.Eval) error {
	ids, seg := e.In(0), e.In(1)
	if ids.Rank() != 2 || seg != nil && !tensor.SameShape(seg.Shape(), ids.Shape()) {
		return fmt.Errorf("input_ids is %v and segment_ids %v, must be [B,S] both", ids, seg)
	}
	b, s := ids.Shape()[0], ids.Shape()[1]
	var tabs [5]*table // word, position, segment, gamma, beta
	hidden := -1
	for k := range tabs {
		rank := 2
		if k > 2 {
			rank = 1
		}
		var err error
		if tabs[k], err = o.table(e, 2+k, rank, hidden); err != nil {
			return err
		}
		if k == 0 {
			hidden = tabs[0].width
		}
	}
	pos, err := o.positions(e, b, s)
	if err != nil {
		return err
	}
	dt := e.In(2).DType()
	if o.quant {
		dt = tensor.Float32
	}
	y, err := e.Out(0, dt, b, s, hidden)
	if err != nil {
		return err
	}
	var sum *tensor.Tensor
	if !o.quant && e.Wants(2) {
		if sum, err = e.Out(2, dt, b, s, hidden); err != nil {
			return err
		}
	}
	tmp, err := e.Temp(tensor.Float64, hidden)
	if err != nil {
		return err
	}
	row := tensor.Of[float64](tmp)
	for i := range b * s {
		if err := e.Tick(1); err != nil {
			return err
		}
		if err := addRows(row, tabs, ids.IntAt(i), pos(i), segment(seg, i)); err != nil {
			return err
		}
		if sum != nil {
			setRow(sum, i*hidden, row)
		}
		o.normalise(row, tabs[3], tabs[4])
		setRow(y, i*hidden, row)
	}
	return o.maskIndex(e, b, s)
}

func segment(t *tensor.Tensor, i int) int64 {
	if t == nil {
		return 0
	}
	return t.IntAt(i)
}

// positions returns the position of token i of B·S.
func (o *embedNorm) positions(e *op.Eval, b, s int) (func(i int) int64, error) {
	var p *tensor.Tensor
	if !o.quant {
		p = e.In(8)
	}
	switch {
	case p == nil:
		return func(i int) int64 { return int64(i % s) }, nil
	case tensor.SameShape(p.Shape(), []int{b, s}):
		return p.IntAt, nil
	case tensor.SameShape(p.Shape(), []int{1, s}):
		return func(i int) int64 { return p.IntAt(i % s) }, nil
	}
	return nil, fmt.Errorf("position_ids is %v, must be [%d,%d] or [1,%d]", p, b, s, s)
}

// addRows sets row to the sum of a word's, a position's and a segment's embeddings.
func addRows(row []float64, tabs [5]*table, word, pos, seg int64) error {
	clear(row)
	for k, id := range []int64{word, pos, seg} {
		if tabs[k] == nil {
			continue
		}
		r, err := tabs[k].row(id, [...]string{"word", "position", "segment"}[k])
		if err != nil {
			return err
		}
		for j := range row {
			row[j] += tabs[k].at(r, j)
		}
	}
	return nil
}

func (o *embedNorm) normalise(row []float64, gamma, beta *table) {
	mean, sq := 0.0, 0.0
	for _, x := range row {
		mean += x / float64(len(row))
	}
	for _, x := range row {
		sq += (x - mean) * (x - mean)
	}
	inv := 1 / math.Sqrt(sq/float64(len(row))+o.eps)
	for j, x := range row {
		row[j] = (x-mean)*inv*gamma.at(0, j) + beta.at(0, j)
	}
}

// maskIndex counts the ones in each row of mask.
func (o *embedNorm) maskIndex(e *op.Eval, b, s int) error {
	if !e.Wants(1) {
		return nil
	}
	m := e.In(7)
	if m != nil && !tensor.SameShape(m.Shape(), []int{b, s}) {
		return fmt.Errorf("mask is %v, must be [%d,%d]", m, b, s)
	}
	y, err := e.Out(1, tensor.Int32, b)
	if err != nil {
		return err
	}
	for i := range b {
		n := 0
		for j := range s {
			if m != nil && m.IntAt(i*s+j) == 1 {
				n++
			}
		}
		y.SetIntAt(i, int64(n))
	}
	return nil
}
