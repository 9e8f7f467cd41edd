package tensor

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// npy builds a file of the given version.
func npy(version byte, head string, data ...byte) []byte {
	b := append([]byte(npyMagic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(head)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	}
	return append(append(b, head...), data...)
}

func npyHead(descr, fortran, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }   \n", descr, fortran, shape)
}

func TestParseNPY(t *testing.T) {
	u := func(s string) (b []byte) {
		for _, r := range s {
			b = binary.LittleEndian.AppendUint32(b, uint32(r))
		}
		return b
	}
	tests := []struct {
		name string
		in   []byte
		want string
		data string
	}{
		{"v1", npy(1, npyHead("<i2", "False", "(2,)"), 1, 0, 2, 0), "int16[2]", "\x01\x00\x02\x00"},
		{"v2", npy(2, npyHead("<i2", "False", "(1, 2)"), 1, 0, 2, 0), "int16[1,2]", "\x01\x00\x02\x00"},
		{"v3", npy(3, npyHead("<i2", "False", "()"), 1, 2), "int16[]", "\x01\x02"},
		{"big-endian", npy(1, npyHead(">i4", "False", "(1,)"), 1, 2, 3, 4), "int32[1]", "\x04\x03\x02\x01"},
		{"big-endian complex", npy(1, npyHead(">c8", "False", "(1,)"), 1, 2, 3, 4, 5, 6, 7, 8), "complex64[1]", "\x04\x03\x02\x01\x08\x07\x06\x05"},
		{"fortran", npy(1, npyHead("|u1", "True", "(2, 3)"), 1, 4, 2, 5, 3, 6), "uint8[2,3]", "\x01\x02\x03\x04\x05\x06"},
		{"fortran 3d", npy(1, npyHead("|u1", "True", "(2, 1, 2)"), 1, 3, 2, 4), "uint8[2,1,2]", "\x01\x02\x03\x04"},
		{"fortran empty", npy(1, npyHead("|u1", "True", "(2, 0)")), "uint8[2,0]", ""},
		{"float16", npy(1, npyHead("<f2", "False", "(1,)"), 0, 0x3c), "float16[1]", "\x00\x3c"},
		{"bool", npy(1, npyHead("|b1", "False", "(3,)"), 0, 1, 5), "bool[3]", "\x00\x01\x01"},
		{"bytes", npy(1, npyHead("|S3", "False", "(2,)"), []byte("ab\x00xyz")...), "string[2]", "abxyz"},
		{"unicode", npy(1, npyHead("<U2", "False", "(2,)"), u("é\x00日本")...), "string[2]", "é日本"},
		{"unicode fortran", npy(1, npyHead("<U1", "True", "(2, 2)"), u("acbd")...), "string[2,2]", "abcd"},
		{"python 2", npy(1, "{'shape': (2L,), \"descr\": '|i1', 'fortran_order': False}", 1, 2), "int8[2]", "\x01\x02"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseNPY(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tt.want || string(got.Bytes()) != tt.data {
				t.Errorf("got %v %q, want %s %q", got, got.Bytes(), tt.want, tt.data)
			}
			var buf bytes.Buffer
			if err := WriteNPY(&buf, got); err != nil {
				t.Fatal(err)
			}
			if buf.Len() > 0 && bytes.IndexByte(buf.Bytes(), '\n')%64 != 63 {
				t.Errorf("data starts at %d", bytes.IndexByte(buf.Bytes(), '\n')+1)
			}
			again, err := ReadNPY(&buf)
			if err != nil || again.String() != tt.want || string(again.Bytes()) != tt.data || buf.Len() != 0 {
				t.Errorf("written and read: %v, %v, %d bytes left", again, err, buf.Len())
			}
		})
	}
}

