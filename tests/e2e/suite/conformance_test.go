// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"weir.dev/e2e/suite/harness"
)

var contractFoos = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "foos"}

// The foos of the fake API server: a kind of any content.
var contractFooCRD = harness.Object{
	"apiVersion": "apiextensions.k8s.io/v1",
	"kind":       "CustomResourceDefinition",
	"metadata":   harness.Object{"name": "foos.example.com"},
	"spec": harness.Object{
		"group": "example.com",
		"names": harness.Object{"kind": "Foo", "plural": "foos"},
		"scope": "Namespaced",
		"versions": []any{harness.Object{
			"name": "v1", "served": true, "storage": true,
			"schema": harness.Object{"openAPIV3Schema": harness.Object{
				"type": "object", "x-kubernetes-preserve-unknown-fields": true,
			}},
		}},
	},
}

// The contract suite in tests/conformance, straight at this API server and through
// the Weir that is built into it: what it expects of the fake API server, a real one
// must do, too.
func TestConformanceSuite(t *testing.T) {
	binary := os.Getenv("WEIR_CONFORMANCE_BIN")
	if binary == "" {
		if os.Getenv("WEIR_REQUIRED") != "1" {
			t.Skip("WEIR_CONFORMANCE_BIN names no conformance_tests")
		}
		t.Fatal("WEIR_CONFORMANCE_BIN names no conformance_tests")
	}
	var flags []string
	if harness.ServerVersion() == "1.33" {
		// Off by default there. The differential tests run without: Weir makes stream-lists itself.
		flags = append(flags, "--feature-gates=WatchList=true")
	}
	server := need(harness.StartAPIServer(filepath.Join(testDir(t), "cluster"), flags...))(t)
	t.Cleanup(server.Stop)
	must(t, harness.CreateCRD(context.Background(), server.Config("admin"), contractFooCRD, contractFoos))
	// Now what has been is before all history.
	must(t, server.Restart())
	must(t, harness.CreateCRD(context.Background(), server.Config("admin"), contractFooCRD, contractFoos))
	kubeconfig := filepath.Join(testDir(t), "kubeconfig")
	must(t, writeContractKubeconfig(server, kubeconfig))

	filter := os.Getenv("E2E_CONFORMANCE_FILTER")
	if filter == "" {
		filter = contractFilter()
	}
	command := exec.Command(binary, "--gtest_brief=1", "--gtest_filter="+filter)
	command.Env = append(os.Environ(), "WEIR_CONFORMANCE_KUBECONFIG="+kubeconfig)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var output bytes.Buffer
	command.Stdout = io.MultiWriter(os.Stdout, &output)
	command.Stderr = command.Stdout
	must(t, command.Run())
	passed := regexp.MustCompile(`\[  PASSED  \] ([0-9]+) tests?`).FindSubmatch(output.Bytes())
	if passed == nil || string(passed[1]) == "0" {
		t.Errorf("no case has run: %s", output.Bytes())
	}
	if bytes.Contains(output.Bytes(), []byte("[  SKIPPED ]")) {
		t.Error("a case was skipped")
	}
}

// writeContractKubeconfig has one context for each user that cases ask as.
func writeContractKubeconfig(server *harness.APIServer, path string) error {
	config := clientcmdapi.NewConfig()
	for _, user := range []string{"owner", "owner-again", "other", "nobody"} {
		way := server.Config(user)
		config.Clusters[user] = &clientcmdapi.Cluster{Server: way.Host, CertificateAuthorityData: way.CAData}
		config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: way.BearerToken}
		config.Contexts[user] = &clientcmdapi.Context{Cluster: user, AuthInfo: user}
	}
	config.CurrentContext = "owner"
	return clientcmd.WriteToFile(*config, path)
}

// contractFilter leaves out what is not so at 1.31, whose stream-lists are no more than begun. What
// goes through Weir has them there all the same; not so what is compared with one straight, or with
// what an error says.
func contractFilter() string {
	filter := "Real/*"
	if harness.ServerVersion() != "1.31" {
		return filter
	}
	filter += "-*/Direct*"
	for _, test := range []string{
		"EveryMistakeInTheOptionsIsNamed", "InitialEventsNeedMatchNotOlderThan", "LargeStreamListArrivesWhole",
		"LegacyWatchFromNothingWithBookmarksSaysWhereTheObjectsEnd",
		"LegacyWatchFromZeroWithBookmarksSaysWhereTheObjectsEnd", "MetadataClientsAcceptGetsMetadata",
		"MetadataStreamListEndsWithItsBookmark", "StreamListHasTheApiServersBytesInKeyOrder",
		"StreamListOfANameHoldsNothingElse", "StreamListOfAVersionThatIsYetToComeIsAnErrorInTheStream",
		"VersionThatIsNoNumberIsABadRequestOfAList",
	} {
		filter += ":*." + test + "/*"
	}
	return filter
}
