"""What the generators of goldens share: random values, models of one node,
ONNX Runtime, tolerances and the archive."""

import gzip
import io
import re
import tarfile
import zlib

import ml_dtypes
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

SEED = 20261124
MS = "com.microsoft"
ML = "ai.onnx.ml"

BF16 = np.dtype(ml_dtypes.bfloat16)
INT4, UINT4 = np.dtype(ml_dtypes.int4), np.dtype(ml_dtypes.uint4)
F8E4M3 = np.dtype(ml_dtypes.float8_e4m3fn)
F8E5M2 = np.dtype(ml_dtypes.float8_e5m2)

# ONNX Runtime's Python package takes and returns no arrays of these: inputs
# become initializers of the model that it runs, outputs go through a Cast to a
# type that holds every value.
EXOTIC = {
    TensorProto.BFLOAT16: TensorProto.FLOAT, TensorProto.FLOAT8E4M3FN: TensorProto.FLOAT,
    TensorProto.FLOAT8E4M3FNUZ: TensorProto.FLOAT, TensorProto.FLOAT8E5M2: TensorProto.FLOAT,
    TensorProto.FLOAT8E5M2FNUZ: TensorProto.FLOAT, TensorProto.INT4: TensorProto.INT8,
    TensorProto.UINT4: TensorProto.UINT8, TensorProto.INT2: TensorProto.INT8, TensorProto.UINT2: TensorProto.UINT8,
}

# Relative and absolute tolerance by the type of the outputs. ONNX Runtime adds
# up in the type itself, in another order.
TOLERANCE = {
    "float64": (1e-7, 1e-8), "float32": (1e-4, 1e-5), "float16": (4e-3, 2e-3), "bfloat16": (2e-2, 1e-2),
    "complex64": (1e-4, 1e-5), "complex128": (1e-7, 1e-8),
}


def elem(x):
    if x.dtype.kind in "OUS":
        return TensorProto.STRING
    return helper.np_dtype_to_tensor_dtype(x.dtype)


def tensor_proto(x, name=""):
    if x.dtype.kind in "OUS":
        return helper.make_tensor(name, TensorProto.STRING, x.shape, [str(s).encode() for s in x.reshape(-1)])
    return numpy_helper.from_array(np.ascontiguousarray(x).reshape(x.shape), name)


def value_type(x):
    """The TypeProto of a value: an array, a list (sequence) or a dict (map)."""
    if isinstance(x, dict):
        keys, values = map_arrays(x)
        return helper.make_map_type_proto(elem(keys), helper.make_tensor_type_proto(elem(values), []))
    if isinstance(x, list):
        item = x[0] if x else np.zeros(0, np.float32)
        if isinstance(item, np.ndarray):
            return helper.make_sequence_type_proto(helper.make_tensor_type_proto(elem(item), None))
        return helper.make_sequence_type_proto(value_type(item))
    return helper.make_tensor_type_proto(elem(x), x.shape)


def map_arrays(x):
    keys = list(x)
    keys = np.array(keys, object if isinstance(keys[0], str) else np.int64)
    values = list(x.values())
    kind = object if isinstance(values[0], str) else np.int64 if isinstance(values[0], int) else np.float32
    return keys, np.array(values, kind)


def value_bytes(x):
    if isinstance(x, list):
        seq = onnx.SequenceProto()
        if x and isinstance(x[0], dict):
            seq.elem_type = onnx.SequenceProto.MAP
            seq.map_values.extend(map_proto(m) for m in x)
        else:
            seq.elem_type = onnx.SequenceProto.TENSOR
            seq.tensor_values.extend(tensor_proto(t) for t in x)
        return seq.SerializeToString(deterministic=True)
    if isinstance(x, dict):
        return map_proto(x).SerializeToString(deterministic=True)
    return tensor_proto(x).SerializeToString(deterministic=True)


def map_proto(x):
    keys, values = map_arrays(x)
    m = onnx.MapProto()
    m.key_type = elem(keys)
    if m.key_type == TensorProto.STRING:
        m.string_keys.extend(str(k).encode() for k in keys)
    else:
        m.keys.extend(int(k) for k in keys)
    m.values.elem_type = onnx.SequenceProto.TENSOR
    m.values.tensor_values.extend(tensor_proto(np.asarray(v)) for v in values)
    return m


class Case:
    def __init__(self, name, op, domain, opset, model, inputs, outputs, tol, made):
        self.name, self.op, self.domain, self.opset, self.model = name, op, domain, opset, model
        self.inputs, self.outputs, self.tol, self.made = inputs, outputs, tol, made


