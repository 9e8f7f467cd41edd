"""Element-wise operators, reductions and softmax."""

import numpy as np
from onnx import TensorProto, helper

from common import BF16, F8E4M3, F8E5M2, MS

F16, F32, F64 = np.float16, np.float32, np.float64
I32, I64 = np.int32, np.int64
PAIRS = [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((3, 1, 4), (2, 1)), ((), (3, 2)), ((), ()), ((0, 3), (1, 3)),
         ((5,), (1,)), ((1, 1, 7), (2, 5, 1))]


def make_arithmetic(g):
    for op in ("Add", "Sub", "Mul", "Div"):
        for k, (a, b) in enumerate(PAIRS):
            t = [F32, I32, F16, I64, F64, F32, F32, I32][k]
            g.case(op, [g.any(t, *a), g.any(t, *b, positive=op == "Div")], opset=[7, 13, 14, 21][k % 4])
        for t in (np.uint8, np.int8, np.int16, np.uint16, np.uint32, np.uint64, BF16):
            g.case(op, [g.any(t, 3, 4), g.any(t, 4, positive=op == "Div")], opset=14)
        g.case(op, [g.f(2, 3, 4), g.f(3, lo=0.5)], {"broadcast": 1, "axis": 1}, opset=6)
        g.case(op, [g.f(2, 3), g.f(2, 3, lo=0.5)], opset=6)
    # Truncating division, wrapping and special values.
    g.case("Div", [np.array([7, -7, 7, -7], I32), np.array([2, 2, -2, -2], I32)])
    g.case("Mul", [np.array([2**31 - 1, -(2**31)], I32), np.array([3, 2], I32)])
    special = np.array([np.inf, -np.inf, np.nan, 0, -0.0, 1], F32)
    for op in ("Add", "Sub", "Mul", "Div"):
        g.case(op, [special.reshape(6, 1), special])


def make_power(g):
    for k, (a, b) in enumerate(PAIRS):
        g.case("Pow", [g.f(*a, lo=0.1), g.any(F32, *b)], opset=[7, 12, 13, 15][k % 4])
    for t, u in ((F32, I64), (F32, I32), (I32, I32), (I64, I64), (F64, F64), (I32, F32), (F64, I32), (I64, F32), (F16, F16)):
        g.case("Pow", [g.any(t, 3, 4, positive=True), g.i(0, 4, 4).astype(u)], opset=15)
    g.case("Pow", [g.f(3, 4), np.array(2, F32)], opset=13)
    g.case("Pow", [g.f(3, 4), np.array(3, F32)], opset=13)


def make_modulo(g):
    for t in (I32, I64, np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.uint64):
        g.case("Mod", [g.any(t, 3, 5), g.any(t, 5, positive=True)], opset=13)
        g.case("Mod", [g.any(t, 4), g.any(t, 2, 1, positive=True)], {"fmod": 1}, opset=10)
    for t in (F32, F64, F16):
        g.case("Mod", [g.f(3, 5, dtype=t), g.f(5, dtype=t, lo=0.5)], {"fmod": 1}, opset=13)
    g.case("Mod", [np.array([7, -7, 7, -7], I32), np.array([3, 3, -3, -3], I32)])
    g.case("Mod", [np.array([7, -7, 7, -7], I32), np.array([3, 3, -3, -3], I32)], {"fmod": 1})


def make_compare(g):
    for op in ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"):
        for k, (a, b) in enumerate(PAIRS):
            t = [F32, I64, F64, I32, F32, F32, I32, F32][k]
            g.case(op, [g.any(t, *a), g.any(t, *b)], opset=16 if "Or" in op else [7, 9, 11, 13][k % 4])
    g.case("Equal", [g.b(3, 4), g.b(4)], opset=7)
    g.case("Equal", [g.any(object, 3, 4), g.any(object, 4)], opset=19)
    for op in ("And", "Or", "Xor"):
        for a, b in PAIRS:
            g.case(op, [g.b(*a), g.b(*b)], opset=7)
    for shape in ((3, 4), (), (0, 2)):
        g.case("Not", [g.b(*shape)], opset=g.pick(1, 13, 21))
    for k, (a, b) in enumerate(PAIRS):
        t = [F32, I64, object, I32, F64, np.uint8, F16, bool][k]
        g.case("Where", [g.b(*g.pick(a, b)), g.any(t, *a), g.any(t, *b)], opset=g.pick(9, 16))


