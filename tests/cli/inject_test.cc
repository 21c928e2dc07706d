// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/inject.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::Not;

InjectOptions Options() { return {.image = "weir:test", .run_as_user = std::nullopt}; }

YamlNode Read(std::string_view text) {
  const absl::StatusOr<YamlNode> node = ParseYaml("test", text);
  EXPECT_TRUE(node.ok()) << node.status() << "\n" << text;
  return node.value_or(YamlNode());
}

InjectedManifests Injected(std::string_view text, const InjectOptions& options = Options()) {
  const absl::StatusOr<InjectedManifests> made = InjectManifests("test", text, options);
  EXPECT_TRUE(made.ok()) << made.status();
  return made.value_or(InjectedManifests());
}

std::string Mistakes(std::string_view text, const InjectOptions& options = Options()) {
  const absl::StatusOr<InjectedManifests> made = InjectManifests("test", text, options);
  EXPECT_FALSE(made.ok()) << made->text;
  return std::string(MessageOf(made.status()));
}

const YamlNode* At(const YamlNode& node, std::string_view path) {
  const YamlNode* at = &node;
  for (const std::string_view key : Split(path, '.')) {
    if (at == nullptr) return nullptr;
    const auto index = ParseInt64(key);
    at = !index                                            ? at->Find(key)
         : *index < static_cast<int64_t>(at->items.size()) ? &at->items[static_cast<size_t>(*index)]
                                                           : nullptr;
  }
  return at;
}
std::string TextAt(const YamlNode& node, std::string_view path) {
  const YamlNode* const at = At(node, path);
  return at == nullptr ? "(nothing)" : at->scalar;
}

// A Deployment with this under its pod's spec, and a container with that.
std::string Deployment(std::string_view spec = "securityContext: {runAsUser: 7}",
                       std::string_view container = "image: x") {
  return StrCat(
      "apiVersion: apps/v1\n"
      "kind: Deployment\n"
      "metadata: {name: op, namespace: ns}\n"
      "spec:\n"
      "  template:\n"
      "    spec:\n"
      "      ",
      spec,
      "\n"
      "      containers:\n"
      "      - name: main\n"
      "        ",
      container, "\n");
}

std::string Canonical(const YamlNode& node) {
  std::vector<std::string> parts;
  for (const YamlNode& item : node.items) parts.push_back(Canonical(item));
  for (const auto& member : node.members) {
    parts.push_back(StrCat(member.key, "=", Canonical(member.value)));
  }
  // Members have no order. That a number is a string counts.
  if (node.kind == YamlNode::Kind::kMap) std::sort(parts.begin(), parts.end());
  const bool number = ParseInt64(node.scalar).has_value() || node.scalar == "true";
  return StrCat("(", node.quoted && number ? "string " : "", node.scalar, Join(parts, ",\n"), ")");
}

void Remove(YamlNode& map, std::string_view key) {
  std::erase_if(map.members, [key](const YamlNode::Member& member) { return member.key == key; });
}

// deploy/sidecar.yaml without what makes it one: what it is then is made by this.
TEST(InjectTest, TheExampleIsWhatItMakes) {
  std::ostringstream example;
  example << std::ifstream("deploy/sidecar.yaml").rdbuf();
  const YamlNode want = Read(example.str());
  YamlNode bare = want;
  auto& pod = const_cast<YamlNode&>(*At(bare, "spec.template"));
  auto& spec = const_cast<YamlNode&>(*pod.Find("spec"));
  auto& container = const_cast<YamlNode&>(*At(spec, "containers.0"));
  Remove(const_cast<YamlNode&>(*At(pod, "metadata.labels")), "weir.dev/sidecar");
  Remove(const_cast<YamlNode&>(*pod.Find("metadata")), "annotations");
  for (const char* key : {"automountServiceAccountToken", "initContainers", "volumes"}) {
    ASSERT_NE(spec.Find(key), nullptr);
    Remove(spec, key);
  }
  Remove(container, "env");
  Remove(container, "volumeMounts");
  InjectOptions options = Options();
  options.image = InjectFlags::DefaultImage();
  const Injection injection = InjectPod(pod, options);
  EXPECT_TRUE(injection.mistakes.empty());
  EXPECT_EQ(Canonical(bare), Canonical(want));
}

