"""Sequences, optionals and control flow: models of a few nodes."""

import numpy as np
from onnx import AttributeProto, TensorProto, helper

F32, F64 = np.float32, np.float64
I32, I64 = np.int32, np.int64


def node(op, ins, outs, **attrs):
    return helper.make_node(op, ins, outs, **attrs)


def info(name, kind=TensorProto.FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def make_sequence(g):
    for t in (F32, I64, I32, F64, np.uint8, object):
        parts = [g.any(t, 2, 3) for _ in range(4)]
        names = dict(zip("abcd", parts))
        build = node("SequenceConstruct", list("abcd"), ["s"])
        for pos in (0, 2, -1, -4):
            p = np.array(pos, g.pick(I32, I64))
            g.graph("SequenceAt", [build, node("SequenceAt", ["s", "p"], ["y"])], {**names, "p": p}, ["y"], opset=11)
            g.graph("SequenceErase", [build, node("SequenceErase", ["s", "p"], ["y"])], {**names, "p": p}, ["y"], opset=11)
            g.graph("SequenceInsert", [build, node("SequenceInsert", ["s", "x", "p"], ["y"])], {**names, "p": p, "x": g.any(t, 1, 2)}, ["y"], opset=11)
        g.graph("SequenceErase", [build, node("SequenceErase", ["s"], ["y"])], names, ["y"], opset=11)
        g.graph("SequenceInsert", [build, node("SequenceInsert", ["s", "x"], ["y"])], {**names, "x": g.any(t, 4)}, ["y"], opset=11)
        g.graph("SequenceLength", [build, node("SequenceLength", ["s"], ["y"])], names, ["y"], opset=11)
        g.graph("SequenceConstruct", [build], names, ["s"], opset=11)
        for axis, new in ((0, 0), (1, 0), (-1, 0), (0, 1), (2, 1), (-1, 1)):
            g.graph("ConcatFromSequence", [build, node("ConcatFromSequence", ["s"], ["y"], axis=axis, new_axis=new)], names, ["y"], opset=11)
        x = g.any(t, 4, 6)
        for axis in (0, 1, -1):
            for keep in (0, 1):
                g.case("SplitToSequence", [x], {"axis": axis, "keepdims": keep}, opset=11)
            g.case("SplitToSequence", [x, np.array(3, I64)], {"axis": axis}, opset=11)
            n = x.shape[axis]
            g.case("SplitToSequence", [x, np.array([1, n - 1], g.pick(I32, I64))], {"axis": axis}, opset=11)
    g.graph("SequenceLength", [node("SequenceEmpty", [], ["s"], dtype=1), node("SequenceLength", ["s"], ["y"])], {}, ["y"], opset=11)


def make_optional(g):
    for t in (F32, I64, object):
        x = g.any(t, 2, 3)
        wrap = node("Optional", ["x"], ["o"])
        g.graph("OptionalHasElement", [wrap, node("OptionalHasElement", ["o"], ["y"])], {"x": x}, ["y"], opset=15)
        g.graph("Optional", [wrap, node("OptionalGetElement", ["o"], ["y"])], {"x": x}, ["y"], opset=15)
        g.graph("OptionalHasElement", [node("OptionalHasElement", ["x"], ["y"])], {"x": x}, ["y"], opset=18)
    empty = node("Optional", [], ["o"], type=helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    g.graph("OptionalHasElement", [empty, node("OptionalHasElement", ["o"], ["y"])], {}, ["y"], opset=15)
    g.graph("OptionalHasElement", [node("OptionalHasElement", [], ["y"])], {}, ["y"], opset=18)


def make_if(g):
    for v in (1, 11, 13, 16, 19):
        for cond in (True, False):
            then = helper.make_graph([node("Add", ["x", "x"], ["t"])], "then", [], [info("t")])
            other = helper.make_graph([node("Mul", ["x", "z"], ["e"])], "else", [], [info("e")])
            g.graph("If", [node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
                    {"c": np.array(cond), "x": g.f(2, 3), "z": g.f(3)}, ["y"], opset=max(v, 7))
            # Branches of other shapes, an inner If and several results.
            then = helper.make_graph([node("Identity", ["x"], ["t0"]), node("ReduceSum", ["x"], ["t1"], keepdims=0)], "then", [], [info("t0"), info("t1")])
            deep = helper.make_graph([node("Neg", ["z"], ["d"])], "deep", [], [info("d")])
            flat = helper.make_graph([node("Abs", ["z"], ["f"])], "flat", [], [info("f")])
            other = helper.make_graph([node("If", ["k"], ["e0"], then_branch=deep, else_branch=flat), node("ReduceMax", ["z"], ["e1"], keepdims=0)],
                                      "else", [], [info("e0"), info("e1")])
            g.graph("If", [node("If", ["c"], ["y0", "y1"], then_branch=then, else_branch=other)],
                    {"c": np.array([cond]), "k": np.array(g.pick(True, False)), "x": g.f(2, 3), "z": g.f(4)}, ["y0", "y1"], opset=max(v, 7))


def make_loop(g):
    for v in (8, 11, 13, 16, 19):
        for trips, start in ((3, True), (0, True), (5, None), (None, True), (4, False)):
            body = helper.make_graph(
                [node("Add", ["acc", "x"], ["next"]), node("ReduceSum", ["next"], ["total"], keepdims=0), node("Less", ["total", "limit"], ["again"]),
                 node("Identity", ["next"], ["scan"]), node("Cast", ["i"], ["step"], to=TensorProto.FLOAT)],
                "body", [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("acc")],
                [info("again", TensorProto.BOOL), info("next"), info("scan"), info("step")])
            values = {"a": g.f(2, lo=0.1), "x": g.f(2, lo=0.1), "limit": np.array(9, F32)}
            if trips is not None:
                values["n"] = np.array(trips, I64)
            if start is not None:
                values["c"] = np.array(start)
            g.graph("Loop", [node("Loop", ["" if trips is None else "n", "" if start is None else "c", "a"], ["last", "scans", "steps"], body=body)],
                    values, ["last", "scans", "steps"], opset=max(v, 9))


def make_scan(g):
    body = helper.make_graph([node("Add", ["s", "x"], ["n"]), node("Mul", ["n", "x"], ["y"])], "body", [info("s", shape=[2]), info("x", shape=[2])],
                             [info("n", shape=[2]), info("y", shape=[2])])
    for v in (9, 11, 16, 19):
        for axis in (0, 1):
            for back_in in (0, 1):
                for back_out in (0, 1):
                    x = g.f(4, 2) if axis == 0 else g.f(2, 4)
                    g.graph("Scan", [node("Scan", ["a", "b"], ["last", "all"], body=body, num_scan_inputs=1, scan_input_axes=[axis], scan_output_axes=[g.pick(0, 1)],
                                          scan_input_directions=[back_in], scan_output_directions=[back_out])],
                            {"a": g.f(2), "b": x}, ["last", "all"], opset=v)
    for lens in (None, np.array([3, 1], I64)):
        values = {"a": g.f(2, 2), "b": g.f(2, 3, 2)}
        if lens is not None:
            values["l"] = lens
        g.graph("Scan", [node("Scan", ["" if lens is None else "l", "a", "b"], ["last", "all"], body=body, num_scan_inputs=1)], values, ["last", "all"], opset=8)
    outer = helper.make_graph([node("Mul", ["x", "w"], ["y"])], "body", [info("x", shape=[2])], [info("y", shape=[2])])
    g.graph("Scan", [node("Scan", ["b"], ["all"], body=outer, num_scan_inputs=1)], {"b": g.f(3, 2), "w": g.f(2)}, ["all"], opset=11)


def make_map(g):
    for t, kind in ((F32, TensorProto.FLOAT), (I64, TensorProto.INT64)):
        build = node("SequenceConstruct", ["a", "b"], ["s"])
        body = helper.make_graph([node("Add", ["x", "k"], ["y"])], "body", [info("x", kind), info("k", kind)], [info("y", kind)])
        g.graph("SequenceMap", [build, node("SequenceMap", ["s", "k"], ["out"], body=body)], {"a": g.any(t, 3), "b": g.any(t, 2, 3), "k": g.any(t, 3)}, ["out"], opset=17)
        body = helper.make_graph([node("Mul", ["x", "z"], ["y"]), node("Shape", ["x"], ["n"])], "body", [info("x", kind), info("z", kind)], [info("y", kind), info("n", TensorProto.INT64)])
        g.graph("SequenceMap", [build, node("SequenceConstruct", ["b", "a"], ["r"]), node("SequenceMap", ["s", "r"], ["out", "sizes"], body=body)],
                {"a": g.any(t, 2, 1), "b": g.any(t, 1, 3)}, ["out", "sizes"], opset=17)


def make_function(g):
    """Functions of the model, with an attribute that is passed on."""
    for k in range(4):
        inner = helper.make_function("own", "Twice", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])], [helper.make_opsetid("", 21)])
        n = helper.make_node("LeakyRelu", ["t"], ["y"])
        n.attribute.append(AttributeProto(name="alpha", ref_attr_name="slope", type=AttributeProto.FLOAT))
        outer = helper.make_function("own", "Soft", ["x"], ["y"], [helper.make_node("Twice", ["x"], ["t"], domain="own"), n],
                                     [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)], ["slope"])
        g.graph("LeakyRelu", [helper.make_node("Soft", ["x"], ["z"], domain="own", slope=0.1 * (k + 1))], {"x": g.f(2, 3)}, ["z"], functions=[inner, outer])
