package math

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/walnut-ai/walnut/tensor"
)

// formatAll writes numbers as strings. Floats take the fewest digits that read
// back as the same value, in plain notation from 1e-4 up to 1e16; NaN, INF and
// -INF are as Cast reads them. Truth values are 1 and 0, as in ONNX Runtime.
func formatAll(x, y *tensor.Tensor) error {
	s := make([]string, x.Len())
	for i := range s {
		switch x.DType().Class() {
		case tensor.ClassInt:
			s[i] = strconv.FormatInt(x.IntAt(i), 10)
		case tensor.ClassUint:
			s[i] = strconv.FormatUint(x.UintAt(i), 10)
		case tensor.ClassFloat:
			bits := 32
			if x.DType() == tensor.Float64 {
				bits = 64
			}
			s[i] = formatFloat(x.FloatAt(i), bits)
		default:
			return fmt.Errorf("there is no cast from %v to string", x.DType())
		}
	}
	y.SetStrings(s)
	return nil
}

func formatFloat(v float64, bits int) string {
	switch a := math.Abs(v); {
	case v != v:
		return "NaN"
	case math.IsInf(v, 1):
		return "INF"
	case math.IsInf(v, -1):
		return "-INF"
	case a != 0 && (a < 1e-4 || a >= 1e16):
		return strconv.FormatFloat(v, 'e', -1, bits)
	}
	return strconv.FormatFloat(v, 'f', -1, bits)
}

// parseAll reads strings as numbers.
func (o *cast) parseAll(x, y *tensor.Tensor) error {
	for i := range x.Len() {
		s := strings.TrimSpace(x.Str(i))
		if err := o.parse(y, i, s); err != nil {
			return fmt.Errorf("element %d: %q can't be read as %v", i, clipped(s), y.DType())
		}
	}
	return nil
}

// parse stores s in element i. Integers may also be written as floats, which
// are truncated ("100.5" gives 100).
func (o *cast) parse(y *tensor.Tensor, i int, s string) error {
	switch y.DType().Class() {
	case tensor.ClassInt:
		if v, err := strconv.ParseInt(s, 10, 64); err == nil {
			y.SetIntAt(i, v)
			return nil
		}
	case tensor.ClassUint:
		if v, err := strconv.ParseUint(s, 10, 64); err == nil {
			y.SetUintAt(i, v)
			return nil
		}
		if b := strings.ToLower(s); y.DType() == tensor.Bool && (b == "true" || b == "false") {
			y.SetIntAt(i, int64(byte01(b == "true")))
			return nil
		}
	}
	bits := 64
	if y.DType() == tensor.Float32 {
		bits = 32 // rounded once
	}
	v, err := strconv.ParseFloat(s, bits)
	if err != nil && !math.IsInf(v, 0) { // out of range is infinite
		return err
	}
	if isFloat8(y.DType()) {
		o.setFloat8(y, i, v)
		return nil
	}
	y.SetFloatAt(i, v)
	return nil
}

// clipped shortens s for messages.
func clipped(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
