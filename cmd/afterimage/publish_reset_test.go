package main

import (
	"errors"
	"net"
	"testing"

	"github.com/nats-io/nats.go"
)

// A server that goes away while it is asked may come back: that is no reason to
// give up. Anything else is.
func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	reset := make(chan bool)
	go func() {
		for after := range reset {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if after { // in the middle of what it says first
				_, _ = conn.Write([]byte("INF"))
			} else {
				_ = conn.(*net.TCPConn).SetLinger(0)
			}
			conn.Close()
		}
	}()
	defer close(reset)
	for _, after := range []bool{false, true, false} {
		reset <- after
		if _, err := nats.Connect("nats://" + listener.Addr().String()); !unreachable(err) {
			t.Errorf("closed after a word: %v: got %v, which is not worth another try", after, err)
		}
	}
	for _, err := range []error{nats.ErrAuthorization, errors.New("parse \"x://\": bad"), nil} {
		if unreachable(err) {
			t.Errorf("%v is worth another try", err)
		}
	}
}