TEST(InjectTest, KnowsEveryKindOfWorkload) {
  const std::string pod = "spec: {securityContext: {runAsUser: 7}, containers: [{name: main}]}";
  for (const auto& [head, path] : std::vector<std::pair<std::string, std::string>>{
           {"apiVersion: apps/v1, kind: Deployment", "spec.template."},
           {"apiVersion: apps/v1, kind: StatefulSet", "spec.template."},
           {"apiVersion: apps/v1, kind: DaemonSet", "spec.template."},
           {"apiVersion: apps/v1, kind: ReplicaSet", "spec.template."},
           {"apiVersion: v1, kind: ReplicationController", "spec.template."},
           {"apiVersion: batch/v1, kind: Job", "spec.template."},
           {"apiVersion: batch/v1, kind: CronJob", "spec.jobTemplate.spec.template."},
           {"apiVersion: v1, kind: Pod", ""}}) {
    std::string text = pod;
    std::vector<std::string_view> keys = Split(path, '.');
    keys.pop_back();
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) text = StrCat(*key, ": {", text, "}");
    const YamlNode made = Read(Injected(StrCat("{", head, ", ", text, "}")).text);
    EXPECT_EQ(TextAt(made, StrCat(path, "spec.initContainers.0.name")), "weir") << head;
    EXPECT_EQ(TextAt(made, StrCat(path, "spec.containers.0.env.0.value")), "127.0.0.1") << head;
  }
}

TEST(InjectTest, LeavesOtherDocumentsAsTheyAreByteForByte) {
  const std::string other =
      "# A comment.\n---\napiVersion:   v1\nkind: ConfigMap   # odd\ndata: {a: 'b'}\n---\n\n--- # "
      "empty\n"
      "apiVersion: example.com/v1\nkind: Deployment\nspec: {}\n";
  EXPECT_EQ(Injected(other).text, other);
  EXPECT_EQ(Injected(other).notes, "");
  EXPECT_EQ(Injected("").text, "");
  const std::string both = Injected(StrCat(other, "---\n", Deployment())).text;
  EXPECT_TRUE(both.starts_with(StrCat(other, "---\napiVersion: apps/v1\n"))) << both;
}

TEST(InjectTest, TwiceIsOnce) {
  const std::string once = Injected(Deployment()).text;
  const InjectedManifests twice = Injected(once);
  EXPECT_EQ(twice.text, once);
  EXPECT_EQ(twice.notes, "Deployment ns/op: left alone, because it has a container called weir\n");
}

TEST(InjectTest, LooksIntoLists) {
  const std::string list =
      StrCat(R"({"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Secret"},)",
             R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[)",
             R"({"name":"c","securityContext":{"runAsUser":9}}]}}]})");
  const InjectedManifests made = Injected(list);
  const YamlNode read = Read(made.text);
  EXPECT_EQ(TextAt(read, "items.1.spec.initContainers.0.securityContext.runAsUser"), "9");
  EXPECT_EQ(made.notes, "Pod p: Weir added\n");
}

TEST(InjectTest, WeirIsFirstAndAllOthersReachTheApiServerThroughIt) {
  InjectOptions options = Options();
  options.port = 7443;
  options.admin_port = 7090;
  options.memory_limit = "1Gi";
  const YamlNode made =
      Read(Injected(Deployment(
                        "securityContext: {runAsUser: 7, fsGroup: 7}\n"
                        "      initContainers: [{name: prepare}]\n"
                        "      volumes: [{name: own}]",
                        "env: [{name: KUBERNETES_SERVICE_PORT, value: '1'}, {name: A, value: b}]"),
                    options)
               .text);
  const YamlNode& spec = *At(made, "spec.template.spec");
  EXPECT_EQ(TextAt(spec, "initContainers.0.name"), "weir");
  EXPECT_EQ(TextAt(spec, "initContainers.0.restartPolicy"), "Always");
  EXPECT_EQ(TextAt(spec, "initContainers.0.image"), "weir:test");
  EXPECT_EQ(TextAt(spec, "initContainers.0.args.1"), "--listen=127.0.0.1:7443");
  EXPECT_EQ(TextAt(spec, "initContainers.0.args.2"), "--admin=0.0.0.0:7090");
  EXPECT_EQ(TextAt(spec, "initContainers.0.ports.0.containerPort"), "7090");
  EXPECT_EQ(TextAt(spec, "initContainers.0.resources.limits.memory"), "1Gi");
  EXPECT_EQ(TextAt(spec, "initContainers.1.name"), "prepare");
  for (const char* container : {"initContainers.1", "containers.0"}) {
    const YamlNode& env = *At(spec, StrCat(container, ".env"));
    EXPECT_EQ(std::count_if(env.items.begin(), env.items.end(),
                            [](const YamlNode& v) {
                              return TextAt(v, "name") == "KUBERNETES_SERVICE_PORT" &&
                                     TextAt(v, "value") == "7443" && v.Find("value")->quoted;
                            }),
              1)
        << container;
    EXPECT_EQ(TextAt(spec, StrCat(container, ".volumeMounts.0.mountPath")),
              "/var/run/secrets/kubernetes.io/serviceaccount");
  }
  EXPECT_EQ(TextAt(spec, "containers.0.env.2.name"), "A") << "others stay";
  EXPECT_EQ(TextAt(spec, "volumes.0.name"), "own");
  EXPECT_EQ(TextAt(spec, "volumes.1.projected.defaultMode"), "0440");
  EXPECT_EQ(TextAt(made, "spec.template.metadata.annotations.prometheus.io/port"), "(nothing)")
      << "a dot in a key is not a step";
  EXPECT_EQ(At(made, "spec.template.metadata.annotations")->Find("prometheus.io/port")->scalar,
            "7090");
}

