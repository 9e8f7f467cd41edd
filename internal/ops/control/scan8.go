package control

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// scan8 is Scan-8: every state and scan input has a batch axis in front, scan
// inputs the sequence axis behind it, and sequence_lens (input 0, optional)
// ends the entries of the batch early; what is missing of their outputs is zero.
type scan8 struct{ scan }

func (o *scan8) Infer(c *op.Infer) error {
	batch, length := c.Fresh(), c.Fresh()
	first, items := make([]op.Fact, o.states), make([]op.Fact, o.scans)
	var err error
	for i := range o.states + o.scans {
		f, d, err := without(c.In(1+i), 0, c.Fresh)
		if err != nil {
			return err
		}
		if batch, err = agree(batch, d); err != nil {
			return err
		}
		if i < o.states {
			first[i] = f
			continue
		}
		if items[i-o.states], d, err = without(f, 0, c.Fresh); err != nil {
			return err
		}
		if length, err = agree(length, d); err != nil {
			return err
		}
	}
	for i := range c.NOut() {
		c.Out(i, o.body.Graph.Outputs[i].Type.Elem, nil)
		if i < o.states {
			c.Out(i, first[i].Type.Elem, nil)
		}
	}
	if batch == graph.D(0) || length == graph.D(0) {
		return nil
	}
	sure := batch.Known() && length.Known() && !c.Has(0)
	s, out, err := o.infer(c, first, items)
	if err != nil && !sure {
		vague(c, o.body, first, 0)
		return nil
	}
	if err != nil {
		return err
	}
	for i := range c.NOut() {
		var dims graph.Shape
		elem := out[i].Type.Elem
		if i < o.states {
			f := s.final(i)
			if dims = f.Type.Shape; dims != nil {
				dims = append(graph.Shape{batch}, dims...)
			}
			elem = f.Type.Elem
		} else if dims = stackedDims(c, out[i].Type.Shape, o.body.Graph.Outputs[i].Type, sure); dims != nil {
			dims = append(graph.Shape{batch, length}, dims...)
		}
		c.Out(i, elem, dims)
	}
	return nil
}

// sizes returns the batch, the number of places of the sequence axis, and how many each entry uses.
func (o *scan8) sizes(e *op.Eval) (batch, length int, lens []int, err error) {
	batch, length = -1, -1
	for i := range o.states + o.scans {
		t := e.In(1 + i)
		rank := 1
		if i >= o.states {
			rank = 2
		}
		if t == nil || t.Rank() < rank || batch >= 0 && t.Shape()[0] != batch || rank == 2 && length >= 0 && t.Shape()[1] != length {
			return 0, 0, nil, fmt.Errorf("input %d is %s, must have the batch and for scan inputs the sequence in front", 1+i, tensor.Describe(e.Value(1+i)))
		}
		batch = t.Shape()[0]
		if rank == 2 {
			length = t.Shape()[1]
		}
	}
	if err := e.Tick(batch); err != nil {
		return 0, 0, nil, err
	}
	if !e.Has(0) {
		return batch, length, nil, nil
	}
	lens = e.IntList(0)
	if len(lens) != batch {
		return 0, 0, nil, fmt.Errorf("sequence_lens has %d elements for a batch of %d", len(lens), batch)
	}
	for _, n := range lens {
		if n < 0 || n > length {
			return 0, 0, nil, fmt.Errorf("sequence_lens %v must be from 0 to %d", lens, length)
		}
	}
	return batch, length, lens, nil
}

func (o *scan8) Eval(e *op.Eval) error {
	batch, length, lens, err := o.sizes(e)
	if err != nil {
		return err
	}
	finals := make([][]*tensor.Tensor, o.states)
	scans := make([][][]*tensor.Tensor, len(o.body.Graph.Outputs)-o.states) // output, entry, round
	for b := range batch {
		n := length
		if lens != nil {
			n = lens[b]
		}
		parts, err := o.entry(e, b, n, finals)
		if err != nil {
			return err
		}
		for k := range scans {
			scans[k] = append(scans[k], parts[k])
		}
	}
	for i, parts := range finals {
		if batch == 0 {
			e.SetOut(i, e.In(1+i))
		} else if e.Wants(i) {
			if err := e.Stack(i, parts, 0); err != nil {
				return err
			}
		}
	}
	for k, entries := range scans {
		if e.Wants(o.states + k) {
			if err := o.stack(e, o.states+k, entries, batch, length); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry runs one entry of the batch; its final states go to finals.
func (o *scan8) entry(e *op.Eval, b, n int, finals [][]*tensor.Tensor) ([][]*tensor.Tensor, error) {
	state := make([]tensor.Value, o.states)
	for i := range state {
		t, err := at(e, e.In(1+i), 0, b)
		if err != nil {
			return nil, err
		}
		state[i] = t
	}
	rows := make([]*tensor.Tensor, o.scans)
	for i := range rows {
		var err error
		if rows[i], err = at(e, e.In(1+o.states+i), 0, b); err != nil {
			return nil, err
		}
	}
	parts, err := o.rounds(e, n, state, func(i, round int) (*tensor.Tensor, error) { return at(e, rows[i], 0, round) })
	if err != nil {
		return nil, err
	}
	for i, v := range state {
		t, ok := v.(*tensor.Tensor)
		if !ok {
			return nil, fmt.Errorf("state %d is %s, must be a tensor", i, tensor.Describe(v))
		}
		finals[i] = append(finals[i], t)
	}
	return parts, nil
}

// stack makes scan output i of all entries, zeros where an entry ended early.
func (o *scan8) stack(e *op.Eval, i int, entries [][]*tensor.Tensor, batch, length int) error {
	var like *tensor.Tensor
	for _, rounds := range entries {
		if len(rounds) > 0 {
			like = rounds[0]
			break
		}
	}
	if like == nil {
		t := o.body.Graph.Outputs[i].Type
		if t.Elem == tensor.Invalid {
			return fmt.Errorf("scan output %d has no rounds and its body declares no element type", i)
		}
		y, err := e.Out(i, t.Elem, append([]int{batch, length}, emptyDims(t, 0)[1:]...)...)
		if err != nil {
			return err
		}
		zero, err := e.Temp(t.Elem, y.Shape()...)
		if err != nil {
			return err
		}
		return y.CopyFrom(zero)
	}
	zero, err := e.Temp(like.DType(), like.Shape()...)
	if err != nil {
		return err
	}
	whole := make([]*tensor.Tensor, len(entries))
	for b, rounds := range entries {
		for len(rounds) < length {
			rounds = append(rounds, zero)
		}
		if whole[b], err = e.StackTemp(rounds, 0); err != nil {
			return err
		}
	}
	return e.Stack(i, whole, 0)
}
