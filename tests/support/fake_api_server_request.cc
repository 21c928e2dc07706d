// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server_request.h"

#include <memory>
#include <utility>

#include "absl/time/clock.h"

#include "proxy/base/strings.h"
#include "tests/support/fake_api_server_discovery.h"
#include "tests/support/fake_api_server_list.h"
#include "tests/support/fake_api_server_watch.h"

namespace weir {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";

// The first clause that the kind can be answered in; nullopt: 406.
std::optional<FakeFormat> FormatOf(std::string_view accept, const FakeKind& kind) {
  if (Trim(accept).empty()) return FakeFormat::kJson;
  for (const std::string_view clause : Split(accept, ',')) {
    const std::string_view type = Trim(clause.substr(0, clause.find(';')));
    const bool json = type == kJson || type == "*/*" || type == "application/*";
    if (clause.find("as=Table") != std::string_view::npos) {
      if (json) return FakeFormat::kTable;
    } else if (clause.find("as=PartialObjectMetadata") != std::string_view::npos) {
      if (json) return FakeFormat::kMetadata;
      if (type == kProtobuf) return FakeFormat::kProtobufMetadata;
    } else if (json) {
      return FakeFormat::kJson;
    } else if (type == kProtobuf && !kind.custom) {
      return FakeFormat::kProtobuf;
    }
  }
  return std::nullopt;
}

class FakeApiRequest final : public RequestHandler {
 public:
  FakeApiRequest(FakeApiState& state, RequestHead head, ResponseWriter& writer,
                 std::function<void()> cut)
      : state_(state),
        head_(std::move(head)),
        info_(RequestInfo::Parse(head_.method, head_.target)),
        agent_(head_.headers.Get("user-agent")),
        writer_(writer),
        cut_(std::move(cut)) {
    if (info_.subresource == "exec" && !head_.upgrade.empty()) OpenTunnel();
  }

  void OnBody(std::string_view bytes) override {
    writer_.ConsumeBody(bytes.size());
    if (tunnel_) return writer_.SendBody(Bytes::Copy(bytes));
    body_.append(bytes);
  }
  void OnEnd(HeaderList) override {
    if (tunnel_) return writer_.End();
    Begin();
  }
  void OnWritable() override {
    if (watch_ != nullptr) watch_->Pump();
  }
  void OnReset(absl::Status) override { Forget(); }
  void OnDrain() override {
    if (watch_ != nullptr && state_.end_watches_on_drain) watch_->End();
  }

 private:
  void Begin();
  void Misbehave(const FakeFault& fault);
  void Answer();
  void AnswerKind(const FakeUser& user, const FakeKind& kind);
  void AnswerRead(const FakeKind& kind, FakeFormat format);
  void AnswerWrite(const FakeKind& kind, FakeFormat format);
  void AnswerDelete(const FakeKind& kind, FakeFormat format);
  void AnswerSubresource();
  void OpenTunnel();
  void Forget();

  void SendObject(int code, FakeFormat format, const FakeStore::Result& result);
  void SendStatus(const FakeStatus& status, FakeFormat format = FakeFormat::kJson);
  void Send(int code, std::string_view content_type, std::string body, int retry_after = 0);

