#include "tools/mirror_harness/attack/peak_watch.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"

namespace mirror::harness {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks(50);

std::string Folder(pid_t process) { return absl::StrCat("/proc/", process); }

/// VmHWM, which the kernel keeps in kilobytes.
std::optional<std::uint64_t> PeakMemory(pid_t process) {
  std::ifstream status(Folder(process) + "/status");
  std::string word;
  while (status >> word) {
    std::uint64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1'024;
  }
  return std::nullopt;
}

}  // namespace

PeakWatch::PeakWatch(pid_t process) : process_(process) {
  Reset();
  looking_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      Look();
      SleepFor(kBetweenLooks, stop);
    }
  });
}

PeakWatch::~PeakWatch() = default;

void PeakWatch::Reset() const { std::ofstream(Folder(process_) + "/clear_refs") << "5"; }

void PeakWatch::Look() {
  std::uint64_t count = 0;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(Folder(process_) + "/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++count;
  }
  const MutexLock lock(mutex_);
  descriptors_ = std::max(descriptors_, count);
}

std::optional<PeakWatch::Peak> PeakWatch::Take() {
  Look();
  const std::optional<std::uint64_t> memory = PeakMemory(process_);
  if (!memory) return std::nullopt;
  Reset();
  const MutexLock lock(mutex_);
  return Peak{*memory, std::exchange(descriptors_, 0)};
}

}  // namespace mirror::harness
