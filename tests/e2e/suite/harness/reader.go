// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// ReaderGenerations are the operators on controller-runtime that most tests run, one for
// each way to begin: client-go 0.36 with a stream-list, 0.31 with a list and a watch.
var ReaderGenerations = []string{"reader-cr024", "reader-cr019"}

// AllReaderGenerations are those that are built, from client-go 0.28 to 0.37.
var AllReaderGenerations = []string{"reader-cr016", "reader-cr019", "reader-cr022", "reader-cr024", "reader-cr025"}

// Reader is an operator of tests/e2e/operators/reader, as a child process.
type Reader struct {
	*Process
	address string
}

// ReaderOptions says how to run it.
type ReaderOptions struct {
	Generation   string
	Kubeconfig   string
	LogFile      string
	Lease        string // to lead by; empty: none
	LeaseSeconds int    // 0: the usual 15
}

// ReaderEntry is one object in a Reader's cache.
type ReaderEntry struct {
	Name            string `json:"name"`
	UID             string `json:"uid"`
	ResourceVersion string `json:"resourceVersion"`
	SHA256          string `json:"sha256"`
}

// ReaderStatus is what a Reader says of itself.
type ReaderStatus struct {
	SyncedMs   int64    `json:"syncedMs"`
	Leader     bool     `json:"leader"`
	Complaints []string `json:"complaints"`
}

// ReaderCaches is a Reader's whole memory, by the name of the view.
type ReaderCaches map[string][]ReaderEntry

// StartReader runs the operator; it does not wait for it.
func StartReader(o ReaderOptions) (*Reader, error) {
	binary, err := Binary(o.Generation)
	if err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	args := []string{"--kubeconfig", o.Kubeconfig, "--listen", address}
	if o.Lease != "" {
		args = append(args, "--lease", o.Lease)
	}
	if o.LeaseSeconds > 0 {
		args = append(args, "--lease-seconds", strconv.Itoa(o.LeaseSeconds))
	}
	process, err := StartProcess(o.Generation, o.LogFile, binary, args...)
	if err != nil {
		return nil, err
	}
	return &Reader{Process: process, address: address}, nil
}

func (r *Reader) Status() (ReaderStatus, error) {
	var status ReaderStatus
	return status, r.get("/status", &status)
}

func (r *Reader) Caches() (ReaderCaches, error) {
	var caches ReaderCaches
	return caches, r.get("/cache", &caches)
}

// WaitSynced waits until all caches of the operator are filled.
func (r *Reader) WaitSynced(limit time.Duration) error {
	return PollFor(limit, 10*time.Millisecond, func() error {
		status, err := r.Status()
		if err == nil && status.SyncedMs == 0 {
			err = fmt.Errorf("%s is not synced; its log: %s", r.Name, r.LogFile)
		}
		return r.alive(err)
	})
}

// WaitLeading waits until the operator holds its Lease.
func (r *Reader) WaitLeading(limit time.Duration) error {
	return PollFor(limit, 20*time.Millisecond, func() error {
		status, err := r.Status()
		if err == nil && !status.Leader {
			err = fmt.Errorf("%s does not lead; its log: %s", r.Name, r.LogFile)
		}
		return r.alive(err)
	})
}

func (r *Reader) get(path string, into any) error {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get("http://" + r.address + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", r.Name, response.Status, body)
	}
	return json.Unmarshal(body, into)
}

// Versions is the short form of one view, for comparing with ListVersions.
func (c ReaderCaches) Versions(view string) Versions {
	versions := Versions{}
	for _, entry := range c[view] {
		versions[entry.Name] = version(entry.UID, entry.ResourceVersion)
	}
	return versions
}
