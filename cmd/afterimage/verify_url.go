package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/witness"
)

// What a store may answer with, in bytes. A tile has 256 hashes, an entry
// bundle 256 entries of 32 bytes.
const (
	maxNote   = 64 << 10
	maxTile   = 256 * tlog.HashSize
	maxBundle = 256 * (2 + 64)
	maxLine   = 1 << 20
)

var errNotThere = errors.New("not there")

// A remote is a store reached by HTTP.
type remote struct {
	base string
	http http.Client
}

// live recomputes the tree from what the store publishes and then asks the
// store to check its blocks against it.
func (c *verifyCmd) live(ctx context.Context, r *findings) error {
	store := &remote{base: strings.TrimRight(c.URL, "/")}
	if !strings.Contains(store.base, "://") {
		store.base = "http://" + store.base
	}
	policy, err := c.trust()
	if err != nil {
		return err
	}
	checkpoint, key, err := store.checkpoint(ctx, policy, cmp.Or(c.Key, "the policy"))
	if err != nil {
		return err
	}
	r.checked(checkpoint.Size, checkpoint.Hash, key)
	v := treeVerifier{store: store, size: int64(checkpoint.Size), findings: r}
	root, err := v.root(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(root[:], checkpoint.Hash) {
		r.add(&pb.Finding{Part: "checkpoint", Reason: "the published commitments do not give the signed root", LastSeq: checkpoint.Size - min(checkpoint.Size, 1)})
	}
	return store.verifyBlocks(ctx, r)
}

// checkpoint fetches the signed tree head and checks it against what is
// trusted, or, where that is nothing, with the key that the store names. It
// returns what verified it too.
func (r *remote) checkpoint(ctx context.Context, policy *witness.Policy, trusted string) (*log.Checkpoint, string, error) {
	if policy == nil {
		key, err := r.ownKey(ctx)
		if err != nil {
			return nil, "", err
		}
		if policy, err = witness.Trust(key); err != nil {
			return nil, "", fmt.Errorf("the store's own key: %w", err)
		}
		trusted = key
	}
	text, err := r.get(ctx, "/tlog/checkpoint", maxNote)
	if err != nil {
		return nil, "", err
	}
	c, _, err := policy.Open(text)
	if err != nil {
		return nil, "", coded{fmt.Errorf("the checkpoint is not signed with %s: %w", trusted, err), exitTampered}
	}
	if c.Size > 1<<48 || len(c.Hash) != tlog.HashSize {
		return nil, "", coded{errors.New("the checkpoint has an impossible size or root"), exitTampered}
	}
	return &c, trusted, nil
}

// ownKey asks the store for its verifier key.
func (r *remote) ownKey(ctx context.Context) (string, error) {
	text, err := r.get(ctx, "/v1/checkpoint", maxNote)
	if err != nil {
		return "", err
	}
	var c pb.Checkpoint
	if err := protojson.Unmarshal(text, &c); err != nil {
		return "", fmt.Errorf("%s/v1/checkpoint is no checkpoint: is this an Afterimage store?", r.base)
	}
	return c.GetVerifierKey(), nil
}

// get reads a path; errNotThere where the store has none such.
func (r *remote) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	body, err := r.open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s%s: %w", r.base, path, err)
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s%s is longer than it can be", r.base, path)
	}
	return text, nil
}

func (r *remote) open(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return nil, usage("--url: %w", err)
	}
	response, err := r.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("no answer from %s: is `afterimage serve` running? Its HTTP address goes into --url", r.base)
	}
	switch response.StatusCode {
	case http.StatusOK:
		return response.Body, nil
	case http.StatusNotFound:
		response.Body.Close()
		return nil, fmt.Errorf("%s%s: %w", r.base, path, errNotThere)
	}
	response.Body.Close()
	return nil, fmt.Errorf("%s%s: %s", r.base, path, response.Status)
}

// verifyBlocks has the store check its blocks and takes down what it finds.
func (r *remote) verifyBlocks(ctx context.Context, found *findings) error {
	body, err := r.open(ctx, "/v1/log:verify")
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, maxLine)
	finished := false
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		m, err := parseVerifyLine(lines.Bytes())
		if err != nil {
			return err
		}
		if m.Finding != nil {
			found.add(m.Finding)
		}
		for _, f := range m.GetForgotten() {
			found.forgot(f.GetFirst(), f.GetLast())
		}
		for _, f := range m.GetRedacted() {
			found.redacted(f.GetFirst(), f.GetLast())
		}
		found.progress.set(m.GetChecked(), m.GetSize())
		finished = finished || m.Checkpoint != nil
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s/v1/log:verify: %w", r.base, err)
	}
	if !finished {
		return errors.New("the store broke off its verification: look into its log and try again")
	}
	return nil
}

// parseVerifyLine reads one message of the gateway's stream.
func parseVerifyLine(line []byte) (*pb.VerifyLogResponse, error) {
	var envelope struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.Unmarshal(line, &envelope); err != nil {
		return nil, fmt.Errorf("the answer to /v1/log:verify is not what it should be: %w", err)
	}
	if envelope.Error != nil {
		return nil, fmt.Errorf("the store could not verify: %s", visible(envelope.Error.Message))
	}
	var m pb.VerifyLogResponse
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(envelope.Result, &m); err != nil {
		return nil, fmt.Errorf("the answer to /v1/log:verify is not what it should be: %w", err)
	}
	return &m, nil
}

