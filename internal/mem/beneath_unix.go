//go:build unix

package mem

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const openFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOFOLLOW | unix.O_NONBLOCK

// openBeneath opens rel in dir without following links.
func openBeneath(dir, rel string) (*os.File, error) {
	at, err := retry(func() (int, error) {
		return unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	defer unix.Close(at)
	fd, err := openAtomically(at, rel)
	if errors.Is(err, errors.ErrUnsupported) {
		fd, err = openStepwise(at, rel)
	}
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%w: the path has a symbolic link", ErrLink)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir, filepath.FromSlash(rel))), nil
}

// openStepwise opens one part of the path after another, each without
// following links, so that nobody can swap a folder that was checked.
func openStepwise(at int, rel string) (int, error) {
	parts := strings.Split(rel, "/")
	for i, part := range parts {
		if part == "" || part == "." || part == ".." {
			return -1, fmt.Errorf("%w: %q is no plain relative path", os.ErrInvalid, rel)
		}
		flags := openFlags
		if i < len(parts)-1 {
			flags |= unix.O_DIRECTORY
		}
		fd, err := retry(func() (int, error) { return unix.Openat(at, part, flags, 0) })
		if i > 0 {
			unix.Close(at)
		}
		if err != nil {
			// Systems name a link that must be a folder differently.
			if errors.Is(err, unix.EMLINK) || errors.Is(err, unix.ENOTDIR) && i < len(parts)-1 {
				return -1, fmt.Errorf("%w: %q is no folder (%w)", ErrLink, part, err)
			}
			return -1, err
		}
		at = fd
	}
	return at, nil
}

// retry repeats f while signals interrupt it.
func retry(f func() (int, error)) (int, error) {
	for {
		if fd, err := f(); err != unix.EINTR {
			return fd, err
		}
	}
}

// names returns how many names the open file has.
func names(_ *os.File, st os.FileInfo) (uint64, error) {
	s, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("the system does not tell how many names it has")
	}
	return uint64(s.Nlink), nil
}
