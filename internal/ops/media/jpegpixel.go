package media

import (
	"github.com/walnut-ai/walnut/internal/op"
)

// inverse turns the coefficients into samples.
func (c *jpegComp) inverse(e *op.Eval, quant *[64]int) error {
	var err error
	if c.plane, err = newPlane(e, 8*c.bw, 8*c.bh, 1); err != nil {
		return err
	}
	for y := range c.bh {
		if err := e.Tick(64 * c.bw); err != nil {
			return err
		}
		for x := range c.bw {
			k := y*c.bw + x
			idct(c.plane[8*(y*8*c.bw+x):], 8*c.bw, c.coef[64*k:64*k+64], quant)
		}
	}
	return nil
}

// Constants of the transform, times 2^13 (libjpeg, jidctint.c).
const (
	fix0_298631336 = 2446
	fix0_390180644 = 3196
	fix0_541196100 = 4433
	fix0_765366865 = 6270
	fix0_899976223 = 7373
	fix1_175875602 = 9633
	fix1_501321110 = 12299
	fix1_847759065 = 15137
	fix1_961570560 = 16069
	fix2_053119869 = 16819
	fix2_562915447 = 20995
	fix3_072711026 = 25172
)

// idct is the accurate integer inverse DCT of libjpeg ("islow": C. Loeffler,
// A. Ligtenberg, G. Moschytz, "Practical fast 1-D DCT algorithms with 11
// multiplications", 1989), whose rounding decides the exact pixels.
func idct(dst []byte, stride int, coef []int16, quant *[64]int) {
	var t [64]int32
	for i := range 8 {
		var v [8]int32
		for k := range v {
			v[k] = int32(coef[8*k+i]) * int32(quant[8*k+i])
		}
		o := idct8(v)
		for k := range o {
			t[8*k+i] = (o[k] + 1<<10) >> 11
		}
	}
	for i := range 8 {
		o := idct8([8]int32(t[8*i : 8*i+8]))
		row := dst[i*stride : i*stride+8]
		for k := range o {
			row[k] = byte(min(max((o[k]+1<<17)>>18+128, 0), 255))
		}
	}
}

// idct8 transforms 8 values; results are times 2^13.
func idct8(v [8]int32) [8]int32 {
	z1 := (v[2] + v[6]) * fix0_541196100
	t2 := z1 - v[6]*fix1_847759065
	t3 := z1 + v[2]*fix0_765366865
	t0, t1 := (v[0]+v[4])<<13, (v[0]-v[4])<<13
	e0, e3, e1, e2 := t0+t3, t0-t3, t1+t2, t1-t2

	t0, t1, t2, t3 = v[7], v[5], v[3], v[1]
	z1, z2, z3, z4 := t0+t3, t1+t2, t0+t2, t1+t3
	z5 := (z3 + z4) * fix1_175875602
	t0 *= fix0_298631336
	t1 *= fix2_053119869
	t2 *= fix3_072711026
	t3 *= fix1_501321110
	z1 *= -fix0_899976223
	z2 *= -fix2_562915447
	z3 = z3*-fix1_961570560 + z5
	z4 = z4*-fix0_390180644 + z5
	t0 += z1 + z3
	t1 += z2 + z4
	t2 += z2 + z3
	t3 += z1 + z4
	return [8]int32{e0 + t3, e1 + t2, e2 + t1, e3 + t0, e3 - t0, e2 - t1, e1 - t2, e0 - t3}
}

// upsample stores row y of the full image in dst, hx and vy being the factors
// by which the component is smaller. Factors of 2 interpolate as libjpeg's
// "fancy" upsampling does (jdsample.c), others repeat samples.
func (c *jpegComp) upsample(dst []byte, y, hx, vy int) {
	line := func(r int) []byte {
		r = min(max(r, 0), c.rows-1)
		return c.plane[r*8*c.bw : r*8*c.bw+c.w]
	}
	near := line(y / vy)
	far := line(y/vy - 1)
	if vy == 2 && y%2 == 1 {
		far = line(y/vy + 1)
	}
	switch {
	case hx == 1 && vy == 1:
		copy(dst, near)
	case hx == 2 && vy == 1 && c.w > 2:
		fancyH2(dst, near)
	case hx == 2 && vy == 2 && c.w > 2:
		fancyH2V2(dst, near, far)
	case hx == 1 && vy == 2:
		bias := 1 + y%2
		for x := range near {
			dst[x] = byte((3*int(near[x]) + int(far[x]) + bias) >> 2)
		}
	default:
		for x := range near {
			for k := range hx {
				dst[x*hx+k] = near[x]
			}
		}
	}
}

// fancyH2 doubles a row: 3/4 of the nearer and 1/4 of the farther sample,
// halves rounded down on the left and up on the right.
func fancyH2(dst, s []byte) {
	n := len(s)
	dst[0] = s[0]
	dst[2*n-1] = s[n-1]
	for x := 1; x < n; x++ {
		a, b := int(s[x-1]), int(s[x])
		dst[2*x-1] = byte((3*a + b + 2) >> 2)
		dst[2*x] = byte((3*b + a + 1) >> 2)
	}
}

// fancyH2V2 is fancyH2 on rows blended 3:1 with their neighbour, rounded once.
func fancyH2V2(dst, near, far []byte) {
	n := len(near)
	sum := func(x int) int { return 3*int(near[x]) + int(far[x]) }
	a := sum(0)
	dst[0] = byte((4*a + 8) >> 4)
	for x := 1; x < n; x++ {
		b := sum(x)
		dst[2*x-1] = byte((3*a + b + 7) >> 4)
		dst[2*x] = byte((3*b + a + 8) >> 4)
		a = b
	}
	dst[2*n-1] = byte((4*a + 7) >> 4)
}

// yccToRGB is libjpeg's conversion in 16-bit fixed point (jdcolor.c).
func yccToRGB(y, cb, cr int) (r, g, b byte) {
	cb, cr = cb-128, cr-128
	clip := func(v int) byte { return byte(min(max(v, 0), 255)) }
	return clip(y + (91881*cr+32768)>>16), clip(y + (-22554*cb-46802*cr+32768)>>16), clip(y + (116130*cb+32768)>>16)
}

// cmykRow converts CMYK, or YCCK, to RGB. The inks are stored inverted, as Adobe
// does and Pillow assumes.
func cmykRow(dst []byte, rows [][]byte, ycck bool) {
	for x := range len(dst) / 3 {
		c, m, y, k := rows[0][x], rows[1][x], rows[2][x], int(rows[3][x])
		if ycck {
			c, m, y = yccToRGB(int(c), int(m), int(y))
			c, m, y = 255-c, 255-m, 255-y
		}
		for i, v := range [3]byte{c, m, y} {
			ink, white := 255-int(v), k
			t := ink*white + 128
			dst[3*x+i] = byte(min(max(white-(t>>8+t)>>8, 0), 255))
		}
	}
}
