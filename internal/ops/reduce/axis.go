package reduce

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// lanes views a tensor as outer*inner vectors along one axis: element k of a
// vector is step elements after the one before.
type lanes struct{ outer, n, step int }

// lanesOf returns the vectors of dims along axis, which must be in range.
func lanesOf(dims []int, axis int) lanes {
	return lanes{op.Prod(dims[:axis]), dims[axis], op.Prod(dims[axis+1:])}
}

// each calls f with the first element of every vector and the vector's number.
func (l lanes) each(f func(row, first int) error) error {
	for o := range l.outer {
		for i := range l.step {
			if err := f(o*l.step+i, o*l.n*l.step+i); err != nil {
				return err
			}
		}
	}
	return nil
}

// scalarAxis reads an axis from a tensor of one element and normalises it.
func scalarAxis(t *tensor.Tensor, rank int) (int, error) {
	if t.Len() != 1 {
		return 0, fmt.Errorf("axis has shape %v, must be a scalar", t.Shape())
	}
	v := t.IntAt(0)
	if v < -int64(rank) || v >= int64(rank) {
		return 0, fmt.Errorf("axis %d is out of range for rank %d", v, rank)
	}
	return op.Axis(int(v), rank)
}
