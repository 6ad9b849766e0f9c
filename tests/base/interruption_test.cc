#include "base/interruption.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

#include "tests/support/sleeping_thread.h"

namespace mirror::interruption_test {
namespace {

using std::chrono::milliseconds, std::chrono::steady_clock;

void Nothing(int /*signal*/) {}

TEST(InterruptionTest, ASignalIsSeenWheneverItComes) {
  const Interruption interruption;
  EXPECT_FALSE(interruption.Wait(milliseconds(0)));
  raise(SIGTERM);
  EXPECT_TRUE(interruption.Wait(milliseconds(0)));
  EXPECT_TRUE(interruption.Wait(std::chrono::seconds(10))) << "for whoever asks again";
}

TEST(InterruptionTest, ASignalEndsTheWaiting) {
  const Interruption interruption;
  SignalToSleeper signal(SIGINT);
  signal.Waits();
  EXPECT_TRUE(interruption.Wait(kPatience));
}

TEST(InterruptionTest, AnotherSignalDoesNot) {
  struct sigaction action = {}, before = {};
  action.sa_handler = Nothing;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  const Interruption interruption;
  const steady_clock::time_point begin = steady_clock::now();
  {
    SignalToSleeper signal(SIGUSR1);
    signal.Waits();
    EXPECT_FALSE(interruption.Wait(milliseconds(300)));
  }
  EXPECT_GE(steady_clock::now() - begin, milliseconds(300));
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace mirror::interruption_test
