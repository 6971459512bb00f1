package server

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
)

// metrics is what the server counts.
type metrics struct {
	duration *prometheus.HistogramVec
	flying   prometheus.Gauge
}

func newMetrics() *metrics {
	return &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "afterimage_rpc_duration_seconds",
			Help:    "How long calls took, over gRPC and HTTP alike, by method and status code.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 60},
		}, []string{"method", "code"}),
		flying: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "afterimage_rpc_in_flight",
			Help: "Calls that are being answered.",
		}),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.duration.Describe(ch)
	m.flying.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.duration.Collect(ch)
	m.flying.Collect(ch)
}

// begin counts a call of the given full method; the function it returns ends
// it.
func (m *metrics) begin(method string) func(codes.Code) {
	m.flying.Inc()
	var code codes.Code
	timer := prometheus.NewTimer(prometheus.ObserverFunc(func(seconds float64) {
		m.duration.WithLabelValues(shortMethod(method), code.String()).Observe(seconds)
	}))
	return func(c codes.Code) {
		code = c
		timer.ObserveDuration()
		m.flying.Dec()
	}
}

// shortMethod turns `/afterimage.v1.EventService/GetEvent` into
// `EventService/GetEvent`.
func shortMethod(full string) string {
	service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	return service[strings.LastIndexByte(service, '.')+1:] + "/" + method
}
