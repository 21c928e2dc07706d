// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/api_server_client.h"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/list_decoder.h"
#include "proxy/upstream/access_review.h"
#include "proxy/upstream/api_call.h"
#include "proxy/upstream/api_watch.h"

namespace weir {
namespace {

std::string ListQuery(ResourceVersion at_least, std::string_view otherwise) {
  if (!at_least.is_set()) return StrCat("resourceVersion=", otherwise);
  return StrCat("resourceVersion=", at_least.ToString(), "&resourceVersionMatch=NotOlderThan");
}

// A LIST, decoded item by item as it comes.
class ListCall : public ApiCall {
 protected:
  ListCall(Upstream& upstream, const CacheKey& key, AcceptedForm form, std::string_view query)
      : ApiCall(upstream, std::move(form), StrCat("cannot list ", key.resource.Name())),
        max_item_bytes_(upstream.options().max_event_bytes),
        progress_timeout_(upstream.options().list_timeout) {
    upstream.stats().Requested("list", key.resource.Name());
    Send("GET", ResourceTarget(key, query), "", "");
    ExpectWithin(progress_timeout_);
  }

  void OnAccepted(Representation representation) final {
    decoder_.emplace(representation, max_item_bytes_);
  }

  void OnData(std::string_view bytes) final {
    ExpectWithin(progress_timeout_);
    absl::Status decoded = decoder_->Decode(bytes, items_);
    OnItems();
    if (!decoded.ok()) Fail(std::move(decoded));
  }

  // There may be more in items_.
  virtual void OnItems() {}

  absl::Status CheckWhole() override { return decoder_->Finish(); }

  absl::Status CheckWholeList() {
    WEIR_RETURN_IF_ERROR(decoder_->Finish());
    if (decoder_->continue_token().empty()) return absl::OkStatus();
    // No limit was given: a server that pages of its own accord, as none in use does.
    return InvalidArgumentError("the API server sent a page where the whole list was asked for");
  }

  std::optional<ListDecoder> decoder_;  // Once the answer has begun.
  std::vector<ObjectPtr> items_;

 private:
  const size_t max_item_bytes_;
  const absl::Duration progress_timeout_;
};

class ObjectListCall final : public ListCall {
 public:
  ObjectListCall(Upstream& upstream, const CacheKey& key, ResourceVersion at_least,
                 ListerWatcher::ListCallback done)
      : ListCall(upstream, key, AcceptedForm::ListOf(key), ListQuery(at_least, "0")),
        metadata_only_(key.metadata_only),
        done_(std::move(done)) {}

 private:
  absl::Status CheckWhole() override {
    WEIR_RETURN_IF_ERROR(CheckWholeList());
    if (!metadata_only_ || decoder_->envelope().list_kind == kMetadataListKind) {
      return absl::OkStatus();
    }
    return NotAcceptableError("the API server sent whole objects where metadata was asked for");
  }

  void OnDone(absl::Status status) override {
    const ListerWatcher::ListCallback done = std::exchange(done_, nullptr);
    if (!status.ok()) return done(std::move(status));
    done(ObjectList{.version = decoder_->version(),
                    .envelope = decoder_->envelope(),
                    .items = std::move(items_),
                    .warnings = TakeWarnings()});
  }

  const bool metadata_only_;
  ListerWatcher::ListCallback done_;
};

// Keeps of each object no more than is asked for.
class VersionsCall final : public ListCall {
 public:
  VersionsCall(Upstream& upstream, const CacheKey& key, ResourceVersion at_least,
               ListerWatcher::VersionsCallback done)
      : ListCall(upstream, key, AcceptedForm::MetadataList(), ListQuery(at_least, "")),
        done_(std::move(done)) {}

 private:
  void OnItems() override {
    for (const ObjectPtr& item : std::exchange(items_, {})) {
      versions_.items.push_back({.namespace_name = std::string(item->namespace_name()),
                                 .name = std::string(item->name()),
                                 .uid = std::string(item->uid()),
                                 .version = item->version()});
    }
  }

  absl::Status CheckWhole() override { return CheckWholeList(); }

  void OnDone(absl::Status status) override {
    const ListerWatcher::VersionsCallback done = std::exchange(done_, nullptr);
    if (!status.ok()) return done(std::move(status));
    versions_.version = decoder_->version();
    done(std::move(versions_));
  }

  ListerWatcher::VersionsCallback done_;
  ObjectVersions versions_;
};

class EnvelopeCall final : public ListCall {
 public:
  EnvelopeCall(Upstream& upstream, const CacheKey& key, ListerWatcher::EnvelopeCallback done)
      : ListCall(upstream, key, AcceptedForm::ListOf(key), "limit=1"), done_(std::move(done)) {}

 private:
  void OnDone(absl::Status status) override {
    const ListerWatcher::EnvelopeCallback done = std::exchange(done_, nullptr);
    if (!status.ok()) return done(std::move(status));
    done(ListEnvelope(decoder_->envelope()));
  }

  ListerWatcher::EnvelopeCallback done_;
};

class ApiServerSource final : public ListerWatcher {
 public:
  ApiServerSource(Upstream& upstream, const CacheKey& key)
      : upstream_(upstream), key_(key), random_(std::random_device{}()) {}

  RequestHandle List(ResourceVersion at_least, ListCallback done) override {
    return std::make_unique<ObjectListCall>(upstream_, key_, at_least, std::move(done));
  }

  RequestHandle Watch(const WatchRequest& request, WatchHandler& handler) override {
    return StartApiWatch(upstream_, key_, request, WatchTimeout(), handler);
  }

  RequestHandle LearnEnvelope(EnvelopeCallback done) override {
    return std::make_unique<EnvelopeCall>(upstream_, key_, std::move(done));
  }

  RequestHandle ListMetadata(ResourceVersion at_least, VersionsCallback done) override {
    return std::make_unique<VersionsCall>(upstream_, key_, at_least, std::move(done));
  }

  RequestHandle ReviewAccess(ReadVerb verb, AccessCallback done) override {
    return StartAccessReview(upstream_, key_, verb, std::move(done));
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
