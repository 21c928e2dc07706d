// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// talk starts a server that says something to whom connects, and closes when asked to.
func talk(t *testing.T, text string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				conn.Write([]byte(text))
				io.Copy(conn, conn) // what comes goes back
			}()
		}
	}()
	return listener.Addr().String()
}

func relayTo(t *testing.T, target string) *Relay {
	t.Helper()
	relay, err := NewRelay(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	return relay
}

func dial(t *testing.T, relay *Relay) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", relay.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// hears reads exactly a text.
func hears(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("%q and %v, and not %q", got[:n], err, text)
	}
}

// hearsNothing wants that neither a byte nor an end comes for a moment.
func hearsNothing(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := conn.Read(make([]byte, 10))
	if failure, ok := err.(net.Error); n > 0 || !ok || !failure.Timeout() {
		t.Fatalf("%d bytes, %v", n, err)
	}
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
}

func TestRelaySilence(t *testing.T) {
	relay := relayTo(t, talk(t, "hello"))
	conn := dial(t, relay)
	hears(t, conn, "hello")
	relay.Silence()
	conn.Write([]byte("anyone?"))
	hearsNothing(t, conn)
	hearsNothing(t, dial(t, relay))
	relay.Heal()
	hears(t, conn, "anyone?")
}

func TestRelayForsake(t *testing.T) {
	relay := relayTo(t, talk(t, "hello"))
	conn := dial(t, relay)
	hears(t, conn, "hello")
	relay.Forsake()
	conn.Write([]byte("anyone?"))
	hearsNothing(t, conn)
	hears(t, dial(t, relay), "hello")
	hearsNothing(t, conn)
	relay.Cut()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the forsaken connection is not cut")
	}
}

func TestRelayLifetimes(t *testing.T) {
	relay := relayTo(t, talk(t, "hello"))
	relay.Lifetimes(func() int64 { return 3 })
	got, _ := io.ReadAll(dial(t, relay))
	if !bytes.Equal(got, []byte("hel")) {
		t.Errorf("%q has come", got)
	}
	relay.Lifetimes(nil)
	hears(t, dial(t, relay), "hello")
}

func TestRelayDelay(t *testing.T) {
	relay := relayTo(t, talk(t, "hello"))
	const delay = 300 * time.Millisecond
	relay.Delay(delay)
	conn := dial(t, relay)
	began := time.Now()
	hears(t, conn, "hello")
	if late := time.Since(began); late < delay/2 {
		t.Errorf("it came after %v", late)
	}
	conn.Write([]byte("again"))
	hears(t, conn, "again")
	conn.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(conn); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v after the end", rest, err)
	}
}

func TestRelayBalance(t *testing.T) {
	relay := relayTo(t, "127.0.0.1:1")
	relay.Balance(talk(t, "one"), talk(t, "two"))
	heard := map[string]bool{}
	for len(heard) < 2 {
		got := make([]byte, 3)
		if _, err := io.ReadFull(dial(t, relay), got); err != nil {
			t.Fatal(err)
		}
		heard[string(got)] = true
	}
}