class Goldens:
    """Collects cases. The generators call the random helpers and case()."""

    def __init__(self):
        self.cases, self.count, self.skipped = [], {}, []
        self.rng = None

    def reseed(self, name):
        """Every generator has its own sequence: one more shifts no other."""
        self.rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])

    # ---- random values -----------------------------------------------------

    def f(self, *shape, dtype=np.float32, lo=-2.0, hi=2.0):
        """Values with few bits, which keep the archive small."""
        x = self.rng.integers(int(lo * 64), int(hi * 64) + 1, shape) / 64
        return np.asarray(x).astype(dtype)

    def normal(self, *shape, dtype=np.float32, scale=1.0):
        return np.asarray(self.rng.normal(0, scale, shape)).astype(dtype)

    def i(self, lo, hi, *shape, dtype=np.int64):
        return np.asarray(self.rng.integers(lo, hi, shape)).astype(dtype)

    def b(self, *shape):
        return np.asarray(self.rng.integers(0, 2, shape)).astype(bool)

    def any(self, dtype, *shape, positive=False):
        """Values of any type that stay small."""
        d = np.dtype(dtype)
        if d == object:
            words = np.array(["", "a", "b", "Ab", "é", "zz", "the", "日本"], object)
            return np.asarray(words[self.rng.integers(0, len(words), shape)], object)
        if d.kind == "b":
            return self.b(*shape)
        if d.kind == "u" or d == UINT4:
            return self.i(1 if positive else 0, 12, *shape, dtype=np.int64).astype(d)
        if d.kind == "i" or d == INT4:
            return self.i(1 if positive else -7, 8, *shape, dtype=np.int64).astype(d)
        x = self.f(*shape, lo=0.25 if positive else -2.0)
        return x.astype(d)

    def pick(self, *values):
        return values[self.rng.integers(0, len(values))]

    # ---- cases -------------------------------------------------------------

    def case(self, op, inputs, attrs=None, nout=1, domain="", opset=None, tol=None, const=(), want=None, outs=None, types=None):
        """One node. None among the inputs is an absent one, const holds the
        places of those that are initializers, outs the places of the outputs
        that are there, want the outputs where NumPy makes them, types the
        types of outputs that ONNX Runtime cannot infer."""
        inputs = list(inputs)
        while inputs and inputs[-1] is None:
            inputs.pop()
        names = ["" if x is None else f"x{k}" for k, x in enumerate(inputs)]
        outs = range(nout) if outs is None else outs
        out_names = [f"y{k}" if k in outs else "" for k in range(max(outs) + 1)]
        attrs = {k: v for k, v in (attrs or {}).items() if v is not None and v != []}
        node = helper.make_node(op, names, out_names, domain=domain, **attrs)
        values = {n: x for n, x in zip(names, inputs) if n}
        return self.graph(op, [node], values, [n for n in out_names if n], domain, opset, tol,
                          [names[k] for k in const], want, types={f"y{k}": t for k, t in (types or {}).items()})

    def graph(self, op, nodes, values, outputs, domain="", opset=None, tol=None, const=(), want=None, functions=(), types=None):
        values = {n: x if isinstance(x, (list, dict)) else np.asarray(x) for n, x in values.items()}
        opset = opset or 21
        # The opset of the domain for ai.onnx.ml; com.microsoft has one.
        sets = [helper.make_opsetid("", opset if domain not in (ML,) else 21)]
        if domain == MS:
            sets.append(helper.make_opsetid(MS, 1))
        elif domain == ML:
            sets.append(helper.make_opsetid(ML, opset if opset <= 5 else 3))
        sets += [helper.make_opsetid(d, 1) for d in {f.domain for f in functions}]
        full = f"{domain}.{op}" if domain else op

        def build(fixed, out_infos, extra=()):
            g = helper.make_graph(
                [*nodes, *extra], "g",
                [helper.make_value_info(n, value_type(x)) for n, x in values.items() if n not in fixed],
                out_infos, [tensor_proto(values[n], n) for n in values if n in fixed])
            return helper.make_model(g, opset_imports=sets, ir_version=10 if opset < 23 else 11,
                                     functions=list(functions), producer_name="goldens")

        made = "numpy"
        try:
            if want is None:
                made = "onnxruntime"
                want = self.run(build, values, outputs, set(const), types or {})
        except Exception as e:  # noqa: BLE001: what ONNX Runtime refuses is left out
            text = reason(e)
            self.skipped.append((full, text))
            return None
        want = [x if isinstance(x, (list, dict)) else np.asarray(x) for x in want]
        infos = []
        for n, x in zip(outputs, want):
            t = value_type(x)
            if t.HasField("tensor_type"):
                t = helper.make_tensor_type_proto(t.tensor_type.elem_type, None)
            infos.append(helper.make_value_info(n, t))
        self.add(op, domain, opset, build(set(const), infos), [x for n, x in values.items() if n not in const], want, tol, made)
        return want

    def add(self, op, domain, opset, model, inputs, want, tol=None, made="onnxruntime"):
        """Keeps a case whose outputs are known."""
        full = f"{domain}.{op}" if domain else op
        k = self.count.get(full, 0)
        self.count[full] = k + 1
        self.cases.append(Case(f"{full}-{k}", full, domain, opset, model.SerializeToString(deterministic=True),
                               [value_bytes(x) for x in inputs], [value_bytes(x) for x in want], tol or tolerance(want), made))

    def run(self, build, values, outputs, const, types):
        fixed = set(const)
        for n, x in values.items():
            if not isinstance(x, (list, dict)) and elem(x) in EXOTIC:
                fixed.add(n)
        infos = [helper.make_tensor_value_info(n, types[n], None) if n in types else onnx.ValueInfoProto(name=n) for n in outputs]
        session = start(build(fixed, infos))
        # Widen the outputs that Python could not receive.
        extra, back, names = [], {}, []
        for o in session.get_outputs():
            kind = exotic_name(o.type)
            if kind is None:
                names.append(o.name)
                continue
            extra.append(helper.make_node("Cast", [o.name], [o.name + "_wide"], to=EXOTIC[kind]))
            names.append(o.name + "_wide")
            back[o.name + "_wide"] = helper.tensor_dtype_to_np_dtype(kind)
        if extra:
            session = start(build(fixed, [onnx.ValueInfoProto(name=n) for n in names], extra))
        got = session.run(names, {n: x for n, x in values.items() if n not in fixed})
        return [x.astype(back[n]) if n in back else x for n, x in zip(names, got)]


