package database

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/fault"
)

// Grants returns the statements for PostgreSQL that give the role of the service what it
// needs in the current schema, and take everything else from it. It reads and writes rows;
// of what is immutable it only reads and adds rows. The role is written as it is: quoted
// by the caller.
func Grants(role string) []string {
	list := []string{
		"GRANT USAGE ON SCHEMA public TO " + role,
		"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM " + role,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role,
		"REVOKE INSERT, UPDATE, DELETE ON goose_db_version FROM " + role,
	}
	for _, g := range frozen() {
		list = append(list, "REVOKE UPDATE, DELETE ON "+g.Table+" FROM "+role)
		if columns := slices.Concat(g.Free, g.Grows); len(columns) > 0 {
			list = append(list, "GRANT UPDATE ("+strings.Join(columns, ", ")+") ON "+g.Table+" TO "+role)
		}
	}
	return list
}

// frozen returns the guards of whole tables, one for each, with the columns that may change
// in some row. Where any column of some rows may change, only a trigger can distinguish them.
func frozen() (list []Guard) {
	for _, g := range Guards {
		switch last := len(list) - 1; {
		case g.Rows != "" && !g.Parts:
		case last >= 0 && list[last].Table == g.Table:
			list[last].Free = append(slices.Clip(list[last].Free), g.Free...)
		default:
			list = append(list, g)
		}
	}
	return list
}

// Grant carries out Grants for the role of the service at url, as the owner of the schema
// to whom db is connected. It does nothing on SQLite, and where both are one role.
func Grant(ctx context.Context, db *gorm.DB, url string) error {
	if Dialect(db) != PostgreSQL {
		return nil
	}
	config, err := postgresConfig(url, Options{}.withDefaults())
	if err != nil {
		return err
	}
	return handleOf(db).grant(ctx, config.User)
}

// grantLock is the advisory lock of PostgreSQL under which rights are granted: two who
// change the rights of one table at once fail.
const grantLock = 0x62756c77

func (h *handle) grant(ctx context.Context, role string) (err error) {
	defer fault.Wrap(&err, "grant the role %s its rights", role)
	tx, err := h.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	var same, exists bool
	err = tx.QueryRowContext(ctx, "SELECT current_user = $1, EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).
		Scan(&same, &exists)
	switch {
	case err != nil:
		return err
	case same:
		return nil
	case !exists:
		return fault.NotFound("database_role",
			"数据库中没有角色 %q，即 BULWARK_DATABASE_URL 中的用户：请先建立它，见 deployments/postgres",
			"the database has no role %q, the user of BULWARK_DATABASE_URL: create it first, see deployments/postgres", role)
	}
	quoted := `"` + strings.ReplaceAll(role, `"`, `""`) + `"`
	statements := append([]string{"SELECT pg_advisory_xact_lock(" + strconv.Itoa(grantLock) + ")"}, Grants(quoted)...)
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, Translate(err))
		}
	}
	return tx.Commit()
}

// Powers is what the database lets a connection do that serving does not need.
type Powers struct {
	Role      string   // the role of the connection; empty on SQLite, which has none
	Superuser bool     // no right is denied to it
	Owns      bool     // it owns tables
	Excess    []string // rights on tables, such as "owner of runs" or "UPDATE on runs", sorted
}

// Lesser reports whether the role can change neither the schema nor immutable rows: then
// there are two roles, as there should be. On SQLite it is false.
func (p Powers) Lesser() bool { return p.Role != "" && !p.Superuser && len(p.Excess) == 0 }

// PowersOf returns the powers of the role that db is connected as.
func PowersOf(ctx context.Context, db *gorm.DB) (p Powers, err error) {
	if Dialect(db) != PostgreSQL {
		return p, nil
	}
	defer fault.Wrap(&err, "look at the rights of the database role")
	db = db.WithContext(ctx)
	const role = "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
	if err := db.Raw(role).Row().Scan(&p.Role, &p.Superuser); err != nil {
		return p, err
	}
	var tables []string
	for _, g := range frozen() {
		tables = append(tables, g.Table)
	}
	const excess = `SELECT 'owner of ' || relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
			AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'MEMBER')
		UNION ALL
		SELECT r.name || ' on ' || c.relname FROM pg_class c, (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) r (name)
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
			AND has_table_privilege(c.oid, r.name) AND (c.relname IN ? OR r.name IN ('TRUNCATE', 'TRIGGER'))
		UNION ALL
		SELECT 'CREATE in ' || current_schema() WHERE has_schema_privilege(current_schema(), 'CREATE')
		ORDER BY 1`
	err = db.Raw(excess, tables).Scan(&p.Excess).Error
	p.Owns = slices.ContainsFunc(p.Excess, func(s string) bool { return strings.HasPrefix(s, "owner of ") })
	return p, err
}
