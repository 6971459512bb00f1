package event

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Marshal writes an event in its stored form: deterministic protobuf. The
// event's seq must be 0: it is never part of the stored bytes.
func Marshal(e *pb.Event) ([]byte, error) {
	if e.GetSeq() != 0 {
		return nil, violation("seq", "is never stored")
	}
	b, err := deterministic.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return b, nil
}

// Unmarshal reads an event that [Marshal] wrote. Unknown, repeated and
// malformed fields are refused with a [*ValidationError]. b is not kept.
func Unmarshal(b []byte) (*pb.Event, error) {
	e := new(pb.Event)
	if err := proto.Unmarshal(b, e); err != nil {
		return nil, violation("", "is not a valid protobuf event")
	}
	return e, nil
}

func decodeBatch(body []byte, lim Limits) ([]*pb.Event, error) {
	if len(body) > lim.BatchBytes {
		return nil, tooLarge("batch", len(body), lim.BatchBytes)
	}
	var batch pb.EventBatch
	if err := proto.Unmarshal(body, &batch); err != nil {
		return nil, violation("body", "is not a valid protobuf batch")
	}
	return batch.Events, nil
}
