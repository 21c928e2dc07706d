// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is a child whose output goes to a file. It dies with this process.
type Process struct {
	Name    string
	LogFile string
	Started time.Time

	command *exec.Cmd
	done    chan struct{} // closed once the child is gone
}

// StartProcess runs a program. The log file is appended to, so that a restarted
// program keeps one log.
func StartProcess(name, logFile, binary string, args ...string) (*Process, error) {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &Process{Name: name, LogFile: logFile, command: exec.Command(binary, args...), done: make(chan struct{})}
	p.command.Stdout = log
	p.command.Stderr = log
	// A test that crashes leaves no children behind.
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.Started = time.Now()
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	go func() {
		p.command.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *Process) PID() int { return p.command.Process.Pid }

func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends a signal, to a child that may be gone already.
func (p *Process) Signal(signal syscall.Signal) { p.command.Process.Signal(signal) }

// Stop asks the child to end, and kills it if it has not after the grace time.
func (p *Process) Stop(grace time.Duration) (exitCode int, err error) {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.command.ProcessState.ExitCode(), nil
	case <-time.After(grace):
		p.Kill()
		return -1, fmt.Errorf("%s did not end within %v of SIGTERM; its log: %s", p.Name, grace, p.LogFile)
	}
}

// Kill ends the child at once and waits until it is gone.
func (p *Process) Kill() {
	p.command.Process.Kill()
	<-p.done
}

// Tail is the end of the log, for a message.
func (p *Process) Tail(lines int) string {
	content, err := os.ReadFile(p.LogFile)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// WaitForLog waits until the log holds a text after an offset, and returns when
// that was seen.
func (p *Process) WaitForLog(ctx context.Context, offset int64, text string) (time.Time, error) {
	var seen time.Time
	err := Poll(ctx, time.Millisecond, func() error {
		content, err := os.ReadFile(p.LogFile)
		if err != nil {
			return err
		}
		seen = time.Now()
		if int64(len(content)) >= offset && bytes.Contains(content[offset:], []byte(text)) {
			return nil
		}
		return p.alive(fmt.Errorf("no %q in %s yet", text, p.LogFile))
	})
	return seen, err
}

// alive turns "not yet" into a final error once the child is gone.
func (p *Process) alive(notYet error) error {
	if notYet != nil && p.Exited() {
		return Final(fmt.Errorf("%s has exited with %d:\n%s", p.Name, p.command.ProcessState.ExitCode(), p.Tail(15)))
	}
	return notYet
}

// ResidentBytes is how much memory the child holds now.
func (p *Process) ResidentBytes() (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID()))
	if err != nil {
		return 0, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return 0, err
	}
	return resident * int64(os.Getpagesize()), nil
}
