// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"fmt"
	"strings"
	"sync"
)

// Report collects what is wrong.
type Report struct {
	mu      sync.Mutex
	number  int
	texts   []string
	notices []string
}

// After so many violations nothing new is learned.
const enoughViolations = 10

func (r *Report) Add(who string, err error, recent string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.number++; r.number > enoughViolations {
		return
	}
	text := err.Error()
	if who != "" {
		text = who + ": " + text
	}
	if recent != "" {
		text += "\n  the last it was told:\n    " + strings.ReplaceAll(recent, "\n", "\n    ")
	}
	r.texts = append(r.texts, text)
}

// Notice is for what a fault's test may take for wrong; some are kept.
func (r *Report) Notice(who, recent string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.notices) < 3 {
		r.notices = append(r.notices, who+"\n    "+strings.ReplaceAll(recent, "\n", "\n    "))
	}
}

func (r *Report) Enough() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.number >= enoughViolations
}

// Err is all of it; nil if there is nothing.
func (r *Report) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.number == 0 {
		return nil
	}
	first, _, _ := strings.Cut(r.texts[0], "\n")
	return fmt.Errorf("%d violations, the first: %s\n%s", r.number, first, strings.Join(r.texts, "\n"))
}
