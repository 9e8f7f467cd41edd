package ml

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// index finds keys of one class: strings, integers or floats (NaN equals NaN).
type index struct {
	dtype tensor.DType
	strs  map[string]int
	ints  map[int64]int
	flts  map[float64]int
	nan   int // position of NaN, -1 if it is no key
}

// newIndex returns an index of the elements of keys; the first of equal ones counts.
func newIndex(keys *tensor.Tensor) *index {
	x := &index{dtype: keys.DType(), strs: map[string]int{}, ints: map[int64]int{}, flts: map[float64]int{}, nan: -1}
	for i := range keys.Len() {
		switch keys.DType().Class() {
		case tensor.ClassString:
			put(x.strs, keys.Str(i), i)
		case tensor.ClassInt, tensor.ClassUint:
			put(x.ints, keys.IntAt(i), i)
		default:
			v := keys.FloatAt(i)
			if v == v {
				put(x.flts, v, i)
			} else if x.nan < 0 {
				x.nan = i
			}
		}
	}
	return x
}

func put[K comparable](m map[K]int, k K, i int) {
	if _, ok := m[k]; !ok {
		m[k] = i
	}
}

// find returns the position of element i of t among the keys, -1 if it is none.
func (x *index) find(t *tensor.Tensor, i int) int {
	var k int
	var ok bool
	switch t.DType().Class() {
	case tensor.ClassString:
		k, ok = x.strs[t.Str(i)]
	case tensor.ClassInt, tensor.ClassUint:
		k, ok = x.ints[t.IntAt(i)]
	default:
		v := t.FloatAt(i)
		if v != v {
			return x.nan
		}
		k, ok = x.flts[v]
	}
	if !ok {
		return -1
	}
	return k
}

// labelEncoder maps keys to values, and others to a default: LabelEncoder, and
// CategoryMapper with one of its two directions.
type labelEncoder struct {
	keys   *index
	values *tensor.Tensor
	def    *tensor.Tensor // one element
}

var labelEncoderDef = &op.Def{Domain: domain, Name: "LabelEncoder", New: newLabelEncoder}

func newLabelEncoder(a *op.Args) (op.Op, error) {
	if a.Version < 2 {
		// The classes are numbered from 0; the type of the input says which way to go.
		s := a.Strings("classes_strings")
		n := make([]int64, len(s))
		for i := range n {
			n[i] = int64(i)
		}
		return newTwoWay(a, n, s)
	}
	keys, err := oneList(a, "keys")
	if err != nil {
		return nil, err
	}
	values, err := oneList(a, "values")
	if err != nil {
		return nil, err
	}
	if keys.Len() != values.Len() {
		return nil, fmt.Errorf("%d keys for %d values", keys.Len(), values.Len())
	}
	o := &labelEncoder{keys: newIndex(keys), values: values}
	if a.Version < 4 {
		o.keys.nan = -1 // NaN as a key came with version 4
	}
	o.def, err = defaultOf(a, values.DType())
	return o, err
}

