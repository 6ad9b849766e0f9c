#include "base/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

namespace mirror::spawn_test {
namespace {

/// What /bin/sh prints of a script that has `input` on its stdin.
std::string Printed(const std::string& script, const std::string& input,
                    const std::vector<std::string>& environment = {}) {
  std::array<int, 2> in{}, out{};
  EXPECT_EQ(pipe2(in.data(), O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
  pid_t pid = -1;
  EXPECT_EQ(SpawnAlone("/bin/sh", in[0], out[1], {"sh", "-c", script}, environment, &pid), 0);
  close(in[0]);
  close(out[1]);
  EXPECT_EQ(write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  close(in[1]);
  std::string printed;
  std::array<char, 256> piece{};
  for (ssize_t bytes = 0; (bytes = read(out[0], piece.data(), piece.size())) > 0;)
    printed.append(piece.data(), static_cast<std::size_t>(bytes));
  close(out[0]);
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0) << printed;
  return printed;
}

TEST(SpawnTest, AProgramHasItsInputAndOutputAndNothingElse) {
  const int kept = open("/dev/null", O_RDONLY);  // Without O_CLOEXEC, as a library may open one.
  ASSERT_GE(kept, 0);
  EXPECT_EQ(Printed("cat; pwd; for f in /proc/self/fd/[3-9]*; do test -e \"$f\" && echo \"$f\"; done; true",
                    "in\n"),
            "in\n/\n");
  EXPECT_EQ(Printed("echo to nowhere >&2", ""), "");
  close(kept);
}

TEST(SpawnTest, ItsEnvironmentIsWhatItIsGiven) {
  ASSERT_EQ(setenv("MIRROR_SPAWN_TEST", "secret", 1), 0);
  EXPECT_EQ(Printed("echo $A-$MIRROR_SPAWN_TEST", "", {"A=1"}), "1-\n");
}

TEST(SpawnTest, ItIsInAGroupOfItsOwnAndNoSignalIsIgnored) {
  EXPECT_EQ(Printed("test $(ps -o pgid= -p $$) = $$ && echo own", "", {"PATH=/usr/bin:/bin"}), "own\n");
  struct sigaction ignored {
  }, before{};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGTERM, &ignored, &before);
  // Some that glibc keeps for itself may be ignored by whoever started the test.
  const std::string told = Printed("grep SigIgn /proc/self/status", "", {"PATH=/usr/bin:/bin"});
  const std::size_t digits = told.find_last_of('\t') + 1;
  EXPECT_EQ(std::stoull(told.substr(digits), nullptr, 16) & (1ULL << (SIGTERM - 1)), 0U) << told;
  sigaction(SIGTERM, &before, nullptr);
}

TEST(SpawnTest, AProgramThatIsNotThereIsAnError) {
  pid_t pid = -1;
  EXPECT_EQ(SpawnAlone("/nowhere/program", STDIN_FILENO, STDOUT_FILENO, {"program"}, {}, &pid), ENOENT);
  EXPECT_EQ(SpawnAlone("/bin/sh", -1, STDOUT_FILENO, {"sh"}, {}, &pid), EBADF);
}

}  // namespace
}  // namespace mirror::spawn_test
