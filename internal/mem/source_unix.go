//go:build unix

package mem

import (
	"os"

	"golang.org/x/sys/unix"
)

// openFile opens path for reading; it does not wait for a pipe's writer.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

func mapFile(f *os.File, size int) (b []byte, err error) {
	c, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	cerr := c.Control(func(fd uintptr) {
		b, err = unix.Mmap(int(fd), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	})
	if cerr != nil {
		return nil, cerr
	}
	return b, err
}

func unmap(b []byte) error { return unix.Munmap(b) }
