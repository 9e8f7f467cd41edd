package move

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// col2im adds the columns of [N, C*block, L] to an image [N, C, image_shape],
// the inverse walk of im2col.
type col2im struct{ dilations, pads, strides []int }

var col2imDef = &op.Def{Name: "Col2Im", New: func(a *op.Args) (op.Op, error) {
	o := &col2im{a.Ints("dilations"), a.Ints("pads"), a.Ints("strides")}
	for name, l := range map[string][]int{"dilations": o.dilations, "strides": o.strides} {
		for _, v := range l {
			if v < 1 || v > 1<<30 {
				return nil, fmt.Errorf("attribute %q = %v, must hold numbers from 1 to 2^30", name, l)
			}
		}
	}
	for _, v := range o.pads {
		if v < 0 || v > 1<<29 {
			return nil, fmt.Errorf("attribute \"pads\" = %v, must hold numbers from 0 to 2^29", o.pads)
		}
	}
	return o, nil
}}

func (o *col2im) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s != nil && len(s) != 3 {
		return fmt.Errorf("input is %v, must have rank 3", s)
	}
	image, block := c.Elems(1), c.Elems(2)
	if image == nil {
		n := (list{in: 1}).count(c)
		if n < 0 {
			n = (list{in: 2}).count(c)
		}
		if n < 0 || n > maxRank {
			c.Out(0, c.Type(0), nil)
			return nil
		}
		image = c.FreshShape(n)
	}
	out := graph.Shape{c.Fresh(), c.Fresh()}
	if s != nil {
		out[0] = s[0]
		if block != nil && allKnown(block) {
			if q, ok := productOf(s[1:2]).over(productOf(block)); ok {
				out[1] = q.dim(c.Fresh)
			}
		}
	}
	c.Out(0, c.Type(0), append(out, image...))
	return nil
}

// fold is a Col2Im with all its numbers checked.
type fold struct {
	image, block             []int
	dilations, pads, strides []int
	cols                     []int // columns along each axis
	blockLen, colLen         int
}

func (o *col2im) fold(x *tensor.Tensor, image, block []int) (*fold, error) {
	n := len(image)
	f := &fold{image: image, block: block, dilations: o.dilations, pads: o.pads, strides: o.strides, cols: make([]int, n)}
	def := func(l *[]int, n, v int) {
		for *l == nil || len(*l) == 0 && n > 0 {
			*l = make([]int, n)
			for i := range *l {
				(*l)[i] = v
			}
		}
	}
	def(&f.dilations, n, 1)
	def(&f.strides, n, 1)
	def(&f.pads, 2*n, 0)
	if x.Rank() != 3 || n == 0 || len(block) != n || len(f.dilations) != n || len(f.strides) != n || len(f.pads) != 2*n {
		return nil, fmt.Errorf("input %v must have rank 3, image_shape %v, block_shape %v, dilations %v, strides %v must agree in length, pads %v must be twice as long",
			x, image, block, f.dilations, f.strides, f.pads)
	}
	for i := range n {
		if image[i] < 0 || image[i] > 1<<29 || block[i] < 1 || block[i] > 1<<29 {
			return nil, fmt.Errorf("image_shape %v or block_shape %v is out of range", image, block)
		}
		span := int64(image[i]) + int64(f.pads[i]) + int64(f.pads[n+i]) - int64(f.dilations[i])*int64(block[i]-1) - 1
		if span < 0 {
			return nil, fmt.Errorf("block_shape %v with dilations %v does not fit the image %v with pads %v", block, f.dilations, image, f.pads)
		}
		f.cols[i] = int(span/int64(f.strides[i])) + 1
	}
	var ok, ok2 bool
	f.blockLen, ok = tensor.NumElements(block)
	f.colLen, ok2 = tensor.NumElements(f.cols)
	if !ok || !ok2 || x.Shape()[1]%f.blockLen != 0 || x.Shape()[2] != f.colLen {
		return nil, fmt.Errorf("input is %v, must have a multiple of %d channels and %d columns", x, f.blockLen, f.colLen)
	}
	return f, nil
}

func (o *col2im) Eval(e *op.Eval) error {
	x := e.In(0)
	f, err := o.fold(x, e.IntList(1), e.IntList(2))
	if err != nil {
		return err
	}
	if x.DType() == tensor.String {
		return fmt.Errorf("strings can't be added, Col2Im needs numbers")
	}
	planes := x.Shape()[1] / f.blockLen
	y, err := e.Out(0, x.DType(), append([]int{x.Shape()[0], planes}, f.image...)...)
	if err != nil || y.Len() == 0 {
		return err
	}
	clear(y.Bytes())
	size := op.Prod(f.image)
	s := &scatterer{r: "add", y: y, u: x}
	if x.DType().IsFloat() && x.DType() != tensor.Float64 {
		t, err := e.Temp(tensor.Float64, y.Len())
		if err != nil {
			return err
		}
		s.acc = tensor.Of[float64](t)
	}
	for p := range x.Shape()[0] * planes {
		if err := f.plane(e, s, p*size, p*f.blockLen*f.colLen); err != nil {
			return err
		}
	}
	if s.acc != nil {
		y.SetFloats(s.acc)
	}
	return nil
}

// plane adds the columns of one channel, which start at element from, to the
// image that starts at element to.
func (f *fold) plane(e *op.Eval, s *scatterer, to, from int) error {
	n := len(f.image)
	st := op.Strides(f.image)
	return op.Each(f.block, nil, func(b int, at, _ []int) error {
		if err := e.Tick(1); err != nil {
			return err
		}
		return op.Each(f.cols, nil, func(k int, col, _ []int) error {
			p := 0
			for i := range n {
				v := col[i]*f.strides[i] - f.pads[i] + at[i]*f.dilations[i]
				if v < 0 || v >= f.image[i] {
					return nil
				}
				p += v * st[i]
			}
			s.meet(to+p, from+b*f.colLen+k)
			return nil
		})
	})
}
