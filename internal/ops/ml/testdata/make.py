"""Writes ort.json.gz: random nodes of ai.onnx.ml with what ONNX Runtime computes for them.

    python make.py OUT.json.gz [SEED [COUNT]]

Needs onnx, onnxruntime, numpy.
"""
import base64, gzip, json, sys
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T, helper as h, numpy_helper as nh

ort.set_default_logger_severity(4)
rng = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 4
ML = "ai.onnx.ml"
cases = []


def dump(x):
    if isinstance(x, list):  # sequence of maps
        return {"seq": [{"keys": list(m.keys()), "values": [float(v) for v in m.values()]} for m in x]}
    x = np.asarray(x)
    if x.dtype.kind in "OU":
        return {"dtype": "string", "shape": list(x.shape), "strings": [str(s) for s in x.ravel()]}
    name = {"float32": "float", "float64": "double"}.get(x.dtype.name, x.dtype.name)
    return {"dtype": name, "shape": list(x.shape), "data": base64.b64encode(np.ascontiguousarray(x).tobytes()).decode()}


def attr(name, v):
    if isinstance(v, np.ndarray):
        return {"name": name, "tensor": dump(v)}
    if isinstance(v, str):
        return {"name": name, "s": v}
    if isinstance(v, (bool, int, np.integer)):
        return {"name": name, "i": int(v)}
    if isinstance(v, (float, np.floating)):
        return {"name": name, "f": repr(float(np.float32(v)))}
    v = list(v)
    if v and isinstance(v[0], str):
        return {"name": name, "strings": v}
    if v and isinstance(v[0], (float, np.floating)):
        return {"name": name, "floats": [repr(float(np.float32(x))) for x in v]}
    return {"name": name, "ints": [int(x) for x in v]}


def case(op, x, opset=1, outs=1, tol=1e-5, out_types=None, **attrs):
    attrs = {k: v for k, v in attrs.items() if v is not None}
    args = {k: nh.from_array(v, k) if isinstance(v, np.ndarray) else v for k, v in attrs.items()}
    xs = [np.asarray(v) for v in x]
    node = h.make_node(op, [f"x{i}" for i in range(len(xs))], [f"y{i}" for i in range(outs)], domain=ML, **args)
    dt = [T.STRING if v.dtype.kind in "OU" else h.np_dtype_to_tensor_dtype(v.dtype) for v in xs]
    g = h.make_graph([node], "g", [h.make_tensor_value_info(f"x{i}", d, v.shape) for i, (d, v) in enumerate(zip(dt, xs))],
                     [h.make_empty_tensor_value_info(f"y{i}") for i in range(outs)])
    m = h.make_model(g, opset_imports=[h.make_opsetid(ML, opset), h.make_opsetid("", 17)], ir_version=10)
    c = {"op": op, "opset": opset, "attrs": [attr(k, v) for k, v in attrs.items()], "tol": 2e-3 if attrs.get("post_transform") in ("PROBIT", 4) else tol}
    c["inputs"] = [dump(v) for v in xs]
    try:
        s = ort.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"])
        y = s.run(None, {f"x{i}": v for i, v in enumerate(xs)})
        c["outputs"] = [dump(v) for v in y]
    except Exception as e:
        print("ORT refuses", op, {k: v for k, v in attrs.items() if not isinstance(v, (list, np.ndarray))}, dt, str(e)[:150], file=sys.stderr)
        return
    cases.append(c)


def fl(*shape):
    return rng.normal(size=shape).astype(np.float32)


def flist(n, scale=1.0):
    return [float(v) for v in np.float32(rng.normal(size=n) * scale)]


POST = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"]


def classes(n, strings):
    return {"s": [f"c{i}" for i in range(n)]} if strings else {"i": [int(3 * i + 2) for i in range(n)]}


