package math

import (
	"fmt"

	"github.com/walnut-ai/walnut/tensor"
)

// unidirectional checks that a tensor of shape from can be repeated to shape to.
func unidirectional(to, from []int) error {
	if len(from) > len(to) {
		return fmt.Errorf("shape %v has more dimensions than %v, to which it must broadcast", from, to)
	}
	for i, d := range from {
		if x := to[len(to)-len(from)+i]; d != x && d != 1 {
			return fmt.Errorf("shape %v does not broadcast to %v", from, to)
		}
	}
	return nil
}

func sameShape(a, b []int) error {
	if !tensor.SameShape(a, b) {
		return fmt.Errorf("shapes %v and %v must be equal", a, b)
	}
	return nil
}

// sameType checks that operands agree in type: inference may not have known it.
func sameType(in ...*tensor.Tensor) error {
	for _, t := range in[1:] {
		if t.DType() != in[0].DType() {
			return fmt.Errorf("operands are %v and %v, must be of one type", in[0].DType(), t.DType())
		}
	}
	return nil
}
