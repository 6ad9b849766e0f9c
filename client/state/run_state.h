#ifndef MIRROR_CLIENT_STATE_RUN_STATE_H_
#define MIRROR_CLIENT_STATE_RUN_STATE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/history.h"
#include "client/source/reader.h"
#include "client/state/table_notes.h"
#include "proto/wire/lsn.h"

namespace mirror {

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
