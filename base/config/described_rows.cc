#include "base/config/described_rows.h"

#include <string>

namespace mirror {

std::vector<ConfigNode> DescribedRows(const EmbeddedFile& file, std::string_view table) {
  const ConfigNode root = ParseToml(std::string(file.bytes()), file.name).value();
  std::vector<ConfigNode> rows;
  for (const ConfigNode& one : root.Find("table")->entries) {
    if (!table.empty() && one.Find("name")->text != table) continue;
    const std::vector<ConfigNode>& of_table = one.Find("rows")->entries;
    rows.insert(rows.end(), of_table.begin(), of_table.end());
  }
  return rows;
}

}  // namespace mirror
