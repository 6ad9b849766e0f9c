#include "tests/support/fake_source.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "proto/wire/codec.h"
#include "proto/wire/limits.h"
#include "proto/wire/refusal.h"

namespace mirror {
namespace {

constexpr std::int64_t kUnitsPerSecond = 10'000'000;
constexpr std::int64_t kUnitsPerDay = 86'400 * kUnitsPerSecond;
constexpr std::size_t kShownBytesMax = 200;
constexpr std::chrono::seconds kNewTokenPatience(60);

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "fake source: %s\n", why.c_str());
  std::abort();
}

std::string ShownBytes(const char* type, std::string_view bytes) {
  if (bytes.size() > kShownBytesMax) {
    return absl::StrCat(type, ":#", bytes.size(), ":", HexDigest(bytes));
  }
  return absl::StrCat(type, ":", std::string(bytes));
}

std::string DateText(std::int64_t days) {
  using std::chrono::sys_days;
  const sys_days first = std::chrono::year{1} / std::chrono::January / 1;
  const std::chrono::year_month_day date(first + std::chrono::days(days));
  char text[16];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

std::string TimeText(std::int64_t units, std::uint32_t precision) {
  const std::int64_t seconds = units / kUnitsPerSecond;
  char text[32];
  std::snprintf(text, sizeof(text), "%02d:%02d:%02d.%07d", static_cast<int>(seconds / 3'600),
                static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60),
                static_cast<int>(units % kUnitsPerSecond));
  return std::string(text).substr(0, precision == 0 ? 8 : 9 + precision);
}

std::string UuidText(const std::string& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x",
                  static_cast<unsigned>(static_cast<unsigned char>(bytes[i])));
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits;
  }
  return text;
}

/// What goes ahead of a batch.
struct LargeCell {
  std::uint32_t column = 0;
  std::uint64_t id = 0;
  const std::string* bytes = nullptr;
};

void Fill(const TableSchema& table, const std::vector<std::uint32_t>& columns, const std::vector<Row>& rows,
          std::uint64_t* last_value_id, std::vector<LargeCell>* large, v1::ChangeBatch* message) {
  RowBlock block = RowBlock::For(table, columns);
  for (const Row& row : rows) {
    if (row.size() != columns.size()) Die(absl::StrCat("a row of '", table.name, "' has another length"));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      ColumnBuffer& buffer = block.columns[i];
      const Cell& cell = row[i];
      if (cell.kind == Kind::kNull) {
        buffer.AppendNull();
      } else if (large != nullptr && cell.bytes.size() > kPartBytesMax) {
        large->push_back({columns[i], ++*last_value_id, &cell.bytes});
        buffer.AppendLarge(*last_value_id, cell.bytes.size(), cell.kind);
      } else if (cell.kind == Kind::kInteger) {
        buffer.AppendInt(cell.integer);
      } else if (cell.kind == Kind::kReal) {
        buffer.AppendDouble(cell.real);
      } else {
        buffer.AppendBytes(cell.bytes, cell.kind);
      }
    }
  }
  EncodeRows(block, message);
}

std::vector<std::uint32_t> AllColumns(const TableSchema& table) {
  std::vector<std::uint32_t> columns;
  for (std::uint32_t i = 0; i < table.columns.size(); ++i) columns.push_back(i);
  return columns;
}

Cell DefaultOf(const Column& column) {
  if (!column.default_value) return Cell(nullptr);
  const Literal& literal = *column.default_value;
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) return Cell(*integer);
  if (const auto* real = std::get_if<double>(&literal)) return Cell(*real);
  if (const auto* text = std::get_if<std::string>(&literal)) return Cell(*text);
  if (const auto* bytes = std::get_if<Bytes>(&literal)) return Blob(bytes->value);
  return Cell(nullptr);
}

std::string Hex(std::uint64_t number) {
  char text[20];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(number));
  return text;
}

absl::Status StatusOfResult(const v1::BatchResult& result) {
  return absl::Status(static_cast<absl::StatusCode>(result.code()), result.message());
}

}  // namespace

