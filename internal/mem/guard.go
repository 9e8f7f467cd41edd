package mem

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
)

// ErrFault is returned by Guard where mapped bytes could not be read: the file
// was cut short after it was opened, or its device failed.
var ErrFault = errors.New("a mapped file could not be read; was it changed while in use?")

// Guard calls f and turns a memory fault in it, which otherwise ends the
// process, into ErrFault. It covers this goroutine only. Other panics pass.
func Guard(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		switch r := recover().(type) {
		case nil:
		case interface {
			runtime.Error
			Addr() uintptr
		}:
			err = fmt.Errorf("%w (%v)", ErrFault, r)
		default:
			panic(r)
		}
	}()
	return f()
}
