// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server_list.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "proxy/base/strings.h"

namespace weir {
namespace {

FakeStatus BadRequest(std::string message) {
  return {.code = 400, .reason = "BadRequest", .message = std::move(message)};
}

// base64url without padding.
std::string Base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t held = 0;
  int bits = 0;
  for (const unsigned char c : bytes) {
    held = held << 8 | c;
    for (bits += 8; bits >= 6; bits -= 6) out += kDigits[held >> (bits - 6) & 63];
  }
  if (bits > 0) out += kDigits[held << (6 - bits) & 63];
  return out;
}

std::optional<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  uint32_t held = 0;
  int bits = 0;
  for (const char c : text) {
    const size_t digit =
        std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
            .find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    held = held << 6 | static_cast<uint32_t>(digit);
    if (bits += 6; bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(held >> bits);
  }
  return bytes;
}

// Where a page begins, and of which version it is; -1: of the newest.
struct Continue {
  int64_t version = 0;
  std::string start;  // What follows the collection's prefix in the storage's keys.
};

std::string Encode(const Continue& token) {
  const nlohmann::ordered_json json = {
      {"v", "meta.k8s.io/v1"}, {"rv", token.version}, {"start", token.start}};
  return Base64(json.dump());
}

std::optional<Continue> ReadContinue(std::string_view text) {
  const nlohmann::json json = nlohmann::json::parse(FromBase64(text).value_or(""), nullptr, false);
  if (!json.is_object() || !json.contains("rv") || !json.contains("start")) return std::nullopt;
  return Continue{json["rv"].get<int64_t>(), json["start"].get<std::string>()};
}

// An object's key after the prefix of what is listed.
std::string KeyOf(const FakeObject& object, const FakeReadRequest& request) {
  if (!request.namespace_name.empty() || object.namespace_name.empty()) return object.name;
  return StrCat("/", object.namespace_name, "/", object.name);
}

FakeStatus ExpiredList() {
  return {.code = 410,
          .reason = "Expired",
          .message = "The resourceVersion for the provided list is too old."};
}

FakeStatus ExpiredPage(const Continue& token) {
  return {.code = 410,
          .reason = "Expired",
          .message =
              "The provided continue parameter is too old to display a consistent list "
              "result; the token in this response goes on without consistency.",
          .continue_token = Encode({.version = -1, .start = token.start})};
}

// Objects at `version` from `start` on, at most `limit` of them.
FakeListAnswer Page(const FakeApiState& state, const FakeReadRequest& request, uint64_t version,
                    const std::string& start, uint64_t limit) {
  FakeListAnswer answer;
  answer.list.kind = request.kind;
  answer.list.version = version;
  std::string last;
  for (FakeObjectPtr& object : state.store.ListAt(*request.kind, version)) {
    if (!request.Selects(*object) || KeyOf(*object, request) < start) continue;
    if (limit == 0 || answer.list.items.size() < limit) {
      last = KeyOf(*object, request);
      answer.list.items.push_back(std::move(object));
    } else {
      ++answer.list.remaining;
    }
  }
  if (answer.list.remaining == 0) return answer;
  answer.list.continue_token =
      Encode({.version = static_cast<int64_t>(version), .start = last + '\0'});
  // How many of them a selection holds is not known without looking at each.
  if (!request.labels.empty() || !request.fields.empty()) answer.list.remaining = 0;
  return answer;
}

FakeListAnswer NextPage(const FakeApiState& state, const FakeReadRequest& request, uint64_t limit) {
  const auto token = ReadContinue(request.options.continue_token);
  if (!token) {
    return {.error = BadRequest("invalid continue token: continue key is not valid: it is not one "
                                "of this server's"),
            .list = {}};
  }
  if (!request.options.resource_version.empty() && request.options.resource_version != "0") {
    return {.error = BadRequest("specifying resource version is not allowed when using continue"),
            .list = {}};
  }
  const uint64_t version =
      token->version < 0 ? state.store.version() : static_cast<uint64_t>(token->version);
  if (version < state.store.compacted()) return {.error = ExpiredPage(*token), .list = {}};
  return Page(state, request, version, token->start, limit);
}

}  // namespace

FakeStatus TooLargeVersion(uint64_t version, uint64_t current) {
  return {
      .code = 504,
      .reason = "Timeout",
      .message = StrCat("Timeout: Too large resource version: ", version, ", current: ", current),
      .causes = {{"ResourceVersionTooLarge", "Too large resource version", ""}},
      .retry_after_seconds = 1};
}

FakeStatus TooOldVersion(uint64_t version, uint64_t oldest) {
  return {.code = 410,
          .reason = "Expired",
          .message = StrCat("too old resource version: ", version, " (", oldest, ")")};
}

bool FakeReadRequest::Selects(const FakeObject& object) const {
  if (!namespace_name.empty() && object.namespace_name != namespace_name) return false;
  return fields.Matches(object.name, object.namespace_name) &&
         labels.Matches([&object](std::string_view key) -> std::optional<std::string_view> {
           const auto label = object.labels.find(std::string(key));
           if (label == object.labels.end()) return std::nullopt;
           return label->second;
         });
}

FakeListAnswer AnswerList(const FakeApiState& state, const FakeReadRequest& request) {
  const ListOptions& options = request.options;
  const uint64_t limit = static_cast<uint64_t>(std::max<int64_t>(0, options.limit.value_or(0)));
  const uint64_t asked = ParseUint64(options.resource_version).value_or(0);
  if (!options.continue_token.empty()) return NextPage(state, request, limit);
  if (options.resource_version.empty()) {
    return Page(state, request, state.store.version(), "", limit);
  }
  const bool exact = options.resource_version_match == "Exact" ||
                     (options.resource_version_match.empty() && limit > 0 && asked > 0);
  if (asked > (exact ? state.store.version() : state.served_version())) {
    return {.error = TooLargeVersion(asked, state.served_version()), .list = {}};
  }
  if (!exact) {
    const bool ignore_limit = options.resource_version_match.empty();
    return Page(state, request, state.served_version(), "", ignore_limit ? 0 : limit);
  }
  if (asked < state.store.compacted()) {
    return {.error = ExpiredList(), .list = {}};
  }
  return Page(state, request, asked, "", limit);
}

}  // namespace weir
