"""Makes testdata/cases.json.gz of packages attn and linalg.

Expected values come from ONNX Runtime's CPU kernels (ort), from onnx's
reference implementation (ref) or, where neither has the operator, from plain
NumPy formulas written after the operators' documentation (add).

    pip install onnx onnxruntime numpy
    python make.py
"""
import base64, gzip, itertools, json, os
import numpy as np, onnx, onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

MS = 'com.microsoft'
NAMES = {'float32': 'float', 'float64': 'double'}
R = np.random.default_rng(7)
cases = []


def f(*s): return (R.integers(-128, 128, s) / 64).astype('f')  # few bits: small files
def i4(*a): return np.array(a, 'i4')
def bits(*s):
    """A mask that leaves the first key of every row."""
    m = R.integers(0, 2, s).astype('i4'); m[..., 0] = 1
    return m


def enc(x):
    if x is None: return None
    x = np.asarray(x)
    n = str(x.dtype)
    return {'DT': NAMES.get(n, n), 'Dims': list(x.shape), 'B64': base64.b64encode(np.ascontiguousarray(x).tobytes()).decode()}


def attr(k, v):
    if isinstance(v, (bool, int, np.integer)): return {'Name': k, 'Kind': 'i', 'I': int(v)}
    if isinstance(v, float): return {'Name': k, 'Kind': 'f', 'F': v}
    if isinstance(v, str): return {'Name': k, 'Kind': 's', 'S': v}
    return {'Name': k, 'Kind': 'ints', 'Ints': [int(i) for i in v]}


def trim(l):
    l = list(l)
    while l and l[-1] is None: l.pop()
    return l


def add(op, ins, outs, at={}, domain=MS, opset=1, tol=2e-5, name=''):
    cases.append({'Name': name, 'Domain': domain, 'Op': op, 'Opset': opset, 'Attrs': [attr(k, v) for k, v in at.items()],
                  'In': [enc(x) for x in trim(ins)], 'Out': [enc(x) for x in trim(outs)], 'Tol': tol})


