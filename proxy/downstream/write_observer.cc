// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/write_observer.h"

#include <utility>

#include "proxy/kube/object.h"

namespace weir {
namespace {

// etcd takes objects of 1.5 MiB; JSON may be somewhat longer than what it stores.
constexpr size_t kMaxObject = 4 << 20;

}  // namespace

void WriteObserver::SendHead(const ResponseHead& head) {
  if (head.status >= 200 && head.status < 300 && !head.headers.Has("Content-Encoding")) {
    observed_ = RepresentationOf(head.headers.Get("Content-Type"));
  }
  writer_.SendHead(head);
}

void WriteObserver::SendBody(Bytes bytes) {
  if (!observed_) return writer_.SendBody(std::move(bytes));
  held_.append(bytes.view());
  if (held_.size() <= kMaxObject) return;
  observed_.reset();
  Release();
}

void WriteObserver::End(HeaderList trailers) {
  if (observed_) {
    std::string body = held_;
    while (!body.empty() && body.back() == '\n') body.pop_back();
    // A Status, as most deletions answer, has no version and is no object: nothing to note.
    const auto object = Object::Parse(*observed_, std::move(body));
    if (object.ok()) written_.Raise(resource_, (*object)->version());
    observed_.reset();
    Release();
  }
  writer_.End(std::move(trailers));
}

void WriteObserver::Release() {
  if (!held_.empty()) writer_.SendBody(Bytes::Own(std::exchange(held_, {})));
}

}  // namespace weir
