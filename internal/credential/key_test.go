package credential_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/credential"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/fault"
	"bulwark/internal/people/peopletest"
	"bulwark/internal/policy"
)

func TestAKeyLetsInItsHolderAlone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		ctx := t.Context()
		k, secret, err := credential.CreateKey(ctx, db,
			credential.Key{Roles: []policy.Role{policy.Mentor}, Towns: []string{"a"}, PersonCode: new("p1"), ReadOnly: true})
		peopletest.Must(t, err)
		p, err := credential.Authenticate(ctx, db, secret)
		peopletest.Must(t, err)
		want := access.Principal{
			Towns: []string{"a"}, Branches: []string{}, Person: "p1", Role: policy.Mentor,
			Roles: []policy.Role{policy.Mentor}, Key: k.Prefix, ReadOnly: true,
		}
		if !reflect.DeepEqual(p, want) {
			t.Errorf("got %+v, want %+v", p, want)
		}
		if !strings.HasPrefix(secret, k.Prefix+"_") || len(secret) < len(k.Prefix)+43 { // 256 bits in base64
			t.Errorf("the secret is short: %d characters", len(secret))
		}
		refusal := ""
		for _, tried := range []string{
			"", "x", k.Prefix, k.Prefix + "_", secret[:len(secret)-1], secret + "A", strings.ToUpper(secret), secret + "\x00",
			"bw_00000000_" + secret[12:], secret[:12] + "A" + secret[13:] + "A", k.SecretHash, k.Prefix + "_" + k.SecretHash,
			k.Prefix + "_%", "bw_%%%%%%%%_x", "bw_________x", strings.Repeat("bw_", 100),
		} {
			_, err := credential.Authenticate(ctx, db, tried)
			peopletest.Refused(t, fmt.Sprintf("%q", tried), err, "bad_key")
			if refusal == "" && err != nil {
				refusal = err.Error()
			}
			if err != nil && err.Error() != refusal {
				t.Errorf("%q is refused in other words: %v", tried, err)
			}
		}
	})
}

func TestAKeyEnds(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			db := dbtest.Connect(t, dbtest.URL(t, dialect), database.Options{Now: func() time.Time { return now }})
			ctx, end := t.Context(), now.Add(time.Hour)
			k, secret, err := credential.CreateKey(ctx, db, credential.Key{Roles: []policy.Role{policy.Reader}, ExpiresAt: &end})
			peopletest.Must(t, err)
			_, _, err = credential.CreateKey(ctx, db, credential.Key{Roles: []policy.Role{policy.Reader}, ExpiresAt: &now})
			peopletest.Refused(t, "ended at its making", err, "invalid", "/expires_at")

			now = end.Add(-time.Microsecond)
			_, err = credential.Authenticate(ctx, db, secret)
			peopletest.Must(t, err)
			now = end
			_, err = credential.Authenticate(ctx, db, secret)
			peopletest.Refused(t, "at its end", err, "bad_key")

			now = end.Add(-time.Microsecond)
			peopletest.Must(t, credential.RevokeKey(ctx, db, k.Prefix, 1))
			_, err = credential.Authenticate(ctx, db, secret)
			peopletest.Refused(t, "revoked", err, "bad_key")
			peopletest.Refused(t, "revoked twice", credential.RevokeKey(ctx, db, k.Prefix, 1), "stale_version")
			peopletest.Refused(t, "a version it never had", credential.RevokeKey(ctx, db, k.Prefix, 3), "stale_version")
			peopletest.Refused(t, "unknown", credential.RevokeKey(ctx, db, "bw_unknown", 1), "not_found")
			keys, err := credential.ListKeys(ctx, db)
			peopletest.Must(t, err)
			if len(keys) != 1 || keys[0].Version != 2 || keys[0].RevokedAt == nil || keys[0].ETag() != `"2"` {
				t.Errorf("the keys are %+v", keys)
			}
		})
	}
}

func TestKeysAreMadeForThoseWhoExist(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		for _, tt := range []struct {
			what string
			key  credential.Key
			at   []string
		}{
			{"no role", credential.Key{}, []string{"/roles"}},
			{"unknown role", credential.Key{Roles: []policy.Role{policy.Reader, "king"}}, []string{"/roles/1"}},
			{
				"mentor without person",
				credential.Key{Roles: []policy.Role{policy.Mentor}, Towns: []string{"a"}},
				[]string{"/person"},
			},
			{
				"mentor among others without person",
				credential.Key{Roles: []policy.Role{policy.Reader, policy.Mentor}, Towns: []string{"a"}},
				[]string{"/person"},
			},
			{
				"mentor of every town",
				credential.Key{Roles: []policy.Role{policy.Mentor}, PersonCode: new("p1")},
				[]string{"/towns"},
			},
			{"mentor of two towns", credential.Key{
				Roles: []policy.Role{policy.Mentor}, Towns: []string{"a", "q"},
				PersonCode: new("p1"),
			}, []string{"/towns"}},
			{
				"person without town",
				credential.Key{Roles: []policy.Role{policy.Leadership}, PersonCode: new("p1")},
				[]string{"/towns"},
			},
			{
				"unknown town",
				credential.Key{Roles: []policy.Role{policy.Reader}, Towns: []string{"q", "a", "x"}},
				[]string{"/towns/2"},
			},
			{
				"person of another town",
				credential.Key{Roles: []policy.Role{policy.Mentor}, Towns: []string{"q"}, PersonCode: new("p2")},
				[]string{"/person"},
			},
			{
				"admin with a person",
				credential.Key{Roles: []policy.Role{policy.Admin}, Towns: []string{"a"}, PersonCode: new("p1")},
				[]string{"/person"},
			},
			{
				"branches without town",
				credential.Key{Roles: []policy.Role{policy.Reader}, Branches: []string{"b1"}},
				[]string{"/branches"},
			},
			{"branches of two towns", credential.Key{
				Roles: []policy.Role{policy.Reader}, Towns: []string{"a", "q"},
				Branches: []string{"b1"},
			}, []string{"/branches"}},
			{"branch of another town", credential.Key{
				Roles: []policy.Role{policy.Reader}, Towns: []string{"q"},
				Branches: []string{"b1", "b3"},
			}, []string{"/branches/1"}},
		} {
			_, secret, err := credential.CreateKey(t.Context(), db, tt.key)
			peopletest.Refused(t, tt.what, err, "invalid", tt.at...)
			if secret != "" {
				t.Errorf("%s: told a secret", tt.what)
			}
		}
		keys, err := credential.ListKeys(t.Context(), db)
		peopletest.Must(t, err)
		if len(keys) != 0 {
			t.Errorf("stored %+v", keys)
		}
	})
}

