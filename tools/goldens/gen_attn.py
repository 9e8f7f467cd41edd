"""Attention, rotary embeddings, embedding normalisation, linear attention."""

import itertools

import numpy as np

from common import BF16, MS, elem

F16, F32, F64 = np.float16, np.float32, np.float64
I32, I64 = np.int32, np.int64


def bits(g, *shape):
    """A mask that leaves the first key of every row."""
    m = g.i(0, 2, *shape, dtype=I32)
    m[..., 0] = 1
    return m


def i4(*a):
    return np.array(a, I32)


def make_standard(g):
    for k in range(60):
        b, kv, s, t, d, dv = (int(g.rng.integers(1, m)) for m in (3, 3, 5, 6, 9, 9))
        n = kv * int(g.rng.integers(1, 3))
        dt = (F32, F32, F16, F32, F64, BF16)[k % 6]
        attrs = {"is_causal": g.pick(None, 1), "scale": g.pick(None, 0.3), "softcap": g.pick(None, None, 1.5)}
        if k % 2:
            args = [g.f(b, s, n * d, dtype=dt), g.f(b, t, kv * d, dtype=dt), g.f(b, t, kv * dv, dtype=dt)]
            attrs.update(q_num_heads=n, kv_num_heads=kv)
        else:
            args = [g.f(b, n, s, d, dtype=dt), g.f(b, kv, t, d, dtype=dt), g.f(b, kv, t, dv, dtype=dt)]
        total, past = t, (None, None)
        if k % 5 == 0:
            past, total = (g.f(b, kv, 2, d, dtype=dt), g.f(b, kv, 2, dv, dtype=dt)), t + 2
        mask = g.pick(None, g.f(s, total, dtype=dt), g.f(b, 1, s, total, dtype=dt), bits(g, n, s, total).astype(bool), bits(g, s, total).astype(bool))
        outs = g.pick([0], [0, 1, 2]) if past[0] is not None else g.pick([0], [0, 3])
        if 3 in outs:
            attrs["qk_matmul_output_mode"] = g.pick(0, 1, 2, 3)
        extra = [g.i(1, total + 1, b)] if k % 7 == 6 and past[0] is None else []
        g.case("Attention", [*args, mask, *past, *extra], attrs, outs=outs, opset=24 if extra else g.pick(23, 24), tol=(2e-2, 5e-2) if dt == BF16 else (1e-5, 1e-6) if dt == F64 else None)


def make_rotary(g):
    top = 16
    for inter, pos in itertools.product((0, 1), (g.i(3, 4, 1), g.i(0, 8, 2, 4))):
        for t in (F32, F16):
            cs = lambda n: (g.f(top, n, dtype=t), g.f(top, n, dtype=t))  # noqa: E731
            g.case("RotaryEmbedding", [g.f(2, 4, 24, dtype=t), pos, *cs(4)], {"interleaved": inter}, domain=MS)
            g.case("RotaryEmbedding", [g.f(2, 3, 4, 8, dtype=t), pos, *cs(4)], {"interleaved": inter}, domain=MS)
            g.case("RotaryEmbedding", [g.f(2, 4, 24, dtype=t), pos, *cs(2)], {"interleaved": inter, "num_heads": 3, "rotary_embedding_dim": 4}, domain=MS)
    for inter in (0, 1):
        for t in (F32, F16, BF16):
            pos = g.i(0, top, 2, 4)
            g.case("RotaryEmbedding", [g.f(2, 3, 4, 8, dtype=t), g.f(top, 4, dtype=t), g.f(top, 4, dtype=t), pos], {"interleaved": inter}, opset=23)
            g.case("RotaryEmbedding", [g.f(2, 4, 24, dtype=t), g.f(top, 4, dtype=t), g.f(top, 4, dtype=t), pos], {"interleaved": inter, "num_heads": 3}, opset=23)
            g.case("RotaryEmbedding", [g.f(2, 3, 4, 8, dtype=t), g.f(2, 4, 4, dtype=t), g.f(2, 4, 4, dtype=t)], {"interleaved": inter}, opset=23)
            g.case("RotaryEmbedding", [g.f(2, 3, 4, 8, dtype=t), g.f(top, 2, dtype=t), g.f(top, 2, dtype=t), pos], {"interleaved": inter, "rotary_embedding_dim": 4}, opset=23)


