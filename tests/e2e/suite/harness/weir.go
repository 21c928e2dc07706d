// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
)

// ErrNoWeir says that there is nothing to test yet.
var ErrNoWeir = errors.New("WEIR_BIN names no weir binary")

// WeirBinary is the binary under test.
func WeirBinary() (string, error) {
	path := os.Getenv("WEIR_BIN")
	if path == "" {
		return "", ErrNoWeir
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoWeir, err)
	}
	return path, nil
}

// Weir is `weir run` as a child process.
type Weir struct {
	*Process
	Listen    string
	Admin     string
	ClientDir string
}

// WeirOptions says how to run it.
type WeirOptions struct {
	Dir        string // for its log and its client directory
	Kubeconfig string // its way to the API server
	Workers    int    // 0: its own default
	Args       []string
}

// StartWeir runs Weir and waits until it is ready.
func StartWeir(o WeirOptions) (*Weir, error) {
	binary, err := WeirBinary()
	if err != nil {
		return nil, err
	}
	listen, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	admin, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	w := &Weir{Listen: listen, Admin: admin, ClientDir: filepath.Join(o.Dir, "client")}
	if err := os.MkdirAll(w.ClientDir, 0o755); err != nil {
		return nil, err
	}
	args := []string{"run", "--kubeconfig", o.Kubeconfig, "--listen", listen, "--admin", admin, "--client-dir", w.ClientDir}
	if o.Workers > 0 {
		args = append(args, "--concurrency", strconv.Itoa(o.Workers))
	}
	w.Process, err = StartProcess("weir", filepath.Join(o.Dir, "weir.log"), binary, append(args, o.Args...)...)
	if err != nil {
		return nil, err
	}
	err = PollFor(20*time.Second, 10*time.Millisecond, func() error {
		_, err := w.AdminPage("/readyz")
		return w.alive(err)
	})
	if err != nil {
		w.Kill()
		return nil, fmt.Errorf("weir is not ready: %w\n%s", err, w.Tail(15))
	}
	return w, nil
}

// Kubeconfig is the file that Weir writes for its clients.
func (w *Weir) Kubeconfig() string { return filepath.Join(w.ClientDir, "kubeconfig") }

func (w *Weir) Config() (*rest.Config, error) { return LoadKubeconfig(w.Kubeconfig()) }

// AdminPage reads a page of the admin address.
func (w *Weir) AdminPage(path string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get("http://" + w.Admin + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s: %s", path, response.Status, body)
	}
	return string(body), nil
}

// Drain asks Weir to stop, which it must do in time and with exit code 0.
func (w *Weir) Drain() error {
	if w.Exited() {
		return fmt.Errorf("weir had ended by itself:\n%s", w.Tail(30))
	}
	code, err := w.Stop(15 * time.Second)
	if err == nil && code != 0 {
		err = fmt.Errorf("weir ended with %d and not 0:\n%s", code, w.Tail(30))
	}
	return err
}
