#ifndef MIRROR_SERVER_STORE_START_MARK_H_
#define MIRROR_SERVER_STORE_START_MARK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace mirror {

/// What the begin of a cycle may be lost with, where it waits in memory or is not synced by itself
/// (Kept::kWithNext): the file `server-start` of the data folder. It says how far cycle numbers may have been
/// given, and whether the server that gave them closed all mirrors at its end. After one that did not, no
/// number is given again, and no token is taken that was issued before: its nonce may be forgotten. Where the
/// file is damaged, the clock says how far numbers may have been given. Threads: any.
class StartMark {
 public:
  /// How far ahead numbers are noted: the file is written once in so long, while cycles begin.
  static constexpr std::int64_t kAheadMs = 10'000;

  /// Reads what the server before left. Errors: kFailedPrecondition: the file cannot be read.
  /// `boot`: see BootOfMachine().
  static absl::StatusOr<std::unique_ptr<StartMark>> Open(const std::string& data_dir, std::int64_t now_ms,
                                                         std::int64_t boot);
  /// All mirrors are closed by now. Syncs what they left, and notes that; where it cannot, the next start is
  /// one after a server that did not end well.
  ~StartMark();
  StartMark(const StartMark&) = delete;
  StartMark& operator=(const StartMark&) = delete;

  /// Numbers up to this one may have been given; 0: each mirror knows its own.
  std::int64_t cycles_given() const { return cycles_given_; }

  /// When a token has to be issued to be taken, unix milliseconds; 0: whenever.
  std::int64_t takes_tokens_from_ms() const MIRROR_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return tokens_used_before_s_ * 1'000;
  }
  /// Nonces of tokens that were used by now are forgotten, as of a mirror that could not be written any more.
  void ForgetNonces(std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);

  /// Errors: kUnauthenticated: a token that was issued then may have been used, with kNewTokenPayload.
  absl::Status CheckToken(std::int64_t issued_s) const MIRROR_EXCLUDES(mutex_);
  /// The clock ran ahead, and an operator says that it is right now: tokens that are issued from now on are
  /// taken, even where one like them may have been used while it did.
  void TakeClock(std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);
  /// Whether a begin with this token may wait: see Covers(). One from ahead of this clock may not, since it
  /// would seem new behind the next start.
  bool MayWait(std::int64_t issued_s, std::int64_t now_ms) {
    return issued_s * 1'000 <= now_ms && Covers(0, now_ms);
  }
  /// Whether the file says on disk that cycle numbers beyond this one may be given, and tokens be used until
  /// behind `now_ms`. Writes it where that is no longer so, or will not be for long, unless that fails; only
  /// in the former case do others wait for it. Behind a clock that was set back it syncs all files first, so
  /// that what was begun by the time before cannot be lost any more.
  bool Covers(std::int64_t cycle, std::int64_t now_ms) MIRROR_EXCLUDES(mutex_);

 private:
  /// What the file says, if all goes well.
  struct Note {
    std::int64_t through = 0;  ///< 0: this server has given no number.
    std::int64_t noted_ms = 0;
    std::int64_t up_ms = 0;  ///< UpTimeOfMachine() then.
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
  /// `used_before_s`: of tokens.
  absl::Status Write(const Note& note, std::int64_t used_before_s, bool ended) const;

  const std::string path_;
  const std::int64_t boot_, cycles_given_;
  mutable Mutex mutex_;
  CondVar written_;
  std::int64_t tokens_used_before_s_ MIRROR_GUARDED_BY(mutex_);
  bool was_written_ MIRROR_GUARDED_BY(mutex_) = true;  ///< False: ForgetNonces() was called.
  Note note_ MIRROR_GUARDED_BY(mutex_);
  bool writing_ MIRROR_GUARDED_BY(mutex_) = false;  ///< Somebody, without the mutex.
};

/// A number that another start of this machine does not have; 0: unknown.
std::int64_t BootOfMachine();
/// Milliseconds since then, by a clock that nobody sets.
std::int64_t UpTimeOfMachine();

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_START_MARK_H_
