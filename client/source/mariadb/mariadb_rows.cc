#include "client/source/mariadb/mariadb_rows.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::uint64_t kNullSize = UINT64_MAX;

absl::Status SpoolFailed() {
  return absl::UnavailableError(
      absl::StrCat("keeping a table's rows in a temporary file: ", std::strerror(errno),
                   ". Nothing of the table is committed; make room, or set TMPDIR to another folder"));
}

template <typename Number>
bool ReadOne(std::FILE* file, Number* number) {
  return std::fread(number, sizeof *number, 1, file) == 1;
}

/// Limit per statement: a server accepts at least a megabyte.
constexpr std::size_t kKeysBytes = 256 * 1024;
constexpr std::size_t kKeysMax = 1'000;

std::string KeyLiterals(const KnownMariadbTable& known, const std::vector<std::uint32_t>& columns,
                        const Key& key) {
  std::vector<std::string> literals;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    literals.push_back(
        MariadbKeyLiteral(known.table.columns[columns[i]], known.schema.columns[columns[i]], key[i]));
  }
  return absl::StrJoin(literals, ", ");
}

using mariadb::Trouble;

std::string MayNotReadTable(const MariadbTable& table, const MariadbSource& place) {
  return absl::StrCat("the user ", place.grantee, " may not read all columns of table '", table.name, "'. ",
                      kNothingCommitted, ". Allow it: GRANT SELECT ON ", table.quoted, " TO ", place.grantee,
                      ", or leave the table out with 'skip'");
}

}  // namespace

absl::StatusOr<MariadbSpool> MariadbSpool::Make() {
  std::FILE* const file = std::tmpfile();
  if (file == nullptr) return SpoolFailed();
  return MariadbSpool(file);
}

absl::Status MariadbSpool::Add(const std::vector<std::string_view>& fields) {
  std::vector<std::uint64_t> sizes = {fields.size()};
  for (const std::string_view field : fields)
    sizes.push_back(field.data() == nullptr ? kNullSize : field.size());
  if (std::fwrite(sizes.data(), sizeof(std::uint64_t), sizes.size(), file_.get()) != sizes.size())
    return SpoolFailed();
  for (const std::string_view field : fields) {
    if (!field.empty() && std::fwrite(field.data(), 1, field.size(), file_.get()) != field.size())
      return SpoolFailed();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MariadbSpool::Step() {
  if (!is_read_) {
    if (std::fflush(file_.get()) != 0 || std::fseek(file_.get(), 0, SEEK_SET) != 0) return SpoolFailed();
    is_read_ = true;
  }
  std::uint64_t count = 0;
  if (!ReadOne(file_.get(), &count)) {
    if (std::ferror(file_.get()) != 0) return SpoolFailed();
    return false;
  }
  std::vector<std::uint64_t> sizes(count);
  std::size_t all = 0;
  for (std::uint64_t& size : sizes) {
    if (!ReadOne(file_.get(), &size)) return SpoolFailed();
    if (size != kNullSize) all += size;
  }
  // One extra byte, so that an empty field has data, too.
  row_.resize(all + 1);
  if (std::fread(row_.data(), 1, all, file_.get()) != all) return SpoolFailed();
  fields_.assign(count, std::string_view());
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (sizes[i] == kNullSize) continue;
    fields_[i] = std::string_view(row_).substr(at, sizes[i]);
    at += sizes[i];
  }
  return true;
}

MariadbLockWatch::MariadbLockWatch(std::shared_ptr<MariadbSessions> sessions, const std::string& quoted,
                                   std::uint64_t server_thread)
    : sessions_(std::move(sessions)),
      sql_(absl::StrCat("SELECT 1 FROM ", quoted, " LIMIT 0")),
      server_thread_(server_thread),
      thread_([this] { Run(); }) {}

MariadbLockWatch::~MariadbLockWatch() {
  {
    const MutexLock lock(mutex_);
    is_over_ = true;
  }
  over_.NotifyAll();
  thread_.join();
}

void MariadbLockWatch::Run() {
  // If the interval is that long, the reading ends before the first check.
  const auto interval = sessions_->access().yields_after;
  for (;;) {
    {
      const MutexLock lock(mutex_);
      const auto until = std::chrono::steady_clock::now() + interval;
      while (!is_over_ && std::chrono::steady_clock::now() < until) over_.WaitUntil(mutex_, until);
      if (is_over_) return;
    }
    if (!IsWaitedFor()) continue;
    has_ended_it_ = true;
    const absl::StatusOr<MariadbLease> lease = sessions_->Take(MariadbUse::kWatch);
    if (lease.ok() && (*lease)->KillOther(server_thread_).ok()) return;
  }
}

bool MariadbLockWatch::IsWaitedFor() const {
  const absl::StatusOr<MariadbLease> lease = sessions_->Take(MariadbUse::kWatch);
  if (!lease.ok()) return false;
  return mariadb::TroubleOf((*lease)->Execute(sql_)) == mariadb::Trouble::kLockTimeout;
}

namespace {

constexpr char kRowsDoing[] = "reading it";

}  // namespace

absl::StatusOr<std::unique_ptr<MariadbReading>> MariadbReading::Begin(const MariadbLook& look,
                                                                      const KnownMariadbTable& known) {
  if (look.is_over) return MovedTable(known.table.name);
  absl::StatusOr<MariadbLease> lease = look.sessions->Take(MariadbUse::kRows);
  if (!lease.ok()) return ExplainReading(lease.status(), known.table, look.place);
  std::unique_ptr<MariadbReading> reading(
      new MariadbReading(look.sessions, *std::move(lease), known.table, look.place));
  absl::Status started = reading->Start();
  if (started.ok() && look.note_snapshot) started = reading->TakeSnapshotPlace();
  if (!started.ok()) return reading->Explain(started);
  if (look.note_snapshot) look.note_snapshot(known, reading->snapshot_);
  return reading;
}

absl::Status MariadbReading::TakeSnapshotPlace() {
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection().Query(
          "SHOW STATUS WHERE Variable_name IN ('binlog_snapshot_file', 'binlog_snapshot_position')",
          kRowsDoing));
  ASSIGN_OR_RETURN(const std::int64_t server, connection().Number("SELECT @@global.server_id", kRowsDoing));
  // The file comes first, as the names are sorted.
  if (rows.rows() == 2) snapshot_ = absl::StrCat(rows.Text(0, 1), ":", rows.Text(1, 1), " ", server);
  return absl::OkStatus();
}

