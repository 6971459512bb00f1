// Package tree is the Merkle tree over a log's commitments: RFC 6962 hashing,
// in tiles of 256 as C2SP tlog-tiles lays them out, under checkpoints as C2SP
// tlog-checkpoint signs them.
//
// A leaf is an event's commitment, 32 bytes; its index is the event's seq. An
// entry bundle holds the commitments of 256 neighbouring leaves. The tile of
// level 0 over them holds the leaf hashes and is computed when asked for; tiles
// of level 1 and up hold one hash for each full tile below and are stored.
//
// Invariants:
//
//   - A full tile or bundle never changes; a partial one only grows.
//   - The root depends on the commitments and their order alone.
package tree
