package tensor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// msg builds messages: alternately a field number and a value. int, int64 and
// uint64 are varints, float32 and float64 fixed, string and []byte bytes, slices packed.
func msg(kv ...any) []byte {
	var b []byte
	for i := 0; i < len(kv); i += 2 {
		num := protowire.Number(kv[i].(int))
		tag := func(t protowire.Type) { b = protowire.AppendTag(b, num, t) }
		switch v := kv[i+1].(type) {
		case int:
			tag(protowire.VarintType)
			b = protowire.AppendVarint(b, uint64(v))
		case int64:
			tag(protowire.VarintType)
			b = protowire.AppendVarint(b, uint64(v))
		case uint64:
			tag(protowire.VarintType)
			b = protowire.AppendVarint(b, v)
		case float32:
			tag(protowire.Fixed32Type)
			b = protowire.AppendFixed32(b, math.Float32bits(v))
		case float64:
			tag(protowire.Fixed64Type)
			b = protowire.AppendFixed64(b, math.Float64bits(v))
		case string:
			tag(protowire.BytesType)
			b = protowire.AppendString(b, v)
		case []byte:
			tag(protowire.BytesType)
			b = protowire.AppendBytes(b, v)
		case []int:
			var p []byte
			for _, x := range v {
				p = protowire.AppendVarint(p, uint64(x))
			}
			tag(protowire.BytesType)
			b = protowire.AppendBytes(b, p)
		default:
			panic(fmt.Sprintf("%T", v))
		}
	}
	return b
}

func f32bytes(x ...float32) (b []byte) {
	for _, f := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

func f64bytes(x ...float64) (b []byte) {
	for _, f := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return b
}

func TestTensorProtoFields(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string // type and shape
		data []byte
	}{
		{"raw", msg(1, 2, 2, 1, 9, f32bytes(1, 2)), "float[2]", f32bytes(1, 2)},
		{"scalar", msg(2, 1, 9, f32bytes(5)), "float[]", f32bytes(5)},
		{"packed dims", msg(1, []int{1, 2}, 2, 1, 9, f32bytes(1, 2)), "float[1,2]", f32bytes(1, 2)},
		{"float packed", msg(1, 2, 2, 1, 4, f32bytes(1, 2)), "float[2]", f32bytes(1, 2)},
		{"float single", msg(1, 2, 2, 1, 4, float32(1), 4, float32(2)), "float[2]", f32bytes(1, 2)},
		{"float mixed", msg(4, f32bytes(1), 4, float32(2), 1, 2, 2, 1), "float[2]", f32bytes(1, 2)},
		{"double", msg(1, 2, 2, 11, 10, f64bytes(1, 2)), "double[2]", f64bytes(1, 2)},
		{"complex64", msg(1, 1, 2, 14, 4, f32bytes(1, 2)), "complex64[1]", f32bytes(1, 2)},
		{"complex64 single", msg(1, 1, 2, 14, 4, float32(1), 4, float32(2)), "complex64[1]", f32bytes(1, 2)},
		{"complex128", msg(1, 1, 2, 15, 10, 1., 10, 2.), "complex128[1]", f64bytes(1, 2)},
		{"int8", msg(1, 3, 2, 3, 5, []int{-1, 2, 255}), "int8[3]", []byte{255, 2, 255}},
		{"uint8", msg(1, 2, 2, 2, 5, 200, 5, 1), "uint8[2]", []byte{200, 1}},
		{"int16", msg(1, 1, 2, 5, 5, -2), "int16[1]", []byte{0xfe, 0xff}},
		{"uint16", msg(1, 1, 2, 4, 5, 65535), "uint16[1]", []byte{0xff, 0xff}},
		{"int32", msg(1, 2, 2, 6, 5, []int{-1, 1 << 30}), "int32[2]", []byte{255, 255, 255, 255, 0, 0, 0, 64}},
		{"int64", msg(1, 1, 2, 7, 7, -1), "int64[1]", bytes.Repeat([]byte{255}, 8)},
		{"uint32", msg(1, 1, 2, 12, 11, int64(1<<32-1)), "uint32[1]", []byte{255, 255, 255, 255}},
		{"uint64", msg(1, 1, 2, 13, 11, uint64(math.MaxUint64)), "uint64[1]", bytes.Repeat([]byte{255}, 8)},
		{"bool", msg(1, 3, 2, 9, 5, []int{0, 1, 7}), "bool[3]", []byte{0, 1, 1}},
		{"bool raw", msg(1, 3, 2, 9, 9, "\x00\x01\x07"), "bool[3]", []byte{0, 1, 1}},
		{"float16", msg(1, 1, 2, 10, 5, 0x3c00), "float16[1]", []byte{0, 0x3c}},
		{"bfloat16", msg(1, 1, 2, 16, 5, 0xbf80), "bfloat16[1]", []byte{0x80, 0xbf}},
		{"float8", msg(1, 2, 2, 17, 5, []int{0x38, 0xb8}), "float8e4m3fn[2]", []byte{0x38, 0xb8}},
		{"int4", msg(1, 3, 2, 22, 5, []int{0x21, 0x03}), "int4[3]", []byte{0x21, 0x03}},
		{"int2", msg(1, 5, 2, 26, 5, []int{0xe4, 1}), "int2[5]", []byte{0xe4, 1}},
		{"float4", msg(1, 2, 2, 23, 9, "\x17"), "float4e2m1[2]", []byte{0x17}},
		{"string", msg(1, 2, 2, 8, 6, "a", 6, "bc"), "string[2]", []byte("abc")},
		{"no elements", msg(1, 0, 1, 5, 2, 1), "float[0,5]", nil},
		{"no strings", msg(1, 0, 2, 8), "string[0]", nil},
		{"unknown field", msg(99, 5, 1, 1, 2, 2, 9, "x", 12, "doc"), "uint8[1]", []byte("x")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got, err := ParseTensorProto(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want || !bytes.Equal(got.Bytes(), tt.data) {
				t.Errorf("got %v %x, want %s %x", got, got.Bytes(), tt.want, tt.data)
			}
			// What is written must read back the same.
			name, again, err := ParseTensorProto(AppendTensorProto(nil, "x", got))
			if err != nil || name != "x" || again.String() != tt.want || !bytes.Equal(again.Bytes(), tt.data) {
				t.Errorf("written and read: %v %x, %v", again, again.Bytes(), err)
			}
		})
	}
}

