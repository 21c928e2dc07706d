// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "proxy/kube/list_options.h"
#include "proxy/kube/request_info.h"
#include "proxy/kube/selector.h"
#include "tests/support/fake_api_server_state.h"
#include "tests/support/fake_store_encoding.h"

namespace weir {

// A LIST or WATCH, parsed and validated as apimachinery does.
struct FakeReadRequest {
  const FakeKind* kind = nullptr;
  std::string namespace_name;
  ListOptions options;
  LabelSelector labels;
  FieldSelector fields;
  FakeFormat format = FakeFormat::kJson;

  bool Selects(const FakeObject& object) const;
};

// Fills `request` from what was asked; an error is the answer.
FakeStatus ParseRead(const RequestInfo& info, bool watch, bool stream_list,
                     FakeReadRequest& request);

// Of a list or not: the error for a resourceVersion that is no number.
FakeStatus CheckVersion(std::string_view version, bool list);

// The page that a LIST asks for, or why there is none.
struct FakeListAnswer {
  FakeStatus error;
  FakeList list;
};
FakeListAnswer AnswerList(const FakeApiState& state, const FakeReadRequest& request);

// "Too large resource version", as a server answers that does not reach `version` in time.
FakeStatus TooLargeVersion(uint64_t version, uint64_t current);
FakeStatus TooOldVersion(uint64_t version, uint64_t oldest);

}  // namespace weir
