package control

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// sequenceMap is SequenceMap: the body applied to the items of input 0 and of
// every other input that is a sequence; tensors go in as they are.
type sequenceMap struct{ body *graph.Body }

var sequenceMapDef = &op.Def{Name: "SequenceMap", New: func(a *op.Args) (op.Op, error) {
	b := a.Node.Body("body")
	if b.Graph.Formal != a.NIn() || len(b.Graph.Outputs) != a.NOut() {
		return nil, fmt.Errorf("body takes %d inputs and has %d outputs, the node %d and %d", b.Graph.Formal, len(b.Graph.Outputs), a.NIn(), a.NOut())
	}
	return &sequenceMap{b}, nil
}}

func (o *sequenceMap) Infer(c *op.Infer) error {
	formal := make([]op.Fact, c.NIn())
	for i := range formal {
		f := c.In(i)
		switch {
		case f.Type.Kind == graph.KindSequence:
			f = op.Fact{Type: c.ItemType(f.Type)}
		case f.Type.Kind != graph.KindUnknown && i == 0:
			return fmt.Errorf("input 0 is %v, must be a sequence", f.Type)
		case f.Type.Kind == graph.KindUnknown:
			f = op.Fact{}
		}
		formal[i] = f
	}
	out, err := c.Body("body", formal)
	if err != nil {
		return err
	}
	for i := range c.NOut() {
		c.OutType(i, op.SequenceOf(out[i].Type))
	}
	return nil
}

func (o *sequenceMap) Eval(e *op.Eval) error {
	seqs := make([]*tensor.Sequence, e.NIn())
	for i := range seqs {
		s, ok := e.Value(i).(*tensor.Sequence)
		if i == 0 && !ok {
			return fmt.Errorf("input 0 is %s, must be a sequence", tensor.Describe(e.Value(0)))
		}
		if ok && i > 0 && len(s.Items) != len(seqs[0].Items) {
			return fmt.Errorf("input %d has %d items, must have %d as input 0", i, len(s.Items), len(seqs[0].Items))
		}
		seqs[i] = s
	}
	out := make([]*tensor.Sequence, e.NOut())
	for i := range out {
		out[i] = &tensor.Sequence{Elem: o.body.Graph.Outputs[i].Type.Elem}
	}
	for k := range seqs[0].Items {
		if err := e.Tick(1); err != nil {
			return err
		}
		formal := make([]tensor.Value, len(seqs))
		for i, s := range seqs {
			if s != nil {
				formal[i] = s.Items[k]
			} else {
				formal[i] = e.Value(i)
			}
		}
		v, err := e.Body("body", formal)
		if err != nil {
			return err
		}
		if len(v) != len(out) {
			return fmt.Errorf("body gave %d outputs, must give %d", len(v), len(out))
		}
		for i := range out {
			if t, ok := v[i].(*tensor.Tensor); ok {
				out[i].Elem = t.DType()
			}
			out[i].Items = append(out[i].Items, v[i])
		}
	}
	for i, s := range out {
		e.SetOut(i, s)
	}
	return nil
}
