package api

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// figures are the metrics of requests. Labels come from short lists, whatever
// a caller sends.
type figures struct {
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newFigures(to prometheus.Registerer) figures {
	make := promauto.With(to)
	return figures{
		make.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulwark_request_duration_seconds", Help: "Time to answer, by route, method and status; its count is the number of requests.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method", "status"}),
		make.NewGauge(prometheus.GaugeOpts{Name: "bulwark_requests_in_flight", Help: "Requests being answered now."}),
	}
}

// newSignIns counts sign-ins: in, refused, limited (before the password was
// looked at), failed (for a reason of ours).
func newSignIns(to prometheus.Registerer) *prometheus.CounterVec {
	return promauto.With(to).NewCounterVec(prometheus.CounterOpts{
		Name: "bulwark_sign_ins_total", Help: "Sign-ins by outcome: in, refused, limited, failed.",
	}, []string{"outcome"})
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

func (f figures) record(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	if !slices.Contains(methods, method) {
		method = "other"
	}
	f.duration.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}
