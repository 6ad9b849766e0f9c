#include "tools/mirror_harness/synthetic/soak.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"

namespace mirror::harness {
namespace {

constexpr std::chrono::seconds kBetweenLooks(1);
constexpr std::string_view kServer = "mirror-server";
constexpr std::uint64_t kMemorySlack = 16 << 20, kDescriptorSlack = 8;

std::optional<Holding> HeldBy(pid_t process) {
  const std::string folder = absl::StrCat("/proc/", process);
  std::ifstream statm(folder + "/statm");
  std::uint64_t all = 0, resident = 0;
  if (!(statm >> all >> resident)) return std::nullopt;
  Holding holding;
  holding.memory_bytes = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder + "/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++holding.descriptors;
  }
  if (error) return std::nullopt;
  return holding;
}

}  // namespace

bool SoakResult::Constant() const {
  return end.memory_bytes <= warm.memory_bytes + warm.memory_bytes / 10 + kMemorySlack &&
         end.descriptors <= warm.descriptors + kDescriptorSlack;
}

absl::Status ProcessWatch::Check(pid_t process) {
  std::string name;
  std::getline(std::ifstream(absl::StrCat("/proc/", process, "/comm")), name);
  if (!name.empty() && name != kServer) {
    return absl::InvalidArgumentError(absl::StrCat("process ", process, " is '", name, "' and not '",
                                                   std::string(kServer), "'. Nothing was sent"));
  }
  if (HeldBy(process)) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(
      "there is no process ", process, ", or it is another user's. Nothing was sent. Give the server's pid"));
}

ProcessWatch::ProcessWatch(pid_t process, Clock::duration length)
    : process_(process), warm_at_(Clock::now() + length / 4) {
  looking_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      Look();
      SleepFor(kBetweenLooks, stop);
    }
  });
}

ProcessWatch::~ProcessWatch() = default;

void ProcessWatch::Look() {
  const std::optional<Holding> now = HeldBy(process_);
  if (!now) return;
  const MutexLock lock(mutex_);
  if (!warm_) result_.warm = *now;
  warm_ = warm_ || Clock::now() >= warm_at_;
  result_.end = *now;
  result_.most.memory_bytes = std::max(result_.most.memory_bytes, now->memory_bytes);
  result_.most.descriptors = std::max(result_.most.descriptors, now->descriptors);
}

SoakResult ProcessWatch::Result() const {
  const MutexLock lock(mutex_);
  return result_;
}

}  // namespace mirror::harness
