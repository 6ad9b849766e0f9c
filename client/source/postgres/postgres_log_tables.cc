#include "client/source/postgres/postgres_log_tables.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/publication.h"
#include "client/source/postgres/replication_slot.h"
#include "client/source/postgres/text_values.h"
#include "client/source/source_log.h"

namespace mirror {
namespace {

constexpr std::size_t kLinesOfTable = 4;

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string_view FirstWord(std::string_view line) { return line.substr(0, line.find(' ')); }

/// A column's line: its own part, and after a tab the description of its type.
struct PrintedColumn {
  std::string_view own, type;
  /// Returns "d", "g" or "-", after number, type, modifier and xmin.
  std::string_view flag() const {
    const std::vector<std::string_view> words = Split(own, ' ');
    return words.size() < 5 ? std::string_view() : words[4];
  }
};

std::map<int, PrintedColumn> PrintedColumns(const std::vector<std::string_view>& lines) {
  std::map<int, PrintedColumn> columns;
  for (std::size_t i = kLinesOfTable; i < lines.size(); ++i) {
    const std::string_view number = FirstWord(lines[i]);
    int attnum = 0;
    std::from_chars(number.data(), number.data() + number.size(), attnum);
    const std::size_t tab = std::min(lines[i].find('\t'), lines[i].size());
    columns[attnum] = {lines[i].substr(0, tab), lines[i].substr(std::min(tab + 1, lines[i].size()))};
  }
  return columns;
}

/// Whether everything is still there, and only labels of enums are new.
bool OnlyGotLabels(std::string_view before, std::string_view after) {
  std::vector<std::string_view> old = Split(before, ' '), now = Split(after, ' ');
  std::sort(old.begin(), old.end());
  std::sort(now.begin(), now.end());
  if (!std::includes(now.begin(), now.end(), old.begin(), old.end())) return false;
  std::vector<std::string_view> added;
  std::set_difference(now.begin(), now.end(), old.begin(), old.end(), std::back_inserter(added));
  return std::all_of(added.begin(), added.end(),
                     [](std::string_view word) { return word.substr(0, 1) == "e"; });
}

/// `rewritten`: an added column may have values that the catalogs no longer know.
bool InPlace(const std::map<int, PrintedColumn>& before, const std::map<int, PrintedColumn>& after,
             bool rewritten) {
  for (const auto& [number, column] : after) {
    const auto was = before.find(number);
    if (was == before.end()) {
      // A lower number existed before, and was generated.
      if (!before.empty() && number < before.rbegin()->first) return false;
      // A generated column is not mirrored.
      if (column.flag() != "g" && (rewritten || column.flag() != "-")) return false;
    } else if (was->second.own != column.own || !OnlyGotLabels(was->second.type, column.type)) {
      return false;
    }
  }
  return true;
}

/// Returns whether a partition's rows were rewritten. It may have been UNLOGGED for a while, which its
/// definition no longer shows, and which PostgreSQL only refuses for a table that is in a publication itself.
/// A TRUNCATE looks the same.
bool PartitionsWereRewritten(std::string_view before, std::string_view after) {
  // The first file is the table's own; a partitioned table has none.
  const bool has_partitions = before.find(' ') != std::string_view::npos;
  return before != after && (has_partitions || after.find(' ') != std::string_view::npos);
}

constexpr int kRenewalsMax = 5;
constexpr std::chrono::milliseconds kLookAgain{20};
/// For a table whose staging was begun and not completed.
constexpr std::uint64_t kWaitsUnknown = UINT64_MAX;

absl::Status NotPublished(const std::string& table) {
  return NeedsInstall(absl::FailedPreconditionError(absl::StrCat(
      "table '", table,
      "' is not in the source's publication, so that its changes are not logged. Nothing of it was "
      "sent. Run 'mirror-agent install', which adds it; as a role that does not own it, ",
      kInstallForOwner)));
}

absl::Status NotLogged(const std::string& table, const std::string& why) {
  return absl::FailedPreconditionError(
      absl::StrCat("table '", table, "': ", why,
                   ", so that its changes cannot be read from the log. Nothing of "
                   "it was sent; the next run finds them by comparing"));
}

/// Also true if the table was left for the next run.
bool Waits(const PostgresLogTables::Table& table) { return table.id != 0 && table.waits_for != 0; }
bool IsWaiting(const PostgresLogTables::Table& table) { return table.trouble.ok() && Waits(table); }

}  // namespace

std::optional<PostgresSnapshot> PostgresSnapshot::Parse(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  PostgresSnapshot snapshot;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &snapshot.xmin_) ||
      !absl::SimpleAtoi(parts[1], &snapshot.xmax_)) {
    return std::nullopt;
  }
  for (const absl::string_view one : absl::StrSplit(parts[2], ',', absl::SkipEmpty())) {
    if (!absl::SimpleAtoi(one, &snapshot.open_.emplace_back())) return std::nullopt;
  }
  std::sort(snapshot.open_.begin(), snapshot.open_.end());
  return snapshot;
}

