// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Shape is how a client wants a resource, and what that looks like on the wire.
type Shape struct {
	Resource Resource
	Protobuf bool
	Metadata bool // PartialObjectMetadata
}

func (s Shape) String() string {
	name := s.Resource.Name
	if s.Metadata {
		name += " metadata"
	}
	if s.Protobuf {
		return name + " as protobuf"
	}
	return name + " as JSON"
}

// Accept is the header that asks for it.
func (s Shape) Accept(list bool) string {
	accept := "application/json"
	if s.Protobuf {
		accept = "application/vnd.kubernetes.protobuf"
	}
	if !s.Metadata {
		return accept
	}
	if list {
		return accept + ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	}
	return accept + ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
}

// prefix is what an object begins with in a watch only.
func (s Shape) prefix() string {
	if s.Metadata || s.Protobuf || s.Resource.Custom {
		return ""
	}
	return fmt.Sprintf(`"kind":%q,"apiVersion":%q,`, s.Resource.Kind, s.Resource.APIVersion)
}

// ReadEvent reads the next event of a watch; io.EOF is a clean end. The event's bytes are
// those of the buffer, which is grown as needed and may be used for the next event.
func (s Shape) ReadEvent(input *bufio.Reader, buffer *[]byte) (Event, error) {
	if s.Protobuf {
		return s.readProtobuf(input, buffer)
	}
	line, err := readLine(input, buffer)
	if err != nil {
		return Event{}, err
	}
	return s.parseJSON(line)
}

func readLine(input *bufio.Reader, buffer *[]byte) ([]byte, error) {
	*buffer = (*buffer)[:0]
	for {
		part, err := input.ReadSlice('\n')
		*buffer = append(*buffer, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && len(*buffer) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return *buffer, err
	}
}

func (s Shape) parseJSON(line []byte) (Event, error) {
	var event Event
	var kind string
	var object span
	err := jsonMembers(line, 0, func(name []byte, value span) error {
		switch string(name) {
		case "type":
			kind = jsonText(line, value)
		case "object":
			object = value
		}
		return nil
	})
	if err != nil {
		return event, err
	}
	if event.Type, err = parseType(kind); err != nil {
		return event, err
	}
	prefix := s.prefix()
	switch event.Type {
	case Error:
		var status metav1.Status
		err = json.Unmarshal(object.of(line), &status)
		event.Code, event.Message = int(status.Code), status.Message
		return event, err
	case Bookmark:
		prefix = ""
	}
	event.InitialEnd, err = event.fromJSON(object.of(line), prefix)
	return event, err
}

func parseType(name string) (EventType, error) {
	for i, known := range eventTypes {
		if name == known {
			return EventType(i), nil
		}
	}
	return 0, fmt.Errorf("no event is of type %q", name)
}

func (s Shape) readProtobuf(input *bufio.Reader, buffer *[]byte) (Event, error) {
	var event Event
	var header [4]byte
	if _, err := io.ReadFull(input, header[:]); err != nil {
		return event, err
	}
	length := int(binary.BigEndian.Uint32(header[:]))
	if cap(*buffer) < length {
		*buffer = make([]byte, length, 2*length)
	}
	frame := (*buffer)[:length]
	if _, err := io.ReadFull(input, frame); err != nil {
		return event, io.ErrUnexpectedEOF
	}
	var kind string
	var object []byte
	err := protobufFields(frame, func(field uint64, _ int, content span) error {
		if field == 1 {
			kind = string(content.of(frame))
			return nil
		}
		extension := content.of(frame)
		return protobufFields(extension, func(_ uint64, _ int, raw span) error {
			object = raw.of(extension)
			return nil
		})
	})
	if err != nil {
		return event, err
	}
	if event.Type, err = parseType(kind); err != nil {
		return event, err
	}
	if object, err = unwrapped(object); err != nil {
		return event, err
	}
	if event.Type == Error {
		var status metav1.Status
		err = status.Unmarshal(object)
		event.Code, event.Message = int(status.Code), status.Message
		return event, err
	}
	event.InitialEnd, err = event.fromProtobuf(object)
	return event, err
}

// ParseList reads a whole list.
func (s Shape) ParseList(body []byte) (version uint64, items []Object, err error) {
	if s.Protobuf {
		return parseProtobufList(body)
	}
	var metadata, array span
	err = jsonMembers(body, 0, func(name []byte, value span) error {
		switch string(name) {
		case "metadata":
			metadata = value
		case "items":
			array = value
		}
		return nil
	})
	if err != nil || metadata.to == 0 || array.to == 0 {
		return 0, nil, fmt.Errorf("no list in %.200q: %w", body, err)
	}
	err = jsonMembers(body, metadata.from, func(name []byte, value span) error {
		if string(name) != "resourceVersion" {
			return nil
		}
		var err error
		version, err = strconv.ParseUint(jsonText(body, value), 10, 64)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	err = jsonElements(body, array.from, func(value span) error {
		var item Object
		_, err := item.fromJSON(value.of(body), "")
		items = append(items, item)
		return err
	})
	return version, items, err
}

func parseProtobufList(body []byte) (version uint64, items []Object, err error) {
	list, err := unwrapped(body)
	if err != nil {
		return 0, nil, err
	}
	err = protobufFields(list, func(field uint64, _ int, content span) error {
		message := content.of(list)
		switch field {
		case 1:
			return protobufFields(message, func(field uint64, _ int, content span) error {
				if field != 2 {
					return nil
				}
				var err error
				version, err = strconv.ParseUint(string(content.of(message)), 10, 64)
				return err
			})
		case 2:
			var item Object
			_, err := item.fromProtobuf(message)
			items = append(items, item)
			return err
		}
		return nil
	})
	return version, items, err
}