std::string ShownValue(const Column& column, const Cell& cell) {
  switch (cell.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kReal: {
      char text[40];
      std::snprintf(text, sizeof(text), "real:%.17g", cell.real == 0 ? 0.0 : cell.real);
      return text;
    }
    case Kind::kText:
    case Kind::kRawText:
      return ShownBytes("text", cell.bytes);
    case Kind::kBlob:
      return column.type == Type::kUuid ? ShownBytes("text", UuidText(cell.bytes))
                                        : ShownBytes("blob", cell.bytes);
    case Kind::kInteger:
      break;
  }
  const std::int64_t days = cell.integer / kUnitsPerDay, rest = cell.integer % kUnitsPerDay;
  switch (column.type) {
    case Type::kDate:
      return absl::StrCat("text:", DateText(days));
    case Type::kTime:
      return absl::StrCat("text:", TimeText(rest, column.precision));
    case Type::kTimestamp:
    case Type::kTimestampTz:
      return absl::StrCat("text:", DateText(days), " ", TimeText(rest, column.precision),
                          column.type == Type::kTimestampTz ? "Z" : "");
    default:
      return absl::StrCat("integer:", cell.integer);
  }
}

bool FakeCycleReport::AllDone() const {
  if (end != End::kCompleted) return false;
  return std::all_of(tables.begin(), tables.end(), [](const auto& entry) {
    return entry.second.status.wanted() && entry.second.error.ok();
  });
}

std::string FakeCycleReport::Summary() const {
  static constexpr const char* kEnds[] = {"completed", "busy",     "do not replicate",
                                          "died",      "restored", "failed"};
  std::string text = absl::StrCat("cycle ", cycle, ": ", kEnds[static_cast<int>(end)], ", ", requests,
                                  " requests, target ", target.lsn.value, "; ", status.ToString());
  for (const auto& [name, table] : tables) {
    absl::StrAppend(&text, "\n  ", name, ": lsn ", table.status.position().lsn(), " pending ",
                    table.status.has_pending() ? absl::StrCat(table.status.pending().lsn()) : "none", " ",
                    v1::TableAction_Name(table.status.action()), " populate ",
                    std::string(ToString(table.populate)), ", ", table.inserts, "/", table.updates, "/",
                    table.deletes, table.committed ? " committed" : "", table.advanced ? " advanced" : "",
                    "; ", table.error.ToString());
  }
  return text;
}

// --- The database ---

FakeSource::FakeSource(std::uint64_t seed) : random_(seed) {
  source_id_ = absl::StrCat("fake-source-", Hex(random_()));
  holder_ = absl::StrCat("holder-", Hex(random_()));
}

FakeSource::Database::Table& FakeSource::Find(const std::string& table) {
  const auto found = database_.tables.find(FoldName(table));
  if (found == database_.tables.end()) Die(absl::StrCat("no table '", table, "'"));
  return found->second;
}

const FakeSource::Database::Table& FakeSource::Find(const std::string& table) const {
  return const_cast<FakeSource*>(this)->Find(table);
}

void FakeSource::Log(const std::string& table, Row key, bool whole, std::set<std::uint32_t> columns) {
  database_.log.push_back({++database_.lsn, FoldName(table), std::move(key), whole, std::move(columns)});
}

void FakeSource::CreateTable(const TableSchema& table) {
  const auto [entry, added] = database_.tables.try_emplace(FoldName(table.name));
  if (!added) Die(absl::StrCat("there is a table '", table.name, "'"));
  entry->second.schema = table;
  entry->second.made_at = ++database_.lsn;
}

void FakeSource::DropTable(const std::string& table) {
  Find(table);
  database_.tables.erase(FoldName(table));
  ++database_.lsn;
}

void FakeSource::AlterTable(const TableSchema& to) {
  Database::Table& table = Find(to.name);
  std::vector<std::optional<std::size_t>> origin;
  for (const Column& column : to.columns) {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < table.schema.columns.size(); ++i) {
      const Column& before = table.schema.columns[i];
      const bool by_id = before.column_id != 0 && column.column_id != 0;
      if (by_id ? before.column_id == column.column_id : SameName(before.name, column.name)) found = i;
    }
    origin.push_back(found);
  }
  const std::map<Row, Row> before = std::move(table.rows);
  table.rows.clear();
  table.schema = to;
  const bool keyed = !to.Key().empty();
  for (const auto& [key, row] : before) {
    Row changed;
    for (std::size_t i = 0; i < to.columns.size(); ++i) {
      changed.push_back(origin[i] ? row[*origin[i]] : DefaultOf(to.columns[i]));
    }
    Row new_key = keyed ? KeyOf(to.name, changed) : Row{Cell(++table.next_row)};
    table.rows[std::move(new_key)] = std::move(changed);
  }
  // Column indexes in the log are those of the former definition.
  for (Database::Change& change : database_.log) {
    if (change.table != FoldName(to.name)) continue;
    change.whole = true;
    change.columns.clear();
  }
}

