// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/list_decoder.h"

#include <type_traits>
#include <utility>
#include <variant>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/json_list_decoder.h"
#include "proxy/kube/list_header.h"
#include "proxy/kube/protobuf_list_decoder.h"

namespace weir {

std::optional<std::string_view> ItemKind(std::string_view list_kind) {
  constexpr std::string_view kSuffix = "List";
  if (!list_kind.ends_with(kSuffix) || list_kind == kSuffix) return std::nullopt;
  list_kind.remove_suffix(kSuffix.size());
  return list_kind;
}

absl::Status CheckListHeader(const ListHeader& header) {
  const ListEnvelope& envelope = header.envelope;
  if (!ItemKind(envelope.list_kind).has_value()) {
    return InvalidArgumentError(StrCat("the answer to a LIST is of kind ",
                                       Quoted(envelope.list_kind, 64), ", which is no list"));
  }
  if (envelope.api_version.empty()) return InvalidArgumentError("a list without apiVersion");
  if (!header.version.is_set()) {
    return InvalidArgumentError("a list without metadata.resourceVersion");
  }
  return absl::OkStatus();
}

class ListDecoder::State {
 public:
  State(Representation representation, size_t max_item_bytes)
      : decoder_(representation == Representation::kProtobuf
                     ? Decoder(std::in_place_type<ProtobufListDecoder>, max_item_bytes)
                     : Decoder(std::in_place_type<JsonListDecoder>, max_item_bytes)) {}

  template <typename Call>
  decltype(auto) With(Call call) {
    return std::visit(call, decoder_);
  }
  const ListHeader& header() {
    return With([](const auto& decoder) -> const ListHeader& { return decoder.header(); });
  }

 private:
  using Decoder = std::variant<JsonListDecoder, ProtobufListDecoder>;
  Decoder decoder_;
};

ListDecoder::ListDecoder(Representation representation, size_t max_item_bytes)
    : state_(std::make_unique<State>(representation, max_item_bytes)) {}
ListDecoder::~ListDecoder() = default;

absl::Status ListDecoder::Decode(std::string_view chunk, std::vector<ObjectPtr>& items) {
  return state_->With([&](auto& decoder) { return decoder.Decode(chunk, items); });
}

absl::Status ListDecoder::Finish() {
  return state_->With([](auto& decoder) { return decoder.Finish(); });
}

const ListEnvelope& ListDecoder::envelope() const { return state_->header().envelope; }
ResourceVersion ListDecoder::version() const { return state_->header().version; }
std::string_view ListDecoder::continue_token() const { return state_->header().continue_token; }

}  // namespace weir
