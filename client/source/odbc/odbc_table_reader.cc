#include "client/source/odbc/odbc_table_reader.h"

#include <utility>

#include "client/source/postgres/postgres_row_appender.h"

namespace mirror {
namespace {

class OdbcTableReader : public TableReader {
 public:
  OdbcTableReader(std::shared_ptr<const OdbcLook> look,
                      const std::shared_ptr<const KnownOdbcTable>& known,
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
  OdbcSourceRows rows_;
  const PostgresRowAppender appender_;
};

}  // namespace

std::unique_ptr<TableReader> ReadOdbcTable(std::shared_ptr<const OdbcLook> look,
                                               std::shared_ptr<const KnownOdbcTable> known,
                                               const std::vector<std::uint32_t>& columns) {
  return std::make_unique<OdbcTableReader>(std::move(look), known, columns);
}

}  // namespace mirror
