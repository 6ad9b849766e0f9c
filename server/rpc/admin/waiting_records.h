#ifndef MIRROR_SERVER_RPC_ADMIN_WAITING_RECORDS_H_
#define MIRROR_SERVER_RPC_ADMIN_WAITING_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "certs/audit_chain.h"

namespace mirror {

/// Records that wait because the catalog cannot be written. Their file has its full size from the start, so
/// that a full disk does not prevent writing. A record is on disk when Put() returns. The file also has the
/// number of records that found no place. Threads: one at a time.
class WaitingRecords {
 public:
  struct Lost {
    std::uint64_t records = 0;
    std::int64_t from_ms = 0, to_ms = 0;  ///< Unix milliseconds.
  };

  /// Opens the file, or creates it with `places` places. If that fails, the object has no place, and only
  /// counts, in memory.
  static std::unique_ptr<WaitingRecords> Open(const std::string& path, std::size_t places);
  ~WaitingRecords();
  WaitingRecords(const WaitingRecords&) = delete;
  WaitingRecords& operator=(const WaitingRecords&) = delete;

  std::size_t places() const { return places_; }
  std::size_t count() const { return waiting_.size(); }
  std::size_t free() const { return free_.size(); }
  /// Adds a record. Errors: kResourceExhausted: there is no place; kInvalidArgument: the record is longer
  /// than a place; kUnavailable: the file cannot be written.
  absl::Status Put(const AuditRecord& record);
  /// Returns the oldest record; null: none waits.
  const AuditRecord* First() const { return waiting_.empty() ? nullptr : &waiting_.front().record; }
  /// Removes the oldest record, after it was written elsewhere.
  void RemoveFirst();

  const Lost& lost() const { return lost_; }
  /// Counts a record that found no place.
  void NoteLost(std::int64_t time_ms);
  /// Clears this count, after it was reported elsewhere.
  void ForgetLost();

 private:
  struct Waiting {
    std::uint64_t number = 0;  ///< In order of arrival.
    std::size_t slot = 0;
    AuditRecord record;
  };

  WaitingRecords() = default;
  absl::Status OpenFile(const std::string& path, std::size_t places);
  absl::Status ReadAll();
  absl::Status WriteSlot(std::size_t slot, const std::string& content) const;
  void WriteLost() const;

  int file_ = -1;
  std::size_t places_ = 0;
  std::uint64_t next_ = 1;
  std::deque<Waiting> waiting_;
  std::vector<std::size_t> free_;  ///< Slots.
  Lost lost_;
};

/// Returns the text of the record that reports lost ones: "2 records from ... to ... could not be kept".
/// `noun`: here "record".
std::string LostWords(const WaitingRecords::Lost& lost, const std::string& noun);

/// Returns whether it is too early to try the catalog again, because each attempt may take its whole timeout.
/// `unkept_ms`: the time of the last failed write; 0: none failed.
bool IsResting(std::int64_t unkept_ms, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_WAITING_RECORDS_H_
