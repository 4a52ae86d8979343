// Package sqlite3 stands in for the SQLite driver of the same name, which needs a C compiler.
//
// Kubeflow Pipelines opens SQLite in its own tests only, yet names some of the driver's types in code that ships.
// Without the driver every program builds as pure Go, without a C library, and runs in an empty image.
package sqlite3

import (
	"database/sql/driver"
	"errors"
	"fmt"
)

// ErrNo is SQLite's result code.
type ErrNo int

// ErrConstraint says that a constraint was violated.
const ErrConstraint ErrNo = 19

// Error is an error of SQLite's.
type Error struct {
	Code ErrNo
}

// Error returns the error's text.
func (e Error) Error() string {
	return fmt.Sprintf("sqlite result code %d", e.Code)
}

// SQLiteDriver opens nothing.
type SQLiteDriver struct{}

// Open returns an error.
func (d *SQLiteDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("built without SQLite: use MySQL")
}
