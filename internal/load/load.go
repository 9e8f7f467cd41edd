// Package load opens model files: it tells the format from the first bytes and
// picks the reader.
package load

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/walnut-ai/walnut/internal/graph"
	"github.com/walnut-ai/walnut/internal/load/onnx"
	"github.com/walnut-ai/walnut/internal/mem"
)

// ErrFormat is returned for files in a format that no reader is there for.
var ErrFormat = errors.New("unknown model format")

// File opens the model at path. External data is looked for in its folder,
// without following links. The tensors of the model share the bytes of the
// source, which the caller closes when it is done with the model.
func File(path string) (*graph.Model, *mem.Source, error) {
	src, err := mem.Map(path)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Dir(path)
	return read(src, func(loc string) (*mem.Source, error) { return mem.MapBeneath(dir, loc) })
}

// Bytes reads a model that lies in memory; name is for messages. It can have no
// external data. The model shares data.
func Bytes(name string, data []byte) (*graph.Model, *mem.Source, error) {
	return read(mem.FromBytes(name, data), nil)
}

// FS opens the model at name in fsys, reading it into memory; external data is
// looked for in its folder. Of links fsys itself must take care, except that a
// file system which can tell them (fs.ReadLinkFS) is asked and they are refused.
func FS(fsys fs.FS, name string) (*graph.Model, *mem.Source, error) {
	src, err := readFS(fsys, name)
	if err != nil {
		return nil, nil, err
	}
	dir := path.Dir(name)
	return read(src, func(loc string) (*mem.Source, error) {
		if err := noLinks(fsys, dir, loc); err != nil {
			return nil, err
		}
		return readFS(fsys, path.Join(dir, loc))
	})
}

// read decodes the model in src, which it closes on errors.
func read(src *mem.Source, open func(loc string) (*mem.Source, error)) (m *graph.Model, s *mem.Source, err error) {
	defer func() {
		if err != nil {
			src.Close()
		}
	}()
	var opener onnx.Opener
	if open != nil {
		opener = func(loc string) ([]byte, error) {
			part, err := open(loc)
			if err != nil {
				return nil, err
			}
			src.Attach(part)
			return part.Bytes(), nil
		}
	}
	err = mem.Guard(func() error {
		if err := sniff(src.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", src.Name(), err)
		}
		m, err = onnx.Read(src.Name(), src.Bytes(), opener)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return m, src, nil
}

// readFS reads a regular file of fsys whole.
func readFS(fsys fs.FS, name string) (*mem.Source, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", name, mem.ErrNotRegular)
	}
	if st.Size() > int64(maxInt)-1<<16 {
		return nil, fmt.Errorf("%s: %w: %d bytes", name, mem.ErrTooLarge, st.Size())
	}
	b := make([]byte, st.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return mem.FromBytes(name, b), nil
}

const maxInt = int(^uint(0) >> 1)

// noLinks refuses a location in dir that leads through a symbolic link.
func noLinks(fsys fs.FS, dir, loc string) error {
	links, ok := fsys.(fs.ReadLinkFS)
	if !ok {
		return nil
	}
	for p := path.Join(dir, loc); p != dir && p != "."; p = path.Dir(p) {
		st, err := links.Lstat(p)
		if err != nil {
			return err
		}
		if st.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s: %w: it is a symbolic link", p, mem.ErrLink)
		}
	}
	return nil
}
