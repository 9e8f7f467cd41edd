package math

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func TestArith(t *testing.T) {
	optest.Run(t, Table, []optest.Case{
		{Name: "broadcast", Op: "Add", Inputs: []tensor.Value{optest.T([]float32{1, 2, 3, 4}, 2, 2), optest.T([]float32{10, 20}, 2)},
			Want: []tensor.Value{optest.T([]float32{11, 22, 13, 24}, 2, 2)}},
		{Name: "legacy axis", Op: "Add", Opset: 6, Inputs: []tensor.Value{optest.T([]float32{1, 2, 3, 4}, 2, 2), optest.T([]float32{10, 20}, 2)},
			Attrs: []graph.Attr{optest.Int("broadcast", 1), optest.Int("axis", 0)},
			Want:  []tensor.Value{optest.T([]float32{11, 12, 23, 24}, 2, 2)}},
		{Name: "mismatch", Op: "Add", Inputs: []tensor.Value{optest.T([]float32{1, 2}, 2), optest.T([]float32{1, 2, 3}, 3)}, Err: "broadcast"},
	})
}
