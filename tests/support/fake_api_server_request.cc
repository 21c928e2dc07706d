// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server_request.h"

#include <memory>
#include <utility>

#include "absl/time/clock.h"

#include "proxy/base/strings.h"
#include "tests/support/fake_api_server_discovery.h"
#include "tests/support/fake_api_server_list.h"
#include "tests/support/fake_api_server_watch.h"
#include "tests/support/fake_negotiation.h"

namespace weir {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";

// What the router says, before any kind is asked.
FakeStatus NoSuchResource() {
  return {.code = 404,
          .reason = "NotFound",
          .message = "the server could not find the requested resource",
          .empty_details = true};
}

FakeStatus NoSuchMethod() {
  return {.code = 405,
          .reason = "MethodNotAllowed",
          .message = "the server does not allow this method on the requested resource",
          .empty_details = true};
}

bool IsDuration(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.hmsuµn") == std::string_view::npos;
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
  void AnswerUnknown();
  void AnswerKind(const FakeUser& user, const FakeKind& kind);
  // What the router and the filters before it refuse.
  FakeStatus CheckRoute(const FakeKind& kind) const;
  FakeStatus Forbidden(const FakeUser& user) const;
  FakeUser Impersonated(const FakeUser& user) const;
  void AnswerRead(const FakeKind& kind, const FakeAccept& accept);
  void AnswerGet(const FakeKind& kind, const FakeAccept& accept);
  void AnswerWrite(const FakeKind& kind, FakeFormat format);
  void AnswerDelete(const FakeKind& kind, FakeFormat format);
  void DeleteCollection(const FakeKind& kind, FakeFormat format);
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
  if (!info_.is_resource_request || kind == nullptr) return AnswerUnknown();
  AnswerKind(Impersonated(*user), *kind);
}

void FakeApiRequest::AnswerUnknown() {
  for (const FakeKind* kind : state_.store.kinds()) {
    const GroupVersionResource& known = kind->resource;
    if (info_.is_resource_request && known.group == info_.resource.group &&
        known.version == info_.resource.version) {
      return SendStatus(NoSuchResource());
    }
  }
  Send(404, kText, "404 page not found\n");
}

FakeUser FakeApiRequest::Impersonated(const FakeUser& user) const {
  const std::string_view name = head_.headers.Get("impersonate-user");
  if (name.empty()) return user;
  for (const auto& [token, known] : state_.users) {
    if (known.username == name) return known;
  }
  return {.username = std::string(name)};
}

FakeStatus FakeApiRequest::Forbidden(const FakeUser& user) const {
  const std::string scope = info_.namespace_name.empty()
                                ? " at the cluster scope"
                                : StrCat(" in the namespace \"", info_.namespace_name, "\"");
  const std::string name = info_.name.empty() ? "" : StrCat(" \"", info_.name, "\"");
  return {.code = 403,
          .reason = "Forbidden",
          .message = StrCat(info_.resource.Name(), name, " is forbidden: User \"", user.username,
                            "\" cannot ", info_.verb, " resource \"", info_.resource.resource,
                            "\" in API group \"", info_.resource.group, "\"", scope),
          .name = info_.name,
          .group = info_.resource.group,
          .kind = info_.resource.resource};
}

FakeStatus FakeApiRequest::CheckRoute(const FakeKind& kind) const {
  const bool of_kind = info_.subresource.empty() || info_.subresource == "status";
  if (!kind.namespaced && !info_.namespace_name.empty() && !kind.custom &&
      kind.resource.resource != "namespaces") {
    return NoSuchResource();
  }
  if (head_.method == "HEAD") return NoSuchMethod();
  if (!of_kind) return {};
  const bool named = !info_.name.empty();
  const bool wrong =
      named ? head_.method == "POST" : head_.method == "PUT" || head_.method == "PATCH";
  if (!wrong) return {};
  // Custom resources have a router of their own, which leaves it to the handlers.
  if (!kind.custom) return NoSuchMethod();
  if (named) return {};
  return {.code = 400, .reason = "BadRequest", .message = "name must be provided"};
}

void FakeApiRequest::AnswerKind(const FakeUser& user, const FakeKind& kind) {
  if (!state_.Allowed(user, info_.verb, info_.resource.resource)) {
    const FakeAccept accept = Negotiate(head_.headers.Get("accept"), kind, info_.verb);
    return SendStatus(Forbidden(user), accept.error.ok() ? accept.format : FakeFormat::kJson);
  }
  if (FakeStatus error = CheckRoute(kind); !error.ok()) return SendStatus(error);
  if (!info_.subresource.empty() && info_.subresource != "status") return AnswerSubresource();
  const FakeAccept accept = Negotiate(head_.headers.Get("accept"), kind, info_.verb);
  if (!accept.error.ok()) return SendStatus(accept.error, accept.format);
  if (info_.verb != "watch") {
    const QueryParameters parameters = QueryParameters::Parse(info_.query);
    const std::string* timeout = parameters.First("timeout");
    if (timeout != nullptr && !timeout->empty() && !IsDuration(*timeout)) {
      return SendStatus({.code = 400,
                         .reason = "BadRequest",
                         .message = StrCat("invalid timeout specified in the request URL - time: "
                                           "invalid duration ",
                                           JsonString(*timeout))},
                        accept.format);
    }
  }
  if (head_.method == "GET") return AnswerRead(kind, accept);
  AnswerWrite(kind, accept.format);
}

void FakeApiRequest::AnswerRead(const FakeKind& kind, const FakeAccept& accept) {
  if (info_.verb == "get") return AnswerGet(kind, accept);
  FakeReadRequest request{.kind = &kind,
                          .namespace_name = {},
                          .options = {},
                          .labels = {},
                          .fields = {},
                          .format = accept.format};
  const bool watch = info_.verb == "watch";
  if (FakeStatus error = ParseRead(info_, watch, state_.stream_list, request); !error.ok()) {
    return SendStatus(error, accept.format);
  }
  if (watch) {
    watch_ = std::make_unique<FakeWatch>(state_, std::move(request), writer_);
    return;
  }
  const FakeListAnswer answer = AnswerList(state_, request);
  if (!answer.error.ok()) return SendStatus(answer.error, accept.format);
  if (FakeStatus error = CheckTransform(accept, kind, true); !error.ok()) return SendStatus(error);
  Send(200, ContentTypeOf(accept.format), EncodeList(accept.format, answer.list));
}

void FakeApiRequest::AnswerGet(const FakeKind& kind, const FakeAccept& accept) {
  const QueryParameters parameters = QueryParameters::Parse(info_.query);
  const std::string* asked = parameters.First("resourceVersion");
  const std::string version = asked == nullptr ? "" : *asked;
  if (FakeStatus error = CheckVersion(version, false); !error.ok()) {
    return SendStatus(error, accept.format);
  }
  if (const uint64_t least = ParseUint64(version).value_or(0); least > state_.served_version()) {
    return SendStatus(TooLargeVersion(least, state_.served_version()), accept.format);
  }
  const std::string_view scope = kind.namespaced ? std::string_view(info_.namespace_name) : "";
  const FakeObjectPtr object = state_.store.Find(kind, scope, info_.name);
  if (object == nullptr) return SendStatus(state_.store.NotFound(kind, info_.name), accept.format);
  if (FakeStatus error = CheckTransform(accept, kind, false); !error.ok()) return SendStatus(error);
  SendObject(200, accept.format, {.object = object, .error = {}});
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
  if (info_.verb == "deletecollection") return DeleteCollection(kind, format);
  const FakeStore::Result result =
      store.Delete(kind, kind.namespaced ? info_.namespace_name : "", info_.name);
  if (!result.ok() || result.object->deleting) return SendObject(200, format, result);
  Send(200, kJson,
       StrCat(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":)",
              R"({"name":)", JsonString(info_.name), R"(,"kind":")", info_.resource.resource,
              R"(","uid":")", result.object->uid, "\"}}\n"));
}

