#include "tools/mirrorctl/admin/server_table.h"

#include <utility>

namespace mirror {
namespace {

std::vector<TextTable::Column> WithServer(std::vector<TextTable::Column> columns,
                                          const LineServers* servers) {
  if (servers != nullptr) columns.insert(columns.begin(), {.name = "server", .whole = true});
  return columns;
}

}  // namespace

ServerTable::ServerTable(std::vector<TextTable::Column> columns, const LineServers* servers,
                         std::size_t width)
    : servers_(servers), table_(WithServer(std::move(columns), servers), width) {}

void ServerTable::Add(std::vector<TextTable::Cell> cells) {
  if (servers_ != nullptr) cells.insert(cells.begin(), servers_->at(lines_));
  ++lines_;
  table_.Add(cells);
}

}  // namespace mirror
