package plan

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// Kernels are written for float32. A node over float16 or bfloat16 that its
// operator declines to prepare is prepared again as if those values were
// float32: the step's inputs are widened to scratch memory, and its outputs
// rounded from there. Constants are widened ahead, once a model. A step that reads
// what such a step made reads the float32, and where all readers do, nothing is
// rounded.

// widenBind is the op.Bind that shows 16-bit floats as float32.
type widenBind struct {
	*bindCtx
	in, out map[int]op.Slot // the slots of float32 that stand for inputs and outputs
	made    map[int]op.Slot // those of in that an earlier step makes
	step    widenStep
	consts  map[int]*tensor.Tensor
}

// half reports whether dt is a 16-bit float.
func half(dt tensor.DType) bool { return dt == tensor.Float16 || dt == tensor.BFloat16 }

func widened(dt tensor.DType) tensor.DType {
	if half(dt) {
		return tensor.Float32
	}
	return dt
}

// widens reports whether the node may run on float32: it has 16-bit floats, and
// its outputs are either floats or exact (indices, truth values), so that only the last
// rounding is new to them. Narrow integers, which quantisation rounds to, are not.
func (c *bindCtx) widens() bool {
	found := false
	for i := range c.NIn() {
		found = found || half(c.Type(i))
	}
	for i := range c.st.Out {
		switch dt := c.OutType(i); dt {
		case tensor.Float16, tensor.BFloat16:
			found = true
		case tensor.Float32, tensor.Bool, tensor.Int64, tensor.Int32:
		default:
			if c.Wants(i) {
				return false
			}
		}
	}
	return found
}

// prepareStep asks the operator for a step, then for one on float32.
func (k *binder) prepareStep(pr op.Preparer, n *graph.Node, st *Step) (op.Step, *bindCtx, error) {
	slots := len(k.b.Slots)
	bc := &bindCtx{k: k, n: n, st: st}
	run, err := pr.Prepare(bc)
	if run != nil || err != nil {
		return run, bc, err
	}
	k.b.Slots = k.b.Slots[:slots] // what a step that is not there asked for
	if !bc.widens() {
		return nil, bc, nil
	}
	w := &widenBind{bindCtx: &bindCtx{k: k, n: n, st: st}, in: map[int]op.Slot{}, out: map[int]op.Slot{},
		made: map[int]op.Slot{}, consts: map[int]*tensor.Tensor{}}
	run, err = pr.Prepare(w)
	if run == nil || err != nil {
		k.b.Slots = k.b.Slots[:slots]
		return nil, w.bindCtx, err
	}
	w.step.run = run
	w.link()
	return &w.step, w.bindCtx, nil
}

// link makes the slots of float32 inputs and outputs of the step, so that they
// live as long as they are read.
func (w *widenBind) link() {
	for in, s := range w.made {
		w.st.In[in] = s
	}
	if w.k.wide == nil {
		w.k.wide = map[op.Slot]op.Slot{}
	}
	for o, half := range w.st.Out {
		if s, ok := w.out[o]; ok {
			w.st.Out[o] = s
			w.st.Out = append(w.st.Out, half)
			w.k.wide[half] = s
		}
	}
}

// prune drops the roundings that nobody reads, and their slots.
func (k *binder) prune() {
	read := map[op.Slot]bool{}
	for _, st := range k.b.Steps {
		for _, s := range st.In {
			if s >= 0 {
				read[k.root(s)] = true
			}
		}
	}
	for _, s := range k.b.Outputs {
		read[k.root(s)] = true
	}
	unread := map[op.Slot]bool{}
	for i := range k.b.Steps {
		st := &k.b.Steps[i]
		w, ok := st.Run.(*widenStep)
		if !ok {
			continue
		}
		keep := w.out[:0]
		for _, c := range w.out {
			if read[c.half] {
				keep = append(keep, c)
			} else {
				unread[c.half] = true
			}
		}
		w.out = keep
		st.Out = slices.DeleteFunc(st.Out, func(s op.Slot) bool { return unread[s] })
	}
	if len(unread) == 0 {
		return
	}
	var drop []op.Slot
	for s := range k.b.Slots {
		if unread[k.root(op.Slot(s))] {
			drop = append(drop, op.Slot(s))
		}
	}
	for _, s := range drop {
		k.b.Slots[s].Place = Unused
	}
}

// Type implements op.Bind.
func (w *widenBind) Type(in int) tensor.DType { return widened(w.bindCtx.Type(in)) }

// OutType implements op.Bind.
func (w *widenBind) OutType(out int) tensor.DType { return widened(w.bindCtx.OutType(out)) }

// In implements op.Bind.
func (w *widenBind) In(in int) op.Slot {
	if !half(w.bindCtx.Type(in)) {
		return w.bindCtx.In(in)
	}
	if s, ok := w.in[in]; ok {
		return s
	}
	dims := w.Shape(in)
	x := Slot{DType: tensor.Float32, Dims: dims, Bytes: 4 * op.Prod(dims)}
	if c := w.bindCtx.Const(in); c != nil {
		sh := w.k.p.Shared
		x.Place, x.Const = Const, sh.Packs.get(c, "float32", &sh.Stats.PackBytes, func() (any, int) {
			return widenTensor(c), x.Bytes
		}).(*tensor.Tensor)
		w.in[in] = w.add(x)
		return w.in[in]
	}
	if s, ok := w.k.wide[w.k.root(w.slotOf(in))]; ok {
		w.in[in], w.made[in] = s, s
		return s
	}
	x.Place = Arena
	w.in[in] = w.add(x)
	w.scratch = append(w.scratch, w.in[in])
	w.step.in = append(w.step.in, conversion{w.bindCtx.In(in), w.in[in], w.bindCtx.Type(in) == tensor.BFloat16})
	return w.in[in]
}

