#include "client/source/postgres/postgres_table_reader.h"

#include <utility>

#include "client/source/values/value_scan.h"

namespace mirror {

std::unique_ptr<TableReader> ReadPostgresTable(std::shared_ptr<const PostgresLook> look,
                                               std::shared_ptr<const KnownPostgresTable> known,
                                               const std::vector<std::uint32_t>& columns) {
  auto rows = std::make_unique<PostgresSourceRows>(std::move(look), known, PostgresAsk{columns});
  return ReadValues(known->given, columns, std::move(rows));
}

}  // namespace mirror
