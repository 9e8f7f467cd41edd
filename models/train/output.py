"""What both training scripts write: the model, the arrays, the report."""

import hashlib
import os
import re

import numpy as np
import onnxruntime

MAX_BYTES = 300_000
MODELS = ("digits", "motion")
HEAD = """# The embedded models

The training scripts in `train/` write this file; do not edit it by hand.

Every accuracy below is measured on rows that the model was not trained on,
by running the exported `.onnx` file in ONNX Runtime {version}. Training is
deterministic: the seeds are fixed and BLAS uses one thread. The same packages
on the same kind of processor give the same bytes; on another processor the
last bits of the weights may differ, because BLAS picks other kernels there.
"""


def run(model_bytes, x):
    """The output of the model for x, by ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model_bytes, options, providers=["CPUExecutionProvider"]
    )
    return session.run(["probabilities"], {session.get_inputs()[0].name: x})[0]


def write_model(out, name, model):
    data = model.SerializeToString(deterministic=True)
    if len(data) >= MAX_BYTES:
        raise SystemExit(f"{name}.onnx has {len(data)} bytes; the limit is {MAX_BYTES}")
    with open(os.path.join(out, f"{name}.onnx"), "wb") as f:
        f.write(data)
    return data


def write_arrays(out, folder, arrays):
    os.makedirs(os.path.join(out, folder), exist_ok=True)
    for name, array in arrays.items():
        path = os.path.join(out, folder, f"{name}.npy")
        np.save(path, np.ascontiguousarray(array), allow_pickle=False)


def interval(right, total):
    """95 % Wilson interval of a proportion, in per cent."""
    z = 1.959964
    p = right / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(p * (1 - p) / total + z * z / (4 * total**2)) / (1 + z * z / total)
    return 100 * (middle - half), 100 * (middle + half)


def score(right, total):
    low, high = interval(right, total)
    return f"{100 * right / total:.2f} % ({right} of {total}; 95 % interval {low:.1f} to {high:.1f} %)"


def confusion(truth, guess, labels):
    """A Markdown table: rows are the true classes, columns the predictions."""
    n = len(labels)
    table = np.zeros((n, n), int)
    np.add.at(table, (truth, guess), 1)
    lines = ["| true \\ predicted | " + " | ".join(labels) + " |", "| --- |" + " ---: |" * n]
    for label, row in zip(labels, table):
        lines.append(f"| {label} | " + " | ".join(str(c) if c else "." for c in row) + " |")
    return "\n".join(lines)


def facts(rows):
    return "| | |\n| --- | --- |\n" + "\n".join(f"| {k} | {v} |" for k, v in rows)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def write_report(out, name, body):
    """Replaces this model's section of REPORT.md and keeps the other one."""
    path = os.path.join(out, "REPORT.md")
    old = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            old = f.read()
    parts = [HEAD.format(version=onnxruntime.__version__)]
    for model in MODELS:
        start, end = f"<!-- {model}: start -->", f"<!-- {model}: end -->"
        if model == name:
            parts.append(f"{start}\n{body.strip()}\n{end}\n")
            continue
        found = re.search(re.escape(start) + ".*?" + re.escape(end), old, re.S)
        if found:
            parts.append(found.group(0) + "\n")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(parts))
