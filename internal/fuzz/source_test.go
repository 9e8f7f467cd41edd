// Package fuzz attacks the engine as a whole: models, graphs and single
// operators made from arbitrary bytes must end in an error or in a right
// result, never in a panic, a hang or memory beyond the budget.
//
// testdata/seeds.tar.gz holds models to start from; see testdata/README.md.
// WALNUT_FUZZ_SWEEP=60s go test -run Sweep ./internal/fuzz tries random cases
// for the given time and lists everything that it finds.
package fuzz

import (
	"math"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// source turns bytes into choices. Behind their end it goes on with a
// generator that the first two of them seed, so that few bytes make a whole case.
type source struct {
	b []byte
	x uint64
}

func newSource(b []byte) *source {
	s := &source{b: b, x: 0x9e3779b97f4a7c15}
	for _, c := range b[:min(2, len(b))] {
		s.x = (s.x ^ uint64(c)) * 0x100000001b3
	}
	return s
}

func (s *source) byte() int {
	if len(s.b) > 0 {
		c := s.b[0]
		s.b = s.b[1:]
		return int(c)
	}
	s.x += 0x9e3779b97f4a7c15
	z := (s.x ^ s.x>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int(z >> 56)
}

// n returns a number below k, which is at most 65536.
func (s *source) n(k int) int {
	if k <= 1 {
		return 0
	}
	if k <= 256 {
		return s.byte() % k
	}
	return (s.byte() | s.byte()<<8) % k
}

// chance is true once in k times.
func (s *source) chance(k int) bool { return s.n(k) == k-1 }

func pick[T any](s *source, l ...T) T { return l[s.n(len(l))] }

// extremes are numbers that break careless arithmetic.
var extremes = []int64{0, -1, 1, 2, math.MaxInt64, math.MinInt64, math.MaxInt32, math.MinInt32, 1 << 31, 1 << 32, 1 << 40, 1 << 62,
	-1 << 40, 255, 256, 65536, math.MaxInt64 - 1, math.MinInt64 + 1, 1000, 1 << 20}

// int returns a small number, seldom an extreme one.
func (s *source) int() int64 {
	if s.chance(16) {
		return pick(s, extremes...)
	}
	return int64(s.n(10)) - 2
}

// size returns a number that may be a dimension, a count, a kernel's length.
func (s *source) size() int64 {
	if s.chance(20) {
		return pick(s, extremes...)
	}
	return int64(s.n(6))
}

func (s *source) float() float64 {
	switch s.n(16) {
	case 14:
		return pick(s, 0, 1, -1, 0.5, 1e-3, 1e6, -1e6, 127, 255)
	case 15:
		return pick(s, math.NaN(), math.Inf(1), math.Inf(-1), 1e30, -1e30, math.MaxFloat32, 1e-40, 1e9, -1e9)
	}
	return float64(s.byte()-128) / 32
}

var texts = []string{"", "a", "hello world", "A b,C", "ab ab\tab", "Äöü ß", "\xff\xfe", "日本語", "é", "1", "-3.5", "nan", "x*", "[", "(a|b)*c", "\x00", "1e999", "0x1p-2", "a,b,,c", "  "}

func (s *source) text() string { return pick(s, texts...) }

// shape returns a random shape of at most 5 dimensions.
func (s *source) shape() []int {
	dims := make([]int, pick(s, 1, 2, 3, 4, 2, 1, 0, 5))
	for i := range dims {
		dims[i] = pick(s, 1, 2, 3, 4, 2, 3, 5, 7, 1, 0)
	}
	if len(dims) > 1 && s.chance(40) { // nothing in it, but huge
		dims[s.n(len(dims))] = int(min(pick[int64](s, 1<<31, 1<<40, math.MaxInt32, math.MaxInt64), int64(maxInt)))
		dims[s.n(len(dims))] = 0
		if _, ok := tensor.NumElements(dims); !ok || !hasZero(dims) {
			return []int{0, 3}
		}
	}
	return dims
}

const maxInt = int(^uint(0) >> 1)

func hasZero(dims []int) bool {
	for _, d := range dims {
		if d == 0 {
			return true
		}
	}
	return false
}

// maxElems bounds the elements of a made-up input.
const maxElems = 2048

// tensor returns a tensor of the shape with made-up elements.
func (s *source) tensor(dt tensor.DType, dims []int) *tensor.Tensor {
	n, ok := tensor.NumElements(dims)
	if !ok || n > maxElems {
		dims, n = []int{2}, 2
	}
	t, err := tensor.New(dt, dims...)
	if err != nil {
		return tensor.MustFrom([]float32{1})
	}
	if dt == tensor.String {
		l := make([]string, n)
		for i := range l {
			l[i] = s.text()
		}
		t.SetStrings(l)
		return t
	}
	mode := s.n(8) // 7: extremes too
	x := uint64(s.byte())
	for i := range n {
		x = x*6364136223846793005 + 1442695040888963407
		r := int64(x >> 33)
		switch {
		case mode == 7 && r%3 == 0 && dt.IsFloat():
			t.SetFloatAt(i, s.float())
		case mode == 7 && r%3 == 0 && dt.IsInt():
			t.SetIntAt(i, pick(s, extremes...))
		case dt == tensor.Bool:
			t.SetUintAt(i, uint64(r&1))
		case dt == tensor.Complex64 || dt == tensor.Complex128:
			t.SetComplexAt(i, complex(float64(r%17)/4-2, float64(r%5)))
		case dt.IsInt() && mode < 4:
			t.SetIntAt(i, r%4)
		case dt.IsInt() && mode < 6:
			t.SetIntAt(i, r%9-3)
		case dt.IsInt():
			t.SetIntAt(i, r%256-128)
		default:
			t.SetFloatAt(i, float64(r%257-128)/48)
		}
	}
	return t
}

// sizes returns an integer vector as shapes, axes, starts and the like are.
func (s *source) sizes(dt tensor.DType, like []int) *tensor.Tensor {
	n := pick(s, len(like), len(like), 1, 2, len(like)*2, s.n(6))
	dims := []int{n}
	if s.chance(12) {
		dims, n = []int{}, 1
	}
	t, err := tensor.New(dt, dims...)
	if err != nil {
		panic(err)
	}
	for i := range n {
		v := s.size()
		if i < len(like) && s.chance(2) {
			v = int64(like[i])
		}
		if s.chance(6) {
			v = s.int()
		}
		t.SetIntAt(i, v)
	}
	return t
}

// value returns a value of an ONNX type such as "float" or "seq(tensor(int64))".
func (s *source) value(typ string, dims []int) tensor.Value {
	if dt, ok := tensor.ParseDType(typ); ok {
		return s.tensor(dt, dims)
	}
	name, inner, ok := cutType(typ)
	if !ok {
		return s.tensor(tensor.Float32, dims)
	}
	switch name {
	case "tensor":
		return s.value(inner, dims)
	case "seq":
		q := &tensor.Sequence{}
		for range s.n(4) {
			q.Items = append(q.Items, s.value(inner, dims))
			if s.chance(4) {
				dims = s.shape()
			}
		}
		if len(q.Items) > 0 {
			if t, ok := q.Items[0].(*tensor.Tensor); ok {
				q.Elem = t.DType()
			}
		}
		return q
	case "optional":
		if s.chance(3) {
			return &tensor.Optional{}
		}
		return &tensor.Optional{Value: s.value(inner, dims)}
	case "map":
		k, v, _ := cut(inner)
		n := s.n(4)
		kt, _ := tensor.ParseDType(k)
		keys, ok := s.value(kt.String(), []int{n}).(*tensor.Tensor)
		vals, ok2 := s.value(v, []int{n}).(*tensor.Tensor)
		if ok && ok2 {
			return &tensor.Map{Keys: keys, Values: vals}
		}
	}
	return s.tensor(tensor.Float32, dims)
}

func cutType(typ string) (name, inner string, ok bool) {
	for i := range typ {
		if typ[i] == '(' && typ[len(typ)-1] == ')' {
			return typ[:i], typ[i+1 : len(typ)-1], true
		}
	}
	return "", "", false
}

func cut(s string) (string, string, bool) {
	for i := range s {
		if s[i] == ',' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "float", false
}

// words are values of string attributes, by what they are about; a wrong one is
// refused when the operator is decoded.
var words = []string{"", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "constant", "reflect", "edge", "wrap", "nearest", "linear", "cubic",
	"bilinear", "bicubic", "none", "mean", "sum", "add", "mul", "max", "min", "forward", "reverse", "bidirectional", "DCR", "CRD", "half_pixel",
	"half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn", "output_half_pixel",
	"floor", "ceil", "round_prefer_floor", "round_prefer_ceil", "not_larger", "not_smaller", "stretch", "zeros", "border", "reflection", "LEFT", "RIGHT",
	"SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT", "NONE", "POLY", "RBF", "SIGMOID", "LINEAR", "MAX", "L1", "L2", "SUM", "AVERAGE", "MIN", "TF", "IDF",
	"TFIDF", "LOWER", "UPPER", "RGB", "BGR", "Grayscale", "tanh", "circular", "avg", "up", "down", "silu", "swish", "relu", "gelu", "swiglu", "identity",
	"DENSE", "SPARSE", "TO_FLOAT", "TO_STRING", "TO_INT64", "euclidean", "gated", "delta", "gated_delta", "ij,jk->ik", "...ij,...jk", "ii->i", "i,j->",
	"ij->ji", "bij,bjk->bik", "iii", "a...,b...->ab...", "BRANCH_LEQ", "BRANCH_EQ", "LEAF", "nf4", "fp4", "float16", "Relu", "Tanh", "Sigmoid"}

// attr returns a value for attribute name of the kind; like is the shape of an input.
func (s *source) attr(name string, kind graph.AttrKind, like []int) graph.Attr {
	a := graph.Attr{Name: name, Kind: kind}
	n := pick(s, len(like), max(len(like)-2, 0), max(len(like)-2, 0)*2, len(like)*2, 1, 2, 3, s.n(7))
	switch kind {
	case graph.AttrInt:
		a.I = s.int()
		if name == "to" || name == "dtype" || name == "output_dtype" {
			a.I = int64(s.n(28))
		}
	case graph.AttrFloat:
		a.F = float32(s.float())
	case graph.AttrString:
		if a.S = pick(s, words...); s.chance(6) {
			a.S = s.text()
		}
	case graph.AttrInts:
		a.Ints = make([]int64, n)
		for i := range a.Ints {
			if a.Ints[i] = s.size(); s.chance(6) {
				a.Ints[i] = s.int()
			}
		}
	case graph.AttrFloats:
		a.Floats = make([]float32, n)
		for i := range a.Floats {
			a.Floats[i] = float32(s.float())
		}
	case graph.AttrStrings:
		a.Strings = make([]string, n)
		for i := range a.Strings {
			if a.Strings[i] = s.text(); s.chance(2) {
				a.Strings[i] = pick(s, words...)
			}
		}
	case graph.AttrTensor:
		a.T = s.tensor(pick(s, tensor.Float32, tensor.Int64, tensor.Int32, tensor.String, tensor.Float16, tensor.Uint8, tensor.Float64), s.shape())
	case graph.AttrTensors:
		for range s.n(4) {
			a.Tensors = append(a.Tensors, s.tensor(tensor.Float32, s.shape()))
		}
	case graph.AttrType:
		t := graph.TensorType(pick(s, tensor.Float32, tensor.Int64, tensor.String), nil)
		if s.chance(2) {
			inner := t
			t = graph.Type{Kind: graph.KindSequence, Inner: &inner}
		}
		a.Type = &t
	}
	return a
}
