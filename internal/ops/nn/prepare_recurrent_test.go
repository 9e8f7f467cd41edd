package nn

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

// recurrent is a random RNN, GRU or LSTM.
func (g *gen) recurrent(name string, gates, steps, batch, in, hidden int) optest.Case {
	dir := pick(g, "forward", "reverse", "bidirectional")
	dirs := 1
	if dir == "bidirectional" {
		dirs = 2
	}
	attrs := []graph.Attr{optest.Str("direction", dir), optest.Int("hidden_size", int64(hidden))}
	x, state := []int{steps, batch, in}, []int{dirs, batch, hidden}
	if g.coin() {
		attrs = append(attrs, optest.Int("layout", 1))
		x, state = []int{batch, steps, in}, []int{batch, dirs, hidden}
	}
	if g.coin() {
		attrs = append(attrs, optest.Float("clip", 0.8))
	}
	if name == "GRU" {
		attrs = append(attrs, optest.Int("linear_before_reset", int64(g.in(0, 1))))
	}
	if g.IntN(4) == 0 {
		acts := map[string][]string{"RNN": {"Relu"}, "GRU": {"HardSigmoid", "Softsign"}, "LSTM": {"Sigmoid", "Relu", "ScaledTanh"}}[name]
		l := acts
		if dirs == 2 {
			l = append(append([]string{}, acts...), acts...)
		}
		attrs = append(attrs, optest.Strs("activations", l...))
	}
	gh := gates * hidden
	c := optest.Case{Op: name, Outputs: 2, Inputs: []tensor.Value{g.f32(x...), g.f32(dirs, gh, in), g.f32(dirs, gh, hidden), nil, nil, nil}}
	if g.coin() {
		c.Inputs[3] = g.f32(dirs, 2*gh)
	}
	if g.coin() {
		lens := make([]int32, batch)
		for i := range lens {
			lens[i] = int32(g.in(0, steps))
		}
		c.Inputs[4] = optest.T(lens, batch)
	}
	if g.coin() {
		c.Inputs[5] = g.f32(state...)
	}
	if name == "LSTM" {
		c.Outputs = 3
		c.Inputs = append(c.Inputs, nil, nil)
		if g.coin() {
			c.Inputs[6] = g.f32(state...)
		}
		if g.coin() {
			c.Inputs[7] = g.f32(dirs, 3*hidden)
		}
		attrs = append(attrs, optest.Int("input_forget", int64(g.in(0, 1))))
	}
	c.Attrs = attrs
	for _, i := range []int{1, 2} { // keep the states from growing
		w := tensor.Of[float32](c.Inputs[i].(*tensor.Tensor))
		for k := range w {
			w[k] *= float32(min(0.4, 1.2/math.Sqrt(float64(hidden))))
		}
	}
	return c
}

func TestPreparedRecurrent(t *testing.T) {
	g := newGen(t)
	for range 60 {
		for name, gates := range map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4} {
			g.check(g.recurrent(name, gates, g.in(1, 6), g.in(1, 4), g.in(1, 9), g.in(1, 20)), 1, 2, 3)
		}
	}
	for name, gates := range map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4} { // rows shared out
		g.check(g.recurrent(name, gates, 2, 40, 3, 170), 1, 2, 3)
	}
}

func TestPreparedRecurrentOutputs(t *testing.T) {
	g := newGen(t)
	for _, absent := range [][]int{{0}, {1}, {0, 2}, {1, 2}, {0, 1}} {
		optest.Prepared(t, Table, g.recurrent("LSTM", 4, 3, 2, 4, 5), optest.How{Absent: absent})
	}
	c := g.recurrent("GRU", 3, 3, 2, 4, 5)
	c.Inputs[4] = optest.T([]int32{1, 4}, 2)
	if err := optest.Plan(t, Table, c, optest.How{}).Run(); err == nil {
		t.Error("a sequence longer than X gives no error")
	}
}

func TestPreparedRecurrentAllocates(t *testing.T) {
	g := newGen(t)
	for name, gates := range map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4} {
		optest.NoAllocs(t, Table, g.recurrent(name, gates, 3, 30, 4, 100), optest.How{Threads: 2, Const: []int{1, 2}})
		optest.NoAllocs(t, Table, g.recurrent(name, gates, 3, 1, 4, 10), optest.How{})
	}
}
