// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"time"
)

type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// Final marks an error that waiting longer cannot mend.
func Final(err error) error { return finalError{err} }

// Poll calls done until it returns nil, and says why it had not when the context
// ends. Tests wait for facts with this, never for a length of time.
func Poll(ctx context.Context, every time.Duration, done func() error) error {
	for {
		err := done()
		var final finalError
		if err == nil || errors.As(err, &final) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting: %w", err)
		case <-time.After(every):
		}
	}
}

// PollFor is Poll with a limit of its own.
func PollFor(limit, every time.Duration, done func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return Poll(ctx, every, done)
}
