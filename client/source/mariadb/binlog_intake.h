#ifndef MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_INTAKE_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_INTAKE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/mariadb/binlog_event.h"
#include "client/source/mariadb/binlog_place.h"
#include "client/source/mariadb/binlog_tables.h"
#include "client/source/mariadb/statement_words.h"
#include "client/source/server/stage.h"

struct XXH3_state_s;

namespace mirror {

/// A digest of a group's events in the binlog, with their times. Two servers that were equal once and differ
/// now can have groups with the same GTIDs at the same places. Their digests differ.
class GroupPrint {
 public:
  GroupPrint();
  ~GroupPrint();
  GroupPrint(const GroupPrint&) = delete;
  GroupPrint& operator=(const GroupPrint&) = delete;

  void Begin();
  void Add(const binlog::Event& event);
  /// Returns the digest since Begin(): 16 hexadecimal digits.
  std::string Text() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

/// Takes the events of one stream into the stage. The caller must call Flush(). An event group is a
/// transaction of the stage. Its LSN is one more than that of the group or position before it, so groups that
/// are read again get the same LSNs. Threads: one.
class BinlogIntake {
 public:
  /// `position`: the stream must begin at `position.again`. Events up to `position.end` are not taken, but
  /// compared with `print`; empty `print`: not compared, because the binlog is a new one. `lsn`: the LSN of
  /// the position, or greater than all LSNs before. `settled_after`: a snapshot taken this long after an XA
  /// COMMIT was read sees its changes. The stage must outlive this.
  BinlogIntake(Stage& stage, std::int64_t lsn, BinlogPosition position, std::string print,
               std::chrono::milliseconds settled_after = kSettledAfter);

  static constexpr std::chrono::milliseconds kSettledAfter{30'000};

  /// Sets the tables that count from the next group or position on.
  void SetTables(std::shared_ptr<const BinlogTables> tables) { next_tables_ = std::move(tables); }

  /// Takes an event. `before`, `after`: its places. Errors: those of the stage and of the events; kAborted:
  /// this is not the binlog that was read before. After an error, here or in Mark(), each later call returns
  /// it again. The stage discards changes then, so a new stream must read them again.
  absl::Status Take(const binlog::Event& event, const BinlogPlace& before, const BinlogPlace& after);

  /// Whether the stream is outside of event groups.
  bool IsBetween() const { return !group_; }
  /// Whether the stream had the expected events up to the end of the position.
  bool verified() const { return verified_; }
  bool is_other_log() const { return is_other_log_; }
  /// The place after the last event outside of groups.
  const BinlogPlace& place() const { return position_.end; }

  /// Adds a position after all taken events. Call it outside of groups. Its LSN is greater than `above`. If
  /// an XA COMMIT has settled since the last position, the staged tables are discarded again: rows read until
  /// then may lack its changes.
  absl::StatusOr<StageMark> Mark(const std::string& token, std::int64_t above, std::int64_t now_ms);
  /// Writes committed changes to the file. Errors: also kAborted: the stage lacks some of them; see Take().
  absl::Status Flush();
  /// Returns whether there are commits or positions since the last Flush().
  bool HasCommits() const { return has_commits_; }

  /// Returns an LSN for a place that was taken: groups that end after the place have greater LSNs, groups
  /// that end before it have not. Absent: the place is older than the groups that are remembered.
  std::optional<std::int64_t> LsnAt(const BinlogPlace& place) const;
  std::uint64_t changes() const { return changes_; }
  std::int64_t last_lsn() const { return lsn_; }

 private:
  struct Group {
    std::int64_t lsn = 0;
    binlog::GroupBegin begin;
    bool staged = true;  ///< False: the rows belong to a transaction that is only prepared.
    bool has_rows = false;
  };
  /// The table that a table map describes.
  struct Mapped {
    std::string body;                    ///< Body of the table map.
    const BinlogTable* table = nullptr;  ///< Null: it is not staged.
    std::optional<BinlogRows> rows;
  };
  /// A change, or a savepoint, that is held back because a savepoint may be rolled back.
  struct Held {
    std::string savepoint;  ///< The savepoint that was set here; empty: this is a change.
    std::int64_t table = 0;
    LoggedChange change;
  };

  absl::Status TakeNext(const binlog::Event& event, const BinlogPlace& before, const BinlogPlace& after);
  absl::Status TakeInGroup(const binlog::Event& event);
  absl::Status TakeIncident(const binlog::Event& event);
  absl::Status TakeQuery(const binlog::Event& event);
  absl::Status TakeGroupQuery(const StatementWords& words);
  absl::Status TakeDefinition(const binlog::Query& query, const StatementWords& words);
  absl::Status TakeMap(const binlog::Event& event);
  absl::Status TakeRows(const binlog::Event& event);
  absl::Status TakeRow(const Mapped& mapped, binlog::RowsKind kind,
                       const std::vector<binlog::RowField>& before,
                       const std::vector<binlog::RowField>& after);
  absl::Status Verify(const BinlogPlace& after);
  void TakeNextTables();
  absl::Status BeginGroup(const binlog::Event& event);
  absl::Status EndGroup();
  absl::Status GiveHeld();
  absl::Status RollBackTo(const std::string& savepoint);
  absl::Status SpoilAll(const std::string& because);
  absl::Status SpoilByXa();
  absl::Status SpoilTouched(const std::string& because);

  Stage& stage_;
  const BinlogPosition expected_;
  const std::string expected_print_;
  BinlogPosition position_;
  GroupPrint print_;
  const std::chrono::milliseconds settled_after_;
  std::optional<std::int64_t>
      settles_ms_;        ///< Unix time in milliseconds at which the last XA COMMIT settles.
  absl::Status failure_;  ///< The first error.
  bool verified_ = false, is_other_log_ = false;
  std::int64_t lsn_ = 0, committed_lsn_ = 0;
  std::shared_ptr<const BinlogTables> tables_, next_tables_;
  std::map<std::uint64_t, Mapped> maps_;
  const BinlogTables* maps_of_ = nullptr;  ///< The tables to which `maps_` refers.
  std::optional<Group> group_;
  std::map<std::int64_t, bool> touched_;  ///< Tables with changes in the group.
  std::deque<Held> held_;
  std::size_t held_bytes_ = 0;
  bool holds_ = false;  ///< A savepoint was set in this group: later changes are held back.
  bool has_commits_ = false, has_ended_ = false;
  std::uint64_t changes_ = 0;
  std::deque<std::pair<BinlogPlace, std::int64_t>> ends_;  ///< Ends of the last groups.
  std::vector<binlog::RowField> before_fields_, after_fields_;
  binlog::RowsEvent rows_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_INTAKE_H_
