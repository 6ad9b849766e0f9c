#ifndef MIRROR_CLIENT_STATE_WORK_NOTE_H_
#define MIRROR_CLIENT_STATE_WORK_NOTE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace mirror {

/// What a run is at.
struct Work {
  const char* doing = "sending";  ///< Or "comparing".
  std::string table;
  std::uint64_t rows = 0;      ///< Done of that table.
  std::uint64_t expected = 0;  ///< As they were counted; 0: not known.
};
using ShowWork = std::function<void(const Work&)>;

/// How far a long run is, for `mirror-agent status`: `<state_dir>/<context_id>.work.json`, as long as the run
/// lasts. Nothing is decided by it: it is not synced, and what cannot be written or read is not there.
/// The caller holds the tenant's LockFile. Threads: one.
class WorkNote {
 public:
  using Clock = std::chrono::steady_clock;
  /// Runs that are shorter leave none, and it is written anew after as long.
  static constexpr std::chrono::seconds kInterval{2};

  struct Content {
    std::int64_t begun_ms = 0;  ///< Of the run.
    std::string doing, table;
    std::uint64_t rows = 0, expected = 0;  ///< See Work.
  };

  /// Takes away what a run left that was killed.
  WorkNote(const std::string& state_dir, const std::string& context_id, std::int64_t begun_ms,
           Clock::time_point (*now)() = &Clock::now);
  ~WorkNote();
  WorkNote(const WorkNote&) = delete;
  WorkNote& operator=(const WorkNote&) = delete;

  void Show(const Work& work);

  /// Absent: there is none, or not yet.
  static std::optional<Content> Load(const std::string& state_dir, const std::string& context_id);

 private:
  const std::string path_;
  const std::int64_t begun_ms_;
  Clock::time_point (*const now_)();
  Clock::time_point shown_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_WORK_NOTE_H_
