#ifndef MIRROR_CLIENT_STATE_WORK_NOTE_H_
#define MIRROR_CLIENT_STATE_WORK_NOTE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace mirror {

/// Present work of a run.
struct Work {
  const char* doing = "sending";  ///< Or "comparing".
  std::string table;
  std::uint64_t rows = 0;      ///< Rows of that table done so far.
  std::uint64_t expected = 0;  ///< Counted rows; 0: unknown.
};
using ShowWork = std::function<void(const Work&)>;

/// Progress of a long run, for `mirror-agent status`: `<state_dir>/<context_id>.work.json`,
/// while the run lasts. Nothing depends on it: it is not synced, and errors of writing
/// and reading count as no file. The caller holds the tenant's LockFile. Threads: one.
class WorkNote {
 public:
  using Clock = std::chrono::steady_clock;
  /// A run shorter than this writes no file; a longer run rewrites it at this interval.
  static constexpr std::chrono::seconds kInterval{2};

  struct Content {
    std::int64_t begun_ms = 0;  ///< Begin of the run.
    std::string doing, table;
    std::uint64_t rows = 0, expected = 0;  ///< See Work.
  };

  /// Removes the file of a run that was killed.
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
