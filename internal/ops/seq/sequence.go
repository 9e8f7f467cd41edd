package seq

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// sequence returns input i, which must be a sequence.
func sequence(e *op.Eval, i int) (*tensor.Sequence, error) {
	s, ok := e.Value(i).(*tensor.Sequence)
	if !ok {
		return nil, fmt.Errorf("input %d is %s, must be a sequence", i, tensor.Describe(e.Value(i)))
	}
	return s, nil
}

// wantSequence checks the kind of input i.
func wantSequence(c *op.Infer, i int) (graph.Type, error) {
	t := c.In(i).Type
	if t.Kind != graph.KindUnknown && t.Kind != graph.KindSequence {
		return t, fmt.Errorf("input %d is %v, must be a sequence", i, t)
	}
	return t, nil
}

// position returns the place that input i names in a list of n; absent gives def.
func position(e *op.Eval, i, n, def int) (int, error) {
	t := e.In(i)
	if t == nil {
		return def, nil
	}
	if t.Len() != 1 {
		return 0, fmt.Errorf("position is %v, must be a scalar", t)
	}
	p := t.IntAt(0)
	if p < 0 {
		p += int64(n)
	}
	if p < 0 || p > int64(n) {
		return 0, fmt.Errorf("position %d is out of range for %d places", t.IntAt(0), n)
	}
	return int(p), nil
}

// construct is SequenceConstruct: the inputs as a sequence.
type construct struct{}

var constructDef = &op.Def{Name: "SequenceConstruct", New: func(*op.Args) (op.Op, error) { return &construct{}, nil }}

func (*construct) Infer(c *op.Infer) error {
	t := tensorType(c, 0)
	for i := 1; i < c.NIn(); i++ {
		t = c.MergeTypes(t, tensorType(c, i))
	}
	c.OutType(0, op.SequenceOf(t))
	return nil
}

func (*construct) Eval(e *op.Eval) error {
	s := &tensor.Sequence{Items: make([]tensor.Value, e.NIn())}
	for i := range s.Items {
		t := e.In(i)
		if t == nil {
			return fmt.Errorf("input %d is %s, must be a tensor", i, tensor.Describe(e.Value(i)))
		}
		if i == 0 {
			s.Elem = t.DType()
		} else if t.DType() != s.Elem {
			return fmt.Errorf("input %d is %v, must be %v as the first", i, t.DType(), s.Elem)
		}
		s.Items[i] = t
	}
	e.SetOut(0, s)
	return nil
}

// empty is SequenceEmpty: no items of the given type.
type empty struct{ dt tensor.DType }

var emptyDef = &op.Def{Name: "SequenceEmpty", New: func(a *op.Args) (op.Op, error) {
	return &empty{a.DType("dtype", tensor.Float32)}, nil
}}

func (o *empty) Infer(c *op.Infer) error {
	c.OutType(0, op.SequenceOf(graph.TensorType(o.dt, nil)))
	return nil
}

func (o *empty) Eval(e *op.Eval) error {
	e.SetOut(0, &tensor.Sequence{Elem: o.dt})
	return nil
}

// insert is SequenceInsert: the sequence with one more tensor, at the end by default.
type insert struct{}

var insertDef = &op.Def{Name: "SequenceInsert", New: func(*op.Args) (op.Op, error) { return &insert{}, nil }}

func (*insert) Infer(c *op.Infer) error {
	t, err := wantSequence(c, 0)
	if err != nil {
		return err
	}
	item := graph.Type{}
	if t.Inner != nil {
		item = c.MergeTypes(*t.Inner, tensorType(c, 1))
	}
	c.OutType(0, op.SequenceOf(item))
	return nil
}

func (*insert) Eval(e *op.Eval) error {
	s, err := sequence(e, 0)
	if err != nil {
		return err
	}
	t := e.In(1)
	if t == nil {
		return fmt.Errorf("input 1 is %s, must be a tensor", tensor.Describe(e.Value(1)))
	}
	if dt := elemOf(s); dt != tensor.Invalid && dt != t.DType() {
		return fmt.Errorf("tensor is %v, the sequence holds %v", t.DType(), dt)
	}
	n := len(s.Items)
	p, err := position(e, 2, n, n)
	if err != nil {
		return err
	}
	if err := e.Tick(n/64 + 1); err != nil {
		return err
	}
	items := make([]tensor.Value, 0, n+1)
	items = append(append(append(items, s.Items[:p]...), t), s.Items[p:]...)
	e.SetOut(0, &tensor.Sequence{Elem: t.DType(), Items: items})
	return nil
}

// erase is SequenceErase: the sequence without one item, the last by default.
type erase struct{}

var eraseDef = &op.Def{Name: "SequenceErase", New: func(*op.Args) (op.Op, error) { return &erase{}, nil }}

func (*erase) Infer(c *op.Infer) error {
	t, err := wantSequence(c, 0)
	if err == nil {
		c.OutType(0, t)
	}
	return err
}

func (*erase) Eval(e *op.Eval) error {
	s, err := sequence(e, 0)
	if err != nil {
		return err
	}
	n := len(s.Items)
	p, err := position(e, 1, n, n-1)
	if err != nil {
		return err
	}
	if p < 0 || p >= n {
		return fmt.Errorf("position %d is out of range for %d items", p, n)
	}
	if err := e.Tick(n/64 + 1); err != nil {
		return err
	}
	items := append(append(make([]tensor.Value, 0, n-1), s.Items[:p]...), s.Items[p+1:]...)
	e.SetOut(0, &tensor.Sequence{Elem: elemOf(s), Items: items})
	return nil
}

// at is SequenceAt: one item.
type at struct{}

var atDef = &op.Def{Name: "SequenceAt", New: func(*op.Args) (op.Op, error) { return &at{}, nil }}

func (*at) Infer(c *op.Infer) error {
	t, err := wantSequence(c, 0)
	if err == nil {
		c.OutType(0, c.ItemType(t))
	}
	return err
}

func (*at) Eval(e *op.Eval) error {
	s, err := sequence(e, 0)
	if err != nil {
		return err
	}
	p, err := position(e, 1, len(s.Items), 0)
	if err != nil {
		return err
	}
	if p >= len(s.Items) {
		return fmt.Errorf("position %d is out of range for %d items", p, len(s.Items))
	}
	e.SetOut(0, s.Items[p])
	return nil
}

// length is SequenceLength: the number of items as a scalar.
type length struct{}

var lengthDef = &op.Def{Name: "SequenceLength", New: func(*op.Args) (op.Op, error) { return &length{}, nil }}

func (*length) Infer(c *op.Infer) error {
	_, err := wantSequence(c, 0)
	c.Out(0, tensor.Int64, graph.Shape{})
	return err
}

func (*length) Eval(e *op.Eval) error {
	s, err := sequence(e, 0)
	if err != nil {
		return err
	}
	return e.SetInts(0, tensor.Int64, nil, []int64{int64(len(s.Items))})
}
