package quant

import (
	"testing"

	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

func (g *gen) i64s(n, lo, hi int) []int64 {
	l := make([]int64, n)
	for i := range l {
		l[i] = int64(g.in(lo, hi))
	}
	return l
}

// conv checks ConvInteger and QLinearConv on one random geometry.
func (g *gen) conv() {
	n := g.in(1, 2)
	group, cg, mg := g.in(1, 3), g.in(1, 6), g.in(1, 20)
	if g.coin() { // depthwise
		group, cg, mg = g.in(1, 8), 1, g.in(1, 2)
	}
	x, w := []int{g.in(1, 2), group * cg}, []int{group * mg, cg}
	stride, dilation, pads := g.i64s(n, 1, 3), g.i64s(n, 1, 2), g.i64s(2*n, 0, 2)
	unit := g.coin()
	for i := range n {
		k := g.in(1, 4)
		if unit {
			k, stride[i], dilation[i], pads[i], pads[n+i] = 1, 1, 1, 0, 0
		}
		w = append(w, k)
		x = append(x, (k-1)*int(dilation[i])+1+g.in(0, 40))
	}
	attrs := at{optest.Int("group", int64(group)), optest.Ints("strides", stride...), optest.Ints("dilations", dilation...)}
	if g.coin() {
		attrs = append(attrs, optest.Ints("pads", pads...))
	} else {
		attrs = append(attrs, optest.Str("auto_pad", either(g, "SAME_UPPER", "VALID")))
	}
	sx, sw := g.coin(), g.coin()
	xt, wt := g.bytes(sx, x...), g.bytes(sw, w...)
	wz := g.bytes(sw)
	switch g.in(0, 2) {
	case 0: // as exporters write it
		if wz = u8(128); sw {
			wz = i8(0)
		}
	case 1:
		wz = g.bytes(sw, w[0])
	}
	var params []int
	if g.coin() {
		params = []int{w[0]}
	}
	how := optest.How{Threads: g.in(1, 2), Const: []int{1}}
	c := optest.Case{Op: "ConvInteger", Attrs: attrs, Inputs: in{xt, wt, g.bytes(sx)}, Tol: exact}
	if wz.Rank() == 0 {
		c.Inputs = append(c.Inputs, wz)
		how.Const = append(how.Const, 3)
	}
	optest.Prepared(g.t, Table, c, how)
	how.Const = []int{3, 5}
	c = optest.Case{Op: "QLinearConv", Attrs: attrs, Tol: exact, Inputs: []tensor.Value{xt, g.pos(), g.bytes(sx), wt, g.pos(params...), wz, f32(50), g.bytes(g.coin())}}
	if g.coin() {
		c.Inputs = append(c.Inputs, g.ints(14, w[0]))
	}
	if g.coin() {
		how.Const = []int{1, 2, 3, 4, 5, 6, 7}
	}
	optest.Prepared(g.t, Table, c, how)
}

func TestPreparedConv(t *testing.T) {
	eachLevel(t, func(g *gen) {
		for range 80 {
			g.conv()
		}
		how := optest.How{Threads: 2, Const: []int{3, 5}}
		c := optest.Case{Op: "QLinearConv", Attrs: at{optest.Ints("pads", 1, 1, 1, 1)},
			Inputs: in{g.bytes(true, 1, 6, 50, 50), g.pos(), g.bytes(true), g.bytes(true, 8, 6, 3, 3), g.pos(8), g.bytes(true, 8), g.pos(), g.bytes(true), g.ints(12, 8)}}
		optest.NoAllocs(g.t, Table, c, how)
		c.Attrs = append(c.Attrs, optest.Int("group", 6), optest.Ints("strides", 2, 2))
		c.Inputs[3], c.Inputs[4], c.Inputs[5], c.Inputs[8] = g.bytes(true, 6, 1, 3, 3), g.pos(6), i8(0), g.ints(12, 6)
		optest.NoAllocs(g.t, Table, c, how)
	})
}