def linear():
    for post in POST:
        for n in (1, 2, 3):
            for strings in (0, 1):
                f = int(rng.integers(1, 5))
                l = classes(max(n, 2), strings)
                if n == 1 and post == "PROBIT":
                    continue  # ONNX Runtime leaves half the scores unset
                case("LinearClassifier", [fl(4, f)], outs=2, coefficients=flist(n * f), intercepts=flist(n), post_transform=post,
                     classlabels_ints=l.get("i"), classlabels_strings=l.get("s"), multi_class=int(n > 2))
        for n in (1, 3):
            case("LinearRegressor", [fl(4, 3) * np.float32(.1)], coefficients=flist(3 * n, .2), intercepts=[.4] * n if post == "PROBIT" else None, targets=n, post_transform=post)
    case("LinearClassifier", [rng.integers(-3, 3, size=(3, 2)).astype(np.int64)], outs=2, coefficients=flist(2), intercepts=flist(1))
    case("LinearClassifier", [rng.normal(size=(3, 2))], outs=2, coefficients=flist(2), intercepts=flist(1), classlabels_ints=[5, 9])
    case("LinearClassifier", [fl(3)], outs=2, coefficients=flist(9), intercepts=flist(3), classlabels_ints=[5, 9, 1])


def svm():
    for kern in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        for post in POST:
            for n in (2, 3, 4):
                for prob in (0, 1):
                    if post == "PROBIT":
                        continue  # probabilities near 0 and 1: float32 decides
                    per = [int(v) for v in rng.integers(1, 4, size=n)]
                    t, f, pairs = sum(per), 3, n * (n - 1) // 2
                    l = classes(n, rng.integers(2))
                    case("SVMClassifier", [fl(4, f)], outs=2, tol=1e-4, kernel_type=kern, kernel_params=[.5, .3, 2.0], vectors_per_class=per,
                         support_vectors=flist(t * f), coefficients=flist((n - 1) * t), rho=flist(pairs), post_transform=post,
                         prob_a=[-1.5] * pairs if prob else None, prob_b=flist(pairs, .2) if prob else None,
                         classlabels_ints=l.get("i"), classlabels_strings=l.get("s"))
        for one in (0, 1):
            for post in ("NONE", "LOGISTIC"):
                case("SVMRegressor", [fl(5, 3)], tol=1e-4, kernel_type=kern, kernel_params=[.5, .3, 3.0], n_supports=4, support_vectors=flist(12),
                     coefficients=flist(4), rho=flist(1), one_class=one, post_transform=post)
    for post in ("NONE", "LOGISTIC", "SOFTMAX"):
        for n in (2, 3):
            for pos in (0, 1):
                w = flist(n * 3)
                case("SVMClassifier", [fl(5, 3)], outs=2, kernel_type="LINEAR", coefficients=[abs(v) for v in w] if pos else w, rho=flist(1),
                     kernel_params=[0.0, 0.0, 0.0], classlabels_ints=list(range(10, 10 + n)), post_transform=post)
    case("SVMRegressor", [fl(5, 3)], coefficients=flist(3), rho=flist(1), kernel_params=[0.0, 0.0, 0.0])


class Tree:
    """Random trees in the form of the older operators."""

    def __init__(self, trees, depth, features, modes, targets, integer, positive=False, onehot=None):
        self.nodes, self.votes = [], []
        for t in range(trees):
            self.t, self.next = t, 0
            self.arg = (features, modes, targets, integer, positive, onehot)
            self.grow(depth)

    def grow(self, depth):
        features, modes, targets, integer, positive, onehot = self.arg
        k = self.next
        self.next += 1
        if depth == 0 or (k > 0 and rng.random() < .2):
            self.nodes.append((self.t, k, 0, 0, 0, 0.0, "LEAF", 0))
            ids = [onehot] if onehot is not None else sorted(rng.choice(targets, size=int(rng.integers(1, targets + 1)), replace=False))
            for c in ids:
                w = float(np.float32(rng.normal()))
                self.votes.append((self.t, k, int(c), abs(w) * .3 if positive else w))
            return k
        at = len(self.nodes)
        self.nodes.append(None)
        v = float(rng.integers(-2, 3)) if integer else float(np.float32(rng.normal()))
        f, m, miss = int(rng.integers(features)), str(rng.choice(modes)), int(rng.integers(2))
        yes = self.grow(depth - 1)
        no = self.grow(depth - 1)
        self.nodes[at] = (self.t, k, f, yes, no, v, m, miss)
        return k

    def attrs(self, prefix, double=False):
        c = list(zip(*self.nodes))
        v = list(zip(*self.votes))
        d = dict(nodes_treeids=c[0], nodes_nodeids=c[1], nodes_featureids=c[2], nodes_truenodeids=c[3], nodes_falsenodeids=c[4],
                 nodes_modes=c[6], nodes_missing_value_tracks_true=c[7])
        d[prefix + "_treeids"], d[prefix + "_nodeids"], d[prefix + "_ids"] = v[0], v[1], v[2]
        if double:
            d["nodes_values_as_tensor"], d[prefix + "_weights_as_tensor"] = np.array(c[5]), np.array(v[3])
        else:
            d["nodes_values"], d[prefix + "_weights"] = c[5], v[3]
        return {k: list(x) if isinstance(x, tuple) else x for k, x in d.items()}


