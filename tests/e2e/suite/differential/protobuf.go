// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

var (
	errProtobuf     = errors.New("undecodable protobuf")
	protobufMagic   = []byte("k8s\x00")
	lengthDelimited = uint64(2)
)

// protobufFields calls visit with each length-delimited field of a message; others are
// stepped over. The place is that of the content; begin is where the field's tag is.
func protobufFields(message []byte, visit func(field uint64, begin int, content span) error) error {
	for at := 0; at < len(message); {
		begin := at
		tag, n := binary.Uvarint(message[at:])
		if n <= 0 {
			return fmt.Errorf("%w: no tag at byte %d", errProtobuf, at)
		}
		at += n
		switch tag & 7 {
		case 0:
			if _, n = binary.Uvarint(message[at:]); n <= 0 {
				return fmt.Errorf("%w: no number at byte %d", errProtobuf, at)
			}
			at += n
		case 1:
			at += 8
		case 5:
			at += 4
		case lengthDelimited:
			length, n := binary.Uvarint(message[at:])
			if n <= 0 || length > uint64(len(message)-at-n) {
				return fmt.Errorf("%w: no content at byte %d", errProtobuf, at)
			}
			content := span{at + n, at + n + int(length)}
			if err := visit(tag>>3, begin, content); err != nil {
				return err
			}
			at = content.to
		default:
			return fmt.Errorf("%w: a field of type %d at byte %d", errProtobuf, tag&7, at)
		}
	}
	return nil
}

// unwrapped is the message in the envelope that all Kubernetes protobuf comes in.
func unwrapped(envelope []byte) ([]byte, error) {
	if !bytes.HasPrefix(envelope, protobufMagic) {
		return nil, fmt.Errorf("%w: no envelope", errProtobuf)
	}
	envelope = envelope[len(protobufMagic):]
	var raw []byte
	err := protobufFields(envelope, func(field uint64, _ int, content span) error {
		if field == 2 {
			raw = content.of(envelope)
		}
		return nil
	})
	return raw, err
}
