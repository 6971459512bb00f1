package event

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What the headers of a message say about its body.
const (
	HeaderContentType     = "Content-Type"
	HeaderContentEncoding = "Content-Encoding"

	ContentTypeProtobuf = "application/protobuf" // an EventBatch
	ContentTypeJSON     = "application/json"     // one event in proto3 JSON
	ContentEncodingZstd = "zstd"                 // either of them, compressed
)

// Decode reads the body of a message: an EventBatch or one JSON event, as
// contentType says, compressed where contentEncoding is `zstd`. It checks
// form and limits; [ValidateBatch] checks the rest.
//
// Errors are a [*ValidationError] or wrap [ErrTooLarge]. body is not kept.
func Decode(contentType, contentEncoding string, body []byte, lim Limits) ([]*pb.Event, error) {
	lim = lim.withDefaults()
	limit := lim.BatchBytes
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" || len(parameters) > 1 || len(parameters) == 1 && !strings.EqualFold(parameters["charset"], "utf-8") {
		return nil, violation(HeaderContentType, "is unknown: want "+ContentTypeProtobuf+" or "+ContentTypeJSON+", with no parameter but charset=utf-8")
	}
	switch kind {
	case ContentTypeProtobuf:
	case ContentTypeJSON:
		limit = lim.EventBytes
	case "":
		return nil, violation(HeaderContentType, "is missing: want "+ContentTypeProtobuf+" or "+ContentTypeJSON)
	default:
		return nil, violation(HeaderContentType, "is unknown: want "+ContentTypeProtobuf+" or "+ContentTypeJSON)
	}
	switch contentEncoding {
	case "":
	case ContentEncodingZstd:
		plain, release, err := decompress(body, limit)
		if err != nil {
			return nil, err
		}
		defer release()
		body = plain
	default:
		return nil, violation(HeaderContentEncoding, "is unknown: want "+ContentEncodingZstd+" or none")
	}
	if kind == ContentTypeProtobuf {
		return decodeBatch(body, lim)
	}
	e, err := DecodeJSON(body, lim)
	if err != nil {
		return nil, err
	}
	return []*pb.Event{e}, nil
}

// Decompress returns the body of a message as it was before it was compressed, if
// it was. It checks the size and nothing else. Errors as of [Decode].
func Decompress(contentEncoding string, body []byte, lim Limits) ([]byte, error) {
	if contentEncoding != ContentEncodingZstd {
		return body, nil
	}
	plain, release, err := decompress(body, lim.withDefaults().BatchBytes)
	if err != nil {
		return nil, err
	}
	defer release()
	return bytes.Clone(plain), nil
}

// EncodeBatch writes events as one compressed EventBatch. It checks nothing:
// validate first. events is not kept.
func EncodeBatch(events []*pb.Event) (body []byte, contentType, contentEncoding string, err error) {
	plain, err := deterministic.Marshal(&pb.EventBatch{Events: events})
	if err != nil {
		return nil, "", "", fmt.Errorf("encode a batch of %d events: %w", len(events), err)
	}
	return compress(plain), ContentTypeProtobuf, ContentEncodingZstd, nil
}

var deterministic = proto.MarshalOptions{Deterministic: true}

func tooLarge(what string, have, limit int) error {
	return fmt.Errorf("%s has %d bytes: the limit is %d: %w", what, have, limit, ErrTooLarge)
}
