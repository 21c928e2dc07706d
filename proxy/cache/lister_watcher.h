// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "proxy/cache/access.h"
#include "proxy/event/dispatcher.h"
#include "proxy/kube/list_decoder.h"
#include "proxy/kube/watch_event.h"

namespace weir {

// The values of an answer's Warning headers: what the API server has to say about the version of a
// resource, the same with each read of it.
using Warnings = std::vector<std::string>;

// Every object of a resource at one resourceVersion.
struct ObjectList {
  ResourceVersion version;
  ListEnvelope envelope;
  std::vector<ObjectPtr> items;  // In the API server's order.
  Warnings warnings = {};
};

// Which objects a resource has at one resourceVersion, and which state of each.
struct ObjectVersions {
  struct Item {
    std::string namespace_name, name, uid;
    ResourceVersion version;
    ObjectKeyView key() const { return {namespace_name, name}; }
  };
  ResourceVersion version;
  std::vector<Item> items;  // In the API server's order.
};

// Receives one watch stream, in the order of the API server.
class WatchHandler {
 public:
  virtual ~WatchHandler() = default;
  // The API server has accepted the watch (HTTP 200) and was asked to end it after `lifetime`.
  virtual void OnWatchOpened(absl::Duration /*lifetime*/, Warnings /*warnings*/) {}
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
  // Reads which objects there are, at `at_least` or any later version (not set: the most recent
  // one, a consistent read), by a list of their metadata whatever form the key asks for.
  using VersionsCallback = std::function<void(absl::StatusOr<ObjectVersions>)>;
  [[nodiscard]] virtual RequestHandle ListMetadata(ResourceVersion at_least,
                                                   VersionsCallback done) = 0;
  // Whether Weir's own credential may do that in the scope of this source
  // (SelfSubjectAccessReview, authorization.k8s.io/v1). Unavailable or a timeout: there was no
  // answer; any other error: there was one, and it did not say.
  using AccessCallback = std::function<void(absl::StatusOr<bool>)>;
  [[nodiscard]] virtual RequestHandle ReviewAccess(ReadVerb verb, AccessCallback done) = 0;
};
using ListerWatcherPtr = std::unique_ptr<ListerWatcher>;

}  // namespace weir
