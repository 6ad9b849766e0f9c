#include "client/source/postgres/postgres_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/value.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/postgres/publication.h"
#include "client/source/postgres/replication_slot.h"
#include "client/source/server/staged_row.h"
#include "proto/wire/key_part.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr char kReadingBase[] = "reading rows of it by their keys";

/// Returns the text of the type's output function: a cast to text differs for char(n), inet and others.
std::string OutputSql(const PostgresColumn& column) {
  const std::string name = absl::StrCat("t.", QuoteName(column.name));
  return absl::StrCat("CASE WHEN ", name, " IS DISTINCT FROM NULL THEN format('%s', ", name, ") END");
}

}  // namespace

PostgresStagedTexts::PostgresStagedTexts(std::shared_ptr<const PostgresLook> look,
                                         std::shared_ptr<const KnownPostgresTable> known,
                                         PositionOf position_of)
    : ServerStagedTexts(std::move(look), std::move(known), std::move(position_of)),
      key_(known_->schema.Key()) {
  for (std::size_t i = 0; i < known_->table.columns.size(); ++i)
    columns_.push_back(TextColumnOf(known_->table.columns[i], known_->schema.columns[i]));
}

std::vector<Value> PostgresStagedTexts::Take(const std::vector<std::uint32_t>& columns,
                                             const std::vector<SourceText>& texts,
                                             std::vector<Misfit>* misfits) {
  values_.Clear();
  std::vector<Value> values(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const PostgresTextColumn& column = columns_[columns[i]];
    if (!texts[i]) {
      if (!column.announced.nullable) misfits->push_back({columns[i], /*is_null=*/true});
      continue;
    }
    const std::optional<Value> value = values_.Decode(column, *texts[i]);
    if (value) {
      values[i] = *value;
    } else {
      misfits->push_back({columns[i], /*is_null=*/false});
    }
  }
  return values;
}

std::string PostgresStagedTexts::BaseSql(bool by_text) const {
  const PostgresTable& table = known_->table;
  std::vector<std::string> outputs, arrays, names, terms;
  for (const PostgresColumn& column : table.columns) outputs.push_back(OutputSql(column));
  for (std::size_t i = 0; i < key_.size(); ++i) {
    const PostgresColumn& column = table.columns[key_[i]];
    const std::string part = absl::StrCat("k.k", i);
    names.push_back(absl::StrCat("k", i));
    arrays.push_back(absl::StrCat("$", i + 1, "::text[]"));
    // In the form of the key's own index, so that it can be used.
    terms.push_back(by_text ? absl::StrCat("format('%s', t.", QuoteName(column.name), ") = ", part)
                            : absl::StrCat("t.", QuoteName(column.name), " ",
                                           i < table.key_operators.size() ? table.key_operators[i] : "=", " ",
                                           part, "::", column.type_name));
  }
  return absl::StrCat("SELECT ", absl::StrJoin(outputs, ", "), " FROM unnest(", absl::StrJoin(arrays, ", "),
                      ") AS k(", absl::StrJoin(names, ", "), ") JOIN ", table.Rows(), " ON ",
                      absl::StrJoin(terms, " AND "));
}

absl::Status PostgresStagedTexts::ReadInto(const std::vector<StagedKey>& keys, bool by_text,
                                           std::string* snapshot, std::vector<BaseRow>* rows) const {
  const auto explain = [this](const absl::Status& status) {
    return ExplainReading(status, known_->table, look_->place.role);
  };
  ASSIGN_OR_RETURN(const std::unique_ptr<SourceReading> reading,
                   BeginPostgresReading(*look_, *known_, snapshot));
  std::vector<postgres::Array> arrays;
  for (std::size_t i = 0; i < key_.size(); ++i) arrays.emplace_back(postgres::Type::kText);
  for (const StagedKey& key : keys) {
    const std::vector<std::string> texts = UnpackStagedKey(key);
    if (texts.size() != key_.size()) return absl::DataLossError("a staged key does not fit its table");
    for (std::size_t i = 0; i < key_.size(); ++i) arrays[i].Add(texts[i]);
  }
  std::vector<postgres::Value> values;
  for (postgres::Array& array : arrays) values.push_back(array.value());
  ASSIGN_OR_RETURN(postgres::RowStream stream,
                   reading->connection().Stream(BaseSql(by_text), values, kReadingBase));
  absl::StatusOr<bool> more = stream.Step();
  for (; more.ok() && *more; more = stream.Step()) {
    BaseRow& row = rows->emplace_back();
    const postgres::Rows& read = stream.row();
    for (std::size_t i = 0; i < known_->table.columns.size(); ++i) {
      StagedValue& value = row.values.emplace_back();
      value.column = known_->table.columns[i].number;
      if (!read.IsNull(0, static_cast<int>(i))) value.text = read.Text(0, static_cast<int>(i));
    }
    std::vector<std::string> texts;
    for (const std::uint32_t column : key_) texts.push_back(row.values[column].text.value_or(""));
    row.key = PackStagedKey(texts);
  }
  const bool is_no_value = postgres::TroubleOf(more.status()) == postgres::Trouble::kValue;
  return is_no_value && !by_text ? more.status() : explain(more.status());
}

