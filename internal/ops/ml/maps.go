package ml

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// mapOf returns input 0 as a map whose keys have type key and whose values are
// a tensor of as many elements.
func mapOf(e *op.Eval) (keys, values *tensor.Tensor, err error) {
	m, ok := e.Value(0).(*tensor.Map)
	if !ok {
		return nil, nil, fmt.Errorf("input is %s, must be a map", tensor.Describe(e.Value(0)))
	}
	values, ok = m.Values.(*tensor.Tensor)
	if !ok || m.Keys == nil || values.Len() != m.Keys.Len() {
		return nil, nil, fmt.Errorf("input is %s of %s, must have a tensor with one value a key", tensor.Describe(m), tensor.Describe(m.Values))
	}
	return m.Keys, values, nil
}

// castMap is CastMap: the values of a map with integer keys as one row, in the
// order of the keys. SPARSE makes a row of max_map columns with the values at
// their keys.
type castMap struct {
	to     tensor.DType
	sparse bool
	max    int
}

var castMapDef = &op.Def{Domain: domain, Name: "CastMap", New: func(a *op.Args) (op.Op, error) {
	o := &castMap{sparse: a.OneOf("map_form", "DENSE", "DENSE", "SPARSE") == "SPARSE", max: a.Int("max_map", 1)}
	switch a.OneOf("cast_to", "TO_FLOAT", "TO_FLOAT", "TO_STRING", "TO_INT64") {
	case "TO_FLOAT":
		o.to = tensor.Float32
	case "TO_STRING":
		o.to = tensor.String
	default:
		o.to = tensor.Int64
	}
	if o.sparse && o.max < 0 {
		return nil, fmt.Errorf("attribute \"max_map\" = %d", o.max)
	}
	return o, nil
}}

func (o *castMap) Infer(c *op.Infer) error {
	n := c.Fresh()
	if o.sparse {
		n = graph.D(o.max)
	}
	c.Out(0, o.to, graph.Shape{graph.D(1), n})
	return nil
}

func (o *castMap) Eval(e *op.Eval) error {
	keys, values, err := mapOf(e)
	if err != nil {
		return err
	}
	if keys.DType() != tensor.Int64 {
		return fmt.Errorf("the keys are %v, must be int64", keys.DType())
	}
	order := make([]int, keys.Len())
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return keys.IntAt(order[i]) < keys.IntAt(order[j]) })
	n := len(order)
	if o.sparse {
		n = o.max
		if len(order) > 0 && keys.IntAt(order[0]) < 0 {
			return fmt.Errorf("key %d is negative", keys.IntAt(order[0]))
		}
	}
	y, err := e.Out(0, o.to, 1, n)
	if err != nil {
		return err
	}
	var strs []string
	if o.to == tensor.String {
		strs = make([]string, n)
		for i := range strs {
			strs[i] = "0.f" // what ONNX Runtime puts into empty places
		}
	} else {
		clear(y.Bytes())
	}
	for i, k := range order {
		if o.sparse {
			v := keys.IntAt(k)
			if v >= int64(n) {
				break
			}
			i = int(v)
		}
		if o.to == tensor.String {
			strs[i] = textAt(values, k)
		} else if err := numberAt(y, i, values, k); err != nil {
			return err
		}
	}
	if o.to == tensor.String {
		y.SetStrings(strs)
	}
	return nil
}

// textAt returns an element as text, numbers with six digits after the point.
func textAt(t *tensor.Tensor, i int) string {
	if t.DType() == tensor.String {
		return t.Str(i)
	}
	return strconv.FormatFloat(t.FloatAt(i), 'f', 6, 64)
}

// numberAt stores element k of src, a number or its text, in element i of dst.
func numberAt(dst *tensor.Tensor, i int, src *tensor.Tensor, k int) error {
	if src.DType() != tensor.String {
		dst.SetFloatAt(i, src.FloatAt(k))
		return nil
	}
	s := strings.TrimSpace(src.Str(k))
	if dst.DType() == tensor.Int64 {
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("value %q is no int64", s)
		}
		dst.SetIntAt(i, v)
		return nil
	}
	v, err := strconv.ParseFloat(s, 32)
	if err != nil {
		return fmt.Errorf("value %q is no float", s)
	}
	dst.SetFloatAt(i, v)
	return nil
}

// dictVectorizer is DictVectorizer: the values of a map in the order of a
// vocabulary, zero (or empty) for keys that the map lacks.
type dictVectorizer struct{ vocab labels }

