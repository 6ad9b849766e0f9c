#ifndef MIRROR_SERVER_STORE_START_MARK_H_
#define MIRROR_SERVER_STORE_START_MARK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace mirror {

/// The file `server-start` of the data folder. It limits what may be lost if the start of a cycle waits in
/// memory or is not synced at once (Kept::kWithNext). The file says up to which number cycles may have been
/// started, and whether that server closed all mirrors at its end. If the server did not, cycle numbers up to
/// that one are not used again. Then tokens that were issued earlier are refused too, because their nonces
/// may be lost. If the file is damaged, the highest cycle number is computed from the clock. Threads: any.
class StartMark {
 public:
  /// How far ahead numbers are noted, in milliseconds. While cycles start, the file is written about once in
  /// half of this time.
  static constexpr std::int64_t kAheadMs = 10'000;

  /// Reads the file that the former server left. Errors: kFailedPrecondition: the file cannot be read.
  /// `boot`: see BootOfMachine().
  static absl::StatusOr<std::unique_ptr<StartMark>> Open(const std::string& data_dir, std::int64_t now_ms,
                                                         std::int64_t boot);
  /// Syncs the files of the mirrors and notes a clean end. All mirrors must be closed before. If the
  /// destructor fails, the next start acts as after a server that did not end cleanly.
  ~StartMark();
  StartMark(const StartMark&) = delete;
  StartMark& operator=(const StartMark&) = delete;

  /// Returns the highest cycle number that may be in use. 0: each mirror knows its own last number.
  std::int64_t cycles_given() const { return cycles_given_; }

  /// Returns the earliest issue time of tokens that are accepted, in Unix milliseconds; 0: any time.
  std::int64_t takes_tokens_from_ms() const MIRROR_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return tokens_used_before_s_ * 1'000;
  }
  /// Notes that nonces used up to now may be lost, for example because a mirror could no longer be written.
  void ForgetNonces(std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);

  /// Checks when a token was issued. Errors: kUnauthenticated, with kNewTokenPayload: the token may have been
  /// used.
  absl::Status CheckToken(std::int64_t issued_s) const MIRROR_EXCLUDES(mutex_);
  /// Accepts tokens that were issued from now on. Called when the clock ran ahead and an operator confirms
  /// that it is right now. Also accepts tokens that may have been used while the clock ran ahead.
  void TakeClock(std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);
  /// Returns whether the start of a cycle with this token may wait in memory, see Covers(). A token from the
  /// future of this clock must not wait, because it would seem unused after the next start.
  bool MayWait(std::int64_t issued_s, std::int64_t now_ms) {
    return issued_s * 1'000 <= now_ms && Covers(0, now_ms);
  }
  /// Returns whether the file on disk allows cycle numbers above `cycle`, and tokens that are used after
  /// `now_ms`. Writes the file if it does not allow them, or soon will not. Returns false if that write fails
  /// and the file does not allow them. Other callers wait for the write only if the file does not allow their
  /// numbers yet. If a clock was set back, syncs all files first, so that cycle starts with the former time
  /// cannot be lost.
  bool Covers(std::int64_t cycle, std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);

 private:
  /// The contents of the file, if the write succeeds.
  struct Note {
    std::int64_t through = 0;  ///< Highest noted cycle number; 0: this server has started no cycle.
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
  /// Writes the file. `used_before_s`: for tokens.
  absl::Status Write(const Note& note, std::int64_t used_before_s, bool ended) const;

  const std::string path_;
  const std::int64_t boot_, cycles_given_;
  mutable Mutex mutex_;
  CondVar written_;
  std::int64_t tokens_used_before_s_ MIRROR_GUARDED_BY(mutex_);
  bool was_written_ MIRROR_GUARDED_BY(mutex_) = true;  ///< False: ForgetNonces() was called.
  Note note_ MIRROR_GUARDED_BY(mutex_);
  bool writing_ MIRROR_GUARDED_BY(mutex_) = false;  ///< A thread writes the file without holding the mutex.
};

/// Returns a number that identifies this boot of the machine; 0: unknown.
std::int64_t BootOfMachine();
/// Returns milliseconds since boot, from a clock that cannot be set.
std::int64_t UpTimeOfMachine();

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_START_MARK_H_
