// Sends mirror-server a SIGHUP while the system initialises its libraries, before main(). The program that
// starts it is left alone.
#include <cerrno>
#include <csignal>
#include <cstring>

namespace {

__attribute__((constructor)) void HangUp() {
  if (std::strcmp(program_invocation_short_name, "mirror-server") == 0) raise(SIGHUP);
}

}  // namespace
