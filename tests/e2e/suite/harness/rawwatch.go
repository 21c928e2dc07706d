// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// The media types that the tests ask for.
const (
	JSON     = "application/json"
	Protobuf = "application/vnd.kubernetes.protobuf"
)

// RawClient sends requests as they are, without client-go's opinions.
type RawClient struct {
	http *http.Client
	host string
}

// NewSlowClient speaks HTTP/1.1, where a connection is one stream, and has little
// room for what it does not read.
func NewSlowClient(config *rest.Config) (*RawClient, error) {
	config = rest.CopyConfig(config)
	config.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return conn, conn.(*net.TCPConn).SetReadBuffer(64 << 10)
	}
	return NewRawClient(config, true)
}

// NewStallingClient speaks HTTP/2 and has little room for what is not read of a stream:
// others on the same connection go on.
func NewStallingClient(config *rest.Config) (*RawClient, error) {
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		TLSClientConfig:    tls,
		ForceAttemptHTTP2:  true,
		DisableCompression: true,
		HTTP2:              &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
	}
	authorized, err := rest.HTTPWrappersForConfig(config, transport)
	return &RawClient{http: &http.Client{Transport: authorized}, host: config.Host}, err
}

// NewRawClient speaks HTTP/2, or HTTP/1.1 when asked to.
func NewRawClient(config *rest.Config, http1 bool) (*RawClient, error) {
	config = rest.CopyConfig(config)
	// Else Go's client would ask for gzip and hide it.
	config.DisableCompression = true
	if http1 {
		config.NextProtos = []string{"http/1.1"}
	}
	client, err := rest.HTTPClientFor(config)
	return &RawClient{http: client, host: config.Host}, err
}

// Do sends a request; headers are given as name, value, name, value.
func (c *RawClient) Do(ctx context.Context, method, path string, body io.Reader, headers ...string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.host+path, body)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return c.http.Do(request)
}

