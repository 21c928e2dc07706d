// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// ServiceAccountToken is one that is valid for as short as is wanted: the API server itself makes
// none for less than ten minutes.
func (s *APIServer) ServiceAccountToken(namespace, name, uid string, lifetime time.Duration) (string, error) {
	content, err := os.ReadFile(s.file("sa.key"))
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return "", fmt.Errorf("%s is not PEM", s.file("sa.key"))
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	now := time.Now()
	claims, err := json.Marshal(Object{
		"iss": serviceAccountIssuer, "aud": []string{serviceAccountIssuer},
		"sub": "system:serviceaccount:" + namespace + ":" + name,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(lifetime).Unix(),
		"kubernetes.io": Object{"namespace": namespace, "serviceaccount": Object{"name": name, "uid": uid}},
	})
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	r, t, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte // RFC 7518, 3.4: two numbers of 32 bytes
	r.FillBytes(signature[:32])
	t.FillBytes(signature[32:])
	return signed + "." + encode(signature[:]), nil
}
