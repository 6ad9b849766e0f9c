#include "server/store/sqlite/file/log_growth.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <system_error>
#include <utility>

namespace mirror {
namespace {

constexpr std::int64_t kHeaderBytes = 32, kPageBytes = 4'096 + 24;
/// Written at a time.
constexpr std::array<char, 64 << 10> kZeros{};

std::int64_t LengthOf(int file) {
  // Its times are not asked for: see docs/decisions/0072.
  struct statx info {};
  if (statx(file, "", AT_EMPTY_PATH, STATX_SIZE | STATX_TYPE, &info) != 0) return 0;
  return S_ISREG(info.stx_mode) ? static_cast<std::int64_t>(info.stx_size) : 0;
}

bool HasRoom(int file) {
  struct statvfs disk {};
  return fstatvfs(file, &disk) == 0 && disk.f_bavail * disk.f_frsize >= LogGrowth::kFreeMin;
}

/// False: the disk refuses more.
bool Append(int file, std::int64_t bytes) {
  while (bytes > 0) {
    const auto size = std::min(static_cast<std::size_t>(bytes), kZeros.size());
    if (write(file, kZeros.data(), size) != static_cast<ssize_t>(size)) return false;
    bytes -= static_cast<std::int64_t>(size);
  }
  // The writer's own sync meets a failure, too: the system tells it by each descriptor.
  return fdatasync(file) == 0;
}

}  // namespace

std::int64_t GrowLog(const std::string& path, std::int64_t used, std::int64_t bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return 0;
  std::int64_t length = LengthOf(file);
  if (length < used || !HasRoom(file)) {
    close(file);
    return 0;
  }
  while (length < bytes && Append(file, bytes - length)) length = LengthOf(file);
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
  if (task_ || refused_ || added > kSmallCommitPages || used < kStepMin) return;
  if (used + step / 4 <= length_) return;
  if (checkpointer_.Waiting() < kWaitingMax) Begin(used, used + step);
}

void LogGrowth::Begin(std::int64_t used, std::int64_t bytes) {
  asked_ = bytes;
  try {
    task_.emplace(checkpointer_, [path = path_, used, bytes] { return GrowLog(path, used, bytes); });
  } catch (const std::system_error&) {
    refused_ = true;  // No thread to be had.
  }
}

void LogGrowth::End() {
  task_.reset();
  pages_ = 0;
  length_ = 0;
  refused_ = false;
}

}  // namespace mirror
