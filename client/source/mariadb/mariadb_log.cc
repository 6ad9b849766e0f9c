#include "client/source/mariadb/mariadb_log.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/human_text.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/mariadb/binlog_place.h"
#include "client/source/mariadb/mariadb_log_facts.h"
#include "client/source/mariadb/mariadb_types.h"
#include "client/source/mariadb/value_text.h"
#include "client/source/server/server_staged_texts.h"
#include "client/source/server/staged_changes.h"
#include "proto/wire/key_part.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

constexpr int kBinlogRenewalsMax = 5;

absl::Status NotInBinlog(const std::string& table, const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", table, "': ", why,
      ", so that its changes cannot be read from the binlog. Nothing of it was sent; the next run finds "
      "them by comparing"));
}

}  // namespace

MariadbLogTable* MariadbLogTables::Find(const std::string& name) {
  const auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : &found->second;
}

absl::StatusOr<StagedTable> MariadbLogTables::StagedOf(const MariadbLogTable& table) {
  ASSIGN_OR_RETURN(std::vector<StagedTable> all, staging_.stage().Tables());
  for (StagedTable& staged : all) {
    if (staged.id == table.id) return std::move(staged);
  }
  return absl::AbortedError(absl::StrCat("table '", table.table.name, "' is not staged any more"));
}

absl::StatusOr<std::vector<std::string>> MariadbLogTables::Renew(const std::vector<std::string>& names,
                                                                 std::optional<StageMark>* marker) {
  std::set<std::string> changed;
  for (int i = 0; i < kBinlogRenewalsMax; ++i) {
    RETURN_IF_ERROR(TakeCatalog(names));
    Renewal renewal;
    RETURN_IF_ERROR(FindChanges(marker != nullptr, &renewal));
    changed.insert(renewal.changed.begin(), renewal.changed.end());
    if (renewal.fresh.empty() && renewal.changed.empty())
      return std::vector<std::string>(changed.begin(), changed.end());
    // Binlog content up to here may belong to earlier definitions; another read of the catalogs checks that
    // they are still the same.
    SetLogged();
    ASSIGN_OR_RETURN(*marker, staging_.StageToMarker(stop_));
    RETURN_IF_ERROR(staging_.WaitUntilSeen((*marker)->lsn, stop_));
    RETURN_IF_ERROR(RaiseRenewed(renewal, (*marker)->lsn));
  }
  return absl::UnavailableError(
      "the definitions of the source's tables changed again and again while its binlog was read. Nothing was "
      "sent; "
      "run again when they no longer change");
}

absl::Status MariadbLogTables::SetStaged(const MariadbLogTable& table, const std::string& fingerprint) {
  StagedTable staged;
  staged.id = table.id;
  staged.name = table.table.name;
  staged.key = KeyNumbers(table.table);
  staged.fingerprint = fingerprint;
  return staging_.stage().SetTable(staged);
}

absl::Status MariadbLogTables::RaiseRenewed(const Renewal& renewal, std::int64_t lsn) {
  for (const auto* const names : {&renewal.fresh, &renewal.changed}) {
    for (const std::string& name : *names) {
      const MariadbLogTable& table = tables_.at(name);
      RETURN_IF_ERROR(staging_.stage().RaiseFloor(
          table.id, lsn, names == &renewal.fresh ? "it is new in the log" : "its definition changed"));
      RETURN_IF_ERROR(SetStaged(table, BinlogFingerprint(table.table)));
    }
  }
  return absl::OkStatus();
}

absl::Status MariadbLogTables::TakeCatalog(const std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(const MariadbLease session, staging_.sessions()->Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(std::vector<MariadbTable> all, ReadMariadbTables(*session));
  ASSIGN_OR_RETURN(const auto unlogged, ReadUnlogged(*session, all));
  if (charsets_.empty()) {
    ASSIGN_OR_RETURN(charsets_, ReadBinlogCharsets(*session));
  }
  ASSIGN_OR_RETURN(database_, ReadDatabaseInBinlog(*session));
  std::map<std::string, MariadbLogTable> before = std::exchange(tables_, {});
  for (const std::string& name : names) {
    MariadbLogTable table;
    if (const auto had = before.find(name); had != before.end()) table = std::move(had->second);
    table.id = 0;
    table.trouble = absl::OkStatus();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const MariadbTable& one) { return one.name == name; });
    table.table = found == all.end() ? MariadbTable{.name = name} : *found;
    const auto why = unlogged.find(name);
    if (found == all.end()) {
      table.trouble =
          absl::AbortedError(absl::StrCat("table '", name, "' was dropped while the source was read"));
    } else if (why != unlogged.end()) {
      table.trouble = NotInBinlog(name, why->second);
    }
    tables_[name] = std::move(table);
  }
  return absl::OkStatus();
}

