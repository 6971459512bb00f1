package server

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"

	"google.golang.org/grpc/status"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// downloadPath is the path of an export's file. The gateway knows nothing but
// JSON.
var downloadPath = regexp.MustCompile(`^/v1/tenants/([^/]+)/operations/([^/:]+):download$`)

// download answers with the file of an export, by way of the gRPC service.
func (s *Server) download(w http.ResponseWriter, r *http.Request, tenant, operation string) {
	ctx := r.Context()
	client := pb.NewExportServiceClient(s.inner)
	request, err := downloadRequest(tenant, operation, r.URL.Query())
	if err != nil {
		st, _ := statusOf(err)
		writeStatus(w, r, st)
		return
	}
	op, err := client.GetOperation(ctx, &pb.GetOperationRequest{Tenant: tenant, Operation: operation})
	if err != nil {
		writeStatus(w, r, status.Convert(err))
		return
	}
	stream, err := client.DownloadExport(ctx, request)
	var piece *pb.DownloadExportResponse
	if err == nil {
		piece, err = stream.Recv()
	}
	if err != nil {
		writeStatus(w, r, status.Convert(err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", op.GetResponse().GetMediaType())
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": op.GetResponse().GetFileName()}))
	h.Set("Cache-Control", "no-store")
	h.Set("Trailer", "Repr-Digest") // RFC 9530: of the whole file
	for ; err == nil; piece, err = stream.Recv() {
		if sum := piece.GetSha256(); sum != nil {
			h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":")
		}
		if _, err := w.Write(piece.GetData()); err != nil { //nolint:gosec // A file to be kept, and nosniff is set.
			return // The reader has left.
		}
	}
	if !errors.Is(err, io.EOF) {
		panic(http.ErrAbortHandler) // Whoever reads must not take it for the whole file.
	}
}

func downloadRequest(tenant, operation string, parameters url.Values) (*pb.DownloadExportRequest, error) {
	out := &pb.DownloadExportRequest{Tenant: tenant, Operation: operation}
	for name, values := range parameters {
		n, err := strconv.ParseUint(values[0], 10, 64)
		if name != "offset" || len(values) != 1 {
			return nil, &query.RequestError{Field: "query", Reason: "has a parameter that is not of this request: only offset is"}
		}
		if err != nil {
			return nil, &query.RequestError{Field: "offset", Reason: "is no number of bytes"}
		}
		out.Offset = n
	}
	return out, nil
}
