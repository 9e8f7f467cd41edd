package optimize

import (
	"math"
	"slices"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/tensor"
)

// residual makes the sum of a convolution and another value of the same shape
// the Z of a FusedConv.
func residual(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, func(r *rewrite, n *graph.Node) {
		if !is(n, "Add") || n.Opset < 7 || len(n.Inputs) != 2 || !r.isFloat(n.Outputs[0]) {
			return
		}
		for _, i := range []int{1, 0} {
			v, z := n.Inputs[i], n.Inputs[1-i]
			p := r.only(v, "Conv")
			if p == nil || v == z || !r.sameShape(v, z) {
				continue
			}
			in := append(slices.Clone(p.Inputs), nil, nil)[:4]
			in[3] = z
			f := node(msDomain, "FusedConv", 1, joinPath(p, n), in, n.Outputs[0], p.Attrs.List()...)
			r.swap(n, []*graph.Node{f}, p, n)
			return
		}
	})
}

// activation puts the function behind a convolution into a FusedConv, and Relu
// behind a product with a bias into that.
func activation(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, (*rewrite).activation)
}

func (r *rewrite) activation(n *graph.Node) {
	if len(n.Inputs) == 0 || !r.isFloat(n.Outputs[0]) || !r.sole(n.Inputs[0]) {
		return
	}
	p := r.maker[n.Inputs[0]]
	if p == nil || getString(p, "activation") != "" || !single(p) {
		return
	}
	attrs := activationOf(n)
	if attrs == nil {
		return
	}
	domain, name := msDomain, ""
	switch {
	case is(p, "Conv") || p.Domain == msDomain && p.Op == "FusedConv":
		name = "FusedConv"
	case is(p, "Gemm") && p.Opset >= 7 && n.Op == "Relu":
		name = "FusedGemm"
	case p.Domain == ownDomain && p.Op == "FusedMatMul" && n.Op == "Relu":
		domain, name = ownDomain, p.Op
	default:
		return
	}
	f := node(domain, name, 1, joinPath(p, n), p.Inputs, n.Outputs[0], with(p, nil, attrs...)...)
	r.swap(n, []*graph.Node{f}, p, n)
}

// activationOf returns the attributes of a FusedConv that does what n does, nil
// if there are none that its kernel has a fast form of.
func activationOf(n *graph.Node) []graph.Attr {
	name := stringAttr("activation", n.Op)
	switch {
	case is(n, "Relu", "Tanh", "Sigmoid", "HardSwish"):
		return []graph.Attr{name}
	case is(n, "LeakyRelu"):
		return []graph.Attr{name, floatsAttr("activation_params", float32(getFloat(n, "alpha", 0.01)))}
	case is(n, "HardSigmoid"):
		return []graph.Attr{name, floatsAttr("activation_params", float32(getFloat(n, "alpha", float64(float32(0.2)))), float32(getFloat(n, "beta", 0.5)))}
	case is(n, "Clip"):
		if lo, hi, ok := clipOf(n); ok {
			return []graph.Attr{name, floatsAttr("activation_params", float32(lo), float32(hi))}
		}
	}
	return nil
}

// clipOf returns the constant limits of a Clip, infinite where there are none.
func clipOf(n *graph.Node) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(-1), math.Inf(1)
	if n.Opset < 11 {
		lo, hi = getFloat(n, "min", lo), getFloat(n, "max", hi)
	} else {
		for i, p := range []*float64{&lo, &hi} {
			v := input(n, i+1)
			if v == nil {
				continue
			}
			if *p, ok = number(v); !ok {
				return 0, 0, false
			}
		}
	}
	return lo, hi, lo <= hi
}

// pad moves the zeros that Pad writes around the input of a convolution or a
// pool into the operator's own padding.
func pad(c *Context, g *graph.Graph) (int, error) {
	return rewriteGraph(c, g, (*rewrite).pad)
}

