#include "server/store/sqlite/file/log_growth.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>
#include <utility>

namespace mirror {
namespace {

constexpr std::int64_t kHeaderBytes = 32, kPageBytes = 4'096 + 24;
/// Written at a time: a commit waits for one piece at most.
constexpr std::array<char, 64 << 10> kZeros{};

std::int64_t LengthOf(int file) {
  struct stat info {};
  return fstat(file, &info) == 0 ? static_cast<std::int64_t>(info.st_size) : 0;
}

}  // namespace

std::int64_t GrowLog(const std::string& path, std::int64_t bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return 0;
  std::int64_t length = LengthOf(file);
  while (length < bytes) {
    const auto size = std::min(static_cast<std::size_t>(bytes - length), kZeros.size());
    if (write(file, kZeros.data(), size) != static_cast<ssize_t>(size)) break;
    length = LengthOf(file);
  }
  // A failure is met again, and told, by the next commit's sync.
  fdatasync(file);
  length = LengthOf(file);
  close(file);
  return length;
}

LogGrowth::LogGrowth(Checkpointer& checkpointer, std::string path)
    : checkpointer_(checkpointer), path_(std::move(path)) {}

void LogGrowth::Committed(int pages) {
  const int added = pages - std::exchange(pages_, pages);
  if (task_ && task_->Ended()) {
    length_ = task_->result();
    refused_ = length_ < asked_;
    task_.reset();
  }
  const std::int64_t used = kHeaderBytes + pages * kPageBytes;
  const std::int64_t step = std::clamp(used, kStepMin, kStepMax);
  // A log that began anew has all that it had; `added` is below zero then.
  if (task_ || refused_ || added > kSmallCommitPages || used < kStepMin) return;
  if (used + step / 4 <= length_) return;
  asked_ = used + step;
  if (!Begin(asked_)) refused_ = true;
}

bool LogGrowth::Begin(std::int64_t bytes) {
  if (!checkpointer_.HasRoom()) return true;
  try {
    task_.emplace(checkpointer_, [path = path_, bytes] { return GrowLog(path, bytes); });
    return true;
  } catch (const std::system_error&) {
    return false;  // No thread to be had.
  }
}

void LogGrowth::End() {
  task_.reset();
  length_ = 0;
  refused_ = false;
}

}  // namespace mirror
