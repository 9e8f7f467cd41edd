package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrFormat is returned for bytes that are not a valid ONNX model.
var ErrFormat = errors.New("not a valid ONNX model")

// ErrLimit is returned for models that exceed a limit of the reader.
var ErrLimit = errors.New("model exceeds a limit")

// Limits of the reader. Real models stay far below them; without them a few
// kilobytes of hostile file could take all memory or the goroutine's stack.
const (
	maxName      = 4096    // bytes in a name
	maxDoc       = 1 << 20 // bytes in a doc string
	maxBodies    = 16      // bodies inside bodies
	maxCalls     = 16      // functions calling functions
	maxTypeDepth = 16      // sequences of sequences of ...
	maxRank      = 64      // dimensions of a declared shape
	minIR, maxIR = 3, 14
	maxOpset     = 28 // of the default domain

	// baseBudget is what the objects of a model may take besides the size of
	// its file.
	baseBudget = 40 << 20
)

// field is one field of a message.
type field struct {
	num  int
	typ  protowire.Type
	v    uint64 // varint, fixed32 and fixed64
	data []byte // bytes
}

// fields iterates over the fields of a message. It refuses groups, which no
// ONNX message has, so that it needs no recursion.
type fields struct {
	b   []byte
	err error
}

// next reads a field into f; it returns false at the end and on errors.
func (c *fields) next(f *field) bool {
	if len(c.b) == 0 || c.err != nil {
		return false
	}
	num, typ, n := protowire.ConsumeTag(c.b)
	if n < 0 {
		return c.fail(0, n)
	}
	b := c.b[n:]
	f.num, f.typ, f.v, f.data = int(num), typ, 0, nil
	switch typ {
	case protowire.VarintType:
		f.v, n = protowire.ConsumeVarint(b)
	case protowire.Fixed32Type:
		var v uint32
		v, n = protowire.ConsumeFixed32(b)
		f.v = uint64(v)
	case protowire.Fixed64Type:
		f.v, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		f.data, n = protowire.ConsumeBytes(b)
	default:
		c.err = fmt.Errorf("%w: field %d has wire type %d", ErrFormat, num, typ)
		return false
	}
	if n < 0 {
		return c.fail(f.num, n)
	}
	c.b = b[n:]
	return true
}

func (c *fields) fail(num, n int) bool {
	c.err = fmt.Errorf("%w: field %d: %w", ErrFormat, num, protowire.ParseError(n))
	return false
}

// bytes returns the data of a field that must be a string or message.
func (f *field) bytes() ([]byte, error) {
	if f.typ != protowire.BytesType {
		return nil, fmt.Errorf("%w: field %d has wire type %d, expected %d", ErrFormat, f.num, f.typ, protowire.BytesType)
	}
	return f.data, nil
}

// int returns the value of an integer field.
func (f *field) int() (int64, error) {
	if f.typ != protowire.VarintType {
		return 0, fmt.Errorf("%w: field %d has wire type %d, expected %d", ErrFormat, f.num, f.typ, protowire.VarintType)
	}
	return int64(f.v), nil
}

// float returns the value of a float field.
func (f *field) float() (float32, error) {
	if f.typ != protowire.Fixed32Type {
		return 0, fmt.Errorf("%w: field %d has wire type %d, expected %d", ErrFormat, f.num, f.typ, protowire.Fixed32Type)
	}
	return math.Float32frombits(uint32(f.v)), nil
}

// eachInt calls fn for the one entry or the packed entries of a repeated integer field.
func (f *field) eachInt(fn func(int64)) error {
	if f.typ == protowire.VarintType {
		fn(int64(f.v))
		return nil
	}
	b, err := f.bytes()
	if err != nil {
		return err
	}
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return fmt.Errorf("%w: field %d: %w", ErrFormat, f.num, protowire.ParseError(n))
		}
		fn(int64(v))
		b = b[n:]
	}
	return nil
}

// eachFloat is eachInt for floats.
func (f *field) eachFloat(fn func(float32)) error {
	if f.typ == protowire.Fixed32Type {
		fn(math.Float32frombits(uint32(f.v)))
		return nil
	}
	b, err := f.bytes()
	if err != nil {
		return err
	}
	for len(b) > 0 {
		v, n := protowire.ConsumeFixed32(b)
		if n < 0 {
			return fmt.Errorf("%w: field %d: %w", ErrFormat, f.num, protowire.ParseError(n))
		}
		fn(math.Float32frombits(v))
		b = b[n:]
	}
	return nil
}

// budget counts the bytes that a model's objects take. Every step of the
// reader is charged for, so that it bounds time as well.
type budget struct{ total, left int64 }

// charge takes n bytes; it must be called before they are allocated.
func (b *budget) charge(n int) error {
	if n < 0 || int64(n) > b.left {
		return fmt.Errorf("%w: its objects need more than %d bytes of memory", ErrLimit, b.total)
	}
	b.left -= int64(n)
	return nil
}
