#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DESCRIBED_KEYS_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DESCRIBED_KEYS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/text/config_node.h"

// Makes the text of a configuration from the file that describes its keys: server/config/keys.toml,
// client/config/keys.toml, or tools/mirrorctl/admin/keys.toml for mirrorctl. The first two explain the
// format.

namespace mirror {

class DescribedKeys {
 public:
  /// Values that replace the described values: by key, in TOML's form.
  using Values = std::map<std::string, std::string>;

  static DescribedKeys OfServer();
  static DescribedKeys OfAgent();
  static DescribedKeys OfControl();

  /// Returns a table as init writes it: its name, such as "[listen]" or "[[issuer]]", and its keys with their
  /// values and comments. `before`: the prefix of each line.
  std::string Table(const std::string& name, const Values& values = {}, const std::string& before = "") const;
  /// Returns the first line of a table.
  std::string Title(const std::string& name, const std::string& before = "") const;
  /// Returns the lines of these keys of a table, in this order.
  std::string Lines(const std::string& table, const std::vector<std::string>& keys,
                    const std::string& before = "", const Values& values = {}) const;

 private:
  /// `file`: the text that is built into the program.
  explicit DescribedKeys(std::string_view file);
  const ConfigNode* Find(const std::string& table) const;

  ConfigNode root_;
};

/// Returns a line of a configuration with a comment. A comment that is not empty starts at the same column in
/// all lines. Each further line of the comment becomes a line of its own.
std::string ConfigurationLine(std::string setting, const std::string& comment);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DESCRIBED_KEYS_H_
