package math

import (
	"context"
	"strings"
	"testing"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/internal/op/interp"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// Values that inference could not know of must give errors, not panics.
func TestWrongValues(t *testing.T) {
	str := optest.Strings([]string{"a"}, 1)
	for _, tt := range []struct {
		op   string
		in   vals
		want string
	}{
		{"Add", vals{&tensor.Sequence{}, f32(1)}, "must be a tensor"},
		{"Add", vals{str, str}, "string"},
		{"Add", vals{f32(1), i64(1)}, "another input"},
		{"Less", vals{f32(1), i64(1)}, "another input"},
		{"Max", vals{f32(1), i64(1)}, "another input"},
		{"Where", vals{bools(true), f32(1, 2), optest.T([]int8{1, 2}, 2)}, "another input"},
		{"Where", vals{f32(1), f32(1), f32(1)}, "float"},
		{"Clip", vals{f32(1), tensor.Scalar(int8(1))}, "another input"},
		{"Pow", vals{f32(1), str}, "string"},
		{"PRelu", vals{f32(1), i64(1)}, "another input"},
		{"SwiGLU", vals{f32(1), optest.T([]float64{1}, 1)}, "another input"},
	} {
		m, err := optest.Model(optest.Case{Op: tt.op, Inputs: tt.in})
		if err != nil {
			t.Fatal(err)
		}
		if err := op.NewCatalog(Table).Resolve(m); err != nil {
			t.Fatal(err)
		}
		_, err = op.EvalNode(m.Graph.Nodes[0], interp.NewRuntime(context.Background()), nil, tt.in)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.op, err, tt.want)
		}
	}
	optest.Run(t, Table, []optest.Case{
		{Name: "inferred sequence", Op: "Add", Inputs: vals{&tensor.Sequence{Elem: tensor.Float32}, f32(1)}, Err: "must be a tensor"},
	})
}
