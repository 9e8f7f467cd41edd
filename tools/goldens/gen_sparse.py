"""Operators that ONNX Runtime runs only in a special way: sparse inputs, and
caches whose past and present are one piece of memory."""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

import common
from common import MS

F32, F64, I32, I64 = np.float32, np.float64, np.int32, np.int64


def make_sparse_product(g):
    for t, (m, k, n), ta, tb, alpha in ((F32, (3, 4, 2), 0, 0, None), (F32, (5, 3, 4), 1, 0, 2.0), (F32, (2, 6, 3), 0, 1, None), (F32, (4, 4, 4), 1, 1, 0.5),
                                        (F64, (3, 4, 2), 0, 0, None), (I32, (3, 4, 2), 0, 0, None), (I64, (3, 4, 2), 0, 0, None)):
        a, b = g.any(t, *((k, m) if ta else (m, k))), g.any(t, *((n, k) if tb else (k, n)))
        a[g.rng.random(a.shape) < 0.6] = 0
        a[0, 0] = 1
        attrs = {k: v for k, v in (("transA", ta), ("transB", tb), ("alpha", alpha)) if v}
        node = helper.make_node("SparseToDenseMatMul", ["a", "x"], ["y"], domain=MS, **attrs)
        sets = [helper.make_opsetid("", 21), helper.make_opsetid(MS, 1)]
        kind = common.elem(a)
        infos = [helper.make_tensor_value_info("x", kind, b.shape)], [helper.make_tensor_value_info("y", kind, None)]

        def build(inputs, sparse, node=node, infos=infos, sets=sets):
            graph = helper.make_graph([node], "g", [*inputs, *infos[0]], infos[1], sparse_initializer=sparse)
            return helper.make_model(graph, opset_imports=sets, ir_version=10, producer_name="goldens")
        session = common.start(build([helper.make_sparse_tensor_value_info("a", kind, None)], []))
        where = np.argwhere(a).astype(I64)
        values = np.ascontiguousarray(a[tuple(where.T)])
        tensor = ort.SparseTensor.sparse_coo_from_numpy(np.array(a.shape, I64), values, where.reshape(-1), ort.OrtDevice.make("cpu", 0))
        feeds = {"a": ort.OrtValue.ort_value_from_sparse_tensor(tensor), "x": ort.OrtValue.ortvalue_from_numpy(b)}
        want = session.run_with_ort_values(["y"], feeds)[0].numpy()
        coo = onnx.SparseTensorProto(dims=a.shape)
        coo.values.CopyFrom(common.tensor_proto(values, "a"))
        coo.indices.CopyFrom(common.tensor_proto(where))
        g.add("SparseToDenseMatMul", MS, 21, build([], [coo]), [b], [want])


def make_sparse_attention(g):
    """Where lengths differ ONNX Runtime goes wrong: they are the same here."""
    n, kv, h, most = 4, 2, 16, 64
    rows = np.array([[0, 1, 3, 5, 8], [0, 1, 3, 6, 9]], I32)
    cols = np.array([[0, 0, 1, 1, 2, 1, 2, 3, -1], [0, 0, 1, 0, 1, 2, 0, 2, 3]], I32)
    for b, s, length, rotary in ((1, 40, 40, 0), (2, 1, 50, 1), (1, 1, 33, 0)):
        args = [g.f(b, s, n * h), g.f(b, s, kv * h), g.f(b, s, kv * h), g.f(b, kv, most, h), g.f(b, kv, most, h), rows, cols, np.array([length], I32), np.full(b, length, I32)]
        for past in (3, 4):  # rows that are not written come out as they went in
            args[past][:, :, length - s:] = 0
        if rotary:
            args += [g.f(most, h // 2), g.f(most, h // 2)]
        names = [f"x{i}" for i in range(len(args))]
        node = helper.make_node("SparseAttention", names, ["y0", "y1", "y2"], domain=MS, num_heads=n, kv_num_heads=kv, sparse_block_size=16, do_rotary=rotary)
        graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(k, common.elem(x), x.shape) for k, x in zip(names, args)],
                                  [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, None) for i in range(3)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(MS, 1)], ir_version=10, producer_name="goldens")
        session = common.start(model)
        binding = session.io_binding()
        for k, x in zip(names, args):
            value = ort.OrtValue.ortvalue_from_numpy(x.copy())
            binding.bind_ortvalue_input(k, value)
            if k in ("x3", "x4"):
                binding.bind_ortvalue_output("y1" if k == "x3" else "y2", value)
        binding.bind_ortvalue_output("y0", ort.OrtValue.ortvalue_from_numpy(np.zeros((b, s, n * h), F32)))
        session.run_with_iobinding(binding)
        key, value, y = (v.numpy() for v in binding.get_outputs())  # in the order in which they were bound
        g.add("SparseAttention", MS, 21, model, args, [y, key, value])
