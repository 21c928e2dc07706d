// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/upstream.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "tests/upstream/fake_server.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class UpstreamTest : public testing::Test {
 protected:
  UpstreamTest()
      : own_server_(dispatcher_, "h2", RecordInto(requests_)),
        callers_server_(dispatcher_, "h2", RecordInto(requests_)) {
    target_.host = "10.0.0.1";
  }
  ~UpstreamTest() override { answer_.stream.reset(); }

  void Make(std::string token) {
    upstream_ = std::make_unique<Upstream>(
        dispatcher_, target_, UpstreamOptions(), TokenSource::Fixed(std::move(token)),
        UpstreamConnectors{own_server_.connector(), callers_server_.connector()}, stats_);
  }
  static RequestHead Get(std::string target) {
    RequestHead head;
    head.method = "GET";
    head.target = std::move(target);
    head.end_of_stream = true;
    return head;
  }
  void Send(RequestHead head, bool as_self = true) {
    answer_.stream = as_self ? upstream_->SendAsSelf(std::move(head), answer_)
                             : upstream_->SendAsCaller(std::move(head), answer_);
    dispatcher_.RunReady();
  }
  SeenRequest& seen() { return *requests_.back(); }

  ManualDispatcher dispatcher_;
  StatsRegistry registry_;
  UpstreamStats stats_{registry_};
  SeenRequests requests_;
  FakeServer own_server_, callers_server_;
  UpstreamTarget target_;
  std::unique_ptr<Upstream> upstream_;
  SeenAnswer answer_;
};

TEST_F(UpstreamTest, PutsTheServersPathInFront) {
  target_.base_path = "/clusters/c-1/";
  Make("t");
  Send(Get("/api/v1/pods?a=b"));
  EXPECT_EQ(seen().head.target, "/clusters/c-1/api/v1/pods?a=b");
  EXPECT_EQ(seen().head.authority, "10.0.0.1:443");
  Send(Get("/version"), false);
  EXPECT_EQ(seen().head.target, "/clusters/c-1/version");
}

TEST_F(UpstreamTest, NeverSendsACallersHeaderWithWeirsCertificate) {
  Make("");
  RequestHead head = Get("/");
  head.headers.Add("authorization", "Bearer made-by-weir");
  Send(std::move(head));
  EXPECT_FALSE(seen().head.headers.Has("authorization"));
  EXPECT_EQ(own_server_.connections(), 1);
}

TEST_F(UpstreamTest, KeepsTheTwoKindsOfConnectionsApart) {
  Make("t");
  for (int i = 0; i < 3; ++i) {
    Send(Get("/self"));
    Send(Get("/caller"), false);
  }
  EXPECT_EQ(own_server_.connections(), 1);
  EXPECT_EQ(callers_server_.connections(), 1);
}

TEST_F(UpstreamTest, HasReachedTheApiServerOnceThatAnswersAnything) {
  Make("t");
  Send(Get("/"));
  EXPECT_FALSE(upstream_->reached());
  seen().Answer(401, "text/plain", "no");
  dispatcher_.RunReady();
  EXPECT_TRUE(upstream_->reached());
  EXPECT_TRUE(answer_.ended);
  EXPECT_EQ(answer_.body, "no");
}

TEST_F(UpstreamTest, AFailureIsNotAnAnswer) {
  Make("t");
  own_server_.Refuse(UnavailableError("refused"));
  Send(Get("/"));
  EXPECT_FALSE(upstream_->reached());
  EXPECT_TRUE(IsUnavailable(answer_.failure));
}

TEST_F(UpstreamTest, CountsNoMoreLabelsThanItsLimit) {
  for (int i = 0; i < 2000; ++i) stats_.Requested("get", StrCat("invented", i));
  stats_.Requested("get", "invented3");
  stats_.Requested("brew", "invented3");
  EXPECT_EQ(registry_.Sum("weir_upstream_requests_total", {{"resource", "other"}}), 1500);
  EXPECT_EQ(registry_.Sum("weir_upstream_requests_total", {{"resource", "invented3"}}), 3);
  EXPECT_EQ(registry_.Sum("weir_upstream_requests_total", {{"verb", "other"}}), 1);
  EXPECT_EQ(registry_.Sum("weir_upstream_requests_total"), 2002);
}

}  // namespace
}  // namespace weir
