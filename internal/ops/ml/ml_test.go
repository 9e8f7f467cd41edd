package ml

import (
	"math"
	"testing"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/ops/optest"
	"github.com/walnut-ai/walnut/tensor"
)

type vals = []tensor.Value
type attrs = []graph.Attr

var nan = float32(math.NaN())

// stump is a tree of one comparison with feature 0, in the older form; more
// attributes replace those of the same name.
func stump(prefix string, more ...graph.Attr) attrs {
	base := attrs{
		optest.Ints("nodes_treeids", 0, 0, 0), optest.Ints("nodes_nodeids", 0, 1, 2), optest.Ints("nodes_featureids", 0, 0, 0),
		optest.Ints("nodes_truenodeids", 1, 0, 0), optest.Ints("nodes_falsenodeids", 2, 0, 0), optest.Floats("nodes_values", 0.5, 0, 0),
		optest.Strs("nodes_modes", "BRANCH_LEQ", "LEAF", "LEAF"),
		optest.Ints(prefix+"_treeids", 0, 0), optest.Ints(prefix+"_nodeids", 1, 2), optest.Ints(prefix+"_ids", 0, 0), optest.Floats(prefix+"_weights", 10, 20),
	}
	return with(base, more...)
}

func with(base attrs, more ...graph.Attr) attrs {
	out := append(attrs{}, more...)
	for _, a := range base {
		keep := true
		for _, m := range more {
			keep = keep && m.Name != a.Name
		}
		if keep {
			out = append(out, a)
		}
	}
	return out
}

