#include "tools/benchmarks/disk_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {
namespace {

constexpr std::size_t kBlock = 4'096;
constexpr std::uint64_t kBlocks = 256;

}  // namespace

absl::StatusOr<StepTime> SyncDisk(const std::string& path, std::uint64_t count) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::string block(kBlock, 'x');
  bool fine = file >= 0;
  for (std::uint64_t i = 0; fine && i < kBlocks; ++i) {
    fine = write(file, block.data(), kBlock) == static_cast<ssize_t>(kBlock);
  }
  fine = fine && fsync(file) == 0;
  StepTime time;
  for (std::uint64_t i = 0; fine && i < count; ++i) {
    block[i % kBlock] = static_cast<char>('a' + i % 26);
    const auto offset = static_cast<off_t>(i * 7 % kBlocks * kBlock);
    const Clock::time_point start = Clock::now();
    fine = pwrite(file, block.data(), kBlock, offset) == static_cast<ssize_t>(kBlock) && fdatasync(file) == 0;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    time.seconds += seconds;
    time.call_us.push_back(seconds * 1e6);
  }
  const int reason = errno;
  if (file >= 0) close(file);
  unlink(path.c_str());
  if (!fine) return absl::ErrnoToStatus(reason, absl::StrCat("writing '", path, "'"));
  return time;
}

}  // namespace mirror::bench
