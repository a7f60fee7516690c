package database

import (
	"context"
	"os"
	"strings"
	"time"

	"bulwark/internal/fault"
)

const lockPoll = 50 * time.Millisecond

// Lock takes the exclusive lock of the SQLite database at path among all
// processes of this machine, waiting for another holder until ctx ends. It
// guards what must not happen twice at once (migrating, restoring, making a
// demo); ordinary use of the database does not take it. The lock is the file
// path.lock, which stays behind: to remove it would let two hold it. The kernel
// lets go of the lock when the process dies. Call unlock exactly once.
func Lock(ctx context.Context, path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, badURL("文件 %s.lock 无法创建", "the file %s.lock cannot be created", path).Because(err)
	}
	for {
		held, err := tryLock(file)
		if err != nil {
			_ = file.Close()
			return nil, fault.Unavailable("database_lock", "无法锁定 %s.lock", "%s.lock cannot be locked", path).Because(err)
		}
		if held {
			return file.Close, nil
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			_ = file.Close()
			return nil, fault.Unavailable("database_locked",
				"另一个进程正在迁移或恢复 %s，请等它结束", "another process is migrating or restoring %s: wait until it is done", path).Because(ctx.Err())
		}
	}
}

// Exclusive is Lock for the database at url. PostgreSQL needs no such lock: there
// unlock does nothing, and the transactions themselves keep apart.
func Exclusive(ctx context.Context, url string) (unlock func() error, err error) {
	path, ok := strings.CutPrefix(url, SQLite+":")
	if !ok {
		return func() error { return nil }, nil
	}
	if path, err = sqlitePath(path); err != nil {
		return nil, err
	}
	return Lock(ctx, path)
}
