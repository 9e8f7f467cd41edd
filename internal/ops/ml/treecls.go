package ml

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// treeClassifier is TreeEnsembleClassifier: the top class and the scores of all.
type treeClassifier struct {
	forest *forest
	base   []float64
	post   post
	labels labels
	allPos bool // no weight is negative
	single bool // two classes, but all votes are for one of them: its score tells both
}

var treeEnsembleClassifierDef = &op.Def{Domain: domain, Name: "TreeEnsembleClassifier", New: func(a *op.Args) (op.Op, error) {
	o := &treeClassifier{post: newPost(a), allPos: true}
	var err error
	if o.labels, err = newLabels(a, "classlabels_int64s", "classlabels_strings"); err != nil {
		return nil, err
	}
	n := o.labels.len()
	if n < 1 {
		return nil, fmt.Errorf("attribute \"classlabels_int64s\" or \"classlabels_strings\" is required")
	}
	if o.forest, err = readForest(a, "class", n); err != nil {
		return nil, err
	}
	if o.base, err = floatAttr(a, "base_values"); err != nil {
		return nil, err
	}
	if k := len(o.base); k != 0 && k != n && !(k == 1 && n == 2) {
		return nil, fmt.Errorf("%d base values for %d classes", k, n)
	}
	seen := map[int]bool{}
	for _, k := range a.Ints("class_ids") {
		seen[k] = true
	}
	w, _ := floatAttr(a, "class_weights")
	for _, v := range w {
		o.allPos = o.allPos && v >= 0
	}
	o.single = n == 2 && len(seen) == 1
	return o, nil
}}

func (o *treeClassifier) Infer(c *op.Infer) error {
	n, err := inferRows(c)
	if err != nil {
		return err
	}
	c.Out(0, o.labels.dtype(), graph.Shape{n})
	c.Out(1, tensor.Float32, graph.Shape{n, graph.D(o.labels.len())})
	return nil
}

func (o *treeClassifier) Eval(e *op.Eval) error {
	r, n, err := o.forest.newRowReader(e.In(0))
	if err != nil {
		return err
	}
	k := o.labels.len()
	z, err := e.Out(1, tensor.Float32, n, k)
	if err != nil {
		return err
	}
	class, sc, out := make([]int, n), make([]score, k), make([]float64, k)
	for i := range n {
		if err := e.Tick(1 + len(o.forest.roots) + k); err != nil {
			return err
		}
		o.forest.scoreRow(sc, r, i, aggSum)
		switch {
		case k == 1:
			class[i] = o.one(sc, out)
		case k == 2:
			class[i] = o.two(sc, out, r.x64 == nil)
		default:
			class[i] = o.many(sc, out)
		}
		for j, v := range out {
			z.SetFloatAt(i*k+j, v)
		}
	}
	return o.labels.set(e, class)
}

func (o *treeClassifier) many(sc []score, out []float64) int {
	top := -1
	for j := range sc {
		if len(o.base) > 0 {
			sc[j] = score{sc[j].v + o.base[j], true}
		}
		if sc[j].has && (top < 0 || sc[j].v > sc[top].v) {
			top = j
		}
		out[j] = sc[j].v
	}
	o.post.apply(out)
	return max(top, 0)
}

func (o *treeClassifier) one(sc []score, out []float64) int {
	if len(o.base) > 0 {
		sc[0].v += o.base[0]
	}
	out[0] = sc[0].v
	o.post.apply(out)
	return 0
}

// two is the binary case, with the rules of ONNX Runtime: one score that
// stands for both classes becomes two by the sign of the weights.
func (o *treeClassifier) two(sc []score, out []float64, single32 bool) int {
	how := secondNone
	one := false // only one score is known
	switch len(o.base) {
	case 2:
		if sc[1].has {
			sc[1].v = o.base[1] + sc[0].v
			sc[0].v = -sc[1].v
		} else {
			sc[1].v += o.base[1]
			sc[0].v += o.base[0]
		}
	case 1:
		sc[0].v += o.base[0]
		one = !sc[1].has
	default:
		how = secondNegative
		one = !sc[1].has
	}
	for j := range sc { // a class without votes has no score, whatever its base value
		if !sc[j].has {
			sc[j].v = 0
		}
	}
	pos := sc[0].v
	if sc[1].has {
		pos = sc[1].v
	}
	if single32 {
		pos = float64(float32(pos))
	}
	class := 0
	if o.single && o.allPos {
		how = secondComplement
		if pos > 0.5 {
			class = 1
		}
	} else {
		if o.single {
			how = secondNegative
		}
		if pos > 0 {
			class = 1
		}
	}
	if !one {
		out[0], out[1] = sc[0].v, sc[1].v
		o.post.apply(out)
		return class
	}
	if how == secondNone {
		out[0], out[1] = sc[0].v, 0
		return class
	}
	out[0], out[1] = o.post.pair(sc[0].v, how)
	if o.post == postProbit { // the score is that of class 0
		out[0], out[1] = out[1], out[0]
	}
	return class
}
