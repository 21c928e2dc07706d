// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

#include "proxy/base/thread_owner.h"
#include "proxy/cache/access.h"
#include "proxy/cache/lister_watcher.h"

namespace weir {

// What Weir's own credential may do in the scope of one source, as far as the API server has said
// so: by what it answered, or asked on purpose. Owned by a Cacher.
class AccessRecord {
 public:
  // `on_review`: a review has been answered. REQUIRES: all outlive it.
  AccessRecord(Dispatcher& dispatcher, ListerWatcher& source, std::string resource,
               std::function<void()> on_review);

  // A request that was sent at `asked` was accepted, or refused for want of the right.
  void Note(ReadVerb verb, bool allowed, MonotonicTime asked);
  // Asks for a review, unless one of that verb is under way.
  void Want(ReadVerb verb);
  const AccessTable& table() const { return table_; }

 private:
  struct Review {
    RequestHandle request;
    bool under_way = false;
  };
  void OnReviewed(ReadVerb verb, MonotonicTime asked, const absl::StatusOr<bool>& allowed);

  // Set once.
  Dispatcher& dispatcher_;
  ListerWatcher& source_;
  const std::string resource_;
  const std::function<void()> on_review_;
  ThreadOwner thread_;

  AccessTable table_;
  std::array<Review, kReadVerbs> reviews_;
};

}  // namespace weir