def start(model):
    o = ort.SessionOptions()
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    o.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), o, providers=["CPUExecutionProvider"])


def exotic_name(t):
    m = re.fullmatch(r"tensor\((\w+)\)", t)
    name = m.group(1).upper() if m else ""
    kind = TensorProto.DataType.Value(name) if name in TensorProto.DataType.keys() else None
    return kind if kind in EXOTIC else None


def tolerance(values):
    rel = absolute = 0.0
    for x in values:
        for y in x if isinstance(x, list) else [x]:
            if isinstance(y, dict):
                y = map_arrays(y)[1]
            r, a = TOLERANCE.get(str(y.dtype), (0.0, 0.0))
            rel, absolute = max(rel, r), max(absolute, a)
    return rel, absolute


def write_archive(cases, path):
    """A tar.gz that depends on nothing but its content."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        def add(name, data):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), 0o644, 0
            tar.addfile(info, io.BytesIO(data))
        for c in sorted(cases, key=lambda c: c.name):
            add(f"goldens/{c.name}/model.onnx", c.model)
            for k, x in enumerate(c.inputs):
                add(f"goldens/{c.name}/test_data_set_0/input_{k}.pb", x)
            for k, x in enumerate(c.outputs):
                add(f"goldens/{c.name}/test_data_set_0/output_{k}.pb", x)
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, 0) as z:
        z.write(raw.getvalue())


def write_index(cases, path):
    lines = [
        f"# seed {SEED}; made by tools/goldens/ops.py with onnx {onnx.__version__}, onnxruntime {ort.__version__},"
        f" numpy {np.__version__}, ml_dtypes {ml_dtypes.__version__}",
        "case\toperator\topset\trtol\tatol\tmade_by",
    ]
    for c in sorted(cases, key=lambda c: c.name):
        lines.append(f"{c.name}\t{c.op}\t{c.opset}\t{c.tol[0]:g}\t{c.tol[1]:g}\t{c.made}")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


def reason(e):
    """Why ONNX Runtime refused, without names and types of one case."""
    text = re.sub(r"\s+", " ", str(e))
    for pattern, short in ((r"Type '(tensor\(\w+\))'", r"type \1"), (r"(InsertedPrecisionFreeCast)", r"no float16 kernel"),
                           (r"(Could not find an implementation for \w+\(\d+\))", r"\1")):
        m = re.search(pattern, text)
        if m:
            return m.expand(short)
    return text[:160]
