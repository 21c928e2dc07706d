// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/resource.h"

#include "absl/container/flat_hash_set.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(ResourceTest, NamesAndPathsFollowTheApiServer) {
  const GroupVersionResource pods{"", "v1", "pods"};
  EXPECT_EQ(pods.ApiPath(), "/api/v1");
  EXPECT_EQ(pods.Name(), "pods");
  const GroupVersionResource deployments{"apps", "v1", "deployments"};
  EXPECT_EQ(deployments.ApiPath(), "/apis/apps/v1");
  EXPECT_EQ(deployments.Name(), "deployments.apps");
}

TEST(ResourceTest, IsAKeyOfMaps) {
  absl::flat_hash_set<GroupVersionResource> set;
  set.insert({"apps", "v1", "deployments"});
  set.insert({"apps", "v1", "deployments"});
  set.insert({"apps", "v1beta1", "deployments"});
  EXPECT_EQ(set.size(), 2u);
  EXPECT_LT((GroupVersionResource{"a", "v1", "x"}), (GroupVersionResource{"b", "v1", "a"}));
}

}  // namespace
}  // namespace weir
