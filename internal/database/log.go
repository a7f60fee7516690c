package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// slow is the time from which a statement is worth a warning.
const slow = 500 * time.Millisecond

// queryLog writes gorm's messages to slog and counts the statements. It never
// sees a parameter, because ParamsFilter drops them all.
type queryLog struct {
	log        *slog.Logger
	attributes func(context.Context) []slog.Attr // see Options
	count      atomic.Int64
}

// LogMode ignores the level: the level of the slog handler decides.
func (l *queryLog) LogMode(logger.LogLevel) logger.Interface { return l }

// Info logs a message of gorm.
func (l *queryLog) Info(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, fmt.Sprintf(format, args...))
}

// Warn logs a message of gorm.
func (l *queryLog) Warn(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, fmt.Sprintf(format, args...))
}

// Error logs a message of gorm. It is no error of ours: what failed is also
// returned, and logged where it is answered.
func (l *queryLog) Error(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, fmt.Sprintf(format, args...))
}

// ParamsFilter keeps every parameter out of what gorm composes for Trace.
func (*queryLog) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}

// Trace sees each statement after it ran.
func (l *queryLog) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), err error) {
	l.count.Add(1)
	elapsed := time.Since(begin)
	level, message := slog.LevelDebug, "statement"
	switch {
	case elapsed >= slow:
		level, message = slog.LevelWarn, "slow statement"
	case err != nil && !errors.Is(err, gorm.ErrRecordNotFound):
		message = "failed statement"
	}
	if !l.log.Enabled(ctx, level) {
		return
	}
	sql, rows := statement()
	attributes := []slog.Attr{
		slog.String("sql", sql), slog.Int64("rows", rows), slog.Float64("took_ms", float64(elapsed.Microseconds())/1000),
	}
	if l.attributes != nil {
		attributes = append(attributes, l.attributes(ctx)...)
	}
	if err != nil {
		attributes = append(attributes, slog.Any("error", err))
	}
	l.log.LogAttrs(ctx, level, message, attributes...)
}
