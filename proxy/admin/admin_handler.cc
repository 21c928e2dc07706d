// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"

#include <utility>

#include "proxy/admin/flame_graph.h"
#include "proxy/admin/metrics_format.h"
#include "proxy/admin/page.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/net/address.h"

namespace weir {
namespace {

constexpr std::string_view kPaths =
    "/ /livez /readyz /metrics /streams /caches /clients /lag /objects/stuck /objects/busy "
    "/changes "
    "/config /profiles /profile /flamegraph";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kNothingElse = "default-src 'none'";
constexpr std::string_view kSvg = "image/svg+xml";

// The name in a Host header, without port and brackets.
std::string_view HostName(std::string_view authority) {
  if (!authority.empty() && authority.front() == '[') {
    const size_t end = authority.find(']');
    return end == std::string_view::npos ? std::string_view() : authority.substr(1, end - 1);
  }
  return authority.substr(0, authority.find(':'));
}

bool TrustedHost(std::string_view authority) {
  const std::string_view name = HostName(authority);
  return name == "localhost" || IsIpLiteral(name);
}

// kubectl's habit: /readyz?verbose, which is what it says anyhow.
bool TakesParameters(std::string_view path) {
  return path == "/changes" || path == "/profile" || path == "/flamegraph" || path == "/livez" ||
         path == "/readyz";
}

// How old an answer may be (RFC 9111, 5.2.1.1). Zero: it is to be made now.
absl::Duration AcceptedAge(const HeaderList& headers) {
  constexpr std::string_view kMaxAge = "max-age=";
  for (std::string_view part : Split(headers.Get("cache-control"), ',')) {
    part = Trim(part);
    if (!part.starts_with(kMaxAge)) continue;
    const auto seconds = ParseUint64(part.substr(kMaxAge.size()));
    return seconds.has_value() && *seconds > 0 ? absl::Seconds(1) : absl::ZeroDuration();
  }
  return absl::ZeroDuration();
}

class AdminHandler final : public RequestHandler {
 public:
  AdminHandler(const AdminSources& sources, RequestHead head, ResponseWriter& writer)
      : sources_(sources), head_(std::move(head)), writer_(writer) {}

  void OnBody(std::string_view bytes) override { writer_.ConsumeBody(bytes.size()); }
  void OnEnd(HeaderList) override { Answer(); }
  void OnWritable() override {}
  void OnReset(absl::Status) override { gathering_.reset(); }
  ~AdminHandler() override { sources_.limits.Release(unread_); }

 private:
  void Answer() {
    const std::string_view target = head_.target;
    const std::string_view path = target.substr(0, target.find('?'));
    if (!TrustedHost(head_.authority)) {
      return Send(403, kText, "Host must be an IP address or localhost\n");
    }
    if (head_.method != "GET" && head_.method != "HEAD") {
      return Send(405, kText, "only GET and HEAD\n");
    }
    if (!TakesParameters(path) && path.size() < target.size()) {
      return Send(400, kText,
                  StrCat(Quoted(path), " takes no parameters, not ",
                         Quoted(target.substr(path.size() + 1)), "\n"));
    }
    const absl::Duration accepted_age = AcceptedAge(head_.headers);
    if (accepted_age > absl::ZeroDuration()) {
      const AnswerLimits::AnswerPtr shared = sources_.limits.Find(ShareName(), accepted_age);
      if (shared != nullptr) return SendShared(shared);
    }
    if (path == "/") return SendPage();
    if (path == "/livez") return Send(200, kText, "ok\n");
    if (path == "/readyz") return SendReadiness();
    if (path == "/metrics") return SendMetrics();
    if (path == "/config") return Send(200, "application/yaml", sources_.config_yaml());
    if (path == "/streams") return SendRows(sources_.streams, RenderStreams);
    if (path == "/caches") return SendRows(sources_.caches, RenderCaches);
    if (path == "/clients") return SendRows(sources_.clients, RenderClients);
    if (path == "/lag") {
      const LagHistory& lag = sources_.lag();
      return SendJson(RenderLag(lag.Stages(), lag.Series()));
    }
    if (path == "/changes") return SendChanges(target.substr(path.size()));
    if (path == "/profiles") {
      return Send(200, kJson, RenderProfiles(sources_.profiler().Kept(), absl::Now()));
    }
    if (path == "/profile" || path == "/flamegraph") {
      return AnswerProfile(path == "/flamegraph", target.substr(path.size()));
    }
    const FlightRecorder& recorder = sources_.recorder();
    if (path == "/objects/stuck") {
      return SendJson(RenderStuck(recorder.Stuck(), recorder.stuck_after()));
    }
    if (path == "/objects/busy") return SendJson(RenderBusy(recorder.Busy()));
    Send(404, kText, StrCat("no page ", Quoted(path), "; there are: ", kPaths, "\n"));
  }

