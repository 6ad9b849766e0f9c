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

// One configuration file: its sections, its blocks, and the variables that take the place of its words. All
// errors about what it says are kInvalidArgument "FILE:LINE: [section] 'key' ...", or begin with the
// variable.

namespace mirror {

/// A table while it is read: a section, a block of [[name]], or an inline one. The file outlives it.
class ConfigTable {
 public:
  /// `written`: how messages call it, as "[[source]]".
  ConfigTable(std::string file, const ConfigNode& node, std::string written)
      : file_(std::move(file)), node_(&node), written_(std::move(written)) {}

  int line() const { return node_->line; }
  bool Has(std::string_view key) const { return node_->Find(key) != nullptr; }
  /// "FILE:LINE: [[source]] 'key' WHAT", with the line of the key where it stands here.
  absl::Status Wrong(const std::string& key, const std::string& what) const;
  /// "FILE:LINE: [[source]] WHAT"
  absl::Status Wrong(const std::string& what) const;
  /// All that it holds. Errors: also a key that is not one of `keys`, and one that is needed and says
  /// nothing.
  absl::Status Read(const ConfigKeys& keys) const;
  /// The same without what is needed: a variable may say that.
  absl::Status ReadWhatStands(const ConfigKeys& keys) const;
  /// Errors: one of these keys does not stand here.
  absl::Status CheckHas(const std::vector<std::string>& keys) const;
  /// A table that is the value of one of its keys.
  ConfigTable Inline(const ConfigNode& node, const std::string& written) const {
    return {file_, node, written};
  }
  /// Its blocks `key`, written [[`written`]]; none: there are none. Errors: it has one bracket, or is no
  /// table.
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& key, const std::string& written) const;

 private:
  std::string At(const ConfigNode& node) const;

  std::string file_;
  const ConfigNode* node_;
  std::string written_;
};

/// [name], a table that stands once.
struct ConfigSection {
  std::string name;
  ConfigKeys keys;
};

/// What a program takes from file and environment.
struct ConfigForm {
  /// Of its variables: MIRROR_ makes MIRROR_AGENT_WINDOW of [agent] window. Empty: keys have no variables.
  std::string prefix;
  std::vector<ConfigSection> sections;
  std::vector<std::string> blocks = {};  ///< [[name]]. They have no variables.
  /// Variables that begin like its own and are somebody else's; `*` stands for any characters.
  std::vector<std::string> let_through = {};
};

class ConfigFile {
 public:
  static constexpr std::uintmax_t kBytesMax = 16 << 20;

  /// Reads the file. `advice` is what a person does who has none. Errors: kNotFound, kPermissionDenied (also
  /// a file over kBytesMax or whose length changes, and those of CheckConfigOwner()), kInvalidArgument: it is
  /// no TOML.
  static absl::StatusOr<ConfigFile> Open(const std::string& path, const std::string& advice);

  const std::string& path() const { return path_; }
  /// Complete, of a link its own. Relative paths begin here.
  const std::filesystem::path& folder() const { return folder_; }

  /// Every section, then what the variables say. Errors: also a table or a variable that is unknown, and a
  /// needed key that stands nowhere. An empty variable says nothing.
  absl::Status ReadSections(const ConfigForm& form);
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& name) const;
  /// [[section.name]], of a section whose key `name` is SetElsewhere().
  absl::StatusOr<std::vector<ConfigTable>> Blocks(const std::string& section, const std::string& name) const;
  /// The path that a key of a section has, of a file that is another program's: nothing else in it is looked
  /// at, nor a variable. Empty: it does not stand there. Errors: it is no path.
  absl::StatusOr<std::string> PathOf(const std::string& section, const std::string& key) const;
  /// Whether a key of a section was said, in the file or by a variable.
  bool Says(const std::string& section, const std::string& key) const;

  /// About a key of a section, wherever it was said: "FILE:LINE: [section] 'key' WHAT" or "VARIABLE WHAT".
  absl::Status Wrong(const std::string& section, const std::string& key, const std::string& what) const;
  /// A key that is needed is empty, or stands nowhere.
  absl::Status Missing(const std::string& section, const std::string& key) const;

 private:
  ConfigFile(std::string path, std::filesystem::path folder, ConfigNode root)
      : path_(std::move(path)), folder_(std::move(folder)), root_(std::move(root)) {}

  absl::Status CheckTables(const ConfigForm& form) const;
  absl::Status ReadSection(const ConfigSection& section);
  bool Stands(const std::string& section, const std::string& key) const;  ///< In the file.

  std::string path_;
  std::filesystem::path folder_;
  ConfigNode root_;
  std::string prefix_;
  std::map<std::string, std::string> said_;  ///< "[agent] 'window'" -> the variable that said it last.
};

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_CONFIG_FILE_H_
