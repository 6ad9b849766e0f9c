#ifndef MIRROR_TOOLS_MIRRORCTL_INIT_DESCRIBED_KEYS_H_
#define MIRROR_TOOLS_MIRRORCTL_INIT_DESCRIBED_KEYS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/text/config_node.h"

// The text of a configuration, from the file in which its keys are described: server/config/keys.toml and
// client/config/keys.toml say what stands in a row, tools/mirrorctl/admin/keys.toml has those of mirrorctl.

namespace mirror {

class DescribedKeys {
 public:
  /// What takes the place of what is described, by key; as TOML has it.
  using Values = std::map<std::string, std::string>;

  static DescribedKeys OfServer();
  static DescribedKeys OfAgent();
  static DescribedKeys OfControl();

  /// A table as init writes it: its name, as "[listen]" or "[[issuer]]", and its keys with their values and
  /// comments. `before`: what each of these lines begins with.
  std::string Table(const std::string& name, const Values& values = {}, const std::string& before = "") const;
  /// The line that a table begins with.
  std::string Title(const std::string& name, const std::string& before = "") const;
  /// The lines of these keys of a table, in this order.
  std::string Lines(const std::string& table, const std::vector<std::string>& keys,
                    const std::string& before = "") const;

 private:
  /// `file`: as the program has it built in.
  explicit DescribedKeys(std::string_view file);
  const ConfigNode* Find(const std::string& table) const;

  ConfigNode root_;
};

/// A line of a configuration, with its comment where those of the others are; none is empty. Each line of a
/// comment gets its own.
std::string ConfigurationLine(std::string setting, const std::string& comment);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_INIT_DESCRIBED_KEYS_H_