std::uint64_t PostgresSnapshot::Whole(std::uint64_t xid) const {
  constexpr std::uint64_t kEpoch = std::uint64_t{1} << 32, kHalf = kEpoch / 2;
  std::uint64_t whole = (xmax_ & ~(kEpoch - 1)) | (xid & (kEpoch - 1));
  if (whole > xmax_ + kHalf && whole >= kEpoch) whole -= kEpoch;
  if (whole + kHalf < xmax_) whole += kEpoch;
  return whole;
}

bool PostgresSnapshot::Sees(std::uint64_t xid) const {
  const std::uint64_t whole = Whole(xid);
  if (whole < xmin_) return true;
  return whole < xmax_ && !std::binary_search(open_.begin(), open_.end(), whole);
}

TableMove CompareFingerprints(std::string_view before, std::string_view after) {
  if (before == after) return TableMove::kNone;
  const std::vector<std::string_view> old = Split(before, '\n'), now = Split(after, '\n');
  if (old.size() < kLinesOfTable || now.size() < kLinesOfTable) return TableMove::kKey;
  if (FirstWord(old[0]) != FirstWord(now[0]) || old[1] != now[1]) return TableMove::kKey;
  if (old[0] != now[0] || old[2] != now[2] || PartitionsWereRewritten(old[3], now[3]))
    return TableMove::kRows;
  return InPlace(PrintedColumns(old), PrintedColumns(now), old[3] != now[3]) ? TableMove::kInPlace
                                                                             : TableMove::kRows;
}

bool InTheSameFiles(std::string_view before, std::string_view after) {
  const std::vector<std::string_view> old = Split(before, '\n'), now = Split(after, '\n');
  return old.size() >= kLinesOfTable && now.size() >= kLinesOfTable && old[3] == now[3];
}

bool PublishedTheSame(std::string_view before, std::string_view after) {
  return Split(before, '\n').front() == Split(after, '\n').front();
}

std::string ToString(const StagedTableNote& note) {
  const std::string emptied = note.emptied_lsn == 0 ? "" : absl::StrCat(" ", note.emptied_lsn);
  return absl::StrCat(note.waits_for, " ", note.waits_since_ms, emptied, "\n", absl::StrJoin(note.added, " "),
                      "\n", note.fingerprint);
}

StagedTableNote ParseStagedTableNote(const std::string& text) {
  StagedTableNote note;
  const std::vector<std::string> lines = absl::StrSplit(text, absl::MaxSplits('\n', 2));
  if (lines.size() != 3) return note;
  const std::vector<std::string> waits = absl::StrSplit(lines[0], ' ');
  if (!absl::SimpleAtoi(waits.front(), &note.waits_for)) note.waits_for = 0;
  if (waits.size() < 2 || !absl::SimpleAtoi(waits[1], &note.waits_since_ms)) note.waits_since_ms = 0;
  if (waits.size() < 3 || !absl::SimpleAtoi(waits[2], &note.emptied_lsn)) note.emptied_lsn = 0;
  for (const absl::string_view word : absl::StrSplit(lines[1], ' ', absl::SkipEmpty())) {
    std::int64_t number = 0;
    if (absl::SimpleAtoi(word, &number)) note.added.insert(number);
  }
  note.fingerprint = lines[2];
  return note;
}

