// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/api_watch.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/watch_decoder.h"
#include "proxy/upstream/api_call.h"

namespace weir {
namespace {

// The API server sends the head of a watch before any event; while its cache fills it may wait.
constexpr absl::Duration kHeadTimeout = absl::Minutes(1);
// A watch that has not ended this long after it should have is not served by anybody any more.
constexpr absl::Duration kGrace = absl::Minutes(1);

std::string WatchQuery(const WatchRequest& request, absl::Duration timeout) {
  std::string query = "watch=true&allowWatchBookmarks=true";
  if (request.since.is_set()) StrAppend(query, "&resourceVersion=", request.since.ToString());
  if (request.send_initial_events) {
    query.append("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
  }
  StrAppend(query, "&timeoutSeconds=", absl::ToInt64Seconds(timeout));
  return query;
}

bool HasWholeObject(const WatchEvent& event) {
  return event.object != nullptr && event.object->kind() != kMetadataKind;
}

class ApiWatch final : public ApiCall {
 public:
  ApiWatch(Upstream& upstream, const CacheKey& key, const WatchRequest& request,
           absl::Duration timeout, WatchHandler& handler)
      : ApiCall(upstream, AcceptedForm::WatchOf(key), StrCat("cannot watch ", key.resource.Name())),
        timeout_(timeout),
        metadata_only_(key.metadata_only),
        handler_(handler),
        decoder_(key.representation, upstream.options().max_event_bytes) {
    Send("GET", ResourceTarget(key, WatchQuery(request, timeout)), "", "");
    ExpectWithin(kHeadTimeout);
  }

 private:
  void OnAccepted(Representation /*representation*/) override {
    ExpectWithin(timeout_ + kGrace);
    handler_.OnWatchOpened(timeout_, TakeWarnings());
  }

  void OnData(std::string_view bytes) override {
    std::vector<WatchEvent> events;
    absl::Status decoded = decoder_.Decode(bytes, events);
    const auto error = std::find_if(events.begin(), events.end(), [](const WatchEvent& event) {
      return event.type == WatchEventType::kError;
    });
    if (error != events.end()) {
      Fail(FromApiStatus(error->error));
      events.erase(error, events.end());
    } else if (!decoded.ok()) {
      Fail(std::move(decoded));
    } else if (metadata_only_ && std::any_of(events.begin(), events.end(), HasWholeObject)) {
      Fail(NotAcceptableError("the API server sent whole objects where metadata was asked for"));
      events.clear();
    }
    // What came before a failure is good.
    if (!events.empty()) handler_.OnWatchEvents(std::move(events));
  }

  absl::Status CheckWhole() override {
    if (!decoder_.mid_event()) return absl::OkStatus();
    return UnavailableError("the watch broke off in the middle of an event");
  }

  void OnDone(absl::Status status) override { handler_.OnWatchClosed(std::move(status)); }

  // Set once.
  const absl::Duration timeout_;
  const bool metadata_only_;
  WatchHandler& handler_;

  WatchDecoder decoder_;
};

}  // namespace

RequestHandle StartApiWatch(Upstream& upstream, const CacheKey& key, const WatchRequest& request,
                            absl::Duration timeout, WatchHandler& handler) {
  upstream.stats().Requested("watch", key.resource.Name());
  return std::make_unique<ApiWatch>(upstream, key, request, timeout, handler);
}

}  // namespace weir
