// Sends its process a SIGHUP while the system initialises the program's libraries, before main().
#include <csignal>

namespace {

__attribute__((constructor)) void HangUp() { raise(SIGHUP); }

}  // namespace