  FakeApiState& state_;
  const RequestHead head_;
  const RequestInfo info_;
  const std::string agent_;
  ResponseWriter& writer_;
  const std::function<void()> cut_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::string body_;
  bool tunnel_ = false;
  bool half_ = false;  // The answer is to break off in the middle.
  TimerPtr delay_;
  std::unique_ptr<FakeWatch> watch_;
};

void FakeApiRequest::Begin() {
  const std::string& resource = info_.resource.resource;
  ++state_.counts[{info_.verb, info_.is_resource_request ? resource : std::string(info_.path),
                   agent_}];
  auto fault = state_.TakeFault(info_.verb, resource, agent_);
  if (fault && info_.path != "/simulator/requests") return Misbehave(*fault);
  Answer();
}

void FakeApiRequest::Misbehave(const FakeFault& fault) {
  switch (fault.kind) {
    case FakeFault::Kind::kStatus:
      return SendStatus(fault.status);
    case FakeFault::Kind::kTextStatus:
      return Send(fault.status.code, kText, fault.status.message, fault.status.retry_after_seconds);
    case FakeFault::Kind::kCut:
      return cut_();
    case FakeFault::Kind::kReset:
      return writer_.Reset();
    case FakeFault::Kind::kSilence:
      return;
    case FakeFault::Kind::kDelay:
      delay_ = state_.dispatcher.CreateTimer([this] { Answer(); });
      return delay_->Enable(fault.delay);
    case FakeFault::Kind::kBody:
      return Send(200, kJson, fault.body);
    case FakeFault::Kind::kHalfBody:
      half_ = true;
      return Answer();
  }
}

void FakeApiRequest::Answer() {
  if (info_.path == "/simulator/requests") return Send(200, kJson, CountsJson(state_));
  const auto user = state_.Authenticate(head_.headers.Get("authorization"));
  if (!user) {
    return SendStatus({.code = 401, .reason = "Unauthorized", .message = "Unauthorized"});
  }
  if (const auto answer = AnswerNonResource(state_, head_.method, info_.path)) {
    return Send(200, answer->content_type, head_.method == "HEAD" ? "" : answer->body);
  }
  if (info_.resource.resource == "selfsubjectreviews" && info_.verb == "create") {
    return Send(201, kJson, SelfSubjectReviewJson(*user));
  }
  if (info_.resource.resource == "selfsubjectaccessreviews" && info_.verb == "create") {
    return Send(201, kJson, SelfSubjectAccessReviewJson(state_, *user, body_));
  }
  const FakeKind* kind = state_.store.FindKind(info_.resource);
  if (!info_.is_resource_request || kind == nullptr)
    return Send(404, kText, "404 page not found\n");
  AnswerKind(*user, *kind);
}

void FakeApiRequest::AnswerKind(const FakeUser& user, const FakeKind& kind) {
  if (!state_.Allowed(user, info_.verb, info_.resource.resource)) {
    const std::string scope = info_.namespace_name.empty()
                                  ? " at the cluster scope"
                                  : StrCat(" in the namespace \"", info_.namespace_name, "\"");
    return SendStatus(
        {.code = 403,
         .reason = "Forbidden",
         .message = StrCat(info_.resource.Name(), " is forbidden: User \"", user.username,
                           "\" cannot ", info_.verb, " resource \"", info_.resource.resource,
                           "\" in API group \"", info_.resource.group, "\"", scope),
         .group = info_.resource.group,
         .kind = info_.resource.resource});
  }
  if (head_.method == "HEAD") {
    return SendStatus(
        {.code = 405,
         .reason = "MethodNotAllowed",
         .message = "the server does not allow this method on the requested resource"});
  }
  if (!info_.subresource.empty() && info_.subresource != "status") return AnswerSubresource();
  const auto format = FormatOf(head_.headers.Get("accept"), kind);
  if (!format) {
    return SendStatus({.code = 406,
                       .reason = "NotAcceptable",
                       .message = "only the following media types are accepted: application/json, "
                                  "application/yaml"});
  }
  if (head_.method == "GET") return AnswerRead(kind, *format);
  AnswerWrite(kind, *format);
}

void FakeApiRequest::AnswerRead(const FakeKind& kind, FakeFormat format) {
  if (info_.verb == "get") {
    const std::string_view scope = kind.namespaced ? std::string_view(info_.namespace_name) : "";
    FakeObjectPtr object = state_.store.Find(kind, scope, info_.name);
    if (object != nullptr) return SendObject(200, format, {.object = object, .error = {}});
    return SendStatus(state_.store.NotFound(kind, info_.name), format);
  }
  FakeReadRequest request{.kind = &kind,
                          .namespace_name = {},
                          .options = {},
                          .labels = {},
                          .fields = {},
                          .format = format};
  const bool watch = info_.verb == "watch";
  if (FakeStatus error = ParseRead(info_, watch, state_.stream_list, request); !error.ok()) {
    return SendStatus(error, format);
  }
  if (watch) {
    watch_ = std::make_unique<FakeWatch>(state_, std::move(request), writer_);
    return;
  }
  const FakeListAnswer answer = AnswerList(state_, request);
  if (!answer.error.ok()) return SendStatus(answer.error, format);
  Send(200, ContentTypeOf(format), EncodeList(format, answer.list));
}

void FakeApiRequest::AnswerWrite(const FakeKind& kind, FakeFormat format) {
  FakeStore& store = state_.store;
  const std::string scope = kind.namespaced ? info_.namespace_name : "";
  if (info_.verb == "create") return SendObject(201, format, store.Create(kind, scope, body_));
  if (info_.verb == "update") {
    return SendObject(200, format, store.Update(kind, scope, info_.name, body_));
  }
  if (info_.verb == "patch") {
    return SendObject(200, format, store.MergePatch(kind, scope, info_.name, body_));
  }
  AnswerDelete(kind, format);
}

void FakeApiRequest::AnswerDelete(const FakeKind& kind, FakeFormat format) {
  FakeStore& store = state_.store;
  if (info_.verb == "deletecollection") {
    for (const FakeObjectPtr& object : store.ListAt(kind, store.version())) {
      if (info_.namespace_name.empty() || object->namespace_name == info_.namespace_name) {
        store.Delete(kind, object->namespace_name, object->name);
      }
    }
    return Send(200, kJson,
                R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success"})");
  }
  const FakeStore::Result result =
      store.Delete(kind, kind.namespaced ? info_.namespace_name : "", info_.name);
  if (!result.ok() || result.object->deleting) return SendObject(200, format, result);
  Send(200, kJson,
       StrCat(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":)",
              R"({"name":)", JsonString(info_.name), R"(,"kind":")", info_.resource.resource,
              R"(","uid":")", result.object->uid, "\"}}\n"));
}

