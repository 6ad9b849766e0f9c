#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_LOOK_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_LOOK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/statement.h"
#include "client/source/capture/capture_state.h"
#include "client/source/sqlite/log/log_sql.h"
#include "proto/wire/key_range.h"

namespace mirror {

// Reads and writes the state of captured tables, see CaptureState.

/// Returns the name of the SQL table with the rows of the captured table that has this id.
inline std::string RowsName(std::int64_t id) { return absl::StrCat("rows_", id); }

/// One look at a table: takes the digest of each row, and notes differences from the stored state. It commits
/// several times. If it is broken off, some rows may be noted without need, but every row that must be noted
/// is.
class CaptureLook {
 public:
  struct Found {
    std::uint64_t inserts = 0, updates = 0, deletes = 0;
    std::uint64_t twice = 0;  ///< Rows whose key another row has, too; the first row of a key counts.
    std::vector<Key> twice_keys = {};  ///< The first kTwiceShown of these keys, each once.
  };

  static constexpr std::size_t kTwiceShown = 5;

  /// `run`: from CaptureState::BeginRun(). `table`: from CaptureState::Prepare(). Both must outlive this.
  static absl::StatusOr<std::unique_ptr<CaptureLook>> Begin(CaptureState& state,
                                                            const CaptureState::Table& table,
                                                            std::int64_t run);
  ~CaptureLook();

  /// Takes a row that the mirror must have. `hashes`: see DigestPiece::by_column; empty if the table has
  /// none.
  absl::Status Add(const Key& key, std::uint64_t digest, const std::string& hashes = {});
  /// Notes a row that exists and that the mirror must not have.
  absl::Status LeaveOut(const Key& key);
  /// Notes a row that exists and cannot be read. It does not count as deleted, and is sent in any case once
  /// it can be read. `remember`: also records a row that is not in the state. A later look that does not meet
  /// it asks the source for it by key.
  absl::Status Keep(const Key& key, bool remember);
  /// Notes that a row exists whose values are not read. If it is not in the state, it is new.
  absl::Status Learn(const Key& key);
  /// From now on, rows that are not in the state are recorded without a note: the mirror has them.
  void SetQuiet() { quiet_ = true; }
  void SetPointer(KeyPart pointer) { table_.pointer = std::move(pointer); }
  /// Takes an entry of the feed of deletes: the row with this key counts as deleted, unless it is added
  /// later.
  absl::Status Fed(const Key& key);
  /// Sets the pointer at which the next look at the feed begins, and the feed's present entries at that
  /// value.
  void SetFeed(KeyPart pointer, std::string feed, std::string record, std::set<std::uint64_t> at_pointer);
  /// Returns the entries that the last look found at the feed's pointer.
  absl::StatusOr<std::set<std::uint64_t>> FedAtPointer() const;
  /// Takes a whole table without a key: its number of rows and the sum of their digests.
  absl::Status AddAll(std::uint64_t rows, std::uint64_t digest);
  /// Says how rows that were not added are treated.
  enum class Others {
    kGone,    ///< Deleted: the added rows were all rows of the table.
    kStay,    ///< Kept: it is not known whether they exist.
    kForget,  ///< Dropped from the state if the mirror surely has them.
  };
  /// Ends the look: treats the rows that were not added as `others` says, and commits.
  absl::StatusOr<Found> End(Others others);
  /// The findings so far.
  const Found& found() const { return found_; }

 private:
  /// Notes written in one transaction.
  static constexpr std::uint64_t kNotesPerCommit = 100'000;

  CaptureLook(CaptureState& state, CaptureState::Table table, std::int64_t run)
      : state_(state), table_(std::move(table)), run_(run) {}
  absl::Status Prepare();
  absl::Status Noted();
  static std::string MaskOf(const std::string& before, const std::string& now);
  absl::Status KeepHashes(const Key& key, const std::string& before, const std::string& now,
                          std::int64_t since);
  absl::Status SaveFed();
  absl::Status EndOthers(Others others);
  absl::Status AskFor(const Key& key);
  bool See(std::int64_t id);
  /// The stored state of a row.
  struct Remembered {
    bool known = false, gone = false;
    std::int64_t digest = 0, id = 0;
  };
  absl::StatusOr<Remembered> Find(const Key& key);
  bool WasSeen(const Remembered& row) const;

  CaptureState& state_;
  CaptureState::Table table_;
  const std::int64_t run_;
  sqlite::Statement find_, insert_, update_, remove_, forget_, keep_, doubt_;
  std::vector<bool> seen_;                      ///< By row id.
  std::optional<std::set<std::uint64_t>> fed_;  ///< Entries to store; absent: the stored ones stay.
  std::int64_t next_id_ = 1;
  std::uint64_t seen_rows_ = 0, uncommitted_ = 0;
  bool open_ = false;   ///< A transaction is open.
  bool quiet_ = false;  ///< See SetQuiet().
  Found found_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_LOOK_H_