// Whoever reads the whole database finds no secret in it, in no table.
func TestOnlyTheDigestIsStored(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		_, secret, err := credential.CreateKey(t.Context(), db, credential.Key{Roles: []policy.Role{policy.Admin}})
		peopletest.Must(t, err)
		all := ""
		for _, table := range []string{"keys", "audit_records"} {
			var rows []map[string]any
			peopletest.Must(t, db.Table(table).Find(&rows).Error)
			all += fmt.Sprint(rows)
		}
		if strings.Contains(all, secret[len("bw_00000000_"):]) {
			t.Error("the secret is stored")
		}
		sum := sha256.Sum256([]byte(secret))
		if n := strings.Count(all, hex.EncodeToString(sum[:])); n != 1 {
			t.Errorf("the digest is stored %d times, want once: not in the trail", n)
		}
	})
}

// An unknown prefix costs what a known one costs: one statement and one digest.
func TestStrangersLearnNothingFromWork(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		_, secret, err := credential.CreateKey(t.Context(), db, credential.Key{Roles: []policy.Role{policy.Reader}})
		peopletest.Must(t, err)
		for _, tried := range []string{secret, secret[:12] + "wrong", "bw_00000000_wrong"} {
			before := database.Queries(db)
			if _, err := credential.Authenticate(t.Context(), db, tried); err != nil &&
				!fault.Is(err, fault.KindUnauthenticated) {
				t.Fatal(err)
			}
			if n := database.Queries(db) - before; n != 1 {
				t.Errorf("%q took %d statements", tried[:11], n)
			}
		}
	})
}

// Lists are kept in order and once, so that the first role is the one that can
// do least.
func TestListsOfAKeyAreTidied(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		peopletest.Towns(t, db)
		k, secret, err := credential.CreateKey(t.Context(), db, credential.Key{
			Roles: []policy.Role{policy.LeadingGroup, policy.Reader, policy.LeadingGroup}, Towns: []string{"a"},
			Branches: []string{"b3", "b1", "b3"},
		})
		peopletest.Must(t, err)
		if got := fmt.Sprint(k.Roles, k.Towns, k.Branches); got != "[reader leading_group] [a] [b1 b3]" {
			t.Errorf("it is made with %s", got)
		}
		p, err := credential.Authenticate(t.Context(), db, secret)
		peopletest.Must(t, err)
		if got := fmt.Sprint(p.Role, p.Roles, p.Towns, p.Branches); got != "reader[reader leading_group] [a] [b1 b3]" {
			t.Errorf("it lets in %s", got)
		}
		if p, err = p.ActingAs(policy.LeadingGroup); err != nil || p.Role != policy.LeadingGroup || len(p.Roles) != 2 {
			t.Errorf("acting as the leading group: %+v, %v", p, err)
		}
		_, err = p.ActingAs(policy.Admin)
		peopletest.Refused(t, "a role that it does not hold", err, "role_not_held")
		_, err = access.Principal{}.ActingAs(policy.Reader)
		peopletest.Refused(t, "nobody", err, "key_needed")
	})
}

// The first use of the last day stays, whoever writes down another one last, and the trail
// holds it.
func TestUsesAreNoted(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		k, _, err := credential.CreateKey(t.Context(), db, credential.Key{Roles: []policy.Role{policy.Reader}})
		peopletest.Must(t, err)
		late := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
		for _, at := range []time.Time{late.AddDate(0, 0, -1), late, late.Add(-time.Minute), late.Add(time.Hour), late.AddDate(0, 0, -2)} {
			peopletest.Must(t, credential.NoteUses(t.Context(), db, map[string]time.Time{k.Prefix: at, "bw_gone": at}))
		}
		keys, err := credential.ListKeys(t.Context(), db)
		peopletest.Must(t, err)
		if len(keys) != 1 || keys[0].LastUsedAt == nil || !keys[0].LastUsedAt.Equal(late) || keys[0].Version != 1 {
			t.Errorf("the keys are %+v", keys)
		}
		var records int64
		peopletest.Must(t, db.Table("audit_rows").Where("table_name = 'keys'").Count(&records).Error)
		if records != 3 { // the making and two days
			t.Errorf("%d row records of the key", records)
		}
	})
}
