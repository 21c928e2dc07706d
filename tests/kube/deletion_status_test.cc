// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/deletion_status.h"

#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "proxy/kube/protobuf_reader.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

constexpr std::string_view kJson =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success",)"
    R"("details":{"name":"a","kind":"pods","uid":"0f3a"}})"
    "\n";

std::string Protobuf(std::string_view kind, std::string_view status, std::string_view uid) {
  std::string details, message, out = ProtobufEnvelopeHead("v1", kind);
  AppendBytesField(details, 1, "a");
  AppendBytesField(details, 6, uid);
  AppendBytesField(message, 1, "");
  AppendBytesField(message, 2, status);
  AppendBytesField(message, 5, details);
  AppendBytesField(out, 2, message);
  out.append(kProtobufUnknownTail);
  return out;
}

TEST(DeletionStatusTest, NamesTheObjectThatIsGone) {
  EXPECT_EQ(DeletedUid(Representation::kJson, kJson), "0f3a");
  EXPECT_EQ(DeletedUid(Representation::kProtobuf, Protobuf("Status", "Success", "0f3a")), "0f3a");
}

TEST(DeletionStatusTest, AFailureNamesNothing) {
  EXPECT_EQ(DeletedUid(Representation::kJson,
                       R"({"kind":"Status","status":"Failure","details":{"uid":"x"}})"),
            "");
  EXPECT_EQ(DeletedUid(Representation::kProtobuf, Protobuf("Status", "Failure", "x")), "");
}

TEST(DeletionStatusTest, AnObjectIsNoStatus) {
  const ObjectSpec pod{.name = "a", .kind = "Pod"};
  EXPECT_EQ(DeletedUid(Representation::kJson, JsonOf(pod)), "");
  EXPECT_EQ(DeletedUid(Representation::kProtobuf, ProtobufOf(pod)), "");
  EXPECT_EQ(DeletedUid(Representation::kProtobuf, Protobuf("Pod", "Success", "x")), "");
  // A Pod's own status is an object.
  EXPECT_EQ(DeletedUid(Representation::kJson,
                       R"({"kind":"Pod","status":{"phase":"Success"},"details":{"uid":"x"}})"),
            "");
}

TEST(DeletionStatusTest, NonsenseNamesNothing) {
  for (const std::string_view body :
       {"", "{", "[]", "null", R"({"kind":"Status","details":[1]})"}) {
    EXPECT_EQ(DeletedUid(Representation::kJson, body), "") << body;
    EXPECT_EQ(DeletedUid(Representation::kProtobuf, body), "") << body;
  }
  for (size_t size = 0; size + 1 < kJson.size(); ++size) {
    EXPECT_EQ(DeletedUid(Representation::kJson, kJson.substr(0, size)), "") << size;
  }
}

}  // namespace
}  // namespace weir
