package ingest

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// maxServices bounds the services that metrics tell apart; those beyond are
// counted together as `other`.
const maxServices = 100

// Metrics counts what a Consumer does. It is a prometheus.Collector and safe
// for concurrent use.
type Metrics struct {
	stored      prometheus.Counter
	duplicates  prometheus.Counter
	quarantined *prometheus.CounterVec // by cause
	redactions  *prometheus.CounterVec // by service and type
	append      prometheus.Histogram
	groups      prometheus.Histogram
	pending     prometheus.Gauge
	inFlight    prometheus.Gauge
	errors      *prometheus.CounterVec // by stage
	lastError   prometheus.Gauge

	mu       sync.Mutex
	services map[string]bool
}

// NewMetrics returns metrics that count from zero, for cmd to register.
func NewMetrics() *Metrics {
	m := &Metrics{
		stored:      counter("events_stored_total", "Events appended to the log."),
		duplicates:  counter("events_duplicate_total", "Events delivered or published again, absorbed by the log."),
		quarantined: counters("quarantined_total", "Messages and events put into quarantine.", "cause"),
		redactions:  counters("redactions_total", "What redaction replaced although the publisher should have.", "service", "type"),
		append:      histogram("append_seconds", "Time of one append until it is durable.", prometheus.ExponentialBuckets(0.0005, 2, 14)),
		groups:      histogram("append_events", "Events of one append.", prometheus.ExponentialBuckets(1, 4, 8)),
		pending:     gauge("stream_pending", "Messages in the stream that have not been fetched."),
		inFlight:    gauge("in_flight_bytes", "Memory reserved for messages being worked on."),
		errors:      counters("errors_total", "Failures after which the work is tried again.", "stage"),
		lastError:   gauge("last_error_timestamp_seconds", "When work last failed; 0: never."),
		services:    make(map[string]bool),
	}
	for _, cause := range []pb.Quarantined_Cause{
		pb.Quarantined_INVALID, pb.Quarantined_CONFLICT, pb.Quarantined_REDACTION, pb.Quarantined_TOO_LARGE,
	} {
		m.quarantined.WithLabelValues(cause.String())
	}
	return m
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(ch)
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.stored, m.duplicates, m.quarantined, m.redactions, m.append,
		m.groups, m.pending, m.inFlight, m.errors, m.lastError}
}

// redacted counts what the second pass replaced in an event of the service.
func (m *Metrics) redacted(service, typ string, n uint32) {
	m.redactions.WithLabelValues(m.service(service), typ).Add(float64(n))
}

func (m *Metrics) service(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.services[name] {
		return name
	}
	if len(m.services) >= maxServices {
		return "other"
	}
	m.services[name] = true
	return name
}

func (m *Metrics) failed(stage string) {
	m.errors.WithLabelValues(stage).Inc()
	m.lastError.SetToCurrentTime()
}

const namespace, subsystem = "afterimage", "ingest"

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: buckets})
}
