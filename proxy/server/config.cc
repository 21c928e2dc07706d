// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/config.h"

#include <utility>

#include "proxy/base/file.h"
#include "proxy/base/status.h"
#include "proxy/net/address.h"
#include "proxy/server/config_schema.h"
#include "proxy/server/quantity.h"

namespace weir {
namespace {

constexpr size_t kKiB = 1 << 10;
constexpr size_t kMiB = 1 << 20;
constexpr size_t kTiB = size_t{1} << 40;
constexpr absl::Duration kDay = absl::Hours(24);

// The "config" of one filter: texts by name; numbers and booleans are texts here.
void ReadParams(const YamlNode& node, const std::string& path, FilterConfig& filter,
                ConfigMistakes& mistakes) {
  if (node.kind == YamlNode::Kind::kNull) return;
  if (node.kind != YamlNode::Kind::kMap) {
    mistakes.Add(node, path, StrCat("must be a map of keys, not ", DescribeNode(node)));
    return;
  }
  for (const YamlNode::Member& member : node.members) {
    const std::string key = StrCat(path, ".", member.key);
    if (member.value.kind != YamlNode::Kind::kScalar) {
      mistakes.Add(member.value, key, StrCat("must be a text, not ", DescribeNode(member.value)));
    } else if (!filter.params.emplace(member.key, member.value.scalar).second) {
      mistakes.Add(member.line, member.column, key, "given a second time; which one is meant?");
    }
  }
}

std::vector<ConfigField> FieldsOf(FilterConfig& filter) {
  return {
      {"name", ReadText(filter.name)},
      {"config", [&filter](const YamlNode& node, const std::string& path,
                           ConfigMistakes& mistakes) { ReadParams(node, path, filter, mistakes); }},
  };
}

void ReadFilter(const YamlNode& node, const std::string& path, const ValidateFilter& validate,
                FilterConfig& filter, ConfigMistakes& mistakes) {
  ReadFields(node, path, FieldsOf(filter), mistakes);
  if (node.kind != YamlNode::Kind::kMap && node.kind != YamlNode::Kind::kNull) return;
  if (filter.name.empty()) {
    mistakes.Add(node, path, "must have a name");
  } else if (validate) {
    const absl::Status status = validate(filter.name, filter.params);
    if (!status.ok()) mistakes.Add(node, path, MessageOf(status));
  }
}

ConfigReader ReadFilters(std::vector<FilterConfig>& filters, const ValidateFilter& validate) {
  return [&filters, &validate](const YamlNode& node, const std::string& path,
                               ConfigMistakes& mistakes) {
    if (node.kind != YamlNode::Kind::kNull && node.kind != YamlNode::Kind::kSequence) {
      mistakes.Add(node, path, StrCat("must be a list of filters, not ", DescribeNode(node)));
      return;
    }
    filters.clear();
    for (size_t i = 0; i < node.items.size(); ++i) {
      ReadFilter(node.items[i], StrCat(path, "[", i, "]"), validate, filters.emplace_back(),
                 mistakes);
    }
  };
}

template <typename Target>
ConfigReader ReadFreshness(Target& target) {
  return ReadChoice({"relaxed", "verified", "forward"},
                    [&target](size_t word) { target = static_cast<Freshness>(word); });
}

std::vector<ConfigField> FieldsOf(ResourceConfig& resource) {
  return {
      {"resource", ReadResourceName(resource.resource)},
      {"initialSync", ReadFreshness(resource.initial_sync)},
      {"consistentReads", ReadFreshness(resource.consistent_reads)},
      {"coalesce", ReadBool([&resource](bool value) { resource.coalesce = value; })},
  };
}

ConfigReader ReadResources(std::vector<ResourceConfig>& resources) {
  return [&resources](const YamlNode& node, const std::string& path, ConfigMistakes& mistakes) {
    if (node.kind != YamlNode::Kind::kNull && node.kind != YamlNode::Kind::kSequence) {
      mistakes.Add(node, path, StrCat("must be a list of resources, not ", DescribeNode(node)));
      return;
    }
    resources.clear();
    StringSet names;
    for (size_t i = 0; i < node.items.size(); ++i) {
      const std::string place = StrCat(path, "[", i, "]");
      ResourceConfig& resource = resources.emplace_back();
      ReadFields(node.items[i], place, FieldsOf(resource), mistakes);
      if (resource.resource.empty()) {
        mistakes.Add(node.items[i], place, "must name a resource");
      } else if (!names.insert(resource.resource).second) {
        mistakes.Add(node.items[i], place, "names a resource a second time; which one is meant?");
      }
    }
  };
}

// Every key, what reads it, and the range that makes sense.
std::vector<ConfigField> FieldsOf(Config& c, const ValidateFilter& validate) {
  const absl::Duration ms = absl::Milliseconds(1), second = absl::Seconds(1);
  return {
      {"listen", ReadAddress(c.listen)},
      {"admin", ReadAddress(c.admin)},
      {"clientDir", ReadText(c.client_dir)},
      {"kubeconfig", ReadText(c.kubeconfig)},
      {"context", ReadText(c.context)},
      {"concurrency", ReadNumber(c.concurrency, 1, 64)},
      {"drainTimeout", ReadDuration(c.drain_timeout, absl::ZeroDuration(), absl::Hours(1))},
      {"logLevel", ReadLogLevel(c.log_level)},
      {"cache.idleTimeout", ReadDuration(c.cache.idle_timeout, second, kDay)},
      {"cache.syncTimeout", ReadDuration(c.cache.sync_timeout, absl::ZeroDuration(), second * 60)},
      {"cache.windowEvents", ReadNumber(c.cache.window_events, 1, 10'000'000)},
      {"cache.windowBytes", ReadBytes(c.cache.window_bytes, 64 * kKiB, kTiB)},
      {"cache.byteBudget", ReadBytes(c.cache.byte_budget, kMiB, kTiB)},
      {"cache.pinnedBytes", ReadBytes(c.cache.pinned_bytes, kMiB, kTiB)},
      {"cache.secrets", ReadBool(c.cache.secrets)},
      {"cache.initialSync", ReadFreshness(c.cache.initial_sync)},
      {"cache.consistentReads", ReadFreshness(c.cache.consistent_reads)},
      {"cache.coalesce", ReadBool(c.cache.coalesce)},
      {"cache.exclude", ReadResourceNames(c.cache.exclude)},
      {"resources", ReadResources(c.resources)},
      {"downstream.maxHeaderBytes", ReadBytes(c.downstream.max_header_bytes, 8 * kKiB, 16 * kMiB)},
      {"downstream.headerTimeout", ReadDuration(c.downstream.header_timeout, 100 * ms, kDay)},
      {"downstream.handshakeTimeout", ReadDuration(c.downstream.handshake_timeout, 100 * ms, kDay)},
      {"downstream.idleTimeout", ReadDuration(c.downstream.idle_timeout, second, kDay)},
      {"downstream.maxConcurrentStreams",
       ReadNumber(c.downstream.max_concurrent_streams, 1, 100'000)},
      {"downstream.maxConnections", ReadNumber(c.downstream.max_connections, 1, 1'000'000)},
      {"upstream.connectTimeout", ReadDuration(c.upstream.connect_timeout, 100 * ms, second * 600)},
      {"upstream.pingAfter", ReadDuration(c.upstream.ping_after, second, kDay)},
      {"upstream.pingTimeout", ReadDuration(c.upstream.ping_timeout, 100 * ms, kDay)},
      {"upstream.maxEventBytes", ReadBytes(c.upstream.max_event_bytes, 64 * kKiB, 1024 * kMiB)},
      {"record.enabled", ReadBool(c.record.enabled)},
      {"record.slowDispatch", ReadDuration(c.record.slow_dispatch, absl::ZeroDuration(), kDay)},
      {"filters", ReadFilters(c.filters, validate)},
  };
}

// Where a key stands, to point at it; the root if it is not given.
const YamlNode& PlaceOf(const YamlNode& root, std::string_view path) {
  const YamlNode* node = &root;
  for (const std::string_view key : Split(path, '.')) {
    const YamlNode* next = node->Find(key);
    if (next == nullptr) break;
    node = next;
  }
  return *node;
}

// What no single key shows.
void CheckTogether(const Config& config, const YamlNode& root, ConfigMistakes& mistakes) {
  const bool any_port = config.listen.ends_with(":0");
  if (config.listen == config.admin && !any_port) {
    mistakes.Add(PlaceOf(root, "admin"), "admin",
                 StrCat("must differ from listen, which is ", config.listen, " too"));
  }
  if (config.cache.window_bytes > config.cache.byte_budget) {
    mistakes.Add(PlaceOf(root, "cache.windowBytes"), "cache.windowBytes",
                 StrCat("must not be more than cache.byteBudget, which is ",
                        ByteSizeText(config.cache.byte_budget)));
  }
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view file, std::string_view text,
                                   const ValidateFilter& validate) {
  WEIR_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(file, text));
  Config config;
  ConfigMistakes mistakes(file);
  ReadFields(root, "", FieldsOf(config, validate), mistakes);
  if (mistakes.empty()) CheckTogether(config, root, mistakes);
  WEIR_RETURN_IF_ERROR(mistakes.ToStatus());
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path, const ValidateFilter& validate) {
  WEIR_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, YamlLimits().max_bytes));
  return ParseConfig(path, text, validate);
}

absl::Status SetConfigKey(Config& config, std::string_view key, std::string_view value) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.scalar = value;
  ConfigMistakes mistakes("");
  const ValidateFilter none;
  for (const ConfigField& field : FieldsOf(config, none)) {
    if (field.path != key) continue;
    field.read(node, field.path, mistakes);
    return mistakes.ToStatus();
  }
  return InvalidArgumentError(StrCat("no such key: ", Quoted(key)));
}

std::vector<std::string> ConfigKeys() {
  Config config;
  FilterConfig filter;
  ResourceConfig resource;
  const ValidateFilter none;
  std::vector<std::string> keys;
  for (const ConfigField& field : FieldsOf(config, none)) keys.push_back(field.path);
  for (const ConfigField& field : FieldsOf(resource)) keys.push_back("resources." + field.path);
  for (const ConfigField& field : FieldsOf(filter)) keys.push_back("filters." + field.path);
  return keys;
}

}  // namespace weir
