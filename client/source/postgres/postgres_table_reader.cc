#include "client/source/postgres/postgres_table_reader.h"

#include <utility>

#include "client/source/postgres/postgres_row_appender.h"

namespace mirror {
namespace {

class PostgresTableReader : public TableReader {
 public:
  PostgresTableReader(std::shared_ptr<const PostgresLook> look,
                      const std::shared_ptr<const KnownPostgresTable>& known,
                      const std::vector<std::uint32_t>& columns)
      : rows_(std::move(look), known, {columns}), appender_(known->given, columns) {}

  absl::StatusOr<bool> Next(const BlockSize& size, RowBlock* block, LargeSink* sink) override {
    std::size_t weight = 0;
    while (weight < size.bytes && block->rows() < size.rows) {
      const absl::StatusOr<bool> more = rows_.Next();
      if (!more.ok() || !*more) return more;
      const absl::StatusOr<std::size_t> appended = appender_.Append(rows_.values(), block, sink);
      if (!appended.ok()) return appended.status();
      weight += *appended;
    }
    return true;
  }

 private:
  PostgresSourceRows rows_;
  const PostgresRowAppender appender_;
};

}  // namespace

std::unique_ptr<TableReader> ReadPostgresTable(std::shared_ptr<const PostgresLook> look,
                                               std::shared_ptr<const KnownPostgresTable> known,
                                               const std::vector<std::uint32_t>& columns) {
  return std::make_unique<PostgresTableReader>(std::move(look), known, columns);
}

}  // namespace mirror
