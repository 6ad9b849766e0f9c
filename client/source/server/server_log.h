#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOG_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOG_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "client/source/server/server_reader_log.h"
#include "client/source/server/stage.h"
#include "client/source/server/staged_changes.h"
#include "client/source/server/staged_log.h"

namespace mirror {

/// A table of a source whose log is staged, for any kind of server.
struct ServerLogTable {
  std::int64_t id = 0;           ///< Its number in the stage; 0: it is not staged.
  absl::Status trouble = {};     ///< Why none of its rows can be sent.
  std::int64_t emptied_lsn = 0;  ///< LSN of an emptying that the stage may not have on record; 0: none.
  TableSchema schema = {};       ///< Its last announcement.
  // State of the present run.
  std::optional<Position> adopted = {};
  std::int64_t judged = 0;  ///< The highest LSN that Judge() reported as kKnown: the mirror may have it.
  bool begun = false;       ///< The last reading took all its rows, and their net changes follow.
  bool emptied = false;     ///< All its rows are in the stage, according to the last Judge().
};

/// The change log of a server's database, staged by the agent: the part that is common to all kinds of
/// servers. A position is a mark of the stage. `Look`: a ServerLook. `Tables`: the tables of the log. Its
/// Find() returns a table by name; null: there is none. Its StagedOf() returns kAborted if the table is not
/// staged any more. Its Table is a ServerLogTable. `Staging`: fills the stage. Threads: one at a time.
template <typename Look, typename Tables, typename Staging>
class ServerLog : public StagedHistory, public ServerReaderLog<Look> {
 public:
  using Known = typename Look::Known;
  using LogTable = typename Tables::Table;
  using Ask = typename ServerReaderLog<Look>::Ask;

  const std::string& source_id() const override { return source_id_; }

  absl::StatusOr<std::string> Bind(const SourceMark& mark) override {
    ASSIGN_OR_RETURN(const StagedLog source, ReadStagedLog(stage()));
    // The address now leads to another database.
    if (!source.database.empty() && !mark.database.empty() && source.database != mark.database) {
      return absl::UnavailableError(
          "the source's address led to two databases in one run. Nothing was sent; run again");
    }
    return std::string();
  }

  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override {
    LogTable* const known = tables().Find(table);
    if (known == nullptr) return Standing::kGone;
    if (!known->trouble.ok()) return known->trouble;
    const absl::StatusOr<StagedTable> staged = tables().StagedOf(*known);
    if (!staged.ok() && !absl::IsAborted(staged.status())) return staged.status();
    // True: all present rows came after the emptying, whatever was on record before.
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
      return IsAhead(source, lsn) ? Standing::kAhead : Standing::kMiss;
    }
    if (lsn > mark->lsn) return Standing::kMiss;  // Set by hand: this source did not send it.
    if (!staged.ok()) return Standing::kGone;
    if (lsn < std::max(staged->truncated_lsn, known->emptied_lsn)) {
      known->emptied = is_emptied;
      return Standing::kEmptied;
    }
    if (lsn < staged->floor) return Standing::kGone;
    known->judged = std::max(known->judged, lsn);
    return Standing::kKnown;
  }

