"""Quantised operators with a scale for a tensor or a channel."""

import itertools

import numpy as np
from onnx import TensorProto

from common import F8E4M3, F8E5M2, INT4, MS, UINT4

F16, F32 = np.float16, np.float32
I8, U8, I32, I64 = np.int8, np.uint8, np.int32, np.int64
ONE = (0, 1)  # rounding may go the other way where a sum lies on a half


def q(g, t, *shape):
    lo, hi = (-128, 128) if np.dtype(t) == I8 else (0, 256)
    return g.i(lo, hi, *shape).astype(t)


def scale(g, *shape):
    return g.rng.integers(1, 64, shape).astype(F32) / 512 if shape else np.array(g.rng.integers(1, 64) / 512, F32)


def point(g, t, *shape):
    return np.asarray(g.i(*((-20, 20) if np.dtype(t) == I8 else (100, 150)), *shape)).astype(t)


def make_linear(g):
    for t in (I8, U8, np.int16, np.uint16, F8E4M3, F8E5M2, INT4, UINT4):
        for axis, shape, s in ((None, (3, 4), ()), (1, (2, 3, 4), (3,)), (-1, (2, 5), (5,)), (0, (0, 3), (0,)), (None, (), ())):
            low = np.dtype(t) in (INT4, UINT4)
            zero = np.zeros(s, t) if np.dtype(t).itemsize == 1 and "float8" in str(np.dtype(t)) else g.i(-3 if "u" not in str(np.dtype(t)) else 0, 4, *s).astype(t)
            v = 21 if low or t in (np.int16, np.uint16) else g.pick(19, 21) if "float8" in str(np.dtype(t)) else g.pick(10, 13, 19, 21)
            if v == 10 and s:
                v = 13
            x = g.f(*shape, lo=-40, hi=40) if not low else g.f(*shape)
            for d in ("", MS):
                if d and "float8" in str(np.dtype(t)):
                    continue
                g.case("QuantizeLinear", [x, scale(g, *s), zero], {"axis": axis}, domain=d, opset=v)
                y = g.i(0, 8, *shape).astype(t) if low or "float8" in str(np.dtype(t)) else g.any(t, *shape)
                g.case("DequantizeLinear", [y, scale(g, *s), zero], {"axis": axis}, domain=d, opset=v)
        if np.dtype(t) in (INT4, UINT4, np.dtype(I8), np.dtype(U8)):
            for axis, sh in ((1, (4, 2)), (0, (2, 6))):
                z = g.i(0, 3, *sh).astype(t)
                block = 3 if axis else 2
                g.case("QuantizeLinear", [g.f(4, 6), scale(g, *sh), z], {"axis": axis, "block_size": block}, opset=21)
                g.case("DequantizeLinear", [g.i(0, 7, 4, 6).astype(t), scale(g, *sh), g.pick(None, z)], {"axis": axis, "block_size": block}, opset=21)
    halves = np.array([-1.5, -0.5, 0.5, 1.5, 2.5, 300, -300, 127.5, 126.5, np.inf, -np.inf], F32)
    for t in (I8, U8):
        g.case("QuantizeLinear", [halves, np.array(1, F32), np.array(1, t)], opset=13)
        g.case("QuantizeLinear", [halves.astype(F16), np.array(1, F16), np.array(1, t)], opset=19)
    g.case("QuantizeLinear", [halves, np.array(1, F32)], opset=13)
    g.case("QuantizeLinear", [g.f(5), np.array(0.25, F32)], {"output_dtype": TensorProto.INT8}, opset=21)
    g.case("DequantizeLinear", [g.i(-999, 999, 3, 2, dtype=I32), np.array(0.1, F32)], opset=13)
    g.case("DequantizeLinear", [q(g, I8, 4), np.array(0.1, F16), np.array(3, I8)], opset=19)
    for x in (g.f(3, 4), g.f(7, lo=0, hi=4), -g.f(7, lo=0, hi=4), np.zeros(4, F32), g.f(2, 3, 4, lo=-20, hi=3), np.array([3], F32)):
        g.case("DynamicQuantizeLinear", [x], nout=3, opset=11)


