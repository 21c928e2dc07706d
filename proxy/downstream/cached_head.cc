// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/cached_head.h"

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace weir {
namespace {

// A version 4 UUID, as the API server makes one for an answer without an Audit-ID.
std::string NewAuditId() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const uint64_t high = (random() & ~0xf000ULL) | 0x4000ULL;
  const uint64_t low = (random() & ~(3ULL << 62)) | (2ULL << 62);
  char text[40];
  std::snprintf(text, sizeof(text), "%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(high >> 32), static_cast<unsigned>((high >> 16) & 0xffff),
                static_cast<unsigned>(high & 0xffff), static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xffffffffffffULL));
  return text;
}

}  // namespace

ResponseHead CachedHead(const HeaderList& request, std::string_view content_type,
                        const Warnings& warnings) {
  ResponseHead head;
  const std::string_view audit_id = request.Get("audit-id");
  head.headers.Add("Audit-Id", audit_id.empty() ? NewAuditId() : std::string(audit_id));
  head.headers.Add("Cache-Control", "no-cache, private");
  head.headers.Add("Content-Type", content_type);
  head.headers.Add("Date",
                   absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()));
  for (const std::string& warning : warnings) head.headers.Add("Warning", warning);
  return head;
}

}  // namespace weir
