package quant

import (
	"fmt"
	"math"
	"sort"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// moe is what MoE and QMoE share: a mixture of experts, each a feed-forward
// network of two layers, fc1 and fc2, with a third one, fc3, for gates.
//
//	input [tokens, H] or [batch, sequence, H]; router_probs [tokens, E]
//	fc1 [E, I or 2I, H]   fc2 [E, H, I]   fc3 [E, I, H]
//
// Every token goes to the k experts with the greatest router values; the
// results are added with the softmax of these values as weights: of all of
// them, or with normalize of those chosen.
type moe struct {
	k                int
	normalize, mixer bool
	activation       string
	fusion           int // 0: gate and linear part are fc1 and fc3; 1: interleaved in fc1; 2: one after the other
	alpha, beta      float64
	limit            float64
	limitAfter       bool
	topSoftmax       bool // the softmax is over the chosen values alone
}

func decodeMoE(a *op.Args) moe {
	o := moe{k: positiveOr(a, "k", 1), normalize: a.Bool("normalize_routing_weights", false), mixer: a.Bool("use_sparse_mixer", false),
		activation: a.OneOf("activation_type", "relu", "relu", "relu2", "gelu", "silu", "swiglu", "geglu", "identity"),
		fusion:     a.Int("swiglu_fusion", 0), alpha: a.Float("activation_alpha", 1), beta: a.Float("activation_beta", 0),
		limit: a.Float("swiglu_limit", math.Inf(1)), limitAfter: a.Bool("swiglu_limit_after_activation", false)}
	switch {
	case o.fusion < 0 || o.fusion > 2:
		a.Fail("attribute swiglu_fusion = %d, must be 0, 1 or 2", o.fusion)
	case o.activation == "geglu" && o.fusion == 0:
		a.Fail("activation_type geglu needs swiglu_fusion 1 or 2")
	case o.mixer && o.k != 2:
		a.Fail("attribute k = %d, must be 2 with use_sparse_mixer", o.k)
	case o.limit != o.limit:
		a.Fail("attribute swiglu_limit is NaN")
	}
	return o
}

func positiveOr(a *op.Args, name string, def int) int {
	v := a.Int(name, def)
	if v < 1 {
		a.Fail("attribute %s = %d, must be at least 1", name, v)
		return 1
	}
	return v
}

// gated reports whether fc1 holds gate and linear part together.
func (o *moe) gated() bool {
	return o.fusion > 0 && (o.activation == "swiglu" || o.activation == "geglu")
}

// layer is one layer of all experts: n outputs from k inputs. row writes the
// weights of output j of expert x.
type layer struct {
	n, k int
	row  func(x, j int, dst []float64)
	bias *tensor.Tensor
}

// apply sets dst, n values, to the layer's outputs for every one of the rows of src.
func (l *layer) apply(e *op.Eval, x int, src, dst, w []float64) error {
	for j := range l.n {
		if err := e.Tick(1); err != nil {
			return err
		}
		l.row(x, j, w[:l.k])
		b := 0.0
		if l.bias != nil {
			b = l.bias.FloatAt(x*l.n + j)
		}
		for r := range len(dst) / l.n {
			dst[r*l.n+j] = dot(src[r*l.k:(r+1)*l.k], w) + b
		}
	}
	return nil
}

// route is one token's way through one expert.
type route struct {
	token  int
	weight float64
}

// run computes output 0. layers are fc1, fc2 and fc3 (nil if absent), for
// experts numbered below experts. weights replaces the router's softmax in
// mixing where it is not nil.
func (o *moe) run(e *op.Eval, experts int, layers [3]*layer, weights *tensor.Tensor) error {
	x, probs := e.In(0), e.In(1)
	fc1, fc2, fc3 := layers[0], layers[1], layers[2]
	tokens := x.Len() / max(1, fc1.k)
	routes, err := o.routes(e, probs, weights, tokens, experts)
	if err != nil {
		return err
	}
	y, err := e.OutLike(0, x.DType(), x)
	if err != nil {
		return err
	}
	in, err := floats(e, x)
	if err != nil {
		return err
	}
	most := 0
	for _, r := range routes {
		most = max(most, len(r))
	}
	var buf [6][]float64 // sums, rows in, fc1, fc3, fc2, weights
	for i, n := range [][2]int{{x.Len(), 1}, {most, fc1.k}, {most, fc1.n}, {most, fc1.n}, {most, fc2.n}, {max(fc1.k, fc2.k), 1}} {
		t, err := e.Temp(tensor.Float64, n[0], n[1])
		if err != nil {
			return err
		}
		buf[i] = tensor.Of[float64](t)
	}
	for ex, list := range routes {
		n := len(list)
		if n == 0 {
			continue
		}
		src, h1, h3, out := buf[1][:n*fc1.k], buf[2][:n*fc1.n], buf[3], buf[4][:n*fc2.n]
		for i, r := range list {
			copy(src[i*fc1.k:], in[r.token*fc1.k:(r.token+1)*fc1.k])
		}
		if err := fc1.apply(e, ex, src, h1, buf[5]); err != nil {
			return err
		}
		if fc3 != nil {
			h3 = h3[:n*fc3.n]
			if err := fc3.apply(e, ex, src, h3, buf[5]); err != nil {
				return err
			}
		} else {
			h3 = nil
		}
		o.activate(h1, h3, n, fc1.n, fc2.k)
		if err := fc2.apply(e, ex, h1[:n*fc2.k], out, buf[5]); err != nil {
			return err
		}
		for i, r := range list {
			for j, v := range out[i*fc2.n : (i+1)*fc2.n] {
				buf[0][r.token*fc2.n+j] += r.weight * v
			}
		}
	}
	y.SetFloats(buf[0])
	return nil
}

// activate turns rows of fc1's outputs (width values each) into rows of inner
// values at the start of h. linear holds fc3's outputs, nil if there are none.
func (o *moe) activate(h, linear []float64, rows, width, inner int) {
	for r := range rows {
		for i := range inner {
			g, l := h[r*width+i], 1.0
			switch {
			case o.gated() && o.fusion == 1:
				g, l = h[r*width+2*i], h[r*width+2*i+1]
			case o.gated():
				l = h[r*width+inner+i]
			case linear != nil:
				l = linear[r*inner+i]
			}
			h[r*inner+i] = o.act(g, l)
		}
	}
}

// act applies the activation to a gate value g with the linear part l, which
// is 1 where the layer has none.
func (o *moe) act(g, l float64) float64 {
	switch o.activation {
	case "relu":
		return max(0, g) * l
	case "relu2":
		return max(0, g) * max(0, g) * l
	case "silu":
		return g / (1 + math.Exp(-g)) * l
	case "gelu", "geglu": // the form with tanh
		return 0.5 * g * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(g+0.044715*g*g*g))) * l
	case "swiglu":
		l = max(-o.limit, min(o.limit, l))
		if !o.limitAfter {
			g = min(g, o.limit)
		}
		s := g / (1 + math.Exp(-o.alpha*g))
		return min(s, o.limit) * (l + o.beta)
	}
	return g * l
}

