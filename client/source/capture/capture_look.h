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

// How the state of captured tables is read and written, see CaptureState.

/// The rows of a table, by its id.
inline std::string RowsName(std::int64_t id) { return absl::StrCat("rows_", id); }

/// One look at a table: takes the digest of each of its rows and notes what is not as it was. Commits as it
/// goes; an end that never comes leaves rows noted that need not be, and none that should be is missing.
class CaptureLook {
 public:
  struct Found {
    std::uint64_t inserts = 0, updates = 0, deletes = 0;
    std::uint64_t twice = 0;           ///< Rows with the key of another one; the first of them counts.
    std::vector<Key> twice_keys = {};  ///< The first kTwiceShown of these, each once.
  };

  static constexpr std::size_t kTwiceShown = 5;

  /// `run`: of CaptureState::BeginRun(). `table` of CaptureState::Prepare(). Both outlive this.
  static absl::StatusOr<std::unique_ptr<CaptureLook>> Begin(CaptureState& state,
                                                            const CaptureState::Table& table,
                                                            std::int64_t run);
  ~CaptureLook();

  /// `hashes`: see DigestPiece::by_column; empty where the table has none.
  absl::Status Add(const Key& key, std::uint64_t digest, const std::string& hashes = {});
  /// A row that is there, and that the mirror is not to have.
  absl::Status LeaveOut(const Key& key);
  /// A row that is there and cannot be read: it is not gone. `remember`: one that is not known is asked for
  /// when no look finds it unreadable any more.
  absl::Status Keep(const Key& key, bool remember);
  /// A row that is there; one that is not known is new.
  absl::Status Learn(const Key& key);
  /// From now on a row that is not known is remembered, and not noted: the mirror has it.
  void SetQuiet() { quiet_ = true; }
  void SetPointer(KeyPart pointer) { table_.pointer = std::move(pointer); }
  /// A row of the feed of deletes: what has its key is gone, unless it is added after this.
  absl::Status Fed(const Key& key);
  /// From where the next look at the feed begins, and what it says there by now.
  void SetFeed(KeyPart pointer, std::string feed, std::string record, std::set<std::uint64_t> at_pointer);
  /// What the feed said at its pointer in the last look.
  absl::StatusOr<std::set<std::uint64_t>> FedAtPointer() const;
  /// Of a table without a key: all of it.
  absl::Status AddAll(std::uint64_t rows, std::uint64_t digest);
  /// What becomes of rows that were not added.
  enum class Others {
    kGone,    ///< They were all rows of the table.
    kStay,    ///< Nobody knows.
    kForget,  ///< They need not be known any more, once the mirror has them.
  };
  absl::StatusOr<Found> End(Others others);
  /// So far.
  const Found& found() const { return found_; }

 private:
  /// Notes that are written in one transaction.
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
  /// What is on record of a row.
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
  std::vector<bool> seen_;                      ///< By id of the row.
  std::optional<std::set<std::uint64_t>> fed_;  ///< To be kept; absent: what is there stays.
  std::int64_t next_id_ = 1;
  std::uint64_t seen_rows_ = 0, uncommitted_ = 0;
  bool open_ = false;   ///< A transaction.
  bool quiet_ = false;  ///< See SetQuiet().
  Found found_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_CAPTURE_LOOK_H_
