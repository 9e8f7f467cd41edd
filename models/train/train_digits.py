"""Trains digits.onnx: handwritten digits of 8x8 pixels, ten classes.

The data is sklearn.datasets.load_digits, which comes with scikit-learn.

    python -m pip install -r requirements.txt
    python train_digits.py [--out FOLDER]

Writes digits.onnx, testdata/digits_*.npy, demo/digits_*.npy and the section
of REPORT.md on this model. Takes less than a minute on one processor core.
"""

import argparse
import os
import time

import tinynn as nn  # first: it fixes the BLAS threads
import numpy as np
import output
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20240917
TEST_PART = 0.25
LABELS = [str(i) for i in range(10)]
SETTINGS = dict(epochs=40, batch=64, rate=3e-3, decay=1e-2)
GOLDEN = 32

DESCRIPTION = (
    "Handwritten digits, 8x8 grey values: 0 (background) to 16 (ink). "
    "Input image float32 [batch,1,8,8], raw values; output probabilities float32 [batch,10]."
)
LICENCE = (
    "Training data: Optical Recognition of Handwritten Digits, CC BY 4.0, "
    "as distributed with scikit-learn (BSD-3-Clause)"
)
ATTRIBUTION = (
    "Alpaydin, E. and Kaynak, C. (1998). Optical Recognition of Handwritten Digits. "
    "UCI Machine Learning Repository. https://doi.org/10.24432/C50P49"
)


def build(rng):
    return [
        nn.Conv(rng, 1, 16, (3, 3)),
        nn.Relu(),
        nn.Conv(rng, 16, 32, (3, 3)),
        nn.Relu(),
        nn.MaxPool((2, 2)),
        nn.Conv(rng, 32, 64, (3, 3)),
        nn.Relu(),
        nn.MaxPool((2, 2)),
        nn.Dense(rng, 64 * 2 * 2, 10),
    ]


def augment(rng, x):
    """Moves each image by up to one pixel in either direction."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moved = np.empty_like(x)
    for i, (dy, dx) in enumerate(rng.integers(0, 3, (len(x), 2))):
        moved[i] = padded[i, :, dy : dy + 8, dx : dx + 8]
    return moved


def fit(x, y):
    rng = np.random.default_rng(SEED)
    layers = build(rng)
    nn.train(layers, x / np.float32(16), y, 10, rng, augment=augment, **SETTINGS)
    return layers


def export(layers):
    return nn.to_onnx(
        layers,
        "digits",
        "Digits classifier of Walnut. " + DESCRIPTION,
        "image",
        [1, 8, 8],
        [("Div", "full_scale", np.array(16, np.float32))],
        10,
        {
            "labels": ",".join(LABELS),
            "description": DESCRIPTION,
            "licence": LICENCE,
            "attribution": ATTRIBUTION,
        },
    )


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="Train digits.onnx.")
    parser.add_argument("--out", default=os.path.dirname(here), help="the models folder")
    args = parser.parse_args()

    data = load_digits()
    x = data.images.astype(np.float32)[:, None]
    y = data.target.astype(np.int64)

    train_rows, test_rows = train_test_split(
        np.arange(len(x)), test_size=TEST_PART, random_state=SEED, stratify=y
    )
    start = time.monotonic()
    layers = fit(x[train_rows], y[train_rows])
    print(f"trained in {time.monotonic() - start:.0f} s")
    model = output.write_model(args.out, "digits", export(layers))
    test_x, test_y = x[test_rows], y[test_rows]
    probabilities = output.run(model, test_x)
    own = nn.softmax(nn.forward(layers, test_x / np.float32(16)))
    np.testing.assert_allclose(probabilities, own, rtol=0, atol=1e-5)
    guess = probabilities.argmax(axis=1)
    right = int((guess == test_y).sum())

    # The rows are ordered by writer. The same settings, trained on the first
    # half and tested on the second, show how much harder new writers are.
    half = len(x) // 2
    other = output.run(export(fit(x[:half], y[:half])).SerializeToString(), x[half:])
    other_right = int((other.argmax(axis=1) == y[half:]).sum())

    # The first held-out image of each digit is a demo sample; the golden rows
    # are the first 32 of the others.
    demo = np.array([np.flatnonzero(test_y == c)[0] for c in range(10)])
    golden = np.setdiff1d(np.arange(len(test_y)), demo)[:GOLDEN]
    output.write_arrays(
        args.out,
        "testdata",
        {
            "digits_input": test_x[golden],
            "digits_output": output.run(model, test_x[golden]),
            "digits_labels": test_y[golden],
        },
    )
    output.write_arrays(
        args.out, "demo", {"digits_samples": test_x[demo], "digits_labels": test_y[demo]}
    )

    s = SETTINGS
    rows = [
        ("input", "`image` float32 [batch, 1, 8, 8]; raw pixel values, 0 (background) to 16 (ink)"),
        ("output", "`probabilities` float32 [batch, 10]"),
        ("labels", ", ".join(LABELS)),
        (
            "network",
            "Div by 16; Conv 3x3 to 16, Relu; Conv 3x3 to 32, Relu, MaxPool 2; "
            "Conv 3x3 to 64, Relu, MaxPool 2; Flatten, Gemm, Softmax",
        ),
        ("parameters", f"{nn.count(layers):,}"),
        ("file", f"`digits.onnx`, {len(model):,} bytes, opset {nn.OPSET}, IR version {nn.IR_VERSION}"),
        ("SHA-256", f"`{output.digest(model)}`"),
        (
            "split",
            f"stratified at random: {len(train_rows):,} to train, {len(test_rows)} held out "
            "(a quarter)",
        ),
        ("seed", str(SEED)),
        (
            "training",
            f"Adam, {s['epochs']} epochs, batches of {s['batch']}, rate {s['rate']:g} falling to 0 "
            f"along a cosine, weight decay {s['decay']:g}; images moved by up to one pixel. "
            "No setting was chosen by the held-out rows.",
        ),
        ("**held-out accuracy**", f"**{output.score(right, len(test_y))}**"),
        (
            "accuracy on new writers",
            f"{output.score(other_right, len(x) - half)}: the same settings trained on the first "
            f"{half} rows and tested on the last {len(x) - half}; the rows are ordered by writer, "
            "so nearly all of these were written by other people. That network is not shipped.",
        ),
        (
            "data",
            "`sklearn.datasets.load_digits` (1,797 images), the test set of E. Alpaydin and "
            "C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
            "Repository, https://doi.org/10.24432/C50P49",
        ),
        ("data licence", "CC BY 4.0; scikit-learn, which ships it, is BSD-3-Clause. See `LICENSES.md`."),
        ("trained again by", "`python train/train_digits.py`"),
    ]
    body = (
        "## digits\n\n"
        + output.facts(rows)
        + "\n\nConfusion matrix of the held-out rows:\n\n"
        + output.confusion(test_y, guess, LABELS)
    )
    output.write_report(args.out, "digits", body)
    print("held-out accuracy", output.score(right, len(test_y)))
    print("new writers      ", output.score(other_right, len(x) - half))
    print("demo samples right:", int((guess[demo] == test_y[demo]).sum()), "of", len(demo))
    if right / len(test_y) < 0.97:
        raise SystemExit("the held-out accuracy is below 97 %")


if __name__ == "__main__":
    main()
