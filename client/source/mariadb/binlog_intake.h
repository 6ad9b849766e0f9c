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

/// A digest of the events of a group as they stand in the binlog, with their times: two servers that were the
/// same and went on apart can have groups with the same GTIDs at the same places, and not with these.
class GroupPrint {
 public:
  GroupPrint();
  ~GroupPrint();
  GroupPrint(const GroupPrint&) = delete;
  GroupPrint& operator=(const GroupPrint&) = delete;

  void Begin();
  void Add(const binlog::Event& event);
  /// Of what was added since Begin(): 16 hexadecimal digits.
  std::string Text() const;

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

/// Takes the events of one stream into the stage, up to the flush that its caller does. An event group is a
/// transaction of the stage; its LSN is one more than that of the group or position before it, so that groups
/// which are read again have the same ones. Threads: one.
class BinlogIntake {
 public:
  /// `position`: from whose begin the stream is read again; what is not behind its end is only compared with
  /// `print`. An empty one: it is another one than any before, and there is nothing to compare it with.
  /// `lsn`: of the position, or greater than all before. `settled_after`: a snapshot that is taken so long
  /// after XA COMMIT was read sees what it committed. The stage outlives this.
  BinlogIntake(Stage& stage, std::int64_t lsn, BinlogPosition position, std::string print,
               std::chrono::milliseconds settled_after = kSettledAfter);

  static constexpr std::chrono::milliseconds kSettledAfter{30'000};

  /// The tables from the next group on.
  void SetTables(std::shared_ptr<const BinlogTables> tables) { next_tables_ = std::move(tables); }

  /// Errors: those of the stage and of the events; kAborted: this is not the binlog that was read before.
  /// After one, and after one of Mark(), each further call gives it again: what the stage forgot is read
  /// anew.
  absl::Status Take(const binlog::Event& event, const BinlogPlace& before, const BinlogPlace& after);

  bool IsBetween() const { return !group_; }
  /// The stream gave what was expected of it.
  bool verified() const { return verified_; }
  bool is_other_log() const { return is_other_log_; }
  /// Behind the last event outside of groups.
  const BinlogPlace& place() const { return position_.end; }

  /// A position behind all that was taken, outside of groups. Its LSN is greater than `above`. When an XA
  /// COMMIT settled since the last one, tables are given up once more: what was read of them until then may
  /// lack it.
  absl::StatusOr<StageMark> Mark(const std::string& token, std::int64_t above, std::int64_t now_ms);
  /// Writes what was committed. kAborted: the stage does not have all of that; see Take().
  absl::Status Flush();
  /// Commits or positions since the last flush.
  bool HasCommits() const { return has_commits_; }

  /// The LSN behind which all groups lie that end behind the place, which was taken; absent: it lies before
  /// all that was taken lately.
  std::optional<std::int64_t> LsnAt(const BinlogPlace& place) const;
  std::uint64_t changes() const { return changes_; }
  std::int64_t last_lsn() const { return lsn_; }

 private:
  struct Group {
    std::int64_t lsn = 0;
    binlog::GroupBegin begin;
    bool staged = true;  ///< False: its rows are of a transaction that is only prepared.
    bool has_rows = false;
  };
  /// A table of one map.
  struct Mapped {
    std::string body;                    ///< Of the event.
    const BinlogTable* table = nullptr;  ///< Null: it is not staged.
    std::optional<BinlogRows> rows;
  };
  /// What a savepoint may take back.
  struct Held {
    std::string savepoint;  ///< It begins here; else a change.
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
  std::optional<std::int64_t> settles_ms_;  ///< When the last XA COMMIT does, unix time.
  absl::Status failure_;                    ///< The first one.
  bool verified_ = false, is_other_log_ = false;
  std::int64_t lsn_ = 0, committed_lsn_ = 0;
  std::shared_ptr<const BinlogTables> tables_, next_tables_;
  std::map<std::uint64_t, Mapped> maps_;
  const BinlogTables* maps_of_ = nullptr;  ///< Whose tables they lead to.
  std::optional<Group> group_;
  std::map<std::int64_t, bool> touched_;  ///< Tables of which the group has changes.
  std::deque<Held> held_;
  std::size_t held_bytes_ = 0;
  bool holds_ = false;  ///< A savepoint was set, and what came since is held.
  bool has_commits_ = false, has_ended_ = false;
  std::uint64_t changes_ = 0;
  std::deque<std::pair<BinlogPlace, std::int64_t>> ends_;  ///< Of the last groups.
  std::vector<binlog::RowField> before_fields_, after_fields_;
  binlog::RowsEvent rows_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_INTAKE_H_
