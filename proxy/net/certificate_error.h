// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "openssl/x509.h"

namespace weir {

// Why a certificate failed verification with the X509_V_ERR_... `error`, for the operator: the
// names it has when it lacks the wanted one, the date when it is not valid now. `certificate`
// may be null.
std::string DescribeCertificateError(const X509* certificate, int error);

}  // namespace weir
