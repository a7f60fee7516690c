package database

import (
	"context"
	"database/sql"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"bulwark/internal/fault"
)

// oldestPostgreSQL is the first release that the tests run on.
const oldestPostgreSQL = 15

// postgresDialector is the official one with our translation of errors.
type postgresDialector struct{ gormpostgres.Dialector }

// Translate makes gorm pass every error through our Translate.
func (postgresDialector) Translate(err error) error { return Translate(err) }

func openPostgreSQL(ctx context.Context, dsn string, options Options) (gorm.Dialector, *sql.DB, error) {
	config, err := postgresConfig(dsn, options)
	if err != nil {
		return nil, nil, err
	}
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(readTimesInUTC))
	pool.SetMaxOpenConns(options.MaxConns)
	pool.SetMaxIdleConns(options.MaxConns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour) // follow a server that moved behind its name
	var version int
	if err := pool.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return nil, nil, closing(pool, unreachable(config, err))
	}
	if err := checkServer(version); err != nil {
		return nil, nil, closing(pool, err)
	}
	dialector := gormpostgres.Dialector{Config: &gormpostgres.Config{Conn: pool}}
	return postgresDialector{dialector}, pool, nil
}

// postgresConfig reads the URL and adds the settings of a session. Those that
// the URL names itself (?lock_timeout=1s) stay, but for the time zone.
func postgresConfig(dsn string, options Options) (*pgx.ConnConfig, error) {
	u, err := url.Parse(dsn)
	// An @ behind the host means that a # / ? in the password cut the URL short.
	// Then no part of it may be quoted, not even in the parser's own words.
	if err != nil || strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return nil, badURL("应为 postgres://用户:密码@主机:端口/库名；密码中的 @ : / ? # %% 须写成百分号编码",
			"write postgres://USER:PASSWORD@HOST:PORT/NAME and percent-encode @ : / ? # %% inside the password")
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		password, _ := u.User.Password()
		return nil, badURL("%s", "%s", hide(err.Error(), password, u.Query().Get("password")))
	}
	if config.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return nil, badURL("去掉 default_query_exec_mode=simple_protocol：它把参数拼进语句",
			"remove default_query_exec_mode=simple_protocol, which pastes parameters into statements")
	}
	if options.ReadOnly || options.QueryOnly {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	for name, value := range map[string]string{
		"timezone":                            "UTC",
		"application_name":                    "bulwark",
		"lock_timeout":                        milliseconds(options.LockTimeout),
		"statement_timeout":                   milliseconds(options.StatementTimeout),
		"idle_in_transaction_session_timeout": milliseconds(4 * options.StatementTimeout),
	} {
		if _, set := config.RuntimeParams[name]; !set || name == "timezone" {
			config.RuntimeParams[name] = value
		}
	}
	return config, nil
}

// milliseconds writes a server setting; 0 turns it off there.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(max(0, d.Milliseconds()), 10)
}

// readTimesInUTC keeps pgx from returning times in the machine's zone.
func readTimesInUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

func checkServer(version int) error {
	if version/10000 >= oldestPostgreSQL {
		return nil
	}
	return badURL("PostgreSQL 版本为 %d，须为 %d 或更新", "the server is PostgreSQL %d; use %d or newer", version/10000,
		oldestPostgreSQL)
}

func unreachable(config *pgx.ConnConfig, cause error) error {
	return fault.Unavailable("database_unreachable",
		"无法以用户 %[3]q 连接 %[1]s:%[2]d 上的数据库 %[4]q：请检查地址、密码以及数据库是否在运行",
		"no connection to %[1]s:%[2]d as user %[3]q to database %[4]q: check the URL, the password and that the server runs",
		config.Host, config.Port, config.User, config.Database).Because(cause)
}

// hide blanks the secrets out of words that another package has composed.
func hide(words string, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			words = strings.ReplaceAll(words, s, "***")
		}
	}
	return words
}