// The kubelet puts in what stands before: later it would be the API server's own address.
TEST(InjectTest, VariablesThatReferToTheAddressGetWeirs) {
  const YamlNode made =
      Read(Injected(Deployment("securityContext: {runAsUser: 7}",
                               "env: [{name: URL, value: 'https://$(KUBERNETES_SERVICE_HOST)'}, "
                               "{name: KUBERNETES_SERVICE_HOST, value: a.proxy}]"))
               .text);
  const YamlNode& env = *At(made, "spec.template.spec.containers.0.env");
  ASSERT_EQ(env.items.size(), 3u);
  EXPECT_EQ(TextAt(env, "0.name"), "KUBERNETES_SERVICE_HOST");
  EXPECT_EQ(TextAt(env, "0.value"), "127.0.0.1");
  EXPECT_EQ(TextAt(env, "1.name"), "KUBERNETES_SERVICE_PORT");
  EXPECT_EQ(TextAt(env, "1.value"), "6443");
  EXPECT_EQ(TextAt(env, "2.name"), "URL");
}

TEST(InjectTest, WithoutAGroupEverybodyMayReadWhatIsNotSecret) {
  const YamlNode made = Read(Injected(Deployment()).text);
  EXPECT_EQ(TextAt(made, "spec.template.spec.volumes.0.projected.defaultMode"), "0444");
}

TEST(InjectTest, AnothersPortForPrometheusStays) {
  const std::string text = Deployment();
  const std::string with = StrCat(text.substr(0, text.find("    spec:\n      ")),
                                  "    metadata: {annotations: {prometheus.io/port: '8080'}}\n",
                                  text.substr(text.find("    spec:\n      ")));
  const YamlNode made = Read(Injected(with).text);
  const YamlNode& annotations = *At(made, "spec.template.metadata.annotations");
  EXPECT_EQ(annotations.Find("prometheus.io/port")->scalar, "8080");
  EXPECT_EQ(annotations.Find("prometheus.io/scrape"), nullptr);
}

TEST(InjectTest, LeavesAloneWhoIsNotToHaveIt) {
  const std::string no_token = Deployment("automountServiceAccountToken: false");
  EXPECT_EQ(Injected(no_token).text, no_token);
  EXPECT_THAT(Injected(no_token).notes, HasSubstr("no service account token"));
  std::string refused = Deployment();
  refused.insert(refused.find("    spec:\n      "),
                 "    metadata: {annotations: {weir.dev/inject: \"false\"}}\n");
  EXPECT_EQ(Injected(refused).text, refused);
  EXPECT_THAT(Injected(refused).notes, HasSubstr("weir.dev/inject"));
}

// Only its owner may read the token.
TEST(InjectTest, AllContainersMustRunAsOneUser) {
  EXPECT_THAT(
      Mistakes(Deployment("restartPolicy: Always")),
      HasSubstr("test:9:9: Deployment ns/op container \"main\" does not say which user it runs "
                "as (securityContext.runAsUser), and Weir must run as the same: give "
                "--run-as-user"));
  EXPECT_THAT(
      Mistakes(Deployment("securityContext: {runAsUser: 7}\n"
                          "      initContainers: [{name: a, securityContext: {runAsUser: 8}}]")),
      HasSubstr("container \"main\" runs as user 7 and \"a\" as 8"));
  InjectOptions options = Options();
  options.run_as_user = 9;
  const YamlNode given = Read(Injected(Deployment("restartPolicy: Always"), options).text);
  EXPECT_EQ(TextAt(given, "spec.template.spec.securityContext.runAsUser"), "9");
  EXPECT_EQ(TextAt(given, "spec.template.spec.initContainers.0.securityContext.runAsUser"),
            "(nothing)");
  // It is for who does not say.
  const YamlNode own = Read(Injected(Deployment(), options).text);
  EXPECT_EQ(TextAt(own, "spec.template.spec.securityContext.runAsUser"), "7");
  EXPECT_EQ(TextAt(own, "spec.template.spec.initContainers.0.securityContext.runAsUser"),
            "(nothing)");
  EXPECT_THAT(Mistakes(Deployment("initContainers: [{name: a}]", "securityContext: {runAsUser: 8}"),
                       options),
              HasSubstr("runs as user 8 and \"a\" as 9"));
}