func TestNPYHostile(t *testing.T) {
	good := npy(1, npyHead("<i2", "False", "(2,)"), 1, 0, 2, 0)
	head := func(h string, data ...byte) []byte { return npy(1, h, data...) }
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "start with"},
		{"magic", []byte("\x93NUMPX\x01\x00\x00\x00"), "start with"},
		{"version", npy(4, "x"), "version 4"},
		{"version 0", append([]byte(npyMagic), 0, 0, 0, 0, 0, 0), "version 0"},
		{"header length max", append([]byte(npyMagic), 2, 0, 255, 255, 255, 255), "header"},
		{"header cut", append([]byte(npyMagic), 1, 0, 255, 0, '{'), "header"},
		{"data short", good[:len(good)-1], "needs 4 bytes, there are 3"},
		{"no data, huge", head(npyHead("<f8", "False", "(1152921504606846975,)")), "fit"},
		{"huge but possible", head(npyHead("|u1", "False", "(100000000,)")), "needs 100000000 bytes, there are 0"},
		{"dims wrap", head(npyHead("|u1", "False", "(4294967296, 4294967296, 4)")), "fit"},
		{"dim -1", head(npyHead("|u1", "False", "(-1,)")), "no number"},
		{"dim too long", head(npyHead("|u1", "False", "(99999999999999999999,)")), "no number"},
		{"65 dims", head(npyHead("|u1", "False", "("+strings.Repeat("1,", 65)+")"), 1), "more than 64"},
		{"empty strings", head(npyHead("|S0", "False", "(100000000,)")), "empty strings"},
		{"string width", head(npyHead("<U999999999999", "False", "(1,)")), "element type"},
		{"objects", head(npyHead("|O", "False", "(1,)"), 1), "pickles"},
		{"records", head("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }"), "records"},
		{"unknown type", head(npyHead("<M8", "False", "(1,)")), "element type"},
		{"no shape", head("{'descr': '<f4', 'fortran_order': False}"), "needed"},
		{"key twice", head("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': ()}"), "twice"},
		{"key", head("{'x': 1}"), "unknown key"},
		{"text after", head(npyHead("<f4", "False", "()")+"x", 1, 2, 3, 4), "after the header"},
		{"no dict", head("[]"), "expected"},
		{"string open", head("{'descr"), "does not end"},
		{"bad bool", head("{'fortran_order': 1}"), "True or False"},
		{"surrogate", head(npyHead("<U1", "False", "(1,)"), 0, 0xd8, 0, 0), "code point"},
		{"code point", head(npyHead("<U1", "False", "(1,)"), 0, 0, 0, 1), "code point"},
	}
	for _, tt := range tests {
		for _, how := range []string{"parse", "read"} {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				var got *Tensor
				var err error
				if how == "parse" {
					got, err = ParseNPY(tt.in)
				} else {
					got, err = ReadNPY(bytes.NewReader(tt.in))
				}
				if err == nil {
					t.Fatalf("no error, got %v", got)
				}
				if how == "parse" && !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error %q, want %q in it", err, tt.want)
				}
			})
		}
	}
	if _, err := ParseNPY(append(good, 0)); err == nil {
		t.Error("a byte too many is no error")
	}
	if err := WriteNPY(&bytes.Buffer{}, &Tensor{dtype: BFloat16, data: []byte{}}); err == nil {
		t.Error("bfloat16 was written")
	}
}

func TestNPZ(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range []string{"a.npy", "dir/b.npy"} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteNPY(w, MustFrom(make([]float32, 1000), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(buf.Bytes())
	m, err := ReadNPZ(r, r.Size(), 0)
	if err != nil || len(m) != 2 || m["dir/b"].String() != "float[1000]" {
		t.Fatalf("%v %v", m, err)
	}
	if _, err := ReadNPZ(r, r.Size(), 5000); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("limit of 5000 bytes: %v", err)
	}
	if _, err := ReadNPZ(r, r.Size()-30, 0); err == nil {
		t.Error("a cut archive is no error")
	}
}
