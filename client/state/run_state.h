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

/// What of a table was last known to be on the mirror's disk, and the form that sent it.
struct Confirmed {
  Position position;
  Form form;
};

/// A table whose history took over from another form: until it was compared with the mirror.
enum class TakenOver : std::uint8_t {
  kNo,
  kKeeps,  ///< Neither form sends deletes: rows that the mirror alone has stay.
  kYes,
};
/// As the file of the run state has it; empty: kNo.
std::string ToString(TakenOver taken_over);
/// Absent: it is none of the words.
std::optional<TakenOver> ParseTakenOver(std::string_view word);

struct TableNote {
  std::int64_t sent = 0;  ///< Run; 0: none.
  bool suspect = false;   ///< See TableNotes::IsSuspect().
  std::int64_t counted_ms = 0;
  std::string record;  ///< The reader's, see SourceTable.record.
  std::optional<Confirmed> confirmed = {};
  TakenOver taken_over = TakenOver::kNo;
  std::int64_t key_refused_ms = 0;  ///< See TableNotes::ShallLookAtKey(); 0: it was not.
};

/// What a source's run state has of each table. Threads: one.
class TableNotes {
 public:
  /// By table, those announced in the last run.
  const std::map<std::string, TableNote>& all() const { return notes_; }
  std::map<std::string, TableNote>& all() { return notes_; }
  std::vector<std::string> Names() const;
  /// Null: there is none.
  const TableNote* Find(const std::string& table) const;

  /// The reader's record of each table that has one.
  std::map<std::string, std::string> Records() const;
  void SetRecord(const std::string& table, const std::string& record);
  /// Whether the last cycle that sent the table left it with another number of rows than its source.
  bool IsSuspect(const std::string& table) const;
  void SetSuspect(const std::string& table, bool suspect);
  std::vector<std::string> Suspects() const;
  /// A table whose rows are too many to be counted in each cycle: whether its turn has come.
  bool ShallCount(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const;
  void SetCounted(const std::string& table, std::int64_t now_ms);
  /// Whether the mirror refused the table with the type that values of its key gave it, and `interval_ms`
  /// passed since the first time.
  bool ShallLookAtKey(const std::string& table, std::int64_t now_ms, std::int64_t interval_ms) const;
  /// `now_ms`: when it was, of which the first time counts; absent: it was not, or is looked at anew.
  void SetKeyRefused(const std::string& table, std::optional<std::int64_t> now_ms);
  /// Null: nothing was.
  const Confirmed* FindConfirmed(const std::string& table) const;
  void SetConfirmed(const std::string& table, const Position& position, const Form& form);
  TakenOver IsTakenOver(const std::string& table) const;
  void SetTakenOver(const std::string& table, TakenOver taken_over);
  /// Forgets the tables that are not in `names`.
  void Retain(const std::vector<std::string>& names);

 private:
  /// Null: there is none.
  TableNote* Known(const std::string& table);

  std::map<std::string, TableNote> notes_;
};

/// Names the machine; empty where it has no id, as in many containers: then only a source's path counts.
inline std::string HostId() {
  std::ifstream file("/etc/machine-id");
  std::string id;
  std::getline(file, id);
  return id;
}

/// What was announced to the mirror last, and within which limits it was made. The mirror may know it no
/// more.
struct Announced {
  std::string sha256;  ///< See AuthenticateRequest.announced_sha256; empty: nothing.
  std::uint64_t message_bytes_max = 0;
  std::uint32_t message_entries_max = 0;
};

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
  /// There was no file: nothing was ever known by this id.
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
  /// A run with a number above each one known here and above `highest`; all tables have the same target.
  absl::StatusOr<std::map<std::string, Position>> Begin(const std::vector<std::string>& tables,
                                                        std::int64_t highest) override;
  absl::Status Forget(const std::map<std::string, Position>& /*durable*/) override {
    return absl::OkStatus();
  }

  /// What is known of its tables, on disk with the next Save().
  const TableNotes& tables() const { return tables_; }
  TableNotes& tables() { return tables_; }
  /// When all tables were compared with the mirror by digests, unix milliseconds; 0: never.
  std::int64_t verified_ms() const { return verified_ms_; }
  void SetVerified(std::int64_t now_ms) { verified_ms_ = now_ms; }
  /// On disk with the next Save(), as well.
  const Announced& announced() const { return announced_; }
  void SetAnnounced(Announced announced) { announced_ = std::move(announced); }

 private:
  RunState() = default;
  std::string Lineage(std::int64_t run) const;
  /// The run behind a position of ours; absent: it is not of this file's id.
  std::optional<std::int64_t> RunOf(const Position& position) const;
  /// A new source, which recognises nothing.
  void BecomeAnother();
  void ForgetRuns();

  std::string path_;
  std::string saved_;  ///< What stands in the file; empty: there is none.
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
