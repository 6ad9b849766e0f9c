#include "base/nonce.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace mirror {

std::string NewToken() {
  char bytes[16];
  // Fails only on a kernel without the call; a guessable nonce would be worse than no process.
  if (getentropy(bytes, sizeof(bytes)) != 0) std::abort();
  return absl::BytesToHexString({bytes, sizeof(bytes)});
}

std::string NewNonce() { return absl::AsciiStrToUpper(NewToken()); }

}  // namespace mirror
