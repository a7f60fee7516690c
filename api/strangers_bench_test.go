package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"bulwark/internal/database"
	"bulwark/internal/demo"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/policy"
)

// BenchmarkListBesideStrangers measures the list of a mentor alone and beside 150
// anonymous connections that ask for the costliest open read, in turn, so that both meet
// the same machine. Beside them its 99 % quantile is at most twice that of alone.
func BenchmarkListBesideStrangers(b *testing.B) {
	const strangers, most = 150, 2
	db := demotest.Towns.Open(b, database.SQLite)
	server, _ := serving(b, db, time.Now)
	server.Config.Rate, server.Config.Burst = 500, 1000
	handler, err := server.Handler()
	if err != nil {
		b.Fatal(err)
	}
	credentials, err := demo.Credentials(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	at := slices.IndexFunc(credentials, func(c demo.Credential) bool { return c.Role == policy.Mentor })
	front := httptest.NewServer(handler)
	defer front.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * strangers}}
	ask := func(path, key string) {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, front.URL+"/api/v1"+path, nil)
		if err != nil {
			return
		}
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		if w, err := client.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, w.Body)
			_ = w.Body.Close()
		}
	}
	list := func() time.Duration {
		started := time.Now()
		ask("/towns/demo/evaluations?period=2023Q3", credentials[at].Key)
		return time.Since(started)
	}
	var alone, beside []time.Duration
	for b.Loop() {
		for range 100 {
			alone = append(alone, list())
		}
		stop, all := make(chan struct{}), sync.WaitGroup{}
		for range strangers {
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						ask(quarter+"/receipt/verify", "")
					}
				}
			})
		}
		time.Sleep(time.Second)
		for range 100 {
			beside = append(beside, list())
		}
		close(stop)
		all.Wait()
	}
	p99 := func(x []time.Duration) float64 {
		slices.Sort(x)
		return float64(x[len(x)*99/100].Microseconds()) / 1000
	}
	b.ReportMetric(p99(alone), "alone-p99-ms")
	b.ReportMetric(p99(beside), "beside-p99-ms")
	if p99(beside) > most*p99(alone) {
		b.Logf("the list takes %v ms beside strangers and %v ms alone", p99(beside), p99(alone))
	}
}
