package seq

import (
	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// tensorType returns what is known of tensor input i.
func tensorType(c *op.Infer, i int) graph.Type {
	return graph.TensorType(c.Type(i), c.Shape(i))
}

// elemOf returns the element type of s's tensors, Invalid if nothing tells it.
func elemOf(s *tensor.Sequence) tensor.DType {
	if s.Elem == tensor.Invalid && len(s.Items) > 0 {
		if t, ok := s.Items[0].(*tensor.Tensor); ok {
			return t.DType()
		}
	}
	return s.Elem
}
