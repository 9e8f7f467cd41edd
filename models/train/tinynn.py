"""A small convolutional network in NumPy, and its export to ONNX.

Only what the two models need: convolution, ReLU, max pooling, global average
pooling, a dense layer, softmax cross-entropy, and Adam. Arrays are
[batch, channels, height, width]; a one-dimensional signal has height 1, and
the height axis is dropped again when the network is exported.

Import this module before NumPy: it fixes the number of BLAS threads, so that
sums are formed in the same order in every run.
"""

import os

for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
PRODUCER = "walnut-models"


class Conv:
    """Convolution with stride 1 and 'same' padding; kernel sizes are odd."""

    def __init__(self, rng, c_in, c_out, kernel):
        kh, kw = kernel
        scale = np.sqrt(2.0 / (c_in * kh * kw))
        self.w = (rng.standard_normal((c_out, c_in, kh, kw)) * scale).astype(np.float32)
        self.b = np.zeros(c_out, np.float32)
        self.pad = (kh // 2, kw // 2)

    def params(self):
        return [self.w, self.b]

    def forward(self, x):
        ph, pw = self.pad
        c_out, c_in, kh, kw = self.w.shape
        n, _, h, w = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        windows = sliding_window_view(padded, (kh, kw), axis=(2, 3))
        self.shape = x.shape
        self.cols = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c_in * kh * kw)
        y = self.cols @ self.w.reshape(c_out, -1).T + self.b
        return y.reshape(n, h, w, c_out).transpose(0, 3, 1, 2)

    def backward(self, grad):
        n, c_in, h, w = self.shape
        c_out, _, kh, kw = self.w.shape
        ph, pw = self.pad
        flat = grad.transpose(0, 2, 3, 1).reshape(-1, c_out)
        self.grads = [(flat.T @ self.cols).reshape(self.w.shape), flat.sum(axis=0)]
        cols = (flat @ self.w.reshape(c_out, -1)).reshape(n, h, w, c_in, kh, kw)
        out = np.zeros((n, c_in, h + 2 * ph, w + 2 * pw), np.float32)
        for i in range(kh):
            for j in range(kw):
                out[:, :, i : i + h, j : j + w] += cols[..., i, j].transpose(0, 3, 1, 2)
        return out[:, :, ph : ph + h, pw : pw + w]


class Relu:
    def params(self):
        return []

    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


