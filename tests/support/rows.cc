#include "tests/support/rows.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <stdexcept>
#include <tuple>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "mirror/v1/change_batch.pb.h"
#include "proto/wire/codec.h"

namespace mirror {
namespace {

auto Tied(const Cell& cell) {
  return std::make_tuple(cell.kind, cell.integer, std::bit_cast<std::uint64_t>(cell.real),
                         std::string_view(cell.bytes), cell.large_id, cell.large_size);
}

std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

void Append(const Cell& cell, ColumnBuffer* buffer) {
  if (cell.large_id != 0) {
    buffer->AppendLarge(cell.large_id, cell.large_size, cell.kind);
    return;
  }
  switch (cell.kind) {
    case Kind::kNull:
      buffer->AppendNull();
      return;
    case Kind::kInteger:
      buffer->AppendInt(cell.integer);
      return;
    case Kind::kReal:
      buffer->AppendDouble(cell.real);
      return;
    default:
      buffer->AppendBytes(cell.bytes, cell.kind);
  }
}

std::vector<std::uint32_t> ColumnsOf(const TableSchema& table, const BatchSpec& spec) {
  std::vector<std::uint32_t> columns;
  for (const std::string& name : spec.columns) columns.push_back(table.Find(name).value());
  if (!columns.empty()) return columns;
  if (spec.operation == Operation::kDelete) return table.Key();
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) columns.push_back(i);
  return columns;
}

}  // namespace

bool operator==(const Cell& a, const Cell& b) { return Tied(a) == Tied(b); }
bool operator<(const Cell& a, const Cell& b) { return Tied(a) < Tied(b); }

Cell Blob(std::string bytes) {
  Cell cell(std::move(bytes));
  cell.kind = Kind::kBlob;
  return cell;
}

Cell RawText(std::string bytes) {
  Cell cell(std::move(bytes));
  cell.kind = Kind::kRawText;
  return cell;
}

Cell Large(std::uint64_t value_id, std::uint64_t size, Kind kind) {
  Cell cell;
  cell.kind = kind;
  cell.large_id = value_id;
  cell.large_size = size;
  return cell;
}

void PrintTo(const Cell& cell, std::ostream* out) {
  constexpr std::size_t kShown = 60;
  const std::string shown = cell.bytes.size() <= kShown ? cell.bytes
                                                        : absl::StrCat(cell.bytes.substr(0, kShown), "... (",
                                                                       cell.bytes.size(), " bytes)");
  switch (cell.kind) {
    case Kind::kNull:
      *out << "NULL";
      break;
    case Kind::kInteger:
      *out << cell.integer;
      break;
    case Kind::kReal:
      *out << "real " << std::hexfloat << cell.real << std::defaultfloat;
      break;
    case Kind::kBlob:
      *out << "blob '" << shown << "'";
      break;
    default:
      *out << "'" << shown << "'";
  }
  if (cell.large_id != 0) *out << " in parts of " << cell.large_id;
}

Column KeyColumn(std::string name, Type type, std::uint32_t position) {
  Column column = PlainColumn(std::move(name), type);
  column.key_position = position;
  column.nullable = false;
  return column;
}

Column PlainColumn(std::string name, Type type) {
  Column column;
  column.name = std::move(name);
  column.type = type;
  column.nullable = true;
  if (type == Type::kDecimal) {
    column.precision = 38;
    column.scale = 10;
  }
  if (type == Type::kTime || type == Type::kTimestamp || type == Type::kTimestampTz) column.precision = 7;
  if (type == Type::kAny) column.affinity = Affinity::kBlob;
  return column;
}

Column AnyColumn(std::string name, Affinity affinity) {
  Column column = PlainColumn(std::move(name), Type::kAny);
  column.affinity = affinity;
  return column;
}

TableSchema NamedTable(std::string name, std::vector<Column> columns) {
  TableSchema table;
  table.name = std::move(name);
  table.columns = std::move(columns);
  return table;
}

TableSchema People(const std::string& name) {
  return NamedTable(name, {KeyColumn("id", Type::kInt64), PlainColumn("name", Type::kText),
                           PlainColumn("age", Type::kInt32)});
}

TableSchema Pairs(const std::string& name) {
  return NamedTable(
      name, {KeyColumn("a", Type::kInt32), KeyColumn("b", Type::kText, 2), PlainColumn("v", Type::kText)});
}

TableSchema Keyless(const std::string& name) {
  return NamedTable(name, {PlainColumn("name", Type::kText), PlainColumn("age", Type::kInt32)});
}

std::uint64_t TestBatch::message_seq() const { return message->seq(); }