void FakeSource::Put(const std::string& name, const Row& row) {
  Database::Table& table = Find(name);
  if (row.size() != table.schema.columns.size())
    Die(absl::StrCat("a row of '", name, "' has another length"));
  const bool keyed = !table.schema.Key().empty();
  Row key = keyed ? KeyOf(name, row) : Row{Cell(++table.next_row)};
  table.rows[key] = row;
  Log(name, std::move(key), true, {});
}

bool FakeSource::Update(const std::string& name, const Row& key, const std::map<std::string, Cell>& values) {
  Database::Table& table = Find(name);
  const auto found = table.rows.find(key);
  if (found == table.rows.end()) return false;
  Row row = found->second;
  std::set<std::uint32_t> columns;
  for (const auto& [column, value] : values) {
    const std::optional<std::uint32_t> index = table.schema.Find(column);
    if (!index) Die(absl::StrCat("no column '", column, "' in '", name, "'"));
    row[*index] = value;
    columns.insert(*index);
  }
  if (KeyOf(name, row) != key) {
    // A changed key is the end of one row and the beginning of another.
    table.rows.erase(found);
    Log(name, key, false, {});
    Put(name, row);
    return true;
  }
  found->second = std::move(row);
  Log(name, key, false, std::move(columns));
  return true;
}

bool FakeSource::Delete(const std::string& name, const Row& key) {
  if (Find(name).rows.erase(key) == 0) return false;
  Log(name, key, false, {});
  return true;
}

bool FakeSource::DeleteRow(const std::string& name, const Row& row) {
  for (const auto& [key, stored] : Find(name).rows) {
    if (stored == row) return Delete(name, Row(key));
  }
  return false;
}

void FakeSource::TruncateLog(std::int64_t lsn) {
  std::erase_if(database_.log, [lsn](const Database::Change& change) { return change.lsn <= lsn; });
  database_.log_begins = std::max(database_.log_begins, lsn);
  if (database_.record.empty()) return;
  const Position newest = database_.record.back();
  std::erase_if(database_.record,
                [&](const Position& position) { return position.lsn.value < lsn && !(position == newest); });
}

std::vector<std::string> FakeSource::Tables() const {
  std::vector<std::string> names;
  for (const auto& [key, table] : database_.tables) names.push_back(table.schema.name);
  return names;
}

const TableSchema& FakeSource::Schema(const std::string& table) const { return Find(table).schema; }

std::vector<Row> FakeSource::Rows(const std::string& table) const {
  std::vector<Row> rows;
  for (const auto& [key, row] : Find(table).rows) rows.push_back(row);
  return rows;
}

Row FakeSource::KeyOf(const std::string& table, const Row& row) const {
  Row key;
  for (const std::uint32_t index : Find(table).schema.Key()) key.push_back(row[index]);
  return key;
}

std::vector<std::string> FakeSource::ShownRows(const std::string& name) const {
  const Database::Table& table = Find(name);
  std::vector<std::string> shown;
  for (const auto& [key, row] : table.rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, i == 0 ? "" : " | ", ShownValue(table.schema.columns[i], row[i]));
    }
    shown.push_back(std::move(line));
  }
  std::sort(shown.begin(), shown.end());
  return shown;
}

// --- The cycle ---

v1::TableSchemaRequest FakeSource::Announcement(std::int64_t cycle) const {
  v1::TableSchemaRequest request;
  request.set_cycle(cycle);
  request.set_source_id(source_id_);
  for (const auto& [key, table] : database_.tables) EncodeTable(table.schema, request.add_tables());
  return request;
}

Position FakeSource::NewTarget() {
  const Position target = {Lsn{database_.lsn}, absl::StrCat("lineage-", Hex(random_()))};
  database_.record.push_back(target);
  return target;
}