/// Discards the staged changes of tables whose definition changed; until this is complete the stage has none
/// of them.
absl::Status MariadbLogTables::FindChanges(bool is_fresh, Renewal* renewal) {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> staged, staging_.stage().Tables());
  std::int64_t last_id = 0;
  std::map<std::string, StagedTable> by_name;
  for (const StagedTable& table : staged) {
    last_id = std::max(last_id, table.id);
    by_name[table.name] = table;
  }
  for (auto& [name, table] : tables_) {
    if (!table.trouble.ok()) continue;
    const auto found = by_name.find(name);
    const bool is_new = found == by_name.end();
    if (!is_new) table.id = found->second.id;
    if (!is_fresh || (!is_new && found->second.fingerprint == BinlogFingerprint(table.table))) continue;
    if (is_new) {
      table.id = ++last_id;
      renewal->fresh.push_back(name);
    } else {
      (found->second.fingerprint.empty() ? renewal->fresh : renewal->changed).push_back(name);
      ASSIGN_OR_RETURN(const std::int64_t place, staging_.stage().Place());
      RETURN_IF_ERROR(staging_.stage().RaiseFloor(table.id, place + 1, "its definition changed"));
    }
    RETURN_IF_ERROR(SetStaged(table, ""));
  }
  return is_fresh ? DropOthers() : absl::OkStatus();
}

absl::Status MariadbLogTables::DropOthers() {
  ASSIGN_OR_RETURN(const std::vector<StagedTable> staged, staging_.stage().Tables());
  bool dropped = false;
  for (const StagedTable& table : staged) {
    const MariadbLogTable* const known = Find(table.name);
    if (known != nullptr && known->id == table.id) continue;
    RETURN_IF_ERROR(staging_.stage().DropTable(table.id));
    dropped = true;
  }
  if (dropped) SetLogged();
  return absl::OkStatus();
}

void MariadbLogTables::SetLogged() {
  BinlogTables logged;
  logged.database = database_;
  logged.charsets = charsets_;
  for (const auto& [name, table] : tables_) {
    if (table.id != 0) logged.tables.emplace(name, BinlogTable{table.id, table.table});
  }
  staging_.SetTables(std::move(logged));
}

namespace {

// Converts a key between the stage's form and the wire's form.

/// See ServerStagedTexts.
class MariadbStagedTexts : public ServerStagedTexts<MariadbLook> {
 public:
  MariadbStagedTexts(std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
                     PositionOf position_of)
      : ServerStagedTexts(std::move(look), std::move(known), std::move(position_of)) {}

 private:
  std::int64_t NumberOf(std::size_t column) const override { return known_->table.columns[column].place; }
  std::vector<Value> Take(const std::vector<std::uint32_t>& columns, const std::vector<SourceText>& texts,
                          std::vector<Misfit>* misfits) override;
  absl::StatusOr<std::vector<BaseRow>> ReadRows(const std::vector<StagedKey>& keys,
                                                std::string* snapshot) override;
  absl::StatusOr<std::vector<Key>> KeysOf(const std::vector<StagedKey>& keys);
  BaseRow BaseRowOf(const std::vector<std::string_view>& texts) const;

