#include "tools/mirrorctl/export/parquet_output.h"

#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "tools/mirrorctl/export/parquet_values.h"

namespace mirror {
namespace {

std::vector<ParquetColumn> ColumnsOf(const TableSchema& table) {
  std::vector<ParquetColumn> columns;
  for (const Column& column : table.columns) {
    columns.push_back(ParquetColumnOf(column));
    if (column.type != Type::kAny) continue;
    ParquetColumn kind = columns.back();
    kind.name = KindColumn(table, column);
    columns.push_back(std::move(kind));
  }
  return columns;
}

class Parquet final : public RowOutput {
 public:
  Parquet(const TableSchema& table, ByteSink sink, RowGroupMax most)
      : table_(table), writer_(ColumnsOf(table), std::move(sink), most) {}

  absl::Status Begin() override { return absl::OkStatus(); }

  absl::Status Write(std::span<const ColumnView> columns, std::uint32_t rows) override {
    for (std::uint32_t row = 0; row < rows; ++row) {
      std::size_t to = 0;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const Column& column = table_.columns[i];
        const Value value = columns[i].At(row);
        RETURN_IF_ERROR(Append(column, value, &writer_.column(to++)));
        if (column.type == Type::kAny) AppendKind(value.kind, &writer_.column(to++));
      }
      RETURN_IF_ERROR(writer_.EndRow());
    }
    return absl::OkStatus();
  }

  absl::Status End(const ExportNotes& notes) override {
    return writer_.Finish(notes, "partner-mirror version " MIRROR_VERSION);
  }

 private:
  static absl::Status Append(const Column& column, const Value& value, ColumnChunk* chunk) {
    if (value.kind != Kind::kNull) return AppendParquet(column, value, chunk);
    chunk->AppendNull();
    return absl::OkStatus();
  }
  static void AppendKind(Kind kind, ColumnChunk* chunk) {
    if (kind == Kind::kNull) return chunk->AppendNull();
    chunk->AppendBytes(KindWord(kind));
  }

  const TableSchema& table_;
  ParquetWriter writer_;
};

}  // namespace

std::unique_ptr<RowOutput> ParquetOutput(const TableSchema& table, ByteSink sink, RowGroupMax most) {
  return std::make_unique<Parquet>(table, std::move(sink), most);
}

}  // namespace mirror