  template <typename Gather, typename Render>
  void SendRows(const Gather& gather, Render render) {
    gathering_ = gather([this, render](auto rows) {
      rows.ok() ? SendJson(render(*rows)) : SendUnavailable(rows.status());
    });
  }

  bool WantsOpenMetricsText() const {
    std::string accept;
    for (const auto& [name, value] : head_.headers.fields()) {
      if (EqualsIgnoreCase(name, "accept")) StrAppend(accept, accept.empty() ? "" : ",", value);
    }
    return WantsOpenMetrics(accept);
  }

  // Of those to whom the same answer may be given.
  std::string ShareName() const {
    return head_.target == "/metrics" && WantsOpenMetricsText() ? "/metrics as OpenMetrics"
                                                                : head_.target;
  }

  void SendMetrics() {
    const StatsRegistry& registry = sources_.registry;
    if (WantsOpenMetricsText()) {
      return SendToShare("application/openmetrics-text; version=1.0.0; charset=utf-8",
                         registry.RenderOpenMetrics());
    }
    SendToShare("text/plain; version=0.0.4; charset=utf-8", registry.RenderPrometheus());
  }

  void SendChanges(std::string_view query_text) {
    const absl::StatusOr<ChangeQuery> query =
        ParseChangeQuery(query_text.substr(query_text.empty() ? 0 : 1));
    if (!query.ok()) return Send(400, kText, StrCat(MessageOf(query.status()), "\n"));
    gathering_ =
        sources_.changes(*query, [this](const absl::StatusOr<std::vector<ChangeRow>>& rows) {
          rows.ok() ? SendJson(RenderChanges(*rows)) : SendUnavailable(rows.status());
        });
  }

  void AnswerProfile(bool graph, std::string_view query_text) {
    const absl::StatusOr<ProfileQuery> query =
        ParseProfileQuery(query_text.substr(query_text.empty() ? 0 : 1));
    if (!query.ok()) return Send(400, kText, StrCat(MessageOf(query.status()), "\n"));
    Profiler& profiler = sources_.profiler();
    if (query->id.has_value()) {
      const ProfilePtr found = profiler.Find(*query->id);
      if (found != nullptr) return SendProfile(graph, *found, query->at.value_or(0));
      return Send(404, kText, StrCat("no profile ", *query->id, " is kept; see /profiles\n"));
    }
    if (head_.method == "HEAD") return Send(200, graph ? kSvg : kText, "");
    absl::StatusOr<RequestHandle> taking =
        profiler.Take(absl::Seconds(query->seconds.value_or(ProfileQuery::kSeconds)),
                      [this, graph](const absl::StatusOr<ProfilePtr>& taken) {
                        if (taken.ok()) return SendProfile(graph, **taken, 0);
                        Send(500, kText, StrCat(MessageOf(taken.status()), "\n"));
                      });
    if (!taking.ok()) {
      const int status = IsUnavailable(taking.status()) ? 503 : 500;
      return Send(status, kText, StrCat(MessageOf(taking.status()), "\n"));
    }
    gathering_ = *std::move(taking);
  }

