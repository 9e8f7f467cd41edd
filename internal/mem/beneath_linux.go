package mem

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// openAtomically lets the kernel do the walk (Linux 5.6). Where openat2 is
// missing or filtered it returns errors.ErrUnsupported.
func openAtomically(at int, rel string) (int, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat2(at, rel, &unix.OpenHow{
			Flags:   openFlags,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		})
	})
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.E2BIG):
		return -1, fmt.Errorf("openat2: %w", errors.ErrUnsupported)
	case errors.Is(err, unix.EXDEV):
		return -1, fmt.Errorf("%w: the path leaves the folder", ErrLink)
	}
	return fd, err
}