// Answers with what there was.
void FakeApiRequest::DeleteCollection(const FakeKind& kind, FakeFormat format) {
  FakeReadRequest request{.kind = &kind,
                          .namespace_name = {},
                          .options = {},
                          .labels = {},
                          .fields = {},
                          .format = format};
  if (FakeStatus error = ParseRead(info_, false, false, request); !error.ok()) {
    return SendStatus(error, format);
  }
  const FakeListAnswer answer = AnswerList(state_, request);
  if (!answer.error.ok()) return SendStatus(answer.error, format);
  for (const FakeObjectPtr& object : answer.list.items) {
    state_.store.Delete(kind, object->namespace_name, object->name);
  }
  Send(200, ContentTypeOf(format), EncodeList(format, answer.list));
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
  SendStatus(NoSuchResource());
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
  Send(status.code, ContentTypeOf(StatusFormat(format, status)), EncodeStatus(format, status),
       status.retry_after_seconds);
}

void FakeApiRequest::Send(int code, std::string_view content_type, std::string body,
                          int retry_after) {
  if (content_type == kJson && WantsIndented(info_.query, agent_)) body = IndentedJson(body);
  ResponseHead head{.status = code, .headers = {}};
  if (code == 403 || (code == 404 && content_type == kText)) {
    head.headers.Add("X-Content-Type-Options", "nosniff");
  }
  const std::string_view audit_id = head_.headers.Get("audit-id");
  head.headers.Add("Audit-Id", audit_id.empty() ? "fake-audit-id" : audit_id);
  head.headers.Add("Cache-Control", "no-cache, private");
  head.headers.Add("Content-Type", content_type);
  head.headers.Add("X-Kubernetes-Pf-Flowschema-Uid", "fake-flow-schema");
  head.headers.Add("Date",
                   absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()));
  if (retry_after > 0) head.headers.Add("Retry-After", StrCat(retry_after));
  head.headers.Add("Content-Length", StrCat(body.size()));
  state_.AddWarnings(info_.resource.resource, head.headers);
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
