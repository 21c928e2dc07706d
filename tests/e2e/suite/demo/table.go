// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

func printTable(o options, direct, through *result) {
	fmt.Printf("\nsample-controller with %d Foos and %d Deployments, restarted %d times\n\n", o.objects, o.objects, o.restarts)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	row := func(name string, value func(*result) string) {
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, value(direct), value(through))
	}
	fmt.Fprintln(table, "\tdirect\tthrough Weir")
	row("LISTs at the API server, first start", func(r *result) string { return fmt.Sprint(r.lists) })
	row("WATCHes at the API server, first start", func(r *result) string {
		return fmt.Sprintf("%d (%d send the whole state)", r.watches, r.streamLists)
	})
	row("further LISTs over the restarts", func(r *result) string { return fmt.Sprint(r.furtherLists) })
	row("further WATCHes over the restarts", func(r *result) string { return fmt.Sprint(r.furtherWatches) })
	row("apiserver_request_total says the same", func(r *result) string { return yesNo(r.metricsAgree) })
	row("time to synced, first start", func(r *result) string { return milliseconds(r.synced[0]) })
	row("time to synced, restarts (median)", func(r *result) string { return milliseconds(median(r.synced[1:])) })
	row("bytes to and from the API server, first start", func(r *result) string { return kibibytes(r.firstBytes) })
	row("bytes to and from the API server, restarts", func(r *result) string { return kibibytes(r.furtherBytes) })
	row("event lag, write to watcher, p50", func(r *result) string { return milliseconds(quantile(r.lag, 0.5)) })
	row("event lag, write to watcher, p99", func(r *result) string { return milliseconds(quantile(r.lag, 0.99)) })
	table.Flush()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func kibibytes(n int64) string { return fmt.Sprintf("%d KiB", (n+1023)/1024) }

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return quantile(sorted, 0.5)
}

// quantile reads a sorted slice.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