def make_variadic(g):
    for op in ("Max", "Min", "Sum", "Mean"):
        for k in range(8):
            t = F32 if op in ("Sum", "Mean") else [F32, F64, I32, I64, np.uint32, np.uint64, F16, np.int8][k]
            shapes = [[(2, 3, 4), (4,), (3, 1)], [(3,)], [(), (2, 2)], [(2, 1, 3), (1, 4, 1)], [(0, 2), (2,)],
                      [(5,)] * 4, [(3, 2)] * 2, [(1,), (2, 1), (1, 2)]][k]
            g.case(op, [g.any(t, *s) for s in shapes], opset=[8, 12, 13][k % 3])
        g.case(op, [g.f(2, 3) for _ in range(3)], opset=6)
    nan = np.array([np.nan, 1, -np.inf, np.inf], F32)
    for op in ("Max", "Min"):
        g.case(op, [nan.reshape(4, 1), nan])


UNARY = {
    "Abs": (6, 13), "Neg": (6, 13), "Sign": (9, 13), "Sqrt": (6, 13), "Relu": (6, 13, 14), "Sigmoid": (6, 13),
    "Tanh": (6, 13), "Erf": (9, 13), "Log": (6, 13), "Exp": (6, 13), "Reciprocal": (6, 13), "Floor": (6, 13),
    "Ceil": (6, 13), "Round": (11,), "Sin": (7,), "Cos": (7,), "Tan": (7,), "Asin": (7,), "Acos": (7,), "Atan": (7,),
    "Sinh": (9,), "Cosh": (9,), "Asinh": (9,), "Acosh": (9,), "Atanh": (9,), "Softplus": (1,), "Softsign": (1,),
    "Identity": (1, 13, 14, 16), "HardSwish": (14,), "Mish": (18,), "IsNaN": (9, 13), "IsInf": (10,),
}


def make_unary(g):
    for op, opsets in UNARY.items():
        lo, hi = {"Sqrt": (0, 9), "Log": (0.1, 9), "Acosh": (1, 4), "Asin": (-1, 1), "Acos": (-1, 1),
                  "Atanh": (-0.9, 0.9), "Reciprocal": (0.25, 4)}.get(op, (-6, 6))
        for v in opsets:
            for shape in ((2, 3, 5), (), (0, 4), (17,)):
                g.case(op, [g.f(*shape, lo=lo, hi=hi)], opset=v)
        for t in (F64, F16, BF16, I32, I64, np.int8, np.uint8, np.int16):
            x = g.f(3, 4, lo=lo, hi=hi, dtype=t) if np.dtype(t).kind not in "iu" else g.any(t, 3, 4)
            g.case(op, [x], opset=max(opsets))
        special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 100, -100], F32)
        g.case(op, [special], opset=max(opsets))
    g.case("Round", [np.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.4999], F32)], opset=11)
    g.case("Identity", [g.any(object, 3)])
    for pos, neg in ((0, 1), (1, 0), (1, 1)):
        g.case("IsInf", [np.array([np.inf, -np.inf, 1, np.nan], F32)], {"detect_positive": pos, "detect_negative": neg}, opset=10)


