package mem

import (
	"fmt"
)

// MapBeneath maps the regular file at rel, a relative path with slashes, in
// folder dir. Neither the path inside dir nor the file may be a link: symbolic
// links in any part and files with several names (hard links) are refused, and
// so is everything that is no regular file. The checks hold for the file that
// is mapped, not just for its path. dir itself may lie behind links.
func MapBeneath(dir, rel string) (*Source, error) {
	f, err := openBeneath(dir, rel)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", rel, dir, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s in %s: %w", rel, dir, ErrNotRegular)
	}
	n, err := names(f, st)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", rel, dir, err)
	}
	if n > 1 {
		return nil, fmt.Errorf("%s in %s: %w: the file has %d names (hard links)", rel, dir, ErrLink, n)
	}
	return MapFile(f)
}
