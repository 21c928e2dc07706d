// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/access_record.h"

#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/status.h"

namespace weir {

AccessRecord::AccessRecord(Dispatcher& dispatcher, ListerWatcher& source, std::string resource,
                           std::function<void()> on_review)
    : dispatcher_(dispatcher),
      source_(source),
      resource_(std::move(resource)),
      on_review_(std::move(on_review)) {}

// Of two answers the one to the later question counts.
void AccessRecord::Note(ReadVerb verb, bool allowed, MonotonicTime asked) {
  thread_.Check();
  Access& access = table_.at(static_cast<size_t>(verb));
  if (access.known && asked < access.proved) return;
  if (access.known && access.allowed != allowed) {
    LogInfo(allowed ? "access was granted" : "access was taken away",
            {{"resource", resource_}, {"verb", ReadVerbName(verb)}});
  }
  access = {
      .allowed = allowed, .proved = asked, .known = true, .failed = access.failed, .silent = {}};
}

void AccessRecord::Want(ReadVerb verb) {
  thread_.Check();
  Review& review = reviews_.at(static_cast<size_t>(verb));
  if (review.under_way) return;
  review.under_way = true;
  review.request = source_.ReviewAccess(
      verb, [this, verb, asked = dispatcher_.Now()](const absl::StatusOr<bool>& allowed) {
        OnReviewed(verb, asked, allowed);
      });
}

void AccessRecord::OnReviewed(ReadVerb verb, MonotonicTime asked,
                              const absl::StatusOr<bool>& allowed) {
  reviews_.at(static_cast<size_t>(verb)).under_way = false;
  if (!allowed.ok()) {
    LogWarning("cannot tell what Weir may read", {{"resource", resource_},
                                                  {"verb", ReadVerbName(verb)},
                                                  {"because", MessageOf(allowed.status())}});
    // Those who wait for the answer need wait no longer. Silence is none, nor is a connection that
    // breaks: its watches may not have been told yet.
    const bool silence = IsTimeout(allowed.status()) || IsUnavailable(allowed.status());
    Access& access = table_.at(static_cast<size_t>(verb));
    (silence ? access.silent : access.failed) = dispatcher_.Now();
    return on_review_();
  }
  Note(verb, *allowed, asked);
  on_review_();
}

}  // namespace weir