def data(integer, features):
    x = rng.integers(-2, 3, size=(6, features)).astype(np.float32) if integer else fl(6, features)
    x[rng.random(x.shape) < .1] = np.nan
    return x


ALL = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def trees():
    for opset in (1, 3):
        for agg in ("SUM", "AVERAGE", "MIN", "MAX"):
            for n in (1, 3):
                for post in POST if agg == "SUM" else POST[:1]:
                    integer = bool(rng.integers(2))
                    modes = ALL if rng.integers(2) else [str(rng.choice(ALL))]
                    t = Tree(3, 3, 3, modes, n, integer, positive=post == "PROBIT")
                    base = [None, flist(n)][int(rng.integers(2))] if post != "PROBIT" else None
                    case("TreeEnsembleRegressor", [data(integer, 3)], opset=opset, n_targets=n, aggregate_function=agg, post_transform=post, base_values=base, **t.attrs("target"))
        for post in POST:
            for n in (2, 3):
                for strings in (0, 1):
                    for one in ((None,) if n > 2 else (None, 0, 1)):
                        for pos in (False, True):
                            if post == "PROBIT" and (not pos or n == 2):
                                continue  # with two classes ONNX Runtime leaves a score unset
                            l = classes(n, strings) if one is not None or n > 2 or strings else {"i": [0, 1]}
                            t = Tree(3, 3, 3, ALL[:1], n, False, pos, one)
                            b = int(rng.integers(3)) if post != "PROBIT" else 0
                            base = [None, flist(n), flist(1) if n == 2 and one is not None else None][b]
                            case("TreeEnsembleClassifier", [data(False, 3)], opset=opset, outs=2, post_transform=post, base_values=base,
                                 classlabels_int64s=l.get("i"), classlabels_strings=l.get("s"), **t.attrs("class"))
    for dt in (np.int32, np.int64, np.float64):
        x = rng.integers(-2, 3, size=(5, 3)).astype(dt)
        case("TreeEnsembleRegressor", [x], opset=1, n_targets=2, **Tree(2, 3, 3, ALL, 2, True).attrs("target"))
        case("TreeEnsembleClassifier", [x], opset=3, outs=2, classlabels_int64s=[1, 2, 3], **Tree(2, 3, 3, ALL, 3, True).attrs("class"))
    for n in (1, 2):
        case("TreeEnsembleRegressor", [rng.normal(size=(5, 3))], opset=3, n_targets=n, **Tree(2, 3, 3, ALL[:4], n, False).attrs("target", True))
    x = np.full((2, 1), .5, np.float32)
    for w in (.1, .05):  # ten trees whose votes add up to the threshold
        k = int(round(.5 / w))
        d = dict(nodes_treeids=list(range(k)), nodes_nodeids=[0] * k, nodes_featureids=[0] * k, nodes_truenodeids=[0] * k, nodes_falsenodeids=[0] * k,
                 nodes_modes=["LEAF"] * k, nodes_values=[0.0] * k, class_treeids=list(range(k)), class_nodeids=[0] * k, class_ids=[0] * k, class_weights=[w] * k)
        case("TreeEnsembleClassifier", [x], outs=2, classlabels_int64s=[0, 1], **d)


