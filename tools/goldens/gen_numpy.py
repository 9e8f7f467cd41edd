"""Operators without a CPU kernel in ONNX Runtime, from numpy_forms."""

import itertools

import numpy as np

import numpy_forms as form
from common import MS

F16, F32, F64 = np.float16, np.float32, np.float64
I8, U8, I32, I64 = np.int8, np.uint8, np.int32, np.int64


def make_packed(g):
    n, h, s = 2, 4, 4
    d, lens, tokens = n * h, [1, 2, 4], 7
    cum = np.array([0, 1, 3, 7], I32)
    offset = np.array([0, 4, 5, 8, 9, 10, 11, 1, 2, 3, 6, 7], I32).reshape(3, 4)
    for bias in (None, g.f(3, n, s, s), g.f(1, 1, s, s)):
        for dv in (d, 6):
            x, w, b = g.f(tokens, 5), g.f(5, 2 * d + dv), g.f(2 * d + dv)
            y = x.astype(F64) @ w + b
            want = form.packed_attention(y[:, :d], y[:, d:2 * d], y[:, 2 * d:], lens, n, bias)
            g.case("PackedAttention", [x, w, b, offset, cum, bias], {"num_heads": n, "qkv_hidden_sizes": [d, d, dv]}, domain=MS, want=[want.astype(F32)])
        q, k, v, b = g.f(tokens, d), g.f(tokens, d), g.f(tokens, 6), g.f(2 * d + 6)
        want = form.packed_attention(q + b[:d], k + b[d:2 * d], v + b[2 * d:], lens, n, bias, 0.5)
        g.case("PackedMultiHeadAttention", [q, k, v, b, offset, cum, bias], {"num_heads": n, "scale": 0.5}, domain=MS, want=[want.astype(F32)])
        x = g.f(tokens, n, 3, h)
        want = form.packed_attention(*[x[:, :, i].reshape(tokens, d) for i in range(3)], lens, n, bias)
        g.case("PackedMultiHeadAttention", [x, None, None, None, offset, cum, bias], {"num_heads": n}, domain=MS, want=[want.astype(F32)])
    for both, (count, far), (queries, keys) in itertools.product((0, 1), ((32, 128), (8, 20)), ((40, 40), (3, 30))):
        if not both and queries != keys:
            continue
        t = g.f(count, n)
        want = form.relative_position_bias(t, queries, keys, both, far)
        g.case("RelativePositionBias", [t, np.array([queries], I64), np.array([keys], I64)], {"max_distance": far, "is_bidirectional": both}, domain=MS, want=[want])
    for b in (1, 2):
        args = [g.f(b, s, d), g.f(d), g.f(1, n, s, s), g.f(h, 6), g.f(6), g.f(1, n, 1, 1)]
        want = form.gated_relative_position_bias(*args, n)
        g.case("GatedRelativePositionBias", args, {"num_heads": n}, domain=MS, want=[want.astype(F32)])
    for batch, queries, t in ((2, 1, F32), (1, 1, F32)):
        w, past, most = 3 * d, 3, 6
        x, weights, b, cache = g.f(batch, queries, 5), g.f(5, w), g.f(w), g.f(2, batch, n, most, h)
        y = (x.astype(F64) @ weights + b).reshape(batch, 3, n, h)
        present = cache.copy()
        present[0][:, :, past], present[1][:, :, past] = y[:, 1], y[:, 2]
        out = np.array([[form.attend(y[i, 0, j:j + 1], present[0, i, j, :past + 1].astype(F64), present[1, i, j, :past + 1].astype(F64))[0] for j in range(n)] for i in range(batch)])
        g.case("DecoderMaskedSelfAttention", [x, weights, b, None, cache, None, np.array([past], I32)], {"num_heads": n, "past_present_share_buffer": 1}, nout=2, domain=MS,
               want=[out.reshape(batch, 1, d).astype(t), present])


def make_bias(g):
    for t in (F32, F64, F16):
        for shape, bias, axis, inner in (((2, 3, 4), (2, 1, 4), 2, 1), ((2, 3, 4), (3, 4), 2, 0), ((4, 2, 3, 5), (1, 1, 1, 5), 3, 1), ((2, 3, 4), (2, 3, 4), -1, 1)):
            x, b = g.f(*shape, dtype=t), g.f(*bias, dtype=t)
            g.case("BiasSoftmax", [x, b], {"axis": axis, "is_inner_broadcast": inner}, domain=MS, want=[form.bias_softmax(x, b, axis, inner).astype(t)])
    for t in (F32, F16):
        for c in (320, 640):
            x, b, skip = g.f(1, 2, c, dtype=t), g.f(c, dtype=t), g.f(1, 2, c, dtype=t)
            want = x.astype(F64) + b + skip
            g.case("BiasAdd", [x, b, skip], domain=MS, want=[want.astype(t)])
        for c in (8, 2560):
            x, b = g.f(1, 2, c, dtype=t), g.f(c, dtype=t)
            g.case("BiasSplitGelu", [x, b], domain=MS, want=[form.bias_split_gelu(x, b).astype(t)])
        for groups, silu, last in ((1, 0, 1), (4, 1, 1), (2, 1, 1)):
            x, gamma, beta = g.f(2, 3, 2, 8, dtype=t), g.f(8), g.f(8)
            attrs = {"groups": groups, "activation": silu, "channels_last": last, "epsilon": 1e-3}
            g.case("GroupNorm", [x, gamma, beta], attrs, domain=MS, want=[form.group_norm(x, gamma, beta, groups, 1e-3, silu, last).astype(t)])
            skip, b = g.f(2, 3, 2, 8, dtype=t), g.pick(None, g.f(8, dtype=t))
            total = (x.astype(F64) + skip + (0 if b is None else b)).astype(t)
            g.case("SkipGroupNorm", [x, gamma, beta, skip, b], attrs, nout=2, domain=MS, want=[form.group_norm(total, gamma, beta, groups, 1e-3, silu, last).astype(t), total])


