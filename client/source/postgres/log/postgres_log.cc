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

constexpr std::size_t kRowsAtATime = 10'000;

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

absl::StatusOr<std::string> PostgresLog::Bind(const SourceMark& mark) {
  ASSIGN_OR_RETURN(const StagedLog source, ReadStagedLog(stage()));
  const std::string& staged = source.database;
  // The address leads to another one by now.
  if (!staged.empty() && !mark.database.empty() && staged != mark.database) {
    return absl::UnavailableError(
        "the source's address led to two databases in one run. Nothing was sent; run again");
  }
  return std::string();
}

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
  ASSIGN_OR_RETURN(marker_, staging_->StageToMarker(options_.stop));
  tables_.ForgetSnapshots();
  return KeepSource();
}

absl::StatusOr<std::vector<std::string>> PostgresLog::Renew(const std::vector<std::string>& tables) {
  return tables_.Renew(tables, &marker_);
}

// --- Positions ----------------------------------------------------------------

absl::StatusOr<Standing> PostgresLog::Judge(const std::string& table, const Position& position) {
  Table* const known = tables_.Find(table);
  if (known == nullptr) return Standing::kGone;
  if (!known->trouble.ok()) return known->trouble;
  const absl::StatusOr<StagedTable> staged = tables_.StagedOf(*known);
  if (!staged.ok() && !absl::IsAborted(staged.status())) return staged.status();
  // All that there is now came behind that, whatever was on record before.
  const bool is_emptied = staged.ok() && staged->truncated_lsn > staged->floor;
  known->emptied = false;
  if (known->adopted == position) {
    known->emptied = is_emptied;
    return is_emptied ? Standing::kEmptied : Standing::kKnown;
  }
  ASSIGN_OR_RETURN(const std::optional<StageMark> mark, stage().FindMark(position.lineage));
  const std::int64_t lsn = position.lsn.value;
  if (!mark) {
    ASSIGN_OR_RETURN(const StagedLog source, ReadStagedLog(stage()));
    const bool is_promoted = source.past == StagedLog::Past::kPromoted;
    const std::int64_t end = std::max(staging_->server().flushed_lsn, marker_ ? marker_->lsn : 0);
    return lsn > end && !is_promoted ? Standing::kAhead : Standing::kMiss;
  }
  if (lsn > (mark)->lsn) return Standing::kMiss;  // Set by hand: nobody sent that.
  if (!staged.ok()) return Standing::kGone;
  if (lsn < std::max(staged->truncated_lsn, known->emptied_lsn)) {
    known->emptied = is_emptied;
    return Standing::kEmptied;
  }
  if (lsn < staged->floor) return Standing::kGone;
  known->judged = std::max(known->judged, lsn);
  return Standing::kKnown;
}

absl::StatusOr<bool> PostgresLog::Adopt(const std::string& table, const Position& position) {
  Table* const known = tables_.Find(table);
  if (known == nullptr || !known->trouble.ok() || position.lsn.value < 0) return false;
  const absl::StatusOr<bool> sent = Sent(table, position);
  if (!sent.ok()) return sent;
  ASSIGN_OR_RETURN(const StagedLog source, ReadStagedLog(stage()));
  // Of a future that the database does not have: two databases that fight for a mirror would stay unseen.
  if (!*sent && source.past == StagedLog::Past::kRestored) return false;
  known->adopted = position;
  return true;
}

absl::StatusOr<std::optional<bool>> PostgresLog::ChangedSince(const std::string& table, Lsn lsn) {
  const Table* const known = tables_.Find(table);
  if (known == nullptr || known->id == 0) return std::nullopt;
  // What follows brings the mirror to a position that is on record.
  if (known->adopted && known->adopted->lsn == lsn) return true;
  ASSIGN_OR_RETURN(const bool has, view().HasRowsBehind(known->id, lsn.value));
  return has;
}

absl::StatusOr<std::map<std::string, Position>> PostgresLog::Begin(const std::vector<std::string>& tables,
                                                                   std::int64_t /*highest*/) {
  if (!marker_) return absl::FailedPreconditionError("the source's log was not read before rows were sent");
  std::map<std::string, Position> targets;
  for (const std::string& table : tables) targets[table] = {Lsn{marker_->lsn}, marker_->token};
  return targets;
}

absl::Status PostgresLog::Forget(const std::map<std::string, Position>& durable) {
  std::vector<Stage::Durable> positions;
  bool all_on_record = true;
  for (const auto& [name, position] : durable) {
    const Table* const table = tables_.Find(name);
    ASSIGN_OR_RETURN(const bool sent, Sent(name, position));
    all_on_record = all_on_record && sent;
    if (table != nullptr && table->id != 0 && sent) positions.push_back({table->id, position.lsn.value});
  }
  RETURN_IF_ERROR(stage().Trim(positions, NowMs()));
  ASSIGN_OR_RETURN(const PostgresSnapshot now, tables_.SnapshotOfNow());
  absl::Status forgotten =
      stage().ForgetTransactions([&now](std::uint64_t xid) { return now.IsSeenByAll(xid); });
  if (!forgotten.ok() || durable.empty() || !all_on_record) return forgotten;
  // All mirrors are of this log by now.
  ASSIGN_OR_RETURN(StagedLog source, ReadStagedLog(stage()));
  if (source.past == StagedLog::Past::kWhole) return absl::OkStatus();
  source.past = StagedLog::Past::kWhole;
  return KeepStagedLog(stage(), source);
}

// --- What it costs ---

