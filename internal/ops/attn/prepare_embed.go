package attn

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/kernel/vec"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// embedStep is EmbedLayerNormalization over float32.
type embedStep struct {
	eps         float32
	b, s, width int
	ids         [3]op.Slot // word, position, segment; NoSlot for counted positions and no segments
	repeat      bool       // positions [1,S] serve every batch
	tables      [3]op.Slot
	rows        [3]int
	gamma, beta op.Slot
	mask        op.Slot
	y, index    op.Slot
	sum         op.Slot
}

// Run implements op.Step.
func (s *embedStep) Run(f *op.Frame) error {
	var ids [3][]int32
	var tabs [3][]float32
	for k := range ids {
		ids[k], tabs[k] = f.I32(s.ids[k]), f.F32(s.tables[k])
	}
	y, sum, gamma, beta := f.F32(s.y), f.F32(s.sum), f.F32(s.gamma), f.F32(s.beta)
	for i := range s.b * s.s {
		row := y[i*s.width:][:s.width]
		for k, tab := range tabs {
			if tab == nil {
				continue
			}
			r := i % s.s
			if l := ids[k]; l != nil {
				if k != 1 || !s.repeat {
					r = i
				}
				r = int(l[r])
			}
			if r < 0 || r >= s.rows[k] {
				return fmt.Errorf("%s %d is outside the embedding's %d rows", [...]string{"word", "position", "segment"}[k], r, s.rows[k])
			}
			if k == 0 {
				copy(row, tab[r*s.width:])
			} else {
				vec.Add(row, row, tab[r*s.width:])
			}
		}
		if sum != nil {
			copy(sum[i*s.width:], row)
		}
		vec.LayerNorm(row, row, gamma, beta, s.eps)
	}
	s.count(f)
	return nil
}

// count stores the number of ones in each row of the mask.
func (s *embedStep) count(f *op.Frame) {
	index, mask := f.I32(s.index), f.I32(s.mask)
	for b := range index {
		index[b] = 0
		if mask == nil {
			continue
		}
		for _, on := range mask[b*s.s:][:s.s] {
			if on == 1 {
				index[b]++
			}
		}
	}
}

// Prepare runs float32 tables.
func (o *embedNorm) Prepare(b op.Bind) (op.Step, error) {
	ids, word := b.Shape(0), b.Shape(2)
	if o.quant || !b.Wants(0) || len(ids) != 2 || len(word) != 2 || op.Prod(ids) == 0 || op.Prod(word) == 0 || b.Type(0) != tensor.Int32 {
		return nil, nil
	}
	s := &embedStep{eps: float32(o.eps), b: ids[0], s: ids[1], width: word[1], ids: [3]op.Slot{b.In(0), op.NoSlot, op.NoSlot},
		mask: op.NoSlot, y: b.Out(0), index: b.Out(1), sum: b.Out(2)}
	for k := range s.tables {
		s.tables[k] = op.NoSlot
		if !b.Has(2 + k) {
			continue
		}
		d := b.Shape(2 + k)
		if b.Type(2+k) != tensor.Float32 || len(d) != 2 || d[1] != s.width {
			return nil, nil
		}
		s.tables[k], s.rows[k] = b.In(2+k), d[0]
	}
	if !b.Has(5) || !b.Has(6) || !b.Has(3) {
		return nil, nil
	}
	for _, in := range []int{5, 6} {
		if b.Type(in) != tensor.Float32 || !tensor.SameShape(b.Shape(in), []int{s.width}) {
			return nil, nil
		}
	}
	s.gamma, s.beta = b.In(5), b.In(6)
	for _, x := range []struct{ in, k int }{{1, 2}, {8, 1}, {7, -1}} {
		if !b.Has(x.in) || x.k < 0 && !b.Wants(1) {
			continue
		}
		d := b.Shape(x.in)
		s.repeat = s.repeat || x.k == 1 && tensor.SameShape(d, []int{1, s.s})
		if b.Type(x.in) != tensor.Int32 || !tensor.SameShape(d, ids) && !(x.k == 1 && s.repeat) {
			return nil, nil
		}
		if x.k < 0 {
			s.mask = b.In(x.in)
		} else {
			s.ids[x.k] = b.In(x.in)
		}
	}
	if b.Has(4) && !b.Has(1) {
		return nil, nil
	}
	return s, nil
}