func (r *rewrite) pad(n *graph.Node) {
	if !is(n, "Conv", "AveragePool", "MaxPool") || !single(n) {
		return
	}
	p := r.only(n.Inputs[0], "Pad")
	if p == nil {
		return
	}
	around, value, ok := r.padOf(p)
	if !ok {
		return
	}
	rank := len(around) / 2
	own := getInts(n, "pads")
	if own == nil {
		own = make([]int, 2*(rank-2))
	}
	if a := getString(n, "auto_pad"); rank < 3 || len(own) != 2*(rank-2) || a != "" && a != "NOTSET" {
		return
	}
	drop := []string{"auto_pad"}
	var more []graph.Attr
	switch n.Op {
	case "Conv":
		ok = value == 0
	case "AveragePool": // zeros count; so must the padding, which has been none or has counted
		ok = value == 0 && getInt(n, "ceil_mode", 0) == 0 && n.Opset >= 7 &&
			(getInt(n, "count_include_pad", 0) != 0 || slices.Max(own) == 0 && slices.Min(own) == 0)
		more = append(more, intAttr("count_include_pad", 1))
	default:
		ok = value < 0 && math.IsInf(value, -1) || value == 0 && r.notNegative(p.Inputs[0])
		ok = ok && getInt(n, "ceil_mode", 0) == 0 && r.isFloat(n.Outputs[0])
	}
	kernel := getInts(n, "kernel_shape")
	sum := make([]int, len(own))
	for a := range rank - 2 {
		for _, side := range []int{0, 1} {
			k := side*(rank-2) + a
			more := around[side*rank+a+2]
			sum[k] = own[k] + more
			ok = ok && own[k] >= 0 && more >= 0
			// A window that sees nothing but padding has no maximum or average.
			ok = ok && (n.Op == "Conv" || len(kernel) == rank-2 && sum[k] < kernel[a] && n.Attrs.Get("dilations") == nil)
		}
	}
	for _, a := range []int{0, 1, rank, rank + 1} {
		ok = ok && around[a] == 0
	}
	if !ok {
		return
	}
	in := slices.Clone(n.Inputs)
	in[0] = p.Inputs[0]
	f := node("", n.Op, n.Opset, joinPath(p, n), in, n.Outputs[0], with(n, drop, append(more, intsAttr("pads", sum...))...)...)
	r.swap(n, []*graph.Node{f}, p, n)
}

// padOf returns how many places a Pad adds: begins, then ends, of all axes; and the value it writes.
func (r *rewrite) padOf(p *graph.Node) (around []int, value float64, ok bool) {
	if m := getString(p, "mode"); m != "" && m != "constant" || !r.isFloat(p.Outputs[0]) {
		return nil, 0, false
	}
	if p.Opset < 11 {
		if around = getInts(p, "pads"); around == nil {
			around = getInts(p, "paddings")
		}
		value = getFloat(p, "value", 0)
	} else {
		around = integers(input(p, 1))
		if v := input(p, 2); v != nil {
			t := constant(v)
			if t == nil || t.Len() != 1 || t.DType() != tensor.Float32 {
				return nil, 0, false
			}
			value = t.Aligned().FloatAt(0)
		}
	}
	if v := input(p, 3); v != nil { // pads of some axes
		axes, in := integers(v), r.shape(p.Inputs[0])
		if in == nil || len(axes) == 0 || len(around) != 2*len(axes) {
			return nil, 0, false
		}
		all := make([]int, 2*len(in))
		for i, a := range axes {
			if a < 0 {
				a += len(in)
			}
			if a < 0 || a >= len(in) {
				return nil, 0, false
			}
			all[a], all[len(in)+a] = around[i], around[len(axes)+i]
		}
		around = all
	}
	return around, value, len(around) >= 6 && len(around)%2 == 0
}

// notNegative reports whether v is what an operator makes that gives nothing below 0.
func (r *rewrite) notNegative(v *graph.Value) bool {
	if r.by(v, "Relu", "Sigmoid", "HardSigmoid", "Abs", "Softmax") != nil {
		return true
	}
	if n := r.by(v, "Clip"); n != nil {
		lo, _, ok := clipOf(n)
		return ok && lo >= 0
	}
	return false
}
