// Package compare decides whether two values are the same within a tolerance,
// as ONNX's backend tests do.
package compare

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/tensor"
)

// Tol is a tolerance: |got - want| <= Abs + Rel*|want|, NaN equals NaN, an
// infinity equals the same infinity. Strings, types and shapes must be equal.
type Tol struct{ Rel, Abs float64 }

// Diff is the largest difference seen. Only finite pairs count.
type Diff struct{ MaxAbs, MaxRel float64 }

// Values compares got with want. The error names the first difference beyond
// the tolerance; Diff covers everything compared up to the end.
func Values(got, want tensor.Value, tol Tol) (Diff, error) {
	var d Diff
	err := values(got, want, tol, &d)
	return d, err
}

func values(got, want tensor.Value, tol Tol, d *Diff) error {
	mismatch := fmt.Errorf("got %s, want %s", tensor.Describe(got), tensor.Describe(want))
	switch w := want.(type) {
	case *tensor.Tensor:
		if g, ok := got.(*tensor.Tensor); ok {
			return tensors(g, w, tol, d)
		}
		return mismatch
	case *tensor.Sequence:
		g, ok := got.(*tensor.Sequence)
		if !ok || len(g.Items) != len(w.Items) {
			return mismatch
		}
		for i := range w.Items {
			if err := values(g.Items[i], w.Items[i], tol, d); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		return nil
	case *tensor.Map:
		g, ok := got.(*tensor.Map)
		if !ok {
			return mismatch
		}
		if err := values(g.Keys, w.Keys, Tol{}, d); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
		if err := values(g.Values, w.Values, tol, d); err != nil {
			return fmt.Errorf("values: %w", err)
		}
		return nil
	case *tensor.Optional:
		g, ok := got.(*tensor.Optional)
		if !ok { // an optional that holds something may be given as the thing itself
			g = &tensor.Optional{Value: got}
		}
		if (g.Value == nil) != (w.Value == nil) {
			return mismatch
		}
		if w.Value == nil {
			return nil
		}
		return values(g.Value, w.Value, tol, d)
	}
	return mismatch
}

func tensors(g, w *tensor.Tensor, tol Tol, d *Diff) error {
	if g.DType() != w.DType() || !tensor.SameShape(g.Shape(), w.Shape()) {
		return fmt.Errorf("got %v, want %v", g, w)
	}
	var first error
	n, bad := w.Len(), 0
	report := func(i int, a, b any) {
		if bad++; first == nil {
			first = fmt.Errorf("element %d of %v is %v, want %v", i, w, a, b)
		}
	}
	for i := range n {
		switch w.DType().Class() {
		case tensor.ClassString:
			if g.Str(i) != w.Str(i) {
				report(i, g.Str(i), w.Str(i))
			}
		case tensor.ClassComplex:
			a, b := g.ComplexAt(i), w.ComplexAt(i)
			if !d.near(real(a), real(b), tol) || !d.near(imag(a), imag(b), tol) {
				report(i, a, b)
			}
		case tensor.ClassInt, tensor.ClassUint:
			a, b := g.IntAt(i), w.IntAt(i)
			if a != b && !d.near(float64(a), float64(b), tol) {
				report(i, a, b)
			}
		default:
			a, b := g.FloatAt(i), w.FloatAt(i)
			if !d.near(a, b, tol) {
				report(i, a, b)
			}
		}
	}
	if first != nil && bad > 1 {
		return fmt.Errorf("%w (%d of %d elements differ)", first, bad, n)
	}
	return first
}

func (d *Diff) near(a, b float64, tol Tol) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	x := math.Abs(a - b)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return false
	}
	d.MaxAbs = max(d.MaxAbs, x)
	if b != 0 {
		d.MaxRel = max(d.MaxRel, x/math.Abs(b))
	}
	return x <= tol.Abs+tol.Rel*math.Abs(b)
}
