"""Operators of com.microsoft that ONNX Runtime has no CPU kernel for, written
in NumPy after their documentation, in float64."""

import math

import numpy as np


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def gelu(x):
    return x * 0.5 * (1 + erf(x / np.sqrt(2)))


ACTIVATIONS = {"Relu": lambda x: np.maximum(x, 0), "Sigmoid": sigmoid, "Tanh": np.tanh, "": lambda x: x}


def wide(*xs):
    return [None if x is None else x.astype(np.float64) for x in xs]


def attend(q, k, v, bias=0.0, scale=None):
    """One head: [S,H], [L,H], [L,Hv]."""
    return softmax(q @ k.T * (scale or q.shape[-1] ** -0.5) + bias) @ v


def packed_attention(q, k, v, lengths, heads, bias=None, scale=None):
    """Rows of all sequences one after another."""
    q, k, v, bias = wide(q, k, v, bias)
    out, begin = np.zeros((len(q), v.shape[1])), 0
    for b, n in enumerate(lengths):
        r = slice(begin, begin + n)
        begin += n
        for i in range(heads):
            part = [x[r, i * x.shape[1] // heads:(i + 1) * x.shape[1] // heads] for x in (q, k, v)]
            at = 0.0 if bias is None else bias[b % len(bias), i % bias.shape[1], :n, :n]
            out[r, i * v.shape[1] // heads:(i + 1) * v.shape[1] // heads] = attend(*part, at, scale)
    return out


def bucket(distance, both, count, far):
    """T5's bucket of a distance key - query; the logarithms are float32's."""
    first = count // 2 if both and distance > 0 else 0
    if both:
        count //= 2
    k = abs(distance) if both else max(-distance, 0)
    half = count // 2
    if k < half:
        return first + k
    log = lambda x: np.log(np.float32(x))  # noqa: E731
    return first + min(half + int(log(k / half) / log(far / half) * np.float32(count - half)), count - 1)


def relative_position_bias(table, queries, keys, both, far):
    """The table lies as [heads, buckets] in memory, whatever its shape says."""
    count, heads = table.shape
    flat = table.reshape(-1)
    return np.array([[[[flat[h * count + bucket(k - q, both, count, far)] for k in range(keys)] for q in range(queries)] for h in range(heads)]])


def gated_relative_position_bias(query, query_bias, rel_pos, weight, bias, eco, heads):
    query, query_bias, rel_pos, weight, bias, eco = wide(query, query_bias, rel_pos, weight, bias, eco)
    b, s, d = query.shape
    x = (query + query_bias).reshape(b, s, heads, d // heads).transpose(0, 2, 1, 3) @ weight + bias
    gate = sigmoid(x.reshape(b, heads, s, 2, -1).sum(-1))
    return (gate[..., :1] * (gate[..., 1:] * eco - 1) + 2) * rel_pos


def bias_softmax(data, bias, axis, inner):
    """The bias spans the dimensions from axis on; those before it are
    broadcast inside (repeated innermost) or outside."""
    data, bias = wide(data, bias)
    axis %= data.ndim
    shape = (*bias.shape[:axis], *data.shape[axis:])
    if inner:
        whole = np.broadcast_to(bias, data.shape)
    else:
        rows = int(np.prod(data.shape[:axis]))
        b = bias.reshape(-1, *shape[axis:])
        whole = np.concatenate([b] * (rows // len(b))).reshape(data.shape)
    y = (data + whole).reshape(*data.shape[:axis], -1)
    return softmax(y).reshape(data.shape)


def bias_split_gelu(x, bias):
    x, bias = wide(x, bias)
    left, right = np.split(x + bias, 2, -1)
    return left * gelu(right)


def group_norm(x, gamma, beta, groups, epsilon, silu, last):
    x, gamma, beta = wide(x, gamma, beta)
    y = np.moveaxis(x, -1, 1) if last else x
    g = y.reshape(y.shape[0], groups, -1)
    g = (g - g.mean(-1, keepdims=True)) / np.sqrt(g.var(-1, keepdims=True) + epsilon)
    y = g.reshape(y.shape)
    side = [1, -1] + [1] * (y.ndim - 2)
    y = y * gamma.reshape(side) + beta.reshape(side)
    if silu:
        y = y * sigmoid(y)
    return np.moveaxis(y, 1, -1) if last else y


def conv(x, w, b, pads, strides, dilations, group):
    """Two dimensions, channels first."""
    x, w, b = wide(x, w, b)
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    n, c, h, wd = x.shape
    m, per, kh, kw = w.shape
    oh = (h - (kh - 1) * dilations[0] - 1) // strides[0] + 1
    ow = (wd - (kw - 1) * dilations[1] - 1) // strides[1] + 1
    y = np.zeros((n, m, oh, ow))
    for o in range(m):
        first = o // (m // group) * per
        for i in range(oh):
            for j in range(ow):
                rows = slice(i * strides[0], i * strides[0] + (kh - 1) * dilations[0] + 1, dilations[0])
                cols = slice(j * strides[1], j * strides[1] + (kw - 1) * dilations[1] + 1, dilations[1])
                y[:, o, i, j] = (x[:, first:first + per, rows, cols] * w[o]).sum((1, 2, 3))
    return y if b is None else y + b.reshape(1, -1, 1, 1)


def bitmask(n):
    """All of n elements kept, 32 in a word; ONNX Runtime fills whole words."""
    return np.full(-(-n // 32), 0xFFFFFFFF, np.uint32)


def linear_reduce_mean(x, xs, xz, ys, yz, axes, keep):
    real = (x.astype(np.float64) - float(xz)) * float(xs)
    y = np.rint(real.mean(tuple(axes), keepdims=bool(keep)) / float(ys)) + float(yz)
    info = np.iinfo(x.dtype)
    return np.clip(y, info.min, info.max).astype(x.dtype)
