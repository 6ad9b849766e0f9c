#ifndef MIRROR_BASE_TEXT_CONFIG_NODE_H_
#define MIRROR_BASE_TEXT_CONFIG_NODE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/embedded_file.h"

namespace mirror {

/// A value as a file holds it, or a text that a variable gives in its place.
struct ConfigNode {
  enum class Kind { kTable, kBlocks, kList, kText, kWhole, kFraction, kFlag, kTime, kVariable };
  Kind kind = Kind::kTable;
  std::string name;  ///< Its key; empty: it has none.
  int line = 0;      ///< In the file, from 1; 0: it comes from none.
  std::string text;  ///< kText, kVariable
  std::int64_t whole = 0;
  bool flag = false;
  std::vector<ConfigNode> entries = {};  ///< kTable: by line; kBlocks ([[name]]), kList: as they stand.

  /// Null: the table has no such key.
  const ConfigNode* Find(std::string_view key) const;
};

/// "a table", "a text"
std::string KindName(ConfigNode::Kind kind);

/// The table of everything in `text`. `file` is for messages. Errors: kInvalidArgument "FILE:LINE: not TOML:
/// ...".
absl::StatusOr<ConfigNode> ParseToml(const std::string& text, const std::string& file);

/// The rows of a file that describes keys, metrics or events, and was built into the program: TOML with
/// tables of a name and rows. `table`: of this one alone; empty: of all. One that is no such file ends the
/// program.
std::vector<ConfigNode> DescribedRows(const EmbeddedFile& file, std::string_view table = "");

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_CONFIG_NODE_H_
