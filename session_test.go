package walnut_test

import (
	"context"
	"errors"
	"testing"

	"github.com/walnut-ai/walnut"
	"github.com/walnut-ai/walnut/tensor"
)

// accumulator is y = x + past, present = x + past in ONNX.
func accumulator() []byte {
	value := func(name string) []byte {
		shape := message(nil).bytes(1, message(nil).num(1, 2))
		tt := message(nil).num(1, uint64(tensor.Float32)).bytes(2, shape)
		return message(nil).str(1, name).bytes(2, message(nil).bytes(1, tt))
	}
	add := message(nil).str(1, "x").str(1, "past").str(2, "present").str(4, "Add")
	neg := message(nil).str(1, "present").str(2, "y").str(4, "Neg")
	g := message(nil).bytes(1, add).bytes(1, neg).str(2, "g").bytes(11, value("x")).bytes(11, value("past")).bytes(12, value("y")).bytes(12, value("present"))
	return message(nil).num(1, 8).bytes(7, g).bytes(8, message(nil).num(2, 17))
}

func TestSession(t *testing.T) {
	m := open(t, "accumulator", accumulator())
	s, err := m.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if got := s.States(); len(got) != 1 || got["present"] != "past" {
		t.Fatalf("states %v", got)
	}
	x := walnut.Values{"x": tensor.MustFrom([]float32{1, 2}, 2)}
	step := func(want ...float32) {
		t.Helper()
		out, err := s.Run(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != 1 {
			t.Errorf("outputs %v, want y alone", out)
		}
		got := tensor.Of[float32](out["y"].(*tensor.Tensor))
		if got[0] != want[0] || got[1] != want[1] {
			t.Errorf("y = %v, want %v", got, want)
		}
	}
	step(-1, -2)
	step(-2, -4)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Run(ctx, x); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled run: %v", err)
	}
	if _, err := s.Run(context.Background(), walnut.Values{"x": tensor.MustFrom([]float32{1}, 1)}); !errors.Is(err, walnut.ErrInput) {
		t.Errorf("bad input: %v", err)
	}
	step(-3, -6) // the failed runs left the state as it was
	if n := m.Memory().State; n != 8 {
		t.Errorf("%d bytes of state, want 8", n)
	}
	saved := s.State()
	s.Reset()
	if n := m.Memory().State; n != 0 {
		t.Errorf("%d bytes of state after Reset", n)
	}
	step(-1, -2)
	if err := s.SetState(saved); err != nil {
		t.Fatal(err)
	}
	step(-4, -8)
	if err := s.SetState(walnut.Values{"nothing": saved["past"]}); !errors.Is(err, walnut.ErrInput) {
		t.Errorf("unknown state: %v", err)
	}
	if _, err := m.NewSession(walnut.WithState(map[string]string{"y": "z"})); !errors.Is(err, walnut.ErrInput) {
		t.Errorf("unknown pair: %v", err)
	}
}
