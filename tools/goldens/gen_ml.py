"""The operators of ai.onnx.ml."""

import numpy as np

from common import ML, tensor_proto

F32, F64 = np.float32, np.float64
I32, I64 = np.int32, np.int64
POST = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]
MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def floats(g, n, scale=1.0):
    return [float(v) for v in g.normal(n, scale=scale)]


def labels(n, strings, ints="classlabels_ints"):
    return {"classlabels_strings": [f"c{i}" for i in range(n)]} if strings else {ints: [3 * i + 2 for i in range(n)]}


def case(g, op, inputs, attrs, opset=1, nout=1, tol=None):
    attrs = {k: tensor_proto(v, k) if isinstance(v, np.ndarray) else v for k, v in attrs.items()}
    if attrs.get("post_transform") in ("PROBIT", 4):
        tol = (2e-3, 2e-3)
    return g.case(op, inputs, attrs, nout=nout, domain=ML, opset=opset, tol=tol)


def make_linear(g):
    for post in POST:
        for n in (1, 2, 3):
            for strings in (0, 1):
                if n == 1 and post == "PROBIT":
                    continue  # ONNX Runtime leaves half of the scores unset
                f = int(g.rng.integers(1, 5))
                case(g, "LinearClassifier", [g.normal(4, f)], {"coefficients": floats(g, n * f), "intercepts": floats(g, n), "post_transform": post,
                     "multi_class": int(n > 2), **labels(max(n, 2), strings)}, nout=2)
        for n in (1, 3):
            case(g, "LinearRegressor", [g.normal(4, 3, scale=0.1)], {"coefficients": floats(g, 3 * n, 0.2), "intercepts": [0.4] * n if post == "PROBIT" else None,
                 "targets": n, "post_transform": post})
    for x in (g.i(-3, 3, 3, 2), g.normal(3, 2, dtype=F64), g.i(-3, 3, 3, 2, dtype=I32)):
        case(g, "LinearClassifier", [x], {"coefficients": floats(g, 2), "intercepts": floats(g, 1), "classlabels_ints": [5, 9]}, nout=2)


def make_vectors(g):
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        for post in POST[:4]:
            for n in (2, 3):
                for prob in (0, 1):
                    per = [int(v) for v in g.rng.integers(1, 4, size=n)]
                    total, pairs = sum(per), n * (n - 1) // 2
                    case(g, "SVMClassifier", [g.normal(4, 3)], {"kernel_type": kernel, "kernel_params": [0.5, 0.3, 2.0], "vectors_per_class": per,
                         "support_vectors": floats(g, total * 3), "coefficients": floats(g, (n - 1) * total), "rho": floats(g, pairs), "post_transform": post,
                         "prob_a": [-1.5] * pairs if prob else None, "prob_b": floats(g, pairs, 0.2) if prob else None, **labels(n, g.pick(0, 1))}, nout=2)
        for one in (0, 1):
            for post in ("NONE", "LOGISTIC"):
                case(g, "SVMRegressor", [g.normal(5, 3)], {"kernel_type": kernel, "kernel_params": [0.5, 0.3, 3.0], "n_supports": 4, "support_vectors": floats(g, 12),
                     "coefficients": floats(g, 4), "rho": floats(g, 1), "one_class": one, "post_transform": post})
    case(g, "SVMRegressor", [g.normal(5, 3)], {"coefficients": floats(g, 3), "rho": floats(g, 1), "kernel_params": [0.0, 0.0, 0.0]})


class Forest:
    """Random trees in the form of the older operators."""

    def __init__(self, g, trees, depth, features, modes, targets, integer, positive=False, single=None):
        self.g, self.nodes, self.votes = g, [], []
        for t in range(trees):
            self.tree, self.next = t, 0
            self.arg = (features, modes, targets, integer, positive, single)
            self.grow(depth)

    def grow(self, depth):
        features, modes, targets, integer, positive, single = self.arg
        rng, k = self.g.rng, self.next
        self.next += 1
        if depth == 0 or (k > 0 and rng.random() < 0.2):
            self.nodes.append((self.tree, k, 0, 0, 0, 0.0, "LEAF", 0))
            ids = [single] if single is not None else sorted(rng.choice(targets, size=int(rng.integers(1, targets + 1)), replace=False))
            for c in ids:
                w = float(F32(rng.normal()))
                self.votes.append((self.tree, k, int(c), abs(w) * 0.3 if positive else w))
            return k
        at = len(self.nodes)
        self.nodes.append(None)
        v = float(rng.integers(-2, 3)) if integer else float(F32(rng.normal()))
        f, m, miss = int(rng.integers(features)), modes[rng.integers(len(modes))], int(rng.integers(2))
        yes = self.grow(depth - 1)
        no = self.grow(depth - 1)
        self.nodes[at] = (self.tree, k, f, yes, no, v, m, miss)
        return k

    def attrs(self, prefix, double=False):
        c, v = list(zip(*self.nodes)), list(zip(*self.votes))
        d = {"nodes_treeids": c[0], "nodes_nodeids": c[1], "nodes_featureids": c[2], "nodes_truenodeids": c[3], "nodes_falsenodeids": c[4], "nodes_modes": c[6],
             "nodes_missing_value_tracks_true": c[7], prefix + "_treeids": v[0], prefix + "_nodeids": v[1], prefix + "_ids": v[2]}
        if double:
            d["nodes_values_as_tensor"], d[prefix + "_weights_as_tensor"] = np.array(c[5]), np.array(v[3])
        else:
            d["nodes_values"], d[prefix + "_weights"] = c[5], v[3]
        return {k: list(x) if isinstance(x, tuple) else x for k, x in d.items()}