// routes lists for every expert the tokens that go to it.
func (o *moe) routes(e *op.Eval, probs, weights *tensor.Tensor, tokens, experts int) ([][]route, error) {
	for _, t := range []*tensor.Tensor{probs, weights} {
		if t != nil && (t.Rank() < 2 || t.Len() != tokens*experts || t.Shape()[t.Rank()-1] != experts) {
			return nil, fmt.Errorf("router values are %v, must be [%d,%d]", t, tokens, experts)
		}
	}
	if o.k > experts {
		return nil, fmt.Errorf("k = %d, there are %d experts", o.k, experts)
	}
	p, err := floats(e, probs)
	if err != nil {
		return nil, err
	}
	routes := make([][]route, experts)
	order, soft := make([]int, experts), make([]float64, experts)
	for t := range tokens {
		if err := e.Tick(experts); err != nil {
			return nil, err
		}
		row := p[t*experts : (t+1)*experts]
		chosen, w := o.choose(row, order, soft)
		sum := 0.0
		for i, x := range chosen {
			if weights != nil {
				w[i] = weights.FloatAt(t*experts + x)
			}
			sum += w[i]
		}
		for i, x := range chosen {
			if o.normalize {
				w[i] /= sum
			}
			routes[x] = append(routes[x], route{t, w[i]})
		}
	}
	return routes, nil
}

// choose returns a token's experts and their weights. Of equal values the
// later expert comes first, as in ONNX Runtime.
func (o *moe) choose(row []float64, order []int, soft []float64) ([]int, []float64) {
	if o.mixer {
		return sparseMixer(row)
	}
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool {
		i, j := order[a], order[b]
		if row[i] != row[j] {
			return row[i] > row[j]
		}
		return i > j
	})
	among := order
	if o.topSoftmax {
		among = order[:o.k]
	}
	sum := 0.0
	for _, i := range among {
		soft[i] = math.Exp(row[i] - row[order[0]])
		sum += soft[i]
	}
	w := make([]float64, o.k)
	for i := range w {
		w[i] = soft[order[i]] / sum
	}
	return order[:o.k], w
}

