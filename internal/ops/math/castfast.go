package math

import "github.com/walnut-ai/walnut/tensor"

// fastCasts converts between the pairs of types that models cast most, with the
// same results as the general way. A function reports false where the bytes
// are not aligned.
var fastCasts = map[[2]tensor.DType]func(x, y *tensor.Tensor) bool{
	{tensor.Int64, tensor.Float32}:    convert(func(v int64) float32 { return float32(v) }),
	{tensor.Int32, tensor.Float32}:    convert(func(v int32) float32 { return float32(v) }),
	{tensor.Uint8, tensor.Float32}:    convert(func(v uint8) float32 { return float32(v) }),
	{tensor.Int8, tensor.Float32}:     convert(func(v int8) float32 { return float32(v) }),
	{tensor.Float16, tensor.Float32}:  convert(tensor.F16.Float32),
	{tensor.BFloat16, tensor.Float32}: convert(tensor.BF16.Float32),
	{tensor.Float64, tensor.Float32}:  convert(func(v float64) float32 { return float32(v) }),
	{tensor.Float32, tensor.Float64}:  convert(func(v float32) float64 { return float64(v) }),
	{tensor.Float32, tensor.Float16}:  convert(tensor.F32ToF16),
	{tensor.Float32, tensor.BFloat16}: convert(tensor.F32ToBF16),
	{tensor.Float32, tensor.Int64}:    convert(func(v float32) int64 { return tensor.FloatToInt(float64(v)) }),
	{tensor.Float32, tensor.Int32}:    convert(func(v float32) int32 { return int32(tensor.FloatToInt(float64(v))) }),
	{tensor.Int64, tensor.Int32}:      convert(func(v int64) int32 { return int32(v) }),
	{tensor.Int32, tensor.Int64}:      convert(func(v int32) int64 { return int64(v) }),
}

func convert[S, D tensor.Elem](f func(S) D) func(x, y *tensor.Tensor) bool {
	return func(x, y *tensor.Tensor) bool {
		a, errA := tensor.Data[S](x)
		b, errB := tensor.Data[D](y)
		if errA != nil || errB != nil {
			return false
		}
		for i, v := range a {
			b[i] = f(v)
		}
		return true
	}
}
