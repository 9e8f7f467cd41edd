//go:build !unix && !windows

package mem

import (
	"io"
	"os"
)

func openFile(path string) (*os.File, error) { return os.Open(path) }

// mapFile reads the file where the system has no mappings.
func mapFile(f *os.File, size int) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(io.NewSectionReader(f, 0, int64(size)), b)
	return b, err
}

func unmap([]byte) error { return nil }
