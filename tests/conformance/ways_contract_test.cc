// SPDX-License-Identifier: Apache-2.0
//
// The ways to ask: straight at the API server and through Weir, in each encoding.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

std::vector<ContractParam> Ways(bool real) {
  constexpr Representation kProtobuf = Representation::kProtobuf;
  std::vector<ContractParam> ways = {
      {.name = "DirectJson"},
      {.name = "DirectProtobuf", .representation = kProtobuf},
      {.name = "DirectCustom", .plural = "foos"},
      {.name = "WeirJson", .workers = 1},
      {.name = "WeirProtobuf", .workers = 1, .representation = kProtobuf},
      {.name = "WeirCustom", .workers = 1, .plural = "foos"},
      {.name = "ThreeWorkersJson", .workers = 3},
      {.name = "ThreeWorkersProtobuf", .workers = 3, .representation = kProtobuf},
  };
  for (ContractParam& way : ways) way.real = real;
  return ways;
}

// None without a real API server.
std::vector<ContractParam> RealWays() {
  return ContractServer::RealKubeconfig().empty() ? std::vector<ContractParam>() : Ways(true);
}

std::string NameOf(const testing::TestParamInfo<ContractParam>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Fake, WatchContractTest, testing::ValuesIn(Ways(false)), NameOf);
INSTANTIATE_TEST_SUITE_P(Fake, FakeServerContractTest, testing::ValuesIn(Ways(false)), NameOf);
INSTANTIATE_TEST_SUITE_P(Real, WatchContractTest, testing::ValuesIn(RealWays()), NameOf);

}  // namespace
}  // namespace weir
