// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"weir.dev/e2e/suite/harness"
)

const fooResource = "foos.samplecontroller.k8s.io"

// shownOperator is Weir's page in a browser, over an operator and whatever a test makes go wrong.
type shownOperator struct {
	*browser
	server    *harness.APIServer
	way       *way
	namespace string
	operator  *harness.Process
}

// showOperator opens the page of a Weir behind which sample-controller has made one Foo's Deployment.
func showOperator(t *testing.T) *shownOperator {
	t.Helper()
	server := sharedCluster(t)
	w := &shownOperator{server: server, way: newWay(t, server, "weir"), namespace: newNamespace(t, server)}
	w.operator = startSampleController(t, w.way)
	_, err := w.operator.WaitForLog(timeout(t, 30*time.Second), 0, "Starting workers")
	must(t, err)
	w.createFoo(t, "example")
	w.browser = newBrowser(t, w.way.weir.Admin)
	w.waitFor("#ready", "ready")
	return w
}

func (w *shownOperator) createFoo(t *testing.T, name string) {
	t.Helper()
	_, err := adminClient(t, w.server).Resource(harness.Foos).Namespace(w.namespace).
		Create(context.Background(), harness.NewFoo(w.namespace, name, 1), metav1.CreateOptions{})
	must(t, err)
}

// hasRow is an expression: some visible row of a table has all of these texts.
func hasRow(table string, texts ...string) string {
	expression := fmt.Sprintf(`[...document.querySelectorAll('#%s tbody tr')].some((row) => row.checkVisibility()`, table)
	for _, text := range texts {
		expression += fmt.Sprintf(` && row.textContent.includes(%q)`, text)
	}
	return expression + ")"
}

// stageSays is an expression: a stage's card has such a text.
func stageSays(stage, pattern string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#stages .card')].some((card) => card.textContent.startsWith(%q) && /%s/.test(card.textContent))`, stage, pattern)
}

// What an operator does and what goes wrong with it stands in the page, as it happens.
func TestPageFollowsAnOperator(t *testing.T) {
	w := showOperator(t)
	for _, resource := range []string{fooResource, "deployments.apps"} {
		w.waitUntil(10*time.Second, hasRow("streams", resource, "sample-controller/"))
	}
	w.waitUntil(10*time.Second, hasRow("changes", fooResource, w.namespace+"/example", "ADDED"))
	w.writesTimes(t)
	w.writesDecisions(t)
	w.keepBusy(t)
	resume := w.stallReader(t)
	w.stopOperator(t)
	w.screenshots("operator")
	resume()
	w.waitUntil(20*time.Second, stageSays("Backlog", `p99 [\d.]+ (s|min)`))
	w.followStream(t)
	w.useKeyboard(t)
	w.operator.Signal(syscall.SIGCONT)
	w.waitUntil(20*time.Second, "!"+hasRow("stuck", w.namespace+"/forgotten"))
	w.wantNoComplaints()
}

// writesTimes checks how the page writes what Weir gives in seconds.
func (w *shownOperator) writesTimes(t *testing.T) {
	t.Helper()
	for seconds, written := range map[string]string{
		"0": "0", "0.0000123": "12 \u00b5s", "0.0009996": "1 ms", "0.00123": "1.23 ms", "0.25": "250 ms", "0.1": "100 ms",
		"0.9999": "1.0 s", "12.34": "12.3 s", "600": "10 min", "9000": "2.5 h",
	} {
		if said := value[string](w.browser, "seconds("+seconds+")"); said != written {
			t.Errorf("%s s are written as %q and not as %q", seconds, said, written)
		}
	}
}

// writesDecisions checks how the page writes what filters have decided, which nothing here makes them do.
func (w *shownOperator) writesDecisions(t *testing.T) {
	t.Helper()
	value[bool](w.browser, `paused = true`)
	for decision, written := range map[string]string{
		"withheld": "withheld by stale", "dropRefused": "delivered, though called stale by stale",
		"rewriteRefused": "delivered, though rewritten badly by stale",
	} {
		value[bool](w.browser, fmt.Sprintf(`tables.changes.show([{resource: 'foos', name: 'x', type: 'MODIFIED', ageSeconds: 1, filter: 'stale', decision: %q}]), true`, decision))
		if !value[bool](w.browser, hasRow("changes", "foos", written)) {
			t.Errorf("%s is not written as %q", decision, written)
		}
	}
	value[bool](w.browser, `paused = false, true`)
}

