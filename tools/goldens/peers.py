"""Runs ONNX Runtime and onnx's reference evaluator over ONNX's backend cases.

    python tools/goldens/peers.py FOLDER [OUT.tsv]

FOLDER holds archives (CATEGORY.tar.gz) in the layout that
internal/conformance reads: CATEGORY/CASE/model.onnx with test_data_set_K
folders beside it, node-legacy with a RELEASE folder between. The tolerances
are those of internal/conformance/run.go. ONNX Runtime's StringNormalizer needs the locale
en_US.UTF-8, the reference's ImageDecoder Pillow. Every case has 60 seconds, in a
process of its own that is started again after a crash. The result goes to
docs/conformance-peers.tsv: cases that each of the two meets, by category.
"""

import collections
import multiprocessing
import pathlib
import re
import sys
import tarfile
import time

import numpy as np

LIMIT = 60.0
RTOL, ATOL = 1e-3, 1e-7
LOOSER = [
    ("light_densenet121", 2e-3, 1e-7),
    ("test_dft", 1e-3, 1e-6),
    ("test_celu_bfloat16_expanded", 1e-2, 1e-2),
]
# ONNX Runtime's Python package returns no arrays of these types: outputs are
# cast to another type that holds every value of theirs.
CAST_OUT = {
    "BFLOAT16": "FLOAT", "FLOAT8E4M3FN": "FLOAT", "FLOAT8E4M3FNUZ": "FLOAT",
    "FLOAT8E5M2": "FLOAT", "FLOAT8E5M2FNUZ": "FLOAT", "FLOAT8E8M0": "FLOAT",
    "FLOAT4E2M1": "FLOAT", "INT4": "INT8", "UINT4": "UINT8",
    "INT2": "INT8", "UINT2": "UINT8",
}


def tolerance(name):
    for prefix, rtol, atol in LOOSER:
        if name.startswith(prefix):
            return rtol, atol
    return RTOL, ATOL


# ---- cases ----------------------------------------------------------------

def natural(name):
    return [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]


def cases(archive):
    """Yields (folder, model bytes, {set: {"input_0": bytes, ...}})."""
    current, model, sets = None, None, {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if not member.isfile():
                continue
            path = pathlib.PurePosixPath(member.name)
            if path.suffix == ".onnx":
                folder = path.parent
            elif path.suffix == ".pb":
                folder = path.parent.parent
            else:
                continue
            if folder != current:
                if model is not None:
                    yield str(current), model, sets
                current, model, sets = folder, None, {}
            data = tar.extractfile(member).read()
            if path.suffix == ".onnx":
                model = data
            else:
                sets.setdefault(path.parent.name, {})[path.stem] = data
    if model is not None:
        yield str(current), model, sets


def parse(value_type, data):
    import onnx
    from onnx import numpy_helper
    kind = value_type.WhichOneof("value")
    if kind == "sequence_type":
        proto = onnx.SequenceProto()
        proto.ParseFromString(data)
        return numpy_helper.to_list(proto)
    if kind == "optional_type":
        proto = onnx.OptionalProto()
        proto.ParseFromString(data)
        return numpy_helper.to_optional(proto)
    proto = onnx.TensorProto()
    proto.ParseFromString(data)
    return numpy_helper.to_array(proto)


# ---- comparing -------------------------------------------------------------

def widen(x):
    """The array in a type that numpy itself computes with."""
    if x.dtype.kind in "biufcOUS" and x.dtype.itemsize <= 16:
        return x
    return x.astype(np.float32)


def same(got, want, rtol, atol, cast):
    if want is None or got is None:
        return want is None and got is None
    if isinstance(want, list):
        return (isinstance(got, list) and len(got) == len(want)
                and all(same(g, w, rtol, atol, cast) for g, w in zip(got, want)))
    if isinstance(got, list):
        return False
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return False
    if want.dtype.kind in "OUS":
        return got.dtype.kind in "OUS" and got.astype(str).tolist() == want.astype(str).tolist()
    if not cast and got.dtype != want.dtype:
        return False
    try:
        np.testing.assert_allclose(widen(got), widen(want), rtol=rtol, atol=atol)
    except AssertionError:
        return False
    return True


def judge(name, got, want, cast):
    if len(got) != len(want):
        return "another number of outputs"
    rtol, atol = tolerance(name)
    for i, (g, w) in enumerate(zip(got, want)):
        if name.startswith("test_bernoulli"):  # one draw of another generator
            g = np.asarray(g)
            if g.shape != w.shape or g.dtype != w.dtype or not np.isin(widen(g), (0, 1)).all():
                return f"output {i} is no draw"
        elif not same(g, w, rtol, atol, cast):
            return f"output {i} differs"
    return ""


# ---- runners ---------------------------------------------------------------

def run_reference(model, feeds):
    from onnx.reference import ReferenceEvaluator
    return ReferenceEvaluator(model).run(None, feeds), False


def run_ort(model, feeds):
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    cast = False
    for out in model.graph.output:
        if out.type.WhichOneof("value") != "tensor_type":
            continue
        name = TensorProto.DataType.Name(out.type.tensor_type.elem_type)
        if name not in CAST_OUT:
            continue
        # A graph output that only a Cast sees.
        cast = True
        wide = getattr(TensorProto, CAST_OUT[name])
        model.graph.node.append(helper.make_node("Cast", [out.name], [out.name + "__wide"], to=wide))
        out.name += "__wide"
        out.type.tensor_type.elem_type = wide
        if not any(o.domain in ("", "ai.onnx") for o in model.opset_import):
            model.opset_import.append(helper.make_opsetid("", 24))
    # Inputs of such types become initializers: the package takes no arrays of them.
    for value in list(model.graph.input):
        if value.name not in feeds or value.type.WhichOneof("value") != "tensor_type":
            continue
        if TensorProto.DataType.Name(value.type.tensor_type.elem_type) in CAST_OUT:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(feeds.pop(value.name)), value.name))
            model.graph.input.remove(value)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds), cast


