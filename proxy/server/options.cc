// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/options.h"

#include <string_view>

#include "proxy/base/strings.h"
#include "proxy/server/quantity.h"

namespace weir {

UpstreamOptions UpstreamOptionsOf(const Config& config) {
  UpstreamOptions options;
  options.pool.connect_timeout = config.upstream.connect_timeout;
  options.pool.ping_after = config.upstream.ping_after;
  options.pool.ping_timeout = config.upstream.ping_timeout;
  options.max_event_bytes = config.upstream.max_event_bytes;
  return options;
}

CacherOptions CacherOptionsOf(const Config& config) {
  CacherOptions options;
  options.idle_timeout = config.cache.idle_timeout;
  options.window_events = config.cache.window_events;
  options.window_bytes = config.cache.window_bytes;
  options.byte_budget = config.cache.byte_budget;
  return options;
}

RouterOptions RouterOptionsOf(const Config& config) {
  RouterOptions options;
  options.sync_timeout = config.cache.sync_timeout;
  options.pinned_bytes_budget = config.cache.pinned_bytes;
  options.decision.cache_secrets = config.cache.secrets;
  options.decision.policy = {.initial_sync = config.cache.initial_sync,
                             .consistent_reads = config.cache.consistent_reads,
                             .coalesce = config.cache.coalesce};
  for (const ResourceConfig& resource : config.resources) {
    ResourcePolicy& own = options.decision.policies[resource.resource];
    own = {.initial_sync = resource.initial_sync.value_or(config.cache.initial_sync),
           .consistent_reads = resource.consistent_reads.value_or(config.cache.consistent_reads),
           .coalesce = resource.coalesce.value_or(config.cache.coalesce)};
  }
  options.decision.never_cached.insert(config.cache.exclude.begin(), config.cache.exclude.end());
  return options;
}

ServerSessionOptions SessionOptionsOf(const Config& config) {
  ServerSessionOptions options;
  options.max_header_bytes = config.downstream.max_header_bytes;
  options.header_timeout = config.downstream.header_timeout;
  options.idle_timeout = config.downstream.idle_timeout;
  options.max_concurrent_streams = config.downstream.max_concurrent_streams;
  return options;
}

namespace {

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      return "off";
  }
  return "info";
}

class YamlLines {
 public:
  void Section(std::string_view name) { StrAppend(text_, name, ":\n"); }
  void Add(std::string_view key, std::string_view value) {
    StrAppend(text_, key, ": ", value, "\n");
  }
  std::string text_;
};

void AppendFilters(const Config& config, YamlLines& yaml) {
  if (config.filters.empty()) return yaml.Add("filters", "[]");
  yaml.Section("filters");
  for (const FilterConfig& filter : config.filters) {
    yaml.Add("- name", JsonString(filter.name));
    if (filter.params.empty()) continue;
    yaml.Section("  config");
    for (const auto& [key, value] : filter.params) {
      yaml.Add(StrCat("    ", JsonString(key)), JsonString(value));
    }
  }
}

std::string_view FreshnessName(Freshness freshness) {
  switch (freshness) {
    case Freshness::kRelaxed:
      return "relaxed";
    case Freshness::kVerified:
      return "verified";
    case Freshness::kForward:
      break;
  }
  return "forward";
}

std::string_view BoolName(bool value) { return value ? "true" : "false"; }

void AppendResources(const Config& config, YamlLines& yaml) {
  if (config.resources.empty()) return yaml.Add("resources", "[]");
  yaml.Section("resources");
  for (const ResourceConfig& resource : config.resources) {
    yaml.Add("- resource", JsonString(resource.resource));
    if (resource.initial_sync) yaml.Add("  initialSync", FreshnessName(*resource.initial_sync));
    if (resource.consistent_reads) {
      yaml.Add("  consistentReads", FreshnessName(*resource.consistent_reads));
    }
    if (resource.coalesce) yaml.Add("  coalesce", BoolName(*resource.coalesce));
  }
}

void AppendCache(const CacheConfig& cache, YamlLines& yaml) {
  yaml.Section("cache");
  yaml.Add("  idleTimeout", DurationText(cache.idle_timeout));
  yaml.Add("  syncTimeout", DurationText(cache.sync_timeout));
  yaml.Add("  windowEvents", StrCat(cache.window_events));
  yaml.Add("  windowBytes", ByteSizeText(cache.window_bytes));
  yaml.Add("  byteBudget", ByteSizeText(cache.byte_budget));
  yaml.Add("  pinnedBytes", ByteSizeText(cache.pinned_bytes));
  yaml.Add("  secrets", BoolName(cache.secrets));
  yaml.Add("  initialSync", FreshnessName(cache.initial_sync));
  yaml.Add("  consistentReads", FreshnessName(cache.consistent_reads));
  yaml.Add("  coalesce", BoolName(cache.coalesce));
  std::string names;
  for (const std::string& name : cache.exclude) {
    StrAppend(names, names.empty() ? "" : ", ", JsonString(name));
  }
  yaml.Add("  exclude", StrCat("[", names, "]"));
}

}  // namespace

std::string ConfigYaml(const Config& config) {
  YamlLines yaml;
  yaml.Add("listen", JsonString(config.listen));
  yaml.Add("admin", JsonString(config.admin));
  yaml.Add("clientDir", JsonString(config.client_dir));
  yaml.Add("kubeconfig", JsonString(config.kubeconfig));
  yaml.Add("context", JsonString(config.context));
  yaml.Add("concurrency", StrCat(config.concurrency));
  yaml.Add("drainTimeout", DurationText(config.drain_timeout));
  yaml.Add("logLevel", LevelName(config.log_level));
  AppendCache(config.cache, yaml);
  AppendResources(config, yaml);
  yaml.Section("downstream");
  yaml.Add("  maxHeaderBytes", ByteSizeText(config.downstream.max_header_bytes));
  yaml.Add("  headerTimeout", DurationText(config.downstream.header_timeout));
  yaml.Add("  handshakeTimeout", DurationText(config.downstream.handshake_timeout));
  yaml.Add("  idleTimeout", DurationText(config.downstream.idle_timeout));
  yaml.Add("  maxConcurrentStreams", StrCat(config.downstream.max_concurrent_streams));
  yaml.Add("  maxConnections", StrCat(config.downstream.max_connections));
  yaml.Section("upstream");
  yaml.Add("  connectTimeout", DurationText(config.upstream.connect_timeout));
  yaml.Add("  pingAfter", DurationText(config.upstream.ping_after));
  yaml.Add("  pingTimeout", DurationText(config.upstream.ping_timeout));
  yaml.Add("  maxEventBytes", ByteSizeText(config.upstream.max_event_bytes));
  yaml.Section("record");
  yaml.Add("  enabled", BoolName(config.record.enabled));
  yaml.Add("  slowDispatch", DurationText(config.record.slow_dispatch));
  AppendFilters(config, yaml);
  return yaml.text_;
}

}  // namespace weir
