// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/request_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace weir {
namespace {

// "verb group/version resource ns/name subresource", "-" for what is empty.
std::string Describe(const RequestInfo& info) {
  const auto shown = [](const std::string& text) { return text.empty() ? "-" : text; };
  if (!info.is_resource_request) return StrCat("path ", info.verb);
  return StrCat(info.verb, " ", shown(info.resource.group), "/", info.resource.version, " ",
                shown(info.resource.resource), " ", shown(info.namespace_name), "/",
                shown(info.name), " ", shown(info.subresource));
}

struct Case {
  const char* method;
  const char* target;
  const char* expected;
};

class RequestInfoTest : public testing::TestWithParam<Case> {};

TEST_P(RequestInfoTest, ReadsWhatTheApiServerReads) {
  const Case& c = GetParam();
  EXPECT_EQ(Describe(RequestInfo::Parse(c.method, c.target)), c.expected)
      << c.method << " " << c.target;
}

INSTANTIATE_TEST_SUITE_P(
    Resources, RequestInfoTest,
    testing::Values(
        Case{"GET", "/api/v1/namespaces", "list -/v1 namespaces -/- -"},
        Case{"GET", "/api/v1/namespaces/other", "get -/v1 namespaces other/other -"},
        Case{"GET", "/api/v1/namespaces/other/pods", "list -/v1 pods other/- -"},
        Case{"GET", "/api/v1/namespaces/other/pods/foo", "get -/v1 pods other/foo -"},
        Case{"HEAD", "/api/v1/namespaces/other/pods/foo", "get -/v1 pods other/foo -"},
        Case{"GET", "/api/v1/pods", "list -/v1 pods -/- -"},
        Case{"HEAD", "/api/v1/pods", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/nodes/n1", "get -/v1 nodes -/n1 -"},
        Case{"GET", "/api/v1/nodes/n1/proxy/a/b", "get -/v1 nodes -/n1 proxy"},
        Case{"GET", "/api/v1/namespaces/ns/pods/p/log?follow=true", "get -/v1 pods ns/p log"},
        Case{"GET", "/api/v1/namespaces/ns/pods/p/proxy/a/b/c", "get -/v1 pods ns/p proxy"},
        Case{"PUT", "/api/v1/namespaces/other/finalize",
             "update -/v1 namespaces other/other finalize"},
        Case{"PUT", "/api/v1/namespaces/other/status", "update -/v1 namespaces other/other status"},
        Case{"GET", "/api/v1/namespaces/other/status/x", "get -/v1 namespaces other/other status"},
        Case{"POST", "/api/v1/namespaces/other/pods", "create -/v1 pods other/- -"},
        Case{"PUT", "/api/v1/namespaces/other/pods/foo", "update -/v1 pods other/foo -"},
        Case{"PATCH", "/api/v1/namespaces/other/pods/foo", "patch -/v1 pods other/foo -"},
        Case{"DELETE", "/api/v1/namespaces/other/pods/foo", "delete -/v1 pods other/foo -"},
        Case{"DELETE", "/api/v1/namespaces/other/pods", "deletecollection -/v1 pods other/- -"},
        Case{"OPTIONS", "/api/v1/pods", " -/v1 pods -/- -"},
        Case{"get", "/api/v1/pods", " -/v1 pods -/- -"},
        Case{"GET", "/apis/apps/v1/deployments", "list apps/v1 deployments -/- -"},
        Case{"GET", "/apis/apps/v1/namespaces/ns/deployments/d/scale",
             "get apps/v1 deployments ns/d scale"},
        Case{"GET", "/apis/extensions/v1beta3/namespaces/other/things",
             "list extensions/v1beta3 things other/- -"},
        // Slashes at both ends do not count; others make empty parts.
        Case{"GET", "//api/v1/pods///", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/namespaces//pods", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods//log", "list -/v1 pods -/- log"},
        Case{"GET", "/api//pods/x", "get -/ pods -/x -"},
        Case{"GET", "/api/v1/namespaces/a%2Fpods", "list -/v1 pods a/- -"},
        Case{"GET", "/api/v1/pods/a+b", "get -/v1 pods -/a+b -"}));

INSTANTIATE_TEST_SUITE_P(
    Watches, RequestInfoTest,
    testing::Values(
        Case{"GET", "/api/v1/pods?watch=1", "watch -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch=true&watch=false", "watch -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch=false&watch=true", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch", "watch -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch=", "watch -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch=0", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch=FALSE", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch=no", "watch -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?Watch=1", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?w%61tch=1", "watch -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch=1%zz", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?watch=1&limit=many", "watch -/v1 pods -/- -"},
        // `watch` means nothing on a named path.
        Case{"GET", "/api/v1/namespaces/ns/pods/p?watch=true", "get -/v1 pods ns/p -"},
        Case{"POST", "/api/v1/namespaces/ns/pods?watch=true", "create -/v1 pods ns/- -"},
        // Deprecated: the verb in the path.
        Case{"GET", "/api/v1/watch/pods", "watch -/v1 pods -/- -"},
        Case{"GET", "/api/v1/watch/pods?watch=false", "watch -/v1 pods -/- -"},
        Case{"GET", "/api/v1/watch/namespaces", "watch -/v1 namespaces -/- -"},
        Case{"GET", "/api/v1/watch/namespaces/other/pods", "watch -/v1 pods other/- -"},
        Case{"GET", "/apis/apps/v1/watch/namespaces/ns/deployments/d",
             "watch apps/v1 deployments ns/d -"},
        Case{"GET", "/api/v1/proxy/namespaces/other/pods/foo", "proxy -/v1 pods other/foo -"},
        Case{"GET", "/api/v1/proxy/namespaces/other/pods/foo/sub/x",
             "proxy -/v1 pods other/foo -"}));

INSTANTIATE_TEST_SUITE_P(
    PinnedNames, RequestInfoTest,
    testing::Values(
        Case{"GET", "/api/v1/namespaces/ns/pods?fieldSelector=metadata.name%3Dp&watch=1",
             "watch -/v1 pods ns/p -"},
        Case{"GET", "/api/v1/pods?fieldSelector=metadata.name==p", "list -/v1 pods -/p -"},
        Case{"GET", "/api/v1/pods?fieldSelector=spec.nodeName=n,metadata.name=p",
             "list -/v1 pods -/p -"},
        Case{"GET", "/api/v1/pods?fieldSelector=metadata.name!=p", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?fieldSelector=metadata.name=..", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?fieldSelector=metadata.name=a%2Fb", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?fieldSelector=metadata.name=b,metadata.name=a",
             "list -/v1 pods -/a -"},
        Case{"GET", "/api/v1/pods?fieldSelector=", "list -/v1 pods -/- -"},
        // Nothing is pinned when any of the options does not parse.
        Case{"GET", "/api/v1/pods?fieldSelector=metadata.name=p&limit=x", "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?fieldSelector=metadata.name=p&labelSelector=a%20b",
             "list -/v1 pods -/- -"},
        Case{"GET", "/api/v1/pods?fieldSelector=metadata.name=p,x", "list -/v1 pods -/- -"},
        Case{"DELETE", "/api/v1/pods?fieldSelector=metadata.name=p",
             "deletecollection -/v1 pods -/- -"}));

INSTANTIATE_TEST_SUITE_P(
    OtherPaths, RequestInfoTest,
    testing::Values(
        Case{"GET", "/", "path get"}, Case{"GET", "", "path get"}, Case{"GET", "/api", "path get"},
        Case{"GET", "/api/v1", "path get"}, Case{"GET", "/api/v1/", "path get"},
        Case{"GET", "/apis", "path get"}, Case{"GET", "/apis/apps", "path get"},
        Case{"GET", "/apis/apps/v1", "path get"}, Case{"GET", "/apis/apps/v1/", "path get"},
        Case{"POST", "/version", "path post"}, Case{"GET", "/openapi/v3/apis/apps/v1", "path get"},
        Case{"GET", "/healthz/a/b/c", "path get"}, Case{"GET", "/Api/v1/pods", "path get"},
        Case{"GET", "/api/v1/watch", "path get"}, Case{"GET", "/api/v1/proxy/", "path get"},
        Case{"GET", "/api/v1/po%zzds", "path get"}, Case{"GET", "/api/v1/po\nds", "path get"},
        Case{"GET", "/api/v1/pods?a\x01", "path get"}, Case{"OPTIONS", "*", "path options"},
        Case{"GET", "api/v1/pods", "path get"}, Case{"GET", "http://h/api/v1/pods", "path get"},
        Case{"GET", "?/api/v1/pods", "path get"}));

TEST(RequestInfoPathTest, KeepsPathAndQueryAsSent) {
  const std::string target = "/api/v1/p%6fds?watch=1&x=?";
  const RequestInfo info = RequestInfo::Parse("GET", target);
  EXPECT_EQ(info.path, "/api/v1/p%6fds");
  EXPECT_EQ(info.query, "watch=1&x=?");
  EXPECT_EQ(info.resource.resource, "pods");
}

TEST(RequestInfoPathTest, MarksTheDeprecatedWatchPath) {
  EXPECT_TRUE(RequestInfo::Parse("GET", "/api/v1/watch/pods").deprecated_watch_path);
  EXPECT_FALSE(RequestInfo::Parse("GET", "/api/v1/pods?watch=1").deprecated_watch_path);
  EXPECT_FALSE(RequestInfo::Parse("GET", "/api/v1/pods/watch").deprecated_watch_path);
}

TEST(RequestInfoPathTest, TellsWhetherThePathIsSpeltAsUsual) {
  for (const char* path : {"/api/v1/pods", "/apis/apps/v1/namespaces/ns/deployments", "/api"}) {
    EXPECT_TRUE(RequestInfo::Parse("GET", path).canonical_path) << path;
  }
  for (const char* path : {"/api/v1/pods/", "//api/v1/pods", "/api/v1//pods", "/api/v1/p%6fds",
                           "/api/v1/./pods", "/x/../api/v1/pods", "api/v1/pods", "", "/"}) {
    EXPECT_FALSE(RequestInfo::Parse("GET", path).canonical_path) << path;
  }
}

TEST(RequestInfoTest, ANamespaceIsInNone) {
  const auto of = [](std::string_view target) {
    return std::string(RequestInfo::Parse("GET", target).object_namespace());
  };
  EXPECT_EQ(of("/api/v1/namespaces/one-with-a-long-name"), "");
  EXPECT_EQ(of("/api/v1/namespaces/one-with-a-long-name/configmaps/a"), "one-with-a-long-name");
  const RequestInfo info =
      RequestInfo::Parse("GET", "/api/v1/namespaces/one-with-a-long-name/configmaps/a");
  EXPECT_EQ(info.object_namespace().data(), info.namespace_name.data()) << "a view, not a copy's";
}

TEST(RequestInfoTest, LabelsOnlyWhatCanBeAResource) {
  const auto of = [](const std::string& target) {
    return ResourceLabel(RequestInfo::Parse("GET", target));
  };
  EXPECT_EQ(of("/api/v1/pods"), "pods");
  EXPECT_EQ(of("/apis/apps/v1/deployments"), "deployments.apps");
  EXPECT_EQ(of("/apis/a-1.example.com/v1/x2s"), "x2s.a-1.example.com");
  EXPECT_EQ(of("/healthz"), "");
  EXPECT_EQ(of("/api/v1/%FF"), "other");
  EXPECT_EQ(of("/api/v1/Pods"), "other");
  EXPECT_EQ(of("/api/v1/po%0Ads"), "other");
  EXPECT_EQ(of("/apis/a%22b/v1/pods"), "other");
  EXPECT_EQ(of("/api/v1/" + std::string(63, 'a')), std::string(63, 'a'));
  EXPECT_EQ(of("/api/v1/" + std::string(64, 'a')), "other");
  EXPECT_EQ(of("/apis/" + std::string(254, 'a') + "/v1/pods"), "other");
}

}  // namespace
}  // namespace weir
