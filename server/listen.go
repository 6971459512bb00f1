package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// ErrNotLoopback says that an address can be reached from other machines.
var ErrNotLoopback = errors.New("refused to listen beyond this machine: " +
	"access control does not exist yet, so whoever reaches the port could read all evidence; " +
	"use a loopback address such as 127.0.0.1 and reach it from elsewhere through an SSH tunnel")

// ErrAddress says that what was given is not an address to listen on.
var ErrAddress = errors.New("want host:port, e.g. 127.0.0.1:8080")

// Listen listens on addr, `host:port`, whose host is or resolves to loopback
// addresses only; port 0 takes any free port. ErrNotLoopback otherwise, and
// ErrAddress where addr is none.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return nil, fmt.Errorf("listen on %q: %w", addr, ErrAddress)
	}
	ip, err := loopback(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(ip.String(), port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the port is taken: stop what uses it, or choose another port", addr)
	}
	if errors.Is(err, syscall.EACCES) {
		return nil, fmt.Errorf("listen on %s: not permitted: choose a port above 1023", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// loopback resolves host and returns its first address if all are loopback.
func loopback(ctx context.Context, host string) (netip.Addr, error) {
	if host == "" { // all interfaces
		return netip.Addr{}, ErrNotLoopback
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return onlyLoopback(ip)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("resolve the host: %w", err)
	}
	return onlyLoopback(ips...)
}

func onlyLoopback(ips ...netip.Addr) (netip.Addr, error) {
	for _, ip := range ips {
		if !ip.Unmap().IsLoopback() {
			return netip.Addr{}, ErrNotLoopback
		}
	}
	if len(ips) == 0 {
		return netip.Addr{}, errors.New("the host has no address")
	}
	return ips[0].Unmap(), nil
}

// local tells whether a listener is on a loopback address or in memory.
func local(l net.Listener) bool {
	tcp, is := l.Addr().(*net.TCPAddr)
	return !is || tcp.IP.IsLoopback()
}