  void SendProfile(bool graph, const Profile& profile, uint64_t at) {
    if (!graph) return Send(200, kText, FoldedText(profile.stacks));
    std::optional<std::string> svg = RenderFlameGraph(profile, at);
    if (svg.has_value()) return Send(200, kSvg, *std::move(svg));
    Send(404, kText, StrCat("profile ", profile.id, " has no bar ", at, "\n"));
  }

  // As the API server's own /readyz?verbose prints it.
  void SendReadiness() {
    std::string text;
    bool ready = true;
    for (const auto& [name, holds] : sources_.readiness()) {
      StrAppend(text, holds ? "[+]" : "[-]", name, holds ? " ok\n" : " not yet\n");
      ready = ready && holds;
    }
    StrAppend(text, ready ? "readyz check passed\n" : "readyz check failed\n");
    Send(ready ? 200 : 503, kText, std::move(text));
  }

  void SendPage() {
    Page page = MakePage();
    Send(200, "text/html; charset=utf-8", std::move(page.html), page.content_security_policy);
  }

  void SendUnavailable(const absl::Status& why) { Send(503, kText, StrCat(MessageOf(why), "\n")); }

  void SendJson(std::string text) { SendToShare(kJson, std::move(text)); }

  void SendToShare(std::string_view content_type, std::string text) {
    const auto answer = std::make_shared<const AnswerLimits::Answer>(
        AnswerLimits::Answer{content_type, std::move(text)});
    sources_.limits.Keep(ShareName(), answer);
    SendShared(answer);
  }

  void SendShared(const AnswerLimits::AnswerPtr& answer) {
    const std::string& body = answer->body;
    if (!TakeRoom(body.size())) return;
    SendHead(200, answer->content_type, body.size(), kNothingElse);
    if (head_.method != "HEAD") writer_.SendBody(Bytes::Share(answer, body));
    writer_.End();
  }

  void Send(int status, std::string_view content_type, std::string body,
            std::string_view content_security_policy = kNothingElse) {
    if (!TakeRoom(body.size())) return;
    SendHead(status, content_type, body.size(), content_security_policy);
    if (head_.method != "HEAD") writer_.SendBody(Bytes::Own(std::move(body)));
    writer_.End();
  }

  // If there is none the request has been answered.
  bool TakeRoom(uint64_t bytes) {
    if (sources_.limits.Take(bytes)) {
      unread_ = bytes;
      return true;
    }
    constexpr std::string_view kWhy =
        "too many answers of this port have not been read; see weir_admin_unread_bytes\n";
    SendHead(503, kText, kWhy.size(), kNothingElse);
    if (head_.method != "HEAD") writer_.SendBody(Bytes::Static(kWhy));
    writer_.End();
    return false;
  }

  void SendHead(int status, std::string_view content_type, size_t body_bytes,
                std::string_view content_security_policy) {
    ResponseHead head{.status = status, .headers = {}};
    head.headers.Add("Content-Security-Policy", content_security_policy);
    head.headers.Add("Content-Type", content_type);
    head.headers.Add("Content-Length", StrCat(body_bytes));
    head.headers.Add("Cache-Control", "no-store");
    head.headers.Add("X-Content-Type-Options", "nosniff");
    writer_.SendHead(head);
  }

  const AdminSources& sources_;
  const RequestHead head_;
  ResponseWriter& writer_;
  RequestHandle gathering_;
  uint64_t unread_ = 0;  // Bytes, until this goes.
};

}  // namespace

RequestHandlerPtr NewAdminHandler(const AdminSources& sources, RequestHead head,
                                  ResponseWriter& writer) {
  return std::make_unique<AdminHandler>(sources, std::move(head), writer);
}

}  // namespace weir