PostgresLogTables::Table* PostgresLogTables::Find(const std::string& name) {
  const auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : &found->second;
}

PostgresLogTables::Table* PostgresLogTables::FindById(std::int64_t id) {
  for (auto& [name, table] : tables_) {
    if (table.catalog.table.oid == id) return &table;
  }
  return nullptr;
}

absl::StatusOr<std::map<std::int64_t, StagedTable>> PostgresLogTables::StagedTables() {
  ASSIGN_OR_RETURN(std::vector<StagedTable> all, stage().Tables());
  std::map<std::int64_t, StagedTable> by_id;
  for (StagedTable& table : all) by_id[table.id] = std::move(table);
  return by_id;
}

absl::StatusOr<StagedTable> PostgresLogTables::StagedOf(const Table& table) {
  ASSIGN_OR_RETURN(auto all, StagedTables());
  const auto found = all.find(table.id);
  if (found == all.end()) {
    return absl::AbortedError(absl::StrCat("table '", table.catalog.table.name, "' is not staged any more"));
  }
  return std::move(found->second);
}

void PostgresLogTables::NoteFloor(Table& table) {
  const absl::StatusOr<StagedTable> staged = StagedOf(table);
  table.floor_before = staged.ok() ? std::optional(staged->floor) : std::nullopt;
}

absl::StatusOr<PostgresSnapshot> PostgresLogTables::SnapshotOfNow() {
  ASSIGN_OR_RETURN(postgres::Lease session, sessions_->Take());
  ASSIGN_OR_RETURN(const postgres::Rows rows,
                   session->Query(kPostgresSnapshotSql, {}, "asking which transactions are open"));
  if (rows.Bool(0, 1)) return StandbyAnswered();
  const std::optional<PostgresSnapshot> snapshot = PostgresSnapshot::Parse(rows.Text(0, 0));
  if (!snapshot) return absl::InternalError("the source's snapshot cannot be read");
  return *snapshot;
}

void PostgresLogTables::ForgetSnapshots() {
  for (auto& [name, table] : tables_) {
    table.snapshots.clear();
    table.begun = false;
    table.logged_to.reset();
  }
}

absl::StatusOr<std::map<std::string, std::string>> PostgresLogTables::Unlogged() {
  ASSIGN_OR_RETURN(postgres::Lease session, sessions_->Take());
  postgres::Pipeline pipeline(*session);
  const PostgresTableQueries queries(options_.schema);
  queries.Queue(pipeline);
  ASSIGN_OR_RETURN(const std::vector<postgres::Rows> rows, pipeline.Run());
  ASSIGN_OR_RETURN(const std::vector<PostgresTable> tables, queries.Take(rows));
  std::map<std::string, std::string> unlogged;
  for (const PostgresTable& table : tables) {
    std::string why = WhyUnpublishable(table);
    if (!why.empty()) unlogged[table.name] = std::move(why);
  }
  return unlogged;
}

absl::StatusOr<std::vector<std::string>> PostgresLogTables::Renew(const std::vector<std::string>& tables,
                                                                  std::optional<StageMark>* marker) {
  is_fresh_ = marker->has_value();
  std::vector<std::string> sentences = staging_->TakeNews();
  for (int i = 0; i < kRenewalsMax; ++i) {
    ASSIGN_OR_RETURN(const bool done, RenewOnce(tables, marker, &sentences));
    if (done) return sentences;
  }
  return absl::UnavailableError(
      "the definitions of the source's tables changed again and again while its log was read. Nothing was "
      "sent; "
      "run again when they no longer change");
}

