// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// The users every API server of the harness knows, by token (see tokenOf):
//
//	admin            the tests themselves
//	operator-NN      what is under test; each test takes fresh ones, so that the
//	                 audit log tells its requests from all others
//	owner, other     of the conformance suite; "owner-again" is another token of owner
//	limited, nobody  may do what RBAC grants them: nothing at first
//	plain-NN         likewise, for tests that need many of those
//
// admin, the operators, owner and other are in system:masters.
const (
	serviceAccountIssuer = "https://kubernetes.default.svc.cluster.local"
	operatorCount        = 120
	plainCount           = 20
)

// APIServer is a real kube-apiserver with etcd, as a child process.
type APIServer struct {
	Address string // host:port, the same after a restart
	Etcd    string // host:port of the etcd in it
	CA      *CA

	dir     string
	shares  string // host:port of another one's etcd; empty: it has its own
	flags   []string
	process *Process
	nextOp  int

	nextPlain int
}

// StartAPIServer makes a cluster in a directory and waits until it is ready.
// Extra flags go to kube-apiserver.
func StartAPIServer(dir string, flags ...string) (*APIServer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	ca, err := NewCA("e2e cluster")
	if err != nil {
		return nil, err
	}
	etcd, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	s := &APIServer{Address: address, Etcd: etcd, CA: ca, dir: dir, flags: flags}
	if err := s.writeFiles(); err != nil {
		return nil, err
	}
	return s, s.start()
}

// StartSecond starts another API server of the same cluster, which reaches its etcd at an
// address that may be a Relay's.
func (s *APIServer) StartSecond(etcd string) (*APIServer, error) {
	address, err := FreeAddress()
	if err != nil {
		return nil, err
	}
	second := &APIServer{Address: address, CA: s.CA, dir: s.dir + "-second", shares: etcd, flags: s.flags}
	if err := os.MkdirAll(second.dir, 0o755); err != nil {
		return nil, err
	}
	if err := second.writeFiles(); err != nil {
		return nil, err
	}
	return second, second.start()
}

func (s *APIServer) file(name string) string { return filepath.Join(s.dir, name) }

