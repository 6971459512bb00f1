package witness

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics says what witnesses do; a collector to be registered by who made it.
type Metrics struct {
	published prometheus.Gauge
	size      *prometheus.GaugeVec   // by witness
	time      *prometheus.GaugeVec   // by witness
	failures  *prometheus.CounterVec // by witness and reason
}

// NewMetrics returns metrics of nothing yet.
func NewMetrics() *Metrics {
	return &Metrics{
		published: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "afterimage_published_size", Help: "Events that the published checkpoint covers.",
		}),
		size: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "afterimage_witness_size", Help: "Events that the checkpoint covers that the witness cosigned last.",
		}, []string{"witness"}),
		time: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "afterimage_witness_time_seconds", Help: "When the witness cosigned last, by its own clock.",
		}, []string{"witness"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "afterimage_witness_failures_total", Help: "How often the witness did not cosign.",
		}, []string{"witness", "reason"}),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(out)
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.published, m.size, m.time, m.failures}
}

func (m *Metrics) cosigned(witness string, size uint64, at time.Time) {
	m.size.WithLabelValues(witness).Set(float64(size))
	m.time.WithLabelValues(witness).Set(float64(at.Unix()))
}

func (m *Metrics) failed(witness, reason string) {
	m.failures.WithLabelValues(witness, reason).Inc()
}
