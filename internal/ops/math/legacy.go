package math

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
)

// placing says how the shapes of two operands become the output's: by
// multidirectional broadcasting, or in versions before 7 by the attributes
// "broadcast" and "axis" (Add-6 and others): the second operand is repeated to
// fill the first, which alone gives the shape.
type placing struct {
	legacy    bool
	broadcast bool
	hasAxis   bool
	axis      int
}

// placingOf decodes the attributes of versions before 7.
func placingOf(a *op.Args) placing {
	a.Ignore("consumed_inputs")
	if a.Version >= 7 {
		return placing{}
	}
	p := placing{legacy: true, broadcast: a.Bool("broadcast", false), hasAxis: a.Has("axis")}
	p.axis = a.Int("axis", 0)
	return p
}

// shapes returns the output's shape and the shape under which b is read.
func (p *placing) shapes(a, b []int) (dims, bs []int, err error) {
	if !p.legacy {
		dims, err = op.BroadcastDims(a, b)
		return dims, b, err
	}
	bs, err = p.place(a, b)
	if err != nil {
		return nil, nil, err
	}
	for i, d := range bs {
		if x := a[len(a)-len(bs)+i]; d != x && d != 1 {
			return nil, nil, fmt.Errorf("second operand %v does not broadcast to %v (broadcast=%v, axis=%d)", b, a, p.broadcast, p.axis)
		}
	}
	return a, bs, nil
}

// place lines b up with a: with ones after it when axis says where it starts.
func (p *placing) place(a, b []int) ([]int, error) {
	if !p.broadcast {
		if len(a) != len(b) {
			return nil, fmt.Errorf("shapes %v and %v differ and broadcast is 0", a, b)
		}
		for i := range a {
			if a[i] != b[i] {
				return nil, fmt.Errorf("shapes %v and %v differ and broadcast is 0", a, b)
			}
		}
		return b, nil
	}
	if op.Prod(b) == 1 {
		return nil, nil
	}
	if len(b) > len(a) {
		return nil, fmt.Errorf("second operand %v has more dimensions than the first, %v", b, a)
	}
	if !p.hasAxis {
		return b, nil
	}
	axis := p.axis
	if axis < 0 {
		axis += len(a)
	}
	if axis < 0 || axis > len(a)-len(b) {
		return nil, fmt.Errorf("axis %d leaves no room for the second operand %v in %v", p.axis, b, a)
	}
	s := append([]int{}, b...)
	for len(s)+axis < len(a) {
		s = append(s, 1)
	}
	return s, nil
}

// infer returns the output's shape.
func (p *placing) infer(c *op.Infer) (graph.Shape, error) {
	a, b := c.Shape(0), c.Shape(1)
	if !p.legacy {
		return c.Broadcast(a, b)
	}
	if a.Known() && b.Known() {
		if _, _, err := p.shapes(a.Ints(), b.Ints()); err != nil {
			return nil, err
		}
	}
	return a, nil
}
