package text

import (
	"encoding/binary"
	"math/bits"

	"github.com/walnut-ai/walnut/internal/op"
	"github.com/walnut-ai/walnut/tensor"
)

// murmurHash3 is com.microsoft.MurmurHash3: the 32-bit hash by Austin Appleby
// (MurmurHash3_x86_32) of the bytes of each element, numbers in little-endian.
type murmurHash3 struct {
	seed uint32
	dt   tensor.DType
}

var murmurHash3Def = &op.Def{Domain: "com.microsoft", Name: "MurmurHash3", New: func(a *op.Args) (op.Op, error) {
	o := &murmurHash3{seed: uint32(a.Int("seed", 0)), dt: tensor.Int32}
	if a.Bool("positive", true) {
		o.dt = tensor.Uint32
	}
	return o, nil
}}

func (o *murmurHash3) Infer(c *op.Infer) error {
	c.Out(0, o.dt, c.Shape(0))
	return nil
}

func (o *murmurHash3) Eval(e *op.Eval) error {
	x := e.In(0)
	y, err := e.OutLike(0, o.dt, x)
	if err != nil {
		return err
	}
	size, b := x.DType().Size(), x.Bytes()
	for i := range x.Len() {
		var p []byte
		if x.DType() == tensor.String {
			p = []byte(x.Str(i))
		} else {
			p = b[i*size : (i+1)*size]
		}
		if err := e.Tick(1 + len(p)/64); err != nil {
			return err
		}
		y.SetUintAt(i, uint64(murmur(p, o.seed)))
	}
	return nil
}

func murmur(p []byte, h uint32) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	n := uint32(len(p))
	for ; len(p) >= 4; p = p[4:] {
		k := binary.LittleEndian.Uint32(p) * c1
		h ^= bits.RotateLeft32(k, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	var k uint32
	for i := len(p) - 1; i >= 0; i-- {
		k = k<<8 | uint32(p[i])
	}
	if len(p) > 0 {
		h ^= bits.RotateLeft32(k*c1, 15) * c2
	}
	h ^= n
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
