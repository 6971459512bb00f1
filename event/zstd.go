package event

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the history a compressed message may refer to.
const maxWindow = 8 << 20

// codec is the one encoder and the one bounded decoder of the wire. Both are
// safe for concurrent use and start no goroutines.
var codec = sync.OnceValue(func() (c struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}) {
	var err error
	// The fastest level: publishers pay for it at every call, and the log
	// compresses again for keeping.
	c.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(true))
	if err != nil {
		panic("internal error: zstd encoder: " + err.Error())
	}
	c.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic("internal error: zstd decoder: " + err.Error())
	}
	return c
})

// buffers holds decompression buffers of DefaultBatchBytes, so that a message
// costs no allocation of the most it could be.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, DefaultBatchBytes)
	return &b
}}

func compress(plain []byte) []byte {
	return codec().encoder.EncodeAll(plain, make([]byte, 0, len(plain)/3+64))
}

// decompress returns what body expands to, at most limit bytes, in a buffer
// that is valid until release is called.
func decompress(body []byte, limit int) (plain []byte, release func(), err error) {
	var buf []byte
	release = func() {}
	if limit <= DefaultBatchBytes {
		pooled := buffers.Get().(*[]byte)
		release = func() { buffers.Put(pooled) }
		buf = (*pooled)[:0:limit]
	} else {
		buf = make([]byte, 0, limit)
	}
	plain, err = codec().decoder.DecodeAll(body, buf)
	switch {
	case err == nil:
		return plain, release, nil
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		err = fmt.Errorf("body has more than %d bytes once decompressed: %w", limit, ErrTooLarge)
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		err = fmt.Errorf("body has a zstd window of more than %d bytes: %w", maxWindow, ErrTooLarge)
	default:
		err = violation("body", "is not valid zstd")
	}
	release()
	return nil, nil, err
}