bool FakeSource::InRecord(const Position& position) const {
  const std::vector<Position>& record = database_.record;
  return std::find(record.begin(), record.end(), position) != record.end();
}

PopulateReason FakeSource::Decide(const v1::TableStatus& status, const FakeCycleOptions& options) const {
  const Database::Table& table = Find(status.table());
  const Position held = DecodePosition(status.position());
  if (options.populate_all || options.repopulate.contains(table.schema.name))
    return PopulateReason::kRequested;
  if (held.lsn == Lsn{}) {
    return status.action() == v1::TABLE_ACTION_REPOPULATE ? PopulateReason::kSchema
                                                          : PopulateReason::kMinusOne;
  }
  if (held.lsn.value > database_.lsn) return PopulateReason::kAhead;
  if (held.lsn.value < database_.log_begins) return PopulateReason::kHistoryGone;
  if (!InRecord(held)) return PopulateReason::kLineageMiss;
  if (status.has_pending() && !InRecord(DecodePosition(status.pending())))
    return PopulateReason::kPendingMiss;
  if (held.lsn.value < table.made_at) return PopulateReason::kSchema;
  if (!table.schema.Key().empty()) return PopulateReason::kNone;
  const bool changed =
      std::any_of(database_.log.begin(), database_.log.end(), [&](const Database::Change& change) {
        return change.lsn > held.lsn.value && change.table == FoldName(table.schema.name);
      });
  return changed ? PopulateReason::kKeyless : PopulateReason::kNone;
}

/// One run of RunCycle.
class FakeCycle {
 public:
  FakeCycle(FakeSource& source, MirrorCalls& calls, const FakeCycleOptions& options)
      : source_(source), calls_(&calls), options_(options) {}

  FakeCycleReport Run() {
    if (!Begin() || !Announce()) return std::move(report_);
    PlanTables();
    if (!SendTables() || !SendAdvance() || !Drain() || !CloseStream()) return std::move(report_);
    for (TableRun& run : runs_) {
      if (!run.todo.empty() && run.report->error.ok()) run.report->error = absl::InternalError("not sent");
    }
    if (options_.complete) {
      Complete();
    } else {
      End(FakeCycleReport::End::kCompleted, absl::OkStatus());
    }
    return std::move(report_);
  }

 private:
  struct Piece {
    v1::Operation operation = v1::OPERATION_INSERT;
    std::vector<std::uint32_t> columns;
    std::vector<Row> rows;
  };
  struct TableRun {
    const FakeSource::Database::Table* table = nullptr;
    FakeTableReport* report = nullptr;
    std::deque<Piece> todo;
    v1::Planned planned;
    std::uint64_t next_seq = 1;
    std::int64_t base_lsn = -1;
    int in_flight = 0;
    std::optional<std::deque<Piece>> again;  ///< A batch was refused: from it on, to be sent once more.
    bool advance = false;
  };
  struct SentBatch {
    TableRun* run = nullptr;
    Piece piece;
    bool commit = false;
  };
  struct SentRequest {
    v1::RowDataRequest message;
    std::vector<SentBatch> batches;
    std::vector<TableRun*> advanced;
  };

  bool End(FakeCycleReport::End end, absl::Status status) {
    report_.end = end;
    report_.status = std::move(status);
    return false;
  }

  /// A call, made again for as long as `recover` wants.
  template <typename Response, typename Call>
  absl::StatusOr<Response> Try(const Call& call) {
    while (true) {
      absl::StatusOr<Response> response = call(*calls_);
      if (response.ok() || !Recover(response.status())) return response;
    }
  }

  bool Recover(const absl::Status& status) {
    MirrorCalls* const calls = options_.recover ? options_.recover(status) : nullptr;
    if (calls == nullptr) return false;
    stream_.reset();
    calls_ = calls;
    return true;
  }

