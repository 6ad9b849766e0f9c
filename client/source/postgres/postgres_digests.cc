#include "client/source/postgres/postgres_digests.h"

#include <utility>

namespace mirror {

std::unique_ptr<DigestReader> ScanPostgresTable(std::shared_ptr<const PostgresLook> look,
                                                std::shared_ptr<const KnownPostgresTable> known,
                                                const std::vector<std::uint32_t>& columns,
                                                ValueScanRule rule) {
  const ScanColumns what(known->given, columns, rule);
  PostgresAsk ask{what.read};
  if (rule.bound) {
    const std::uint32_t column = rule.bound->column;
    ask.left_out = rule.bound->left_out;
    if (!known->steps) {
      ask.where = FromSql(known->table.columns[column], known->schema.columns[column], rule.bound->from,
                          look->place.bytes_in_order);
      // There is no `where` that could leave rows out.
      if (ask.left_out) ask.where = "false";
    }
  }
  auto rows = std::make_unique<PostgresSourceRows>(std::move(look), known, std::move(ask));
  return ScanValues(known->given, std::move(rule), what, std::move(rows));
}

}  // namespace mirror