class MaxPool:
    """Non-overlapping max pooling; the window must divide the input."""

    def __init__(self, window):
        self.window = window

    def params(self):
        return []

    def forward(self, x):
        ph, pw = self.window
        n, c, h, w = x.shape
        blocks = x.reshape(n, c, h // ph, ph, w // pw, pw).transpose(0, 1, 2, 4, 3, 5)
        blocks = blocks.reshape(n, c, h // ph, w // pw, ph * pw)
        self.shape = x.shape
        self.index = blocks.argmax(axis=-1)[..., None]
        return np.take_along_axis(blocks, self.index, axis=-1)[..., 0]

    def backward(self, grad):
        ph, pw = self.window
        n, c, h, w = self.shape
        blocks = np.zeros(grad.shape + (ph * pw,), np.float32)
        np.put_along_axis(blocks, self.index, grad[..., None], axis=-1)
        blocks = blocks.reshape(n, c, h // ph, w // pw, ph, pw).transpose(0, 1, 2, 4, 3, 5)
        return blocks.reshape(self.shape)


class GlobalAveragePool:
    def params(self):
        return []

    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=(2, 3), keepdims=True)

    def backward(self, grad):
        _, _, h, w = self.shape
        return np.broadcast_to(grad / np.float32(h * w), self.shape)


class Dense:
    """Flatten, then y = x W^T + b."""

    def __init__(self, rng, n_in, n_out):
        self.w = (rng.standard_normal((n_out, n_in)) * np.sqrt(1.0 / n_in)).astype(np.float32)
        self.b = np.zeros(n_out, np.float32)

    def params(self):
        return [self.w, self.b]

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(len(x), -1)
        return self.x @ self.w.T + self.b

    def backward(self, grad):
        self.grads = [grad.T @ self.x, grad.sum(axis=0)]
        return (grad @ self.w).reshape(self.shape)


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def train(layers, x, y, classes, rng, epochs, batch, rate, decay, augment):
    """Adam on softmax cross-entropy, with a cosine schedule that ends at zero.

    x is normalised already; augment(rng, batch) returns a changed batch.
    Weight decay is decoupled and leaves the biases alone.
    """
    params = [p for layer in layers for p in layer.params()]
    m = [np.zeros_like(p) for p in params]
    v = [np.zeros_like(p) for p in params]
    target = np.eye(classes, dtype=np.float32)[y]
    steps = epochs * -(-len(x) // batch)
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            logits = forward(layers, augment(rng, x[rows]))
            grad = (softmax(logits) - target[rows]) / np.float32(len(rows))
            grads = []
            for layer in reversed(layers):
                grad = layer.backward(grad)
                if layer.params():
                    grads = layer.grads + grads
            step += 1
            lr = rate * 0.5 * (1 + np.cos(np.pi * step / steps))
            for i, (p, g) in enumerate(zip(params, grads)):
                m[i] = 0.9 * m[i] + 0.1 * g
                v[i] = 0.999 * v[i] + 0.001 * g * g
                mean = m[i] / (1 - 0.9**step)
                var = v[i] / (1 - 0.999**step)
                update = mean / (np.sqrt(var) + 1e-8)
                if p.ndim > 1:
                    update = update + decay * p
                p -= (lr * update).astype(np.float32)


def count(layers):
    return sum(p.size for layer in layers for p in layer.params())


def to_onnx(layers, name, doc, input_name, input_shape, prologue, classes, metadata):
    """Builds the ONNX model: prologue, layers, softmax.

    prologue is a list of (operator, initializer name, array): the
    normalisation, each operator applied to the running value and the array.
    """
    flat = len(input_shape) == 2  # [channels, time]: drop the height axis
    nodes, initializers = [], []
    value = input_name

    def tensor(tensor_name, array):
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), tensor_name))
        return tensor_name

    def node(op, output, *more, **attrs):
        nonlocal value
        nodes.append(helper.make_node(op, [value, *more], [output], name=output, **attrs))
        value = output

    for op, tensor_name, array in prologue:
        node(op, f"normalise_{op.lower()}", tensor(tensor_name, array))

    numbers = {}
    for layer in layers:
        kind = type(layer).__name__.lower()
        numbers[kind] = numbers.get(kind, 0) + 1
        label = f"{kind}{numbers[kind]}"
        if isinstance(layer, Conv):
            w = layer.w[:, :, 0] if flat else layer.w
            pads = list(layer.pad[1:] if flat else layer.pad)
            node(
                "Conv",
                label,
                tensor(f"{label}.weight", w),
                tensor(f"{label}.bias", layer.b),
                kernel_shape=list(w.shape[2:]),
                pads=pads * 2,
                strides=[1] * len(pads),
            )
        elif isinstance(layer, Relu):
            node("Relu", label)
        elif isinstance(layer, MaxPool):
            window = list(layer.window[1:] if flat else layer.window)
            node("MaxPool", label, kernel_shape=window, strides=window)
        elif isinstance(layer, GlobalAveragePool):
            node("GlobalAveragePool", label)
        elif isinstance(layer, Dense):
            node("Flatten", f"flatten{numbers[kind]}", axis=1)
            node(
                "Gemm",
                label,
                tensor(f"{label}.weight", layer.w),
                tensor(f"{label}.bias", layer.b),
                transB=1,
            )
    node("Softmax", "probabilities", axis=1)

    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, ["batch", *input_shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", classes])],
        initializers,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name=PRODUCER,
        producer_version="1",
        doc_string=doc,
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model
