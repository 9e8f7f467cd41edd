package ml

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// arrayFeatureExtractor is ArrayFeatureExtractor: it selects indices of the
// last axis. A vector gives one row.
type arrayFeatureExtractor struct{}

var arrayFeatureExtractorDef = &op.Def{Domain: domain, Name: "ArrayFeatureExtractor", New: func(*op.Args) (op.Op, error) {
	return arrayFeatureExtractor{}, nil
}}

func (arrayFeatureExtractor) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		return nil
	}
	if len(s) == 0 {
		return fmt.Errorf("input 0 is a scalar, must have an axis to select from")
	}
	n := c.Fresh()
	if y := c.Shape(1); y.Known() {
		k, ok := tensor.NumElements(y.Ints())
		if !ok {
			return fmt.Errorf("%w: indices %v", tensor.ErrShape, y)
		}
		n = graph.D(k)
	} else if len(y) == 1 {
		n = y[0]
	}
	if len(s) == 1 {
		c.Out(0, c.Type(0), graph.Shape{graph.D(1), n})
		return nil
	}
	out := append(graph.Shape{}, s...)
	out[len(s)-1] = n
	c.Out(0, c.Type(0), out)
	return nil
}

func (arrayFeatureExtractor) Eval(e *op.Eval) error {
	x, idx := e.In(0), e.Ints(1)
	s := x.Shape()
	if len(s) == 0 {
		return fmt.Errorf("input 0 is a scalar, must have an axis to select from")
	}
	f := s[len(s)-1]
	for i, k := range idx {
		if k < 0 || k >= int64(f) {
			return fmt.Errorf("index %d is %d, the axis has %d elements", i, k, f)
		}
	}
	rows := op.Prod(s[:len(s)-1])
	if len(idx) == 0 {
		rows = 0
	}
	dims := append([]int{}, s...)
	if len(s) == 1 {
		dims = []int{1, 0}
	}
	dims[len(dims)-1] = len(idx)
	if x.DType() == tensor.String {
		if _, err := e.Temp(tensor.String, dims...); err != nil {
			return err
		}
		out := make([]string, 0, rows*len(idx))
		for i := range rows {
			for _, k := range idx {
				out = append(out, x.Str(i*f+int(k)))
			}
		}
		return e.SetStrings(0, dims, out)
	}
	y, err := e.Out(0, x.DType(), dims...)
	if err != nil {
		return err
	}
	for i := range rows {
		for j, k := range idx {
			copyElem(y, i*len(idx)+j, x, i*f+int(k))
		}
	}
	return nil
}

// binarizer is Binarizer: 1 above the threshold, else 0.
type binarizer struct{ threshold float64 }

var binarizerDef = &op.Def{Domain: domain, Name: "Binarizer", New: func(a *op.Args) (op.Op, error) {
	return &binarizer{a.Float("threshold", 0)}, nil
}}

func (o *binarizer) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *binarizer) Overwrites(int) []int { return []int{0} }

func (o *binarizer) Eval(e *op.Eval) error {
	x := e.In(0)
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	for i := range x.Len() {
		v := int64(0)
		if x.FloatAt(i) > o.threshold {
			v = 1
		}
		y.SetIntAt(i, v)
	}
	return nil
}

// featureVectorizer is FeatureVectorizer: it joins [N, Ci] (or [Ci], one row)
// along the second axis as float. A width in inputdimensions below Ci cuts, one
// above pads with zeros.
type featureVectorizer struct {
	widths []int // nil: those of the inputs
	total  int
}

var featureVectorizerDef = &op.Def{Domain: domain, Name: "FeatureVectorizer", New: func(a *op.Args) (op.Op, error) {
	o := &featureVectorizer{widths: a.Ints("inputdimensions")}
	if len(o.widths) == 0 {
		o.widths = nil
		return o, nil
	}
	if len(o.widths) != a.NIn() {
		return nil, fmt.Errorf("%d inputdimensions for %d inputs", len(o.widths), a.NIn())
	}
	for _, w := range o.widths {
		if w < 0 || w > math.MaxInt32-o.total {
			return nil, fmt.Errorf("inputdimensions %v are out of range", o.widths)
		}
		o.total += w
	}
	return o, nil
}}

func (o *featureVectorizer) Infer(c *op.Infer) error {
	s := c.Shape(0)
	if s == nil {
		return nil
	}
	n := graph.D(1)
	if len(s) == 0 {
		return fmt.Errorf("input 0 is a scalar, must be [N, C] or [C]")
	}
	if len(s) > 1 {
		n = s[0]
	}
	w := c.Fresh()
	if o.widths != nil {
		w = graph.D(o.total)
	}
	c.Out(0, tensor.Float32, graph.Shape{n, w})
	return nil
}

func (o *featureVectorizer) Eval(e *op.Eval) error {
	var in []*tensor.Tensor
	var have []int // elements a row
	n, total := 0, o.total
	for i := range e.NIn() {
		x := e.In(i)
		if x == nil || x.Rank() == 0 {
			return fmt.Errorf("input %d is %v, must be [N, C] or [C]", i, x)
		}
		rows, w := 1, x.Len()
		if x.Rank() > 1 {
			rows, w = x.Shape()[0], op.Prod(x.Shape()[1:])
		}
		if i > 0 && rows != n {
			return fmt.Errorf("input %d has %d rows, input 0 has %d", i, rows, n)
		}
		n = rows
		in, have = append(in, x), append(have, w)
		if o.widths == nil {
			if w > math.MaxInt32-total {
				return fmt.Errorf("%w: %d columns and more", tensor.ErrShape, total)
			}
			total += w
		}
	}
	y, err := e.Out(0, tensor.Float32, n, total)
	if err != nil {
		return err
	}
	if total == 0 {
		return nil
	}
	off := 0
	for i, x := range in {
		w := have[i]
		if o.widths != nil {
			w = o.widths[i]
		}
		for r := range n {
			for j := range w {
				v := 0.0
				if j < have[i] {
					v = x.FloatAt(r*have[i] + j)
				}
				y.SetFloatAt(r*total+off+j, v)
			}
		}
		off += w
	}
	return nil
}

