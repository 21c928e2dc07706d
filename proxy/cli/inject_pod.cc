// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/inject_pod.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::string_view kMountPath = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::string_view kTokenVolume = "service-account";
constexpr std::string_view kClientVolume = "weir-client";
constexpr std::string_view kInjectAnnotation = "weir.dev/inject";

using Kind = YamlNode::Kind;

YamlNode* Find(YamlNode& map, std::string_view key) {
  return const_cast<YamlNode*>(std::as_const(map).Find(key));
}

// The member of that name, made or emptied if it is not of that kind. References to its siblings do
// not outlive this.
YamlNode& Ensure(YamlNode& map, std::string_view key, Kind kind) {
  YamlNode* found = Find(map, key);
  if (found == nullptr) {
    YamlNode::Member& made = map.members.emplace_back();
    made.key = key;
    found = &made.value;
  }
  if (found->kind == kind) return *found;
  *found = YamlNode();
  found->kind = kind;
  return *found;
}

void Set(YamlNode& map, std::string_view key, std::string value, bool quoted) {
  YamlNode& scalar = Ensure(map, key, Kind::kScalar);
  scalar.scalar = std::move(value);
  scalar.quoted = quoted;
}

std::string_view Text(const YamlNode& map, std::string_view key) {
  const YamlNode* const found = map.Find(key);
  return found != nullptr && found->kind == Kind::kScalar ? std::string_view(found->scalar) : "";
}

const YamlNode& ItemsOf(const YamlNode& map, std::string_view key) {
  static const YamlNode& none = *new YamlNode();
  const YamlNode* const found = map.Find(key);
  return found == nullptr ? none : *found;
}

// What stands in the source of this program is YAML.
YamlNode Parsed(std::string_view text) {
  absl::StatusOr<YamlNode> node = ParseYaml("the sidecar", text);
  WEIR_CHECK(node.ok());
  return *std::move(node);
}

YamlNode Sidecar(const InjectOptions& options) {
  const auto probe = [](std::string_view path) {
    return StrCat("  httpGet: {path: ", path, ", port: weir-admin}\n");
  };
  YamlNode sidecar =
      Parsed(StrCat("name: weir\n"
                    "image: \n"
                    "restartPolicy: Always\n"
                    "args:\n"
                    "- run\n"
                    "- --listen=127.0.0.1:",
                    options.port, "\n- --admin=0.0.0.0:", options.admin_port,
                    "\n- --client-dir=/var/run/weir\n"
                    "- --drain-timeout=10s\n"
                    "ports:\n"
                    "- name: weir-admin\n"
                    "  containerPort: ",
                    options.admin_port, "\nstartupProbe:\n", probe("/readyz"),
                    "  periodSeconds: 1\n"
                    "  failureThreshold: 60\n"
                    "readinessProbe:\n",
                    probe("/readyz"),
                    "  periodSeconds: 10\n"
                    "livenessProbe:\n",
                    probe("/livez"),
                    "  periodSeconds: 10\n"
                    "resources:\n"
                    "  requests: {cpu: 20m, memory: 32Mi}\n"
                    "  limits: {}\n"
                    "securityContext:\n"
                    "  allowPrivilegeEscalation: false\n"
                    "  readOnlyRootFilesystem: true\n"
                    "  capabilities: {drop: [ALL]}\n"
                    "volumeMounts:\n"
                    "- {name: service-account, mountPath: ",
                    kMountPath,
                    ", readOnly: true}\n"
                    "- {name: weir-client, mountPath: /var/run/weir}\n"));
  Set(sidecar, "image", options.image, true);
  Set(*Find(*Find(sidecar, "resources"), "limits"), "memory", options.memory_limit, true);
  return sidecar;
}

// Who is in the pod's group may read what has no owner's rights; without a group everybody may, as
// in the kubelet's own mount. The token's own mode is the kubelet's to choose.
YamlNode TokenVolume(bool has_group) {
  return Parsed(StrCat("name: ", kTokenVolume,
                       "\n"
                       "projected:\n"
                       "  defaultMode: ",
                       has_group ? "0440" : "0444",
                       "\n"
                       "  sources:\n"
                       "  - serviceAccountToken: {path: token, expirationSeconds: 3607}\n"
                       "  - configMap:\n"
                       "      name: kube-root-ca.crt\n"
                       "      items:\n"
                       "      - {key: ca.crt, path: ca.crt}\n"
                       "  - downwardAPI:\n"
                       "      items:\n"
                       "      - path: namespace\n"
                       "        fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}\n"));
}