// Sizes that don't agree, and everything else a tensor can get wrong, must be
// errors before anything is allocated.
func TestTensorProtoHostile(t *testing.T) {
	four := f32bytes(1)
	big := int(^uint(0) >> 1)
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "data_type is 0"},
		{"cut tag", []byte{0x80}, "EOF"},
		{"cut length", []byte{0x4a, 0x05, 1}, "EOF"},
		{"group", []byte{0x0b, 0x0c}, "wire type"},
		{"type 27", msg(2, 27, 1, 0), "data_type is 27"},
		{"type negative", msg(2, -1, 1, 0), "data_type"},
		{"dim -1", msg(1, -1, 2, 1, 9, four), "dimension 0 is -1"},
		{"dim min", msg(1, math.MinInt, 2, 1, 9, four), "dimension 0"},
		{"dim 0 with data", msg(1, 0, 2, 1, 9, four), "needs 0 bytes, have 4"},
		{"dim 2 with data of 1", msg(1, 2, 2, 1, 9, four), "needs 8 bytes, have 4"},
		{"dim max", msg(1, big, 2, 1, 9, four), "does not fit"},
		{"dim max bytes", msg(1, big, 2, 2, 9, four), "does not fit"},
		{"product wraps", msg(1, 1<<16, 1, 1<<16, 1, 1<<16, 1, 1<<16, 2, 2), "no valid number"},
		{"product wraps to 4", msg(1, 1<<30, 1, 1<<30, 1, 16, 2, 2, 9, four), "no valid number"},
		{"no data", msg(1, 2, 2, 1), "needs 8 bytes, have 0"},
		{"entries missing", msg(1, 3, 2, 7, 7, []int{1, 2}), "needs 3 entries in int64_data, has 2"},
		{"entries too many", msg(1, 1, 2, 7, 7, []int{1, 2}), "needs 1 entries"},
		{"huge strings", msg(1, big, 2, 8, 6, "x"), "string"},
		{"many strings", msg(1, 1<<24, 2, 8, 6, "x"), "needs 16777216 strings, has 1"},
		{"wrong field", msg(1, 1, 2, 7, 5, 1), "int32_data, expected int64_data"},
		{"two places", msg(1, 1, 2, 1, 4, four, 9, four), "two places"},
		{"raw twice", msg(1, 1, 2, 1, 9, four, 9, four), "twice"},
		{"raw strings", msg(1, 1, 2, 8, 9, "x"), "raw_data"},
		{"segment", msg(1, 1, 2, 1, 9, four, 3, ""), "segments"},
		{"float bytes", msg(1, 1, 2, 1, 4, "abc"), "no multiple"},
		{"int8 range", msg(1, 1, 2, 3, 5, 300), "300 is no int8"},
		{"uint32 range", msg(1, 1, 2, 12, 11, int64(1<<33)), "no uint32"},
		{"varint cut", msg(1, 1, 2, 7, 7, []byte{1, 0x80}), "EOF"},
		{"varint long", msg(1, 1, 2, 7, 7, bytes.Repeat([]byte{0xff}, 12)), "needs 8 bytes"},
		{"location", msg(1, 1, 2, 1, 14, 7), "data_location"},
		{"external, not allowed", msg(1, 1, 2, 1, 14, 1, 13, msg(1, "location", 2, "f")), "external file"},
		{"external, no location", msg(1, 1, 2, 1, 14, 1), "no location"},
		{"external and raw", msg(1, 1, 2, 1, 14, 1, 9, four), "both"},
		{"external length", msg(1, 1, 2, 1, 14, 1, 13, msg(1, "location", 2, "f"), 13, msg(1, "length", 2, "8")), "needs 4 bytes"},
		{"external offset", msg(1, 1, 2, 1, 14, 1, 13, msg(1, "offset", 2, "-1")), `offset is "-1"`},
		{"external offset max", msg(1, 1, 2, 1, 14, 1, 13, msg(1, "offset", 2, "18446744073709551615")), "offset is"},
		{"external text", msg(1, 1, 2, 1, 14, 1, 13, msg(1, "length", 2, "0x10")), "length is"},
		{"65 dims", msg(1, make([]int, 65), 2, 1), "more than 64"},
		{"name in error", msg(8, "weights", 1, 2, 2, 1), `tensor "weights"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got, err := ParseTensorProto(tt.in)
			if err == nil {
				t.Fatalf("no error, got %v", got)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
}

// Every length one off from what the shape needs is an error, in each field.
func TestTensorProtoLengths(t *testing.T) {
	for dt := Float32; dt < numDTypes; dt++ {
		if dt == String {
			continue
		}
		for n := range 9 {
			size, _ := dt.ByteLen(n)
			for have := range size + 3 {
				_, _, err := ParseTensorProto(msg(1, n, 2, int(dt), 9, make([]byte, have)))
				if (err == nil) != (have == size) {
					t.Fatalf("%v[%d] with %d bytes: %v", dt, n, have, err)
				}
			}
		}
	}
}

func TestAllocHook(t *testing.T) {
	stop := errors.New("stop")
	total := 0
	r := ProtoReader{Alloc: func(n int) error {
		if total += n; n > 1000 {
			return stop
		}
		return nil
	}}
	sparse := msg(1, msg(1, 1, 2, 1, 9, f32bytes(1)), 2, msg(1, 1, 2, 7, 7, 5), 3, 1<<28)
	if _, _, err := r.Sparse(sparse); !errors.Is(err, stop) {
		t.Errorf("sparse tensor of 1 GiB: %v", err)
	}
	if _, _, err := r.Tensor(msg(1, 1000, 2, 7, 7, make([]int, 1000))); !errors.Is(err, stop) {
		t.Errorf("8000 bytes: %v", err)
	}
	if _, _, err := r.Tensor(msg(1, 10000, 2, 2, 9, make([]byte, 10000))); err != nil {
		t.Errorf("raw data is not allocated: %v", err)
	}
}

func TestSparse(t *testing.T) {
	vals := msg(8, "w", 1, 2, 2, 1, 9, f32bytes(5, 7))
	flat := msg(1, 2, 2, 7, 7, []int{1, 5})
	pairs := msg(1, 2, 1, 2, 2, 7, 7, []int{0, 1, 1, 2})
	for _, idx := range [][]byte{flat, pairs} {
		name, got, err := ProtoReader{}.Sparse(msg(1, vals, 2, idx, 3, 2, 3, 3))
		if err != nil || name != "w" {
			t.Fatal(name, err)
		}
		if want := f32bytes(0, 5, 0, 0, 0, 7); !bytes.Equal(got.Bytes(), want) || got.String() != "float[2,3]" {
			t.Errorf("got %v %v", got, got.Floats(nil))
		}
	}
	bad := []struct {
		name string
		in   []byte
	}{
		{"index out", msg(1, vals, 2, msg(1, 2, 2, 7, 7, []int{1, 6}), 3, 2, 3, 3)},
		{"index negative", msg(1, vals, 2, msg(1, 2, 2, 7, 7, []int{-1, 5}), 3, 2, 3, 3)},
		{"index twice", msg(1, vals, 2, msg(1, 2, 2, 7, 7, []int{1, 1}), 3, 2, 3, 3)},
		{"indices missing", msg(1, vals, 3, 2, 3, 3)},
		{"indices of int32", msg(1, vals, 2, msg(1, 2, 2, 6, 5, []int{1, 5}), 3, 6)},
		{"one index", msg(1, vals, 2, msg(1, 1, 2, 7, 7, []int{1}), 3, 6)},
		{"coordinate out", msg(1, vals, 2, msg(1, 2, 1, 2, 2, 7, 7, []int{0, 1, 1, 3}), 3, 2, 3, 3)},
		{"no values", msg(3, 6)},
		{"dims wrap", msg(1, vals, 2, flat, 3, int64(1<<31), 3, int64(1<<31), 3, 4)},
		{"4-bit", msg(1, msg(1, 2, 2, 22, 9, "x"), 2, flat, 3, 6)},
	}
	for _, tt := range bad {
		if _, got, err := (ProtoReader{}).Sparse(tt.in); err == nil {
			t.Errorf("%s: no error, got %v", tt.name, got)
		}
	}
}
