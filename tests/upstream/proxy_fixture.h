// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "proxy/base/log.h"
#include "proxy/upstream/passthrough.h"
#include "tests/upstream/fake_server.h"

namespace weir {

// A client, a proxy that passes everything through, an API server; all in memory, with either
// version of HTTP on either side.
class ProxyFixture : public testing::Test {
 protected:
  ProxyFixture(std::string front_alpn, std::string back_alpn)
      : own_server_(dispatcher_, back_alpn,
                    [this](RequestHead head, ResponseWriter& writer) {
                      return answer_(std::move(head), writer);
                    }),
        callers_server_(dispatcher_, back_alpn,
                        [this](RequestHead head, ResponseWriter& writer) {
                          return answer_(std::move(head), writer);
                        }),
        upstream_(dispatcher_, Target(), UpstreamOptions(), TokenSource::Fixed("weirs-own"),
                  {own_server_.connector(), callers_server_.connector()}, upstream_stats_),
        front_(dispatcher_, std::move(front_alpn),
               [this](RequestHead head, ResponseWriter& writer) {
                 PassthroughRequest request = next_;
                 request.head = std::move(head);
                 return NewPassthrough(upstream_, std::move(request), writer);
               }),
        client_stats_(client_registry_),
        client_(dispatcher_, front_.connector(), ClientPoolOptions(), client_stats_) {
    SetLogLevel(LogLevel::kOff);
    next_.verb = "get";
    next_.resource = "pods";
  }
  ~ProxyFixture() override {
    answers_.clear();
    SetLogLevel(LogLevel::kInfo);
  }

  static UpstreamTarget Target() {
    UpstreamTarget target;
    target.host = "fd00::1";
    target.port = 6443;
    return target;
  }

  static RequestHead Get(std::string target) {
    RequestHead head;
    head.method = "GET";
    head.target = std::move(target);
    head.authority = "127.0.0.1:6443";
    head.end_of_stream = true;
    return head;
  }
  // Its body is to follow.
  static RequestHead Post(std::string target) {
    RequestHead head = Get(std::move(target));
    head.method = "POST";
    head.end_of_stream = false;
    return head;
  }
  static RequestHead Upgrade(std::string protocol) {
    RequestHead head = Get("/api/v1/namespaces/a/pods/b/exec?command=sh");
    head.method = "POST";
    head.upgrade = std::move(protocol);
    head.end_of_stream = false;
    return head;
  }

  SeenAnswer& Send(RequestHead head) {
    answers_.push_back(std::make_unique<SeenAnswer>());
    answers_.back()->stream = client_.Send(std::move(head), *answers_.back());
    return *answers_.back();
  }
  // Sends and lets everything happen that can.
  SeenAnswer& SendAndRun(RequestHead head) {
    SeenAnswer& answer = Send(std::move(head));
    dispatcher_.RunReady();
    return answer;
  }
  SeenRequest& seen() { return *requests_.back(); }

  ManualDispatcher dispatcher_;
  StatsRegistry registry_, client_registry_;
  UpstreamStats upstream_stats_{registry_};
  SeenRequests requests_;
  HandlerFactory answer_ = RecordInto(requests_);  // What the API server does.
  FakeServer own_server_, callers_server_;
  Upstream upstream_;
  PassthroughRequest next_;  // How the proxy treats requests; without the head.
  FakeServer front_;
  ClientPoolStats client_stats_;
  ClientPool client_;
  std::vector<std::unique_ptr<SeenAnswer>> answers_;
};

struct Versions {
  std::string front, back;
};
inline std::string VersionsName(const testing::TestParamInfo<Versions>& info) {
  const auto name = [](const std::string& alpn) { return alpn == "h2" ? "H2" : "H1"; };
  return std::string(name(info.param.front)) + "To" + name(info.param.back);
}
inline const Versions kAllVersions[] = {
    {"h2", "h2"}, {"h2", "http/1.1"}, {"http/1.1", "h2"}, {"http/1.1", "http/1.1"}};

}  // namespace weir