// imputer is Imputer: elements equal to one value (NaN equals NaN) become
// another one, which may depend on the feature (last axis).
type imputer struct {
	floats []float32
	ints   []int64
	fromF  float64
	fromI  int64
}

var imputerDef = &op.Def{Domain: domain, Name: "Imputer", New: func(a *op.Args) (op.Op, error) {
	o := &imputer{a.Floats("imputed_value_floats"), a.Int64s("imputed_value_int64s"), a.Float("replaced_value_float", 0), 0}
	a.Ignore("replaced_value_int64")
	if v := a.Node.Attrs.Get("replaced_value_int64"); v != nil {
		o.fromI = v.I
	}
	if (len(o.floats) == 0) == (len(o.ints) == 0) {
		return nil, fmt.Errorf("exactly one of the attributes imputed_value_floats and imputed_value_int64s must have values")
	}
	return o, nil
}}

func (o *imputer) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *imputer) Overwrites(int) []int { return []int{0} }

func (o *imputer) Eval(e *op.Eval) error {
	x := e.In(0)
	if x.Rank() == 0 {
		return fmt.Errorf("input is a scalar, must have features")
	}
	n, isInt := len(o.floats), x.DType().IsInt()
	if isInt {
		n = len(o.ints)
	}
	f := x.Shape()[x.Rank()-1]
	if n == 0 || n != 1 && n != f {
		return fmt.Errorf("%d imputed values for %v, must be 1 or one a feature", n, x)
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	for i := range x.Len() {
		k := 0
		if n > 1 {
			k = i % f
		}
		if isInt {
			v := x.IntAt(i)
			if v == o.fromI {
				v = o.ints[k]
			}
			y.SetIntAt(i, v)
			continue
		}
		v := x.FloatAt(i)
		if v == o.fromF || v != v && o.fromF != o.fromF {
			v = float64(o.floats[k])
		}
		y.SetFloatAt(i, v)
	}
	return nil
}

// normalizer is Normalizer: rows divided by their largest element (MAX, not its
// absolute value), the sum of absolute values (L1), or their length (L2). Rows
// where that is 0 stay.
type normalizer struct{ norm string }

var normalizerDef = &op.Def{Domain: domain, Name: "Normalizer", New: func(a *op.Args) (op.Op, error) {
	return &normalizer{a.OneOf("norm", "MAX", "MAX", "L1", "L2")}, nil
}}

func (o *normalizer) Infer(c *op.Infer) error {
	if s := c.Shape(0); s != nil && len(s) != 1 && len(s) != 2 {
		return fmt.Errorf("input is %v, must be [rows, features] or [features]", s)
	}
	c.Out(0, tensor.Float32, c.Shape(0))
	return nil
}

func (o *normalizer) Eval(e *op.Eval) error {
	x := e.In(0)
	n, f, err := rowsOf(x)
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, tensor.Float32, x)
	if err != nil {
		return err
	}
	for i := range n {
		d := o.divisor(x, i*f, f)
		for j := i * f; j < (i+1)*f; j++ {
			y.SetFloatAt(j, x.FloatAt(j)/d)
		}
	}
	return nil
}

func (o *normalizer) divisor(x *tensor.Tensor, off, f int) float64 {
	s := 0.0
	if o.norm == "MAX" {
		s = -math.MaxFloat32
	}
	for j := off; j < off+f; j++ {
		v := x.FloatAt(j)
		switch o.norm {
		case "MAX":
			if v > s { // NaN is never the largest
				s = v
			}
		case "L1":
			s += math.Abs(v)
		default:
			s += v * v
		}
	}
	if o.norm == "L2" {
		s = math.Sqrt(s)
	}
	if s == 0 {
		return 1
	}
	return s
}

// scaler is Scaler: (x - offset) * scale by feature (last axis).
type scaler struct{ offset, scale []float32 }

var scalerDef = &op.Def{Domain: domain, Name: "Scaler", New: func(a *op.Args) (op.Op, error) {
	o := &scaler{a.Floats("offset"), a.Floats("scale")}
	if len(o.offset) == 0 {
		o.offset = []float32{0}
	}
	if len(o.scale) == 0 {
		o.scale = []float32{1}
	}
	return o, nil
}}

func (o *scaler) Infer(c *op.Infer) error {
	c.Out(0, tensor.Float32, c.Shape(0))
	return nil
}

func (o *scaler) Eval(e *op.Eval) error {
	x := e.In(0)
	f := 1
	if x.Rank() > 0 {
		f = x.Shape()[x.Rank()-1]
	}
	if n := len(o.offset); n != 1 && n != f {
		return fmt.Errorf("attribute \"offset\" has %d values, must have 1 or %d", n, f)
	}
	if n := len(o.scale); n != 1 && n != f {
		return fmt.Errorf("attribute \"scale\" has %d values, must have 1 or %d", n, f)
	}
	y, err := e.OutLike(0, tensor.Float32, x)
	if err != nil {
		return err
	}
	for i := range x.Len() {
		j, k := 0, 0
		if len(o.offset) > 1 {
			j = i % f
		}
		if len(o.scale) > 1 {
			k = i % f
		}
		y.SetFloatAt(i, (x.FloatAt(i)-float64(o.offset[j]))*float64(o.scale[k]))
	}
	return nil
}
