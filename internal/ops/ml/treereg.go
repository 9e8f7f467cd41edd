package ml

import (
	"fmt"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// treeRegressor is TreeEnsembleRegressor and TreeEnsemble: scores [N, targets].
type treeRegressor struct {
	forest *forest
	agg    aggregate
	base   []float64 // none, or one a target
	post   post
	like   bool // TreeEnsemble: the output has the input's type
}

var treeEnsembleRegressorDef = &op.Def{Domain: domain, Name: "TreeEnsembleRegressor", New: func(a *op.Args) (op.Op, error) {
	o := &treeRegressor{post: newPost(a)}
	s := a.OneOf("aggregate_function", "SUM", aggNames...)
	for i, n := range aggNames {
		if n == s {
			o.agg = aggregate(i)
		}
	}
	n := a.Int("n_targets", 1)
	if n < 1 {
		return nil, fmt.Errorf("attribute \"n_targets\" = %d", n)
	}
	var err error
	if o.forest, err = readForest(a, "target", n); err != nil {
		return nil, err
	}
	if o.base, err = floatAttr(a, "base_values"); err != nil {
		return nil, err
	}
	if k := len(o.base); k != 0 && k != n {
		return nil, fmt.Errorf("%d base values for %d targets", k, n)
	}
	return o, nil
}}

func (o *treeRegressor) Infer(c *op.Infer) error {
	n, err := inferRows(c)
	if err != nil {
		return err
	}
	dt := tensor.Float32
	if o.like {
		dt = c.Type(0)
	}
	c.Out(0, dt, graph.Shape{n, graph.D(o.forest.targets)})
	return nil
}

func (o *treeRegressor) Eval(e *op.Eval) error {
	x := e.In(0)
	r, n, err := o.forest.newRowReader(x)
	if err != nil {
		return err
	}
	dt, k := tensor.Float32, o.forest.targets
	if o.like {
		dt = x.DType()
	}
	y, err := e.Out(0, dt, n, k)
	if err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	if _, err := e.Temp(tensor.Float64, 3, k); err != nil { // n_targets is just a number in the file
		return err
	}
	sc, out := make([]score, k), make([]float64, k)
	for i := range n {
		if err := e.Tick(1 + len(o.forest.roots) + k); err != nil {
			return err
		}
		o.forest.scoreRow(sc, r, i, o.agg)
		for j, s := range sc {
			if o.agg == aggAverage {
				s.v /= float64(len(o.forest.roots))
			}
			if len(o.base) > 0 {
				s.v += o.base[j]
			}
			if k > 1 && !s.has {
				s.v = 0 // no leaf voted: not even the base value counts in ONNX Runtime
			}
			out[j] = s.v
		}
		o.post.apply(out)
		for j, v := range out {
			y.SetFloatAt(i*k+j, v)
		}
	}
	return nil
}

var treeEnsembleDef = &op.Def{Domain: domain, Name: "TreeEnsemble", New: func(a *op.Args) (op.Op, error) {
	o := &treeRegressor{like: true}
	p, g := a.Int("post_transform", 0), a.Int("aggregate_function", 1)
	if p < 0 || p >= len(postNames) || g < 0 || g >= len(aggNames) {
		return nil, fmt.Errorf("post_transform = %d, aggregate_function = %d are not known", p, g)
	}
	o.post, o.agg = post(p), aggregate(g)
	var err error
	o.forest, err = readForest5(a)
	return o, err
}}

// readForest5 reads the attributes of TreeEnsemble: inner nodes and leaves are
// numbered apart, roots are given.
func readForest5(a *op.Args) (*forest, error) {
	yes, no := a.Ints("nodes_truenodeids"), a.Ints("nodes_falsenodeids")
	yesLeaf, noLeaf := a.Ints("nodes_trueleafs"), a.Ints("nodes_falseleafs")
	feature, miss, roots := a.Ints("nodes_featureids"), a.Ints("nodes_missing_value_tracks_true"), a.Ints("tree_roots")
	modes, splits := a.Tensor("nodes_modes"), a.Tensor("nodes_splits")
	a.Ignore("nodes_hitrates")
	n := len(feature)
	t := &forest{targets: a.Int("n_targets", 1)}
	switch {
	case t.targets < 1:
		return nil, fmt.Errorf("attribute \"n_targets\" = %d", t.targets)
	case len(yes) != n || len(no) != n || len(yesLeaf) != n || len(noLeaf) != n || len(miss) != 0 && len(miss) != n:
		return nil, fmt.Errorf("attributes nodes_* differ in length: featureids %d, truenodeids %d, falsenodeids %d, trueleafs %d, falseleafs %d, missing_value_tracks_true %d",
			n, len(yes), len(no), len(yesLeaf), len(noLeaf), len(miss))
	case modes == nil || splits == nil || modes.Len() != n || splits.Len() != n || !modes.DType().IsInt() || !splits.DType().IsFloat():
		return nil, fmt.Errorf("attributes nodes_modes and nodes_splits are %v and %v, must hold %d values", modes, splits, n)
	case int64(n) > 1<<31-1:
		return nil, fmt.Errorf("%d nodes are too many", n)
	}
	if err := t.readLeaves5(a); err != nil {
		return nil, err
	}
	t.mode = make([]uint8, n)
	t.alloc(n)
	ref := func(k, leaf int) (int32, error) {
		if leaf != 0 && k >= 0 && k < len(t.leaves) {
			return ^int32(k), nil
		}
		if leaf == 0 && k >= 0 && k < n {
			return int32(k), nil
		}
		return 0, fmt.Errorf("a node refers to %d (leaf: %d), there are %d nodes and %d leaves", k, leaf, n, len(t.leaves))
	}
	for i := range n {
		m := modes.IntAt(i)
		if m < 0 || m > modeMember || feature[i] < 0 || int64(feature[i]) > 1<<31-1 {
			return nil, fmt.Errorf("node %d has mode %d and feature %d", i, m, feature[i])
		}
		t.mode[i], t.feature[i], t.split[i] = uint8(m), int32(feature[i]), splits.FloatAt(i)
		t.missing[i] = len(miss) > 0 && miss[i] != 0
		var err error
		if t.yes[i], err = ref(yes[i], yesLeaf[i]); err != nil {
			return nil, err
		}
		if t.no[i], err = ref(no[i], noLeaf[i]); err != nil {
			return nil, err
		}
	}
	for _, r := range roots {
		k, err := ref(r, 0)
		if err != nil {
			return nil, err
		}
		t.roots = append(t.roots, k)
	}
	if err := t.readMembers(a.Tensor("membership_values")); err != nil {
		return nil, err
	}
	return t, t.finish()
}

func (t *forest) readLeaves5(a *op.Args) error {
	target, weight := a.Ints("leaf_targetids"), a.Tensor("leaf_weights")
	if weight == nil || weight.Len() != len(target) || !weight.DType().IsFloat() || int64(len(target)) > 1<<31-1 {
		return fmt.Errorf("attribute \"leaf_weights\" is %v for %d leaf_targetids", weight, len(target))
	}
	t.leaves = make([][]vote, len(target))
	for i, k := range target {
		t.leaves[i] = []vote{{k, weight.FloatAt(i)}}
	}
	return nil
}

// readMembers deals out the sets of membership_values, each ended by a NaN, to
// the nodes of mode BRANCH_MEMBER in their order.
func (t *forest) readMembers(v *tensor.Tensor) error {
	var vals []float64
	if v != nil {
		if !v.DType().IsFloat() {
			return fmt.Errorf("attribute \"membership_values\" is %v", v)
		}
		vals = v.Floats(nil)
	}
	for i, m := range t.mode {
		if m != modeMember {
			continue
		}
		k := 0
		for k < len(vals) && vals[k] == vals[k] {
			k++
		}
		if k == 0 && len(vals) == 0 {
			return fmt.Errorf("attribute \"membership_values\" has no set for node %d", i)
		}
		t.members[i] = vals[:k]
		vals = vals[min(k+1, len(vals)):]
	}
	return nil
}
