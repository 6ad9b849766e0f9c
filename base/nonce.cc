#include "base/nonce.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace mirror {

std::string NewNonce() {
  char bytes[16];
  // Fails only on a kernel without the call; a guessable nonce would be worse than no process.
  if (getentropy(bytes, sizeof(bytes)) != 0) std::abort();
  return absl::AsciiStrToUpper(absl::BytesToHexString({bytes, sizeof(bytes)}));
}

}  // namespace mirror
