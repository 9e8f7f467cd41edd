package tensor

import (
	"bytes"
	"testing"
)

// FuzzTensorProto reads anything as each kind of message: what is accepted
// must come back the same after it is written.
func FuzzTensorProto(f *testing.F) {
	one := msg(8, "x", 1, 1, 2, 1, 9, f32bytes(1))
	for _, b := range [][]byte{
		one,
		msg(1, 2, 2, 7, 7, []int{1, -1}), msg(1, 1, 2, 14, 4, f32bytes(1, 2)), msg(1, 2, 2, 8, 6, "a", 6, ""), msg(1, 3, 2, 22, 5, []int{0x21, 3}),
		msg(1, 2, 2, 9, 9, "\x00\x02"), msg(1, 1, 2, 1, 14, 1, 13, msg(1, "location", 2, "f")),
	} {
		f.Add(uint8(ProtoTensor), b)
	}
	f.Add(uint8(ProtoSparse), msg(1, one, 2, msg(1, 1, 2, 7, 7, 2), 3, 3))
	f.Add(uint8(ProtoSequence), msg(2, 1, 3, one, 3, one))
	f.Add(uint8(ProtoMap), msg(2, 8, 4, "a", 5, msg(2, 1, 3, one)))
	f.Add(uint8(ProtoOptional), msg(2, 3, 5, msg(2, 1, 3, one)))
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		left := 1<<20 + 64*len(b)
		r := ProtoReader{
			External: func(name string, e External, size int) ([]byte, error) { return make([]byte, min(size, 1<<20)), nil },
			Alloc: func(n int) error {
				if left -= n; left < 0 {
					return ErrShape
				}
				return nil
			},
		}
		name, v, err := r.Value(ProtoKind(kind), b)
		if err != nil {
			return
		}
		out, err := AppendValueProto(nil, name, v)
		if err != nil {
			t.Fatalf("%s can be read but not written: %v", Describe(v), err)
		}
		again, w, err := ParseValueProto(KindOf(v), out)
		if err != nil || again != name || Describe(v) != Describe(w) {
			t.Fatalf("%s came back as %s: %v", Describe(v), Describe(w), err)
		}
		touch(v)
	})
}

// touch reads every element, which must be there.
func touch(v Value) {
	switch v := v.(type) {
	case *Tensor:
		switch {
		case v.DType() == String:
			v.Strings()
		case v.Len() > 0:
			v.Clone().ComplexAt(v.Len() - 1)
		}
	case *Sequence:
		for _, x := range v.Items {
			touch(x)
		}
	case *Map:
		touch(v.Keys)
		touch(v.Values)
	case *Optional:
		touch(v.Value)
	}
}

// FuzzNPY reads anything: both readers must agree, and what they accept must
// come back the same after it is written.
func FuzzNPY(f *testing.F) {
	f.Add(npy(1, npyHead("<i2", "False", "(2,)"), 1, 0, 2, 0))
	f.Add(npy(2, npyHead(">f4", "True", "(1, 2)"), 1, 2, 3, 4, 5, 6, 7, 8))
	f.Add(npy(3, npyHead("<U1", "False", "()"), 65, 0, 0, 0))
	f.Add(npy(1, npyHead("|S2", "False", "(2, 1)"), 'a', 0, 'b', 'c'))
	f.Add(npy(1, npyHead("|b1", "False", "(0, 3)")))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ParseNPY(b)
		y, err2 := ReadNPY(bytes.NewReader(b))
		if err != nil {
			return // ReadNPY takes what follows the array for something else
		}
		if err2 != nil || x.String() != y.String() || !bytes.Equal(x.Bytes(), y.Bytes()) {
			t.Fatalf("ParseNPY gives %v, ReadNPY %v, %v", x, y, err2)
		}
		touch(x)
		var buf bytes.Buffer
		if err := WriteNPY(&buf, x); err != nil {
			if x.DType() != String {
				t.Fatal(err)
			}
			return // bytes that are no text
		}
		z, err := ParseNPY(buf.Bytes())
		if err != nil || x.String() != z.String() || !bytes.Equal(x.Bytes(), z.Bytes()) {
			t.Fatalf("%v came back as %v: %v", x, z, err)
		}
	})
}
