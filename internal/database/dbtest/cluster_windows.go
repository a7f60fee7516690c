package dbtest

import "errors"

func startCluster() (string, error) {
	return "", errors.New(
		"set TEST_DATABASE_URL=postgres://USER:PASSWORD@HOST:PORT/postgres (the user must be allowed to create databases)")
}
