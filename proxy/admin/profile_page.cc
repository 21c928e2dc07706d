// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/query.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

absl::Status TakeParameter(std::string_view name, const std::string& value, ProfileQuery& query) {
  const auto number = ParseUint64(value);
  if (name == "seconds") {
    if (!number.has_value() || *number < 1 || *number > ProfileQuery::kMaxSeconds) {
      return InvalidArgumentError(StrCat("seconds must be a number from 1 to ",
                                         ProfileQuery::kMaxSeconds, ", not ", Quoted(value)));
    }
    query.seconds = *number;
  } else if (name == "id" || name == "at") {
    if (!number.has_value()) {
      return InvalidArgumentError(StrCat(name, " must be a number, not ", Quoted(value)));
    }
    (name == "id" ? query.id : query.at) = *number;
  } else {
    return InvalidArgumentError(
        StrCat("unknown parameter ", Quoted(name), "; there are: seconds id at"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProfileQuery> ParseProfileQuery(std::string_view text) {
  ProfileQuery query;
  WEIR_RETURN_IF_ERROR(ReadQuery(text, [&query](std::string_view name, const std::string& value) {
    return TakeParameter(name, value, query);
  }));
  if (query.id.has_value() && query.seconds.has_value()) {
    return InvalidArgumentError("either id, of a profile that is there, or seconds, for a new one");
  }
  if (query.at.has_value() && !query.id.has_value()) {
    return InvalidArgumentError("at is a place in the profile that id names");
  }
  return query;
}

std::string RenderProfiles(const std::vector<ProfilePtr>& profiles, absl::Time now) {
  JsonWriter json;
  json.BeginObject();
  json.BeginArray("profiles");
  for (const ProfilePtr& profile : profiles) {
    json.BeginObject();
    json.Int("id", static_cast<int64_t>(profile->id));
    json.String("began", absl::FormatTime(absl::RFC3339_sec, profile->began, absl::UTCTimeZone()));
    json.Double("ageSeconds", absl::ToDoubleSeconds(now - profile->began));
    json.Double("seconds", absl::ToDoubleSeconds(profile->length));
    json.String("reason", profile->reason);
    json.Bool("slow", profile->slow);
    json.Int("samples", static_cast<int64_t>(profile->samples));
    json.Int("samplesDropped", static_cast<int64_t>(profile->dropped));
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

}  // namespace weir