// sparseMixer chooses two experts as SparseMixer does in inference (Liu et al.,
// arXiv 2310.00811, as used by Phi-3.5-MoE): the weight of each is its softmax
// among the values that lie within the jitter of the greatest one left.
func sparseMixer(row []float64) ([]int, []float64) {
	const jitter = 0.01
	var chosen []int
	var w []float64
	for range 2 {
		best := -1
		for i, v := range row {
			if (len(chosen) == 0 || i != chosen[0]) && (best < 0 || v > row[best]) {
				best = i
			}
		}
		sum := 0.0
		for i, v := range row {
			near := (row[best]-v)/max(math.Abs(v), row[best]) <= 2*jitter || i == best
			if near && (len(chosen) == 0 || i != chosen[0]) {
				sum += math.Exp(v - row[best])
			}
		}
		chosen, w = append(chosen, best), append(w, 1/sum)
	}
	return chosen, w
}

// inputSize returns the hidden size of the input, whose rank must be 2 or 3.
func inputSize(x *tensor.Tensor) (int, error) {
	if r := x.Rank(); r != 2 && r != 3 {
		return 0, fmt.Errorf("input is %v, must have rank 2 or 3", x)
	}
	h := x.Shape()[x.Rank()-1]
	if h < 1 {
		return 0, fmt.Errorf("input is %v, its last dimension must be at least 1", x)
	}
	return h, nil
}

// moeFloat is MoE, with weights in floating point.
type moeFloat struct{ moe }

var moeDef = &op.Def{Domain: ms, Name: "MoE", New: func(a *op.Args) (op.Op, error) { return &moeFloat{decodeMoE(a)}, nil }}

func (o *moeFloat) Infer(c *op.Infer) error {
	c.Like(0, 0)
	return nil
}

func (o *moeFloat) Eval(e *op.Eval) error {
	h, err := inputSize(e.In(0))
	if err != nil {
		return err
	}
	w1 := e.In(2)
	if w1.Rank() != 3 {
		return fmt.Errorf("fc1_experts_weights is %v, must have rank 3", w1)
	}
	experts, n := w1.Shape()[0], w1.Shape()[1]
	inner, err := o.inner(n, e.Has(6))
	if err != nil {
		return err
	}
	var l [3]*layer
	for i, d := range [][2]int{{n, h}, {h, inner}, {inner, h}} {
		w := e.In(2 + 2*i)
		if w == nil {
			continue
		}
		if !tensor.SameShape(w.Shape(), []int{experts, d[0], d[1]}) {
			return fmt.Errorf("fc%d_experts_weights is %v, must be [%d,%d,%d]", i+1, w, experts, d[0], d[1])
		}
		read, k := reader(w), d[1]
		if l[i], err = newLayer(d[0], k, experts, e.In(3+2*i), func(x, j int, dst []float64) {
			at := (x*d[0] + j) * k
			for i := range dst {
				dst[i] = read(at + i)
			}
		}); err != nil {
			return err
		}
	}
	return o.run(e, experts, l, nil)
}

// inner returns the width between the layers for n outputs of fc1.
func (o *moe) inner(n int, fc3 bool) (int, error) {
	switch {
	case n < 1:
		return 0, fmt.Errorf("fc1 has %d outputs, must have at least 1", n)
	case o.gated() && fc3:
		return 0, fmt.Errorf("fc3 with swiglu_fusion %d: the linear part is in fc1 already", o.fusion)
	case o.gated() && n%2 != 0:
		return 0, fmt.Errorf("fc1 has %d outputs, must have an even number with swiglu_fusion %d", n, o.fusion)
	case o.activation == "swiglu" && !o.gated() && !fc3:
		return 0, fmt.Errorf("swiglu with swiglu_fusion 0 needs fc3")
	case o.gated():
		return n / 2, nil
	}
	return n, nil
}

func newLayer(n, k, experts int, bias *tensor.Tensor, row func(x, j int, dst []float64)) (*layer, error) {
	if bias != nil {
		if err := expect("bias", bias, experts, n); err != nil {
			return nil, err
		}
	}
	return &layer{n, k, row, bias}, nil
}
