package math

import (
	"math"
	"sync"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// castLoop converts all elements of x to those of y, both as bytes.
type castLoop func(y, x []byte)

// loopOf is the loop over f.
func loopOf[S, D any](f func(S) D) castLoop {
	return func(y, x []byte) {
		a, b := elems[S](x), elems[D](y)
		b = b[:len(a)]
		for i, v := range a {
			b[i] = f(v)
		}
	}
}

// direct is the loop of Go's conversion: between integers, and to floats.
func direct[S, D real](y, x []byte) {
	a, b := elems[S](x), elems[D](y)
	b = b[:len(a)]
	for i, v := range a {
		b[i] = D(v)
	}
}

// truth is the loop to bool.
func truth[S real](y, x []byte) {
	a := elems[S](x)
	y = y[:len(a)]
	for i, v := range a {
		y[i] = byte01(v != 0)
	}
}

// truncate is the loop from floats to integers, as tensor.FloatToInt defines.
func truncate[S float, D integer](y, x []byte) {
	a, b := elems[S](x), elems[D](y)
	b = b[:len(a)]
	for i, v := range a {
		if v > -1<<31 && v < 1<<31 {
			b[i] = D(int64(v))
		} else {
			b[i] = D(tensor.FloatToInt(float64(v)))
		}
	}
}

// truncateU8 is truncate to uint8.
func truncateU8[S float](y, x []byte) {
	a := elems[S](x)
	y = y[:len(a)]
	for i, v := range a {
		switch {
		case v > -1<<31 && v < 1<<31:
			y[i] = uint8(int64(v))
		case v < 0:
			y[i] = uint8(tensor.FloatToInt(float64(v)))
		default:
			y[i] = uint8(tensor.FloatToUint(float64(v)))
		}
	}
}

// toF16 rounds as tensor.F32ToF16, without its loop over bits.
func toF16(v float32) tensor.F16 {
	b := math.Float32bits(v)
	sign := b >> 16 & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		b = 0x7e00
	case b >= 0x47800000: // 2^16
		b = 0x7c00
	case b < 0x38800000: // below 2^-14, where the unit is that of float32 near 1/2
		b = math.Float32bits(math.Float32frombits(b)+0.5) - 0x3f000000
	default:
		b = (b + 0xc8000fff + b>>13&1) >> 13
	}
	return tensor.F16(sign | b)
}

// fromF16 is tensor.F16.Float32 without branches on the exponent.
func fromF16(x tensor.F16) float32 {
	v := math.Float32bits(math.Float32frombits(uint32(x&0x7fff)<<13) * 0x1p112)
	if x&0x7c00 == 0x7c00 {
		v |= 0x7f800000
	}
	return math.Float32frombits(v | uint32(x&0x8000)<<16)
}

// castsFrom adds the loops from an integer type.
func castsFromInt[S integer | unsigned](t map[tensor.DType]castLoop) map[tensor.DType]castLoop {
	t[tensor.Float32], t[tensor.Float64] = direct[S, float32], direct[S, float64]
	t[tensor.Int64], t[tensor.Int32], t[tensor.Int8], t[tensor.Uint8] = direct[S, int64], direct[S, int32], direct[S, int8], direct[S, uint8]
	t[tensor.Bool] = truth[S]
	odd := func(v S) float64 {
		if v < 0 {
			return -oddFloat(uint64(-int64(v)))
		}
		return oddFloat(uint64(v))
	}
	t[tensor.Float16] = loopOf(func(v S) tensor.F16 { return tensor.ToF16(odd(v)) })
	t[tensor.BFloat16] = loopOf(func(v S) tensor.BF16 { return tensor.ToBF16(odd(v)) })
	return t
}

// castsFromFloat adds the loops from float32 or float64.
func castsFromFloat[S float](t map[tensor.DType]castLoop) map[tensor.DType]castLoop {
	t[tensor.Float32], t[tensor.Float64] = direct[S, float32], direct[S, float64]
	t[tensor.Int64], t[tensor.Int32], t[tensor.Int8], t[tensor.Uint8] = truncate[S, int64], truncate[S, int32], truncate[S, int8], truncateU8[S]
	t[tensor.Bool] = truth[S]
	return t
}

