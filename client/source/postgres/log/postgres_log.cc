#include "client/source/postgres/log/postgres_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/postgres/log/publication.h"
#include "client/source/postgres/log/replication_slot.h"
#include "client/source/postgres/log/staged_keys.h"
#include "client/source/postgres/log/text_values.h"
#include "client/source/stage/staged_changes.h"

namespace mirror {
namespace {

absl::Status MovedMeanwhile(const StagedTable& table) {
  return absl::AbortedError(absl::StrCat("table '", table.name, "' moved while its rows were read",
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

// --- Who the source is --------------------------------------------------------

absl::Status PostgresLog::KeepSource() {
  ASSIGN_OR_RETURN(StagedLog source, ReadStagedLog(stage()));
  if (source.source_id == source_id_) return absl::OkStatus();
  if (source.source_id.empty()) {
    // The stage began anew with another database.
    if (had_source_) source_id_ = NewToken();
    source.source_id = source_id_;
    RETURN_IF_ERROR(KeepStagedLog(stage(), source));
  }
  source_id_ = source.source_id;
  had_source_ = true;
  return absl::OkStatus();
}

absl::Status PostgresLog::Refresh() {
  if (!staging_->has_tables()) {
    RETURN_IF_ERROR(tables_.KnowStaged());
  }
  ASSIGN_OR_RETURN(marker_, staging_->StageToMarker(stop_));
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

// --- What it costs ---

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
  // The server learns of what was confirmed a little later.
  const auto confirmed =
      std::max(static_cast<std::int64_t>(look->slot->confirmed_flush_lsn), counts.confirmed_lsn);
  if (confirmed > 0) figures.lag = std::max<std::int64_t>(0, end - confirmed);
  figures.safe = look->slot->safe_wal_size;
  if (restart == 0) return figures;  // It is lost.
  figures.retained = std::max<std::int64_t>(0, end - restart);
  figures.unconfirmed = std::max<std::int64_t>(0, confirmed - restart);
  return figures;
}

// --- What changed -------------------------------------------------------------

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
  // What came in between is not staged, though a position above the floor would look as if it were.
  if (from < staged.floor) return MovedMeanwhile(staged);
  return Covered{from, staged.floor, *std::move(marker)};
}

absl::StatusOr<PostgresLog::Covered> PostgresLog::CoverNoted(const Table& table) {
  const absl::StatusOr<Covered> covered = Cover(table, table.snapshots);
  if (!covered.ok() || (table.snapshots.empty() && !table.begun)) return covered;
  if (table.floor_before && covered->floor <= *table.floor_before) return covered;
  // Also where no transaction on record tells of what is missing: the log itself may have been lost.
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
    return absl::AbortedError(
        absl::StrCat("table '", table.name, "' was made while the source was looked at"));
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
  // Once in a run: where the stage turns out not to have all rows, the database has.
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
