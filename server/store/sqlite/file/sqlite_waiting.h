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

/// Rows of the mirror's own tables that wait in memory. They belong to a cycle that changes nothing: the
/// tenant's running or last cycle with its times, the nonces, the answers, the notes of the cycle, and the
/// freshness of the tables. They are written with the next plan that changes more, before the file is closed,
/// and when the times in the file would be late by TimesBehindMax().
///
/// If the process ends, they may be lost. Then no cycle is running, the times are a little older, and
/// StartMark refuses each token whose nonce waited here. Rows wait only if no running cycle is stored in the
/// file. Threads: none.
class SqliteWaiting {
 public:
  /// Returns whether nothing waits.
  bool empty() const { return !kept_.tenant && nonces_.empty(); }
  bool has_nonces() const { return !nonces_.empty(); }
  /// Returns whether a cycle was running in the file when it was read last.
  bool has_stored_cycle() const { return stored_.active; }

  // --- Values that readers see, within a transaction and outside ---

  /// Returns the tenant's row as readers should see it. `stored` was just read from the file. If someone else
  /// changed a value that waits, that change wins: the waiting rows are dropped, except nonces.
  TenantRecord Show(TenantRecord stored);
  void Show(Freshness* stored) const;
  /// Returns the waiting answers. Null: the answers in the file are valid.
  const std::vector<SchemaAnswer>* answers() const;
  /// Returns the waiting notes of the tenant's cycle. Null: the notes in the file are valid.
  const std::vector<CycleNote>* notes() const;

  // --- Calls of a transaction ---

  /// Begins a plan that may wait. The Take...() calls then add its rows. False: the plan may not wait,
  /// because the file has a running cycle. Show() must have been called in this transaction.
  bool Begin();
  bool has_begun() const { return next_.has_value(); }
  void TakeTenant(const TenantRecord& tenant) { next_->tenant = tenant; }
  void TakeNonce(const Nonce& nonce) { added_.push_back(nonce); }
  /// Forgets nonces that expire before `before_ms`. Those in the file are removed with its next write.
  void ForgetNonces(std::int64_t before_ms);
  absl::StatusOr<TenantVerbs::NonceCount> CountNonces(SqliteConnection& connection,
                                                      const std::string& value) const;
  absl::Status TakeAnswers(SqliteConnection& connection, const std::vector<SchemaAnswer>& answers);
  void TakeNotes(const CycleNoteChanges& changes);
  void ForgetNotes(std::int64_t cycle);
  absl::Status TakeTimes(SqliteConnection& connection, const Freshness& next);

  /// Returns whether the added rows may wait, if the transaction wrote nothing else.
  bool MayWait() const;
  /// Keeps the added rows in memory. The caller rolls the transaction back.
  void Keep();
  /// Writes all rows that waited or were added. Then the caller calls Written() after a commit, or Drop()
  /// after a rollback.
  absl::Status Write(SqliteConnection& connection);
  void Written();
  /// Forgets the rows that the transaction added, after a rollback.
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
  std::optional<Rows> next_;                    ///< What `kept_` will be after the present transaction.
  std::map<std::string, std::int64_t> nonces_;  ///< Nonce and its expiry time.
  std::vector<Nonce> added_;                    ///< Added by the transaction.
  std::int64_t forget_before_ms_ = 0;           ///< See ForgetNonces().
  TenantRecord stored_;                         ///< The tenant's row when the file was read last.
  std::optional<TenantRecord> waits_on_;        ///< The tenant's row in the file when rows began to wait.
  bool must_write_ = false;                     ///< The transaction added something that may not wait.
  bool is_written_ = false;                     ///< The transaction wrote the rows. Readers see them in the
                                                ///< file.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_WAITING_H_
