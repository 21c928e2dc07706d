// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "tests/support/fake_response_writer.h"
#include "tests/support/manual_dispatcher.h"

namespace weir {
namespace {

using testing::HasSubstr;

struct Handle final : Cancellable {
  explicit Handle(bool& cancelled) : cancelled(cancelled) {}
  ~Handle() override { cancelled = true; }
  bool& cancelled;
};

class AdminHandlerTest : public testing::Test {
 protected:
  FakeResponseWriter& Ask(std::string_view target, std::string_view method = "GET",
                          std::string_view host = "127.0.0.1:15090") {
    handler_.reset();
    writer_ = std::make_unique<FakeResponseWriter>(dispatcher_);
    RequestHead head;
    head.method = method;
    head.target = target;
    head.authority = host;
    head.end_of_stream = true;
    for (const std::string_view accept : accepts_) head.headers.Add("Accept", accept);
    if (!cache_control_.empty()) head.headers.Add("Cache-Control", cache_control_);
    handler_ = NewAdminHandler(sources_, std::move(head), *writer_);
    handler_->OnEnd({});
    return *writer_;
  }

  double Stat(std::string_view name) const { return registry_.Sum(name); }

  ManualDispatcher dispatcher_;
  StatsRegistry registry_;
  LagHistory lag_{dispatcher_, registry_};
  FlightRecorder recorder_{dispatcher_, registry_};
  Profiler profiler_{dispatcher_};
  std::vector<std::string_view> accepts_;
  std::string cache_control_;
  std::string config_ = "listen: 127.0.0.1:6443\n";
  bool ready_ = true;
  bool cancelled_ = false;
  AnswerLimits limits_{dispatcher_, registry_};
  AdminSources::Done<StreamRow> streams_done_;
  ChangeQuery change_query_;
  AdminSources::Done<ChangeRow> changes_done_;
  AdminSources sources_{
      .registry = registry_,
      .limits = limits_,
      .streams =
          [this](AdminSources::Done<StreamRow> done) {
            streams_done_ = std::move(done);
            return std::make_unique<Handle>(cancelled_);
          },
      .caches = [](const AdminSources::Done<CacheRow>&) -> RequestHandle { return nullptr; },
      .clients = [](const AdminSources::Done<ClientRow>&) -> RequestHandle { return nullptr; },
      .changes =
          [this](const ChangeQuery& query, AdminSources::Done<ChangeRow> done) {
            change_query_ = query;
            changes_done_ = std::move(done);
            return std::make_unique<Handle>(cancelled_);
          },
      .readiness =
          [this] {
            return std::vector<std::pair<std::string, bool>>{{"listening", true},
                                                             {"api-server-reached", ready_}};
          },
      .lag = [this]() -> const LagHistory& { return lag_; },
      .recorder = [this]() -> const FlightRecorder& { return recorder_; },
      .config_yaml = [this] { return config_; },
      .profiler = [this]() -> Profiler& { return profiler_; }};
  std::unique_ptr<FakeResponseWriter> writer_;
  RequestHandlerPtr handler_;
};

TEST_F(AdminHandlerTest, ParametersThatAPageDoesNotTakeAreNamed) {
  for (const char* path : {"/", "/metrics", "/streams", "/caches", "/clients", "/lag",
                           "/objects/stuck", "/objects/busy", "/config", "/profiles"}) {
    EXPECT_EQ(Ask(StrCat(path, "?limt=5")).status(), 400) << path;
    EXPECT_EQ(writer_->body(), StrCat("\"", path, "\" takes no parameters, not \"limt=5\"\n"));
  }
  EXPECT_EQ(Ask("/changes?limt=5").status(), 400);
  EXPECT_THAT(writer_->body(), HasSubstr("limt"));
  EXPECT_EQ(Ask("/profile?second=5").status(), 400);
  EXPECT_THAT(writer_->body(), HasSubstr("second"));
  EXPECT_EQ(Ask("/livez?verbose").status(), 200);
}

TEST_F(AdminHandlerTest, AWorkerThatDoesNotAnswerIs503) {
  Ask("/streams");
  streams_done_(TimeoutError("no answer within 5s from worker 1"));
  EXPECT_EQ(writer_->status(), 503);
  EXPECT_EQ(writer_->body(), "no answer within 5s from worker 1\n");
  Ask("/changes");
  changes_done_(TimeoutError("no answer within 5s from worker 0"));
  EXPECT_EQ(writer_->status(), 503);
}

// A hundred pages are a hundred readers of the same.
TEST_F(AdminHandlerTest, WhoAcceptsAnAnswerOfASecondAgoSharesIt) {
  const auto ask = [this](std::string_view path) {
    streams_done_ = nullptr;
    Ask(path);
    if (streams_done_ != nullptr) streams_done_(std::vector<StreamRow>{});
    EXPECT_EQ(writer_->status(), 200);
    return streams_done_ != nullptr;
  };
  EXPECT_TRUE(ask("/streams"));
  EXPECT_TRUE(ask("/streams")) << "nobody has said that it may be old";
  cache_control_ = "no-transform, max-age=1";
  EXPECT_FALSE(ask("/streams"));
  const std::string shared = writer_->body();
  EXPECT_EQ(writer_->Header("Content-Type"), "application/json");
  EXPECT_EQ(writer_->Header("Content-Length"), StrCat(shared.size()));
  EXPECT_EQ(Stat("weir_admin_shared_total"), 1);
  cache_control_ = "max-age=0";
  EXPECT_TRUE(ask("/streams"));
  cache_control_ = "max-age=3600";
  dispatcher_.Advance(absl::Milliseconds(999));
  EXPECT_FALSE(ask("/streams"));
  EXPECT_EQ(writer_->body(), shared);
  dispatcher_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(ask("/streams")) << "a second is the most";
  cache_control_ = "max-age=what";
  EXPECT_TRUE(ask("/streams"));
}

TEST_F(AdminHandlerTest, ProbesAreAnsweredWhateverOthersDoNotRead) {
  config_ = std::string(AnswerLimits::kMaxUnreadBytes, 'x');
  EXPECT_EQ(Ask("/config").status(), 200);
  const std::unique_ptr<FakeResponseWriter> unread_writer = std::move(writer_);
  const RequestHandlerPtr unread = std::move(handler_);
  EXPECT_EQ(Ask("/livez").status(), 200);
  EXPECT_EQ(Ask("/readyz").status(), 200);
  EXPECT_EQ(Ask("/config").status(), 503);
}

TEST_F(AdminHandlerTest, MetricsAreSharedInOneFormat) {
  const CounterHandle counter = registry_.AddCounter("weir_test_total", "T.");
  EXPECT_EQ(Ask("/metrics").status(), 200);
  counter->Add();
  cache_control_ = "max-age=1";
  EXPECT_THAT(Ask("/metrics").body(), HasSubstr("weir_test_total 0\n"));
  accepts_ = {"application/openmetrics-text"};
  EXPECT_THAT(Ask("/metrics").body(), HasSubstr("weir_test_total 1\n"));
  EXPECT_THAT(std::string(writer_->Header("Content-Type")), HasSubstr("openmetrics"));
  accepts_ = {};
  cache_control_ = "";
  EXPECT_THAT(Ask("/metrics").body(), HasSubstr("weir_test_total 1\n"));
}

TEST_F(AdminHandlerTest, SharedAnswersAreFewAndOfTheSameQuery) {
  cache_control_ = "max-age=1";
  const auto ask = [this](std::string_view path) {
    changes_done_ = nullptr;
    Ask(path);
    if (changes_done_ != nullptr) changes_done_(std::vector<ChangeRow>{});
    return changes_done_ != nullptr;
  };
  EXPECT_TRUE(ask("/changes?limit=1"));
  EXPECT_TRUE(ask("/changes?limit=2"));
  EXPECT_FALSE(ask("/changes?limit=1"));
  for (size_t i = 0; i < AnswerLimits::kMaxShared; ++i)
    EXPECT_TRUE(ask(StrCat("/changes?limit=", i + 10)));
  EXPECT_TRUE(ask(StrCat("/changes?limit=", AnswerLimits::kMaxShared + 9))) << "there was no room";
  EXPECT_FALSE(ask("/changes?limit=10"));
}

TEST_F(AdminHandlerTest, AnswersThatNobodyReadsAreBounded) {
  config_ = std::string(AnswerLimits::kMaxUnreadBytes / 2 + 1, 'x');
  EXPECT_EQ(Ask("/config").status(), 200);
  EXPECT_EQ(Stat("weir_admin_unread_bytes"), static_cast<double>(config_.size()));
  const std::unique_ptr<FakeResponseWriter> unread_writer = std::move(writer_);
  RequestHandlerPtr unread = std::move(handler_);
  EXPECT_EQ(Ask("/config").status(), 503);
  EXPECT_THAT(writer_->body(), HasSubstr("have not been read"));
  EXPECT_EQ(Stat("weir_admin_refused_total"), 1);
  EXPECT_EQ(Ask("/livez").status(), 200);
  unread.reset();
  EXPECT_EQ(Ask("/config").status(), 200);
  handler_.reset();
  EXPECT_EQ(Stat("weir_admin_unread_bytes"), 0);
}

TEST_F(AdminHandlerTest, LivezSaysOk) {
  EXPECT_EQ(Ask("/livez").status(), 200);
  EXPECT_EQ(writer_->body(), "ok\n");
  EXPECT_TRUE(writer_->ended());
}

TEST_F(AdminHandlerTest, ReadyzNamesWhatIsMissing) {
  EXPECT_EQ(Ask("/readyz").status(), 200);
  EXPECT_THAT(writer_->body(), HasSubstr("[+]api-server-reached ok"));
  ready_ = false;
  EXPECT_EQ(Ask("/readyz?verbose").status(), 503);
  EXPECT_THAT(writer_->body(), HasSubstr("[-]api-server-reached not yet"));
}

TEST_F(AdminHandlerTest, ThePageIsWholeAndRunsNothingButItself) {
  EXPECT_EQ(Ask("/").status(), 200);
  EXPECT_THAT(std::string(writer_->Header("Content-Type")), HasSubstr("text/html"));
  const std::string html = writer_->body();
  const std::string policy(writer_->Header("Content-Security-Policy"));
  EXPECT_TRUE(html.starts_with("<!doctype html>"));
  EXPECT_TRUE(html.ends_with("</html>\n"));
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  // Script and style are allowed by the nonce of this very answer.
  const size_t at = policy.find("script-src 'nonce-") + 18;
  const std::string nonce = policy.substr(at, policy.find('\'', at) - at);
  EXPECT_EQ(nonce.size(), 32U);
  EXPECT_THAT(html, HasSubstr(StrCat("<script nonce=\"", nonce, "\">")));
  EXPECT_THAT(html, HasSubstr(StrCat("<style nonce=\"", nonce, "\">")));
  EXPECT_EQ(html.find("NONCE"), std::string::npos);
  Ask("/");
  EXPECT_NE(writer_->Header("Content-Security-Policy"), policy);
  // Nothing is loaded from elsewhere, and nothing that comes from Weir is taken for HTML.
  for (const char* no :
       {"src=", "http://127", "https://", "@import", "url(", "innerHTML", "eval("}) {
    EXPECT_EQ(html.find(no), std::string::npos) << no;
  }
}

TEST_F(AdminHandlerTest, LagTellsStagesAndWhatTheyWere) {
  const HistogramHandle dispatch =
      registry_.AddHistogram("weir_downstream_dispatch_seconds", "D.", {{"resource", "pods"}});
  dispatch->Observe(absl::Microseconds(250), 4);
  dispatcher_.Advance(2 * LagHistory::kInterval);
  EXPECT_EQ(Ask("/lag").status(), 200);
  EXPECT_EQ(writer_->Header("Content-Type"), "application/json");
  const auto read = nlohmann::json::parse(writer_->body());
  const auto& pods = read["resources"].at(0);
  EXPECT_EQ(pods["resource"], "pods");
  const auto& stage = pods["stages"].at(0);
  EXPECT_EQ(stage["stage"], "dispatch");
  EXPECT_EQ(stage["count"], 4);
  EXPECT_NEAR(stage["p99Seconds"].get<double>(), 0.00025, 0.000003);
  EXPECT_EQ(stage["lastMinute"]["count"], 4);
  EXPECT_EQ(read["history"]["intervalSeconds"], 5);
  const auto& series = read["history"]["series"].at(0);
  EXPECT_EQ(series["resource"], "pods");
  EXPECT_EQ(series["stage"], "dispatch");
  EXPECT_EQ(series["counts"], nlohmann::json({4, 0}));
  EXPECT_EQ(series["p50Seconds"].size(), 2U);
  EXPECT_EQ(series["p99Seconds"].at(1), 0);
}

// Profiles are taken in real time, by a thread of their own.
TEST_F(AdminHandlerTest, AProfileIsTakenListedAndLookedAtAgain) {
  Ask("/profile?seconds=1");
  EXPECT_FALSE(writer_->ended()) << "takes a second";
  while (!writer_->ended()) dispatcher_.RunReady();
  EXPECT_EQ(writer_->status(), 200);
  EXPECT_EQ(writer_->Header("Content-Type"), "text/plain; charset=utf-8");
  Ask("/profiles");
  const auto row = nlohmann::json::parse(writer_->body())["profiles"].at(0);
  EXPECT_EQ(row["id"], 1);
  EXPECT_EQ(row["seconds"], 1);
  EXPECT_EQ(row["reason"], "asked for");
  EXPECT_EQ(row["slow"], false);
  EXPECT_GE(row["ageSeconds"], 1) << "since it began";
  EXPECT_EQ(Ask("/profile?id=1").status(), 200);
  EXPECT_EQ(Ask("/flamegraph?id=1").status(), 200);
  EXPECT_EQ(writer_->Header("Content-Type"), "image/svg+xml");
  EXPECT_TRUE(writer_->body().starts_with("<svg "));
  EXPECT_EQ(Ask("/flamegraph?id=1&at=999").status(), 404);
  EXPECT_EQ(Ask("/flamegraph?id=2").status(), 404);
  EXPECT_THAT(writer_->body(), HasSubstr("/profiles"));
}

TEST_F(AdminHandlerTest, OneProfileAtATime) {
  Ask("/flamegraph?seconds=1");
  const RequestHandlerPtr first = std::move(handler_);
  const auto first_writer = std::move(writer_);
  EXPECT_EQ(Ask("/profile").status(), 503);
  EXPECT_THAT(writer_->body(), HasSubstr("being taken"));
  EXPECT_EQ(Ask("/profile", "HEAD").status(), 200) << "takes none";
  while (!first_writer->ended()) dispatcher_.RunReady();
  EXPECT_EQ(first_writer->status(), 200);
}

TEST_F(AdminHandlerTest, BadProfileQueriesAreNamed) {
  for (const auto& [query, says] : std::map<std::string, std::string>{
           {"seconds=0", "seconds must be a number from 1 to 30, not \"0\""},
           {"seconds=31", "from 1 to 30"},
           {"id=x", "id must be a number"},
           {"at=1", "at is a place in the profile that id names"},
           {"id=1&seconds=1", "either id"},
           {"hz=9", "unknown parameter \"hz\"; there are: seconds id at"}}) {
    EXPECT_EQ(Ask(StrCat("/profile?", query)).status(), 400);
    EXPECT_THAT(writer_->body(), HasSubstr(says));
    EXPECT_EQ(Ask(StrCat("/flamegraph?", query)).status(), 400);
  }
}

TEST_F(AdminHandlerTest, ChangesNameFieldsAndNothingElse) {
  Ask("/changes?resource=foos.example.com&limit=5");
  EXPECT_EQ(change_query_.resource, "foos.example.com");
  EXPECT_EQ(change_query_.limit, 5U);
  ChangeRow row{.resource = "foos.example.com", .namespace_name = "ns", .name = "a", .uid = "u"};
  row.version = ResourceVersion(124);
  row.age = absl::Milliseconds(800);
  row.changed = ChangedPaths{.paths = {"metadata.labels[\"a.b\"]", "spec.replicas"}};
  ChangeRow deleted = row;
  deleted.type = WatchEventType::kDeleted;
  deleted.changed.reset();
  ChangeRow many = row;
  many.changed->more = true;
  ChangeRow withheld = deleted;
  withheld.filter = "stale";
  withheld.decision = "withheld";
  changes_done_(std::vector<ChangeRow>{row, deleted, many, withheld});
  EXPECT_EQ(writer_->status(), 200);
  EXPECT_EQ(writer_->Header("Content-Type"), "application/json");
  const auto changes = nlohmann::json::parse(writer_->body())["changes"];
  EXPECT_EQ(changes.at(0),
            nlohmann::json({{"resource", "foos.example.com"},
                            {"namespace", "ns"},
                            {"name", "a"},
                            {"type", "MODIFIED"},
                            {"resourceVersion", "124"},
                            {"ageSeconds", 0.8},
                            {"paths", {"metadata.labels[\"a.b\"]", "spec.replicas"}}}));
  EXPECT_EQ(changes.at(1)["type"], "DELETED");
  EXPECT_FALSE(changes.at(1).contains("paths"));
  EXPECT_FALSE(changes.at(1).contains("filter"));
  EXPECT_EQ(changes.at(2)["morePaths"], true);
  EXPECT_EQ(changes.at(3)["filter"], "stale");
  EXPECT_EQ(changes.at(3)["decision"], "withheld");
  many.changed->paths = {"spec.replicas"};
  Ask("/changes");
  changes_done_(std::vector<ChangeRow>{row, deleted, many});
  EXPECT_EQ(
      nlohmann::json::parse(writer_->body())["churn"],
      nlohmann::json({{{"resource", "foos.example.com"}, {"path", "spec.replicas"}, {"changes", 2}},
                      {{"resource", "foos.example.com"},
                       {"path", "metadata.labels[\"a.b\"]"},
                       {"changes", 1}}}))
      << "the busiest first";
}

TEST_F(AdminHandlerTest, ChangesOfAllWhereNothingIsAskedFor) {
  for (const char* target : {"/changes", "/changes?"}) {
    change_query_ = {.resource = "x", .limit = 1};
    Ask(target);
    EXPECT_EQ(change_query_.resource, "");
    EXPECT_EQ(change_query_.limit, ChangeRow::kMaxRows);
  }
  Ask("/changes?limit=1000");
  EXPECT_EQ(change_query_.limit, 1000U);
}

TEST_F(AdminHandlerTest, ChangesRefusesAQuestionItDoesNotKnow) {
  const std::pair<const char*, const char*> questions[] = {
      {"color=red", "\"color\""},   {"limit=0", "\"0\""},       {"limit=1001", "\"1001\""},
      {"limit=-1", "\"-1\""},       {"limit", "limit must be"}, {"resource=", "resource"},
      {"limit=1&limit=2", "twice"}, {"resource=%zz", "%zz"},    {"resource=a&&limit=1", "\"\""},
  };
  for (const auto& [question, says] : questions) {
    changes_done_ = nullptr;
    EXPECT_EQ(Ask(StrCat("/changes?", question)).status(), 400) << question;
    EXPECT_THAT(writer_->body(), HasSubstr(says));
    EXPECT_FALSE(changes_done_) << question;
  }
}

TEST_F(AdminHandlerTest, NamesObjectsThatAreStuckAndThatAreBusy) {
  SeenEvent event{.resource = "foos.example.com",
                  .namespace_name = "ns",
                  .name = "a \"b\"",
                  .uid = "u",
                  .type = WatchEventType::kAdded,
                  .version = ResourceVersion(11),
                  .arrived = dispatcher_.Now(),
                  .published = dispatcher_.Now(),
                  .delivered = dispatcher_.Now(),
                  .asks = SeenEvent::Asks::kCreated,
                  .written = {}};
  SeenWrite write{.resource = "pods",
                  .namespace_name = "ns",
                  .name = "p",
                  .status = 200,
                  .came = dispatcher_.Now(),
                  .answered = dispatcher_.Now(),
                  .uid = "v",
                  .owners = {},
                  .version = ResourceVersion(12)};
  recorder_.OnSeen({.events = {event}, .writes = {write}});
  EXPECT_EQ(Ask("/objects/busy").status(), 200);
  const auto busy = nlohmann::json::parse(writer_->body())["objects"].at(0);
  EXPECT_EQ(busy["resource"], "pods");
  EXPECT_EQ(busy["name"], "p");
  EXPECT_EQ(busy["loop"], false);
  dispatcher_.Advance(absl::Seconds(15));
  EXPECT_EQ(Ask("/objects/stuck").status(), 200);
  const auto read = nlohmann::json::parse(writer_->body());
  EXPECT_EQ(read["thresholdSeconds"], 10);
  const auto& stuck = read["objects"].at(0);
  EXPECT_EQ(stuck["name"], "a \"b\"");
  EXPECT_EQ(stuck["resourceVersion"], "11");
  EXPECT_EQ(stuck["asks"], "created");
  EXPECT_EQ(stuck["ageSeconds"], 15);
  EXPECT_EQ(stuck["acts"], false);
}

TEST_F(AdminHandlerTest, MetricsAreForPrometheus) {
  const CounterHandle counter = registry_.AddCounter("weir_test_things_total", "Things.");
  counter->Add(3);
  EXPECT_EQ(Ask("/metrics").status(), 200);
  EXPECT_THAT(writer_->body(), HasSubstr("weir_test_things_total 3"));
  EXPECT_THAT(std::string(writer_->Header("Content-Type")), HasSubstr("version=0.0.4"));
}

TEST_F(AdminHandlerTest, MetricsAreOpenMetricsWhereThatIsAskedFor) {
  const CounterHandle counter = registry_.AddCounter("weir_test_things_total", "Things.");
  accepts_ = {"application/openmetrics-text;version=1.0.0", "text/plain;q=0.5"};
  EXPECT_EQ(Ask("/metrics").status(), 200);
  EXPECT_THAT(writer_->body(), HasSubstr("# TYPE weir_test_things counter\n"));
  EXPECT_THAT(writer_->body(), testing::EndsWith("\n# EOF\n"));
  EXPECT_EQ(writer_->Header("Content-Type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  accepts_ = {"application/openmetrics-text;q=0.1", "text/plain"};
  EXPECT_THAT(std::string(Ask("/metrics").Header("Content-Type")), HasSubstr("version=0.0.4"));
}

TEST_F(AdminHandlerTest, ConfigIsYaml) {
  EXPECT_EQ(Ask("/config").body(), "listen: 127.0.0.1:6443\n");
}

TEST_F(AdminHandlerTest, StreamsComeWhenEveryWorkerHasAnswered) {
  EXPECT_EQ(Ask("/streams").status(), 0);
  StreamRow row;
  row.client = "10.0.0.1:5";
  streams_done_(std::vector<StreamRow>{row});
  EXPECT_EQ(writer_->status(), 200);
  EXPECT_EQ(writer_->Header("Content-Type"), "application/json");
  EXPECT_THAT(writer_->body(), HasSubstr("10.0.0.1:5"));
}

TEST_F(AdminHandlerTest, ClientThatLeavesCancelsTheGathering) {
  Ask("/streams");
  EXPECT_FALSE(cancelled_);
  handler_->OnReset(absl::OkStatus());
  EXPECT_TRUE(cancelled_);
}

TEST_F(AdminHandlerTest, UnknownPageNamesThoseThereAre) {
  EXPECT_EQ(Ask("/nowhere").status(), 404);
  EXPECT_THAT(writer_->body(), HasSubstr("/metrics"));
}

TEST_F(AdminHandlerTest, OnlyReadsAreAllowed) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS"}) {
    EXPECT_EQ(Ask("/livez", method).status(), 405) << method;
  }
}

TEST_F(AdminHandlerTest, HeadHasNoBody) {
  EXPECT_EQ(Ask("/livez", "HEAD").status(), 200);
  EXPECT_EQ(writer_->body(), "");
  EXPECT_EQ(writer_->Header("Content-Length"), "3");
}

TEST_F(AdminHandlerTest, HostsThatAWebPageCouldNameAreRefused) {
  for (const char* host : {"evil.example:15090", "localhost.evil.example", "", "[::1", "weir"}) {
    EXPECT_EQ(Ask("/livez", "GET", host).status(), 403) << host;
  }
  for (const char* host : {"127.0.0.1:15090", "10.1.2.3", "localhost:80", "[::1]:15090"}) {
    EXPECT_EQ(Ask("/livez", "GET", host).status(), 200) << host;
  }
}

}  // namespace
}  // namespace weir
