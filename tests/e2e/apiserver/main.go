// SPDX-License-Identifier: Apache-2.0

// weir-testapiserver is a real kube-apiserver with a real etcd inside the same
// process, so that a test needs one binary, one child and no downloads.
//
// The flags before "--" are ours, those after it go to kube-apiserver as they are:
//
//	weir-testapiserver --etcd-data-dir DIR -- --secure-port=6443 ...
//	weir-testapiserver --etcd http://127.0.0.1:2379 -- --secure-port=6443 ...
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	dataDir := flag.String("etcd-data-dir", "", "where etcd keeps its data; a temporary directory when empty")
	listen := flag.String("etcd-listen", "127.0.0.1:0", "where etcd listens for clients")
	existing := flag.String("etcd", "", "the URL of an etcd to use instead of one of our own")
	flag.Parse()

	client, stop, err := *existing, func() {}, error(nil)
	if client == "" {
		client, stop, err = startEtcd(*dataDir, *listen)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "weir-testapiserver:", err)
		os.Exit(1)
	}
	// kube-apiserver's own SIGTERM handling ends Run; only then may etcd go.
	command := app.NewAPIServerCommand()
	command.SetArgs(append(flag.Args(), "--etcd-servers="+client))
	code := cli.Run(command)
	stop()
	os.Exit(code)
}

// startEtcd runs an etcd member alone on loopback and returns its client URL.
func startEtcd(dataDir, listen string) (string, func(), error) {
	remove := func() {}
	if dataDir == "" {
		dir, err := os.MkdirTemp("", "weir-etcd-")
		if err != nil {
			return "", nil, err
		}
		dataDir = filepath.Join(dir, "data")
		remove = func() { os.RemoveAll(dir) }
	}
	config := embed.NewConfig()
	config.Dir = dataDir
	config.LogLevel = "error"
	// The data need not survive a power cut, only a restart of this process.
	config.UnsafeNoFsync = true
	// The default of 2 GB stays; a test that fills it has other problems.
	loopback := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	client := url.URL{Scheme: "http", Host: listen}
	config.ListenClientUrls = []url.URL{client}
	config.AdvertiseClientUrls = []url.URL{client}
	config.ListenPeerUrls = []url.URL{loopback}
	config.AdvertisePeerUrls = []url.URL{loopback}
	config.InitialCluster = config.InitialClusterFromName(config.Name)

	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return "", nil, fmt.Errorf("cannot start etcd in %q: %w", dataDir, err)
	}
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		return "", nil, fmt.Errorf("etcd in %q stopped: %w", dataDir, err)
	case <-time.After(30 * time.Second):
		return "", nil, fmt.Errorf("etcd in %q was not ready in 30 s", dataDir)
	}
	stop := func() {
		etcd.Close()
		remove()
	}
	return "http://" + etcd.Clients[0].Addr().String(), stop, nil
}
