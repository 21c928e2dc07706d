// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Relay is a TCP wire that can be cut: it stands between a client and a server,
// passes bytes, and counts them.
type Relay struct {
	Address string

	target   string
	listener net.Listener
	up, down atomic.Int64

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

func NewRelay(target string) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{
		Address:  listener.Addr().String(),
		target:   target,
		listener: listener,
		conns:    map[net.Conn]struct{}{},
	}
	go r.accept()
	return r, nil
}

// Cut resets every connection, and every new one until Heal.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	for conn := range r.conns {
		reset(conn)
	}
}

func (r *Relay) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = false
}

// Bytes is what has passed so far, in both directions.
func (r *Relay) Bytes() int64 { return r.up.Load() + r.down.Load() }

func (r *Relay) Close() {
	r.listener.Close()
	r.Cut()
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		go r.serve(client)
	}
}

func (r *Relay) serve(client net.Conn) {
	defer client.Close()
	if !r.keep(client) {
		reset(client)
		return
	}
	defer r.forget(client)
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		// The client sees what it would see without the relay: no connection.
		reset(client)
		return
	}
	defer server.Close()
	if !r.keep(server) {
		reset(client)
		return
	}
	defer r.forget(server)

	var both sync.WaitGroup
	both.Add(2)
	go func() { defer both.Done(); pass(server, client, &r.up) }()
	go func() { defer both.Done(); pass(client, server, &r.down) }()
	both.Wait()
}

func (r *Relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut {
		return false
	}
	r.conns[conn] = struct{}{}
	return true
}

func (r *Relay) forget(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
}

// pass copies one direction and hands on its end: a half-close as a half-close, a
// failure as a reset of both.
func pass(to, from net.Conn, count *atomic.Int64) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		count.Add(int64(n))
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				reset(from)
				return
			}
		}
		if err == io.EOF {
			to.(*net.TCPConn).CloseWrite()
			return
		}
		if err != nil {
			reset(to)
			return
		}
	}
}

// reset closes so that the peer sees RST, as from a machine that has gone.
func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}
