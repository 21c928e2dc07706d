// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/inject.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>
#include <optional>
#include <set>
#include <vector>

#include "proxy/base/file.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/cli/check.h"
#include "proxy/cli/yaml_writer.h"

namespace weir {
namespace {

constexpr size_t kMaxBytes = 16 << 20;
constexpr YamlLimits kLimits = {.max_bytes = kMaxBytes, .max_depth = 100};

using Kind = YamlNode::Kind;

// Where in a workload its pods are described.
struct Workload {
  std::string_view kind, api_group;
  std::string_view path;  // Keys with dots between; "" for the object itself.
};
constexpr Workload kWorkloads[] = {
    {"Deployment", "apps", "spec.template"},
    {"StatefulSet", "apps", "spec.template"},
    {"DaemonSet", "apps", "spec.template"},
    {"ReplicaSet", "apps", "spec.template"},
    {"ReplicationController", "", "spec.template"},
    {"Job", "batch", "spec.template"},
    {"CronJob", "batch", "spec.jobTemplate.spec.template"},
    {"Pod", "", ""},
};

std::string_view Text(const YamlNode& map, std::string_view key) {
  const YamlNode* const found = map.Find(key);
  return found == nullptr ? "" : std::string_view(found->scalar);
}

const Workload* WorkloadOf(const YamlNode& object) {
  const std::string_view version = Text(object, "apiVersion");
  const size_t slash = version.find('/');
  const std::string_view group = slash == std::string_view::npos ? "" : version.substr(0, slash);
  for (const Workload& workload : kWorkloads) {
    if (Text(object, "kind") == workload.kind && group == workload.api_group) return &workload;
  }
  return nullptr;
}

std::string NameOf(const YamlNode& object) {
  const YamlNode* const metadata = object.Find("metadata");
  if (metadata == nullptr) return std::string(Text(object, "kind"));
  const std::string_view name_space = Text(*metadata, "namespace");
  return StrCat(Text(object, "kind"), " ", name_space, name_space.empty() ? "" : "/",
                Text(*metadata, "name"));
}

YamlNode* PodOf(YamlNode& object, std::string_view path) {
  YamlNode* node = &object;
  if (path.empty()) return node;
  for (const std::string_view key : Split(path, '.')) {
    node = const_cast<YamlNode*>(node->Find(key));
    if (node == nullptr) return nullptr;
  }
  return node;
}

// In a document, or in the items of a List; `visit` gets the object and its Workload.
template <typename Visit>
void ForEachWorkload(YamlNode& object, const Visit& visit) {
  if (object.kind != Kind::kMap) return;
  if (Text(object, "kind").ends_with("List")) {
    YamlNode* const items = PodOf(object, "items");
    if (items == nullptr) return;
    for (YamlNode& item : items->items) ForEachWorkload(item, visit);
  } else if (const Workload* const workload = WorkloadOf(object); workload != nullptr) {
    visit(object, *workload);
  }
}

// A document begins with its "---" line, if it has one.
std::vector<std::string_view> Documents(std::string_view text) {
  std::vector<std::string_view> documents;
  size_t begin = 0;
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size() - 1) + 1;
    const std::string_view bytes = text.substr(line, end - line);
    const bool separates =
        bytes.starts_with("---") &&
        (bytes.size() == 3 || std::string_view(" \t\r\n").find(bytes[3]) != std::string_view::npos);
    if (separates && line > begin) {
      documents.push_back(text.substr(begin, line - begin));
      begin = line;
    }
    line = end;
  }
  documents.push_back(text.substr(begin));
  return documents;
}

class Injecting {
 public:
  Injecting(std::string_view file, const InjectOptions& options) : file_(file), options_(options) {}

  void Document(std::string_view text) {
    absl::StatusOr<YamlNode> document = ParseYaml(file_, text, kLimits);
    changed_ = false;
    if (document.ok()) {
      Object(*document);
    } else if (!IsOfNoInterest(text)) {
      // Once more, so that it says the line of the whole text.
      document =
          ParseYaml(file_, StrCat(std::string(static_cast<size_t>(lines_), '\n'), text), kLimits);
      mistakes_.push_back(std::string(MessageOf(document.status())));
    }
    if (changed_) {
      if (text.starts_with("---")) result_.text += "---\n";
      result_.text += WriteYaml(*document);
    } else {
      result_.text += text;
    }
    lines_ += static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }

  absl::StatusOr<InjectedManifests> Take() {
    if (!mistakes_.empty()) return InvalidArgumentError(Join(mistakes_, "\n"));
    return std::move(result_);
  }

 private:
  // What Weir does not read, aliases and tags, is no matter where nothing is to be changed.
  bool IsOfNoInterest(std::string_view text) const {
    YamlLimits limits = kLimits;
    limits.refuse_aliases_and_tags = false;
    absl::StatusOr<YamlNode> document = ParseYaml(file_, text, limits);
    if (!document.ok()) return false;
    bool found = false;
    ForEachWorkload(*document, [&found](YamlNode&, const Workload&) { found = true; });
    return !found;
  }