absl::StatusOr<bool> PostgresLogTables::RenewOnce(const std::vector<std::string>& tables,
                                                  std::optional<StageMark>* marker,
                                                  std::vector<std::string>* sentences) {
  RETURN_IF_ERROR(TakeCatalog(tables));
  Renewal renewal;
  RETURN_IF_ERROR(FindChanges(&renewal));
  if (!is_fresh_) return true;
  RETURN_IF_ERROR(DropOthers());
  RETURN_IF_ERROR(SetStreamed());
  if (renewal.fresh.empty() && renewal.changed.empty()) {
    RETURN_IF_ERROR(WaitForOpen());
    return true;
  }
  RETURN_IF_ERROR(RaiseRenewed(renewal));
  // The second read confirms it: changes written until now used the definitions of the first.
  const std::shared_ptr<const LogCatalog> before = catalog_;
  RETURN_IF_ERROR(ReadCatalog());
  if (catalog_ != before) return false;
  RETURN_IF_ERROR(KeepRenewed(renewal, sentences));
  RETURN_IF_ERROR(WaitForOpen());
  RETURN_IF_ERROR(SetStreamed());
  ASSIGN_OR_RETURN(*marker, staging_->StageToMarker(options_.stop));
  return true;
}

absl::Status PostgresLogTables::ReadCatalog() {
  ASSIGN_OR_RETURN(postgres::Lease session, sessions_->Take());
  ASSIGN_OR_RETURN(catalog_, staging_->Look(*session, options_.schema));
  return absl::OkStatus();
}

absl::Status PostgresLogTables::TakeCatalog(const std::vector<std::string>& tables) {
  RETURN_IF_ERROR(ReadCatalog());
  if (catalog_->facts == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the publication '", staging_->options().publication,
                     "' no longer exists. Nothing was sent. Run 'mirror-agent install', which creates it "
                     "again; as a role that does not own the tables, ",
                     kInstallForOwner));
  }
  if (const std::string why = WhyUnusable(*catalog_->facts); !why.empty())
    return absl::FailedPreconditionError(why);
  std::map<std::string, Table> before = std::exchange(tables_, {});
  for (const std::string& name : tables) {
    Table table;
    if (const auto had = before.find(name); had != before.end()) table = std::move(had->second);
    table.id = 0;
    table.trouble = absl::OkStatus();
    const auto found = catalog_->tables.find(name);
    if (found == catalog_->tables.end()) {
      table.catalog = {};
      table.catalog.table.name = name;
      table.trouble = NotPublished(name);
    } else {
      table.catalog = found->second;
      if (!table.catalog.why_not.empty()) table.trouble = NotLogged(name, table.catalog.why_not);
    }
    tables_[name] = std::move(table);
  }
  return absl::OkStatus();
}

absl::Status PostgresLogTables::SetNote(const Table& table, std::set<std::int64_t> added,
                                        std::string fingerprint) {
  StagedTable staged;
  staged.id = table.catalog.table.oid;
  staged.name = table.catalog.table.name;
  staged.key = table.catalog.table.key;
  staged.fingerprint = ToString(
      {table.waits_for, table.waits_since_ms, std::move(added), std::move(fingerprint), table.emptied_lsn});
  return stage().SetTable(staged);
}

absl::Status PostgresLogTables::FindChanges(Renewal* renewal) {
  ASSIGN_OR_RETURN(const auto staged, StagedTables());
  for (auto& [name, table] : tables_) {
    if (!table.trouble.ok()) continue;
    const auto found = staged.find(table.catalog.table.oid);
    const StagedTable* const known = found == staged.end() ? nullptr : &found->second;
    RETURN_IF_ERROR(FindChange(table, known, renewal));
  }
  return absl::OkStatus();
}

/// Notes columns that were NULL in all rows when they were added; for another column a comparison follows.
void PostgresLogTables::NoteAdded(const std::string& fingerprint, Table* table) {
  const std::set<std::int64_t> before = ColumnsOfFingerprint(fingerprint);
  for (const PostgresColumn& column : table->catalog.table.columns) {
    if (!before.contains(column.number) && !column.missing) table->added.insert(column.number);
  }
}

