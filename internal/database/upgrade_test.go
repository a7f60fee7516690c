package database_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// before0008 is a town whose keys have one role each, and in which people serve
// branches.
var before0008 = []string{
	`INSERT INTO areas (code, level, name_zh, name_en, provenance) VALUES ('44', 'province', '44', '44', '')`,
	`INSERT INTO towns (code, area_code, name_zh, name_en, open_results, provenance, version, created_at, updated_at) VALUES ('a', '44', 'a', 'a', true, '', 1, '2023-01-01', '2023-01-01')`,
	`INSERT INTO branches (town_id, code, closed_reason, provenance, version, created_at, updated_at) VALUES ('a', 'b1', '', '', 1, '2023-01-01', '2023-01-01'), ('a', 'b2', '', '', 1, '2023-01-01', '2023-01-01')`,
	`INSERT INTO people (town_id, code, name_zh, name_en, provenance, version, created_at, updated_at) VALUES ('a', 'p1', '张', 'Zhang', 'invented', 3, '2023-01-01', '2023-01-01'), ('a', 'p2', '李', 'Li', '', 1, '2023-01-01', '2023-01-01')`,
	`INSERT INTO assignments (town_id, id, person_code, branch_code, duty, valid_from, valid_until, reason, version, created_at, updated_at) VALUES
		('a', '00000000-0000-7000-8000-000000000001', 'p1', 'b1', 'serves', '2023-01-01', '2023-06-30', 'r1', 2, '2023-01-01', '2023-01-01'),
		('a', '00000000-0000-7000-8000-000000000002', 'p1', 'b2', 'serves', '2023-03-01', '2023-09-30', 'r2', 1, '2023-01-01', '2023-01-01'),
		('a', '00000000-0000-7000-8000-000000000003', 'p2', 'b1', 'serves', '2023-02-01', NULL, '', 1, '2023-01-01', '2023-01-01'),
		('a', '00000000-0000-7000-8000-000000000004', 'p2', 'b2', 'serves', '2023-02-01', '2023-05-31', '', 1, '2023-01-01', '2023-01-01'),
		('a', '00000000-0000-7000-8000-000000000005', 'p2', 'b1', 'mentors', '2023-02-01', NULL, '', 1, '2023-01-01', '2023-01-01')`,
	`INSERT INTO keys (prefix, secret_hash, only_town, person_code, role, read_only, created_at) VALUES
		('bw_00000001', '` + digest64 + `', NULL, NULL, 'admin', false, '2023-01-01'),
		('bw_00000002', '` + digest64 + `', 'a', NULL, 'reader', true, '2023-01-01'),
		('bw_00000003', '` + digest64 + `', 'a', 'p1', 'liaison_office', false, '2023-01-01')`,
}

const digest64 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// Who served branches becomes an office of one member with the same links, and
// keys keep what they open.
func TestServingBecomesAnOffice(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			url := dbtest.EmptyURL(t, dialect)
			if err := database.MigrateTo(t.Context(), url, database.Options{}, 7); err != nil {
				t.Fatal(err)
			}
			db := dbtest.Connect(t, url, database.Options{})
			execAll(t, db, before0008...)
			if err := database.Migrate(t.Context(), url, database.Options{}); err != nil {
				t.Fatal(err)
			}
			for query, want := range map[string][]string{
				`SELECT prefix || roles || towns || branches || coalesce(person_town, '-') || coalesce(person_code, '-') FROM keys ORDER BY prefix`: {
					`bw_00000001["admin"][][]--`, `bw_00000002["reader"]["a"][]--`, `bw_00000003["liaison_office"]["a"][]ap1`,
				},
				`SELECT code || name_zh || name_en || provenance || version FROM offices ORDER BY code`: {"p1张Zhanginvented1", "p2李Li1"},
				`SELECT office_code || person_code || valid_from || coalesce(valid_until, '-') FROM office_members ORDER BY office_code`: {
					"p1p12023-01-012023-09-30", "p2p22023-02-01-",
				},
				`SELECT office_code || branch_code || valid_from || coalesce(valid_until, '-') || reason || version FROM office_links ORDER BY id`: {
					"p1b12023-01-012023-06-30r12", "p1b22023-03-012023-09-30r21", "p2b12023-02-01-1", "p2b22023-02-012023-05-311",
				},
				`SELECT person_code || branch_code || duty || CAST(exclusive AS text) FROM assignments ORDER BY id`: {"p2b1mentors" + no[dialect]},
			} {
				if diff := cmp.Diff(want, texts(t, db, query)); diff != "" {
					t.Errorf("%s\n%s", query, diff)
				}
			}
		})
	}
}

// no is how a false looks as text.
var no = map[string]string{database.SQLite: "0", database.PostgreSQL: "false"}

func texts(t *testing.T, db *gorm.DB, query string) []string {
	t.Helper()
	var list []string
	if err := db.Raw(query).Scan(&list).Error; err != nil {
		t.Fatal(fmt.Errorf("%s: %w", query, err))
	}
	return list
}