// A treeVerifier recomputes a Merkle tree (RFC 6962) from the entry bundles
// of C2SP tlog-tiles, and compares every tile on the way up.
type treeVerifier struct {
	store    *remote
	size     int64
	findings *findings
}

const tileWidth = 256

// root returns the root of what the entry bundles say.
func (v *treeVerifier) root(ctx context.Context) (tlog.Hash, error) {
	leaves := func(n int64, width int) ([]tlog.Hash, error) { return v.leaves(ctx, n, width) }
	// complete holds, level by level from the leaves, the roots of complete
	// tiles; rest the hashes in the incomplete tile at the right edge.
	var rests [][]tlog.Hash
	for level, size := 0, v.size; size > 0; level++ {
		complete, rest, err := v.level(ctx, level, size, leaves)
		if err != nil {
			return tlog.Hash{}, err
		}
		rests = append(rests, rest)
		size = int64(len(complete))
		leaves = func(n int64, width int) ([]tlog.Hash, error) {
			return complete[n*tileWidth:][:width], nil
		}
	}
	return foldRests(rests), nil
}

// level checks all tiles of one level, of which there are size hashes.
func (v *treeVerifier) level(ctx context.Context, level int, size int64, source func(int64, int) ([]tlog.Hash, error)) (complete, rest []tlog.Hash, err error) {
	for n := int64(0); n*tileWidth < size; n++ {
		width := int(min(tileWidth, size-n*tileWidth))
		hashes, err := source(n, width)
		if err != nil {
			return nil, nil, err
		}
		if err := v.compareTile(ctx, tlog.Tile{H: 8, L: level, N: n, W: width}, hashes); err != nil {
			return nil, nil, err
		}
		if width == tileWidth {
			complete = append(complete, treeHash(hashes))
		} else {
			rest = hashes
		}
		if level == 0 {
			v.findings.progress.set(uint64(n*tileWidth)+uint64(width), uint64(size))
		}
	}
	return complete, rest, nil
}

// leaves returns the leaf hashes of one entry bundle. What is missing or
// misshapen is a finding, and its hashes are zero.
func (v *treeVerifier) leaves(ctx context.Context, n int64, width int) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, width)
	tile := tlog.Tile{H: 8, L: -1, N: n, W: width}
	bundle, err := v.fetch(ctx, tile, maxBundle)
	if errors.Is(err, errNotThere) {
		v.found(tile, "is not there")
		return hashes, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range hashes {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			v.found(tile, "is cut short")
			return hashes, nil
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		hashes[i] = tlog.RecordHash(bundle[2:end])
		bundle = bundle[end:]
	}
	return hashes, nil
}

func (v *treeVerifier) compareTile(ctx context.Context, tile tlog.Tile, want []tlog.Hash) error {
	got, err := v.fetch(ctx, tile, maxTile)
	switch {
	case errors.Is(err, errNotThere):
		v.found(tile, "is not there")
		return nil
	case err != nil:
		return err
	case len(got) < len(want)*tlog.HashSize:
		v.found(tile, "is cut short")
		return nil
	}
	for i, h := range want {
		if !bytes.Equal(got[i*tlog.HashSize:][:tlog.HashSize], h[:]) {
			v.found(tile, "does not hold the hashes of the published commitments")
			return nil
		}
	}
	return nil
}

// fetch reads a tile; where a partial one is gone because the log has grown,
// the whole one, as C2SP tlog-tiles allows.
func (v *treeVerifier) fetch(ctx context.Context, tile tlog.Tile, limit int64) ([]byte, error) {
	text, err := v.store.get(ctx, tilePath(tile), limit)
	if errors.Is(err, errNotThere) && tile.W < tileWidth {
		tile.W = tileWidth
		return v.store.get(ctx, tilePath(tile), limit)
	}
	return text, err
}

// tilePath is the tile's path as C2SP tlog-tiles spells it: without a height,
// and with `entries` for the data.
func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	if rest, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + rest
	}
	return "/tlog/tile/" + path
}

// found reports a tile with the positions below it.
func (v *treeVerifier) found(tile tlog.Tile, reason string) {
	below := int64(1)
	for range tile.L {
		below *= tileWidth
	}
	first := tile.N * tileWidth * below
	last := min(v.size, first+int64(tile.W)*below) - 1
	v.findings.add(&pb.Finding{Kind: string(eventlog.Tampered), Part: "tile", Reason: tilePath(tile) + " " + reason, FirstSeq: uint64(first), LastSeq: uint64(last)})
}

// treeHash is the root over hashes of one level (RFC 6962 §2.1).
func treeHash(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	split := 1
	for split*2 < len(hashes) {
		split *= 2
	}
	return tlog.NodeHash(treeHash(hashes[:split]), treeHash(hashes[split:]))
}

// foldRests joins the right edges of all levels, the highest first.
func foldRests(rests [][]tlog.Hash) tlog.Hash {
	if len(rests) == 0 {
		h, err := tlog.TreeHash(0, nil)
		if err != nil {
			panic("internal error: " + err.Error())
		}
		return h
	}
	// Within a level the edge is a list of perfect subtrees of falling size;
	// those of lower levels are smaller and stand to the right.
	var edge []tlog.Hash
	for _, rest := range slices.Backward(rests) {
		for len(rest) > 0 {
			n := 1
			for n*2 <= len(rest) {
				n *= 2
			}
			edge = append(edge, treeHash(rest[:n]))
			rest = rest[n:]
		}
	}
	root := edge[len(edge)-1]
	for i := len(edge) - 2; i >= 0; i-- {
		root = tlog.NodeHash(edge[i], root)
	}
	return root
}
