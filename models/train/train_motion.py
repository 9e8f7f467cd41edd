"""Trains motion.onnx: the activity in ten seconds of smart-watch motion.

The data is BasicMotions of the UEA multivariate time-series archive,
https://www.timeseriesclassification.com/description.php?Dataset=BasicMotions.
It also comes with the Python package aeon, in aeon/datasets/data/BasicMotions:

    python -m pip install -r requirements.txt
    python -m pip download --no-deps aeon==1.6.0
    python -m zipfile -e aeon-1.6.0-py3-none-any.whl aeon-data
    python train_motion.py aeon-data/aeon/datasets/data/BasicMotions [--out FOLDER]

The folder holds BasicMotions_TRAIN.ts and BasicMotions_TEST.ts, or the same
recordings as arrays: train_x.npy and test_x.npy, float32 [40, 6, 100], with
train_y.csv and test_y.csv (a header line, then index,label).

Writes motion.onnx, testdata/motion_*.npy, demo/motion_*.npy and the section
of REPORT.md on this model. Takes less than a minute on one processor core.
"""

import argparse
import csv
import os
import time

import tinynn as nn  # first: it fixes the BLAS threads
import numpy as np
import output
from sklearn.model_selection import StratifiedKFold

SEED = 20181031
LABELS = ["Standing", "Running", "Walking", "Badminton"]
CHANNELS, TIME = 6, 100
SETTINGS = dict(epochs=60, batch=8, rate=2e-3, decay=1e-2)
GOLDEN_PER_CLASS = 8

DESCRIPTION = (
    "Activity in 10 s of smart-watch motion at 10 Hz: accelerometer x, y, z, gyroscope x, y, z. "
    "Input window float32 [batch,6,100], raw values; output probabilities float32 [batch,4]."
)
LICENCE = (
    "Training data: BasicMotions of the UEA multivariate time-series archive, "
    "as distributed with aeon (BSD-3-Clause)"
)
ATTRIBUTION = (
    "Bagnall, A., Dau, H. A., Lines, J., Flynn, M., Large, J., Bostrom, A., Southam, P. and "
    "Keogh, E. (2018). The UEA multivariate time series classification archive, 2018. "
    "arXiv:1811.00075"
)


def read_ts(path):
    """Reads the text format of the archive: dimensions and class split by colons."""
    x, y = [], []
    with open(path, encoding="utf-8") as f:
        for line in f:
            line = line.strip()
            if not line or line[0] in "#@":
                continue
            *dimensions, label = line.split(":")
            x.append([[float(v) for v in d.split(",")] for d in dimensions])
            y.append(LABELS.index(label.strip()))
    return np.array(x, np.float32), np.array(y, np.int64)


def read_arrays(folder, part):
    x = np.load(os.path.join(folder, f"{part}_x.npy"), allow_pickle=False)
    with open(os.path.join(folder, f"{part}_y.csv"), encoding="utf-8", newline="") as f:
        y = [int(row["label"]) for row in csv.DictReader(f)]
    return x.astype(np.float32), np.array(y, np.int64)


def read(folder, part):
    ts = os.path.join(folder, f"BasicMotions_{part.upper()}.ts")
    x, y = read_ts(ts) if os.path.exists(ts) else read_arrays(folder, part)
    if x.shape != (len(y), CHANNELS, TIME):
        raise SystemExit(f"the {part} recordings have shape {x.shape}")
    return x, y


def build(rng):
    return [
        nn.Conv(rng, CHANNELS, 16, (1, 7)),
        nn.Relu(),
        nn.MaxPool((1, 2)),
        nn.Conv(rng, 16, 32, (1, 5)),
        nn.Relu(),
        nn.MaxPool((1, 2)),
        nn.Conv(rng, 32, 32, (1, 3)),
        nn.Relu(),
        nn.GlobalAveragePool(),
        nn.Dense(rng, 32, len(LABELS)),
    ]


def statistics(x):
    """Mean and standard deviation of each channel, [1, channels, 1]."""
    mean = x.mean(axis=(0, 2), keepdims=True, dtype=np.float64)
    std = x.std(axis=(0, 2), keepdims=True, dtype=np.float64)
    return mean.astype(np.float32), std.astype(np.float32)


def augment(rng, x):
    """Rolls each window in time, scales it, and adds a little noise."""
    changed = np.stack([np.roll(w, s, axis=-1) for w, s in zip(x, rng.integers(0, TIME, len(x)))])
    changed *= rng.uniform(0.8, 1.25, (len(x), 1, 1, 1)).astype(np.float32)
    changed += 0.05 * rng.standard_normal(x.shape, dtype=np.float32)
    return changed


def normalise(x, mean, std):
    return ((x - mean) / std)[:, :, None]


def fit(x, y):
    mean, std = statistics(x)
    rng = np.random.default_rng(SEED)
    layers = build(rng)
    nn.train(layers, normalise(x, mean, std), y, len(LABELS), rng, augment=augment, **SETTINGS)
    return layers, mean, std


