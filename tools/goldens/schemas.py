"""Writes internal/op/schema/schemas.txt: what the standard says of every
operator and version, as the onnx package and ONNX Runtime (for com.microsoft)
carry it. Needs: onnx==1.23.2 onnxruntime==1.32.0.

    python tools/goldens/schemas.py > internal/op/schema/schemas.txt

One line a schema, tab-separated:

    domain op since flags min_in max_in min_out max_out inputs outputs types attributes

flags: d deprecated, f has a function body, - none. inputs and outputs: NAME:TYPE[?*],
comma-separated (? optional, * variadic, ~ variadic of mixed types); TYPE is a
type variable or a type. types: VAR=T1|T2, separated by ;. attributes:
NAME:KIND[!][=default], separated by ; (! required). A - stands for nothing.
"""
import json, sys
import onnx.defs, onnx.helper
from onnxruntime.capi import onnxruntime_pybind11_state as ort

VARIADIC = 2147483647

def opt(p, variadic, single_optional, homogeneous):
    if variadic:
        return "*" if homogeneous else "~"
    return "?" if single_optional else ""

def short(t):
    return t.replace("tensor(", "").replace(")", "") if t.startswith("tensor(") else t.replace(" ", "")

def default(a):
    if a is None or a.type == 0:
        return ""
    v = onnx.helper.get_attribute_value(a)
    if isinstance(v, bytes):
        v = v.decode()
    if isinstance(v, (list, tuple)):
        v = [x.decode() if isinstance(x, bytes) else x for x in v]
    try:
        return "=" + json.dumps(v, separators=(",", ":"))
    except TypeError:
        return ""

def line(domain, name, since, flags, mi, xi, mo, xo, ins, outs, types, attrs):
    j = lambda l, s: s.join(l) or "-"
    n = lambda v: "*" if v == VARIADIC else str(v)
    return "\t".join([domain or "ai.onnx", name, str(since), flags or "-", str(mi), n(xi), str(mo), n(xo), j(ins, ","), j(outs, ","), j(types, ";"), j(attrs, ";")])

out = []
O = onnx.defs.OpSchema
for s in onnx.defs.get_all_schemas_with_history():
    params = lambda l: [f"{p.name}:{short(p.type_str)}" + opt(p, p.option == O.FormalParameterOption.Variadic, p.option == O.FormalParameterOption.Optional, p.is_homogeneous) for p in l]
    flags = ("d" if s.deprecated else "") + ("f" if s.has_function or s.has_context_dependent_function else "")
    types = [f"{t.type_param_str}=" + "|".join(sorted(short(x) for x in t.allowed_type_strs)) for t in s.type_constraints]
    attrs = [f"{n}:{str(a.type).split('.')[-1]}" + ("!" if a.required else "") + default(a.default_value) for n, a in sorted(s.attributes.items())]
    out.append(line(s.domain, s.name, s.since_version, flags, s.min_input, s.max_input, s.min_output, s.max_output, params(s.inputs), params(s.outputs), types, attrs))
for s in ort.get_all_operator_schema():
    if not (s.domain == "com.microsoft" or s.domain == "" and s.name == "SimplifiedLayerNormalization"):
        continue
    P = s.FormalParameterOption
    params = lambda l: [f"{p.name}:{short(p.typeStr)}" + opt(p, p.option == P.Variadic, p.option == P.Optional, p.isHomogeneous) for p in l]
    types = [f"{t.type_param_str}=" + "|".join(sorted(short(x) for x in t.allowed_type_strs)) for t in s.type_constraints]
    attrs = [f"{n}:{str(a.type).split('.')[-1]}" + ("!" if a.required else "") for n, a in sorted(s.attributes.items())]
    flags = "d" if s.deprecated else ""
    out.append(line(s.domain, s.name, s.since_version, flags, s.min_input, s.max_input, s.min_output, s.max_output, params(s.inputs), params(s.outputs), types, attrs))
out.sort(key=lambda l: (l.split("\t")[0], l.split("\t")[1], int(l.split("\t")[2])))
print("\n".join(out))
