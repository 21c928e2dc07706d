// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/answer_observer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "proxy/kube/deletion_status.h"
#include "proxy/kube/meta_facts.h"
#include "proxy/kube/object.h"

namespace weir {
namespace {

// etcd takes objects of 1.5 MiB; JSON may be somewhat longer than what it stores.
constexpr size_t kMaxObject = 4 << 20;

bool IsWrite(std::string_view verb) {
  return verb == "create" || verb == "update" || verb == "patch" || verb == "delete" ||
         verb == "deletecollection";
}

// Subresources whose writes change their object and answer with its version, or with a Status.
bool IsWritten(std::string_view subresource) {
  constexpr std::string_view kWritten[] = {
      "",         "status",   "scale",    "resize", "ephemeralcontainers",
      "approval", "finalize", "eviction", "binding"};
  return std::find(std::begin(kWritten), std::end(kWritten), subresource) != std::end(kWritten);
}

// Those that are read with the version of their object.
bool IsRead(std::string_view subresource) {
  return subresource.empty() || subresource == "status" || subresource == "scale";
}

// A binding that is created changes its pod.
GroupVersionResource Changed(const GroupVersionResource& resource) {
  const bool binding = resource.group.empty() && resource.resource == "bindings";
  return binding ? GroupVersionResource{"", resource.version, "pods"} : resource;
}

}  // namespace

// Other subresources answer with something else, or with whatever a pod says (proxy).
bool AnswerObserver::Observes(const RequestInfo& info) {
  if (!info.is_resource_request || info.deprecated_watch_path) return false;
  if (IsWrite(info.verb)) return IsWritten(info.subresource);
  if (info.verb == "get") return IsRead(info.subresource);
  return info.verb == "list" && info.subresource.empty();
}

AnswerObserver::AnswerObserver(ResponseWriter& writer, ReadFloors& floors, const RequestInfo& info)
    : writer_(writer),
      floors_(floors),
      resource_(Changed(info.resource)),
      verb_(info.verb),
      namespace_name_(info.object_namespace()),
      name_(info.name),
      whole_(info.subresource.empty()) {}

// A write whose client was told that it succeeded, and to what version neither it nor Weir has
// heard: the answer broke off, or its reader went.
AnswerObserver::~AnswerObserver() {
  if (mode_ != Mode::kObject || !IsWrite(verb_)) return;
  NoteUnclear();
  TellWrite(nullptr, "");
}

void AnswerObserver::SendHead(const ResponseHead& head) {
  const bool success = head.status >= 200 && head.status < 300;
  status_ = head.status;
  audit_id_ = head.headers.Get("Audit-Id");
  answered_ = writer_.dispatcher().Now();
  const auto representation = RepresentationOf(head.headers.Get("Content-Type"));
  if (!success) {
    NoteFailure();
  } else if (verb_ == "deletecollection") {
    NoteUnclear();  // Which objects are gone is told by their versions before.
  } else if (!representation || head.headers.Has("Content-Encoding")) {
    NoteUnclear();
  } else {
    representation_ = *representation;
    mode_ = verb_ == "list" ? Mode::kList : Mode::kObject;
    if (mode_ == Mode::kList) list_.emplace(representation_);
  }
  // Of what passes as it comes nothing more is known than that it was done. That an object is there
  // already is no conflict.
  const bool unread = mode_ != Mode::kObject;
  if (unread && (success || head.status != 409 || verb_ != "create")) TellWrite(nullptr, "");
  if (unread) return writer_.SendHead(head);
  held_head_ = head;
}

void AnswerObserver::SendBody(Bytes bytes) {
  if (mode_ == Mode::kList) NoteList(bytes.view());
  if (mode_ != Mode::kObject) return writer_.SendBody(std::move(bytes));
  held_.append(bytes.view());
  if (held_.size() <= kMaxObject) return;
  mode_ = Mode::kPass;
  NoteUnclear();
  TellWrite(nullptr, "");
  Release();
}

// Built-in kinds write the version before the items, custom resources after them.
void AnswerObserver::NoteList(std::string_view bytes) {
  std::vector<ObjectPtr> items;
  const bool read = list_->Decode(bytes, items).ok();
  if (read && !list_->version().is_set()) return;
  if (read) {
    floors_.Raise(resource_, namespace_name_, list_->version());
  } else {
    NoteUnclear();
  }
  mode_ = Mode::kPass;
}

// That something is not there is known by that, and so is that it is, or that it has changed.
void AnswerObserver::NoteFailure() {
  if (status_ == 409 && IsWrite(verb_)) NoteUnclear();
  if (status_ == 404 && !name_.empty() && whole_) NoteGone("");
}

void AnswerObserver::NoteObject() {
  std::string body = held_;
  while (!body.empty() && body.back() == '\n') body.pop_back();
  std::string uid = verb_ == "delete" ? DeletedUid(representation_, body) : "";
  if (!uid.empty()) {
    TellWrite(nullptr, uid);
    return NoteGone(std::move(uid));
  }
  // A DELETE's object has the version of its being deleted, or marked.
  const auto object = Object::Parse(representation_, std::move(body));
  if (!object.ok()) {
    TellWrite(nullptr, "");
    return NoteUnclear();
  }
  floors_.Raise(resource_, namespace_name_, (*object)->version());
  const bool updated = verb_ == "update" || verb_ == "patch";
  const MetaFacts facts = updated ? ReadMetaFacts(**object) : MetaFacts();
  if (facts.deleting && !facts.held) {
    // It has been deleted with this, which the version does not say: it is that from before
    // (k8s.io/apiserver registry.Store, deleteWithoutFinalizers).
    NoteGone(std::string((*object)->uid()));
  } else if (verb_ != "delete") {
    floors_.Shown(resource_, {namespace_name_, (*object)->name()});
  }
  TellWrite(object->get(), "");
}

void AnswerObserver::TellWrite(const Object* object, std::string uid) {
  if (tap_ == nullptr || !tap_->recording() || !IsWrite(verb_)) return;
  if (object == nullptr && name_.empty()) return;  // Nobody knows what.
  SeenWrite write{.resource = resource_.Name(),
                  .namespace_name = namespace_name_,
                  .name = name_,
                  .status = status_,
                  .came = came_,
                  .answered = answered_,
                  .uid = std::move(uid),
                  .owners = {},
                  .version = {},
                  .audit_id = audit_id_};
  if (object != nullptr) {
    write.namespace_name = object->namespace_name();
    write.name = object->name();  // Which the API server may have made.
    write.uid = object->uid();
    write.version = object->version();
    write.owners = ReadMetaFacts(*object).owners;
  }
  tap_->NoteWrite(std::move(write));
}

void AnswerObserver::End(HeaderList trailers) {
  if (mode_ == Mode::kObject) NoteObject();
  if (mode_ == Mode::kList) NoteUnclear();  // It had no version.
  mode_ = Mode::kPass;
  Release();
  writer_.End(std::move(trailers));
}

void AnswerObserver::Release() {
  if (held_head_.has_value()) writer_.SendHead(*std::exchange(held_head_, std::nullopt));
  if (!held_.empty()) writer_.SendBody(Bytes::Own(std::exchange(held_, {})));
}

}  // namespace weir
