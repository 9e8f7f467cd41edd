package tensor

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"
)

// DefaultNPZLimit bounds the bytes that ReadNPZ unpacks unless told otherwise.
const DefaultNPZLimit = 1 << 30

// ReadNPZ reads all arrays of an NPZ file (a zip of NPY files) of the given
// size, by name without ".npy". limit bounds the sum of what is unpacked, 0 is
// DefaultNPZLimit: archives can be made that unpack to a thousand times their size.
func ReadNPZ(r io.ReaderAt, size, limit int64) (map[string]*Tensor, error) {
	if limit <= 0 {
		limit = DefaultNPZLimit
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNPY, err)
	}
	m := make(map[string]*Tensor, len(z.File))
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			return nil, fmt.Errorf("%w: %q in the archive is no .npy file", ErrNPY, clip(f.Name))
		}
		if m[name] != nil {
			return nil, fmt.Errorf("%w: %q occurs twice in the archive", ErrNPY, clip(f.Name))
		}
		t, err := readNPZFile(f, &limit)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", clip(f.Name), err)
		}
		m[name] = t
	}
	return m, nil
}

// readNPZFile unpacks f and takes its size from limit.
func readNPZFile(f *zip.File, limit *int64) (*Tensor, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNPY, err)
	}
	defer r.Close()
	l := &io.LimitedReader{R: r, N: *limit}
	t, err := ReadNPY(l)
	*limit = l.N
	if l.N == 0 && err != nil {
		return nil, fmt.Errorf("%w: the archive unpacks to more bytes than the limit allows", ErrNPY)
	}
	if err != nil {
		return nil, err
	}
	// Reading to the end checks the checksum and that nothing follows.
	if n, err := io.Copy(io.Discard, io.LimitReader(r, 1)); err != nil || n > 0 {
		return nil, fmt.Errorf("%w: bytes after the array, or a bad checksum (%v)", ErrNPY, err)
	}
	return t, nil
}