absl::Status PostgresLogTables::FindChange(Table& table, const StagedTable* staged, Renewal* renewal) {
  if (staged == nullptr && !is_fresh_) return absl::OkStatus();
  const std::string& now = table.catalog.fingerprint;
  table.id = table.catalog.table.oid;
  StagedTableNote note;
  if (staged != nullptr) note = ParseStagedTableNote(staged->fingerprint);
  table.waits_for = note.waits_for;
  table.waits_since_ms = note.waits_since_ms;
  table.added = note.added;
  table.emptied_lsn = note.emptied_lsn;
  if (!is_fresh_) return absl::OkStatus();
  // A table that was published differently for a while counts as new: changes of a transaction that is still
  // open are missing in the log for that time.
  const bool waits =
      staged == nullptr || note.waits_for == kWaitsUnknown || !PublishedTheSame(note.fingerprint, now);
  const TableMove move = waits ? TableMove::kKey : CompareFingerprints(note.fingerprint, now);
  if (move == TableMove::kNone) return absl::OkStatus();
  if (move != TableMove::kInPlace) {
    (waits ? renewal->fresh : renewal->changed).insert(table.catalog.table.name);
    if (move == TableMove::kRows && InTheSameFiles(note.fingerprint, now)) {
      NoteAdded(note.fingerprint, &table);
    } else {
      table.added.clear();
    }
    // Changes staged after a TRUNCATE may no longer be all rows; rows from before it are deleted in any
    // case.
    const bool same_log = staged != nullptr && !waits;
    table.emptied_lsn = same_log ? std::max(table.emptied_lsn, staged->truncated_lsn) : 0;
    return GiveUp(table, staged == nullptr, waits);
  }
  NoteAdded(note.fingerprint, &table);
  return SetNote(table, table.added, now);
}

/// Discards the staged changes of a table whose definition changed before the new one is stored; until this
/// is complete the table has no definition.
absl::Status PostgresLogTables::GiveUp(Table& table, bool is_new, bool waits) {
  if (waits) table.waits_for = kWaitsUnknown;
  if (waits && table.waits_since_ms == 0) table.waits_since_ms = NowMs();
  if (!is_new) {
    ASSIGN_OR_RETURN(const std::int64_t place, stage().Place());
    RETURN_IF_ERROR(stage().RaiseFloor(table.id, place + 1, "its definition changed"));
  }
  return SetNote(table, {}, "");
}

absl::Status PostgresLogTables::DropOthers() {
  ASSIGN_OR_RETURN(const auto staged, StagedTables());
  for (const auto& [id, table] : staged) {
    const Table* const known = FindById(id);
    if (known != nullptr && known->id != 0) continue;
    RETURN_IF_ERROR(stage().DropTable(id));
  }
  return absl::OkStatus();
}

absl::Status PostgresLogTables::SetStreamed() {
  ASSIGN_OR_RETURN(const auto staged, StagedTables());
  StreamedTables all;
  for (const auto& [name, table] : catalog_->tables) {
    const auto found = staged.find(table.table.oid);
    if (found == staged.end() || !table.why_not.empty()) continue;
    for (const auto& [oid, streamed] : table.logged) {
      StreamedTable& one = all[oid] = streamed;
      one.floor = found->second.floor;
    }
  }
  staging_->SetTables(std::move(all));
  return absl::OkStatus();
}

/// Adopts the tables that an earlier process staged, with the present definitions: rows written with others
/// do not fit, and Renew() finds these tables.
absl::Status PostgresLogTables::KnowStaged() {
  RETURN_IF_ERROR(ReadCatalog());
  return SetStreamed();
}

absl::Status PostgresLogTables::RaiseRenewed(const Renewal& renewal) {
  ASSIGN_OR_RETURN(const StageMark marker, staging_->StageToMarker(options_.stop));
  for (const auto* const names : {&renewal.fresh, &renewal.changed}) {
    for (const std::string& name : *names) {
      RETURN_IF_ERROR(
          stage().RaiseFloor(tables_.at(name).id, marker.lsn,
                             names == &renewal.fresh ? "it is new in the log" : "its definition changed"));
    }
  }
  return absl::OkStatus();
}

absl::Status PostgresLogTables::KeepRenewed(const Renewal& renewal, std::vector<std::string>* sentences) {
  std::uint64_t open_below = 0;
  if (!renewal.fresh.empty()) {
    ASSIGN_OR_RETURN(const PostgresSnapshot now, SnapshotOfNow());
    open_below = now.xmax();
  }
  for (const auto* const names : {&renewal.fresh, &renewal.changed}) {
    for (const std::string& name : *names) {
      Table& table = tables_.at(name);
      if (names == &renewal.fresh) table.waits_for = open_below;
      RETURN_IF_ERROR(SetNote(table, table.added, table.catalog.fingerprint));
    }
  }
  if (!renewal.changed.empty()) {
    sentences->push_back(absl::StrCat("the definition of ", Counted(renewal.changed.size(), "table"),
                                      " changed, so the changes read from the log before do not count: each "
                                      "such table is compared with the mirror, or populated: ",
                                      ListNames({renewal.changed.begin(), renewal.changed.end()}, 10)));
  }
  return absl::OkStatus();
}

