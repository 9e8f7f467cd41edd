"""Operators that move, make or count elements."""

import numpy as np
from onnx import helper

from common import BF16, MS

F16, F32, F64 = np.float16, np.float32, np.float64
I32, I64 = np.int32, np.int64
KINDS = [F32, F64, F16, BF16, I32, I64, np.int8, np.uint8, np.uint16, bool, object]


def ints(*a):
    return np.array(a, I64)


def make_shape(g):
    for t, (shape, to) in zip(KINDS, [((2, 3, 4), (4, 6)), ((2, 3, 4), (-1,)), ((2, 3, 4), (0, -1)), ((6,), (2, 3)), ((), (1, 1)),
                                      ((1,), ()), ((0, 3), (3, 0)), ((2, 6), (0, 3, -1)), ((4,), (2, 2)), ((2, 2), (4, 1)), ((3, 2), (6,))]):
        x = g.any(t, *shape)
        g.case("Reshape", [x, ints(*to)], {"allowzero": 1} if shape == (0, 3) else {}, opset=14 if shape == (0, 3) else g.pick(5, 13, 14, 21),
               const=g.pick((), (1,)))
        g.case("Reshape", [g.f(*shape)], {"shape": list(to)}, opset=1)
        g.case("Shape", [x], opset=g.pick(1, 13))
        g.case("Shape", [x], {"start": g.pick(None, 1, -1, -9, 9), "end": g.pick(None, -1, 1, 9)}, opset=g.pick(15, 19))
        g.case("Size", [x], opset=g.pick(1, 13, 19))
        for axis in range(-len(shape), len(shape) + 1):
            g.case("Flatten", [x], {"axis": axis}, opset=g.pick(11, 13))
        g.case("Transpose", [x], opset=g.pick(1, 13, 21))
        g.case("Transpose", [x], {"perm": [int(p) for p in g.rng.permutation(len(shape))]}, opset=g.pick(1, 13, 21))
    for shape in ((2, 3, 4, 5), (2, 1, 3, 1, 2), (3, 4)):
        for _ in range(6):
            g.case("Transpose", [g.any(g.pick(*KINDS), *shape)], {"perm": [int(p) for p in g.rng.permutation(len(shape))]})
    for t in KINDS:
        x = g.any(t, 2, 1, 3, 1)
        axes = g.pick([1], [1, 3], [-1], [-3, 3], None)
        g.case("Squeeze", [x], {"axes": axes if not axes or min(axes) >= 0 else [1]}, opset=1)
        g.case("Squeeze", [x], {"axes": axes}, opset=11)
        g.case("Squeeze", [x, None if axes is None else ints(*axes)], opset=g.pick(13, 21))
        axes = g.pick([0], [1, 2], [-1], [0, -1], [4, 0])
        g.case("Unsqueeze", [g.any(t, 2, 3, 2)], {"axes": axes if min(axes) >= 0 else [1]}, opset=1)
        g.case("Unsqueeze", [g.any(t, 2, 3, 2)], {"axes": axes}, opset=11)
        g.case("Unsqueeze", [g.any(t, 2, 3, 2), ints(*axes)], opset=g.pick(13, 21), const=g.pick((), (1,)))
        g.case("ExpandDims", [g.any(t, 2, 3), np.array(g.pick(0, 1, 2, -1, -2), I32)], domain=MS)
    g.case("Unsqueeze", [g.f(), ints(0)], opset=13)
    g.case("Squeeze", [g.f(1)], opset=13)
    for t in (F32, F64, I32):
        g.case("Flatten", [g.any(t, 2, 3, 4) if t == F32 else g.f(2, 3, 4, dtype=t)], opset=g.pick(1, 9))


def make_concat(g):
    for k, t in enumerate(KINDS):
        shapes, axis = [([(2, 3), (2, 1), (2, 4)], 1), ([(2, 3), (1, 3)], 0), ([(2, 2, 2)] * 3, -1), ([(3,)], 0), ([(0,), (2,)], 0),
                        ([(2, 0), (2, 3)], 1), ([(1, 2, 3), (1, 1, 3)], -2), ([(4,), (1,)], -1), ([(2, 2)] * 2, 0), ([(0, 3)] * 2, 1), ([(2, 1)] * 5, 1)][k]
        g.case("Concat", [g.any(t, *s) for s in shapes], {"axis": axis}, opset=g.pick(11, 13))
        if axis >= 0:
            g.case("Concat", [g.any(t, *s) for s in shapes], {"axis": axis}, opset=4)
    for k, t in enumerate(KINDS):
        x = g.any(t, 4, 6)
        g.case("Split", [x], {"axis": 1, "split": [1, 2, 3]}, nout=3, opset=g.pick(2, 11))
        g.case("Split", [x], {"axis": g.pick(0, None)}, nout=2, opset=g.pick(2, 11))
        g.case("Split", [x, ints(4, 0, 2)], {"axis": -1}, nout=3, opset=13)
        g.case("Split", [x], {"axis": 1, "num_outputs": 4}, nout=4, opset=18)
        g.case("Split", [x, ints(1, 3)], {"axis": 0}, nout=2, opset=18, const=(1,))