TEST(InjectTest, SaysWhatIsInTheWayAndAllOfIt) {
  const auto pod = [](std::string_view spec, std::string_view container) {
    return Mistakes(Deployment(StrCat("securityContext: {runAsUser: 7}\n      ", spec), container));
  };
  const std::string all =
      pod("hostNetwork: true\n      volumes: [{name: weir-client}, {name: service-account}]",
          "ports: [{containerPort: 6443}, {containerPort: 15090}]");
  EXPECT_THAT(all, HasSubstr("is on the host's network, where Weir's ports would be the node's: "
                             "deploy it by hand"));
  EXPECT_THAT(all, HasSubstr("test:9:17: Deployment ns/op has a volume called weir-client, which "
                             "is to be Weir's: rename it"));
  EXPECT_THAT(all, HasSubstr("has a volume called service-account, which is to be Weir's"));
  EXPECT_THAT(all, HasSubstr("has port 6443: give Weir another with --port"));
  EXPECT_THAT(all, HasSubstr("has port 15090: give Weir another with --admin-port"));
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 4);
  for (const char* path : {"/var/run/secrets/kubernetes.io/serviceaccount",
                           "/run/secrets/kubernetes.io/serviceaccount/"}) {
    EXPECT_THAT(
        pod("restartPolicy: Always", StrCat("volumeMounts: [{name: x, mountPath: ", path, "}]")),
        HasSubstr(StrCat("mounts something at ", path)));
  }
  EXPECT_THAT(Mistakes("{apiVersion: v1, kind: Pod}"), HasSubstr("has no spec"));
  EXPECT_THAT(Mistakes("{apiVersion: v1, kind: Pod, spec: {}}"), HasSubstr("has no containers"));
  EXPECT_THAT(Mistakes("{apiVersion: apps/v1, kind: Deployment, spec: {}}"),
              HasSubstr("has no spec.template"));
}

TEST(InjectTest, AMistakeStandsInItsLineOfTheWholeText) {
  const std::string first = "a: 1\n---\nb: [\n---\n";
  EXPECT_THAT(Mistakes(first), HasSubstr("test:4:"));
  EXPECT_THAT(Mistakes(StrCat("a: 1\n---\n", Deployment("restartPolicy: Always"))),
              HasSubstr("test:11:9: "));
  EXPECT_THAT(Mistakes("a: 1\n---\nkind: Pod\napiVersion: v1\nb: &x 1\nc: *x\n"),
              HasSubstr("test:6:4: aliases"));
}

// What Weir does not read in a workload is no matter elsewhere.
TEST(InjectTest, AliasesAndTagsAreRefusedInWorkloadsAlone) {
  for (const char* other : {"kind: ConfigMap\nb: &x 1\nc: *x\n", "kind: Secret\nb: !!binary aGk=\n",
                            "a: &x k\n*x : 1\n", "- &x [a, {b: !c d}]\n- *x\n"}) {
    const std::string text = StrCat("---\n", other, "---\n", Deployment());
    const InjectedManifests made = Injected(text);
    EXPECT_TRUE(made.text.starts_with(StrCat("---\n", other, "---\n"))) << made.text;
    EXPECT_EQ(made.notes, "Deployment ns/op: Weir added\n");
  }
  for (const char* container : {"env: [&x {name: a}, *x]", "image: !!str x\n        tty: !t x"}) {
    const std::string workload = Deployment("securityContext: {runAsUser: 7}", container);
    EXPECT_THAT(Mistakes(workload), HasSubstr("are not taken")) << container;
    std::string in_list = "kind: List\nitems:\n- ";
    for (const char byte : workload) in_list += byte == '\n' ? "\n  " : std::string(1, byte);
    EXPECT_THAT(Mistakes(in_list), HasSubstr("are not taken")) << in_list;
  }
}