absl::StatusOr<std::vector<StagedTexts::BaseRow>> PostgresStagedTexts::ReadRows(
    const std::vector<StagedKey>& keys, std::string* snapshot) {
  std::vector<BaseRow> read;
  absl::Status status = ReadInto(keys, /*by_text=*/false, snapshot, &read);
  // A label of an enum that was renamed.
  if (postgres::TroubleOf(status) == postgres::Trouble::kValue) {
    read.clear();
    status = ReadInto(keys, /*by_text=*/true, snapshot, &read);
  }
  if (!status.ok()) return status;
  return read;
}

namespace {

// Converts a key between PostgreSQL's text form and the wire's form. `schema`: the table's announcement, its
// columns in the order of those of `table`.

/// Converts "2024-05-01T12:30:00.500000Z" to "2024-05-01 12:30:00.5+00".
std::string AsWritten(std::string text, bool is_tz) {
  std::replace(text.begin(), text.end(), 'T', ' ');
  if (!text.empty() && text.back() == 'Z') text.pop_back();
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return is_tz ? absl::StrCat(text, "+00") : text;
}

std::string TextOf(const PostgresColumn& column, const Column& announced, const KeyPart& part) {
  std::string text = TextOfKeyPart(announced, part);
  const PostgresValueForm form = FormOf(column, announced);
  const bool is_moment = form == PostgresValueForm::kTimestamp || form == PostgresValueForm::kTime;
  if (!is_moment || part.kind != Kind::kInteger) return text;
  return AsWritten(std::move(text), static_cast<postgres::Type>(column.type) == postgres::Type::kTimestamptz);
}

/// Absent: the key does not fit the schema.
std::optional<Key> KeyOfStaged(const PostgresTable& table, const TableSchema& schema, const StagedKey& key) {
  const std::vector<std::uint32_t> columns = schema.Key();
  const std::vector<std::string> texts = UnpackStagedKey(key);
  if (texts.size() != columns.size() || schema.columns.size() != table.columns.size()) return std::nullopt;
  PostgresTextValues values;
  Key parts;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const PostgresTextColumn column = TextColumnOf(table.columns[columns[i]], schema.columns[columns[i]]);
    const std::optional<Value> value = values.Decode(column, texts[i]);
    if (!value) return std::nullopt;
    parts.push_back(KeyPartOf(*value));
  }
  return parts;
}

StagedKey StagedKeyOf(const PostgresTable& table, const TableSchema& schema, const Key& key) {
  const std::vector<std::uint32_t> columns = schema.Key();
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < columns.size() && i < key.size(); ++i)
    texts.push_back(TextOf(table.columns[columns[i]], schema.columns[columns[i]], key[i]));
  return PackStagedKey(texts);
}