def make_slice(g):
    for t in KINDS:
        x = g.any(t, 5, 6, 4)
        g.case("Slice", [x], {"starts": [1, -3], "ends": [4, 1000], "axes": g.pick([0, 1], [1, 2], None)}, opset=1)
        for _ in range(4):
            n = int(g.rng.integers(1, 4))
            u = g.pick(I32, I64)
            axes = g.rng.permutation(3)[:n]
            steps = g.rng.choice([1, 2, -1, -2, 3], n)
            starts, ends = g.i(-7, 7, n), g.i(-9, 9, n)
            args = [x, starts.astype(u), ends.astype(u), (axes - g.pick(0, 3)).astype(u), steps.astype(u)]
            g.case("Slice", args, opset=g.pick(10, 11, 13), const=g.pick((), (1, 2, 3, 4)))
        g.case("Slice", [x, ints(1), ints(2**62)], opset=11)
        g.case("Slice", [x, ints(-1), ints(-(2**62)), ints(0), ints(-1)], opset=13)
        g.case("Slice", [x, ints(3), ints(3), ints(1)], opset=13)


def make_gather(g):
    for t in KINDS:
        x = g.any(t, 4, 3, 2)
        for shape in ((), (3,), (2, 2), (0,)):
            axis = g.pick(0, 1, 2, -1, -2)
            n = x.shape[axis]
            g.case("Gather", [x, g.i(-n, n, *shape, dtype=g.pick(I32, I64))], {"axis": axis}, opset=g.pick(11, 13))
        g.case("Gather", [x, g.i(0, 4, 3)], opset=1)
        idx = np.stack([g.i(-4, 4, 2, 2), g.i(-3, 3, 2, 2)], -1)
        for d in ("", MS):
            g.case("GatherND", [x, idx], domain=d, opset=None if d else g.pick(11, 12, 13))
            g.case("GatherND", [x, idx[..., :1]], domain=d, opset=None if d else 12)
        g.case("GatherND", [x, g.i(0, 3, 4, 5, 1)], {"batch_dims": 1}, opset=12)
        axis = g.pick(0, 1, 2, -1)
        n = x.shape[axis]
        shape = list(x.shape)
        shape[axis] = 3
        g.case("GatherElements", [x, g.i(-n, n, *shape, dtype=g.pick(I32, I64))], {"axis": axis}, opset=g.pick(11, 13))
        g.case("Compress", [x, g.b(g.pick(2, 4))], {"axis": 0}, opset=g.pick(9, 11))
        g.case("Compress", [x, g.b(9)], opset=9)
        g.case("Compress", [x, np.zeros(2, bool)], {"axis": -1}, opset=11)
        g.case("NonZero", [x], opset=g.pick(9, 13))
        g.case("Tile", [x, ints(*g.i(0, 3, 3))], opset=g.pick(6, 13))
        g.case("Tile", [g.any(t, 3), ints(2)], opset=13, const=(1,))
    g.case("NonZero", [np.array(3, I64)])
    g.case("NonZero", [np.zeros((2, 0), F32)])
    g.case("NonZero", [np.zeros((2, 2), F32)])
    g.case("Tile", [g.f(), np.zeros(0, I64)])


def make_scatter(g):
    for t in (F32, F64, F16, I32, I64, object, bool, np.uint8):
        x, shape = g.any(t, 4, 5), (2, 3)
        axis = g.pick(0, 1, -1)
        idx = np.stack([g.rng.permutation(4)[:2] for _ in range(3)], 1).astype(I64)
        if axis:
            idx = np.stack([g.rng.permutation(5)[:3] for _ in range(2)], 0).astype(I64)
        for op, v in (("Scatter", 9), ("ScatterElements", 11), ("ScatterElements", 18)):
            g.case(op, [x, idx, g.any(t, *shape)], {"axis": axis}, opset=v)
        nd = np.array([[0], [3]], I64)
        g.case("ScatterND", [x, nd, g.any(t, 2, 5)], opset=g.pick(11, 13, 18))
        for red in ("add", "mul", "min", "max"):
            if t in (object, bool):
                continue
            dup = g.i(0, 4, *shape)
            g.case("ScatterElements", [x, dup, g.any(t, *shape)], {"axis": axis, "reduction": red}, opset=18)
            g.case("ScatterND", [x, np.array([[0], [0]], I64), g.any(t, 2, 5)], {"reduction": red}, opset=18)


