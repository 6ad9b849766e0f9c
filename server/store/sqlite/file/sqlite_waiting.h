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

/// Rows of the mirror's own tables that wait in memory: those of a cycle that changes nothing. They are the
/// tenant's running or last cycle and its times, nonces, answers, notes of the cycle, and the time as of
/// which the tables are current. They are written with the next plan that changes more, before the file is
/// closed, and when the times in the file would lag by TimesBehindMax().
///
/// The end of the process may lose them. Then no cycle runs, the times are a little older, and StartMark
/// refuses each token whose nonce waited here. Rows wait only if the file has no running cycle.
/// Threads: none.
class SqliteWaiting {
 public:
  /// Whether nothing waits.
  bool empty() const { return !kept_.tenant && nonces_.empty(); }
  bool has_nonces() const { return !nonces_.empty(); }
  /// Whether a cycle ran when the file was read last.
  bool has_stored_cycle() const { return stored_.active; }

  // --- Values that readers see, within a transaction and outside ---

  /// Returns the tenant's row. `stored` was read just now. If someone else changed a value that waits, that
  /// change wins, and the waiting rows are dropped, except for nonces.
  TenantRecord Show(TenantRecord stored);
  void Show(Freshness* stored) const;
  /// Returns the waiting answers. Null: those in the file count.
  const std::vector<SchemaAnswer>* answers() const;
  /// Returns the waiting notes, those of the tenant's cycle. Null: those in the file count.
  const std::vector<CycleNote>* notes() const;

  // --- Calls of a transaction ---

  /// Begins a plan that may wait; Take...() then takes its rows. False: it may not wait, since the file has a
  /// running cycle. Show() was called in this transaction.
  bool Begin();
  bool has_begun() const { return next_.has_value(); }
  void TakeTenant(const TenantRecord& tenant) { next_->tenant = tenant; }
  void TakeNonce(const Nonce& nonce) { added_.push_back(nonce); }
  /// Forgets nonces that expire before `before_ms`; those in the file go with its next write.
  void ForgetNonces(std::int64_t before_ms);
  absl::StatusOr<TenantVerbs::NonceCount> CountNonces(SqliteConnection& connection,
                                                      const std::string& value) const;
  absl::Status TakeAnswers(SqliteConnection& connection, const std::vector<SchemaAnswer>& answers);
  void TakeNotes(const CycleNoteChanges& changes);
  void ForgetNotes(std::int64_t cycle);
  absl::Status TakeTimes(SqliteConnection& connection, const Freshness& next);

  /// Whether the taken rows may wait, if the transaction wrote nothing else.
  bool MayWait() const;
  /// Keeps the taken rows waiting; the transaction is rolled back.
  void Keep();
  /// Writes all waiting and taken rows. Then the caller calls Written() after the commit, or Drop()
  /// after a rollback.
  absl::Status Write(SqliteConnection& connection);
  void Written();
  /// Forgets what the transaction took, after a rollback.
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
  std::optional<Rows> next_;                    ///< `kept_` after the present transaction.
  std::map<std::string, std::int64_t> nonces_;  ///< Expiry time of each.
  std::vector<Nonce> added_;                    ///< Added by the transaction.
  std::int64_t forget_before_ms_ = 0;           ///< See ForgetNonces().
  TenantRecord stored_;                         ///< The tenant's row when the file was read last.
  std::optional<TenantRecord> waits_on_;        ///< The tenant's row when rows began to wait.
  bool must_write_ = false;                     ///< The transaction took more than may wait.
  bool is_written_ = false;                     ///< The transaction wrote them: readers see them in the file.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_WAITING_H_
