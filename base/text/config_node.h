#ifndef MIRROR_BASE_TEXT_CONFIG_NODE_H_
#define MIRROR_BASE_TEXT_CONFIG_NODE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/embedded_file.h"

namespace mirror {

/// A value from a file, or a text from a variable that overrides the value.
struct ConfigNode {
  enum class Kind { kTable, kBlocks, kList, kText, kWhole, kFraction, kFlag, kTime, kVariable };
  Kind kind = Kind::kTable;
  std::string name;  ///< The key; empty: it has none.
  int line = 0;      ///< Line in the file, from 1; 0: the value is not from a file.
  std::string text;  ///< kText, kVariable
  std::int64_t whole = 0;
  bool flag = false;
  std::vector<ConfigNode> entries = {};  ///< kTable: sorted by line; kBlocks ([[name]]), kList: in order.

  /// Returns the value of a key. Null: the table has no such key.
  const ConfigNode* Find(std::string_view key) const;
};

/// Returns the kind for messages, such as "a table" or "a text".
std::string KindName(ConfigNode::Kind kind);

/// Parses `text` into one table. `file` is for messages. Errors: kInvalidArgument "FILE:LINE: not TOML:
/// ...".
absl::StatusOr<ConfigNode> ParseToml(const std::string& text, const std::string& file);

/// Returns the rows of a built-in file that describes keys, metrics or events: TOML with tables of a name and
/// rows. `table`: only the rows of this one; empty: of all. The program ends if the file
/// is not of this form.
std::vector<ConfigNode> DescribedRows(const EmbeddedFile& file, std::string_view table = "");

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_CONFIG_NODE_H_
