package media

import (
	"errors"
	"fmt"
	"math"

	"github.com/walnut-ai/walnut/tensor"
)

// j2kPlane is a component of a tile; one of the slices is set.
type j2kPlane struct {
	x0, y0, x1, y1 int
	ints           []int32
	floats         []float32
}

func shiftUp(v, n int) int { return int((int64(v) + 1<<n - 1) >> n) } // ceil(v / 2^n)

// decodeTile decodes the tile in column tx and row ty.
func (j *j2k) decodeTile(t *j2kTile, tx, ty int) error {
	x0, y0 := max(j.tx0+tx*j.tw, j.x0), max(j.ty0+ty*j.th, j.y0)
	x1, y1 := min(j.tx0+(tx+1)*j.tw, j.x1), min(j.ty0+(ty+1)*j.th, j.y1)
	h := t.h
	if h.layers < 1 || h.prog > 4 {
		return fmt.Errorf("%d layers in progression %d", h.layers, h.prog)
	}
	var all []*j2kPrecinct
	planes := make([]*j2kPlane, len(h.styles))
	for c := range planes {
		planes[c] = &j2kPlane{x0: x0, y0: y0, x1: x1, y1: y1}
		l, err := j.precincts(h, c, planes[c], len(t.data))
		if err != nil {
			return err
		}
		all = append(all, l...)
	}
	if err := j.readPackets(t, all); err != nil {
		return err
	}
	for c, p := range planes {
		if err := j.newValues(p, h.styles[c].reversible); err != nil {
			return err
		}
	}
	for _, p := range all {
		for _, a := range p.areas {
			for _, k := range a.blocks {
				if err := j.place(planes[p.comp], a.band, k, h.styles[p.comp].block); err != nil {
					return err
				}
			}
		}
	}
	for c, p := range planes {
		if err := j.transform(p, h.styles[c].levels); err != nil {
			return err
		}
	}
	return j.output(h, planes)
}

func (j *j2k) newValues(p *j2kPlane, reversible bool) error {
	dt := tensor.Float32
	if reversible {
		dt = tensor.Int32
	}
	t, err := j.e.Temp(dt, p.y1-p.y0, p.x1-p.x0)
	if err != nil {
		return err
	}
	if reversible {
		p.ints = tensor.Of[int32](t)
	} else {
		p.floats = tensor.Of[float32](t)
	}
	return nil
}

// precincts lays out component c of a tile: resolutions, bands, precincts and
// code-blocks (T.800, annex B). Each precinct has a packet of a byte or more, so
// that there can't be more of them than limit.
func (j *j2k) precincts(h *j2kHeader, c int, p *j2kPlane, limit int) ([]*j2kPrecinct, error) {
	s := &h.styles[c]
	var all []*j2kPrecinct
	for r := range s.levels + 1 {
		down := s.levels - r
		rx0, ry0, rx1, ry1 := shiftUp(p.x0, down), shiftUp(p.y0, down), shiftUp(p.x1, down), shiftUp(p.y1, down)
		if rx0 >= rx1 || ry0 >= ry1 {
			continue
		}
		bands, err := j.bands(h, c, r, p)
		if err != nil {
			return nil, err
		}
		px, py := int(s.prec[r]&15), int(s.prec[r]>>4)
		first, last := rx0>>px, shiftUp(rx1, px)
		index := 0
		for y := ry0 >> py; y < shiftUp(ry1, py); y++ {
			for x := first; x < last; x++ {
				q := &j2kPrecinct{comp: c, res: r, index: index, x: max(scaleUp(x, px+down), p.x0), y: max(scaleUp(y, py+down), p.y0)}
				index++
				for _, b := range bands {
					a, err := j.area(s, b, x, y, px, py, r)
					if err != nil {
						return nil, err
					}
					q.areas = append(q.areas, a)
				}
				if all = append(all, q); len(all) > limit {
					return nil, errTruncated
				}
			}
		}
	}
	return all, nil
}

// scaleUp returns v * 2^n, limited to what the reference grid can hold.
func scaleUp(v, n int) int {
	if v > 0 && n > 30 {
		return math.MaxInt32
	}
	return int(min(int64(v)<<min(n, 31), math.MaxInt32))
}

// bands returns the bands of resolution r.
func (j *j2k) bands(h *j2kHeader, c, r int, p *j2kPlane) ([]*j2kBand, error) {
	s := &h.styles[c]
	orients, level := []int{1, 2, 3}, s.levels-r+1
	if r == 0 {
		orients, level = []int{0}, s.levels
	}
	var l []*j2kBand
	for _, o := range orients {
		edge := func(v, high int) int {
			if level == 0 {
				return v
			}
			return int((int64(v) - int64(high)<<(level-1) + 1<<level - 1) >> level)
		}
		b := &j2kBand{orient: o, x0: edge(p.x0, o&1), x1: edge(p.x1, o&1), y0: edge(p.y0, o>>1), y1: edge(p.y1, o>>1)}
		k := 0
		if r > 0 {
			k = 3*(r-1) + o
			if o&1 == 1 {
				b.xoff = shiftUp(p.x1, level) - shiftUp(p.x0, level)
			}
			if o>>1 == 1 {
				b.yoff = shiftUp(p.y1, level) - shiftUp(p.y0, level)
			}
		}
		exp, mant, err := h.quants[c].at(k)
		if err != nil {
			return nil, err
		}
		gain := o&1 + o>>1
		b.planes = exp + h.quants[c].guard - 1
		b.step = 0.5 // the fraction bit of decoded values
		if !s.reversible && h.quants[c].style != 0 {
			b.step *= float32((1 + float64(mant)/2048) * math.Ldexp(1, j.depth[c]+gain-exp))
		}
		l = append(l, b)
	}
	return l, nil
}