YamlNode ClientVolume() {
  return Parsed(StrCat("{name: ", kClientVolume, ", emptyDir: {medium: Memory, sizeLimit: 1Mi}}"));
}

YamlNode ClientMount() {
  return Parsed(StrCat("{name: ", kClientVolume, ", mountPath: ", kMountPath, ", readOnly: true}"));
}

// As the kubelet does: /var/run is a link to /run in most images.
bool IsServiceAccountPath(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.starts_with("/var/run/")) path.remove_prefix(4);
  return path == kMountPath.substr(4);
}

class Injector {
 public:
  Injector(YamlNode& pod, const InjectOptions& options) : pod_(pod), options_(options) {}

  Injection Run() {
    YamlNode* const spec = Find(pod_, "spec");
    if (spec == nullptr || spec->kind != Kind::kMap) {
      Mistake(pod_, "has no spec");
      return std::move(result_);
    }
    spec_ = spec;
    if (!LeaveAlone()) {
      Check();
      if (result_.mistakes.empty()) Change();
    }
    return std::move(result_);
  }

 private:
  void Mistake(const YamlNode& where, std::string text) {
    result_.mistakes.push_back({where.line, where.column, std::move(text)});
  }

  template <typename Visit>
  void ForEachContainer(const Visit& visit) {
    for (const std::string_view key : {"initContainers", "containers"}) {
      YamlNode* const containers = Find(*spec_, key);
      if (containers == nullptr) continue;
      for (YamlNode& container : containers->items) visit(container);
    }
  }

  bool LeaveAlone() {
    bool has_weir = false, has_mount = false;
    ForEachContainer([&](const YamlNode& container) {
      has_weir = has_weir || Text(container, "name") == "weir";
      has_mount = has_mount || ServiceAccountMount(container) != nullptr;
    });
    const YamlNode* const metadata = pod_.Find("metadata");
    const YamlNode* const annotations =
        metadata == nullptr ? nullptr : metadata->Find("annotations");
    if (has_weir) {
      result_.left_alone = "it has a container called weir";
    } else if (annotations != nullptr && Text(*annotations, kInjectAnnotation) == "false") {
      result_.left_alone = StrCat("its annotation ", kInjectAnnotation, " says so");
    } else if (Text(*spec_, "automountServiceAccountToken") == "false" && !has_mount) {
      result_.left_alone = "it has no service account token to reach the API server with";
    }
    return !result_.left_alone.empty();
  }

  static const YamlNode* ServiceAccountMount(const YamlNode& container) {
    for (const YamlNode& mount : ItemsOf(container, "volumeMounts").items) {
      if (IsServiceAccountPath(Text(mount, "mountPath"))) return &mount;
    }
    return nullptr;
  }

  void Check() {
    const YamlNode* const containers = spec_->Find("containers");
    if (containers == nullptr || containers->items.empty()) Mistake(*spec_, "has no containers");
    if (Text(*spec_, "hostNetwork") == "true") {
      Mistake(*spec_,
              "is on the host's network, where Weir's ports would be the node's: deploy it by "
              "hand, with ports that are free there");
    }
    for (const YamlNode& volume : ItemsOf(*spec_, "volumes").items) {
      const std::string_view name = Text(volume, "name");
      if (name != kTokenVolume && name != kClientVolume) continue;
      Mistake(volume, StrCat("has a volume called ", name, ", which is to be Weir's: rename it"));
    }
    ForEachContainer([this](const YamlNode& container) { CheckContainer(container); });
    CheckUsers();
  }

  void CheckContainer(const YamlNode& container) {
    const std::string name = StrCat("container ", Quoted(Text(container, "name")));
    if (const YamlNode* const mount = ServiceAccountMount(container); mount != nullptr) {
      Mistake(*mount, StrCat(name, " mounts something at ", Text(*mount, "mountPath"),
                             ", where Weir's token is to be: of a pod that runs, inject into the "
                             "workload that makes it"));
    }
    for (const YamlNode& port : ItemsOf(container, "ports").items) {
      for (const auto& [flag, own] :
           {std::pair("--port", options_.port), std::pair("--admin-port", options_.admin_port)}) {
        if (Text(port, "containerPort") != StrCat(own)) continue;
        Mistake(port, StrCat(name, " has port ", own, ": give Weir another with ", flag));
      }
    }
  }