def make_matmul(g):
    for ta, tb in itertools.product((U8, I8), (U8, I8)):
        for m, k, n in ((2, 3, 4), (1, 17, 5), (9, 64, 33), (0, 3, 2)):
            a, b = q(g, ta, m, k), q(g, tb, k, n)
            za, zb = g.pick(None, point(g, ta), None), g.pick(None, point(g, tb), point(g, tb, n))
            g.case("MatMulInteger", [a, b, za if zb is None else point(g, ta), zb], opset=10, const=g.pick((), (1,)))
            sb = scale(g, n) if zb is not None and zb.shape else scale(g)
            g.case("MatMulIntegerToFloat", [a, b, scale(g), sb, point(g, ta), zb, g.pick(None, g.f(n))], domain=MS)
            g.case("QLinearMatMul", [a, scale(g), point(g, ta), b, scale(g), point(g, tb), np.array(0.5, F32), point(g, ta)], opset=g.pick(10, 21), tol=ONE)
            if ta == U8:
                g.case("DynamicQuantizeMatMul", [g.f(m, k), b, sb, zb, g.pick(None, g.f(n))], domain=MS, tol=(1e-3, 1e-3))
            for t1, t2 in itertools.product((0, 1), (0, 1)):
                aa, bb = np.ascontiguousarray(a.T if t1 else a), np.ascontiguousarray(b.T if t2 else b)
                out = g.pick((None, None), (np.array(0.5, F32), point(g, ta)))
                s, z = g.pick((scale(g), point(g, tb)), (scale(g, n), point(g, tb, n)))
                g.case("QGemm", [aa, scale(g), point(g, ta), bb, s, z, g.pick(None, g.i(-99, 99, n, dtype=I32)), *out],
                       {"transA": t1, "transB": t2, "alpha": g.pick(None, 0.5)}, domain=MS, tol=ONE if out[0] is not None else None)
        g.case("MatMulInteger", [q(g, ta, 2, 3, 4), q(g, tb, 2, 4, 2)], opset=10)
        g.case("MatMulInteger", [q(g, ta, 2, 3, 4), q(g, tb, 4, 2)], opset=10)


def make_conv(g):
    for x, w, attrs in (((1, 3, 6, 6), (4, 3, 3, 3), {}), ((2, 4, 7, 5), (6, 2, 3, 2), {"group": 2, "pads": [1, 0, 1, 1], "strides": [2, 1]}),
                        ((1, 4, 8, 8), (4, 1, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}), ((1, 2, 9), (3, 2, 3), {"dilations": [2]}),
                        ((1, 8, 5, 5), (16, 8, 1, 1), {}), ((1, 3, 6, 7), (2, 3, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]})):
        for tx, tw in ((U8, U8), (U8, I8), (I8, I8)):
            per = g.pick(0, 1)
            s, z = (scale(g, w[0]), np.zeros(w[0], tw)) if per else (scale(g), point(g, tw))
            if per and tw == U8:
                z = np.full(w[0], 128, U8)
            bias = g.pick(None, g.i(-999, 999, w[0], dtype=I32))
            args = [q(g, tx, *x), scale(g), point(g, tx), q(g, tw, *w), s, z, np.array(0.5, F32), point(g, tx), bias]
            g.case("QLinearConv", args, attrs, opset=10, tol=ONE)
            g.case("QLinearConv", args, attrs, domain=MS, tol=ONE)
            nhwc = [np.ascontiguousarray(np.moveaxis(args[0], 1, -1)), *args[1:]]
            g.case("QLinearConv", nhwc, {**attrs, "channels_last": 1}, domain=MS, tol=ONE)
            g.case("ConvInteger", [args[0], args[3], args[2], g.pick(None, point(g, tw))], attrs, opset=10)


