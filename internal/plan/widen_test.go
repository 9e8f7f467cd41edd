package plan

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/tensor"
)

// Every 16-bit pattern must widen to its value and come back; values between
// neighbours must round as tensor.F32ToF16 does.
func TestWidenAndNarrow(t *testing.T) {
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	wide := make([]float32, len(all))
	back := make([]uint16, len(all))
	for _, bf := range []bool{false, true} {
		value := func(x uint16) float32 { return tensor.F16(x).Float32() }
		round := func(x float32) uint16 { return uint16(tensor.F32ToF16(x)) }
		if bf {
			value = func(x uint16) float32 { return tensor.BF16(x).Float32() }
			round = func(x float32) uint16 { return uint16(tensor.F32ToBF16(x)) }
		}
		widen(wide, all, bf)
		narrow(back, wide, bf)
		for i, x := range all {
			if want := value(x); want != wide[i] && want == want || (want != want) != (wide[i] != wide[i]) {
				t.Fatalf("bf=%v %04x widens to %v, want %v", bf, x, wide[i], want)
			}
			if wide[i] == wide[i] && back[i] != x {
				t.Fatalf("bf=%v %04x comes back as %04x", bf, x, back[i])
			}
		}
		one := make([]uint16, 1)
		for b := uint64(0); b < 1<<32; b += 9973 {
			x := math.Float32frombits(uint32(b))
			for _, v := range []float32{x, math.Float32frombits(uint32(b) &^ 0xfff), math.Float32frombits(uint32(b)&^0x1fff | 0x1000)} {
				narrow(one, []float32{v}, bf)
				if want := round(v); one[0] != want {
					t.Fatalf("bf=%v %v (%08x) becomes %04x, want %04x", bf, v, math.Float32bits(v), one[0], want)
				}
			}
		}
	}
}
