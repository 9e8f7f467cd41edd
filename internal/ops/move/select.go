package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// compress keeps the slices along axis, or the elements, whose condition is set.
type compress struct {
	axis int
	flat bool
}

var compressDef = &op.Def{Name: "Compress", New: func(a *op.Args) (op.Op, error) {
	flat := !a.Has("axis")
	return &compress{a.Int("axis", 0), flat}, nil
}}

func (o *compress) Infer(c *op.Infer) error {
	if o.flat {
		c.Out(0, c.Type(0), graph.Shape{c.Fresh()})
		return nil
	}
	s := c.Shape(0)
	if s == nil {
		c.Out(0, c.Type(0), nil)
		return nil
	}
	axis, err := op.Axis(o.axis, len(s))
	if err != nil {
		return err
	}
	out := append(graph.Shape{}, s...)
	out[axis] = c.Fresh()
	c.Out(0, c.Type(0), out)
	return nil
}

func (o *compress) Eval(e *op.Eval) error {
	x, cond := e.In(0), e.In(1)
	axis := 0
	var err error
	if o.flat {
		x, err = x.Reshaped(x.Len())
	} else {
		axis, err = op.Axis(o.axis, x.Rank())
	}
	if err != nil {
		return err
	}
	if cond.Rank() != 1 {
		return fmt.Errorf("condition is %v, must have rank 1", cond)
	}
	var at []int
	for i := range min(cond.Len(), x.Shape()[axis]) {
		if cond.BoolAt(i) {
			at = append(at, i)
		}
	}
	dims := append([]int{}, x.Shape()...)
	dims[axis] = len(at)
	return one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		takeAxis(dst, src, m.w, x.Shape(), axis, at)
		return nil
	})
}

// takeAxis copies the slices at the given places of an axis.
func takeAxis(dst, src []byte, w int, s []int, axis int, at []int) {
	inner := op.Prod(s[axis+1:]) * w
	p := 0
	for outer := range op.Prod(s[:axis]) {
		base := outer * s[axis] * inner
		for _, i := range at {
			copy(dst[p:p+inner], src[base+i*inner:])
			p += inner
		}
	}
}

// nonZero returns the indices of elements that are not zero, one row an axis.
// A scalar has no axes and gives [0, N] (NonZero-13).
type nonZero struct{}

var nonZeroDef = &op.Def{Name: "NonZero", New: func(*op.Args) (op.Op, error) { return &nonZero{}, nil }}

func (*nonZero) Infer(c *op.Infer) error {
	rows := c.Fresh()
	if s := c.Shape(0); s != nil {
		rows = graph.D(len(s))
	}
	c.Out(0, tensor.Int64, graph.Shape{rows, c.Fresh()})
	return nil
}

func (*nonZero) Eval(e *op.Eval) error {
	x := e.In(0)
	set := func(i int) bool { return x.BoolAt(i) }
	switch x.DType().Class() {
	case tensor.ClassString:
		set = func(i int) bool { return x.Str(i) != "" }
	case tensor.ClassComplex:
		set = func(i int) bool { return x.ComplexAt(i) != 0 }
	}
	n := 0
	for i := range x.Len() {
		if set(i) {
			n++
		}
	}
	y, err := e.Out(0, tensor.Int64, x.Rank(), n)
	if err != nil || x.Rank() == 0 || n == 0 {
		return err
	}
	out := tensor.Of[int64](y)
	k := 0
	return op.Each(x.Shape(), nil, func(i int, idx, _ []int) error {
		if set(i) {
			for a, v := range idx {
				out[a*n+k] = int64(v)
			}
			k++
		}
		return nil
	})
}

// oneHot writes values[1] where an index points along a new axis, values[0]
// elsewhere. Indices beyond [-depth, depth) point nowhere.
type oneHot struct{ axis int }

var oneHotDef = &op.Def{Name: "OneHot", New: func(a *op.Args) (op.Op, error) {
	return &oneHot{a.Int("axis", -1)}, nil
}}