RUNNERS = {"ort": run_ort, "reference": run_reference}


def check(which, name, data, sets):
    import onnx
    for files in sets.values():
        model = onnx.load_from_string(data)
        fed = {i.name for i in model.graph.initializer}
        inputs = [v for v in model.graph.input if v.name not in fed]
        feeds = {v.name: parse(v.type, files[f"input_{k}"]) for k, v in enumerate(inputs)}
        want = [parse(v.type, files[f"output_{k}"]) for k, v in enumerate(model.graph.output)]
        got, cast = RUNNERS[which](model, feeds)
        why = judge(name, got, want, cast)
        if why:
            return why
    return ""


def serve(pipe):
    while True:
        job = pipe.recv()
        if job is None:
            return
        try:
            pipe.send(check(*job))
        except Exception as e:  # noqa: BLE001: any failure is a case not met
            pipe.send(f"{type(e).__name__}: {str(e).splitlines()[0][:200] if str(e) else ''}")


class Worker:
    """One process that checks cases, started again when it dies or is late."""

    def __init__(self):
        self.process = None

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other,), daemon=True)
        self.process.start()
        other.close()

    def run(self, *job):
        if self.process is None:
            self.start()
        try:
            self.pipe.send(job)
            if self.pipe.poll(LIMIT):
                return self.pipe.recv()
            why = f"more than {LIMIT:.0f} s"
        except (EOFError, OSError):
            why = "the process died"
        self.process.kill()
        self.process.join()
        self.process = None
        return why


def main():
    import onnx
    import onnxruntime
    folder = pathlib.Path(sys.argv[1])
    root = pathlib.Path(__file__).resolve().parents[2]
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else root / "docs" / "conformance-peers.tsv"
    count = collections.defaultdict(lambda: [0, 0, 0])
    worker = Worker()
    for archive in sorted(folder.glob("*.tar.gz")):
        for path, model, sets in cases(archive):
            category, name = path.split("/")[0], path.split("/")[-1]
            row = count[category]
            row[0] += 1
            for k, which in enumerate(("ort", "reference"), 1):
                begin = time.monotonic()
                why = worker.run(which, name, model, sets)
                if why:
                    print(f"{which}\t{path}\t{why}\t{time.monotonic() - begin:.1f} s", flush=True)
                else:
                    row[k] += 1
    lines = [
        f"# ONNX Runtime {onnxruntime.__version__}, reference evaluator of onnx {onnx.__version__},"
        f" numpy {np.__version__}; made by tools/goldens/peers.py",
        "category\tcases\tort_pass\treference_pass",
    ]
    rows = [[c, *n] for c, n in sorted(count.items())]
    rows.append(["all", *(sum(r[k] for r in rows) for k in (1, 2, 3))])
    lines += ["\t".join(map(str, r)) for r in rows]
    out.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