TestBatch MakeBatch(const TableSchema& table, const BatchSpec& spec) {
  RowBlock block = RowBlock::For(table, ColumnsOf(table, spec));
  for (const Row& row : spec.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) Append(row[i], &block.columns.at(i));
  }
  auto message = std::make_shared<v1::ChangeBatch>();
  if (!spec.rows.empty()) EncodeRows(block, message.get());
  message->set_table(table.name);
  message->set_schema_hash(spec.schema_hash.value_or(SchemaHash(table)));
  message->set_seq(spec.seq);
  message->set_base_lsn(spec.base_lsn);
  EncodePosition(spec.target, message->mutable_target());
  message->set_populate(static_cast<v1::PopulateReason>(spec.populate));
  if (spec.planned) {
    message->mutable_planned()->set_inserts(spec.planned->inserts);
    message->mutable_planned()->set_updates(spec.planned->updates);
    message->mutable_planned()->set_deletes(spec.planned->deletes);
    message->mutable_planned()->set_expected_deletes(spec.planned->expected_deletes);
  }
  message->set_operation(static_cast<v1::Operation>(spec.operation));
  if (spec.commit) {
    message->mutable_commit()->set_batches(spec.commit_batches.value_or(spec.seq));
    EncodePosition(*spec.commit, message->mutable_commit()->mutable_position());
    message->mutable_commit()->set_source_time_ms(spec.source_ms);
  }
  auto schema = std::make_shared<const TableSchema>(table);
  absl::StatusOr<ChangeBatch> batch = DecodeBatch(*message, *schema, WireLimits{});
  return {std::move(schema), std::move(message), std::move(batch)};
}

ScratchFolder::ScratchFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "mirror-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder " + pattern);
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Partner::Partner(const std::string& path, bool read_only) {
  const int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  const int code = sqlite3_open_v2(path.c_str(), &handle_, flags, nullptr);
  if (code == SQLITE_OK) {
    sqlite3_busy_timeout(handle_, 10'000);
    return;
  }
  const std::string said = sqlite3_errmsg(handle_);
  sqlite3_close(handle_);
  throw std::runtime_error(absl::StrCat("opening ", path, ": ", said));
}

Partner::~Partner() { sqlite3_close_v2(handle_); }

Rows Partner::Ask(const std::string& sql) {
  Rows rows;
  for (const char* rest = sql.c_str(); *rest != '\0';) {
    sqlite3_stmt* statement = nullptr;
    int code = sqlite3_prepare_v2(handle_, rest, -1, &statement, &rest);
    if (code == SQLITE_OK && statement == nullptr) break;  // Nothing but space was left.
    while (code == SQLITE_OK || code == SQLITE_ROW) {
      code = sqlite3_step(statement);
      if (code != SQLITE_ROW) break;
      Row row;
      for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        switch (sqlite3_column_type(statement, i)) {
          case SQLITE_INTEGER:
            row.emplace_back(static_cast<std::int64_t>(sqlite3_column_int64(statement, i)));
            break;
          case SQLITE_FLOAT:
            row.emplace_back(sqlite3_column_double(statement, i));
            break;
          case SQLITE_NULL:
            row.emplace_back();
            break;
          default: {
            const bool text = sqlite3_column_type(statement, i) == SQLITE_TEXT;
            const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, i));
            const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
            std::string value = bytes == nullptr ? std::string() : std::string(bytes, size);
            row.push_back(text ? Cell(std::move(value)) : Blob(std::move(value)));
          }
        }
      }
      rows.push_back(std::move(row));
    }
    const std::string said = sqlite3_errmsg(handle_);
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE) throw std::runtime_error(absl::StrCat(sql.substr(0, 200), ": ", said));
  }
  return rows;
}

Cell Partner::One(const std::string& sql) { return Ask(sql).at(0).at(0); }

Rows ReadMirror(const std::string& path, const TableSchema& table) {
  std::string names;
  for (const Column& column : table.columns) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", Quoted(column.name));
  }
  return Sorted(Partner(path).Ask(absl::StrCat("SELECT ", names, " FROM ", Quoted(table.name))));
}

Rows Sorted(Rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* const given = std::getenv(name);
  if (given == nullptr) return otherwise;
  std::uint64_t number = 0;
  if (!absl::SimpleAtoi(given, &number)) {
    // Not 0: a test that takes no rounds passes.
    std::cerr << name << " is '" << given << "', and has to be a number." << std::endl;
    std::exit(EXIT_FAILURE);
  }
  return number;
}

std::uint64_t TestSeed() {
  const std::uint64_t seed = FromEnvironment("MIRROR_TEST_SEED", std::random_device()());
  std::cout << "MIRROR_TEST_SEED=" << seed << std::endl;
  return seed;
}

}  // namespace mirror
