#include "client/source/postgres/postgres_rows.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/pipeline.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_key.h"

namespace mirror {
namespace {

constexpr char kHolding[] = "keeping one moment for all tables";
/// The server's limit, counted from the last statement: a reading that began in time still finds the moment.
constexpr std::chrono::minutes kServerWaits = PostgresMoment::kKeptFor + std::chrono::minutes(2);

bool IsSnapshotName(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char letter) {
    return std::isxdigit(letter) != 0 || letter == '-';
  });
}

bool HasOwnOrder(const PostgresColumn& column, const Column& announced) {
  const PostgresValueForm form = FormOf(column, announced);
  return announced.type == Type::kDecimal || form == PostgresValueForm::kInteger ||
         form == PostgresValueForm::kOid || form == PostgresValueForm::kDate ||
         form == PostgresValueForm::kTime || form == PostgresValueForm::kTimestamp ||
         form == PostgresValueForm::kReal;
}

/// Rows of keys, and rows whose keys PostgreSQL considers equal.
class PostgresRowsOfKeys : public ValueRows {
 public:
  PostgresRowsOfKeys(std::shared_ptr<const PostgresLook> look,
                     std::shared_ptr<const KnownPostgresTable> known, std::vector<std::uint32_t> columns,
                     WantedKeys keys)
      : look_(std::move(look)),
        known_(std::move(known)),
        key_(known_->schema.Key()),
        read_(std::move(columns)),
        keys_(std::move(keys)) {
    Ask(/*by_text=*/false);
  }

  absl::StatusOr<bool> Next() override {
    absl::StatusOr<bool> more = rows_->Next();
    // A key of the mirror need not be a valid value in the source, for example a renamed label of an
    // enum.
    const bool is_none = postgres::TroubleOf(more.status()) == postgres::Trouble::kValue;
    if (!is_none || by_text_) return more;
    // Rows that were already found are given again.
    Ask(/*by_text=*/true);
    return rows_->Next();
  }
  const std::vector<Value>& values() const override { return rows_->values(); }

 private:
  /// `by_text`: compares the text of a key, whatever it is, with the row's text.
  void Ask(bool by_text) {
    by_text_ = by_text;
    std::vector<std::string> arrays, names, terms;
    std::vector<postgres::Array> values;
    for (std::size_t i = 0; i < key_.size(); ++i) {
      const PostgresColumn& column = known_->table.columns[key_[i]];
      const Column& announced = known_->schema.columns[key_[i]];
      const std::string part = absl::StrCat("k.k", i);
      names.push_back(absl::StrCat("k", i));
      arrays.push_back(absl::StrCat("$", i + 1, "::text[]"));
      const bool is_text = FormOf(column, announced) == PostgresValueForm::kText;
      terms.push_back(by_text && is_text
                          ? absl::StrCat("format('%s', t.", QuoteName(column.name), ") = ", part)
                          : absl::StrCat("t.", QuoteName(column.name), " ", OperatorOf(i), " ", part,
                                         "::", column.type_name));
      postgres::Array& texts = values.emplace_back(postgres::Type::kText);
      for (const Key& key : *keys_) texts.Add(TextOfKeyPart(announced, key[i]));
    }
    PostgresAsk ask{read_};
    ask.join =
        absl::StrCat("unnest(", absl::StrJoin(arrays, ", "), ") AS k(", absl::StrJoin(names, ", "), ") JOIN");
    ask.where = absl::StrJoin(terms, " AND ");
    rows_.emplace(look_, known_, std::move(ask));
    rows_->Bind(std::move(values));
  }

  /// In the form of the key's own index, so that it can be used.
  std::string OperatorOf(std::size_t part) const {
    const std::vector<std::string>& operators = known_->table.key_operators;
    return part < operators.size() ? operators[part] : "=";
  }

