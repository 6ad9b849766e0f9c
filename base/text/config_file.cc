#include "base/text/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/name_pattern.h"
#include "base/status_macros.h"
#include "base/text/config_key.h"
#include "base/text/find_config.h"

namespace mirror {
namespace {

/// Returns the name of the variable for a key, such as "MIRROR_AGENT_WINDOW".
std::string VariableOf(const std::string& prefix, const std::string& section, const std::string& key) {
  return prefix + absl::AsciiStrToUpper(absl::StrCat(section, "_", key));
}

std::vector<std::string> VariablesOf(const std::string& prefix, const ConfigSection& section) {
  std::vector<std::string> names;
  for (const ConfigKey& key : section.keys) names.push_back(VariableOf(prefix, section.name, key.name));
  return names;
}

absl::Status Unknown(const ConfigForm& form, const std::string& name) {
  std::vector<std::string> all, sections;
  for (const ConfigSection& section : form.sections) {
    const std::vector<std::string> own = VariablesOf(form.prefix, section);
    if (name.starts_with(VariableOf(form.prefix, section.name, ""))) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is not a variable of [", section.name, "]", Suggestion(name, own)));
    }
    all.insert(all.end(), own.begin(), own.end());
    sections.push_back(absl::StrCat("[", section.name, "]"));
  }
  const std::string near = NearestKnown(name, all);
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is not a variable of this program; ",
      near.empty()
          ? absl::StrCat("the keys of ", absl::StrJoin(sections, ", "), " have variables, as ", all.front())
          : absl::StrCat("did you mean '", near, "'?")));
}

/// Checks that the form knows all variables with its prefix. An unknown one has no effect and is probably
/// misspelled. Errors: kInvalidArgument with its name and the most similar known name.
absl::Status CheckVariables(const ConfigForm& form) {
  if (form.prefix.empty()) return absl::OkStatus();
  std::vector<std::string> known;
  for (const ConfigSection& section : form.sections) {
    for (std::string& name : VariablesOf(form.prefix, section)) known.push_back(std::move(name));
  }
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool says = text.size() > name.size() + 1;
    if (!says || !name.starts_with(form.prefix)) continue;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const bool passes =
        std::any_of(form.let_through.begin(), form.let_through.end(),
                    [name](const std::string& pattern) { return MatchesExactly(name, pattern); });
    if (!passes) return Unknown(form, std::string(name));
  }
  return absl::OkStatus();
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

/// Returns the name of a key for messages, such as "[agent] 'window'".
std::string KeyWords(const std::string& table, const std::string& key) {
  return absl::StrCat(table, " '", key, "'");
}

std::string SectionKey(const std::string& section, const std::string& key) {
  return KeyWords(absl::StrCat("[", section, "]"), key);
}

}  // namespace

std::string ConfigTable::At(const ConfigNode& node) const {
  return absl::StrCat(file_, ":", node.line, ": ");
}

absl::Status ConfigTable::Wrong(const std::string& key, const std::string& what) const {
  const ConfigNode* const node = node_->Find(key);
  return absl::InvalidArgumentError(
      absl::StrCat(At(node != nullptr ? *node : *node_), KeyWords(written_, key), " ", what));
}

absl::Status ConfigTable::Wrong(const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(At(*node_), written_, " ", what));
}

absl::Status ConfigTable::Read(const ConfigKeys& keys) const {
  RETURN_IF_ERROR(ReadWhatStands(keys));
  for (const ConfigKey& key : keys) {
    if (key.needed == nullptr || !key.needed->empty()) continue;
    return Has(key.name) ? Wrong(key.name, "must not be empty") : CheckHas({key.name});
  }
  return absl::OkStatus();
}

