// Package media turns images and audio into tensors.
package media

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // formats for image.Decode
	_ "image/png"
	"strconv"
	"strings"

	"golang.org/x/image/draw"

	"github.com/walnut-ai/walnut/tensor"
)

// maxPixels bounds the images that are decoded; it is checked on the header.
const maxPixels = 1 << 26

// ImageOptions say how pixels become a tensor: value = (pixel*Scale - Mean) / Std
// with pixels from 0 to 255.
type ImageOptions struct {
	Width, Height int    // 0 = as the image is
	Layout        string // "nchw" (default), "nhwc", "chw", "hwc"
	Gray          bool   // one channel
	BGR           bool   // blue first
	Scale         float64
	Mean, Std     []float64 // one, or one a channel
	DType         tensor.DType
}

// ParseImageOptions reads "size=224x224,layout=nchw,mean=0.485:0.456:0.406,
// std=0.229:0.224:0.225,scale=1/255,color=rgb|bgr|gray,dtype=float|uint8".
func ParseImageOptions(s string) (ImageOptions, error) {
	o := ImageOptions{Layout: "nchw", Scale: 1.0 / 255, DType: tensor.Float32}
	if s == "" {
		return o, nil
	}
	for _, part := range strings.Split(s, ",") {
		k, v, ok := strings.Cut(part, "=")
		var err error
		switch {
		case !ok:
			err = fmt.Errorf("needs KEY=VALUE")
		case k == "size":
			w, h, ok := strings.Cut(v, "x")
			o.Width, err = strconv.Atoi(w)
			if err == nil && ok {
				o.Height, err = strconv.Atoi(h)
			}
			if !ok || o.Width <= 0 || o.Height <= 0 || o.Width > 1<<15 || o.Height > 1<<15 {
				err = fmt.Errorf("must be WIDTHxHEIGHT")
			}
		case k == "layout" && (v == "nchw" || v == "nhwc" || v == "chw" || v == "hwc"):
			o.Layout = v
		case k == "color" && (v == "rgb" || v == "bgr" || v == "gray"):
			o.BGR, o.Gray = v == "bgr", v == "gray"
		case k == "scale":
			o.Scale, err = number(v)
		case k == "mean":
			o.Mean, err = numbers(v)
		case k == "std":
			o.Std, err = numbers(v)
		case k == "dtype":
			if o.DType, ok = tensor.ParseDType(v); !ok {
				err = fmt.Errorf("unknown element type")
			}
		default:
			err = fmt.Errorf("must be one of size, layout (nchw, nhwc, chw, hwc), color (rgb, bgr, gray), scale, mean, std, dtype")
		}
		if err != nil {
			return o, fmt.Errorf("preprocess %q: %w", part, err)
		}
	}
	return o, nil
}

// number reads "0.5" or "1/255".
func number(s string) (float64, error) {
	a, b, frac := strings.Cut(s, "/")
	x, err := strconv.ParseFloat(a, 64)
	if err != nil || !frac {
		return x, err
	}
	y, err := strconv.ParseFloat(b, 64)
	if err == nil && y == 0 {
		err = fmt.Errorf("division by zero")
	}
	return x / y, err
}

func numbers(s string) ([]float64, error) {
	var l []float64
	for _, p := range strings.Split(s, ":") {
		x, err := number(p)
		if err != nil {
			return nil, err
		}
		l = append(l, x)
	}
	return l, nil
}

// Image decodes a PNG or JPEG into a tensor.
func Image(data []byte, o ImageOptions) (*tensor.Tensor, error) {
	cfg, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	if cfg.Width <= 0 || cfg.Height <= 0 || cfg.Width > maxPixels/cfg.Height {
		return nil, fmt.Errorf("image: %dx%d pixels, at most %d are decoded", cfg.Width, cfg.Height, maxPixels)
	}
	src, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	w, h := cfg.Width, cfg.Height
	if o.Width > 0 {
		w, h = o.Width, o.Height
	}
	rgba := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.BiLinear.Scale(rgba, rgba.Bounds(), src, src.Bounds(), draw.Src, nil)
	return pixels(rgba, w, h, o)
}

func pixels(img *image.NRGBA, w, h int, o ImageOptions) (*tensor.Tensor, error) {
	c := 3
	if o.Gray {
		c = 1
	}
	pick := func(l []float64, ch int, def float64) float64 {
		switch {
		case len(l) == 1:
			return l[0]
		case ch < len(l):
			return l[ch]
		}
		return def
	}
	for _, l := range [][]float64{o.Mean, o.Std} {
		if len(l) > 1 && len(l) != c {
			return nil, fmt.Errorf("image: mean and std need one value or %d", c)
		}
	}
	dims := map[string][]int{"nchw": {1, c, h, w}, "chw": {c, h, w}, "nhwc": {1, h, w, c}, "hwc": {h, w, c}}[o.Layout]
	t, err := tensor.New(o.DType, dims...)
	if err != nil {
		return nil, err
	}
	first := strings.HasSuffix(o.Layout, "chw")
	for y := range h {
		for x := range w {
			p := img.Pix[img.PixOffset(x, y):]
			for ch := range c {
				var v float64
				switch {
				case o.Gray: // ITU-R BT.601, as Pillow's "L"
					v = (299*float64(p[0]) + 587*float64(p[1]) + 114*float64(p[2])) / 1000
				case o.BGR:
					v = float64(p[2-ch])
				default:
					v = float64(p[ch])
				}
				v = (v*o.Scale - pick(o.Mean, ch, 0)) / pick(o.Std, ch, 1)
				i := (y*w+x)*c + ch
				if first {
					i = (ch*h+y)*w + x
				}
				t.SetFloatAt(i, v)
			}
		}
	}
	return t, nil
}