  const std::shared_ptr<const PostgresLook> look_;
  const std::shared_ptr<const KnownPostgresTable> known_;
  const std::vector<std::uint32_t> key_, read_;
  const WantedKeys keys_;
  std::optional<PostgresSourceRows> rows_;
  bool by_text_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresMoment>> PostgresMoment::Hold(
    std::shared_ptr<PostgresSessions> sessions) {
  ASSIGN_OR_RETURN(std::unique_ptr<SourceReading> reading, SourceReading::Make(std::move(sessions)));
  std::unique_ptr<PostgresMoment> moment(new PostgresMoment(std::move(reading)));
  moment->begun_ = std::chrono::steady_clock::now();
  postgres::Pipeline pipeline(moment->reading_->connection());
  moment->reading_->Begin(pipeline);
  pipeline.Queue(absl::StrCat("SET LOCAL idle_in_transaction_session_timeout TO '",
                              std::chrono::duration_cast<std::chrono::seconds>(kServerWaits).count(), "s'"),
                 {}, kHolding);
  // Older servers do not know it.
  pipeline.Queue("SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'", {},
                 kHolding);
  const int named = pipeline.Queue("SELECT pg_export_snapshot()", {}, kHolding);
  ASSIGN_OR_RETURN(const std::vector<postgres::Rows> rows, pipeline.Run());
  moment->snapshot_ = rows[static_cast<std::size_t>(named)].Text(0, 0);
  if (!IsSnapshotName(moment->snapshot_)) return absl::InternalError("the source's snapshot has no name");
  return moment;
}

absl::Status PostgresMoment::Explain(absl::Status status) {
  const absl::StatusOr<std::int64_t> there =
      reading_->connection().Number("SELECT 1", {}, "checking whether the snapshot is kept");
  if (there.ok()) return status;
  return absl::UnavailableError(
      "the source's server ended the transaction that holds the snapshot for all tables (a restart, "
      "pg_terminate_backend, or a transaction timeout that is set for the role or the database). Tables that "
      "were already committed stay committed; the next run reads the rest");
}

namespace {

constexpr char kPostgresRowsDoing[] = "reading it";
constexpr std::uint64_t kRowsBetweenLooks = 64;

PostgresRowDecoder DecoderOf(const KnownPostgresTable& known, const std::vector<std::uint32_t>& columns) {
  std::vector<PostgresValueForm> forms;
  for (const std::uint32_t column : columns)
    forms.push_back(FormOf(known.table.columns[column], known.schema.columns[column]));
  return {std::move(forms), known.Announced(columns)};
}

/// Reads the file numbers of its rows. If they differ from a snapshot's, the table was emptied or rewritten
/// after it, and the snapshot does not see the former rows.
int QueueFiles(postgres::Pipeline& pipeline, std::uint32_t oid) {
  return pipeline.Queue(
      "SELECT coalesce(string_agg(concat(c.oid, ' ', c.relfilenode), ',' ORDER BY c.oid), '') FROM pg_class "
      "c "
      "WHERE c.oid = $1::oid OR c.oid IN (SELECT relid FROM pg_partition_tree($1::oid::regclass))",
      {postgres::Value(static_cast<std::int64_t>(oid))}, kPostgresRowsDoing);
}

/// Compares the locked table with its state in an earlier moment.
absl::Status CheckSinceMoment(const PostgresLook& look, const PostgresTable& table,
                              const std::string& files) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SourceReading> now, SourceReading::Make(look.sessions));
  postgres::Pipeline pipeline(now->connection());
  const PostgresTableQueries queries(look.schema, table.oid);
  now->Begin(pipeline);
  const int at = QueueFiles(pipeline, table.oid);
  queries.Queue(pipeline);
  ASSIGN_OR_RETURN(const std::vector<postgres::Rows> rows, pipeline.Run());
  ASSIGN_OR_RETURN(const std::vector<PostgresTable> tables, queries.Take(rows));
  const bool same =
      tables.size() == 1 && tables.front() == table && rows[static_cast<std::size_t>(at)].Text(0, 0) == files;
  return same ? absl::OkStatus() : MovedTable(table.name);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SourceReading>> BeginPostgresReading(const PostgresLook& look,
                                                                    const KnownPostgresTable& known,
                                                                    std::string* snapshot) {
  const PostgresTable& table = known.table;
  const auto explain = [&](const absl::Status& status) {
    return ExplainReading(status, table, look.place.role);
  };
  if (look.is_over) return MovedTable(table.name);
  absl::StatusOr<std::unique_ptr<SourceReading>> reading = SourceReading::Make(look.sessions);
  if (!reading.ok()) return explain(reading.status());
  postgres::Pipeline pipeline((*reading)->connection());
  const PostgresTableQueries queries(look.schema, table.oid);
  const std::shared_ptr<PostgresMoment> moment = look.moment;
  (*reading)->Begin(pipeline, table.Lockable(), moment == nullptr ? "" : moment->snapshot());
  const int files = moment == nullptr ? -1 : QueueFiles(pipeline, table.oid);
  const bool is_noted = snapshot != nullptr || look.note_snapshot;
  int noted = -1;
  if (is_noted) noted = pipeline.Queue(kPostgresSnapshotSql, {}, kPostgresRowsDoing);
  queries.Queue(pipeline);
  const absl::StatusOr<std::vector<postgres::Rows>> rows = pipeline.Run();
  if (!rows.ok()) return explain(moment == nullptr ? rows.status() : moment->Explain(rows.status()));
  const absl::StatusOr<std::vector<PostgresTable>> now = queries.Take(*rows);
  if (!now.ok()) return explain(now.status());
  if (now->size() != 1 || now->front() != table) return MovedTable(table.name);
  if (moment != nullptr) {
    const std::string then = (*rows)[static_cast<std::size_t>(files)].Text(0, 0);
    if (absl::Status same = CheckSinceMoment(look, table, then); !same.ok()) return explain(same);
  }
  if (!is_noted) return reading;
  const postgres::Rows& seen = (*rows)[static_cast<std::size_t>(noted)];
  if (seen.Bool(0, 1)) return StandbyAnswered();
  const std::string text = seen.Text(0, 0);
  if (look.note_snapshot) look.note_snapshot(known, text);
  if (snapshot != nullptr) *snapshot = text;
  return reading;
}

PostgresSourceRows::PostgresSourceRows(std::shared_ptr<const PostgresLook> look,
                                       std::shared_ptr<const KnownPostgresTable> known, PostgresAsk ask)
    : ServerRows(std::move(look), known, ask, DecoderOf(*known, known->ToRead(ask.columns))) {}

PostgresSourceRows::~PostgresSourceRows() { PostgresSourceRows::Close(); }

/// Closes in this order: the rows, their transaction, their session.
void PostgresSourceRows::Close() {
  copy_.reset();
  stream_.reset();
  reading_.reset();
}

absl::Status PostgresSourceRows::Explain(const absl::Status& status) const {
  return ExplainReading(status, known_->table, look_->place.role);
}

std::string PostgresSourceRows::Sql() const {
  std::vector<std::string> values;
  for (const std::uint32_t column : read_)
    values.push_back(ValueSql(known_->table.columns[column], known_->schema.columns[column]));
  std::string sql = absl::StrCat("SELECT ", absl::StrJoin(values, ", "), " FROM ", ask_.join,
                                 ask_.join.empty() ? "" : " ", known_->table.Rows());
  if (!ask_.where.empty()) absl::StrAppend(&sql, ask_.join.empty() ? " WHERE " : " ON ", ask_.where);
  if (!ask_.behind.empty()) absl::StrAppend(&sql, " ", ask_.behind);
  return sql;
}

absl::Status PostgresSourceRows::Send() {
  postgres::Connection& connection = reading_->connection();
  if (arrays_.empty()) {
    ASSIGN_OR_RETURN(
        postgres::CopyOut copy,
        postgres::CopyOut::Begin(connection, absl::StrCat("COPY (", Sql(), ") TO STDOUT (FORMAT binary)"),
                                 kPostgresRowsDoing));
    copy_.emplace(std::move(copy));
    return absl::OkStatus();
  }
  std::vector<postgres::Value> values;
  for (postgres::Array& array : arrays_) values.push_back(array.value());
  ASSIGN_OR_RETURN(postgres::RowStream stream, connection.Stream(Sql(), values, kPostgresRowsDoing));
  stream_.emplace(std::move(stream));
  fields_.resize(read_.size());
  return absl::OkStatus();
}

absl::Status PostgresSourceRows::Begin() {
  asked_ = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(reading_, BeginPostgresReading(*look_, *known_));
  return absl::OkStatus();
}

absl::StatusOr<bool> PostgresSourceRows::Step() {
  if (copy_) return copy_->Step();
  const absl::StatusOr<bool> more = stream_->Step();
  if (more.ok() && *more) stream_->row().ViewRow(0, &fields_);
  return more;
}

/// A session that waits to change the table blocks all later writers.
absl::Status PostgresSourceRows::CheckOthers() {
  if (++steps_done_ % kRowsBetweenLooks != 0) return absl::OkStatus();
  const auto now = std::chrono::steady_clock::now();
  if (now - asked_ < look_->sessions->access().yields_after) return absl::OkStatus();
  asked_ = now;
  if (!look_->sessions->IsWaitedFor(reading_->connection().server_pid())) return absl::OkStatus();
  return LeftToOthers(known_->table.name);
}

absl::StatusOr<std::uint64_t> CountPostgresRows(const PostgresLook& look, const KnownPostgresTable& known,
                                                const std::string& where) {
  ASSIGN_OR_RETURN(std::unique_ptr<SourceReading> reading, BeginPostgresReading(look, known));
  const absl::StatusOr<std::int64_t> count = reading->connection().Number(
      absl::StrCat("SELECT count(*) FROM ", known.table.Rows(), where.empty() ? "" : " WHERE ", where), {},
      "counting its rows");
  if (!count.ok()) return ExplainReading(count.status(), known.table, look.place.role);
  return static_cast<std::uint64_t>(*count);
}

absl::StatusOr<SourceReader::ColumnFacts> LookAtPostgresColumn(
    const std::shared_ptr<const PostgresLook>& look, const std::shared_ptr<const KnownPostgresTable>& known,
    std::uint32_t column) {
  const Column& announced = known->schema.columns[column];
  const bool by_order =
      !known->steps && announced.type != Type::kAny && HasOwnOrder(known->table.columns[column], announced);
  if (!by_order) return FactsByValues<PostgresSourceRows>(look, known, column);
  const std::string name = absl::StrCat("t.", QuoteName(known->table.columns[column].name));
  return FactsByOrder<PostgresSourceRows>(
      look, known, column,
      [&](const char* direction) {
        return PostgresAsk{{column},
                           absl::StrCat(name, " IS DISTINCT FROM NULL"),
                           absl::StrCat("ORDER BY ", name, " ", direction, " LIMIT 1")};
      },
      [&] { return CountPostgresRows(*look, *known, absl::StrCat(name, " IS NOT DISTINCT FROM NULL")); });
}

std::unique_ptr<ValueRows> RowsOfPostgresKeys(std::shared_ptr<const PostgresLook> look,
                                              std::shared_ptr<const KnownPostgresTable> known,
                                              std::vector<std::uint32_t> read, WantedKeys keys) {
  return std::make_unique<PostgresRowsOfKeys>(std::move(look), std::move(known), std::move(read),
                                              std::move(keys));
}

}  // namespace mirror