def make_activation(g):
    for shape in ((3, 5), (), (0, 2), (2, 3, 4)):
        for v in (6, 16):
            g.case("LeakyRelu", [g.f(*shape)], {"alpha": g.pick(None, 0.1, 0.3)}, opset=v)
        for op, attrs in (("Elu", {"alpha": g.pick(None, 0.5)}), ("HardSigmoid", {"alpha": g.pick(None, 0.3), "beta": g.pick(None, 0.4)}),
                          ("Selu", {"alpha": g.pick(None, 1.2), "gamma": g.pick(None, 1.5)}), ("ThresholdedRelu", {"alpha": g.pick(None, 0.5)}),
                          ("Celu", {"alpha": g.pick(None, 2.0)}), ("Shrink", {"bias": 0.25, "lambd": 0.75})):
            g.case(op, [g.f(*shape)], attrs, opset={"ThresholdedRelu": 10, "Celu": 12, "Shrink": 9}.get(op, 6))
    for t in (F32, F64, F16, BF16):
        for a in ("none", "tanh"):
            g.case("Gelu", [g.f(3, 5, dtype=t, lo=-5, hi=5)], {"approximate": a}, opset=20)
        g.case("LeakyRelu", [g.f(3, 5, dtype=t)], {"alpha": 0.2}, opset=16)
    g.case("Gelu", [g.f(0, 5)], opset=20)
    for slope in ((4,), (3, 1), (1,), (2, 3, 4), ()):
        g.case("PRelu", [g.f(2, 3, 4), g.f(*slope)], opset=16)


def make_clip(g):
    for lo, hi in ((-1, 1), (None, 0.5), (-0.5, None), (None, None)):
        g.case("Clip", [g.f(3, 4)], {"min": lo and float(lo), "max": hi and float(hi)}, opset=6)
        for t in (F32, F64, F16, I32, I64, np.int8, np.uint8):
            if np.dtype(t).kind == "u" and lo is not None:
                continue
            a, b = (None if x is None else np.array(x, t) for x in (lo, hi))
            g.case("Clip", [g.any(t, 3, 4), a, b], opset=g.pick(12, 13), const=[k for k in (1, 2) if (a, b)[k - 1] is not None and g.pick(True, False)])
    g.case("Clip", [g.f(), np.array(-1, F32), np.array(1, F32)], opset=11)
    g.case("Clip", [g.f(0, 3), np.array(-1, F32)], opset=13)
    g.case("Clip", [g.f(3, 4), np.array(1, F32), np.array(-1, F32)], opset=13)
    g.case("Clip", [np.array([np.nan, np.inf, -np.inf], F32), np.array(-1, F32), np.array(1, F32)])


def make_cast(g):
    ints = [np.int8, np.uint8, np.int16, np.uint16, I32, np.uint32, I64, np.uint64]
    kinds = [F32, F64, F16, BF16, bool, *ints]
    for a in kinds:
        for b in kinds:
            g.case("Cast", [g.any(a, 2, 5)], {"to": helper.np_dtype_to_tensor_dtype(np.dtype(b))}, opset=g.pick(13, 19, 21))
    for a in (F32, I64, F64, I32, bool):
        g.case("Cast", [g.any(a, 6) if a is not bool else g.b(6)], {"to": TensorProto.STRING}, opset=13)
    numbers = np.array(["1", "-2", "3.5", "1e3", "+7", "0"], object)
    g.case("Cast", [numbers], {"to": TensorProto.FLOAT}, opset=9)
    g.case("Cast", [numbers], {"to": TensorProto.DOUBLE}, opset=13)
    g.case("Cast", [np.array(["1", "-2", "77"], object)], {"to": TensorProto.INT64}, opset=13)
    for t in (TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E5M2, TensorProto.FLOAT8E4M3FNUZ, TensorProto.FLOAT8E5M2FNUZ):
        for saturate in (0, 1):
            x = np.concatenate([g.normal(40, scale=5), np.array([1e6, -1e6, np.inf, -np.inf, np.nan, 0, -0.0, 1e-9], F32)])
            g.case("Cast", [x], {"to": t, "saturate": saturate}, opset=19)
    for t in (F8E4M3, F8E5M2):
        g.case("Cast", [g.normal(20).astype(t)], {"to": TensorProto.FLOAT}, opset=19)
        g.case("Cast", [g.normal(20).astype(t)], {"to": TensorProto.FLOAT16}, opset=19)
    for t in (TensorProto.INT4, TensorProto.UINT4):
        for a in (F32, np.int8, np.uint8, F16):
            g.case("Cast", [g.i(0, 8, 7).astype(a)], {"to": t}, opset=21)
    g.case("Cast", [g.f()], {"to": TensorProto.INT32}, opset=6)
    g.case("Cast", [g.f(0, 3)], {"to": TensorProto.INT64}, opset=9)
    big = np.array([65504, 65519, 65520, 1e-8, 6e-8, 1 / 3, -1e10, np.inf, np.nan], F32)
    for t in (TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE, TensorProto.BOOL):
        g.case("Cast", [big], {"to": t}, opset=13, tol=(0, 0))
    g.case("CastLike", [g.f(3), g.any(I32, 1)], opset=15)