def export(layers, mean, std):
    return nn.to_onnx(
        layers,
        "motion",
        "Motion classifier of Walnut. " + DESCRIPTION,
        "window",
        [CHANNELS, TIME],
        [("Sub", "channel_mean", mean), ("Div", "channel_std", std)],
        len(LABELS),
        {
            "labels": ",".join(LABELS),
            "description": DESCRIPTION,
            "licence": LICENCE,
            "attribution": ATTRIBUTION,
        },
    )


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="Train motion.onnx.")
    parser.add_argument("data", help="the BasicMotions folder")
    parser.add_argument("--out", default=os.path.dirname(here), help="the models folder")
    args = parser.parse_args()

    train_x, train_y = read(args.data, "train")
    test_x, test_y = read(args.data, "test")

    # Cross-validation inside the training split: the test split is small.
    start = time.monotonic()
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    cross = 0
    for fit_rows, check_rows in folds.split(train_x[:, 0], train_y):
        layers, mean, std = fit(train_x[fit_rows], train_y[fit_rows])
        logits = nn.forward(layers, normalise(train_x[check_rows], mean, std))
        cross += int((logits.argmax(axis=1) == train_y[check_rows]).sum())
    print("cross-validation ", output.score(cross, len(train_y)))

    layers, mean, std = fit(train_x, train_y)
    print(f"trained in {time.monotonic() - start:.0f} s, with the cross-validation")
    model = output.write_model(args.out, "motion", export(layers, mean, std))
    probabilities = output.run(model, test_x)
    own = nn.softmax(nn.forward(layers, normalise(test_x, mean, std)))
    np.testing.assert_allclose(probabilities, own, rtol=0, atol=1e-5)
    guess = probabilities.argmax(axis=1)
    right = int((guess == test_y).sum())

    # The golden rows are the first eight test windows of each class, taking
    # the classes in turn; the last window of each class is a demo sample.
    by_class = [np.flatnonzero(test_y == c) for c in range(len(LABELS))]
    golden = np.array([rows[i] for i in range(GOLDEN_PER_CLASS) for rows in by_class])
    demo = np.array([rows[-1] for rows in by_class])
    output.write_arrays(
        args.out,
        "testdata",
        {
            "motion_input": test_x[golden],
            "motion_output": output.run(model, test_x[golden]),
            "motion_labels": test_y[golden],
        },
    )
    output.write_arrays(
        args.out, "demo", {"motion_samples": test_x[demo], "motion_labels": test_y[demo]}
    )

    s = SETTINGS
    rows = [
        (
            "input",
            "`window` float32 [batch, 6, 100]; channels accelerometer x, y, z, gyroscope x, y, z; "
            "10 s at 10 Hz, raw values",
        ),
        ("output", "`probabilities` float32 [batch, 4]"),
        ("labels", ", ".join(LABELS)),
        (
            "network",
            "Sub mean, Div standard deviation (each channel's, of the training split); "
            "Conv 7 to 16, Relu, MaxPool 2; Conv 5 to 32, Relu, MaxPool 2; Conv 3 to 32, Relu; "
            "GlobalAveragePool, Flatten, Gemm, Softmax",
        ),
        ("parameters", f"{nn.count(layers):,}, and 12 constants of the normalisation"),
        ("file", f"`motion.onnx`, {len(model):,} bytes, opset {nn.OPSET}, IR version {nn.IR_VERSION}"),
        ("SHA-256", f"`{output.digest(model)}`"),
        ("split", f"the archive's own: {len(train_y)} to train, {len(test_y)} held out, balanced"),
        ("seed", str(SEED)),
        (
            "training",
            f"Adam, {s['epochs']} epochs, batches of {s['batch']}, rate {s['rate']:g} falling to 0 "
            f"along a cosine, weight decay {s['decay']:g}; windows rolled in time, scaled by 0.8 to "
            "1.25, with a little noise. No setting was chosen by the held-out windows.",
        ),
        ("**held-out accuracy**", f"**{output.score(right, len(test_y))}**"),
        (
            "cross-validation",
            f"{output.score(cross, len(train_y))}: five folds of the training split, same settings",
        ),
        (
            "limits",
            "The set is small and easy: four people, one kind of watch, five recordings of each "
            "activity. Its source does not say whether the split keeps the people apart, so the "
            "accuracy says nothing about other wearers or devices. The source gives no units.",
        ),
        (
            "data",
            "BasicMotions, UEA multivariate time-series archive, "
            "https://www.timeseriesclassification.com/description.php?Dataset=BasicMotions, "
            "as in the Python package aeon 1.6.0",
        ),
        (
            "data licence",
            "BSD-3-Clause, as part of aeon; the archive names no licence of its own for this set "
            "and asks to be cited. See `LICENSES.md`.",
        ),
        ("trained again by", "`python train/train_motion.py FOLDER`"),
    ]
    body = (
        "## motion\n\n"
        + output.facts(rows)
        + "\n\nConfusion matrix of the held-out windows:\n\n"
        + output.confusion(test_y, guess, LABELS)
    )
    output.write_report(args.out, "motion", body)
    print("held-out accuracy", output.score(right, len(test_y)))
    print("demo samples right:", int((guess[demo] == test_y[demo]).sum()), "of", len(demo))
    if right / len(test_y) < 0.9:
        raise SystemExit("the held-out accuracy is below 90 %")


if __name__ == "__main__":
    main()
