package media

import (
	"bytes"
	"image"

	"golang.org/x/image/webp"

	"github.com/walnut-ai/walnut/internal/op"
)

// decodeWebP decodes WebP. The lossy form is YUV 4:2:0, which is made RGB with
// libwebp's "fancy" upsampling and fixed-point conversion.
func decodeWebP(e *op.Eval, b []byte) (*pixels, error) {
	c, err := webp.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	// Lossless images can be of any size in a few bytes: only the budget counts.
	if _, err := newPlane(e, c.Width, c.Height, 8); err != nil {
		return nil, err
	}
	m, err := webp.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *image.YCbCr:
		return fromYUV(e, m)
	case *image.NYCbCrA:
		return fromYUV(e, &m.YCbCr)
	}
	return fromImage(e, m)
}

// fromYUV converts YUV 4:2:0 as libwebp does (src/dsp/yuv.h, upsampling.c).
func fromYUV(e *op.Eval, m *image.YCbCr) (*pixels, error) {
	p, err := newPixels(e, m.Rect.Dx(), m.Rect.Dy(), 3)
	if err != nil {
		return nil, err
	}
	cw, chh := (p.w+1)/2, (p.h+1)/2
	u, v := make([]int, p.w+1), make([]int, p.w+1)
	for y := range p.h {
		if err := e.Tick(p.w); err != nil {
			return nil, err
		}
		near := y / 2
		far := near - 1
		if y%2 == 1 {
			far = near + 1
		}
		far = min(max(far, 0), chh-1)
		n, f := near*m.CStride, far*m.CStride
		fancyRow(u, m.Cb[n:n+cw], m.Cb[f:f+cw])
		fancyRow(v, m.Cr[n:n+cw], m.Cr[f:f+cw])
		row := p.pix[3*y*p.w:]
		for x := range p.w {
			l := int(m.Y[y*m.YStride+x]) * 19077 >> 8
			row[3*x] = clip6(l + v[x]*26149>>8 - 14234)
			row[3*x+1] = clip6(l - u[x]*6419>>8 - v[x]*13320>>8 + 8708)
			row[3*x+2] = clip6(l + u[x]*33050>>8 - 17685)
		}
	}
	return p, nil
}

// fancyRow doubles a row of chroma: 9/16 of the nearest sample, 3/16 of its
// neighbours in row and column, 1/16 of the one across, in libwebp's rounding.
// dst may be one longer than the image is wide.
func fancyRow(dst []int, near, far []byte) {
	n := func(i int) int { return int(near[i]) }
	f := func(i int) int { return int(far[i]) }
	dst[0] = (3*n(0) + f(0) + 2) >> 2
	last := len(near) - 1
	for x := 1; x <= last; x++ {
		avg := n(x-1) + n(x) + f(x-1) + f(x) + 8
		dst[2*x-1] = ((avg+2*(n(x)+f(x-1)))>>3 + n(x-1)) >> 1
		dst[2*x] = ((avg+2*(n(x-1)+f(x)))>>3 + n(x)) >> 1
	}
	if 2*last+1 < len(dst) {
		dst[2*last+1] = (3*n(last) + f(last) + 2) >> 2
	}
}

// clip6 drops 6 fraction bits and limits to a byte.
func clip6(v int) byte { return byte(min(max(v>>6, 0), 255)) }