  bool Begin() {
    const std::string& holder = options_.holder.empty() ? source_.holder() : options_.holder;
    const auto ask = [&] {
      return Try<v1::AuthenticateResponse>(
          [&](MirrorCalls& calls) { return calls.Authenticate(holder, options_.take_over, false); });
    };
    auto admission = ask();
    // The endpoint takes no token of this second, since it does not know which were used. The next one is
    // new.
    const auto deadline = std::chrono::steady_clock::now() + kNewTokenPatience;
    while (admission.status().GetPayload(kNewTokenPayload) && std::chrono::steady_clock::now() < deadline) {
      admission = ask();
    }
    if (!admission.ok()) return End(FakeCycleReport::End::kFailed, admission.status());
    report_.admission = *std::move(admission);
    report_.cycle = report_.admission.cycle();
    if (report_.admission.do_not_replicate())
      return End(FakeCycleReport::End::kDoNotReplicate, absl::OkStatus());
    if (report_.admission.has_busy()) return End(FakeCycleReport::End::kBusy, absl::OkStatus());
    if (!report_.admission.accepted()) {
      return End(FakeCycleReport::End::kFailed, absl::InternalError("neither accepted nor refused"));
    }
    return true;
  }

  bool Announce() {
    const v1::TableSchemaRequest request = source_.Announcement(report_.cycle);
    auto answer =
        Try<v1::TableSchemaResponse>([&](MirrorCalls& calls) { return calls.TableSchema(request); });
    if (!answer.ok()) return End(FakeCycleReport::End::kFailed, answer.status());
    if (answer->tables_size() != request.tables_size()) {
      return End(FakeCycleReport::End::kFailed, absl::InternalError("TableSchema answered other tables"));
    }
    for (const v1::TableStatus& status : answer->tables()) report_.tables[status.table()].status = status;
    return true;
  }

  void PlanTables() {
    // The record is written before a row is read.
    report_.target = source_.NewTarget();
    snapshot_ = source_.Backup();
    for (auto& [name, table] : report_.tables) {
      if (!table.status.wanted() || options_.leave_out.contains(name)) continue;
      TableRun& run = runs_.emplace_back();
      run.table = &snapshot_.tables.at(FoldName(name));
      run.report = &table;
      table.populate = source_.Decide(table.status, options_);
      if (table.populate != PopulateReason::kNone) {
        PlanPopulation(run);
      } else {
        PlanChanges(run);
      }
      for (const Piece& piece : run.todo) {
        const auto rows = static_cast<std::uint64_t>(piece.rows.size());
        if (piece.operation == v1::OPERATION_INSERT) run.planned.set_inserts(run.planned.inserts() + rows);
        if (piece.operation == v1::OPERATION_UPDATE) run.planned.set_updates(run.planned.updates() + rows);
        if (piece.operation == v1::OPERATION_DELETE) run.planned.set_deletes(run.planned.deletes() + rows);
      }
    }
  }

  void AddPieces(TableRun& run, v1::Operation operation, const std::vector<std::uint32_t>& columns,
                 std::vector<Row> rows) {
    for (std::size_t begin = 0; begin < rows.size(); begin += options_.batch_rows) {
      const std::size_t end = std::min(rows.size(), begin + options_.batch_rows);
      Piece piece{operation, columns, {}};
      std::move(rows.begin() + static_cast<std::ptrdiff_t>(begin),
                rows.begin() + static_cast<std::ptrdiff_t>(end), std::back_inserter(piece.rows));
      run.todo.push_back(std::move(piece));
    }
  }

  void PlanPopulation(TableRun& run) {
    std::vector<Row> rows;
    for (const auto& [key, row] : run.table->rows) rows.push_back(row);
    AddPieces(run, v1::OPERATION_INSERT, AllColumns(run.table->schema), std::move(rows));
    if (run.todo.empty()) run.todo.push_back({v1::OPERATION_INSERT, {}, {}});
  }

