// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"weir.dev/e2e/suite/harness"
)

// browser is a headless Chromium that shows one page of one Weir, and what it complained about.
type browser struct {
	context context.Context
	t       *testing.T

	mu         sync.Mutex
	complaints []string
	requests   []string // URLs
}

// newBrowser skips the test if there is no Chromium, unless WEIR_REQUIRED says that there must be.
func newBrowser(t *testing.T, address string) *browser {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("WEIR_REQUIRED") != "1" {
			t.Skip("there is no chromium: apt-get install chromium")
		}
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"),
		chromedp.Flag("headless", "new"), chromedp.Flag("no-sandbox", os.Geteuid() == 0))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	page, closePage := chromedp.NewContext(allocator)
	t.Cleanup(closePage)
	limited, cancel := context.WithTimeout(page, 3*time.Minute)
	t.Cleanup(cancel)
	b := &browser{context: limited, t: t}
	chromedp.ListenTarget(limited, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.complain("exception: %s", e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			b.complain("console: %s %v", e.Type, e.Args)
		case *log.EventEntryAdded:
			// What the browser itself has to say: an answer that failed, a breach of the policy.
			// Verbose are its hints.
			if e.Entry.Level != log.LevelVerbose {
				b.complain("log: %s %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
			}
		case *network.EventRequestWillBeSent:
			b.request(e.Request.URL)
			if !strings.HasPrefix(e.Request.URL, "http://"+address+"/") {
				b.complain("a request elsewhere: %s", e.Request.URL)
			}
		}
	})
	b.do(network.Enable(), runtime.Enable(), log.Enable(), chromedp.EmulateViewport(1440, 900), chromedp.Navigate("http://"+address+"/"))
	return b
}

func (b *browser) complain(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, fmt.Sprintf(format, args...))
}

func (b *browser) request(url string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, url)
}

// wantNoComplaints fails the test with what the browser has complained about.
func (b *browser) wantNoComplaints() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.complaints) > 0 {
		b.t.Errorf("the browser complains:\n%s", strings.Join(b.complaints, "\n"))
	}
}

func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	must(b.t, chromedp.Run(b.context, actions...))
}

// text is what the page shows in the elements that a selector finds, a line for each.
func (b *browser) text(selector string) string {
	b.t.Helper()
	var text string
	b.do(chromedp.Evaluate(fmt.Sprintf("[...document.querySelectorAll(%q)].filter((e) => e.offsetParent).map((e) => e.textContent).join('\\n')", selector), &text))
	return text
}

// waitFor waits until the page shows something in an element.
func (b *browser) waitFor(selector, text string) {
	b.t.Helper()
	shown := ""
	err := harness.PollFor(30*time.Second, 100*time.Millisecond, func() error {
		if shown = b.text(selector); !strings.Contains(shown, text) {
			return fmt.Errorf("%s does not show %q but:\n%s", selector, text, shown)
		}
		return nil
	})
	if err != nil {
		b.screenshot("failed")
	}
	must(b.t, err)
}

// screenshot puts one where E2E_SCREENSHOTS says, to be looked at.
func (b *browser) screenshot(name string) {
	b.t.Helper()
	dir := os.Getenv("E2E_SCREENSHOTS")
	if dir == "" {
		dir = testDir(b.t)
	}
	var picture []byte
	b.do(chromedp.FullScreenshot(&picture, 100))
	must(b.t, os.MkdirAll(dir, 0o755))
	must(b.t, os.WriteFile(filepath.Join(dir, "page-"+name+".png"), picture, 0o644))
}

// screenshots takes them light and dark, wide and narrow. Nothing may stick out at the side.
func (b *browser) screenshots(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
		for width, size := range map[string][2]int64{"wide": {1440, 900}, "narrow": {390, 844}} {
			b.do(chromedp.EmulateViewport(size[0], size[1]), chromedp.Sleep(200*time.Millisecond))
			var over bool
			b.do(chromedp.Evaluate("document.documentElement.scrollWidth > innerWidth", &over))
			if over {
				b.t.Errorf("the %s page is wider than its window", width)
			}
			b.screenshot(name + "-" + scheme + "-" + width)
		}
	}
	b.do(chromedp.EmulateViewport(1440, 900))
}

