// SPDX-License-Identifier: Apache-2.0
// The command line. The only file that knows both proxy/ and filters/.

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "filters/registry.h"
#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/cli/check.h"
#include "proxy/cli/inject.h"
#include "proxy/cli/top.h"
#include "proxy/server/config.h"
#include "proxy/server/kubeconfig.h"
#include "proxy/server/server.h"

namespace weir {
namespace {

struct Flag {
  const char* name;
  const char* key;  // Of the configuration file.
  const char* help;
};
constexpr Flag kRunFlags[] = {
    {"--kubeconfig", "kubeconfig",
     "How to reach the API server; default: the pod's service account"},
    {"--context", "context", "Context of the kubeconfig; default: its current-context"},
    {"--listen", "listen", "Where clients connect, 127.0.0.1:6443 by default"},
    {"--admin", "admin", "Metrics and health, 127.0.0.1:15090 by default"},
    {"--client-dir", "clientDir",
     "Directory to write ca.crt, token, namespace and kubeconfig to, for clients"},
    {"--concurrency", "concurrency", "Worker threads, 1 by default"},
    {"--drain-timeout", "drainTimeout",
     "After SIGTERM, time for streams to end cleanly, 10s by default"},
    {"--log-level", "logLevel", "debug, info (default), warning, error or off"},
};

absl::Status ValidateFilterParams(std::string_view name, const StringMap<std::string>& params) {
  return CreateFilter(name, params).status();
}

int Fail(int code, const absl::Status& status) {
  const std::string_view message = MessageOf(status);
  std::fprintf(stderr, "weir: %.*s\n", static_cast<int>(message.size()), message.data());
  return code;
}

// The chain of each cache: `stale` always first, then what is configured.
NewFilters FiltersOf(const Config& config) {
  return [filters = config.filters](const GroupVersionResource&, FilterChainStats& stats) {
    std::vector<NamedFilter> chain;
    chain.push_back({"stale", CreateFilter("stale", {}).value()});
    for (const FilterConfig& filter : filters) {
      if (filter.name == "stale") continue;
      // Validated with the configuration.
      chain.push_back({filter.name, CreateFilter(filter.name, filter.params).value()});
    }
    return std::make_unique<FilterChain>(std::move(chain), stats);
  };
}

absl::StatusOr<Config> ReadConfig(const std::string& file,
                                  const std::map<std::string, std::string>& flags) {
  Config config;
  if (!file.empty()) {
    WEIR_ASSIGN_OR_RETURN(config, LoadConfig(file, ValidateFilterParams));
  }
  for (const Flag& flag : kRunFlags) {
    const auto value = flags.find(flag.name);
    if (value == flags.end()) continue;
    if (const absl::Status set = SetConfigKey(config, flag.key, value->second); !set.ok()) {
      return Annotate(set, flag.name);
    }
  }
  return config;
}

absl::StatusOr<Kubeconfig> ReadUpstream(const Config& config) {
  if (!config.kubeconfig.empty()) return LoadKubeconfig(config.kubeconfig, config.context);
  return LoadInCluster([](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  });
}

int Run(const std::string& file, const std::map<std::string, std::string>& flags) {
  const absl::StatusOr<Config> config = ReadConfig(file, flags);
  if (!config.ok()) return Fail(kExitUsage, config.status());
  SetLogLevel(config->log_level);
  absl::StatusOr<Kubeconfig> upstream = ReadUpstream(*config);
  if (!upstream.ok()) return Fail(kExitUsage, upstream.status());
  const auto server = Server::Create(*config, std::move(upstream->target), upstream->namespace_name,
                                     FiltersOf(*config));
  if (!server.ok()) return Fail(kExitFailure, server.status());
  const absl::Status ran = (*server)->Run();
  return ran.ok() ? kExitOk : Fail(kExitFailure, ran);
}

CLI::App* AddTop(CLI::App& app, TopFlags& flags) {
  CLI::App* top =
      app.add_subcommand("top", "Show streams, lag and stuck objects of a running weir");
  top->add_option("--admin", flags.admin, "Its admin port, 127.0.0.1:15090 by default");
  top->add_flag("--once", flags.once, "Print once, also to a terminal");
  top->add_option("-o,--output", flags.output, "text (default), or json: printed once");
  top->add_option("--sort", flags.sort,
                  "Streams by behind (default), events, bytes, age, resource or client");
  top->add_option("--interval", flags.interval, "Time between two looks, 2s by default");
  return top;
}

CLI::App* AddInject(CLI::App& app, InjectFlags& flags) {
  CLI::App* inject =
      app.add_subcommand("inject", "Add weir as a sidecar to the workloads of manifests");
  inject->add_option("-f,--file", flags.file, "Manifests, YAML or JSON; - for standard input")
      ->capture_default_str();
  inject->add_option("--image", flags.image, "Of the sidecar")->capture_default_str();
  inject->add_option("--port", flags.port, "Where it listens on 127.0.0.1")->capture_default_str();
  inject->add_option("--admin-port", flags.admin_port, "Its admin port")->capture_default_str();
  inject->add_option("--memory-limit", flags.memory_limit, "Of the sidecar")->capture_default_str();
  inject->add_option("--run-as-user", flags.run_as_user,
                     "The user of containers for which the manifests say none");
  return inject;
}

int Main(int argc, char** argv) {
  CLI::App app{"weir: a sidecar that keeps one list and watch per resource for an operator"};
  app.require_subcommand(1);

  CLI::App* run = app.add_subcommand("run", "Serve an operator from one watch per resource");
  std::string config_file;
  run->add_option("--config", config_file, "Configuration file (YAML); flags win over it");
  std::map<std::string, std::string> values;
  for (const Flag& flag : kRunFlags) {
    run->add_option_function<std::string>(
           flag.name, [&values, &flag](const std::string& value) { values[flag.name] = value; },
           flag.help)
        ->type_name("VALUE");
  }

  CLI::App* check =
      app.add_subcommand("check", "Check a configuration file: every mistake at once");
  std::string checked_file;
  check->add_option("FILE", checked_file, "Configuration file")->required();

  TopFlags top_flags;
  CLI::App* top = AddTop(app, top_flags);

  InjectFlags inject_flags;
  CLI::App* inject = AddInject(app, inject_flags);

  CLI::App* version = app.add_subcommand("version", "Print the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kExitOk : kExitUsage;
  }
  if (check->parsed()) return CheckConfig(checked_file, ValidateFilterParams);
  if (top->parsed()) return Top(top_flags);
  if (inject->parsed()) return Inject(inject_flags);
  if (version->parsed()) {
    std::printf("weir %s\n", WEIR_VERSION);
    return kExitOk;
  }
  return Run(config_file, values);
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) { return weir::Main(argc, argv); }
