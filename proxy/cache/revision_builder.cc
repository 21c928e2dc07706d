// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/revision_builder.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/object_patch.h"

namespace weir {
namespace {

absl::Status WentBack(std::string_view what, ResourceVersion version, ResourceVersion published) {
  return InternalError(StrCat("the API server went back in time: ", what, " at ",
                              version.ToString(), " after ", published.ToString()));
}

absl::Status Contradicts(const Object& object, ResourceVersion proved) {
  return InternalError(StrCat("the API server contradicts itself: its watch has ", object.name(),
                              " at ", object.version().ToString(), ", and a list at ",
                              proved.ToString(), " says otherwise"));
}

}  // namespace

absl::Status RevisionBuilder::Add(WatchEvent event) {
  if (event.type == WatchEventType::kBookmark) return AddBookmark(event.version);
  if (event.version <= let_go_through_) {
    ++let_go_;
    return absl::OkStatus();
  }
  if (heard_ < event.version && event.version <= proved_) return AddLate(std::move(event));
  const ObjectPtr* const found = objects_.Find(event.object->key());
  const ObjectPtr known = found == nullptr ? nullptr : *found;
  const IngestContext context{.published = version_, .known = known.get()};
  if (!filters_.Ingest(event, context) || RepeatsWhatIsKnown(event, context)) {
    return absl::OkStatus();
  }
  if (event.version <= version_) {
    return WentBack(WatchEventTypeName(event.type), event.version, version_);
  }
  if (!late_.empty()) return Contradicts(*late_.back().object, proved_);
  const bool same = known != nullptr && known->uid() == event.object->uid();
  if (event.type != WatchEventType::kDeleted) {
    if (known != nullptr && !same) {
      Publish(WatchEventType::kDeleted, WithResourceVersion(*known, version_), known, version_,
              true);
    }
    PublishUpdate(std::move(event.object), same ? known : nullptr);
  } else if (known != nullptr) {
    Erase(known->key());
    Publish(WatchEventType::kDeleted,
            same ? std::move(event.object) : WithResourceVersion(*known, event.version), known,
            event.version);
  }
  version_ = content_ = event.version;
  Hear(version_);
  return absl::OkStatus();
}

absl::Status RevisionBuilder::AddBookmark(ResourceVersion version) {
  if (late_.empty()) {
    Hear(version);
  } else if (version >= proved_) {
    return Contradicts(*late_.back().object, proved_);
  }
  version_ = std::max(version_, version);
  return absl::OkStatus();
}

// The state at proved_ is known, so what changed before and is not in it is not there any more.
absl::Status RevisionBuilder::AddLate(WatchEvent event) {
  const ObjectPtr* const found = passing_.Find(event.object->key());
  const ObjectPtr known = found == nullptr ? nullptr : *found;
  if (!filters_.Ingest(event, {.published = heard_, .known = known.get()})) {
    return absl::OkStatus();
  }
  WEIR_RETURN_IF_ERROR(CheckLate(event, known.get()));
  const ResourceVersion version = event.version;
  if (event.type != WatchEventType::kDeleted || known != nullptr) {
    HoldLate(std::move(event), known);
  }
  if (late_bytes_ > kMaxLateBytes) {
    LetGoOfLate();
  } else if (passing_.size() == 0) {
    ReleaseLate();
    Hear(version);
  }
  return absl::OkStatus();
}

absl::Status RevisionBuilder::CheckLate(const WatchEvent& event, const Object* known) const {
  if (objects_.Find(event.object->key()) != nullptr) return Contradicts(*event.object, proved_);
  if (!late_.empty() && event.version <= late_.back().version) {
    return WentBack(WatchEventTypeName(event.type), event.version, late_.back().version);
  }
  const bool another = known != nullptr && known->uid() != event.object->uid();
  return another ? Contradicts(*event.object, proved_) : absl::OkStatus();
}

void RevisionBuilder::HoldLate(WatchEvent event, ObjectPtr known) {
  WatchEventType type = event.type;
  if (type == WatchEventType::kDeleted) {
    passing_.Erase(known->key());
  } else {
    passing_.Put(event.object);
    type = known == nullptr ? WatchEventType::kAdded : WatchEventType::kModified;
  }
  late_bytes_ += sizeof(CacheEvent) + event.object->footprint();
  late_.push_back({type, std::move(event.object), std::move(known), event.version});
}

// No snapshot holds their objects.
void RevisionBuilder::ReleaseLate() {
  event_bytes_ += late_bytes_;
  for (CacheEvent& event : late_) events_.push_back(std::move(event));
  ForgetLate();
}

void RevisionBuilder::LetGoOfLate() {
  let_go_ += late_.size();
  let_go_through_ = proved_;
  ForgetLate();
  Hear(proved_);
}

void RevisionBuilder::ForgetLate() {
  late_.clear();
  late_bytes_ = 0;
  passing_ = SnapshotMap();
}

void RevisionBuilder::Hear(ResourceVersion version) { heard_ = std::max(heard_, version); }

absl::Status RevisionBuilder::Replace(ResourceVersion version, SnapshotMap objects) {
  WEIR_DCHECK(events_.empty() && version_ == after_);
  if (version < version_) return WentBack("a list", version, version_);
  Changes changes;
  WEIR_RETURN_IF_ERROR(FindChanges(objects, changes));
  for (const auto& [before, after] : changes.updated) {
    if (after->version() > version) {
      return InternalError(StrCat("an object of version ", after->version().ToString(),
                                  " is newer than the list that has it, ", version.ToString()));
    }
  }
  const bool first = !has_state();
  for (const ObjectPtr& deleted : changes.deleted) {
    const ObjectPtr* const now = objects.Find(deleted->key());
    if (now == nullptr) Erase(deleted->key());
    Publish(WatchEventType::kDeleted, WithResourceVersion(*deleted, version_), deleted, version_,
            true);
  }
  for (auto& [before, after] : changes.updated) {
    if (first) {
      content_ = std::max(content_, after->version());
      Put(std::move(after));
    } else {
      PublishUpdate(std::move(after), std::move(before));
    }
  }
  rewritten_ = rewritten_ || !changes.rewritten.empty();
  for (ObjectPtr& rewritten : changes.rewritten) Put(std::move(rewritten));
  relisted_ = relisted_ || (!first && (version > version_ || !events_.empty()));
  if (!first && (!events_.empty() || rewritten_)) content_ = version;
  version_ = heard_ = version;
  let_go_through_ = {};
  ForgetLate();
  return absl::OkStatus();
}

bool RevisionBuilder::Rewrite(const SnapshotMap& objects) {
  WEIR_DCHECK(events_.empty() && version_ == after_);
  std::vector<ObjectPtr> rewritten;
  SnapshotMap::Diff(objects_, objects, [&](const ObjectPtr& before, const ObjectPtr& listed) {
    if (before == nullptr || listed == nullptr || before->version() != listed->version()) return;
    ObjectPtr after = filters_.Rewrite(listed);
    if (before->uid() != after->uid() || before->raw() == after->raw()) return;
    rewritten.push_back(std::move(after));
  });
  if (rewritten.empty()) return false;
  for (ObjectPtr& object : rewritten) Put(std::move(object));
  content_ = version_;
  rewritten_ = true;
  return true;
}

void RevisionBuilder::Prove(ResourceVersion version) {
  WEIR_DCHECK(events_.empty() && version_ == after_);
  if (version <= version_) return;
  version_ = version;
  proved_ = version;
  relisted_ = true;
}

// Nothing is changed, so that a list that is refused leaves no trace.
absl::Status RevisionBuilder::FindChanges(const SnapshotMap& objects, Changes& changes) {
  ResourceVersion went_back;
  SnapshotMap::Diff(objects_, objects, [&](const ObjectPtr& before, const ObjectPtr& listed) {
    if (listed == nullptr) return changes.deleted.push_back(before);
    ObjectPtr after = filters_.Rewrite(listed);
    if (before == nullptr || before->uid() != after->uid()) {
      if (before != nullptr) changes.deleted.push_back(before);
      changes.updated.emplace_back(nullptr, std::move(after));
    } else if (before->version() < after->version()) {
      changes.updated.emplace_back(before, std::move(after));
    } else if (before->version() > after->version()) {
      went_back = after->version();
    } else if (before->raw() != after->raw()) {
      changes.rewritten.push_back(std::move(after));
    }
  });
  if (went_back.is_set()) return WentBack("an object of a list", went_back, version_);
  if (!has_state()) return absl::OkStatus();  // No events come of it.
  std::stable_sort(
      changes.updated.begin(), changes.updated.end(),
      [](const auto& a, const auto& b) { return a.second->version() < b.second->version(); });
  return absl::OkStatus();
}

void RevisionBuilder::PublishUpdate(ObjectPtr object, ObjectPtr previous) {
  Put(object);
  const WatchEventType type =
      previous == nullptr ? WatchEventType::kAdded : WatchEventType::kModified;
  const ResourceVersion version = object->version();
  Publish(type, std::move(object), std::move(previous), version);
}

void RevisionBuilder::Publish(WatchEventType type, ObjectPtr object, ObjectPtr previous,
                              ResourceVersion version, bool inferred) {
  event_bytes_ += sizeof(CacheEvent) + objects_.PathBytes();
  if (previous != nullptr) event_bytes_ += previous->footprint();
  if (type == WatchEventType::kDeleted) event_bytes_ += object->footprint();
  events_.push_back({type, std::move(object), std::move(previous), version, inferred});
}

void RevisionBuilder::Put(ObjectPtr object) {
  object_bytes_ += object->footprint();
  Retire(objects_.Put(std::move(object)));
}

void RevisionBuilder::Erase(ObjectKeyView key) { Retire(objects_.Erase(key)); }

void RevisionBuilder::Retire(const ObjectPtr& object) {
  if (object == nullptr) return;
  object_bytes_ -= object->footprint();
  retired_bytes_ += object->footprint();
}

RevisionPtr RevisionBuilder::Take(MonotonicTime arrived, MonotonicTime now) {
  const bool rewritten = std::exchange(rewritten_, false);
  const bool heard = std::exchange(heard_before_, heard_) != heard_;
  if (version_ == after_ && events_.empty() && !rewritten && !heard) return nullptr;
  auto revision = std::make_shared<Revision>();
  revision->sequence = ++sequence_;
  revision->after = after_;
  revision->version = version_;
  revision->heard = heard_;
  revision->content = content_;
  revision->objects = objects_;
  std::vector<CacheEvent>(events_).swap(events_);
  revision->events = std::exchange(events_, {});
  events_total_ += revision->events.size();
  revision->events_total = events_total_;
  revision->relisted = std::exchange(relisted_, false);
  revision->arrived = arrived;
  revision->published = now;
  revision->event_bytes = std::exchange(event_bytes_, 0);
  revision->object_bytes = object_bytes_;
  revision->retired_bytes = retired_bytes_;
  after_ = version_;
  return revision;
}

}  // namespace weir
