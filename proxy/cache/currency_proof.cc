// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/currency_proof.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

// An event that the API server has shown in a list is on every watch within milliseconds; it
// gives its own watch cache as long before it answers "too large resource version".
constexpr absl::Duration kWait = absl::Seconds(3);
// Of 100,000 differences each look takes some milliseconds.
constexpr absl::Duration kSpacing = absl::Milliseconds(20);

using Item = ObjectVersions::Item;

bool IsSame(const Item& item, const Object& object) {
  return item.version == object.version() && item.uid == object.uid();
}

// A version that is not set says that the list has no such object.
Item AbsenceOf(const Object& object) {
  return {.namespace_name = std::string(object.namespace_name()),
          .name = std::string(object.name()),
          .uid = "",
          .version = {}};
}

std::vector<Item> Differences(std::vector<Item> listed, const SnapshotMap& objects) {
  const auto before = [](const Item& a, const Item& b) { return a.key() < b.key(); };
  if (!std::is_sorted(listed.begin(), listed.end(), before)) {
    std::sort(listed.begin(), listed.end(), before);
  }
  std::vector<Item> differences;
  auto item = listed.begin();
  objects.Scan({}, false, [&](const ObjectPtr& object) {
    for (; item != listed.end() && item->key() < object->key(); ++item) {
      differences.push_back(std::move(*item));
    }
    if (item == listed.end() || item->key() != object->key()) {
      differences.push_back(AbsenceOf(*object));
      return true;
    }
    if (!IsSame(*item, *object)) differences.push_back(std::move(*item));
    ++item;
    return true;
  });
  std::move(item, listed.end(), std::back_inserter(differences));
  return differences;
}

// The keys whose objects are known to have been deleted after a version.
class DeletedKeys {
 public:
  DeletedKeys(const WatchWindow& window, ResourceVersion after) {
    unknown_ = after < window.begin();
    window.ForEach([this, after](const Revision& revision) {
      if (revision.version <= after) return;
      // What a relist found deleted does not say when.
      unknown_ = unknown_ || revision.relisted;
      for (const CacheEvent& event : revision.events) {
        if (event.type != WatchEventType::kDeleted || event.version <= after) continue;
        keys_.emplace(event.object->namespace_name(), event.object->name());
      }
    });
  }
  // Also where that cannot be told.
  bool MayHold(ObjectKeyView key) const {
    return unknown_ || keys_.contains(std::pair(key.namespace_name, key.name));
  }

 private:
  bool unknown_ = false;
  absl::flat_hash_set<std::pair<std::string_view, std::string_view>> keys_;
};

}  // namespace

CurrencyProof::CurrencyProof(Environment environment, Callbacks callbacks)
    : env_(std::move(environment)),
      callbacks_(std::move(callbacks)),
      timer_(env_.dispatcher.CreateTimer([this] { OnTurn(); })) {}

void CurrencyProof::Want(ResourceVersion at_least) {
  thread_.Check();
  if (!at_least.is_set()) {
    most_recent_wanted_ = true;
  } else {
    version_wanted_ = std::max(version_wanted_, at_least);
  }
  // A version that a client has made up may keep the API server waiting; the most recent state has
  // every other.
  if (most_recent_wanted_ && phase_ == Phase::kListing && !most_recent_) {
    request_.reset();
    phase_ = Phase::kIdle;
  }
  BeginSoon();
}

void CurrencyProof::OnProgress() {
  progress_ = true;
  if (phase_ == Phase::kComparing) return Arm();
  BeginSoon();
}

void CurrencyProof::OnListed() {
  if (phase_ == Phase::kRepairing) {
    listed_again_ = true;
    timer_->Enable(absl::ZeroDuration());
  }
  OnProgress();
}

void CurrencyProof::OnHealth(bool healthy) {
  if (std::exchange(watch_up_, healthy) == healthy || phase_ != Phase::kComparing) return;
  // It has as long again for what it missed.
  deadline_ = env_.dispatcher.Now() + kWait;
  Arm();
}

// In a turn of its own, so that all who ask in this one share a list.
void CurrencyProof::BeginSoon() {
  const bool wanted = most_recent_wanted_ || version_wanted_.is_set();
  if (phase_ != Phase::kIdle || !wanted || !env_.state.has_state()) return;
  timer_->Enable(absl::ZeroDuration());
}

void CurrencyProof::Arm() {
  if (!watch_up_ && !progress_) return timer_->Disable();
  const MonotonicTime spaced = compared_ + kSpacing;
  const MonotonicTime next = !progress_  ? deadline_
                             : watch_up_ ? std::min(deadline_, spaced)
                                         : spaced;
  timer_->Enable(std::max(absl::ZeroDuration(), next - env_.dispatcher.Now()));
}

