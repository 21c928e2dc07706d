// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/message.h"

#include <algorithm>

#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::string_view kHopByHop[] = {"Connection",
                                          "Keep-Alive",
                                          "Proxy-Connection",
                                          "Proxy-Authenticate",
                                          "Proxy-Authorization",
                                          "TE",
                                          "Trailer",
                                          "Transfer-Encoding",
                                          "Upgrade"};

// RFC 9110 7.6.1 lets no sender name what is meant for all recipients. As who a request is made
// must not depend on whether it passes a proxy.
bool IsIdentity(std::string_view lower_name) {
  return lower_name == "authorization" || lower_name.starts_with("impersonate-");
}

}  // namespace

void HeaderList::Add(std::string_view name, std::string_view value) {
  if (fields_.capacity() == 0) fields_.reserve(16);
  fields_.emplace_back(name, value);
}

void HeaderList::Set(std::string_view name, std::string_view value) {
  // Both may view a field that is about to go.
  Field field(name, value);
  Remove(field.first);
  fields_.push_back(std::move(field));
}

void HeaderList::Remove(std::string_view name) {
  std::erase_if(fields_, [name](const Field& f) { return EqualsIgnoreCase(f.first, name); });
}

std::string_view HeaderList::Get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (EqualsIgnoreCase(field.first, name)) return field.second;
  }
  return {};
}

bool HeaderList::Has(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [name](const Field& f) { return EqualsIgnoreCase(f.first, name); });
}

bool HeaderList::HasToken(std::string_view name, std::string_view token) const {
  for (const Field& field : fields_) {
    if (!EqualsIgnoreCase(field.first, name)) continue;
    for (const std::string_view part : Split(field.second, ',')) {
      if (EqualsIgnoreCase(Trim(part), token)) return true;
    }
  }
  return false;
}

size_t HeaderList::bytes() const {
  size_t sum = 0;
  for (const Field& field : fields_) sum += field.first.size() + field.second.size() + 32;
  return sum;
}

void HeaderList::RemoveHopByHop() {
  // Sorted, because a client may name as many headers as it sends.
  std::vector<std::string> named;
  for (const Field& field : fields_) {
    if (!EqualsIgnoreCase(field.first, "Connection")) continue;
    for (const std::string_view part : Split(field.second, ',')) {
      std::string name = Lower(Trim(part));
      if (!name.empty() && !IsIdentity(name)) named.push_back(std::move(name));
    }
  }
  std::sort(named.begin(), named.end());
  std::erase_if(fields_, [&named](const Field& field) {
    const auto is_name = [&field](std::string_view name) {
      return EqualsIgnoreCase(field.first, name);
    };
    return std::any_of(std::begin(kHopByHop), std::end(kHopByHop), is_name) ||
           (!named.empty() && std::binary_search(named.begin(), named.end(), Lower(field.first)));
  });
}

}  // namespace weir
