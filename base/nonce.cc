#include "base/nonce.h"

#include <unistd.h>

#include <cstdlib>

namespace mirror {

std::string NewNonce() {
  constexpr char kDigits[] = "0123456789ABCDEF";
  unsigned char bytes[16];
  // Fails only on a kernel without the call; a guessable nonce would be worse than no process.
  if (getentropy(bytes, sizeof(bytes)) != 0) std::abort();
  std::string nonce;
  for (const unsigned char byte : bytes) {
    nonce += kDigits[byte >> 4U];
    nonce += kDigits[byte & 0xFU];
  }
  return nonce;
}

}  // namespace mirror
