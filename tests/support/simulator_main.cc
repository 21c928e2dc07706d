// SPDX-License-Identifier: Apache-2.0
//
// weir-simulator: the tests' fake API server as a program, for demos and for trying things out on
// a machine without Kubernetes. It keeps its objects in memory and forgets them when it ends.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "proxy/base/strings.h"
#include "tests/support/fake_api_server.h"

namespace weir {
namespace {

struct SimulatorOptions {
  std::string listen = "127.0.0.1:0";
  std::string kubeconfig;
  int objects = 0;
  int object_bytes = 1000;
  double updates_per_second = 0;
  int restart_changes = 0;
};

std::string Base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = i; j < i + 3; ++j) {
      bits = bits << 8 | (j < text.size() ? static_cast<unsigned char>(text[j]) : 0);
    }
    for (int digit = 0; digit < 4; ++digit) {
      const bool padding = i + digit > text.size();
      out += padding ? '=' : kDigits[bits >> (18 - 6 * digit) & 63];
    }
  }
  return out;
}

std::string Kubeconfig(const FakeApiServer& server) {
  return StrCat("apiVersion: v1\nkind: Config\nclusters:\n- name: simulator\n  cluster:\n",
                "    server: https://", server.host(), ":", server.port(),
                "\n    certificate-authority-data: ", Base64(server.ca_pem()),
                "\nusers:\n- name: owner\n  user:\n    token: owner-token\n",
                "contexts:\n- name: simulator\n  context:\n    cluster: simulator\n",
                "    user: owner\n    namespace: default\ncurrent-context: simulator\n");
}

void CreateObjects(FakeApiServer& server, const SimulatorOptions& options) {
  server.Create("namespaces", "", ConfigMapBody("default"));
  const std::string filler(static_cast<size_t>(options.object_bytes), 'x');
  for (int i = 0; i < options.objects; ++i) {
    server.Create("configmaps", "default",
                  ConfigMapBody(StrCat("object-", i), {{"counter", "0"}, {"filler", filler}},
                                {{"app", StrCat("app-", i % 10)}}));
  }
}

// Changes one object after the other until the dispatcher stops.
class Writer {
 public:
  Writer(FakeApiState& state, const SimulatorOptions& options)
      : state_(state),
        objects_(options.objects),
        interval_(absl::Seconds(1) / options.updates_per_second),
        began_(state.dispatcher.Now()),
        timer_(state.dispatcher.CreateTimer([this] { WriteDue(); })) {
    timer_->Enable(interval_);
  }

 private:
  // The kernel's clock may tick less often than there is something to write.
  void WriteDue() {
    const auto due = static_cast<uint64_t>((state_.dispatcher.Now() - began_) / interval_);
    while (written_ < due) Write();
    timer_->Enable(interval_);
  }
  void Write() {
    const std::string patch = StrCat(R"({"data":{"counter":")", ++written_, "\"}}");
    state_.store.MergePatch(*state_.store.FindKind("configmaps"), "default",
                            StrCat("object-", written_ % static_cast<uint64_t>(objects_)), patch);
  }

  FakeApiState& state_;
  const int objects_;
  const absl::Duration interval_;
  const MonotonicTime began_;
  const TimerPtr timer_;
  uint64_t written_ = 0;
};

// As if it had been killed and started again: connections are cut, and it knows no version from
// before. Objects spread over all of them change in between.
void Restart(FakeApiServer& server, const SimulatorOptions& options, int number) {
  server.Stop();
  const std::string patch = StrCat(R"({"data":{"counter":"restart )", number, "\"}}");
  for (int i = 0; i < std::min(options.restart_changes, options.objects); ++i) {
    const int64_t object = int64_t{i} * options.objects / options.restart_changes;
    server.Patch("configmaps", "default", StrCat("object-", object), patch);
  }
  server.Compact();
  server.Start();
  std::printf("restarted %d\n", number);
  std::fflush(stdout);
}

int Run(const SimulatorOptions& options) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  // Before there are threads, so that none of them takes the signal.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  FakeApiServer server({.listen = options.listen});
  CreateObjects(server, options);
  if (!options.kubeconfig.empty()) {
    std::ofstream file(options.kubeconfig);
    file << Kubeconfig(server);
    file.close();
    if (!file) {
      std::fprintf(stderr, "cannot write %s\n", options.kubeconfig.c_str());
      return 1;
    }
  }
  std::unique_ptr<Writer> writer;
  if (options.updates_per_second > 0 && options.objects > 0) {
    writer =
        server.With([&](FakeApiState& state) { return std::make_unique<Writer>(state, options); });
  }
  std::printf("listening on https://%s:%d\n", server.host().c_str(), server.port());
  std::fflush(stdout);
  int signal = 0;
  for (int number = 1; sigwait(&signals, &signal) == 0 && signal == SIGUSR1; ++number) {
    Restart(server, options, number);
  }
  server.With([&](FakeApiState&) { writer.reset(); });
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  weir::SimulatorOptions options;
  CLI::App app{"A Kubernetes API server in memory, as far as list, watch and writes go."};
  app.add_option("--listen", options.listen, "address and port; port 0 picks one")
      ->capture_default_str();
  app.add_option("--write-kubeconfig", options.kubeconfig, "where to write a kubeconfig for it");
  app.add_option("--objects", options.objects, "config maps to begin with");
  app.add_option("--object-bytes", options.object_bytes, "size of each")->capture_default_str();
  app.add_option("--updates-per-second", options.updates_per_second,
                 "changes to them, in the background");
  app.add_option("--restart-changes", options.restart_changes,
                 "SIGUSR1 is a restart: so many of them change in it");
  CLI11_PARSE(app, argc, argv);
  return weir::Run(options);
}