def make_attention(g):
    b, s, d, n, h, t2 = 2, 3, 5, 2, 4, 4
    w = n * h
    masks = lambda t: [None, i4(t, t - 1), i4(t, t - 1, 0, 1), bits(g, b, t), bits(g, b, s, t), np.ones((b, 1), I32)]  # noqa: E731
    for p, uni in itertools.product((None, 2), (0, 1)):
        t = s + (p or 0)
        for m in masks(t):
            past = None if p is None else g.f(2, b, n, p, h)
            bias = g.f(g.pick(1, b), g.pick(1, n), s, t) if g.pick(0, 1) else None
            g.case("Attention", [g.f(b, s, d), g.f(d, 3 * w), g.f(3 * w), m, past, bias], {"num_heads": n, "unidirectional": uni, "mask_filter_value": -2.0, "scale": g.pick(None, 0.3)},
                   nout=1 if p is None else 2, domain=MS, const=g.pick((), (1, 2)))
    g.case("Attention", [g.f(b, s, d), g.f(d, 2 * w + 6), g.f(2 * w + 6)], {"num_heads": n, "qkv_hidden_sizes": [w, w, 6]}, domain=MS)
    g.case("Attention", [g.f(b, s, d), g.f(d, 3 * w)], {"num_heads": n}, nout=2, domain=MS)
    for p, uni in itertools.product((None, 2), (0, 1)):
        t = t2 + (p or 0)
        for m in (None, i4(t, t - 1), bits(g, b, t), bits(g, b, s, t)):
            for dt in (F32, F16):
                past = (None, None) if p is None else (g.f(b, n, p, h, dtype=dt), g.f(b, n, p, h, dtype=dt))
                g.case("MultiHeadAttention", [g.f(b, s, w, dtype=dt), g.f(b, t2, w, dtype=dt), g.f(b, t2, w, dtype=dt), g.f(3 * w, dtype=dt) if uni else None, m, g.f(1, n, s, t, dtype=dt) if uni else None, *past],
                       {"num_heads": n, "unidirectional": uni}, nout=4, domain=MS, types={3: elem(np.zeros(0, dt))})
    g.case("MultiHeadAttention", [g.f(b, s, w), g.f(b, t2, w), g.f(b, t2, 6)], {"num_heads": n, "scale": 0.7}, domain=MS)
    g.case("MultiHeadAttention", [g.f(b, s, w), g.f(b, n, t2, h), g.f(b, n, t2, h), g.f(3 * w)], {"num_heads": n}, domain=MS)
    g.case("MultiHeadAttention", [g.f(b, 1, w), g.f(b, 1, w), g.f(b, 1, w), None, None, None, g.f(b, n, 6, h), g.f(b, n, 6, h), i4(3)], {"num_heads": n}, nout=3, domain=MS)
    for m, bias, beams in ((None, None, 0), (bits(g, b, 4), g.f(3 * w), 0), (bits(g, b, 4), None, 1)):
        g.case("DecoderMaskedMultiHeadAttention",
               [g.f(b, 1, w), g.f(b, 1, w), g.f(b, 1, w), m, g.f(1, n, 1, 4) if beams else None, g.f(b, n, 6, h), g.f(b, n, 6, h), i4(3), i4(2) if beams else None,
                g.i(0, 2, 1, 2, 6, dtype=I32) if beams else None, bias], {"num_heads": n, "past_present_share_buffer": 1, "output_qk": 1}, nout=4, domain=MS, types={3: 1})
    g.case("DecoderMaskedMultiHeadAttention", [g.f(b, 1, w), g.f(b, n, t2, h), g.f(b, n, t2, h), bits(g, b, t2)], {"num_heads": n}, domain=MS)
    for wt, p, col in itertools.product((np.uint8, np.int8), (None, 2), (0, 1)):
        wq = g.i(0, 100, d, 3 * w).astype(wt)
        scale = g.f(3 * w, lo=0.1) / 256 if col else np.array(0.01, F32)
        zero = g.i(0, 50, 3 * w).astype(wt) if col else np.array(3, wt)
        g.case("QAttention", [g.i(0, 100, b, s, d).astype(np.uint8), wq, g.f(3 * w), np.array(0.02, F32), scale, bits(g, b, s + (p or 0)), np.array(50, np.uint8), zero, None if p is None else g.f(2, b, n, p, h)],
               {"num_heads": n, "unidirectional": 1 if p else 0}, nout=2, domain=MS, tol=(1e-3, 1e-3))