func TestTreesOld(t *testing.T) {
	reg := func(name string, x *tensor.Tensor, want []float32, err string, more ...graph.Attr) optest.Case {
		c := optest.Case{Name: name, Domain: domain, Op: "TreeEnsembleRegressor", Opset: 3, Attrs: stump("target", more...), Inputs: vals{x}, Err: err}
		if err == "" {
			c.Want = vals{optest.T(want, len(want), 1)}
		}
		return c
	}
	x := optest.T([]float32{0.5, math.Nextafter32(0.5, 1), nan}, 3, 1)
	third := float32(1) / 3
	optest.Run(t, Table, []optest.Case{
		reg("split is met exactly", x, []float32{10, 20, 20}, ""),
		reg("missing goes the true way", x, []float32{10, 20, 10}, "", optest.Ints("nodes_missing_value_tracks_true", 1, 0, 0)),
		reg("not equal takes NaN", x, []float32{20, 10, 10}, "", optest.Strs("nodes_modes", "BRANCH_NEQ", "LEAF", "LEAF")),
		reg("float32 threshold", optest.T([]float32{third}, 1, 1), []float32{10}, "", optest.Floats("nodes_values", third, 0, 0)),
		reg("double input, double threshold", optest.T([]float64{0.1, float64(float32(0.1))}, 2, 1), []float32{10, 20}, "", optest.Floats("nodes_values"),
			optest.Tensor("nodes_values_as_tensor", optest.T([]float64{0.1, 0, 0}, 3))),
		reg("one row", optest.T([]int64{1, 0}, 2), []float32{20}, ""),
		reg("no rows", optest.T([]float32{}, 0, 1), []float32{}, ""),
		reg("base value", x, []float32{11, 21, 21}, "", optest.Floats("base_values", 1)),
		// LightGBM's converter: two comparisons share their true branch.
		reg("shared node", optest.T([]float32{1, 2, 3}, 3, 1), []float32{10, 10, 20}, "",
			optest.Ints("nodes_treeids", 0, 0, 0, 0), optest.Ints("nodes_nodeids", 0, 1, 2, 3), optest.Ints("nodes_featureids", 0, 0, 0, 0), optest.Floats("nodes_values", 1, 0, 0, 2),
			optest.Ints("nodes_truenodeids", 1, 0, 0, 1), optest.Ints("nodes_falsenodeids", 3, 0, 0, 2), optest.Strs("nodes_modes", "BRANCH_EQ", "LEAF", "LEAF", "BRANCH_EQ")),

		reg("cycle", x, nil, "own descendant", optest.Strs("nodes_modes", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF"), optest.Ints("nodes_falsenodeids", 2, 2, 0)),
		reg("self", x, nil, "own descendant", optest.Ints("nodes_truenodeids", 0, 0, 0)),
		reg("no child", x, nil, "no node 7", optest.Ints("nodes_truenodeids", 7, 0, 0)),
		reg("twice", x, nil, "two nodes 1", optest.Ints("nodes_nodeids", 0, 1, 1)),
		reg("lengths", x, nil, `"nodes_featureids" has 1 values`, optest.Ints("nodes_featureids", 0)),
		reg("mode", x, nil, "not known", optest.Strs("nodes_modes", "BRANCH", "LEAF", "LEAF")),
		reg("target", x, nil, "votes for 1 of 1", optest.Ints("target_ids", 0, 1)),
		reg("feature", x, nil, "use feature 1", optest.Ints("nodes_featureids", 1, 0, 0)),
		reg("negative feature", x, nil, "feature -1", optest.Ints("nodes_featureids", -1, 0, 0)),
		reg("base values", x, nil, "2 base values", optest.Floats("base_values", 1, 2)),
		reg("rank", optest.T([]float32{1}, 1, 1, 1), nil, "[rows, features]"),
		{Name: "no labels", Domain: domain, Op: "TreeEnsembleClassifier", Attrs: stump("class"), Inputs: vals{x}, Outputs: 2, Err: "classlabels"},
		{Name: "strings", Domain: domain, Op: "TreeEnsembleClassifier", Opset: 1, Attrs: stump("class", optest.Strs("classlabels_strings", "no", "yes"), optest.Floats("class_weights", 0.25, 0.75)),
			Inputs: vals{x}, Want: vals{optest.Strings([]string{"no", "yes", "yes"}, 3), optest.T([]float32{0.75, 0.25, 0.25, 0.75, 0.25, 0.75}, 3, 2)}},
	})
}

func TestTrees5(t *testing.T) {
	leaf := func(more ...graph.Attr) attrs {
		return with(attrs{optest.Ints("tree_roots", 0), optest.Ints("nodes_featureids", 0), optest.Ints("nodes_truenodeids", 0), optest.Ints("nodes_falsenodeids", 1),
			optest.Ints("nodes_trueleafs", 1), optest.Ints("nodes_falseleafs", 1), optest.Tensor("nodes_modes", optest.T([]uint8{0}, 1)),
			optest.Tensor("nodes_splits", optest.T([]float32{2}, 1)), optest.Ints("leaf_targetids", 0, 0), optest.Tensor("leaf_weights", optest.T([]float32{1, 3}, 2))}, more...)
	}
	x := optest.T([]float32{2, 3, nan}, 3, 1)
	run := func(name, err string, in *tensor.Tensor, want *tensor.Tensor, more ...graph.Attr) optest.Case {
		c := optest.Case{Name: name, Domain: domain, Op: "TreeEnsemble", Attrs: leaf(more...), Inputs: vals{in}, Err: err, Tol: 1e-6}
		if want != nil {
			c.Want = vals{want}
		}
		return c
	}
	two := attrs{optest.Int("n_targets", 2), optest.Ints("leaf_targetids", 0, 1), optest.Ints("tree_roots", 0, 0)}
	e := float32(math.Exp(-2))
	optest.Run(t, Table, []optest.Case{
		run("float", "", x, optest.T([]float32{1, 3, 3}, 3, 1)),
		run("float16", "", optest.As(tensor.Float16, x), optest.As(tensor.Float16, optest.T([]float32{1, 3, 3}, 3, 1)),
			optest.Tensor("nodes_splits", optest.As(tensor.Float16, optest.T([]float32{2}, 1))), optest.Tensor("leaf_weights", optest.As(tensor.Float16, optest.T([]float32{1, 3}, 2)))),
		run("members", "", x, optest.T([]float32{3, 1, 3}, 3, 1), optest.Tensor("nodes_modes", optest.T([]uint8{6}, 1)),
			optest.Tensor("membership_values", optest.T([]float32{3, 7, nan}, 3))),
		run("missing member", "", x, optest.T([]float32{3, 1, 1}, 3, 1), optest.Tensor("nodes_modes", optest.T([]uint8{6}, 1)),
			optest.Tensor("membership_values", optest.T([]float32{3, 7}, 2)), optest.Ints("nodes_missing_value_tracks_true", 1)),
		// The standard numbers SOFTMAX 1 and LOGISTIC 2.
		run("softmax", "", optest.T([]float32{2}, 1, 1), optest.T([]float32{1 / (1 + e), e / (1 + e)}, 1, 2), append(two, optest.Int("post_transform", 1))...),
		run("logistic", "", optest.T([]float32{2}, 1, 1), optest.T([]float32{1 / (1 + e), 0.5}, 1, 2), append(two, optest.Int("post_transform", 2))...),
		run("average", "", x, optest.T([]float32{1, 3, 3}, 3, 1), optest.Int("aggregate_function", 0), optest.Ints("tree_roots", 0, 0)),
		run("root", "refers to 5", x, nil, optest.Ints("tree_roots", 5)),
		run("child", "refers to 9", x, nil, optest.Ints("nodes_falsenodeids", 9)),
		run("cycle", "own descendant", x, nil, optest.Ints("nodes_falsenodeids", 0), optest.Ints("nodes_falseleafs", 0)),
		run("leaf target", "target 4 of 1", x, nil, optest.Ints("leaf_targetids", 0, 4)),
		run("mode", "mode 7", x, nil, optest.Tensor("nodes_modes", optest.T([]uint8{7}, 1))),
		run("no set", "membership_values", x, nil, optest.Tensor("nodes_modes", optest.T([]uint8{6}, 1))),
		run("post", "post_transform = 5", x, nil, optest.Int("post_transform", 5)),
	})
}

func TestModels(t *testing.T) {
	x := optest.T([]float32{1, 2}, 1, 2)
	svm := func(more ...graph.Attr) attrs {
		return with(attrs{optest.Ints("classlabels_ints", 0, 1), optest.Ints("vectors_per_class", 1, 1), optest.Floats("support_vectors", 1, 0, 0, 1), optest.Floats("coefficients", 1, -1),
			optest.Floats("rho", 0.5)}, more...)
	}
	optest.Run(t, Table, []optest.Case{
		{Name: "no intercepts", Domain: domain, Op: "LinearClassifier", Attrs: attrs{optest.Floats("coefficients", 1, 0, 0, 1), optest.Ints("classlabels_ints", 7, 8)},
			Inputs: vals{x}, Want: vals{optest.T([]int64{8}, 1), optest.T([]float32{1, 2}, 1, 2)}},
		{Name: "no rows", Domain: domain, Op: "LinearClassifier", Attrs: attrs{optest.Floats("coefficients", 1, 0, 0, 1), optest.Floats("intercepts", 1, 0), optest.Ints("classlabels_ints", 7, 8)},
			Inputs: vals{optest.T([]float32{}, 0, 2)}, Want: vals{optest.T([]int64{}, 0), optest.T([]float32{}, 0, 2)}},
		{Name: "features", Domain: domain, Op: "LinearClassifier", Attrs: attrs{optest.Floats("coefficients", 1, 0, 0), optest.Floats("intercepts", 1)}, Inputs: vals{x}, Outputs: 2, Err: "don't fit 2 features"},
		{Name: "few labels", Domain: domain, Op: "LinearClassifier", Attrs: attrs{optest.Floats("coefficients", 1, 0, 0, 1, 1, 1), optest.Floats("intercepts", 1, 0, 0)}, Inputs: vals{x}, Outputs: 2, Err: "labels for 3 scores"},
		{Name: "integers", Domain: domain, Op: "LinearRegressor", Attrs: attrs{optest.Floats("coefficients", 1, 10)}, Inputs: vals{optest.T([]int32{1, 2, 3, 4}, 2, 2)},
			Want: vals{optest.T([]float32{21, 43}, 2, 1)}},
		{Name: "targets", Domain: domain, Op: "LinearRegressor", Attrs: attrs{optest.Int("targets", 0), optest.Floats("coefficients", 1)}, Inputs: vals{x}, Err: "0 targets"},
		{Name: "one-class double", Domain: domain, Op: "SVMRegressor", Attrs: attrs{optest.Int("one_class", 1), optest.Floats("coefficients", 1, -1), optest.Floats("rho", 0)},
			Inputs: vals{optest.T([]float64{1, 2, 2, 1}, 2, 2)}, Want: vals{optest.T([]float32{-1, 1}, 2, 1)}},
		{Name: "SVM", Domain: domain, Op: "SVMClassifier", Attrs: svm(), Inputs: vals{x}, Want: vals{optest.T([]int64{1}, 1), optest.T([]float32{0.5, -0.5}, 1, 2)}},
		{Name: "SVM features", Domain: domain, Op: "SVMClassifier", Attrs: svm(), Inputs: vals{optest.T([]float32{1, 2, 3}, 1, 3)}, Outputs: 2, Err: "3 features, the model 2"},
		{Name: "SVM counts", Domain: domain, Op: "SVMClassifier", Attrs: svm(optest.Ints("vectors_per_class", 1<<30, 1<<30)), Inputs: vals{x}, Outputs: 2, Err: "does not fit"},
		{Name: "SVM rho", Domain: domain, Op: "SVMClassifier", Attrs: svm(optest.Ints("classlabels_ints", 0, 1, 2), optest.Ints("vectors_per_class", 1, 0, 0)), Inputs: vals{x}, Outputs: 2, Err: "1 rho"},
		{Name: "SVM kernel", Domain: domain, Op: "SVMClassifier", Attrs: svm(optest.Floats("kernel_params", 1)), Inputs: vals{x}, Outputs: 2, Err: "must have 3"},
	})
}

func TestFeatures(t *testing.T) {
	cube := optest.T([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)
	optest.Run(t, Table, []optest.Case{
		{Name: "extract", Domain: domain, Op: "ArrayFeatureExtractor", Inputs: vals{cube, optest.T([]int64{1}, 1)}, Want: vals{optest.T([]float32{2, 4, 6, 8}, 2, 2, 1)}},
		{Name: "extract big integers", Domain: domain, Op: "ArrayFeatureExtractor", Inputs: vals{optest.T([]int64{1, 1<<62 + 1}, 2), optest.T([]int64{1}, 1)}, Want: vals{optest.T([]int64{1<<62 + 1}, 1, 1)}},
		{Name: "extract range", Domain: domain, Op: "ArrayFeatureExtractor", Inputs: vals{cube, optest.T([]int64{-1}, 1)}, Err: "index 0 is -1"},
		{Name: "extract scalar", Domain: domain, Op: "ArrayFeatureExtractor", Inputs: vals{tensor.Scalar[float32](1), optest.T([]int64{0}, 1)}, Err: "scalar"},
		{Name: "binarize NaN", Domain: domain, Op: "Binarizer", Inputs: vals{optest.T([]float64{nanF(), 0, 1e-9}, 3)}, Want: vals{optest.T([]float64{0, 0, 1}, 3)}},
		{Name: "binarize integers", Domain: domain, Op: "Binarizer", Attrs: attrs{optest.Float("threshold", 1.5)}, Inputs: vals{optest.T([]int32{1, 2}, 2)}, Want: vals{optest.T([]int32{0, 1}, 2)}},
		{Name: "vectorize", Domain: domain, Op: "FeatureVectorizer", Attrs: attrs{optest.Ints("inputdimensions", 1, 3)}, Inputs: vals{optest.T([]int64{1, 2, 3, 4}, 2, 2), optest.T([]int64{5, 6}, 2, 1)},
			Want: vals{optest.T([]float32{1, 5, 0, 0, 3, 6, 0, 0}, 2, 4)}},
		{Name: "vectorize as they are", Domain: domain, Op: "FeatureVectorizer", Inputs: vals{optest.T([]float64{1, 2}, 2), optest.T([]float64{3}, 1)}, Want: vals{optest.T([]float32{1, 2, 3}, 1, 3)}},
		{Name: "vectorize rows", Domain: domain, Op: "FeatureVectorizer", Inputs: vals{optest.T([]float64{1, 2}, 2, 1), optest.T([]float64{3}, 1)}, Err: "input 1 has 1 rows"},
		{Name: "vectorize huge", Domain: domain, Op: "FeatureVectorizer", Attrs: attrs{optest.Ints("inputdimensions", 1<<31-1, 1)}, Inputs: vals{optest.T([]float64{1}, 1), optest.T([]float64{3}, 1)}, Err: "out of range"},
		{Name: "impute double", Domain: domain, Op: "Imputer", Attrs: attrs{optest.Floats("imputed_value_floats", 7, 8), optest.Float("replaced_value_float", nan)},
			Inputs: vals{optest.T([]float64{nanF(), 1, 2, nanF()}, 2, 2)}, Want: vals{optest.T([]float64{7, 1, 2, 8}, 2, 2)}},
		{Name: "impute int32", Domain: domain, Op: "Imputer", Attrs: attrs{optest.Ints("imputed_value_int64s", 9)}, Inputs: vals{optest.T([]int32{0, 1}, 2)}, Want: vals{optest.T([]int32{9, 1}, 2)}},
		{Name: "impute length", Domain: domain, Op: "Imputer", Attrs: attrs{optest.Floats("imputed_value_floats", 7, 8)}, Inputs: vals{optest.T([]float32{1, 2, 3}, 3)}, Err: "2 imputed values"},
		{Name: "impute nothing", Domain: domain, Op: "Imputer", Inputs: vals{optest.T([]float32{1}, 1)}, Err: "exactly one"},
		{Name: "normalize zero rows", Domain: domain, Op: "Normalizer", Attrs: attrs{optest.Str("norm", "L2")}, Inputs: vals{optest.T([]int32{0, 0, 3, 4}, 2, 2)}, Want: vals{optest.T([]float32{0, 0, .6, .8}, 2, 2)}},
		{Name: "normalize none", Domain: domain, Op: "Normalizer", Inputs: vals{optest.T([]float32{}, 2, 0)}, Want: vals{optest.T([]float32{}, 2, 0)}},
		{Name: "scale only", Domain: domain, Op: "Scaler", Attrs: attrs{optest.Floats("scale", 2)}, Inputs: vals{tensor.Scalar[int64](4)}, Want: vals{tensor.Scalar[float32](8)}},
		{Name: "scale length", Domain: domain, Op: "Scaler", Attrs: attrs{optest.Floats("scale", 2, 3)}, Inputs: vals{optest.T([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 8)}, Err: "must have 1 or 8"},
	})
}

func TestEncoders(t *testing.T) {
	str := func(s ...string) *tensor.Tensor { return optest.Strings(s, len(s)) }
	optest.Run(t, Table, []optest.Case{
		{Name: "repeated key", Domain: domain, Op: "LabelEncoder", Attrs: attrs{optest.Ints("keys_int64s", 1, 1), optest.Ints("values_int64s", 5, 6)}, Inputs: vals{optest.T([]int64{1, 2}, 2)}, Want: vals{optest.T([]int64{5, -1}, 2)}},
		{Name: "int16 tensors", Domain: domain, Op: "LabelEncoder", Attrs: attrs{optest.Tensor("keys_tensor", optest.T([]int16{1, 2}, 2)), optest.Tensor("values_tensor", str("a", "b"))},
			Inputs: vals{optest.T([]int16{2, 3}, 1, 2)}, Want: vals{optest.Strings([]string{"b", "_Unused"}, 1, 2)}},
		{Name: "key type", Domain: domain, Op: "LabelEncoder", Opset: 2, Attrs: attrs{optest.Strs("keys_strings", "a"), optest.Ints("values_int64s", 5)}, Inputs: vals{optest.T([]int64{1}, 1)}, Err: "the keys are string"},
		{Name: "lengths", Domain: domain, Op: "LabelEncoder", Opset: 2, Attrs: attrs{optest.Strs("keys_strings", "a", "b"), optest.Ints("values_int64s", 5)}, Inputs: vals{str("a")}, Err: "2 keys for 1 values"},
		{Name: "two lists", Domain: domain, Op: "LabelEncoder", Opset: 2, Attrs: attrs{optest.Strs("keys_strings", "a"), optest.Ints("keys_int64s", 1), optest.Ints("values_int64s", 5)}, Inputs: vals{str("a")}, Err: "must be 1"},
		{Name: "default type", Domain: domain, Op: "LabelEncoder", Attrs: attrs{optest.Strs("keys_strings", "a"), optest.Ints("values_int64s", 5), optest.Tensor("default_tensor", str("x"))}, Inputs: vals{str("a")}, Err: "default_tensor"},
		{Name: "empty", Domain: domain, Op: "LabelEncoder", Opset: 1, Attrs: attrs{optest.Strs("classes_strings", "a")}, Inputs: vals{optest.Strings(nil, 0, 2)}, Want: vals{optest.T([]int64{}, 0, 2)}},
		{Name: "categories", Domain: domain, Op: "CategoryMapper", Attrs: attrs{optest.Strs("cats_strings", "a", "b"), optest.Ints("cats_int64s", 3)}, Inputs: vals{str("a")}, Err: "1 integers for 2 strings"},
		{Name: "one-hot scalar", Domain: domain, Op: "OneHotEncoder", Attrs: attrs{optest.Ints("cats_int64s", 4, 5)}, Inputs: vals{tensor.Scalar[int32](5)}, Want: vals{optest.T([]float32{0, 1}, 2)}},
		{Name: "one-hot unknown", Domain: domain, Op: "OneHotEncoder", Attrs: attrs{optest.Ints("cats_int64s", 4), optest.Int("zeros", 0)}, Inputs: vals{optest.T([]int64{5}, 1)}, Err: "no category"},
		{Name: "one-hot type", Domain: domain, Op: "OneHotEncoder", Attrs: attrs{optest.Ints("cats_int64s", 4)}, Inputs: vals{str("x")}, Err: "input is string"},
	})
}

func TestMaps(t *testing.T) {
	ints := func(v tensor.Value, k ...int64) *tensor.Map { return &tensor.Map{Keys: optest.T(k, len(k)), Values: v} }
	m := ints(optest.T([]float32{1.5, -2}, 2), 3, 1)
	s := &tensor.Map{Keys: optest.Strings([]string{"a", "b"}, 2), Values: optest.T([]int64{1<<53 + 1, 7}, 2)}
	optest.Run(t, Table, []optest.Case{
		{Name: "dense", Domain: domain, Op: "CastMap", Inputs: vals{m}, Want: vals{optest.T([]float32{-2, 1.5}, 1, 2)}},
		{Name: "sparse", Domain: domain, Op: "CastMap", Attrs: attrs{optest.Str("map_form", "SPARSE"), optest.Int("max_map", 3), optest.Str("cast_to", "TO_INT64")}, Inputs: vals{m}, Want: vals{optest.T([]int64{0, -2, 0}, 1, 3)}},
		{Name: "strings", Domain: domain, Op: "CastMap", Attrs: attrs{optest.Str("cast_to", "TO_STRING")}, Inputs: vals{m}, Want: vals{optest.Strings([]string{"-2.000000", "1.500000"}, 1, 2)}},
		{Name: "from strings", Domain: domain, Op: "CastMap", Attrs: attrs{optest.Str("cast_to", "TO_INT64")}, Inputs: vals{ints(optest.Strings([]string{"12"}, 1), 0)}, Want: vals{optest.T([]int64{12}, 1, 1)}},
		{Name: "no number", Domain: domain, Op: "CastMap", Inputs: vals{ints(optest.Strings([]string{"x"}, 1), 0)}, Err: `"x" is no float`},
		{Name: "negative key", Domain: domain, Op: "CastMap", Attrs: attrs{optest.Str("map_form", "SPARSE")}, Inputs: vals{ints(optest.T([]float32{1}, 1), -1)}, Err: "key -1"},
		{Name: "huge", Domain: domain, Op: "CastMap", Attrs: attrs{optest.Str("map_form", "SPARSE"), optest.Int("max_map", 1<<31-1), optest.Str("cast_to", "TO_INT64")}, Inputs: vals{m}, Err: "budget"},
		{Name: "dictionary", Domain: domain, Op: "DictVectorizer", Attrs: attrs{optest.Strs("string_vocabulary", "b", "x", "a", "b")}, Inputs: vals{s}, Want: vals{optest.T([]int64{7, 0, 1<<53 + 1, 7}, 1, 4)}},
		{Name: "dictionary of strings", Domain: domain, Op: "DictVectorizer", Attrs: attrs{optest.Ints("int64_vocabulary", 2, 0)}, Inputs: vals{ints(optest.Strings([]string{"z"}, 1), 0)}, Want: vals{optest.Strings([]string{"", "z"}, 1, 2)}},
		{Name: "dictionary keys", Domain: domain, Op: "DictVectorizer", Attrs: attrs{optest.Ints("int64_vocabulary", 2)}, Inputs: vals{s}, Err: "the keys are string"},
		{Name: "zip columns", Domain: domain, Op: "ZipMap", Attrs: attrs{optest.Ints("classlabels_int64s", 1, 2)}, Inputs: vals{optest.T([]float32{1}, 1, 1)}, Err: "1 columns for 2 labels"},
		{Name: "zip nothing", Domain: domain, Op: "ZipMap", Inputs: vals{optest.T([]float32{1}, 1, 1)}, Err: "required"},
	})
}

func nanF() float64 { return math.NaN() }