absl::Status MariadbReading::Start() {
  absl::Status begun =
      connection().Execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", kRowsDoing);
  // Takes the lock; fails if a column may not be read; reads no row. If the table was created again since the
  // snapshot, the first statement that reads rows reports it.
  if (begun.ok())
    begun = connection().Execute(absl::StrCat("SELECT * FROM ", table_.quoted, " LIMIT 0"), kRowsDoing);
  if (!begun.ok()) return begun;
  watch_.emplace(sessions_, table_.quoted, connection().server_thread());
  ASSIGN_OR_RETURN(const std::vector<MariadbTable> now, ReadMariadbTables(connection(), table_.name));
  if (now.size() != 1 || now.front() != table_) return MovedTable(table_.name);
  return absl::OkStatus();
}

MariadbReading::~MariadbReading() {
  watch_.reset();
  if (!lease_->IsOpen()) return;
  if (!lease_->Execute("ROLLBACK").ok()) lease_->Close();
}

absl::Status MariadbReading::Explain(const absl::Status& status) const {
  if (!status.ok() && watch_ && watch_->has_ended_it()) return LeftToOthers(table_.name);
  return ExplainReading(status, table_, place_);
}

void MariadbReading::Abandon() {
  watch_.reset();
  if (!lease_->IsOpen()) return;
  const absl::StatusOr<MariadbLease> other = sessions_->Take(MariadbUse::kWatch);
  // The server also detects the closed connection, but only when it sends the next row.
  if (other.ok()) (*other)->KillOther(lease_->server_thread()).IgnoreError();
}

MariadbSourceRows::MariadbSourceRows(std::shared_ptr<const MariadbLook> look,
                                     std::shared_ptr<const KnownMariadbTable> known, MariadbAsk ask)
    : ServerRows(std::move(look), known, ask,
                 MariadbRowDecoder(known->Announced(known->ToRead(ask.columns)))) {}

