package api

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/credential"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// BenchmarkRanking compares the demo's ranking of 40 branches with the least that
// could give the same bytes: a Gin handler that has them in memory, hello world
// for a 304, and for the open period a plain net/http handler that reads the same
// approved entries by one statement. Both are asked in turn over 64 connections;
// the ratio is that of their requests per second.
func BenchmarkRanking(b *testing.B) {
	for _, dialect := range dbtest.Dialects {
		db := dbtest.Open(b, dialect)
		if _, err := demo.Seed(b.Context(), db); err != nil {
			b.Fatal(err)
		}
		if _, err := index.ComputePendingRobustness(b.Context(), db); err != nil {
			b.Fatal(err)
		}
		h, err := benchServer(db).Handler()
		if err != nil {
			b.Fatal(err)
		}
		pool, err := db.DB()
		if err != nil {
			b.Fatal(err)
		}
		town, person := demo.Town, "group-1"
		_, secret, err := credential.CreateKey(b.Context(), db, credential.Key{
			Roles: []policy.Role{policy.LeadingGroup}, Towns: []string{town}, PersonCode: &person, ReadOnly: true,
		})
		if err != nil {
			b.Fatal(err)
		}
		const published, open = "/towns/demo/periods/2023Q2/ranking", "/towns/demo/periods/2023Q3/ranking"
		nobody := apitest.New(b, h)
		first := nobody.Get(published).Want(http.StatusOK)
		key := "Authorization: Bearer " + secret + "\r\n"
		for _, bb := range []struct {
			name, path, header string
			least              http.Handler
		}{
			{"published", published, "", fromMemory(first.Body)},
			{"304", published, "If-None-Match: " + first.ETag() + "\r\n", fromMemory([]byte("hello world"))},
			{"open", open, key, fromEntries(pool, dialect, nobody.As(secret).Get(open).Want(http.StatusOK).Body)},
		} {
			b.Run(dialect+"/"+bb.name, func(b *testing.B) { compare(b, h, bb.least, bb.path, bb.header) })
		}
	}
}

// benchServer is the service as it runs, on the database.
func benchServer(db *gorm.DB) *Server {
	s := newTestServer()
	s.DB, s.Now = db, func() time.Time { return time.Now().UTC() }
	s.Authenticate = func(ctx context.Context, key string) (access.Principal, error) {
		return credential.Authenticate(ctx, db, key)
	}
	s.Authorize = func(ctx context.Context, p access.Principal, a policy.Action, town string) error {
		return p.Authorize(ctx, db, a, town)
	}
	return s
}

// fromMemory is a bare Gin handler that has its bytes already.
func fromMemory(body []byte) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/*any", func(c *gin.Context) {
		c.Header("Content-Length", strconv.Itoa(len(body)))
		c.Data(http.StatusOK, "application/json", body)
	})
	return e
}

// fromEntries reads what the open ranking is made of by hand, computes nothing
// and answers the bytes.
func fromEntries(pool *sql.DB, dialect string, body []byte) http.Handler {
	query := `SELECT s.branch_code, s.role, e.code, e.value, e.level, e.not_applicable
FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id AND e.revision = s.revision
WHERE s.town_id = ? AND s.period_code = ? AND s.state = ?`
	if dialect == "postgres" {
		query = strings.NewReplacer("town_id = ?", "town_id = $1", "code = ?", "code = $2", "state = ?",
			"state = $3").Replace(query)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rows, err := pool.QueryContext(r.Context(), query, demo.Town, "2023Q3", evaluation.Approved)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		sum := 0.0
		for rows.Next() {
			var branch, role, code string
			var value *float64
			var level *string
			var waived bool
			if err := rows.Scan(&branch, &role, &code, &value, &level, &waived); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			if value != nil {
				sum += *value
			}
		}
		if err := rows.Err(); err != nil || sum == 0 {
			http.Error(w, fmt.Sprint(sum, err), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
}

// compare asks both in turn and reports how ours fares.
func compare(b *testing.B, ours, least http.Handler, path, header string) {
	request := "GET /api/v1" + path + " HTTP/1.1\r\nHost: bulwark\r\n" + header + "\r\n"
	a, z := newLoad(b, ours, request), newLoad(b, least, request)
	const turn = 256
	var took, tookLeast time.Duration
	n := 0
	for b.Loop() {
		took += a.ask(turn)
		tookLeast += z.ask(turn)
		n += turn
	}
	b.ReportMetric(float64(n)/took.Seconds(), "rps")
	b.ReportMetric(float64(n)/tookLeast.Seconds(), "least-rps")
	b.ReportMetric(tookLeast.Seconds()/took.Seconds(), "ratio")
}

// load is 64 connections that send one request again and again. They are read by
// hand: net/http's client costs more than the server.
type load struct {
	b       *testing.B
	request string
	conns   []net.Conn
	readers []*bufio.Reader
}

func newLoad(b *testing.B, h http.Handler, request string) *load {
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	l := &load{b: b, request: request}
	for range 64 {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		l.conns, l.readers = append(l.conns, c), append(l.readers, bufio.NewReader(c))
	}
	l.ask(len(l.conns))
	return l
}

// ask sends n requests and says how long the answers took.
func (l *load) ask(n int) time.Duration {
	begin := time.Now()
	var all sync.WaitGroup
	for i, c := range l.conns {
		all.Go(func() {
			for range n / len(l.conns) {
				if _, err := io.WriteString(c, l.request); err != nil {
					l.b.Error(err)
					return
				}
				if err := skip(l.readers[i]); err != nil {
					l.b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(begin)
}

// skip reads one answer with its Content-Length.
func skip(r *bufio.Reader) error {
	length, status := 0, ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if status == "" {
			status = line
		}
		if value, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
		if line == "\r\n" {
			break
		}
	}
	if !strings.Contains(status, " 200 ") && !strings.Contains(status, " 304 ") {
		return fmt.Errorf("answered %s", status)
	}
	_, err := r.Discard(length)
	return err
}