def make_dropout(g):
    for v in (7, 10, 12, 13, 22):
        x = g.f(3, 4)
        if v < 12:
            g.case("Dropout", [x], {"ratio": 0.3}, nout=g.pick(1, 2), opset=v)
        else:
            g.case("Dropout", [x, np.array(0.4, F32), np.array(False)][:g.pick(1, 2, 3)], nout=g.pick(1, 2), opset=v)
    g.case("Dropout", [g.f(0, 2)], nout=2, opset=13)


REDUCE = ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceSumSquare", "ReduceProd", "ReduceL2", "ReduceL1",
          "ReduceLogSum", "ReduceLogSumExp"]


def make_reduce(g):
    shapes = [((2, 3, 4), [1]), ((2, 3, 4), [0, 2]), ((2, 3, 4), [-1]), ((2, 3, 4, 2), [-3, -1]), ((5,), [0]),
              ((2, 3), None), ((2, 3, 4), [0, 1, 2]), ((3, 0, 2), [0]), ((1, 4), [0])]
    for op in REDUCE:
        for k, (shape, axes) in enumerate(shapes):
            t = [F32, I32, F64, F32, F32, F32, I32, F32, I64][k]
            if op in ("ReduceMean", "ReduceLogSum", "ReduceLogSumExp") and np.dtype(t).kind == "i":
                t = F32
            x = g.any(t, *shape, positive=op == "ReduceLogSum")
            if op == "ReduceProd" and t == I32:
                x = g.i(1, 3, *shape, dtype=I32)  # what an overflow gives is nobody's promise
            keep = g.pick(None, 0, 1)
            g.case(op, [x], {"axes": axes, "keepdims": keep}, opset=g.pick(1, 11) if op == "ReduceSum" else g.pick(1, 11, 13))
            new = 13 if op == "ReduceSum" else 18
            g.case(op, [x, None if axes is None else np.array(axes, I64)], {"keepdims": keep}, opset=new,
                   const=[1] if axes and g.pick(True, False) else ())
            if k % 3 == 0:
                g.case(op, [x, np.zeros(0, I64)], {"noop_with_empty_axes": k % 2, "keepdims": keep}, opset=new)
        g.case(op, [g.any(F32, 4, 0), np.array([1], I64)], opset=13 if op == "ReduceSum" else 18)
        g.case(op, [np.asarray(g.f(lo=0.5))], opset=13 if op == "ReduceSum" else 18)
        g.case(op, [g.any(F16, 3, 4, positive=True), np.array([0], I64)], opset=13 if op == "ReduceSum" else 18)
    for op in ("ReduceMax", "ReduceMin"):
        for t in (np.int8, np.uint8, bool):
            g.case(op, [g.any(t, 3, 4), np.array([1], I64)], {"keepdims": 0}, opset=20)


def make_argmax(g):
    for op in ("ArgMax", "ArgMin"):
        for shape in ((2, 3, 4), (5,), (3, 1), (2, 0, 3)):
            for axis in (0, -1, None):
                t = g.pick(F32, F64, I32, np.uint8, np.int8)
                g.case(op, [g.any(t, *shape)], {"axis": axis, "keepdims": g.pick(0, 1)}, opset=g.pick(11, 13))
        for last in (0, 1):
            g.case(op, [np.array([[1, 3, 3, 1], [2, 2, 2, 2]], F32)], {"axis": 1, "select_last_index": last}, opset=13)
        g.case(op, [g.f(3, 4)], {"axis": 1}, opset=1)


