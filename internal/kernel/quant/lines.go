package quant

// linesArgs is the argument block of the copying kernels; the generator knows the offsets.
type linesArgs struct {
	src, dst, odd      *uint8
	srcPitch, dstPitch int
	width, lines       int
}

// copyLines copies lines of width bytes.
func copyLines(dst []uint8, dstPitch int, src []uint8, srcPitch, width, lines int) {
	if width <= 0 || lines <= 0 {
		return
	}
	_, _ = dst[(lines-1)*dstPitch+width-1], src[(lines-1)*srcPitch+width-1]
	if linesFast(&linesArgs{&src[0], &dst[0], nil, srcPitch, dstPitch, width, lines}, false) {
		return
	}
	for i := range lines {
		copy(dst[i*dstPitch:][:width], src[i*srcPitch:])
	}
}

// splitLines stores the even bytes of lines at even and the odd ones at odd.
func splitLines(even, odd []uint8, dstPitch int, src []uint8, srcPitch, width, lines int) {
	if width < 2 || lines <= 0 {
		return
	}
	_, _ = even[(lines-1)*dstPitch+(width+1)/2-1], odd[(lines-1)*dstPitch+width/2-1]
	_ = src[(lines-1)*srcPitch+width-1]
	if linesFast(&linesArgs{&src[0], &even[0], &odd[0], srcPitch, dstPitch, width, lines}, true) {
		return
	}
	for i := range lines {
		e, o := even[i*dstPitch:][:(width+1)/2], odd[i*dstPitch:][:width/2]
		s := src[i*srcPitch:][:width]
		for x := range o {
			e[x], o[x] = s[2*x], s[2*x+1]
		}
		if width%2 != 0 {
			e[width/2] = s[width-1]
		}
	}
}

// copyPlane copies a channel with its padding, lines and columns of a phase together.
func (p *ConvPlan) copyPlane(dst, in []uint8, pad uint8) {
	fillByte(dst, pad)
	size := p.phase.size()
	stride, w := p.stride[0], p.phase[1]
	for q := range p.phases[0] {
		// Line r of the phase is line q+r*stride of the padded input.
		r0 := max(0, (p.pad[0]-q+stride-1)/stride)
		r1 := min(p.phase[0], (p.in[0]+p.pad[0]-q+stride-1)/stride)
		if r0 >= r1 {
			continue
		}
		from := in[(q+r0*stride-p.pad[0])*p.in[1]:]
		p.copyColumns(dst[q*p.phases[1]*size+r0*w:], from, stride*p.in[1], r1-r0, size)
	}
}

// copyColumns copies lines to the phases of their columns, which are size bytes apart.
func (p *ConvPlan) copyColumns(dst, src []uint8, srcPitch, lines, size int) {
	w, stride, left, width := p.phase[1], p.stride[1], p.pad[1], p.in[1]
	done := 0
	switch {
	case stride == 1:
		copyLines(dst[min(left, w):], w, src, srcPitch, min(width, w-left), lines)
		return
	case stride == 2 && p.phases[1] == 2:
		// Column x goes to phase (x+left)%2.
		e, o := left%2*size+left/2, (left+1)%2*size+(left+1)/2
		done = min(width, 2*(w-left/2), 2*(w-(left+1)/2)) &^ 1
		if done > 0 {
			splitLines(dst[e:], dst[o:], w, src, srcPitch, done, lines)
		}
		done = max(done, 0)
	}
	for q := range p.phases[1] {
		i := max(0, (done+left-q+stride-1)/stride) // the first place whose column is done or beyond
		if i >= w || q-left+i*stride >= width {
			continue
		}
		for r := range lines {
			line, to := src[r*srcPitch:][:width], dst[q*size+r*w:][:w]
			for k, x := i, q-left+i*stride; k < w && x < width; x += stride {
				to[k] = line[x]
				k++
			}
		}
	}
}

// fillByte sets all of d to v.
func fillByte(d []uint8, v uint8) {
	if len(d) == 0 {
		return
	}
	d[0] = v
	for n := 1; n < len(d); n *= 2 {
		copy(d[n:], d[:n])
	}
}
