//go:build !unix

package mem

import "errors"

func makeFIFO(string) error { return errors.ErrUnsupported }