// The page shows what happens to a live operator, to people with a mouse and without.
func TestPage(t *testing.T) {
	server := sharedCluster(t)
	r := record(t, server, recordOptions{})
	b := newBrowser(t, r.weir.Admin)
	b.waitFor("#ready", "ready")
	b.waitFor("#streams tbody tr", "configmaps")
	b.waitFor("#clients tbody tr", "weir-e2e")

	// The operator acts on one object and then no more.
	createIn(t, r.outside, r.namespace, "answered")
	must(t, r.watch.WaitFor("ADDED", 10*time.Second))
	touchConfigMap(t, r.operator, "answered")
	createIn(t, r.outside, r.namespace, "forgotten")
	b.waitFor("#stages", "Event to action")
	b.waitFor("#changes tbody tr", r.namespace+"/answered")

	// With the keyboard: the first stream, its resource only, all again.
	b.do(chromedp.Focus("#streams tbody tr"), chromedp.KeyEvent(kb.Enter))
	b.waitFor("#chosen", "configmaps")
	b.waitFor("#changes tbody tr", "data.touched")
	b.do(chromedp.KeyEvent(kb.Escape))
	if chosen := b.text("#chosen"); chosen != "" {
		t.Errorf("after Esc only %s are shown", chosen)
	}
	b.do(chromedp.Focus("#streams input"), chromedp.KeyEvent("nothing like it"))
	b.waitFor("#streams p.empty", "No client watches")
	for range len("nothing like it") {
		b.do(chromedp.KeyEvent(kb.Backspace))
	}
	b.waitFor("#streams tbody tr", "configmaps")

	// A client that does not read is behind.
	stalled := need(need(harness.NewStallingClient(need(r.weir.Config())(t)))(t).Do(context.Background(), "GET",
		"/api/v1/namespaces/"+r.namespace+"/configmaps?watch=1&resourceVersion=0", nil))(t)
	defer stalled.Body.Close()
	createIn(t, r.outside, r.namespace, "large")
	for range 60 {
		fill(t, r.outside, "large", 300_000)
	}
	b.waitFor("#streams td.bad", "s")
	b.waitFor("#totals", "1 late")
	b.waitFor("#stuck tbody tr", r.namespace+"/forgotten")
	b.waitFor("#verdict", "The operator: it does not read what it is sent")
	b.waitFor("#verdict", "The operator: it does nothing about 1 object.")
	b.screenshots("all")

	ctx, stop := context.WithCancel(context.Background())
	busy := make(chan struct{})
	go func() {
		defer close(busy)
		for ctx.Err() == nil {
			patch := fmt.Appendf(nil, `{"data":{"touched":"%d"}}`, time.Now().UnixNano())
			r.operator.Patch(ctx, "answered", types.MergePatchType, patch, metav1.PatchOptions{})
		}
	}()
	defer func() { stop(); <-busy }()
	// The flame graph: asked for, then opened, then looked at more closely.
	b.do(chromedp.Evaluate("document.getElementById('profile').href = '/flamegraph?seconds=2'", nil),
		chromedp.Click("#profile"))
	b.waitFor("#profiles li", "asked for")
	b.do(chromedp.Click("#profiles a"), chromedp.WaitVisible("svg a"))
	b.screenshot("flamegraph")
	b.zoom()

	b.wantNoComplaints()
}

// zoom clicks on the second bar of a flame graph, which then is the first.
func (b *browser) zoom() {
	b.t.Helper()
	const bar = "document.querySelectorAll('svg a')[1]"
	var whole string
	var at []float64
	b.do(chromedp.Location(&whole), chromedp.Evaluate("(() => { const r = "+bar+".getBoundingClientRect();"+
		" return [r.x + r.width / 2, r.y + r.height / 2]; })()", &at))
	b.do(chromedp.MouseClickXY(at[0], at[1]))
	must(b.t, harness.PollFor(30*time.Second, 100*time.Millisecond, func() error {
		var now string
		b.do(chromedp.Location(&now))
		if now == whole || !strings.Contains(now, "/flamegraph?") {
			return fmt.Errorf("a click on a bar of %s leads to %s", whole, now)
		}
		return nil
	}))
	b.do(chromedp.WaitVisible("svg a"))
}

// fill changes a ConfigMap to so many bytes.
func fill(t *testing.T, client dynamic.ResourceInterface, name string, bytes int) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"data":{"filler":"%d%s"}}`, time.Now().UnixNano(), strings.Repeat("x", bytes))
	_, err := client.Patch(context.Background(), name, types.MergePatchType, patch, metav1.PatchOptions{})
	must(t, err)
}

// With 500 streams each look takes the page little of the time until the next.
func TestPageOfManyStreams(t *testing.T) {
	server := sharedCluster(t)
	r := record(t, server, recordOptions{})
	client := need(harness.NewRawClient(need(r.weir.Config())(t), false))(t)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for i := range 500 {
		response := need(client.Do(ctx, "GET", fmt.Sprintf("/api/v1/namespaces/%s/configmaps?watch=1&resourceVersion=0&labelSelector=n!%%3D%d", r.namespace, i), nil))(t)
		defer response.Body.Close()
	}
	b := newBrowser(t, r.weir.Admin)
	b.waitFor("#streams h2", "(501)")
	b.do(chromedp.Click("#pause"), performance.Enable())
	look := b.workOf("refresh().then(() => new Promise(requestAnimationFrame))")
	anew := b.workOf(`(async () => {
		const table = document.querySelector('#streams table'), copy = table.cloneNode(true);
		table.replaceWith(copy);
		await new Promise(requestAnimationFrame);
		copy.replaceWith(table);
	})()`)
	t.Logf("500 streams: the page's thread works so many ms for a look: %v, and to draw the table anew: %v", look, anew)
	if look["TaskDuration"] > anew["TaskDuration"]/2 {
		t.Error("the page is not fluid: a look costs more than half of what drawing all anew does")
	}
	b.wantNoComplaints()
}

// workOf is for how many milliseconds the page's thread works for an asynchronous expression.
func (b *browser) workOf(expression string) map[string]float64 {
	b.t.Helper()
	const times = 10
	before := b.work()
	for range times {
		b.do(chromedp.Evaluate(expression, nil, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	}
	spent := b.work()
	for name := range spent {
		spent[name] = math.Round((spent[name]-before[name])*1e4/times) / 10
	}
	return spent
}

// work is for how many seconds the page's thread has worked: in all, and for what.
func (b *browser) work() map[string]float64 {
	b.t.Helper()
	seconds := map[string]float64{}
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		metrics, err := performance.GetMetrics().Do(ctx)
		for _, metric := range metrics {
			switch metric.Name {
			case "TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration":
				seconds[metric.Name] = metric.Value
			}
		}
		return err
	}))
	return seconds
}
