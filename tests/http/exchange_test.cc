// SPDX-License-Identifier: Apache-2.0
// What every exchange keeps, whatever the version of HTTP: a ClientPool against a ServerSession.
#include "proxy/http/exchange.h"

#include <string>

#include "tests/http/exchange_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ExchangeTest : public testing::TestWithParam<std::string>, public ExchangeFixture {
 protected:
  ExchangeTest() : ExchangeFixture(GetParam()) {}
  bool http2() const { return GetParam() == "h2"; }

  // Sends what it receives.
  static void Echo(ServedRequest& request) {
    request.on_start = [](ServedRequest& r) { r.writer->SendHead({200, {}}); };
    request.on_body = [](ServedRequest& r, std::string_view bytes) {
      r.writer->SendBody(Bytes::Copy(bytes));
    };
    request.on_end = [](ServedRequest& r) { r.writer->End(r.trailers); };
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, ExchangeTest, testing::Values("h2", "http/1.1", ""),
                         [](const auto& info) {
                           return info.param == "h2"   ? "Http2"
                                  : info.param.empty() ? "NoAlpn"
                                                       : "Http1";
                         });

TEST_P(ExchangeTest, AnswersARequest) {
  setup_ = [](ServedRequest& r) {
    r.on_end = [](ServedRequest& r) { r.Answer(201, "hello", Headers({{"x-a", "1"}})); };
  };
  RequestHead head = Request("GET", "/api/v1/pods?watch=1&x=%2F");
  head.headers.Add("accept", "application/json");
  const ReceivedAnswer& answer = Fetch(head);
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.headers.Get("X-A"), "1");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(served(0).head.method, "GET");
  EXPECT_EQ(served(0).head.target, "/api/v1/pods?watch=1&x=%2F");
  EXPECT_EQ(served(0).head.authority, "api:443");
  EXPECT_EQ(served(0).head.headers.Get("accept"), "application/json");
  EXPECT_TRUE(served(0).head.end_of_stream);
  EXPECT_EQ(served(0).head.version_major, http2() ? 2 : 1);
  EXPECT_TRUE(served(0).ended);
  EXPECT_TRUE(served(0).destroyed);
  EXPECT_FALSE(served(0).reset);
}

TEST_P(ExchangeTest, EchoesBodiesOfManySizes) {
  setup_ = Echo;
  for (const size_t size : {0, 1, 100, 16383, 16384, 16385, 65535, 65536, 300000, 3000000}) {
    std::string body(size, 'x');
    for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>('a' + i % 23);
    ReceivedAnswer& answer = Send(Request("POST", "/echo", true));
    for (size_t at = 0; at < size; at += 10000) {
      answer.stream->SendBody(Bytes::Copy(std::string_view(body).substr(at, 10000)));
    }
    answer.stream->End();
    Settle();
    ASSERT_TRUE(answer.ended) << size;
    EXPECT_EQ(answer.body, body);
  }
  EXPECT_EQ(dials_.size(), 1u);
}

TEST_P(ExchangeTest, StreamsBothWaysAtOnce) {
  setup_ = Echo;
  ReceivedAnswer& answer = Send(Request("POST", "/echo", true));
  Settle();
  EXPECT_EQ(answer.status, 200);
  for (int i = 0; i < 10; ++i) {
    answer.stream->SendBody(Bytes::Copy(StrCat("piece ", i, ";")));
    Settle();
    EXPECT_THAT(answer.body, testing::EndsWith(StrCat("piece ", i, ";")));
  }
  EXPECT_FALSE(answer.ended);
  answer.stream->End();
  Settle();
  EXPECT_TRUE(answer.ended);
}

TEST_P(ExchangeTest, CarriesTrailersBothWays) {
  setup_ = Echo;
  ReceivedAnswer& answer = Send(Request("POST", "/echo", true));
  answer.stream->SendBody(Bytes::Static("x"));
  answer.stream->End(Headers({{"x-sum", "42"}}));
  Settle();
  EXPECT_EQ(served(0).trailers.Get("X-Sum"), "42");
  EXPECT_EQ(answer.trailers.Get("x-sum"), "42");
  EXPECT_EQ(answer.body, "x");
}

TEST_P(ExchangeTest, AnswersWithoutABodyHaveNone) {
  setup_ = [](ServedRequest& r) {
    r.on_end = [](ServedRequest& r) {
      const int status = r.head.target == "/204" ? 204 : r.head.target == "/304" ? 304 : 200;
      r.Answer(status, "12345", status == 204 ? HeaderList() : Headers({{"content-length", "5"}}));
    };
  };
  const ReceivedAnswer& head = Fetch(Request("HEAD", "/"));
  EXPECT_TRUE(head.ended);
  EXPECT_EQ(head.headers.Get("Content-Length"), "5");
  EXPECT_EQ(head.body, "");
  EXPECT_TRUE(Fetch(Request("GET", "/204")).ended);
  EXPECT_EQ(Fetch(Request("GET", "/304")).body, "");
  EXPECT_EQ(Fetch(Request("GET", "/")).body, "12345");
  EXPECT_EQ(dials_.size(), 1u);
}