// castsFromHalf makes the loops from a 16-bit float.
func castsFromHalf[S any](f func(S) float32) map[tensor.DType]castLoop {
	return map[tensor.DType]castLoop{
		tensor.Float32: loopOf(f), tensor.Float64: loopOf(func(v S) float64 { return float64(f(v)) }),
		tensor.Int64: loopOf(func(v S) int64 { return tensor.FloatToInt(float64(f(v))) }),
		tensor.Int32: loopOf(func(v S) int32 { return int32(tensor.FloatToInt(float64(f(v)))) }),
		tensor.Int8:  loopOf(func(v S) int8 { return int8(tensor.FloatToInt(float64(f(v)))) }),
		tensor.Uint8: func(y, x []byte) {
			for i, v := range elems[S](x) {
				if w := float64(f(v)); w < 0 {
					y[i] = uint8(tensor.FloatToInt(w))
				} else {
					y[i] = uint8(tensor.FloatToUint(w))
				}
			}
		},
		tensor.Bool:     loopOf(func(v S) uint8 { return byte01(f(v) != 0) }),
		tensor.Float16:  loopOf(func(v S) tensor.F16 { return toF16(f(v)) }),
		tensor.BFloat16: loopOf(func(v S) tensor.BF16 { return tensor.F32ToBF16(f(v)) }),
	}
}

// castLoops are the conversions by source and target.
var castLoops = map[tensor.DType]map[tensor.DType]castLoop{
	tensor.Float32: castsFromFloat[float32](map[tensor.DType]castLoop{
		tensor.Float16: loopOf(toF16), tensor.BFloat16: loopOf(tensor.F32ToBF16)}),
	tensor.Float64: castsFromFloat[float64](map[tensor.DType]castLoop{
		tensor.Float16: loopOf(tensor.ToF16), tensor.BFloat16: loopOf(tensor.ToBF16)}),
	tensor.Float16:  castsFromHalf(fromF16),
	tensor.BFloat16: castsFromHalf(tensor.BF16.Float32),
	tensor.Int64:    castsFromInt[int64](map[tensor.DType]castLoop{}),
	tensor.Int32:    castsFromInt[int32](map[tensor.DType]castLoop{}),
	tensor.Int8:     castsFromInt[int8](map[tensor.DType]castLoop{}),
	tensor.Uint8:    castsFromInt[uint8](map[tensor.DType]castLoop{}),
	tensor.Bool:     castsFromInt[uint8](map[tensor.DType]castLoop{}),
}

// castStep converts all elements.
type castStep struct {
	loop   castLoop
	x, y   op.Slot
	sx, sy int // bytes of an element
}

// Run implements op.Step.
func (s *castStep) Run(f *op.Frame) error {
	x, y := f.Bytes(s.x), f.Bytes(s.y)
	n := len(x) / s.sx
	if n < 2*grain || f.Team.Threads() < 2 {
		s.loop(y, x)
		return nil
	}
	j := castJobs.Get().(*castJob)
	*j = castJob{s, x, y}
	f.Team.Run((n+grain-1)/grain, j)
	*j = castJob{}
	castJobs.Put(j)
	return nil
}

// castJob cuts a castStep into chunks.
type castJob struct {
	s    *castStep
	x, y []byte
}

var castJobs = sync.Pool{New: func() any { return new(castJob) }}

// Do implements parallel.Task.
func (j *castJob) Do(_, i int) {
	lo, hi := i*grain, min((i+1)*grain, len(j.x)/j.s.sx)
	j.s.loop(j.y[lo*j.s.sy:hi*j.s.sy], j.x[lo*j.s.sx:hi*j.s.sx])
}

// Prepare runs the pairs of castLoops, and copies where nothing changes.
func (o *cast) Prepare(b op.Bind) (op.Step, error) {
	from, to := b.Type(0), b.OutType(0)
	loop := castLoops[from][to]
	if from == to && from.Bits()%8 == 0 {
		loop = func(y, x []byte) { copy(y, x) }
	}
	if loop == nil {
		return nil, nil
	}
	return &castStep{loop, b.In(0), b.Out(0), from.Bits() / 8, to.Bits() / 8}, nil
}