func (o *oneHot) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		c.Out(0, c.Type(2), nil)
		return nil
	}
	axis, err := op.Axis(o.axis, len(s)+1)
	if err != nil {
		return err
	}
	depth := c.Fresh()
	if d := c.Elems(1); len(d) == 1 {
		depth = d[0]
	} else if t := c.Const(1); t != nil && t.Len() == 1 { // a float, say
		depth = graph.D(int(min(t.IntAt(0), int64(maxInt))))
	}
	if depth.Known() && depth.N < 0 {
		return fmt.Errorf("depth is %d", depth.N)
	}
	c.Out(0, c.Type(2), append(append(append(graph.Shape{}, s[:axis]...), depth), s[axis:]...))
	return nil
}

func (o *oneHot) Eval(e *op.Eval) error {
	ix, depth, values := e.In(0), e.In(1), e.In(2)
	s := ix.Shape()
	axis, err := op.Axis(o.axis, len(s)+1)
	if err != nil {
		return err
	}
	if depth.Len() != 1 || values.Len() != 2 {
		return fmt.Errorf("depth has %d elements, must have 1; values has %d, must have 2", depth.Len(), values.Len())
	}
	d := depth.IntAt(0)
	if d < 0 || d > int64(maxInt) {
		return fmt.Errorf("depth is %d", d)
	}
	n := int(d)
	dims := append(append(append([]int{}, s[:axis]...), n), s[axis:]...)
	return one(e, 0, values, dims, func(m *mover, dst, src []byte) error {
		w := m.w
		fill(dst, src[:w])
		on := src[w : 2*w]
		inner := op.Prod(s[axis:])
		for k := range ix.Len() {
			v := ix.IntAt(k)
			if v < 0 {
				v += d
			}
			if v < 0 || v >= d {
				continue
			}
			p := ((k/inner*n+int(v))*inner + k%inner) * w
			copy(dst[p:p+w], on)
		}
		return nil
	})
}

// trilu keeps the upper or lower triangle of the matrices in the last two
// axes, from diagonal k on, and clears the rest.
type trilu struct{ upper bool }

func triluNew(a *op.Args) (op.Op, error) { return &trilu{a.Bool("upper", true)}, nil }

var (
	triluDef   = &op.Def{Name: "Trilu", New: triluNew}
	msTriluDef = &op.Def{Domain: "com.microsoft", Name: "Trilu", New: triluNew}
)

func (*trilu) Overwrites(int) []int { return []int{0} }

func (*trilu) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s != nil && len(s) < 2 {
		return fmt.Errorf("input is %v, must have rank 2 or more", s)
	}
	c.Out(0, c.Type(0), s)
	return nil
}

func (o *trilu) Eval(e *op.Eval) error {
	x := e.In(0)
	if x.Rank() < 2 {
		return fmt.Errorf("input is %v, must have rank 2 or more", x)
	}
	var k int64
	if t := e.In(1); t != nil {
		if t.Len() != 1 {
			return fmt.Errorf("k is %v, must be a scalar", t)
		}
		k = t.IntAt(0)
	}
	return one(e, 0, x, x.Shape(), func(m *mover, dst, src []byte) error {
		copy(dst, src)
		rows, cols := x.Shape()[x.Rank()-2], x.Shape()[x.Rank()-1]
		k = min(max(k, int64(-rows-1)), int64(cols+1))
		for r := range x.Len() / cols {
			row := dst[r*cols*m.w : (r+1)*cols*m.w]
			edge := min(max(r%rows+int(k), 0), cols) // first column on or above the diagonal
			if o.upper {
				clear(row[:edge*m.w])
			} else {
				clear(row[min(max(r%rows+int(k)+1, 0), cols)*m.w:])
			}
		}
		return nil
	})
}

// reverseSequence reverses the first sequence_lens[b] steps of batch entry b.
type reverseSequence struct{ batch, time int }

var reverseSequenceDef = &op.Def{Name: "ReverseSequence", New: func(a *op.Args) (op.Op, error) {
	o := &reverseSequence{a.Int("batch_axis", 1), a.Int("time_axis", 0)}
	if o.batch+o.time != 1 || o.batch*o.time != 0 {
		return nil, fmt.Errorf("batch_axis = %d and time_axis = %d, must be 0 and 1 or 1 and 0", o.batch, o.time)
	}
	return o, nil
}}