MariadbSourceRows::~MariadbSourceRows() { MariadbSourceRows::Close(); }

/// Closes in this order: the rows, their transaction, their session.
void MariadbSourceRows::Close() {
  if (stream_ && reading_ != nullptr) reading_->Abandon();
  stream_.reset();
  reading_.reset();
  spool_.reset();
}

std::string MariadbSourceRows::Sql(std::size_t with) const {
  std::vector<std::string> values;
  for (const std::uint32_t column : read_)
    values.push_back(ValueSql(known_->table.columns[column], known_->schema.columns[column]));
  // The query cache belongs to the application.
  const std::string select = absl::StrCat("SQL_NO_CACHE ", absl::StrJoin(values, ", "), " FROM ");
  const std::string table = absl::StrCat(known_->table.quoted, " AS t");
  std::string sql;
  if (with < ask_.with.size()) {
    sql =
        absl::StrCat(ask_.with[with], " SELECT STRAIGHT_JOIN ", select, "k JOIN ", table, " ON ", ask_.where);
  } else {
    sql = absl::StrCat("SELECT ", select, table, ask_.where.empty() ? "" : " WHERE ", ask_.where);
  }
  if (!ask_.behind.empty()) absl::StrAppend(&sql, " ", ask_.behind);
  return sql;
}

absl::Status MariadbSourceRows::Begin() {
  ASSIGN_OR_RETURN(reading_, MariadbReading::Begin(*look_, *known_));
  snapshot_ = reading_->snapshot();
  return absl::OkStatus();
}

absl::Status MariadbSourceRows::Send() {
  if (known_->table.HasSnapshots()) return absl::OkStatus();
  ASSIGN_OR_RETURN(MariadbSpool spool, MariadbSpool::Make());
  absl::StatusOr<bool> more = StepAtServer();
  for (; more.ok() && *more; more = StepAtServer()) {
    RETURN_IF_ERROR(spool.Add(stream_->fields()));
  }
  if (!more.ok()) return more.status();
  spool_.emplace(std::move(spool));
  reading_.reset();
  return absl::OkStatus();
}

absl::StatusOr<bool> MariadbSourceRows::Step() { return spool_ ? spool_->Step() : StepAtServer(); }

absl::Status MariadbSourceRows::Explain(const absl::Status& status) const {
  return reading_ == nullptr ? status : reading_->Explain(status);
}

/// Moves to the next row of all statements.
absl::StatusOr<bool> MariadbSourceRows::StepAtServer() {
  for (;;) {
    if (!stream_) {
      if (statements_ == std::max<std::size_t>(1, ask_.with.size())) return false;
      ASSIGN_OR_RETURN(mariadb::RowStream stream,
                       reading_->connection().Stream(Sql(statements_++), kRowsDoing));
      stream_.emplace(std::move(stream));
    }
    const absl::StatusOr<bool> more = stream_->Step();
    if (more.ok() && *more) return true;
    stream_.reset();
    if (!more.ok()) return more;
  }
}

absl::StatusOr<std::uint64_t> CountMariadbRows(const MariadbLook& look, const KnownMariadbTable& known,
                                               const std::string& where) {
  ASSIGN_OR_RETURN(std::unique_ptr<MariadbReading> reading, MariadbReading::Begin(look, known));
  const absl::StatusOr<std::int64_t> count =
      reading->connection().Number(absl::StrCat("SELECT COUNT(*) FROM ", known.table.quoted, " AS t",
                                                where.empty() ? "" : " WHERE ", where),
                                   "counting its rows");
  if (!count.ok()) return (reading)->Explain(count.status());
  return static_cast<std::uint64_t>(*count);
}

