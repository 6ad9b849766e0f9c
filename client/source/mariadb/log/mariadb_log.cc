#include "client/source/mariadb/log/mariadb_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/human_text.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/mariadb/log/binlog_server.h"
#include "client/source/mariadb/log/mariadb_log_facts.h"
#include "client/source/mariadb/log/mariadb_staged_texts.h"
#include "client/source/stage/staged_changes.h"

namespace mirror {
namespace {

/// Nothing stands in the source that could keep an id: this one is found again without any memory. With the
/// server_id, so that a second agent at another server with a database of the same name is another source.
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
    return absl::FailedPreconditionError("the source does not say where its binlog was when rows were read");
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
                                     " changed, so that what was read of the binlog before does not count "
                                     "for it: it is compared with the mirror, "
                                     "or populated: ",
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

// --- Who the source is --------------------------------------------------------

absl::Status MariadbLog::KeepSource() {
  ASSIGN_OR_RETURN(StagedLog source, ReadStagedLog(stage()));
  if (source.source_id.empty()) {
    // The stage began anew with another database.
    if (had_source_) {
      // One of the same name and domain, too, is another one.
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
  // The clock by which a stage begins was set back.
  if (marker_ && marker_->lsn <= highest) {
    RETURN_IF_ERROR(TakeMarker(highest));
  }
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

// --- What changed -------------------------------------------------------------

absl::StatusOr<MariadbLog::Covered> MariadbLog::Cover(const MariadbLogTable& table,
                                                      const std::vector<std::int64_t>& snapshots) {
  ASSIGN_OR_RETURN(StageMark marker, staging_->StageToMarker(stop_));
  const std::int64_t from =
      snapshots.empty() ? marker.lsn : *std::min_element(snapshots.begin(), snapshots.end());
  ASSIGN_OR_RETURN(const StagedTable staged, tables_.StagedOf(table));
  // What came in between is not staged.
  if (!snapshots.empty() && from < staged.floor) {
    return absl::AbortedError(
        absl::StrCat("table '", table.table.name, "' moved while its rows were read: ", staged.gone_because));
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
  // A row that is read in the database is of a later moment.
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
    return absl::AbortedError(
        absl::StrCat("table '", table.name, "' was made while the source was looked at"));
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
