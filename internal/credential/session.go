package credential

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/fault"
)

// Session is the sign-in of one browser. It ends after a time without use, after a whole
// time, when its owner signs out, or when its account changes. Only
// the hash of its secret is stored.
type Session struct {
	SecretHash     string `gorm:"primaryKey" json:"-"`
	AccountName    string
	AccountVersion int64 // the session ends when the account has another one
	CreatedAt      time.Time
	SeenAt         time.Time // last use, to the minute
	EndsAt         time.Time // at the latest
}

// seenEvery is how often the use of a session is written down.
const seenEvery = time.Minute

var errSessionEnded = fault.Unauthenticated("session_ended", "登录已失效，请重新登录", "the session has ended: sign in again")

// OpenSession starts a session of the account, a whole time long at most, and
// returns its secret, which only the browser gets. The account must be as it was when its
// owner signed in.
func OpenSession(ctx context.Context, db *gorm.DB, a Account, whole time.Duration) (_ Session, _ string, err error) {
	defer fault.Wrap(&err, "session of %s", a.Name)
	secret, err := newSecret()
	if err != nil {
		return Session{}, "", err
	}
	s := Session{SecretHash: digest(secret), AccountName: a.Name, AccountVersion: a.Version}
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		s.CreatedAt, s.SeenAt, s.EndsAt = now, now, now.Add(whole)
		if err := tx.Where("ends_at <= ?", now).Delete(&Session{}).Error; err != nil {
			return err
		}
		if err := tx.Create(&s).Error; err != nil {
			return err
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: deref(a.OnlyTown), Action: "session.open", Subject: "accounts/" + a.Name})
	})
	return s, secret, err
}

// FindSession returns the session of the secret and its account, unless it has
// ended; it may lie unused for as long as idle.
func FindSession(
	ctx context.Context, db *gorm.DB, secret string, idle time.Duration,
) (_ Session, _ Account, err error) {
	defer fault.Wrap(&err, "find a session")
	var s Session
	err = db.WithContext(ctx).Where("secret_hash = ?", digest(secret)).Take(&s).Error
	now := db.NowFunc()
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return Session{}, Account{}, errSessionEnded
	case err != nil:
		return Session{}, Account{}, err
	case !now.Before(s.EndsAt), !now.Before(s.SeenAt.Add(idle)):
		return Session{}, Account{}, errSessionEnded
	}
	a, err := FindAccount(ctx, db, s.AccountName)
	if err != nil {
		return Session{}, Account{}, err
	}
	if a.Version != s.AccountVersion || a.DisabledAt != nil {
		return Session{}, Account{}, errSessionEnded
	}
	if now.Sub(s.SeenAt) >= seenEvery {
		// That it could not be written down is no reason to refuse a reader.
		_ = db.WithContext(ctx).Model(&Session{}).Where("secret_hash = ?", s.SecretHash).Update("seen_at", now).Error
		s.SeenAt = now
	}
	return s, a, nil
}

// EndSession ends the session of the secret.
func EndSession(ctx context.Context, db *gorm.DB, secret string) (err error) {
	defer fault.Wrap(&err, "end a session")
	return database.InTx(ctx, db, func(tx *gorm.DB) error {
		var s Session
		err := tx.Where("secret_hash = ?", digest(secret)).Take(&s).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			return errSessionEnded
		}
		if err == nil {
			err = tx.Where("secret_hash = ?", s.SecretHash).Delete(&Session{}).Error
		}
		if err != nil {
			return err
		}
		a, err := FindAccount(ctx, tx, s.AccountName)
		if err != nil {
			return err
		}
		return audit.Write(ctx, tx,
			audit.Change{Town: deref(a.OnlyTown), Action: "session.end", Subject: "accounts/" + a.Name})
	})
}

// CSRFToken returns what a page of the session must send with each change. It is derived
// from the secret, which no script can read.
func CSRFToken(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("bulwark csrf token"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// newSecret has 256 random bits.
func newSecret() (string, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(random), nil
}
