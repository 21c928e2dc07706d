// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "proxy/event/dispatcher.h"
#include "proxy/kube/list_decoder.h"
#include "proxy/kube/watch_event.h"

namespace weir {

// Every object of a resource at one resourceVersion.
struct ObjectList {
  ResourceVersion version;
  ListEnvelope envelope;
  std::vector<ObjectPtr> items;  // In the API server's order.
};

// Receives one watch stream, in the order of the API server.
class WatchHandler {
 public:
  virtual ~WatchHandler() = default;
  // The API server has accepted the watch (HTTP 200).
  virtual void OnWatchOpened() {}
  // The events that one read brought: never empty, kError among them only as the last.
  virtual void OnWatchEvents(std::vector<WatchEvent> events) = 0;
  // The stream has ended and no call follows. OK: the server ended it in its own time, watch again
  // from the last version. IsResourceExpired(): list again. IsPermissionDenied(),
  // IsUnauthenticated(): access was taken away. IsNotFound(), IsNotAcceptable(): there is no such
  // resource or encoding. IsInvalidOptions(): no stream-list here. IsInvalidArgument(): refused,
  // or, once opened, it sent what cannot be understood. Anything else: try again later.
  virtual void OnWatchClosed(absl::Status status) = 0;
};

struct WatchRequest {
  ResourceVersion since;             // Not set: resourceVersion="" (stream-list only).
  bool send_initial_events = false;  // Stream-list (KEP-3157), with NotOlderThan.
};

// The source a Reflector reflects: one resource (and scope, selectors, encoding) of one API
// server.
//
// Production: upstream/api_server_client.h. Tests: FakeListerWatcher.
// Not thread-safe. Handlers and callbacks run on the dispatcher thread that made the request,
// never before that call has returned. Destroying the handle cancels; nothing runs after.
class ListerWatcher {
 public:
  using ListCallback = std::function<void(absl::StatusOr<ObjectList>)>;
  virtual ~ListerWatcher() = default;

  // Reads all objects at `at_least` or any later version (not set: resourceVersion=0, whatever
  // the server has).
  [[nodiscard]] virtual RequestHandle List(ResourceVersion at_least, ListCallback done) = 0;
  // REQUIRES: `handler` outlives the returned request.
  [[nodiscard]] virtual RequestHandle Watch(const WatchRequest& request, WatchHandler& handler) = 0;
  // Reads as little as shows how this resource's LIST is framed (limit=1). Needed only for custom
  // resources that were read by stream-list.
  using EnvelopeCallback = std::function<void(absl::StatusOr<ListEnvelope>)>;
  [[nodiscard]] virtual RequestHandle LearnEnvelope(EnvelopeCallback done) = 0;
};
using ListerWatcherPtr = std::unique_ptr<ListerWatcher>;

}  // namespace weir
