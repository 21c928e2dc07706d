// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/api_call.h"

#include <algorithm>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/api_status.h"
#include "proxy/kube/list_options.h"

namespace weir {
namespace {

// Of an error answer; a Status has a few hundred bytes.
constexpr size_t kMaxErrorBytes = 64 << 10;
// Of an answer that is no Status, shown in a message.
constexpr size_t kMaxQuoted = 200;

std::string AsMetadata(Representation representation, std::string_view kind) {
  return StrCat(ContentType(representation), ";as=", kind, ";g=meta.k8s.io;v=v1");
}

}  // namespace

AcceptedForm AcceptedForm::Objects(Representation representation) {
  return {.header = std::string(ContentType(representation)), .only = representation};
}

AcceptedForm AcceptedForm::ListOf(const CacheKey& key) {
  if (!key.metadata_only) return Objects(key.representation);
  return {.header = AsMetadata(key.representation, kMetadataListKind), .only = key.representation};
}

AcceptedForm AcceptedForm::WatchOf(const CacheKey& key) {
  if (!key.metadata_only) return Objects(key.representation);
  return {.header = AsMetadata(key.representation, kMetadataKind), .only = key.representation};
}

AcceptedForm AcceptedForm::MetadataList() {
  return {.header = StrCat(AsMetadata(Representation::kProtobuf, kMetadataListKind), ",",
                           AsMetadata(Representation::kJson, kMetadataListKind))};
}

std::string ResourceTarget(const CacheKey& key, std::string_view query) {
  std::string target = key.resource.ApiPath();
  if (!key.namespace_name.empty()) StrAppend(target, "/namespaces/", key.namespace_name);
  StrAppend(target, "/", key.resource.resource, "?", query);
  if (!key.label_selector.empty()) {
    StrAppend(target, "&labelSelector=", QueryEscape(key.label_selector));
  }
  if (!key.field_selector.empty()) {
    StrAppend(target, "&fieldSelector=", QueryEscape(key.field_selector));
  }
  return target;
}

ApiCall::ApiCall(Upstream& upstream, AcceptedForm form, std::string what)
    : upstream_(upstream),
      form_(std::move(form)),
      what_(std::move(what)),
      timer_(upstream.dispatcher().CreateTimer([this] { OnTimeout(); })),
      fail_(upstream.dispatcher(), [this] { OnFailed(); }) {}

void ApiCall::Send(std::string_view method, std::string target, std::string_view authorization,
                   std::string_view body) {
  RequestHead head;
  head.method = method;
  head.target = std::move(target);
  head.headers.Add("Accept", form_.header);
  head.headers.Add("User-Agent", "weir/" WEIR_VERSION);
  head.end_of_stream = body.empty();
  head.content_length = static_cast<int64_t>(body.size());
  if (!body.empty()) {
    head.headers.Add("Content-Type", ContentType(Representation::kJson));
    head.headers.Add("Content-Length", StrCat(body.size()));
  }
  if (authorization.empty()) {
    stream_ = upstream_.SendAsSelf(std::move(head), *this);
  } else {
    head.headers.Add("Authorization", authorization);
    stream_ = upstream_.SendAsCaller(std::move(head), *this);
  }
  if (body.empty()) return;
  stream_->SendBody(Bytes::Copy(body));
  stream_->End();
}

void ApiCall::ExpectWithin(absl::Duration limit) {
  limit_ = limit;
  timer_->Enable(limit);
}

void ApiCall::Fail(absl::Status reason) {
  over_ = true;
  timer_->Disable();
  failure_ = std::move(reason);
  fail_.Schedule();
}

void ApiCall::OnFailed() {
  stream_.reset();
  Finish(failure_);
}

void ApiCall::OnHead(ResponseHead head) {
  if (over_) return;
  status_ = head.status;
  content_type_ = head.headers.Get("Content-Type");
  if (status_ < 200 || status_ > 299) return;
  // Nothing was said of accepting gzip or the like.
  if (const std::string_view coding = head.headers.Get("Content-Encoding");
      !coding.empty() && !EqualsIgnoreCase(coding, "identity")) {
    return Fail(InvalidArgumentError(
        StrCat("the API server answered with Content-Encoding ", Quoted(coding, kMaxQuoted))));
  }
  const auto representation = RepresentationOf(content_type_);
  if (!representation || (form_.only && *representation != *form_.only)) {
    const std::string reason =
        StrCat("the API server answered with Content-Type ", Quoted(content_type_, kMaxQuoted),
               " where ", form_.header, " was asked for");
    // The other encoding in place of a 406 says the same: the kind does not have this one.
    return Fail(representation ? NotAcceptableError(reason) : InvalidArgumentError(reason));
  }
  for (const auto& [name, value] : head.headers.fields()) {
    if (EqualsIgnoreCase(name, "Warning")) warnings_.push_back(value);
  }
  accepted_ = true;
  OnAccepted(*representation);
}

void ApiCall::OnResponseBody(std::string_view bytes) {
  // First, because OnData may be the end of this object.
  stream_->ConsumeBody(bytes.size());
  upstream_.stats().own_bytes->Add(bytes.size());
  if (over_) return;
  if (accepted_) return OnData(bytes);
  error_body_.append(
      bytes.substr(0, kMaxErrorBytes - std::min(kMaxErrorBytes, error_body_.size())));
}

void ApiCall::OnResponseEnd(HeaderList /*trailers*/) {
  if (over_) return;
  Finish(accepted_ ? CheckWhole() : ErrorAnswer());
}

void ApiCall::OnResponseFailed(absl::Status reason, bool sent) {
  if (over_) return;
  // An error's head says enough.
  if (status_ != 0 && !accepted_) return Finish(ErrorAnswer());
  // That too many wait for a connection already says nothing of what was asked for.
  Finish(!sent && IsLimit(reason) ? UnavailableError(MessageOf(reason)) : std::move(reason));
}

void ApiCall::OnTimeout() {
  stream_.reset();
  Finish(
      TimeoutError(StrCat("nothing came from the API server for ", absl::FormatDuration(limit_))));
}

// The HTTP status counts: a body that is no Status decodes as a failure of its own.
absl::Status ApiCall::ErrorAnswer() const {
  ApiStatus answer;
  if (const auto representation = RepresentationOf(content_type_)) {
    answer = ApiStatus::Decode(*representation, error_body_);
  }
  if (answer.code != status_) {
    const std::string_view text = Trim(error_body_);
    answer = {};
    answer.code = status_;
    answer.message = text.empty() ? StrCat("HTTP status ", status_)
                                  : StrCat("HTTP status ", status_, ": ", Quoted(text, kMaxQuoted));
  }
  return FromApiStatus(answer);
}

void ApiCall::Finish(const absl::Status& status) {
  over_ = true;
  timer_->Disable();
  OnDone(Annotate(status, what_));
}

}  // namespace weir
