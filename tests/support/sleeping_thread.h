#ifndef MIRROR_TESTS_SUPPORT_SLEEPING_THREAD_H_
#define MIRROR_TESTS_SUPPORT_SLEEPING_THREAD_H_

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/processes.h"

namespace mirror {

/// Sends its maker's thread a signal as soon as that sleeps, waiting for whatever it is.
class SignalToSleeper {
 public:
  explicit SignalToSleeper(int number)
      : thread_([this, number, sleeper = pthread_self(), id = gettid()] {
          const auto deadline = std::chrono::steady_clock::now() + kPatience;
          while (!waits_ || !Sleeps(id)) {
            if (std::chrono::steady_clock::now() > deadline) {
              ADD_FAILURE() << "nobody sleeps";
              return;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
          pthread_kill(sleeper, number);
        }) {}
  ~SignalToSleeper() { thread_.join(); }
  SignalToSleeper(const SignalToSleeper&) = delete;
  SignalToSleeper& operator=(const SignalToSleeper&) = delete;

  /// By the maker: the next thing that it sleeps for is what is meant.
  void Waits() { waits_ = true; }

 private:
  static bool Sleeps(pid_t id) {
    std::ifstream file(absl::StrCat("/proc/self/task/", id, "/stat"));
    std::string stat;
    std::getline(file, stat);
    const std::size_t behind_name = stat.rfind(") ");
    return behind_name != std::string::npos && stat.substr(behind_name + 2, 1) == "S";
  }

  std::atomic<bool> waits_ = false;
  std::thread thread_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_SLEEPING_THREAD_H_
