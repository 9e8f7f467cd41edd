//go:build unix && !linux

package mem

import "errors"

// openAtomically is for systems whose kernel can do the whole walk.
func openAtomically(int, string) (int, error) { return -1, errors.ErrUnsupported }
