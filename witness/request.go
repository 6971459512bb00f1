package witness

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Bounds of add-checkpoint, in bytes and lines.
const (
	maxRequest  = 64 << 10
	maxResponse = 64 << 10
	maxHashes   = 63 // C2SP tlog-witness
)

// A request is the body of add-checkpoint.
type request struct {
	old        uint64   // the size that the proof begins at
	proof      [][]byte // of consistency
	checkpoint []byte   // a signed note
}

// encode writes the request as C2SP tlog-witness spells it.
func (r request) encode() []byte {
	b := fmt.Appendf(nil, "old %d\n", r.old)
	for _, h := range r.proof {
		b = append(base64.StdEncoding.AppendEncode(b, h), '\n')
	}
	return append(append(b, '\n'), r.checkpoint...)
}

// parseRequest is the inverse of encode.
func parseRequest(body []byte) (r request, err error) {
	head, checkpoint, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return request{}, errors.New("want an old size line, proof lines, an empty line and a checkpoint")
	}
	r.checkpoint = checkpoint
	lines := strings.Split(string(head), "\n")
	size, ok := strings.CutPrefix(lines[0], "old ")
	if !ok {
		return request{}, errors.New("the first line is no old size")
	}
	if r.old, err = parseSize(size); err != nil {
		return request{}, fmt.Errorf("old size: %w", err)
	}
	if len(lines) > 1+maxHashes {
		return request{}, fmt.Errorf("more than %d proof lines", maxHashes)
	}
	for _, line := range lines[1:] {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != tlog.HashSize {
			return request{}, errors.New("a proof line is no hash")
		}
		r.proof = append(r.proof, h)
	}
	return r, nil
}

// parseSize reads a tree size: decimal, without leading zeroes.
func parseSize(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return 0, fmt.Errorf("%.30q is no tree size", text)
	}
	return n, nil
}