  std::vector<std::uint32_t> decoded_;  ///< Columns of the decoder.
  std::optional<MariadbRowDecoder> decoder_;
  std::vector<std::string_view> fields_;
};

/// Adds zeros up to the column's number of fractional digits.
std::string DecimalText(std::string text, std::uint32_t scale) {
  const std::size_t dot = text.find('.');
  const std::size_t digits = dot == std::string::npos ? 0 : text.size() - dot - 1;
  if (scale == 0) return text;
  if (dot == std::string::npos) text.push_back('.');
  if (digits < scale) text.append(scale - digits, '0');
  return text;
}

/// Returns MariaDB's text form.
std::string TextOfPart(const Column& announced, const KeyPart& part) {
  std::string text;
  switch (part.kind) {
    case Kind::kInteger:
      if (announced.type == Type::kDate) return DateText(part.integer);
      if (announced.type == Type::kTimestamp || announced.type == Type::kTimestampTz)
        return TimestampText(part.integer, announced.precision, /*utc=*/false);
      text = absl::StrCat(part.integer);
      break;
    case Kind::kReal:
      binlog::AppendReal(part.real, &text);
      break;
    default:
      if (announced.type == Type::kUuid) return UuidText(part.bytes);
      text = part.bytes;
  }
  return announced.type == Type::kDecimal ? DecimalText(std::move(text), announced.scale) : text;
}

/// The binlog does not have the zeros of ZEROFILL.
std::string_view WithoutFill(const MariadbColumn& column, std::string_view text) {
  if (!column.is_zerofill()) return text;
  const std::size_t first = text.find_first_not_of('0');
  if (first == std::string_view::npos) return text.substr(text.empty() ? 0 : text.size() - 1);
  return text[first] == '.' ? text : text.substr(first);
}

/// Absent: the key does not fit the schema.
std::optional<Key> KeyOfStagedMariadb(const TableSchema& schema, const StagedKey& key) {
  const std::vector<std::uint32_t> columns = schema.Key();
  const std::vector<std::string> texts = UnpackStagedKey(key);
  if (texts.size() != columns.size()) return std::nullopt;
  std::vector<Column> announced;
  for (const std::uint32_t column : columns) announced.push_back(schema.columns[column]);
  MariadbRowDecoder decoder(std::move(announced));
  if (!decoder.Decode({texts.begin(), texts.end()})) return std::nullopt;
  Key parts;
  for (const Value& value : decoder.values()) parts.push_back(KeyPartOf(value));
  return parts;
}

StagedKey StagedKeyOfMariadb(const TableSchema& schema, const Key& key) {
  const std::vector<std::uint32_t> columns = schema.Key();
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < columns.size() && i < key.size(); ++i)
    texts.push_back(TextOfPart(schema.columns[columns[i]], key[i]));
  return PackStagedKey(texts);
}

std::vector<Value> MariadbStagedTexts::Take(const std::vector<std::uint32_t>& columns,
                                            const std::vector<SourceText>& texts,
                                            std::vector<Misfit>* misfits) {
  if (!decoder_ || decoded_ != columns) {
    decoder_.emplace(known_->Announced(columns));
    decoded_ = columns;
  }
  fields_.clear();
  for (const SourceText& text : texts) fields_.push_back(text ? std::string_view(*text) : std::string_view());
  if (!decoder_->Decode(fields_)) {
    for (const Misfit& misfit : decoder_->misfits())
      misfits->push_back({columns[misfit.column], misfit.is_null});
  }
  return decoder_->values();
}

absl::StatusOr<std::vector<Key>> MariadbStagedTexts::KeysOf(const std::vector<StagedKey>& keys) {
  const std::vector<std::uint32_t> columns = known_->schema.Key();
  std::vector<Key> all;
  for (const StagedKey& key : keys) {
    const std::vector<std::string> texts = UnpackStagedKey(key);
    if (texts.size() != columns.size()) return MisfitsIn(known_->table.name);
    // The values are views into it.
    const std::vector<SourceText> decoded(texts.begin(), texts.end());
    ASSIGN_OR_RETURN(const std::vector<Value> values, Decode(columns, decoded));
    Key& parts = all.emplace_back();
    for (const Value& value : values) parts.push_back(KeyPartOf(value));
  }
  return all;
}

StagedTexts::BaseRow MariadbStagedTexts::BaseRowOf(const std::vector<std::string_view>& texts) const {
  BaseRow row;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const MariadbColumn& column = known_->table.columns[i];
    StagedValue& value = row.values.emplace_back();
    value.column = column.place;
    if (texts[i].data() != nullptr) value.text = std::string(WithoutFill(column, texts[i]));
  }
  std::vector<std::string> key;
  for (const std::uint32_t column : known_->schema.Key()) key.push_back(row.values[column].text.value_or(""));
  row.key = PackStagedKey(key);
  return row;
}

