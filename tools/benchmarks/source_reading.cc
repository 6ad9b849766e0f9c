#include "tools/benchmarks/source_reading.h"

#include <chrono>
#include <map>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "client/source/mariadb/mariadb_reader.h"
#include "client/source/odbc/odbc_reader.h"
#include "client/source/postgres/postgres_reader.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {
namespace {

class NoLargeValues : public LargeSink {
 public:
  std::uint64_t NewValue() override { return ++last_; }
  absl::Status Part(std::uint32_t, std::uint64_t, std::uint64_t, std::string_view) override {
    return absl::OkStatus();
  }

 private:
  std::uint64_t last_ = 0;
};

std::unique_ptr<SourceReader> OpenReader(const std::string& place,
                                         const std::map<std::string, std::string>& records) {
  if (place.rfind("postgresql://", 0) == 0) {
    PostgresReaderOptions options;
    options.access.dsn = place;
    options.records = records;
    return OpenPostgresReader(std::move(options));
  }
  if (absl::string_view dsn = place; absl::ConsumePrefix(&dsn, "odbc:")) {
    OdbcReaderOptions options;
    options.access.dsn = std::string(dsn);
    options.records = records;
    return OpenOdbcReader(std::move(options));
  }
  if (absl::string_view dsn = place; absl::ConsumePrefix(&dsn, "mariadb:")) {
    MariadbReaderOptions options;
    options.access.dsn = std::string(dsn);
    options.records = records;
    return OpenMariadbReader(std::move(options));
  }
  SqliteReaderOptions options;
  options.path = place;
  options.records = records;
  return OpenSqliteReader(std::move(options));
}

}  // namespace

absl::StatusOr<SourceReading> ReadSource(const std::string& place) {
  SourceReading reading;
  std::map<std::string, std::string> records;
  Clock::time_point start = Clock::now();
  ASSIGN_OR_RETURN(const auto first, OpenReader(place, records)->Schema());
  reading.first_look_seconds = Since(start);
  for (const SourceTable& table : first.tables) records[table.schema.name] = table.record;

  start = Clock::now();
  const auto reader = OpenReader(place, records);
  ASSIGN_OR_RETURN(const auto schema, reader->Schema());
  NoLargeValues sink;
  for (const SourceTable& table : schema.tables) {
    std::vector<std::uint32_t> columns(table.schema.columns.size());
    std::iota(columns.begin(), columns.end(), 0U);
    ASSIGN_OR_RETURN(const auto rows, reader->Read(table.schema.name, columns));
    for (bool more = true; more;) {
      RowBlock block = RowBlock::For(table.schema, columns);
      ASSIGN_OR_RETURN(more, rows->Next(BlockSize{}, &block, &sink));
      reading.rows += block.rows();
      reading.bytes += block.bytes();
    }
  }
  reading.seconds = Since(start);
  return reading;
}

std::string ReadingJson(const SourceReading& reading) {
  return absl::StrFormat("{\"rows\":%d,\"bytes\":%d,\"first_look_seconds\":%.6f,\"seconds\":%.6f}",
                         reading.rows, reading.bytes, reading.first_look_seconds, reading.seconds);
}

}  // namespace mirror::bench