  // Only its owner may read the token that Weir writes.
  void CheckUsers() {
    const std::string_view all = UserOf(*spec_);
    std::string_view first;
    ForEachContainer([&](const YamlNode& container) {
      const std::string_view own = UserOf(container);
      const std::string name = StrCat("container ", Quoted(Text(container, "name")));
      const std::string given = options_.run_as_user ? StrCat(*options_.run_as_user) : "";
      const std::string_view user = !own.empty() ? own : !all.empty() ? all : given;
      if (user.empty()) {
        Mistake(container, StrCat(name,
                                  " does not say which user it runs as (securityContext."
                                  "runAsUser), and Weir must run as the same: give "
                                  "--run-as-user, the user of its image"));
        return;
      }
      if (user_.empty()) {
        user_ = user;
        first = Text(container, "name");
      } else if (user_ != user) {
        Mistake(container, StrCat(name, " runs as user ", user, " and ", Quoted(first), " as ",
                                  user_, ": one alone can read the token that Weir writes"));
      }
    });
  }

  static std::string_view UserOf(const YamlNode& node) {
    const YamlNode* const context = node.Find("securityContext");
    return context == nullptr ? "" : Text(*context, "runAsUser");
  }

  void Change() {
    YamlNode& metadata = Ensure(pod_, "metadata", Kind::kMap);
    spec_ = Find(pod_, "spec");
    ForEachContainer([this](YamlNode& container) { ChangeContainer(container); });
    Set(Ensure(metadata, "labels", Kind::kMap), "weir.dev/sidecar", "true", true);
    YamlNode& annotations = Ensure(metadata, "annotations", Kind::kMap);
    if (annotations.Find("prometheus.io/port") == nullptr) {
      Set(annotations, "prometheus.io/scrape", "true", true);
      Set(annotations, "prometheus.io/port", StrCat(options_.admin_port), true);
    }
    // The kubelet's mount would show the operator the API server itself.
    Set(*spec_, "automountServiceAccountToken", "false", false);
    YamlNode& context = Ensure(*spec_, "securityContext", Kind::kMap);
    if (options_.run_as_user && context.Find("runAsUser") == nullptr) {
      Set(context, "runAsUser", user_, false);
    }
    YamlNode sidecar = Sidecar(options_);
    if (Text(context, "runAsUser") != user_) {
      Set(*Find(sidecar, "securityContext"), "runAsUser", user_, false);
    }
    const bool has_group = context.Find("fsGroup") != nullptr;
    YamlNode& first = Ensure(*spec_, "initContainers", Kind::kSequence);
    first.items.insert(first.items.begin(), std::move(sidecar));
    YamlNode& volumes = Ensure(*spec_, "volumes", Kind::kSequence);
    volumes.items.push_back(TokenVolume(has_group));
    volumes.items.push_back(ClientVolume());
  }

  void ChangeContainer(YamlNode& container) {
    YamlNode& env = Ensure(container, "env", Kind::kSequence);
    // First: $(NAME) in a variable stands for one that is before it in the list, or else for the
    // kubelet's own, which is the API server's address.
    SetFirst(env, "KUBERNETES_SERVICE_PORT", StrCat(options_.port));
    SetFirst(env, "KUBERNETES_SERVICE_HOST", "127.0.0.1");
    Ensure(container, "volumeMounts", Kind::kSequence).items.push_back(ClientMount());
  }

  static void SetFirst(YamlNode& env, std::string_view name, std::string value) {
    const auto has_name = [name](const YamlNode& v) { return Text(v, "name") == name; };
    std::erase_if(env.items, has_name);
    YamlNode variable;
    variable.kind = Kind::kMap;
    Set(variable, "name", std::string(name), false);
    Set(variable, "value", std::move(value), true);
    env.items.insert(env.items.begin(), std::move(variable));
  }

  YamlNode& pod_;
  const InjectOptions& options_;
  YamlNode* spec_ = nullptr;
  std::string user_;  // That all containers run as.
  Injection result_;
};

}  // namespace

Injection InjectPod(YamlNode& pod, const InjectOptions& options) {
  return Injector(pod, options).Run();
}

}  // namespace weir
