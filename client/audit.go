package client

import (
	"context"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Audit says from the ledger alone what retention did in a range of days.
func (c *Client) Audit(ctx context.Context, r *pb.AuditRetentionRequest) (*pb.RetentionAudit, error) {
	a, err := c.retentions.AuditRetention(ctx, r)
	return a, FromStatus(err)
}