// keepBusy writes one ConfigMap through Weir, again and again until the test's end.
func (w *shownOperator) keepBusy(t *testing.T) {
	t.Helper()
	ctx, client := context.Background(), configMapsOf(t, w.way.config, w.namespace)
	createIn(t, client, w.namespace, "restless")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Millisecond):
				patch := fmt.Appendf(nil, `{"data":{"touched":"%d"}}`, time.Now().UnixNano())
				if _, err := client.Patch(ctx, "restless", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-done })
	w.waitUntil(20*time.Second, hasRow("busy", "configmaps", w.namespace+"/restless"))
}

// stallReader has a client that reads nothing while 20 objects change, until the page shows
// that it is late. What is returned makes it read on.
func (w *shownOperator) stallReader(t *testing.T) (resume func()) {
	t.Helper()
	ctx, namespace := context.Background(), newNamespace(t, w.server)
	slow := need(need(harness.NewSlowClient(w.way.config))(t).Watch(ctx,
		"/api/v1/namespaces/"+namespace+"/configmaps?watch=1&resourceVersion=0", harness.JSON))(t)
	t.Cleanup(slow.Close)
	slow.Pause()
	resume = sync.OnceFunc(slow.Resume)
	t.Cleanup(resume) // else it could not be closed
	load := need(harness.NewLoad(ctx, adminClient(t, w.server), namespace, 20, 50_000))(t)
	late := hasRow("streams", "configmaps", namespace, " events") + ` && document.querySelector('#streams td.bad') !== null`
	began, written := time.Now(), 0
	// The first megabytes fit into the buffers on the way; how many, the kernel decides.
	for !value[bool](w.browser, late) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%d writes of 50 kB that nobody reads, and the page shows no stream that is late", written)
		}
		written += need(load.Update(ctx, 100, time.Second))(t)
	}
	t.Logf("a reader that stalls was marked as late within %v, after %d writes", time.Since(began), written)
	must(t, load.Delete(ctx))
	return resume
}

// stopOperator stops sample-controller and gives it something to do, until the page says so.
func (w *shownOperator) stopOperator(t *testing.T) {
	t.Helper()
	threshold := adminJSON[stuckPage](t, w.way.weir, "/objects/stuck").ThresholdSeconds
	w.operator.Signal(syscall.SIGSTOP)
	must(t, harness.PollFor(10*time.Second, time.Millisecond, w.stopped))
	w.createFoo(t, "forgotten")
	took := w.waitUntil(30*time.Second, hasRow("stuck", fooResource, w.namespace+"/forgotten", "created"))
	t.Logf("an object was called stuck in the page after %v", took)
	if late := took.Seconds() - threshold; late < -1 || late > 10 {
		t.Errorf("an object was called stuck after %v, and the threshold is %v s", took, threshold)
	}
}

// stopped says why the operator has not stopped yet: each of its threads does so when it comes to it.
func (w *shownOperator) stopped() error {
	states, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", w.operator.PID()))
	if err != nil {
		return err
	}
	for _, file := range states {
		if state, err := os.ReadFile(file); err == nil && !strings.Contains(string(state), ") T ") {
			return fmt.Errorf("%s: %s", file, state)
		}
	}
	return nil
}

// followStream clicks on a stream, and is led to its resource and that one's last changes.
func (w *shownOperator) followStream(t *testing.T) {
	t.Helper()
	row := fmt.Sprintf(`[...document.querySelectorAll('#streams tbody tr')].find((r) => r.textContent.includes(%q))`, fooResource)
	w.do(chromedp.Click(row, chromedp.ByJSPath))
	w.waitUntil(5*time.Second, hasRow("changes", fooResource, w.namespace+"/example"))
	w.waitUntil(5*time.Second, `document.getElementById('chosen').textContent === '`+fooResource+`'`)
	for _, table := range []string{"stuck", "busy", "streams", "caches", "changes"} {
		others := fmt.Sprintf(`[...document.querySelectorAll('#%s tbody tr')].filter((r) => !r.textContent.includes(%q)).length`, table, fooResource)
		if count := value[int](w.browser, others); count > 0 {
			t.Errorf("%s has %d rows of other resources", table, count)
		}
	}
	if !w.hasRequested("resource=" + fooResource) {
		t.Error("the last changes of the resource were not asked for: those of others may have been all there was")
	}
	w.screenshots("one-resource")
	w.press(kb.Escape)
	w.waitUntil(5*time.Second, hasRow("streams", "deployments.apps"))
}

