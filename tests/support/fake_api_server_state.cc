// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server_state.h"

#include <algorithm>

#include "proxy/base/strings.h"

namespace weir {
namespace {

bool Fits(std::string_view wanted, std::string_view value) {
  return wanted.empty() || wanted == value;
}

}  // namespace

bool FakeRequestMatch::Matches(std::string_view v, std::string_view r,
                               std::string_view agent) const {
  return Fits(verb, v) && Fits(resource, r) && agent.substr(0, user_agent.size()) == user_agent;
}

uint64_t FakeApiState::served_version() const {
  return std::min(lag.value_or(store.version()), store.version());
}

std::optional<FakeFault> FakeApiState::TakeFault(std::string_view verb, std::string_view resource,
                                                 std::string_view agent) {
  const auto fault = std::find_if(faults.begin(), faults.end(), [&](const FakeFault& f) {
    return f.match.Matches(verb, resource, agent);
  });
  if (fault == faults.end()) return std::nullopt;
  const FakeFault taken = *fault;
  if (fault->times > 0 && --fault->times == 0) faults.erase(fault);
  return taken;
}

std::optional<FakeUser> FakeApiState::Authenticate(std::string_view authorization) const {
  if (authorization.empty()) return without_token;
  constexpr std::string_view kBearer = "Bearer ";
  if (authorization.substr(0, kBearer.size()) != kBearer) return std::nullopt;
  const auto user = users.find(std::string(authorization.substr(kBearer.size())));
  if (user == users.end()) return std::nullopt;
  return user->second;
}

void FakeApiState::AddWarnings(const std::string& resource, HeaderList& headers) const {
  const auto known = warnings.find(resource);
  if (known == warnings.end()) return;
  for (const std::string& warning : known->second) headers.Add("Warning", warning);
}

bool FakeApiState::Allowed(const FakeUser& user, std::string_view verb,
                           std::string_view resource) const {
  return std::none_of(denied.begin(), denied.end(), [&](const auto& entry) {
    const auto& [name, denied_verb, denied_resource] = entry;
    return Fits(name, user.username) && Fits(denied_verb, verb) && Fits(denied_resource, resource);
  });
}

}  // namespace weir
