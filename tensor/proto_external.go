package tensor

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// External says where a TensorProto keeps its data, as its external_data
// entries do. Keys other than those of the standard are ignored.
type External struct {
	Location  string // as written: not checked, never use it as a path
	Offset    int64  // not negative
	Length    int64  // not negative
	HasLength bool
	Checksum  string // SHA-1 of the whole file in hex; empty if not given
}

// entry takes one StringStringEntryProto.
func (e *External) entry(b []byte) error {
	var key, value string
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil {
			return err
		}
		b = rest
		if f.num != 1 && f.num != 2 {
			continue
		}
		if err := f.want(protowire.BytesType); err != nil {
			return err
		}
		if len(f.data) > 4096 {
			return fmt.Errorf("%w: external_data entry of %d bytes", ErrProto, len(f.data))
		}
		if f.num == 1 {
			key = string(f.data)
		} else {
			value = string(f.data)
		}
	}
	var err error
	switch key {
	case "location":
		if e.Location != "" {
			return fmt.Errorf("%w: external_data has two locations", ErrProto)
		}
		e.Location = value
	case "offset":
		e.Offset, err = parseSize(key, value)
	case "length":
		e.Length, err = parseSize(key, value)
		e.HasLength = true
	case "checksum":
		e.Checksum = value
	}
	return err
}

func parseSize(key, value string) (int64, error) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: external_data %s is %q, expected a whole number that is not negative", ErrProto, key, clip(value))
	}
	return int64(n), nil
}
