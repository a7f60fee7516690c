package database

import "github.com/google/uuid"

// NewID is a new UUIDv7: of two, the one made later sorts later.
func NewID() string { return uuid.Must(uuid.NewV7()).String() } // Go's source of randomness does not fail