// Out implements op.Bind.
func (w *widenBind) Out(out int) op.Slot {
	if !half(w.bindCtx.OutType(out)) {
		return w.bindCtx.Out(out)
	}
	if s, ok := w.out[out]; ok {
		return s
	}
	dims := w.OutShape(out)
	w.out[out] = w.add(Slot{Place: Arena, DType: tensor.Float32, Dims: dims, Bytes: 4 * op.Prod(dims)})
	w.step.out = append(w.step.out, conversion{w.bindCtx.Out(out), w.out[out], w.bindCtx.OutType(out) == tensor.BFloat16})
	return w.out[out]
}

// Wants implements op.Bind.
func (w *widenBind) Wants(out int) bool { return w.bindCtx.Wants(out) }

// Const implements op.Bind.
func (w *widenBind) Const(in int) *tensor.Tensor {
	c := w.bindCtx.Const(in)
	if c == nil || !half(c.DType()) {
		return c
	}
	if w.consts[in] == nil {
		w.consts[in] = widenTensor(c)
	}
	return w.consts[in]
}

// Pack implements op.Bind.
func (w *widenBind) Pack(in int, kind string, mk func(w *tensor.Tensor) (any, int)) any {
	c := w.bindCtx.Const(in)
	if !half(c.DType()) {
		return w.bindCtx.Pack(in, kind, mk)
	}
	sh := w.k.p.Shared
	return sh.Packs.get(c, "float32 "+kind, &sh.Stats.PackBytes, func() (any, int) { return mk(w.Const(in)) })
}

// widenTensor returns the values of a tensor of 16-bit floats as float32.
func widenTensor(t *tensor.Tensor) *tensor.Tensor {
	y, err := tensor.New(tensor.Float32, t.Shape()...)
	if err != nil {
		panic(fmt.Sprintf("widening %v: %v", t, err)) // twice the size of what is in memory
	}
	widen(tensor.Of[float32](y), words(t.Aligned().Bytes()), t.DType() == tensor.BFloat16)
	return y
}

// conversion names a slot of 16-bit floats and the slot of float32 that stands for it.
type conversion struct {
	half, wide op.Slot
	bf         bool
}

// widenStep runs a step of float32 on 16-bit floats.
type widenStep struct {
	run     op.Step
	in, out []conversion
}

// Run implements op.Step.
func (s *widenStep) Run(f *op.Frame) error {
	for _, c := range s.in {
		convert(f, words(f.Bytes(c.half)), f.F32(c.wide), c.bf, true)
	}
	if err := s.run.Run(f); err != nil {
		return err
	}
	for _, c := range s.out {
		convert(f, words(f.Bytes(c.half)), f.F32(c.wide), c.bf, false)
	}
	return nil
}

func words(b []byte) []uint16 {
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}

// convertGrain is how many elements are worth a chunk of their own.
const convertGrain = 1 << 14

// convertJob is one conversion in chunks.
type convertJob struct {
	half   []uint16
	wide   []float32
	bf, up bool
}

var convertJobs = sync.Pool{New: func() any { return new(convertJob) }}

// convert runs a conversion in either direction.
func convert(f *op.Frame, half []uint16, wide []float32, bf, up bool) {
	j := convertJobs.Get().(*convertJob)
	*j = convertJob{half, wide, bf, up}
	f.Team.Run((len(wide)+convertGrain-1)/convertGrain, j)
	*j = convertJob{}
	convertJobs.Put(j)
}

// Do implements parallel.Task.
func (j *convertJob) Do(_, i int) {
	lo, hi := i*convertGrain, min((i+1)*convertGrain, len(j.wide))
	if j.up {
		widen(j.wide[lo:hi], j.half[lo:hi], j.bf)
	} else {
		narrow(j.half[lo:hi], j.wide[lo:hi], j.bf)
	}
}

// widen converts src to float32.
func widen(dst []float32, src []uint16, bf bool) {
	dst = dst[:len(src)]
	if bf {
		for i, x := range src {
			dst[i] = math.Float32frombits(uint32(x) << 16)
		}
		return
	}
	for i, x := range src {
		// Exponent and fraction in the place of a float32's are too small by
		// 2^112, subnormals included.
		v := math.Float32bits(math.Float32frombits(uint32(x&0x7fff)<<13) * 0x1p112)
		if x&0x7c00 == 0x7c00 {
			v |= 0x7f800000
		}
		dst[i] = math.Float32frombits(v | uint32(x&0x8000)<<16)
	}
}

// narrow rounds src to 16 bits: to the nearest, ties to even.
func narrow(dst []uint16, src []float32, bf bool) {
	dst = dst[:len(src)]
	if bf {
		for i, x := range src {
			dst[i] = uint16(tensor.F32ToBF16(x))
		}
		return
	}
	for i, x := range src {
		// Without branches: scaling saturates to infinity, and the sum with a power
		// of two that has the unit of the result rounds; below 2^-14 that unit is
		// the subnormals'.
		b := math.Float32bits(x)
		twice := b << 1
		v := math.Float32frombits(b&0x7fffffff) * 0x1p112 * 0x1p-110
		v += math.Float32frombits(max(twice&0xff000000, 0x71000000)>>1 + 0x07800000)
		r := math.Float32bits(v)
		h := r>>13&0x7c00 + r&0xfff
		if twice > 0xff000000 {
			h = 0x7e00
		}
		dst[i] = uint16(b>>16&0x8000 | h)
	}
}
