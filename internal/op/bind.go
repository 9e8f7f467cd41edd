package op

import (
	"unsafe"

	"github.com/walnut-ai/walnut/internal/parallel"
	"github.com/walnut-ai/walnut/tensor"
)

// Slot names a tensor of a frame.
type Slot int32

// NoSlot stands for an absent input or output.
const NoSlot Slot = -1

// Bind is a node while it is prepared for one signature; plan implements it.
// Shapes are numbers. Methods about inputs accept absent ones.
type Bind interface {
	NIn() int
	Has(in int) bool
	Wants(out int) bool
	Type(in int) tensor.DType
	Shape(in int) []int
	OutType(out int) tensor.DType
	OutShape(out int) []int
	// In and Out return NoSlot for what is absent.
	In(in int) Slot
	Out(out int) Slot
	// Const returns the value of a constant input, nil otherwise. Its bytes may be unaligned.
	Const(in int) *tensor.Tensor
	// Pack returns what make turns constant input in into: made once a model,
	// shared by all plans and frames, immutable. bytes is what it occupies, for
	// the memory counters. kind tells the forms of one weight apart; equal kinds
	// must pack alike. The weight handed to make is aligned.
	Pack(in int, kind string, make func(w *tensor.Tensor) (pack any, bytes int)) any
	// Scratch returns a slot of bytes that the step alone uses during its run.
	Scratch(bytes int) Slot
	// Threads is the most workers that a run's team can have.
	Threads() int
}

// Step is a prepared kernel call: immutable, run concurrently over many
// frames. Run allocates nothing.
type Step interface{ Run(*Frame) error }

// Frame is the memory of one run.
type Frame struct {
	Team    *parallel.Team
	Tensors []*tensor.Tensor // by Slot
}

// T returns the tensor in a slot, nil for NoSlot.
func (f *Frame) T(s Slot) *tensor.Tensor {
	if s < 0 {
		return nil
	}
	return f.Tensors[s]
}

// F32 returns the elements in a slot as float32; nil for NoSlot. The plan has
// checked type and alignment.
func (f *Frame) F32(s Slot) []float32 { return view[float32](f, s) }

// I64, I32, U8 and I8 are F32 for other types.
func (f *Frame) I64(s Slot) []int64 { return view[int64](f, s) }
func (f *Frame) I32(s Slot) []int32 { return view[int32](f, s) }
func (f *Frame) U8(s Slot) []uint8  { return view[uint8](f, s) }
func (f *Frame) I8(s Slot) []int8   { return view[int8](f, s) }

// Bytes returns the bytes in a slot.
func (f *Frame) Bytes(s Slot) []byte {
	if s < 0 {
		return nil
	}
	return f.Tensors[s].Bytes()
}

func view[T any](f *Frame, s Slot) []T {
	if s < 0 {
		return nil
	}
	b := f.Tensors[s].Bytes()
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(z)))
}
