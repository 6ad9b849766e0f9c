#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_SERVER_TABLE_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_SERVER_TABLE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "base/text/text_table.h"

namespace mirror {

/// The server that each line of a list is from, where several were asked.
using LineServers = std::vector<std::string>;

/// A table of such a list. Its first column is the server, where several were asked.
class ServerTable {
 public:
  /// `servers` outlives this; null: one was asked.
  ServerTable(std::vector<TextTable::Column> columns, const LineServers* servers, std::size_t width);

  /// The next line, without its server.
  void Add(std::vector<TextTable::Cell> cells);
  void Print(std::ostream& out) { table_.Print(out); }
  bool any() const { return table_.any(); }

 private:
  const LineServers* const servers_;
  TextTable table_;
  std::size_t lines_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_SERVER_TABLE_H_
