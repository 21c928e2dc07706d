// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
)

// One line for each LIST and WATCH as it arrives, and nothing else: the log stays
// small under any load of writes.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted, ResponseComplete, Panic]
rules:
- level: Metadata
  verbs: [list, watch]
- level: None
`

// Request is a LIST or a WATCH that the API server has received.
type Request struct {
	User      string
	UserAgent string
	Verb      string // "list" or "watch"
	Resource  string // such as "configmaps" or "foos"
	URI       string
}

// IsStreamList says whether a WATCH asks for the whole state first.
func (r Request) IsStreamList() bool { return strings.Contains(r.URI, "sendInitialEvents=true") }

// AuditMark is a place in the audit log.
type AuditMark int64

func (s *APIServer) auditLog() string { return s.file("audit.log") }

// Mark returns the end of the audit log, to count from.
func (s *APIServer) Mark() AuditMark {
	info, err := os.Stat(s.auditLog())
	if err != nil {
		return 0
	}
	return AuditMark(info.Size())
}

// RequestsSince returns the LISTs and WATCHes received after a mark, without stream-lists that this
// API server refuses.
func (s *APIServer) RequestsSince(mark AuditMark) (Requests, error) {
	file, err := os.Open(s.auditLog())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(int64(mark), io.SeekStart); err != nil {
		return nil, err
	}
	var requests Requests
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			// A last line without its end is still being written.
			return requests, nil
		}
		if err != nil {
			return nil, err
		}
		request, err := parseAuditLine(line)
		if err != nil {
			return nil, err
		}
		if StreamLists() || !request.IsStreamList() {
			requests = append(requests, request)
		}
	}
}

func parseAuditLine(line []byte) (Request, error) {
	var event struct {
		Verb       string                     `json:"verb"`
		RequestURI string                     `json:"requestURI"`
		UserAgent  string                     `json:"userAgent"`
		User       struct{ Username string }  `json:"user"`
		ObjectRef  *struct{ Resource string } `json:"objectRef"`
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return Request{}, err
	}
	request := Request{User: event.User.Username, UserAgent: event.UserAgent, Verb: event.Verb, URI: event.RequestURI}
	if event.ObjectRef != nil {
		request.Resource = event.ObjectRef.Resource
	}
	return request, nil
}

type Requests []Request

// Of keeps the requests of one user for some resources; an empty user means all
// users but the API server's own.
func (rs Requests) Of(user string, resources ...string) Requests {
	var kept Requests
	for _, r := range rs {
		if user == "" && r.User == "system:apiserver" || user != "" && r.User != user {
			continue
		}
		for _, resource := range resources {
			if r.Resource == resource {
				kept = append(kept, r)
			}
		}
	}
	return kept
}

// Count counts a verb.
func (rs Requests) Count(verb string) int {
	n := 0
	for _, r := range rs {
		if r.Verb == verb {
			n++
		}
	}
	return n
}

// WholeStates counts the requests that made the API server send everything.
func (rs Requests) WholeStates() int {
	n := rs.Count("list")
	for _, r := range rs {
		if r.Verb == "watch" && r.IsStreamList() {
			n++
		}
	}
	return n
}

// String is one request a line, for a message.
func (rs Requests) String() string {
	var b strings.Builder
	for _, r := range rs {
		b.WriteString(r.User + " " + r.Verb + " " + r.URI + " (" + r.UserAgent + ")\n")
	}
	return b.String()
}
