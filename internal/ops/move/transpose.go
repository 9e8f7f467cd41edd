package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

// transpose permutes the axes; without perm it reverses them.
type transpose struct{ perm []int }

var transposeDef = &op.Def{Name: "Transpose", New: func(a *op.Args) (op.Op, error) {
	return &transpose{a.Ints("perm")}, nil
}}

func (o *transpose) axes(rank int) ([]int, error) {
	if len(o.perm) == 0 {
		p := make([]int, rank)
		for i := range p {
			p[i] = rank - 1 - i
		}
		return p, nil
	}
	if len(o.perm) != rank {
		return nil, fmt.Errorf("perm %v has %d axes, the input has %d", o.perm, len(o.perm), rank)
	}
	return op.Axes(o.perm, rank)
}

func (o *transpose) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		if len(o.perm) > 0 {
			s = c.FreshShape(len(o.perm))
		}
		c.Out(0, c.Type(0), s)
		return nil
	}
	p, err := o.axes(len(s))
	if err != nil {
		return err
	}
	out := make(graph.Shape, len(s))
	for i, a := range p {
		out[i] = s[a]
	}
	c.Out(0, c.Type(0), out)
	if x := c.Elems(0); x != nil && len(s) <= 1 {
		c.OutElems(0, x)
	}
	return nil
}

func (o *transpose) Eval(e *op.Eval) error {
	x := e.In(0)
	p, err := o.axes(x.Rank())
	if err != nil {
		return err
	}
	dims, ss := make([]int, len(p)), make([]int, len(p))
	st := op.Strides(x.Shape())
	for i, a := range p {
		dims[i], ss[i] = x.Shape()[a], st[a]
	}
	return one(e, 0, x, dims, func(m *mover, dst, src []byte) error {
		copyBlock(dst, src, m.w, dims, op.Strides(dims), ss, 0, 0)
		return nil
	})
}

// blocks is DepthToSpace and SpaceToDepth on [N,C,H,W]. crd orders the depth
// column-row-depth, else it is depth-column-row.
type blocks struct {
	size int
	crd  bool
	back bool // SpaceToDepth
}

func blocksDef(name string, back bool) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		o := &blocks{size: a.Int("blocksize", 0), back: back}
		o.crd = a.OneOf("mode", "DCR", "DCR", "CRD") == "CRD"
		if o.size < 1 || o.size > 1<<15 {
			return nil, fmt.Errorf("attribute \"blocksize\" = %d, must be from 1 to %d", o.size, 1<<15)
		}
		return o, nil
	}}
}

var (
	depthToSpaceDef = blocksDef("DepthToSpace", false)
	spaceToDepthDef = blocksDef("SpaceToDepth", true)
)

// shape returns the output's shape.
func (o *blocks) shape(s graph.Shape, fresh func() graph.Dim) (graph.Shape, error) {
	if s == nil {
		return graph.Shape{fresh(), fresh(), fresh(), fresh()}, nil
	}
	if len(s) != 4 {
		return nil, fmt.Errorf("input is %v, must have rank 4", s)
	}
	b := o.size
	times := func(d graph.Dim, n int) graph.Dim { return productOf([]graph.Dim{d, graph.D(n)}).dim(fresh) }
	over := func(d graph.Dim, n int) (graph.Dim, error) {
		if q, ok := productOf([]graph.Dim{d}).over(productOf([]graph.Dim{graph.D(n)})); ok {
			return q.dim(fresh), nil
		}
		if d.Known() {
			return d, fmt.Errorf("dimension %d of %v is not a multiple of %d", d.N, s, n)
		}
		return fresh(), nil
	}
	if !o.back {
		c, err := over(s[1], b*b)
		return graph.Shape{s[0], c, times(s[2], b), times(s[3], b)}, err
	}
	h, err := over(s[2], b)
	if err != nil {
		return nil, err
	}
	w, err := over(s[3], b)
	return graph.Shape{s[0], times(s[1], b*b), h, w}, err
}

func (o *blocks) Infer(c *op.Infer) error {
	s, err := o.shape(c.Shape(0), c.Fresh)
	if err == nil {
		c.Out(0, c.Type(0), s)
	}
	return err
}

func (o *blocks) Eval(e *op.Eval) error {
	x := e.In(0)
	s, err := o.shape(graph.Dims(x.Shape()...), func() graph.Dim { return graph.D(-1) })
	if err != nil {
		return err
	}
	out := s.Ints()
	b := o.size
	// The block is [n, row of the block, column, depth, h, w] in both tensors.
	depth, space := out, x.Shape() // the shapes with many channels and with few
	if !o.back {
		depth, space = x.Shape(), out
	}
	c, h, w := space[1], depth[2], depth[3]
	dims := []int{space[0], b, b, c, h, w}
	hw := h * w
	deep := []int{depth[1] * hw, b * c * hw, c * hw, hw, w, 1}
	if o.crd {
		deep = []int{depth[1] * hw, b * hw, hw, b * b * hw, w, 1}
	}
	flat := []int{c * hw * b * b, w * b, 1, hw * b * b, b * w * b, b}
	return one(e, 0, x, out, func(m *mover, dst, src []byte) error {
		if o.back {
			copyBlock(dst, src, m.w, dims, deep, flat, 0, 0)
		} else {
			copyBlock(dst, src, m.w, dims, flat, deep, 0, 0)
		}
		return nil
	})
}
