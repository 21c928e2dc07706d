// SPDX-License-Identifier: Apache-2.0
//
// ListDecoder: the first byte is the representation and the size of the pieces in which the rest,
// the body, comes. It is read the same in pieces as at once, and what was read and written again
// reads the same.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/list_decoder.h"

namespace {

using weir::ObjectPtr;
using weir::Representation;

struct Answer {
  absl::Status status;
  std::vector<ObjectPtr> items;
  weir::ListEnvelope envelope;
  weir::ResourceVersion version;
};

Answer Read(Representation representation, std::string_view body, size_t piece) {
  constexpr size_t kLimit = 4096;
  weir::ListDecoder decoder(representation, kLimit);
  Answer answer;
  for (size_t pos = 0; pos < body.size() && answer.status.ok(); pos += piece) {
    answer.status = decoder.Decode(body.substr(pos, piece), answer.items);
  }
  if (answer.status.ok()) answer.status = decoder.Finish();
  answer.envelope = decoder.envelope();
  answer.version = decoder.version();
  return answer;
}

void CheckSame(const Answer& a, const Answer& b) {
  WEIR_CHECK(a.items.size() == b.items.size());
  for (size_t i = 0; i < a.items.size(); ++i) WEIR_CHECK(a.items[i]->raw() == b.items[i]->raw());
  WEIR_CHECK(a.version == b.version);
  WEIR_CHECK(a.envelope.list_kind == b.envelope.list_kind);
}

std::string Write(Representation representation, const Answer& list) {
  uint64_t size = 0;
  std::string items;
  bool first = true;
  for (const ObjectPtr& item : list.items) {
    size += weir::ListItemSize(*item);
    weir::StrAppend(items, weir::ListItemPrefix(*item, first), item->list_item_tail());
    first = false;
  }
  WEIR_CHECK(size == items.size());
  return weir::StrCat(weir::ListHead(representation, list.envelope, list.version, size), items,
                      weir::ListTail(representation, list.envelope, list.version, first));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto representation = data[0] % 2 == 0 ? Representation::kProtobuf : Representation::kJson;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Answer whole = Read(representation, body, size);
  const Answer cut = Read(representation, body, data[0] / 2 + 1);
  WEIR_CHECK(whole.status.ok() == cut.status.ok());
  if (!whole.status.ok()) return 0;
  CheckSame(whole, cut);
  WEIR_CHECK(whole.version.is_set());
  const Answer again = Read(representation, Write(representation, whole), size);
  WEIR_CHECK(again.status.ok() || weir::IsLimit(again.status));
  if (again.status.ok()) WEIR_CHECK(again.items.size() == whole.items.size());
  return 0;
}