LogFigures PostgresLog::Figures() {
  LogFigures figures;
  const PostgresStaging::Counts counts = staging_->counts();
  figures.decoded = static_cast<std::int64_t>(counts.changes);
  figures.snapshot_wait = static_cast<double>(tables_.WaitedMs(NowMs())) / 1'000;
  if (const absl::StatusOr<Stage::Size> size = stage().Measure(); size.ok()) {
    figures.stage_rows = size->rows;
    figures.stage_bytes = size->bytes;
  }
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
      moment_ ? absl::StatusOr<StageMark>(moment_->marker) : staging_->StageToMarker(options_.stop);
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

absl::StatusOr<std::optional<std::vector<Key>>> PostgresLog::ChangedKeys(const std::string& table, Lsn lsn) {
  const Table* const known = tables_.Find(table);
  if (known == nullptr || known->id == 0) return std::nullopt;
  ASSIGN_OR_RETURN(const Covered covered, CoverNoted(*known));
  const std::int64_t from = std::max(std::min(lsn.value, covered.from), covered.floor);
  ASSIGN_OR_RETURN(const std::unique_ptr<StagedRows> rows, stage().RowsBehind(known->id, from));
  std::vector<Key> keys;
  for (bool last = false; !last;) {
    ASSIGN_OR_RETURN(const std::vector<StagedRows::Row> some, rows->Next(kRowsAtATime));
    last = some.size() < kRowsAtATime;
    for (const StagedRows::Row& row : some) {
      if (std::optional<Key> key = KeyOfStaged(known->catalog.table, known->schema, row.key))
        keys.push_back(*std::move(key));
    }
  }
  return keys;
}

absl::Status PostgresLog::HoldMoment() {
  moment_.reset();
  ASSIGN_OR_RETURN(StageMark marker, staging_->StageToMarker(options_.stop));
  ASSIGN_OR_RETURN(std::shared_ptr<StageView> view, stage().Hold());
  ASSIGN_OR_RETURN(const std::int64_t place, view->Place());
  // Another process set it back in between.
  if (place < marker.lsn) return StageFellBehind();
  moment_ = Moment{std::move(marker), std::move(view)};
  return absl::OkStatus();
}

/// `table` outlives them.
absl::StatusOr<std::unique_ptr<PostgresStagedTexts>> PostgresLog::TextsOf(
    std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known,
    const Table& table) {
  const Table* const its = &table;
  return PostgresStagedTexts::Make(std::move(look), std::move(known),
                                   [this, its](const std::string& snapshot) -> absl::StatusOr<std::int64_t> {
                                     const std::optional<PostgresSnapshot> parsed =
                                         PostgresSnapshot::Parse(snapshot);
                                     if (!parsed)
                                       return absl::InternalError("the source's snapshot cannot be read");
                                     ASSIGN_OR_RETURN(const Covered covered, Cover(*its, {*parsed}));
                                     return covered.from;
                                   });
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
  ASSIGN_OR_RETURN(const std::int64_t place, view().Place());
  ASSIGN_OR_RETURN(auto texts, TextsOf(std::move(look), known, *table));
  table->logged_to = place;
  StagedAsk staged;
  staged.table = table->id;
  staged.schema = known->given;
  staged.columns = columns;
  if (moment_) staged.moment = moment_->view;
  return ReadEmptiedTable(stage(), std::move(texts), std::move(staged));
}

void PostgresLog::NoteSnapshot(const PostgresTable& table, const std::string& snapshot) {
  Table* const known = tables_.FindById(table.oid);
  const std::optional<PostgresSnapshot> parsed = PostgresSnapshot::Parse(snapshot);
  if (known == nullptr || !parsed) return;
  if (known->snapshots.empty() && !known->begun) tables_.NoteFloor(*known);
  known->snapshots.push_back(*parsed);
}

absl::StatusOr<std::unique_ptr<ChangeReader>> PostgresLog::Changes(
    std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known, Ask ask) {
  Table* const table = tables_.FindById(known->table.oid);
  if (table == nullptr || !marker_) {
    return absl::AbortedError(
        absl::StrCat("table '", known->table.name, "' was made while it was looked at"));
  }
  StagedAsk staged;
  staged.table = table->id;
  staged.schema = known->given;
  staged.columns = std::move(ask.columns);
  staged.whole_rows = ask.whole_rows;
  if (moment_) staged.moment = moment_->view;
  if (table->begun) {
    const absl::StatusOr<Covered> covered = CoverNoted(*table);
    table->begun = false;
    if (!covered.ok()) return covered.status();
    staged.from = staged.mirrored_lsn =
        table->logged_to ? std::min(*table->logged_to, covered->marker.lsn) : covered->from;
    staged.target = {Lsn{covered->marker.lsn}, covered->marker.token};
  } else {
    staged.from = ask.from.value;
    staged.target = {Lsn{marker_->lsn}, marker_->token};
    // An interrupted sending may have inserted what came since.
    staged.mirrored_lsn = std::max(table->judged, ask.from.value);
    if (table->adopted && table->adopted->lsn == ask.from) {
      ASSIGN_OR_RETURN(const StagedTable known_staged, tables_.StagedOf(*table));
      staged.from = known_staged.floor;
      staged.mirrored_lsn = INT64_MAX;
      // The mirror may lack rows that were only updated since.
      staged.whole_rows = true;
    }
  }
  for (const Key& key : ask.also) {
    staged.also.push_back(StagedKeyOf(known->table, known->schema, key));
    staged.whole_rows = true;
  }
  ASSIGN_OR_RETURN(auto texts, TextsOf(std::move(look), known, *table));
  return ReadStagedChanges(stage(), std::move(texts), std::move(staged));
}

}  // namespace mirror
