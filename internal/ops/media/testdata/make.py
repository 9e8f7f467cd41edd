"""Writes images.json.gz: small images in many formats with the pixels that Pillow decodes.

    python make.py images.json.gz

Needs numpy and Pillow (made with 13.0, libjpeg-turbo 3.2, libwebp 1.6, OpenJPEG 2.5.4).
"""
import base64, gzip, io, json, sys
import numpy as np
from PIL import Image

rng = np.random.default_rng(1)
cases = []


def picture(w, h, mode):
    ch = {"RGB": 3, "RGBA": 4, "L": 1, "LA": 2, "CMYK": 4}[mode]
    y, x = np.mgrid[0:h, 0:w]
    a = [127 + 120 * np.sin(x / 5 + k) * np.cos(y / (4 + k)) for k in range(ch)]
    a = np.clip(np.stack(a, -1) + rng.normal(size=(h, w, ch)) * 15, 0, 255).astype(np.uint8)
    return Image.fromarray(a[..., 0] if ch == 1 else a, mode)


def case(name, data):
    im = Image.open(io.BytesIO(data))
    im.load()
    c = {"name": name, "file": base64.b64encode(data).decode(), "w": im.width, "h": im.height}
    for mode in ("RGB", "L"):
        c[mode] = base64.b64encode(np.array(im.convert(mode)).tobytes()).decode()
    cases.append(c)


def save(im, fmt, **k):
    b = io.BytesIO()
    im.save(b, fmt, **k)
    return b.getvalue()


for w, h in ((17, 13), (2, 5), (16, 16)):
    for sub in (0, 1, 2):
        for prog in (False, True):
            case(f"jpeg {w}x{h} sampling {sub} progressive {prog}", save(picture(w, h, "RGB"), "JPEG", quality=80, subsampling=sub, progressive=prog))
case("jpeg grey", save(picture(9, 11, "L"), "JPEG"))
case("jpeg CMYK", save(picture(9, 11, "CMYK"), "JPEG"))
case("jpeg restart", save(picture(40, 33, "RGB"), "JPEG", quality=30, restart_marker_blocks=2))
for mode in ("RGB", "RGBA"):
    case("webp lossy " + mode, save(picture(19, 14, mode), "WEBP", quality=60))
    case("webp lossless " + mode, save(picture(6, 5, mode), "WEBP", lossless=True))
for mode in ("RGB", "RGBA", "L", "LA"):
    case("png " + mode, save(picture(9, 6, mode), "PNG"))
case("png palette", save(picture(9, 6, "RGB").convert("P"), "PNG"))
case("png bitmap", save(picture(9, 6, "RGB").convert("1"), "PNG"))
case("bmp", save(picture(9, 6, "RGB"), "BMP"))
for comp in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
    case(f"tiff {comp}", save(picture(9, 6, "RGB"), "TIFF", compression=comp))
for mode in ("RGB", "LA"):
    for irr in (False, True):
        case(f"jpeg 2000 {mode} irreversible {irr}", save(picture(21, 14, mode), "JPEG2000", irreversible=irr, num_resolutions=3))
case("jpeg 2000 layers and tiles", save(picture(30, 21, "RGB"), "JPEG2000", irreversible=True, tile_size=(16, 12), quality_mode="rates", quality_layers=[20, 5], progression="RPCL", num_resolutions=2))
case("jpeg 2000 precincts", save(picture(70, 21, "L"), "JPEG2000", precinct_size=(64, 64), codeblock_size=(16, 16), num_resolutions=3, progression="PCRL", no_jp2=True, offset=(3, 5), tile_offset=(1, 2), tile_size=(40, 40)))
case("ppm", save(picture(9, 6, "RGB"), "PPM"))
case("pbm", save(picture(9, 6, "L").convert("1"), "PPM"))
case("pbm text", b"P1\n3 2\n101\n0 1 0\n")
case("pgm text", b"P2\n# c\n3 2 15\n0 1 2\n15 7 8\n")
case("ppm text", b"P3 1 2 7 1 2 3 4 5 7")
case("ppm 16 bits", b"P6 1 1 65535\n" + bytes([1, 2, 100, 3, 255, 255]))
with gzip.GzipFile(sys.argv[1], "wb", mtime=0) as f:
    f.write(json.dumps(cases).encode())