absl::Status MovedMeanwhile(const StagedTable& table) {
  return absl::AbortedError(absl::StrCat("table '", table.name,
                                         "' lost staged changes while its rows were read",
                                         table.gone_because.empty() ? "" : ": ", table.gone_because));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresLog>> PostgresLog::Open(std::shared_ptr<PostgresStaging> staging,
                                                               PostgresLogOptions options) {
  std::unique_ptr<PostgresLog> log(new PostgresLog(std::move(staging), std::move(options)));
  std::string source_id;
  {
    ASSIGN_OR_RETURN(postgres::Lease session, log->sessions_->Take());
    ASSIGN_OR_RETURN(const std::shared_ptr<const LogCatalog> catalog,
                     log->staging_->Look(*session, log->options_.schema));
    if (catalog->facts == nullptr) return nullptr;
    source_id = SourceIdOf(catalog->facts->comment);
    if (log->options_.exchange) {
      ASSIGN_OR_RETURN(const bool noted, PostgresMarks::AreIn(*session, log->options_.schema));
      if (noted) log->marks_.emplace(log->staging_->options().access, log->options_.schema);
    }
  }
  ASSIGN_OR_RETURN(const StagedLog source, ReadStagedLog(log->stage()));
  log->source_id_ = !source.source_id.empty()          ? source.source_id
                    : !source_id.empty()               ? source_id
                    : !log->options_.source_id.empty() ? log->options_.source_id
                                                       : NewToken();
  log->had_source_ = !source.source_id.empty();
  return log;
}

// --- Identity of the source ---------------------------------------------------

absl::Status PostgresLog::KeepSource() {
  ASSIGN_OR_RETURN(StagedLog source, ReadStagedLog(stage()));
  if (source.source_id == source_id_) return absl::OkStatus();
  if (source.source_id.empty()) {
    // The stage restarted with another database.
    if (had_source_) source_id_ = NewToken();
    source.source_id = source_id_;
    RETURN_IF_ERROR(KeepStagedLog(stage(), source));
  }
  source_id_ = source.source_id;
  had_source_ = true;
  return absl::OkStatus();
}

absl::Status PostgresLog::Refresh() {
  if (!staging_->has_tables()) RETURN_IF_ERROR(tables_.KnowStaged());
  ASSIGN_OR_RETURN(marker_, staging_->StageToMarker(stop_));
  stage().commits().Take(marker_->lsn);
  tables_.ForgetSnapshots();
  return KeepSource();
}

absl::StatusOr<std::vector<std::string>> PostgresLog::Renew(const std::vector<std::string>& tables) {
  return tables_.Renew(tables, &marker_);
}

// --- Positions ----------------------------------------------------------------

bool PostgresLog::IsAhead(const StagedLog& log, std::int64_t lsn) {
  const std::int64_t end = std::max(staging_->server().flushed_lsn, marker_ ? marker_->lsn : 0);
  return lsn > end && log.past != StagedLog::Past::kPromoted;
}

absl::Status PostgresLog::ForgetMore() {
  ASSIGN_OR_RETURN(const PostgresSnapshot now, tables_.SnapshotOfNow());
  return stage().ForgetTransactions([&now](std::uint64_t xid) { return now.IsSeenByAll(xid); });
}

// --- Cost ---

LogFigures PostgresLog::Figures() {
  LogFigures figures;
  const PostgresStaging::Counts counts = staging_->counts();
  figures.decoded = static_cast<std::int64_t>(counts.changes);
  figures.snapshot_wait = static_cast<double>(tables_.WaitedMs(NowMs())) / 1'000;
  MeasureStage(&figures);
  absl::StatusOr<postgres::Lease> session = sessions_->Take();
  if (!session.ok()) return figures;
  const absl::StatusOr<SlotLook> look = LookAtSlot(**session, staging_->options().slot);
  if (!look.ok() || !look->slot) return figures;
  const auto end = static_cast<std::int64_t>(look->end_lsn);
  const auto restart = static_cast<std::int64_t>(look->slot->restart_lsn);
  // The server gets the confirmed position slightly later.
  const auto confirmed =
      std::max(static_cast<std::int64_t>(look->slot->confirmed_flush_lsn), counts.confirmed_lsn);
  if (confirmed > 0) figures.lag = std::max<std::int64_t>(0, end - confirmed);
  figures.safe = look->slot->safe_wal_size;
  if (restart == 0) return figures;  // The slot is lost.
  figures.retained = std::max<std::int64_t>(0, end - restart);
  figures.unconfirmed = std::max<std::int64_t>(0, confirmed - restart);
  return figures;
}

// --- Changes ------------------------------------------------------------------

absl::StatusOr<PostgresLog::Covered> PostgresLog::Cover(const Table& table,
                                                        const std::vector<PostgresSnapshot>& snapshots) {
  absl::StatusOr<StageMark> marker =
      moment_ ? absl::StatusOr<StageMark>(moment_->marker) : staging_->StageToMarker(stop_);
  if (!marker.ok()) return marker.status();
  ASSIGN_OR_RETURN(
      const std::optional<std::int64_t> unseen, stage().LowestUnseen([&snapshots](std::uint64_t xid) {
        return std::all_of(snapshots.begin(), snapshots.end(),
                           [xid](const PostgresSnapshot& snapshot) { return snapshot.Sees(xid); });
      }));
  ASSIGN_OR_RETURN(const StagedTable staged, tables_.StagedOf(table));
  const std::int64_t from = unseen ? std::min(*unseen - 1, marker->lsn) : marker->lsn;
  // Changes in between are not staged, although a position above the floor would suggest it.
  if (from < staged.floor) return MovedMeanwhile(staged);
  return Covered{from, staged.floor, *std::move(marker)};
}

absl::StatusOr<PostgresLog::Covered> PostgresLog::CoverNoted(const Table& table) {
  const absl::StatusOr<Covered> covered = Cover(table, table.snapshots);
  if (!covered.ok() || (table.snapshots.empty() && !table.begun)) return covered;
  if (table.floor_before && covered->floor <= *table.floor_before) return covered;
  // Also if no recorded transaction shows missing changes: the log itself may have been lost.
  const absl::StatusOr<StagedTable> staged = tables_.StagedOf(table);
  return staged.ok() ? MovedMeanwhile(*staged) : staged.status();
}

std::int64_t PostgresLog::ReadAt(const Table& table, const Covered& covered) const {
  return table.logged_to ? std::min(*table.logged_to, covered.marker.lsn) : covered.from;
}

std::optional<Key> PostgresLog::KeyOfRow(const Table& table, const StagedKey& key) const {
  return KeyOfStaged(table.catalog.table, table.schema, key);
}

StagedKey PostgresLog::StagedKeyFor(const KnownPostgresTable& known, const Key& key) const {
  return StagedKeyOf(known.table, known.schema, key);
}

absl::StatusOr<std::unique_ptr<StagedTexts>> PostgresLog::TextsOf(
    std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known,
    const Table& table) {
  const auto position_of = [this, &table](const std::string& snapshot) -> absl::StatusOr<std::int64_t> {
    const std::optional<PostgresSnapshot> parsed = PostgresSnapshot::Parse(snapshot);
    if (!parsed) return absl::InternalError("the source's snapshot cannot be read");
    ASSIGN_OR_RETURN(const Covered covered, Cover(table, {*parsed}));
    return covered.from;
  };
  auto texts = std::make_unique<PostgresStagedTexts>(std::move(look), std::move(known), position_of);
  RETURN_IF_ERROR(texts->Prepare());
  return texts;
}

absl::Status PostgresLog::CheckReadable(const PostgresTable& table) {
  const Table* const known = tables_.Find(table.name);
  if (known != nullptr && !known->trouble.ok()) return known->trouble;
  if (known == nullptr || known->id != table.oid) {
    return absl::AbortedError(absl::StrCat("table '", table.name, "' was created while the source was read"));
  }
  return absl::OkStatus();
}

void PostgresLog::BeginRows(const PostgresTable& table) {
  Table* const known = tables_.FindById(table.oid);
  if (known == nullptr) return;
  known->snapshots.clear();
  known->logged_to.reset();
  tables_.NoteFloor(*known);
  known->begun = true;
}

absl::StatusOr<std::unique_ptr<TableReader>> PostgresLog::LoggedRows(
    std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known,
    const std::vector<std::uint32_t>& columns) {
  Table* const table = tables_.FindById(known->table.oid);
  // Once in a run: if the stage turns out to be incomplete, the database has the rows.
  if (table == nullptr || !std::exchange(table->emptied, false)) return nullptr;
  const std::shared_ptr<StageView> moment = HeldView();
  ASSIGN_OR_RETURN(const std::int64_t place, moment == nullptr ? stage().Place() : moment->Place());
  ASSIGN_OR_RETURN(std::unique_ptr<StagedTexts> texts, TextsOf(std::move(look), known, *table));
  table->logged_to = place;
  StagedAsk staged;
  staged.table = table->id;
  staged.schema = known->given;
  staged.columns = columns;
  staged.moment = moment;
  return ReadEmptiedTable(stage(), std::move(texts), std::move(staged));
}

void PostgresLog::NoteSnapshot(const PostgresTable& table, const std::string& snapshot) {
  Table* const known = tables_.FindById(table.oid);
  const std::optional<PostgresSnapshot> parsed = PostgresSnapshot::Parse(snapshot);
  if (known == nullptr || !parsed) return;
  if (known->snapshots.empty() && !known->begun) tables_.NoteFloor(*known);
  known->snapshots.push_back(*parsed);
}

}  // namespace mirror