// focused is an expression: where the keyboard is.
const focused = `((e) => e.getAttribute('aria-label') || (e.closest('section') ? e.closest('section').id + ' ' : '') +
	(e.matches('tr') ? 'row' : e.textContent))(document.activeElement)`

// tabTo presses Tab until the keyboard is there.
func (w *shownOperator) tabTo(t *testing.T, place string) {
	t.Helper()
	var passed []string
	for range 100 {
		w.press(kb.Tab)
		at := value[string](w.browser, focused)
		if at == place {
			return
		}
		passed = append(passed, at)
	}
	t.Fatalf("Tab does not lead to %q, but to %s", place, strings.Join(passed, ", "))
}

// useKeyboard does without a mouse what the page can do.
func (w *shownOperator) useKeyboard(t *testing.T) {
	t.Helper()
	w.tabTo(t, "Pause")
	w.press(kb.Enter)
	w.waitUntil(5*time.Second, focused+` === 'Go on' && document.activeElement.getAttribute('aria-pressed') === 'true'`)
	w.press(kb.Enter)
	w.tabTo(t, "Filter Streams")
	w.press("deployments")
	w.waitUntil(5*time.Second, hasRow("streams", "deployments.apps")+" && !"+hasRow("streams", fooResource))
	w.press(strings.Split(strings.Repeat(kb.Backspace, len("deployments")), "")...)
	w.tabTo(t, "streams Events")
	w.press(kb.Enter)
	w.waitUntil(5*time.Second, `document.activeElement.closest('th').getAttribute('aria-sort') === 'descending'`)
	w.tabTo(t, "streams row")
	first := value[string](w.browser, `document.activeElement.cells[0].textContent`)
	w.press(kb.Enter)
	w.waitUntil(5*time.Second, fmt.Sprintf(`document.getElementById('chosen').textContent === %q`, first))
	w.press(kb.Escape)
	w.waitUntil(5*time.Second, `document.getElementById('chosen').hidden`)
	w.press(kb.ArrowUp, kb.ArrowUp, kb.ArrowUp, kb.ArrowDown)
	if second := value[int](w.browser, `document.activeElement.sectionRowIndex`); second != 1 {
		t.Errorf("the arrows led to row %d and not to the second", second)
	}
	w.loseFirstRow(t)
	w.tabTo(t, "caches Resource") // one stop for all rows of a table
}

// loseFirstRow takes away the row above the keyboard, and then the one where it is.
func (w *shownOperator) loseFirstRow(t *testing.T) {
	t.Helper()
	value[bool](w.browser, `paused = true`) // or the next refresh brings it back
	for range 2 {
		value[bool](w.browser, `tables.streams.show(tables.streams.data.slice(1)), true`)
		if at := value[string](w.browser, focused); at != "streams row" {
			t.Errorf("the first stream has ended, and the keyboard is at %q", at)
		}
	}
	value[bool](w.browser, `paused = false, true`)
}

// hasRequested says whether the page has asked for something that ends so.
func (b *browser) hasRequested(end string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.requests, func(url string) bool { return strings.HasSuffix(url, end) })
}

// value is what an expression says in the page.
func value[T any](b *browser, expression string) T {
	b.t.Helper()
	var said T
	b.do(chromedp.Evaluate(expression, &said))
	return said
}

// waitUntil waits until an expression is true in the page, and returns how long that took.
func (b *browser) waitUntil(limit time.Duration, expression string) time.Duration {
	b.t.Helper()
	began := time.Now()
	err := harness.PollFor(limit, 50*time.Millisecond, func() error {
		if !value[bool](b, expression) {
			return fmt.Errorf("not so in the page: %s", expression)
		}
		return nil
	})
	if err != nil {
		b.screenshot("failed")
	}
	must(b.t, err)
	return time.Since(began)
}

// press presses one key after the other.
func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.do(chromedp.KeyEvent(key))
	}
}
