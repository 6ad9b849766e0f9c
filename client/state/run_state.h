#ifndef MIRROR_CLIENT_STATE_RUN_STATE_H_
#define MIRROR_CLIENT_STATE_RUN_STATE_H_

#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "proto/wire/lsn.h"

namespace mirror {

/// The last confirmed state of a table on the mirror's disk, and the form that sent it.
struct Confirmed {
  Position position;
  Form form;
};

/// Whether a table's history took over from another form; reset by a comparison with the mirror.
enum class TakenOver : std::uint8_t {
  kNo,
  kKeeps,  ///< Neither form sends deletes: rows that only the mirror has stay.
  kYes,
};
/// Returns the word of the run state's file; empty: kNo.
std::string ToString(TakenOver taken_over);
/// Absent: the word is unknown.
std::optional<TakenOver> ParseTakenOver(std::string_view word);

struct TableNote {
  std::int64_t sent = 0;  ///< Number of the run; 0: none.
  bool suspect = false;   ///< See TableNotes::IsSuspect().
  std::int64_t counted_ms = 0;
  std::string record;  ///< The reader's, see SourceTable.record.
  std::optional<Confirmed> confirmed = {};
  TakenOver taken_over = TakenOver::kNo;
  std::int64_t key_refused_ms = 0;  ///< See TableNotes::ShallLookAtKey(); 0: not refused.
};

/// Notes of a source's run state on each table. Threads: one.
class TableNotes {
 public:
  /// The notes on the tables that the last run announced, by name.
  const std::map<std::string, TableNote>& all() const { return notes_; }
  std::map<std::string, TableNote>& all() { return notes_; }
  std::vector<std::string> Names() const;
  /// Null: there is none.
  const TableNote* Find(const std::string& table) const;

  /// Returns the reader's record of each table that has one.
  std::map<std::string, std::string> Records() const;
  void SetRecord(const std::string& table, const std::string& record);
  /// Whether the last cycle that sent the table left it with another number of rows than its source.
  bool IsSuspect(const std::string& table) const;
  void SetSuspect(const std::string& table, bool suspect);
  std::vector<std::string> Suspects() const;
  /// Whether a table that is too large to be counted in each cycle is due to be counted.
  bool ShallCount(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const;
  void SetCounted(const std::string& table, std::int64_t now_ms);
  /// Whether the mirror refused the table for the type that values of
  /// its key gave it, and `interval_ms` has passed since the first time.
  bool ShallLookAtKey(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const;
  /// `now_ms`: time of the refusal, the first one counts; absent: not refused, or to be read again.
  void SetKeyRefused(const std::string& table, std::optional<std::int64_t> now_ms);
  /// Null: nothing was confirmed.
  const Confirmed* FindConfirmed(const std::string& table) const;
  void SetConfirmed(const std::string& table, const Position& position, const Form& form);
  TakenOver IsTakenOver(const std::string& table) const;
  void SetTakenOver(const std::string& table, TakenOver taken_over);
  /// Removes the tables that are not in `names`.
  void Retain(const std::vector<std::string>& names);

 private:
  /// Null: there is none.
  TableNote* Known(const std::string& table);

  std::map<std::string, TableNote> notes_;
};

/// Identifies the machine; empty if it has no id, as in many containers: then only a source's path counts.
inline std::string HostId() {
  std::ifstream file("/etc/machine-id");
  std::string id;
  std::getline(file, id);
  return id;
}

/// The last announcement to the mirror, and the limits for
/// which it was made. The mirror may have forgotten it.
struct Announced {
  std::string sha256;  ///< See AuthenticateRequest.announced_sha256; empty: none.
  std::uint64_t message_bytes_max = 0;
  std::uint32_t message_entries_max = 0;
};

/// State of the runs of a source without a change log for one tenant: `<state_dir>/<context_id>.json`.
///
/// A run that sends rows has a number, which is the LSN that it sends; its lineage is the file's
/// random id with that number. The mirror's {lsn, lineage} is recognised if it is the last one sent
/// of that table. An older one means that the last run was not completed, or that the mirror was
/// restored. A file that was restored, lost or copied recognises less and so sends more, never less.
///
/// Save() replaces the whole file if any of it changed;
/// Begin() does so, too. Threads: one.
class RunState : public History {
 public:
  /// Returns a new state if there is no file. Errors: kDataLoss: the file cannot be parsed; kUnavailable.
  static absl::StatusOr<RunState> Load(const std::string& state_dir, const std::string& context_id);

  absl::Status Save();

  /// A file whose change counter went back counts as restored. Then, and for a copy, nothing is recognised.
  absl::StatusOr<std::string> Bind(const SourceMark& mark) override;
  absl::StatusOr<std::vector<std::string>> Renew(const std::vector<std::string>& /*tables*/) override {
    return std::vector<std::string>();
  }
  bool Complete(TableSchema& /*schema*/) override { return true; }

  const std::string& source_id() const override { return source_id_; }
  /// Keeps the id under which its change log announces it, even if the log is removed later.
  void KeepSourceId(const std::string& id) { source_id_ = id; }
  /// There was no file: no mirror knows this id.
  bool is_new() const { return is_new_; }
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
  /// Begins a run with a number above all known here and above `highest`; all tables have the same target.
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& /*durable*/) override {
    return absl::OkStatus();
  }

  /// Notes on its tables, on disk with the next Save().
  const TableNotes& tables() const { return tables_; }
  TableNotes& tables() { return tables_; }
  /// Time of the last comparison of all tables by digests, unix milliseconds; 0: never.
  std::int64_t verified_ms() const { return verified_ms_; }
  void SetVerified(std::int64_t now_ms) { verified_ms_ = now_ms; }
  /// Also on disk with the next Save().
  const Announced& announced() const { return announced_; }
  void SetAnnounced(Announced announced) { announced_ = std::move(announced); }

 private:
  RunState() = default;
  std::string Lineage(std::int64_t run) const;
  /// Returns the run of a position of ours; absent: it is not of this file's id.
  std::optional<std::int64_t> RunOf(const Position& position) const;
  /// Becomes a new source, which recognises nothing.
  void BecomeAnother();
  void ForgetRuns();

  std::string path_;
  std::string saved_;  ///< Contents of the file; empty: there is none.
  std::string id_;
  std::string source_id_;
  bool is_new_ = false;
  std::string host_;
  SourceMark mark_;
  std::int64_t run_ = 0;
  std::int64_t verified_ms_ = 0;
  Announced announced_;
  TableNotes tables_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_RUN_STATE_H_
