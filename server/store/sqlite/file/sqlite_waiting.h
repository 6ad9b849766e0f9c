#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_WAITING_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_WAITING_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Rows of the mirror's own tables that wait in memory: what a cycle leaves that changes nothing. These are
/// the tenant's running or last cycle and its times, nonces, answers and notes of the cycle, and as of when
/// the tables are. They are written with the next plan that changes more, before the file is closed, and
/// where the times in the file would be behind by TimesBehindMax().
///
/// The end of the process may lose them. Then no cycle runs, the times are a little older, and StartMark
/// refuses each token whose nonce waited here. Rows wait only where the file has no running cycle.
/// Threads: none.
class SqliteWaiting {
 public:
  /// Nothing waits.
  bool empty() const { return !kept_.tenant && nonces_.empty(); }
  bool has_nonces() const { return !nonces_.empty(); }
  /// A cycle ran by the file when it was read last.
  bool has_stored_cycle() const { return stored_.active; }

  // --- What readers see, within a transaction and outside ---

  /// The tenant's row. `stored` was read just now: where somebody else changed what waits of it, that counts,
  /// and what waits is dropped, but for nonces.
  TenantRecord Show(TenantRecord stored);
  void Show(Freshness* stored) const;
  /// Null: those in the file count.
  const std::vector<SchemaAnswer>* answers() const;
  /// Null: as above. Those of the tenant's cycle.
  const std::vector<CycleNote>* notes() const;

  // --- A transaction ---

  /// A plan begins that may wait: its rows are taken by Take...(). False: it may not, since the file has a
  /// running cycle. Show() was called in this transaction.
  bool Begin();
  bool has_begun() const { return next_.has_value(); }
  void TakeTenant(const TenantRecord& tenant) { next_->tenant = tenant; }
  void TakeNonce(const Nonce& nonce) { added_.push_back(nonce); }
  /// Those that expire before are forgotten, in the file with its next writing.
  void ForgetNonces(std::int64_t before_ms);
  absl::StatusOr<TenantVerbs::NonceCount> CountNonces(SqliteConnection& connection,
                                                      const std::string& value) const;
  absl::Status TakeAnswers(SqliteConnection& connection, const std::vector<SchemaAnswer>& answers);
  void TakeNotes(const CycleNoteChanges& changes);
  void ForgetNotes(std::int64_t cycle);
  absl::Status TakeTimes(SqliteConnection& connection, const Freshness& next);

  /// Whether what was taken may wait, if the transaction wrote nothing else.
  bool MayWait() const;
  /// It waits from now on. The transaction is taken back.
  void Keep();
  /// Writes all that waits, and what was taken. Then Written() or Drop() follows, by what becomes of the
  /// transaction.
  absl::Status Write(SqliteConnection& connection);
  void Written();
  /// The transaction is taken back.
  void Drop();

 private:
  struct Rows {
    std::optional<TenantRecord> tenant;
    std::optional<std::vector<SchemaAnswer>> answers;
    std::vector<CycleNote> notes;
    std::optional<Freshness> times;  ///< Without targets.
  };
  const Rows& rows() const { return next_ ? *next_ : kept_; }

  Rows kept_;
  std::optional<Rows> next_;                    ///< `kept_` as the transaction leaves it.
  std::map<std::string, std::int64_t> nonces_;  ///< When they expire.
  std::vector<Nonce> added_;                    ///< By the transaction.
  std::int64_t forget_before_ms_ = 0;           ///< See ForgetNonces().
  TenantRecord stored_;                         ///< As the file had it when it was read last.
  std::optional<TenantRecord> waits_on_;        ///< What it was when rows began to wait.
  bool must_write_ = false;                     ///< What was taken is more than may wait.
  bool is_written_ = false;                     ///< By the transaction: readers see it in the file.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_WAITING_H_
