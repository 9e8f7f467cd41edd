package onnx

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/walnut-ai/walnut/tensor"
)

// costFile is what an opened external file is charged with.
const costFile = 2048

// externals hands out the contents of external data files.
type externals struct {
	open   Opener
	charge func(int) error
	files  map[string]*external // by location
}

type external struct {
	data []byte
	sum  string // SHA-1 in hex, once computed
}

// data returns the size bytes that e describes for tensor name.
func (x *externals) data(name string, e tensor.External, size int) ([]byte, error) {
	loc, err := CheckLocation(e.Location)
	if err != nil {
		return nil, err
	}
	f := x.files[loc]
	if f == nil {
		if x.open == nil {
			return nil, fmt.Errorf("its data is in file %q, but the model was not opened from a folder", loc)
		}
		if err := x.charge(costFile + 2*len(loc)); err != nil {
			return nil, err
		}
		data, err := x.open(loc)
		if err != nil {
			return nil, fmt.Errorf("external data: %w", err)
		}
		f = &external{data: data}
		x.files[loc] = f
	}
	have := int64(len(f.data))
	if e.Offset > have || int64(size) > have-e.Offset {
		return nil, fmt.Errorf("%w: it needs %d bytes at offset %d of external file %q, which has %d", ErrFormat, size, e.Offset, loc, have)
	}
	if e.Checksum != "" {
		if err := f.verify(e.Checksum); err != nil {
			return nil, fmt.Errorf("external file %q: %w", loc, err)
		}
	}
	return f.data[e.Offset : e.Offset+int64(size) : e.Offset+int64(size)], nil
}

// verify compares the SHA-1 digest of the whole file, computed once.
func (f *external) verify(want string) error {
	if f.sum == "" {
		s := sha1.Sum(f.data)
		f.sum = hex.EncodeToString(s[:])
	}
	if !strings.EqualFold(f.sum, want) {
		return fmt.Errorf("%w: its SHA-1 digest is %s, expected %.60q", ErrFormat, f.sum, want)
	}
	return nil
}

// CheckLocation checks the location of external data, which a file declares,
// and returns it in its shortest form. It must be a relative path with slashes
// that stays in the model's folder whatever the system: without "..", empty
// parts, backslashes, control characters, and without what Windows takes for a
// drive or stream.
func CheckLocation(loc string) (string, error) {
	bad := func(why string) (string, error) {
		return "", fmt.Errorf("%w: external data location %.200q %s", ErrFormat, loc, why)
	}
	switch {
	case loc == "":
		return bad("is empty")
	case loc[0] == '/':
		return bad("is an absolute path")
	case len(loc) > 1024:
		return bad("is too long")
	}
	for i := range len(loc) {
		switch c := loc[i]; {
		case c == '\\' || c < ' ' || c == 0x7f:
			return bad("contains a backslash or control character")
		case c == ':':
			return bad("contains a colon")
		}
	}
	var parts []string
	for _, s := range strings.Split(loc, "/") {
		switch s {
		case "..":
			return bad(`contains ".."`)
		case "":
			return bad("has an empty part")
		case ".":
		default:
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return bad("names no file")
	}
	return strings.Join(parts, "/"), nil
}
