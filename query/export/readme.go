package export

import (
	"fmt"

	"github.com/transparency-dev/formats/log"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// readme tells a stranger what a bag is and how to check it.
func readme(ready *pb.Event, in log.Checkpoint) string {
	return fmt.Sprintf(`Evidence of %d events, exported from an Afterimage log.
`, ready.GetExported().GetEvents())
}
