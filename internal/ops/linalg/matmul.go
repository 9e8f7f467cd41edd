package linalg

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// matMul is numpy.matmul of inputs 0 and 1, optionally of transposed operands,
// times alpha, through an activation (com.microsoft.FusedMatMul and its kin).
//
// Shapes: [..., M, K] · [..., K, N] = [..., M, N], the leading dimensions
// broadcast. An operand of rank 1 gets a dimension 1 in front (left) or behind
// (right), which the result lacks again. trans swaps an operand's last two
// dimensions (ignored for rank 1). transBatch first moves dimension 0 to the
// place before the last: [d0, d1, ..., dr] is read as [d1, ..., d0, dr].
type matMul struct {
	trans, transBatch [2]bool
	alpha             float64
	act               activation // nil = none
}

var matMulDef = &op.Def{Name: "MatMul", New: func(a *op.Args) (op.Op, error) {
	return &matMul{alpha: 1}, nil
}}

func newFused(a *op.Args) *matMul {
	return &matMul{trans: [2]bool{a.Bool("transA", false), a.Bool("transB", false)}, alpha: a.Float("alpha", 1)}
}

var transposeMatMulDef = &op.Def{Domain: "com.microsoft", Name: "TransposeMatMul", New: func(a *op.Args) (op.Op, error) {
	return newFused(a), nil
}}

// sparseMatMulDef is SparseToDenseMatMul. Walnut has no sparse values at run
// time: readers turn sparse constants into dense ones, and A is taken dense here.
var sparseMatMulDef = &op.Def{Domain: "com.microsoft", Name: "SparseToDenseMatMul", New: func(a *op.Args) (op.Op, error) {
	return newFused(a), nil
}}

var fusedMatMulDef = &op.Def{Domain: "com.microsoft", Name: "FusedMatMul", New: func(a *op.Args) (op.Op, error) {
	o := newFused(a)
	o.transBatch = [2]bool{a.Bool("transBatchA", false), a.Bool("transBatchB", false)}
	return o, nil
}}

var fusedMatMulActivationDef = &op.Def{Domain: "com.microsoft", Name: "FusedMatMulActivation", New: func(a *op.Args) (op.Op, error) {
	o := newFused(a)
	o.transBatch = [2]bool{a.Bool("transBatchA", false), a.Bool("transBatchB", false)}
	a.Ignore("activation_axis") // only for activations along an axis, which newActivation rejects
	var err error
	o.act, err = newActivation(a)
	return o, err
}}

// order returns the axes of operand i in the order batch, rows, columns.
func (o *matMul) order(i, rank int) []int {
	l := make([]int, rank)
	for k := range l {
		l[k] = k
	}
	if rank >= 3 && o.transBatch[i] {
		copy(l, l[1:rank-1])
		l[rank-2] = 0
	}
	if rank >= 2 && o.trans[i] {
		l[rank-1], l[rank-2] = l[rank-2], l[rank-1]
	}
	return l
}

func (o *matMul) Infer(c *op.Infer) error {
	var s [2]graph.Shape
	for i := range s {
		x := c.Shape(i)
		if x == nil {
			c.Out(0, c.Type(1), nil)
			return nil
		}
		if len(x) == 0 {
			return fmt.Errorf("input %d is a scalar, must have a rank of at least 1", i)
		}
		for _, a := range o.order(i, len(x)) {
			s[i] = append(s[i], x[a])
		}
	}
	a, b := s[0], s[1]
	var m, n graph.Shape
	k, l := a[len(a)-1], b[0]
	a = a[:len(a)-1]
	if len(a) > 0 {
		m, a = a[len(a)-1:], a[:len(a)-1]
	}
	if len(b) > 1 {
		l, n, b = b[len(b)-2], b[len(b)-1:], b[:len(b)-2]
	} else {
		b = graph.Shape{}
	}
	if k.Known() && l.Known() && k != l {
		return fmt.Errorf("inner dimensions differ: %v · %v", s[0], s[1])
	}
	out, err := c.Broadcast(a, b)
	if err != nil {
		return err
	}
	out = append(append(append(graph.Shape{}, out...), m...), n...)
	c.Out(0, c.Type(1), out)
	return nil
}

// product works out the broadcast product of shapes a and b, and the shape of the result.
func (o *matMul) product(a, b []int) (*product, []int, error) {
	var dims, strides [2][]int
	for i, s := range [][]int{a, b} {
		if len(s) == 0 {
			return nil, nil, fmt.Errorf("input %d is a scalar, must have a rank of at least 1", i)
		}
		st := op.Strides(s)
		for _, x := range o.order(i, len(s)) {
			dims[i], strides[i] = append(dims[i], s[x]), append(strides[i], st[x])
		}
	}
	left, right := len(a) == 1, len(b) == 1
	if left {
		dims[0], strides[0] = []int{1, a[0]}, []int{0, 1}
	}
	if right {
		dims[1], strides[1] = []int{b[0], 1}, []int{1, 0}
	}
	ra, rb := len(dims[0])-2, len(dims[1])-2
	p := &product{m: dims[0][ra], k: dims[0][ra+1], n: dims[1][rb+1],
		arow: strides[0][ra], acol: strides[0][ra+1], brow: strides[1][rb], bcol: strides[1][rb+1]}
	if p.k != dims[1][rb] {
		return nil, nil, fmt.Errorf("inner dimensions differ: %v · %v", dims[0], dims[1])
	}
	var err error
	if p.batch, err = op.BroadcastDims(dims[0][:ra], dims[1][:rb]); err != nil {
		return nil, nil, err
	}
	p.as = alignStrides(dims[0][:ra], strides[0][:ra], len(p.batch))
	p.bs = alignStrides(dims[1][:rb], strides[1][:rb], len(p.batch))
	out := append([]int{}, p.batch...)
	if !left {
		out = append(out, p.m)
	}
	if !right {
		out = append(out, p.n)
	}
	return p, out, nil
}

// alignStrides right-aligns strides to rank axes; axes of size 1 repeat.
func alignStrides(dims, strides []int, rank int) []int {
	s := make([]int, rank)
	for i, d := range dims {
		if d != 1 {
			s[rank-len(dims)+i] = strides[i]
		}
	}
	return s
}

func (o *matMul) Eval(e *op.Eval) error {
	a, b := e.In(0), e.In(1)
	if a.DType() != b.DType() {
		return fmt.Errorf("input 0 is %v, input 1 is %v; they must agree", a.DType(), b.DType())
	}
	p, dims, err := o.product(a.Shape(), b.Shape())
	if err != nil {
		return err
	}
	y, err := e.Out(0, b.DType(), dims...)
	if err != nil {
		return err
	}
	return p.run(e, func(i int, acc []float64) {
		o.finish(acc)
		storeRow(y, i, acc)
	}, func(i int, acc []int64) {
		if o.alpha != 1 {
			scaleInts(acc, o.alpha)
		}
		storeInts(y, i, acc)
	})
}

func (o *matMul) finish(acc []float64) {
	if o.alpha != 1 {
		for j := range acc {
			acc[j] *= o.alpha
		}
	}
	if o.act != nil {
		for j, v := range acc {
			acc[j] = o.act(v)
		}
	}
}

// scaleInts multiplies by a factor: exactly if it is whole, else through
// float64, truncated towards zero.
func scaleInts(v []int64, f float64) {
	w := tensor.FloatToInt(f)
	for j := range v {
		if float64(w) == f {
			v[j] *= w
		} else {
			v[j] = tensor.FloatToInt(float64(v[j]) * f)
		}
	}
}