absl::StatusOr<std::vector<StagedTexts::BaseRow>> MariadbStagedTexts::ReadRows(
    const std::vector<StagedKey>& keys, std::string* snapshot) {
  ASSIGN_OR_RETURN(const std::vector<Key> wanted, KeysOf(keys));
  // Steps are applied when the rows are merged with staged changes.
  auto plain = std::make_shared<KnownMariadbTable>(*known_);
  plain->steps.reset();
  plain->given = plain->schema;
  std::vector<std::uint32_t> columns(known_->table.columns.size());
  std::iota(columns.begin(), columns.end(), 0U);
  MariadbSourceRows rows(look_, plain, AskForMariadbKeys(*plain, std::move(columns), wanted));
  std::vector<BaseRow> read;
  absl::StatusOr<bool> more = rows.Next();
  for (; more.ok() && *more; more = rows.Next()) read.push_back(BaseRowOf(rows.texts()));
  if (!more.ok()) return more.status();
  *snapshot = rows.snapshot();
  return read;
}

/// The source has no place for an id, so it is computed and is the same after a loss of state. It includes
/// the server_id: an agent at another server with a database of the same name is another source.
absl::StatusOr<std::string> MakeSourceId(MariadbSessions& sessions, const std::string& identity,
                                         const std::string& context_id) {
  ASSIGN_OR_RETURN(const MariadbLease session, sessions.Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(const BinlogServer server, ReadBinlogServer(*session));
  return HexDigest(absl::StrCat("source of ", context_id, "\n", identity, "\n", server.id));
}

/// See MariadbReading::snapshot().
absl::StatusOr<std::int64_t> LsnOfSnapshot(MariadbStaging& staging, const std::string& snapshot,
                                           const std::atomic<bool>* stop) {
  const std::size_t colon = snapshot.rfind(':'), blank = snapshot.rfind(' ');
  BinlogPlace place;
  std::uint32_t server = 0;
  if (colon == std::string::npos || blank == std::string::npos || blank < colon ||
      !absl::SimpleAtoi(snapshot.substr(colon + 1, blank - colon - 1), &place.offset) ||
      !absl::SimpleAtoi(snapshot.substr(blank + 1), &server))
    return absl::FailedPreconditionError(
        "the source does not report the position of its binlog at the time when rows were read");
  place.file = snapshot.substr(0, colon);
  return staging.LsnOf(place, server, stop);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MariadbLog>> MariadbLog::Open(std::shared_ptr<MariadbStaging> staging,
                                                             MariadbLogOptions options) {
  std::unique_ptr<MariadbLog> log(new MariadbLog(std::move(staging), std::move(options)));
  RETURN_IF_ERROR(log->OpenExchange());
  ASSIGN_OR_RETURN(const StagedLog source, ReadStagedLog(log->stage()));
  log->had_source_ = !source.source_id.empty();
  log->source_id_ = log->had_source_ ? source.source_id : log->options_.source_id;
  if (!log->source_id_.empty()) return log;
  ASSIGN_OR_RETURN(const MariadbSource place, log->staging_->sessions()->Look());
  ASSIGN_OR_RETURN(log->source_id_,
                   MakeSourceId(*log->staging_->sessions(), place.identity, log->options_.context_id));
  return log;
}

absl::Status MariadbLog::OpenExchange() {
  if (!options_.exchange) return absl::OkStatus();
  ASSIGN_OR_RETURN(const MariadbLease session, staging_->sessions()->Take(MariadbUse::kCatalogs));
  const absl::StatusOr<bool> noted = MariadbMarks::AreIn(*session);
  if (!noted.ok() || !*noted) return noted.status();
  marks_.emplace(staging_->options().access);
  conflicts_.emplace(staging_->options().access);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MariadbLog::Check(const MariadbAccess& access,
                                                           std::uint32_t server_id) {
  MariadbSessions sessions(access);
  ASSIGN_OR_RETURN(const MariadbLease session, sessions.Take(MariadbUse::kCatalogs));
  return CheckBinlog(*session, server_id);
}

absl::StatusOr<std::map<std::string, std::string>> MariadbLog::Unlogged() {
  ASSIGN_OR_RETURN(const MariadbLease session, staging_->sessions()->Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(const std::vector<MariadbTable> tables, ReadMariadbTables(*session));
  return ReadUnlogged(*session, tables);
}

LogFigures MariadbLog::Figures() {
  LogFigures figures;
  figures.decoded = static_cast<std::int64_t>(staging_->changes());
  MeasureStage(&figures);
  const MariadbStaging::Reached reached = staging_->reached();
  if (reached.place.file.empty()) return figures;
  const absl::StatusOr<MariadbLease> session = staging_->sessions()->Take(MariadbUse::kCatalogs);
  if (!session.ok()) return figures;
  const absl::StatusOr<std::vector<BinlogPlace>> files = ReadBinlogFiles(**session);
  if (!files.ok() || files->empty()) return figures;
  figures.lag = BytesBehind(*files, reached.place);
  const absl::StatusOr<std::optional<double>> purged =
      SecondsToPurge(**session, reached.place, reached.time_s, files->back(), NowMs() / 1'000);
  if (purged.ok()) figures.until_purged = *purged;
  return figures;
}

absl::StatusOr<std::vector<std::string>> MariadbLog::Renew(const std::vector<std::string>& tables) {
  std::vector<std::string> sentences = staging_->TakeNews();
  ASSIGN_OR_RETURN(const std::vector<std::string> changed,
                   tables_.Renew(tables, is_fresh_ ? &marker_ : nullptr));
  if (!changed.empty()) {
    sentences.push_back(absl::StrCat("the definition of ", Counted(changed.size(), "table"),
                                     " changed, so the changes read from the binlog before do not count: "
                                     "each such table is compared with the mirror, or populated: ",
                                     ListNames(changed, 10)));
  }
  return sentences;
}

bool MariadbLog::Complete(TableSchema& schema) {
  MariadbLogTable* const table = tables_.Find(schema.name);
  if (table == nullptr) return false;
  table->schema = schema;
  if (!table->trouble.ok()) return true;
  const std::vector<MariadbColumn>& columns = table->table.columns;
  return columns.size() == schema.columns.size() &&
         std::equal(columns.begin(), columns.end(), schema.columns.begin(),
                    [](const MariadbColumn& own, const Column& column) { return own.name == column.name; });
}

// --- Identity of the source ---------------------------------------------------

absl::Status MariadbLog::KeepSource() {
  ASSIGN_OR_RETURN(StagedLog source, ReadStagedLog(stage()));
  if (source.source_id.empty()) {
    // The stage restarted with another database.
    if (had_source_) {
      // Even a database with the same name and domain is another one.
      ASSIGN_OR_RETURN(const std::string made,
                       MakeSourceId(*staging_->sessions(), source.database, options_.context_id));
      source_id_ = made != source_id_ ? made : NewToken();
    }
    source.source_id = source_id_;
    RETURN_IF_ERROR(KeepStagedLog(stage(), source));
  }
  source_id_ = source.source_id;
  had_source_ = true;
  return absl::OkStatus();
}

absl::Status MariadbLog::TakeMarker(std::int64_t above) {
  ASSIGN_OR_RETURN(marker_, staging_->StageToMarker(stop_, above));
  return staging_->WaitUntilSeen(marker_->lsn, stop_);
}

absl::Status MariadbLog::Refresh() {
  RETURN_IF_ERROR(TakeMarker());
  stage().commits().Take(marker_->lsn);
  is_fresh_ = true;
  for (auto& [name, table] : tables_.all()) {
    table.snapshots.clear();
    table.snapshot_trouble = absl::OkStatus();
    table.begun = false;
  }
  if (conflicts_) {
    ASSIGN_OR_RETURN(const MariadbLease session, staging_->sessions()->Take(MariadbUse::kCatalogs));
    RETURN_IF_ERROR(conflicts_->Read(*session));
  }
  return KeepSource();
}

// --- Positions ----------------------------------------------------------------

absl::StatusOr<std::map<std::string, Position>> MariadbLog::Begin(const std::vector<std::string>& tables,
                                                                  std::int64_t highest) {
  // The clock that gives a new stage's first LSN was set back.
  if (marker_ && marker_->lsn <= highest) RETURN_IF_ERROR(TakeMarker(highest));
  return ServerLog::Begin(tables, highest);
}

absl::Status MariadbLog::Forget(const std::map<std::string, Position>& durable) {
  if (conflicts_) {
    RETURN_IF_ERROR(conflicts_->Forget(durable, [this](const std::string& name) {
      const MariadbLogTable* const table = tables_.Find(name);
      return table != nullptr && table->id != 0;
    }));
  }
  return ServerLog::Forget(durable);
}

// --- Changes ------------------------------------------------------------------

absl::StatusOr<MariadbLog::Covered> MariadbLog::Cover(const MariadbLogTable& table,
                                                      const std::vector<std::int64_t>& snapshots) {
  ASSIGN_OR_RETURN(StageMark marker, staging_->StageToMarker(stop_));
  const std::int64_t from =
      snapshots.empty() ? marker.lsn : *std::min_element(snapshots.begin(), snapshots.end());
  ASSIGN_OR_RETURN(const StagedTable staged, tables_.StagedOf(table));
  // Changes in between are not staged.
  if (!snapshots.empty() && from < staged.floor) {
    return absl::AbortedError(
        absl::StrCat("table '", table.table.name,
                     "' lost staged changes while its rows were read: ", staged.gone_because));
  }
  return Covered{std::max(from, staged.floor), staged.floor, std::move(marker)};
}

absl::StatusOr<MariadbLog::Covered> MariadbLog::CoverNoted(const MariadbLogTable& table) {
  if (!table.snapshot_trouble.ok()) return table.snapshot_trouble;
  return Cover(table, table.snapshots);
}

std::optional<Key> MariadbLog::KeyOfRow(const MariadbLogTable& table, const StagedKey& key) const {
  return KeyOfStagedMariadb(table.schema, key);
}

StagedKey MariadbLog::StagedKeyFor(const KnownMariadbTable& known, const Key& key) const {
  return StagedKeyOfMariadb(known.schema, key);
}

std::shared_ptr<StageView> MariadbLog::HeldView() {
  if (moment_ && std::chrono::steady_clock::now() - moment_->begun >= options_.holds_for) moment_.reset();
  return ServerLog::HeldView();
}

std::shared_ptr<StageView> MariadbLog::MomentFor(const KnownMariadbTable& known, bool is_behind_rows,
                                                 bool whole_rows) {
  // A row read in the database is of a later moment.
  return is_behind_rows || whole_rows || known.steps ? nullptr : HeldView();
}

void MariadbLog::AddOthers(const KnownMariadbTable& known, Lsn target, std::vector<Key>* keys) {
  if (!conflicts_) return;
  for (Key& key : conflicts_->Send(known.table.name, known.schema, target.value))
    keys->push_back(std::move(key));
}

absl::Status MariadbLog::CheckReadable(const MariadbTable& table) {
  const MariadbLogTable* const known = tables_.Find(table.name);
  if (known == nullptr)
    return absl::AbortedError(absl::StrCat("table '", table.name, "' was created while the source was read"));
  return known->trouble;
}

void MariadbLog::BeginRows(const MariadbTable& table) {
  (void)HeldView();
  MariadbLogTable* const known = tables_.Find(table.name);
  if (known == nullptr) return;
  known->snapshots.clear();
  known->snapshot_trouble = absl::OkStatus();
  known->begun = true;
}

void MariadbLog::NoteSnapshot(const MariadbTable& table, const std::string& snapshot) {
  (void)HeldView();
  MariadbLogTable* const known = tables_.Find(table.name);
  if (known == nullptr || known->id == 0) return;
  const absl::StatusOr<std::int64_t> lsn = LsnOfSnapshot(*staging_, snapshot, stop_);
  if (lsn.ok()) {
    known->snapshots.push_back(*lsn);
  } else {
    known->snapshot_trouble = lsn.status();
  }
}

MariadbLogTable* MariadbLog::FindStaged(const KnownMariadbTable& known) {
  MariadbLogTable* const table = tables_.Find(known.table.name);
  return table == nullptr || table->id == 0 ? nullptr : table;
}

absl::StatusOr<std::unique_ptr<StagedTexts>> MariadbLog::TextsOf(
    std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known,
    const MariadbLogTable& table) {
  const auto position_of = [this, &table](const std::string& snapshot) -> absl::StatusOr<std::int64_t> {
    ASSIGN_OR_RETURN(const std::int64_t lsn, LsnOfSnapshot(*staging_, snapshot, stop_));
    ASSIGN_OR_RETURN(const Covered covered, Cover(table, {lsn}));
    return covered.from;
  };
  auto texts = std::make_unique<MariadbStagedTexts>(std::move(look), std::move(known), position_of);
  RETURN_IF_ERROR(texts->Prepare());
  return texts;
}

}  // namespace mirror
