package quant

import (
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// spanOf returns scale and zero point for quantising values of [lo, hi] to
// uint8, in float32 as DynamicQuantizeLinear's text and ONNX Runtime have it. The
// range is extended to hold 0; an empty one has scale 1 (ONNX Runtime).
func spanOf(lo, hi float32) (scale, zero float32) {
	lo, hi = min(lo, 0), max(hi, 0)
	scale = 1
	if lo != hi {
		scale = (hi - lo) / 255
	}
	z := -lo / scale
	if z != z { // an infinite range
		z = 0
	}
	return scale, float32(math.RoundToEven(float64(max(0, min(255, z)))))
}

// extent returns the least and the greatest of n values; NaN is passed over.
func extent(read func(int) float64, start, n int) (lo, hi float32) {
	for i := start; i < start+n; i++ {
		if v := float32(read(i)); v < lo {
			lo = v
		} else if v > hi {
			hi = v
		}
	}
	return lo, hi
}

// quantizeSpan quantises values from start on to uint8 without their zero
// point, as many as dst holds, and returns the scale.
func quantizeSpan(read func(int) float64, start int, dst []int32) float32 {
	scale, zero := spanOf(extent(read, start, len(dst)))
	for i := range dst {
		dst[i] = int32(quantizeByte(read(start+i), scale, zero)) - int32(zero)
	}
	return scale
}

// quantizeByte returns x/scale + zero, rounded and saturated to [0, 255]. NaN gives 0.
func quantizeByte(x float64, scale, zero float32) float32 {
	v := float32(math.RoundToEven(float64(float32(x)/scale))) + zero
	switch {
	case v >= 255:
		return 255
	case v >= 0:
		return v
	}
	return 0
}

// dynamicQuantize is DynamicQuantizeLinear: uint8 with the scale and zero point
// that the values' range asks for.
type dynamicQuantize struct{}

var dynamicQuantizeDef = &op.Def{Name: "DynamicQuantizeLinear", New: func(*op.Args) (op.Op, error) { return &dynamicQuantize{}, nil }}

func (o *dynamicQuantize) Infer(c *op.Infer) error {
	c.Out(0, tensor.Uint8, c.Shape(0))
	c.Out(1, tensor.Float32, graph.Shape{})
	c.Out(2, tensor.Uint8, graph.Shape{})
	return nil
}

func (o *dynamicQuantize) Eval(e *op.Eval) error {
	x := e.In(0)
	y, err := e.OutLike(0, tensor.Uint8, x)
	if err != nil {
		return err
	}
	read := reader(x)
	scale, zero := spanOf(extent(read, 0, x.Len()))
	out := y.Bytes()
	for i := range out {
		out[i] = uint8(quantizeByte(read(i), scale, zero))
	}
	if err := e.SetFloats(1, tensor.Float32, nil, []float64{float64(scale)}); err != nil {
		return err
	}
	return e.SetInts(2, tensor.Uint8, nil, []int64{int64(zero)})
}
