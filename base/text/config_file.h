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

// One configuration file: its sections, its blocks, and the environment variables that override them. Errors
// about the content are kInvalidArgument. They begin with "FILE:LINE: [section] 'key'", or with the name of
// the variable.

namespace mirror {

/// A table that is being read: a section, a block of [[name]], or an inline table. The file must outlive it.
class ConfigTable {
 public:
  /// `written`: the table's name in messages, such as "[[source]]".
  ConfigTable(std::string file, const ConfigNode& node, std::string written)
      : file_(std::move(file)), node_(&node), written_(std::move(written)) {}

  int line() const { return node_->line; }
  bool Has(std::string_view key) const { return node_->Find(key) != nullptr; }
  /// Returns "FILE:LINE: [[source]] 'key' WHAT", with the line of the key if it is in this table.
  absl::Status Wrong(const std::string& key, const std::string& what) const;
  /// Returns "FILE:LINE: [[source]] WHAT".
  absl::Status Wrong(const std::string& what) const;
  /// Reads all keys of the table. It is an error if the table has a key that is not one of `keys`, or if a
  /// required key has no value.
  absl::Status Read(const ConfigKeys& keys) const;
  /// Reads the keys as Read() does, but requires none of them, because a variable may set them.
  absl::Status ReadWhatStands(const ConfigKeys& keys) const;
  /// Checks that the table has these keys. Errors: one is missing.
  absl::Status CheckHas(const std::vector<std::string>& keys) const;
  /// Returns the inline table that is the value of one of the table's keys.
  ConfigTable Inline(const ConfigNode& node, const std::string& written) const {
    return {file_, node, written};
  }
  /// Returns the blocks of the key `key`, which messages call [[`written`]]; there may be none. Errors: the
  /// key is written in single brackets, or is not a table.
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& key, const std::string& written) const;

 private:
  std::string At(const ConfigNode& node) const;

  std::string file_;
  const ConfigNode* node_;
  std::string written_;
};

/// A section, [name]: a table that occurs once.
struct ConfigSection {
  std::string name;
  ConfigKeys keys;
};

/// The keys that a program reads from file and environment.
struct ConfigForm {
  /// Prefix of the names of variables: with MIRROR_ the variable of [agent] window is MIRROR_AGENT_WINDOW.
  /// Empty: there are no variables.
  std::string prefix;
  std::vector<ConfigSection> sections;
  std::vector<std::string> blocks = {};  ///< Names of blocks, [[name]]. No variable sets keys of a block.
  /// Patterns for variables with this prefix that the configuration ignores; `*` matches any characters.
  std::vector<std::string> let_through = {};
};

class ConfigFile {
 public:
  static constexpr std::uintmax_t kBytesMax = 16 << 20;

  /// Reads the file. `advice`: what a person who has no file should do. Errors: kNotFound; kPermissionDenied,
  /// also if the file is over kBytesMax or changes its length meanwhile, and those of CheckConfigOwner();
  /// kInvalidArgument: the file is not TOML.
  static absl::StatusOr<ConfigFile> Open(const std::string& path, const std::string& advice);

  const std::string& path() const { return path_; }
  /// Returns the absolute path of the file's folder; for a link, the folder of the link. Relative paths in
  /// the file start there.
  const std::filesystem::path& folder() const { return folder_; }

  /// Reads every section, then the variables, which override keys. It is an error if a table or a variable is
  /// unknown, or if a required key has no value. An empty variable counts as not set.
  absl::Status ReadSections(const ConfigForm& form);
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& name) const;
  /// Returns the blocks [[section.name]] of a section. The Setter of the key `name` must be SetElsewhere().
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& section, const std::string& name) const;
  /// Returns the path in a key of a section. It reads no other key and no variable, so that it can read the
  /// file of another program. Empty: the key is missing. Errors: the value is not a path.
  absl::StatusOr<std::string> PathOf(const std::string& section, const std::string& key) const;
  /// Returns true if a key of a section is set, in the file or by a variable.
  bool Says(const std::string& section, const std::string& key) const;

  /// Returns an error about a key. It begins with the origin of the value: "FILE:LINE: [section] 'key' WHAT"
  /// or "VARIABLE WHAT".
  absl::Status Wrong(const std::string& section, const std::string& key, const std::string& what) const;
  /// Returns the error for a required key that is empty or missing.
  absl::Status Missing(const std::string& section, const std::string& key) const;

 private:
  ConfigFile(std::string path, std::filesystem::path folder, ConfigNode root)
      : path_(std::move(path)), folder_(std::move(folder)), root_(std::move(root)) {}

  absl::Status CheckTables(const ConfigForm& form) const;
  absl::Status ReadSection(const ConfigSection& section);
  /// Returns true if the file sets the key.
  bool Stands(const std::string& section, const std::string& key) const;

  std::string path_;
  std::filesystem::path folder_;
  ConfigNode root_;
  std::string prefix_;
  /// For each key, such as "[agent] 'window'", the last variable that set it.
  std::map<std::string, std::string> said_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_CONFIG_FILE_H_
