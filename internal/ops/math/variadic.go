package math

import (
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// variadic folds any number of operands of one type that broadcast together.
// Floats are folded in float64 and rounded once.
type variadic struct {
	f    func(a, b float64) float64
	i    func(a, b int64) int64
	u    func(a, b uint64) uint64
	mean bool // divide by the number of operands
	elem func(a, b int) int
	k    *pairKernel

	operands []int // their numbers
}

func variadicDef(name string, o variadic) *op.Def {
	return &op.Def{Name: name, New: func(a *op.Args) (op.Op, error) {
		a.Ignore("consumed_inputs")
		n := o
		n.k = pairKernels[name]
		for i := range a.NIn() {
			n.operands = append(n.operands, i)
		}
		return &n, nil
	}}
}

func add(a, b float64) float64 { return a + b }

var (
	sumDef  = variadicDef("Sum", variadic{f: add})
	meanDef = variadicDef("Mean", variadic{f: add, mean: true})
	maxDef  = variadicDef("Max", variadic{
		f: func(a, b float64) float64 { return max(a, b) }, // NaN wins, as in numpy
		i: func(a, b int64) int64 { return max(a, b) }, u: func(a, b uint64) uint64 { return max(a, b) },
		elem: func(a, b int) int { return max(a, b) }})
	minDef = variadicDef("Min", variadic{
		f: func(a, b float64) float64 { return min(a, b) },
		i: func(a, b int64) int64 { return min(a, b) }, u: func(a, b uint64) uint64 { return min(a, b) },
		elem: func(a, b int) int { return min(a, b) }})
)

func (o *variadic) Infer(c *op.Infer) error {
	shapes := make([]graph.Shape, c.NIn())
	for i := range shapes {
		shapes[i] = c.Shape(i)
	}
	s, err := c.Broadcast(shapes...)
	c.Out(0, c.Type(0), s)
	if o.elem != nil && c.NIn() == 2 && err == nil {
		inferElems(c, func(a, b graph.Dim) (graph.Dim, bool) {
			switch {
			case a == b:
				return a, true
			case a.Known() && b.Known():
				return graph.D(o.elem(a.N, b.N)), true
			}
			return c.Fresh(), true
		})
	}
	return err
}

// Overwrites allows any operand: of each, an element is read just before the
// same element of the output is written.
func (o *variadic) Overwrites(int) []int { return o.operands }

// Passes reports that a single operand is the result.
func (o *variadic) Passes(n *graph.Node) int {
	if len(n.Inputs) == 1 {
		return 0
	}
	return -1
}

func (o *variadic) Eval(e *op.Eval) error {
	in := make([]*tensor.Tensor, e.NIn())
	shapes := make([][]int, len(in))
	for j := range in {
		in[j] = e.In(j)
		shapes[j] = in[j].Shape()
	}
	if err := sameType(in...); err != nil {
		return err
	}
	dims, err := op.BroadcastDims(shapes...)
	if err != nil {
		return err
	}
	y, err := e.Out(0, in[0].DType(), dims...)
	if err != nil {
		return err
	}
	if done, err := o.float32s(y, in, dims, shapes); done || err != nil {
		return err
	}
	cl := in[0].DType().Class()
	return broadcastRuns(dims, shapes, func(k, n int, off, step []int) error {
		for p := range n {
			switch {
			case cl == tensor.ClassInt && o.i != nil:
				y.SetIntAt(k+p, foldAt(in, p, off, step, (*tensor.Tensor).IntAt, o.i))
			case cl == tensor.ClassUint && o.u != nil:
				y.SetUintAt(k+p, foldAt(in, p, off, step, (*tensor.Tensor).UintAt, o.u))
			default:
				v := foldAt(in, p, off, step, (*tensor.Tensor).FloatAt, o.f)
				if o.mean {
					v /= float64(len(in))
				}
				y.SetFloatAt(k+p, v)
			}
		}
		return nil
	})
}

// float32s is the fast way for float32; it reports false for other types.
func (o *variadic) float32s(y *tensor.Tensor, in []*tensor.Tensor, dims []int, shapes [][]int) (bool, error) {
	dst, err := tensor.Data[float32](y)
	if err != nil {
		return false, nil
	}
	src := make([][]float32, len(in))
	for j, t := range in {
		if src[j], err = tensor.Data[float32](t); err != nil {
			return false, nil
		}
	}
	return true, broadcastRuns(dims, shapes, func(k, n int, off, step []int) error {
		for p := range n {
			v := float64(src[0][off[0]+p*step[0]])
			for j := 1; j < len(src); j++ {
				v = o.f(v, float64(src[j][off[j]+p*step[j]]))
			}
			if o.mean {
				v /= float64(len(src))
			}
			dst[k+p] = float32(v)
		}
		return nil
	})
}

// foldAt combines element p of the current run over all operands.
func foldAt[T any](in []*tensor.Tensor, p int, off, step []int, at func(*tensor.Tensor, int) T, f func(a, b T) T) T {
	v := at(in[0], off[0]+p*step[0])
	for j := 1; j < len(in); j++ {
		v = f(v, at(in[j], off[j]+p*step[j]))
	}
	return v
}
