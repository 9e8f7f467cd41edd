"""Writes internal/goldens/testdata/ops.tar.gz and ops.tsv: random cases of
single operators with the outputs that ONNX Runtime's CPU kernels give, or an
independent NumPy form where it has none.

    pip install -r tools/goldens/requirements.txt
    python tools/goldens/ops.py [PREFIX]

With PREFIX only generators whose name starts so run, and nothing is written.
"""

import collections
import pathlib
import sys

import onnxruntime

import common
import gen_attn
import gen_blocks
import gen_math
import gen_ml
import gen_move
import gen_nn
import gen_numpy
import gen_quant
import gen_seq
import gen_sparse
import gen_text

MODULES = [gen_math, gen_move, gen_nn, gen_seq, gen_quant, gen_blocks, gen_attn, gen_sparse, gen_ml, gen_text, gen_numpy]


def main():
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    onnxruntime.set_default_logger_severity(4)
    g = common.Goldens()
    for module in MODULES:
        for name, f in vars(module).items():
            if name.startswith("make_") and name[5:].startswith(prefix):
                g.reseed(name)
                f(g)
    skipped = collections.Counter(g.skipped)
    for (op, why), n in sorted(skipped.items()):
        print(f"skipped {n} of {op}: {why}")
    print(f"{len(g.cases)} cases of {len(g.count)} operators, seed {common.SEED}, {len(g.skipped)} refused")
    if prefix:
        return
    folder = pathlib.Path(__file__).resolve().parents[2] / "internal" / "goldens" / "testdata"
    folder.mkdir(parents=True, exist_ok=True)
    common.write_archive(g.cases, folder / "ops.tar.gz")
    common.write_index(g.cases, folder / "ops.tsv")
    print(f"{(folder / 'ops.tar.gz').stat().st_size} bytes")


if __name__ == "__main__":
    main()