TEST_P(ExchangeTest, PassesInformationalAnswersOn) {
  setup_ = [](ServedRequest& r) {
    r.on_start = [](ServedRequest& r) {
      r.writer->SendInformational({100, {}});
      r.writer->SendInformational({103, {}});
    };
    r.on_end = [](ServedRequest& r) { r.Answer(200, "done"); };
  };
  RequestHead head = Request("PUT", "/", true);
  head.headers.Add("expect", "100-continue");
  ReceivedAnswer& answer = Fetch(head);
  EXPECT_THAT(answer.informational, ElementsAre(100, 103));
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(served(0).head.headers.Get("Expect"), "100-continue");
  answer.stream->SendBody(Bytes::Static("body"));
  answer.stream->End();
  Settle();
  EXPECT_EQ(served(0).body, "body");
  EXPECT_EQ(answer.body, "done");
}

TEST_P(ExchangeTest, ServesManyRequestsOneAfterTheOther) {
  setup_ = [](ServedRequest& r) {
    r.on_end = [](ServedRequest& r) { r.Answer(200, StrCat(r.head.target, "!")); };
  };
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Fetch(Request("GET", StrCat("/", i))).body, StrCat("/", i, "!"));
  }
  EXPECT_EQ(dials_.size(), 1u);
  EXPECT_EQ(client_stats_.requests->value(), 50u);
  EXPECT_EQ(server_stats_.requests->value(), 50u);
}

TEST_P(ExchangeTest, ServesManyRequestsAtOnce) {
  setup_ = [](ServedRequest& r) {
    r.on_end = [](ServedRequest& r) { r.Answer(200, std::string(10000, 'x')); };
  };
  std::vector<ReceivedAnswer*> answers;
  for (int i = 0; i < 60; ++i) answers.push_back(&Send(Request("GET", "/")));
  Settle();
  for (const ReceivedAnswer* answer : answers) EXPECT_EQ(answer->body.size(), 10000u);
  EXPECT_EQ(dials_.size(), http2() ? 1u : 60u);
}

TEST_P(ExchangeTest, AnAnswerMayComeBeforeTheRequestHasEnded) {
  setup_ = [](ServedRequest& r) { r.on_start = [](ServedRequest& r) { r.Answer(413, "no"); }; };
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  answer.stream->SendBody(Bytes::Own(std::string(1000, 'x')));
  Settle();
  EXPECT_EQ(answer.status, 413);
  EXPECT_TRUE(answer.ended);
  EXPECT_TRUE(served(0).destroyed);
  answer.stream->SendBody(Bytes::Static("too late"));
  answer.stream->End();
  Settle();
  setup_ = Echo;
  EXPECT_TRUE(Fetch(Request("GET", "/")).ended);
}

TEST_P(ExchangeTest, AResetAnswerIsNeverTakenForAWholeOne) {
  setup_ = [](ServedRequest& r) {
    r.on_end = [](ServedRequest& r) {
      r.writer->SendHead({200, {}});
      r.writer->SendBody(Bytes::Static("half"));
    };
  };
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  EXPECT_EQ(answer.body, "half");
  served(0).writer->Reset();
  Settle();
  EXPECT_FALSE(answer.ended);
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(IsUnavailable(*answer.failed));
  EXPECT_TRUE(answer.sent);
  EXPECT_TRUE(served(0).destroyed);
  EXPECT_FALSE(served(0).reset);  // It knows.
}

TEST_P(ExchangeTest, AResetBeforeTheHeadIsAFailure) {
  setup_ = [](ServedRequest& r) { r.on_end = [](ServedRequest& r) { r.writer->Reset(); }; };
  const ReceivedAnswer& answer = Fetch(Request("POST", "/"));
  EXPECT_TRUE(answer.failed);
  EXPECT_EQ(answer.status, 0);
}

TEST_P(ExchangeTest, AnAnswerShorterOrLongerThanAnnouncedIsAFailure) {
  for (const std::string_view body : {"1234", "123456"}) {
    setup_ = [body](ServedRequest& r) {
      r.on_end = [body](ServedRequest& r) {
        r.Answer(200, std::string(body), Headers({{"Content-Length", "5"}}));
      };
    };
    const ReceivedAnswer& answer = Fetch(Request("GET", "/"));
    EXPECT_TRUE(answer.failed) << body;
    EXPECT_FALSE(answer.ended) << body;
  }
}