def make_dropout(g):
    for t in (F32, F64, F16):
        for shape in ((3, 4), (2, 5, 7), (33,)):
            x, b, r = g.f(*shape, dtype=t), g.f(shape[-1], dtype=t), g.f(*shape, dtype=t)
            n = int(np.prod(shape))
            ratio = np.array(0.4, F32)
            g.case("BitmaskDropout", [x, ratio], nout=2, domain=MS, want=[x, form.bitmask(n)])
            g.case("BitmaskDropout", [x], domain=MS, want=[x])
            for skip in (None, r):
                y = (x.astype(F64) + b + (0 if skip is None else skip)).astype(t)
                g.case("BiasDropout", [x, b, skip, ratio], nout=2, domain=MS, want=[y, np.ones(shape, bool)])
                g.case("BitmaskBiasDropout", [x, b, skip, ratio], nout=2, domain=MS, want=[y, form.bitmask(n)])


def make_product(g):
    for t in (F32, F16):
        for x, w, pads, strides, dil, group in (((1, 3, 6, 6), (4, 3, 3, 3), [0, 0, 0, 0], [1, 1], [1, 1], 1), ((2, 4, 7, 5), (6, 2, 3, 2), [1, 0, 2, 1], [2, 1], [1, 1], 2),
                                                ((1, 4, 8, 8), (4, 1, 3, 3), [1, 1, 1, 1], [1, 1], [2, 2], 4)):
            a, k, b = g.f(*x, dtype=t), g.f(*w, dtype=t), g.pick(None, g.f(w[0], dtype=t))
            y = np.moveaxis(form.conv(a, k, b, pads, strides, dil, group), 1, -1)
            last = np.ascontiguousarray(np.moveaxis(a, 1, -1))
            # As ONNX Runtime's own converter writes it; the documentation says channels first.
            weights = np.ascontiguousarray(np.moveaxis(k, 1, -1))
            attrs = {"pads": pads, "strides": strides, "dilations": dil, "group": group}
            g.case("NhwcConv", [last, weights, b], attrs, domain=MS, want=[y.astype(t)])
            for act in ("Relu", "Sigmoid", "Tanh"):
                g.case("NhwcFusedConv", [last, k, b], {**attrs, "activation": act}, domain=MS, want=[form.ACTIVATIONS[act](y).astype(t)])
    for act, ta, tb in itertools.product(("Relu", "Sigmoid", "Tanh"), (0, 1), (0, 1)):
        a, b = g.f(*((3, 2) if ta else (2, 3))), g.f(*((4, 3) if tb else (3, 4)))
        y = 0.5 * ((a.T if ta else a).astype(F64) @ (b.T if tb else b))
        g.case("FusedMatMulActivation", [a, b], {"activation": act, "transA": ta, "transB": tb, "alpha": 0.5}, domain=MS, want=[form.ACTIVATIONS[act](y).astype(F32)])
    for t in (I8, U8):
        for a, b in (((2, 3), (3,)), ((4,), (4,)), ((), (2, 2)), ((0, 2), (2,))):
            x, y, za, zb = g.any(t, *a), g.any(t, *b), g.any(t), g.any(t)
            g.case("MulInteger", [x, za, y, zb], domain=MS, want=[(x.astype(I32) - za.astype(I32)) * (y.astype(I32) - zb.astype(I32))])
        for axes, keep in (([1], 1), ([0, 2], 0), ([-1], 1)):
            x = g.any(t, 2, 3, 4)
            out = I32 if t == I8 else np.uint32
            g.case("ReduceSumInteger", [x], {"axes": axes, "keepdims": keep}, domain=MS, want=[x.astype(I64).sum(tuple(axes), keepdims=bool(keep)).astype(out)])
            xs, ys, xz, yz = np.array(0.03, F32), np.array(0.02, F32), g.any(t), g.any(t)
            x = g.i(*((-128, 128) if t == I8 else (0, 256)), 2, 3, 4).astype(t)
            g.case("QLinearReduceMean", [x, xs, xz, ys, yz], {"axes": axes, "keepdims": keep}, domain=MS, tol=(0, 1),
                   want=[form.linear_reduce_mean(x, xs, xz, ys, yz, axes, keep)])
