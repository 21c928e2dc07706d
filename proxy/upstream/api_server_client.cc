// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/api_server_client.h"

#include <algorithm>
#include <random>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/list_decoder.h"
#include "proxy/upstream/api_call.h"
#include "proxy/upstream/api_watch.h"

namespace weir {
namespace {

std::string ListQuery(ResourceVersion at_least) {
  if (!at_least.is_set()) return "resourceVersion=0";
  return StrCat("resourceVersion=", at_least.ToString(), "&resourceVersionMatch=NotOlderThan");
}

// A LIST, decoded item by item as it comes.
class ListCall : public ApiCall {
 protected:
  ListCall(Upstream& upstream, const CacheKey& key, std::string_view query)
      : ApiCall(upstream, key.representation, StrCat("cannot list ", key.resource.Name())),
        decoder_(key.representation, upstream.options().max_event_bytes),
        progress_timeout_(upstream.options().list_timeout) {
    Send("GET", ResourceTarget(key, query), "", "");
    ExpectWithin(progress_timeout_);
  }

  void OnData(std::string_view bytes) final {
    ExpectWithin(progress_timeout_);
    absl::Status decoded = decoder_.Decode(bytes, items_);
    if (!decoded.ok()) Fail(std::move(decoded));
  }

  absl::Status CheckWhole() override { return decoder_.Finish(); }

  ListDecoder decoder_;
  std::vector<ObjectPtr> items_;

 private:
  const absl::Duration progress_timeout_;
};

class ObjectListCall final : public ListCall {
 public:
  ObjectListCall(Upstream& upstream, const CacheKey& key, ResourceVersion at_least,
                 ListerWatcher::ListCallback done)
      : ListCall(upstream, key, ListQuery(at_least)), done_(std::move(done)) {}

 private:
  absl::Status CheckWhole() override {
    WEIR_RETURN_IF_ERROR(ListCall::CheckWhole());
    if (decoder_.continue_token().empty()) return absl::OkStatus();
    // No limit was given: a server that pages of its own accord, as none in use does.
    return InvalidArgumentError("the API server sent a page where the whole list was asked for");
  }

  void OnDone(absl::Status status) override {
    const ListerWatcher::ListCallback done = std::exchange(done_, nullptr);
    if (!status.ok()) return done(std::move(status));
    done(ObjectList{decoder_.version(), decoder_.envelope(), std::move(items_)});
  }

  ListerWatcher::ListCallback done_;
};

class EnvelopeCall final : public ListCall {
 public:
  EnvelopeCall(Upstream& upstream, const CacheKey& key, ListerWatcher::EnvelopeCallback done)
      : ListCall(upstream, key, "limit=1"), done_(std::move(done)) {}

 private:
  void OnDone(absl::Status status) override {
    const ListerWatcher::EnvelopeCallback done = std::exchange(done_, nullptr);
    if (!status.ok()) return done(std::move(status));
    done(ListEnvelope(decoder_.envelope()));
  }

  ListerWatcher::EnvelopeCallback done_;
};

class ApiServerSource final : public ListerWatcher {
 public:
  ApiServerSource(Upstream& upstream, const CacheKey& key)
      : upstream_(upstream), key_(key), random_(std::random_device{}()) {}

  RequestHandle List(ResourceVersion at_least, ListCallback done) override {
    upstream_.stats().Requested("list", key_.resource.Name());
    return std::make_unique<ObjectListCall>(upstream_, key_, at_least, std::move(done));
  }

  RequestHandle Watch(const WatchRequest& request, WatchHandler& handler) override {
    return StartApiWatch(upstream_, key_, request, WatchTimeout(), handler);
  }

  RequestHandle LearnEnvelope(EnvelopeCallback done) override {
    upstream_.stats().Requested("list", key_.resource.Name());
    return std::make_unique<EnvelopeCall>(upstream_, key_, std::move(done));
  }

  RequestHandle ListMetadata(ResourceVersion /*at_least*/, VersionsCallback /*done*/) override {
    return std::make_unique<Cancellable>();
  }

  RequestHandle ReviewAccess(ReadVerb /*verb*/, AccessCallback /*done*/) override {
    return std::make_unique<Cancellable>();
  }

 private:
  // Spread over [t, 2t), so that watches begun together do not end together.
  absl::Duration WatchTimeout() {
    const int64_t seconds =
        std::max<int64_t>(1, absl::ToInt64Seconds(upstream_.options().watch_timeout));
    return absl::Seconds(std::uniform_int_distribution<int64_t>(seconds, 2 * seconds - 1)(random_));
  }

  // Set once.
  Upstream& upstream_;
  const CacheKey key_;

  std::minstd_rand random_;
};

}  // namespace

ListerWatcherPtr NewApiServerSource(Upstream& upstream, const CacheKey& key) {
  return std::make_unique<ApiServerSource>(upstream, key);
}

}  // namespace weir
