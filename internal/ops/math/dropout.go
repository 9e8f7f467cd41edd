package math

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// dropout copies its input, or in training mode (versions from 12 on, by input)
// zeroes each element with probability ratio and scales the rest by
// 1/(1-ratio). Which elements stay is numpy's RandomState(seed).uniform, in
// row-major order. Versions before 12 always run as inference, whatever
// is_test says. Outside training the mask is all ones.
//
// The forms of com.microsoft add a bias (which broadcasts to the data) before
// and a residual after, or pack the mask: bit i of word i/32 is element i,
// padded with ones (BitmaskDropout; layout from ONNX Runtime's ContribOperators.md).
type dropout struct {
	ratioIn  int // input number of ratio, training_mode follows; -1 = inference only
	maskLike bool
	bias     bool
	packed   bool
	seed     *uint64
}

func dropoutDef(domain, name string, proto dropout) *op.Def {
	return &op.Def{Domain: domain, Name: name, Random: true, New: func(a *op.Args) (op.Op, error) {
		o := proto
		if domain == "" && a.Version < 12 {
			a.Ignore("consumed_inputs", "is_test", "ratio")
			o.ratioIn, o.maskLike = -1, a.Version < 10
			return &o, nil
		}
		if a.Has("seed") {
			s := uint64(a.Node.Attrs.Get("seed").I)
			o.seed = &s
		}
		a.Ignore("seed")
		return &o, nil
	}}
}

var (
	dropoutOpDef          = dropoutDef("", "Dropout", dropout{ratioIn: 1})
	bitmaskDropoutDef     = dropoutDef("com.microsoft", "BitmaskDropout", dropout{ratioIn: 1, packed: true})
	biasDropoutDef        = dropoutDef("com.microsoft", "BiasDropout", dropout{ratioIn: 3, bias: true})
	bitmaskBiasDropoutDef = dropoutDef("com.microsoft", "BitmaskBiasDropout", dropout{ratioIn: 3, bias: true, packed: true})
)

func (o *dropout) Infer(c *op.Infer) error {
	c.Like(0, 0)
	s := c.Shape(0)
	switch {
	case o.packed:
		n := c.Fresh()
		if d, ok := tensor.NumElements(s.Ints()); s.Known() && ok {
			n = graph.D(words(d))
		}
		c.Out(1, tensor.Uint32, graph.Shape{n})
	case o.maskLike:
		c.Out(1, c.Type(0), s)
	default:
		c.Out(1, tensor.Bool, s)
	}
	return nil
}

// words returns the number of 32-bit words for n bits.
func words(n int) int { return n/32 + min(1, n%32) }

func (o *dropout) Overwrites(out int) []int {
	if out != 0 || o.bias {
		return nil
	}
	return []int{0}
}

// Passes reports that output 0 is input 0, -1 if the node may train or adds a bias.
func (o *dropout) Passes(n *graph.Node) int {
	if o.bias {
		return -1
	}
	if o.ratioIn < 0 || len(n.Inputs) <= o.ratioIn+1 || n.Inputs[o.ratioIn+1] == nil {
		return 0
	}
	v := n.Inputs[o.ratioIn+1]
	if t := v.Tensor(); t != nil && !v.Default && t.DType() == tensor.Bool && t.Len() == 1 && !t.BoolAt(0) {
		return 0
	}
	return -1
}

func (o *dropout) Eval(e *op.Eval) error {
	x := e.In(0)
	ratio, err := o.ratio(e)
	if err != nil {
		return err
	}
	bias, residual := x, x
	if o.bias {
		bias, residual = e.In(1), e.In(2)
		if err := unidirectional(x.Shape(), bias.Shape()); err != nil {
			return fmt.Errorf("bias: %w", err)
		}
		if residual != nil {
			if err := sameShape(x.Shape(), residual.Shape()); err != nil {
				return fmt.Errorf("residual: %w", err)
			}
		}
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	set, err := o.mask(e, x)
	if err != nil {
		return err
	}
	if ratio == 0 && !o.bias {
		for i := range x.Len() {
			set(i, true)
		}
		return y.CopyFrom(x)
	}
	keep := o.draw(e, ratio)
	scale := 1 / (1 - ratio)
	return broadcastRuns(x.Shape(), [][]int{x.Shape(), bias.Shape()}, func(k, n int, off, step []int) error {
		for p := range n {
			i := k + p
			v := x.FloatAt(i)
			if o.bias {
				v += bias.FloatAt(off[1] + p*step[1])
			}
			on := keep()
			set(i, on)
			if on {
				v *= scale
			} else {
				v *= 0 // as numpy's mask*x: infinities and NaN become NaN
			}
			if o.bias && residual != nil {
				v += residual.FloatAt(i)
			}
			y.SetFloatAt(i, v)
		}
		return nil
	})
}

// ratio returns the probability of dropping an element: 0 in inference.
func (o *dropout) ratio(e *op.Eval) (float64, error) {
	if o.ratioIn < 0 {
		return 0, nil
	}
	for i := o.ratioIn; i <= o.ratioIn+1; i++ {
		if t := e.In(i); t != nil && t.Len() != 1 {
			return 0, fmt.Errorf("input %d has shape %v, must be a scalar", i, t.Shape())
		}
	}
	training := e.In(o.ratioIn + 1)
	if training == nil || !training.BoolAt(0) {
		return 0, nil
	}
	r := 0.5
	if t := e.In(o.ratioIn); t != nil {
		r = t.FloatAt(0)
	}
	if !(r >= 0 && r < 1) {
		return 0, fmt.Errorf("ratio is %v, must be in [0, 1)", r)
	}
	return r, nil
}

// mask makes output 1, if it is wanted, and returns what sets its elements.
func (o *dropout) mask(e *op.Eval, x *tensor.Tensor) (func(i int, on bool), error) {
	switch {
	case !e.Wants(1):
		return func(int, bool) {}, nil
	case o.packed:
		m, err := e.Out(1, tensor.Uint32, words(x.Len()))
		if err != nil {
			return nil, err
		}
		b := m.Bytes()
		for i := range b {
			b[i] = 0xff
		}
		return func(i int, on bool) {
			if !on {
				b[i/8] &^= 1 << (i % 8)
			}
		}, nil
	}
	dt := tensor.Bool
	if o.maskLike {
		dt = x.DType()
	}
	m, err := e.OutLike(1, dt, x)
	if err != nil {
		return nil, err
	}
	return func(i int, on bool) { m.SetIntAt(i, int64(byte01(on))) }, nil
}

// draw returns what decides element after element whether it stays.
func (o *dropout) draw(e *op.Eval, ratio float64) func() bool {
	if ratio == 0 {
		return func() bool { return true }
	}
	var seed uint64
	if o.seed != nil {
		seed = *o.seed
	} else {
		seed = e.Seed()
	}
	g := newMT19937(seed)
	return func() bool { return g.float64() >= ratio }
}
