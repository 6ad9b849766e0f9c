// mirror-import: parses an uploaded file for mirror-server, which starts it. Descriptor 0 is the file,
// descriptor 1 a pipe for the frames of import.proto. Before the first byte of the file is parsed, the
// process gives up everything but these two.

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/import/import_file.h"
#include "client/import/sandbox.h"

namespace mirror {
namespace {

/// Memory for the last frame if no memory is left.
constexpr std::size_t kReserveBytes = 1 << 20;

FrameOutput* output = nullptr;
std::unique_ptr<char[]> reserve;

/// Called if an allocation fails. It does not unwind: the stack has frames of the parsers.
void EndWithoutMemory() {
  if (reserve == nullptr) _exit(1);
  reserve.reset();
  output->End(ImportOutcome::kFailed,
              absl::StrCat("the file needs more than ", SandboxLimits().memory_bytes >> 20,
                           " MB of memory to be read: save it as CSV, or split it"));
  _exit(0);
}

int Run() {
  struct stat facts {};
  if (fstat(STDIN_FILENO, &facts) != 0 || !S_ISREG(facts.st_mode) || lseek(STDIN_FILENO, 0, SEEK_SET) != 0) {
    std::fputs("mirror-import: standard input is not a file; mirror-server starts this program\n", stderr);
    return 2;
  }
  FrameOutput frames(STDOUT_FILENO);
  output = &frames;
  reserve = std::make_unique<char[]>(kReserveBytes);
  std::set_new_handler(&EndWithoutMemory);
  if (absl::Status closed = EnterSandbox(SandboxLimits()); !closed.ok()) {
    frames.End(ImportOutcome::kFailed, std::string(closed.message()));
    return 0;
  }
  ImportFile(STDIN_FILENO, static_cast<std::uint64_t>(facts.st_size), frames);
  return 0;
}

}  // namespace
}  // namespace mirror

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts("mirror-import " MIRROR_VERSION);
    return 0;
  }
  if (argc != 1) {
    std::fputs("mirror-import: the only argument is --version; mirror-server starts this program\n", stderr);
    return 2;
  }
  // Skips the handlers at program end: they may call functions that are forbidden now.
  _exit(mirror::Run());
}