func (*reverseSequence) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s != nil && len(s) < 2 {
		return fmt.Errorf("input is %v, must have rank 2 or more", s)
	}
	c.Out(0, c.Type(0), s)
	return nil
}

func (o *reverseSequence) Eval(e *op.Eval) error {
	x, lens := e.In(0), e.In(1)
	if x.Rank() < 2 {
		return fmt.Errorf("input is %v, must have rank 2 or more", x)
	}
	s := x.Shape()
	if lens.Rank() != 1 || lens.Len() != s[o.batch] {
		return fmt.Errorf("sequence_lens is %v, must have the batch's length %d", lens, s[o.batch])
	}
	return one(e, 0, x, s, func(m *mover, dst, src []byte) error {
		inner := op.Prod(s[2:]) * m.w
		st := op.Strides(s[:2])
		for b := range s[o.batch] {
			n := lens.IntAt(b)
			if n < 0 || n > int64(s[o.time]) {
				return fmt.Errorf("sequence_lens[%d] = %d, must be from 0 to %d", b, n, s[o.time])
			}
			for t := range s[o.time] {
				from := t
				if t < int(n) {
					from = int(n) - 1 - t
				}
				p, q := (b*st[o.batch]+t*st[o.time])*inner, (b*st[o.batch]+from*st[o.time])*inner
				copy(dst[p:p+inner], src[q:q+inner])
			}
		}
		return nil
	})
}

// nGramRepeatBlock sets the scores of tokens that would repeat an n-gram of
// input_ids to minus infinity (com.microsoft).
type nGramRepeatBlock struct{ n int }

var nGramRepeatBlockDef = &op.Def{Domain: "com.microsoft", Name: "NGramRepeatBlock", New: func(a *op.Args) (op.Op, error) {
	o := &nGramRepeatBlock{a.Int("ngram_size", 0)}
	if o.n < 1 {
		return nil, fmt.Errorf("attribute \"ngram_size\" = %d, must be above 0", o.n)
	}
	return o, nil
}}

func (*nGramRepeatBlock) Overwrites(int) []int { return []int{1} }

func (*nGramRepeatBlock) Infer(c *op.Infer) error {
	c.Like(0, 1)
	return nil
}

func (o *nGramRepeatBlock) Eval(e *op.Eval) error {
	ids, scores := e.In(0), e.In(1)
	if ids.Rank() != 2 || scores.Rank() != 2 || ids.Shape()[0] != scores.Shape()[0] {
		return fmt.Errorf("input_ids %v and scores %v must be matrices of one batch", ids, scores)
	}
	y, err := e.OutLike(0, scores.DType(), scores)
	if err != nil {
		return err
	}
	if err := y.CopyFrom(scores); err != nil {
		return err
	}
	length, vocab := ids.Shape()[1], scores.Shape()[1]
	row := make([]int64, length)
	for b := range ids.Shape()[0] {
		for i := range row {
			row[i] = ids.IntAt(b*length + i)
		}
		if err := o.block(e, y, row, b*vocab, vocab); err != nil {
			return err
		}
	}
	return nil
}

// block bans tokens for one row of ids.
func (o *nGramRepeatBlock) block(e *op.Eval, y *tensor.Tensor, ids []int64, at, vocab int) error {
	if o.n > len(ids) {
		return nil
	}
	tail := ids[len(ids)-o.n+1:]
	for i := 0; i+o.n <= len(ids); i++ {
		if err := e.Tick(1); err != nil {
			return err
		}
		same := true
		for k, v := range tail {
			if ids[i+k] != v {
				same = false
				break
			}
		}
		if !same {
			continue
		}
		t := ids[i+o.n-1]
		if t < 0 || t >= int64(vocab) {
			return fmt.Errorf("token %d is out of range for a vocabulary of %d", t, vocab)
		}
		y.SetFloatAt(at+int(t), negInf)
	}
	return nil
}
