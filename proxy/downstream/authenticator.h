// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

#include "proxy/base/stats.h"
#include "proxy/upstream/api_server_client.h"

namespace weir {

struct AuthenticatorOptions {
  absl::Duration remember =
      absl::Minutes(10);  // Then a token is proved again; sooner if it expires.
  // For so long beyond that a proof counts while the API server gives no answer.
  absl::Duration remember_unanswered = absl::Minutes(10);
  absl::Duration review_timeout = absl::Seconds(3);
  size_t max_tokens = 1000;  // Remembered; the oldest goes first.
};

// Decides whose requests may be answered from the cache: those whose bearer token has the same
// identity (user, uid, groups, extra) as Weir's own credential, proved by the API server once per
// token, and anew when Weir's own token becomes another.
// Tokens are remembered by their SHA-256 only. One per worker.
class Authenticator {
 public:
  enum class Verdict {
    kOwner,             // May read the cache.
    kOwnerByWeirToken,  // Likewise, and forward with Weir's credential in place of the token.
    kOther,             // Forward with the caller's own credential.
  };
  // `weir_token`: the random token of the client directory when the upstream credential is a
  // client certificate, else "". `owner_changed` runs when Weir's own credential has turned out to
  // be somebody else, or nobody: what is cached is no longer the caller's to read.
  Authenticator(Upstream& upstream, std::string weir_token, const AuthenticatorOptions& options,
                StatsRegistry& registry, std::function<void(absl::Status)> owner_changed);
  ~Authenticator();

  // Who a forwarded request is sent as; never asks anybody.
  bool IsWeirToken(std::string_view authorization) const;
  // The verdict if it is known now.
  std::optional<Verdict> Known(std::string_view authorization);
  // Otherwise asks upstream; `done` never runs before this has returned. Anything but a proof
  // (time-out, refusal) is kOther; where there is no answer, a proof that has just become too old
  // counts.
  [[nodiscard]] RequestHandle Check(std::string_view authorization,
                                    std::function<void(Verdict)> done);

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weir