// oneList returns the one list among attributes name_floats, _int64s, _strings
// and _tensor that is there.
func oneList(a *op.Args, name string) (*tensor.Tensor, error) {
	var found []*tensor.Tensor
	if s := a.Strings(name + "_strings"); s != nil {
		t, err := tensor.FromStrings(s, len(s))
		if err != nil {
			return nil, err
		}
		found = append(found, t)
	}
	if v := a.Int64s(name + "_int64s"); v != nil {
		found = append(found, tensor.MustFrom(v, len(v)))
	}
	if v := a.Floats(name + "_floats"); v != nil {
		found = append(found, tensor.MustFrom(v, len(v)))
	}
	if a.Version >= 4 {
		if t := a.Tensor(name + "_tensor"); t != nil {
			found = append(found, t)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d of the attributes %s_* are there, must be 1", len(found), name)
	}
	return found[0], nil
}

// defaultOf returns the default value for values of type dt.
func defaultOf(a *op.Args, dt tensor.DType) (*tensor.Tensor, error) {
	s := a.String("default_string", "_Unused")
	a.Ignore("default_int64")
	i, f := int64(-1), a.Float("default_float", 0)
	if v := a.Node.Attrs.Get("default_int64"); v != nil {
		i = v.I
	}
	if a.Version >= 4 {
		if t := a.Tensor("default_tensor"); t != nil {
			if t.Len() != 1 || t.DType() != dt {
				return nil, fmt.Errorf("attribute \"default_tensor\" is %v, must be one %v", t, dt)
			}
			return t, nil
		}
	}
	if dt == tensor.String {
		return tensor.FromStrings([]string{s}, 1)
	}
	t, err := tensor.New(dt, 1)
	if err != nil {
		return nil, err
	}
	if dt.IsFloat() {
		t.SetFloatAt(0, f)
	} else {
		t.SetIntAt(0, i)
	}
	return t, nil
}

func (o *labelEncoder) Infer(c *op.Infer) error {
	if dt := c.Type(0); dt != tensor.Invalid && dt != o.keys.dtype {
		return fmt.Errorf("input is %v, the keys are %v", dt, o.keys.dtype)
	}
	c.Out(0, o.values.DType(), c.Shape(0))
	return nil
}

func (o *labelEncoder) Eval(e *op.Eval) error {
	x := e.In(0)
	if x.DType() != o.keys.dtype {
		return fmt.Errorf("input is %v, the keys are %v", x.DType(), o.keys.dtype)
	}
	at := func(i int) (*tensor.Tensor, int) {
		if k := o.keys.find(x, i); k >= 0 {
			return o.values, k
		}
		return o.def, 0
	}
	if o.values.DType() == tensor.String {
		s := make([]string, x.Len())
		for i := range s {
			t, k := at(i)
			s[i] = t.Str(k)
		}
		return e.SetStrings(0, x.Shape(), s)
	}
	y, err := e.OutLike(0, o.values.DType(), x)
	if err != nil {
		return err
	}
	for i := range x.Len() {
		t, k := at(i)
		copyElem(y, i, t, k)
	}
	return nil
}

// twoWay maps strings to integers or integers to strings, by the input's type.
type twoWay struct{ fromStr, fromInt *labelEncoder }

func newTwoWay(a *op.Args, n []int64, s []string) (op.Op, error) {
	if len(n) != len(s) {
		return nil, fmt.Errorf("%d integers for %d strings", len(n), len(s))
	}
	st, err := tensor.FromStrings(s, len(s))
	if err != nil {
		return nil, err
	}
	nt := tensor.MustFrom(n, len(n))
	di, err := defaultOf(a, tensor.Int64)
	if err != nil {
		return nil, err
	}
	ds, err := defaultOf(a, tensor.String)
	if err != nil {
		return nil, err
	}
	return &twoWay{&labelEncoder{newIndex(st), nt, di}, &labelEncoder{newIndex(nt), st, ds}}, nil
}

var categoryMapperDef = &op.Def{Domain: domain, Name: "CategoryMapper", New: func(a *op.Args) (op.Op, error) {
	return newTwoWay(a, a.Int64s("cats_int64s"), a.Strings("cats_strings"))
}}

func (o *twoWay) Infer(c *op.Infer) error {
	switch c.Type(0) {
	case tensor.Invalid:
		return nil
	case tensor.String:
		return o.fromStr.Infer(c)
	}
	return o.fromInt.Infer(c)
}

func (o *twoWay) Eval(e *op.Eval) error {
	if e.In(0).DType() == tensor.String {
		return o.fromStr.Eval(e)
	}
	return o.fromInt.Eval(e)
}

// oneHotEncoder is OneHotEncoder: an axis of categories at the end, 1 at the
// category of the element. Numbers are truncated to integers.
type oneHotEncoder struct {
	cats  *index
	n     int
	zeros bool // an unknown category gives zeros, otherwise an error
}

var oneHotEncoderDef = &op.Def{Domain: domain, Name: "OneHotEncoder", New: func(a *op.Args) (op.Op, error) {
	l, err := newLabels(a, "cats_int64s", "cats_strings")
	if err != nil {
		return nil, err
	}
	o := &oneHotEncoder{n: l.len(), zeros: a.Bool("zeros", true)}
	if o.n == 0 {
		return nil, fmt.Errorf("attribute \"cats_int64s\" or \"cats_strings\" must have values")
	}
	t := tensor.MustFrom(l.ints, len(l.ints))
	if len(l.strs) > 0 {
		if t, err = tensor.FromStrings(l.strs, o.n); err != nil {
			return nil, err
		}
	}
	o.cats = newIndex(t)
	return o, nil
}}

func (o *oneHotEncoder) Infer(c *op.Infer) error {
	if s := c.Shape(0); s != nil {
		c.Out(0, tensor.Float32, append(append(graph.Shape{}, s...), graph.D(o.n)))
	}
	return nil
}

func (o *oneHotEncoder) Eval(e *op.Eval) error {
	x := e.In(0)
	if (x.DType() == tensor.String) != (o.cats.dtype == tensor.String) {
		return fmt.Errorf("input is %v, the categories are %v", x.DType(), o.cats.dtype)
	}
	y, err := e.Out(0, tensor.Float32, append(append([]int{}, x.Shape()...), o.n)...)
	if err != nil {
		return err
	}
	clear(y.Bytes())
	for i := range x.Len() {
		k := -1
		if x.DType() == tensor.String {
			k = o.cats.find(x, i)
		} else if p, ok := o.cats.ints[x.IntAt(i)]; ok {
			k = p
		}
		switch {
		case k >= 0:
			y.SetFloatAt(i*o.n+k, 1)
		case !o.zeros:
			return fmt.Errorf("element %d is no category, and zeros = 0 asks for an error", i)
		}
	}
	return nil
}