absl::StatusOr<SourceReader::ColumnFacts> LookAtMariadbColumn(
    const std::shared_ptr<const MariadbLook>& look, const std::shared_ptr<const KnownMariadbTable>& known,
    std::uint32_t column) {
  const MariadbValueForm form = MariadbFormOf(known->schema.columns[column]);
  const bool has_own_order = form == MariadbValueForm::kInteger || form == MariadbValueForm::kDecimal ||
                             form == MariadbValueForm::kDate || form == MariadbValueForm::kTimestamp ||
                             form == MariadbValueForm::kReal;
  if (known->steps || !has_own_order) return FactsByValues<MariadbSourceRows>(look, known, column);
  ASSIGN_OR_RETURN(const std::string quoted, mariadb::QuotedName(known->table.columns[column].name));
  // IS NULL would also be true for 0000-00-00.
  const std::string is_null = absl::StrCat("t.", quoted, " <=> NULL");
  return FactsByOrder<MariadbSourceRows>(
      look, known, column,
      [&](const char* direction) {
        return MariadbAsk{{column},
                          absl::StrCat("NOT (", is_null, ")"),
                          absl::StrCat("ORDER BY t.", quoted, " ", direction, " LIMIT 1")};
      },
      [&] { return CountMariadbRows(*look, *known, is_null); });
}

MariadbAsk AskForMariadbKeys(const KnownMariadbTable& known, std::vector<std::uint32_t> columns,
                             const std::vector<Key>& keys) {
  const std::vector<std::uint32_t> key_columns = known.schema.Key();
  std::vector<std::string> names, terms;
  for (std::size_t i = 0; i < key_columns.size(); ++i) {
    names.push_back(absl::StrCat("k", i));
    terms.push_back(absl::StrCat(
        MariadbKeyTerm(known.table.columns[key_columns[i]], known.schema.columns[key_columns[i]]), " = k.k",
        i));
  }
  MariadbAsk ask{std::move(columns)};
  ask.where = absl::StrJoin(terms, " AND ");
  const std::string begin = absl::StrCat("WITH k(", absl::StrJoin(names, ", "), ") AS (VALUES ");
  std::string with = begin;
  std::size_t count = 0;
  for (const Key& key : keys) {
    if (count == kKeysMax || with.size() > kKeysBytes) {
      ask.with.push_back(with + ")");
      with = begin;
      count = 0;
    }
    absl::StrAppend(&with, count++ == 0 ? "" : ", ", "(", KeyLiterals(known, key_columns, key), ")");
  }
  if (count > 0) ask.with.push_back(with + ")");
  return ask;
}

std::unique_ptr<ValueRows> RowsOfMariadbKeys(std::shared_ptr<const MariadbLook> look,
                                             std::shared_ptr<const KnownMariadbTable> known,
                                             std::vector<std::uint32_t> read, WantedKeys keys) {
  if (keys->empty()) return nullptr;
  MariadbAsk ask = AskForMariadbKeys(*known, std::move(read), *keys);
  return std::make_unique<MariadbSourceRows>(std::move(look), std::move(known), std::move(ask));
}

absl::Status ExplainReading(const absl::Status& status, const MariadbTable& table,
                            const MariadbSource& place) {
  switch (mariadb::TroubleOf(status)) {
    case Trouble::kUndefined:
    case Trouble::kMoved:
      return MovedTable(table.name);
    case Trouble::kLockTimeout:
      return LockedTable(table.name);
    case Trouble::kDenied:
      return absl::PermissionDeniedError(MayNotReadTable(table, place));
    case Trouble::kLost:
    case Trouble::kNotReady:
    case Trouble::kTooMany:
    case Trouble::kNotLetIn:
    case Trouble::kCancelled:
      return LostWhileReading(table.name, status);
    default:
      break;
  }
  if (status.ok() || mariadb::TroubleOf(status) == Trouble::kNone) return status;
  return WhileReading(table.name, status);
}

std::string WhyUnreadable(const MariadbTable& table, const MariadbSource& place) {
  if (table.engine.empty()) {
    return absl::StrCat("the server cannot open table '", table.name,
                        "'. Nothing of it is sent: check it there with CHECK TABLE ", table.quoted,
                        ", or leave it out with 'skip'");
  }
  const bool readable = std::all_of(table.columns.begin(), table.columns.end(),
                                    [](const MariadbColumn& column) { return column.readable; });
  return readable && !table.has_gaps ? "" : MayNotReadTable(table, place);
}

}  // namespace mirror
