package prove

import (
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

var histories = flag.Int("histories", 2, "how often editors come together, on each database")

const (
	editors = 8
	rounds  = 7 // of a look and a write each: 112 operations in a history
)

// desk is a thing on which editors work, each through one of two servers.
type desk struct {
	t       *testing.T
	clients []*apitest.Client
	path    string
	body    func(value string) any       // of the request that writes the value
	value   func(*apitest.Answer) string // in an answer
}

// way is how an editor writes a value over what was seen.
type way func(d *desk, c *apitest.Client, seen register, value string) outcome

// careful editors send the version that they have seen.
func careful(d *desk, c *apitest.Client, seen register, value string) outcome {
	return d.put(c, seen.version, value)
}

// heedless editors read the version just before they write, but not the value, and
// insist.
func heedless(d *desk, c *apitest.Client, _ register, value string) outcome {
	for {
		if out := d.put(c, d.look(c).version, value); !out.refused {
			return out
		}
	}
}

func (d *desk) look(c *apitest.Client) register {
	return d.register(c.Get(d.path).Want(http.StatusOK))
}

func (d *desk) put(c *apitest.Client, version int64, value string) outcome {
	a := c.IfMatch(strconv.Quote(strconv.FormatInt(version, 10))).Put(d.path, d.body(value))
	if a.Status == http.StatusPreconditionFailed {
		return outcome{refused: true}
	}
	return outcome{register: d.register(a.Want(http.StatusOK))}
}

func (d *desk) register(a *apitest.Answer) register {
	version := a.Version()
	if version == 0 {
		d.t.Errorf("ETag %s", a.ETag())
	}
	return register{version, d.value(a)}
}

// meet lets the editors work at the same time, and tells what each asked and was
// answered. All look before the first one writes.
func (d *desk) meet(write way) (initial register, history []porcupine.Operation) {
	initial = d.look(d.clients[0])
	var looked, done sync.WaitGroup
	looked.Add(editors)
	seen := make([][]porcupine.Operation, editors)
	begin := time.Now()
	for i := range editors {
		c := d.clients[i%len(d.clients)]
		record := func(in edit, do func() outcome) outcome {
			call := time.Since(begin).Nanoseconds()
			out := do()
			seen[i] = append(seen[i],
				porcupine.Operation{ClientId: i, Input: in, Call: call, Output: out, Return: time.Since(begin).Nanoseconds()})
			return out
		}
		done.Go(func() {
			for round := range rounds {
				last := record(edit{}, func() outcome { return outcome{register: d.look(c)} }).register
				if round == 0 {
					looked.Done()
					looked.Wait()
				}
				value := fmt.Sprintf("round %d of editor %d", round, i)
				record(edit{true, last.version, value}, func() outcome { return write(d, c, last, value) })
			}
		})
	}
	done.Wait()
	for _, h := range seen {
		history = append(history, h...)
	}
	return initial, history
}

// written counts the writes that were accepted.
func written(history []porcupine.Operation) (n int64) {
	for _, o := range history {
		if o.Input.(edit).write && !o.Output.(outcome).refused {
			n++
		}
	}
	return n
}

// holds proves that careful editors lose nothing, and that the proof finds it
// where others do.
func (d *desk) holds(db *gorm.DB, table string) {
	for range *histories {
		initial, history := d.meet(careful)
		if !linearizable(initial, history) {
			d.t.Errorf("%s: a history that no order explains", d.path)
		}
		if n, now := written(history), d.look(d.clients[0]); n < rounds || now.version != initial.version+n {
			d.t.Errorf("%s: version %d, then %d accepted writes, then version %d", d.path, initial.version, n, now.version)
		}
	}
	// blind editors write past the service.
	blind := func(d *desk, _ *apitest.Client, seen register, value string) outcome {
		if err := db.Exec("UPDATE " + table + " SET version = version + 1").Error; err != nil {
			d.t.Error(err)
		}
		return outcome{register: register{seen.version + 1, value}}
	}
	for name, sabotage := range map[string]way{"heedless": heedless, "blind": blind} {
		if initial, history := d.meet(sabotage); linearizable(initial, history) {
			d.t.Errorf("%s: the proof does not find what %s editors lose", d.path, name)
		}
	}
}

// Editors of a town come together on two servers with one database: every history
// is one of a versioned register, and no update is lost.
func TestEditorsOfATown(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.URL(t, dialect)
			db := dbtest.Connect(t, url, database.Options{})
			key := founded(t, db)
			d := &desk{
				t: t, path: "/towns/demo",
				body: func(v string) any {
					return map[string]any{"name": map[string]string{"zh": v}, "open_results": false}
				},
				value: func(a *apitest.Answer) string {
					return apitest.Decode[struct{ Name struct{ ZH string } }](a, http.StatusOK).Name.ZH
				},
			}
			for range 2 {
				d.clients = append(d.clients, serving(t, dbtest.Connect(t, url, database.Options{})).As(key))
			}
			d.holds(db, "towns")
		})
	}
}
