// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"errors"
	"fmt"
)

// A reader of JSON that looks only for what it is asked for: an event is read by every
// observer, and nobody needs more of it than its metadata. What it steps over is not
// checked; that the bytes are right is the Ledger's to say.

var errJSON = errors.New("undecodable JSON")

// span is a place in a text.
type span struct{ from, to int }

func (s span) of(text []byte) []byte { return text[s.from:s.to] }

// jsonMembers calls visit with the name and the place of each member of the object that
// begins at text[at].
func jsonMembers(text []byte, at int, visit func(name []byte, value span) error) error {
	if at >= len(text) || text[at] != '{' {
		return fmt.Errorf("%w: no object at byte %d", errJSON, at)
	}
	at = jsonSpace(text, at+1)
	for at < len(text) && text[at] != '}' {
		name, err := jsonSkip(text, at)
		if err != nil {
			return err
		}
		colon := jsonSpace(text, name)
		if colon >= len(text) || text[colon] != ':' || text[at] != '"' {
			return fmt.Errorf("%w: no member at byte %d", errJSON, at)
		}
		from := jsonSpace(text, colon+1)
		to, err := jsonSkip(text, from)
		if err != nil {
			return err
		}
		if err := visit(text[at+1:name-1], span{from, to}); err != nil {
			return err
		}
		at = jsonNext(text, to)
	}
	if at >= len(text) {
		return fmt.Errorf("%w: an object without its end", errJSON)
	}
	return nil
}

// jsonElements calls visit with the place of each element of the array at text[at];
// null counts as an empty one.
func jsonElements(text []byte, at int, visit func(value span) error) error {
	if bytes.HasPrefix(text[at:], []byte("null")) {
		return nil
	}
	if text[at] != '[' {
		return fmt.Errorf("%w: no array at byte %d", errJSON, at)
	}
	at = jsonSpace(text, at+1)
	for at < len(text) && text[at] != ']' {
		to, err := jsonSkip(text, at)
		if err != nil {
			return err
		}
		if err := visit(span{at, to}); err != nil {
			return err
		}
		at = jsonNext(text, to)
	}
	if at >= len(text) {
		return fmt.Errorf("%w: an array without its end", errJSON)
	}
	return nil
}

// jsonNext steps over the comma between two members or elements.
func jsonNext(text []byte, at int) int {
	at = jsonSpace(text, at)
	if at < len(text) && text[at] == ',' {
		at = jsonSpace(text, at+1)
	}
	return at
}

func jsonSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	return at
}

// jsonSkip returns where the value that begins at text[at] ends.
func jsonSkip(text []byte, at int) (int, error) {
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '"':
			end, err := jsonString(text, at)
			if err != nil {
				return 0, err
			}
			at = end
		case '{', '[':
			depth++
			at++
		case '}', ']':
			if depth--; depth < 0 {
				return 0, fmt.Errorf("%w: no value at byte %d", errJSON, at)
			}
			at++
		case ',', ':', ' ', '\n', '\t', '\r':
			at++
		default:
			at = jsonScalar(text, at)
		}
		if depth == 0 {
			return at, nil
		}
	}
	return 0, fmt.Errorf("%w: a value without its end", errJSON)
}

func jsonScalar(text []byte, at int) int {
	for at < len(text) && bytes.IndexByte([]byte(",:]} \n\t\r"), text[at]) < 0 {
		at++
	}
	return at
}

func jsonString(text []byte, at int) (int, error) {
	for at++; ; {
		quote := bytes.IndexByte(text[at:], '"')
		if quote < 0 {
			return 0, fmt.Errorf("%w: a string without its end", errJSON)
		}
		quote += at
		slashes := 0
		for text[quote-1-slashes] == '\\' {
			slashes++
		}
		if at = quote + 1; slashes%2 == 0 {
			return at, nil
		}
	}
}

// jsonText is the content of a string that needs no escapes, as versions and uids.
func jsonText(text []byte, value span) string {
	if value.to-value.from < 2 || text[value.from] != '"' {
		return ""
	}
	return string(text[value.from+1 : value.to-1])
}
