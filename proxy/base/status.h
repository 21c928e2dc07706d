// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Errors of Weir: absl::Status, made here so that std::string_view works everywhere (Debian's
// abseil has a string_view of its own). Whoever must tell a failure apart uses the predicates;
// nothing else looks at codes. kube/api_status.h turns them into Kubernetes answers and back.

namespace weir {

absl::Status InvalidArgumentError(std::string_view message);   // Bad input: 400 BadRequest.
absl::Status NotFoundError(std::string_view message);          // 404 NotFound.
absl::Status UnauthenticatedError(std::string_view message);   // 401 Unauthorized.
absl::Status PermissionDeniedError(std::string_view message);  // 403 Forbidden.
absl::Status NotAcceptableError(std::string_view message);    // 406: the kind has no such encoding.
absl::Status ResourceExpiredError(std::string_view message);  // 410 Expired: list again.
absl::Status TooManyRequestsError(std::string_view message);  // 429: come back later.
absl::Status InvalidOptionsError(std::string_view message);   // 422 Invalid.
absl::Status InternalError(std::string_view message);         // 500 InternalError.
absl::Status UnavailableError(std::string_view message);      // 503: peer gone or unreachable.
absl::Status TimeoutError(std::string_view message);          // 504 Timeout.
absl::Status TooLargeVersionError(std::string_view message);  // 504 ResourceVersionTooLarge.
absl::Status CancelledError(std::string_view message);
absl::Status LimitError(std::string_view message);  // One of Weir's own limits was reached.

// abseil's own, where argument-dependent look-up would find both.
using absl::IsCancelled;
using absl::IsInvalidArgument;
using absl::IsNotFound;
using absl::IsPermissionDenied;
using absl::IsUnauthenticated;
using absl::IsUnavailable;
bool IsNotAcceptable(const absl::Status& status);
bool IsResourceExpired(const absl::Status& status);
bool IsTooManyRequests(const absl::Status& status);
bool IsInvalidOptions(const absl::Status& status);
bool IsTimeout(const absl::Status& status);
bool IsTooLargeVersion(const absl::Status& status);
bool IsLimit(const absl::Status& status);

// status.message() as the string_view the rest of Weir uses.
std::string_view MessageOf(const absl::Status& status);

// The same failure, "context: message".
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace weir

#define WEIR_STATUS_CONCAT_INNER(a, b) a##b
#define WEIR_STATUS_CONCAT(a, b) WEIR_STATUS_CONCAT_INNER(a, b)

#define WEIR_RETURN_IF_ERROR(expression)                                                   \
  do {                                                                                     \
    if (absl::Status weir_status_ = (expression); !weir_status_.ok()) return weir_status_; \
  } while (false)

#define WEIR_ASSIGN_OR_RETURN(target, expression) \
  WEIR_ASSIGN_OR_RETURN_INNER(WEIR_STATUS_CONCAT(weir_statusor_, __LINE__), target, expression)
#define WEIR_ASSIGN_OR_RETURN_INNER(variable, target, expression) \
  auto variable = (expression);                                   \
  if (!variable.ok()) return std::move(variable).status();        \
  target = *std::move(variable)
