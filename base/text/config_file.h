#ifndef MIRROR_BASE_TEXT_CONFIG_FILE_H_
#define MIRROR_BASE_TEXT_CONFIG_FILE_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/text/config_key.h"
#include "base/text/config_node.h"

// One configuration file: its sections, its blocks, and the environment variables that override them. All
// errors about its content are kInvalidArgument "FILE:LINE: [section] 'key' ...", or begin with the
// variable.

namespace mirror {

/// A table that is being read: a section, a block of [[name]], or an inline one. The file must outlive it.
class ConfigTable {
 public:
  /// `written`: name in messages, such as "[[source]]".
  ConfigTable(std::string file, const ConfigNode& node, std::string written)
      : file_(std::move(file)), node_(&node), written_(std::move(written)) {}

  int line() const { return node_->line; }
  bool Has(std::string_view key) const { return node_->Find(key) != nullptr; }
  /// Returns "FILE:LINE: [[source]] 'key' WHAT", with the line of the key if it is in this table.
  absl::Status Wrong(const std::string& key, const std::string& what) const;
  /// Returns "FILE:LINE: [[source]] WHAT".
  absl::Status Wrong(const std::string& what) const;
  /// Reads all keys of the table. Errors also for a key that is not one of `keys`, and for a required key
  /// without a value.
  absl::Status Read(const ConfigKeys& keys) const;
  /// Like Read(), without requiring keys: a variable may set them.
  absl::Status ReadWhatStands(const ConfigKeys& keys) const;
  /// Errors: one of these keys is missing here.
  absl::Status CheckHas(const std::vector<std::string>& keys) const;
  /// Returns a table that is the value of one of its keys.
  ConfigTable Inline(const ConfigNode& node, const std::string& written) const {
    return {file_, node, written};
  }
  /// Returns its blocks `key`, named [[`written`]] in messages; may be empty. Errors: single brackets, or not
  /// a table.
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& key, const std::string& written) const;

 private:
  std::string At(const ConfigNode& node) const;

  std::string file_;
  const ConfigNode* node_;
  std::string written_;
};

/// [name], a table that occurs once.
struct ConfigSection {
  std::string name;
  ConfigKeys keys;
};

/// The keys that a program reads from file and environment.
struct ConfigForm {
  /// Prefix of its variables: MIRROR_ gives MIRROR_AGENT_WINDOW for [agent] window. Empty: no variables.
  std::string prefix;
  std::vector<ConfigSection> sections;
  std::vector<std::string> blocks = {};  ///< [[name]]. Blocks have no variables.
  /// Patterns for variables with this prefix that belong to others; `*` matches any characters.
  std::vector<std::string> let_through = {};
};

class ConfigFile {
 public:
  static constexpr std::uintmax_t kBytesMax = 16 << 20;

  /// Reads the file. `advice`: what a person without a file should do. Errors: kNotFound, kPermissionDenied
  /// (also for a file over kBytesMax or with a changing length, and those of CheckConfigOwner()),
  /// kInvalidArgument: not TOML.
  static absl::StatusOr<ConfigFile> Open(const std::string& path, const std::string& advice);

  const std::string& path() const { return path_; }
  /// Absolute path; for a link, the link's folder. Relative paths in the file start here.
  const std::filesystem::path& folder() const { return folder_; }

  /// Reads every section, then the variables, which override. Errors also for an unknown table or variable,
  /// and for a required key without a value. An empty variable counts as not set.
  absl::Status ReadSections(const ConfigForm& form);
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& name) const;
  /// Returns [[section.name]] of a section whose key `name` is SetElsewhere().
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& section, const std::string& name) const;
  /// Returns the path in a key of a section, from the file of another program: reads nothing else in it, and
  /// no variable. Empty: the key is missing. Errors: the value is not a path.
  absl::StatusOr<std::string> PathOf(const std::string& section, const std::string& key) const;
  /// Returns true if a key of a section is set, in the file or by a variable.
  bool Says(const std::string& section, const std::string& key) const;

  /// Returns an error about a key, by its origin: "FILE:LINE: [section] 'key' WHAT" or "VARIABLE WHAT".
  absl::Status Wrong(const std::string& section, const std::string& key, const std::string& what) const;
  /// Returns the error for a required key that is empty or missing.
  absl::Status Missing(const std::string& section, const std::string& key) const;

 private:
  ConfigFile(std::string path, std::filesystem::path folder, ConfigNode root)
      : path_(std::move(path)), folder_(std::move(folder)), root_(std::move(root)) {}

  absl::Status CheckTables(const ConfigForm& form) const;
  absl::Status ReadSection(const ConfigSection& section);
  bool Stands(const std::string& section, const std::string& key) const;  ///< True if set in the file.

  std::string path_;
  std::filesystem::path folder_;
  ConfigNode root_;
  std::string prefix_;
  std::map<std::string, std::string> said_;  ///< "[agent] 'window'" -> the last variable that set it.
};

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_CONFIG_FILE_H_
