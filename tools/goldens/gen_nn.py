"""Products, convolutions, pooling, normalisation, recurrence, resizing, signals."""

import itertools

import numpy as np

from common import BF16, MS

F16, F32, F64 = np.float16, np.float32, np.float64
I32, I64 = np.int32, np.int64


def make_matmul(g):
    shapes = [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 2, 3), (5, 3, 4)), ((5, 2, 3), (3,)),
              ((3,), (5, 3, 2)), ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((1, 17), (17, 33)), ((33, 19), (19, 18)), ((2, 9, 40), (40, 7))]
    for k, (a, b) in enumerate(shapes):
        for t in (F32, F64, [I32, I64, np.uint32, np.uint64, F16, BF16][k % 6]):
            g.case("MatMul", [g.any(t, *a), g.any(t, *b)], opset=g.pick(9, 13), const=g.pick((), (1,)))
    for ta, tb in itertools.product((0, 1), (0, 1)):
        for m, k, n in ((2, 3, 4), (1, 16, 17), (9, 31, 20), (0, 3, 2)):
            a, b = g.f(*((k, m) if ta else (m, k))), g.f(*((n, k) if tb else (k, n)))
            for c in ((m, n), (n,), (m, 1), (1, n), (), None):
                if m == 0 and c == (m, 1):
                    continue
                v = g.pick(7, 9, 11, 13)
                if c is None and v < 11:
                    v = 11
                g.case("Gemm", [a, b, None if c is None else g.f(*c)], {"transA": ta, "transB": tb, "alpha": g.pick(None, 0.5), "beta": g.pick(None, 2.0)},
                       opset=v, const=g.pick((), (1,)))
        a, b = ((3, 2) if ta else (2, 3)), ((4, 3) if tb else (3, 4))
        g.case("Gemm", [g.f(*a), g.f(*b), g.f(4)], {"transA": ta, "transB": tb, "broadcast": 1}, opset=6)
        for t in (F64, F16, I32, I64, BF16):
            g.case("Gemm", [g.any(t, *a), g.any(t, *b), g.any(t, 4)], {"transA": ta, "transB": tb}, opset=13)
        for act, extra in (("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.2}), ("Tanh", {}), ("Sigmoid", {}),
                           ("HardSigmoid", {"activation_alpha": 0.3, "activation_beta": 0.4}), ("Elu", {"activation_alpha": 0.7}), ("Softplus", {})):
            g.case("FusedGemm", [g.f(*a), g.f(*b), g.f(2, 1)], {"transA": ta, "transB": tb, "alpha": 0.5, "beta": 2.0, "activation": act, **extra}, domain=MS)
        for ba, bb in itertools.product((0, 1), (0, 1)):
            sa, sb = ((5, 2, 3) if ba else (2, 5, 3)), ((3, 2, 4) if bb else (2, 3, 4))
            swap = lambda s, t, bt: s if not t else ((s[2], s[1], s[0]) if bt else (s[0], s[2], s[1]))  # noqa: E731
            t = g.pick(F32, F32, F64)
            g.case("FusedMatMul", [g.f(*swap(sa, ta, ba), dtype=t), g.f(*swap(sb, tb, bb), dtype=t)],
                   {"transA": ta, "transB": tb, "transBatchA": ba, "transBatchB": bb, "alpha": g.pick(None, 0.25)}, domain=MS)
        g.case("TransposeMatMul", [g.f(*a), g.f(*b)], {"transA": ta, "transB": tb, "alpha": 2.0}, domain=MS)
    for eq, *sh in (("ij,jk", (2, 3), (3, 4)), ("ii->i", (3, 3)), ("...ij,...jk->...ik", (2, 1, 2, 3), (5, 3, 4)), ("bhid,bhjd->bhij", (2, 3, 4, 5), (2, 3, 6, 5))):
        g.case("Einsum", [g.f(*s) for s in sh], {"equation": eq}, opset=12)


# input, weights, attributes
CONVS = [
    ((1, 3, 7, 7), (4, 3, 3, 3), {}),
    ((2, 3, 8, 6), (5, 3, 3, 2), {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    ((1, 4, 9, 9), (6, 2, 3, 3), {"group": 2, "dilations": [2, 2]}),
    ((1, 6, 8, 8), (6, 1, 3, 3), {"group": 6, "pads": [1, 1, 1, 1]}),
    ((1, 6, 11, 9), (12, 1, 5, 3), {"group": 6, "strides": [2, 2]}),
    ((2, 5, 12), (3, 5, 4), {"strides": [3]}),
    ((1, 2, 5, 6, 4), (3, 2, 2, 3, 2), {"pads": [1, 1, 0, 0, 1, 1]}),
    ((1, 3, 7, 8), (2, 3, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((1, 3, 7, 8), (2, 3, 2, 2), {"auto_pad": "SAME_LOWER"}),
    ((1, 3, 7, 8), (2, 3, 3, 3), {"auto_pad": "VALID"}),
    ((3, 8, 5, 5), (16, 8, 1, 1), {}),
    ((0, 3, 5, 5), (2, 3, 3, 3), {}),
    ((1, 17, 13, 5), (33, 17, 3, 3), {"pads": [1, 1, 1, 1]}),
]


def make_conv(g):
    for x, w, attrs in CONVS:
        for bias in (None, w[0]):
            for t in (F32, F32, F64, F16):
                a = {**attrs, "kernel_shape": g.pick(None, list(w[2:]))}
                g.case("Conv", [g.f(*x, dtype=t), g.f(*w, dtype=t), None if bias is None else g.f(bias, dtype=t)], a, opset=g.pick(1, 11, 22), const=g.pick((), (1,)))
        for act, params in (("Relu", None), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 0.75]), ("HardSigmoid", [0.3, 0.4]), ("Sigmoid", None), ("Tanh", None)):
            g.case("FusedConv", [g.f(*x), g.f(*w), g.pick(None, g.f(w[0]))], {**attrs, "activation": act, "activation_params": params}, domain=MS)
    for act in ("Relu", "Tanh"):
        g.case("FusedConv", [g.f(1, 3, 5, 5), g.f(4, 3, 3, 3), g.f(4), g.f(1, 4, 3, 3)], {"activation": act}, domain=MS)
    for x, w, attrs in [((1, 3, 5, 5), (3, 4, 3, 3), {}), ((2, 4, 4, 5), (4, 2, 3, 2), {"group": 2, "strides": [2, 2]}),
                        ((1, 2, 5, 5), (2, 3, 3, 3), {"strides": [2, 3], "pads": [1, 0, 1, 2], "output_padding": [1, 1]}),
                        ((1, 2, 6), (2, 3, 4), {"strides": [3], "dilations": [2]}), ((1, 2, 3, 3, 3), (2, 2, 2, 2, 2), {"strides": [2, 1, 2]}),
                        ((1, 2, 4, 4), (2, 3, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}), ((1, 2, 4, 4), (2, 3, 3, 3), {"auto_pad": "SAME_LOWER", "strides": [2, 2]}),
                        ((1, 2, 4, 4), (2, 3, 3, 3), {"output_shape": [9, 10], "strides": [2, 2]}), ((1, 3, 4, 4), (3, 1, 3, 3), {"group": 3})]:
        n = w[1] * attrs.get("group", 1)
        for bias in (None, n):
            for t in (F32, F64):
                g.case("ConvTranspose", [g.f(*x, dtype=t), g.f(*w, dtype=t), None if bias is None else g.f(bias, dtype=t)], attrs, opset=g.pick(1, 11, 22))
        if "auto_pad" not in attrs and "output_shape" not in attrs:
            rank = len(x) - 2
            pads = np.array(g.rng.integers(0, 2, 2 * rank), I64)
            dyn = {k: v for k, v in attrs.items() if k != "pads"}
            g.case("ConvTransposeWithDynamicPads", [g.f(*x), g.f(*w), pads, g.pick(None, g.f(n))], dyn, domain=MS)
            g.case("ConvTransposeWithDynamicPads", [g.f(*x), g.f(*w), pads], dyn, domain=MS, const=(2,))


def make_pool(g):
    pools = [((1, 2, 7, 7), {"kernel_shape": [3, 3]}), ((2, 3, 8, 6), {"kernel_shape": [2, 3], "strides": [2, 1], "pads": [1, 0, 0, 2]}),
             ((1, 2, 9), {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}), ((1, 1, 5, 6, 4), {"kernel_shape": [2, 2, 2], "strides": [1, 2, 2]}),
             ((1, 2, 7, 8), {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}), ((1, 2, 7, 8), {"kernel_shape": [2, 2], "auto_pad": "SAME_LOWER"}),
             ((1, 2, 7, 7), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1}), ((1, 2, 9, 9), {"kernel_shape": [2, 2], "dilations": [2, 3]})]
    for shape, attrs in pools:
        new = "ceil_mode" in attrs or "dilations" in attrs
        for t in (F32, F64, np.int8, np.uint8):
            v = g.pick(12, 22) if t in (np.int8, np.uint8) else g.pick(10, 11, 12) if new else g.pick(1, 8, 11)
            g.case("MaxPool", [g.any(t, *shape)], attrs, opset=v)
        g.case("MaxPool", [g.normal(*shape)], {**attrs, "storage_order": g.pick(0, 1) if len(shape) == 4 else None}, nout=2, opset=12)
        for count in (0, 1):
            v = 19 if "dilations" in attrs else g.pick(10, 11, 19, 22) if new else g.pick(7, 11, 22)
            g.case("AveragePool", [g.f(*shape)], {**attrs, "count_include_pad": count}, opset=v)
        if "dilations" not in attrs:
            g.case("AveragePool", [g.f(*shape, dtype=F64)], attrs, opset=22)
        if "ceil_mode" not in attrs and "dilations" not in attrs:
            g.case("LpPool", [g.f(*shape)], {**attrs, "p": g.pick(1, 2, 3)}, opset=g.pick(2, 11, 18))
        if len(shape) == 4:
            nhwc = (shape[0], *shape[2:], shape[1])
            for t in (np.int8, np.uint8):
                g.case("NhwcMaxPool", [g.any(t, *nhwc)], attrs, domain=MS)
    for shape in ((2, 3, 4, 5), (1, 2, 6), (1, 2, 3, 2, 2), (0, 2, 3, 3)):
        for op in ("GlobalAveragePool", "GlobalMaxPool"):
            for t in (F32, F64):
                g.case(op, [g.f(*shape, dtype=t)], opset=g.pick(1, 22))
        g.case("GlobalLpPool", [g.f(*shape)], {"p": g.pick(1, 2)}, opset=2)
    for c in (3, 6):
        for size in (1, 3, 5):
            g.case("LRN", [g.f(2, c, 3, 2)], {"size": size, "alpha": g.pick(None, 0.1), "beta": g.pick(None, 0.5), "bias": g.pick(None, 2.0)}, opset=g.pick(1, 13))


def make_norm(g):
    for shape in ((2, 3, 4, 5), (2, 3), (1, 4, 6), (0, 3, 2), (2, 2, 2, 3, 2)):
        c = shape[1]
        for t in (F32, F64, F16):
            p = [g.f(c, dtype=t), g.f(c, dtype=t), g.f(c, dtype=t), g.f(c, lo=0.25, dtype=t)]
            for v in (7, 9, 14, 15):
                if t == F16 and v < 15:
                    continue
                g.case("BatchNormalization", [g.f(*shape, dtype=t), *p], {"epsilon": g.pick(None, 1e-2)}, opset=v)
            if len(shape) > 2:
                g.case("InstanceNormalization", [g.f(*shape, dtype=t), p[0], p[1]], {"epsilon": g.pick(None, 1e-2)}, opset=g.pick(6, 22))
        if shape[0]:
            g.case("BatchNormalization", [g.f(*shape), g.f(c), g.f(c), g.f(c), g.f(c, lo=0.25)], {"training_mode": 1, "momentum": 0.8}, nout=3, opset=15)
    for shape, axis in (((2, 3, 4), -1), ((2, 3, 4), 1), ((2, 3, 4), 0), ((5,), 0), ((2, 0, 3), -1), ((3, 17), -1), ((1, 2, 64), 2)):
        norm = shape[axis:]
        for t in (F32, F64, F16, BF16):
            for bias in (0, 1):
                g.case("LayerNormalization", [g.f(*shape, dtype=t), g.f(*norm, dtype=t), g.f(*norm, dtype=t) if bias else None],
                       {"axis": axis, "epsilon": g.pick(None, 1e-3)}, nout=1 if t == BF16 else g.pick(1, 3), opset=17)
            g.case("SimplifiedLayerNormalization", [g.f(*shape, dtype=t), g.f(*norm, dtype=t)], {"axis": axis, "epsilon": g.pick(None, 1e-3)}, opset=17)
            g.case("RMSNormalization", [g.f(*shape, dtype=t), g.f(*norm, dtype=t)], {"axis": axis, "epsilon": g.pick(None, 1e-3)}, opset=23)
    for b, s, h in ((2, 3, 8), (1, 1, 16), (2, 2, 5)):
        for t in (F32, F16):
            for k in range(4):
                x, skip = g.f(b, s, h, dtype=t), g.f(*g.pick((b, s, h), (1, s, h), (s, h)), dtype=t)
                gamma, beta, bias = (g.f(h, dtype=t) for _ in range(3))
                outs = [0, 3] if k % 2 else [0]
                g.case("SkipLayerNormalization", [x, skip, gamma, g.pick(None, beta), bias if k > 1 else None], {"epsilon": g.pick(None, 1e-3)}, outs=outs, domain=MS)
                g.case("SkipSimplifiedLayerNormalization", [x, skip, gamma, bias if k > 1 else None], {"epsilon": g.pick(None, 1e-3)}, outs=outs, domain=MS)
    for groups in (1, 2, 4):
        g.case("GroupNormalization", [g.f(2, 4, 3, 2), g.f(4), g.f(4)], {"num_groups": groups, "epsilon": 1e-3}, opset=21)
    for axis, p in ((0, 1), (1, 2), (-1, 2)):
        g.case("LpNormalization", [g.f(3, 4)], {"axis": axis, "p": p}, opset=1)
    g.case("MeanVarianceNormalization", [g.f(2, 3, 4, 5)], {"axes": [0, 2, 3]}, opset=9)


def make_recurrent(g):
    for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        for k, direction in enumerate(("forward", "reverse", "bidirectional") * 4):
            d, s, b, n, h = 2 if direction == "bidirectional" else 1, *[int(g.rng.integers(1, 5)) for _ in range(3)], int(g.rng.integers(1, 6))
            x, w, r = g.f(s, b, n), g.f(d, gates * h, n, lo=-1, hi=1), g.f(d, gates * h, h, lo=-1, hi=1)
            bias = g.pick(None, g.f(d, 2 * gates * h))
            lens = g.pick(None, g.i(1, s + 1, b, dtype=I32))
            if lens is not None and op != "GRU":
                lens[0] = s
            h0 = g.pick(None, g.f(d, b, h))
            attrs = {"hidden_size": h, "direction": direction, "clip": g.pick(None, None, 0.5)}
            args = [x, w, r, bias, lens, h0]
            if op == "LSTM":
                args += [g.f(d, b, h) if h0 is not None else None, g.pick(None, g.f(d, 3 * h))]
                attrs["input_forget"] = g.pick(None, 1) if k > 8 else None
                if k % 4 == 3:
                    attrs["activations"] = ["Sigmoid", "Tanh", "Softsign"] * d
            if op == "GRU":
                attrs["linear_before_reset"] = g.pick(0, 1)
                if k % 4 == 3:
                    attrs.update(activations=["HardSigmoid", "Relu"] * d, activation_alpha=[0.3] * d, activation_beta=[0.4] * d)
            if op == "RNN" and k % 4 == 3:
                attrs.update(activations=["Affine"] * d, activation_alpha=[0.5] * d, activation_beta=[0.1] * d)
            outs = {"LSTM": g.pick([0, 1, 2], [0], [1], [1, 2], [0, 2])}.get(op, g.pick([0, 1], [0], [1]))
            g.case(op, args, attrs, outs=outs, opset=g.pick(7, 14, 22), const=g.pick((), (1, 2)))
            t = g.f(b, s, n)
            if op == "LSTM" and k % 3 == 0:
                g.case(op, [t, w, r, bias], {"hidden_size": h, "direction": direction, "layout": 1}, nout=3, opset=14)
        g.case(op, [g.f(3, 2, 2, dtype=F64), g.f(1, gates * 2, 2, dtype=F64), g.f(1, gates * 2, 2, dtype=F64)], {"hidden_size": 2}, nout=2, opset=14)


def make_resize(g):
    modes = [("nearest", m) for m in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")] + [("linear", None), ("cubic", None)]
    for mode, nearest in modes:
        for coord in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"):
            # By the corners ONNX Runtime takes the whole length of the result, the
            # standard's own cases the length before it is cut off.
            odd = [[1, 1, 0.5, 2], [1, 1, 1.75, 1]] if coord == "align_corners" else [[1, 1, 0.625, 1.75], [1, 1, 1.5, 0.5]]
            for scales in ([1, 1, 2, 2], *odd):
                attrs = {"mode": mode, "nearest_mode": nearest, "coordinate_transformation_mode": coord}
                if mode == "cubic":
                    attrs.update(cubic_coeff_a=g.pick(None, -0.5), exclude_outside=g.pick(None, 1))
                v = 19 if coord == "half_pixel_symmetric" else g.pick(11, 13, 18, 19)
                x = g.f(1, 2, 4, 5)
                g.case("Resize", [x, np.zeros(0, F32) if v < 13 else None, np.array(scales, F32)], attrs, opset=v, const=g.pick((), (2,)))
            size = np.array([1, 2, *g.pick((7, 3), (8, 10), (2, 2))], I64)
            g.case("Resize", [g.f(1, 2, 4, 5), np.zeros(0, F32) if v < 13 else None, np.zeros(0, F32) if v < 13 else None, size], attrs, opset=v)
    g.case("Resize", [g.f(1, 1, 4, 4), None, np.array([1, 1, 0.625, 1.5], F32)], {"mode": "linear", "coordinate_transformation_mode": "align_corners"}, opset=13)
    for policy in ("stretch", "not_larger", "not_smaller"):
        for anti in (0, 1):
            g.case("Resize", [g.f(1, 1, 6, 8), None, None, np.array([3, 5], I64)], {"mode": "linear", "antialias": anti, "axes": [2, 3], "keep_aspect_ratio_policy": policy}, opset=g.pick(18, 19))
    for t in (np.uint8, np.int8, I32, F64):
        g.case("Resize", [g.any(t, 1, 1, 3, 3), None, np.array([1, 1, 2, 2], F32)], {"mode": "nearest"}, opset=13)
        g.case("Resize", [g.any(t, 1, 1, 3, 3), None, np.array([1, 1, 2, 2], F32)], {"mode": "linear"}, opset=13, tol=(1e-4, 1) if t in (np.uint8, np.int8, I32) else None)
    g.case("Resize", [g.f(1, 1, 4, 4), np.array([0, 0, 0.2, 0.3, 1, 1, 0.8, 0.9], F32), None, np.array([1, 1, 3, 3], I64)],
           {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 5.0}, opset=13)
    for mode in ("nearest", "linear"):
        for scales in ([1, 1, 2, 2], [1, 1, 1.5, 2]):
            g.case("Upsample", [g.f(1, 2, 3, 4)], {"mode": mode, "scales": [float(s) for s in scales]}, opset=7)
            g.case("Upsample", [g.f(1, 2, 3, 4), np.array(scales, F32)], {"mode": mode}, opset=9)
            g.case("Resize", [g.f(1, 2, 3, 4), np.array(scales, F32)], {"mode": mode}, opset=10)
    for mode in ("bilinear", "nearest", "bicubic"):
        for pad in ("zeros", "border", "reflection"):
            for align in (0, 1):
                x, grid = g.f(1, 2, 4, 5), g.f(1, 3, 2, 2, lo=-1.25, hi=1.25)
                g.case("GridSample", [x, grid], {"mode": mode, "padding_mode": pad, "align_corners": align}, opset=16)
                g.case("GridSample", [x, grid], {"mode": mode, "padding_mode": pad, "align_corners": align}, domain=MS)
                new = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
                g.case("GridSample", [x, grid], {"mode": new, "padding_mode": pad, "align_corners": align}, opset=20)
    for mode in ("bilinear", "nearest"):
        for size in ((3, 4), (1, 1), (6, 2)):
            rois = np.array([[0, 0, 1, 1], [0.21, 0.33, 0.7, 0.87], [-0.2, 0.12, 1.2, 0.53], [0.8, 0.87, 0.11, 0.23]], F32)
            g.case("CropAndResize", [g.f(2, 3, 5, 6), rois, np.array([0, 1, 1, 0], I32), np.array(size, I32)], {"mode": mode, "extrapolation_value": g.pick(None, 2.5)}, domain=MS)
    for k in range(12):
        n, c, box = int(g.rng.integers(1, 9)), int(g.rng.integers(1, 4)), k % 2
        a = np.sort(g.rng.random((2, n, 2, 2)).astype(F32), 2)
        boxes = np.concatenate([a[:, :, 0], a[:, :, 1]], -1)
        if box:
            boxes = np.concatenate([(a[:, :, 0] + a[:, :, 1]) / 2, a[:, :, 1] - a[:, :, 0]], -1)
        opt = [np.array(g.pick(0, 1, 2, 99), I64), np.array(g.pick(0.2, 0.5, 0.9), F32), np.array(0.3, F32)][: k % 4]
        g.case("NonMaxSuppression", [boxes.astype(F32), g.rng.random((2, c, n)).astype(F32), *opt], {"center_point_box": box}, opset=g.pick(10, 11))


def make_signal(g):
    for op in ("HannWindow", "HammingWindow", "BlackmanWindow"):
        for n in (1, 2, 7, 10):
            for periodic in (0, 1):
                g.case(op, [np.array(n, g.pick(I32, I64))], {"periodic": periodic, "output_datatype": g.pick(None, 1, 11)}, opset=17, tol=(1e-5, 1e-6))
    for bins, n, rate in ((8, 16, 8000), (4, 33, 16000), (5, 64, 44100)):
        g.case("MelWeightMatrix", [np.array(bins, I64), np.array(n, I64), np.array(rate, I64), np.array(0.0, F32), np.array(rate / 2, F32)], opset=17)
        g.case("MelWeightMatrix", [np.array(bins, I32), np.array(n, I32), np.array(rate, I32), np.array(100.0, F32), np.array(rate / 3, F32)], opset=17)
    for t in (F32, F64):
        for length, step in ((8, 4), (5, 2), (16, 16)):
            x = g.f(2, 40, 1, dtype=t)
            tol = (1e-3, 1e-4) if t == F32 else (1e-6, 1e-6)
            g.case("STFT", [x, np.array(step, I64), g.f(length, dtype=t)], {"onesided": 1}, opset=17, tol=tol)
            g.case("STFT", [x, np.array(step, I64), None, np.array(length, I64)], {"onesided": 0}, opset=17, tol=tol)
            g.case("STFT", [x, np.array(step, I64), g.f(length, dtype=t), np.array(length, I64)], opset=17, tol=tol)
            for inverse in (0, 1):
                g.case("DFT", [g.f(2, length, 2, dtype=t)], {"axis": 1, "inverse": inverse}, opset=17, tol=tol)
                g.case("DFT", [g.f(2, length, 3, 2, dtype=t), None, np.array(1, I64)], {"inverse": inverse}, opset=20, tol=tol)
            g.case("DFT", [g.f(2, length, 1, dtype=t), np.array(7, I64)], {"axis": 1, "onesided": 1}, opset=17, tol=tol)
