// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/kubeconfig.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"

#include "proxy/base/file.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/server/config_schema.h"
#include "proxy/server/server_url.h"
#include "proxy/server/yaml_document.h"

namespace weir {
namespace {

// Kubeconfigs of many clusters with embedded certificates are large.
constexpr YamlLimits kLimits{.max_bytes = 8 << 20, .max_depth = 32};
constexpr size_t kMaxPemBytes = 1 << 20;
constexpr size_t kMaxTokenBytes = 256 << 10;

// Keys that ask for what Weir does not do, and what to do instead.
struct Refused {
  std::string_view key;
  std::string_view advice;
};
constexpr Refused kRefusedInUser[] = {
    {"exec",
     "Weir runs no credential plugins; give this user a token, a tokenFile or a client "
     "certificate"},
    {"auth-provider",
     "Weir has no auth providers; give this user a token, a tokenFile or a client "
     "certificate"},
    {"username",
     "API servers take no passwords any more; give this user a token or a client "
     "certificate"},
    {"password",
     "API servers take no passwords any more; give this user a token or a client "
     "certificate"},
    {"as", "Weir never impersonates by itself; use the credential of the user itself"},
    {"as-uid", "Weir never impersonates by itself; use the credential of the user itself"},
    {"as-groups", "Weir never impersonates by itself; use the credential of the user itself"},
    {"as-user-extra", "Weir never impersonates by itself; use the credential of the user itself"},
};
constexpr Refused kRefusedInCluster[] = {
    {"proxy-url",
     "Weir reaches the API server directly only; remove it or use a server address "
     "that needs no proxy"},
};

// A token goes into a header as it is.
bool IsToken(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool IsSet(const YamlNode* node) {
  if (node == nullptr || node->kind == YamlNode::Kind::kNull) return false;
  return node->kind != YamlNode::Kind::kScalar || !node->scalar.empty();
}

// Reads one context of a kubeconfig and collects what is wrong on the way.
class KubeconfigReader {
 public:
  KubeconfigReader(const std::string& path, const YamlNode& root)
      : root_(root), mistakes_(path), directory_(path.substr(0, path.rfind('/') + 1)) {}

  absl::StatusOr<Kubeconfig> Read(std::string_view context_name) {
    ReportDuplicateKeys(root_, "", mistakes_);
    const Entry context = FindContext(std::string(context_name));
    if (context.body != nullptr) ReadContext(context);
    WEIR_RETURN_IF_ERROR(mistakes_.ToStatus());
    return std::move(result_);
  }

 private:
  // The map in a named entry of "contexts", "clusters" or "users", and its path.
  struct Entry {
    const YamlNode* body = nullptr;
    std::string path;
  };

  Entry FindContext(std::string name) {
    if (root_.kind != YamlNode::Kind::kMap) {
      mistakes_.Add(root_, "", "not a kubeconfig: there is no map of keys in it");
      return {};
    }
    const YamlNode* current = root_.Find("current-context");
    if (name.empty()) name = Text(current, "current-context");
    if (name.empty()) {
      mistakes_.Add(current == nullptr ? root_ : *current, "current-context",
                    StrCat("not set; set it, or choose one with --context", Choice("contexts")));
      return {};
    }
    return FindEntry("contexts", "context", name, root_, "");
  }

  void ReadContext(const Entry& context) {
    result_.namespace_name = Text(context.body->Find("namespace"), context.path + ".namespace");
    if (result_.namespace_name.empty()) result_.namespace_name = "default";
    const YamlNode* cluster = context.body->Find("cluster");
    const std::string cluster_path = context.path + ".cluster";
    const std::string cluster_name = Text(cluster, cluster_path);
    if (cluster_name.empty()) {
      mistakes_.Add(*context.body, cluster_path, "not set: which cluster does it mean?");
    } else {
      const Entry entry = FindEntry("clusters", "cluster", cluster_name, *cluster, cluster_path);
      if (entry.body != nullptr) ReadCluster(entry);
    }
    const YamlNode* user = context.body->Find("user");
    const std::string user_path = context.path + ".user";
    const std::string user_name = Text(user, user_path);
    if (!user_name.empty()) {
      const Entry entry = FindEntry("users", "user", user_name, *user, user_path);
      if (entry.body != nullptr) ReadUser(entry);
    } else if (result_.target.tls) {
      mistakes_.Add(*context.body, user_path, "not set: whose credential is Weir to use?");
    }
  }

  // The entry of that name. A mistake, pointed out at `place`, if there is none.
  Entry FindEntry(const std::string& list, const std::string& body, const std::string& name,
                  const YamlNode& place, const std::string& place_path) {
    const YamlNode* entries = root_.Find(list);
    for (size_t i = 0; entries != nullptr && i < entries->items.size(); ++i) {
      const YamlNode& item = entries->items[i];
      const YamlNode* item_name = item.Find("name");
      if (item_name == nullptr || item_name->scalar != name) continue;
      const std::string path = StrCat(list, "[", i, "].", body);
      const YamlNode* found = item.Find(body);
      if (found == nullptr) {
        mistakes_.Add(item, path, "missing");
      } else if (found->kind == YamlNode::Kind::kMap) {
        return {found, path};
      } else {
        mistakes_.Add(*found, path, StrCat("must be a map of keys, not ", DescribeNode(*found)));
      }
      return {};
    }
    mistakes_.Add(place, place_path,
                  StrCat("no ", body, " of the name ", Quoted(name), Choice(list)));
    return {};
  }

  // "; there are "a", "b"" for messages.
  std::string Choice(const std::string& list) const {
    std::string names;
    const YamlNode* entries = root_.Find(list);
    for (size_t i = 0; entries != nullptr && i < entries->items.size() && i < 10; ++i) {
      const YamlNode* name = entries->items[i].Find("name");
      if (name != nullptr) StrAppend(names, names.empty() ? "" : ", ", Quoted(name->scalar));
    }
    return names.empty() ? StrCat("; there are no ", list, " in it")
                         : StrCat("; there are ", names);
  }

  void ReadCluster(const Entry& cluster) {
    UpstreamTarget& target = result_.target;
    Refuse(cluster, kRefusedInCluster);
    const YamlNode* server = cluster.body->Find("server");
    const auto url = ServerUrl::Parse(Text(server, cluster.path + ".server"));
    if (url.ok()) {
      target.tls = url->tls;
      target.host = url->host;
      target.port = url->port;
      target.base_path = url->path;
    } else {
      mistakes_.Add(server == nullptr ? *cluster.body : *server, cluster.path + ".server",
                    MessageOf(url.status()));
    }
    target.tls_server_name = Member(cluster, "tls-server-name");
    const YamlNode* insecure = cluster.body->Find("insecure-skip-tls-verify");
    if (IsSet(insecure)) {
      ReadBool(target.insecure_skip_tls_verify)(
          *insecure, cluster.path + ".insecure-skip-tls-verify", mistakes_);
    }
    target.ca_pem = ReadPem(cluster, "certificate-authority", "CERTIFICATE", target.files.ca);
    target.ca_source = target.files.ca;
    if (target.files.ca.empty() && !target.ca_pem.empty()) {
      target.ca_source = cluster.path + ".certificate-authority-data";
    }
    if (target.insecure_skip_tls_verify && !target.ca_pem.empty()) {
      mistakes_.Add(*insecure, cluster.path + ".insecure-skip-tls-verify",
                    "contradicts certificate-authority; remove one of them");
    }
  }

  void ReadUser(const Entry& user) {
    UpstreamTarget& target = result_.target;
    const bool refused = Refuse(user, kRefusedInUser);
    target.token = Trim(Member(user, "token"));
    if (!IsToken(target.token)) {
      mistakes_.Add(*user.body->Find("token"), user.path + ".token",
                    "holds blanks or control characters; was it pasted in part?");
    }
    const std::string token_file = Member(user, "tokenFile");
    // As in client-go the file wins: it is the one that is rotated.
    if (!token_file.empty()) {
      target.token.clear();
      target.token_file = Resolve(token_file);
      const auto token = ReadSmallFile(target.token_file, kMaxTokenBytes);
      if (!token.ok() || Trim(*token).empty()) {
        mistakes_.Add(*user.body->Find("tokenFile"), user.path + ".tokenFile",
                      token.ok() ? StrCat(Quoted(target.token_file), " is empty")
                                 : MessageOf(token.status()));
      }
    }
    target.client_certificate_pem =
        ReadPem(user, "client-certificate", "CERTIFICATE", target.files.certificate);
    target.client_key_pem = ReadPem(user, "client-key", "PRIVATE KEY", target.files.private_key);
    const bool has_certificate = IsGiven(user, "client-certificate");
    if (has_certificate != IsGiven(user, "client-key")) {
      mistakes_.Add(*user.body, user.path,
                    has_certificate ? "has a client-certificate but no client-key"
                                    : "has a client-key but no client-certificate");
    } else if (target.tls && !refused && !has_certificate && target.token.empty() &&
               token_file.empty()) {
      mistakes_.Add(*user.body, user.path,
                    "has no credential; give it a token, a tokenFile or a client certificate");
    }
  }

  template <size_t n>
  bool Refuse(const Entry& entry, const Refused (&refused)[n]) {
    bool any = false;
    for (const Refused& key : refused) {
      const YamlNode* node = entry.body->Find(key.key);
      if (!IsSet(node)) continue;
      mistakes_.Add(*node, StrCat(entry.path, ".", key.key), StrCat("not supported: ", key.advice));
      any = true;
    }
    return any;
  }

  // The text of a scalar, "" if it is not given.
  std::string Text(const YamlNode* node, const std::string& path) {
    if (!IsSet(node)) return "";
    std::string text;
    ReadText(text)(*node, path, mistakes_);
    return text;
  }
  std::string Member(const Entry& entry, const std::string& key) {
    return Text(entry.body->Find(key), StrCat(entry.path, ".", key));
  }

  static bool IsGiven(const Entry& entry, const std::string& key) {
    return IsSet(entry.body->Find(key)) || IsSet(entry.body->Find(key + "-data"));
  }

  std::string Resolve(const std::string& path) const {
    return path.starts_with('/') ? path : directory_ + path;
  }

  // PEM from `key`-data (base64) or the file that `key` names, which `file` is set to; "" if
  // neither is given.
  std::string ReadPem(const Entry& entry, const std::string& key, std::string_view label,
                      std::string& file) {
    const std::string data_key = key + "-data";
    const bool embedded = IsSet(entry.body->Find(data_key));
    const std::string used = embedded ? data_key : key;
    const std::string value = Member(entry, used);
    if (value.empty()) return "";
    const std::string path = StrCat(entry.path, ".", used);
    const YamlNode& node = *entry.body->Find(used);
    std::string pem;
    if (embedded) {
      if (!absl::Base64Unescape(value, &pem)) {
        mistakes_.Add(node, path, "is not base64");
        return "";
      }
    } else {
      auto text = ReadSmallFile(Resolve(value), kMaxPemBytes);
      if (!text.ok()) {
        mistakes_.Add(node, path, MessageOf(text.status()));
        return "";
      }
      pem = *std::move(text);
    }
    if (pem.find("-----BEGIN ") == std::string::npos || pem.find(label) == std::string::npos) {
      mistakes_.Add(node, path, StrCat("holds no PEM block of a ", Lower(label)));
      return "";
    }
    if (!embedded) file = Resolve(value);
    return pem;
  }

  const YamlNode& root_;
  ConfigMistakes mistakes_;
  const std::string directory_;  // Of the kubeconfig: "" or ends in a slash.
  Kubeconfig result_;
};

}  // namespace

absl::StatusOr<Kubeconfig> ParseKubeconfig(const std::string& path, std::string_view text,
                                           std::string_view context) {
  WEIR_ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(path, text, kLimits));
  return KubeconfigReader(path, root).Read(context);
}

absl::StatusOr<Kubeconfig> LoadKubeconfig(const std::string& path, std::string_view context) {
  WEIR_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, kLimits.max_bytes));
  return ParseKubeconfig(path, text, context);
}