void FakeApiRequest::AnswerSubresource() {
  if (info_.subresource == "log") return Send(200, "text/plain", "line one\nline two\n");
  if (info_.subresource == "proxy") {
    // A pod that answers at once, goes on for ever and says odd things.
    ResponseHead head;
    head.headers.Add("Content-Type", kJson);
    writer_.SendHead(head);
    return writer_.SendBody(Bytes::Static(
        R"({"kind":"X","apiVersion":"v1","metadata":{"name":"x","uid":"u","resourceVersion":)"
        "\"99999999\"}}\n"));
  }
  Send(404, kText, "404 page not found\n");
}

// Sends back whatever comes: enough of an exec.
void FakeApiRequest::OpenTunnel() {
  tunnel_ = true;
  state_.dispatcher.Post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    ResponseHead head{.status = 101, .headers = {}};
    head.headers.Add("Connection", "Upgrade");
    head.headers.Add("Upgrade", head_.upgrade);
    writer_.SendHead(head);
  });
}

void FakeApiRequest::Forget() {
  delay_.reset();
  if (watch_ != nullptr) watch_->ForgetWriter();
}

void FakeApiRequest::SendObject(int code, FakeFormat format, const FakeStore::Result& result) {
  if (!result.ok()) return SendStatus(result.error, format);
  Send(code, ContentTypeOf(format), EncodeObject(format, *result.object));
}

void FakeApiRequest::SendStatus(const FakeStatus& status, FakeFormat format) {
  if (!IsProtobuf(format)) format = FakeFormat::kJson;
  Send(status.code, ContentTypeOf(format), EncodeStatus(format, status),
       status.retry_after_seconds);
}

void FakeApiRequest::Send(int code, std::string_view content_type, std::string body,
                          int retry_after) {
  ResponseHead head{.status = code, .headers = {}};
  const std::string_view audit_id = head_.headers.Get("audit-id");
  head.headers.Add("Audit-Id", audit_id.empty() ? "fake-audit-id" : audit_id);
  head.headers.Add("Cache-Control", "no-cache, private");
  head.headers.Add("Content-Type", content_type);
  head.headers.Add("X-Kubernetes-Pf-Flowschema-Uid", "fake-flow-schema");
  head.headers.Add("Date",
                   absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()));
  if (retry_after > 0) head.headers.Add("Retry-After", StrCat(retry_after));
  head.headers.Add("Content-Length", StrCat(body.size()));
  writer_.SendHead(head);
  if (half_) {
    writer_.SendBody(Bytes::Own(body.substr(0, body.size() / 2)));
    // Once these bytes have had the time to leave.
    delay_ = state_.dispatcher.CreateTimer(cut_);
    return delay_->Enable(absl::Milliseconds(10));
  }
  if (head_.method != "HEAD") writer_.SendBody(Bytes::Own(std::move(body)));
  writer_.End();
}

}  // namespace

RequestHandlerPtr NewFakeApiRequest(FakeApiState& state, RequestHead head, ResponseWriter& writer,
                                    std::function<void()> cut) {
  return std::make_unique<FakeApiRequest>(state, std::move(head), writer, std::move(cut));
}

}  // namespace weir
