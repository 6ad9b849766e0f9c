#ifndef MIRROR_SERVER_STORE_START_MARK_H_
#define MIRROR_SERVER_STORE_START_MARK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace mirror {

/// Notes that limit what may be lost when the start of a cycle waits in memory or is not synced by itself
/// (Kept::kWithNext): the file `server-start` of the data folder. It says up to which number cycles may have
/// been started, and whether that server closed all mirrors at its end. After a server that did not, no such
/// number is used again. Nor is a token accepted that was issued before: its nonce may be lost. For a damaged
/// file, the clock tells the highest cycle number. Threads: any.
class StartMark {
 public:
  /// How far ahead numbers are noted: while cycles start, the file is written once in that time.
  static constexpr std::int64_t kAheadMs = 10'000;

  /// Reads what the former server left. Errors: kFailedPrecondition: the file cannot be read.
  /// `boot`: see BootOfMachine().
  static absl::StatusOr<std::unique_ptr<StartMark>> Open(const std::string& data_dir, std::int64_t now_ms,
                                                         std::int64_t boot);
  /// All mirrors must be closed before. Syncs their files and notes a clean end. If that fails, the next
  /// start acts as after a server that did not end cleanly.
  ~StartMark();
  StartMark(const StartMark&) = delete;
  StartMark& operator=(const StartMark&) = delete;

  /// Cycle numbers up to this one may be in use; 0: each mirror knows its own last number.
  std::int64_t cycles_given() const { return cycles_given_; }

  /// The earliest issue time of tokens that are accepted, unix milliseconds; 0: any time.
  std::int64_t takes_tokens_from_ms() const MIRROR_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return tokens_used_before_s_ * 1'000;
  }
  /// Notes that nonces used up to now may be lost, as of a mirror that could no longer be written.
  void ForgetNonces(std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);

  /// Checks when a token was issued. Errors: kUnauthenticated, with kNewTokenPayload: it may have been used.
  absl::Status CheckToken(std::int64_t issued_s) const MIRROR_EXCLUDES(mutex_);
  /// The clock ran ahead, and an operator confirms that it is right now: accepts tokens issued from now on,
  /// even those that may have been used while the clock ran ahead.
  void TakeClock(std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);
  /// Whether the start of a cycle with this token may wait: see Covers(). A token from ahead of this clock
  /// must not wait, because it would seem new after the next start.
  bool MayWait(std::int64_t issued_s, std::int64_t now_ms) {
    return issued_s * 1'000 <= now_ms && Covers(0, now_ms);
  }
  /// Returns whether the file on disk allows cycle numbers above `cycle`, and tokens used until after
  /// `now_ms`. Writes the file if it does not, or soon will not, unless the write fails. Other callers wait
  /// only in the first case. After a clock was set back it syncs all files first, so that starts by the
  /// former time cannot be lost.
  bool Covers(std::int64_t cycle, std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);

 private:
  /// The contents of the file if all goes well.
  struct Note {
    std::int64_t through = 0;  ///< 0: this server has started no cycle.
    std::int64_t noted_ms = 0;
    std::int64_t up_ms = 0;  ///< UpTimeOfMachine() at noted_ms.
    bool Covers(std::int64_t cycle, std::int64_t now_ms) const {
      return cycle < through && !SetBack(now_ms) && now_ms < noted_ms + kAheadMs;
    }
    bool SetBack(std::int64_t now_ms) const { return now_ms < noted_ms - kAheadMs; }
  };

  StartMark(std::string path, std::int64_t boot, std::int64_t cycles_given, std::int64_t tokens_used_before_s)
      : path_(std::move(path)),
        boot_(boot),
        cycles_given_(cycles_given),
        tokens_used_before_s_(tokens_used_before_s) {}
  /// Writes the file. `used_before_s`: of tokens.
  absl::Status Write(const Note& note, std::int64_t used_before_s, bool ended) const;

  const std::string path_;
  const std::int64_t boot_, cycles_given_;
  mutable Mutex mutex_;
  CondVar written_;
  std::int64_t tokens_used_before_s_ MIRROR_GUARDED_BY(mutex_);
  bool was_written_ MIRROR_GUARDED_BY(mutex_) = true;  ///< False: ForgetNonces() was called.
  Note note_ MIRROR_GUARDED_BY(mutex_);
  bool writing_ MIRROR_GUARDED_BY(mutex_) = false;  ///< A thread writes the file, without the mutex.
};

/// Returns a number that no other boot of this machine has; 0: unknown.
std::int64_t BootOfMachine();
/// Returns milliseconds since boot, by a clock that cannot be set.
std::int64_t UpTimeOfMachine();

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_START_MARK_H_