def make_topk(g):
    for k in range(12):
        shape, axis = [((3, 6), -1), ((2, 5, 3), 1), ((7,), 0), ((4, 3), 0)][k % 4]
        n = int(g.rng.integers(1, shape[axis] + 1))
        t = g.pick(F32, F64, I32, I64)
        size = int(np.prod(shape))
        x = g.rng.permutation(size).reshape(shape).astype(t)
        g.case("TopK", [x, np.array([n], I64)], {"axis": axis, "largest": g.pick(0, 1), "sorted": 1}, nout=2, opset=11)
    g.case("TopK", [np.array([[1, 2, 2, 1, 2]], F32), np.array([3], I64)], nout=2, opset=11)
    g.case("TopK", [g.f(3, 4), np.array([0], I64)], nout=2, opset=11)
    g.case("TopK", [g.normal(3, 4)], {"k": 2, "axis": 1}, nout=2, opset=1)
    g.case("TopK", [g.normal(3, 4), np.array([2], I64)], {"axis": 0}, nout=2, opset=10)


def make_softmax(g):
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        for v in (1, 11, 13):
            for shape, axis in (((3, 4), 1), ((2, 3, 4), 1), ((2, 3, 4), 0), ((2, 3, 4), -1), ((5,), 0), ((2, 0), 1), ((2, 3, 2, 2), None)):
                if axis == -1 and v < 11:
                    continue
                g.case(op, [g.f(*shape, lo=-5, hi=5)], {"axis": axis}, opset=v)
        for t in (F64, F16):
            g.case(op, [g.f(3, 4, dtype=t)], opset=13)
    g.case("Softmax", [np.array([[1000, 1001, 999], [-np.inf, 0, 1]], F32)], opset=13)
    for ex in (0, 1):
        for rev in (0, 1):
            g.case("CumSum", [g.any(g.pick(F32, I32, I64, F64), 3, 4), np.array(g.pick(0, 1, -1), g.pick(I32, I64))],
                   {"exclusive": ex, "reverse": rev}, opset=g.pick(11, 14))


def make_contrib(g):
    for t in (F32, F64, F16, BF16):
        for shape in ((3, 8), (2, 3, 5), (0, 4)):
            x, b = g.f(*shape, dtype=t, lo=-4, hi=4), g.f(shape[-1], dtype=t)
            g.case("Gelu", [x], domain=MS)
            # In float64 ONNX Runtime runs the body of the function, with float32 constants.
            g.case("FastGelu", [x, g.pick(None, b)], domain=MS, tol=(1e-5, 1e-6) if t == F64 else None)
            g.case("BiasGelu", [x, b], domain=MS)
            g.case("QuickGelu", [x], {"alpha": g.pick(None, 1.0, 1.702, 0.5)}, domain=MS)
    for shape, k, upper in (((3, 4), None, None), ((4, 3), 1, 1), ((2, 3, 3), -1, 0), ((3, 3), -5, 1), ((3, 4), 9, 0), ((2, 0), 0, 1)):
        for t in (F32, I64, bool):
            args = [g.any(t, *shape), None if k is None else np.array(k, I64)]
            g.case("Trilu", args, {"upper": upper}, domain=MS)
            g.case("Trilu", args, {"upper": upper}, opset=14)
    for a, b in ((4, 5), (1, 3), (7, 2)):
        for t in (F32, F64):
            for metric in ("euclidean", "sqeuclidean"):
                g.case("CDist", [g.f(a, 3, dtype=t), g.f(b, 3, dtype=t)], {"metric": metric}, domain=MS, tol=(2e-4, 2e-3))
    for t in (F32, F64, F16):
        for shape in ((3, 3), (2, 2, 2), (1, 1), (2, 1, 4, 4)):
            x = g.f(*shape) + 4 * np.eye(shape[-1], dtype=F32)
            g.case("Inverse", [x.astype(t)], domain=MS)
    for t in (F32, F64, np.int16, I32, I64):
        g.case("Range", [np.array(1, t), np.array(9, t), np.array(2, t)], domain=MS)
        g.case("Range", [np.array(1, t), np.array(5, t)], domain=MS)
        g.case("Range", [np.array(9, t), np.array(0, t), np.array(-4, t)], domain=MS)
        g.case("Range", [np.array(1, t), np.array(9, t), np.array(3, t)], opset=11)
        g.case("Range", [np.array(9, t), np.array(9, t), np.array(-2, t)], opset=11)
    g.case("Range", [np.array(0.5, F32), np.array(2.25, F32), np.array(0.3, F32)], opset=11)
    for n in (1, 3):
        for t in (np.int16, np.uint16):
            u = g.pick(np.int16, np.uint16)
            g.case("MatMulInteger16", [g.any(t, 2 * n, 3), g.any(u, 3, 4)], domain=MS)