  absl::StatusOr<bool> Adopt(const std::string& table, const Position& position) override {
    LogTable* const known = tables().Find(table);
    if (known == nullptr || !known->trouble.ok() || position.lsn.value < 0) return false;
    const absl::StatusOr<bool> sent = Sent(table, position);
    if (!sent.ok()) return sent;
    ASSIGN_OR_RETURN(const StagedLog source, ReadStagedLog(stage()));
    if (!MayAdopt(*known, *sent, source)) return false;
    known->adopted = position;
    return true;
  }

  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& table, Lsn lsn) override {
    const LogTable* const known = tables().Find(table);
    if (known == nullptr || known->id == 0) return std::nullopt;
    // The changes to be sent bring the mirror to a position that is on record.
    if (HasOthers(table) || (known->adopted && known->adopted->lsn == lsn)) return true;
    const std::shared_ptr<StageView> moment = HeldView();
    StageView& view = moment == nullptr ? stage() : *moment;
    ASSIGN_OR_RETURN(const bool has, view.HasRowsBehind(known->id, lsn.value));
    return has;
  }

  /// Includes the keys of all commits up to now, and of commits that are missing in a snapshot in which the
  /// table's rows were read since Refresh(). If any other row differs, the mirror is wrong. Errors: also
  /// kAborted: the staged changes of the table were discarded since its rows were read.
  absl::StatusOr<std::optional<std::vector<Key>>> ChangedKeys(const std::string& table, Lsn lsn) override {
    constexpr std::size_t kRowsAtATime = 10'000;
    const LogTable* const known = tables().Find(table);
    if (known == nullptr || known->id == 0) return std::nullopt;
    ASSIGN_OR_RETURN(const Covered covered, CoverNoted(*known));
    const std::int64_t from = std::max(std::min(lsn.value, covered.from), covered.floor);
    ASSIGN_OR_RETURN(const std::unique_ptr<StagedRows> rows, stage().RowsAfter(known->id, from));
    std::vector<Key> keys;
    for (bool last = false; !last;) {
      ASSIGN_OR_RETURN(const std::vector<StagedRows::Row> some, rows->Next(kRowsAtATime));
      last = some.size() < kRowsAtATime;
      for (const StagedRows::Row& row : some) {
        if (std::optional<Key> key = KeyOfRow(*known, row.key)) keys.push_back(*std::move(key));
      }
    }
    return keys;
  }

  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t /*highest*/) override {
    if (!marker_) return absl::FailedPreconditionError("the source's log was not read before rows were sent");
    std::map<std::string, Position> targets;
    for (const std::string& table : tables) targets[table] = {Lsn{marker_->lsn}, marker_->token};
    return targets;
  }

  absl::Status Forget(const std::map<std::string, Position>& durable) override {
    std::vector<Stage::Durable> positions;
    bool all_on_record = true;
    for (const auto& [name, position] : durable) {
      const LogTable* const table = tables().Find(name);
      ASSIGN_OR_RETURN(const bool sent, Sent(name, position));
      all_on_record = all_on_record && sent;
      if (table != nullptr && table->id != 0 && sent) positions.push_back({table->id, position.lsn.value});
    }
    RETURN_IF_ERROR(stage().Trim(positions, NowMs()));
    RETURN_IF_ERROR(ForgetMore());
    if (durable.empty() || !all_on_record) return absl::OkStatus();
    // All mirrors now follow this log.
    ASSIGN_OR_RETURN(StagedLog source, ReadStagedLog(stage()));
    if (source.past == StagedLog::Past::kWhole) return absl::OkStatus();
    source.past = StagedLog::Past::kWhole;
    return KeepStagedLog(stage(), source);
  }

  absl::Status HoldMoment() override {
    moment_.reset();
    ASSIGN_OR_RETURN(StageMark marker, staging_->StageToMarker(stop_));
    ASSIGN_OR_RETURN(std::shared_ptr<StageView> view, stage().Hold());
    ASSIGN_OR_RETURN(const std::int64_t place, view->Place());
    // Another process set the stage back in between.
    if (place < marker.lsn) return StageFellBehind();
    moment_ = Moment{std::move(marker), std::move(view), std::chrono::steady_clock::now()};
    return absl::OkStatus();
  }
  void LeaveMoment() override { moment_.reset(); }

  absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(std::shared_ptr<const Look> look,
                                                        std::shared_ptr<const Known> known,
                                                        Ask ask) override {
    LogTable* const table = FindStaged(*known);
    if (table == nullptr || !marker_) {
      return absl::AbortedError(
          absl::StrCat("table '", known->table.name, "' was created while the source was read"));
    }
    StagedAsk staged;
    staged.table = table->id;
    staged.schema = known->given;
    staged.columns = std::move(ask.columns);
    staged.whole_rows = ask.whole_rows;
    const bool is_behind_rows = table->begun;
    RETURN_IF_ERROR(is_behind_rows ? AskBehindRows(*table, &staged) : AskBehind(*table, ask.from, &staged));
    AddOthers(*known, staged.target.lsn, &ask.also);
    for (const Key& key : ask.also) {
      staged.also.push_back(StagedKeyFor(*known, key));
      staged.whole_rows = true;
    }
    staged.moment = MomentFor(*known, is_behind_rows, staged.whole_rows);
    ASSIGN_OR_RETURN(std::unique_ptr<StagedTexts> texts, TextsOf(std::move(look), known, *table));
    return ReadStagedChanges(stage(), std::move(texts), std::move(staged));
  }

 protected:
  struct Covered {
    std::int64_t from = 0;   ///< Changes that the snapshots do not see are staged after this LSN.
    std::int64_t floor = 0;  ///< Floor of the table in the stage.
    StageMark marker;        ///< Everything that is committed now is staged up to this mark.
  };
  struct Moment {
    StageMark marker;  ///< Everything committed at the time of the hold is staged up to this mark.
    std::shared_ptr<StageView> view;
    std::chrono::steady_clock::time_point begun;
  };

  /// `stop` may be null; otherwise it must outlive the log.
  ServerLog(std::shared_ptr<Staging> staging, const std::atomic<bool>* stop)
      : staging_(std::move(staging)), stop_(stop) {}

  Stage& stage() override { return staging_->stage(); }
  virtual Tables& tables() = 0;
  /// Returns the table if the log can serve it; null: it cannot.
  virtual LogTable* FindStaged(const Known& known) = 0;
  /// Returns whether a position that the stage does not know lies beyond the log's end.
  virtual bool IsAhead(const StagedLog& log, std::int64_t lsn) = 0;
  /// Returns whether a position may count as a position of this log. False: it may belong to another
  /// database, and then two databases could write to one mirror unnoticed. `is_sent`: the position is on
  /// record.
  virtual bool MayAdopt(const LogTable& table, bool is_sent, const StagedLog& log) const = 0;
  /// Waits until the stage covers all snapshots noted for the table. Errors: also kAborted: some changes
  /// after one of these snapshots are not staged.
  virtual absl::StatusOr<Covered> CoverNoted(const LogTable& table) = 0;
  /// Returns the LSN at which the table's rows were read.
  virtual std::int64_t ReadAt(const LogTable& /*table*/, const Covered& covered) const {
    return covered.from;
  }
  /// Absent: the key does not fit the schema.
  virtual std::optional<Key> KeyOfRow(const LogTable& table, const StagedKey& key) const = 0;
  virtual StagedKey StagedKeyFor(const Known& known, const Key& key) const = 0;
  /// `table` must outlive the result.
  virtual absl::StatusOr<std::unique_ptr<StagedTexts>> TextsOf(std::shared_ptr<const Look> look,
                                                               std::shared_ptr<const Known> known,
                                                               const LogTable& table) = 0;
  /// Returns whether keys must be sent that the log does not report. AddOthers() adds these keys to `keys`;
  /// they are sent with the changes up to `target`.
  virtual bool HasOthers(const std::string& /*table*/) const { return false; }
  virtual void AddOthers(const Known& /*known*/, Lsn /*target*/, std::vector<Key>* /*keys*/) {}
  /// Returns the view of the stage from which changes are read. Null: its present state.
  virtual std::shared_ptr<StageView> MomentFor(const Known& /*known*/, bool /*is_behind_rows*/,
                                               bool /*whole_rows*/) {
    return HeldView();
  }
  /// Returns the held view of the stage; null: nothing is held.
  virtual std::shared_ptr<StageView> HeldView() { return moment_ ? moment_->view : nullptr; }
  /// Called after the durable rows were trimmed.
  virtual absl::Status ForgetMore() { return absl::OkStatus(); }

  void MeasureStage(LogFigures* figures) {
    const absl::StatusOr<Stage::Size> size = stage().Measure();
    if (!size.ok()) return;
    figures->stage_rows = size->rows;
    figures->stage_bytes = size->bytes;
  }

  const std::shared_ptr<Staging> staging_;
  const std::atomic<bool>* const stop_;
  std::string source_id_;
  bool had_source_ = false;  ///< The stage had a source on record.
  std::optional<StageMark> marker_;
  std::optional<Moment> moment_;

 private:
  absl::Status AskBehindRows(LogTable& table, StagedAsk* staged) {
    const absl::StatusOr<Covered> covered = CoverNoted(table);
    table.begun = false;
    if (!covered.ok()) return covered.status();
    staged->from = staged->mirrored_lsn = ReadAt(table, *covered);
    staged->target = {Lsn{covered->marker.lsn}, covered->marker.token};
    return absl::OkStatus();
  }

  absl::Status AskBehind(const LogTable& table, Lsn from, StagedAsk* staged) {
    staged->from = from.value;
    staged->target = {Lsn{marker_->lsn}, marker_->token};
    // A sending that was interrupted may have inserted the rows that came since.
    staged->mirrored_lsn = std::max(table.judged, from.value);
    if (!table.adopted || table.adopted->lsn != from) return absl::OkStatus();
    ASSIGN_OR_RETURN(const StagedTable known, tables().StagedOf(table));
    staged->from = known.floor;
    staged->mirrored_lsn = INT64_MAX;
    // The mirror may lack rows that were only updated since.
    staged->whole_rows = true;
    return absl::OkStatus();
  }
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_LOG_H_