def rows(g, integer, features):
    x = g.i(-2, 3, 6, features).astype(F32) if integer else g.normal(6, features)
    x[g.rng.random(x.shape) < 0.1] = np.nan
    return x


def make_trees(g):
    for opset in (1, 3):
        for agg in ("SUM", "AVERAGE", "MIN", "MAX"):
            for n in (1, 3):
                for post in POST if agg == "SUM" else POST[:1]:
                    integer = g.pick(True, False)
                    modes = MODES if g.pick(0, 1) else [g.pick(*MODES)]
                    t = Forest(g, 3, 3, 3, modes, n, integer, positive=post == "PROBIT")
                    base = g.pick(None, floats(g, n)) if post != "PROBIT" else None
                    case(g, "TreeEnsembleRegressor", [rows(g, integer, 3)], {"n_targets": n, "aggregate_function": agg, "post_transform": post, "base_values": base, **t.attrs("target")}, opset=opset)
        for post in POST:
            for n in (2, 3):
                for strings in (0, 1):
                    for single in (None,) if n > 2 else (None, 0, 1):
                        positive = g.pick(True, False)
                        # Two classes with other integers than 0 and 1: ONNX Runtime returns 0 or 1.
                        names = labels(n, strings, "classlabels_int64s") if single is not None or n > 2 or strings else {"classlabels_int64s": [0, 1]}
                        if post == "PROBIT" and n == 2:
                            continue  # with two classes ONNX Runtime leaves a score unset
                        positive = positive or post == "PROBIT"
                        t = Forest(g, 3, 3, 3, MODES[:1], n, False, positive, single)
                        base = g.pick(None, floats(g, n)) if post != "PROBIT" else None
                        case(g, "TreeEnsembleClassifier", [rows(g, False, 3)], {"post_transform": post, "base_values": base, **names, **t.attrs("class")}, opset=opset, nout=2)
    for dt in (I32, I64, F64):
        x = g.i(-2, 3, 5, 3).astype(dt)
        case(g, "TreeEnsembleRegressor", [x], {"n_targets": 2, **Forest(g, 2, 3, 3, MODES, 2, True).attrs("target")})
        case(g, "TreeEnsembleClassifier", [x], {"classlabels_int64s": [1, 2, 3], **Forest(g, 2, 3, 3, MODES, 3, True).attrs("class")}, opset=3, nout=2)
    for n in (1, 2):
        case(g, "TreeEnsembleRegressor", [g.normal(5, 3, dtype=F64)], {"n_targets": n, **Forest(g, 2, 3, 3, MODES[:4], n, False).attrs("target", True)}, opset=3)


def make_tree5(g):
    for dt in (F32, F64):
        for n in (1, 2):
            for agg in range(4):
                # 1 and 2 are left out: ONNX Runtime takes LOGISTIC for SOFTMAX and the reverse.
                for post in (0, 3, 4) if agg == 1 else (0,):
                    w = (np.abs(g.rng.normal(size=4)) * (0.2 if post == 4 else 1)).astype(dt)
                    case(g, "TreeEnsemble", [g.i(-2, 5, 6, 2).astype(dt)], {
                        "n_targets": n, "aggregate_function": agg, "post_transform": post, "tree_roots": [0, 1], "nodes_featureids": [0, 1, 0],
                        "nodes_splits": np.array([1, 0, 2], dt), "nodes_modes": np.array([*g.i(0, 6, 2), 6], np.uint8), "membership_values": np.array([0, 3, np.nan], dt),
                        "nodes_truenodeids": [2, 1, 0], "nodes_trueleafs": [0, 1, 1], "nodes_falsenodeids": [0, 2, 3], "nodes_falseleafs": [1, 1, 1],
                        "leaf_targetids": [int(v) for v in g.rng.integers(n, size=4)], "leaf_weights": w}, opset=5)


