// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "openssl/evp.h"
#include "openssl/ssl.h"
#include "openssl/x509.h"

// OpenSSL's objects owned, and its error queue in words. Only for the .cc files of net/.

namespace weir {

template <auto kFree>
struct SslDeleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using BioPtr = std::unique_ptr<BIO, SslDeleter<BIO_free_all>>;
using PrivateKeyPtr = std::unique_ptr<EVP_PKEY, SslDeleter<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, SslDeleter<X509_free>>;
using SslPtr = std::unique_ptr<SSL, SslDeleter<SSL_free>>;

// The first reason in this thread's error queue, which is the cause of the others, or "unknown
// reason"; empties the queue.
std::string TakeSslError();

}  // namespace weir