/// Changes that a transaction wrote before its table was in the publication are not in the log, and as long
/// as it is open, not in a snapshot either.
absl::Status PostgresLogTables::WaitForOpen() {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.snapshot_wait_ms);
  while (std::any_of(tables_.begin(), tables_.end(), [](const auto& one) { return IsWaiting(one.second); })) {
    ASSIGN_OR_RETURN(const PostgresSnapshot now, SnapshotOfNow());
    bool all = true;
    RETURN_IF_ERROR(TakeWaiting(now, &all));
    if (all) break;
    if (options_.stop != nullptr && *options_.stop) return absl::CancelledError("the agent was stopped");
    if (std::chrono::steady_clock::now() >= until) {
      LetWait();
      break;
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return absl::OkStatus();
}

/// Takes the tables whose transactions have ended; `all`: no table waits any more.
absl::Status PostgresLogTables::TakeWaiting(const PostgresSnapshot& now, bool* all) {
  for (auto& [name, table] : tables_) {
    if (!IsWaiting(table)) continue;
    if (now.xmin() < table.waits_for) {
      *all = false;
      continue;
    }
    table.waits_for = 0;
    table.waits_since_ms = 0;
    RETURN_IF_ERROR(SetNote(table, table.added, table.catalog.fingerprint));
  }
  return absl::OkStatus();
}

/// Leaves them for the next run.
void PostgresLogTables::LetWait() {
  std::string open;
  if (absl::StatusOr<postgres::Lease> session = sessions_->Take(); session.ok())
    open = OpenTransactions(**session);
  for (auto& [name, table] : tables_) {
    if (!IsWaiting(table)) continue;
    table.trouble = absl::UnavailableError(absl::StrCat(
        "table '", name, "' is new in the log, and open transactions may have written to it before",
        open.empty() ? "" : absl::StrCat(": ", open),
        ". Nothing of it was sent; the next run sends it when they have ended"));
  }
}

std::int64_t PostgresLogTables::WaitedMs(std::int64_t now_ms) const {
  std::int64_t waited = 0;
  for (const auto& [name, table] : tables_) {
    if (Waits(table)) waited = std::max(waited, now_ms - table.waits_since_ms);
  }
  return waited;
}

/// Sets the value that a mirror without the column gets for existing rows.
void PostgresLogTables::SetBackfill(const Table& table, const PostgresColumn& own, Column* column) const {
  // Rows that are not staged have NULL there.
  if (table.added.contains(own.number)) column->backfill = Backfill::kNone;
  if (table.added.contains(own.number) ||
      (options_.turns && options_.turns(table.catalog.table.name, own.name)))
    return;
  // The table is compared, which finds other values.
  if (std::optional<Literal> literal = MissingLiteral(own, *column)) {
    column->default_value = *std::move(literal);
    column->backfill = Backfill::kDefault;
  }
}

bool PostgresLogTables::Complete(TableSchema& schema) {
  Table* const table = Find(schema.name);
  if (table == nullptr) return false;
  table->schema = schema;
  if (!table->trouble.ok()) return true;
  const std::vector<PostgresColumn>& columns = table->catalog.table.columns;
  const bool is_same =
      schema.table_id == table->catalog.table.oid && columns.size() == schema.columns.size() &&
      std::equal(
          columns.begin(), columns.end(), schema.columns.begin(), [](const auto& own, const Column& column) {
            return static_cast<std::uint64_t>(own.number) == column.column_id && own.name == column.name;
          });
  if (!is_same) return false;
  for (std::size_t i = 0; i < columns.size(); ++i) SetBackfill(*table, columns[i], &schema.columns[i]);
  return true;
}

}  // namespace mirror
