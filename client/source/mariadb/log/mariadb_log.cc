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

constexpr std::size_t kStagedRowsAtATime = 10'000;

/// Nothing stands in the source that could keep an id: this one is found again without any memory. With the
/// server_id, so that a second agent at another server with a database of the same name is another source.
absl::StatusOr<std::string> MakeSourceId(MariadbSessions& sessions, const std::string& identity,
                                         const std::string& context_id) {
  ASSIGN_OR_RETURN(const MariadbLease session, sessions.Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(const BinlogServer server, ReadBinlogServer(*session));
  return HexDigest(absl::StrCat("source of ", context_id, "\n", identity, "\n", server.id));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MariadbLog>> MariadbLog::Open(std::shared_ptr<MariadbStaging> staging,
                                                             MariadbLogOptions options) {
  std::unique_ptr<MariadbLog> log(new MariadbLog(std::move(staging), std::move(options)));
  RETURN_IF_ERROR(log->OpenExchange());
  ASSIGN_OR_RETURN(const StagedBinlog source, ReadStagedBinlog(log->stage()));
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
  if (const absl::StatusOr<Stage::Size> size = stage().Measure(); size.ok()) {
    figures.stage_rows = size->rows;
    figures.stage_bytes = size->bytes;
  }
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

absl::StatusOr<std::string> MariadbLog::Bind(const SourceMark& mark) {
  ASSIGN_OR_RETURN(const StagedBinlog source, ReadStagedBinlog(stage()));
  // The address leads to another one by now.
  if (!source.database.empty() && !mark.database.empty() && source.database != mark.database) {
    return absl::UnavailableError(
        "the source's address led to two databases in one run. Nothing was sent; run again");
  }
  return std::string();
}

absl::Status MariadbLog::KeepSource() {
  ASSIGN_OR_RETURN(StagedBinlog source, ReadStagedBinlog(stage()));
  if (source.source_id.empty()) {
    // The stage began anew with another database.
    if (had_source_) {
      // One of the same name and domain, too, is another one.
      ASSIGN_OR_RETURN(const std::string made,
                       MakeSourceId(*staging_->sessions(), source.database, options_.context_id));
      source_id_ = made != source_id_ ? made : NewToken();
    }
    source.source_id = source_id_;
    RETURN_IF_ERROR(KeepStagedBinlog(stage(), source));
  }
  source_id_ = source.source_id;
  had_source_ = true;
  return absl::OkStatus();
}

absl::Status MariadbLog::TakeMarker(std::int64_t above) {
  ASSIGN_OR_RETURN(marker_, staging_->StageToMarker(options_.stop, above));
  return staging_->WaitUntilSeen(marker_->lsn, options_.stop);
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

absl::StatusOr<Standing> MariadbLog::Judge(const std::string& table, const Position& position) {
  MariadbLogTable* const known = tables_.Find(table);
  if (known == nullptr) return Standing::kGone;
  if (!known->trouble.ok()) return known->trouble;
  const absl::StatusOr<StagedTable> staged = tables_.StagedOf(*known);
  if (!staged.ok() && !absl::IsAborted(staged.status())) return staged.status();
  // All that there is now came behind that, whatever was on record before.
  const bool is_emptied = staged.ok() && staged->truncated_lsn > staged->floor;
  if (known->adopted == position) return is_emptied ? Standing::kEmptied : Standing::kKnown;
  ASSIGN_OR_RETURN(const std::optional<StageMark> mark, stage().FindMark(position.lineage));
  const std::int64_t lsn = position.lsn.value;
  if (!mark) {
    ASSIGN_OR_RETURN(const StagedBinlog source, ReadStagedBinlog(stage()));
    return source.past == StagedBinlog::Past::kAhead ? Standing::kAhead : Standing::kMiss;
  }
  if (lsn > (mark)->lsn) return Standing::kMiss;  // Set by hand: nobody sent that.
  if (!staged.ok()) return Standing::kGone;
  if (lsn < staged->truncated_lsn) return Standing::kEmptied;
  if (lsn < staged->floor) return Standing::kGone;
  known->judged = std::max(known->judged, lsn);
  return Standing::kKnown;
}

absl::StatusOr<bool> MariadbLog::Adopt(const std::string& table, const Position& position) {
  MariadbLogTable* const known = tables_.Find(table);
  if (known == nullptr || !known->trouble.ok() || known->id == 0 || position.lsn.value < 0) return false;
  const absl::StatusOr<bool> sent = Sent(table, position);
  if (!sent.ok()) return sent;
  ASSIGN_OR_RETURN(const StagedBinlog source, ReadStagedBinlog(stage()));
  // Of a past that is not this binlog's: two databases that fight for a mirror would stay unseen.
  if (!*sent && source.past != StagedBinlog::Past::kWhole) return false;
  known->adopted = position;
  return true;
}

absl::StatusOr<std::optional<bool>> MariadbLog::ChangedSince(const std::string& table, Lsn lsn) {
  const MariadbLogTable* const known = tables_.Find(table);
  if (known == nullptr || known->id == 0) return std::nullopt;
  if (conflicts_ && conflicts_->Has(table)) return true;
  // What follows brings the mirror to a position that is on record.
  if (known->adopted && known->adopted->lsn == lsn) return true;
  const std::shared_ptr<StageView> moment = Moment();
  StageView& view = moment == nullptr ? stage() : *moment;
  ASSIGN_OR_RETURN(const bool has, view.HasRowsBehind(known->id, lsn.value));
  return has;
}

absl::StatusOr<std::map<std::string, Position>> MariadbLog::Begin(const std::vector<std::string>& tables,
                                                                  std::int64_t highest) {
  if (!marker_) return absl::FailedPreconditionError("the source's log was not read before rows were sent");
  // The clock by which a stage begins was set back.
  if (marker_->lsn <= highest) {
    RETURN_IF_ERROR(TakeMarker(highest));
  }
  std::map<std::string, Position> targets;
  for (const std::string& table : tables) targets[table] = {Lsn{marker_->lsn}, marker_->token};
  return targets;
}

absl::Status MariadbLog::ForgetConflicts(const std::map<std::string, Position>& durable) {
  if (!conflicts_) return absl::OkStatus();
  std::map<std::string, std::int64_t> up_to;
  for (const auto& [name, position] : durable) up_to[name] = position.lsn.value;
  return conflicts_->Forget(up_to, [this](const std::string& name) {
    const MariadbLogTable* const table = tables_.Find(name);
    return table != nullptr && table->id != 0;
  });
}

absl::Status MariadbLog::Forget(const std::map<std::string, Position>& durable) {
  RETURN_IF_ERROR(ForgetConflicts(durable));
  std::vector<Stage::Durable> positions;
  bool all_on_record = true;
  for (const auto& [name, position] : durable) {
    const MariadbLogTable* const table = tables_.Find(name);
    ASSIGN_OR_RETURN(const bool sent, Sent(name, position));
    all_on_record = all_on_record && sent;
    if (table != nullptr && table->id != 0 && sent) positions.push_back({table->id, position.lsn.value});
  }
  const absl::Status trimmed = stage().Trim(positions, NowMs());
  if (!trimmed.ok() || durable.empty() || !all_on_record) return trimmed;
  // All mirrors are of this binlog by now.
  ASSIGN_OR_RETURN(StagedBinlog source, ReadStagedBinlog(stage()));
  if (source.past == StagedBinlog::Past::kWhole) return absl::OkStatus();
  source.past = StagedBinlog::Past::kWhole;
  return KeepStagedBinlog(stage(), source);
}

// --- What changed -------------------------------------------------------------

absl::StatusOr<std::int64_t> MariadbLog::LsnOfSnapshot(const std::string& snapshot) {
  const std::size_t colon = snapshot.rfind(':'), blank = snapshot.rfind(' ');
  BinlogPlace place;
  std::uint32_t server = 0;
  if (colon == std::string::npos || blank == std::string::npos || blank < colon ||
      !absl::SimpleAtoi(snapshot.substr(colon + 1, blank - colon - 1), &place.offset) ||
      !absl::SimpleAtoi(snapshot.substr(blank + 1), &server))
    return absl::FailedPreconditionError("the source does not say where its binlog was when rows were read");
  place.file = snapshot.substr(0, colon);
  return staging_->LsnOf(place, server, options_.stop);
}

absl::StatusOr<MariadbLog::Covered> MariadbLog::Cover(const MariadbLogTable& table,
                                                      const std::vector<std::int64_t>& snapshots) {
  ASSIGN_OR_RETURN(StageMark marker, staging_->StageToMarker(options_.stop));
  const std::int64_t from =
      snapshots.empty() ? marker.lsn : *std::min_element(snapshots.begin(), snapshots.end());
  ASSIGN_OR_RETURN(const StagedTable staged, tables_.StagedOf(table));
  // What came in between is not staged.
  if (!snapshots.empty() && from < staged.floor) {
    return absl::AbortedError(
        absl::StrCat("table '", table.table.name, "' moved while its rows were read: ", staged.gone_because));
  }
  return Covered{std::max(from, staged.floor), std::move(marker)};
}

absl::StatusOr<std::optional<std::vector<Key>>> MariadbLog::ChangedKeys(const std::string& table, Lsn lsn) {
  const MariadbLogTable* const known = tables_.Find(table);
  if (known == nullptr || known->id == 0) return std::nullopt;
  if (!known->snapshot_trouble.ok()) return known->snapshot_trouble;
  ASSIGN_OR_RETURN(const Covered covered, Cover(*known, known->snapshots));
  ASSIGN_OR_RETURN(const std::int64_t floor, tables_.FloorOf(*known));
  const std::int64_t from = std::max(std::min(lsn.value, covered.from), floor);
  ASSIGN_OR_RETURN(const std::unique_ptr<StagedRows> rows, stage().RowsBehind(known->id, from));
  std::vector<Key> keys;
  for (bool last = false; !last;) {
    ASSIGN_OR_RETURN(const std::vector<StagedRows::Row> some, rows->Next(kStagedRowsAtATime));
    last = some.size() < kStagedRowsAtATime;
    for (const StagedRows::Row& row : some) {
      if (std::optional<Key> key = KeyOfStagedMariadb(known->schema, row.key))
        keys.push_back(*std::move(key));
    }
  }
  return keys;
}

absl::Status MariadbLog::HoldMoment() {
  moment_.reset();
  ASSIGN_OR_RETURN(const StageMark marker, staging_->StageToMarker(options_.stop));
  ASSIGN_OR_RETURN(std::shared_ptr<StageView> view, stage().Hold());
  ASSIGN_OR_RETURN(const std::int64_t place, view->Place());
  // Another process set it back in between.
  if (place < marker.lsn) return StageFellBehind();
  moment_ = std::move(view);
  moment_begun_ = std::chrono::steady_clock::now();
  return absl::OkStatus();
}

std::shared_ptr<StageView> MariadbLog::Moment() {
  if (std::chrono::steady_clock::now() - moment_begun_ >= options_.holds_for) moment_.reset();
  return moment_;
}

absl::Status MariadbLog::CheckReadable(const MariadbTable& table) {
  const MariadbLogTable* const known = tables_.Find(table.name);
  if (known == nullptr)
    return absl::AbortedError(
        absl::StrCat("table '", table.name, "' was made while the source was looked at"));
  return known->trouble;
}

void MariadbLog::BeginRows(const MariadbTable& table) {
  (void)Moment();
  MariadbLogTable* const known = tables_.Find(table.name);
  if (known == nullptr) return;
  known->snapshots.clear();
  known->snapshot_trouble = absl::OkStatus();
  known->begun = true;
}

void MariadbLog::NoteSnapshot(const MariadbTable& table, const std::string& snapshot) {
  (void)Moment();
  MariadbLogTable* const known = tables_.Find(table.name);
  if (known == nullptr || known->id == 0) return;
  const absl::StatusOr<std::int64_t> lsn = LsnOfSnapshot(snapshot);
  if (lsn.ok()) {
    known->snapshots.push_back(*lsn);
  } else {
    known->snapshot_trouble = lsn.status();
  }
}

absl::StatusOr<std::unique_ptr<ChangeReader>> MariadbLog::Changes(
    std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known, Ask ask) {
  MariadbLogTable* const table = tables_.Find(known->table.name);
  if (table == nullptr || !marker_ || table->id == 0) {
    return absl::AbortedError(
        absl::StrCat("table '", known->table.name, "' was made while it was looked at"));
  }
  StagedAsk staged;
  staged.table = table->id;
  staged.schema = known->given;
  staged.columns = std::move(ask.columns);
  staged.whole_rows = ask.whole_rows;
  const bool is_behind_rows = std::exchange(table->begun, false);
  if (is_behind_rows) {
    if (!table->snapshot_trouble.ok()) return table->snapshot_trouble;
    ASSIGN_OR_RETURN(const Covered covered, Cover(*table, table->snapshots));
    staged.from = staged.mirrored_lsn = covered.from;
    staged.target = {Lsn{covered.marker.lsn}, covered.marker.token};
  } else {
    staged.from = ask.from.value;
    staged.target = {Lsn{marker_->lsn}, marker_->token};
    // An interrupted sending may have inserted what came since.
    staged.mirrored_lsn = std::max(table->judged, ask.from.value);
    if (table->adopted && table->adopted->lsn == ask.from) {
      ASSIGN_OR_RETURN(staged.from, tables_.FloorOf(*table));
      staged.mirrored_lsn = INT64_MAX;
      // The mirror may lack rows that were only updated since.
      staged.whole_rows = true;
    }
  }
  if (conflicts_) {
    for (Key& key : conflicts_->Send(known->table.name, known->schema, staged.target.lsn.value))
      ask.also.push_back(std::move(key));
  }
  for (const Key& key : ask.also) {
    staged.also.push_back(StagedKeyOfMariadb(known->schema, key));
    staged.whole_rows = true;
  }
  // A row that is read in the database is of a later moment.
  if (!is_behind_rows && !staged.whole_rows && !known->steps) staged.moment = Moment();
  ASSIGN_OR_RETURN(
      auto texts,
      MariadbStagedTexts::Make(std::move(look), known,
                               [this, table](const std::string& snapshot) -> absl::StatusOr<std::int64_t> {
                                 const absl::StatusOr<std::int64_t> lsn = LsnOfSnapshot(snapshot);
                                 if (!lsn.ok()) return lsn;
                                 ASSIGN_OR_RETURN(const Covered covered, Cover(*table, {*lsn}));
                                 return covered.from;
                               }));
  return ReadStagedChanges(stage(), std::move(texts), std::move(staged));
}

}  // namespace mirror