var dictVectorizerDef = &op.Def{Domain: domain, Name: "DictVectorizer", New: func(a *op.Args) (op.Op, error) {
	l, err := newLabels(a, "int64_vocabulary", "string_vocabulary")
	return &dictVectorizer{l}, err
}}

func (o *dictVectorizer) Infer(c *op.Infer) error {
	dt := tensor.Invalid
	if t := c.In(0).Type; t.Kind == graph.KindMap && t.Inner != nil {
		dt = t.Inner.Elem
	}
	if dt != tensor.Invalid {
		c.Out(0, dt, graph.Shape{graph.D(1), graph.D(o.vocab.len())})
	}
	return nil
}

func (o *dictVectorizer) Eval(e *op.Eval) error {
	keys, values, err := mapOf(e)
	if err != nil {
		return err
	}
	if o.vocab.len() > 0 && keys.Len() > 0 && keys.DType() != o.vocab.dtype() {
		return fmt.Errorf("the keys are %v, the vocabulary is %v", keys.DType(), o.vocab.dtype())
	}
	at := newIndex(keys)
	n := o.vocab.len()
	find := func(i int) int {
		var k int
		var ok bool
		if len(o.vocab.strs) > 0 {
			k, ok = at.strs[o.vocab.strs[i]]
		} else {
			k, ok = at.ints[o.vocab.ints[i]]
		}
		if !ok {
			return -1
		}
		return k
	}
	if values.DType() == tensor.String {
		s := make([]string, n)
		for i := range s {
			if k := find(i); k >= 0 {
				s[i] = values.Str(k)
			}
		}
		return e.SetStrings(0, []int{1, n}, s)
	}
	y, err := e.Out(0, values.DType(), 1, n)
	if err != nil {
		return err
	}
	clear(y.Bytes())
	for i := range n {
		if k := find(i); k >= 0 {
			copyElem(y, i, values, k)
		}
	}
	return nil
}

// zipMap is ZipMap: each row becomes a map from labels, in ascending order, to
// its elements.
type zipMap struct {
	labels labels
	keys   *tensor.Tensor
	column []int // of each key: the last one of equal labels
}

var zipMapDef = &op.Def{Domain: domain, Name: "ZipMap", New: func(a *op.Args) (op.Op, error) {
	l, err := newLabels(a, "classlabels_int64s", "classlabels_strings")
	if err != nil {
		return nil, err
	}
	if l.len() == 0 {
		return nil, fmt.Errorf("attribute \"classlabels_int64s\" or \"classlabels_strings\" is required")
	}
	o := &zipMap{labels: l}
	if len(l.strs) > 0 {
		var k []string
		k, o.column = distinct(l.strs)
		o.keys, err = tensor.FromStrings(k, len(k))
		return o, err
	}
	k, col := distinct(l.ints)
	o.keys, o.column = tensor.MustFrom(k, len(k)), col
	return o, nil
}}

// distinct returns the keys in ascending order, each with its last position.
func distinct[K cmp.Ordered](l []K) (keys []K, last []int) {
	at := map[K]int{}
	for i, k := range l {
		at[k] = i
	}
	keys = slices.Sorted(maps.Keys(at))
	for _, k := range keys {
		last = append(last, at[k])
	}
	return keys, last
}

func (o *zipMap) Infer(c *op.Infer) error {
	v := graph.TensorType(tensor.Float32, graph.Dims())
	m := graph.Type{Kind: graph.KindMap, Key: o.keys.DType(), Inner: &v}
	c.OutType(0, graph.Type{Kind: graph.KindSequence, Inner: &m})
	return nil
}

func (o *zipMap) Eval(e *op.Eval) error {
	x := e.In(0)
	n, f, err := rowsOf(x)
	if err != nil {
		return err
	}
	if f != o.labels.len() {
		return fmt.Errorf("input %v has %d columns for %d labels", x, f, o.labels.len())
	}
	if err := e.Tick(n); err != nil {
		return err
	}
	all, err := e.Temp(tensor.Float32, n, len(o.column))
	if err != nil {
		return err
	}
	v := tensor.Of[float32](all)
	seq := &tensor.Sequence{Items: make([]tensor.Value, n)}
	for i := range n {
		r := v[i*len(o.column) : (i+1)*len(o.column)]
		for j, c := range o.column {
			r[j] = float32(x.FloatAt(i*f + c))
		}
		t, err := tensor.From(r, len(r))
		if err != nil {
			return err
		}
		seq.Items[i] = &tensor.Map{Keys: o.keys, Values: t}
	}
	e.SetOut(0, seq)
	return nil
}