// area makes the code-blocks of band b in the precinct x, y.
func (j *j2k) area(s *j2kStyle, b *j2kBand, x, y, px, py, r int) (*j2kArea, error) {
	if r > 0 { // precincts are given on the resolution, of which a band has half
		px, py = px-1, py-1
	}
	xcb, ycb := min(s.xcb, px), min(s.ycb, py)
	x0, x1 := max(b.x0, scaleUp(x, px)), min(b.x1, scaleUp(x+1, px))
	y0, y1 := max(b.y0, scaleUp(y, py)), min(b.y1, scaleUp(y+1, py))
	a := &j2kArea{band: b}
	if x0 >= x1 || y0 >= y1 {
		a.cw = 1 // no blocks
		return a, nil
	}
	cx0, cy0 := x0>>xcb, y0>>ycb
	a.cw, a.ch = shiftUp(x1, xcb)-cx0, shiftUp(y1, ycb)-cy0
	// Blocks and tag trees count against the budget.
	if _, err := j.e.Temp(tensor.Uint8, a.ch, a.cw, 256); err != nil {
		return nil, err
	}
	a.incl, a.zero = newTagTree(a.cw, a.ch), newTagTree(a.cw, a.ch)
	for k := range a.cw * a.ch {
		cx, cy := cx0+k%a.cw, cy0+k/a.cw
		a.blocks = append(a.blocks, &j2kBlock{x0: max(x0, cx<<xcb), x1: min(x1, (cx+1)<<xcb), y0: max(y0, cy<<ycb), y1: min(y1, (cy+1)<<ycb)})
	}
	return a, nil
}

// place decodes a block into the plane of its component.
func (j *j2k) place(p *j2kPlane, b *j2kBand, k *j2kBlock, style byte) error {
	if k.passes == 0 {
		return nil
	}
	planes := b.planes - k.zero
	if planes > 30 || planes < 0 || k.passes > 3*planes {
		return errors.New("a code-block has too many bit-planes")
	}
	w, h := k.x1-k.x0, k.y1-k.y0
	if err := j.e.Tick(1 + w*h*k.passes/8); err != nil {
		return err
	}
	v := decodeBlock(k.data, w, h, b.orient, planes, k.passes, style)
	stride := p.x1 - p.x0
	for y := range h {
		row := (b.yoff+k.y0-b.y0+y)*stride + b.xoff + k.x0 - b.x0
		for x := range w {
			if p.ints != nil {
				p.ints[row+x] = v[y*w+x] / 2
			} else {
				p.floats[row+x] = float32(v[y*w+x]) * b.step
			}
		}
	}
	return nil
}

// transform undoes the wavelet transform, level by level.
func (j *j2k) transform(p *j2kPlane, levels int) error {
	w := p.x1 - p.x0
	for d := levels - 1; d >= 0; d-- {
		x0, y0, x1, y1 := shiftUp(p.x0, d), shiftUp(p.y0, d), shiftUp(p.x1, d), shiftUp(p.y1, d)
		if x0 >= x1 || y0 >= y1 {
			continue
		}
		if err := j.e.Tick(1 + (x1-x0)*(y1-y0)/8); err != nil {
			return err
		}
		if p.ints != nil {
			unlift(p.ints, w, x0, y0, x1, y1, inverse53)
		} else {
			unlift(p.floats, w, x0, y0, x1, y1, inverse97)
		}
	}
	return nil
}

// output undoes the colour transform and stores the samples as bytes.
func (j *j2k) output(h *j2kHeader, planes []*j2kPlane) error {
	p := planes[0]
	w, n := p.x1-p.x0, len(p.ints)+len(p.floats)
	if h.mct {
		if len(planes) < 3 || (planes[1].ints == nil) != (p.ints == nil) || (planes[2].ints == nil) != (p.ints == nil) {
			return errors.New("the colour transform needs three like components")
		}
		for i := range n {
			uncolour(planes, i)
		}
	}
	for c := range j.pix.ch {
		q := planes[c]
		for i := range n {
			v := 0
			if q.ints != nil {
				v = int(q.ints[i])
			} else {
				v = int(math.RoundToEven(min(max(float64(q.floats[i]), -1<<20), 1<<20)))
			}
			x, y := p.x0-j.x0+i%w, p.y0-j.y0+i/w
			j.pix.pix[(y*j.pix.w+x)*j.pix.ch+c] = toByte(v, j.depth[c])
		}
	}
	return nil
}

// toByte centres a sample of the given depth and scales it to 8 bits by shifting.
func toByte(v, depth int) byte {
	v = min(max(v+1<<(depth-1), 0), 1<<depth-1)
	if depth > 8 {
		return byte(v >> (depth - 8))
	}
	return byte(v << (8 - depth))
}

// uncolour undoes the colour transform of sample i (T.800, annex G).
func uncolour(p []*j2kPlane, i int) {
	if p[0].ints != nil {
		y, u, v := p[0].ints[i], p[1].ints[i], p[2].ints[i]
		g := y - (u+v)>>2
		p[0].ints[i], p[1].ints[i], p[2].ints[i] = v+g, g, u+g
		return
	}
	y, u, v := p[0].floats[i], p[1].floats[i], p[2].floats[i]
	p[0].floats[i] = y + v*1.402
	p[1].floats[i] = y - u*0.34413 - v*0.71414
	p[2].floats[i] = y + u*1.772
}