void CurrencyProof::OnTurn() {
  if (phase_ == Phase::kIdle) return Begin();
  if (phase_ == Phase::kComparing) return Compare();
  if (phase_ != Phase::kRepairing || !listed_again_) return;
  if (env_.state.version() >= listed_version_) return Finish(env_.stats.proofs_repaired);
  Fail("the API server listed an older state than it had shown");
}

void CurrencyProof::Begin() {
  const ResourceVersion at_least = std::exchange(version_wanted_, {});
  most_recent_ = std::exchange(most_recent_wanted_, false);
  if (!most_recent_ && env_.state.version() >= at_least) return;
  phase_ = Phase::kListing;
  began_ = env_.dispatcher.Now();
  request_ = env_.source.ListMetadata(
      most_recent_ ? ResourceVersion() : at_least,
      [this](absl::StatusOr<ObjectVersions> listed) { OnVersions(std::move(listed)); });
}

void CurrencyProof::OnVersions(absl::StatusOr<ObjectVersions> listed) {
  thread_.Check();
  phase_ = Phase::kComparing;
  const absl::Status status = listed.status();
  const bool denied = IsPermissionDenied(status) || IsUnauthenticated(status);
  if (status.ok() || denied) callbacks_.on_list_access(status.ok(), began_);
  if (!status.ok()) return Fail(MessageOf(status));
  listed_version_ = listed->version;
  listed_size_ = listed->items.size();
  differences_ = Differences(std::move(listed->items), env_.state.objects());
  waited_ = false;
  deadline_ = env_.dispatcher.Now() + kWait;
  Compare();
}

void CurrencyProof::Compare() {
  compared_ = env_.dispatcher.Now();
  progress_ = false;
  const bool ahead = env_.state.version() >= listed_version_;
  const Verdict verdict = Judge();
  if (verdict == Verdict::kProved) {
    return Finish(waited_ ? env_.stats.proofs_waited
                  : ahead ? env_.stats.proofs_ahead
                          : env_.stats.proofs_equal);
  }
  const bool in_vain = watch_up_ && compared_ >= deadline_;
  if (verdict == Verdict::kLost || in_vain) return Repair();
  waited_ = true;
  Arm();
}

// Short of the list's version, an object that is as listed stays so until that is reached, so only
// the differences are looked at again; once they are gone, the state holds all that was listed,
// and nothing else if it has as many objects. Beyond it, whatever has changed since says so by its
// version, or has been deleted since.
CurrencyProof::Verdict CurrencyProof::Judge() {
  const ResourceVersion version = env_.state.version();
  const SnapshotMap& objects = env_.state.objects();
  std::optional<DeletedKeys> deleted;
  const auto settled = [&](const Item& item) {
    const ObjectPtr* const found = objects.Find(item.key());
    if (found != nullptr) {
      return (*found)->version() > listed_version_ ||
             (item.version.is_set() && IsSame(item, **found));
    }
    if (!item.version.is_set()) return true;
    if (version <= listed_version_) return false;
    if (!deleted.has_value()) deleted.emplace(env_.window, listed_version_);
    return deleted->MayHold(item.key());
  };
  differences_.erase(std::remove_if(differences_.begin(), differences_.end(), settled),
                     differences_.end());
  const bool reached = version >= listed_version_;
  if (differences_.empty() && (reached || objects.size() == listed_size_)) return Verdict::kProved;
  return reached ? Verdict::kLost : Verdict::kBehind;
}

void CurrencyProof::Repair() {
  env_.stats.repairs->Add();
  LogError(
      "the watch has not brought what the API server has; will list and publish the difference",
      {{"resource", env_.resource},
       {"version", env_.state.version().ToString()},
       {"listed", listed_version_.ToString()},
       {"differences", differences_.size()}});
  phase_ = Phase::kRepairing;
  listed_again_ = false;
  differences_ = {};
  timer_->Disable();
  callbacks_.on_lost(listed_version_);
}

void CurrencyProof::Finish(const CounterHandle& result) {
  result->Add();
  phase_ = Phase::kIdle;
  differences_ = {};
  timer_->Disable();
  BeginSoon();
  callbacks_.on_proved(listed_version_, most_recent_ ? std::optional(began_) : std::nullopt);
}

void CurrencyProof::Fail(std::string_view why) {
  env_.stats.proofs_failed->Add();
  LogWarning("cannot prove that the cache is current",
             {{"resource", env_.resource}, {"because", why}});
  phase_ = Phase::kIdle;
  differences_ = {};
  timer_->Disable();
  BeginSoon();
}

}  // namespace weir
