#include "tools/benchmarks/copy_table.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/copy.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {
namespace {

std::string Quoted(const std::string& name) { return postgres::QuotedName(name).value_or(name); }

/// Returns the type that a mirror uses.
const char* TypeName(Storage storage) {
  return storage == Storage::kInts ? "bigint" : storage == Storage::kDoubles ? "double precision" : "text";
}

}  // namespace

CopyTable::CopyTable(std::unique_ptr<postgres::Connection> connection, const BenchRows* rows)
    : connection_(std::move(connection)),
      rows_(rows),
      table_(absl::StrCat("public.", Quoted(rows->schema().name))),
      copy_(absl::StrCat("COPY ", table_, " FROM STDIN (FORMAT binary)")),
      delete_(absl::StrCat("DELETE FROM ", table_, " WHERE ", Quoted(rows->schema().columns[0].name),
                           " = ANY($1)")) {
  for (const std::uint32_t column : rows->ValueColumns(Verb::kInsert)) {
    storages_.push_back(rows->StorageAt(column));
  }
}

absl::StatusOr<std::unique_ptr<CopyTable>> CopyTable::Open(const std::string& conninfo,
                                                           const BenchRows* rows) {
  if (rows->shape().key != KeyKind::kInteger) {
    return absl::InvalidArgumentError("the table of COPY has an integer key");
  }
  ASSIGN_OR_RETURN(auto connection,
                   postgres::Connection::Open({.conninfo = conninfo, .application_name = "mirror-bench"}));
  return std::unique_ptr<CopyTable>(new CopyTable(std::move(connection), rows));
}

absl::Status CopyTable::Renew() {
  std::string sql = absl::StrCat("DROP TABLE IF EXISTS ", table_, "; CREATE TABLE ", table_, " (");
  const TableSchema& schema = rows_->schema();
  for (std::uint32_t i = 0; i < schema.columns.size(); ++i) {
    absl::StrAppend(&sql, i == 0 ? "" : ", ", Quoted(schema.columns[i].name), " ",
                    TypeName(rows_->StorageAt(i)), i == 0 ? " PRIMARY KEY" : "");
  }
  return connection_->Execute(sql + ")");
}

absl::Status CopyTable::Copy(const std::vector<std::int64_t>& keys, std::size_t from, std::size_t to,
                             std::uint32_t version) {
  ASSIGN_OR_RETURN(auto copy, postgres::CopyIn::Begin(*connection_, copy_));
  for (std::size_t i = from; i < to; ++i) {
    row_.clear();
    row_.emplace_back(keys[i]);
    const Value* values = rows_->ValuesAt(rows_->Place(keys[i], version));
    for (std::size_t column = 0; column < storages_.size(); ++column) {
      const Value& value = values[column];
      switch (storages_[column]) {
        case Storage::kInts:
          row_.emplace_back(value.integer);
          break;
        case Storage::kDoubles:
          row_.emplace_back(value.real);
          break;
        default:
          row_.emplace_back(std::string_view(value.text, value.size));
      }
    }
    RETURN_IF_ERROR(copy.Add(row_));
  }
  return copy.Finish().status();
}

absl::Status CopyTable::Write(const std::vector<std::int64_t>& keys, std::size_t from, const Step& step) {
  const std::size_t to = std::min<std::size_t>(keys.size(), from + step.group);
  // A COPY alone is a transaction of its own.
  if (step.verb != Verb::kUpsert) return Copy(keys, from, to, step.version);
  postgres::Transaction transaction(*connection_);
  RETURN_IF_ERROR(transaction.Begin());
  postgres::Array array(postgres::Type::kInt8);
  for (std::size_t i = from; i < to; ++i) array.Add(keys[i]);
  if (const auto deleted = connection_->Run(delete_, {{array.value()}}); !deleted.ok())
    return deleted.status();
  RETURN_IF_ERROR(Copy(keys, from, to, step.version));
  return transaction.Commit();
}

absl::StatusOr<StepTime> CopyTable::Sync(std::uint64_t count) {
  StepTime time;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Clock::time_point start = Clock::now();
    const auto written = connection_->Query("SELECT pg_logical_emit_message(true, 'bench', 'x')");
    if (!written.ok()) return written.status();
    const double seconds = Since(start);
    time.seconds += seconds;
    time.call_us.push_back(seconds * 1e6);
  }
  return time;
}

absl::StatusOr<StepTime> CopyTable::Run(const Step& step) {
  if (step.verb == Verb::kSync) return Sync(step.count);
  if (step.verb != Verb::kPopulate && step.verb != Verb::kInsert && step.verb != Verb::kUpsert) {
    return absl::InvalidArgumentError("COPY writes whole rows, and nothing else");
  }
  if (step.verb == Verb::kPopulate) RETURN_IF_ERROR(Renew());
  const std::vector<std::int64_t> keys = KeysOf(step);
  const Clock::time_point start = Clock::now();
  for (std::size_t from = 0; from < keys.size(); from += step.group) {
    RETURN_IF_ERROR(Write(keys, from, step));
  }
  return StepTime{keys.size(), Since(start), {}};
}

}  // namespace mirror::bench