  void PlanChanges(TableRun& run) {
    const TableSchema& schema = run.table->schema;
    run.base_lsn = run.report->status.position().lsn();
    // Fold without forgetting: a key that was ever touched is in it.
    struct Touched {
      bool whole = false;
      std::set<std::uint32_t> columns;
    };
    std::map<Row, Touched> touched;
    for (const FakeSource::Database::Change& change : snapshot_.log) {
      if (change.lsn <= run.base_lsn || change.table != FoldName(schema.name)) continue;
      Touched& key = touched[change.key];
      key.whole = key.whole || change.whole;
      key.columns.insert(change.columns.begin(), change.columns.end());
    }
    const std::vector<std::uint32_t> key_columns = schema.Key();
    std::vector<Row> deletes, inserts;
    std::map<std::set<std::uint32_t>, std::vector<Row>> updates;
    for (const auto& [key, what] : touched) {
      const auto found = run.table->rows.find(key);
      if (found == run.table->rows.end()) {
        deletes.push_back(key);
      } else if (what.whole || what.columns.empty()) {
        inserts.push_back(found->second);
      } else {
        std::set<std::uint32_t> columns = what.columns;
        columns.insert(key_columns.begin(), key_columns.end());
        Row row;
        for (const std::uint32_t index : columns) row.push_back(found->second[index]);
        updates[std::move(columns)].push_back(std::move(row));
      }
    }
    AddPieces(run, v1::OPERATION_DELETE, key_columns, std::move(deletes));
    for (auto& [columns, rows] : updates) {
      AddPieces(run, v1::OPERATION_UPDATE, {columns.begin(), columns.end()}, std::move(rows));
    }
    AddPieces(run, v1::OPERATION_INSERT, AllColumns(schema), std::move(inserts));
    if (!run.todo.empty()) return;
    if (run.report->status.has_pending()) {
      // A cycle died on its way, and nothing of it is left to send: say so.
      run.todo.push_back({v1::OPERATION_INSERT, {}, {}});
    } else {
      run.advance = options_.advance && run.base_lsn < report_.target.lsn.value;
    }
  }

  bool SendTables() {
    if (options_.wipe && !SendWipes()) return false;
    while (true) {
      SentRequest request;
      while (request.batches.size() < options_.batches_per_request) {
        const auto next = std::find_if(runs_.begin(), runs_.end(), [](const TableRun& run) {
          return !run.todo.empty() && !run.again && run.report->error.ok();
        });
        if (next == runs_.end()) break;
        if (!AddBatch(*next, &request)) return false;
      }
      if (!request.batches.empty()) {
        if (!Send(std::move(request))) return false;
      } else if (in_flight_.empty()) {
        return true;
      } else if (!ReceiveOne()) {
        return false;
      }
    }
  }

  bool SendWipes() {
    for (TableRun& run : runs_) {
      if (run.report->populate == PopulateReason::kNone) continue;
      v1::WipeRequest request;
      request.set_cycle(report_.cycle);
      request.set_table(run.table->schema.name);
      EncodePosition(report_.target, request.mutable_target());
      request.set_reason(static_cast<v1::PopulateReason>(run.report->populate));
      auto answer = Try<v1::WipeResponse>([&](MirrorCalls& calls) { return calls.Wipe(request); });
      if (!answer.ok()) return End(FakeCycleReport::End::kFailed, answer.status());
      if (answer->result().code() != 0) run.report->error = StatusOfResult(answer->result());
      run.next_seq = 2;
    }
    return true;
  }

  bool AddBatch(TableRun& run, SentRequest* request) {
    const TableSchema& schema = run.table->schema;
    Piece piece = std::move(run.todo.front());
    run.todo.pop_front();
    v1::ChangeBatch batch;
    batch.set_table(schema.name);
    batch.set_schema_hash(run.report->status.schema_hash());
    batch.set_seq(run.next_seq++);
    batch.set_base_lsn(run.base_lsn);
    EncodePosition(report_.target, batch.mutable_target());
    if (batch.seq() == 1) {
      *batch.mutable_planned() = run.planned;
      batch.set_populate(static_cast<v1::PopulateReason>(run.report->populate));
    }
    batch.set_operation(piece.operation);
    std::vector<LargeCell> large;
    if (!piece.rows.empty()) {
      Fill(schema, piece.columns, piece.rows, &last_value_id_, &large, &batch);
    }
    const bool commit = run.todo.empty();
    if (commit) {
      batch.mutable_commit()->set_batches(batch.seq());
      EncodePosition(report_.target, batch.mutable_commit()->mutable_position());
    }
    for (const LargeCell& cell : large) {
      for (std::size_t offset = 0; offset < cell.bytes->size(); offset += kPartBytesMax) {
        SentRequest ahead;
        v1::ValuePart* part = ahead.message.add_parts();
        part->set_table(schema.name);
        part->set_column(cell.column);
        part->set_value_id(cell.id);
        part->set_offset(offset);
        part->set_data(cell.bytes->substr(offset, kPartBytesMax));
        if (!Send(std::move(ahead))) return false;
      }
    }
    request->message.mutable_batches()->Add(std::move(batch));
    request->batches.push_back({&run, std::move(piece), commit});
    ++run.in_flight;
    return true;
  }