def make_group_query(g):
    h, top = 16, 16
    options = [{}, {"local_window_size": 3}, {"softcap": 1.5}, {"smooth_softmax": 1}, {"scale": 0.2}, {"causal": 0}]
    modes = {"prompt": (1, 4, 0, [3]), "decode": (2, 1, 4, [4, 4]), "buffer": (2, 1, 6, [3, 4]), "several": (1, 3, 4, [6]), "first": (2, 1, 0, [0, 0])}
    k = 0
    for (n, kv), o, mode in itertools.product(((4, 2), (3, 1)), options, modes):
        b, s, p, lens = modes[mode]
        k += 1
        packed, rot, extra = k % 3 == 0, k % 2, k % 5 == 0
        total = max(lens) + 1
        attrs = {"num_heads": n, "kv_num_heads": kv, **o}
        if rot:
            attrs.update(do_rotary=1, rotary_interleaved=k // 2 % 2)
        dt = F16 if k % 4 == 1 else F32
        f = lambda *shape: g.f(*shape, dtype=dt)  # noqa: E731
        args = [f(b, s, (n + 2 * kv) * h), None, None] if packed else [f(b, s, n * h), f(b, s, kv * h), f(b, s, kv * h)]
        args += [f(b, kv, p, h), f(b, kv, p, h)] if p else [None, None]
        args += [i4(*lens), np.array(total, I32)] + ([f(top, h // 2), f(top, h // 2)] if rot else [None, None])
        args += [None, f(1, n, s, total), f(n)] if extra else []
        g.case("GroupQueryAttention", args, attrs, nout=3, domain=MS, tol=(1e-2, 1e-2) if dt == F16 else None)


def make_embed(g):
    b, s, w, p, seg, h = 2, 3, 7, 5, 2, 4
    ids = lambda n: g.i(0, n, b, s, dtype=I32)  # noqa: E731
    for has, mask, pos in itertools.product((0, 1), (None, 1), (None, 0, 1)):
        q = None if pos is None else ids(p)[: b if pos == 0 else 1]
        m = None if mask is None else bits(g, b, s)
        for dt in (F32, F16):
            g.case("EmbedLayerNormalization", [ids(w), ids(seg) if has else None, g.f(w, h, dtype=dt), g.f(p, h, dtype=dt), g.f(seg, h, dtype=dt) if has else None, g.f(h, dtype=dt), g.f(h, dtype=dt), m, q],
                   {"epsilon": g.pick(None, 1e-5), "mask_index_type": g.pick(None, 0, 1)}, outs=g.pick([0, 1, 2], [0, 1]), domain=MS)
    for t, has in itertools.product((np.uint8, np.int8), (0, 1)):
        q = lambda *shape: g.i(0, 100, *shape).astype(t)  # noqa: E731
        scales = [np.array(g.rng.integers(1, 9) / 64, F32) if k != 2 or has else None for k in range(5)]
        zeros = [np.array(g.rng.integers(0, 50), t) if k != 2 or has else None for k in range(5)]
        g.case("QEmbedLayerNormalization", [ids(w), ids(seg) if has else None, q(w, h), q(p, h), q(seg, h) if has else None, q(h), q(h), bits(g, b, s), *scales, *zeros],
               {"epsilon": 1e-5}, nout=2, domain=MS, tol=(1e-3, 1e-3))


def make_linear(g):
    for rule, (hq, hk), per in itertools.product(("linear", "gated", "delta", "gated_delta"), ((4, 2), (2, 4)), (0, 1)):
        t, dk, dv = 3 - 2 * per, 3, 5
        decay = -abs(g.f(2, t, hk * (dk if per else 1))) if "gated" in rule else None
        beta = g.f(2, t, hk if per else 1, lo=0, hi=1) if "delta" in rule else None
        g.case("LinearAttention", [g.f(2, t, hq * dk), g.f(2, t, hk * dk), g.f(2, t, hk * dv), g.f(2, hk, dk, dv) if per else None, decay, beta],
               {"q_num_heads": hq, "kv_num_heads": hk, "update_rule": rule}, nout=2, domain=MS, tol=(1e-3, 1e-3))
    for k, act in itertools.product((2, 3, 4), ("none", "silu")):
        for has in (0, 1):
            g.case("CausalConvWithState", [g.f(2, 3, 5), g.f(3, 1, k), g.f(3) if has else None, g.f(2, 3, k - 1) if has else None], {"activation": act}, nout=2, domain=MS)
    for n in (1, 2, 4):
        g.case("BranchwiseRMSNorm", [g.f(2, 3, 8), g.pick(None, g.f(8))], {"num_branches": n, "epsilon": 1e-3}, domain=MS)
    for act in (None, "silu", "sigmoid"):
        g.case("GatedRMSNorm", [g.f(2, 3, 8), g.f(8), g.f(2, 3, 8)], {"activation": act}, domain=MS)