def make_more(g):
    """Operators that no shared model has."""
    for t in (np.uint8, np.uint16, np.uint32, np.uint64, np.int8, I32, I64):
        for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
            g.case(op, [g.any(t, 3, 4), g.any(t, 4)], opset=18)
        g.case("BitwiseNot", [g.any(t, 3, 4)], opset=18)
        if np.dtype(t).kind == "u":
            for way in ("LEFT", "RIGHT"):
                g.case("BitShift", [g.any(t, 3, 4), g.i(0, 4, 4).astype(t)], {"direction": way}, opset=11)
    for shape in ((3, 3), (2, 2, 2), (1, 1)):
        g.case("Det", [g.f(*shape)], opset=g.pick(11, 22))
    for align in (0, 1):
        g.case("AffineGrid", [g.f(2, 2, 3), np.array([2, 3, 4, 5], I64)], {"align_corners": align}, opset=20)
        g.case("AffineGrid", [g.f(1, 3, 4), np.array([1, 2, 3, 4, 2], I64)], {"align_corners": align}, opset=20)
    for mode in ("avg", "max"):
        for coord in ("half_pixel", "output_half_pixel"):
            rois = np.array([[0, 0, 4, 4], [1.3, 2.1, 5.7, 3.9]], F32)
            g.case("RoiAlign", [g.f(2, 2, 6, 7), rois, np.array([0, 1], I64)],
                   {"mode": mode, "output_height": 2, "output_width": 3, "sampling_ratio": g.pick(0, 2), "coordinate_transformation_mode": coord}, opset=16)
    g.case("MaxRoiPool", [g.f(1, 2, 6, 6), np.array([[0, 0, 0, 3, 3], [0, 1, 2, 5, 4]], F32)], {"pooled_shape": [2, 2]}, opset=1)
    g.case("Col2Im", [g.f(1, 8, 9), np.array([4, 4], I64), np.array([2, 2], I64)], opset=18)
    g.case("MaxUnpool", [g.f(1, 1, 2, 2), np.array([[[[0, 2], [8, 11]]]], I64)], {"kernel_shape": [2, 2], "strides": [2, 2]}, opset=11)
    g.case("DeformConv", [g.f(1, 2, 5, 5), g.f(3, 2, 2, 2), g.f(1, 8, 4, 4, lo=-1, hi=1), g.f(3)], opset=19)
    for axes in ([0, 1], [-1]):
        g.case("CenterCropPad", [g.f(4, 5), np.array([3, 7][: len(axes)], I64)], {"axes": axes}, opset=18)
    for red in ("none", "mean", "sum"):
        g.case("NegativeLogLikelihoodLoss", [g.f(3, 5), g.i(0, 5, 3)], {"reduction": red}, opset=13)
        g.case("SoftmaxCrossEntropyLoss", [g.f(3, 5), g.i(0, 5, 3)], {"reduction": red}, nout=2, opset=13)
    g.case("TensorScatter", [g.f(2, 3, 6, 4), g.f(2, 3, 2, 4), np.array([1, 3], I64)], opset=24)
    for t in (F32, F16):
        g.case("Swish", [g.f(3, 4, dtype=t)], {"alpha": g.pick(None, 0.5)}, opset=24)