def make_pointwise(g):
    pairs = [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((3, 1, 4), (2, 1)), ((), (3, 2)), ((17,), (17,)), ((40,), (1,)), ((1,), (33,))]
    for t in (I8, U8):
        for a, b in pairs:
            for op in ("QLinearAdd", "QLinearMul"):
                g.case(op, [q(g, t, *a), scale(g), point(g, t), q(g, t, *b), scale(g), point(g, t), np.array(0.1, F32), point(g, t)], domain=MS, tol=ONE)
            g.case("QLinearWhere", [g.b(*g.pick(a, b)), q(g, t, *a), scale(g), point(g, t), q(g, t, *b), scale(g), point(g, t), np.array(0.1, F32), point(g, t)], domain=MS, tol=ONE)
            # Without the last zero point ONNX Runtime reads past its inputs.
            g.case("QLinearSigmoid", [q(g, t, *a), scale(g), point(g, t), np.array(1 / 256, F32), point(g, t)], domain=MS, tol=ONE, const=g.pick((), (1, 2, 3)))
            g.case("QLinearLeakyRelu", [q(g, t, *a), scale(g), point(g, t), scale(g), point(g, t)], {"alpha": g.pick(None, 0.2)}, domain=MS, tol=ONE)
        for shape, axis in (((3, 5), -1), ((2, 3, 4), 1), ((2, 3, 4), 0), ((7,), 0)):
            for opset in (11, 13):
                g.case("QLinearSoftmax", [q(g, t, *shape), scale(g), g.pick(None, point(g, t)), np.array(1 / 256, F32), np.array(0 if t == U8 else -128, t)],
                       {"axis": axis, "opset": opset}, domain=MS, tol=ONE)
        for axis in (0, 1, -1):
            parts = []
            for _ in range(3):
                parts += [q(g, t, 2, 3, 2), scale(g), point(g, t)]
            g.case("QLinearConcat", [np.array(0.1, F32), point(g, t), *parts], {"axis": axis}, domain=MS, tol=ONE)
        g.case("QLinearConcat", [np.array(0.1, F32), point(g, t), q(g, t, 2), np.array(0.1, F32), point(g, t)], {"axis": 0}, domain=MS, tol=ONE)
        for x, attrs in (((1, 2, 7, 7), {"kernel_shape": [3, 3]}), ((2, 3, 8, 6), {"kernel_shape": [2, 3], "strides": [2, 1], "pads": [1, 0, 0, 2]}),
                         ((1, 2, 9), {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}), ((1, 2, 7, 8), {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]})):
            for count in (0, 1):
                for last in (0, 1):
                    v = q(g, t, *x)
                    if last:
                        v = np.ascontiguousarray(np.moveaxis(v, 1, -1))
                    g.case("QLinearAveragePool", [v, scale(g), point(g, t), scale(g), point(g, t)], {**attrs, "count_include_pad": count, "channels_last": last}, domain=MS, tol=ONE)
        for shape in ((2, 3, 4, 5), (1, 2, 6), (1, 7, 3, 3)):
            for last in (0, 1):
                g.case("QLinearGlobalAveragePool", [q(g, t, *shape), scale(g), point(g, t), scale(g), point(g, t)], {"channels_last": last}, domain=MS, tol=ONE)
        for axes in ([1], [0, 2], [-1]):
            g.case("QLinearReduceMean", [q(g, t, 2, 3, 4), scale(g), point(g, t), scale(g), point(g, t)], {"axes": axes, "keepdims": g.pick(0, 1)}, domain=MS, tol=ONE)


def make_recurrent(g):
    for k in range(16):
        direction = ("forward", "reverse", "bidirectional")[k % 3]
        d = 2 if direction == "bidirectional" else 1
        s, b, n, h = (int(g.rng.integers(1, 5)) for _ in range(4))
        t = g.pick(I8, U8)
        per = g.pick(0, 1)
        sw = (d, 4 * h) if per else (d,)
        zero = np.zeros(sw, t) if t == I8 else np.full(sw, 128, U8)
        lens = g.pick(None, np.full(b, s, I32))
        args = [g.f(s, b, n), q(g, t, d, n, 4 * h), q(g, t, d, h, 4 * h), g.pick(None, g.f(d, 8 * h)), lens, g.pick(None, g.f(d, b, h)), g.pick(None, g.f(d, b, h)), g.pick(None, g.f(d, 3 * h)),
                scale(g, *sw) / 16, zero, scale(g, *sw) / 16, zero]
        g.case("DynamicQuantizeLSTM", args, {"hidden_size": h, "direction": direction, "clip": g.pick(None, 0.75)}, nout=3, domain=MS, tol=(5e-3, 5e-3), const=(1, 2, 8, 9, 10, 11))