  bool Send(SentRequest request) {
    if (report_.requests == options_.die_before_request) {
      return End(FakeCycleReport::End::kDied, absl::OkStatus());
    }
    if (options_.before_request) options_.before_request(report_.requests);
    const bool commits =
        request.message.has_advance() || std::any_of(request.batches.begin(), request.batches.end(),
                                                     [](const SentBatch& batch) { return batch.commit; });
    if (commits && !source_.InRecord(report_.target))
      return End(FakeCycleReport::End::kRestored, absl::OkStatus());
    ++report_.requests;
    request.message.set_cycle(report_.cycle);
    if (!options_.stream) {
      auto response =
          Try<v1::RowDataResponse>([&](MirrorCalls& calls) { return calls.RowData(request.message); });
      if (!response.ok()) return End(FakeCycleReport::End::kFailed, response.status());
      return Take(*response, request);
    }
    while (in_flight_.size() >= std::max<std::size_t>(1, options_.window)) {
      if (!ReceiveOne()) return false;
    }
    in_flight_.push_back(std::move(request));
    if (absl::Status sent = stream_ ? stream_->Send(in_flight_.back().message) : Reopen(); !sent.ok()) {
      return Resend(std::move(sent));
    }
    return true;
  }

  /// A new stream, with everything that has no answer yet.
  absl::Status Reopen() {
    absl::StatusOr<std::unique_ptr<RowStream>> stream = calls_->OpenRowStream();
    if (!stream.ok()) return stream.status();
    stream_ = *std::move(stream);
    for (const SentRequest& request : in_flight_) {
      if (absl::Status sent = stream_->Send(request.message); !sent.ok()) return sent;
    }
    return absl::OkStatus();
  }

  bool Resend(absl::Status status) {
    while (!status.ok()) {
      if (!Recover(status)) return End(FakeCycleReport::End::kFailed, std::move(status));
      status = Reopen();
    }
    return true;
  }

  bool ReceiveOne() {
    while (true) {
      absl::StatusOr<v1::RowDataResponse> response = stream_->Receive();
      if (response.ok()) {
        const SentRequest request = std::move(in_flight_.front());
        in_flight_.pop_front();
        return Take(*response, request);
      }
      if (!Resend(response.status())) return false;
    }
  }

  bool Drain() {
    while (!in_flight_.empty()) {
      if (!ReceiveOne()) return false;
    }
    return true;
  }

  bool CloseStream() {
    if (!stream_) return true;
    const absl::Status status = stream_->Finish();
    stream_.reset();
    if (status.ok() || Recover(status)) return true;
    return End(FakeCycleReport::End::kFailed, status);
  }

  bool Take(const v1::RowDataResponse& response, const SentRequest& request) {
    const int expected = static_cast<int>(request.batches.size() + request.advanced.size());
    const int refused_parts = response.results_size() - expected;
    if (refused_parts < 0 || refused_parts > request.message.parts_size()) {
      return End(FakeCycleReport::End::kFailed,
                 absl::InternalError(absl::StrCat(response.results_size(), " results for ", expected)));
    }
    for (int i = 0; i < refused_parts; ++i) {
      for (TableRun& run : runs_) {
        if (run.table->schema.name == response.results(i).table()) {
          run.report->error = StatusOfResult(response.results(i));
        }
      }
    }
    int next = refused_parts;
    for (const SentBatch& sent : request.batches) TakeBatch(response.results(next++), sent);
    for (TableRun* const run : request.advanced) {
      const v1::BatchResult& result = response.results(next++);
      if (result.code() == 0) {
        run->report->advanced = true;
      } else {
        run->report->error = StatusOfResult(result);
      }
    }
    return true;
  }

