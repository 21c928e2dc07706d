// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"strconv"
)

// Object is what is known of an object that was received: who it is, and hashes of its
// bytes. A built-in object carries its kind in a watch's JSON and not in a list's; the
// hashes leave it out, so that the two can be compared.
type Object struct {
	Key      string // "ns/name", the order of lists
	UID      string
	Version  uint64
	Content  uint64 // hash of its bytes
	Timeless uint64 // hash of its bytes but for the resourceVersion: what a deletion keeps
	Bytes    []byte // only valid while the message it came in is
}

// EventType is the type of a watch event.
type EventType byte

const (
	Added EventType = iota
	Modified
	Deleted
	Bookmark
	Error
)

var eventTypes = []string{"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"}

func (t EventType) String() string { return eventTypes[t] }

// Event is one event of a watch.
type Event struct {
	Type   EventType
	Object // of a bookmark only its Version counts

	InitialEnd bool   // of a bookmark: the initial objects are complete
	Code       int    // of an error
	Message    string // of an error
}

func (e Event) String() string {
	switch {
	case e.Type == Error:
		return fmt.Sprintf("ERROR %d %s", e.Code, e.Message)
	case e.InitialEnd:
		return fmt.Sprintf("BOOKMARK %d, the end of the initial objects", e.Version)
	case e.Type == Bookmark:
		return fmt.Sprintf("BOOKMARK %d", e.Version)
	}
	return fmt.Sprintf("%s %s at %d, uid %s, content %x", e.Type, e.Key, e.Version, e.UID, e.Content)
}

// All hashes of a run are made with one seed.
var seed = maphash.MakeSeed()

func hashOf(parts ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, part := range parts {
		h.Write(part)
		h.WriteByte(0)
	}
	return h.Sum64()
}

// identity is a hash of which version of which object this is. The exclusive or over all
// objects of a state is the hash of the state.
func (o *Object) identity() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	h.WriteString(o.Key)
	h.WriteByte(0)
	h.WriteString(o.UID)
	var version [8]byte
	binary.LittleEndian.PutUint64(version[:], o.Version)
	h.Write(version[:])
	return h.Sum64()
}

var initialEventsEnd = []byte(`"k8s.io/initial-events-end":"true"`)

// fromJSON reads an object; prefix is what a watch's object begins with and a list's does
// not, and is checked.
func (o *Object) fromJSON(text []byte, prefix string) (initialEnd bool, err error) {
	body := text[1:]
	if prefix != "" {
		if !bytes.HasPrefix(body, []byte(prefix)) {
			return false, fmt.Errorf("the object does not begin with %q: %.100q", prefix, text)
		}
		body = body[len(prefix):]
	}
	metadata, version := span{}, span{}
	err = jsonMembers(text, 0, func(name []byte, value span) error {
		if string(name) == "metadata" {
			metadata = value
		}
		return nil
	})
	if err != nil || metadata.to == 0 {
		return false, fmt.Errorf("no metadata in %.100q: %w", text, err)
	}
	var namespace, name string
	err = jsonMembers(text, metadata.from, func(member []byte, value span) error {
		switch string(member) {
		case "name":
			name = jsonText(text, value)
		case "namespace":
			namespace = jsonText(text, value)
		case "uid":
			o.UID = jsonText(text, value)
		case "resourceVersion":
			version = value
		case "annotations":
			initialEnd = bytes.Contains(value.of(text), initialEventsEnd)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	skipped := len(text) - len(body)
	if version.from < skipped {
		return false, fmt.Errorf("no resourceVersion in %.200q", text)
	}
	o.Key = namespace + "/" + name
	o.Content = hashOf(body)
	o.Timeless = hashOf(text[skipped:version.from], text[version.to:])
	o.Bytes = text
	o.Version, err = strconv.ParseUint(jsonText(text, version), 10, 64)
	return initialEnd, err
}

// fromProtobuf reads an object without its envelope.
func (o *Object) fromProtobuf(message []byte) (initialEnd bool, err error) {
	metadata := span{}
	begin := 0
	err = protobufFields(message, func(field uint64, at int, content span) error {
		if field == 1 && metadata.to == 0 {
			metadata, begin = content, at
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	text := metadata.of(message)
	var namespace, name, version string
	var cut span // the version, with its tag and length
	err = protobufFields(text, func(field uint64, at int, content span) error {
		switch field {
		case 1:
			name = string(content.of(text))
		case 3:
			namespace = string(content.of(text))
		case 5:
			o.UID = string(content.of(text))
		case 6:
			version, cut = string(content.of(text)), span{at, content.to}
		case 12:
			initialEnd = initialEnd || bytes.Contains(content.of(text), []byte("k8s.io/initial-events-end"))
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	o.Key = namespace + "/" + name
	o.Content = hashOf(message)
	// The lengths around the metadata change with the length of the version.
	o.Timeless = hashOf(message[:begin], text[:cut.from], text[cut.to:], message[metadata.to:])
	o.Bytes = message
	o.Version, err = strconv.ParseUint(version, 10, 64)
	return initialEnd, err
}