absl::StatusOr<Kubeconfig> LoadInCluster(const EnvironmentLookup& environment,
                                         const std::string& mount) {
  const std::string host = environment("KUBERNETES_SERVICE_HOST").value_or("");
  const std::string port = environment("KUBERNETES_SERVICE_PORT").value_or("");
  if (host.empty() || port.empty()) {
    return InvalidArgumentError(
        "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; name a "
        "kubeconfig with --kubeconfig");
  }
  const bool is_v6 = host.find(':') != std::string::npos;
  const auto url =
      ServerUrl::Parse(StrCat("https://", is_v6 ? "[" : "", host, is_v6 ? "]" : "", ":", port));
  if (!url.ok()) {
    return Annotate(url.status(), StrCat("KUBERNETES_SERVICE_HOST ", Quoted(host),
                                         " and KUBERNETES_SERVICE_PORT ", Quoted(port)));
  }
  const std::string advice =
      StrCat("; is the service account mounted (automountServiceAccountToken) at ", mount, "?");
  Kubeconfig result;
  UpstreamTarget& target = result.target;
  target.host = url->host;
  target.port = url->port;
  target.token_file = mount + "/token";
  target.ca_source = target.files.ca = mount + "/ca.crt";
  const auto token = ReadSmallFile(target.token_file, kMaxTokenBytes);
  if (!token.ok()) return InvalidArgumentError(StrCat(MessageOf(token.status()), advice));
  if (Trim(*token).empty()) {
    return InvalidArgumentError(StrCat(Quoted(target.token_file), " is empty", advice));
  }
  auto ca = ReadSmallFile(target.ca_source, kMaxPemBytes);
  if (!ca.ok()) return InvalidArgumentError(StrCat(MessageOf(ca.status()), advice));
  if (ca->find("-----BEGIN CERTIFICATE") == std::string::npos) {
    return InvalidArgumentError(
        StrCat(Quoted(target.ca_source), " holds no PEM certificate", advice));
  }
  target.ca_pem = *std::move(ca);
  const auto namespace_name = ReadSmallFile(mount + "/namespace", 4096);
  result.namespace_name = namespace_name.ok() ? Trim(*namespace_name) : "";
  if (result.namespace_name.empty()) result.namespace_name = "default";
  return result;
}

}  // namespace weir