def model(op, ins, nout, at, domain, opset):
    names = [f'i{i}' if x is not None else '' for i, x in enumerate(ins)]
    outs = [f'o{i}' for i in range(nout)]
    info = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.asarray(x).dtype), np.asarray(x).shape)
            for n, x in zip(names, ins) if x is not None]
    res = [helper.make_tensor_value_info(o, 1, None) if i == 3 else helper.make_empty_tensor_value_info(o) for i, o in enumerate(outs)]
    g = helper.make_graph([helper.make_node(op, names, outs, domain=domain, **at)], 'g', info, res)
    sets = [helper.make_opsetid('', opset if not domain else 21)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(g, opset_imports=sets, ir_version=10), {n: np.asarray(x) for n, x in zip(names, ins) if x is not None}


def ort(op, ins, nout=1, at={}, domain=MS, opset=1, **kw):
    ins = trim(ins)
    m, feeds = model(op, ins, nout, at, domain, opset)
    so = onnxruntime.SessionOptions()
    so.log_severity_level = 4
    so.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    s = onnxruntime.InferenceSession(m.SerializeToString(), so, providers=['CPUExecutionProvider'])
    add(op, ins, s.run(None, feeds), at, domain, opset, **kw)


def ref(op, ins, nout, at, opset, **kw):
    ins = trim(ins)
    m, feeds = model(op, ins, nout, at, '', opset)
    add(op, ins, ReferenceEvaluator(m).run(None, feeds), at, '', opset, **kw)


def save(path):
    global cases
    with gzip.GzipFile(path, 'wb', mtime=0) as z: z.write(json.dumps(cases, separators=(',', ':')).encode())
    print(path, len(cases), os.path.getsize(path))
    cases = []


def attention():
    B, S, D, N, H, L = 2, 3, 5, 2, 4, 4
    W = N * H
    masks = lambda t: [None, i4(t, t - 1), i4(t, t - 1, 0, 1), bits(B, t), bits(B, S, t), np.ones((B, 1), 'i4')]
    for p, uni in itertools.product((None, 2), (0, 1)):
        t = S + (p or 0)
        for m in masks(t):
            past = None if p is None else f(2, B, N, p, H)
            bias = f(1, N, S, t) if p is None and uni else None
            ort('Attention', [f(B, S, D), f(D, 3 * W), f(3 * W), m, past, bias], 1 if p is None else 2,
                dict(num_heads=N, unidirectional=uni, mask_filter_value=-2.0, scale=.3))
    ort('Attention', [f(B, S, D), f(D, 2 * W + 6), f(2 * W + 6)], 1, dict(num_heads=N, qkv_hidden_sizes=[W, W, 6]))
    ort('Attention', [f(B, S, D), f(D, 3 * W)], 2, dict(num_heads=N))
    for p, uni in itertools.product((None, 2), (0, 1)):
        t = L + (p or 0)
        for m in (None, i4(t, t - 1), bits(B, t), bits(B, S, t)):
            past = (None, None) if p is None else (f(B, N, p, H), f(B, N, p, H))
            ort('MultiHeadAttention', [f(B, S, W), f(B, L, W), f(B, L, W), f(3 * W) if uni else None, m, f(1, N, S, t) if uni else None, *past],
                4, dict(num_heads=N, unidirectional=uni))
    ort('MultiHeadAttention', [f(B, S, W), f(B, L, W), f(B, L, 6)], 1, dict(num_heads=N, scale=.7))
    ort('MultiHeadAttention', [f(B, S, W), f(B, N, L, H), f(B, N, L, H), f(3 * W)], 1, dict(num_heads=N))
    ort('MultiHeadAttention', [f(B, 1, W), f(B, 1, W), f(B, 1, W), None, None, None, f(B, N, 6, H), f(B, N, 6, H), i4(3)], 3, dict(num_heads=N))
    for m, bias, beams in ((None, None, 0), (bits(B, 4), f(3 * W), 0), (bits(B, 4), None, 1)):
        extra = f(1, N, 1, 4) if beams else None
        ort('DecoderMaskedMultiHeadAttention', [f(B, 1, W), f(B, 1, W), f(B, 1, W), m, extra, f(B, N, 6, H), f(B, N, 6, H), i4(3),
            i4(2) if beams else None, R.integers(0, 2, (1, 2, 6)).astype('i4') if beams else None, bias], 4,
            dict(num_heads=N, past_present_share_buffer=1, output_qk=1))
    ort('DecoderMaskedMultiHeadAttention', [f(B, 1, W), f(B, N, L, H), f(B, N, L, H), bits(B, L)], 1, dict(num_heads=N))
    for wt, p, col in itertools.product(('u1', 'i1'), (None, 2), (0, 1)):
        w = R.integers(0, 100, (D, 3 * W)).astype(wt)
        scale = (R.random(3 * W) * .01).astype('f') if col else np.float32(.01)
        zero = R.integers(0, 50, 3 * W).astype(wt) if col else np.array(3, wt)
        ort('QAttention', [R.integers(0, 100, (B, S, D)).astype('u1'), w, f(3 * W), np.float32(.02), scale, bits(B, S + (p or 0)),
            np.array(50, 'u1'), zero, None if p is None else f(2, B, N, p, H)], 2, dict(num_heads=N, unidirectional=1 if p else 0), tol=1e-3)


def group_query():
    H, MX = 16, 16
    options = [{}, dict(local_window_size=3), dict(softcap=1.5), dict(smooth_softmax=1), dict(scale=.2, qk_output=1),
               dict(qk_output=2, local_window_size=2), dict(causal=0)]
    modes = {'prompt': (1, 4, 0, [3]), 'padded': (2, 4, 0, [1, 3]), 'decode': (2, 1, 4, [4, 4]), 'buffer': (2, 1, 6, [3, 4]),
             'several': (1, 3, 4, [6]), 'first': (2, 1, 0, [0, 0])}
    k = 0
    for (n, kv), o, mode in itertools.product(((4, 2), (3, 1)), options, modes):
        if mode == 'padded' and ('local_window_size' in o or 'qk_output' in o): continue  # rows of padding are unspecified
        b, s, p, lens = modes[mode]
        k += 1
        if n == 3 and k % 3: continue
        packed, rot, extra = k % 3 == 0, k % 2, k % 5 == 0
        tot = max(lens) + 1
        at = dict(num_heads=n, kv_num_heads=kv, **o)
        if rot: at.update(do_rotary=1, rotary_interleaved=k // 2 % 2)
        ins = [f(b, s, (n + 2 * kv) * H) if packed else f(b, s, n * H)] + ([None, None] if packed else [f(b, s, kv * H), f(b, s, kv * H)])
        ins += [f(b, kv, p, H), f(b, kv, p, H)] if p else [None, None]
        ins += [i4(*lens), np.array(tot, 'i4')] + ([f(MX, H // 2), f(MX, H // 2)] if rot else [None, None])
        ins += [None, f(1, n, s, tot), f(n)] if extra else []
        ort('GroupQueryAttention', ins, 4 if 'qk_output' in o else 3, at, name=mode)
    n, kv = 4, 2
    for dt in ('f', 'e'):
        ort('GroupQueryAttention', [f(2, 1, n * H).astype(dt), f(2, 1, kv * H).astype(dt), f(2, 1, kv * H).astype(dt), f(2, kv, 4, H).astype(dt),
            f(2, kv, 4, H).astype(dt), i4(4, 4), np.array(5, 'i4'), f(MX, H // 2).astype(dt), f(MX, H // 2).astype(dt), R.integers(0, MX, (2, 1))],
            3, dict(num_heads=n, kv_num_heads=kv, do_rotary=1), tol=2e-5 if dt == 'f' else 5e-3, name='positions')
    for c, w, t, s in ((4, 4, 5, 1), (4, 4, 9, 3), (6, 4, 6, 2), (6, 4, 9, 1), (8, 3, 8, 1)):
        ort('GroupQueryAttention', [f(1, s, n * H), f(1, s, kv * H), f(1, s, kv * H), f(1, kv, c, H), f(1, kv, c, H), i4(t - 1), np.array(t, 'i4'),
            f(MX, H // 2), f(MX, H // 2)], 3, dict(num_heads=n, kv_num_heads=kv, do_rotary=1, local_window_size=w, sliding_window_cache=1), name='sliding')


def sparse():
    """SparseAttention runs only where past and present are the same memory, and goes wrong where lengths differ."""
    n, kv, h, m = 4, 2, 16, 64
    rows = i4([0, 1, 3, 5, 8], [0, 1, 3, 6, 9])
    cols = i4([0, 0, 1, 1, 2, 1, 2, 3, -1], [0, 0, 1, 0, 1, 2, 0, 2, 3])
    for b, s, lens, rot in ((1, 40, [40], 0), (2, 1, [50, 50], 1)):
        ins = [f(b, s, n * h), f(b, s, kv * h), f(b, s, kv * h), f(b, kv, m, h), f(b, kv, m, h), rows, cols, i4(max(lens)), i4(*lens)]
        for k, t in enumerate(lens):  # rows that are not written come out as they went in
            for p in (3, 4): ins[p][k, :, t - s:] = 0
        if rot: ins += [f(m, h // 2), f(m, h // 2)]
        at = dict(num_heads=n, kv_num_heads=kv, sparse_block_size=16, do_rotary=rot)
        mod, feeds = model('SparseAttention', ins, 3, at, MS, 1)
        sess = onnxruntime.InferenceSession(mod.SerializeToString(), providers=['CPUExecutionProvider'])
        io = sess.io_binding()
        for k, v in feeds.items():
            o = onnxruntime.OrtValue.ortvalue_from_numpy(v.copy())
            io.bind_ortvalue_input(k, o)
            if k in ('i3', 'i4'): io.bind_ortvalue_output('o1' if k == 'i3' else 'o2', o)
        y = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros((b, s, n * h), 'f'))
        io.bind_ortvalue_output('o0', y)
        sess.run_with_iobinding(io)
        present = [v.numpy() for v in io.get_outputs()[:2]]  # in the order in which they were bound
        add('SparseAttention', ins, [y.numpy(), *present], at)


def small():
    M = 16
    for il, pos in itertools.product((0, 1), (np.array([3]), np.array([[0, 1, 2, 5], [7, 2, 1, 0]]))):
        ort('RotaryEmbedding', [f(2, 4, 24), pos, f(M, 4), f(M, 4)], 1, dict(interleaved=il, scale=.5))
        ort('RotaryEmbedding', [f(2, 3, 4, 8), pos, f(M, 4), f(M, 4)], 1, dict(interleaved=il))
        ort('RotaryEmbedding', [f(2, 4, 24), pos, f(M, 2), f(M, 2)], 1, dict(interleaved=il, num_heads=3, rotary_embedding_dim=4))
    for rule, (hq, hk), per in itertools.product(('linear', 'gated', 'delta', 'gated_delta'), ((4, 2), (2, 4)), (0, 1)):
        t, dk, dv = 3 - 2 * per, 3, 5
        decay = -abs(f(2, t, hk * (dk if per else 1))) if 'gated' in rule else None
        beta = 1 / (1 + np.exp(-f(2, t, hk if per else 1))) if 'delta' in rule else None
        ort('LinearAttention', [f(2, t, hq * dk), f(2, t, hk * dk), f(2, t, hk * dv), f(2, hk, dk, dv) if per else None, decay, beta], 2,
            dict(q_num_heads=hq, kv_num_heads=hk, update_rule=rule), tol=1e-4)
    b, s, w, p, g, h = 2, 3, 7, 5, 2, 4
    ids = lambda n: R.integers(0, n, (b, s)).astype('i4')
    for seg, mask, pos in itertools.product((0, 1), (None, bits(b, s)), (None, ids(p), ids(p)[:1])):
        ort('EmbedLayerNormalization', [ids(w), ids(g) if seg else None, f(w, h), f(p, h), f(g, h) if seg else None, f(h), f(h), mask, pos], 3, dict(epsilon=1e-5))
    for dt, seg in itertools.product(('u1', 'i1'), (0, 1)):
        q = lambda *s: R.integers(0, 100, s).astype(dt)
        par = [f_() if k != 2 or seg else None for f_ in (lambda: np.float32(R.random() * .1 + .01), lambda: np.array(R.integers(0, 50), dt)) for k in range(5)]
        ort('QEmbedLayerNormalization', [ids(w), ids(g) if seg else None, q(w, h), q(p, h), q(g, h) if seg else None, q(h), q(h), bits(b, s)] + par, 2, dict(epsilon=1e-5), tol=1e-4)


def soft(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x): return 1 / (1 + np.exp(-x))


def attend(q, k, v, bias=0.0, scale=None):
    """One head: [S,H], [L,H], [L,Hv]."""
    return soft(q @ k.T * (scale or q.shape[-1] ** -.5) + bias) @ v


def formulas():
    n, h, s = 2, 4, 4
    d = n * h
    cum, lens, tok = i4(0, 1, 3, 7), [1, 2, 4], 7
    off = i4(0, 4, 5, 8, 9, 10, 11, 1, 2, 3, 6, 7).reshape(3, 4)

    def packed(q, k, v, bias, scale=None):
        out = np.zeros((tok, v.shape[1]), 'f')
        for b, l in enumerate(lens):
            r = slice(cum[b], cum[b + 1])
            for i in range(n):
                cut = lambda x: x[r, i * x.shape[1] // n:(i + 1) * x.shape[1] // n]
                out[r, i * v.shape[1] // n:(i + 1) * v.shape[1] // n] = attend(cut(q), cut(k), cut(v), 0 if bias is None else bias[b % len(bias), i % bias.shape[1], :l, :l], scale)
        return out
    for bias in (None, f(3, n, s, s), f(1, 1, s, s)):
        for dv in (d, 6):
            x, w, b = f(tok, 5), f(5, 2 * d + dv), f(2 * d + dv)
            y = x @ w + b
            add('PackedAttention', [x, w, b, off, cum, bias], [packed(y[:, :d], y[:, d:2 * d], y[:, 2 * d:], bias)], dict(num_heads=n, qkv_hidden_sizes=[d, d, dv]))
        q, k, v, b = f(tok, d), f(tok, d), f(tok, 6), f(2 * d + 6)
        add('PackedMultiHeadAttention', [q, k, v, b, off, cum, bias], [packed(q + b[:d], k + b[d:2 * d], v + b[2 * d:], bias, .5)], dict(num_heads=n, scale=.5))
        x = f(tok, n, 3, h)
        add('PackedMultiHeadAttention', [x, None, None, None, off, cum, bias], [packed(*[x[:, :, i].reshape(tok, d) for i in range(3)], bias)], dict(num_heads=n))
    x, q, kv = f(2, s, n, 3, h), f(2, s, d), f(2, 5, n, 2, h)
    heads = lambda g: np.stack([np.concatenate([g(b, i) for i in range(n)], -1) for b in range(2)]).astype('f')
    add('MultiHeadAttention', [x], [heads(lambda b, i: attend(*[x[b, :, i, j] for j in range(3)]))], dict(num_heads=n))
    add('MultiHeadAttention', [q, kv], [heads(lambda b, i: attend(q[b, :, i * h:(i + 1) * h], kv[b, :, i, 0], kv[b, :, i, 1]))], dict(num_heads=n))
    # RelativePositionBias, T5's buckets
    def bucket(rel, two, n, far):
        first = n // 2 if two and rel > 0 else 0
        if two: n //= 2
        k = abs(rel) if two else max(-rel, 0)
        half = n // 2
        if k < half: return first + k
        l = lambda x: np.log(np.float32(x))
        return first + min(half + int(l(k / half) / l(far / half) * np.float32(n - half)), n - 1)
    for two, (nb, far) in itertools.product((0, 1), ((32, 128), (8, 20))):
        t = f(nb, n)
        want = np.array([[[[t.reshape(-1)[i * nb + bucket(k - j, two, nb, far)] for k in range(40)] for j in range(40)] for i in range(n)]])
        add('RelativePositionBias', [t, np.array([40]), np.array([40])], [want], dict(max_distance=far, is_bidirectional=two))
    q, qb, rel, w, b, eco = f(2, s, d), f(d), f(1, n, s, s), f(h, 6), f(6), f(1, n, 1, 1)
    g = sigmoid(((q + qb).reshape(2, s, n, h).transpose(0, 2, 1, 3) @ w + b).reshape(2, n, s, 2, 3).sum(-1))
    gated = (g[..., :1] * (g[..., 1:] * eco - 1) + 2) * rel
    add('GatedRelativePositionBias', [q, qb, rel, w, b, eco], [gated], dict(num_heads=n))
    add('GatedRelativePositionBias', [q.reshape(-1, d)[::-1].copy(), qb, rel, w, b, eco, np.arange(2 * s)[::-1].reshape(2, s).astype('i4')], [gated], dict(num_heads=n))


def reference():
    k = 0
    while k < 60:
        b, kv, s, l, d, dv = (int(R.integers(1, m)) for m in (3, 3, 4, 5, 5, 5))
        n = kv * int(R.integers(1, 3))
        dt = ('f', 'e', 'd')[k % 3]
        g = lambda *s: f(*s).astype(dt)
        at = {'qk_matmul_output_mode': int(R.integers(0, 4))}
        if k % 2:
            q, kk, v = g(b, s, n * d), g(b, l, kv * d), g(b, l, kv * dv)
            at.update(q_num_heads=n, kv_num_heads=kv)
        else: q, kk, v = g(b, n, s, d), g(b, kv, l, d), g(b, kv, l, dv)
        past, t = (None, None), l
        if k % 5 == 0: past, t = (g(b, kv, 2, d), g(b, kv, 2, dv)), l + 2
        mask = None
        if R.integers(0, 2): mask = R.integers(0, 2, (n, s, t)).astype(bool) if R.integers(0, 2) else g(b, 1, s, t)
        if R.integers(0, 2): at['is_causal'] = 1
        # the reference gives capped scores for mode 0, against the standard's text
        if R.integers(0, 2) and at['qk_matmul_output_mode']: at['softcap'] = 1.5
        if R.integers(0, 2): at['left_window_size'] = int(R.integers(0, 3))
        if R.integers(0, 2): at['right_window_size'] = int(R.integers(0, 3))
        ref('Attention', [q, kk, v, mask, *past], 4, at, 25, tol=1e-3 if dt == 'e' else 1e-5)
        k += 1


def linalg():
    for ta, tb in itertools.product((0, 1), (0, 1)):
        a, b = f(*((3, 2) if ta else (2, 3))), f(*((4, 3) if tb else (3, 4)))
        for act, kw in (('Relu', {}), ('LeakyRelu', dict(alpha=.2)), ('Tanh', {}), ('Sigmoid', {}), ('HardSigmoid', dict(alpha=.3, beta=.4)),
                        ('Elu', dict(alpha=.7)), ('ThresholdedRelu', dict(alpha=.7)), ('ScaledTanh', dict(alpha=.7, beta=.3)), ('Softplus', {}),
                        ('Softsign', {}), ('Selu', dict(alpha=1.5, gamma=1.1)), ('ParametricSoftplus', dict(alpha=.7, beta=.3)), ('Celu', dict(alpha=.7))):
            ort('FusedGemm', [a, b, f(2, 1)], 1, dict(transA=ta, transB=tb, alpha=.5, beta=2.0, activation=act, **{'activation_' + k: v for k, v in kw.items()}))
        for ba, bb in itertools.product((0, 1), (0, 1)):
            sa = (5, 2, 3) if ba else (2, 5, 3)
            sb = (3, 2, 4) if bb else (2, 3, 4)
            swap = lambda s, t, bt: s if not t else ((s[2], s[1], s[0]) if bt else (s[0], s[2], s[1]))
            ort('FusedMatMul', [f(*swap(sa, ta, ba)), f(*swap(sb, tb, bb))], 1, dict(transA=ta, transB=tb, transBatchA=ba, transBatchB=bb, alpha=.25))
    ort('FusedMatMul', [f(3), f(4, 3)], 1, dict(transA=1, transB=1))
    ort('TransposeMatMul', [f(3, 4), f(3, 5)], 1, dict(transA=1, alpha=2.0))
    for m in ('euclidean', 'sqeuclidean'): ort('CDist', [f(3, 4), f(5, 4)], 1, dict(metric=m), tol=1e-4)
    ort('Inverse', [f(2, 4, 4)], tol=1e-3)
    ort('Det', [f(2, 4, 4)], domain='', opset=22)
    for a, b in [((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 2, 3), (5, 3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 2)),
                 ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 0, 3), (3, 2)), ((1, 3), (3, 1))]:
        x, y = f(*a), f(*b)
        add('MatMul', [x, y], [np.matmul(x, y)], {}, '', 13)
    for eq, *sh in [('ij,jk', (2, 3), (3, 4)), ('ij,jk->ki', (2, 3), (3, 4)), ('ii', (3, 3)), ('ii->i', (3, 3)), ('...ii->...i', (2, 3, 3)),
                    ('...ij,...jk->...ik', (2, 1, 2, 3), (5, 3, 4)), ('ij->ji', (2, 3)), ('ba', (2, 3)), ('ij->', (2, 3)), ('i,j->ij', (2,), (3,)),
                    ('bhid,bhjd->bhij', (2, 3, 4, 5), (2, 3, 6, 5)), ('ij,jk,kl->il', (2, 3), (3, 4), (4, 5)), ('a,b,c', (2,), (3,), (4,)),
                    ('a...b,b', (2, 3, 4), (4,)), ('...,...->...', (2, 3), (3,)), ('iij,jk->ik', (3, 3, 2), (2, 4)), ('ij,ij->ij', (0, 3), (0, 3)),
                    ('ij,jk->ik', (2, 0), (0, 3)), ('bij,bjk,bk->bi', (2, 3, 4), (2, 4, 5), (2, 5)), ('Ab,bC', (2, 3), (3, 4)), (',->', (), ()),
                    ('b i j , b j k -> b i k', (2, 3, 4), (2, 4, 5))]:
        x = [f(*s) for s in sh]
        add('Einsum', x, [np.asarray(np.einsum(eq.replace(' ', ''), *x), dtype='f')], dict(equation=eq), '', 12)


here = os.path.dirname(os.path.abspath(__file__))
for part in (attention, group_query, small, sparse, formulas, reference): part()
save(os.path.join(here, 'cases.json.gz'))
linalg()
save(os.path.join(here, '..', '..', 'linalg', 'testdata', 'cases.json.gz'))
