// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/admin/answer_limits.h"
#include "proxy/base/stats.h"
#include "proxy/cache/cacher_map.h"
#include "proxy/downstream/router.h"
#include "proxy/http/exchange.h"
#include "proxy/profile/profiler.h"
#include "proxy/record/flight_recorder.h"
#include "proxy/record/lag_history.h"

namespace weir {

// What the admin pages show; each is called on the admin dispatcher's thread.
struct AdminSources {
  template <typename Row>
  using Done = std::function<void(absl::StatusOr<std::vector<Row>>)>;
  // Collects rows of all workers; `done` runs on the admin dispatcher, never before the call has
  // returned. Error: a worker does not answer. Destroying the handle cancels.
  template <typename Row>
  using Gather = std::function<RequestHandle(Done<Row> done)>;

  StatsRegistry& registry;
  AnswerLimits& limits;
  Gather<StreamRow> streams;
  Gather<CacheRow> caches;
  Gather<ClientRow> clients;  // Of each worker its own.
  // Collected as those are, merged by MergeChanges.
  std::function<RequestHandle(const ChangeQuery&, Done<ChangeRow> done)> changes;
  // Conditions of readiness: name and whether it holds.
  std::function<std::vector<std::pair<std::string, bool>>()> readiness;
  // The stages of an event's way, and what they were.
  std::function<const LagHistory&()> lag;
  std::function<const FlightRecorder&()> recorder;
  std::function<std::string()> config_yaml;  // In force, without secrets.
  std::function<Profiler&()> profiler;
};

// What follows '?' of /profile and /flamegraph.
struct ProfileQuery {
  static constexpr uint64_t kMaxSeconds = 30;
  static constexpr uint64_t kSeconds = 10;  // If nothing is said.
  std::optional<uint64_t> seconds, id, at;
};

// Answers the admin port: the page at /, and /livez /readyz /metrics /streams /caches /clients /lag
// /objects/stuck /objects/busy /changes /config /profiles /profile /flamegraph. No page shows an
// object's body or a token. A Host header that is neither an IP address nor localhost is refused,
// so that a web page cannot reach these by DNS rebinding. Who sends Cache-Control: max-age=1 may be
// given what somebody else was answered within that second: of many pages at once each does.
//
// REQUIRES: `sources` outlives the handlers.
RequestHandlerPtr NewAdminHandler(const AdminSources& sources, RequestHead head,
                                  ResponseWriter& writer);

// The pages, for tests and for weir top.
std::string RenderStreams(const std::vector<StreamRow>& rows);
std::string RenderCaches(const std::vector<CacheRow>& rows);
std::string RenderClients(const std::vector<ClientRow>& rows);
std::string RenderStuck(const std::vector<StuckObject>& rows, absl::Duration threshold);
std::string RenderBusy(const std::vector<BusyObject>& rows);
// What follows '?' of /changes. Error: an unknown parameter or a bad value, named.
absl::StatusOr<ChangeQuery> ParseChangeQuery(std::string_view text);
std::string RenderChanges(const std::vector<ChangeRow>& rows);
// Error: an unknown parameter, a bad value, or two that do not go together.
absl::StatusOr<ProfileQuery> ParseProfileQuery(std::string_view text);
std::string RenderProfiles(const std::vector<ProfilePtr>& profiles, absl::Time now);
std::string RenderLag(const std::vector<StageRow>& rows, const std::vector<StageSeries>& history);

}  // namespace weir
