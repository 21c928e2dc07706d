// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"io"
	"math/rand"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Relay is a TCP wire that can be cut: it stands between a client and a server,
// passes bytes, and counts them.
type Relay struct {
	Address string

	listener net.Listener
	up, down atomic.Int64

	mu       sync.Mutex
	targets  []string // a connection goes to any of them
	cut      bool
	conns    map[net.Conn]struct{}
	wire     *wire   // of the connections to come
	forsaken []*wire // of those that stay silent
	lifetime func() int64
	delay    time.Duration
}

// wire is what passes the bytes of some connections: all that were there when it fell
// silent stay so together.
type wire struct {
	mu     sync.RWMutex // held while it is silent
	silent bool         // changed by the Relay only
}

func NewRelay(target string) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{
		Address:  listener.Addr().String(),
		targets:  []string{target},
		listener: listener,
		conns:    map[net.Conn]struct{}{},
		wire:     &wire{},
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

// Heal mends what Cut and Silence do.
func (r *Relay) Heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = false
	if r.wire.silent {
		r.wire.silent = false
		r.wire.mu.Unlock()
	}
}

// Silence lets nothing pass any more, until Heal. No connection ends: what is sent waits,
// and nobody is told.
func (r *Relay) Silence() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wire.silent {
		r.wire.silent = true
		r.wire.mu.Lock()
	}
}

// Forsake silences the connections that there are, for good, as a machine does that has
// gone without a word. New ones are well.
func (r *Relay) Forsake() {
	r.Silence()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forsaken = append(r.forsaken, r.wire)
	r.wire = &wire{}
}

// Lifetimes resets each new connection when so many bytes have come from the server, in
// the middle of whatever it is. nil: no more.
func (r *Relay) Lifetimes(bytes func() int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lifetime = bytes
}

// Delay keeps what the server sends on new connections for a while, in order.
func (r *Relay) Delay(delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delay = delay
}

// Balance sends each new connection to any of some servers.
func (r *Relay) Balance(targets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = targets
}

// Bytes is what has passed so far, in both directions.
func (r *Relay) Bytes() int64 { return r.up.Load() + r.down.Load() }

func (r *Relay) Close() {
	r.listener.Close()
	r.Heal()
	r.Cut()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, wire := range r.forsaken {
		wire.mu.Unlock() // nothing is left to pass
	}
	r.forsaken = nil
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
	r.mu.Lock()
	target := r.targets[rand.Intn(len(r.targets))]
	up := direction{wire: r.wire, count: &r.up}
	down := direction{wire: r.wire, count: &r.down, delay: r.delay}
	if r.lifetime != nil {
		down.lifetime = r.lifetime()
	}
	r.mu.Unlock()
	server, err := net.Dial("tcp", target)
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
	go func() { defer both.Done(); up.pass(server, client) }()
	go func() { defer both.Done(); down.pass(client, server) }()
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

// direction is one of the two of a connection.
type direction struct {
	wire     *wire
	count    *atomic.Int64
	lifetime int64 // bytes; 0: no end
	delay    time.Duration
}

// pass copies one direction and hands on its end: a half-close as a half-close, a
// failure as a reset of both.
func (d *direction) pass(to, from net.Conn) {
	if d.delay > 0 {
		d.passLate(to, from)
		return
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if !d.write(to, from, buffer[:n]) || d.end(to, err) {
			return
		}
	}
}

// write passes some bytes on; false: the connection is over.
func (d *direction) write(to, from net.Conn, bytes []byte) bool {
	d.wire.mu.RLock()
	d.wire.mu.RUnlock()
	d.count.Add(int64(len(bytes)))
	over := d.lifetime > 0 && int64(len(bytes)) >= d.lifetime
	if over {
		bytes = bytes[:d.lifetime]
	} else if d.lifetime > 0 {
		d.lifetime -= int64(len(bytes))
	}
	if len(bytes) > 0 {
		if _, err := to.Write(bytes); err != nil {
			reset(from)
			return false
		}
	}
	if over {
		to.Close() // what was passed still arrives
		reset(from)
	}
	return !over
}

// end hands on the end of a direction, if it is one.
func (d *direction) end(to net.Conn, err error) bool {
	if err == io.EOF {
		to.(*net.TCPConn).CloseWrite()
	} else if err != nil {
		reset(to)
	}
	return err != nil
}

// passLate is pass, with each byte as late as it is to be.
func (d *direction) passLate(to, from net.Conn) {
	type late struct {
		bytes []byte
		err   error
		due   time.Time
	}
	waiting := make(chan late, 4096)
	go func() {
		defer close(waiting)
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			waiting <- late{buffer[:n], err, time.Now().Add(d.delay)}
			if err != nil {
				return
			}
		}
	}()
	over := false
	for l := range waiting { // to the last, so that the reader ends too
		if over {
			continue
		}
		time.Sleep(time.Until(l.due))
		over = !d.write(to, from, l.bytes) || d.end(to, l.err)
	}
}

// reset closes so that the peer sees RST, as from a machine that has gone.
func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}
