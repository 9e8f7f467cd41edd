package optimize

import (
	"math"
	"strings"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// is reports whether n is one of these operators of ai.onnx.
func is(n *graph.Node, ops ...string) bool {
	if n.Domain != "" {
		return false
	}
	for _, o := range ops {
		if n.Op == o {
			return true
		}
	}
	return false
}

// input returns input i, nil if it is absent.
func input(n *graph.Node, i int) *graph.Value {
	if i >= len(n.Inputs) {
		return nil
	}
	return n.Inputs[i]
}

// single reports whether n makes its first output alone.
func single(n *graph.Node) bool {
	for _, v := range n.Outputs[1:] {
		if v != nil {
			return false
		}
	}
	return n.Outputs[0] != nil
}

// constant returns the value of a true constant, maybe unaligned; nil otherwise.
func constant(v *graph.Value) *tensor.Tensor {
	if v == nil || v.Default {
		return nil
	}
	return v.Tensor()
}

// floats returns the elements of a float32 constant.
func floats(v *graph.Value) []float32 {
	t := constant(v)
	if t == nil || t.DType() != tensor.Float32 {
		return nil
	}
	return tensor.Of[float32](t.Aligned())
}

// number returns the value of a constant of one float or double.
func number(v *graph.Value) (float64, bool) {
	t := constant(v)
	if t == nil || t.Len() != 1 || t.DType() != tensor.Float32 && t.DType() != tensor.Float64 {
		return 0, false
	}
	return t.Aligned().FloatAt(0), true
}

// integers returns the elements of an integer constant.
func integers(v *graph.Value) []int {
	t := constant(v)
	if t == nil || !t.DType().IsInt() || t.Len() > 64 {
		return nil
	}
	t = t.Aligned()
	l := make([]int, t.Len())
	for i := range l {
		l[i] = int(max(math.MinInt32, min(math.MaxInt32, t.IntAt(i))))
	}
	return l
}

// near reports whether a is b but for the rounding of a float32 constant.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-4*math.Abs(b) }

// joinPath names what a node became together with those after it, all of which
// are gone: "/conv1+relu1".
func joinPath(n *graph.Node, more ...*graph.Node) string {
	p := n.Path
	for _, x := range more {
		s := x.Path
		if i := strings.LastIndexByte(strings.TrimSuffix(s, "/"), '/'); i >= 0 {
			s = s[i+1:]
		}
		if len(p)+len(s) < maxName {
			p += "+" + s
		}
	}
	return p
}

// node makes a node that stands for others, of which the last made out.
func node(domain, name string, opset int, path string, in []*graph.Value, out *graph.Value, attrs ...graph.Attr) *graph.Node {
	a, err := graph.NewAttrs(attrs...)
	if err != nil {
		panic(err) // passes write each attribute once
	}
	return &graph.Node{Name: path, Path: path, Domain: domain, Op: name, Opset: opset, Inputs: in, Outputs: []*graph.Value{out}, Attrs: a}
}

const msDomain = "com.microsoft"

// Attributes of new nodes.
func intAttr(name string, v int) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrInt, I: int64(v)}
}
func floatAttr(name string, v float64) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrFloat, F: float32(v)}
}
func stringAttr(name, v string) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrString, S: v}
}
func floatsAttr(name string, v ...float32) graph.Attr {
	return graph.Attr{Name: name, Kind: graph.AttrFloats, Floats: v}
}
func intsAttr(name string, v ...int) graph.Attr {
	l := make([]int64, len(v))
	for i, x := range v {
		l[i] = int64(x)
	}
	return graph.Attr{Name: name, Kind: graph.AttrInts, Ints: l}
}

// with returns n's attributes without those that are given, and with these.
func with(n *graph.Node, without []string, more ...graph.Attr) []graph.Attr {
	l := more
next:
	for _, a := range n.Attrs.List() {
		for _, x := range more {
			if x.Name == a.Name {
				continue next
			}
		}
		for _, x := range without {
			if x == a.Name {
				continue next
			}
		}
		l = append(l, a)
	}
	return l
}

// Attributes of nodes that are there, with a default.
func getInt(n *graph.Node, name string, def int) int {
	if a := n.Attrs.Get(name); a != nil {
		return int(a.I)
	}
	return def
}
func getFloat(n *graph.Node, name string, def float64) float64 {
	if a := n.Attrs.Get(name); a != nil {
		return float64(a.F)
	}
	return def
}
func getString(n *graph.Node, name string) string {
	if a := n.Attrs.Get(name); a != nil {
		return a.S
	}
	return ""
}
func getInts(n *graph.Node, name string) []int {
	a := n.Attrs.Get(name)
	if a == nil {
		return nil
	}
	l := make([]int, len(a.Ints))
	for i, v := range a.Ints {
		l[i] = int(v)
	}
	return l
}

// axesOf returns the axes of a reduction or its kin: an attribute, from some
// version on input i.
func axesOf(n *graph.Node, i int) []int {
	if l := getInts(n, "axes"); l != nil {
		return l
	}
	return integers(input(n, i))
}
