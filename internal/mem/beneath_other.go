//go:build !unix

package mem

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// openBeneath opens rel in dir. It looks at every part of the path, opens the
// file in a way that can't leave dir, and then makes sure that it opened what it looked at.
func openBeneath(dir, rel string) (*os.File, error) {
	local := filepath.FromSlash(rel)
	if !filepath.IsLocal(local) {
		return nil, fmt.Errorf("%w: %q is no plain relative path", os.ErrInvalid, rel)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var last os.FileInfo
	parts := strings.Split(local, string(filepath.Separator))
	for i := range parts {
		p := filepath.Join(parts[:i+1]...)
		if last, err = root.Lstat(p); err != nil {
			return nil, err
		}
		if m := last.Mode(); m&(os.ModeSymlink|os.ModeIrregular) != 0 {
			return nil, fmt.Errorf("%w: %q is a symbolic link", ErrLink, p)
		}
	}
	if !last.Mode().IsRegular() {
		return nil, ErrNotRegular
	}
	f, err := root.Open(local)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !os.SameFile(st, last) {
		err = errors.New("the file was replaced while it was opened")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