def trees5():
    for dt in (np.float32, np.float64):
        for n in (1, 2):
            for agg in range(4):
                # 1 and 2 are left out: ONNX Runtime takes LOGISTIC for SOFTMAX and the reverse
                for post in (0, 3, 4) if agg == 1 else (0,):
                    x = rng.integers(-2, 5, size=(6, 2)).astype(dt)
                    w = np.abs(rng.normal(size=4)).astype(dt) * dt(.2 if post == 4 else 1)
                    case("TreeEnsemble", [x], opset=5, n_targets=n, aggregate_function=agg, post_transform=post, tree_roots=[0, 1],
                         nodes_featureids=[0, 1, 0], nodes_splits=np.array([1, 0, 2], dt), nodes_modes=np.array([int(rng.integers(6)), int(rng.integers(6)), 6], np.uint8),
                         membership_values=np.array([0, 3, np.nan], dt), nodes_truenodeids=[2, 1, 0], nodes_trueleafs=[0, 1, 1],
                         nodes_falsenodeids=[0, 2, 3], nodes_falseleafs=[1, 1, 1], leaf_targetids=[int(v) for v in rng.integers(n, size=4)], leaf_weights=w)


def small():
    x = np.array([[1, 2, np.nan], [0, -2, 3]], np.float32)
    case("Binarizer", [x[1:]], threshold=.5)
    for norm in ("MAX", "L1", "L2"):
        case("Normalizer", [np.array([[1, -2, 3], [0, 0, 0], [-1, -2, -4]], np.float32)], norm=norm)
        case("Normalizer", [np.array([[1, -2, 3], [-1, -2, -4]], np.int64)], norm=norm)
        case("Normalizer", [np.array([1, -2, 3], np.float64)], norm=norm)
    for dt in (np.float32, np.float64, np.int32, np.int64):
        case("Scaler", [np.array([[1, 2, 3], [4, 5, 6]], dt)], offset=[.5, 1.0, 2.0], scale=[2.0, .25, 3.0])
    case("Scaler", [x[:1, :2]], offset=[.5], scale=[2.0])
    case("Imputer", [x], imputed_value_floats=[7.0, 8.0, 9.0], replaced_value_float=float("nan"))
    case("Imputer", [x], imputed_value_floats=[7.0], replaced_value_float=2.0)
    case("Imputer", [np.array([[1, 2], [2, 3]], np.int64)], imputed_value_int64s=[7, 8], replaced_value_int64=2)
    case("FeatureVectorizer", [x, fl(2, 2)], inputdimensions=[2, 3])
    case("ArrayFeatureExtractor", [x, np.array([[2, 0, 0]])])
    case("ArrayFeatureExtractor", [np.array(["a", "b"], object), np.array([1, 1])])
    case("OneHotEncoder", [np.array([[1, 5], [9, 3]], np.int64)], cats_int64s=[3, 1, 9])
    case("OneHotEncoder", [np.array([1.9, -.5], np.float32)], cats_int64s=[0, 1])
    case("OneHotEncoder", [np.array(["x", "z"], object)], cats_strings=["z", "y"])
    case("CategoryMapper", [np.array([["x", "z"]], object)], cats_strings=["z", "y"], cats_int64s=[5, 6])
    case("CategoryMapper", [np.array([5, 7])], cats_strings=["z", "y"], cats_int64s=[5, 6], default_string="none")
    case("LabelEncoder", [np.array([5, 1])], classes_strings=["z", "y"])
    case("LabelEncoder", [np.array(["y", "q"], object)], classes_strings=["z", "y"])
    kinds = {"floats": (np.array([1.5, np.nan, 4], np.float32), [1.5, float("nan"), 2.5]), "int64s": (np.array([3, 8]), [3, 4, 3]), "strings": (np.array(["a", "q"], object), ["a", "b", "a"])}
    for k, (v, keys) in kinds.items():
        for to, (_, vals) in kinds.items():
            if k == "floats" and to == "floats" or k == "int64s" and to == "int64s":
                pass
            for opset in (2, 4):
                case("LabelEncoder", [v], opset=opset, **{"keys_" + k: keys, "values_" + to: vals[:2] + [{"floats": 9.0, "int64s": 9, "strings": "c"}[to]]})
    case("LabelEncoder", [np.array([1., np.nan, 7])], opset=4, keys_tensor=np.array([np.nan, 1]), values_tensor=np.array([5., 6.]), default_tensor=np.array([.5]))
    case("ZipMap", [fl(2, 3)], classlabels_int64s=[4, 2, 8])
    case("ZipMap", [fl(2)], classlabels_strings=["b", "a"])


for f in (linear, svm, trees, trees5):
    for _ in range(COUNT):
        f()
small()
with gzip.GzipFile(sys.argv[1], "wb", mtime=0) as f:
    f.write(("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n").encode())
print(len(cases), "cases", file=sys.stderr)