absl::Status ConfigTable::ReadWhatStands(const ConfigKeys& keys) const {
  for (const ConfigNode& entry : node_->entries) {
    const auto key = std::find_if(keys.begin(), keys.end(),
                                  [&entry](const ConfigKey& known) { return known.name == entry.name; });
    if (key == keys.end()) {
      std::vector<std::string> known;
      for (const ConfigKey& one : keys) known.push_back(one.name);
      return Wrong(entry.name, "is not a key" + Suggestion(entry.name, known));
    }
    const Given given{At(entry) + KeyWords(written_, entry.name), entry};
    RETURN_IF_ERROR(key->set(given));
  }
  return absl::OkStatus();
}

absl::Status ConfigTable::CheckHas(const std::vector<std::string>& keys) const {
  for (const std::string& key : keys) {
    if (!Has(key)) return Wrong(absl::StrCat("has no '", key, "', which it needs"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ConfigTable>> ConfigTable::Blocks(const std::string& key,
                                                             const std::string& written) const {
  std::vector<ConfigTable> blocks;
  const ConfigNode* const node = node_->Find(key);
  if (node == nullptr) return blocks;
  if (node->kind != ConfigNode::Kind::kBlocks) {
    return absl::InvalidArgumentError(
        absl::StrCat(At(*node), "'", key, "' must be written as [[", written, "]], with two brackets"));
  }
  for (const ConfigNode& entry : node->entries) blocks.emplace_back(file_, entry, "[[" + written + "]]");
  return blocks;
}

absl::StatusOr<ConfigFile> ConfigFile::Open(const std::string& path, const std::string& advice) {
  // Opening a pipe must not wait for its writer.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const int reason = errno;
    if (reason == ENOENT || reason == ENOTDIR) {
      return absl::NotFoundError(absl::StrCat("'", path, "' is not there: ", advice));
    }
    return absl::PermissionDeniedError(absl::StrCat("'", path, "' cannot be read (", std::strerror(reason),
                                                    "): ", reason == EACCES ? AsItsOwner(path) + ", or " : "",
                                                    advice));
  }
  const std::unique_ptr<std::FILE, CloseFile> file(fdopen(descriptor, "r"));
  RETURN_IF_ERROR(CheckConfigOwner(path, descriptor));
  struct stat info = {};
  if (fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::PermissionDeniedError(absl::StrCat("'", path, "' is a folder, and not a file: ", advice));
  }
  if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode) ||
      static_cast<std::uintmax_t>(info.st_size) > kBytesMax) {
    return absl::PermissionDeniedError(
        absl::StrCat("'", path, "' cannot be read: it must be a file of at most 16 MiB"));
  }
  // Reads one byte more than the size, to detect that the file grew.
  std::string text(static_cast<std::size_t>(info.st_size) + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (text.size() != static_cast<std::size_t>(info.st_size)) {
    return absl::PermissionDeniedError(
        absl::StrCat("'", path, "' changed its length while it was read, and was not used. Try again."));
  }
  ASSIGN_OR_RETURN(ConfigNode root, ParseToml(text, path));
  std::error_code error;
  // If the path is a link, the folder of the link is used, because the other files are beside the link.
  return ConfigFile(path, std::filesystem::absolute(path, error).parent_path(), std::move(root));
}

absl::Status ConfigFile::CheckTables(const ConfigForm& form) const {
  std::vector<std::string> known = form.blocks;
  for (const ConfigSection& section : form.sections) known.push_back(section.name);
  for (const ConfigNode& entry : root_.entries) {
    if (std::find(known.begin(), known.end(), entry.name) != known.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat(path_, ":", entry.line, ": '", entry.name,
                                                   "' is not a table of this file",
                                                   Suggestion(entry.name, known)));
  }
  return absl::OkStatus();
}

absl::Status ConfigFile::ReadSection(const ConfigSection& section) {
  if (const ConfigNode* const node = root_.Find(section.name)) {
    if (node->kind != ConfigNode::Kind::kTable) {
      return absl::InvalidArgumentError(absl::StrCat(path_, ":", node->line, ": '", section.name,
                                                     "' must be a table, written as [", section.name, "]"));
    }
    const ConfigTable table(path_, *node, absl::StrCat("[", section.name, "]"));
    RETURN_IF_ERROR(table.ReadWhatStands(section.keys));
  }
  if (prefix_.empty()) return absl::OkStatus();
  for (const ConfigKey& key : section.keys) {
    const std::string variable = VariableOf(prefix_, section.name, key.name);
    const char* const text = std::getenv(variable.c_str());
    if (text == nullptr || *text == '\0') continue;
    ConfigNode node;
    node.kind = ConfigNode::Kind::kVariable;
    node.text = text;
    RETURN_IF_ERROR(key.set({variable, node}));
    said_[SectionKey(section.name, key.name)] = variable;
  }
  return absl::OkStatus();
}

absl::Status ConfigFile::ReadSections(const ConfigForm& form) {
  prefix_ = form.prefix;
  RETURN_IF_ERROR(CheckTables(form));
  for (const ConfigSection& section : form.sections) {
    RETURN_IF_ERROR(ReadSection(section));
  }
  RETURN_IF_ERROR(CheckVariables(form));
  // Reports errors of keys in the file before missing keys, because only the former have a line number.
  for (const bool stands : {true, false}) {
    for (const ConfigSection& section : form.sections) {
      for (const ConfigKey& key : section.keys) {
        const bool empty = key.needed != nullptr && key.needed->empty();
        if (empty && Stands(section.name, key.name) == stands) return Missing(section.name, key.name);
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ConfigTable>> ConfigFile::Blocks(const std::string& name) const {
  return ConfigTable(path_, root_, "").Blocks(name, name);
}

absl::StatusOr<std::vector<ConfigTable>> ConfigFile::Blocks(const std::string& section,
                                                            const std::string& name) const {
  const ConfigNode* const table = root_.Find(section);
  if (table == nullptr) return std::vector<ConfigTable>();
  return ConfigTable(path_, *table, "").Blocks(name, absl::StrCat(section, ".", name));
}

absl::StatusOr<std::string> ConfigFile::PathOf(const std::string& section, const std::string& key) const {
  std::string path;
  const ConfigNode* const table = root_.Find(section);
  const ConfigNode* const node = table == nullptr ? nullptr : table->Find(key);
  if (node == nullptr) return path;
  const std::string where = absl::StrCat(path_, ":", node->line, ": ", SectionKey(section, key));
  RETURN_IF_ERROR(SetPath(&path, folder_)({where, *node}));
  return path;
}

bool ConfigFile::Says(const std::string& section, const std::string& key) const {
  return Stands(section, key) || said_.count(SectionKey(section, key)) > 0;
}

absl::Status ConfigFile::Wrong(const std::string& section, const std::string& key,
                               const std::string& what) const {
  const std::string name = SectionKey(section, key);
  if (const auto variable = said_.find(name); variable != said_.end()) {
    return absl::InvalidArgumentError(absl::StrCat(variable->second, " ", what));
  }
  const ConfigNode* const table = root_.Find(section);
  if (table != nullptr) return ConfigTable(path_, *table, absl::StrCat("[", section, "]")).Wrong(key, what);
  return absl::InvalidArgumentError(absl::StrCat(path_, ": ", name, " ", what));
}

bool ConfigFile::Stands(const std::string& section, const std::string& key) const {
  const ConfigNode* const table = root_.Find(section);
  return table != nullptr && table->Find(key) != nullptr;
}

absl::Status ConfigFile::Missing(const std::string& section, const std::string& key) const {
  const std::string what = Stands(section, key) ? "must not be empty" : "is missing";
  if (prefix_.empty()) return Wrong(section, key, what);
  return Wrong(section, key,
               absl::StrCat(what, " (it may also come from ", VariableOf(prefix_, section, key), ")"));
}

}  // namespace mirror
