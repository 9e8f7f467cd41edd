package ml

import (
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Modes of a node, numbered as attribute nodes_modes of TreeEnsemble-5 does.
const (
	modeLE = iota
	modeLT
	modeGE
	modeGT
	modeEQ
	modeNE
	modeMember
	modeLeaf // of the older operators, which have leaves among the nodes
)

var modeNames = []string{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"}

func modeOf(name string) (uint8, error) {
	for i, n := range modeNames {
		if n == name && i != modeMember {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("node mode %q is not known", name)
}

// aggregate is how the leaves that a row reaches become one score a target.
type aggregate int

const (
	aggAverage aggregate = iota
	aggSum
	aggMin
	aggMax
)

var aggNames = []string{"AVERAGE", "SUM", "MIN", "MAX"}

// vote is what a leaf gives to a target.
type vote struct {
	target int
	weight float64
}

// forest is an ensemble of decision trees in flat arrays. A reference to a
// child is the index of a node, or ^k for leaf k. The arrays are checked when
// they are made: every reference exists and no path comes back to a node, so a
// walk ends. Nodes may be shared: LightGBM's converter writes sets of
// categories as chains of comparisons with one true branch.
type forest struct {
	feature []int32
	mode    []uint8
	split   []float64
	split32 []float32
	missing []bool      // whether NaN takes the true branch
	members [][]float64 // modeMember: the set
	yes, no []int32
	roots   []int32
	leaves  [][]vote
	targets int
	maxFeat int // largest feature index
}

// finish checks what is common to all forms and fills what derives from it.
func (t *forest) finish() error {
	n := len(t.feature)
	t.maxFeat = -1
	t.split32 = make([]float32, n)
	for i, f := range t.feature {
		if f < 0 {
			return fmt.Errorf("node %d has feature %d", i, f)
		}
		t.maxFeat = max(t.maxFeat, int(f))
		t.split32[i] = float32(t.split[i])
	}
	for k, l := range t.leaves {
		for _, v := range l {
			if v.target < 0 || v.target >= t.targets {
				return fmt.Errorf("leaf %d votes for target %d of %d", k, v.target, t.targets)
			}
		}
	}
	for i := range n {
		for _, r := range []int32{t.yes[i], t.no[i]} {
			if int(r) >= n || int(^r) >= len(t.leaves) {
				return fmt.Errorf("node %d refers to %d, there are %d nodes and %d leaves", i, r, n, len(t.leaves))
			}
		}
	}
	return t.acyclic()
}

// acyclic reports an error if a node can be reached from itself. It is a
// depth-first search with its own stack: trees can be deep.
func (t *forest) acyclic() error {
	const open, done = 1, 2
	state := make([]uint8, len(t.feature))
	var stack []int32
	for _, r := range t.roots {
		stack = append(stack, r)
		for len(stack) > 0 {
			k := stack[len(stack)-1]
			if k < 0 || state[k] == done {
				stack = stack[:len(stack)-1]
				continue
			}
			if state[k] == open {
				state[k] = done
				stack = stack[:len(stack)-1]
				continue
			}
			state[k] = open
			for _, c := range [2]int32{t.yes[k], t.no[k]} {
				if c >= 0 && state[c] == open {
					return fmt.Errorf("node %d is its own descendant", c)
				}
				stack = append(stack, c)
			}
		}
	}
	return nil
}

// leaf32 returns the leaf that x reaches from root r, comparing float32 with
// float32: on these values models were trained.
func (t *forest) leaf32(r int32, x []float32) []vote {
	for r >= 0 {
		v, s := x[t.feature[r]], t.split32[r]
		var ok bool
		switch t.mode[r] {
		case modeLE:
			ok = v <= s
		case modeLT:
			ok = v < s
		case modeGE:
			ok = v >= s
		case modeGT:
			ok = v > s
		case modeEQ:
			ok = v == s
		case modeNE:
			ok = v != s
		default:
			ok = isMember(t.members[r], float64(v), true)
		}
		if ok || v != v && t.missing[r] {
			r = t.yes[r]
		} else {
			r = t.no[r]
		}
	}
	return t.leaves[^r]
}

// leaf64 is leaf32 for inputs of type double.
func (t *forest) leaf64(r int32, x []float64) []vote {
	for r >= 0 {
		v, s := x[t.feature[r]], t.split[r]
		var ok bool
		switch t.mode[r] {
		case modeLE:
			ok = v <= s
		case modeLT:
			ok = v < s
		case modeGE:
			ok = v >= s
		case modeGT:
			ok = v > s
		case modeEQ:
			ok = v == s
		case modeNE:
			ok = v != s
		default:
			ok = isMember(t.members[r], v, false)
		}
		if ok || v != v && t.missing[r] {
			r = t.yes[r]
		} else {
			r = t.no[r]
		}
	}
	return t.leaves[^r]
}

func isMember(set []float64, v float64, single bool) bool {
	for _, m := range set {
		if v == m || single && v == float64(float32(m)) {
			return true
		}
	}
	return false
}

// score is the state of one target of one row.
type score struct {
	v   float64
	has bool // a leaf voted for it
}

// scoreRow adds up what the trees give row i of x to dst, one score a target.
// Sums are rounded to float32 after each tree unless x is double: thresholds
// such as 0.5 are then met exactly where ONNX Runtime meets them.
func (t *forest) scoreRow(dst []score, x rowReader, i int, agg aggregate) {
	clear(dst)
	x.read(i)
	for _, r := range t.roots {
		var l []vote
		if x.x64 != nil {
			l = t.leaf64(r, x.x64)
		} else {
			l = t.leaf32(r, x.x32)
		}
		for _, v := range l {
			d := &dst[v.target]
			w := v.weight
			if x.x64 == nil {
				w = float64(float32(w))
			}
			switch {
			case agg == aggMin && d.has:
				d.v = min(d.v, w)
			case agg == aggMax && d.has:
				d.v = max(d.v, w)
			case agg == aggMin || agg == aggMax:
				d.v = w
			case x.x64 == nil:
				d.v = float64(float32(d.v) + float32(w))
			default:
				d.v += w
			}
			d.has = true
		}
	}
}

// rowReader reads rows of a tensor as float32, or as float64 if it is double.
type rowReader struct {
	x   *tensor.Tensor
	x32 []float32
	x64 []float64
}

// newRowReader checks that x has the features that the forest asks for.
func (t *forest) newRowReader(x *tensor.Tensor) (r rowReader, n int, err error) {
	n, f, err := rowsOf(x)
	if err != nil {
		return r, 0, err
	}
	if f <= t.maxFeat {
		return r, 0, fmt.Errorf("input has %d features, the trees use feature %d", f, t.maxFeat)
	}
	r.x = x
	if x.DType() == tensor.Float64 {
		r.x64 = make([]float64, f)
	} else {
		r.x32 = make([]float32, f)
	}
	return r, n, nil
}

func (r *rowReader) read(i int) {
	if r.x64 != nil {
		row(r.x64, r.x, i)
		return
	}
	f := len(r.x32)
	if r.x.DType() == tensor.Float32 {
		copy(r.x32, tensor.Of[float32](r.x)[i*f:])
		return
	}
	for j := range r.x32 {
		if r.x.DType().IsInt() {
			r.x32[j] = float32(r.x.IntAt(i*f + j)) // one rounding, not two
		} else {
			r.x32[j] = float32(r.x.FloatAt(i*f + j))
		}
	}
}

// floatAttr returns the float list attribute name, or the double tensor that
// may stand for it since version 3.
func floatAttr(a *op.Args, name string) ([]float64, error) {
	f := a.Floats(name)
	l := make([]float64, len(f))
	for i, v := range f {
		l[i] = float64(v)
	}
	if a.Version < 3 {
		return l, nil
	}
	t := a.Tensor(name + "_as_tensor")
	if t == nil {
		return l, nil
	}
	if len(l) > 0 && t.Len() > 0 {
		return nil, fmt.Errorf("attributes %q and %q exclude each other", name, name+"_as_tensor")
	}
	if !t.DType().IsFloat() {
		return nil, fmt.Errorf("attribute %q is %v, must be double", name+"_as_tensor", t)
	}
	if t.Len() > 0 {
		return t.Floats(nil), nil
	}
	return l, nil
}

type nodeID struct{ tree, node int64 }

// readForest reads the nodes_* attributes of the classifier and the regressor,
// and the leaves' votes from attributes prefix_ids, _nodeids, _treeids, _weights.
func readForest(a *op.Args, prefix string, targets int) (*forest, error) {
	tree, node := a.Int64s("nodes_treeids"), a.Int64s("nodes_nodeids")
	yes, no := a.Int64s("nodes_truenodeids"), a.Int64s("nodes_falsenodeids")
	feature, modes, miss := a.Ints("nodes_featureids"), a.Strings("nodes_modes"), a.Int64s("nodes_missing_value_tracks_true")
	a.Ignore("nodes_hitrates", "nodes_hitrates_as_tensor")
	split, err := floatAttr(a, "nodes_values")
	if err != nil {
		return nil, err
	}
	n := len(tree)
	for _, l := range []struct {
		name string
		n    int
	}{{"nodeids", len(node)}, {"truenodeids", len(yes)}, {"falsenodeids", len(no)}, {"featureids", len(feature)}, {"modes", len(modes)}, {"values", len(split)}} {
		if l.n != n {
			return nil, fmt.Errorf("attribute \"nodes_%s\" has %d values, \"nodes_treeids\" %d", l.name, l.n, n)
		}
	}
	if len(miss) != 0 && len(miss) != n {
		return nil, fmt.Errorf("attribute \"nodes_missing_value_tracks_true\" has %d values, \"nodes_treeids\" %d", len(miss), n)
	}
	if int64(n) > math.MaxInt32 {
		return nil, fmt.Errorf("%d nodes are too many", n)
	}
	t := &forest{targets: targets}
	at, err := t.number(tree, node, modes)
	if err != nil {
		return nil, err
	}
	ref := func(tree, node int64) (int32, error) {
		r, ok := at[nodeID{tree, node}]
		if !ok {
			return 0, fmt.Errorf("tree %d has no node %d", tree, node)
		}
		return r, nil
	}
	for i := range n {
		r := at[nodeID{tree[i], node[i]}]
		if i == 0 || tree[i] != tree[i-1] {
			t.roots = append(t.roots, r)
		}
		if r < 0 {
			continue
		}
		if feature[i] < 0 || int64(feature[i]) > math.MaxInt32 {
			return nil, fmt.Errorf("node %d of tree %d has feature %d", node[i], tree[i], feature[i])
		}
		t.feature[r], t.split[r] = int32(feature[i]), split[i]
		t.missing[r] = len(miss) > 0 && miss[i] != 0
		if t.yes[r], err = ref(tree[i], yes[i]); err != nil {
			return nil, err
		}
		if t.no[r], err = ref(tree[i], no[i]); err != nil {
			return nil, err
		}
	}
	if err := t.readVotes(a, prefix, at); err != nil {
		return nil, err
	}
	return t, t.finish()
}

// number gives references to nodes and leaves and makes room for them.
func (t *forest) number(tree, node []int64, modes []string) (map[nodeID]int32, error) {
	at := make(map[nodeID]int32, len(tree))
	for i := range tree {
		id := nodeID{tree[i], node[i]}
		if _, ok := at[id]; ok {
			return nil, fmt.Errorf("tree %d has two nodes %d", id.tree, id.node)
		}
		m, err := modeOf(modes[i])
		if err != nil {
			return nil, err
		}
		if m == modeLeaf {
			at[id] = ^int32(len(t.leaves))
			t.leaves = append(t.leaves, nil)
			continue
		}
		at[id] = int32(len(t.mode))
		t.mode = append(t.mode, m)
	}
	t.alloc(len(t.mode))
	return at, nil
}

func (t *forest) alloc(n int) {
	t.feature, t.split, t.missing = make([]int32, n), make([]float64, n), make([]bool, n)
	t.yes, t.no, t.members = make([]int32, n), make([]int32, n), make([][]float64, n)
}

func (t *forest) readVotes(a *op.Args, prefix string, at map[nodeID]int32) error {
	target, node, tree := a.Ints(prefix+"_ids"), a.Int64s(prefix+"_nodeids"), a.Int64s(prefix+"_treeids")
	weight, err := floatAttr(a, prefix+"_weights")
	if err != nil {
		return err
	}
	if len(node) != len(target) || len(tree) != len(target) || len(weight) != len(target) {
		return fmt.Errorf("attributes %s_ids, _nodeids, _treeids, _weights have %d, %d, %d, %d values", prefix, len(target), len(node), len(tree), len(weight))
	}
	for i, k := range target {
		r, ok := at[nodeID{tree[i], node[i]}]
		if !ok {
			return fmt.Errorf("%s %d belongs to node %d of tree %d, which does not exist", prefix, i, node[i], tree[i])
		}
		if k < 0 || k >= t.targets {
			return fmt.Errorf("%s %d votes for %d of %d", prefix, i, k, t.targets)
		}
		if r < 0 { // weights of inner nodes have no effect
			t.leaves[^r] = append(t.leaves[^r], vote{k, weight[i]})
		}
	}
	return nil
}