// Get reads a whole answer.
func (c *RawClient) Get(ctx context.Context, path string, headers ...string) (*http.Response, []byte, error) {
	response, err := c.Do(ctx, http.MethodGet, path, nil, headers...)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// Frame is one event of a watch, with the very bytes that were received.
type Frame struct {
	Bytes   []byte
	Type    string
	Name    string // "ns/name"
	UID     string
	Version uint64
	Message string // of an ERROR
	At      time.Time
}

// RawWatch is an open watch whose frames are collected.
type RawWatch struct {
	cancel context.CancelFunc
	done   chan struct{}

	gate sync.Mutex // held while nothing is read

	mu     sync.Mutex
	frames []Frame
	err    error
}

// Watch opens a watch. The path holds the query.
func (c *RawClient) Watch(ctx context.Context, path, accept string) (*RawWatch, error) {
	ctx, cancel := context.WithCancel(ctx)
	response, err := c.Do(ctx, http.MethodGet, path, nil, "Accept", accept)
	if err != nil {
		cancel()
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer cancel()
		body, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("watch %s: %s: %s", path, response.Status, body)
	}
	w := &RawWatch{cancel: cancel, done: make(chan struct{})}
	go w.read(response)
	return w, nil
}

func (w *RawWatch) read(response *http.Response) {
	defer close(w.done)
	defer response.Body.Close()
	next := nextJSON
	if response.Header.Get("Content-Type") != JSON {
		next = nextProtobuf
	}
	input := bufio.NewReaderSize(response.Body, 64<<10)
	for {
		w.gate.Lock()
		w.gate.Unlock()
		frame, err := next(input)
		frame.At = time.Now()
		w.mu.Lock()
		if err != nil {
			w.err = err
		} else {
			w.frames = append(w.frames, frame)
		}
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Frames is what has come so far.
func (w *RawWatch) Frames() []Frame {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Frame{}, w.frames...)
}

// Pause stops reading, as a client does that is busy with something else: the
// connection stays open and fills up.
func (w *RawWatch) Pause() { w.gate.Lock() }

// Resume reads on.
func (w *RawWatch) Resume() { w.gate.Unlock() }

// Ended says whether the watch is over; the error is io.EOF after a clean end.
func (w *RawWatch) Ended() (bool, error) {
	select {
	case <-w.done:
		return true, w.err
	default:
		return false, nil
	}
}

func (w *RawWatch) Close() {
	w.cancel()
	<-w.done
}

// nextJSON reads one line.
func nextJSON(input *bufio.Reader) (Frame, error) {
	line, err := input.ReadBytes('\n')
	if err != nil {
		if err == io.EOF && len(line) > 0 {
			err = fmt.Errorf("the watch ended within a line: %q", line)
		}
		return Frame{}, err
	}
	return parseJSONFrame(line)
}

func parseJSONFrame(line []byte) (Frame, error) {
	var event struct {
		Type   string
		Object struct {
			Metadata metav1.ObjectMeta
			Message  string
		}
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return Frame{}, fmt.Errorf("undecodable watch line %q: %w", line, err)
	}
	frame := Frame{Bytes: line, Type: event.Type, Message: event.Object.Message}
	return frame, frame.setMeta(&event.Object.Metadata)
}

// nextProtobuf reads one length-prefixed frame.
func nextProtobuf(input *bufio.Reader) (Frame, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(input, header); err != nil {
		return Frame{}, err
	}
	whole := make([]byte, 4+binary.BigEndian.Uint32(header))
	copy(whole, header)
	if _, err := io.ReadFull(input, whole[4:]); err != nil {
		return Frame{}, fmt.Errorf("the watch ended within a frame: %w", err)
	}
	var event metav1.WatchEvent
	if err := event.Unmarshal(whole[4:]); err != nil {
		return Frame{}, fmt.Errorf("undecodable watch frame: %w", err)
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(event.Object.Raw, nil, nil)
	if err != nil {
		return Frame{}, fmt.Errorf("undecodable object in a watch frame: %w", err)
	}
	frame := Frame{Bytes: whole, Type: event.Type}
	if status, ok := object.(*metav1.Status); ok {
		frame.Message = status.Message
		return frame, nil
	}
	m, err := meta.Accessor(object)
	if err != nil {
		return Frame{}, err
	}
	return frame, frame.setMeta(m)
}

func (f *Frame) setMeta(m metav1.Object) error {
	f.Name = m.GetNamespace() + "/" + m.GetName()
	f.UID = string(m.GetUID())
	if f.Type == "ERROR" {
		return nil
	}
	var err error
	f.Version, err = strconv.ParseUint(m.GetResourceVersion(), 10, 64)
	return err
}

// Fold plays events over an empty state, and fails at the first one that a correct
// watch from "0" never sends.
func Fold(frames []Frame) (Versions, error) {
	state, uids := Versions{}, map[string]string{}
	var last uint64
	initial := true
	for i, f := range frames {
		at := fmt.Sprintf("event %d, %s %s at version %d", i, f.Type, f.Name, f.Version)
		_, present := state[f.Name]
		switch f.Type {
		case "ERROR":
			return nil, errors.New(at + ": " + f.Message)
		case "BOOKMARK":
			initial = false
		case "ADDED":
			if present {
				return nil, errors.New(at + ": it was there already")
			}
		case "MODIFIED", "DELETED":
			initial = false
			if !present {
				return nil, errors.New(at + ": it was not there")
			}
			if uids[f.Name] != f.UID {
				return nil, errors.New(at + ": its uid is another object's")
			}
		default:
			return nil, errors.New(at + ": unknown type")
		}
		// The initial objects come by name; from then on time only moves forward.
		if !initial && f.Version < last {
			return nil, fmt.Errorf("%s: version %d came before", at, last)
		}
		last = max(last, f.Version)
		switch f.Type {
		case "ADDED", "MODIFIED":
			state[f.Name], uids[f.Name] = version(f.UID, strconv.FormatUint(f.Version, 10)), f.UID
		case "DELETED":
			delete(state, f.Name)
			delete(uids, f.Name)
		}
	}
	return state, nil
}

// WaitEnd waits for the end of the watch, which must be a clean one.
func (w *RawWatch) WaitEnd(limit time.Duration) error {
	select {
	case <-w.done:
	case <-time.After(limit):
		return fmt.Errorf("the watch has not ended in %v", limit)
	}
	if w.err != io.EOF {
		return fmt.Errorf("the watch ended badly: %w", w.err)
	}
	return nil
}

// WaitFrames waits until a number of frames have come.
func (w *RawWatch) WaitFrames(number int, limit time.Duration) error {
	return PollFor(limit, 5*time.Millisecond, func() error {
		if n := len(w.Frames()); n < number {
			return fmt.Errorf("%d of %d events have come", n, number)
		}
		return nil
	})
}

// WaitFor waits until a frame of a type has come.
func (w *RawWatch) WaitFor(frameType string, limit time.Duration) error {
	return PollFor(limit, 5*time.Millisecond, func() error {
		for _, frame := range w.Frames() {
			if frame.Type == frameType {
				return nil
			}
		}
		if ended, err := w.Ended(); ended {
			return Final(fmt.Errorf("the watch ended before any %s: %w", frameType, err))
		}
		return fmt.Errorf("no %s has come", frameType)
	})
}
