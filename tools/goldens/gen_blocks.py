"""Weights quantised by blocks, and mixtures of experts."""

import numpy as np

from common import BF16, INT4, MS, UINT4

F16, F32, F64 = np.float16, np.float32, np.float64
U8, I32, I64 = np.uint8, np.int32, np.int64


def make_nbits(g):
    for bits in (2, 4, 8):
        for n, k, block, rows in ((3, 32, 16, (2,)), (5, 64, 32, (1,)), (4, 40, 16, (2, 3)), (7, 128, 64, (1,)), (8, 33, 16, (3,)), (16, 64, 16, (0,))):
            blocks = -(-k // block)
            for zero in (None, "packed", "float"):
                for t in (F32, F16):
                    b = g.i(0, 256, n, blocks, block * bits // 8).astype(U8)
                    scales = g.f(n, blocks, dtype=t, lo=0.0, hi=0.5)
                    z = None
                    if zero == "packed":
                        z = g.i(0, 256, n, -(-blocks * bits // 8)).astype(U8)
                    elif zero == "float":
                        z = g.f(n, blocks, dtype=t, lo=0, hi=6)
                    bias = g.pick(None, None, g.f(n, dtype=t))
                    g.case("MatMulNBits", [g.f(*rows, k, dtype=t), b, scales, z, None, bias], {"K": k, "N": n, "bits": bits, "block_size": block, "accuracy_level": g.pick(None, 0, 1)},
                           domain=MS, tol=(1e-3, 1e-3) if t == F32 else (1e-2, 0.25), const=(1, 2) + ((3,) if z is not None else ()) if g.pick(0, 1) else ())
    for kind in (0, 1):
        for n, k, block in ((3, 32, 16), (5, 64, 32), (2, 48, 16)):
            b = g.i(0, 256, (n * k + 1) // 2).astype(U8)
            g.case("MatMulBnb4", [g.f(2, k), b, g.f(-(-n * k // block), lo=0.1)], {"K": k, "N": n, "block_size": block, "quant_type": kind}, domain=MS)
    for t in (U8, INT4, UINT4):
        for bits in (4, 8) if t == U8 else (4,):
            for axis, quant in ((0, 1), (0, -1), (1, 0) if t != U8 else (0, 1)):
                for dt in (F32, F16, BF16):
                    per = 2 if t == U8 and bits == 4 else 1
                    shape = (5, 32 // per) if quant else (32, 6)
                    data = g.i(0, 256, *shape).astype(U8) if t == U8 else g.i(0, 8, *shape).astype(t)
                    ss = (5, 2) if quant else (2, 6)
                    zs = (5, 2 // per) if quant else ss
                    zero = g.pick(None, g.i(0, 256, *zs).astype(U8) if t == U8 else g.i(0, 8, *zs).astype(t))
                    n = data.shape[axis] if not per == 2 or axis == 0 else 32
                    g.case("GatherBlockQuantized", [data, g.i(-n, n, *g.pick((3,), (2, 2), ()), dtype=g.pick(I32, I64)), g.f(*ss, dtype=dt, lo=0.1), zero],
                           {"gather_axis": axis, "quantize_axis": quant, "block_size": 16, "bits": bits if t == U8 else None}, domain=MS)


def make_moe(g):
    for k in range(24):
        rows, h, inner, experts = int(g.rng.integers(1, 5)), 4, 6, 4
        act = g.pick("relu", "gelu", "silu", "identity", "swiglu")
        fused = 2 if act == "swiglu" else 1
        t = g.pick(F32, F32, F16)
        args = [g.f(rows, h, dtype=t), g.normal(rows, experts, dtype=t), g.f(experts, fused * inner, h, dtype=t), g.pick(None, g.f(experts, fused * inner, dtype=t)),
                g.f(experts, h, inner, dtype=t), g.pick(None, g.f(experts, h, dtype=t))]
        attrs = {"activation_type": act, "k": int(g.rng.integers(1, 4)), "normalize_routing_weights": g.pick(0, 1)}
        if act == "swiglu":
            attrs.update(swiglu_fusion=1, activation_alpha=g.pick(None, 1.702), activation_beta=g.pick(None, 1.0), swiglu_limit=g.pick(None, 2.0))
        g.case("MoE", args, attrs, domain=MS, tol=(1e-3, 1e-3) if t == F32 else (2e-2, 0.1))
    for k in range(24):
        rows, h, inner, experts, bits = int(g.rng.integers(1, 5)), 16, 32, 4, g.pick(4, 8)
        act = g.pick("relu", "gelu", "silu", "identity", "swiglu")
        fused = 2 if act == "swiglu" else 1
        t = F32
        per = 8 // bits
        block = g.pick(None, 16)
        s1 = (experts, fused * inner) + ((h // 16,) if block else ())
        s2 = (experts, h) + ((inner // 16,) if block else ())
        args = [g.f(rows, h, dtype=t), g.normal(rows, experts, dtype=t), g.i(0, 256, experts, fused * inner, h // per).astype(U8), g.f(*s1, dtype=t, lo=0, hi=0.125),
                g.pick(None, g.f(experts, fused * inner, dtype=t)), g.i(0, 256, experts, h, inner // per).astype(U8), g.f(*s2, dtype=t, lo=0, hi=0.125), g.pick(None, g.f(experts, h, dtype=t))]
        attrs = {"activation_type": act, "k": int(g.rng.integers(1, 4)), "normalize_routing_weights": g.pick(0, 1), "expert_weight_bits": bits, "block_size": block}
        if act == "swiglu":
            attrs.update(swiglu_fusion=1, activation_alpha=g.pick(None, 1.702), activation_beta=g.pick(None, 1.0))
        g.case("QMoE", args, attrs, domain=MS, tol=(1e-2, 1e-2))


def make_fpq4(g):
    """Blobs of blocks of 32 values: a scale, a zero point where kind is 1, 16 bytes."""
    for kind in (0, 1):
        for rows, k, n in ((1, 32, 3), (3, 64, 5), (2, 48, 4)):
            blocks = -(-k // 32)
            size = 21 if kind else 20
            blob = g.i(0, 256, n, blocks, size).astype(U8)
            scale = np.ascontiguousarray(g.f(n, blocks, lo=0.1))
            blob[..., :4] = scale.view(U8).reshape(n, blocks, 4)
            if kind:
                blob[..., 4] %= 16
            g.case("MatMulFpQ4", [g.f(rows, k), blob.reshape(-1), np.array([k, n], I64)], {"blk_quant_type": kind}, domain=MS, const=(1, 2), tol=(1e-3, 1e-3))
