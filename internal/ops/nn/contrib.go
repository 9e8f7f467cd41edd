package nn

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// gatedNorm is com.microsoft.GatedRMSNorm: runs of len(scale) elements of X are
// divided by their root mean square, scaled, and multiplied by act(gate).
type gatedNorm struct {
	eps  float64
	silu bool // else sigmoid
}

var gatedNormDef = &op.Def{Domain: msDomain, Name: "GatedRMSNorm", New: func(a *op.Args) (op.Op, error) {
	act := a.OneOf("activation", "silu", "silu", "swish", "sigmoid")
	return &gatedNorm{a.Float("epsilon", float64(float32(1e-5))), act != "sigmoid"}, nil
}}

func (o *gatedNorm) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *gatedNorm) Eval(e *op.Eval) error {
	x, scale, gate := e.In(0), e.In(1), e.In(2)
	n := scale.Len()
	if x.Rank() < 1 || n < 1 || x.Shape()[x.Rank()-1]%n != 0 || !tensor.SameShape(x.Shape(), gate.Shape()) {
		return fmt.Errorf("last axis of X %v must be a multiple of scale %v, and gate %v like X", x, scale, gate)
	}
	v, s, g := e.Floats(0), e.Floats(1), e.Floats(2)
	rms := &layerNorm{rms: true, eps: o.eps}
	for i := 0; i < len(v); i += n {
		rms.normalise(v[i : i+n])
		for k := range n {
			w := sigmoid(g[i+k])
			if o.silu {
				w *= g[i+k]
			}
			v[i+k] *= s[k] * w
		}
	}
	return e.SetFloats(0, x.DType(), x.Shape(), v)
}

// branchNorm is com.microsoft.BranchwiseRMSNorm: X [...,C,H], or [...,C*H] with
// num_branches C, is divided by the root mean square of each branch of H
// elements, then scaled by C*H or H factors.
type branchNorm struct {
	eps      float64
	branches int
}

var branchNormDef = &op.Def{Domain: msDomain, Name: "BranchwiseRMSNorm", New: func(a *op.Args) (op.Op, error) {
	o := &branchNorm{a.Float("epsilon", float64(float32(1e-5))), a.Int("num_branches", 0)}
	if o.branches < 0 {
		return nil, fmt.Errorf("attribute num_branches = %d, must not be negative", o.branches)
	}
	return o, nil
}}

func (o *branchNorm) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *branchNorm) Eval(e *op.Eval) error {
	x := e.In(0)
	xs := x.Shape()
	if len(xs) < 1 || o.branches == 0 && len(xs) < 2 {
		return fmt.Errorf("X %v must be [...,C,H], or [...,C*H] with num_branches", x)
	}
	h, branches := xs[len(xs)-1], o.branches
	if branches > 0 {
		if h%branches != 0 {
			return fmt.Errorf("last axis of X %v is no multiple of num_branches %d", x, branches)
		}
		h /= branches
	} else {
		branches = xs[len(xs)-2]
	}
	v, s := e.Floats(0), e.Floats(1)
	if len(v) > 0 && s != nil && len(s) != h && len(s) != h*branches {
		return fmt.Errorf("scale %v must have %d or %d elements", e.In(1), h, h*branches)
	}
	rms := &layerNorm{rms: true, eps: o.eps}
	for i := 0; i < len(v); i += h {
		rms.normalise(v[i : i+h])
	}
	for i := range v {
		if s != nil {
			v[i] *= s[i%len(s)]
		}
	}
	return e.SetFloats(0, x.DType(), xs, v)
}

// wordConv is com.microsoft.WordConvEmbedding: words [n,chars] of character
// numbers (0 = padding) become [n,filters]: the characters' embeddings are
// convolved with W [filters,1,window,size], B is added, and the maximum of the
// hyperbolic tangent over the word is taken. An empty word gives zeros.
type wordConv struct{ embedding, window, char int } // -1: not checked

var wordConvDef = &op.Def{Domain: msDomain, Name: "WordConvEmbedding", New: func(a *op.Args) (op.Op, error) {
	return &wordConv{a.Int("embedding_size", -1), a.Int("conv_window_size", -1), a.Int("char_embedding_size", -1)}, nil
}}

func (o *wordConv) Infer(c *op.Infer) error {
	n, f := c.Fresh(), c.Fresh()
	if s := c.Shape(0); len(s) == 2 {
		n = s[0]
	}
	if w := c.Shape(1); len(w) == 4 {
		f = w[0]
	}
	c.Out(0, tensor.Float32, graph.Shape{n, f})
	return nil
}

func (o *wordConv) Eval(e *op.Eval) error {
	seq, w, table := e.In(0), e.In(1), e.In(3)
	ss, ws, ts := seq.Shape(), w.Shape(), table.Shape()
	if len(ss) != 2 || len(ws) != 4 || len(ts) != 2 || ws[1] != 1 || ws[3] != ts[1] || ws[2] < 1 {
		return fmt.Errorf("Sequence %v must be [n,chars], W %v [filters,1,window,size] and C %v [chars,size]", seq, w, table)
	}
	for _, c := range [][2]int{{o.embedding, ws[0]}, {o.window, ws[2]}, {o.char, ts[1]}} {
		if c[0] != -1 && c[0] != c[1] {
			return fmt.Errorf("W %v and C %v don't fit embedding_size %d, conv_window_size %d, char_embedding_size %d", w, table, o.embedding, o.window, o.char)
		}
	}
	bias, err := vector(e, 2, "B", ws[0])
	if err != nil {
		return err
	}
	y, err := e.Out(0, tensor.Float32, ss[0], ws[0])
	if err != nil || y.Len() == 0 {
		return err
	}
	chars, wv, tv := e.Ints(0), e.Floats(1), e.Floats(3)
	for _, c := range chars {
		if c < 0 || c >= int64(ts[0]) {
			return fmt.Errorf("character %d is outside the %d of C", c, ts[0])
		}
	}
	j := &wordJob{w: wv, bias: bias, table: tv, window: ws[2], size: ts[1]}
	for n := range ss[0] {
		if err := e.Tick(1); err != nil {
			return err
		}
		word, err := j.word(chars[n*ss[1] : (n+1)*ss[1]])
		if err != nil {
			return err
		}
		for f := range ws[0] {
			y.SetFloatAt(n*ws[0]+f, j.filter(f, word))
		}
	}
	return nil
}

// wordJob is one evaluation.
type wordJob struct {
	w, bias, table []float64
	window, size   int
}

// word returns the embeddings of the characters that count, nil for an empty word.
func (j *wordJob) word(chars []int64) ([]float64, error) {
	if len(chars) == 0 || chars[0] == 0 {
		return nil, nil
	}
	n := 0
	for _, c := range chars {
		if c != 0 {
			n++
		}
	}
	if n = max(n, j.window); n > len(chars) {
		return nil, fmt.Errorf("words of %d characters are shorter than the window of %d", len(chars), j.window)
	}
	var v []float64
	for _, c := range chars[:n] {
		v = append(v, j.table[int(c)*j.size:(int(c)+1)*j.size]...)
	}
	if v == nil {
		v = []float64{}
	}
	return v, nil
}

func (j *wordJob) filter(f int, word []float64) float64 {
	if word == nil {
		return 0
	}
	row, best := j.window*j.size, math.Inf(-1)
	w := j.w[f*row : (f+1)*row]
	for p := 0; p+row <= len(word); p += max(j.size, 1) {
		best = max(best, dot(w, word[p:]))
		if j.size == 0 {
			break
		}
	}
	if j.bias != nil {
		best += j.bias[f]
	}
	return math.Tanh(best)
}