  void Object(YamlNode& document) {
    ForEachWorkload(document, [this](YamlNode& object, const Workload& workload) {
      const size_t before = mistakes_.size();
      RefuseDoubleKeys(object, object);
      if (mistakes_.size() == before) Inject(object, workload);
    });
  }

  // Of two members of a name some readers take the first and some the last.
  void RefuseDoubleKeys(const YamlNode& object, const YamlNode& node) {
    std::set<std::string_view> keys;
    for (const YamlNode::Member& member : node.members) {
      if (!keys.insert(member.key).second) {
        Mistake(object, member.line, member.column,
                StrCat("has the key ", Quoted(member.key), " twice: leave out one"));
      }
      RefuseDoubleKeys(object, member.value);
    }
    for (const YamlNode& item : node.items) RefuseDoubleKeys(object, item);
  }

  void Inject(YamlNode& object, const Workload& workload) {
    YamlNode* const pod = PodOf(object, workload.path);
    if (pod == nullptr || pod->kind != Kind::kMap) {
      return Mistake(object, object.line, object.column, StrCat("has no ", workload.path));
    }
    Note(object, InjectPod(*pod, options_));
  }

  void Note(const YamlNode& object, const Injection& injection) {
    for (const InjectMistake& mistake : injection.mistakes) {
      Mistake(object, mistake.line, mistake.column, mistake.text);
    }
    if (!injection.mistakes.empty()) return;
    changed_ = changed_ || injection.left_alone.empty();
    StrAppend(result_.notes, NameOf(object),
              injection.left_alone.empty() ? ": Weir added" : ": left alone, because ",
              injection.left_alone, "\n");
  }

  void Mistake(const YamlNode& object, int line, int column, std::string_view text) {
    mistakes_.push_back(StrCat(YamlPlace(file_, lines_ + line, column), NameOf(object), " ", text));
  }

  const std::string_view file_;
  const InjectOptions& options_;
  int lines_ = 0;  // Before the document.
  bool changed_ = false;
  std::vector<std::string> mistakes_;
  InjectedManifests result_;
};

absl::StatusOr<std::string> ReadStdin() {
  std::string text;
  std::array<char, 65536> buffer;
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
    text.append(buffer.data(), count);
    if (text.size() > kMaxBytes) {
      return InvalidArgumentError(StrCat("more than ", kMaxBytes, " bytes at standard input"));
    }
  }
  if (std::ferror(stdin) != 0) return InvalidArgumentError("cannot read standard input");
  return text;
}

absl::StatusOr<InjectOptions> ParseInjectFlags(const InjectFlags& flags) {
  InjectOptions options{.image = flags.image,
                        .port = flags.port,
                        .admin_port = flags.admin_port,
                        .memory_limit = flags.memory_limit,
                        .run_as_user = std::nullopt};
  for (const auto& [name, port] :
       {std::pair("--port", flags.port), std::pair("--admin-port", flags.admin_port)}) {
    if (port >= 1 && port <= 65535) continue;
    return InvalidArgumentError(StrCat(name, ": ", port, " is not from 1 to 65535"));
  }
  if (flags.port == flags.admin_port) {
    return InvalidArgumentError("--port and --admin-port must differ");
  }
  if (flags.run_as_user.empty()) return options;
  options.run_as_user = ParseInt64(flags.run_as_user);
  if (!options.run_as_user || *options.run_as_user < 0) {
    return InvalidArgumentError(
        StrCat("--run-as-user: ", Quoted(flags.run_as_user), " is no number of a user"));
  }
  return options;
}

absl::StatusOr<InjectedManifests> InjectFile(const InjectFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const InjectOptions options, ParseInjectFlags(flags));
  std::string text;
  if (flags.file == "-") {
    WEIR_ASSIGN_OR_RETURN(text, ReadStdin());
  } else {
    WEIR_ASSIGN_OR_RETURN(text, ReadSmallFile(flags.file, kMaxBytes));
  }
  return InjectManifests(flags.file == "-" ? "standard input" : flags.file, text, options);
}

}  // namespace

std::string InjectFlags::DefaultImage() { return StrCat("weir:", WEIR_VERSION); }

absl::StatusOr<InjectedManifests> InjectManifests(std::string_view file, std::string_view text,
                                                  const InjectOptions& options) {
  Injecting injecting(file, options);
  for (const std::string_view document : Documents(text)) injecting.Document(document);
  return injecting.Take();
}

int Inject(const InjectFlags& flags) {
  const absl::StatusOr<InjectedManifests> made = InjectFile(flags);
  if (!made.ok()) {
    std::fprintf(stderr, "%s\n", std::string(MessageOf(made.status())).c_str());
    return kExitUsage;
  }
  std::fputs(
      made->notes.empty() ? "weir inject: there is no workload in it\n" : made->notes.c_str(),
      stderr);
  const size_t written = std::fwrite(made->text.data(), 1, made->text.size(), stdout);
  const bool whole = written == made->text.size() && std::fflush(stdout) == 0;
  return whole ? kExitOk : kExitFailure;
}

}  // namespace weir