TEST_P(ExchangeTest, CancellingTellsTheServer) {
  ReceivedAnswer& answer = Fetch(Request("GET", "/watch"));
  served(0).writer->SendHead({200, {}});
  Settle();
  EXPECT_EQ(answer.status, 200);
  answer.stream.reset();
  Settle();
  EXPECT_TRUE(served(0).reset);
  EXPECT_TRUE(served(0).destroyed);
  EXPECT_FALSE(answer.over());
}

TEST_P(ExchangeTest, CancellingInAnyCallbackIsSafe) {
  setup_ = Echo;
  for (int when = 0; when < 3; ++when) {
    ReceivedAnswer& answer = Send(Request("POST", "/", true));
    const auto drop = [](ReceivedAnswer& a) { a.stream.reset(); };
    if (when == 0) answer.on_head = drop;
    if (when == 1) {
      answer.consume = false;
      answer.on_body = [](ReceivedAnswer& a, std::string_view) { a.stream.reset(); };
    }
    if (when == 2) answer.on_end = drop;
    answer.stream->SendBody(Bytes::Static("x"));
    answer.stream->End();
    Settle();
    EXPECT_EQ(answer.stream, nullptr) << when;
    EXPECT_FALSE(answer.failed);
  }
  EXPECT_TRUE(Fetch(Request("GET", "/")).ended);
}

TEST_P(ExchangeTest, DestroyingThePoolInAnyCallbackIsSafe) {
  setup_ = Echo;
  for (int when = 0; when < 4; ++when) {
    ReceivedAnswer& other = Send(Request("POST", "/", true));
    ReceivedAnswer& answer = Send(Request("POST", "/", true));
    const auto drop = [this](ReceivedAnswer&) { pool_.reset(); };
    if (when == 0) answer.on_head = drop;
    if (when == 1) answer.on_body = [this](ReceivedAnswer&, std::string_view) { pool_.reset(); };
    if (when == 2) answer.on_end = drop;
    if (when == 3) {
      setup_ = [](ServedRequest& r) { r.on_start = [](ServedRequest& r) { r.writer->Reset(); }; };
      answer.on_failed = drop;
    }
    answer.stream->SendBody(Bytes::Static("x"));
    answer.stream->End();
    Settle();
    EXPECT_EQ(pool_, nullptr) << when;
    EXPECT_FALSE(other.ended);
    EXPECT_EQ(server_stats_.open_connections->value(), 0);
  }
}

TEST_P(ExchangeTest, DestroyingTheSessionInAnyCallbackIsSafe) {
  for (int when = 0; when < 3; ++when) {
    const auto destroy = [this](ServedRequest&) { sessions_.clear(); };
    setup_ = [&](ServedRequest& r) {
      if (when == 0) r.on_body = [this](ServedRequest&, std::string_view) { sessions_.clear(); };
      if (when == 1) r.on_end = destroy;
      if (when == 2) r.on_start = destroy;
    };
    ReceivedAnswer& answer = Send(Request("POST", "/", true));
    answer.stream->SendBody(Bytes::Static("x"));
    answer.stream->End();
    Settle();
    ASSERT_TRUE(answer.failed) << when;
    EXPECT_TRUE(served_.back()->destroyed);
    EXPECT_FALSE(served_.back()->reset);
  }
}

TEST_P(ExchangeTest, DestroyingTheSessionDestroysItsHandlersAndFailsTheClient) {
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  sessions_.clear();
  EXPECT_TRUE(served(0).destroyed);
  Settle();
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(IsUnavailable(*answer.failed));
  EXPECT_TRUE(answer.sent);
}

TEST_P(ExchangeTest, ABrokenConnectionEndsBothSides) {
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  served(0).writer->SendHead({200, Headers({{"content-length", "10"}})});
  served(0).writer->SendBody(Bytes::Static("12345"));
  Settle();
  client_ends_[0]->Break(UnavailableError("connection reset by peer"));
  Settle();
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(IsUnavailable(*answer.failed));
  EXPECT_THAT(std::string(MessageOf(*answer.failed)), HasSubstr("reset by peer"));
  EXPECT_TRUE(served(0).reset);
  EXPECT_TRUE(served(0).destroyed);
}

TEST_P(ExchangeTest, AWriterMayBeUsedUntilItsHandlerIsGone) {
  setup_ = [](ServedRequest& r) {
    r.on_reset = [](ServedRequest& r) {
      r.writer->SendHead({200, {}});
      r.writer->SendBody(Bytes::Static("x"));
      r.writer->ConsumeBody(1);
      r.writer->End();
      r.writer->Reset();
    };
  };
  Fetch(Request("GET", "/")).stream.reset();
  Settle();
  EXPECT_TRUE(served(0).reset);
}

}  // namespace
}  // namespace weir