// Readers take the one or the other.
TEST(InjectTest, AKeyThatIsThereTwiceIsAMistake) {
  const std::string mistakes = Mistakes(
      Deployment("securityContext: {runAsUser: 7, runAsUser: 8}", "image: x\n        image: y"));
  EXPECT_EQ(mistakes,
            "test:7:39: Deployment ns/op has the key \"runAsUser\" twice: leave out one\n"
            "test:11:9: Deployment ns/op has the key \"image\" twice: leave out one");
  const std::string other = "kind: ConfigMap\na: 1\na: 2\n";
  EXPECT_EQ(Injected(other).text, other);
}

TEST(InjectTest, NothingInItIsNoReasonToCrash) {
  for (const char* text : {"1", "[]", "{kind: List}", "{kind: List, items: 3}", "{kind: [x]}",
                           "{apiVersion: v1, kind: ConfigMap, metadata: 7}"}) {
    EXPECT_EQ(Injected(text).text, text);
  }
  InjectOptions options = Options();
  options.run_as_user = 1;
  const auto pod = [](std::string_view text) {
    return StrCat("{apiVersion: v1, kind: Pod, ", text, "}");
  };
  const YamlNode odd = Read(Injected(pod("metadata: 7, spec: {containers: [1, [2], {env: x, "
                                         "volumeMounts: 3, ports: [1]}]}"),
                                     options)
                                .text);
  EXPECT_EQ(TextAt(odd, "spec.initContainers.0.name"), "weir");
  EXPECT_EQ(TextAt(odd, "spec.containers.2.env.0.value"), "127.0.0.1");
  EXPECT_EQ(Mistakes(pod("spec: {securityContext: 1, containers: {a: b}, initContainers: 4, "
                         "volumes: x}"),
                     options),
            "test:1:35: Pod has no containers");
}

// What `weir inject` prints and how it ends.
struct Ended {
  int code = -1;
  std::string out, err;
};
Ended RunWith(InjectFlags flags, std::string_view manifests) {
  flags.file = testing::TempDir() + "/inject_test.yaml";
  std::ofstream(flags.file) << manifests;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ended ended;
  ended.code = Inject(flags);
  ended.out = testing::internal::GetCapturedStdout();
  ended.err = testing::internal::GetCapturedStderr();
  return ended;
}

TEST(InjectTest, ManifestsGoToStdoutAndNotesToStderr) {
  InjectFlags flags;
  flags.port = 7443;
  flags.admin_port = 7090;
  flags.memory_limit = "1Gi";
  flags.image = "registry/weir:1";
  flags.run_as_user = "65532";
  const Ended ended = RunWith(flags, Deployment("restartPolicy: Always"));
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "Deployment ns/op: Weir added\n");
  const YamlNode made = Read(ended.out);
  const YamlNode& weir = *At(made, "spec.template.spec.initContainers.0");
  EXPECT_EQ(TextAt(weir, "image"), "registry/weir:1");
  EXPECT_EQ(TextAt(weir, "args.1"), "--listen=127.0.0.1:7443");
  EXPECT_EQ(TextAt(weir, "args.2"), "--admin=0.0.0.0:7090");
  EXPECT_EQ(TextAt(weir, "resources.limits.memory"), "1Gi");
  EXPECT_EQ(TextAt(made, "spec.template.spec.securityContext.runAsUser"), "65532");
  const Ended none = RunWith({}, "kind: ConfigMap\n");
  EXPECT_EQ(none.code, 0);
  EXPECT_EQ(none.out, "kind: ConfigMap\n");
  EXPECT_EQ(none.err, "weir inject: there is no workload in it\n");
}

TEST(InjectTest, WithAMistakeThereIsNothingAtStdout) {
  const auto expect_refused = [](const InjectFlags& flags, std::string_view manifests,
                                 const char* why) {
    const Ended ended = RunWith(flags, manifests);
    EXPECT_EQ(ended.code, 2);
    EXPECT_EQ(ended.out, "");
    EXPECT_THAT(ended.err, HasSubstr(why));
  };
  expect_refused({}, StrCat(Deployment(), "---\n", Deployment("hostNetwork: true")),
                 "inject_test.yaml:");
  InjectFlags flags;
  flags.port = 0;
  expect_refused(flags, Deployment(), "--port: 0 is not from 1 to 65535");
  flags.port = flags.admin_port;
  expect_refused(flags, Deployment(), "--port and --admin-port must differ");
  for (const char* user : {"-1", "root", "0x7"}) {
    flags = {};
    flags.run_as_user = user;
    expect_refused(flags, Deployment(), "is no number of a user");
  }
}

TEST(InjectTest, AFileThatIsNotThereIsNamed) {
  InjectFlags flags;
  flags.file = "/nowhere/x.yaml";
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(Inject(flags), 2);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("/nowhere/x.yaml"));
}

}  // namespace
}  // namespace weir