def make_pad(g):
    for mode in ("constant", "reflect", "edge", "wrap"):
        for t in (F32, F64, F16, I32, I64, np.int8, np.uint8, bool):
            x = g.any(t, 3, 4, 5)
            pads = ints(*g.i(0, 3, 6))
            g.case("Pad", [x, pads], {"mode": mode}, opset=g.pick(13, 18) if mode != "wrap" else 19)
            if mode == "constant":
                g.case("Pad", [x, ints(*g.i(-2, 3, 6)), g.any(t)], {"mode": mode}, opset=g.pick(11, 13, 19))
            g.case("Pad", [x, ints(1, 0, 2, 1), None, ints(-1, g.pick(0, 1))], {"mode": mode}, opset=19)
        if mode != "wrap":
            g.case("Pad", [g.f(2, 3, 4)], {"mode": mode, "pads": [0, 1, 2, 1, 0, 2], "value": 0.5}, opset=2)
            g.case("Pad", [g.f(3, 4), ints(1, 1, 0, 2), g.pick(None, np.array([0.25], F32))], {"mode": mode}, domain=MS)
            g.case("Pad", [g.f(3, 4, dtype=F64), ints(0, 1, 1, 0)], {"mode": mode}, domain=MS)
    g.case("Pad", [g.f(0, 3), ints(1, 1, 1, 1)], opset=13)
    g.case("Pad", [g.f(4, 4), ints(-1, 1, -1, 0)], {"mode": "edge"}, opset=13)


def make_expand(g):
    for t in KINDS:
        for a, b in (((3, 1), (2, 3, 4)), ((1,), (3,)), ((), (2, 2)), ((3, 4), (1, 1)), ((2, 1, 3), (2, 5, 1)), ((1,), (0,)), ((3,), ())):
            if g.pick(True, False):
                g.case("Expand", [g.any(t, *a), ints(*b)], opset=g.pick(8, 13), const=g.pick((), (1,)))
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(t)) if t is not object else None
        if kind:
            value = helper.make_tensor("v", kind, [1], [True if t is bool else 3])
            g.case("ConstantOfShape", [ints(*g.pick((2, 3), (), (0, 2), (4,)))], {"value": value}, opset=g.pick(9, 20, 21))
    g.case("ConstantOfShape", [ints(2, 3)], opset=9)
    for attrs, v in (({"value_float": 1.5}, 12), ({"value_int": 7}, 12), ({"value_floats": [1.0, 2.0]}, 12), ({"value_ints": [1, 2, 3]}, 13),
                     ({"value_string": "a"}, 12), ({"value_strings": ["a", "b"]}, 13), ({"value": helper.make_tensor("v", 1, [2], [1.0, 2.0])}, 1),
                     ({"value": helper.make_tensor("v", 7, [], [5])}, 13)):
        g.case("Constant", [], attrs, opset=v)


def make_space(g):
    for t in (F32, F64, np.uint8, F16):
        x = g.any(t, 2, 12, 2, 3)
        for mode in ("DCR", "CRD"):
            g.case("DepthToSpace", [x], {"blocksize": 2, "mode": mode}, opset=g.pick(11, 13))
        g.case("DepthToSpace", [x], {"blocksize": g.pick(1, 2)}, opset=1)
        g.case("SpaceToDepth", [g.any(t, 2, 3, 4, 6)], {"blocksize": 2}, opset=g.pick(1, 13))
    for t in (F32, F64, I64, np.int8, object):
        for axis in (None, 0, 1, -1):
            for s in (0, 1):
                x = g.any(t, 4, 3)
                if axis == 0:
                    x[3] = x[0]
                g.case("Unique", [x], {"axis": axis, "sorted": s}, nout=4, opset=11)
        g.case("Unique", [g.any(t, 7)], nout=1, opset=11)
        g.case("Unique", [g.any(t, 7)], outs=[0, 2], opset=11)
    g.case("Unique", [np.zeros(0, F32)], nout=4, opset=11)
    for _ in range(3):
        g.case("Unique", [g.any(F32, 9)], nout=3, domain=MS)
    for t in (F32, F64, I64, I32):
        for axis in (-1, 0, 1):
            g.case("OneHot", [g.i(-3, 4, 2, 3, dtype=I64), np.array(4, I64), np.array([0, 5]).astype(t)], {"axis": axis}, opset=11)
    for t in (F32, I64):
        for k in (-1, 0, 2):
            g.case("EyeLike", [g.any(t, 3, 4)], {"k": k}, opset=9)
    for batch, time in ((0, 1), (1, 0)):
        g.case("ReverseSequence", [g.f(4, 4, 2), ints(1, 4, 2, 3)], {"batch_axis": batch, "time_axis": time}, opset=10)
