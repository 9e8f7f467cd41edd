package walnut_test

import (
	"context"
	"testing"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/internal/testutil"
	"github.com/walnut-ai/walnut/models"
	"github.com/walnut-ai/walnut/tensor"
)

// TestRunIntoAllocates checks that a steady-state RunInto allocates nothing, also
// when the input shapes alternate.
func TestRunIntoAllocates(t *testing.T) {
	if testutil.Race {
		t.Skip("the race detector allocates")
	}
	for _, x := range models.All {
		m, err := walnut.OpenBytes(x.Name, x.Data)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		type call struct{ in, out []*tensor.Tensor }
		var calls []call
		for _, batch := range []int{1, 3} {
			dims := []int{batch}
			for _, d := range m.Inputs()[0].Shape[1:] {
				dims = append(dims, d.Size)
			}
			in, err := tensor.New(tensor.Float32, dims...)
			if err != nil {
				t.Fatal(err)
			}
			out, err := tensor.New(tensor.Float32, batch, len(x.Labels))
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, call{[]*tensor.Tensor{in}, []*tensor.Tensor{out}})
		}
		k := 0
		run := func() {
			c := calls[k%len(calls)]
			k++
			if err := m.RunInto(context.Background(), c.in, c.out); err != nil {
				t.Fatal(err)
			}
		}
		run()
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations a run, want none", x.Name, n)
		}
	}
}