  void TakeBatch(const v1::BatchResult& result, const SentBatch& sent) {
    TableRun& run = *sent.run;
    --run.in_flight;
    if (result.code() == 0) {
      FakeTableReport& report = *run.report;
      const auto rows = static_cast<std::uint64_t>(sent.piece.rows.size());
      if (sent.piece.operation == v1::OPERATION_INSERT) report.inserts += rows;
      if (sent.piece.operation == v1::OPERATION_UPDATE) report.updates += rows;
      if (sent.piece.operation == v1::OPERATION_DELETE) report.deletes += rows;
      ++report.batches;
      if (result.repeated_batch()) ++report.repeated;
      report.committed = report.committed || sent.commit;
    } else if (!run.again && result.has_missing() && !result.missing().more() && run.report->error.ok()) {
      // The same seq without those rows, then those rows whole, then what came after.
      run.again.emplace();
      run.next_seq = result.applied_seq() + 1;
      Piece rest{sent.piece.operation, sent.piece.columns, {}};
      Piece whole{v1::OPERATION_INSERT, AllColumns(run.table->schema), {}};
      const auto& missing = result.missing().rows();
      for (std::uint32_t row = 0; row < sent.piece.rows.size(); ++row) {
        if (std::find(missing.begin(), missing.end(), row) == missing.end()) {
          rest.rows.push_back(sent.piece.rows[row]);
        } else {
          whole.rows.push_back(run.table->rows.at(KeyIn(run, sent.piece, row)));
        }
      }
      if (!rest.rows.empty()) run.again->push_back(std::move(rest));
      run.again->push_back(std::move(whole));
    } else if (run.again && absl::IsAborted(StatusOfResult(result))) {
      run.again->push_back(sent.piece);
    } else if (run.report->error.ok()) {
      run.report->error = StatusOfResult(result);
    }
    if (run.in_flight == 0 && run.again) {
      run.todo.insert(run.todo.begin(), std::make_move_iterator(run.again->begin()),
                      std::make_move_iterator(run.again->end()));
      run.again.reset();
    }
  }

  static Row KeyIn(const TableRun& run, const Piece& piece, std::uint32_t row) {
    Row key;
    for (const std::uint32_t index : run.table->schema.Key()) {
      const auto place = std::find(piece.columns.begin(), piece.columns.end(), index) - piece.columns.begin();
      key.push_back(piece.rows[row][static_cast<std::size_t>(place)]);
    }
    return key;
  }

  bool SendAdvance() {
    SentRequest request;
    for (TableRun& run : runs_) {
      if (!run.advance) continue;
      v1::Advance* advance = request.message.mutable_advance();
      EncodePosition(report_.target, advance->mutable_position());
      v1::Advance::Table* table = advance->add_tables();
      table->set_table(run.table->schema.name);
      table->set_base_lsn(run.base_lsn);
      request.advanced.push_back(&run);
    }
    return request.advanced.empty() || Send(std::move(request));
  }

  void Complete() {
    v1::ReplicationCompletedRequest request;
    request.set_cycle(report_.cycle);
    for (const TableRun& run : runs_) {
      if (run.report->batches == 0) continue;
      v1::TableSummary* summary = request.add_tables();
      summary->set_table(run.table->schema.name);
      summary->set_inserts(run.report->inserts);
      summary->set_updates(run.report->updates);
      summary->set_deletes(run.report->deletes);
      if (run.report->committed) summary->set_row_count(run.table->rows.size());
    }
    auto answer = Try<v1::ReplicationCompletedResponse>(
        [&](MirrorCalls& calls) { return calls.ReplicationCompleted(request); });
    if (!answer.ok()) {
      End(FakeCycleReport::End::kFailed, answer.status());
      return;
    }
    for (const v1::TableVerdict& verdict : answer->tables()) {
      for (auto& [name, table] : report_.tables) {
        if (SameName(name, verdict.table())) table.verdict = verdict;
      }
    }
    End(FakeCycleReport::End::kCompleted, absl::OkStatus());
  }

  FakeSource& source_;
  MirrorCalls* calls_;
  const FakeCycleOptions& options_;
  FakeCycleReport report_;
  FakeSource::Database snapshot_;
  std::deque<TableRun> runs_;
  std::uint64_t last_value_id_ = 0;
  std::unique_ptr<RowStream> stream_;
  std::deque<SentRequest> in_flight_;  ///< Of the stream.
};

FakeCycleReport FakeSource::RunCycle(MirrorCalls& calls, const FakeCycleOptions& options) {
  return FakeCycle(*this, calls, options).Run();
}

FakeCycleReport FakeSource::RunCycle(MirrorClient& client, const FakeCycleOptions& options) {
  ClientCalls calls(client);
  return RunCycle(calls, options);
}

}  // namespace mirror
