"""ONNX Runtime behind the line protocol of `walnut bench --line-protocol`."""
import argparse, glob, json, os, sys, time
import numpy as np
import onnxruntime as ort

def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("--inputs", default="")
    p.add_argument("--threads", type=int, default=1)
    a = p.parse_args()
    o = ort.SessionOptions()
    o.intra_op_num_threads, o.inter_op_num_threads = a.threads, 1
    s = ort.InferenceSession(a.model, o, providers=["CPUExecutionProvider"])
    feed = {}
    for i, x in enumerate(s.get_inputs()):
        f = os.path.join(a.inputs, f"input_{i}.npy")
        if not os.path.exists(f):
            sys.exit(f"input {x.name}: no {f}")
        feed[x.name] = np.load(f)
    run = lambda: s.run(None, feed)
    try:
        b = s.io_binding()
        for k, v in feed.items():
            b.bind_cpu_input(k, v)
        for y in s.get_outputs():
            b.bind_output(y.name, "cpu")
        s.run_with_iobinding(b)
        run = lambda: s.run_with_iobinding(b)
    except Exception as e:  # strings, sequences: plain run
        print("no io_binding:", e, file=sys.stderr)
    for _ in range(3):
        run()
    print("ready", flush=True)
    for line in sys.stdin:
        w = line.split()
        if w == ["quit"]:
            return
        if len(w) == 2 and w[0] == "run":
            ns = []
            for _ in range(int(w[1])):
                t = time.perf_counter_ns()
                run()
                ns.append(time.perf_counter_ns() - t)
            print(json.dumps({"ns": ns}), flush=True)

main()
