#ifndef MIRROR_CLIENT_STATE_RUN_STATE_H_
#define MIRROR_CLIENT_STATE_RUN_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "proto/wire/lsn.h"

namespace mirror {

/// What a source without a change log remembers of its runs for one tenant: `<state_dir>/<context_id>.json`.
///
/// A run that sends rows has a number, which is the LSN it sends, and as lineage the file's random id with
/// that number. The mirror's {lsn, lineage} is recognised when it is the last one sent of that table; an
/// older one means that the last run was not completed, or that the mirror was restored. A file that was
/// restored, lost or copied recognises less and so sends more, never less.
///
/// Save() replaces the file as a whole when
/// something of it changed; Begin() does it, too. Threads: one.
class RunState : public History {
 public:
  /// A new state when there is no file. Errors: kDataLoss when it cannot be understood; kUnavailable.
  static absl::StatusOr<RunState> Load(const std::string& state_dir, const std::string& context_id);

  absl::Status Save();

  /// Also a file whose change counter went back was restored. Then, and for a copy, nothing is recognised.
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override;
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& /*tables*/) override {
    return std::vector<std::string>();
  }
  bool Complete(TableSchema& /*schema*/) override { return true; }

  const std::string& source_id() const override { return source_id_; }
  /// The id under which its change log announces it: it stays, whatever becomes of the log.
  void KeepSourceId(const std::string& id) { source_id_ = id; }
  std::int64_t run() const { return run_; }

  /// Never kGone.
  absl::StatusOr<Standing> Judge(const std::string& table, const Position& position) override;
  absl::StatusOr<std::optional<bool>> ChangedSince(const std::string& /*table*/, Lsn /*lsn*/) override {
    return std::nullopt;
  }
  absl::Status GiveUp(const std::string& table) override;
  bool NamesRows(const std::string& /*table*/) override { return false; }
  bool SeesChanges(const std::string& /*table*/) override { return false; }
  Form FormOf(const std::string& /*table*/) override { return {Strategy::kPopulate}; }
  /// A run with a number above each one known here and above `highest`; all tables have the same target.
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& /*durable*/) override {
    return absl::OkStatus();
  }

  /// Those announced in the last run.
  std::vector<std::string> Tables() const;
  /// The reader's record of each table, see SourceTable.record.
  std::map<std::string, std::string> Records() const;
  void SetRecord(const std::string& table, const std::string& record);
  /// Whether the last cycle that sent the table left it with another number of rows than its source.
  bool IsSuspect(const std::string& table) const;
  void SetSuspect(const std::string& table, bool suspect);
  std::vector<std::string> Suspects() const;
  /// A table whose rows are too many to be counted in each cycle: whether its turn has come.
  bool ShallCount(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const;
  void SetCounted(const std::string& table, std::int64_t now_ms);
  /// What of a table was last known to be on the mirror's disk, and the form that sent it.
  struct Confirmed {
    Position position;
    Form form;
  };
  /// Null: nothing was.
  const Confirmed* FindConfirmed(const std::string& table) const;
  void SetConfirmed(const std::string& table, const Position& position, const Form& form);
  /// A table whose history took over from another form: until it was compared with the mirror.
  enum class TakenOver : std::uint8_t {
    kNo,
    kKeeps,  ///< Neither form sends deletes: rows that the mirror alone has stay.
    kYes,
  };
  TakenOver IsTakenOver(const std::string& table) const;
  void SetTakenOver(const std::string& table, TakenOver taken_over);
  /// When all tables were compared with the mirror by digests, unix milliseconds; 0: never.
  std::int64_t verified_ms() const { return verified_ms_; }
  void SetVerified(std::int64_t now_ms) { verified_ms_ = now_ms; }
  /// Forgets the tables that are not in `names`.
  void Retain(const std::vector<std::string>& names);

 private:
  struct Table {
    std::int64_t sent = 0;  ///< Run; 0: none.
    bool suspect = false;
    std::int64_t counted_ms = 0;
    std::string record;
    std::optional<Confirmed> confirmed = {};
    TakenOver taken_over = TakenOver::kNo;
  };
  RunState() = default;
  std::string Lineage(std::int64_t run) const;
  /// The run behind a position of ours; absent: it is not of this file's id.
  std::optional<std::int64_t> RunOf(const Position& position) const;
  void ForgetRuns();

  std::string path_;
  std::string saved_;  ///< What stands in the file; empty: there is none.
  std::string id_;
  std::string source_id_;
  std::string host_;
  SourceMark mark_;
  std::int64_t run_ = 0;
  std::int64_t verified_ms_ = 0;
  std::map<std::string, Table> tables_;
};

/// As the file has it; empty: kNo.
std::string ToString(RunState::TakenOver taken_over);
/// Absent: it is none of the words.
std::optional<RunState::TakenOver> ParseTakenOver(std::string_view word);

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_RUN_STATE_H_
