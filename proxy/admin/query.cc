// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/query.h"

#include <set>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/list_options.h"

namespace weir {

absl::Status ReadQuery(
    std::string_view text,
    const std::function<absl::Status(std::string_view name, const std::string& value)>& take) {
  std::set<std::string_view> seen;
  if (text.empty()) return absl::OkStatus();
  for (const std::string_view part : Split(text, '&')) {
    const size_t equals = part.find('=');
    const std::string_view name = part.substr(0, equals);
    const absl::StatusOr<std::string> value =
        QueryUnescape(equals == std::string_view::npos ? "" : part.substr(equals + 1));
    if (!value.ok()) {
      return InvalidArgumentError(StrCat(Quoted(part), ": ", MessageOf(value.status())));
    }
    if (!seen.insert(name).second) {
      return InvalidArgumentError(StrCat(Quoted(name), " is there twice"));
    }
    WEIR_RETURN_IF_ERROR(take(name, *value));
  }
  return absl::OkStatus();
}

}  // namespace weir