def make_features(g):
    nan = float("nan")
    for shape in ((3, 4), (1, 2), (0, 3)):
        for t in (F32, F64, I32, I64):
            n = shape[1]
            case(g, "Scaler", [g.any(t, *shape)], {"offset": floats(g, n), "scale": floats(g, n)})
            case(g, "Scaler", [g.any(t, *shape)], {"offset": [0.5], "scale": [2.0]})
            for norm in ("MAX", "L1", "L2"):
                case(g, "Normalizer", [g.any(t, *shape)], {"norm": norm})
            case(g, "Binarizer", [g.any(t, *shape)], {"threshold": g.pick(None, 0.5)})
        x = g.f(*shape)
        x[g.rng.random(shape) < 0.3] = nan
        case(g, "Imputer", [x], {"imputed_value_floats": floats(g, shape[1]), "replaced_value_float": nan})
        case(g, "Imputer", [x], {"imputed_value_floats": [7.0], "replaced_value_float": 2.0})
        case(g, "Imputer", [g.i(0, 4, *shape)], {"imputed_value_int64s": [7] * shape[1], "replaced_value_int64": 2})
        if shape[0]:  # no rows end ONNX Runtime's process
            case(g, "FeatureVectorizer", [x, g.f(shape[0], 2)], {"inputdimensions": [shape[1], 2]})
    for t in (F32, F64, I32, I64, object):
        case(g, "ArrayFeatureExtractor", [g.any(t, 3, 4), g.i(0, 4, 1, 3)], {})
        case(g, "ArrayFeatureExtractor", [g.any(t, 5), g.i(0, 5, 2)], {})
        case(g, "ArrayFeatureExtractor", [g.any(t, 2, 2, 3), g.i(0, 3, 1, 4)], {})
    for zeros in (0, 1):
        for x in (np.array([[1, 5], [9, 3]], I64), np.array([1, 3], I32), np.array([1.9, -0.5], F32), np.array([3, 9], F64)):
            case(g, "OneHotEncoder", [x], {"cats_int64s": [3, 1, 9], "zeros": zeros if zeros else 1})
        case(g, "OneHotEncoder", [np.array(["x", "z"], object)], {"cats_strings": ["z", "y"], "zeros": 1})
        case(g, "OneHotEncoder", [np.array([["y", "z"]], object)], {"cats_strings": ["z", "y"], "zeros": zeros})
    case(g, "CategoryMapper", [np.array([["x", "z"]], object)], {"cats_strings": ["z", "y"], "cats_int64s": [5, 6]})
    case(g, "CategoryMapper", [np.array([5, 7], I64)], {"cats_strings": ["z", "y"], "cats_int64s": [5, 6], "default_string": "none"})


def make_labels(g):
    case(g, "LabelEncoder", [np.array([5, 1, 0], I64)], {"classes_strings": ["z", "y"]})
    case(g, "LabelEncoder", [np.array(["y", "q"], object)], {"classes_strings": ["z", "y"], "default_int64": -9})
    kinds = {"floats": (np.array([1.5, np.nan, 4], F32), [1.5, float("nan"), 2.5]), "int64s": (np.array([3, 8], I64), [3, 4, 5]), "strings": (np.array(["a", "q"], object), ["a", "b", "c"])}
    more = {"floats": 9.0, "int64s": 9, "strings": "c"}
    for k, (x, keys) in kinds.items():
        for to, (_, values) in kinds.items():
            for opset in (2, 4):
                for default in (0, 1):
                    d = {"default_" + to.replace("floats", "float").replace("int64s", "int64").replace("strings", "string"): more[to]} if default else {}
                    case(g, "LabelEncoder", [x], {"keys_" + k: keys, "values_" + to: values[:2] + [more[to]], **d}, opset=opset)
    case(g, "LabelEncoder", [np.array([1.0, np.nan, 7])], {"keys_tensor": np.array([np.nan, 1]), "values_tensor": np.array([5.0, 6.0]), "default_tensor": np.array([0.5])}, opset=4)
    for n in (2, 3):
        for b in (1, 4):
            case(g, "ZipMap", [g.f(b, n)], {"classlabels_int64s": [3 * i for i in range(n)]})
            case(g, "ZipMap", [g.f(b, n)], {"classlabels_strings": [f"c{i}" for i in range(n)]})
    case(g, "ZipMap", [g.f(3)], {"classlabels_int64s": [1, 2, 3]})