func (s *APIServer) writeFiles() error {
	certificate, key, err := s.CA.Serving("127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	signerPEM, err := PrivateKeyPEM(signer)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"ca.crt":            s.CA.PEM,
		"server.crt":        certificate,
		"server.key":        key,
		"sa.key":            signerPEM,
		"tokens.csv":        []byte(tokens()),
		"audit-policy.yaml": []byte(auditPolicy),
	}
	for name, content := range files {
		if err := os.WriteFile(s.file(name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func tokens() string {
	var csv strings.Builder
	line := func(user string, groups string) {
		fmt.Fprintf(&csv, "%s,%s,uid-of-%s,\"%s\"\n", tokenOf(user), user, user, groups)
	}
	line("admin", "system:masters")
	line("owner", "system:masters")
	fmt.Fprintf(&csv, "%s,owner,uid-of-owner,system:masters\n", tokenOf("owner-again"))
	line("other", "system:masters")
	line("limited", "e2e:limited")
	line("nobody", "")
	for i := range operatorCount {
		line(operatorName(i), "system:masters")
	}
	for i := range plainCount {
		line(plainName(i), "")
	}
	return csv.String()
}

func tokenOf(user string) string { return "secret-of-" + user }

func operatorName(i int) string { return fmt.Sprintf("operator-%02d", i) }

// NewOperator returns a user that no test has used before.
func (s *APIServer) NewOperator() string {
	if s.nextOp == operatorCount {
		panic("harness: raise operatorCount")
	}
	s.nextOp++
	return operatorName(s.nextOp - 1)
}

func plainName(i int) string { return fmt.Sprintf("plain-%02d", i) }

// NewPlainUser returns a user without rights that no test has used before.
func (s *APIServer) NewPlainUser() string {
	if s.nextPlain == plainCount {
		panic("harness: raise plainCount")
	}
	s.nextPlain++
	return plainName(s.nextPlain - 1)
}

func (s *APIServer) start() error {
	binary, err := Binary(apiServerProgram())
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	etcd := []string{"--etcd-data-dir", s.file("etcd"), "--etcd-listen", s.Etcd, "--"}
	if s.shares != "" {
		etcd = []string{"--etcd", "http://" + s.shares, "--"}
	}
	args := append(etcd,
		"--secure-port="+port,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
		"--tls-cert-file="+s.file("server.crt"), "--tls-private-key-file="+s.file("server.key"),
		"--client-ca-file="+s.file("ca.crt"), "--cert-dir="+s.dir,
		"--service-account-issuer="+serviceAccountIssuer,
		"--service-account-key-file="+s.file("sa.key"), "--service-account-signing-key-file="+s.file("sa.key"),
		"--service-cluster-ip-range=10.0.0.0/24", "--allow-privileged=true", "--endpoint-reconciler-type=none",
		"--authorization-mode=RBAC", "--token-auth-file="+s.file("tokens.csv"),
		// There is no controller manager to make the default service account.
		"--disable-admission-plugins=ServiceAccount",
		// Without a token the answer is 401, and not a view for system:anonymous.
		"--anonymous-auth=false",
		"--audit-log-path="+s.auditLog(), "--audit-policy-file="+s.file("audit-policy.yaml"),
		// Written before the request is served: what a client has seen is in the log.
		"--audit-log-mode=blocking",
		// A child's grace must not wait for watches that tests leave open.
		"--shutdown-delay-duration=0s",
	)
	s.process, err = StartProcess("kube-apiserver", s.LogFile(), binary, append(args, s.flags...)...)
	if err != nil {
		return err
	}
	return s.waitReady()
}

func (s *APIServer) LogFile() string { return s.file("kube-apiserver.log") }

func (s *APIServer) waitReady() error {
	config := s.Config("admin")
	config.Timeout = 2 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	return PollFor(60*time.Second, 50*time.Millisecond, func() error {
		_, err := client.RESTClient().Get().AbsPath("/readyz").DoRaw(context.Background())
		return s.process.alive(err)
	})
}

// Restart ends the API server and starts it again on the same data and address.
// Its watch caches are new: every older resourceVersion is expired.
func (s *APIServer) Restart() error {
	// SIGKILL: a crash, and no minute of grace for open watches.
	s.process.Kill()
	return s.start()
}

// Signal sends a signal to the API server, with the etcd in it.
func (s *APIServer) Signal(signal syscall.Signal) { s.process.Signal(signal) }

func (s *APIServer) Stop() {
	if s.process != nil {
		s.process.Kill()
	}
	os.RemoveAll(s.file("etcd"))
}

func (s *APIServer) PID() int { return s.process.PID() }

// Config is a client's configuration, straight to the API server.
func (s *APIServer) Config(user string) *rest.Config {
	return &rest.Config{
		Host:            "https://" + s.Address,
		BearerToken:     tokenOf(user),
		TLSClientConfig: rest.TLSClientConfig{CAData: s.CA.PEM},
		QPS:             -1,
		UserAgent:       "weir-e2e",
	}
}

// WriteKubeconfig writes a kubeconfig for a user. The address may be a Relay's;
// empty means the API server's own.
func (s *APIServer) WriteKubeconfig(path, user, address string) error {
	return s.writeKubeconfig(path, address, &clientcmdapi.AuthInfo{Token: tokenOf(user)})
}

// WriteTokenKubeconfig is WriteKubeconfig for any token.
func (s *APIServer) WriteTokenKubeconfig(path, token string) error {
	return s.writeKubeconfig(path, "", &clientcmdapi.AuthInfo{Token: token})
}

// WriteTokenFileKubeconfig is WriteKubeconfig for a token that changes in a file.
func (s *APIServer) WriteTokenFileKubeconfig(path, tokenFile string) error {
	return s.writeKubeconfig(path, "", &clientcmdapi.AuthInfo{TokenFile: tokenFile})
}

// WriteCertificateKubeconfig is WriteKubeconfig for a client certificate, in files
// beside it; written again, the certificate is another one.
func (s *APIServer) WriteCertificateKubeconfig(path, address, user string, groups ...string) error {
	certificate, key, err := s.CA.Client(user, groups...)
	if err != nil {
		return err
	}
	files := &clientcmdapi.AuthInfo{ClientCertificate: path + ".crt", ClientKey: path + ".key"}
	return errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(files.ClientCertificate, certificate, 0o644),
		os.WriteFile(files.ClientKey, key, 0o600),
		s.writeKubeconfig(path, address, files))
}

func (s *APIServer) writeKubeconfig(path, address string, auth *clientcmdapi.AuthInfo) error {
	if address == "" {
		address = s.Address
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: "https://" + address, CertificateAuthorityData: s.CA.PEM}
	config.AuthInfos["e2e"] = auth
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "e2e"}
	config.CurrentContext = "e2e"
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), clientcmd.WriteToFile(*config, path))
}

// LoadKubeconfig reads what a client would.
func LoadKubeconfig(path string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.UserAgent = "weir-e2e"
	return config, nil
}
