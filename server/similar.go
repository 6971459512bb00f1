package server

import (
	"context"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// similarities answers SimilarityService.
type similarities struct {
	pb.UnimplementedSimilarityServiceServer
	*Server
}

// FindSimilarEvents implements SimilarityService.
func (s similarities) FindSimilarEvents(ctx context.Context, r *pb.FindSimilarEventsRequest) (*pb.FindSimilarEventsResponse, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	q, err := similarRequest(r)
	if err != nil {
		return nil, err
	}
	leave, err := await(ctx, s.analyses, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	found, err := s.cfg.Query.Similar(ctx, t, q)
	if err != nil {
		return nil, err
	}
	out := &pb.FindSimilarEventsResponse{
		Texts: new(uint64(found.Count)), Reach: reach(found.Reach), Threshold: found.Threshold,
		Compared: uint64(found.Work.Compared), Candidates: uint64(found.Work.Candidates), Verified: uint64(found.Work.Verified),
		Incomplete: found.Work.Incomplete, BlocksOpened: uint64(found.Work.Blocks), BytesOpened: uint64(found.Work.Bytes),
	}
	for _, f := range found.Texts {
		out.Results = append(out.Results, &pb.SimilarText{Similarity: f.Similarity, Text: f.Text, Reach: reach(f.Reach), Event: f.Event, Seqs: positions(f.Seqs)})
	}
	return out, nil
}

// similarRequest returns what is looked for.
func similarRequest(r *pb.FindSimilarEventsRequest) (out query.SimilarRequest, err error) {
	out = query.SimilarRequest{
		ID: r.GetId(), Text: r.GetText(), Threshold: r.GetThreshold(), Filter: r.GetFilter(),
		MaxResults: int(r.GetMaxResults()), ReadMask: r.GetReadMask(),
	}
	if _, is := r.GetLike().(*pb.FindSimilarEventsRequest_Seq); is {
		out.Seq = new(event.Seq(r.GetSeq()))
	}
	if out.Voices, err = voices(r.GetField()); err != nil {
		return out, err
	}
	if out.Since, err = instant("since", r.GetSince()); err != nil {
		return out, err
	}
	out.Until, err = instant("until", r.GetUntil())
	return out, err
}

// voices returns which texts of an event a field names.
func voices(f pb.FindSimilarEventsRequest_Field) ([]event.Voice, error) {
	switch f {
	case pb.FindSimilarEventsRequest_FIELD_UNSPECIFIED:
		return nil, nil
	case pb.FindSimilarEventsRequest_OUTPUT:
		return []event.Voice{event.Generated}, nil
	case pb.FindSimilarEventsRequest_SHOWN:
		return []event.Voice{event.Shown}, nil
	case pb.FindSimilarEventsRequest_INPUT:
		return []event.Voice{event.Asked}, nil
	}
	return nil, &query.RequestError{Field: "field", Reason: "is unknown: want OUTPUT, SHOWN or INPUT"}
}

func reach(r query.Reach) *pb.Reach {
	return &pb.Reach{Events: new(uint64(r.Events)), WeightedEvents: r.Weighted, UnknownProbability: uint64(r.Unknown)}
}

func positions(seqs []event.Seq) (out []uint64) {
	for _, s := range seqs {
		out = append(out, uint64(s))
	}
	return out
}

// ClusterEvents implements SimilarityService.
func (s similarities) ClusterEvents(ctx context.Context, r *pb.ClusterEventsRequest) (*pb.ClusterEventsResponse, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	q, err := clusterRequest(r)
	if err != nil {
		return nil, err
	}
	leave, err := await(ctx, s.analyses, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	found, err := s.cfg.Query.Cluster(ctx, t, q)
	if err != nil {
		return nil, err
	}
	out := &pb.ClusterEventsResponse{
		Count: new(uint64(found.Count)), Reach: reach(found.Reach), WithoutText: uint64(found.WithoutText), More: found.More, Threshold: found.Threshold,
	}
	for _, c := range found.Clusters {
		out.Clusters = append(out.Clusters, &pb.Cluster{
			Text: c.Text, Reach: reach(c.Reach), Texts: uint64(c.Texts), LeastSimilarity: c.Least, Event: c.Event, Seqs: positions(c.Seqs),
		})
	}
	return out, nil
}

// clusterRequest returns what is to be put into clusters.
func clusterRequest(r *pb.ClusterEventsRequest) (out query.ClusterRequest, err error) {
	out = query.ClusterRequest{
		Filter: r.GetFilter(), Threshold: r.GetThreshold(), MaxEvents: int(r.GetMaxEvents()), MaxClusters: int(r.GetMaxClusters()), ReadMask: r.GetReadMask(),
	}
	if out.Voices, err = voices(r.GetField()); err != nil {
		return out, err
	}
	if out.Since, err = instant("since", r.GetSince()); err != nil {
		return out, err
	}
	out.Until, err = instant("until", r.GetUntil())
	return out, err
}
