// Package mem is where bytes live that outlast a call: mapped files.
package mem

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// ErrNotRegular is returned for what is no regular file: a folder, device or pipe.
var ErrNotRegular = errors.New("not a regular file")

// ErrLink is returned where a path would lead through a symbolic link, or to a
// file that has other names as well.
var ErrLink = errors.New("links are not followed")

// ErrTooLarge is returned for files that the address space can't hold.
var ErrTooLarge = errors.New("file is too large for this system")

// mapFrom is the size from which files are mapped; smaller ones are read,
// because a mapping costs a page at least and can be torn away under the reader.
const mapFrom = 64 << 10

// Source is the read-only contents of a file, with what belongs to it (files of
// external data). Reads may happen concurrently. After Close the bytes of a
// mapped file are gone: touching them ends the process, so whoever shares them
// keeps the Source open.
type Source struct {
	name   string
	data   []byte
	mapped bool

	mu     sync.Mutex
	closed bool
	parts  []*Source
}

// Usage counts the bytes of all open sources.
type Usage struct {
	Sources int64 // open sources
	Mapped  int64 // bytes in mappings
	Heap    int64 // bytes read into memory
}

var usage struct{ sources, mapped, heap atomic.Int64 }

// Total returns what all open sources hold.
func Total() Usage {
	return Usage{usage.sources.Load(), usage.mapped.Load(), usage.heap.Load()}
}

// Map opens a regular file and maps it. Changes to the file while it is mapped
// show in the bytes; a file that is cut short makes reads fail (see Guard).
func Map(path string) (*Source, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return MapFile(f)
}

// MapFile maps an open regular file, which can be closed afterwards.
func MapFile(f *os.File) (*Source, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", f.Name(), ErrNotRegular)
	}
	size := st.Size()
	if size > maxSize {
		return nil, fmt.Errorf("%s: %w: %d bytes", f.Name(), ErrTooLarge, size)
	}
	if size < mapFrom {
		b := make([]byte, size)
		n, err := io.ReadFull(io.NewSectionReader(f, 0, size), b)
		if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
			return nil, err
		}
		return FromBytes(f.Name(), b[:n]), nil
	}
	b, err := mapFile(f, int(size))
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	usage.sources.Add(1)
	usage.mapped.Add(size)
	return &Source{name: f.Name(), data: b, mapped: true}, nil
}

// maxSize is the largest file that can be a slice and mapped.
const maxSize = int64(^uint(0)>>1) &^ 0xffff

// FromBytes returns a Source over b, which it shares.
func FromBytes(name string, b []byte) *Source {
	usage.sources.Add(1)
	usage.heap.Add(int64(len(b)))
	return &Source{name: name, data: b}
}

// Name returns the path or the name given.
func (s *Source) Name() string { return s.name }

// Bytes returns the contents, which must not be written to: where they are
// mapped, that ends the process.
func (s *Source) Bytes() []byte { return s.data }

// Mapped reports whether the bytes are a mapping.
func (s *Source) Mapped() bool { return s.mapped }

// Attach makes o belong to s: it is counted with it and closed with it.
func (s *Source) Attach(o *Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, o)
}

// Size returns the bytes that s and what is attached to it hold, by kind.
func (s *Source) Size() (u Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		u.Sources = 1
		if s.mapped {
			u.Mapped = int64(len(s.data))
		} else {
			u.Heap = int64(len(s.data))
		}
	}
	for _, p := range s.parts {
		q := p.Size()
		u.Sources, u.Mapped, u.Heap = u.Sources+q.Sources, u.Mapped+q.Mapped, u.Heap+q.Heap
	}
	return u
}

// Close gives the bytes back, those of attached sources too. Further calls do nothing.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	usage.sources.Add(-1)
	if s.mapped {
		usage.mapped.Add(-int64(len(s.data)))
		errs = append(errs, unmap(s.data))
	} else {
		usage.heap.Add(-int64(len(s.data)))
	}
	s.data = nil
	for _, p := range s.parts {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
