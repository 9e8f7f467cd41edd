package mem

import (
	"os"

	"golang.org/x/sys/windows"
)

// names returns how many names the open file has.
func names(f *os.File, _ os.FileInfo) (uint64, error) {
	var i windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &i); err != nil {
		return 0, err
	}
	return uint64(i.NumberOfLinks), nil
}
