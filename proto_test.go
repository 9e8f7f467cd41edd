package walnut_test

import "google.golang.org/protobuf/encoding/protowire"

// message builds protobuf messages field by field.
type message []byte

func (m message) str(field protowire.Number, s string) message { return m.bytes(field, []byte(s)) }

func (m message) bytes(field protowire.Number, b []byte) message {
	m = protowire.AppendTag(m, field, protowire.BytesType)
	return protowire.AppendBytes(m, b)
}

func (m message) num(field protowire.Number, v uint64) message {
	m = protowire.AppendTag(m, field, protowire.VarintType)
	return protowire.AppendVarint(m, v)
}
