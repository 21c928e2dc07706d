// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/support/fake_api_server_state.h"

namespace weir {

struct FakeDocument {
  std::string_view content_type;
  std::string body;
};

// /version, health, discovery (as far as kubectl needs it) and /metrics; nullopt: none of them.
std::optional<FakeDocument> AnswerNonResource(const FakeApiState& state, std::string_view method,
                                              std::string_view path);
std::string SelfSubjectReviewJson(const FakeUser& user);
// The answer to a review with that body: what Deny() has not denied.
std::string SelfSubjectAccessReviewJson(const FakeApiState& state, const FakeUser& user,
                                        std::string_view body);
// {"requests":[{"verb","resource","userAgent","count"}]}
std::string CountsJson(const FakeApiState& state);

}  // namespace weir
